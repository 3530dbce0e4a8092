//! `kill -9` at any moment: no token without its grant, no grant twice.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::agent::{Agent, s256};
use crate::person::Person;
use crate::world::World;

#[test]
fn a_grant_outlives_the_process() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let code = Agent::new(&world, &server).code(&mut ann, &json!({}));
    server.kill();
    let server = world.serve();
    let told = Agent::new(&world, &server).exchange(&code, &json!({}));
    assert_eq!(told.status, 200, "{told:?}");
    server.kill();
    let server = world.serve();
    let told = Agent::new(&world, &server).exchange(&code, &json!({}));
    told.refused("invalid_grant", "broker.code_used");
}

#[test]
fn a_kill_in_the_middle_keeps_or_loses_the_whole() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    drop(server);
    let mut kept = 0;
    for round in 0..12 {
        let server = world.serve();
        ann = ann.at(&server);
        let agent = Agent::new(&world, &server);
        let code = agent.code(&mut ann, &json!({}));
        let proof = agent.proof("/token", Some(&agent.nonce()), &agent.holder, &json!({}));
        let pid = server.running.child.id().to_string();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(round * 4));
            let killed = Command::new("kill").args(["-9", &pid]).status();
            assert!(killed.is_ok_and(|status| status.success()));
        });
        let told = agent.exchange_with(&code, &json!({}), Some(&proof));
        killer.join().unwrap();
        server.kill();
        let (grants, tokens, marked) = count(&world, &code);
        assert_eq!(
            (grants, tokens),
            (1, marked),
            "a token and the mark of its grant are one"
        );
        assert!(
            told.status != 200 || tokens == 1,
            "who got a token has it on the disk"
        );
        kept += tokens;
        // What was lost as a whole is still there to be had, once.
        let server = world.serve();
        let again = Agent::new(&world, &server).exchange(&code, &json!({}));
        match tokens {
            0 => assert_eq!(again.status, 200, "{again:?}"),
            _ => again.refused("invalid_grant", "broker.code_used"),
        }
        assert_eq!(count(&world, &code), (1, 1, 1));
    }
    println!("{kept} of 12 tokens were on the disk when the broker was killed");
}

/// Grants of this code, their tokens that are there, and grants that say that they have one.
fn count(world: &World, code: &str) -> (i64, i64, i64) {
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    let sql = "SELECT count(*), count(token.jti), count(granted.token) FROM granted
        LEFT JOIN token ON token.jti = granted.token WHERE granted.code = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    database.query_row(sql, [s256(code)], row).unwrap()
}
