//! Whose token, whose proof, what is used up, what is revoked, what happens when a part fails.

use std::fs;

use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::server::{World, entry};

fn read() -> Value {
    entry(&["read_todos"], "todo", &json!({}))
}

fn ask(who: &str) -> Value {
    json!({
        "subject": {"type": "user", "id": who}, "action": {"name": "can_read_todos"},
        "resource": {"type": "todo", "id": "1"},
    })
}

/// The native form: powers and arguments in the request, the token from the caller.
fn native(token: &str, context: &Value) -> Value {
    let mut context = context.clone();
    context["token"] = json!(token);
    context["purpose"] = json!("daily-work");
    json!({
        "subject": {"type": "user", "id": "ann"},
        "action": {"name": "read_todos", "properties": {"power": "observe", "args": {}}},
        "resource": {"type": "todo", "id": "1"}, "context": context,
    })
}

/// A proof by the holder's key.
fn proof(world: &World, token: &str, method: &str, url: &str, jti: &str) -> String {
    let key = ambit_compiler::keys::load(&world.path("keys/holder.jwk")).unwrap();
    let header = json!({"typ": "dpop+jwt", "alg": "Ed25519", "jwk": key.public_jwk()});
    let iat = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let ath = base64url::encode(&Sha256::digest(token));
    let claims = json!({"jti": jti, "htm": method, "htu": url, "iat": iat, "ath": ath});
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(&header), encode(&claims));
    let signature = base64url::encode(&key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

#[test]
fn a_caller_hands_on_what_the_agent_showed() {
    let world = World::new();
    let token = world.token("ann", &[read()]);
    let server = world.serve(&[]);
    let url = "https://todo.example/todos/1";
    let shown = |jti: &str| json!({"proof": proof(&world, &token, "GET", url, jti), "method": "GET", "url": url});
    assert!(server.evaluate(&native(&token, &shown("a"))).decision());
    assert_eq!(
        server.evaluate(&native(&token, &shown("a"))).denied(),
        "possession.used"
    );
    assert_eq!(
        server.evaluate(&native(&token, &json!({}))).denied(),
        "possession.missing"
    );
    let mut elsewhere = shown("b");
    elsewhere["url"] = json!("https://todo.example/todos/2");
    assert_eq!(
        server.evaluate(&native(&token, &elsewhere)).denied(),
        "possession.url"
    );
    // Without a token nothing is decided, whoever asks.
    assert_eq!(server.evaluate(&ask("ann")).denied(), "token.missing");
}

#[test]
fn an_agent_asks_by_itself() {
    let world = World::new();
    let token = world.token("ann", &[read()]);
    let server = world.serve(&[]);
    let endpoint = "https://pdp.example/access/v1/evaluation";
    let mut request = native(&token, &json!({}));
    let context = request["context"].as_object_mut().unwrap();
    context.remove("token");
    let carried = format!("DPoP {token}");
    let mine = proof(&world, &token, "POST", endpoint, "a");
    let headers = [("authorization", carried.as_str()), ("dpop", mine.as_str())];
    let send = |request: &Value, headers: &[(&str, &str)]| {
        server.post("/access/v1/evaluation", headers, &request.to_string())
    };
    assert!(send(&request, &headers).decision());
    let told = send(&request, &headers[..1]);
    assert_eq!(told.denied(), "possession.missing");
    assert_eq!(told.body["context"]["http"]["status"], 401, "{told:?}");
    // Two tokens, and two headers of one name, could mean two things.
    assert_eq!(send(&native(&token, &json!({})), &headers).status, 400);
    assert_eq!(send(&request, &[headers[0], headers[0]]).status, 400);
}

/// RFC 6750: what a service without proofs tells its own client.
#[test]
fn where_no_proof_is_wanted_the_challenge_is_bearer() {
    let world = World::new();
    let token = world.token("ann", &[read()]);
    let mut request = native(&token, &json!({}));
    request["context"].as_object_mut().unwrap().remove("token");
    let challenge = || {
        let server = world.serve(&[]);
        let told = server.post("/access/v1/evaluation", &[], &request.to_string());
        assert_eq!(told.denied(), "token.missing");
        let headers = &told.body["context"]["http"]["headers"];
        headers["www-authenticate"].as_str().unwrap().to_owned()
    };
    assert!(challenge().starts_with("DPoP "));
    let off = "\nversion = 2\npossession = \"off\"\n";
    world.edit("ambit.toml", "\nversion = 1\n", off);
    world.build();
    assert_eq!(challenge(), r#"Bearer realm="ambit""#);
}

/// What an argument marked `@content` refers to, the service says, and nobody else.
#[test]
fn the_service_says_what_an_argument_refers_to() {
    let world = World::new();
    let schema = world.read("schema.cedarschema");
    let marked = schema.replace(
        "@label(\"owner\") owner",
        "@label(\"owner\") @content owner",
    );
    world.write("schema.cedarschema", &marked);
    world.build();
    let bound = json!({"requires": {"approval": true}, "constraints": {"owner": {"constraint_type": "wildcard"}}});
    world.hold("ann", &[entry(&["update_todo"], "todo", &bound)]);
    let server = world.serve(&[]);
    let ask = json!({
        "subject": {"type": "user", "id": "ann"}, "action": {"name": "can_update_todo"},
        "resource": {"type": "todo", "id": "1", "properties": {"ownerID": "17"}},
    });
    let with = |content: Value| {
        let mut ask = ask.clone();
        ask["context"] = json!({"content": content});
        server.evaluate(&ask)
    };
    assert_eq!(server.evaluate(&ask).denied(), "none told");
    server.says("facts.missing");
    let told = ["Ann of sales", "Ann of law"].map(|text| {
        let told = with(json!({"owner": {"text": text}}));
        assert_eq!(told.denied(), "approval.required");
        let remedy = &told.body["context"]["remedy"];
        assert!(
            remedy["display"]["text"].as_str().unwrap().contains(text),
            "{told:?}"
        );
        remedy["binding_s256"].clone()
    });
    assert_ne!(told[0], told[1]);
    assert_eq!(with(json!("Ann of sales")).status, 400);
    assert_eq!(with(json!({"owner": {}})).denied(), "none told");
    server.says("facts.malformed");
    // What stands for all of a batch says nothing of one of them.
    let mut all = json!({"context": {"content": {"owner": {"text": "Ann of sales"}}}});
    all["evaluations"] = json!([ask]);
    let told = server.post("/access/v1/evaluations", &[], &all.to_string());
    let first = &told.body["evaluations"][0];
    assert_eq!(first["decision"], false, "{told:?}");
    assert!(first["context"]["reason"].is_null(), "{told:?}");
    // An agent that asks by itself is not believed: here it would be malformed.
    let token = world.token("ann", &[read()]);
    let mut request = native(&token, &json!({"content": {"owner": {}}}));
    request["context"].as_object_mut().unwrap().remove("token");
    let endpoint = "https://pdp.example/access/v1/evaluation";
    let (carried, mine) = (
        format!("DPoP {token}"),
        proof(&world, &token, "POST", endpoint, "a"),
    );
    let headers = [("authorization", carried.as_str()), ("dpop", mine.as_str())];
    let told = server.post("/access/v1/evaluation", &headers, &request.to_string());
    assert!(told.decision(), "{told:?}");
}

#[test]
fn budgets_are_used_up_before_the_answer() {
    let world = World::new();
    let twice = json!({"limits": [{"type": "use_limit", "max": 2}]});
    world.hold("ann", &[entry(&["create_todo"], "todo", &twice)]);
    let request = json!({
        "subject": {"type": "user", "id": "ann"}, "action": {"name": "can_create_todo"},
        "resource": {"type": "todo", "id": "1"},
    });
    let server = world.serve(&[]);
    assert!(server.evaluate(&request).decision());
    drop(server);
    // They are remembered by the next process, too.
    let server = world.serve(&[]);
    assert!(server.evaluate(&request).decision());
    let told = server.evaluate(&request);
    assert!(!told.decision(), "{told:?}");
    // `execute` is asked for alone.
    let told = server.post(
        "/access/v1/evaluations",
        &[],
        &json!({"evaluations": [request]}).to_string(),
    );
    assert_eq!(
        told.body["evaluations"][0]["context"]["reason"]["code"],
        "request.unsupported"
    );
    drop(server);
    let run = world.ambit(&["audit", "verify", "audit.log", "--key", "keys/log.jwk"]);
    run.expect(0);
    // The record names the key that held the token.
    let log = world.read("audit.log");
    let key = ambit_compiler::keys::load(&world.path("keys/holder.jwk")).unwrap();
    assert!(log.contains(&key.thumbprint()));
    // Three allows with what became of them, of which the last was used up, and what the policy was not asked.
    assert_eq!(log.lines().count(), 3 * 2 + 1, "{log}");
}

#[test]
fn only_known_callers_use_tokens_that_are_held() {
    let world = World::new();
    world.hold("ann", &[read()]);
    let secret = "correct horse";
    let digest = base64url::encode(&Sha256::digest(secret));
    let callers = format!("\n[[callers]]\nname = \"todo\"\nsecret_s256 = \"{digest}\"\n");
    world.write("pdp.toml", &(world.read("pdp.toml") + &callers));
    let server = world.serve(&[]);
    let send = |authorization: &str| {
        let headers = [("authorization", authorization)];
        let text = ask("ann").to_string();
        match authorization {
            "" => server.post("/access/v1/evaluation", &[], &text),
            _ => server.post("/access/v1/evaluation", &headers, &text),
        }
    };
    assert!(send(&format!("Bearer {secret}")).decision());
    for wrong in [
        "",
        "Bearer",
        "Bearer other",
        "Basic correct horse",
        &format!("Bearer {digest}"),
    ] {
        let told = send(wrong);
        assert_eq!(told.status, 401, "{wrong}: {told:?}");
        assert!(told.head.contains("www-authenticate: bearer"), "{told:?}");
    }
    // A token of the caller's own takes the place of a secret, and of the one that is held.
    assert_eq!(
        send("DPoP e30.e30.AA").denied().split('.').next(),
        Some("token")
    );
}

#[test]
fn what_is_revoked_is_denied() {
    let world = World::new();
    let key = "\n[[keys]]\niss = \"https://issuer.example\"\nkid = \"epochs-1\"\nalg = \"Ed25519\"\nsigns = \"revocation-epochs+jwt\"\nx = \"X\"\n";
    let made = world
        .ambit(&["keygen", "-o", "keys/epochs.jwk", "--kid", "epochs-1"])
        .expect(0)
        .out;
    let public: Value = serde_json::from_str(&made).unwrap();
    let table = key.replace("\"X\"", &format!("\"{}\"", public["x"].as_str().unwrap()));
    world.write("ambit.toml", &(world.read("ambit.toml") + &table));
    world.build();
    world.hold("ann", &[read()]);
    let signer = ambit_compiler::keys::load(&world.path("keys/epochs.jwk")).unwrap();
    let list = |version: i64, entries: &Value| {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let header = json!({"alg": "Ed25519", "typ": "revocation-epochs+jwt", "kid": "epochs-1"});
        let claims = json!({"iss": "https://issuer.example", "iat": now, "exp": now + 600, "version": version, "entries": entries});
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        format!(
            "{input}.{}",
            base64url::encode(&signer.sign(input.as_bytes()))
        )
    };
    let other = json!([{"selector": {"sub": "user:somebody"}, "all": true}]);
    world.write("epochs.jwt", &list(1, &other));
    let server = world.serve(&["--statements", "epochs.jwt"]);
    assert!(server.evaluate(&ask("ann")).decision());
    world.write(
        "epochs.jwt",
        &list(2, &json!([{"selector": {"sub": "user:ann"}, "all": true}])),
    );
    let begun = std::time::Instant::now();
    while server.evaluate(&ask("ann")).decision() {
        assert!(
            begun.elapsed().as_secs() < 10,
            "the revocation is not heard"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(server.evaluate(&ask("ann")).denied(), "revocation.revoked");
    // An older list does not bring the token back: it was heard.
    world.write("epochs.jwt", &list(1, &other));
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert!(!server.evaluate(&ask("ann")).decision());
}

#[test]
fn a_part_that_fails_denies_and_is_named_to_the_operator() {
    let world = World::new();
    world.hold("ann", &[read()]);
    let server = world.serve(&[]);
    assert!(server.evaluate(&ask("ann")).decision());
    // What was seen before is not understood any more.
    let seen = world.read("seen.json");
    world.write("seen.json", "{}");
    let id = [("x-request-id", "lost-1")];
    let told = server.post("/access/v1/evaluation", &id, &ask("ann").to_string());
    assert!(!told.decision(), "{told:?}");
    assert!(
        told.body["context"].get("reason").is_none(),
        "callers are told nothing of it: {told:?}"
    );
    server.says("lost-1: obligation.failed: module.store");
    world.write("seen.json", &seen);
    assert!(server.evaluate(&ask("ann")).decision());
    // A token that is gone.
    let token = world.read("pdp.toml");
    let token = token
        .lines()
        .find_map(|line| line.strip_prefix("token = \""))
        .unwrap();
    fs::remove_file(world.path(token.trim_end_matches('"'))).unwrap();
    assert!(!server.evaluate(&ask("ann")).decision());
    server.says("the file cannot be read");
}
