//! Modules: built the same each time, signed, refused when they should be.

mod common;

use common::{Project, email};

const VERIFY: [&str; 4] = ["verify", "policy.wasm", "--trust", "keys.json"];

#[test]
fn the_same_project_gives_the_same_bytes() {
    let project = Project::built();
    project.ambit(&["build", ".", "-o", "again.wasm"]).expect(0);
    assert_eq!(project.bytes("policy.wasm"), project.bytes("again.wasm"));
    project
        .ambit(&[
            "build",
            ".",
            "-o",
            "other.wasm",
            "--issued",
            "2026-02-25T00:00:00Z",
        ])
        .expect(0);
    assert_ne!(project.bytes("policy.wasm"), project.bytes("other.wasm"));
}

#[test]
fn a_signed_module_is_verified() {
    let project = Project::signed();
    let run = project.ambit(&VERIFY).expect(0);
    for words in ["verified", "example/assistant version 1", "module-1"] {
        assert!(run.out.contains(words), "{}", run.out);
    }
    let facts = project
        .ambit(&[&VERIFY[..], &["--json"]].concat())
        .expect(0)
        .out;
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    assert_eq!(facts["signers"], serde_json::json!(["module-1"]));
}

#[test]
fn a_module_can_carry_its_signature() {
    let project = Project::built();
    let sign = [
        "sign",
        "policy.wasm",
        "--key",
        "keys/module.jwk",
        "--carried",
        "-o",
        "signed.wasm",
    ];
    project.ambit(&sign).expect(0);
    project
        .ambit(&["verify", "signed.wasm", "--trust", "keys.json"])
        .expect(0);
    assert!(!project.path("signed.wasm.dsse.json").exists());
}

#[test]
fn modules_that_are_not_trusted_are_refused_with_their_codes() {
    let project = Project::signed();
    let verify = |more: &[&str]| project.ambit(&[&VERIFY[..], more].concat());
    verify(&["--uid", "other/policy"])
        .expect(2)
        .says("module.uid");
    verify(&["--now", "2100-01-01T00:00:00Z"])
        .expect(2)
        .says("module.expired");
    verify(&["--signature", "missing.json"]).expect(3);
    project
        .ambit(&["verify", "missing.wasm", "--trust", "keys.json"])
        .expect(3);
    project
        .ambit(&["verify", "policy.wasm", "--trust", "grant.json"])
        .expect(3)
        .says("module.trust");

    let whole = project.bytes("policy.wasm");
    let mut altered = whole.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    project.write("policy.wasm", &altered);
    verify(&[]).expect(2).says("module.altered");
    project.write("policy.wasm", &whole[..whole.len() - 10]);
    verify(&[]).expect(2).says("module.truncated");
    project.write("policy.wasm", &whole);
    std::fs::remove_file(project.path("policy.wasm.dsse.json")).unwrap();
    verify(&[]).expect(2).says("module.unsigned");
    // Where a decision is asked for, such a module is an unusable file.
    let run = project.ambit_with(
        &[
            "evaluate",
            "--module",
            "policy.wasm",
            "--trust",
            "keys.json",
        ],
        b"{}",
    );
    assert_eq!(run.expect(3).says("module.unsigned").out, "");
}

/// Its evaluator would be the one of that version, whoever signs it.
#[test]
fn a_module_built_by_an_unsafe_version_is_not_signed() {
    let project = Project::built();
    let mut module = project.bytes("policy.wasm");
    let mark = b"AMBITBDL\x02\0\0\0";
    let places: Vec<usize> = (0..module.len() - mark.len())
        .filter(|at| module[*at..].starts_with(mark))
        .collect();
    assert_eq!(places.len(), 2, "in the code's memory and in the section");
    for at in places {
        module[at + 8] = 1;
    }
    project.write("policy.wasm", &module);
    project
        .ambit(&["sign", "policy.wasm", "--key", "keys/module.jwk"])
        .expect(3)
        .says("unsafe; build and sign it again");
}

/// A module whose section shows one policy and whose code holds another is not even signed.
#[test]
fn code_that_holds_another_policy_than_the_section_is_not_signed() {
    let project = Project::built();
    let mut module = project.bytes("policy.wasm");
    let purpose = b"customer-care";
    let first = module
        .windows(purpose.len())
        .position(|window| window == purpose)
        .unwrap();
    module[first + purpose.len() - 1] = b'd';
    project.write("policy.wasm", &module);
    project
        .ambit(&["sign", "policy.wasm", "--key", "keys/module.jwk"])
        .expect(3)
        .says("the code holds another bundle");
    assert!(!project.path("policy.wasm.dsse.json").exists());
    project.ambit(&VERIFY).expect(2).says("module.unsigned");
}

