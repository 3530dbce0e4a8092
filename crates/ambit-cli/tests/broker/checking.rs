//! What a broker does not start with, and what is unsafe about one that starts.

use serde_json::json;

use crate::agent::{Agent, drafting};
use crate::person::Person;
use crate::world::World;

const SOUND: [&str; 6] = [
    "--seen",
    "seen.json",
    "--log",
    "audit.log",
    "--log-key",
    "keys/log.jwk",
];

#[test]
fn a_sound_configuration_has_no_findings() {
    let world = World::new();
    world.check(&SOUND).expect(0).says("nothing unsafe");
}

#[test]
fn everything_unsafe_is_said_at_once() {
    let world = World::new();
    world
        .check(&[])
        .expect(2)
        .says("broker.log")
        .says("broker.seen");
    world
        .check(&[&SOUND[..], &["--listen", "0.0.0.0:8282"]].concat())
        .expect(2)
        .says("broker.listen");
    world.edit("broker.toml", "database", "life_seconds = 7200\ndatabase");
    world.edit("broker.toml", "epochs_key = \"keys/epochs.jwk\"\n", "");
    world.edit(
        "broker.toml",
        "https://agents.example/callback",
        "http://127.0.0.1:9/callback",
    );
    world
        .check(&SOUND)
        .expect(2)
        .says("broker.life")
        .says("broker.epochs")
        .says("broker.redirect");
    world.edit(
        "ambit.toml",
        "[policy]\n",
        "[policy]\npossession = \"off\"\n",
    );
    world.edit("ambit.toml", "version = 1\n", "version = 2\n");
    world.build();
    world.check(&SOUND).expect(2).says("broker.possession");
}

#[test]
fn what_cannot_be_right_does_not_start() {
    for (from, to, words) in [
        (
            "issuer = \"https://broker.example\"",
            "issuer = \"http://broker.example\"",
            "`issuer` is an origin",
        ),
        (
            "issuer = \"https://broker.example\"",
            "issuer = \"https://other.example\"",
            "the policy does not know `token_key`",
        ),
        (
            "receipt_key = \"keys/approve.jwk\"",
            "receipt_key = \"keys/issuer.jwk\"",
            "the policy does not know `receipt_key`",
        ),
        (
            "https://agents.example/callback",
            "http://agents.example/callback",
            "no safe redirect URI",
        ),
        (
            "https://agents.example/callback",
            "https://agents.example/callback#x",
            "no safe redirect URI",
        ),
        (
            "keys/other.pub.jwk",
            "keys/client.pub.jwk",
            "one `client_id` or one key",
        ),
        ("keys/other.pub.jwk", "keys/other.jwk", "private key"),
        (
            "uid = \"assistant\"",
            "uid = \"nobody\"",
            "no manifest for `nobody`",
        ),
        ("database", "databases", "unknown field `databases`"),
    ] {
        let world = World::new();
        world.edit("broker.toml", from, to);
        world.check(&SOUND).expect(3).says(words);
    }
}

#[test]
fn a_database_of_something_else_is_left_as_it_is() {
    let world = World::new();
    world.write("broker.sqlite", "this is a diary");
    world.check(&SOUND).expect(3).says("broker.store");
    assert_eq!(world.read("broker.sqlite"), "this is a diary");
}

#[test]
fn clients_of_two_tenants_want_two_brokers() {
    let world = World::new();
    let act = "act = \"https://agents.example/other\"";
    world.edit("broker.toml", act, &format!("{act}\ntenant = \"t-2\""));
    world
        .check(&SOUND)
        .expect(3)
        .says("broker.config")
        .says("are of two tenants");
}

fn for_me_alone(world: &World, name: &str) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(world.path(name), mode).unwrap();
    }
}

