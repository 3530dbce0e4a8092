//! Calls that others than the person must allow: by name, by role, several of them, and several calls at once.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::call::{bought, buying, paying};
use crate::pages::is_guarded;
use crate::person::Person;
use crate::screen;
use crate::world::{Told, World, pays};

/// Larger payments need two yeses: of the finance role or of bob.
fn sharing() -> World {
    sharing_among(
        "\"role:finance\", \"user:bob\"",
        &[("finance", "\"user:carol\", \"user:dan\"")],
    )
}

/// Larger payments need two yeses of these approvers, with these people in roles.
fn sharing_among(approvers: &str, roles: &[(&str, &str)]) -> World {
    let world = buying();
    let consent = format!("consent = {{ approvers = [{approvers}], count = 2 }}");
    let manifest = world.read("agents/assistant.toml");
    let (rest, asking) = manifest.rsplit_once("[[capabilities]]").unwrap();
    assert!(asking.contains("consent = \"each\""), "{asking}");
    let asking = asking.replace("consent = \"each\"", &consent);
    world.write(
        "agents/assistant.toml",
        format!("{rest}[[capabilities]]{asking}"),
    );
    let refused = world.ambit(&["build", ".", "-o", "next.wasm"]).expect(3);
    assert!(refused.err.contains("project.role"), "{}", refused.err);
    let names: Vec<&str> = roles.iter().map(|(name, _)| *name).collect();
    world.edit(
        "ambit.toml",
        "signs = \"approval-receipt+jwt\"",
        &format!("signs = \"approval-receipt+jwt\"\nroles = {names:?}"),
    );
    let roles: String = roles
        .iter()
        .map(|(name, people)| format!("{name} = [{people}]\n"))
        .collect();
    let config = world.read("broker.toml");
    let (head, clients) = config.split_once("[[clients]]").unwrap();
    world.write(
        "broker.toml",
        format!("{head}[roles]\n{roles}\n[[clients]]{clients}"),
    );
    world.build();
    world
}

