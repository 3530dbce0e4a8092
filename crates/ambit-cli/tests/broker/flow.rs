//! The whole way, and what stands at its end.

use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, drafting, parameter};
use crate::person::Person;
use crate::world::{BACK, ISSUER, World, drafts, pays};

pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload.as_bytes()).unwrap()).unwrap()
}

#[test]
fn from_a_pushed_request_to_a_call_that_is_allowed() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);

    let address = agent.ask(&json!({}));
    let page = ann.reads(&address);
    assert!(
        page.text.contains("<h1>Let Mail assistant"),
        "{}",
        page.text
    );
    let told = ann.answers(&page, "allow", &[]);
    assert_eq!(told.status, 303, "{told:?}");
    let back = told.header("location").unwrap();
    assert!(back.starts_with(&format!("{BACK}?")), "{back}");
    assert_eq!(parameter(back, "state").as_deref(), Some("s-1"));
    assert_eq!(
        parameter(back, "iss").as_deref(),
        Some("https%3A%2F%2Fbroker.example")
    );

    let told = agent.exchange(&parameter(back, "code").unwrap(), &json!({}));
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(told.header("cache-control"), Some("no-store"));
    let answer = told.json();
    assert_eq!(answer["token_type"], "DPoP");
    assert_eq!(answer["authorization_details"], json!([drafts()]));
    assert!(answer.get("refresh_token").is_none());
    assert_eq!(answer["expires_in"], 600);

    is_within_its_bounds(&agent, answer["access_token"].as_str().unwrap());
    drop(server);
    assert_eq!(world.done(), ["passkey", "request", "grant", "mint"]);
    let check = world.ambit(&["audit", "verify", "audit.log", "--key", "keys/log.pub.jwk"]);
    assert_eq!(check.code, 0, "{check:?}");
}

/// The token says what was granted, and is taken for it and for nothing beyond.
fn is_within_its_bounds(agent: &Agent<'_>, token: &str) {
    let made = claims(token);
    assert_eq!(
        (&made["sub"], &made["iss"]),
        (&json!("user:ann"), &json!(ISSUER))
    );
    assert_eq!(made["client_id"], agent.id);
    assert_eq!(made["cnf"]["jwk"], agent.holder.public_jwk());
    assert_eq!(
        (&made["acr"], &made["auth_time"]),
        (&json!("phr"), &json!(agent.now))
    );
    assert_eq!(made["approval"]["approver"], "user:ann");

    let epochs = agent.epochs();
    assert_eq!(
        agent.judged(token, &drafting("ben@customer.example"), &epochs),
        "allowed"
    );
    assert_eq!(
        agent.judged(token, &drafting("eve@evil.example"), &epochs),
        "manifest.constraint"
    );
    // The manifest would allow this one, and the person was not asked.
    let looking = json!({
        "action": {"name": "pay", "properties": {"power": "observe", "args": {"amount": 98.70, "currency": "EUR"}}},
        "resource": {"type": "Invoice", "id": "i-1"}, "context": {"purpose": "customer-care"},
    });
    assert_eq!(agent.judged(token, &looking, &epochs), "capability.none");
    let forgotten = agent.judged(token, &drafting("ben@customer.example"), &[]);
    assert_eq!(forgotten, "revocation.missing");
}

#[test]
fn a_refusal_goes_back_as_access_denied() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let page = ann.reads(&agent.ask(&json!({})));
    let told = ann.answers(&page, "refuse", &[]);
    let back = told.header("location").unwrap();
    assert_eq!(parameter(back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(back, "state").as_deref(), Some("s-1"));
    assert_eq!(parameter(back, "code"), None);
    // The same form again, and a yes after the no, change nothing.
    let again = ann.answers(&page, "allow", &[]);
    assert_eq!(again.header("location"), Some(back));
    drop(server);
    assert_eq!(world.done(), ["passkey", "request", "refusal"]);
}

