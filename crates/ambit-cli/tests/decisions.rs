//! From a new project to decisions.

mod common;

use common::{Project, ambit_in, email, pay};

const BEN: &str = "ben@customer.example";

fn code_of(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).expect("an answer is JSON");
    answer["context"]["reason"]["code"]
        .as_str()
        .expect("a code")
        .to_owned()
}

#[test]
fn the_commands_that_init_prints_work_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    let said = ambit_in(folder.path(), &["init", "my project"], b"")
        .expect(0)
        .err;
    let lines = said
        .lines()
        .filter(|line| line.starts_with("  ") && !line.trim_start().starts_with('#'));
    let script: Vec<&str> = lines.map(str::trim).collect();
    assert_eq!(script.len(), 7, "{said}");
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_ambit"))
        .parent()
        .unwrap();
    let output = std::process::Command::new("sh")
        .args(["-ec", &script.join("\n")])
        .current_dir(folder.path())
        .env(
            "PATH",
            format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()),
        )
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{answer} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The last command's; those before it say what they found.
    let answer = answer.lines().last().unwrap_or_default();
    assert_eq!(code_of(answer), "allowed");
}

#[test]
fn both_engines_give_the_same_bytes_and_exit_codes() {
    let project = Project::granted();
    let cases = [
        (0, "allowed", email("draft", BEN)),
        (2, "capability.power", email("execute", BEN)),
        (
            2,
            "manifest.constraint",
            email("draft", "eve@attacker.example"),
        ),
        (2, "request.syntax", "{\"evaluation\":".to_owned()),
        (2, "request.syntax", String::new()),
        (0, "allowed", pay("propose", "98.70")),
        (2, "constraint.range", pay("propose", "200.01")),
        (2, "request.number", pay("propose", "98.705")),
        (4, "approval.required", pay("execute", "98.70")),
    ];
    for (code, reason, request) in cases {
        let now = ["--now", &time_of(&project)];
        let wasm = project
            .evaluate(&[&now[..], &["--engine", "wasmtime"]].concat(), &request)
            .expect(code);
        let native = project
            .evaluate(&[&now[..], &["--engine", "native"]].concat(), &request)
            .expect(code);
        assert_eq!(wasm.out, native.out);
        assert_eq!(wasm.out.lines().count(), 1);
        assert_eq!(code_of(&wasm.out), reason, "{}", wasm.out);
    }
}

/// A time at which the token is valid, the same for every run.
fn time_of(project: &Project) -> String {
    let token = project
        .ambit(&["inspect", "token.jwt", "--json"])
        .expect(0)
        .out;
    let token: serde_json::Value = serde_json::from_str(&token).unwrap();
    token["blocks"][0]["claims"]["iat"].to_string()
}

#[test]
fn a_narrower_token_allows_less() {
    let project = Project::granted();
    let made = project.ambit(&["keygen", "-o", "keys/sub.jwk"]).expect(0);
    project.write("keys/sub.pub.jwk", made.out);
    let arguments = [
        "attenuate",
        "--token",
        "token.jwt",
        "--key",
        "keys/agent.jwk",
    ];
    let more = ["--holder", "keys/sub.pub.jwk", "--claims", "narrower.json"];
    let narrower = project
        .ambit(&[&arguments[..], &more].concat())
        .expect(0)
        .out;
    assert_eq!(narrower.matches('~').count(), 1);
    project.write("token.jwt", &narrower);
    project.evaluate(&[], &email("draft", BEN)).expect(0);
    let denied = project
        .evaluate(&[], &email("draft", "ann@customer.example"))
        .expect(2);
    assert_eq!(code_of(&denied.out), "constraint.exact");
    let denied = project.evaluate(&[], &pay("propose", "1")).expect(2);
    assert_eq!(code_of(&denied.out), "capability.none");
}

#[test]
fn another_holder_cannot_pass_a_token_on() {
    let project = Project::granted();
    let arguments = [
        "attenuate",
        "--token",
        "token.jwt",
        "--key",
        "keys/issuer.jwk",
    ];
    let more = [
        "--holder",
        "keys/agent.pub.jwk",
        "--claims",
        "narrower.json",
    ];
    let run = project.ambit(&[&arguments[..], &more].concat()).expect(3);
    assert_eq!(run.out, "");
}

#[test]
fn a_request_cannot_bring_its_own_facts_when_they_are_supplied() {
    let project = Project::granted();
    let request = email("draft", BEN).replacen(
        '{',
        r#"{"facts":{"now":1,"audience":"https://mail.example"},"#,
        1,
    );
    let run = project.evaluate(&[], &request).expect(2);
    assert_eq!(code_of(&run.out), "request.syntax");
}

