//! Token exchange: what a person allowed for some time is used again, and nothing beside it.

use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, drafting, jws, next, parameter, patched};
use crate::person::Person;
use crate::provider::Provider;
use crate::screen;
use crate::world::{CLIENT, ISSUER, Server, Told, World, drafts, pays};

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const AGAIN: &str = "answer\" value=\"again\"";

struct Scene {
    provider: Provider,
    world: World,
    server: Server,
    ann: Person,
    now: i64,
}

impl Scene {
    fn new() -> Self {
        let provider = Provider::new();
        let world = provider.world();
        let more = "again_seconds = 86400\ndatabase";
        world.edit("broker.toml", "database", more);
        let server = world.serve();
        let ann = Person::enrolled(&world, &server, "user:ann");
        let now = world.now;
        Self {
            provider,
            world,
            server,
            ann,
            now,
        }
    }

    /// The same so many seconds later.
    fn later(self, seconds: i64) -> Self {
        let now = self.now + seconds;
        drop(self.server);
        let server = self.world.serve_at(now);
        let ann = self.ann.at(&server);
        Self {
            server,
            ann,
            now,
            ..self
        }
    }

    fn agent(&self) -> Agent<'_> {
        Agent::new(&self.world, &self.server).at(self.now)
    }

    /// Ann is asked for this, for eight hours, and presses that button.
    fn granted(&mut self, details: &Value, answer: &str) -> Told {
        let agent = Agent::new(&self.world, &self.server).at(self.now);
        let asked =
            json!({"ambit_again_seconds": "28800", "authorization_details": details.to_string()});
        let page = self.ann.reads(&agent.ask(&asked));
        let told = self.ann.answers(&page, answer, &[]);
        let Some(back) = told.header("location") else {
            return told;
        };
        let told = agent.exchange(&parameter(back, "code").unwrap(), &json!({}));
        assert_eq!(told.status, 200, "{told:?}");
        told
    }

    /// What the provider says of Ann to this agent, with changes.
    fn subject(&self, patch: &Value) -> String {
        let claims = json!({"iss": self.provider.issuer, "sub": "7", "aud": CLIENT, "iat": self.now - 60,
            "exp": self.now + 60, "auth_time": self.now - 70, "acr": "urn:plain", "amr": ["pwd"]});
        let header = json!({"alg": "Ed25519", "typ": "JWT", "kid": "provider-1"});
        jws(&header, &patched(claims, patch), &self.provider.key)
    }

    fn jag(&self, header: &Value, patch: &Value) -> String {
        let claims = json!({"iss": self.provider.issuer, "sub": "7", "aud": ISSUER, "client_id": CLIENT,
            "jti": next("jag"), "iat": self.now, "exp": self.now + 60});
        let whole = json!({"alg": "Ed25519", "typ": "oauth-id-jag+jwt", "kid": "provider-1"});
        jws(
            &patched(whole, header),
            &patched(claims, patch),
            &self.provider.key,
        )
    }

    /// Exchanges a subject token, with changes to the form.
    fn exchanges(&self, patch: &Value) -> Told {
        exchanges(&self.agent(), &self.subject(&json!({})), patch)
    }
}

fn actor(agent: &Agent<'_>, header: &Value, patch: &Value) -> String {
    let claims = json!({"iss": agent.id, "sub": agent.id, "aud": ISSUER, "jti": next("actor"),
        "iat": agent.now, "exp": agent.now + 60});
    let whole = json!({"alg": agent.key.alg(), "typ": "actor+jwt"});
    jws(&patched(whole, header), &patched(claims, patch), &agent.key)
}

fn exchanges(agent: &Agent<'_>, subject: &str, patch: &Value) -> Told {
    let form = json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": subject, "subject_token_type": ID_TOKEN,
        "actor_token": actor(agent, &json!({}), &json!({})),
        "actor_token_type": "urn:ietf:params:oauth:token-type:jwt",
    });
    let proof = agent.proof("/token", Some(&agent.nonce()), &agent.holder, &json!({}));
    agent.post("/token", &patched(form, patch), Some(&proof))
}

fn claims(told: &Told) -> Value {
    assert_eq!(told.status, 200, "{told:?}");
    let token = told.json()["access_token"].as_str().unwrap().to_owned();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload.as_bytes()).unwrap()).unwrap()
}