#[test]
fn less_is_shown_by_itself_and_then_granted() {
    let world = World::new();
    world.edit("broker.toml", "database", "life_seconds = 3600\ndatabase");
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let asked = json!({"authorization_details": json!([drafts(), pays(20000)]).to_string()});
    let page = ann.reads(&agent.ask(&asked));
    assert!(page.text.contains("value=\"no_execute\""), "{}", page.text);
    assert!(page.text.contains("value=\"life_600\""), "{}", page.text);
    let none = ann.answers(&page, "less", &[]);
    assert_eq!(none.status, 200, "nothing is granted: {none:?}");
    // Who ticked a box and pressed the other button is shown what is left, and has granted nothing.
    let ticked = ann.answers(&page, "allow", &["no_execute"]);
    assert_eq!(
        (ticked.status, ticked.header("location")),
        (200, None),
        "{ticked:?}"
    );
    let less = ann.answers(&ticked, "less", &["no_execute", "life_600"]);
    assert_eq!(less.status, 200, "{less:?}");
    assert_ne!(less.field("text"), page.field("text"));
    // What was shown before is not what counts now.
    let late = ann.answers(&page, "allow", &[]);
    assert_eq!(late.status, 200, "{late:?}");
    assert!(late.text.contains("Please read it again"), "{late:?}");
    let less = ann.answers(&late, "less", &["no_execute", "life_600"]);
    let told = ann.answers(&less, "allow", &[]);
    let code = parameter(told.header("location").unwrap(), "code").unwrap();
    let answer = agent.exchange(&code, &json!({})).json();
    assert_eq!(answer["expires_in"], 600);
    let details = answer["authorization_details"].as_array().unwrap();
    assert!(
        details
            .iter()
            .all(|one| !one["privileges"].to_string().contains("execute")),
        "{details:?}"
    );
}

#[test]
fn what_is_new_since_the_last_grant_is_marked() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let first = ann.reads(&agent.ask(&json!({})));
    assert!(!first.text.contains("class=\"mark new\""), "{}", first.text);
    let told = ann.answers(&first, "allow", &[]);
    let code = parameter(told.header("location").unwrap(), "code").unwrap();
    assert_eq!(agent.exchange(&code, &json!({})).status, 200);
    let more = json!({"authorization_details": json!([drafts(), pays(20000)]).to_string()});
    let page = ann.reads(&agent.ask(&more));
    assert!(page.text.contains("class=\"mark new\""), "{}", page.text);
    assert!(page.text.contains("class=\"mark same\""), "{}", page.text);
    let told = ann.answers(&page, "allow", &[]);
    let code = parameter(told.header("location").unwrap(), "code").unwrap();
    assert_eq!(agent.exchange(&code, &json!({})).status, 200);
}

#[test]
fn life_is_the_least_of_request_file_and_manifest() {
    let world = World::new();
    world.edit("broker.toml", "database", "life_seconds = 7200\ndatabase");
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    for (asked, life) in [(Some("120"), 120), (Some("7200"), 3600), (None, 3600)] {
        let token = agent.token(&mut ann, &json!({"ambit_life_seconds": asked}));
        let made = claims(&token);
        assert_eq!(
            made["exp"].as_i64().unwrap() - made["iat"].as_i64().unwrap(),
            life
        );
    }
}

#[test]
fn who_asks_for_a_fresh_login_gets_one() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    Agent::new(&world, &server).token(&mut ann, &json!({}));
    drop(server);
    let now = world.now + 120;
    let server = world.serve_at(now);
    let agent = Agent::new(&world, &server).at(now);
    let mut ann = ann.at(&server);
    let auth_time = |token: &str| claims(token)["auth_time"].as_i64();
    // An older login is enough where nobody says otherwise, or says so.
    let enough = agent.token(&mut ann, &json!({"max_age": "120", "acr_values": "x phr"}));
    assert_eq!(auth_time(&enough), Some(world.now));
    let login = ann.opens(&agent.ask(&json!({"max_age": "119"})));
    assert!(login.text.contains("data-passkey"), "{}", login.text);
    // Nor is a yes taken that went past that page.
    let page = ann.opens(&agent.ask(&json!({})));
    let (r, csrf) = (login.field("r"), page.field("csrf"));
    let fields = [
        ("r", r.as_str()),
        ("csrf", &csrf),
        ("text", &page.field("text")),
        ("answer", "allow"),
    ];
    let told = ann.post("/consent", &fields);
    assert!(
        told.status == 200 && told.text.contains("data-passkey"),
        "{told:?}"
    );
    assert_eq!(
        auth_time(&agent.token(&mut ann, &json!({"max_age": "0"}))),
        Some(now)
    );
}
