//! What a broker does not start with, and what is unsafe about one that starts.

use crate::world::World;

fn check(world: &World, more: &[&str]) -> crate::common::Run {
    let now = world.now.to_string();
    let base = [
        "serve",
        "broker.toml",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--now",
        &now,
        "--check",
    ];
    world.ambit(&[&base[..], more].concat())
}

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
    check(&world, &SOUND).expect(0).says("nothing unsafe");
}

#[test]
fn everything_unsafe_is_said_at_once() {
    let world = World::new();
    check(&world, &[])
        .expect(2)
        .says("broker.log")
        .says("broker.seen");
    check(
        &world,
        &[&SOUND[..], &["--listen", "0.0.0.0:8282"]].concat(),
    )
    .expect(2)
    .says("broker.listen");
    world.edit("broker.toml", "database", "life_seconds = 7200\ndatabase");
    world.edit("broker.toml", "epochs_key = \"keys/epochs.jwk\"\n", "");
    world.edit(
        "broker.toml",
        "https://agents.example/callback",
        "http://127.0.0.1:9/callback",
    );
    check(&world, &SOUND)
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
    check(&world, &SOUND).expect(2).says("broker.possession");
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
        check(&world, &SOUND).expect(3).says(words);
    }
}

#[test]
fn a_database_of_something_else_is_left_as_it_is() {
    let world = World::new();
    world.write("broker.sqlite", "this is a diary");
    check(&world, &SOUND).expect(3).says("broker.store");
    assert_eq!(world.read("broker.sqlite"), "this is a diary");
}

#[test]
fn clients_of_two_tenants_want_two_brokers() {
    let world = World::new();
    let act = "act = \"https://agents.example/other\"";
    world.edit("broker.toml", act, &format!("{act}\ntenant = \"t-2\""));
    check(&world, &SOUND)
        .expect(3)
        .says("broker.config")
        .says("are of two tenants");
}
