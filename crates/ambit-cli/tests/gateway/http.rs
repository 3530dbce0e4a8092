//! Agents that come over streamable HTTP, each with a token of its own.

use std::time::{Duration, Instant};

use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, FORM, URL, body, code, header, now, send};
use crate::world::{World, entry, under};

pub(crate) fn reads() -> Value {
    entry("read_file", &["observe"], &under("/notes"))
}

fn writes() -> Value {
    entry("write_file", &["execute"], &under("/notes"))
}

#[test]
fn without_a_token_an_agent_learns_where_to_get_one() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let begin = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    let told = send(&gateway, "POST /mcp", FORM, begin);
    assert_eq!(told.status, 401);
    assert_eq!(code(&told), "token.missing");
    let at = "https://notes.example/.well-known/oauth-protected-resource/mcp";
    let challenge = header(&told, "www-authenticate").unwrap();
    assert!(
        challenge.starts_with("DPoP ") && !challenge.contains("error="),
        "{challenge}"
    );
    assert!(
        challenge.ends_with(&format!(", resource_metadata=\"{at}\"")),
        "{challenge}"
    );
    for path in ["/mcp", ""] {
        let line = format!("GET /.well-known/oauth-protected-resource{path}");
        let metadata = body(&send(&gateway, &line, "", ""));
        assert_eq!(metadata["resource"], URL);
        assert_eq!(
            metadata["authorization_servers"],
            json!(["https://login.example"])
        );
        assert_eq!(metadata["dpop_bound_access_tokens_required"], true);
        assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    }
    for (line, status) in [
        ("GET /.well-known/oauth-protected-resource/other", 404),
        ("POST /.well-known/oauth-protected-resource", 405),
        ("GET /mcp", 401),
        ("DELETE /mcp", 401),
        ("PUT /mcp", 405),
        ("GET /", 404),
    ] {
        assert_eq!(send(&gateway, line, FORM, "").status, status, "{line}");
    }
    // Nothing was started for any of them.
    assert!(!world.path("heard.jsonl").exists());
}

#[test]
fn a_token_that_does_not_count_opens_nothing() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[reads()]);
    let begin = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}});
    let refused = |agent: &Agent<'_>, headers: &str, wanted: &str| {
        let told = agent.post(&gateway, headers, &begin.to_string());
        assert_eq!(
            (told.status, code(&told)),
            (401, wanted.to_owned()),
            "{}",
            told.body
        );
        let challenge = header(&told, "www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_"), "{challenge}");
        assert!(challenge.contains("resource_metadata="), "{challenge}");
    };
    let whole = ann.headers(&ann.proof("POST", None));
    let (bearer, _) = whole.split_once("dpop:").unwrap();
    refused(&ann, bearer, "possession.missing");
    refused(
        &ann,
        &ann.headers(&ann.proof("GET", None)),
        "possession.method",
    );
    let other = world.agent("bob", &[reads()]);
    refused(
        &ann,
        &ann.headers(&other.proof("POST", None)),
        "possession.key",
    );
    let sound = ann.token.clone();
    let at = sound.len() - 10;
    ann.token.replace_range(
        at..at + 1,
        if sound.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        },
    );
    refused(
        &ann,
        &ann.headers(&ann.proof("POST", None)),
        "token.signature",
    );
    let elsewhere = ("user:ann", "https://other.example/mcp");
    ann.token = world.minted(elsewhere, ("notes", "keys/ann.pub.jwk"), &json!([reads()]));
    refused(
        &ann,
        &ann.headers(&ann.proof("POST", None)),
        "token.audience",
    );
    // Nor in the address or the body.
    let line = format!("POST /mcp?access_token={sound}");
    assert_eq!(send(&gateway, &line, FORM, &begin.to_string()).status, 401);
    assert!(!world.path("heard.jsonl").exists());
}

