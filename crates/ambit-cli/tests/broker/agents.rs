//! "My agents": what a person sees of those who may act for them, and stopping one.

use serde_json::{Value, json};

use crate::agent::{Agent, drafting};
use crate::pages::is_guarded;
use crate::person::Person;
use crate::screen;
use crate::world::{CLIENT, World, drafts, pays};

const STOP: &str = "name=\"client\" value=\"";

#[test]
fn a_person_sees_their_agents_and_stops_one() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = agent.token(&mut ann, &json!({}));
    let page = ann.agents();
    is_guarded(&page, "");
    assert!(!page.text.contains("<script"), "it works without a script");
    for words in [
        "Mail assistant",
        CLIENT,
        "10 minutes",
        "Draft e-mail",
        "user:ann",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    // What it may not do is said as plainly.
    assert!(
        page.text.contains("class=\"group cannot\""),
        "{}",
        page.text
    );
    let version = version(&agent);
    let told = ann.stops(&page, CLIENT);
    assert_eq!(
        (told.status, told.header("location")),
        (303, Some("/agents?done=stopped"))
    );
    let page = ann.get("/agents?done=stopped");
    assert!(page.text.contains("role=\"status\">The agent is stopped."));
    assert!(!page.text.contains(STOP) && page.text.contains("It may do nothing for you now."));
    assert_eq!(
        version + 1,
        self::version(&agent),
        "one transaction, one version"
    );
    assert_eq!(
        agent.judged(&token, &drafting("ben@customer.example"), &agent.epochs()),
        "revocation.revoked"
    );
    // Twice has one effect.
    assert_eq!(ann.stops(&page, CLIENT).status, 303);
    assert_eq!(version + 1, self::version(&agent));
    assert_eq!(
        world
            .done()
            .iter()
            .filter(|what| *what == "revocation")
            .count(),
        1
    );
}

#[test]
fn stopping_ends_every_token_and_the_code_that_is_on_its_way() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let mut bob = Person::enrolled(&world, &server, "user:bob");
    let agent = Agent::new(&world, &server);
    let tokens = [0, 1].map(|_| agent.token(&mut ann, &json!({})));
    let bobs = agent.token(&mut bob, &json!({}));
    let code = agent.code(&mut ann, &json!({}));
    let page = ann.agents();
    assert_eq!(
        page.text.matches("class=\"group cannot\"").count(),
        3,
        "{}",
        page.text
    );
    ann.stops(&page, CLIENT);
    for token in &tokens {
        assert_eq!(
            agent.judged(token, &drafting("ben@customer.example"), &agent.epochs()),
            "revocation.revoked"
        );
    }
    agent
        .exchange(&code, &json!({}))
        .refused("invalid_grant", "broker.code");
    // Another person's is none of hers.
    assert_eq!(
        agent.judged(&bobs, &drafting("ben@customer.example"), &agent.epochs()),
        "allowed"
    );
    assert!(bob.agents().text.contains(STOP));
}

#[test]
fn nobody_stops_or_sees_the_agents_of_others() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let mut bob = Person::enrolled(&world, &server, "user:bob");
    let agent = Agent::new(&world, &server);
    agent.token(&mut ann, &json!({}));
    let hers = ann.agents();
    let his = bob.agents();
    assert!(his.text.contains("No agent may act for you") && !his.text.contains(CLIENT));
    // His own form, with her agent in it, stops nothing of hers.
    assert_eq!(bob.stops(&his, CLIENT).status, 303);
    // Her form in his browser, a form of another site, and one of nobody.
    bob.stops(&hers, CLIENT).ended("broker.csrf");
    let csrf = hers.field("csrf");
    let cookie = ann.cookie.clone().unwrap();
    let form = crate::world::form(&[("csrf", &csrf), ("client", CLIENT)]);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://evil.example"),
        ("cookie", &cookie),
    ];
    server
        .send("POST", "/agents", &headers, &form)
        .ended("broker.csrf");
    server
        .send("POST", "/agents", &headers[..1], &form)
        .ended("broker.request_uri");
    assert!(ann.agents().text.contains(STOP));
    assert!(!world.done().contains(&"revocation".to_owned()));
    // A login lasts an hour.
    drop(server);
    let server = world.serve_at(world.now + 3601);
    let mut ann = ann.at(&server);
    assert!(ann.get("/agents").text.contains("data-passkey"));
}

#[test]
fn somebody_else_at_the_page_of_agents_logs_in_anew() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    agent.token(&mut ann, &json!({}));
    let page = ann.agents();
    let before = ann.cookie.clone();
    let csrf = page.field("csrf");
    let told = ann.post("/logout", &[("csrf", csrf.as_str())]);
    assert_eq!(
        (told.status, told.header("location")),
        (303, Some("/agents"))
    );
    ann.keep(&told);
    assert_ne!(before, ann.cookie);
    let login = ann.get("/agents");
    is_guarded(&login, "");
    assert!(login.text.contains("data-passkey") && !login.text.contains(CLIENT));
    ann.cookie = before;
    assert!(
        ann.get("/agents").text.contains("data-passkey"),
        "the old login has ended"
    );
}

