//! Private keys stay private; tokens say what they allow before they are signed.

mod common;

use common::{Project, ambit_in};
use serde_json::Value;

#[test]
fn private_keys_are_for_their_owner_alone() {
    let project = Project::fresh();
    for key in ["issuer", "module", "agent"] {
        check_mode(&project, &format!("keys/{key}.jwk"), 0o600);
    }
    project
        .ambit(&["keygen", "-o", "new.jwk", "--kid", "new-1"])
        .expect(0);
    check_mode(&project, "new.jwk", 0o600);
}

#[cfg(unix)]
fn check_mode(project: &Project, name: &str, wanted: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(project.path(name))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, wanted, "{name}");
}

#[cfg(not(unix))]
fn check_mode(_project: &Project, _name: &str, _wanted: u32) {}

#[cfg(unix)]
#[test]
fn a_private_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::signed();
    for key in ["keys/issuer.jwk", "keys/module.jwk"] {
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(project.path(key), open).unwrap();
    }
    project
        .ambit(&["sign", "policy.wasm", "--key", "keys/module.jwk"])
        .expect(3)
        .says("chmod 600");
    let mint = [
        "mint",
        "--module",
        "policy.wasm",
        "--key",
        "keys/issuer.jwk",
        "--claims",
        "grant.json",
    ];
    let run = project
        .ambit(&[&mint[..], &["--holder", "keys/agent.pub.jwk"]].concat())
        .expect(3)
        .says("key.mode");
    assert_eq!(run.out, "");
}

#[test]
fn no_private_key_is_ever_printed() {
    let project = Project::granted();
    let private: Value = serde_json::from_str(&project.read("keys/issuer.jwk")).unwrap();
    let secret = private["d"].as_str().unwrap();
    let runs = [
        project
            .ambit(&["keygen", "-o", "keys/issuer.jwk"])
            .expect(3)
            .says("key.exists"),
        project.ambit(&["inspect", "keys/issuer.jwk"]).expect(3),
        project
            .ambit(&["verify", "policy.wasm", "--trust", "keys/issuer.jwk"])
            .expect(3),
        project
            .ambit(&[
                "mint",
                "--module",
                "policy.wasm",
                "--key",
                "keys/issuer.jwk",
                "--claims",
                "keys/issuer.jwk",
            ])
            .expect(3),
    ];
    for run in runs {
        assert!(
            !run.out.contains(secret) && !run.err.contains(secret),
            "{run:#?}"
        );
    }
    assert_eq!(
        serde_json::from_str::<Value>(&project.read("keys/issuer.jwk")).unwrap(),
        private
    );
}

#[test]
fn keygen_prints_the_public_key_in_three_ways() {
    let project = Project::fresh();
    let jwk = project
        .ambit(&["keygen", "-o", "a.jwk", "--kid", "a-1"])
        .expect(0)
        .out;
    let jwk: Value = serde_json::from_str(&jwk).unwrap();
    assert_eq!(jwk["kid"], "a-1");
    assert!(jwk.get("d").is_none());
    let toml = [
        "keygen",
        "-o",
        "b.jwk",
        "--kid",
        "b-1",
        "--toml",
        "--iss",
        "https://other.example",
    ];
    let table = project.ambit(&toml).expect(0).out;
    project.write(
        "ambit.toml",
        format!("{}\n{table}", project.read("ambit.toml")),
    );
    project
        .ambit(&["build", ".", "-o", "policy.wasm"])
        .expect(0);
    project
        .ambit(&[
            "keygen",
            "-o",
            "c.jwk",
            "--kid",
            "c-1",
            "--trust",
            "keys.json",
        ])
        .expect(0);
    project
        .ambit(&["sign", "policy.wasm", "--key", "c.jwk"])
        .expect(0);
    project
        .ambit(&["verify", "policy.wasm", "--trust", "keys.json"])
        .expect(0);
    project
        .ambit(&[
            "keygen",
            "-o",
            "d.jwk",
            "--kid",
            "c-1",
            "--trust",
            "keys.json",
        ])
        .expect(3);
    assert!(!project.path("d.jwk").exists());
}

