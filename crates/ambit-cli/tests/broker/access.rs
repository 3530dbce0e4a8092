//! Access requests: a call that was denied, a person's answer to exactly it, and everything that must not pass.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::call::{bought, buying, paying, sends};
use crate::pages::is_guarded;
use crate::person::Person;
use crate::screen;
use crate::world::{CLIENT, Told};

fn receipt(told: &Told) -> String {
    let told = told.json();
    assert_eq!(told["task"]["status"], "approved", "{told}");
    told["result"]["approval"]["ambit_receipt"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn status(told: &Told) -> Value {
    told.json()["task"]["status"].clone()
}

#[test]
fn a_yes_is_a_receipt_for_exactly_that_call() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    assert_eq!(agent.made(&token, &paying("500.00", "i-7"), &[]), "allowed");
    assert_ne!(agent.made(&token, &call, &[]), "allowed");
    let task = agent.waits(&token, &call);

    // Only the difference on the page of agents, the whole call on its own.
    let difference = "amount: 750.00. Without your yes it must be";
    let list = ann.agents();
    assert!(
        list.text.contains("Waits for your answer") && list.text.contains(difference),
        "{}",
        list.text
    );
    let page = ann.reads_call(&task);
    is_guarded(&page, "");
    assert!(!page.text.contains("<script"), "it works without a script");
    for words in [
        difference,
        "500.00",
        "Let Mail assistant pay an invoice",
        "- amount: 750.00",
        "binding_s256: ",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let told = ann.says(&page, "allow", "");
    assert_eq!(
        (told.status, told.header("location")),
        (303, Some("/agents?done=approved"))
    );
    let receipt = receipt(&agent.polls(&token, &task));
    assert_eq!(agent.made(&token, &call, &[&receipt]), "allowed");
    for other in [paying("750.01", "i-7"), paying("750.00", "i-8")] {
        assert_ne!(
            agent.made(&token, &other, &[&receipt]),
            "allowed",
            "{other}"
        );
    }
    let again = bought(&agent, &mut ann);
    assert_ne!(
        agent.made(&again, &call, &[&receipt]),
        "allowed",
        "nor for another token"
    );
    // The same form again, and another answer, change nothing.
    assert_eq!(
        ann.says(&page, "refuse", "").header("location"),
        Some("/agents?done=approved")
    );
    assert_eq!(
        self::receipt(&agent.polls(&token, &task)),
        receipt,
        "one answer"
    );
    assert_eq!(status(&agent.withdraws(&token, &task)), "approved");
    let done = world.done();
    for what in ["access", "access-approved"] {
        assert_eq!(
            done.iter().filter(|one| *one == what).count(),
            1,
            "{done:?}"
        );
    }
    let log = world.read("audit.log");
    assert!(!log.contains(&task) && !log.contains(&receipt) && !log.contains(&token));
    // Nor is the token kept while its call waits.
    drop(server);
    for file in ["broker.sqlite", "broker.sqlite-wal"] {
        let kept = std::fs::read(world.path(file)).unwrap_or_default();
        assert!(
            !kept
                .windows(token.len())
                .any(|part| part == token.as_bytes())
        );
    }
}

#[test]
fn a_no_stands_for_every_token_and_says_why() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let (one, two) = (bought(&agent, &mut ann), bought(&agent, &mut ann));
    let call = paying("750.00", "i-7");
    let tasks = [agent.waits(&one, &call), agent.waits(&two, &call)];
    assert_ne!(tasks[0], tasks[1]);
    let page = ann.reads_call(&tasks[0]);
    let told = ann.says(&page, "refuse", "  Globex is <b>closed</b>\u{7}. ");
    assert_eq!(told.header("location"), Some("/agents?done=refused"));
    // The other that waits is answered with it.
    for (token, task) in [(&one, &tasks[0]), (&two, &tasks[1])] {
        let told = agent.polls(token, task).json();
        assert_eq!(told["task"]["status"], "denied");
        assert_eq!(
            told["result"],
            json!({"ambit_code": "approval.denied", "reason": "Globex is <b>closed</b> ."})
        );
    }
    ann.reads_call(&tasks[1]).ended("broker.task");
    // So is every later one, by a new token, and by another instance of the agent.
    let third = bought(&agent, &mut ann);
    let told = agent.hands_in(&third, &paying("750.0", "i-7"));
    assert_eq!(
        (told.status, status(&told)),
        (201, json!("denied")),
        "{told:?}"
    );
    // Not another call.
    agent.waits(&third, &paying("750.00", "i-8"));
    let page = ann.agents();
    assert!(
        page.text.contains("You refused") && page.text.contains("&lt;b&gt;closed"),
        "{}",
        page.text
    );
    // The person may change their mind; nobody else can for them.
    let mut bob = Person::enrolled(&world, &server, "user:bob");
    let same = page.field("same");
    let csrf = bob.agents().field("csrf");
    bob.post(
        "/agents/refused",
        &[("csrf", csrf.as_str()), ("same", &same)],
    );
    assert_eq!(
        status(&agent.hands_in(&bought(&agent, &mut ann), &call)),
        "denied"
    );
    let csrf = page.field("csrf");
    let told = ann.post(
        "/agents/refused",
        &[("csrf", csrf.as_str()), ("same", &same)],
    );
    assert_eq!(told.status, 303);
    agent.waits(&bought(&agent, &mut ann), &call);
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
    let challenged = |told: &Told, error: &str, code: &str| {
        let body = told.json();
        assert_eq!(
            (told.status, &body["error"], &body["ambit_code"]),
            (401, &json!(error), &json!(code)),
            "{told:?}"
        );
        let challenge = told.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with("DPoP ") && challenge.contains(error),
            "{challenge}"
        );
    };
    let proof = |patch: &Value| agent.at_broker("POST", path, &token, Some(&call), patch);
    challenged(
        &send(&token, &proof(&json!({"nonce": null}))),
        "use_dpop_nonce",
        "possession.nonce",
    );
    challenged(
        &send(&token, &proof(&json!({"ath": "x"}))),
        "invalid_dpop_proof",
        "possession.token",
    );
    challenged(
        &send(&token, &proof(&json!({"ath": null}))),
        "invalid_dpop_proof",
        "possession.token",
    );
    challenged(
        &send(&token, &proof(&json!({"htm": "GET"}))),
        "invalid_dpop_proof",
        "possession.method",
    );
    challenged(
        &send(&token, &proof(&json!({"ambit_call": null}))),
        "invalid_dpop_proof",
        "possession.call",
    );
    let other_call = agent.digest(&token, &paying("900.00", "i-7"));
    challenged(
        &send(&token, &proof(&json!({"ambit_call": other_call}))),
        "invalid_dpop_proof",
        "possession.call",
    );
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

    let proof = proof(&json!({}));
    assert_eq!(send(&token, &proof).status, 202);
    challenged(
        &send(&token, &proof),
        "invalid_dpop_proof",
        "possession.used",
    );
    let task = agent.waits(&token, &call);
    // Another client's token, and another token of this one, see nothing of it.
    let other = Agent::other(&world, &server);
    let elsewhere = bought(&agent, &mut ann);
    for told in [
        agent.polls(&elsewhere, &task),
        agent.withdraws(&elsewhere, &task),
        agent.polls(&token, "x"),
    ] {
        told.refused("invalid_request", "broker.task");
    }
    drop(other);
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

#[test]
fn of_two_answers_at_once_one_counts() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    for round in 0..6 {
        let task = agent.waits(&token, &paying("750.00", &format!("i-{round}")));
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
fn a_call_waits_is_withdrawn_and_ends() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let task = agent.waits(&token, &call);
    assert_eq!(
        agent.waits(&token, &call),
        task,
        "the same call is one request"
    );
    // Who looks too soon waits longer.
    let soon = agent.polls(&token, &task);
    soon.refused("slow_down", "broker.slow_down");
    assert_eq!(soon.header("retry-after"), Some("10"));
    drop(server);
    let server = world.serve_at(world.now + 20);
    let agent = Agent::new(&world, &server).at(world.now + 20);
    let told = agent.polls(&token, &task).json();
    assert_eq!(
        (&told["task"]["status"], &told["task"]["interval"]),
        (&json!("pending"), &json!(10))
    );
    assert_eq!(status(&agent.withdraws(&token, &task)), "cancelled");
    assert_eq!(status(&agent.withdraws(&token, &task)), "cancelled");
    let mut ann = ann.at(&server);
    ann.reads_call(&task).ended("broker.task");
    let second = agent.waits(&token, &call);
    assert_ne!(second, task);
    drop(server);
    // It ends with its token at the latest, and is written down.
    let server = world.serve_at(world.now + 601);
    let mut ann = ann.at(&server);
    ann.reads_call(&second).ended("broker.task");
    let done = world.done();
    for (what, count) in [
        ("access", 2),
        ("access-withdrawn", 1),
        ("access-expired", 1),
    ] {
        assert_eq!(
            done.iter().filter(|one| *one == what).count(),
            count,
            "{done:?}"
        );
    }
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
            .refused("temporarily_unavailable", "broker.waiting")
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

#[test]
fn another_policy_or_a_stop_ends_what_waits() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "i-7"));
    let page = ann.reads_call(&task);
    drop(server);
    world.edit("ambit.toml", "version = 1", "version = 2");
    world.build();
    let server = world.serve();
    let mut ann = ann.at(&server);
    let agent = Agent::new(&world, &server);
    // Forms of a process end with it.
    ann.says(&page, "allow", "").ended("broker.csrf");
    let page = ann.reads_call(&task);
    ann.says(&page, "allow", "").ended("broker.changed");
    let told = agent.polls(&token, &task).json();
    assert_eq!(
        (&told["task"]["status"], &told["result"]["ambit_code"]),
        (&json!("failed"), &json!("broker.changed"))
    );
    // A token is of the policy that it was made under.
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "i-7"));
    let page = ann.reads_call(&task);
    let list = ann.agents();
    ann.stops(&list, CLIENT);
    ann.says(&page, "allow", "").ended("broker.task");
    assert!(!ann.agents().text.contains("Waits for your answer"));
    assert!(world.done().contains(&"access-stopped".to_owned()));
}

