//! A second policy service, whose signed yes counts as an approver's.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use ambit_compiler::keys;
use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, jws};
use crate::approvers::fill;
use crate::call::{bought, paying, sends};
use crate::person::Person;
use crate::told::{ELSEWHERE, Heard, LATER, Receiver, telling};
use crate::world::{ISSUER, Told, World};

/// Payments beyond 500.00 need the yes of these policy services, and of the person.
fn seconded(services: &[(&str, &Receiver)]) -> World {
    let table = |(name, at): &(&str, &Receiver)| {
        format!(
            "[[services]]\nname = \"service:{name}\"\nurl = \"{}\"\n",
            at.url
        )
    };
    let world = telling(&services.iter().map(table).collect::<String>(), "");
    let names: String = services
        .iter()
        .map(|(name, _)| format!("\"service:{name}\", "))
        .collect();
    let bound = "constraints.amount = { constraint_type = \"range\", min = 1, max = 100000 }";
    let consent = format!(
        "consent = {{ approvers = [{names}\"user:ann\"], count = {} }}",
        services.len() + 1
    );
    world.edit(
        "agents/assistant.toml",
        &format!("consent = \"each\"\n{bound}"),
        &format!("{consent}\n{bound}"),
    );
    for (name, _) in services {
        let path = format!("keys/{name}.jwk");
        let iss = format!("https://{name}.example");
        let key = [
            "keygen", "-o", &path, "--kid", name, "--toml", "--iss", &iss,
        ];
        let table = world.ambit(&key).expect(0).out;
        let table = table.replace("cap+jwt", "approval-receipt+jwt");
        let file = world.read("ambit.toml");
        world.write(
            "ambit.toml",
            format!("{file}\n{table}sub = \"service:{name}\"\n"),
        );
    }
    world.build();
    world
}

/// The yes of the service to what it was asked, with these changes.
fn signs(key: &keys::SecretKey, now: i64, question: &str, patch: &Value) -> String {
    let question: Value = serde_json::from_str(question).unwrap();
    let asked = &question["context"]["ambit"];
    let display = &asked["display"];
    let claims = json!({
        "iss": format!("https://{}.example", key.kid()), "aud": asked["audience"], "jti": crate::agent::next("fraud"), "iat": now, "exp": now + 300,
        "sub": format!("service:{}", key.kid()), "decision": "approved", "kind": "action", "risk_tier": asked["risk_tier"],
        "binding_s256": asked["binding_s256"],
        "display": {"text_s256": display["text_s256"], "locale": display["locale"], "renderer": display["renderer"]},
    });
    let header = json!({"alg": key.alg(), "typ": "approval-receipt+jwt", "kid": key.kid()});
    jws(&header, &crate::agent::patched(claims, patch), key)
}

/// What a service says to a question: status and body.
type Says = Box<dyn Fn(&Heard) -> (u16, String) + Send>;

fn fixed(status: u16, body: Value) -> Says {
    Box::new(move |_| (status, body.to_string()))
}

/// The body of a yes by this key of the world, with these changes.
fn signing(world: &World, key: &str, patch: Value) -> impl Fn(&Heard) -> Value + Send + use<> {
    let key = keys::load(&world.path(&format!("keys/{key}.jwk"))).unwrap();
    let now = world.now;
    move |heard| {
        let receipt = signs(&key, now, &heard.body, &patch);
        json!({"decision": true, "context": {"ambit_receipt": receipt}})
    }
}

fn yes(world: &World, key: &str, patch: Value) -> Says {
    let signing = signing(world, key, patch);
    Box::new(move |heard| (200, signing(heard).to_string()))
}

/// A yes that would count, and comes in a way in which nothing counts.
fn spoilt(world: &World, how: impl Fn(&Heard, Value) -> (u16, String) + Send + 'static) -> Says {
    let signing = signing(world, "fraud", json!({}));
    Box::new(move |heard| match heard.body.is_empty() {
        true => how(heard, Value::Null),
        false => how(heard, signing(heard)),
    })
}

/// Leads on to where a yes is said.
fn redirecting(world: &World) -> Says {
    let said = Mutex::new(String::new());
    spoilt(world, move |heard, yes| {
        let mut said = said.lock().unwrap();
        if heard.head.contains(ELSEWHERE) {
            return (200, said.clone());
        }
        *said = yes.to_string();
        (302, said.clone())
    })
}

/// Answers that are no yes.
fn wrong(world: &World) -> Vec<Says> {
    let fraud = |patch: Value| yes(world, "fraud", patch);
    let said = |decision: Value, receipt: &str| json!({"decision": decision, "context": {"ambit_receipt": receipt}});
    vec![
        spoilt(world, |_, yes| (500, yes.to_string())),
        spoilt(world, |_, mut yes| {
            yes["decision"] = json!("true");
            (200, yes.to_string())
        }),
        redirecting(world),
        spoilt(world, |_, mut yes| {
            yes["padding"] = json!("x".repeat(100_000));
            (200, yes.to_string())
        }),
        fixed(200, json!({"decision": true})),
        fixed(200, said(json!(true), "x.y.z")),
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
        spoilt(world, |_, yes| {
            std::thread::sleep(Duration::from_secs(7));
            (200, yes.to_string())
        }),
    ]
}

