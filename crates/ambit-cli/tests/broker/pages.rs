//! What browsers are told.

use serde_json::json;

use crate::agent::Agent;
use crate::person::{Person, invitation};
use crate::world::{Told, World, drafts, pays};

#[track_caller]
pub(crate) fn is_guarded(told: &Told, forms: &str) {
    let policy = told
        .header("content-security-policy")
        .unwrap_or_else(|| panic!("{told:?}"));
    for rule in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "script-src 'self'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(
        policy.ends_with(&format!("form-action 'self'{forms}")),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(told.header("x-frame-options"), Some("DENY"));
    assert_eq!(told.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(
        told.header("cross-origin-opener-policy"),
        Some("same-origin")
    );
    assert_eq!(told.header("cache-control"), Some("no-store"));
    for inline in ["<style", "onclick", "style=", "http://"] {
        assert!(!told.text.contains(inline), "{inline}");
    }
}

#[test]
fn every_page_is_guarded() {
    let world = World::new();
    let server = world.serve();
    is_guarded(&server.get(&invitation(&world, "user:bob")), "");
    is_guarded(&server.get("/authorize"), "");
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let login = ann.opens(&agent.ask(&json!({})));
    is_guarded(&login, "");
    let told = ann.logs_in(&login);
    let page = ann.get(told.header("location").unwrap());
    is_guarded(&page, " https://agents.example");
    assert!(
        !page.text.contains("<script"),
        "the consent page works without a script"
    );
    assert_eq!(
        server.get("/broker.css").header("content-type"),
        Some("text/css; charset=utf-8")
    );
    assert_eq!(
        server.get("/passkey.js").header("x-content-type-options"),
        Some("nosniff")
    );
}

#[test]
fn the_page_is_the_text_whose_hash_is_signed() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let mut sends = drafts();
    sends["privileges"] = json!(["draft", "propose", "execute"]);
    let asked = json!({"authorization_details": json!([sends, pays(20000)]).to_string()});
    let page = ann.reads(&agent.ask(&asked));
    let told = ann.answers(&page, "allow", &[]);
    assert_eq!(told.status, 303);
    let log = world.read("audit.log");
    let grant = log.lines().find(|line| line.contains("\"grant\"")).unwrap();
    let grant: serde_json::Value = serde_json::from_str(grant).unwrap();
    assert_eq!(grant["data"]["unmapped"]["text_s256"], page.field("text"));
    // Money and what reaches people outside is marked by words.
    assert!(
        page.text.contains("class=\"mark external\">[")
            && page.text.contains("class=\"mark financial\">["),
        "{}",
        page.text
    );
    for button in ["allow", "less", "refuse"] {
        assert!(
            page.text
                .contains(&format!("<button name=\"answer\" value=\"{button}\">")),
            "{button}"
        );
    }
}

#[test]
fn german_is_spoken_where_every_word_is() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    ann.language = "de-DE,de;q=0.9,en;q=0.5";
    let agent = Agent::new(&world, &server);
    let page = ann.reads(&agent.ask(&json!({})));
    assert!(
        page.text.contains("<html lang=\"de\">")
            && page.text.contains("Ablehnen")
            && page.text.contains("Mail-Assistent"),
        "{}",
        page.text
    );
    let told = ann.answers(&page, "allow", &[]);
    assert_eq!(told.status, 303, "{told:?}");
    // Payments have no German label: the whole page is in English, frame and text.
    let asked = json!({"authorization_details": json!([drafts(), pays(20000)]).to_string()});
    let page = ann.reads(&agent.ask(&asked));
    assert!(
        page.text.contains("<html lang=\"en\">") && page.text.contains(">Refuse<"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("Ablehnen") && !page.text.contains("Mail-Assistent"));
}

#[test]
fn what_a_client_writes_is_text() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let mut entry = drafts();
    entry["identifier"] = json!("<img src=x onerror=alert(1)>\"'><script>");
    let page = ann.reads(&agent.ask(
        &json!({"authorization_details": json!([entry]).to_string(), "state": "\"><script>"}),
    ));
    assert!(page.text.contains("&lt;img"), "{}", page.text);
    assert!(
        !page.text.contains("<img") && !page.text.contains("<script"),
        "{}",
        page.text
    );
    let told = ann.answers(&page, "refuse", &[]);
    assert!(
        told.header("location")
            .unwrap()
            .ends_with("state=%22%3E%3Cscript%3E"),
        "{told:?}"
    );
}