#[test]
fn a_batch_answers_every_line_in_order() {
    let project = Project::granted();
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(300 * 1024));
    let lines = [
        email("draft", BEN),
        "nonsense".to_owned(),
        String::new(),
        long,
        email("execute", BEN),
        pay("execute", "5"),
        r#"["not an object"]"#.to_owned(),
        pay("propose", "5"),
    ];
    project.write("requests.jsonl", lines.join("\n"));
    let reasons = [
        "allowed",
        "request.syntax",
        "request.syntax",
        "request.size",
        "capability.power",
        "approval.required",
        "request.member",
        "allowed",
    ];
    let now = time_of(&project);
    let wasm = project
        .evaluate(&["--batch", "requests.jsonl", "--now", &now], "")
        .expect(0);
    let codes: Vec<String> = wasm.out.lines().map(code_of).collect();
    assert_eq!(codes, reasons);
    let native = ["--batch", "-", "--now", &now, "--engine", "native"];
    let native = project.evaluate(&native, &lines.join("\n")).expect(0);
    assert_eq!(native.out, wasm.out);
}

#[test]
fn a_request_that_is_too_large_is_denied() {
    let project = Project::granted();
    let run = project.evaluate(&[], &"x".repeat(300 * 1024)).expect(2);
    assert_eq!(code_of(&run.out), "request.size");
}

#[test]
fn an_empty_batch_has_no_answers() {
    let project = Project::granted();
    let run = project.evaluate(&["--batch", "-"], "").expect(0);
    assert_eq!(run.out, "");
}

#[test]
fn a_whole_request_needs_no_options() {
    let project = Project::granted();
    let token = project.read("token.jwt");
    let facts = format!(
        r#"{{"token":"{}","facts":{{"now":{},"audience":"https://mail.example"}},"#,
        token.trim(),
        time_of(&project)
    );
    let request = email("draft", BEN).replacen('{', &facts, 1);
    let arguments = [
        "evaluate",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
    ];
    let run = project.ambit_with(&arguments, request.as_bytes()).expect(0);
    assert_eq!(code_of(&run.out), "allowed");
    let run = project
        .ambit_with(&arguments, email("draft", BEN).as_bytes())
        .expect(2);
    assert!(
        ["facts.missing", "request.member", "token.missing"].contains(&code_of(&run.out).as_str()),
        "{}",
        run.out
    );
}

#[test]
fn explain_tells_an_answer_in_words() {
    let project = Project::granted();
    let answer = project.evaluate(&[], &pay("propose", "300")).expect(2).out;
    let told = project
        .ambit_with(&["explain"], answer.as_bytes())
        .expect(0)
        .out;
    for words in [
        "denied",
        "constraint.range",
        "300.00",
        "200.00",
        "what to do",
    ] {
        assert!(told.contains(words), "`{words}` is not in {told}");
    }
    let tell = |more: &[&str]| {
        let answer = project
            .evaluate(more, &pay("execute", "98.70"))
            .expect(4)
            .out;
        let told = project.ambit_with(&["explain"], answer.as_bytes());
        told.expect(0).out
    };
    let told = tell(&[]);
    for words in [
        "approval.required",
        "What they are shown",
        "Let ",
        "98.70",
        "\n  - binding_s256: ",
    ] {
        assert!(told.contains(words), "`{words}` is not in {told}");
    }
    let told = tell(&["--locale", "de"]);
    for words in ["Darf ", "98,70", "Einzelheiten"] {
        assert!(told.contains(words), "`{words}` is not in {told}");
    }
    project.ambit(&["explain", "constraint.range"]).expect(0);
    project.ambit(&["explain", "--list"]).expect(0);
    project
        .ambit(&["explain", "constraint.rnge"])
        .expect(3)
        .says("constraint.range");
    project.ambit_with(&["explain"], b"{}").expect(3);
}

/// The project, built and signed with one more key, which signs epochs.
fn revoker(project: &Project, iss: &str) -> ambit_compiler::keys::SecretKey {
    project
        .ambit(&["keygen", "-o", "keys/revoke.jwk"])
        .expect(0);
    let key = ambit_compiler::keys::load(&project.path("keys/revoke.jwk")).unwrap();
    let (kid, x) = (key.kid(), key.x());
    let row = format!(
        "\n[[keys]]\niss = \"{iss}\"\nkid = \"{kid}\"\nalg = \"Ed25519\"\nsigns = \"revocation-epochs+jwt\"\nx = \"{x}\"\n"
    );
    project.write("ambit.toml", project.read("ambit.toml") + &row);
    project
        .ambit(&["build", ".", "-o", "policy.wasm"])
        .expect(0);
    project
        .ambit(&["sign", "policy.wasm", "--key", "keys/module.jwk"])
        .expect(0);
    key
}

