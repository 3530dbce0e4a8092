//! The configuration of `docs/forward.md` in Caddy, where `target/tools/caddy` is there.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::front::{Front, skips};
use crate::listening::{Answer, exchange};
use crate::nginx::{cases, free, serve};
use crate::world::{World, header};

/// Caddy with the documentation's file, at these addresses. `None`: it is not there.
fn start(world: &World, [address, service, check]: [&str; 3]) -> Option<Front> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = root.join("target/tools/caddy");
    let missing = "Caddy is not built under target/tools; `cargo xtask test` does it";
    if skips(program.is_file(), missing) {
        return None;
    }
    let docs = fs::read_to_string(root.join("docs/forward.md")).unwrap();
    let (_, rest) = docs.split_once("```text\n").unwrap();
    let site = rest.split("```").next().unwrap();
    let (_, port) = address.split_once(':').unwrap();
    let site = site
        .replace(
            "notes.example {",
            &format!("http://notes.example:{port} {{"),
        )
        .replace("127.0.0.1:3000", service)
        .replace("127.0.0.1:8182", check);
    world.write(
        "Caddyfile",
        &format!("{{\nadmin off\nauto_https off\npersist_config off\n}}\n{site}"),
    );
    let said = fs::File::create(world.path("caddy.log")).unwrap();
    let mut command = Command::new(program);
    command
        .args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"])
        .env("XDG_DATA_HOME", world.path(""))
        .env("XDG_CONFIG_HOME", world.path(""))
        .stderr(said);
    Some(Front::start(&mut command, address, world, "caddy.log"))
}

#[test]
fn caddy_forwards_what_was_checked() {
    let world = World::new();
    world.edit("forward.toml", "front = \"nginx\"", "front = \"caddy\"");
    let check = world.serve_nginx();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (service, address) = (serve(Arc::clone(&heard)), free());
    let Some(_caddy) = start(&world, [&address, &service, &check.address]) else {
        return;
    };
    let send = |method: &str, target: &str, headers: &str| -> Answer {
        let text = format!(
            "{method} {target} HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{headers}\r\n"
        );
        exchange(&address, text.as_bytes())
    };
    let shown = |target: &str| world.shown("GET", target, None);
    let arrived = || std::mem::take(&mut *heard.lock().unwrap());
    for target in &cases("passes") {
        let told = send("GET", target, &shown(target));
        assert_eq!(told.status, 200, "{target}: {} {}", told.head, told.body);
        let heard = arrived().concat();
        assert!(heard.starts_with(&format!("GET {target} HTTP/")), "{heard}");
        assert!(!heard.to_lowercase().contains("dpop"), "{heard}");
    }
    for target in &cases("never arrives") {
        let told = send("GET", target, &shown(target));
        assert!(told.status >= 400, "{target}: {}", told.head);
        assert_eq!(arrived(), [""; 0], "{target}");
    }
    for name in ["X-Forwarded-Uri", "X-Forwarded-Method", "X-Original-Body"] {
        let forged = format!("{name}: /notes/7\r\n{}", shown("/notes/7"));
        assert_ne!(send("GET", "/s/admin", &forged).status, 200, "{name}");
    }
    assert_eq!(arrived(), [""; 0]);
    // A denial as it is, and no body unseen.
    let told = send("GET", "/notes?limit=51", &shown("/notes?limit=51"));
    let problem: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(
        (told.status, &problem["code"]),
        (403, &json!("constraint.range"))
    );
    assert!(
        header(&told, "www-authenticate").contains("insufficient_scope"),
        "{}",
        told.head
    );
    let call = ("delete_note", "execute", "7", json!({}));
    let delete = world.shown("DELETE", "/notes/7", Some(&call));
    for more in [
        "",
        "transfer-encoding: chunked\r\n\r\n0\r\n",
        "content-length: 1\r\n\r\nx",
    ] {
        let told = send("DELETE", "/notes/7", &format!("{delete}{more}"));
        assert!(
            told.status == 400 && told.body.contains("forward.body"),
            "{more}: {} {}",
            told.head,
            told.body
        );
    }
    assert_eq!(arrived(), [""; 0]);
}
