//! What somebody can send who means no good, how the policy changes while it decides, and what does not start.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{World, entry};

fn read() -> Value {
    entry(&["read_todos"], "todo", &json!({}))
}

fn ask() -> Value {
    json!({
        "subject": {"type": "user", "id": "ann"}, "action": {"name": "can_read_todos"},
        "resource": {"type": "todo", "id": "1"},
    })
}

fn held() -> World {
    let world = World::new();
    world.hold("ann", &[read()]);
    world
}

#[test]
fn what_is_too_large_or_too_slow_is_refused() {
    let world = held();
    let server = world.serve(&[]);
    let large = " ".repeat(256 * 1024) + "{}";
    assert_eq!(
        server.post("/access/v1/evaluation", &[], &large).status,
        413
    );
    let head = "x".repeat(1024 * 1024);
    let told = server.post("/access/v1/evaluation", &[("x-large", &head)], "{}");
    assert!([431, 0].contains(&told.status), "{told:?}");
    let many: Vec<(String, &str)> = (0..100).map(|n| (format!("x-{n}"), "1")).collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    assert_eq!(
        server.post("/access/v1/evaluation", &many, "{}").status,
        431
    );
    // An endless body, and lengths that say two things.
    let chunk = format!("{:x}\r\n{}\r\n", 65536, " ".repeat(65536)).repeat(6);
    let head = "POST /access/v1/evaluation HTTP/1.1\r\nhost: pdp.example\r\ncontent-type: application/json\r\n";
    let endless = format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}");
    assert_eq!(server.raw(endless.as_bytes()).status, 413);
    let two =
        format!("{head}content-length: 2\r\ncontent-length: 3\r\nconnection: close\r\n\r\n{{}}x");
    assert_eq!(server.raw(two.as_bytes()).status, 400);
    let slow = |text: &str| {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(15), "{text}");
        answer
    };
    assert!(slow(&format!("{head}content-length: 100\r\n\r\n{{")).starts_with("HTTP/1.1 408"));
    assert!(!slow("POST /access/v1/eval").contains("200"));
    assert!(server.evaluate(&ask()).decision());
}

#[test]
fn overload_is_shed_and_passes() {
    let world = held();
    let server = world.serve(&[]);
    let head = "POST /access/v1/evaluation HTTP/1.1\r\nhost: pdp.example\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    // More bodies than may come at one time, none of which ends. On a busy machine the first may be over
    // before the last has come.
    let mut waiting = Vec::new();
    let mut flooded = (0..5).map(|_| {
        waiting.extend((0..200).map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            // It may be turned away already.
            let _ = stream.write_all(head.as_bytes());
            stream
        }));
        server.evaluate(&ask())
    });
    let told = flooded
        .find(|told| told.status == 503)
        .expect("nothing is shed");
    assert_eq!(told.status, 503, "{told:?}");
    assert!(told.head.contains("retry-after: 1"), "{told:?}");
    drop(waiting);
    let begun = Instant::now();
    while server.evaluate(&ask()).status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn the_highest_version_decides_and_the_last_good_one_stays() {
    let world = held();
    let keep = |name: &str| {
        for end in ["", ".dsse.json"] {
            std::fs::copy(
                world.path(&format!("policy.wasm{end}")),
                world.path(&format!("{name}{end}")),
            )
            .unwrap();
        }
    };
    keep("one.wasm");
    let server = world.serve(&[]);
    assert!(server.evaluate(&ask()).decision());
    world.edit("ambit.toml", "\nversion = 1\n", "\nversion = 2\n");
    world.edit(
        "agents/app.toml",
        "datatypes = [\"user\", \"todo\", ",
        "datatypes = [\"user\", ",
    );
    world.edit("agents/app.toml", "\"read_todos\", ", "");
    world.build();
    server.says("policy version 2 decides now");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    // Neither a file that is no policy nor an older version takes its place.
    world.write("policy.wasm", "nothing");
    server.says("policy version 2 stays");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    for end in ["", ".dsse.json"] {
        std::fs::copy(
            world.path(&format!("one.wasm{end}")),
            world.path(&format!("policy.wasm{end}")),
        )
        .unwrap();
    }
    server.says("module.rollback");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
}