/// A service that can be told what to say.
fn told_what_to_say() -> (Receiver, Arc<Mutex<Says>>) {
    let nothing: Says = Box::new(|_| (500, String::new()));
    let says = Arc::new(Mutex::new(nothing));
    let answer = Arc::clone(&says);
    let service = Receiver::new(move |_, heard| answer.lock().unwrap()(heard));
    (service, says)
}

#[test]
fn a_policy_service_is_asked_and_its_signed_yes_counts_as_an_approvers() {
    let (service, says) = told_what_to_say();
    let world = seconded(&[("fraud", &service)]);
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
    assert!(
        page.text.contains("1 of 2 approvals so far"),
        "{}",
        page.text
    );
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

fn receipts(told: &Told) -> Vec<String> {
    let told = told.json();
    let all = told["result"]["approval"]["ambit_receipts"].as_array();
    let all = all.unwrap_or_else(|| panic!("{told}")).iter();
    all.map(|one| one.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_call_waits_no_longer_than_the_yes_of_a_service_counts() {
    let (service, says) = told_what_to_say();
    let world = seconded(&[("fraud", &service)]);
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    *says.lock().unwrap() = yes(&world, "fraud", json!({"exp": world.now + 60}));
    let first = agent.waits(&token, &call);
    let told = agent.hands_in(&token, &call).json();
    assert_eq!(told["task"]["expires_in"], 60, "{told}");
    drop(server);
    let later = world.now + 61;
    let server = world.serve_at(later);
    let agent = Agent::new(&world, &server).at(later);
    ann = ann.at(&server);
    ann.reads_call(&first).ended("broker.task");
    assert_eq!(
        agent.polls(&token, &first).json()["task"]["status"],
        "expired"
    );
    // Handed in again, the service is asked again, and then the person's yes is worth something.
    *says.lock().unwrap() = yes(&world, "fraud", json!({"iat": later, "exp": later + 60}));
    let second = agent.waits(&token, &call);
    let page = ann.reads_call(&second);
    ann.says(&page, "allow", "");
    let told = receipts(&agent.polls(&token, &second));
    let both: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(agent.made(&token, &call, &both), "allowed");
}

#[test]
fn a_service_is_asked_only_about_a_call_that_is_new() {
    let (service, says) = told_what_to_say();
    let world = seconded(&[("fraud", &service)]);
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = |number: u32| paying("750.00", &format!("i-{number}"));
    // The same request again, whose proof was used.
    let path = "/access-requests";
    let proof = agent.at_broker("POST", path, &token, Some(&call(0)), &json!({}));
    let send = || sends(&server, &token, &proof, "POST", path, &call(0));
    assert_eq!(send().json()["ambit_code"], "broker.service");
    for _ in 0..3 {
        assert_eq!(send().json()["ambit_code"], "possession.used");
    }
    assert_eq!(service.all().len(), 1);
    // The same call.
    *says.lock().unwrap() = yes(&world, "fraud", json!({}));
    let task = agent.waits(&token, &call(0));
    assert_eq!(agent.waits(&token, &call(0)), task);
    assert_eq!(service.all().len(), 2);
    // A call that was refused.
    let page = ann.reads_call(&task);
    ann.says(&page, "refuse", "No.");
    let again = agent.hands_in(&bought(&agent, &mut ann), &call(0)).json();
    assert_eq!(again["task"]["status"], "denied", "{again}");
    assert_eq!(service.all().len(), 2);
    // One too many.
    for number in 1..9 {
        agent.waits(&token, &call(number));
    }
    assert_eq!(service.all().len(), 10);
    agent
        .hands_in(&token, &call(9))
        .refused("temporarily_unavailable", "broker.waiting");
    assert_eq!(service.all().len(), 10);
    // What was withdrawn is new again, and a service that says no to it makes no room.
    let task = agent.waits(&token, &call(1));
    agent.withdraws(&token, &task);
    *says.lock().unwrap() = fixed(200, json!({"decision": false}));
    let told = agent.hands_in(&token, &call(1)).json();
    assert_eq!(told["ambit_code"], "broker.service", "{told}");
    agent
        .hands_in(&token, &call(9))
        .refused("temporarily_unavailable", "broker.waiting");
}

#[test]
fn a_service_that_has_no_room_now_is_asked_again_later() {
    let (service, says) = told_what_to_say();
    let world = seconded(&[("fraud", &service)]);
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    for status in [429, 503] {
        // A yes that comes with it is none.
        *says.lock().unwrap() = spoilt(&world, move |_, yes| (status, yes.to_string()));
        let told = agent.hands_in(&token, &call);
        assert_eq!(
            (told.status, &told.json()["ambit_code"]),
            (503, &json!("broker.busy")),
            "{told:?}"
        );
        assert_eq!(told.header("retry-after"), Some(LATER));
    }
    *says.lock().unwrap() = yes(&world, "fraud", json!({}));
    agent.waits(&token, &call);
}

#[test]
fn a_service_that_has_no_room_now_is_done_without_where_others_are_enough() {
    let (service, says) = told_what_to_say();
    let world = seconded(&[("fraud", &service)]);
    world.edit(
        "agents/assistant.toml",
        "\"user:ann\"]",
        "\"user:ann\", \"user:bob\"]",
    );
    world.build();
    let server = world.serve();
    let [mut ann, mut bob] =
        ["user:ann", "user:bob"].map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    *says.lock().unwrap() = fixed(200, json!({"decision": false}));
    let told = agent.hands_in(&token, &call).json();
    assert_eq!(
        told["ambit_code"], "broker.service",
        "a no is the answer: {told}"
    );
    *says.lock().unwrap() = fixed(503, json!({}));
    let task = agent.waits(&token, &call);
    assert_eq!(service.all().len(), 2, "it is asked once");
    for person in [&mut ann, &mut bob] {
        let page = person.reads_call(&task);
        person.says(&page, "allow", "");
    }
    let told = receipts(&agent.polls(&token, &task));
    let both: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(agent.made(&token, &call, &both), "allowed");
    // With one of the two alone it is not enough.
    fill(&world, "user:bob", 50);
    let call = paying("751.00", "i-7");
    agent
        .hands_in(&token, &call)
        .refused("temporarily_unavailable", "broker.waiting");
    *says.lock().unwrap() = yes(&world, "fraud", json!({}));
    agent.waits(&token, &call);
}

/// Services that say yes, the first of them no to `i-no`, and each nothing at all to the invoices of its own name.
fn hanging() -> (World, [(&'static str, Receiver); 4]) {
    let keys: Arc<OnceLock<(PathBuf, i64)>> = Arc::default();
    let services = ["fraud", "one", "two", "three"].map(|name| {
        let keys = Arc::clone(&keys);
        let service = Receiver::new(move |_, heard| {
            let question: Value = serde_json::from_str(&heard.body).unwrap();
            let invoice = question["resource"]["id"].as_str().unwrap();
            if invoice.starts_with(name) {
                std::thread::sleep(Duration::from_secs(7));
            }
            if invoice == "i-no" {
                return (200, json!({"decision": false}).to_string());
            }
            let (folder, now) = keys.get().unwrap();
            let key = keys::load(&folder.join(format!("{name}.jwk"))).unwrap();
            let receipt = signs(&key, *now, &heard.body, &json!({}));
            let yes = json!({"decision": true, "context": {"ambit_receipt": receipt}});
            (200, yes.to_string())
        });
        (name, service)
    });
    let world = seconded(&services.each_ref().map(|(name, service)| (*name, service)));
    keys.set((world.path("keys"), world.now)).unwrap();
    (world, services)
}

#[test]
fn a_service_that_hangs_holds_up_nobody_else() {
    let (world, services) = hanging();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let told: Vec<Told> = std::thread::scope(|scope| {
        let mut hanging = Vec::new();
        for (name, service) in &services[1..] {
            for number in 0..8 {
                let call = paying("750.00", &format!("{name}-{number}"));
                let (agent, token) = (&agent, &token);
                hanging.push(scope.spawn(move || agent.hands_in(token, &call)));
                // Those before it are not to be in its way.
                std::thread::sleep(Duration::from_millis(30));
            }
            for _ in 0..100 {
                let held = service.all();
                if held
                    .iter()
                    .filter(|one| one.body.contains(&format!("{name}-")))
                    .count()
                    == 4
                {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // Neither another service, nor who needs none.
        let begun = Instant::now();
        let told = agent.hands_in(&token, &paying("750.00", "i-no")).json();
        let description = told["error_description"].as_str().unwrap();
        assert!(
            description.contains("'service:fraud'") && description.ends_with("said no"),
            "{told}"
        );
        assert_eq!(server.get("/jwks").status, 200);
        assert!(begun.elapsed() < Duration::from_secs(3), "{begun:?}");
        hanging.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (busy, no): (Vec<&Told>, Vec<&Told>) = told.iter().partition(|told| told.status == 503);
    assert!(busy.len() >= 6, "{told:?}");
    for one in busy {
        let body = one.json();
        let said = (&body["error"], &body["ambit_code"]);
        assert_eq!(
            said,
            (&json!("temporarily_unavailable"), &json!("broker.busy"))
        );
        assert_eq!(one.header("retry-after"), Some("5"));
    }
    for one in no {
        assert_eq!(
            (one.status, &one.json()["ambit_code"]),
            (403, &json!("broker.service"))
        );
    }
}
