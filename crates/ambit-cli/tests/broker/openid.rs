//! Logging in at an OpenID provider, and everything that must not pass as a login.

use std::time::{Duration, Instant};

use ambit_compiler::keys;
use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, parameter, s256};
use crate::person::Person;
use crate::provider::{Provider, Visit};
use crate::world::{Server, Told, World};

struct Scene {
    provider: Provider,
    world: World,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let provider = Provider::new();
        let world = provider.world();
        let server = world.serve();
        Self {
            provider,
            world,
            server,
        }
    }

    fn agent(&self) -> Agent<'_> {
        Agent::new(&self.world, &self.server)
    }

    /// A browser on its way to the provider, for a request with these changes.
    fn away(&self, patch: &Value) -> (Person, Visit) {
        let mut ann = Person::new(&self.server, "user:ann");
        let page = ann.opens(&self.agent().ask(patch));
        let visit = ann.leaves(&page);
        (ann, visit)
    }

    /// Comes back with a login that has these changes.
    fn comes(&self, ann: &mut Person, visit: &Visit, patch: &Value) -> Told {
        let claims = crate::agent::patched(self.provider.claims(visit, self.world.now), patch);
        self.provider.vouches(&claims);
        ann.get(&self.provider.back(visit))
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload.as_bytes()).unwrap()).unwrap()
}

/// It came to nothing: the browser is nobody, now and later.
#[track_caller]
fn is_nobody(ann: &mut Person) {
    let page = ann.get("/agents");
    assert!(page.text.contains("data-passkey"), "{page:?}");
}

#[test]
fn a_login_at_the_provider_is_what_the_token_says() {
    let scene = Scene::new();
    let (mut ann, visit) = scene.away(&json!({}));
    assert!(
        visit
            .url
            .starts_with(&format!("{}/authorize?", scene.provider.issuer))
    );
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "broker"),
        ("scope", "openid"),
        ("code_challenge_method", "S256"),
        (
            "redirect_uri",
            "https%3A%2F%2Fbroker.example%2Flogin%2Fback",
        ),
        ("max_age", "86400"),
    ] {
        assert_eq!(visit.says(name).as_deref(), Some(value), "{name}");
    }
    let before = ann.cookie.clone();
    let told = scene.comes(&mut ann, &visit, &json!({}));
    assert_eq!(told.status, 303, "{told:?}");
    assert_ne!(ann.cookie, before, "a login makes a new session");
    let asked = scene.provider.asked();
    let form = format!("?{}", asked[0]);
    let verifier = parameter(&form, "code_verifier").unwrap();
    assert_eq!(visit.says("code_challenge"), Some(s256(&verifier)));
    assert_eq!(parameter(&form, "code").as_deref(), Some("c-1"));

    let page = ann.get(told.header("location").unwrap());
    assert!(page.text.contains("user:ann"), "{page:?}");
    let told = ann.answers(&page, "allow", &[]);
    let code = parameter(told.header("location").unwrap(), "code").unwrap();
    let token = scene.agent().exchange(&code, &json!({})).json();
    let made = claims(token["access_token"].as_str().unwrap());
    assert_eq!(made["sub"], "user:ann");
    assert_eq!(made["acr"], "urn:plain");
    assert_eq!(made["amr"], json!(["pwd", "otp"]));
    assert_eq!(made["auth_time"], scene.world.now - 5);
    let Scene { world, server, .. } = scene;
    drop(server);
    assert_eq!(world.done(), ["request", "login", "grant", "mint"]);
}

#[test]
fn what_the_provider_does_not_say_the_token_does_not_say() {
    let scene = Scene::new();
    let mut ann = Person::new(&scene.server, "user:ann");
    let page = ann.get("/agents");
    let visit = ann.leaves(&page);
    let told = scene.comes(&mut ann, &visit, &json!({"acr": null, "amr": null}));
    assert_eq!(told.header("location"), Some("/agents"));
    let token = scene.agent().token(&mut ann, &json!({}));
    let made = claims(&token);
    assert_eq!((made.get("acr"), made.get("amr")), (None, None));
}

