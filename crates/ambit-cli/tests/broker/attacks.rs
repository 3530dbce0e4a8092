//! Codes, browsers and forms that are not whose they should be.

use ambit_compiler::keys::SecretKey;
use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, VERIFIER, drafting, parameter};
use crate::person::{Person, invitation};
use crate::world::{BACK, ISSUER, World, drafts};

#[test]
fn a_code_is_for_who_asked_and_for_one_token() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let code = agent.code(&mut ann, &json!({}));
    for (patch, code_of) in [
        (
            json!({"code_verifier": format!("{VERIFIER}x")}),
            "broker.pkce",
        ),
        (json!({"code_verifier": null}), "broker.pkce"),
        (json!({"code_verifier": "short"}), "broker.pkce"),
        (
            json!({"redirect_uri": "https://other.example/callback"}),
            "broker.redirect_uri",
        ),
        (json!({"redirect_uri": null}), "broker.redirect_uri"),
        (json!({"code": "x"}), "broker.code"),
    ] {
        agent
            .exchange(&code, &patch)
            .refused("invalid_grant", code_of);
    }
    agent
        .exchange(&code, &json!({"grant_type": "refresh_token"}))
        .refused("unsupported_grant_type", "broker.request");
    agent
        .exchange(&code, &json!({"code": null}))
        .refused("invalid_request", "broker.request");
    let other = Agent::other(&world, &server);
    other
        .exchange(&code, &json!({}))
        .refused("invalid_grant", "broker.code");

    // Nothing of that used it up.
    let told = agent.exchange(&code, &json!({}));
    assert_eq!(told.status, 200, "{told:?}");
    let token = told.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(
        agent.judged(&token, &drafting("ben@customer.example"), &agent.epochs()),
        "allowed"
    );
    // Whoever comes second may be whom it was for: what the first got ends.
    agent
        .exchange(&code, &json!({}))
        .refused("invalid_grant", "broker.code_used");
    assert_eq!(
        agent.judged(&token, &drafting("ben@customer.example"), &agent.epochs()),
        "revocation.revoked"
    );
    agent
        .exchange(&code, &json!({}))
        .refused("invalid_grant", "broker.code_used");
    drop(server);
    assert_eq!(
        world.done(),
        ["passkey", "request", "grant", "mint", "revocation"]
    );
}

#[test]
fn a_token_is_for_the_key_that_asked() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let code = agent.code(&mut ann, &json!({}));
    let nonce = agent.nonce();
    let by = |key: &SecretKey, patch: Value| agent.proof("/token", Some(&nonce), key, &patch);
    let stolen = by(&agent.stranger(), json!({}));
    agent
        .exchange_with(&code, &json!({}), Some(&stolen))
        .refused("invalid_grant", "possession.key");
    agent
        .exchange_with(&code, &json!({}), None)
        .refused("invalid_dpop_proof", "possession.missing");
    let elsewhere = by(&agent.holder, json!({"htu": format!("{ISSUER}/par")}));
    agent
        .exchange_with(&code, &json!({}), Some(&elsewhere))
        .refused("invalid_dpop_proof", "possession.url");
    let once = by(&agent.holder, json!({}));
    let wrong = json!({"code_verifier": null});
    agent
        .exchange_with(&code, &wrong, Some(&once))
        .refused("invalid_grant", "broker.pkce");
    agent
        .exchange_with(&code, &json!({}), Some(&once))
        .refused("invalid_dpop_proof", "possession.used");
    // The very same request again is refused before it could revoke anything.
    let assertion = agent.assertion(&json!({}));
    let same = json!({"client_assertion": assertion});
    let fresh = by(&agent.holder, json!({}));
    assert_eq!(agent.exchange_with(&code, &same, Some(&fresh)).status, 200);
    agent
        .exchange_with(&code, &same, Some(&fresh))
        .refused("invalid_client", "broker.client_used");
    assert!(!world.done().contains(&"revocation".to_owned()));
}

#[test]
fn a_code_ends_after_a_minute() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let code = agent.code(&mut ann, &json!({}));
    drop(server);
    let server = world.serve_at(world.now + 60);
    let agent = Agent::new(&world, &server).at(world.now + 60);
    agent
        .exchange(&code, &json!({}))
        .refused("invalid_grant", "broker.code");
}

#[test]
fn a_request_is_opened_once_by_the_browser_of_its_client() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let other = Agent::other(&world, &server);
    let pushed = agent.push(&json!({})).json();
    let uri = pushed["request_uri"].as_str().unwrap();
    assert_eq!(pushed["expires_in"], 90);
    ann.get(&other.address(uri)).ended("broker.request_uri");
    ann.get(&agent.address("urn:ietf:params:oauth:request_uri:guess"))
        .ended("broker.request_uri");
    ann.get(&agent.address("https://evil.example/request"))
        .ended("broker.request_uri");
    let page = ann.reads(&agent.address(uri));
    ann.get(&agent.address(uri)).ended("broker.request_uri");
    // Somebody else's browser cannot take the page over.
    let mut eve = Person::enrolled(&world, &server, "user:eve");
    eve.get(&format!("/consent?r={}", page.field("r")))
        .ended("broker.request_uri");
    let late = agent.ask(&json!({}));
    drop(server);
    let server = world.serve_at(world.now + 91);
    ann.at(&server).get(&late).ended("broker.request_uri");
}

