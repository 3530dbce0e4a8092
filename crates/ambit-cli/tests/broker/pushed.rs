//! Requests that never reach a person.

use serde_json::{Value, json};

use crate::agent::{Agent, jws};
use crate::world::{ISSUER, World, drafts, form, pays};

fn details(entries: &[Value]) -> Value {
    json!({"authorization_details": Value::from(entries).to_string()})
}

#[test]
fn metadata_and_keys_say_what_there_is() {
    let world = World::new();
    let server = world.serve();
    let metadata = server.get("/.well-known/oauth-authorization-server").json();
    assert_eq!(metadata["issuer"], ISSUER);
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    assert_eq!(
        metadata["authorization_details_types_supported"],
        json!(["ambit_capability"])
    );
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        json!(["S256"])
    );
    assert_eq!(
        metadata["token_endpoint_auth_methods_supported"],
        json!(["private_key_jwt"])
    );
    assert_eq!(
        metadata["grant_types_supported"],
        json!(["authorization_code"])
    );
    assert_eq!(
        metadata["access_request_endpoint"],
        format!("{ISSUER}/access-requests")
    );
    assert_eq!(metadata["acr_values_supported"], json!(["phr"]));
    let keys = server.get("/jwks").json();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "only what signs tokens: {keys:?}");
    assert_eq!(
        (&keys[0]["kid"], &keys[0]["alg"]),
        (&json!("issuer-1"), &json!("Ed25519"))
    );
    assert!(keys[0].get("d").is_none());
    assert_eq!(server.get("/nothing").status, 404);
    assert_eq!(server.get("/token").status, 405);
}

#[test]
fn only_a_client_with_its_own_fresh_assertion_is_heard() {
    let world = World::new();
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let now = world.now;
    let pushed = |patch: Value| {
        let proof = agent.proof("/par", Some(&agent.nonce()), &agent.holder, &json!({}));
        agent.post("/par", &agent.asking(&patch), Some(&proof))
    };
    let claiming = |claims: Value| pushed(json!({"client_assertion": agent.assertion(&claims)}));
    for (claims, code) in [
        (
            json!({"aud": "https://other.example"}),
            "broker.client_audience",
        ),
        (
            json!({"aud": format!("{ISSUER}/par")}),
            "broker.client_audience",
        ),
        (
            json!({"aud": [ISSUER, "https://other.example"]}),
            "broker.client_audience",
        ),
        (json!({"aud": null}), "broker.client_audience"),
        (json!({"exp": now - 31}), "broker.client_expired"),
        (json!({"exp": now + 3600}), "broker.client_expired"),
        (json!({"exp": null}), "broker.client"),
        (json!({"iat": now + 120}), "broker.client_expired"),
        (json!({"nbf": now + 120}), "broker.client_expired"),
        (json!({"jti": null}), "broker.client"),
        (json!({"jti": "x".repeat(257)}), "broker.client"),
        (
            json!({"iss": "https://agents.example/other"}),
            "broker.client",
        ),
        (
            json!({"sub": "https://agents.example/other"}),
            "broker.client",
        ),
        (json!({"sub": "nobody"}), "broker.client"),
    ] {
        claiming(claims).refused("invalid_client", code);
    }
    assert_eq!(claiming(json!({"aud": [ISSUER]})).status, 201);
}

#[test]
fn an_assertion_is_signed_by_the_client_and_counts_once() {
    let world = World::new();
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let pushed = |patch: Value| {
        let proof = agent.proof("/par", Some(&agent.nonce()), &agent.holder, &json!({}));
        agent.post("/par", &agent.asking(&patch), Some(&proof))
    };
    let exp = world.now + 60;
    // Another key, another type of statement, an algorithm that is none.
    let claims = |jti: &str| json!({"iss": agent.id, "sub": agent.id, "aud": ISSUER, "jti": jti, "exp": exp});
    let header = |alg: &str, typ: &str| json!({"alg": alg, "typ": typ});
    for (forged, key) in [
        (header("Ed25519", "JWT"), &agent.stranger()),
        (header("Ed25519", "dpop+jwt"), &agent.key),
        (header("none", "JWT"), &agent.key),
        (header("ES256", "JWT"), &agent.key),
        (json!({"alg": "Ed25519", "crit": ["x"]}), &agent.key),
    ] {
        let assertion = jws(&forged, &claims("a"), key);
        pushed(json!({"client_assertion": assertion})).refused("invalid_client", "broker.client");
    }
    let eddsa = jws(&json!({"alg": "EdDSA"}), &claims("b"), &agent.key);
    assert_eq!(pushed(json!({"client_assertion": eddsa})).status, 201);
    pushed(json!({"client_assertion": eddsa})).refused("invalid_client", "broker.client_used");
    pushed(json!({"client_secret": "s"})).refused("invalid_client", "broker.client_secret");
    pushed(json!({"client_assertion_type": "x"})).refused("invalid_client", "broker.client");
    pushed(json!({"client_id": "https://agents.example/other"}))
        .refused("invalid_client", "broker.client");
    // An assertion is remembered beyond the process.
    drop(server);
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let proof = agent.proof("/par", Some(&agent.nonce()), &agent.holder, &json!({}));
    let asking = agent.asking(&json!({"client_assertion": eddsa}));
    agent
        .post("/par", &asking, Some(&proof))
        .refused("invalid_client", "broker.client_used");
}

