//! Access requests: a call that was denied, a person's answer to exactly it, and everything that must not pass.

use serde_json::{Value, json};

use crate::agent::{Agent, s256};
use crate::call::{bought, buying, paying};
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
}

#[test]
fn a_yes_is_said_once_and_written_down_without_secrets() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "i-7"));
    let page = ann.reads_call(&task);
    ann.says(&page, "allow", "");
    let receipt = receipt(&agent.polls(&token, &task));
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
    assert!(
        log.contains(&page.field("text")),
        "what was read is written down"
    );
    assert!(!log.contains(&task) && !log.contains(&receipt) && !log.contains(&token));
    let line = crate::operations::logged(&world, "access-approved");
    let line = line[0].to_string();
    assert!(line.contains(&s256(&receipt)), "{line}");
    // Nor is the token kept while its call waits, or the receipt twice.
    drop(server);
    for file in ["broker.sqlite", "broker.sqlite-wal"] {
        let kept = std::fs::read(world.path(file)).unwrap_or_default();
        assert!(
            !kept
                .windows(token.len())
                .any(|part| part == token.as_bytes())
        );
    }
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    let sql = "SELECT count(*) FROM access WHERE receipt IS NOT NULL";
    let twice: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(twice, 0);
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
        let sql =
            "SELECT answer, (SELECT receipt FROM yes WHERE task = id) FROM access WHERE id = ?1";
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
        "Darf E-Mail-Assistent",
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