#[test]
fn only_an_id_token_for_this_login_is_taken() {
    let scene = Scene::new();
    let now = scene.world.now;
    let issuer = &scene.provider.issuer;
    for patch in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": format!("{issuer}/")}),
        json!({"aud": "another"}),
        json!({"aud": ["broker", "another"]}),
        json!({"aud": []}),
        json!({"azp": "another"}),
        json!({"exp": now - 31}),
        json!({"exp": null}),
        json!({"iat": now + 31}),
        json!({"iat": now - 301}),
        json!({"iat": null}),
        json!({"auth_time": null}),
        json!({"auth_time": now + 31}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"acr": 1}),
        json!({"amr": [1]}),
    ] {
        let (mut ann, visit) = scene.away(&json!({}));
        let told = scene.comes(&mut ann, &visit, &patch);
        assert_eq!(
            (told.status, told.header("set-cookie")),
            (500, None),
            "{patch}: {told:?}"
        );
        assert!(
            told.text.contains("broker.login_token"),
            "{patch}: {told:?}"
        );
        is_nobody(&mut ann);
    }
    let said = scene.server.running.said.text();
    assert!(
        said.contains("its `nonce` is that of another login"),
        "{said}"
    );
}

#[test]
fn only_the_provider_signs_and_only_with_a_key_of_its_own() {
    let scene = Scene::new();
    let stranger = keys::generate(Some("provider-1")).unwrap();
    let good = json!({"alg": "Ed25519", "kid": "provider-1"});
    for (header, key) in [
        (json!({"alg": "none"}), &scene.provider.key),
        (
            json!({"alg": "HS256", "kid": "provider-1"}),
            &scene.provider.key,
        ),
        (
            json!({"alg": "RS256", "kid": "provider-1"}),
            &scene.provider.key,
        ),
        (
            json!({"alg": "ES256", "kid": "provider-1"}),
            &scene.provider.key,
        ),
        (json!({"kid": "provider-1"}), &scene.provider.key),
        (
            json!({"alg": "Ed25519", "kid": "another"}),
            &scene.provider.key,
        ),
        (
            json!({"alg": "Ed25519", "kid": "provider-1", "crit": ["x"]}),
            &scene.provider.key,
        ),
        (
            json!({"alg": "Ed25519", "kid": "provider-1", "typ": "logout+jwt"}),
            &scene.provider.key,
        ),
        (good, &stranger),
    ] {
        let (mut ann, visit) = scene.away(&json!({}));
        let claims = scene.provider.claims(&visit, scene.world.now);
        scene.provider.vouches_as(&header, &claims, key);
        let told = ann.get(&scene.provider.back(&visit));
        assert!(
            told.status == 500 && told.text.contains("broker.login_token"),
            "{header}: {told:?}"
        );
        is_nobody(&mut ann);
    }
    // `none` with nothing behind it, too.
    let (mut ann, visit) = scene.away(&json!({}));
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let claims = scene.provider.claims(&visit, scene.world.now);
    let token = format!("{}.{}.", encode(&json!({"alg": "none"})), encode(&claims));
    scene.provider.answers(200, json!({"id_token": token}));
    assert_eq!(ann.get(&scene.provider.back(&visit)).status, 500);
    is_nobody(&mut ann);
}

#[test]
fn keys_that_changed_are_fetched_again() {
    let scene = Scene::new();
    let (mut ann, visit) = scene.away(&json!({}));
    let next = keys::generate(Some("provider-2")).unwrap();
    scene.provider.publishes(&next);
    let claims = scene.provider.claims(&visit, scene.world.now);
    let header = json!({"alg": "Ed25519", "kid": "provider-2"});
    scene.provider.vouches_as(&header, &claims, &next);
    // Not at once: a signature by nobody would fetch them each time.
    assert_eq!(ann.get(&scene.provider.back(&visit)).status, 500);
    let Scene {
        provider,
        world,
        server,
    } = scene;
    drop(server);
    let server = world.serve_at(world.now + 40);
    let scene = Scene {
        provider,
        world,
        server,
    };
    let mut ann = Person::new(&scene.server, "user:ann");
    let page = ann.get("/agents");
    let visit = ann.leaves(&page);
    let claims = scene.provider.claims(&visit, scene.world.now + 40);
    scene.provider.vouches_as(&header, &claims, &next);
    assert_eq!(ann.get(&scene.provider.back(&visit)).status, 303);
}

#[test]
fn an_answer_counts_once_in_the_browser_that_left() {
    let scene = Scene::new();
    let (mut ann, visit) = scene.away(&json!({}));
    scene
        .provider
        .vouches(&scene.provider.claims(&visit, scene.world.now));
    let back = scene.provider.back(&visit);
    // Login CSRF: somebody else's browser, with or without a visit of its own, or with no session at all.
    let (mut eve, own) = scene.away(&json!({}));
    eve.get(&back).ended("broker.login_state");
    Person::new(&scene.server, "x")
        .get(&back)
        .ended("broker.login_state");
    is_nobody(&mut eve);
    // Another state in this browser.
    ann.get(&scene.provider.back(&own))
        .ended("broker.login_state");
    assert_eq!(scene.provider.asked().len(), 0, "no code was tried");
    assert_eq!(ann.get(&back).status, 303);
    ann.get(&back).ended("broker.login_state");
    assert_eq!(scene.provider.asked().len(), 1);
}