#[test]
fn an_agent_does_what_its_token_allows() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[reads(), writes()]);
    ann.begins(&gateway);
    let listed = body(&ann.asks(&gateway, "tools/list", &json!({})));
    let tools = listed["result"]["tools"].as_array().unwrap().iter();
    let names: Vec<_> = tools.map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["read_file", "write file"]);
    let told = ann.reads(&gateway, "/notes/a");
    assert_eq!(header(&told, "content-type").unwrap(), "application/json");
    // As the server wrote it.
    assert!(told.body.ends_with(r#""x-odd":1.50}}"#), "{}", told.body);
    let args = json!({"path": "/notes/b"});
    let done = ann.executes(&gateway, "write_file", "write file", &args);
    assert_eq!(body(&done)["result"]["content"][0]["text"], "done");
    assert_eq!(world.calls().len(), 2);
    // What the agent can do otherwise by itself is an error of the tool, in words.
    let told = ann.reads(&gateway, "/etc/passwd");
    assert_eq!(
        (told.status, code(&told)),
        (200, "constraint.subpath".to_owned())
    );
    assert!(
        told.body.contains("What would be allowed instead"),
        "{}",
        told.body
    );
    // What another token would allow is asked for.
    let told = ann.asks(
        &gateway,
        "tools/call",
        &json!({"name": "idle", "arguments": {}}),
    );
    assert_eq!(
        (told.status, code(&told)),
        (403, "capability.none".to_owned())
    );
    let challenge = header(&told, "www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(challenge.contains("resource_metadata="), "{challenge}");
    assert!(
        challenge.contains("ambit_code=\"capability.none\""),
        "{challenge}"
    );
    let helps = &body(&told)["error"]["data"]["alternatives"][0]["steps"][0];
    assert_eq!(helps["type"], "request_capability", "{}", told.body);
    assert_eq!(helps["missing"]["action"], "idle", "{}", told.body);
    // A proof that names no call executes nothing.
    let call = json!({"name": "write file", "arguments": args});
    let told = ann.asks(&gateway, "tools/call", &call);
    assert_eq!(
        (told.status, code(&told)),
        (401, "possession.call".to_owned())
    );
    assert_eq!(world.calls().len(), 2);
    let heard = world.read("heard.jsonl");
    assert!(
        !heard.contains(&ann.token) && !heard.to_lowercase().contains("dpop"),
        "{heard}"
    );
}

#[test]
fn a_session_is_its_holders() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[reads()]);
    let mut eve = world.agent("eve", &[reads()]);
    ann.begins(&gateway);
    assert_eq!(ann.reads(&gateway, "/notes/a").status, 200);
    // With a token of her own, however good.
    eve.session = ann.session.clone();
    let told = eve.reads(&gateway, "/notes/a");
    assert_eq!((told.status, code(&told)), (404, "mcp.session".to_owned()));
    let delete = |agent: &Agent<'_>| {
        let headers = agent.headers(&agent.proof("DELETE", None));
        send(&gateway, "DELETE /mcp", &headers, "").status
    };
    let listen = |agent: &Agent<'_>| {
        let headers = agent.headers(&agent.proof("GET", None));
        let headers = format!("{headers}accept: text/event-stream\r\n");
        send(&gateway, "GET /mcp", &headers, "").status
    };
    assert_eq!((delete(&eve), listen(&eve)), (404, 404));
    // The key is the same, and the person another.
    let token = std::mem::take(&mut ann.token);
    ann.grant("user:bob", &[reads()]);
    assert_eq!(ann.reads(&gateway, "/notes/a").status, 404);
    // A session is no login.
    let alone = format!("{FORM}mcp-session-id: {}\r\n", ann.session.clone().unwrap());
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    assert_eq!(send(&gateway, "POST /mcp", &alone, call).status, 401);
    // The same holder with a newer token goes on.
    ann.grant("user:ann", &[reads(), writes()]);
    assert_ne!(ann.token, token);
    assert_eq!(ann.reads(&gateway, "/notes/b").status, 200);
    assert_eq!(world.calls().len(), 2);
    let session = ann.session.take();
    assert_eq!(ann.reads(&gateway, "/notes/a").status, 400);
    ann.session = Some("made-up".to_owned());
    assert_eq!(ann.reads(&gateway, "/notes/a").status, 404);
    ann.session = session;
    assert_eq!(delete(&ann), 204);
    assert_eq!(ann.reads(&gateway, "/notes/a").status, 404);
}

