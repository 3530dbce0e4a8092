//! P-256 keys from `keygen` to a decision.

mod common;

use common::Project;

/// A project whose issuer and agent have P-256 keys.
fn project() -> Project {
    let project = Project::fresh();
    let keygen = ["keygen", "--alg", "ES256", "-o"];
    let issuer = ["issuer-es.jwk", "--kid", "issuer-es", "--toml", "--iss"];
    let issuer = [&keygen[..], &issuer[..], &["https://es.example"]].concat();
    let table = project.ambit(&issuer).expect(0).out;
    assert!(
        table.contains("alg = \"ES256\"") && table.contains("\ny = \""),
        "{table}"
    );
    let toml = format!("{}\n{table}", project.read("ambit.toml"));
    project.write("ambit.toml", toml);
    let holder = project
        .ambit(&[&keygen[..], &["agent-es.jwk"]].concat())
        .expect(0)
        .out;
    assert!(
        holder.contains("\"P-256\"") && !holder.contains("\"d\""),
        "{holder}"
    );
    project.write("agent-es.pub.jwk", holder);
    project
        .ambit(&["build", ".", "-o", "policy.wasm"])
        .expect(0);
    project
        .ambit(&["sign", "policy.wasm", "--key", "keys/module.jwk"])
        .expect(0);
    project
}

#[test]
fn es256_keys_mint_pass_on_and_decide() {
    let project = project();
    let mint = [
        "mint",
        "--module",
        "policy.wasm",
        "--key",
        "issuer-es.jwk",
        "--claims",
        "grant.json",
    ];
    let token = project
        .ambit(&[&mint[..], &["--holder", "agent-es.pub.jwk"]].concat())
        .expect(0)
        .out;
    project.write("token.jwt", token);
    let on = [
        "attenuate",
        "--token",
        "token.jwt",
        "--key",
        "agent-es.jwk",
        "--claims",
        "narrower.json",
    ];
    let on = [
        &on[..],
        &["--holder", "keys/agent.pub.jwk", "--module", "policy.wasm"],
    ]
    .concat();
    let narrower = project.ambit(&on).expect(0).out;
    assert_eq!(narrower.matches('~').count(), 1);
    // Another key does not hold it.
    let other = on.iter().map(|one| {
        if *one == "agent-es.jwk" {
            "issuer-es.jwk"
        } else {
            one
        }
    });
    project
        .ambit(&other.collect::<Vec<_>>())
        .expect(3)
        .says("mint.holder");
}

#[test]
fn modules_and_logs_take_no_p256_key() {
    let project = project();
    project.ambit(&["build", ".", "-o", "other.wasm"]).expect(0);
    project
        .ambit(&["sign", "other.wasm", "--key", "agent-es.jwk"])
        .expect(3)
        .says("signed with Ed25519");
    project
        .ambit(&[
            "keygen",
            "--alg",
            "ES256",
            "-o",
            "x.jwk",
            "--trust",
            "keys.json",
        ])
        .expect(3)
        .says("key.alg");
    assert!(!project.path("x.jwk").exists());
    project
        .ambit(&["keygen", "--alg", "RS256", "-o", "x.jwk"])
        .expect(3)
        .says("ES256");
}
