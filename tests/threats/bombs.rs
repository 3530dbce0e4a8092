//! Small things that would grow: depth, size, work.

use ambit_host::status::StatusError;
use serde_json::{Value, json};

use crate::world::{Call, NOW, World, blocks, payload, signed, status_list};

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn a_request_is_too_deep() {
    let world = World::new();
    let call = Call::refund(&world.mint(&json!({})), 9870);
    let text = call
        .with(&json!({"evaluation": {"context": {"more": "deep"}}}))
        .text();
    let deep = |depth: usize| {
        let nested = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        world.decide_text(&text.replace("\"deep\"", &nested))
    };
    assert_eq!(deep(20), "allowed");
    assert_eq!(deep(40), "request.syntax");
    assert_eq!(deep(100_000), "request.syntax");
}

#[test]
fn a_request_is_too_large() {
    let world = World::new();
    let call = Call::refund(&world.mint(&json!({})), 9870);
    let large = |bytes: usize| {
        world.decide(
            &call
                .clone()
                .with(&json!({"evaluation": {"context": {"more": "x".repeat(bytes)}}})),
        )
    };
    assert_eq!(large(200 * 1024), "allowed");
    assert_eq!(large(256 * 1024), "request.size");
}

#[test]
fn a_token_is_too_large_or_too_deep() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let call = Call::refund(&token, 9870);
    assert_eq!(world.decide(&call), "allowed");
    let forged = |change: &dyn Fn(&mut Value)| {
        let mut claims = payload(&token.chain);
        change(&mut claims);
        let header = json!({"alg": "Ed25519", "typ": "cap+jwt", "kid": "broker-1"});
        world.decide(&call.clone().chain(signed(&header, &claims, "broker-1")))
    };
    assert_eq!(forged(&|_| {}), "allowed");
    assert_eq!(
        forged(&|claims| claims["txn"] = "x".repeat(16 * 1024).into()),
        "token.size"
    );
    assert_eq!(forged(&|claims| claims["txn"] = nested(40)), "token.json");
    let entry = payload(&token.chain)["authorization_details"][1].clone();
    let many = |count| {
        move |claims: &mut Value| {
            claims["authorization_details"] =
                vec![json!({"type": "ambit_capability"}); count].into();
        }
    };
    assert_eq!(forged(&many(65)), "token.authorization_details");
    assert_eq!(
        forged(&|claims| claims["authorization_details"] = vec![entry.clone(); 40].into()),
        "capability.none"
    );
}

#[test]
fn a_chain_is_too_long() {
    let world = World::new();
    let token = world.mint(&json!({}));
    assert_eq!(world.decide(&Call::refund(&token, 9870)), "allowed");
    let block = blocks(&token.chain)[0].clone();
    let long = |count| {
        world.decide(&Call::refund(&token, 9870).chain(vec![block.clone(); count].join("~")))
    };
    assert_eq!(long(6), "token.size");
    assert_eq!(long(2), "token.header_member");
}

#[test]
fn a_pattern_explodes() {
    let world = World::new();
    let mut claims = crate::world::only(&json!({"limits": null}));
    let like = json!({"constraint_type": "like", "pattern": format!("*{}b", "a".repeat(1500))});
    claims["authorization_details"][0]["constraints"]["note"] =
        json!({"constraint_type": "optional", "constraint": like});
    let token = world.mint(&claims);
    let noted = |note: &str| {
        let mut call = Call::refund(&token, 9870)
            .with(&json!({"evaluation": {"action": {"properties": {"args": {"note": note}}}}}));
        call.args["note"] = note.into();
        world.decide(&call)
    };
    assert_eq!(noted(&format!("{}b", "a".repeat(1600))), "allowed");
    assert_eq!(noted(&"a".repeat(100_000)), "request.steps");
}

#[test]
fn a_status_list_is_a_bomb() {
    let world = World::new();
    let honest = status_list(&vec![0; 1024 * 1024], NOW, NOW + 600);
    assert_eq!(world.receive(&honest, NOW), Ok(()));
    // 64 MiB of zeros are 64 KiB when packed.
    let bomb = status_list(&vec![0; 64 * 1024 * 1024], NOW, NOW + 600);
    assert!(bomb.len() < 128 * 1024);
    let refused = world.receive(&bomb, NOW);
    assert!(matches!(refused, Err(StatusError::List(_))), "{refused:?}");
}