#[test]
fn a_proof_counts_once_for_whatever_it_is() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[reads(), writes()]);
    ann.begins(&gateway);
    let list = r#"{"jsonrpc":"2.0","id":"l","method":"tools/list"}"#;
    let read = r#"{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"read_file","arguments":{"path":"/notes/a"}}}"#;
    let used = |told: &crate::listening::Answer| (told.status, code(told));
    let wanted = (401, "possession.used".to_owned());
    for (first, second) in [(list, list), (list, read), (read, read), (read, list)] {
        let headers = ann.headers(&ann.proof("POST", None));
        assert_eq!(ann.post(&gateway, &headers, first).status, 200);
        let again = ann.post(&gateway, &headers, second);
        assert_eq!(used(&again), wanted, "{first} {second}");
    }
    let args = json!({"path": "/notes/b"});
    let headers = ann.headers(&ann.proof("POST", Some(("write_file", &args))));
    let call = |path: &str| {
        let params = json!({"name": "write file", "arguments": {"path": path}});
        json!({"jsonrpc": "2.0", "id": path, "method": "tools/call", "params": params}).to_string()
    };
    let other = ann.post(&gateway, &headers, &call("/notes/c"));
    assert_eq!(code(&other), "possession.call");
    assert_eq!(ann.post(&gateway, &headers, &call("/notes/b")).status, 200);
    let again = ann.post(&gateway, &headers, &call("/notes/b"));
    assert_eq!(used(&again), wanted);
    // In another process, too.
    drop(gateway);
    let gateway = world.listen(&[]);
    ann.begins(&gateway);
    let session = ann.session.clone().unwrap();
    let headers = headers.rsplit_once("mcp-session-id: ").unwrap().0;
    let headers = format!("{headers}mcp-session-id: {session}\r\n");
    let again = ann.post(&gateway, &headers, &call("/notes/b"));
    assert_eq!(used(&again), wanted);
    assert_eq!(world.calls().len(), 3);
}

#[test]
fn a_revocation_ends_a_session_in_its_middle() {
    let world = World::shared();
    let made = ["keygen", "-o", "keys/epochs.jwk", "--kid", "epochs-1"];
    let made = world.ambit(&made).expect(0).out;
    let public: Value = serde_json::from_str(&made).unwrap();
    let table = format!(
        "\n[[keys]]\niss = \"https://issuer.example\"\nkid = \"epochs-1\"\nalg = \"Ed25519\"\nsigns = \"revocation-epochs+jwt\"\nx = {}\n",
        public["x"]
    );
    world.write("ambit.toml", &(world.read("ambit.toml") + &table));
    world.build();
    let signer = ambit_compiler::keys::load(&world.path("keys/epochs.jwk")).unwrap();
    let list = |version: i64, sub: &str| {
        let header = json!({"alg": "Ed25519", "typ": "revocation-epochs+jwt", "kid": "epochs-1"});
        let entries = json!([{"selector": {"sub": sub}, "all": true}]);
        let claims = json!({"iss": "https://issuer.example", "iat": now(), "exp": now() + 600, "version": version, "entries": entries});
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signature = base64url::encode(&signer.sign(input.as_bytes()));
        world.write("epochs.jwt", &format!("{input}.{signature}"));
    };
    list(1, "user:somebody");
    let gateway = world.listen(&["--statements", "epochs.jwt"]);
    let mut ann = world.agent("ann", &[reads()]);
    ann.begins(&gateway);
    assert_eq!(ann.reads(&gateway, "/notes/a").status, 200);
    list(2, "user:ann");
    let begun = Instant::now();
    let told = loop {
        let told = ann.asks(&gateway, "ping", &json!({}));
        if told.status != 200 {
            break told;
        }
        assert!(
            begun.elapsed().as_secs() < 10,
            "the revocation is not heard"
        );
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(
        (told.status, code(&told)),
        (401, "revocation.revoked".to_owned())
    );
    let calls = world.calls().len();
    let told = ann.reads(&gateway, "/notes/b");
    assert_eq!(
        (told.status, code(&told)),
        (401, "revocation.revoked".to_owned())
    );
    assert_eq!(world.calls().len(), calls);
}

#[test]
fn sessions_of_one_holder_are_bounded() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[reads()]);
    let mut sessions = Vec::new();
    for _ in 0..9 {
        ann.begins(&gateway);
        sessions.push(ann.session.clone());
    }
    let still = sessions.iter().map(|session| {
        ann.session = session.clone();
        ann.asks(&gateway, "ping", &json!({})).status
    });
    let still: Vec<u16> = still.collect();
    // The one that was used least made room.
    assert_eq!(still, [404, 200, 200, 200, 200, 200, 200, 200, 200]);
}

