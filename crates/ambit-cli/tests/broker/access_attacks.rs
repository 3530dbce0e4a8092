//! Access requests, attacked: by agents, by other people, and by both at once.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::call::{bought, buying, paying, sends};
use crate::person::Person;
use crate::world::Told;

/// It was refused with a challenge, for what is wrong with token or proof.
#[track_caller]
fn challenged(told: &Told, error: &str, code: &str) {
    let body = told.json();
    let said = (told.status, &body["error"], &body["ambit_code"]);
    assert_eq!(said, (401, &json!(error), &json!(code)), "{told:?}");
    let challenge = told.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("DPoP ") && challenge.contains(error),
        "{challenge}"
    );
}

#[test]
fn what_nobody_can_approve_is_refused_with_the_reason() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let refused = |call: &str, status: u16, error: &str, code: &str| {
        let told = agent.hands_in(&token, call);
        let body = told.json();
        assert_eq!(
            (told.status, &body["error"], &body["ambit_code"]),
            (status, &json!(error), &json!(code)),
            "{call}: {told:?}"
        );
    };
    refused(
        &paying("500.00", "i-7"),
        400,
        "invalid_request",
        "broker.allowed",
    );
    refused(
        &paying("1000.01", "i-7"),
        403,
        "access_denied",
        "manifest.constraint",
    );
    refused(
        &paying("750.00", "i-7").replace("EUR", "USD"),
        403,
        "access_denied",
        "manifest.constraint",
    );
    let strange = paying("750.00", "i-7").replace("customer-care", "gift");
    refused(&strange, 403, "access_denied", "manifest.purpose");
    let draft = paying("750.00", "i-7").replace("execute", "observe");
    refused(&draft, 400, "invalid_request", "broker.request");
    let elsewhere = paying("750.00", "i-7").replace(
        "\"purpose\"",
        "\"audience\": \"https://bank.example\", \"purpose\"",
    );
    refused(&elsewhere, 400, "invalid_target", "broker.audience");
    let huge = paying("750.00", &"i".repeat(60_000));
    refused(&huge, 403, "access_denied", "broker.unshown");
    refused(
        &paying("750.00", &"i".repeat(70_000)),
        400,
        "invalid_request",
        "broker.request",
    );
    for body in [
        "",
        "[]",
        "{}",
        "{\"action\": 1}",
        "{\"action\": {}, \"action\": {}}",
    ] {
        let told = agent.hands_in(&token, body);
        assert_eq!(told.status, 400, "{body}: {told:?}");
    }
    assert!(!world.done().contains(&"access".to_owned()));
}

#[test]
fn what_the_agent_says_of_the_denial_is_shown_to_nobody() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let hint = "\"denial\": {\"reason\": \"only 1.00\", \"remedy\": {\"text\": \"only 1.00\", \"binding_s256\": \"AAAA\"}}, \
        \"remedy\": {\"display\": {\"text\": \"only 1.00\"}}, \"facts\": {\"now\": 1}, \"approvals\": [\"x\"], \"context\": {\"note\": \"only 1.00\",";
    let call = paying("750.00", "i-7").replace("\"context\": {", hint);
    let task = agent.waits(&token, &call);
    let page = ann.reads_call(&task);
    assert!(
        page.text.contains("750.00") && !page.text.contains("only 1.00"),
        "{}",
        page.text
    );
    assert!(!ann.agents().text.contains("only 1.00"));
    // It is the same call as without the hint.
    assert_eq!(agent.waits(&token, &paying("750.00", "i-7")), task);
    // Nor does a member of the call become one of the request.
    let out = paying("750.00", "i-7") + ", \"facts\": {\"now\": 1}";
    assert_eq!(agent.hands_in(&token, &out).status, 400);
    // What stands in a name is text.
    let call = paying("750.00", "</pre><script>alert(1)</script>");
    let page = ann.reads_call(&agent.waits(&token, &call));
    assert!(
        !page.text.contains("<script") && page.text.contains("&lt;script"),
        "{}",
        page.text
    );
    assert!(!ann.agents().text.contains("<script"));
}