#[test]
fn what_was_allowed_for_some_time_is_had_again() {
    let mut scene = Scene::new();
    let first = claims(&scene.granted(&json!([drafts(), pays(20000)]), "again"));
    let page = scene.ann.agents();
    assert!(page.text.contains("get this anew"), "{page:?}");
    // Long after the first token, within the eight hours.
    let scene = scene.later(7 * 3600);
    let told = scene.exchanges(&json!({}));
    let again = claims(&told);
    let body = told.json();
    assert_eq!(
        body["issued_token_type"],
        "urn:ietf:params:oauth:token-type:access_token"
    );
    assert!(body.get("refresh_token").is_none());
    for same in [
        "sub",
        "aud",
        "act",
        "agent",
        "client_id",
        "cnf",
        "authorization_details",
        "del_max_depth",
    ] {
        assert_eq!(again[same], first[same], "{same}");
    }
    for other in ["jti", "txn", "exp"] {
        assert_ne!(again[other], first[other], "{other}");
    }
    // How they logged in is what the subject token says.
    assert_eq!(again["acr"], "urn:plain");
    assert_eq!(again["auth_time"], scene.now - 70);
    assert_eq!(again["exp"], scene.now + 600);
    let token = body["access_token"].as_str().unwrap();
    let agent = scene.agent();
    let call = drafting("ben@customer.example");
    assert_eq!(agent.judged(token, &call, &agent.epochs()), "allowed");
    // As often as it is needed, and never beyond the time that was allowed.
    assert_ne!(claims(&scene.exchanges(&json!({})))["jti"], again["jti"]);
    let scene = scene.later(3500);
    assert_eq!(claims(&scene.exchanges(&json!({})))["exp"], scene.now + 100);
    let scene = scene.later(100);
    scene
        .exchanges(&json!({}))
        .refused("invalid_grant", "broker.no_grant");
    let done = scene.world.done();
    let mints = done.iter().filter(|what| *what == "mint").count();
    assert_eq!(mints, 4, "{done:?}");
}

#[test]
fn without_a_yes_for_it_nothing_is_had_again() {
    let mut scene = Scene::new();
    // Who a person is says nothing of what they want.
    let told = scene.exchanges(&json!({}));
    told.refused("invalid_grant", "broker.no_grant");
    let remedy = told.json()["ambit_remedy"].clone();
    assert_eq!(
        remedy["authorization_endpoint"],
        format!("{ISSUER}/authorize")
    );
    assert_eq!(
        remedy["pushed_authorization_request_endpoint"],
        format!("{ISSUER}/par")
    );
    // A yes to one token is one token.
    scene.granted(&json!([drafts()]), "allow");
    scene
        .exchanges(&json!({}))
        .refused("invalid_grant", "broker.no_grant");
    scene.granted(&json!([drafts()]), "again");
    claims(&scene.exchanges(&json!({})));
    // Of another person, by another agent, with another key.
    let bob = scene.subject(&json!({"sub": "8"}));
    exchanges(&scene.agent(), &bob, &json!({})).refused("invalid_grant", "broker.login_person");
    let other = Agent::other(&scene.world, &scene.server);
    let hers = scene.subject(&json!({"aud": other.id}));
    exchanges(&other, &hers, &json!({})).refused("invalid_grant", "broker.no_grant");
    let mut agent = scene.agent();
    agent.holder = agent.stranger();
    let subject = scene.subject(&json!({}));
    exchanges(&agent, &subject, &json!({})).refused("invalid_grant", "broker.no_grant");
}

#[test]
fn what_is_drafted_can_only_be_less() {
    let mut scene = Scene::new();
    scene.granted(&json!([drafts(), pays(20000)]), "again");
    let details = |entries: Value| json!({"authorization_details": entries.to_string()});
    let less = claims(&scene.exchanges(&details(json!([pays(10000)]))));
    assert_eq!(less["authorization_details"], json!([pays(10000)]));
    claims(&scene.exchanges(&details(json!([drafts()]))));
    let short = claims(&scene.exchanges(&json!({"ambit_life_seconds": "90"})));
    assert_eq!(short["exp"], scene.now + 90);
    let observes = patched(pays(20000), &json!({"privileges": ["observe", "propose"]}));
    let anyone = patched(
        pays(20000),
        &json!({"constraints": {
        "amount": {"constraint_type": "range", "min": 1, "max": 20000},
        "currency": {"constraint_type": "wildcard"}}}),
    );
    for wider in [
        json!([pays(20001)]),
        json!([drafts(), pays(30000)]),
        json!([pays(20000), pays(20000)]),
        json!([observes]),
        json!([anyone]),
    ] {
        let told = scene.exchanges(&details(wider.clone()));
        assert_eq!(told.status, 400, "{wider}: {told:?}");
        let code = told.json()["ambit_code"].clone();
        assert!(
            ["broker.wider", "describe.same_text"].contains(&code.as_str().unwrap()),
            "{wider}: {told:?}"
        );
    }
    // More than the manifest holds is refused as ever.
    let told = scene.exchanges(&details(json!([pays(60000)])));
    told.refused("invalid_authorization_details", "broker.wider");
    for strange in [
        json!({"scope": "all"}),
        json!({"audience": "https://mail.example"}),
        json!({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}),
    ] {
        scene
            .exchanges(&strange)
            .refused("invalid_request", "broker.request");
    }
}

