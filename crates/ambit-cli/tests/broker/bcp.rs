//! Lines of RFC 9700 that no other test has.

use serde_json::json;

use crate::agent::Agent;
use crate::person::{Person, invitation};
use crate::world::{BACK, ISSUER, Server, World, form};

/// Requests of this client that wait, opened or not, answered or not.
fn waiting(world: &World, client: &str, count: usize, page: bool, answer: Option<&str>) {
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    database.execute_batch("BEGIN").unwrap();
    for number in 0..count {
        let sql = "INSERT INTO request (uri, client, asked, until, page, answer) VALUES (?1, ?2, '', ?3, ?4, ?5)";
        let uri = format!("{client}-{page}-{answer:?}-{number}");
        let page = page.then(|| uri.clone());
        let row = rusqlite::params![uri, client, world.now + 600, page, answer];
        database.execute(sql, row).unwrap();
    }
    database.execute_batch("COMMIT").unwrap();
}

#[test]
fn a_client_keeps_only_so_many_requests_waiting() {
    let refused = |client: &Agent<'_>| {
        let told = client.push(&json!({}));
        told.refused("temporarily_unavailable", "broker.waiting");
    };
    let world = World::new();
    let server = world.serve();
    let (agent, other) = (Agent::new(&world, &server), Agent::other(&world, &server));
    waiting(&world, &agent.id, 5000, true, Some("granted"));
    waiting(&world, &agent.id, 99, false, None);
    assert_eq!(agent.push(&json!({})).status, 201);
    refused(&agent);
    // Opened by the client itself, they would wait without end.
    waiting(&world, &other.id, 999, true, None);
    let back = json!({"redirect_uri": "https://other.example/callback"});
    assert_eq!(other.push(&back).status, 201);
    other
        .push(&back)
        .refused("temporarily_unavailable", "broker.waiting");
}

/// Posts the person's yes with these headers beside the cookie.
fn says_yes(server: &Server, person: &Person, body: &str, headers: &[(&str, &str)]) -> u16 {
    let mut all = vec![
        ("content-type", "application/x-www-form-urlencoded"),
        ("cookie", person.cookie.as_deref().unwrap()),
    ];
    all.extend(headers);
    server.send("POST", "/consent", &all, body).status
}

#[test]
fn an_origin_that_came_twice_is_none_of_ours() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let page = ann.reads(&agent.ask(&json!({})));
    let (r, csrf, text) = (page.field("r"), page.field("csrf"), page.field("text"));
    let body = form(&[
        ("r", &r),
        ("csrf", &csrf),
        ("text", &text),
        ("answer", "allow"),
    ]);
    let twice = [("origin", ISSUER), ("origin", "https://evil.example")];
    assert_eq!(says_yes(&server, &ann, &body, &twice), 400);
    assert!(!world.done().contains(&"grant".to_owned()));
    assert_eq!(says_yes(&server, &ann, &body, &twice[..1]), 303);
}

#[test]
fn what_a_proxy_or_another_site_says_changes_no_address() {
    let world = World::new();
    let server = world.serve();
    let metadata = "/.well-known/oauth-authorization-server";
    let said = [
        ("forwarded", "host=evil.example;proto=http"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-original-url", "/evil"),
        ("origin", "https://evil.example"),
    ];
    let told = server.send("GET", metadata, &said, "");
    assert_eq!(told.json(), server.get(metadata).json());
    for path in [metadata, "/authorize", "/consent", "/jwks", "/epochs"] {
        let told = server.send("GET", path, &said, "");
        assert!(
            told.header("access-control-allow-origin").is_none(),
            "{told:?}"
        );
        assert!(!told.text.contains("evil.example"), "{told:?}");
    }
    let asked = server.send("OPTIONS", "/token", &said, "");
    assert_eq!((asked.status, asked.header("allow")), (405, Some("POST")));
}

#[test]
fn nothing_leads_to_where_no_request_was_pushed_from() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let evil = "https://evil.example/callback";
    for fields in [
        vec![("client_id", agent.id.as_str()), ("redirect_uri", evil)],
        vec![
            ("client_id", agent.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", BACK),
        ],
        vec![
            ("client_id", agent.id.as_str()),
            ("request_uri", "https://evil.example/request"),
        ],
    ] {
        let told = ann.get(&format!("/authorize?{}", form(&fields)));
        assert_eq!(
            (told.status, told.header("location")),
            (400, None),
            "{told:?}"
        );
        assert!(!told.text.contains("evil.example"), "{told:?}");
    }
    // What stands beside a pushed request is not heard.
    let more = form(&[("redirect_uri", evil), ("state", "other")]);
    let page = ann.reads(&format!("{}&{more}", agent.ask(&json!({}))));
    let told = ann.answers(&page, "refuse", &[]);
    let back = told.header("location").unwrap();
    assert_eq!(told.status, 303, "a browser does not send the form on");
    assert!(
        back.starts_with(BACK) && back.ends_with("state=s-1"),
        "{back}"
    );
}

#[test]
fn a_link_is_printed_and_written_nowhere_else() {
    let world = World::new();
    let server = world.serve();
    let link = invitation(&world, "user:ann");
    let secret = link.rsplit('=').next().unwrap().to_owned();
    assert!(secret.len() >= 43, "{link}");
    // While it is used the broker fails, which its operator is told.
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON passkey BEGIN SELECT RAISE(ABORT, 'full'); END";
    database.execute_batch(full).unwrap();
    let ann = Person::new(&server, "user:ann");
    assert_eq!(ann.enrols(&link).status, 500);
    server.running.said.says("full");
    database.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(ann.enrols(&link).status, 200, "it was not used up");
    server.get(&link).ended("broker.request_uri");
    let said = server.running.said.text();
    drop(server);
    for (place, text) in [
        ("standard error", said),
        ("the log", world.read("audit.log")),
    ] {
        assert!(!text.contains(&secret), "{place}: {text}");
    }
}