#[test]
fn a_kill_keeps_or_loses_an_answer_as_a_whole() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let token = bought(&Agent::new(&world, &server), &mut ann);
    drop(server);
    let mut kept = 0;
    for round in 0..8 {
        let server = world.serve();
        ann = ann.at(&server);
        let task =
            Agent::new(&world, &server).waits(&token, &paying("750.00", &format!("i-{round}")));
        let page = ann.reads_call(&task);
        let pid = server.running.child.id().to_string();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(round * 3));
            std::process::Command::new("kill")
                .args(["-9", &pid])
                .status()
                .unwrap();
        });
        let told = ann.says(&page, "allow", "");
        killer.join().unwrap();
        server.kill();
        let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let sql = "SELECT answer, receipt FROM access WHERE id = ?1";
        let (answer, receipt): (Option<String>, Option<String>) =
            database.query_row(sql, [&task], row).unwrap();
        assert_eq!(
            answer.is_some(),
            receipt.is_some(),
            "an answer and its receipt are one"
        );
        assert!(
            told.status != 303 || answer.is_some(),
            "who was told has it on the disk"
        );
        kept += i32::from(answer.is_some());
        // What was lost as a whole can be said again.
        let server = world.serve();
        ann = ann.at(&server);
        if answer.is_none() {
            let page = ann.reads_call(&task);
            assert_eq!(ann.says(&page, "allow", "").status, 303);
        }
        self::receipt(&Agent::new(&world, &server).polls(&token, &task));
    }
    println!("{kept} of 8 answers were on the disk when the broker was killed");
}

#[test]
fn the_page_of_a_call_fits_a_small_screen() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "i-7"));
    let long = agent.waits(&token, &paying("999.99", &"long-name".repeat(40)));
    let page = ann.reads_call(&task);
    let wide = ann.reads_call(&long);
    ann.says(&wide, "refuse", "We buy nothing there.");
    let list = ann.agents();
    ann.language = "de";
    let german = ann.reads_call(&task);
    for words in [
        "Betrag: 750,00. Ohne Ihr Ja darf er nur",
        "von 0,01 bis 500,00",
        "Darf Mail-Assistent",
    ] {
        assert!(german.text.contains(words), "{words}: {}", german.text);
    }
    screen::fit(
        &server,
        &[
            ("call", &page),
            ("call-long", &wide),
            ("call-list", &list),
            ("call-german", &german),
        ],
    );
    // The German text is what a German yes is signed for.
    ann.says(&german, "allow", "");
    let receipt = receipt(&agent.polls(&token, &task));
    assert_eq!(
        agent.made(&token, &paying("750.00", "i-7"), &[&receipt]),
        "allowed"
    );
}