/// With `--seen`, a list of epochs that was heard once must be heard again, whatever came of it.
#[test]
fn epochs_that_were_seen_are_remembered() {
    let project = Project::fresh();
    let iss = "https://revoke.example";
    let key = revoker(&project, iss);
    let kid = key.kid();
    project.write("token.jwt", project.mint(&[]));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let list = |version: u64, entries: &str| {
        let encode = |text: String| ambit_token::base64url::encode(text.as_bytes());
        let header = format!(r#"{{"alg":"Ed25519","kid":"{kid}","typ":"revocation-epochs+jwt"}}"#);
        let claims = format!(
            r#"{{"iss":"{iss}","iat":{},"exp":{},"version":{version},"entries":[{entries}]}}"#,
            now - 10,
            now + 900
        );
        let input = format!("{}.{}", encode(header), encode(claims));
        let signature = ambit_token::base64url::encode(&key.sign(input.as_bytes()));
        format!("{input}.{signature}")
    };
    let ask = |lists: &[String]| {
        let statements = serde_json::to_string(lists).unwrap();
        let request = email("draft", BEN);
        let request = request.replacen('{', &format!("{{\"statements\":{statements},"), 1);
        code_of(&project.evaluate(&["--seen", "seen.json"], &request).out)
    };
    assert_eq!(ask(&[]), "allowed");
    let revokes = r#"{"selector":{"sub":"user:ann"},"all":true}"#;
    assert_eq!(ask(&[list(7, revokes)]), "revocation.revoked");
    assert_eq!(ask(&[list(6, "")]), "revocation.rollback");
    assert_eq!(ask(&[]), "revocation.missing");
    assert_eq!(ask(&[list(8, "")]), "allowed");
    assert_eq!(ask(&[list(7, "")]), "revocation.rollback");
    // A request that brings facts of its own is held against the file afterwards.
    let facts = format!(
        r#"{{"facts":{{"now":{now},"audience":"https://mail.example"}},"token":"{}","#,
        project.read("token.jwt").trim()
    );
    let request = email("draft", BEN).replacen('{', &facts, 1);
    let evaluate = [
        "evaluate",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
    ];
    let own = |more: &[&str]| {
        let run = project.ambit_with(&[&evaluate[..], more].concat(), request.as_bytes());
        code_of(&run.out)
    };
    assert_eq!(own(&[]), "allowed");
    assert_eq!(own(&["--seen", "seen.json"]), "obligation.failed");
    // A memory that cannot be read or written gives no answer.
    project.write("broken.json", "{}");
    let run = project.evaluate(&["--seen", "broken.json"], &email("draft", BEN));
    assert_eq!(run.expect(3).says("module.store").out, "");
}

#[test]
fn hours_are_told_by_the_zone_that_the_policy_names() {
    let project = Project::fresh();
    let purpose = "purpose = \"customer-care\"";
    let hours = |zone: &str, days: &str| {
        format!(
            "{purpose}\nhours = {{ days = [{days}], from = \"00:00\", to = \"24:00\", zone = \"{zone}\" }}"
        )
    };
    let file = "agents/assistant.toml";
    let manifest = project.read(file);
    // A Wednesday, ten minutes before midnight in Berlin.
    let now = ["--now", "2026-07-01T21:50:00Z"];
    let later = ["--now", "2026-07-01T22:10:00Z"];
    let issued = ["--issued", "2026-07-01T00:00:00Z"];
    for (zone, at, code) in [
        ("Europe/Berlin", now, "allowed"),
        ("Europe/Berlin", later, "manifest.hours"),
        ("UTC", later, "allowed"),
        ("Europe/Berln", now, "facts.missing"),
    ] {
        project.write(file, manifest.replace(purpose, &hours(zone, "\"wed\"")));
        let build = ["build", ".", "-o", "policy.wasm"];
        project.ambit(&[&build[..], &issued].concat()).expect(0);
        project
            .ambit(&["sign", "policy.wasm", "--key", "keys/module.jwk"])
            .expect(0);
        project.write("token.jwt", project.mint(&at));
        let run = project.evaluate(&at, &email("draft", BEN));
        assert_eq!(code_of(&run.out), code, "{zone}: {run:#?}");
    }
}
