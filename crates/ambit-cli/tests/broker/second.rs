//! A second policy service, whose signed yes counts as an approver's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambit_compiler::keys;
use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, jws};
use crate::call::{bought, paying};
use crate::person::Person;
use crate::told::{Receiver, telling};
use crate::world::{ISSUER, World};

/// Payments beyond 500.00 need the yes of a policy service, and of the person.
fn seconded(url: &str, more: &str) -> World {
    let world = telling(
        &format!("[[services]]\nname = \"service:fraud\"\nurl = \"{url}\"\n{more}"),
        "",
    );
    world.edit("agents/assistant.toml", "consent = \"each\"\nconstraints.amount = { constraint_type = \"range\", min = 1, max = 100000 }",
        "consent = { approvers = [\"service:fraud\", \"user:ann\"], count = 2 }\nconstraints.amount = { constraint_type = \"range\", min = 1, max = 100000 }");
    let key = [
        "keygen",
        "-o",
        "keys/fraud.jwk",
        "--kid",
        "fraud",
        "--toml",
        "--iss",
        "https://fraud.example",
    ];
    let table = world
        .ambit(&key)
        .expect(0)
        .out
        .replace("cap+jwt", "approval-receipt+jwt");
    let file = world.read("ambit.toml");
    world.write(
        "ambit.toml",
        format!("{file}\n{table}sub = \"service:fraud\"\n"),
    );
    world.build();
    world
}

/// The yes of the service to what it was asked, with these changes.
fn signs(key: &keys::SecretKey, now: i64, question: &str, patch: &Value) -> String {
    let question: Value = serde_json::from_str(question).unwrap();
    let asked = &question["context"]["ambit"];
    let display = &asked["display"];
    let claims = json!({
        "iss": "https://fraud.example", "aud": asked["audience"], "jti": crate::agent::next("fraud"), "iat": now, "exp": now + 300,
        "sub": "service:fraud", "decision": "approved", "kind": "action", "risk_tier": asked["risk_tier"],
        "binding_s256": asked["binding_s256"],
        "display": {"text_s256": display["text_s256"], "locale": display["locale"], "renderer": display["renderer"]},
    });
    let header = json!({"alg": key.alg(), "typ": "approval-receipt+jwt", "kid": key.kid()});
    jws(&header, &crate::agent::patched(claims, patch), key)
}

/// What a service says to a question: status and body.
type Says = Box<dyn Fn(&str) -> (u16, String) + Send>;

fn fixed(status: u16, body: Value) -> Says {
    Box::new(move |_| (status, body.to_string()))
}

/// A yes by this key of the world, with these changes.
fn yes(world: &World, key: &str, patch: Value) -> Says {
    let key = keys::load(&world.path(&format!("keys/{key}.jwk"))).unwrap();
    let now = world.now;
    Box::new(move |question| {
        let receipt = signs(&key, now, question, &patch);
        let body = json!({"decision": true, "context": {"ambit_receipt": receipt}});
        (200, body.to_string())
    })
}

/// Answers that are no yes.
fn wrong(world: &World) -> Vec<Says> {
    let said = |decision: Value, receipt: &str| json!({"decision": decision, "context": {"ambit_receipt": receipt}});
    let fraud = |patch: Value| yes(world, "fraud", patch);
    vec![
        fixed(500, json!({"decision": true})),
        fixed(200, json!({"decision": true})),
        fixed(200, said(json!("true"), "x")),
        fixed(200, said(json!(true), "x.y.z")),
        fixed(302, json!({})),
        Box::new(|_| (200, "x".repeat(100_000))),
        // By a stranger's key, by the broker's, for another call, a no, a grant, expired, for somebody else.
        yes(world, "stranger", json!({})),
        yes(world, "approve", json!({"iss": ISSUER})),
        fraud(json!({"binding_s256": base64url::encode(&[7; 32])})),
        fraud(json!({"decision": "denied"})),
        fraud(json!({"kind": "grant"})),
        fraud(json!({"iat": world.now - 600, "exp": world.now - 300})),
        fraud(json!({"sub": "user:ann"})),
        fraud(json!({"aud": "https://other.example"})),
        // So slow that nobody waits for it.
        Box::new(|_| {
            std::thread::sleep(Duration::from_secs(7));
            (200, String::new())
        }),
    ]
}

#[test]
fn a_policy_service_is_asked_and_its_signed_yes_counts_as_an_approvers() {
    let nothing: Says = Box::new(|_| (500, String::new()));
    let says = Arc::new(Mutex::new(nothing));
    let answer = Arc::clone(&says);
    let service = Receiver::new(move |_, heard| answer.lock().unwrap()(&heard.body));
    let world = seconded(&service.url, "");
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    for (at, answer) in wrong(&world).into_iter().enumerate() {
        *says.lock().unwrap() = answer;
        let told = agent.hands_in(&token, &call);
        assert_eq!(
            (told.status, &told.json()["ambit_code"]),
            (403, &json!("broker.service")),
            "{at}: {told:?}"
        );
    }
    *says.lock().unwrap() = fixed(
        200,
        json!({"decision": false, "context": {"reason_user": {"en": "Too much today."}}}),
    );
    let told = agent.hands_in(&token, &call);
    assert!(told.text.contains("said no: Too much today."), "{told:?}");
    assert!(!ann.agents().text.contains("Waits for your answer"));

    *says.lock().unwrap() = yes(&world, "fraud", json!({}));
    let task = agent.waits(&token, &call);
    let question = service.all().pop().unwrap();
    assert!(
        !question.body.contains(&token) && !question.head.to_ascii_lowercase().contains("dpop"),
        "{question:?}"
    );
    let asked: Value = serde_json::from_str(&question.body).unwrap();
    assert_eq!(
        (&asked["subject"]["id"], &asked["action"]["name"]),
        (&json!("user:ann"), &json!("pay"))
    );
    let page = ann.reads_call(&task);
    assert!(page.text.contains("1 of 2 yeses"), "{}", page.text);
    ann.says(&page, "allow", "");
    let told = agent.polls(&token, &task).json();
    let receipts = told["result"]["approval"]["ambit_receipts"]
        .as_array()
        .unwrap();
    let receipts: Vec<&str> = receipts.iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(agent.made(&token, &call, &receipts), "allowed");
    for one in &receipts {
        assert_eq!(agent.made(&token, &call, &[one]), "approval.required");
    }
}