fn receipts(told: &Told) -> Vec<String> {
    let told = told.json();
    assert_eq!(told["task"]["status"], "approved", "{told}");
    let receipts = told["result"]["approval"]["ambit_receipts"]
        .as_array()
        .unwrap();
    receipts
        .iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

/// The values of all fields of this name.
fn fields(page: &Told, name: &str) -> Vec<String> {
    let mark = format!("name=\"{name}\" value=\"");
    let rest = page.text.split(&mark).skip(1);
    rest.map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn has(page: &Told, text: &str) {
    assert!(page.text.contains(text), "{}", page.text);
}

fn status(told: &Told) -> Value {
    told.json()["task"]["status"].clone()
}

#[test]
fn two_of_those_named_say_yes_by_name_or_role() {
    let world = sharing();
    let server = world.serve();
    let [mut ann, mut bob, mut carol, mut dan, mut eve] =
        ["user:ann", "user:bob", "user:carol", "user:dan", "user:eve"]
            .map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let task = agent.waits(&token, &call);
    // Neither the person for whom the agent acts, nor whoever else has a passkey.
    for person in [&mut ann, &mut eve] {
        person.reads_call(&task).ended("broker.task");
        assert!(!person.agents().text.contains("Waits for your answer"));
    }
    let page = carol.reads_call(&task);
    is_guarded(&page, "");
    has(&page, "0 of 2 approvals so far");
    assert_eq!(
        carol.says(&page, "allow", "").header("location"),
        Some("/agents?done=said")
    );
    // The same person's second yes is none.
    assert_eq!(
        carol.says(&page, "allow", "").header("location"),
        Some("/agents?done=said")
    );
    // What was said can be taken back, until it is enough.
    let said = carol.reads_call(&task);
    assert!(said.text.contains("Take my yes back"), "{}", said.text);
    carol.says(&said, "back", "");
    let bobs = bob.reads_call(&task);
    has(&bobs, "0 of 2 approvals so far");
    bob.says(&bobs, "allow", "");
    let page = dan.reads_call(&task);
    assert_eq!(
        dan.says(&page, "allow", "").header("location"),
        Some("/agents?done=approved")
    );
    carol.reads_call(&task).ended("broker.task");
    assert_eq!(
        bob.says(&bobs, "refuse", "").header("location"),
        Some("/agents?done=approved")
    );
    drop(server);
    let server = world.serve_at(world.now + 6);
    let agent = Agent::new(&world, &server).at(world.now + 6);
    let told = receipts(&agent.polls(&token, &task));
    assert_eq!(told.len(), 2);
    let both: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(agent.made(&token, &call, &both), "allowed");
    // One is not enough, twice the same neither, and not for another call.
    assert_eq!(agent.made(&token, &call, &both[..1]), "approval.required");
    assert_ne!(agent.made(&token, &call, &[both[0], both[0]]), "allowed");
    assert_ne!(
        agent.made(&token, &paying("750.01", "i-7"), &both),
        "allowed"
    );
    let done = world.done();
    let count = |what: &str| done.iter().filter(|one| *one == what).count();
    let counts = ["access-yes", "access-taken-back", "access-approved"].map(count);
    assert_eq!(counts, [2, 1, 1], "{done:?}");
}

#[test]
fn one_no_is_the_answer_of_all() {
    let world = sharing();
    let server = world.serve();
    let [mut ann, mut bob, mut carol] =
        ["user:ann", "user:bob", "user:carol"].map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let task = agent.waits(&token, &call);
    let page = bob.reads_call(&task);
    bob.says(&page, "allow", "");
    let page = carol.reads_call(&task);
    carol.says(&page, "refuse", "Not this month.");
    let told = agent.polls(&token, &task).json();
    assert_eq!(
        told["result"],
        json!({"ambit_code": "approval.denied", "reason": "Not this month."})
    );
    // It stands for later tokens, and nobody else lifts it.
    let second = bought(&agent, &mut ann);
    assert_eq!(status(&agent.hands_in(&second, &call)), "denied");
    let refused = carol.agents();
    let (same, csrf) = (refused.field("same"), bob.agents().field("csrf"));
    bob.post(
        "/agents/refused",
        &[("csrf", csrf.as_str()), ("same", &same)],
    );
    assert_eq!(
        status(&agent.hands_in(&bought(&agent, &mut ann), &call)),
        "denied"
    );
    let csrf = refused.field("csrf");
    carol.post(
        "/agents/refused",
        &[("csrf", csrf.as_str()), ("same", &same)],
    );
    agent.waits(&bought(&agent, &mut ann), &call);
}

#[test]
fn whoever_leaves_a_role_is_asked_no_more() {
    let world = sharing();
    let server = world.serve();
    let [mut ann, mut bob, mut carol] =
        ["user:ann", "user:bob", "user:carol"].map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "i-7"));
    let page = carol.reads_call(&task);
    carol.says(&page, "allow", "");
    drop(server);
    world.edit(
        "broker.toml",
        "\"user:carol\", \"user:dan\"",
        "\"user:dan\", \"user:eve\"",
    );
    let server = world.serve();
    carol.at(&server).reads_call(&task).ended("broker.task");
    bob = bob.at(&server);
    let page = bob.reads_call(&task);
    has(&page, "0 of 2 approvals so far");
    drop(server);
    // Without enough people nobody is asked.
    world.edit("broker.toml", "finance = [\"user:dan\", \"user:eve\"]", "");
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let told = agent.hands_in(&token, &paying("751.00", "i-7"));
    assert_eq!(
        (told.status, &told.json()["ambit_code"]),
        (403, &json!("broker.approvers")),
        "{told:?}"
    );
}

/// Two roles, each with people of its own.
fn auditing() -> World {
    sharing_among(
        "\"role:finance\", \"role:audit\"",
        &[
            ("finance", "\"user:carol\", \"user:dan\""),
            ("audit", "\"user:eve\""),
        ],
    )
}