#[test]
fn a_state_ends_with_the_visit() {
    let scene = Scene::new();
    let (mut ann, first) = scene.away(&json!({}));
    let page = ann.get("/agents");
    // Who leaves again has begun again.
    let second = ann.leaves(&page);
    ann.get(&scene.provider.back(&first))
        .ended("broker.login_state");
    let told = scene.comes(&mut ann, &second, &json!({}));
    assert_eq!(told.header("location"), Some("/agents"), "{told:?}");
}

#[test]
fn an_answer_of_another_provider_goes_nowhere() {
    let scene = Scene::new();
    for iss in ["", "&iss=https%3A%2F%2Fevil.example"] {
        let (mut ann, visit) = scene.away(&json!({}));
        let back = format!("/login/back?code=c-1&state={}{iss}", visit.state);
        ann.get(&back).ended("broker.login_issuer");
        is_nobody(&mut ann);
    }
    assert_eq!(scene.provider.asked().len(), 0, "the code went nowhere");
}

#[test]
fn metadata_of_another_issuer_or_without_tls_are_not_used() {
    for patch in [
        json!({"issuer": "https://evil.example"}),
        json!({"token_endpoint": "http://evil.example/token"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"jwks_uri": null}),
    ] {
        let scene = Scene::new();
        scene.provider.describes(&patch);
        let mut ann = Person::new(&scene.server, "user:ann");
        ann.get("/agents");
        let told = ann.get("/login/away?");
        assert!(
            told.status == 500 && told.text.contains("broker.provider"),
            "{patch}: {told:?}"
        );
    }
}

#[test]
fn who_the_file_does_not_name_is_nobody() {
    let scene = Scene::new();
    for subject in ["8", "user:ann", "07", "7 "] {
        let (mut ann, visit) = scene.away(&json!({}));
        scene
            .comes(&mut ann, &visit, &json!({"sub": subject}))
            .ended("broker.login_person");
        is_nobody(&mut ann);
    }
}

#[test]
fn a_login_that_failed_can_be_tried_again() {
    let scene = Scene::new();
    let (mut ann, visit) = scene.away(&json!({}));
    let issuer = scene
        .provider
        .issuer
        .replace(':', "%3A")
        .replace('/', "%2F");
    let back = format!(
        "/login/back?error=access_denied&state={}&iss={issuer}",
        visit.state
    );
    let page = ann.get(&back);
    assert!(
        page.status == 400 && page.text.contains("did not work"),
        "{page:?}"
    );
    let visit = ann.leaves(&page);
    scene
        .provider
        .answers(400, json!({"error": "invalid_grant"}));
    let page = ann.get(&scene.provider.back(&visit));
    assert!(
        page.status == 400 && page.text.contains("did not work"),
        "{page:?}"
    );
    let visit = ann.leaves(&page);
    assert_eq!(scene.comes(&mut ann, &visit, &json!({})).status, 303);
}

#[test]
fn a_stronger_or_fresher_login_is_asked_for_and_looked_at() {
    let scene = Scene::new();
    let now = scene.world.now;
    let told = scene.agent().push(&json!({"acr_values": "urn:stronger"}));
    told.refused("invalid_request", "broker.request");
    assert!(told.text.contains("urn:strong"), "{told:?}");

    let (mut ann, visit) = scene.away(&json!({"acr_values": "urn:strong x", "max_age": "60"}));
    assert_eq!(visit.says("acr_values").as_deref(), Some("urn%3Astrong"));
    assert_eq!(visit.says("max_age").as_deref(), Some("60"));
    let weak = scene.comes(&mut ann, &visit, &json!({}));
    assert!(
        weak.status == 400 && weak.text.contains("did not work"),
        "{weak:?}"
    );
    is_nobody(&mut ann);

    // Older than anybody was asked to be, and a passkey that we did not see.
    let (mut ann, visit) = scene.away(&json!({}));
    let old = json!({"auth_time": now - 86_400 - 31});
    assert_eq!(scene.comes(&mut ann, &visit, &old).status, 400);
    let (mut ann, visit) = scene.away(&json!({}));
    let told = scene.comes(&mut ann, &visit, &json!({"acr": "phr"}));
    assert_eq!(told.status, 303, "{told:?}");
    let token = scene.agent().token(&mut ann, &json!({}));
    assert_eq!(claims(&token).get("acr"), None);

    // Strong, and long ago: before the request, and more than a minute and the clocks' difference.
    let (mut ann, visit) = scene.away(&json!({"acr_values": "urn:strong", "max_age": "60"}));
    let old = json!({"acr": "urn:strong", "auth_time": now - 91});
    assert_eq!(scene.comes(&mut ann, &visit, &old).status, 400);
    is_nobody(&mut ann);

    let (mut ann, visit) = scene.away(&json!({"acr_values": "urn:strong", "max_age": "60"}));
    let strong = json!({"acr": "urn:strong", "auth_time": now - 60});
    assert_eq!(scene.comes(&mut ann, &visit, &strong).status, 303);
    let token = scene
        .agent()
        .token(&mut ann, &json!({"acr_values": "urn:strong"}));
    assert_eq!(claims(&token)["acr"], "urn:strong");
    // A passkey is something else: who has the one is asked for the other, and the provider is not where it is had.
    let page = ann.opens(&scene.agent().ask(&json!({"acr_values": "phr"})));
    assert!(
        page.text.contains("data-passkey") && !page.text.contains("/login/away"),
        "{page:?}"
    );
    let away = ann.get(&format!("/login/away?r={}", page.field("r")));
    assert_eq!(away.status, 400, "{away:?}");
}

