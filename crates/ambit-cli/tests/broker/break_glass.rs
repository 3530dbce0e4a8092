//! Break-glass: one denial of one call, overridden by who has the role, with a reason, seen by others.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::call::{bought, buying, paying};
use crate::flow::claims;
use crate::person::Person;
use crate::screen;
use crate::told::Receiver;
use crate::world::{Told, World};

const APPROVERS: &str = "consent = { approvers = [\"user:bob\", \"role:oncall\"], count = 1 }";

/// Larger payments need bob's yes; eve and carol are on call, and gina and carol review.
fn guarded(consent: &str, more: &str) -> World {
    let world = buying();
    let manifest = world.read("agents/assistant.toml");
    let (rest, asking) = manifest.rsplit_once("[[capabilities]]").unwrap();
    let asking = asking.replace("consent = \"each\"", consent);
    world.write(
        "agents/assistant.toml",
        format!("{rest}[[capabilities]]{asking}"),
    );
    world.edit(
        "ambit.toml",
        "signs = \"approval-receipt+jwt\"",
        "signs = \"approval-receipt+jwt\"\nroles = [\"oncall\"]",
    );
    let config = world.read("broker.toml");
    let (head, clients) = config.split_once("[[clients]]").unwrap();
    let roles = "[roles]\noncall = [\"user:eve\", \"user:carol\"]\nreview = [\"user:gina\", \"user:carol\"]\n\n\
        [break_glass]\nrole = \"oncall\"\nseconds = 120\n\n";
    world.write(
        "broker.toml",
        format!("{head}{roles}{more}[[clients]]{clients}"),
    );
    world.build();
    world
}

fn receipts(told: &Told) -> Vec<String> {
    let told = told.json();
    assert_eq!(told["task"]["status"], "approved", "{told}");
    let all = told["result"]["approval"]["ambit_receipts"]
        .as_array()
        .unwrap();
    all.iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

fn reviews(person: &Person, page: &Told, id: &str) -> Told {
    let csrf = page.field("csrf");
    person.post(
        "/agents/reviewed",
        &[("csrf", csrf.as_str()), ("override", id)],
    )
}

/// The facts of the log's lines of this kind.
fn lines(world: &World, what: &str) -> Vec<Value> {
    let log = world.read("audit.log");
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["data"]["status_code"] == what)
        .map(|line| line["data"]["unmapped"].clone())
        .collect()
}

#[test]
fn only_who_is_on_call_overrides_and_with_a_reason() {
    let world = guarded(APPROVERS, "");
    let server = world.serve();
    let [mut ann, mut bob, mut eve] =
        ["user:ann", "user:bob", "user:eve"].map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let task = agent.waits(&token, &call);
    let page = eve.reads_call(&task);
    assert!(
        page.text.contains("Break glass: allow this once"),
        "{}",
        page.text
    );
    for answer in ["value=\"allow\"", "value=\"refuse\""] {
        assert!(!page.text.contains(answer), "{}", page.text);
    }
    screen::fit(&server, &[("break-glass", &page)]);
    // Not as an approver, not without a reason; an approver not by it.
    for (answer, reason) in [
        ("allow", "x"),
        ("refuse", "x"),
        ("override", ""),
        ("override", " \n "),
    ] {
        eve.says(&page, answer, reason).ended("broker.break_glass");
    }
    let bobs = bob.reads_call(&task);
    assert!(!bobs.text.contains("Break glass"), "{}", bobs.text);
    bob.says(&bobs, "override", "I can")
        .ended("broker.break_glass");
    // Nor by who is not asked, nor for a text that was not shown.
    let anns = ann.agents();
    let fields = [
        ("csrf", anns.field("csrf")),
        ("task", task.clone()),
        ("text", page.field("text")),
        ("answer", "override".to_owned()),
        ("reason", "why not".to_owned()),
    ];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    ann.post("/agents/request", &fields).ended("broker.task");
    assert!(lines(&world, "access-break-glass").is_empty());
}

#[test]
fn what_is_overridden_is_one_call_and_all_others_see_it() {
    let world = guarded(APPROVERS, "");
    let server = world.serve();
    let [mut ann, mut bob, mut eve] =
        ["user:ann", "user:bob", "user:eve"].map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let call = paying("750.00", "i-7");
    let task = agent.waits(&token, &call);
    let page = eve.reads_call(&task);
    let reason = "The plant stands still <b>now</b>";
    let told = eve.says(&page, "override", reason);
    assert_eq!(
        told.header("location"),
        Some("/agents?done=approved"),
        "{told:?}"
    );
    let again = eve.says(&page, "override", "again");
    assert_eq!(again.header("location"), Some("/agents?done=approved"));
    let receipts = receipts(&agent.polls(&token, &task));
    let said = claims(&receipts[0]);
    assert_eq!(
        (&said["sub"], &said["roles"]),
        (&json!("user:eve"), &json!(["oncall"]))
    );
    assert_eq!(
        said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(),
        120
    );
    // This call, and no other.
    assert_eq!(agent.made(&token, &call, &[&receipts[0]]), "allowed");
    assert_ne!(
        agent.made(&token, &paying("751.00", "i-7"), &[&receipts[0]]),
        "allowed"
    );
    let log = lines(&world, "access-break-glass");
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(
        (&log[0]["approver"], &log[0]["reason"]),
        (&json!("user:eve"), &json!(reason))
    );
    // Everybody else who was asked sees it.
    for person in [&mut bob, &mut ann] {
        let page = person.agents();
        assert!(
            page.text.contains("Allowed by break-glass"),
            "{}",
            page.text
        );
        assert!(
            page.text.contains("stands still &lt;b&gt;now"),
            "{}",
            page.text
        );
        assert!(!page.text.contains("Mark as reviewed"), "{}", page.text);
    }
}