#[test]
fn consent_is_given_by_who_read_it_in_a_form_of_ours() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let mut eve = Person::enrolled(&world, &server, "user:eve");
    let agent = Agent::new(&world, &server);
    let page = ann.reads(&agent.ask(&json!({})));
    let theirs = eve.reads(&agent.ask(&json!({})));
    let (r, csrf, text) = (page.field("r"), page.field("csrf"), page.field("text"));
    let yes = |csrf: &str, text: &str| {
        [
            ("r", r.clone()),
            ("csrf", csrf.to_owned()),
            ("text", text.to_owned()),
            ("answer", "allow".to_owned()),
        ]
    };
    let send = |person: &Person, fields: &[(&str, String)]| {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        person.post("/consent", &fields)
    };
    send(&ann, &yes("", &text)).ended("broker.csrf");
    send(&ann, &yes(&theirs.field("csrf"), &text)).ended("broker.csrf");
    send(&eve, &yes(&csrf, &text)).ended("broker.csrf");
    send(&eve, &yes(&theirs.field("csrf"), &text)).ended("broker.request_uri");
    send(&Person::new(&server, "nobody"), &yes(&csrf, &text)).ended("broker.request_uri");
    let body = crate::world::form(&[
        ("r", &r),
        ("csrf", &csrf),
        ("text", &text),
        ("answer", "allow"),
    ]);
    let crossed = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://evil.example"),
        ("cookie", ann.cookie.as_deref().unwrap()),
    ];
    server
        .send("POST", "/consent", &crossed, &body)
        .ended("broker.csrf");
    let other = send(&ann, &yes(&csrf, &"A".repeat(43)));
    assert_eq!(
        (other.status, other.header("location")),
        (200, None),
        "{other:?}"
    );
    assert!(other.text.contains("Please read it again"));
    assert!(!world.done().contains(&"grant".to_owned()));
    let told = send(&ann, &yes(&csrf, &other.field("text")));
    assert_eq!(told.status, 303, "{told:?}");
    // Sent twice, one effect.
    let again = send(&ann, &yes(&csrf, &other.field("text")));
    assert_eq!(told.header("location"), again.header("location"));
    let granted = world.done().into_iter().filter(|done| done == "grant");
    assert_eq!(granted.count(), 1);
}

#[test]
fn what_changed_between_reading_and_answering_is_read_again() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let page = ann.reads(&agent.ask(&json!({})));
    world.edit(
        "schema.cedarschema",
        "draft: draft e-mail,",
        "draft: write letters,",
    );
    world.edit("ambit.toml", "version = 1\n", "version = 2\n");
    world.build();
    server.running.said.says("policy version 2 decides now");
    let told = ann.answers(&page, "allow", &[]);
    assert_eq!(
        (told.status, told.header("location")),
        (200, None),
        "{told:?}"
    );
    assert!(
        told.text.contains("Please read it again") && told.text.contains("rite letters"),
        "{told:?}"
    );
    let told = ann.answers(&told, "allow", &[]);
    assert!(parameter(told.header("location").unwrap(), "code").is_some());
}

#[test]
fn a_text_that_lay_too_long_is_read_again() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let page = ann.reads(&agent.ask(&json!({})));
    drop(server);
    let server = world.serve_at(world.now + 301);
    let mut ann = ann.at(&server);
    // The forms of a process that has ended are none; the page itself is still there.
    ann.answers(&page, "allow", &[]).ended("broker.csrf");
    let page = ann.get(&format!("/consent?r={}", page.field("r")));
    drop(server);
    let server = world.serve_at(world.now + 899);
    let mut ann = ann.at(&server);
    let fresh = ann.get(&format!("/consent?r={}", page.field("r")));
    let csrf = fresh.field("csrf");
    let (r, text) = (page.field("r"), page.field("text"));
    let told = ann.post(
        "/consent",
        &[
            ("r", &r),
            ("csrf", &csrf),
            ("text", &text),
            ("answer", "allow"),
        ],
    );
    assert_eq!(
        (told.status, told.header("location")),
        (200, None),
        "{told:?}"
    );
}