#[test]
fn the_highest_version_in_a_folder_decides() {
    let world = held();
    std::fs::create_dir(world.path("store")).unwrap();
    let lay = |name: &str| {
        for end in [".dsse.json", ""] {
            std::fs::copy(
                world.path(&format!("policy.wasm{end}")),
                world.path(&format!("store/{name}{end}")),
            )
            .unwrap();
        }
    };
    // The name of a file says nothing, and neither does one that is no policy.
    lay("z.wasm");
    world.write("store/stray.wasm", "nothing");
    world.write("store/README.md", "nothing");
    let server = world.serve_from("store");
    server.says("a file of the policy's folder is passed over");
    // Opening a pipe would wait for ever, and with it whatever is read after the policy.
    world.write("store/pipe.wasm", "nothing");
    let pipe = world.path("store/pipe.wasm.dsse.json");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    assert!(server.evaluate(&ask()).decision());
    world.edit("ambit.toml", "\nversion = 1\n", "\nversion = 2\n");
    world.edit(
        "agents/app.toml",
        "datatypes = [\"user\", \"todo\", ",
        "datatypes = [\"user\", ",
    );
    world.edit("agents/app.toml", "\"read_todos\", ", "");
    world.build();
    lay("a.wasm");
    server.says("policy version 2 decides now");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    // Another policy of the same version is nobody's to choose.
    world.edit("agents/app.toml", "\"Application\"", "\"Program\"");
    world.build();
    lay("b.wasm");
    server.says("policy.folder");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    // The older one that lies there does not come back.
    for name in ["a.wasm", "b.wasm"] {
        std::fs::remove_file(world.path(&format!("store/{name}"))).unwrap();
    }
    server.says("module.rollback");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
}

#[test]
fn a_load_of_calls_meets_changes_of_the_policy() {
    let world = held();
    let server = world.serve(&[]);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..60 {
                        assert!(server.evaluate(&ask()).decision());
                    }
                })
            })
            .collect();
        for version in 2..4 {
            world.edit(
                "ambit.toml",
                &format!("\nversion = {}\n", version - 1),
                &format!("\nversion = {version}\n"),
            );
            world.build();
            server.says(&format!("policy version {version} decides now"));
        }
        for caller in callers {
            caller.join().unwrap();
        }
    });
}

#[test]
fn it_ends_when_it_is_told_to() {
    let world = held();
    let mut server = world.serve(&[]);
    assert!(server.evaluate(&ask()).decision());
    let id = server.child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .arg(id)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    // Log and ledger are closed: the next start mends nothing and refuses no proof.
    let ledger = rusqlite::Connection::open(world.path("used.sqlite")).unwrap();
    let marked: (String, i64) = ledger
        .query_row("SELECT boot, until FROM unsynced", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!(
        marked.0.is_empty() != cfg!(target_os = "linux"),
        "{marked:?}"
    );
    assert_eq!(marked.1, 0);
    assert_eq!(std::fs::read(world.path("audit.log.ahead")).unwrap(), b"");
}

#[test]
fn what_is_wrong_does_not_start() {
    let world = held();
    let run = |more: &[&str]| world.ambit(&[&World::SERVE[..], more].concat());
    let refused = |from: &str, to: &str, words: &str| {
        let text = world.read("pdp.toml");
        assert!(text.contains(from), "{from}");
        world.write("pdp.toml", &text.replacen(from, to, 1));
        run(&[]).expect(3).says(words);
        world.write("pdp.toml", &text);
    };
    refused(
        "action = \"read_todos\"",
        "action = \"read\"",
        "the policy has no action `read`",
    );
    refused(
        "power = \"observe\"",
        "power = \"execute\"",
        "`read_user` has no power `execute`",
    );
    refused(
        "args.owner = ",
        "args.other = ",
        "`update_todo` has no argument `other`",
    );
    refused(
        "args.owner = \"/resource/properties/ownerID\"\n",
        "",
        "where the argument `owner` is",
    );
    refused(".jwt", ".lost", "the file cannot be read");
    refused(
        "url = \"https",
        "url = \"ftp",
        "`url` is how callers reach this",
    );
    refused("batch", "bach", "unknown field");
    let at = |flag: &str| World::SERVE.iter().position(|one| *one == flag).unwrap();
    let without = |flag: &str| {
        let mut arguments = World::SERVE.to_vec();
        arguments.drain(at(flag)..at(flag) + 2);
        world.ambit(&arguments)
    };
    without("--holder-key").expect(3).says("pdp.holder");
    without("--ledger").expect(3).says("--ledger");
    for place in ["app:hunter2@[::1]", "app@localhost/a?pass%77ord=hunter2"] {
        let mut arguments = World::SERVE.to_vec();
        let place = format!("postgres://{place}");
        arguments[at("--ledger") + 1] = &place;
        let refused = world.ambit(&arguments).expect(3).says("serve.ledger");
        assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    }
    let mut open = World::SERVE.to_vec();
    open.pop();
    open.push("--listen=0.0.0.0:0");
    world.ambit(&open).expect(3).says("pdp.open");
}