#[test]
fn a_login_leads_only_to_pages_of_ours() {
    let scene = Scene::new();
    let mut ann = Person::new(&scene.server, "user:ann");
    let page = ann.get("/agents");
    for strange in [
        "r=https%3A%2F%2Fevil.example",
        "r=%2F%2Fevil.example",
        "r=x",
    ] {
        ann.get(&format!("/login/away?{strange}"))
            .ended("broker.request_uri");
    }
    // A request that another browser opened.
    let mut eve = Person::new(&scene.server, "eve");
    let hers = eve.opens(&scene.agent().ask(&json!({}))).field("r");
    ann.get(&format!("/login/away?r={hers}"))
        .ended("broker.request_uri");
    let visit = ann.leaves(&page);
    scene
        .provider
        .vouches(&scene.provider.claims(&visit, scene.world.now));
    let back = format!(
        "{}&r=https%3A%2F%2Fevil.example",
        scene.provider.back(&visit)
    );
    assert_eq!(ann.get(&back).header("location"), Some("/agents"));
}

#[test]
fn a_check_says_what_is_unsafe_about_the_login() {
    let provider = Provider::new();
    let world = provider.world();
    let check = |code: i32| world.check(&[]).expect(code);
    check(2).says("broker.login").says("without TLS");
    provider.describes(&json!({"issuer": "https://evil.example"}));
    check(2).says("nobody can log in");
    world.edit("broker.toml", "people = { \"7\" = \"user:ann\" }", "");
    check(3).says("login.subject_prefix");
}

#[test]
fn at_the_provider_an_agent_is_neither_the_broker_nor_another_agent() {
    let agent = "agent = { uid = \"assistant\" }";
    for (name, words) in [
        ("broker", "what the broker is"),
        ("https://agents.example/other", "one `login_client_id`"),
    ] {
        let world = Provider::new().world();
        let first = format!("act = \"https://agents.example/assistant/1\"\n{agent}");
        let with = format!("{first}\nlogin_client_id = \"{name}\"");
        world.edit("broker.toml", &first, &with);
        world.check(&[]).expect(3).says(words);
    }
}

#[test]
fn a_provider_that_hangs_holds_up_logins_and_nothing_else() {
    // It takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let provider = Provider::new();
    let world = provider.world();
    let issuer = format!("http://{}", silent.local_addr().unwrap());
    world.edit("broker.toml", &provider.issuer, &issuer);
    let server = world.serve();
    let mut ann = Person::new(&server, "user:ann");
    ann.get("/agents");
    let (line, cookie) = (&server.line, ann.cookie.as_deref().unwrap());
    std::thread::scope(|scope| {
        let leaves = || line.send("GET", "/login/away", &[("cookie", cookie)], "");
        // More than the broker answers at one time.
        let away: Vec<_> = (0..20).map(|_| scope.spawn(leaves)).collect();
        std::thread::sleep(Duration::from_millis(500));
        let begun = Instant::now();
        assert_eq!(line.get("/jwks").status, 200);
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(3), "{waited:?}");
        for one in away {
            let told = one.join().unwrap();
            assert!(
                told.status == 500 && told.text.contains("broker.provider"),
                "{told:?}"
            );
        }
    });
}

#[test]
fn without_a_provider_there_is_no_way_to_one() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::new(&server, "user:ann");
    let page = ann.get("/agents");
    assert!(!page.text.contains("/login/away"), "{page:?}");
    ann.get("/login/away").ended("broker.request_uri");
    ann.get("/login/back?state=x&code=y")
        .ended("broker.request_uri");
}