#[test]
fn a_login_is_new_in_this_browser_and_by_a_passkey_of_ours() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let page = ann.opens(&agent.ask(&json!({})));
    let before = ann.cookie.clone();
    let send = |person: &Person, fields: Vec<(&'static str, String)>| {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        person.post("/login", &fields)
    };
    let failed = |told: &crate::world::Told| {
        assert_eq!(
            (told.status, told.header("location")),
            (400, None),
            "{told:?}"
        );
    };
    // Another site's page, a passkey that nobody knows, another's key, no challenge of ours.
    let told = send(&ann, ann.login(&page, "https://evil.example"));
    failed(&told);
    let told = send(&ann, Person::new(&server, "eve").login(&told, ISSUER));
    failed(&told);
    let mut forger = Person::new(&server, "user:ann");
    forger.id.clone_from(&ann.id);
    let told = send(&ann, forger.login(&told, ISSUER));
    failed(&told);
    let told = send(&ann, ann.login(&page, ISSUER));
    failed(&told);
    let mut form = ann.login(&told, ISSUER);
    form[1].1 = "x".to_owned();
    send(&ann, form).ended("broker.csrf");
    // A challenge is answered once, whatever came of it.
    let ok = ann.logs_in(&told);
    assert_eq!(ok.status, 303, "{ok:?}");
    assert_ne!(
        ann.cookie, before,
        "the session is another one after the login"
    );
    let fixed = Person {
        cookie: before,
        ..Person::new(&server, "eve")
    };
    let mut fixed = fixed;
    fixed
        .get(ok.header("location").unwrap())
        .ended("broker.request_uri");
}

#[test]
fn somebody_else_at_the_browser_logs_in_anew() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let page = ann.reads(&agent.ask(&json!({})));
    assert!(page.text.contains("user:ann"));
    let old = ann.cookie.clone();
    let told = ann.post(
        "/logout",
        &[("r", &page.field("r")), ("csrf", &page.field("csrf"))],
    );
    assert_eq!(told.status, 303, "{told:?}");
    ann.keep(&told);
    let login = ann.get(told.header("location").unwrap());
    assert!(login.text.contains("data-passkey=\"get\""), "{login:?}");
    let mut before = Person {
        cookie: old,
        ..Person::new(&server, "eve")
    };
    before
        .get(told.header("location").unwrap())
        .ended("broker.request_uri");
}

#[test]
fn a_link_makes_one_passkey() {
    let world = World::new();
    let server = world.serve();
    let link = invitation(&world, "user:ann");
    server.get("/enrol?link=guess").ended("broker.request_uri");
    let ann = Person::new(&server, "user:ann");
    let other = |origin: &str, data: Vec<u8>| {
        let page = server.get(&link);
        let client = json!({"type": "webauthn.create", "challenge": crate::person::attribute(&page, "data-challenge"), "origin": origin});
        let client = base64url::encode(client.to_string().as_bytes());
        ann.post(
            "/enrol",
            &[
                ("link", &page.field("link")),
                ("client_data", &client),
                ("authenticator_data", &base64url::encode(&data)),
            ],
        )
    };
    other("https://evil.example", ann.registration()).ended("broker.passkey");
    let mut unverified = ann.registration();
    unverified[32] = 0b0100_0001;
    other(ISSUER, unverified).ended("broker.passkey");
    let mut elsewhere = ann.registration();
    elsewhere[0] ^= 1;
    other(ISSUER, elsewhere).ended("broker.passkey");
    let mut longer = ann.registration();
    longer.push(0);
    other(ISSUER, longer).ended("broker.passkey");
    assert_eq!(other(ISSUER, ann.registration()).status, 200);
    server.get(&link).ended("broker.request_uri");
    // Nobody takes a passkey over by a link of their own.
    let eve = Person {
        id: ann.id.clone(),
        ..Person::new(&server, "eve")
    };
    eve.enrols(&invitation(&world, "user:eve"))
        .ended("broker.passkey");
    assert_eq!(world.done(), ["passkey"]);
}

#[test]
fn the_database_holds_no_secret() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let link = invitation(&world, "user:bob");
    let pushed = agent.push(&json!({})).json();
    let uri = pushed["request_uri"].as_str().unwrap().to_owned();
    let code = agent.code(
        &mut ann,
        &json!({"authorization_details": json!([drafts()]).to_string()}),
    );
    let cookie = ann.cookie.clone().unwrap();
    drop(server);
    let all = [
        world.bytes("broker.sqlite"),
        std::fs::read(world.path("broker.sqlite-wal")).unwrap_or_default(),
        world.bytes("audit.log"),
    ]
    .concat();
    let has = |text: &str| {
        all.windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(
        has("user:ann") && has(BACK),
        "the search finds what is there"
    );
    for secret in [
        link.rsplit('=').next().unwrap(),
        uri.rsplit(':').next().unwrap(),
        cookie.rsplit('=').next().unwrap(),
        &code,
    ] {
        assert!(secret.len() >= 43 && !has(secret), "{secret}");
    }
}

#[test]
fn a_login_ends_after_an_hour() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    ann.reads(&agent.ask(&json!({})));
    let page = ann.opens(&agent.ask(&json!({})));
    assert!(page.text.contains("value=\"allow\""), "{page:?}");
    drop(server);
    let server = world.serve_at(world.now + 3600);
    let agent = Agent::new(&world, &server).at(world.now + 3600);
    let mut ann = ann.at(&server);
    let page = ann.opens(&agent.ask(&json!({})));
    assert!(page.text.contains("data-passkey=\"get\""), "{page:?}");
}
