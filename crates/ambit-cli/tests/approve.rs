//! `ambit approve`: what a person read is what is signed, and the policy takes it.

mod common;

use std::fs;

use ambit_token::base64url;
use common::{MINT_AGREED, Project, Run, pay};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const AUDIENCE: &str = "https://mail.example";

/// A project whose agent may propose to pay, and `answer.json`: it has proposed to pay 98.70.
fn asked() -> Project {
    let project = Project::granted();
    let answer = project.evaluate(&[], &pay("propose", "98.70")).expect(0);
    project.write("answer.json", answer.out);
    project
}

fn approve(project: &Project, file: &str, more: &[&str]) -> Run {
    let first = ["approve", file, "--module", "policy.wasm"];
    let key = ["--key", "keys/approve.jwk"];
    project.ambit(&[&first[..], &key, more].concat())
}

const ANN: [&str; 3] = ["--sub", "user:ann", "--yes"];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn claims(receipt: &str) -> Value {
    let part = receipt.trim().split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(part.as_bytes()).unwrap()).unwrap()
}

/// The code of the answer to a payment with this receipt.
fn executed(project: &Project, amount: &str, receipt: &str) -> String {
    let mut request = json(&pay("execute", amount));
    request["approvals"] = json!([receipt.trim()]);
    let answer = json(&project.evaluate(&[], &request.to_string()).out);
    answer["context"]["reason"]["code"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What was proposed, as a gateway keeps it.
fn proposal(project: &Project) -> Value {
    let answer = json(&project.read("answer.json"));
    let mut proposal = answer["context"]["obligations"][0]["ext"].clone();
    assert!(proposal["binding_s256"].is_string(), "{answer}");
    proposal["audience"] = json!(AUDIENCE);
    proposal["at"] = json!(1_772_000_400);
    proposal
}

fn keep(project: &Project, proposal: &Value) -> String {
    let digest = proposal["binding_s256"].as_str().unwrap();
    let name = format!("proposals/{digest}.json");
    fs::create_dir_all(project.path("proposals")).unwrap();
    fs::create_dir_all(project.path("approvals")).unwrap();
    project.write(&name, proposal.to_string());
    name
}

/// The text behind the marks of its rows.
fn framed(said: &str) -> String {
    let rows = said.lines().filter(|row| row.starts_with("│ "));
    let mut lines: Vec<String> = Vec::new();
    for row in rows {
        assert!(row.chars().count() <= 80, "{row}");
        match (row.strip_prefix("│ … "), lines.last_mut()) {
            (Some(more), Some(line)) => line.push_str(more),
            _ => lines.push(row.replacen("│ ", "", 1)),
        }
    }
    lines.join("\n")
}

fn with_text(proposal: &Value, text: &str) -> Value {
    let mut other = proposal.clone();
    other["display"]["text"] = json!(text);
    other["display"]["text_s256"] = json!(base64url::encode(&Sha256::digest(text)));
    other
}

#[test]
fn a_yes_is_taken_for_exactly_this_call() {
    let project = asked();
    let run = approve(&project, "answer.json", &ANN).expect(0);
    let shown = proposal(&project);
    let text = shown["display"]["text"].as_str().unwrap();
    assert_eq!(framed(&run.err), text);
    // Names that others chose are told from our words.
    let run = run.says("asked is     \"user:ann\"\n");
    let said = claims(&run.out);
    assert_eq!(
        (&said["sub"], &said["aud"], &said["decision"], &said["kind"]),
        (
            &json!("user:ann"),
            &json!(AUDIENCE),
            &json!("approved"),
            &json!("action")
        )
    );
    assert_eq!(
        said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(),
        600
    );
    assert_eq!(executed(&project, "98.70", &run.out), "allowed");
    assert_eq!(executed(&project, "98.71", &run.out), "approval.binding");
}

/// The form of a denial for want of a yes, and of what a decision point says that was put before people.
#[test]
fn every_answer_that_wants_a_yes_is_read() {
    let project = asked();
    let answer = json(&project.read("answer.json"));
    let shown = answer["context"]["obligations"][0]["ext"].clone();
    let mut remedy = shown.clone();
    remedy.as_object_mut().unwrap().remove("approvals");
    let ann = json!(["user:ann"]);
    remedy["steps"] =
        json!([{"type": "step_up", "step_up": "approval", "approvers": ann, "count": 1}]);
    let record = json!({"audience": AUDIENCE});
    let denial = json!({"decision": false, "context": {"remedy": remedy, "record": record}});
    let proposed = json!({"decision": false, "context": {"proposed": shown}});
    for (answer, aud) in [(denial, None), (proposed, Some(AUDIENCE))] {
        project.write("other.json", answer.to_string());
        let aud = aud.map(|aud| ["--aud", aud]);
        let more = [&ANN[..], aud.as_ref().map_or(&[], |aud| &aud[..])].concat();
        let run = approve(&project, "other.json", &more).expect(0);
        assert_eq!(claims(&run.out)["binding_s256"], remedy["binding_s256"]);
        let bob = [&more[2..], &["--sub", "user:bob"]].concat();
        approve(&project, "other.json", &bob)
            .expect(2)
            .says("user:ann");
    }
}

/// Where a login is lacking too, that comes first: the yes would not let the call run.
#[test]
fn nobody_is_asked_for_a_yes_that_is_not_enough() {
    let project = asked();
    let answer = json(&project.read("answer.json"));
    let mut remedy = answer["context"]["obligations"][0]["ext"].clone();
    remedy.as_object_mut().unwrap().remove("approvals");
    let login = json!({"type": "step_up", "step_up": "login", "acr_values": ["urn:acme:loa:2"]});
    let approval =
        json!({"type": "step_up", "step_up": "approval", "approvers": ["user:ann"], "count": 1});
    let bound = json!({"type": "change_request", "argument": "amount"});
    for (steps, says) in [
        (json!([login, approval]), "the call lacks a login, too"),
        (json!([bound, approval]), "the call lacks more than a yes"),
    ] {
        remedy["steps"] = steps;
        let record = json!({"audience": AUDIENCE});
        let denial = json!({"decision": false, "context": {"remedy": remedy, "record": record}});
        project.write("other.json", denial.to_string());
        let run = approve(&project, "other.json", &ANN).expect(3);
        assert_eq!(run.says("approve.steps").says(says).out, "");
    }
}

/// What is said on a terminal, which `script` makes, of the size that `stty` is told; `rest` stands behind the command.
/// `None`: there is no `script`.
#[cfg(unix)]
fn on_terminal(project: &Project, name: &str, size: &str, rest: &str) -> Option<String> {
    let command = format!(
        "'{}' approve {name} --module policy.wasm --key keys/approve.jwk --sub user:ann {rest}",
        env!("CARGO_BIN_EXE_ambit")
    );
    common::on_terminal(&project.path("."), size, "", &command)
}

#[cfg(unix)]
#[test]
fn a_question_that_scrolled_away_is_put_again() {
    let project = asked();
    let shown = proposal(&project);
    let text = shown["display"]["text"].as_str().unwrap();
    let lines = "\n- more".repeat(30);
    let name = keep(&project, &with_text(&shown, &format!("{text}{lines}")));
    let Some(long) = on_terminal(&project, &name, "rows 24 cols 80", "") else {
        return;
    };
    let again = "It begins:\n│ Let Mail assistant pay an invoice: invoice i-1? [moves money]\nSay yes to exactly this?";
    assert!(
        long.contains(again) && long.contains("nothing is signed"),
        "{long}"
    );
}

/// A terminal wraps what is wider than it is, and its rows begin at its edge.
#[cfg(unix)]
#[test]
fn a_terminal_that_would_wrap_the_text_gets_none() {
    let project = asked();
    let shown = proposal(&project);
    let text = shown["display"]["text"].as_str().unwrap();
    let long = format!("{text}\n- note: \"{}\"", "x - amount: 5.00 ".repeat(20));
    let name = keep(&project, &with_text(&shown, &long));
    for size in [
        "rows 24 cols 23",
        "rows 24 cols 0",
        "rows 0 cols 0",
        "rows 0 cols 40",
    ] {
        let Some(said) = on_terminal(&project, &name, size, "") else {
            return;
        };
        assert!(
            said.contains("approve.screen") && said.contains("stty"),
            "{size}: {said}"
        );
        assert!(!said.contains("amount: 5.00"), "{size}: {said}");
        // Whoever says that they have read it elsewhere can sign.
        let said = on_terminal(&project, &name, size, "--yes >/dev/null").unwrap();
        assert!(said.contains("is not shown here"), "{size}: {said}");
        assert!(!said.contains("amount: 5.00"), "{size}: {said}");
    }
    // Through a pipe it is read on the same terminal.
    for rest in ["", "--yes 2>&1 | cat", "--yes 2>&1 </dev/null | cat"] {
        let said = on_terminal(&project, &name, "rows 24 cols 40", rest).unwrap();
        let rows = said.lines().filter(|row| row.contains("5.00"));
        assert!(rows.clone().count() > 8, "{rest}: {said}");
        for row in rows {
            assert!(
                row.starts_with("│ ") && row.chars().count() <= 40,
                "{rest}: {row}"
            );
        }
    }
}

#[test]
fn a_no_denies_the_call() {
    let project = asked();
    // Whoever is not asked can still say no.
    let no = approve(
        &project,
        "answer.json",
        &["--deny", "--sub", "user:bob", "--yes"],
    );
    assert_eq!(
        executed(&project, "98.70", &no.expect(0).out),
        "approval.denied"
    );
}

#[test]
fn a_receipt_is_laid_down_and_the_proposal_is_over() {
    let project = asked();
    let mut two = proposal(&project);
    two["approvals"] = json!([{"approvers": ["user:ann", "user:bob"], "count": 2}]);
    let name = keep(&project, &two);
    let lay = [&ANN[..], &["--approvals", "approvals"]].concat();
    let run = approve(&project, &name, &lay)
        .expect(0)
        .says("2 of \"user:ann\", \"user:bob\"");
    assert_eq!(run.out, "");
    assert!(project.path(&name).exists(), "another yes is still wanted");
    keep(&project, &proposal(&project));
    approve(&project, &name, &lay).expect(0);
    assert!(!project.path(&name).exists());
    let digest = two["binding_s256"].as_str().unwrap();
    let mut receipts = 0;
    for entry in fs::read_dir(project.path("approvals")).unwrap() {
        let entry = entry.unwrap();
        let file = entry.file_name().into_string().unwrap();
        assert!(file.starts_with(digest) && file.ends_with(".jwt"), "{file}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let receipt = fs::read_to_string(entry.path()).unwrap();
        assert_eq!(executed(&project, "98.70", &receipt), "allowed");
        receipts += 1;
    }
    assert_eq!(receipts, 2);
    approve(
        &project,
        "answer.json",
        &[&ANN[..], &["--approvals", "nowhere"]].concat(),
    )
    .expect(3)
    .says("file.missing");
}

#[test]
fn what_was_changed_on_the_way_is_not_signed() {
    let project = asked();
    let whole = proposal(&project);
    let text = whole["display"]["text"].as_str().unwrap();
    let mut other_text = whole.clone();
    other_text["display"]["text"] = json!(text.replace("98.70", "9.87"));
    let mut no_digest = whole.clone();
    no_digest["binding_s256"] = json!("../../x");
    for (code, changed) in [
        ("approve.altered", other_text),
        // Hidden from the eye, and hashed.
        (
            "approve.altered",
            with_text(&whole, &format!("{text}\u{1b}[2J")),
        ),
        (
            "approve.altered",
            with_text(&whole, &format!("{text}\u{202e}")),
        ),
        ("approve.proposal", no_digest),
        (
            "approve.proposal",
            json!({"decision": true, "context": {"obligations": []}}),
        ),
    ] {
        project.write("changed.json", changed.to_string());
        let run = approve(&project, "changed.json", &ANN).says(code);
        assert!(run.code > 1 && run.out.is_empty(), "{run:#?}");
    }
}

#[test]
fn the_request_is_rendered_again() {
    let project = asked();
    let token = project.read("token.jwt");
    let request = |amount: &str, audience: &str| {
        let mut request = json(&pay("execute", amount));
        request["token"] = json!(token.trim());
        let now = json(&project.read("answer.json"))["context"]["record"]["now"].clone();
        request["facts"] = json!({"now": now, "audience": audience});
        project.write("request.json", request.to_string());
    };
    let asked = [&ANN[..], &["--request", "request.json"]].concat();
    request("98.70", AUDIENCE);
    let yes = approve(&project, "answer.json", &asked).expect(0).out;
    assert_eq!(executed(&project, "98.70", &yes), "allowed");
    // A gateway that shows another sum than the one that it asks about, and hashes it well.
    let whole = proposal(&project);
    let text = whole["display"]["text"].as_str().unwrap();
    let cheaper = with_text(&whole, &text.replace("98.70", "9.87"));
    project.write("cheaper.json", cheaper.to_string());
    approve(&project, "cheaper.json", &ANN).expect(0);
    approve(&project, "cheaper.json", &asked)
        .expect(2)
        .says("another `text`");
    request("98.71", AUDIENCE);
    approve(&project, "answer.json", &asked)
        .expect(2)
        .says("another `binding_s256`");
    request("98.705", AUDIENCE);
    approve(&project, "answer.json", &asked)
        .expect(3)
        .says("request.number");
    request("98.70", AUDIENCE);
    let elsewhere = [&asked[..], &["--aud", "https://other.example"]].concat();
    approve(&project, "answer.json", &elsewhere)
        .expect(2)
        .says("approve.audience");
}

#[test]
fn only_the_person_who_is_asked_says_yes() {
    let project = asked();
    let alone = |more: &[&str]| approve(&project, "answer.json", more);
    alone(&["--sub", "user:bob", "--yes"])
        .expect(2)
        .says("approve.person")
        .says("user:ann");
    alone(&["--yes"]).expect(3).says("--sub");
    alone(&["--sub", "user:ann"]).expect(3).says("approve.asks");
    alone(&[&ANN[..], &["--iss", "https://other.example"]].concat())
        .expect(3)
        .says("approve.key");
    let other = [
        "approve",
        "answer.json",
        "--module",
        "policy.wasm",
        "--key",
        "keys/issuer.jwk",
    ];
    project
        .ambit(&[&other[..], &ANN].concat())
        .expect(3)
        .says("approve.key");
    let mut nowhere = proposal(&project);
    nowhere.as_object_mut().unwrap().remove("audience");
    project.write("nowhere.json", nowhere.to_string());
    approve(&project, "nowhere.json", &ANN)
        .expect(3)
        .says("--aud");
    approve(
        &project,
        "nowhere.json",
        &[&ANN[..], &["--aud", AUDIENCE]].concat(),
    )
    .expect(0);
}

#[test]
fn a_yes_to_a_grant_makes_its_token_and_no_other() {
    let project = Project::asking();
    project.write("draft.json", project.draft("payments.json"));
    let describe = ["describe", "--module", "policy.wasm", "draft.json"];
    let less = ["--choose", "no_execute", "-o", "less.json"];
    project.ambit(&[&describe[..], &less].concat()).expect(0);
    let run = approve(&project, "less.json", &ANN).expect(0);
    let said = claims(&run.out);
    let (kind, aud) = (json!("grant"), json!("https://issuer.example"));
    assert_eq!((&said["kind"], &said["aud"]), (&kind, &aud));
    assert_eq!(said["display"]["now"], said["iat"]);
    project.write("receipt.jwt", &run.out);
    project
        .ambit(&MINT_AGREED)
        .expect(3)
        .says("approval.binding");
    let mut agreed = MINT_AGREED;
    agreed[6] = "less.json";
    project.write("token.jwt", project.ambit(&agreed).expect(0).out);
    project.evaluate(&[], &pay("propose", "5")).expect(0);
    // Whoever makes the token would not take it: nothing is signed.
    let bob = ["--sub", "user:bob", "--yes"];
    let run = approve(&project, "draft.json", &bob).expect(2);
    assert_eq!(run.says("approval.approver").out, "");
    let german = [&ANN[..], &["--locale", "de"]].concat();
    approve(&project, "draft.json", &german)
        .expect(0)
        .says("Rechnungen bezahlen: beliebige");
    // Without the word nobody can be asked.
    project.edit("schema.cedarschema", "    @label_de(\"Betrag\")\n", "");
    project
        .ambit(&["build", ".", "-o", "wordless.wasm"])
        .expect(0);
    let wordless = [
        "approve",
        "draft.json",
        "--module",
        "wordless.wasm",
        "--key",
        "keys/approve.jwk",
    ];
    project
        .ambit(&[&wordless[..], &german].concat())
        .expect(3)
        .says("describe.no_text");
    let call = [&ANN[..], &["--approvals", "."]].concat();
    approve(&project, "draft.json", &call)
        .expect(3)
        .says("approve.grant");
}

#[test]
fn an_enrolled_key_signs_for_its_person_alone() {
    let project = asked();
    project.add_enroller();
    let enrol = [
        "enrol",
        "--module",
        "enrolling.wasm",
        "--key",
        "keys/enrol.jwk",
        "--iss",
        "https://enrol.example",
        "--sub",
        "user:ann",
        "--device",
        "phone.pub.jwk",
    ];
    project.write("enrolment.jwt", project.ambit(&enrol).expect(0).out);
    let phone = [
        "approve",
        "answer.json",
        "--module",
        "enrolling.wasm",
        "--key",
        "phone.jwk",
    ];
    project
        .ambit(&[&phone[..], &["--yes"]].concat())
        .expect(3)
        .says("approve.key");
    let enrolled = [&phone[..], &["--enrolment", "enrolment.jwt", "--yes"]].concat();
    let receipt = project.ambit(&enrolled).expect(0).out;
    let said = claims(&receipt);
    assert_eq!(
        (&said["iss"], &said["sub"]),
        (&json!("https://enrol.example"), &json!("user:ann"))
    );
    let for_bob = [&enrolled[..], &["--deny", "--sub", "user:bob"]].concat();
    project.ambit(&for_bob).expect(3).says("approval.key_role");
    let mut other = enrolled.clone();
    other[5] = "keys/ann.jwk";
    project.ambit(&other).expect(3).says("another key");
}