/// `requests.json`: what is changed in a sound request, and how that is refused.
#[test]
fn a_request_has_one_safe_form() {
    let world = World::new();
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    assert_eq!(
        agent.push(&json!({})).status,
        201,
        "without changes it is taken"
    );
    let cases: Vec<(Value, String, String)> =
        serde_json::from_str(include_str!("requests.json")).unwrap();
    for (patch, error, code) in cases {
        agent.push(&patch).refused(&error, &code);
    }
    let long = json!({"state": "x".repeat(1025)});
    agent
        .push(&long)
        .refused("invalid_request", "broker.request");
    let twice = format!("{}&state=1&state=2", form(&[("client_id", &agent.id)]));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    server
        .send("POST", "/par", &headers, &twice)
        .refused("invalid_request", "broker.request");
    let json = [("content-type", "application/json")];
    server
        .send("POST", "/par", &json, "{}")
        .refused("invalid_request", "broker.request");
}

#[test]
fn a_draft_beyond_the_manifest_is_refused_by_name() {
    let world = World::new();
    world.edit(
        "agents/assistant.toml",
        "constraints.currency",
        "limits = [{ type = \"use_limit\", max = 5 }]\nconstraints.currency",
    );
    world.build();
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let wider = |entry: Value, name: &str| {
        let told = agent.push(&details(&[drafts(), entry]));
        assert_eq!(told.status, 400, "{told:?}");
        let body = told.json();
        assert_eq!(body["error"], "invalid_authorization_details", "{body}");
        let said = format!("{} {}", body["ambit_code"], body["error_description"]);
        assert!(said.contains(name), "`{name}` is not in {said}");
    };
    let with = |name: &str, value: Value| {
        let mut entry = drafts();
        entry[name] = value;
        entry
    };
    wider(with("actions", json!(["email", "fly"])), "fly");
    wider(with("privileges", json!(["draft", "observe"])), "observe");
    wider(with("purpose", json!("newsletter")), "newsletter");
    wider(with("datatypes", json!(["Invoice"])), "broker.wider");
    wider(
        with(
            "requires",
            json!({"approval": {"approvers": ["user:friend"], "count": 1}}),
        ),
        "user:friend",
    );
    wider(
        with("limits", json!([{"type": "use_limit", "max": 0}])),
        "mint.entry",
    );
    wider(pays(60000), "amount");
    let mut pay = pays(20000);
    pay["limits"] = json!([{"type": "use_limit", "max": 6}]);
    wider(pay.clone(), "use_limit");
    pay["limits"] = json!([{"type": "use_limit", "max": 5}]);
    assert_eq!(agent.push(&details(&[pay])).status, 201);
    let mut mail = drafts();
    mail["constraints"]["to"]["values"] = json!(["customer.example", "evil.example"]);
    wider(mail, "to");
    agent
        .push(&json!({"ambit_depth": "2"}))
        .refused("invalid_authorization_details", "manifest.depth");
    assert_eq!(agent.push(&json!({"ambit_depth": "1"})).status, 201);
}

#[test]
fn proofs_are_fresh_for_this_address_and_used_once() {
    let world = World::new();
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let nonce = agent.nonce();
    let with = |proof: Option<&str>| agent.post("/par", &agent.asking(&json!({})), proof);
    let proof = |patch: Value| agent.proof("/par", Some(&nonce), &agent.holder, &patch);
    with(None).refused("invalid_dpop_proof", "possession.missing");
    with(Some("x")).refused("invalid_dpop_proof", "possession.malformed");
    for (patch, code) in [
        (json!({"htm": "GET"}), "possession.method"),
        (json!({"htu": format!("{ISSUER}/token")}), "possession.url"),
        (json!({"htu": "https://evil.example/par"}), "possession.url"),
        (json!({"iat": world.now - 61}), "possession.expired"),
        (json!({"iat": world.now + 31}), "possession.iat_future"),
        (json!({"jti": null}), "possession.malformed"),
    ] {
        with(Some(&proof(patch))).refused("invalid_dpop_proof", code);
    }
    with(Some(&proof(json!({"nonce": "mine"})))).refused("use_dpop_nonce", "possession.nonce");
    let claims = json!({"jti": "z", "htm": "POST", "htu": format!("{ISSUER}/par"), "iat": world.now, "nonce": nonce});
    let header = json!({"alg": "Ed25519", "typ": "dpop+jwt", "jwk": agent.stranger().public_jwk()});
    let forged = jws(&header, &claims, &agent.holder);
    with(Some(&forged)).refused("invalid_dpop_proof", "possession.signature");
    let private = json!({"alg": "Ed25519", "typ": "dpop+jwt", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": agent.holder.x(), "d": "x"}});
    with(Some(&jws(&private, &claims, &agent.holder)))
        .refused("invalid_dpop_proof", "possession.malformed");
    let once = proof(json!({}));
    assert_eq!(with(Some(&once)).status, 201);
    with(Some(&once)).refused("invalid_dpop_proof", "possession.used");
}

#[test]
fn what_goes_wrong_in_the_broker_leaves_nothing_behind() {
    let world = World::new();
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let nonce = agent.nonce();
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    let used = || -> i64 {
        let count = "SELECT count(*) FROM used";
        database.query_row(count, [], |row| row.get(0)).unwrap()
    };
    let before = used();
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON request BEGIN SELECT RAISE(ABORT, 'full'); END";
    database.execute_batch(full).unwrap();
    let proof = agent.proof("/par", Some(&nonce), &agent.holder, &json!({}));
    let mut form = agent.asking(&json!({}));
    form["client_assertion"] = json!(agent.assertion(&json!({})));
    let told = agent.post("/par", &form, Some(&proof));
    assert_eq!(told.status, 500, "{told:?}");
    assert_eq!(used(), before);
    database.execute_batch("DROP TRIGGER full").unwrap();
    let told = agent.post("/par", &form, Some(&proof));
    assert_eq!(told.status, 201, "{told:?}");
    agent
        .post("/par", &form, Some(&proof))
        .refused("invalid_client", "broker.client_used");
}
