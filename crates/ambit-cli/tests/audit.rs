//! The audit log, from `evaluate` to a proof.

mod common;

use common::{Project, email};

const BEN: &str = "ben@customer.example";

/// A project whose log has an allow, a denial, and something that is no request.
fn logged() -> Project {
    let project = Project::granted();
    let made = project.ambit(&[
        "keygen",
        "-o",
        "keys/audit.jwk",
        "--kid",
        "mail.example/audit",
    ]);
    project.write("audit.pub.jwk", made.expect(0).out);
    for (code, request) in [
        (0, email("draft", BEN)),
        (2, email("execute", BEN)),
        (2, "{".to_owned()),
    ] {
        project
            .evaluate(
                &["--log", "audit.jsonl", "--log-key", "keys/audit.jwk"],
                &request,
            )
            .expect(code);
    }
    project
}

const VERIFY: [&str; 5] = ["audit", "verify", "audit.jsonl", "--key", "audit.pub.jwk"];

#[test]
fn decisions_are_written_and_shown() {
    let project = logged();
    let shown = project
        .ambit(&["audit", "show", "audit.jsonl"])
        .expect(0)
        .out;
    assert_eq!(shown.lines().count(), 3, "{shown}");
    for words in [
        "allowed",
        "capability.power",
        "request.syntax",
        "draft email on Contact c-7",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    let denied = project
        .ambit(&["audit", "show", "audit.jsonl", "--denied"])
        .expect(0)
        .out;
    assert_eq!(denied.lines().count(), 2, "{denied}");
    let second = project
        .ambit(&["audit", "show", "audit.jsonl", "--line", "2"])
        .expect(0)
        .out;
    assert!(second.starts_with(r#"{"specversion":"1.0","id":"2","source":"mail.example/audit""#));
    project
        .ambit(&["audit", "show", "audit.jsonl", "--line", "4"])
        .expect(3)
        .says("audit.line");
}

#[test]
fn a_log_is_verified_and_a_line_proved() {
    let project = logged();
    assert!(project.ambit(&VERIFY).expect(0).out.contains("verified"));
    let json = project
        .ambit(&[&VERIFY[..], &["--json"]].concat())
        .expect(0)
        .out;
    let facts: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&facts["verified"], &facts["lines"]),
        (&true.into(), &3.into())
    );
    let vkey = facts["vkey"].as_str().unwrap();
    project
        .ambit(&["audit", "verify", "audit.jsonl", "--key", vkey])
        .expect(0);

    let second = project
        .ambit(&["audit", "show", "audit.jsonl", "--line", "2"])
        .expect(0)
        .out;
    let proof = project
        .ambit(&[
            "audit",
            "prove",
            "audit.jsonl",
            "--key",
            vkey,
            "--line",
            "2",
        ])
        .expect(0)
        .out;
    let check = ["audit", "verify", "--proof", "-", "--key", "audit.pub.jwk"];
    assert_eq!(
        project.ambit_with(&check, proof.as_bytes()).expect(0).out,
        second
    );
    let forged = proof.replace("capability.power", "capability.pöwer");
    project
        .ambit_with(&check, forged.as_bytes())
        .expect(2)
        .says("audit.proof");
}

/// Without the key: the last line is rewritten, and its checkpoint dropped; then the service starts
/// again.
#[test]
fn lines_that_were_signed_late_are_named() {
    let project = logged();
    let (log, notes) = (
        project.read("audit.jsonl"),
        project.read("audit.jsonl.checkpoints"),
    );
    let ends: Vec<usize> = notes.match_indices("\n\n").map(|(at, _)| at + 2).collect();
    project.write("kept.note", &notes[ends[1]..ends[3]]);
    project.write("audit.jsonl.checkpoints", &notes[..ends[3]]);
    let forged = log.replace("request.syntax", "request.member");
    // Its digest would show it, so the record goes.
    let mut last: serde_json::Value = serde_json::from_str(forged.lines().last().unwrap()).unwrap();
    last["data"]["unmapped"]
        .as_object_mut()
        .unwrap()
        .remove("record");
    let first: Vec<&str> = forged.lines().take(2).collect();
    project.write("audit.jsonl", format!("{}\n{last}\n", first.join("\n")));
    project.ambit(&VERIFY).expect(2).says("audit.unsigned");
    let log = ["--log", "audit.jsonl", "--log-key", "keys/audit.jwk"];
    project.evaluate(&log, &email("draft", BEN)).expect(0);
    let told = project.ambit(&VERIFY).expect(5).out;
    assert!(
        told.contains("line 3 was found without a checkpoint"),
        "{told}"
    );
    let json = project
        .ambit(&[&VERIFY[..], &["--json"]].concat())
        .expect(5)
        .out;
    let facts: serde_json::Value = serde_json::from_str(&json).unwrap();
    let late = serde_json::json!([{"from": 3, "to": 3, "said_by": 4}]);
    assert_eq!((&facts["late"], &facts["lines"]), (&late, &5.into()));
    let kept = ["--checkpoint", "kept.note"];
    project.ambit(&[&VERIFY[..], &kept].concat()).expect(5);
    let prove = [
        "audit",
        "prove",
        "audit.jsonl",
        "--key",
        "audit.pub.jwk",
        "--line",
        "3",
    ];
    project.ambit(&prove).expect(2).says("audit.late");
}

#[test]
fn an_emptied_log_does_not_verify() {
    let project = logged();
    let at_least = |lines: &str| project.ambit(&[&VERIFY[..], &["--at-least", lines]].concat());
    let out = project.ambit(&VERIFY).expect(0).out;
    assert!(
        out.contains("--at-least"),
        "it says what was not checked: {out}"
    );
    let out = at_least("3").expect(0).out;
    assert!(!out.contains("--at-least"), "{out}");
    at_least("4").expect(2).says("audit.missing");
    for file in ["audit.jsonl", "audit.jsonl.checkpoints"] {
        project.write(file, "");
    }
    project.ambit(&VERIFY).expect(2).says("audit.missing");
    at_least("1").expect(2).says("audit.missing");
    at_least("0").expect(0);
    std::fs::remove_file(project.path("audit.jsonl")).unwrap();
    project.ambit(&VERIFY).expect(3);
    at_least("0").expect(3);
}

/// Whatever is asked leaves a line, however long it is and whatever it looks like.
#[test]
fn every_request_leaves_a_line() {
    let project = logged();
    let log = ["--log", "audit.jsonl", "--log-key", "keys/audit.jwk"];
    // Twice in a line, it does not fit; it comes with a token and facts of its own.
    let own = r#"{"token":"x","facts":{"now":1772000400,"audience":"https://mail.example"},"#;
    let long = email("execute", BEN).replacen('{', own, 1);
    let long = long.replace("c-7", &"R".repeat(262_144 - long.len()));
    let plain = [
        "evaluate",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
    ];
    project
        .ambit_with(&[&plain[..], &log].concat(), long.as_bytes())
        .expect(2);
    assert_eq!(project.read("audit.jsonl").lines().count(), 4);
    let requests = [
        "x".repeat(300_000),
        String::new(),
        "[1,2".to_owned(),
        "{\"a\":\"\u{1}\"}".to_owned(),
        "{\"token\":1.5}".to_owned(),
    ];
    for (number, request) in (5..).zip(&requests) {
        project.evaluate(&log, request).expect(2);
        assert_eq!(project.read("audit.jsonl").lines().count(), number);
    }
    let shown = project
        .ambit(&["audit", "show", "audit.jsonl", "--line", "4"])
        .expect(0)
        .out;
    assert!(
        shown.contains("record_s256") && shown.len() < 4000,
        "{shown}"
    );
    project.ambit(&VERIFY).expect(0);
}

#[test]
fn a_log_has_no_secrets() {
    let project = logged();
    let log = project.read("audit.jsonl");
    let token = project.read("token.jwt");
    for part in token.trim().split(['.', '~']) {
        assert!(!log.contains(part), "a part of the token is in the log");
    }
    assert!(!log.contains(BEN), "an argument is in the log");
    let key: serde_json::Value = serde_json::from_str(&project.read("keys/audit.jwk")).unwrap();
    assert!(!log.contains(key["d"].as_str().unwrap()));
}

#[test]
fn what_was_changed_is_named() {
    let project = logged();
    let whole = project.read("audit.jsonl");
    project.edit("audit.jsonl", "capability.power", "capability.p0wer");
    project
        .ambit(&VERIFY)
        .expect(2)
        .says("audit.changed")
        .says("line 2 ");
    project
        .ambit(&["audit", "show", "audit.jsonl"])
        .expect(2)
        .says("line 2 ");
    let more = ["--log", "audit.jsonl", "--log-key", "keys/audit.jwk"];
    let refused = project
        .evaluate(&more, &email("draft", BEN))
        .expect(2)
        .says("audit.changed");
    assert!(refused.out.is_empty(), "an answer without its record");

    // Half a line, as after a crash: told, and mended by the next writer.
    project.write("audit.jsonl", format!("{whole}{}", &whole[..200]));
    assert!(project.ambit(&VERIFY).expect(0).out.contains("torn"));
    project.evaluate(&more, &email("draft", BEN)).expect(0);
    let shown = project
        .ambit(&["audit", "show", "audit.jsonl"])
        .expect(0)
        .out;
    assert!(shown.contains("was taken out"), "{shown}");
    project.ambit(&VERIFY).expect(0);

    // Cut back together with its checkpoints: only one kept elsewhere shows it.
    let notes = project.read("audit.jsonl.checkpoints");
    let kept = notes
        .trim_end()
        .rsplit_once("\n\n")
        .unwrap()
        .0
        .rsplit_once("\n\n")
        .unwrap()
        .1
        .to_owned();
    let last = notes.trim_end().rsplit_once("\n\nmail").unwrap().1;
    project.write("kept", format!("mail{last}\n"));
    let compare = [&VERIFY[..], &["--checkpoint", "kept"]].concat();
    project.ambit(&compare).expect(0);
    assert!(!kept.is_empty());
    project.write("audit.jsonl", &whole);
    let three: Vec<&str> = notes.split_inclusive("\n\n").take(6).collect();
    project.write("audit.jsonl.checkpoints", three.concat());
    project.ambit(&VERIFY).expect(0);
    project.ambit(&compare).expect(2).says("audit.changed");
}

#[test]
fn a_log_needs_its_key_and_its_name() {
    let project = logged();
    project
        .evaluate(&["--log", "audit.jsonl"], &email("draft", BEN))
        .expect(3);
    project
        .ambit(&["audit", "verify", "audit.jsonl", "--key", "keys/issuer.jwk"])
        .expect(2)
        .says("audit.checkpoint");
    project
        .ambit(&[&VERIFY[..], &["--name", "other"]].concat())
        .expect(2)
        .says("audit.checkpoint");
    project
        .ambit(&[&VERIFY[..], &["--name", "a b"]].concat())
        .expect(3)
        .says("audit.name");
    project
        .ambit(&["audit", "verify", "none.jsonl", "--key", "audit.pub.jwk"])
        .expect(3)
        .says("file.missing");
    project
        .ambit(&["audit", "verify", "--key", "audit.pub.jwk"])
        .expect(3);
    for code in ["audit.changed", "ledger.repeated"] {
        project.ambit(&["explain", code]).expect(0);
    }
}
