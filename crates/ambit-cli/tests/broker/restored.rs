//! Copies of the database, and coming back from one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::agent::{Agent, drafting};
use crate::person::{Person, invitation};
use crate::world::{CLIENT, Server, World};

fn number(database: &Path, sql: &str) -> i64 {
    let database = Connection::open(database).unwrap();
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn is_sound(database: &Path) -> bool {
    let database = Connection::open(database).unwrap();
    let sound: rusqlite::Result<String> =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    sound.is_ok_and(|sound| sound == "ok")
}

fn is_for_its_owner_alone(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

fn back_up(world: &World, file: &str) {
    world
        .ambit(&["backup", "broker.toml", "-o", file])
        .expect(0);
}

fn restore(world: &World, file: &str) -> crate::common::Run {
    world.ambit(&["restore", "broker.toml", file])
}

/// The files of the folder whose names begin so, without the last restoring's leavings.
fn named(world: &World, begin: &str) -> Vec<String> {
    let files = fs::read_dir(world.path("")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(begin)).collect()
}

fn version(server: &Server) -> i64 {
    let list = server.get("/epochs").text;
    let claims = list.split('.').nth(1).unwrap();
    let claims = ambit_token::base64url::decode(claims.as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["version"].as_i64().unwrap()
}

/// Makes a copy that is whole, of one moment, and for its owner alone.
fn copies(world: &World, name: &str) {
    let said = world
        .ambit(&["backup", "broker.toml", "-o", name])
        .expect(0);
    assert!(
        said.out.contains("1  passkeys") && said.out.contains("of https://broker.example"),
        "{said:?}"
    );
    let copy = world.path(name);
    assert!(is_sound(&copy));
    let tokens = number(&copy, "SELECT count(*) FROM token");
    let grants = number(
        &copy,
        "SELECT count(*) FROM granted WHERE token IS NOT NULL",
    );
    assert_eq!(tokens, grants, "it is of one moment");
    is_for_its_owner_alone(&copy);
}

#[test]
fn copies_are_whole_while_the_broker_works() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let agent = Agent::new(&world, &server);
            while !done.load(Ordering::Relaxed) {
                agent.token(&mut ann, &json!({}));
            }
        });
        scope.spawn(|| {
            let agent = Agent::other(&world, &server);
            while !done.load(Ordering::Relaxed) {
                agent.nonce();
            }
        });
        for round in 0..6 {
            copies(&world, &format!("copy-{round}.sqlite"));
        }
        done.store(true, Ordering::Relaxed);
    });
    world
        .ambit(&["backup", "broker.toml", "-o", "copy-0.sqlite"])
        .expect(3)
        .says("file.exists");
    assert_eq!(named(&world, ".ambit-"), [""; 0]);
    // A copy is no database.
    world.edit("broker.toml", "broker.sqlite", "copy-0.sqlite");
    world
        .check(&[])
        .expect(3)
        .says("broker.store")
        .says("ambit restore");
    world.edit("broker.toml", "copy-0.sqlite", "nothing.sqlite");
    world
        .ambit(&["backup", "broker.toml", "-o", "copy.sqlite"])
        .expect(3)
        .says("no database");
    assert!(named(&world, "nothing").is_empty() && named(&world, "copy.").is_empty());
}