/// So many yeses, of so many, as its agent reads it.
fn given(told: &Told) -> Vec<(Value, i64, i64)> {
    let told = told.json();
    let all = told["task"]["ambit_approvals"].as_array();
    let all = all.unwrap_or_else(|| panic!("{told}")).iter();
    all.map(|one| {
        let number = |name: &str| one[name].as_i64().unwrap();
        (one["approvers"].clone(), number("given"), number("count"))
    })
    .collect()
}

#[test]
fn a_yes_counts_in_the_roles_in_which_it_was_said() {
    let world = auditing();
    let server = world.serve();
    let [mut ann, mut carol, mut eve] =
        ["user:ann", "user:carol", "user:eve"].map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let task = agent.waits(&token, &call);
    let page = carol.reads_call(&task);
    carol.says(&page, "allow", "");
    drop(server);
    // She goes from one role to the other: what she said in the first counts no more, and for the second she said nothing.
    world.edit(
        "broker.toml",
        "\"user:carol\", \"user:dan\"",
        "\"user:dan\"",
    );
    world.edit(
        "broker.toml",
        "\"user:eve\"",
        "\"user:eve\", \"user:carol\"",
    );
    let server = world.serve();
    (carol, eve) = (carol.at(&server), eve.at(&server));
    let page = eve.reads_call(&task);
    has(&page, "0 of 2 approvals so far");
    assert_eq!(
        eve.says(&page, "allow", "").header("location"),
        Some("/agents?done=said")
    );
    let page = carol.reads_call(&task);
    has(&page, "1 of 2 approvals so far");
    assert_eq!(
        carol.says(&page, "allow", "").header("location"),
        Some("/agents?done=approved")
    );
    let agent = Agent::new(&world, &server);
    let told = receipts(&agent.polls(&token, &task));
    let both: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(agent.made(&token, &call, &both), "allowed");
}

#[test]
fn the_person_may_be_one_of_several_who_are_enough() {
    let world = sharing_among(
        "\"role:finance\", \"user:ann\"",
        &[("finance", "\"user:carol\", \"user:dan\"")],
    );
    let server = world.serve();
    let mut people =
        ["user:ann", "user:carol", "user:dan"].map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut people[0]);
    for (invoice, two) in [("i-1", 1..3), ("i-2", 0..2)] {
        let call = paying("750.00", invoice);
        let task = agent.waits(&token, &call);
        for (said, person) in people[two].iter_mut().enumerate() {
            let page = person.reads_call(&task);
            let line = format!("{said} of 2 approvals so far<");
            assert!(page.text.contains(&line), "{}", page.text);
            person.says(&page, "allow", "");
        }
        let told = receipts(&agent.polls(&token, &task));
        let both: Vec<&str> = told.iter().map(String::as_str).collect();
        assert_eq!(agent.made(&token, &call, &both), "allowed");
    }
}

/// A token whose larger payments need a yes of the auditors, beside what the manifest asks.
fn audited(agent: &Agent<'_>, person: &mut Person) -> String {
    let mut own = pays(50000);
    own["privileges"] = json!(["execute"]);
    let mut asking = pays(100_000);
    asking["privileges"] = json!(["propose"]);
    asking["requires"] = json!({"approval": {"approvers": ["role:audit"], "count": 1}});
    let asked = json!({"authorization_details": json!([own, asking]).to_string()});
    agent.token(person, &asked)
}