#[test]
fn only_a_token_about_the_person_for_this_client_says_who_they_are() {
    let mut scene = Scene::new();
    scene.granted(&json!([drafts()]), "again");
    let now = scene.now;
    let agent = scene.agent();
    for patch in [
        // What the broker, or another client, got when the person logged in there.
        json!({"aud": "broker"}),
        json!({"aud": "https://agents.example/other"}),
        json!({"aud": [CLIENT, "another"]}),
        json!({"azp": "another"}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": now - 31}),
        json!({"iat": now - 3601}),
        json!({"iat": now + 31}),
        json!({"auth_time": now + 31}),
        json!({"sub": null}),
        // A logout token says that they left.
        json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
    ] {
        let told = exchanges(&agent, &scene.subject(&patch), &json!({}));
        told.refused("invalid_request", "broker.subject");
    }
    let subject = scene.subject(&json!({}));
    let (input, _) = subject.rsplit_once('.').unwrap();
    let unsigned = format!("{input}.{}", base64url::encode(&[7; 64]));
    exchanges(&agent, &unsigned, &json!({})).refused("invalid_request", "broker.subject");
    let saml = json!({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"});
    exchanges(&agent, &subject, &saml).refused("invalid_request", "broker.request");
    // An assertion grant: for the broker, by the provider, for this client, once.
    let kind = json!({"subject_token_type": ID_JAG});
    let good = scene.jag(&json!({}), &json!({}));
    let made = claims(&exchanges(&agent, &good, &kind));
    assert_eq!((made.get("acr"), made.get("auth_time")), (None, None));
    exchanges(&agent, &good, &kind).refused("invalid_request", "broker.actor");
    for (header, patch) in [
        (
            json!({}),
            json!({"client_id": "https://agents.example/other"}),
        ),
        (json!({}), json!({"aud": CLIENT})),
        (json!({}), json!({"jti": null})),
        (json!({"typ": "JWT"}), json!({})),
        (json!({"typ": null}), json!({})),
    ] {
        let told = exchanges(&agent, &scene.jag(&header, &patch), &kind);
        told.refused("invalid_request", "broker.subject");
    }
    // Nor is it an ID token.
    let as_id = scene.jag(&json!({}), &json!({"aud": CLIENT}));
    exchanges(&agent, &as_id, &json!({})).refused("invalid_request", "broker.subject");
}

#[test]
fn the_agent_says_itself_that_it_acts() {
    let mut scene = Scene::new();
    scene.granted(&json!([drafts()]), "again");
    let agent = scene.agent();
    let subject = scene.subject(&json!({}));
    let used = actor(&agent, &json!({}), &json!({}));
    claims(&exchanges(&agent, &subject, &json!({"actor_token": used})));
    let (other, now) = (Agent::other(&scene.world, &scene.server), scene.now);
    for token in [
        used,
        agent.assertion(&json!({})),
        subject.clone(),
        actor(&other, &json!({}), &json!({"iss": CLIENT, "sub": CLIENT})),
        actor(
            &agent,
            &json!({}),
            &json!({"sub": "https://agents.example/assistant/2"}),
        ),
        actor(
            &agent,
            &json!({}),
            &json!({"iss": "https://agents.example/other"}),
        ),
        actor(&agent, &json!({}), &json!({"aud": "https://other.example"})),
        actor(&agent, &json!({}), &json!({"aud": [ISSUER, "x"]})),
        actor(&agent, &json!({}), &json!({"exp": now - 31})),
        actor(&agent, &json!({}), &json!({"exp": now + 400})),
        actor(&agent, &json!({}), &json!({"jti": null})),
        actor(&agent, &json!({"typ": null}), &json!({})),
        actor(&agent, &json!({"alg": "none"}), &json!({})),
        actor(&agent, &json!({"crit": ["x"]}), &json!({})),
    ] {
        let told = exchanges(&agent, &subject, &json!({"actor_token": token}));
        told.refused("invalid_request", "broker.actor");
    }
    let none = json!({"actor_token": null});
    exchanges(&agent, &subject, &none).refused("invalid_request", "broker.request");
}

#[test]
fn a_person_who_stops_the_agent_ends_it() {
    let mut scene = Scene::new();
    scene.granted(&json!([drafts()]), "again");
    let token = scene.exchanges(&json!({})).json()["access_token"].clone();
    let page = scene.ann.agents();
    assert_eq!(scene.ann.stops(&page, CLIENT).status, 303);
    scene
        .exchanges(&json!({}))
        .refused("invalid_grant", "broker.no_grant");
    let agent = scene.agent();
    let told = agent.judged(
        token.as_str().unwrap(),
        &drafting("ben@customer.example"),
        &agent.epochs(),
    );
    assert!(told.starts_with("revocation."), "{told}");
    let page = scene.ann.agents();
    assert!(!page.text.contains("get this anew"), "{page:?}");
}

#[test]
fn a_code_that_comes_twice_ends_it() {
    let mut scene = Scene::new();
    let agent = Agent::new(&scene.world, &scene.server);
    let page = scene
        .ann
        .reads(&agent.ask(&json!({"ambit_again_seconds": "28800"})));
    let told = scene.ann.answers(&page, "again", &[]);
    let code = parameter(told.header("location").unwrap(), "code").unwrap();
    assert_eq!(agent.exchange(&code, &json!({})).status, 200);
    let token = scene.exchanges(&json!({})).json()["access_token"].clone();
    let active = || {
        let told = agent.post("/introspect", &json!({"token": token}), None);
        told.json()["active"].clone()
    };
    assert_eq!(active(), true);
    agent
        .exchange(&code, &json!({}))
        .refused("invalid_grant", "broker.code_used");
    assert_eq!(active(), false);
    scene
        .exchanges(&json!({}))
        .refused("invalid_grant", "broker.no_grant");
}

#[test]
fn what_the_file_no_longer_allows_is_had_no_more() {
    let mut scene = Scene::new();
    scene.granted(&json!([drafts()]), "again");
    claims(&scene.exchanges(&json!({})));
    for name in ["resource", "max_age", "acr_values", "ambit_depth"] {
        let told = scene.exchanges(&json!({name: "1"}));
        told.refused("invalid_request", "broker.request");
    }
    let [whole, other] =
        ["mail", "other"].map(|name| format!("audiences = [\"https://{name}.example\"]"));
    scene.world.edit("broker.toml", &whole, &other);
    let scene = scene.later(60);
    scene
        .exchanges(&json!({}))
        .refused("invalid_grant", "broker.changed");
    scene.world.edit("broker.toml", &other, &whole);
    let scene = scene.later(60);
    claims(&scene.exchanges(&json!({})));
    scene
        .world
        .edit("broker.toml", "again_seconds = 86400", "again_seconds = 60");
    let scene = scene.later(60);
    scene
        .exchanges(&json!({}))
        .refused("invalid_grant", "broker.no_grant");
}

#[test]
fn words_that_mean_something_else_now_are_asked_again() {
    let mut scene = Scene::new();
    scene.granted(&json!([drafts()]), "again");
    scene
        .world
        .edit("ambit.toml", "version = 1\n", "version = 2\n");
    scene.world.build();
    let scene = scene.later(60);
    claims(&scene.exchanges(&json!({})));
    let label = ("draft: draft e-mail", "draft: prepare e-mail");
    scene.world.edit("schema.cedarschema", label.0, label.1);
    scene
        .world
        .edit("ambit.toml", "version = 2\n", "version = 3\n");
    scene.world.build();
    let scene = scene.later(60);
    let told = scene.exchanges(&json!({}));
    told.refused("invalid_grant", "broker.changed");
    assert_eq!(told.json()["ambit_remedy"]["type"], "ask");
}

#[test]
fn a_budget_of_the_manifest_is_not_begun_anew() {
    let mut scene = Scene::new();
    scene.granted(&json!([pays(20000)]), "again");
    claims(&scene.exchanges(&json!({})));
    let (from, to) = (
        "constraints.currency",
        "limits = [{ type = \"use_limit\", max = 5 }]\nconstraints.currency",
    );
    scene.world.edit("agents/assistant.toml", from, to);
    scene
        .world
        .edit("ambit.toml", "version = 1\n", "version = 2\n");
    scene.world.build();
    let mut scene = scene.later(60);
    scene
        .exchanges(&json!({}))
        .refused("invalid_grant", "broker.changed");
    scene
        .granted(&json!([pays(20000)]), "again")
        .ended("broker.request");
    // What has none is not touched by it.
    scene.granted(&json!([drafts()]), "again");
    claims(&scene.exchanges(&json!({})));
}

#[test]
fn another_version_of_the_agent_is_asked_for_anew() {
    let mut scene = Scene::new();
    scene.granted(&json!([drafts()]), "again");
    let (from, to) = (
        "agent = { uid = \"assistant\" }",
        "agent = { uid = \"assistant\", version = \"2\" }",
    );
    scene.world.edit("broker.toml", from, to);
    let scene = scene.later(60);
    scene
        .exchanges(&json!({}))
        .refused("invalid_grant", "broker.changed");
}

#[test]
fn it_is_offered_where_it_was_asked_and_is_no_risk() {
    let mut scene = Scene::new();
    let agent = Agent::new(&scene.world, &scene.server);
    let page = scene.ann.reads(&agent.ask(&json!({})));
    assert!(!page.text.contains(AGAIN), "{page:?}");
    scene
        .ann
        .answers(&page, "again", &[])
        .ended("broker.request");
    // A budget would begin anew with each token.
    let budget = json!([{"type": "use_limit", "max": 3}]);
    let limited = json!([patched(pays(20000), &json!({"limits": budget}))]);
    let told = scene.granted(&limited, "again");
    told.ended("broker.request");
    for asked in ["0", "86401", "x"] {
        let told = scene.agent().push(&json!({"ambit_again_seconds": asked}));
        told.refused("invalid_request", "broker.request");
    }
    // What was chosen to be less is what may be had again.
    let agent = Agent::new(&scene.world, &scene.server);
    let details = json!([drafts(), pays(20000)]).to_string();
    let asked = json!({"ambit_again_seconds": "28800", "authorization_details": details});
    let page = scene.ann.reads(&agent.ask(&asked));
    assert!(
        page.text.contains("Allow for 8 hours without asking again"),
        "{page:?}"
    );
    let less = scene.ann.answers(&page, "again", &["no_execute"]);
    assert_eq!((less.status, less.header("location")), (200, None));
    let told = scene.ann.answers(&less, "again", &[]);
    let code = parameter(told.header("location").unwrap(), "code").unwrap();
    assert_eq!(agent.exchange(&code, &json!({})).status, 200);
    let again = claims(&scene.exchanges(&json!({})));
    let details = again["authorization_details"].to_string();
    assert!(!details.contains("execute"), "{details}");
    let more = json!({"authorization_details": json!([pays(20000)]).to_string()});
    scene
        .exchanges(&more)
        .refused("invalid_authorization_details", "broker.wider");
}

#[test]
fn without_a_provider_or_the_files_leave_there_is_none() {
    let world = World::new();
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let told = agent.push(&json!({"ambit_again_seconds": "60"}));
    told.refused("invalid_request", "broker.request");
    assert!(told.text.contains("again_seconds"), "{told:?}");
    exchanges(&agent, "x.y.z", &json!({})).refused("invalid_request", "broker.request");
    let metadata = server.get("/.well-known/oauth-authorization-server").json();
    assert_eq!(
        metadata["grant_types_supported"],
        json!(["authorization_code"])
    );
}

#[test]
fn the_pages_of_a_login_elsewhere_and_of_some_time_fit_a_small_screen() {
    let scene = Scene::new();
    let agent = scene.agent();
    let details = json!([drafts()]).to_string();
    let asked = json!({"ambit_again_seconds": "28800", "authorization_details": details});
    let mut bob = Person::new(&scene.server, "user:bob");
    let login = bob.opens(&agent.ask(&asked));
    let mut pages = Vec::new();
    for language in ["en", "de"] {
        let mut ann = Person::new(&scene.server, "user:ann");
        ann.language = language;
        let page = ann.opens(&agent.ask(&asked));
        let visit = ann.leaves(&page);
        let claims = scene.provider.claims(&visit, scene.now);
        scene.provider.vouches(&claims);
        let told = ann.get(&scene.provider.back(&visit));
        let page = ann.get(told.header("location").unwrap());
        assert!(page.text.contains(AGAIN), "{page:?}");
        ann.answers(&page, "again", &[]);
        pages.push((page, ann.agents()));
    }
    assert!(
        pages[1]
            .0
            .text
            .contains("Erlauben, 8 Stunden ohne neue Frage")
    );
    screen::fit(
        &scene.server,
        &[
            ("login-elsewhere", &login),
            ("some-time", &pages[0].0),
            ("some-time-de", &pages[1].0),
            ("agents-again", &pages[0].1),
        ],
    );
}