#[test]
fn what_happened_after_the_copy_was_made_ends() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let taken_back = agent.token(&mut ann, &json!({}));
    let code = agent.code(&mut ann, &json!({}));
    let link = invitation(&world, "user:bob");
    back_up(&world, "copy.sqlite");
    // None of this is in it.
    let unknown = agent.exchange(&code, &json!({})).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let told = agent.post("/revoke", &json!({"token": taken_back}), None);
    assert_eq!(told.status, 200);
    assert_eq!(Person::new(&server, "user:bob").enrols(&link).status, 200);
    assert_eq!(
        agent.judged(&unknown, &drafting("ben@customer.example"), &agent.epochs()),
        "allowed"
    );
    let before = version(&server);

    restore(&world, "copy.sqlite")
        .expect(3)
        .says("broker.running");
    assert_eq!(version(&server), before, "nothing was done");
    drop(server);
    let look = world
        .ambit(&["restore", "broker.toml", "copy.sqlite", "--check"])
        .expect(0);
    assert!(
        look.out.contains("1  tokens") && named(&world, "broker.sqlite.before").is_empty(),
        "{look:?}"
    );
    restore(&world, "copy.sqlite")
        .expect(0)
        .says("broker.sqlite.before-")
        .says("ends that was made before");
    let beside = named(&world, "broker.sqlite.before");
    assert_eq!(beside.len(), 1, "{beside:?}");
    assert_eq!(
        number(&world.path(&beside[0]), "SELECT count(*) FROM token"),
        2,
        "all of it is there"
    );

    nothing_of_before_counts(&world, ann, before, (&[taken_back, unknown], &code, &link));
}