/// The broker's token key is a new one, in a file that a passphrase opens.
fn locked() -> World {
    let world = World::new();
    world.write("passphrase", "correct horse\n");
    for_me_alone(&world, "passphrase");
    let words = "keygen -o keys/locked.pem --key-passphrase-file passphrase --toml --iss https://broker.example";
    let row = world
        .ambit(&words.split(' ').collect::<Vec<_>>())
        .expect(0)
        .out;
    world.write("ambit.toml", format!("{}\n{row}", world.read("ambit.toml")));
    world.edit("broker.toml", "keys/issuer.jwk", "keys/locked.pem");
    world.build();
    world
}

#[test]
fn keys_are_opened_by_a_passphrase_that_is_on_no_command_line() {
    let world = locked();
    world
        .check(&SOUND)
        .expect(3)
        .says("key.locked")
        .says("key_passphrase_file");
    world.edit(
        "broker.toml",
        "database",
        "key_passphrase_file = \"passphrase\"\ndatabase",
    );
    world.check(&SOUND).expect(0);
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = agent.token(&mut ann, &json!({}));
    let said = agent.judged(&token, &drafting("ben@customer.example"), &agent.epochs());
    assert_eq!(said, "allowed");
    drop(server);
    world.write("passphrase", "wrong horse\n");
    world.check(&SOUND).expect(3).says("key.passphrase");
    world.edit(
        "broker.toml",
        "key_passphrase_file = \"passphrase\"",
        "key_passphrase_env = \"AMBIT_TEST_NOWHERE\"",
    );
    world.check(&SOUND).expect(3).says("key.passphrase");
    world.edit(
        "broker.toml",
        "key_passphrase_env",
        "key_passphrase_file = \"passphrase\"\nkey_passphrase_env",
    );
    world.check(&SOUND).expect(3).says("name one");
}

#[test]
fn modules_and_tokens_are_signed_by_keys_that_a_passphrase_opens() {
    let world = locked();
    let run = |words: &str| world.ambit(&words.split(' ').collect::<Vec<_>>());
    run("keygen -o keys/release.pem --key-passphrase-file passphrase --trust keys.json").expect(0);
    run("keygen -o keys/x.pem --key-passphrase-file passphrase --kid x")
        .expect(3)
        .says("thumbprint");
    run("sign policy.wasm --key keys/release.pem")
        .expect(3)
        .says("key.locked");
    run("sign policy.wasm --key keys/release.pem --key-passphrase-file passphrase").expect(0);
    run("verify policy.wasm --trust keys.json").expect(0);
    let mint = "mint --module policy.wasm --key keys/locked.pem --holder keys/holder.pub.jwk --claims grant.json --draft --yes";
    run(mint).expect(3).says("key.locked");
    run(&format!("{mint} --key-passphrase-file passphrase")).expect(0);
    run(&format!("{mint} --key-passphrase-env AMBIT_TEST_NOWHERE"))
        .expect(3)
        .says("key.passphrase");
}

#[test]
fn files_keys_and_limits_are_looked_at_as_well() {
    let world = World::new();
    drop(world.serve());
    world.edit("broker.toml", "keys/other.pub.jwk", "keys/issuer.pub.jwk");
    let key: serde_json::Value = serde_json::from_str(&world.read("keys/issuer.jwk")).unwrap();
    let public = json!({"kty": key["kty"], "crv": key["crv"], "x": key["x"]});
    world.write("keys/issuer.pub.jwk", public.to_string());
    let file = world.read("broker.toml");
    let more =
        "[limits]\nperson_per_minute = 0\n\n[roles]\nfinance = [\"user:carol\"]\n\n[[clients]]";
    world.write("broker.toml", file.replacen("[[clients]]", more, 1));
    world
        .check(&SOUND)
        .expect(2)
        .says("broker.keys")
        .says("`token_key`")
        .says("broker.limits")
        .says("broker.notify");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str, mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(world.path(name), mode).unwrap();
        };
        mode("broker.sqlite", 0o644);
        mode("broker.toml", 0o646);
        world
            .check(&SOUND)
            .expect(2)
            .says("broker.files")
            .says("broker.sqlite`")
            .says("chmod o-w");
        mode("keys/approve.jwk", 0o644);
        world.check(&SOUND).expect(3).says("key.mode");
    }
}