#[test]
fn init_overwrites_nothing() {
    let project = Project::fresh();
    let issuer = project.read("keys/issuer.jwk");
    project
        .ambit(&["init", "."])
        .expect(3)
        .says("never overwritten");
    assert_eq!(project.read("keys/issuer.jwk"), issuer);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("request.json"), "mine").unwrap();
    ambit_in(folder.path(), &["init", "."], b"")
        .expect(3)
        .says("request.json");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// The rest of it, up to a token, is played in `tests/patterns/first.test.mjs`.
#[test]
fn a_project_with_a_broker_is_checked_tested_built_signed_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &str| ambit_in(folder.path(), &words.split(' ').collect::<Vec<_>>(), b"");
    let told = run("init . --broker").expect(0).err;
    for next in ["ambit serve broker.toml", "--invite user:ann", "agent.py"] {
        assert!(told.contains(next), "{next}: {told}");
    }
    for name in ["agent.py", "ambit.toml", "broker.toml"] {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(
            !text.contains("{{") && !text.contains("issuer.example"),
            "{name}: {text}"
        );
    }
    run("check").expect(0);
    // The policy wants a list of what was revoked with every request, and the runner brings one.
    run("test").expect(0);
    run("build . -o policy.wasm --key keys/module.jwk").expect(0);
    run("verify policy.wasm --trust keys.json").expect(0);
    // For trying: what is unsafe is said, and nothing else is.
    let found = run("serve broker.toml --module policy.wasm --trust keys.json --check");
    let found = found.expect(2).err;
    assert!(found.contains("broker.issuer"), "{found}");
    assert!(!found.contains("broker.epochs"), "{found}");
    let again = run("init . --broker").expect(3);
    again.says("never overwritten");
}

#[test]
fn build_signs_with_a_private_key_or_writes_nothing() {
    let project = Project::fresh();
    let build = |key: &str| project.ambit(&["build", ".", "-o", "new.wasm", "--key", key]);
    build("keys/none.jwk").expect(3).says("key.file");
    build("keys/agent.pub.jwk").expect(3);
    assert!(!project.path("new.wasm").exists());
    build("keys/module.jwk")
        .expect(0)
        .says("signed new.wasm with module-1");
    project
        .ambit(&["verify", "new.wasm", "--trust", "keys.json"])
        .expect(0);
}

#[test]
fn mint_says_what_the_token_will_allow() {
    let project = Project::signed();
    let mint = [
        "mint",
        "--module",
        "policy.wasm",
        "--key",
        "keys/issuer.jwk",
        "--claims",
        "-",
    ];
    let claims = project.read("grant.json");
    let run = project
        .ambit_with(
            &[&mint[..], &["--holder", "keys/agent.pub.jwk"]].concat(),
            claims.as_bytes(),
        )
        .expect(0);
    for words in ["Draft e-mail", "customer.example", "user:ann"] {
        assert!(run.err.contains(words), "`{words}` is not in {}", run.err);
    }
    project.write("token.jwt", &run.out);
    let page = project
        .ambit(&["inspect", "token.jwt", "--module", "policy.wasm"])
        .expect(0)
        .out;
    for words in ["not verified", "Draft e-mail", "user:ann"] {
        assert!(page.contains(words), "`{words}` is not in {page}");
    }
}

#[test]
fn claims_that_the_evaluator_would_refuse_are_not_signed() {
    let project = Project::signed();
    project.edit(
        "grant.json",
        "\"sub\": \"user:ann\",",
        "\"sub\": \"user:ann\", \"admin\": true,",
    );
    let mint = [
        "mint",
        "--module",
        "policy.wasm",
        "--key",
        "keys/issuer.jwk",
        "--claims",
        "grant.json",
    ];
    let run = project
        .ambit(&[&mint[..], &["--holder", "keys/agent.pub.jwk"]].concat())
        .expect(3);
    assert_eq!(run.out, "");
    assert!(run.err.contains("admin"), "{}", run.err);
}