#[test]
fn german_is_spoken_of_agents() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    ann.language = "de";
    let agent = Agent::new(&world, &server);
    agent.token(&mut ann, &json!({}));
    let asked = json!({"authorization_details": json!([drafts(), pays(20000)]).to_string()});
    agent.token(&mut ann, &asked);
    let page = ann.agents();
    for words in [
        "<html lang=\"de\">",
        "Mail-Assistent",
        "10 Minuten",
        "Stoppen",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    // What has no German words is told in English, and says so.
    assert!(
        page.text.contains("<div lang=\"de\">") && page.text.contains("<div lang=\"en\">"),
        "{}",
        page.text
    );
}

#[test]
fn an_agent_that_cannot_be_told_of_is_listed_all_the_same() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    agent.token(&mut ann, &json!({}));
    drop(server);
    // The next version has no words for its action.
    world.edit("ambit.toml", "version = 1", "version = 2");
    world.edit(
        "schema.cedarschema",
        "@label(\"contact, plural: contacts, any: any contact\")",
        "",
    );
    world.build();
    let server = world.serve();
    let mut ann = ann.at(&server);
    let page = ann.agents();
    assert!(
        page.text.contains("cannot be told any more") && page.text.contains(STOP),
        "{}",
        page.text
    );
    assert_eq!(ann.stops(&page, CLIENT).status, 303);
    assert!(!ann.get("/agents").text.contains(STOP));
}

#[test]
fn what_a_broker_of_before_kept_is_brought_forward() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    Agent::new(&world, &server).token(&mut ann, &json!({}));
    drop(server);
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    database
        .execute_batch("DROP TABLE record; DROP TABLE override; DROP TRIGGER token_ended; DROP TABLE event; DROP TABLE outgoing; DROP TABLE yes; DROP TABLE asked; DROP TABLE access; DROP TABLE refused; DROP INDEX granted_token; DROP INDEX token_sub; \
            ALTER TABLE session DROP COLUMN login; ALTER TABLE session DROP COLUMN away; ALTER TABLE granted DROP COLUMN again; \
            DROP INDEX token_source; ALTER TABLE token DROP COLUMN source; \
            ALTER TABLE token DROP COLUMN about; ALTER TABLE token DROP COLUMN named; DROP TABLE ended; DROP TABLE line; \
            PRAGMA user_version = 1")
        .unwrap();
    drop(database);
    let server = world.serve();
    let mut ann = ann.at(&server);
    assert!(ann.agents().text.contains(STOP));
    // What is taken back are tokens of before, too.
    let now = world.now.to_string();
    let end = |more: &str| {
        let words =
            format!("revoke broker.toml --module policy.wasm --trust keys.json --now {now} {more}");
        world.ambit(&words.split(' ').collect::<Vec<_>>()).expect(0)
    };
    let counted = end("--agent assistant").out;
    assert!(counted.contains("1  tokens"), "{counted}");
    end("--agent assistant --yes --why test");
    assert!(!ann.agents().text.contains(STOP));
}

#[test]
fn what_a_newer_broker_kept_is_left_alone() {
    let world = World::new();
    drop(world.serve());
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    let form = |number: i64| {
        database
            .pragma_update(None, "user_version", number)
            .unwrap();
    };
    let kept: i64 = database
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    form(kept + 1);
    let arguments = [
        "serve",
        "broker.toml",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--invite",
        "user:bob",
    ];
    let run = world.ambit(&arguments);
    assert!(
        run.err.contains("[broker.newer]") && run.out.is_empty(),
        "{run:?}"
    );
    form(kept);
    world.ambit(&arguments).expect(0);
}

#[test]
fn the_page_of_agents_fits_a_small_screen() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let empty = ann.agents();
    let agent = Agent::new(&world, &server);
    let asked = json!({"authorization_details": json!([drafts(), pays(20000)]).to_string()});
    agent.token(&mut ann, &asked);
    let full = ann.agents();
    let stopped = ann.stops(&full, CLIENT);
    let stopped = ann.get(stopped.header("location").unwrap());
    ann.language = "de";
    agent.token(&mut ann, &json!({}));
    let german = ann.agents();
    screen::fit(
        &server,
        &[
            ("agents-none", &empty),
            ("agents", &full),
            ("agents-stopped", &stopped),
            ("agents-german", &german),
        ],
    );
}

fn version(agent: &Agent<'_>) -> i64 {
    let list = agent.epochs().remove(0);
    let claims =
        ambit_token::base64url::decode(list.split('.').nth(1).unwrap().as_bytes()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["version"]
        .as_i64()
        .unwrap()
}