#[test]
fn only_who_holds_the_token_hands_in_looks_and_withdraws() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let path = "/access-requests";
    let send = |token: &str, proof: &str| sends(&server, token, proof, "POST", path, &call);
    let proof = |patch: &Value| agent.at_broker("POST", path, &token, Some(&call), patch);
    let other_call = agent.digest(&token, &paying("900.00", "i-7"));
    for (patch, error, code) in [
        (json!({"nonce": null}), "use_dpop_nonce", "possession.nonce"),
        (
            json!({"ath": "x"}),
            "invalid_dpop_proof",
            "possession.token",
        ),
        (
            json!({"ath": null}),
            "invalid_dpop_proof",
            "possession.token",
        ),
        (
            json!({"htm": "GET"}),
            "invalid_dpop_proof",
            "possession.method",
        ),
        (
            json!({"ambit_call": null}),
            "invalid_dpop_proof",
            "possession.call",
        ),
        (
            json!({"ambit_call": other_call}),
            "invalid_dpop_proof",
            "possession.call",
        ),
    ] {
        challenged(&send(&token, &proof(&patch)), error, code);
    }
    let proof = proof(&json!({}));
    assert_eq!(send(&token, &proof).status, 202);
    challenged(
        &send(&token, &proof),
        "invalid_dpop_proof",
        "possession.used",
    );
}

#[test]
fn only_a_token_of_ours_with_its_key_is_taken() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let path = "/access-requests";
    let send = |token: &str, proof: &str| sends(&server, token, proof, "POST", path, &call);
    // A thief without the key, a token of nobody, one with an altered end, none at all.
    let thief = Agent {
        holder: agent.stranger(),
        ..Agent::new(&world, &server)
    };
    let stolen = thief.at_broker("POST", path, &token, Some(&call), &json!({}));
    challenged(
        &send(&token, &stolen),
        "invalid_dpop_proof",
        "possession.key",
    );
    for bad in [
        "x.y.z".to_owned(),
        format!("{token}~{token}"),
        format!("{}A", &token[..token.len() - 1]),
    ] {
        if bad != token {
            let proof = agent.at_broker("POST", path, &bad, None, &json!({}));
            challenged(&send(&bad, &proof), "invalid_token", "broker.token");
        }
    }
    let bare = server.send("POST", path, &[("content-type", "application/json")], &call);
    challenged(&bare, "invalid_token", "broker.token");
}

#[test]
fn a_call_is_of_the_token_that_it_was_handed_in_with() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let task = agent.waits(&token, &call);
    // Another token of the same client, which acts for the same person, sees nothing of it.
    let elsewhere = bought(&agent, &mut ann);
    for told in [
        agent.polls(&elsewhere, &task),
        agent.withdraws(&elsewhere, &task),
        agent.polls(&token, "x"),
    ] {
        told.refused("invalid_request", "broker.task");
    }
    // Nor does a thief of the token, or a proof for another token.
    let thief = Agent {
        holder: agent.stranger(),
        ..Agent::new(&world, &server)
    };
    challenged(
        &thief.polls(&token, &task),
        "invalid_dpop_proof",
        "possession.key",
    );
    challenged(
        &thief.withdraws(&token, &task),
        "invalid_dpop_proof",
        "possession.key",
    );
    let path = "/access-requests";
    let proof = agent.at_broker("GET", path, &elsewhere, None, &json!({}));
    let told = sends(
        &server,
        &token,
        &proof,
        "GET",
        &format!("{path}?task={task}"),
        "",
    );
    challenged(&told, "invalid_dpop_proof", "possession.token");
    // A revoked token hands in nothing, and what waits for it cannot be approved.
    let page = ann.reads_call(&task);
    agent.post("/revoke", &json!({"token": token}), None);
    challenged(
        &agent.hands_in(&token, &call),
        "invalid_token",
        "broker.token",
    );
    challenged(&agent.polls(&token, &task), "invalid_token", "broker.token");
    ann.says(&page, "allow", "").ended("broker.task");
    assert!(!world.done().contains(&"access-approved".to_owned()));
}