#[test]
fn somebody_else_reviews_it() {
    let world = guarded(APPROVERS, "");
    let server = world.serve();
    let [mut ann, mut carol, mut gina] =
        ["user:ann", "user:carol", "user:gina"].map(|sub| Person::enrolled(&world, &server, sub));
    let nothing = world
        .ambit(&["records", "broker.toml", "--review"])
        .expect(0)
        .out;
    assert!(
        nothing.contains("nothing was allowed by break-glass"),
        "{nothing}"
    );
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "i-7"));
    let page = carol.reads_call(&task);
    carol.says(&page, "override", "It burns");
    // Who did it is a reviewer as well, and not of this; who is none is none.
    let list = gina.agents();
    assert!(list.text.contains("Mark as reviewed"), "{}", list.text);
    let id = list.field("override");
    let carols = carol.agents();
    assert!(
        carols.text.contains("Allowed by break-glass"),
        "{}",
        carols.text
    );
    assert!(!carols.text.contains("Mark as reviewed"), "{}", carols.text);
    reviews(&carol, &carols, &id).ended("broker.review");
    let anns = ann.agents();
    reviews(&ann, &anns, &id).ended("broker.review");
    let list = world
        .ambit(&["records", "broker.toml", "--review"])
        .expect(0)
        .out;
    assert!(
        list.contains("not reviewed\n      by user:carol, for user:ann"),
        "{list}"
    );
    assert!(list.contains("because: It burns"), "{list}");
    let page = gina.agents();
    assert!(page.text.contains("Mark as reviewed"), "{}", page.text);
    reviews(&gina, &page, "another").ended("broker.review");
    let csrf = [("csrf", "forged"), ("override", id.as_str())];
    gina.post("/agents/reviewed", &csrf).ended("broker.csrf");
    for _ in 0..2 {
        let told = reviews(&gina, &page, &id);
        assert_eq!(told.header("location"), Some("/agents"), "{told:?}");
    }
    let log = lines(&world, "access-break-glass-reviewed");
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(
        (&log[0]["sub"], &log[0]["by"]),
        (&json!("user:gina"), &json!("user:carol"))
    );
    let list = world
        .ambit(&["records", "broker.toml", "--review"])
        .expect(0)
        .out;
    assert!(list.contains("  reviewed by user:gina, "), "{list}");
    assert!(carol.agents().text.contains("reviewed by <bdi>user:gina"));
}

#[test]
fn it_is_told_at_once() {
    let receiver = Receiver::new(|_, _| (200, String::new()));
    let world = guarded(
        APPROVERS,
        &format!("[notify]\nwebhook = \"{}\"\n\n", receiver.url),
    );
    world.ambit(&["keygen", "-o", "keys/events.jwk"]).expect(0);
    let config = world.read("broker.toml");
    world.write(
        "broker.toml",
        format!("events_key = \"keys/events.jwk\"\n{config}"),
    );
    let server = world.serve();
    let [mut ann, mut eve] =
        ["user:ann", "user:eve"].map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "i-7"));
    receiver.wait(1);
    let page = eve.reads_call(&task);
    eve.says(&page, "override", "It burns");
    let heard = receiver.wait(2);
    let told = claims(&heard[1].body);
    assert_eq!(told["event"], "break-glass", "{told}");
    // Those who were asked and those who review, but for who did it.
    assert_eq!(
        told["asked"],
        json!(["user:bob", "user:carol", "user:gina"])
    );
    assert_eq!(told["page"], "https://broker.example/agents");
    assert!(!told.to_string().contains("burns"), "{told}");
}

#[test]
fn it_stands_in_the_place_of_one_approver_and_of_no_guard_rail() {
    // Of two approvers it is none.
    let two = "consent = { approvers = [\"user:bob\", \"user:dan\", \"role:oncall\"], count = 2 }";
    let world = guarded(two, "");
    let server = world.serve();
    let [mut ann, mut eve] =
        ["user:ann", "user:eve"].map(|sub| Person::enrolled(&world, &server, sub));
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "i-7"));
    eve.reads_call(&task).ended("broker.task");
    drop(server);
    // What a guard rail forbids waits for nobody.
    let world = guarded(APPROVERS, "");
    let policies = world.read("policies/base.cedar");
    let forbid = "\n@id(\"frozen\")\n@reason(\"Payments are frozen.\")\nforbid (principal, action, resource is Invoice);\n";
    world.write("policies/base.cedar", format!("{policies}{forbid}"));
    world.build();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let told = agent.hands_in(&token, &paying("750.00", "i-7"));
    assert_eq!(told.status, 403, "{told:?}");
    assert_eq!(told.json()["ambit_code"], "policy.forbid", "{told:?}");
}

#[test]
fn nobody_reviews_their_own() {
    let world = guarded(APPROVERS, "");
    let config = world.read("broker.toml");
    for (from, to) in [
        (
            "review = [\"user:gina\", \"user:carol\"]",
            "review = [\"user:carol\"]",
        ),
        ("review = [\"user:gina\", \"user:carol\"]\n", ""),
        ("role = \"oncall\"", "role = \"nobody\""),
        ("role = \"oncall\"", "role = \"review\""),
        ("seconds = 120", "seconds = 7200"),
    ] {
        world.write("broker.toml", config.replace(from, to));
        let run = world.check(&[]).expect(3);
        assert!(run.err.contains("break_glass"), "{}", run.err);
    }
}