/// Words that cannot be written change no exit code.
#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_error_is_no_panic() {
    let project = Project::fresh();
    project.edit("ambit.toml", "version = 1", "version = \"one\"");
    let run = |arguments: &[&str]| {
        let full = std::fs::File::options().write(true).open("/dev/full");
        std::process::Command::new(env!("CARGO_BIN_EXE_ambit"))
            .args(arguments)
            .current_dir(project.path("."))
            .stderr(full.unwrap())
            .status()
            .unwrap()
            .code()
    };
    assert_eq!(run(&["build", ".", "-o", "policy.wasm"]), Some(3));
    assert_eq!(run(&VERIFY), Some(3));
    assert!(!project.path("policy.wasm").exists());
}

#[test]
fn a_stranger_s_signature_does_not_count() {
    let project = Project::built();
    project
        .ambit(&["sign", "policy.wasm", "--key", "keys/agent.jwk"])
        .expect(0);
    project.ambit(&VERIFY).expect(2).says("module.threshold");
}

#[test]
fn a_key_for_tokens_does_not_sign_modules() {
    let project = Project::built();
    let before = project.names();
    project
        .ambit(&["sign", "policy.wasm", "--key", "keys/issuer.jwk"])
        .expect(3)
        .says("sign.key_role");
    assert_eq!(project.names(), before);
}

/// One signature for both, and one version: what is remembered of one counts for the other.
#[test]
fn a_bundle_travels_alone() {
    let project = Project::signed();
    let alone = |more: &[&str]| {
        let verify = ["verify", "policy.bundle", "--trust", "keys.json"];
        project.ambit(&[&verify[..], more].concat())
    };
    let run = alone(&[]).expect(0);
    for words in [
        "verified",
        "example/assistant version 1",
        "the bundle alone",
    ] {
        assert!(run.out.contains(words), "{}", run.out);
    }
    let facts = |file: &str| -> serde_json::Value {
        let verify = ["verify", file, "--trust", "keys.json", "--json"];
        serde_json::from_str(&project.ambit(&verify).expect(0).out).unwrap()
    };
    let (module, mut bundle) = (facts("policy.wasm"), facts("policy.bundle"));
    assert_eq!(
        (&module["kind"], &bundle["kind"]),
        (&"module".into(), &"bundle".into())
    );
    bundle["kind"] = "module".into();
    assert_eq!(module, bundle);
    alone(&["--uid", "acme/other"]).expect(2).says("module.uid");
    alone(&["--now", "2099-01-01T00:00:00Z"])
        .expect(2)
        .says("module.expired");
    alone(&["--seen", "seen.json"]).expect(0);
    let seen = [&VERIFY[..], &["--seen", "seen.json"]].concat();
    project.ambit(&seen).expect(0);
    let shown = project.ambit(&["inspect", "policy.bundle"]).expect(0).out;
    assert!(shown.contains("detached"), "{shown}");
    project
        .ambit(&["build", ".", "-o", "policy.bundle"])
        .expect(3)
        .says("build.output");
    let mut bytes = project.bytes("policy.bundle");
    *bytes.last_mut().unwrap() ^= 1;
    project.write("policy.bundle", bytes);
    alone(&[]).expect(2).says("module.altered");
    std::fs::remove_file(project.path("policy.wasm.dsse.json")).unwrap();
    alone(&[]).expect(2).says("module.unsigned");
}

#[test]
fn a_bundle_alone_is_decided_by_natively() {
    let project = Project::signed();
    let evaluate = |file: &str, more: &[&str]| {
        let ask = ["evaluate", "--module", file, "--trust", "keys.json"];
        project.ambit_with(&[&ask[..], more].concat(), b"{}")
    };
    let whole = evaluate("policy.wasm", &[]).expect(2).out;
    assert_eq!(evaluate("policy.bundle", &[]).expect(2).out, whole);
    let native = evaluate("policy.bundle", &["--engine", "native"]);
    assert_eq!(native.expect(2).out, whole);
    evaluate("policy.bundle", &["--engine", "wasmtime"])
        .expect(3)
        .says("engine.code");
}

/// Compiled code is kept between runs, and what is wrong with it is no fault of the module's.
#[cfg(unix)]
#[test]
fn compiled_code_is_kept_between_runs() {
    use std::os::unix::fs::MetadataExt as _;
    let project = Project::signed();
    let verify = |cache: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ambit"));
        command.args(VERIFY).current_dir(project.path("."));
        let output = command.env("AMBIT_CODE_CACHE", cache).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    verify("off");
    assert!(!project.path("code").exists());
    let kept = || {
        let entries = std::fs::read_dir(project.path("code")).unwrap().flatten();
        let code = entries.filter(|entry| entry.file_name() != "key");
        code.map(|entry| (entry.path(), entry.metadata().unwrap().ino()))
            .collect::<Vec<_>>()
    };
    assert_eq!(verify("code"), "");
    let first = kept();
    assert_eq!(first.len(), 1);
    verify("code");
    assert_eq!(kept(), first);
    std::fs::write(&first[0].0, b"not code").unwrap();
    assert_eq!(verify("code"), "");
    assert_ne!(std::fs::read(&first[0].0).unwrap(), b"not code");
    let warned = verify("policy.wasm");
    assert!(warned.contains("compiled code is not kept"), "{warned}");
}