#[test]
fn of_several_demands_each_is_counted_by_itself() {
    let world = auditing();
    let server = world.serve();
    let [mut ann, mut carol, mut dan, mut eve] = ["user:ann", "user:carol", "user:dan", "user:eve"]
        .map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = audited(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let (both, one) = (json!(["role:finance", "role:audit"]), json!(["role:audit"]));
    let counted = |said: [i64; 2]| vec![(both.clone(), said[0], 2), (one.clone(), said[1], 1)];
    let task = agent.waits(&token, &call);
    for (person, said) in [(&mut carol, 0), (&mut dan, 1)] {
        assert_eq!(given(&agent.hands_in(&token, &call)), counted([said, 0]));
        let page = person.reads_call(&task);
        for line in [
            format!("{said} of 2 approvals so far: <bdi>role:finance, role:audit</bdi>"),
            "0 of 1 approval so far: <bdi>role:audit</bdi>".to_owned(),
        ] {
            assert!(page.text.contains(&line), "{}", page.text);
        }
        assert_eq!(
            person.says(&page, "allow", "").header("location"),
            Some("/agents?done=said")
        );
    }
    drop(server);
    // A role that she gets now is not in her receipt: an auditor is still wanted.
    world.edit(
        "broker.toml",
        "\"user:eve\"",
        "\"user:eve\", \"user:carol\"",
    );
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    assert_eq!(given(&agent.hands_in(&token, &call)), counted([2, 0]));
    eve = eve.at(&server);
    let page = eve.reads_call(&task);
    has(&page, "2 of 2 approvals so far");
    assert_eq!(
        eve.says(&page, "allow", "").header("location"),
        Some("/agents?done=approved")
    );
    let told = receipts(&agent.polls(&token, &task));
    let all: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(agent.made(&token, &call, &all), "allowed");
    // The yes of an auditor counts for both.
    let call = paying("751.00", "i-7");
    let task = agent.waits(&token, &call);
    let page = eve.reads_call(&task);
    eve.says(&page, "allow", "");
    assert_eq!(given(&agent.hands_in(&token, &call)), counted([1, 1]));
    dan = dan.at(&server);
    let page = dan.reads_call(&task);
    assert_eq!(
        dan.says(&page, "allow", "").header("location"),
        Some("/agents?done=approved")
    );
    let told = agent.hands_in(&token, &call).json();
    assert_eq!(told["task"]["ambit_approvals"], Value::Null, "{told}");
}

/// The form of a page with several calls.
fn answers<'a>(
    csrf: &'a str,
    tasks: &[&'a String],
    texts: &[&'a String],
    answer: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![("csrf", csrf), ("answer", answer)];
    fields.extend(tasks.iter().map(|task| ("tasks", task.as_str())));
    fields.extend(texts.iter().map(|text| ("texts", text.as_str())));
    fields
}

#[test]
fn calls_of_one_risk_are_answered_together() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let calls: Vec<String> = (1..4)
        .map(|n| paying("750.00", &format!("i-{n}")))
        .collect();
    let tasks: Vec<String> = calls.iter().map(|call| agent.waits(&token, call)).collect();
    let list = ann.agents();
    assert_eq!(
        list.text
            .matches("Read and answer these 3 together")
            .count(),
        1
    );
    let page = ann.get(&format!("/agents/requests?task={}", tasks[0]));
    is_guarded(&page, "");
    for invoice in ["i-1", "i-2", "i-3"] {
        assert!(page.text.contains(invoice), "{}", page.text);
    }
    let csrf = page.field("csrf");
    let (shown, texts) = (fields(&page, "tasks"), fields(&page, "texts"));
    let says = |ann: &Person, tasks: &[&String], texts: &[&String], answer: &str| {
        ann.post("/agents/requests", &answers(&csrf, tasks, texts, answer))
    };
    // A text for another call, one call twice, and one alone are refused as a whole.
    let (all, read): (Vec<&String>, Vec<&String>) =
        (shown.iter().collect(), texts.iter().collect());
    says(&ann, &all, &[read[0], read[2], read[1]], "allow").ended("broker.text");
    says(&ann, &[all[0], all[0]], &[read[0], read[0]], "allow").ended("broker.request");
    says(&ann, &all[..1], &read[..1], "allow").ended("broker.request");
    for task in &tasks {
        ann.get(&format!("/agents/request?task={task}"))
            .field("text");
    }
    assert_eq!(
        says(&ann, &all, &read, "allow").header("location"),
        Some("/agents?done=approved")
    );
    for (call, task) in calls.iter().zip(&tasks) {
        let receipt = receipts(&agent.polls(&token, task));
        assert_eq!(agent.made(&token, call, &[&receipt[0]]), "allowed");
    }
    let more: Vec<String> = ["j-1", "j-2"]
        .iter()
        .map(|name| agent.waits(&token, &paying("800.00", name)))
        .collect();
    let page = ann.get(&format!("/agents/requests?task={}", more[0]));
    screen::fit(&server, &[("calls-together", &page)]);
    // One that has ended leaves the others as they are.
    let (more, texts) = (fields(&page, "tasks"), fields(&page, "texts"));
    agent.withdraws(&token, &more[1]);
    says(
        &ann,
        &[&more[0], &more[1]],
        &[&texts[0], &texts[1]],
        "refuse",
    )
    .ended("broker.task");
    ann.get(&format!("/agents/request?task={}", more[0]))
        .field("text");
}

#[test]
fn critical_calls_are_answered_each_by_itself() {
    let world = buying();
    world.edit(
        "schema.cedarschema",
        "@financial",
        "@risk(\"execute: critical\")\n@financial",
    );
    world.build();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let tasks = ["i-1", "i-2"].map(|name| agent.waits(&token, &paying("750.00", name)));
    assert!(!ann.agents().text.contains("together"));
    let told = ann.get(&format!("/agents/requests?task={}", tasks[0]));
    assert_eq!(told.status, 303, "{told:?}");
    let pages = tasks.each_ref().map(|task| ann.reads_call(task));
    let csrf = pages[0].field("csrf");
    let texts = pages.each_ref().map(|page| page.field("text"));
    let told = ann.post(
        "/agents/requests",
        &[
            ("csrf", csrf.as_str()),
            ("answer", "allow"),
            ("tasks", &tasks[0]),
            ("tasks", &tasks[1]),
            ("texts", &texts[0]),
            ("texts", &texts[1]),
        ],
    );
    told.ended("broker.together");
}

/// Puts so many calls of others before this person.
pub(crate) fn fill(world: &World, person: &str, count: i64) {
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    for number in 0..count {
        let id = format!("{person}-{number}");
        let call = "INSERT INTO access (id, token, call, client, sub, same, asked, made, until, polled, pause)
            VALUES (?1, ?1, ?1, 'x', 'x', ?1, '', ?2, ?2 + 900, 0, 5)";
        database
            .execute(call, rusqlite::params![id, world.now])
            .unwrap();
        let asked = "INSERT INTO asked (task, sub) VALUES (?1, ?2)";
        database.execute(asked, [&id, person]).unwrap();
    }
}

#[test]
fn one_full_list_keeps_nobody_else_from_answering() {
    let world = sharing();
    let server = world.serve();
    let [mut ann, mut bob, mut carol, mut dan] = ["user:ann", "user:bob", "user:carol", "user:dan"]
        .map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    fill(&world, "user:bob", 49);
    let task = agent.waits(&token, &paying("750.00", "i-1"));
    assert_eq!(bob.reads_call(&task).status, 200);
    // Two of three have room: they are asked, and he is not.
    let task = agent.waits(&token, &paying("750.00", "i-2"));
    bob.reads_call(&task).ended("broker.task");
    for person in [&mut carol, &mut dan] {
        let page = person.reads_call(&task);
        assert_eq!(person.says(&page, "allow", "").status, 303);
    }
    assert_eq!(receipts(&agent.polls(&token, &task)).len(), 2);
    // One alone is not enough.
    fill(&world, "user:carol", 49);
    let told = agent.hands_in(&token, &paying("750.00", "i-3"));
    told.refused("temporarily_unavailable", "broker.waiting");
    let said = "for those who may say yes to this one";
    assert!(told.text.contains(said), "{told:?}");
}
