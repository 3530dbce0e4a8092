//! The blocks of a chain, put together in another way.

use serde_json::{Value, json};

use crate::world::{Call, Token, World, blocks};

fn narrower(max: i64) -> Value {
    json!({"authorization_details": [
        {"type": "ambit_capability", "constraints": {"amount": {"constraint_type": "range", "max": max}}},
    ]})
}

/// Root, worker up to 100.00, tool up to 50.00.
fn passed_on(world: &World) -> (Token, Token, Token) {
    let root = world.mint(&json!({}));
    let worker = world.pass_on(&root, "worker", &narrower(10000));
    let tool = world.pass_on(&worker, "tool", &narrower(5000));
    (root, worker, tool)
}

#[test]
fn a_block_is_spliced_onto_another_chain() {
    let world = World::new();
    let narrow = world.mint(&crate::world::only(
        &json!({"constraints": {"amount": {"max": 100}}}),
    ));
    let wide = world.mint(&json!({}));
    let bounds = json!({"authorization_details": [{"type": "ambit_capability"}]});
    let honest = world.pass_on(&narrow, "worker", &bounds);
    assert_eq!(world.decide(&Call::refund(&honest, 100)), "allowed");
    // The worker was given the narrow one; the wide one has the same holder, and was seen.
    let spliced = format!("{}~{}", wide.chain, blocks(&honest.chain)[1]);
    let call = Call::refund(&honest, 9870);
    assert_eq!(world.decide(&call), "constraint.range");
    assert_eq!(world.decide(&call.chain(spliced)), "chain.par_hash");
}

#[test]
fn blocks_change_places() {
    let world = World::new();
    let (_, _, tool) = passed_on(&world);
    let call = Call::refund(&tool, 5000);
    assert_eq!(world.decide(&call), "allowed");
    let parts = blocks(&tool.chain);
    let order = |order: [usize; 3]| {
        let chain: Vec<&str> = order.iter().map(|at| parts[*at].as_str()).collect();
        world.decide(&call.clone().chain(chain.join("~")))
    };
    assert_eq!(order([0, 2, 1]), "token.signature");
    assert_eq!(order([1, 0, 2]), "token.unknown_key");
    assert_eq!(order([0, 1, 1]), "token.signature");
}

#[test]
fn the_narrowing_block_is_cut_off() {
    let world = World::new();
    let (_, worker, tool) = passed_on(&world);
    assert_eq!(world.decide(&Call::refund(&tool, 5000)), "allowed");
    assert_eq!(
        world.decide(&Call::refund(&tool, 10000)),
        "constraint.range"
    );
    // Without its own block the tool no longer holds the chain.
    let call = Call::refund(&tool, 10000).chain(worker.chain.clone());
    assert_eq!(world.decide(&call), "possession.key");
    assert_eq!(world.decide(&Call::refund(&worker, 10000)), "allowed");
}

#[test]
fn a_block_is_left_out() {
    let world = World::new();
    let (_, _, tool) = passed_on(&world);
    let call = Call::refund(&tool, 5000);
    assert_eq!(world.decide(&call), "allowed");
    let parts = blocks(&tool.chain);
    let without = format!("{}~{}", parts[0], parts[2]);
    assert_eq!(world.decide(&call.chain(without)), "token.signature");
}

#[test]
fn a_chain_is_truncated() {
    let world = World::new();
    let (_, _, tool) = passed_on(&world);
    let call = Call::refund(&tool, 5000);
    assert_eq!(world.decide(&call), "allowed");
    let whole = &tool.chain;
    let cut = |chain: &str| world.decide(&call.clone().chain(chain.to_owned()));
    assert_eq!(cut(&whole[..whole.len() - 2]), "token.signature");
    assert_eq!(cut(whole.rsplit_once('.').unwrap().0), "token.format");
    assert_eq!(cut(&format!("{whole}~")), "token.format");
    assert_eq!(cut(""), "token.missing");
}