#[test]
fn a_server_that_ends_ends_its_session_alone() {
    let world = World::shared();
    let gateway = world.listen_with(&[], &["--", "node", "-e", "process.exit(1)"]);
    let ann = world.agent("ann", &[reads()]);
    let told = ann.asks(&gateway, "initialize", &json!({}));
    let error = &body(&told)["error"];
    assert_eq!(error["message"], "the session has ended", "{}", told.body);
    assert_eq!(ann.asks(&gateway, "initialize", &json!({})).status, 200);
    drop(gateway);
    let gateway = world.listen_with(&[], &["--", "./nothing"]);
    let told = ann.asks(&gateway, "initialize", &json!({}));
    assert_eq!(told.status, 502);
    gateway.said.says("no session can be opened");
}

#[test]
fn a_person_agrees_and_the_call_runs_once() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let erases = json!({"constraints": {"path": {"constraint_type": "wildcard"}}, "requires": {"approval": true}});
    let mut ann = world.agent("ann", &[entry("erase", &["propose", "execute"], &erases)]);
    ann.begins(&gateway);
    let args = json!({"path": "/notes/a"});
    let erase = || ann.executes(&gateway, "erase", "erase", &args);
    let told = erase();
    assert_eq!(
        (told.status, code(&told)),
        (200, "approval.waiting".to_owned())
    );
    assert!(world.calls().is_empty());
    world.answer_the_proposal("approved");
    assert_eq!(body(&erase())["result"]["content"][0]["text"], "done");
    assert_eq!(code(&erase()), "approval.used");
    assert_eq!(world.calls().len(), 1);
}

#[test]
fn a_file_that_does_not_suit_is_refused_at_the_start() {
    let world = World::shared();
    let run = |config: &str, holder: &[&str]| {
        world.write("other.toml", config);
        let common = [
            "gateway",
            "mcp",
            "other.toml",
            "--module",
            "policy.wasm",
            "--trust",
            "keys.json",
            "--ledger",
            "used.sqlite",
        ];
        world.ambit(&[&common[..], holder, &["--", "node"]].concat())
    };
    let shared = world.read("mcp.toml");
    let listens = ["--listen", "127.0.0.1:0"];
    let held = shared.replace(
        "authorization_servers",
        "token = \"token.jwt\"\nauthorization_servers",
    );
    run(&held, &listens)
        .expect(3)
        .says("`token` has no place with --listen");
    // What passes without a question cannot be mapped, as if it were decided.
    let level = "\n[[methods]]\nmethod = \"logging/setLevel\"\naction = \"read_resource\"\npower = \"observe\"\n";
    run(&format!("{shared}{level}"), &listens)
        .expect(3)
        .says("`logging/setLevel` cannot be mapped");
    let nobody = shared.replace("authorization_servers = [\"https://login.example\"]", "");
    run(&nobody, &listens)
        .expect(3)
        .says("`authorization_servers` is lacking");
    run(&nobody, &["--holder-key", "keys/gateway.jwk"])
        .expect(3)
        .says("`token` is lacking");
    run(&shared.replace(URL, "urn:notes"), &listens)
        .expect(3)
        .says("must be the address of the endpoint");
    let asks = shared.clone()
        + "\n[[methods]]\nmethod = \"roots/list\"\naction = \"idle\"\npower = \"observe\"\n";
    run(&asks, &listens)
        .expect(3)
        .says("a server asks for it, and shows no token");
    run(&shared, &[]).expect(3).says("--holder-key");
}