#[test]
fn only_the_person_for_whom_the_agent_acts_answers() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let mut bob = Person::enrolled(&world, &server, "user:bob");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "i-7"));
    let other = agent.waits(&token, &paying("800.00", "i-7"));
    let page = ann.reads_call(&task);
    bob.reads_call(&task).ended("broker.task");
    assert!(!bob.agents().text.contains("750.00"));
    // His form for her call, her form in his browser, a form of another site, one of nobody.
    let answer = |who: &Person, csrf: &str, task: &str, text: &str| {
        let fields = [
            ("csrf", csrf),
            ("task", task),
            ("text", text),
            ("answer", "allow"),
        ];
        who.post("/agents/request", &fields)
    };
    let (csrf, text) = (page.field("csrf"), page.field("text"));
    let his = bob.agents().field("csrf");
    answer(&bob, &his, &task, &text).ended("broker.task");
    answer(&bob, &csrf, &task, &text).ended("broker.csrf");
    answer(&ann, "", &task, &text).ended("broker.csrf");
    let form = crate::world::form(&[
        ("csrf", &csrf),
        ("task", &task),
        ("text", &text),
        ("answer", "allow"),
    ]);
    let cookie = ann.cookie.clone().unwrap();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://evil.example"),
        ("cookie", &cookie),
    ];
    server
        .send("POST", "/agents/request", &headers, &form)
        .ended("broker.csrf");
    // A yes to another text, or to none.
    answer(&ann, &csrf, &other, &text).ended("broker.text");
    answer(&ann, &csrf, &task, "").ended("broker.text");
    assert!(!world.done().contains(&"access-approved".to_owned()));
    assert_eq!(answer(&ann, &csrf, &task, &text).status, 303);
}

/// The task of a call that four hand in at one time.
fn handed_in_at_once(agent: &Agent<'_>, token: &str, call: &str) -> String {
    let tasks: Vec<String> = std::thread::scope(|scope| {
        let threads = [0; 4].map(|_| scope.spawn(|| agent.waits(token, call)));
        threads.map(|thread| thread.join().unwrap()).to_vec()
    });
    assert!(tasks.iter().all(|task| *task == tasks[0]), "{tasks:?}");
    tasks[0].clone()
}

#[test]
fn of_two_answers_at_once_one_counts() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    for round in 0..6 {
        let call = paying("750.00", &format!("i-{round}"));
        let task = handed_in_at_once(&agent, &token, &call);
        let page = ann.reads_call(&task);
        std::thread::scope(|scope| {
            for answer in ["allow", "refuse", "allow", "refuse"] {
                let (ann, page) = (&ann, &page);
                scope.spawn(move || assert_eq!(ann.says(page, answer, "").status, 303));
            }
        });
        let told = agent.polls(&token, &task).json();
        let with_receipt = told["result"]["approval"].is_object();
        assert_eq!(told["task"]["status"] == "approved", with_receipt, "{told}");
    }
    let done = world.done();
    let answers = done
        .iter()
        .filter(|what| ["access-approved", "access-refused"].contains(&what.as_str()));
    assert_eq!(answers.count(), 6, "{done:?}");
}

#[test]
fn only_so_many_calls_wait_for_a_person() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = |number: i32| paying("750.00", &format!("i-{number}"));
    let tasks: Vec<String> = (0..10)
        .map(|number| agent.waits(&token, &call(number)))
        .collect();
    let full = || {
        agent
            .hands_in(&token, &call(10))
            .refused("temporarily_unavailable", "broker.waiting");
    };
    full();
    // To withdraw makes no room: a page is not filled by asking and withdrawing.
    agent.withdraws(&token, &tasks[0]);
    full();
    assert_eq!(
        agent.waits(&token, &call(1)),
        tasks[1],
        "what waits is still there"
    );
    let page = ann.reads_call(&tasks[1]);
    ann.says(&page, "allow", "");
    agent.waits(&token, &call(10));
}