#[test]
fn a_wrong_command_line_is_not_a_denial() {
    let project = Project::fresh();
    project.ambit(&[]).expect(3);
    project.ambit(&["evaluate"]).expect(3);
    project.ambit(&["no-such-command"]).expect(3);
    project.ambit(&["evaluate", "--engine", "jit"]).expect(3);
    project.ambit(&["--help"]).expect(0);
    project.ambit(&["--version"]).expect(0);
    for command in [
        "init",
        "keygen",
        "build",
        "sign",
        "verify",
        "inspect",
        "mint",
        "attenuate",
        "evaluate",
        "explain",
    ] {
        let help = project.ambit(&[command, "--help"]).expect(0).out;
        assert!(
            help.contains("Example"),
            "`{command} --help` has no example"
        );
    }
}

#[test]
fn claims_can_be_options() {
    let project = Project::signed();
    let capability = r#"{"actions":["email"],"privileges":["draft"],"datatypes":["Contact"],"purpose":"customer-care","constraints":{"to":{"constraint_type":"wildcard"}}}"#;
    let keys = [
        "mint",
        "--project",
        ".",
        "--key",
        "keys/issuer.jwk",
        "--holder",
        "keys/agent.pub.jwk",
    ];
    let claims = [
        "--sub",
        "user:ann",
        "--aud",
        "https://mail.example",
        "--agent",
        "assistant",
    ];
    let more = [
        "--act",
        "https://agents.example/1",
        "--life",
        "5m",
        "--capability",
        capability,
    ];
    let whole = [&keys[..], &claims, &more].concat();
    let token = project.ambit(&whole).expect(0).out;
    project.write("token.jwt", &token);
    project
        .evaluate(&[], &common::email("draft", "a@b.example"))
        .expect(2);
    project
        .evaluate(&[], &common::email("draft", "a@customer.example"))
        .expect(0);
    project
        .ambit(&[&whole[..], &["--life", "2h"]].concat())
        .expect(3);
    project
        .ambit(&[&keys[..], &claims, &["--claims", "grant.json"]].concat())
        .expect(3)
        .says("mint.twice");
    let trusted = [
        "mint",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--key",
        "keys/issuer.jwk",
    ];
    let trusted = [
        &trusted[..],
        &["--holder", "keys/agent.pub.jwk", "--claims", "grant.json"],
    ]
    .concat();
    project.ambit(&trusted).expect(0);
    std::fs::remove_file(project.path("policy.wasm.dsse.json")).unwrap();
    project.ambit(&trusted).expect(3).says("module.unsigned");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_fails_is_a_failed_tool() {
    let project = Project::granted();
    let full = || {
        std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let arguments = [
        "evaluate",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--batch",
        "request.json",
    ];
    for arguments in [
        &["explain", "--list"][..],
        &["inspect", "token.jwt"],
        &arguments,
    ] {
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_ambit"))
            .args(arguments)
            .current_dir(project.path("."))
            .stdout(full())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn missing_claims_are_named_together() {
    let project = Project::signed();
    let mint = [
        "mint",
        "--module",
        "policy.wasm",
        "--key",
        "keys/issuer.jwk",
        "--sub",
        "user:ann",
    ];
    let run = project
        .ambit(&mint)
        .expect(3)
        .says("`aud`, `agent`, `act`, `authorization_details`");
    assert_eq!(run.out, "");
    let no_holder = [
        "mint",
        "--module",
        "policy.wasm",
        "--key",
        "keys/issuer.jwk",
        "--claims",
        "grant.json",
    ];
    project.ambit(&no_holder).expect(3).says("--holder");
}