#[test]
fn a_guest_can_be_demanded() {
    let project = Project::signed();
    let facts = project
        .ambit(&[&VERIFY[..], &["--json"]].concat())
        .expect(0);
    let facts: serde_json::Value = serde_json::from_str(&facts.out).unwrap();
    let keys: serde_json::Value = serde_json::from_slice(&project.bytes("keys.json")).unwrap();
    let demand = |guests: serde_json::Value| {
        let mut demanding = keys.clone();
        demanding["guests"] = guests;
        project.write("keys.json", demanding.to_string());
    };
    demand(serde_json::json!([facts["guest_s256"]]));
    project.ambit(&VERIFY).expect(0);
    demand(serde_json::json!([facts["bundle_s256"]]));
    project.ambit(&VERIFY).expect(2).says("module.guest");
    let alone = ["verify", "policy.bundle", "--trust", "keys.json"];
    project.ambit(&alone).expect(2).says("module.guest");
    demand(serde_json::json!([]));
    project.ambit(&VERIFY).expect(3).says("module.trust");
}

#[test]
fn an_older_version_is_refused_once_a_newer_was_seen() {
    let project = Project::signed();
    let seen = [&VERIFY[..], &["--seen", "seen.json"]].concat();
    project.ambit(&seen).expect(0);
    let older = (
        project.bytes("policy.wasm"),
        project.bytes("policy.wasm.dsse.json"),
    );
    project.edit(
        "ambit.toml",
        "version = 1\n# Tokens",
        "version = 2\n# Tokens",
    );
    project
        .ambit(&["build", ".", "-o", "policy.wasm"])
        .expect(0);
    project
        .ambit(&["sign", "policy.wasm", "--key", "keys/module.jwk"])
        .expect(0);
    project.ambit(&seen).expect(0);
    project.write("policy.wasm", older.0);
    project.write("policy.wasm.dsse.json", older.1);
    project.ambit(&seen).expect(2).says("module.rollback");
    let evaluate = [
        "evaluate",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--seen",
        "seen.json",
    ];
    project
        .ambit_with(&evaluate, b"{}")
        .expect(3)
        .says("module.rollback");
}

#[test]
fn faults_are_reported_together_and_nothing_is_written() {
    let project = Project::fresh();
    project.edit("ambit.toml", "valid_days", "valid_dais");
    project.edit(
        "agents/assistant.toml",
        "privileges = [\"draft\"]",
        "privileges = [\"drft\"]",
    );
    project.edit("schema.cedarschema", "@financial", "@finacial");
    let before = project.names();
    let run = project
        .ambit(&["build", ".", "-o", "policy.wasm"])
        .expect(3);
    for words in [
        "ambit.toml",
        "valid_dais",
        "agents/assistant.toml",
        "drft",
        "schema.cedarschema",
        "finacial",
    ] {
        assert!(run.err.contains(words), "`{words}` is not in {}", run.err);
    }
    assert_eq!(run.out, "");
    assert_eq!(project.names(), before);
}

#[test]
fn a_failed_build_leaves_the_module_of_before() {
    let project = Project::built();
    let before = project.bytes("policy.wasm");
    project.edit("policies/base.cedar", "permit (", "permit ((");
    project
        .ambit(&["build", ".", "-o", "policy.wasm"])
        .expect(3);
    assert_eq!(project.bytes("policy.wasm"), before);
}

#[test]
fn an_output_that_cannot_be_written_is_said() {
    let project = Project::fresh();
    project
        .ambit(&["build", ".", "-o", "no/such/folder/policy.wasm"])
        .expect(3)
        .says("folder");
    project
        .ambit(&["build", "no-such-project", "-o", "policy.wasm"])
        .expect(3)
        .says("ambit init");
}

#[test]
fn inspect_shows_a_module_in_words() {
    let project = Project::built();
    let page = project.ambit(&["inspect", "policy.wasm"]).expect(0).out;
    for words in [
        "example/assistant",
        "guard rails  cedar, 2 policies",
        "large-payments",
        "possession   off",
        "issuer-1",
        "send an e-mail",
        "customer.example",
        "not verified",
    ] {
        assert!(page.contains(words), "`{words}` is not in {page}");
    }
    let facts = project
        .ambit(&["inspect", "policy.wasm", "--json"])
        .expect(0)
        .out;
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    assert_eq!(facts["bundle"]["uid"], "example/assistant");
    assert_eq!(facts["signature"], "none");
    project.ambit(&["inspect", "ambit.toml"]).expect(3);
    assert!(email("draft", "x").starts_with('{'));
}