/// Tokens, a code that was used, a link that was used, the session of a person, and the list's version.
fn nothing_of_before_counts(
    world: &World,
    ann: Person,
    before: i64,
    (tokens, code, link): (&[String], &str, &str),
) {
    let later = world.now + 120;
    let server = world.serve_at(later);
    let agent = Agent::new(world, &server).at(later);
    assert!(
        version(&server) > before + 1000,
        "a list that services take"
    );
    for token in tokens {
        let said = agent.judged(token, &drafting("ben@customer.example"), &agent.epochs());
        assert_eq!(said, "revocation.revoked");
    }
    // The code was used once already, and so was the link.
    agent
        .exchange(code, &json!({}))
        .refused("invalid_grant", "broker.code");
    assert_eq!(
        Person::new(&server, "user:bob").server.get(link).status,
        400
    );
    let mut ann = ann.at(&server);
    assert!(
        ann.get("/agents").text.contains("data-challenge"),
        "the session is over"
    );
    assert!(ann.agents().text.contains(CLIENT));
    let token = agent.token(&mut ann, &json!({}));
    let said = agent.judged(&token, &drafting("ben@customer.example"), &agent.epochs());
    assert_eq!(said, "allowed", "what is asked for now counts");
    for _ in 0..50 {
        if world.done().iter().any(|what| what == "restored") {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it is not written down: {:?}", world.done());
}

#[test]
fn only_a_sound_copy_of_this_broker_is_restored() {
    let world = World::new();
    drop(world.serve());
    back_up(&world, "copy.sqlite");
    let database = world.bytes("broker.sqlite");
    let refused = |file: &str, code: &str, words: &str| {
        restore(&world, file).expect(3).says(code).says(words);
        assert_eq!(world.bytes("broker.sqlite"), database);
        assert_eq!(named(&world, "broker.sqlite.b"), [""; 0]);
        assert_eq!(named(&world, "broker.sqlite.r"), [""; 0]);
    };
    let changed = |name: &str, sql: &str| {
        fs::copy(world.path("copy.sqlite"), world.path(name)).unwrap();
        Connection::open(world.path(name))
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    };
    refused("nothing.sqlite", "broker.backup", "no such file");
    refused(".", "broker.backup", "not a file");
    world.write("diary.txt", "this is a diary");
    refused("diary.txt", "broker.backup", "no backup");
    fs::copy(world.path("broker.sqlite"), world.path("plain.sqlite")).unwrap();
    refused(
        "plain.sqlite",
        "broker.backup",
        "no backup by `ambit backup`",
    );
    changed("newer.sqlite", "PRAGMA user_version = 1000");
    refused("newer.sqlite", "broker.newer", "newer version");
    changed("future.sqlite", "UPDATE backup SET made = made + 3600");
    refused("future.sqlite", "broker.backup", "from the future");
    changed("none.sqlite", "DROP TABLE backup");
    refused("none.sqlite", "broker.backup", "no backup");
    // Every page of it in turn, and one that broke off.
    let copy = world.bytes("copy.sqlite");
    for page in 1..copy.len() / 4096 {
        let mut damaged = copy.clone();
        damaged[page * 4096..][..64].fill(0xff);
        fs::write(world.path("damaged.sqlite"), damaged).unwrap();
        refused("damaged.sqlite", "broker.backup", "damaged");
    }
    fs::write(world.path("damaged.sqlite"), &copy[..copy.len() / 2]).unwrap();
    refused("damaged.sqlite", "broker.backup", "damaged");
    changed(
        "other.sqlite",
        "UPDATE backup SET issuer = 'https://other.example'",
    );
    refused("other.sqlite", "broker.backup", "https://other.example");
    // What was damaged is what one restores from, log and all.
    fs::write(world.path("broker.sqlite"), &database[..6000]).unwrap();
    world.write("broker.sqlite-wal", "what is left of a log");
    restore(&world, "copy.sqlite").expect(0);
    assert_eq!(named(&world, "broker.sqlite-"), [""; 0]);
    assert!(is_sound(&world.path("broker.sqlite")));
    drop(world.serve());
    // And where there is nothing.
    fs::remove_file(world.path("broker.sqlite")).unwrap();
    restore(&world, "copy.sqlite").expect(0);
    drop(world.serve());
}

#[test]
fn a_kill_while_it_is_restored_leaves_the_one_or_the_other() {
    let world = World::new();
    drop(world.serve());
    let database = world.path("broker.sqlite");
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO used (key, until) SELECT 'filling:' || hex(randomblob(40)), 9000000000 FROM n";
    Connection::open(&database)
        .unwrap()
        .execute_batch(fill)
        .unwrap();
    back_up(&world, "copy.sqlite");
    let mark = "SELECT count(*) FROM enrolment";
    let (mut old, mut new) = (0, 0);
    for round in 0..25 {
        let sql =
            "INSERT OR IGNORE INTO enrolment (link, sub, until) VALUES ('m', 'user:m', 9000000000)";
        Connection::open(&database)
            .unwrap()
            .execute_batch(sql)
            .unwrap();
        let mut restoring = Command::new(env!("CARGO_BIN_EXE_ambit"))
            .args(["restore", "broker.toml", "copy.sqlite"])
            .current_dir(world.path(""))
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(10 + round * 12));
        let _ = restoring.kill();
        restoring.wait().unwrap();
        assert!(is_sound(&database));
        assert!(number(&database, "SELECT count(*) FROM used") >= 20_000);
        // The old one has the mark, and all that is new has been through to its end.
        let restored = number(
            &database,
            "SELECT count(*) FROM sqlite_schema WHERE name = 'restored'",
        );
        match (number(&database, mark), restored) {
            (1, 0) => old += 1,
            (0, 1) => new += 1,
            other => panic!("{other:?}"),
        }
        if restored == 1 {
            drop(world.serve());
        }
    }
    println!("{old} kills left the old database, {new} the new one");
    assert!(old > 0, "no kill came in time");
    restore(&world, "copy.sqlite").expect(0);
    assert_eq!(named(&world, "broker.sqlite.restoring"), [""; 0]);
    drop(world.serve());
}

#[test]
fn a_broker_that_starts_while_it_is_restored_waits_for_the_new_database() {
    let world = World::new();
    drop(world.serve());
    let lock = fs::File::open(world.path("broker.sqlite.lock")).unwrap();
    lock.lock().unwrap();
    let words = "serve broker.toml --module policy.wasm --trust keys.json --invite user:ann";
    std::thread::scope(|scope| {
        let starts = scope.spawn(|| world.ambit(&words.split(' ').collect::<Vec<_>>()));
        std::thread::sleep(Duration::from_secs(2));
        assert!(!starts.is_finished());
        lock.unlock().unwrap();
        starts.join().unwrap().expect(0);
    });
}
