//! What is said on a terminal, which `script` makes.
#![cfg(unix)]

mod common;

use common::Project;
use serde_json::{Value, json};

fn on_terminal(project: &Project, ahead: &str, arguments: &str) -> Option<String> {
    let command = format!("'{}' {arguments}", env!("CARGO_BIN_EXE_ambit"));
    common::on_terminal(&project.path("."), "rows 60 cols 80", ahead, &command)
}

#[test]
fn all_of_what_is_minted_is_shown_and_a_yes_typed_before_is_none() {
    let project = Project::signed();
    let mut claims: Value = serde_json::from_str(&project.read("grant.json")).unwrap();
    let mut domains: Vec<String> = (0..40)
        .map(|at| format!("d{at}.customer.example"))
        .collect();
    domains.push("evil.example".to_owned());
    let constraints = &mut claims["authorization_details"][0]["constraints"];
    constraints["to"] = json!({"constraint_type": "email_domain", "values": domains});
    // What a terminal wraps by itself could look like a line of the page.
    claims["sub"] = json!(format!("user:ann{}issuer       nobody", " ".repeat(60)));
    project.write("many.json", claims.to_string());
    let mint = "mint --module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk --claims many.json > t.jwt";
    let Some(said) = on_terminal(&project, "y\n", mint) else {
        return;
    };
    let rows: Vec<&str> = said.lines().collect();
    let text = said.replace("\n│ … ", "");
    assert!(
        text.contains("evil.example") && text.contains("d39.customer"),
        "{said}"
    );
    assert!(
        rows.iter()
            .all(|row| !row.starts_with("issuer       nobody")),
        "{said}"
    );
    assert!(
        said.contains("Sign this?") && said.contains("mint.declined"),
        "{said}"
    );
    assert_eq!(project.read("t.jwt"), "");
}

#[test]
fn an_answer_in_words_cannot_be_imitated_by_the_request() {
    let project = Project::signed();
    let forged = format!("c-1{}Allowed", " ".repeat(90));
    let request = json!({
        "evaluation": {
            "subject": {"type": "user", "id": "ann"},
            "action": {"name": "email", "properties": {"power": "draft", "args": {}}},
            "resource": {"type": forged, "id": forged},
            "context": {"purpose": "customer-care"},
        },
        "facts": {"now": 1_800_000_000, "audience": "https://mail.example"},
    });
    project.write("forged.json", request.to_string());
    let evaluate = "evaluate --module policy.wasm --trust keys.json < forged.json > answer.json";
    let Some(said) = on_terminal(&project, "", evaluate) else {
        return;
    };
    let words: Vec<&str> = said.lines().filter(|row| !row.trim().is_empty()).collect();
    assert!(
        words
            .first()
            .is_some_and(|row| row.starts_with("│ Denied (")),
        "{said}"
    );
    assert!(words.iter().all(|row| row.starts_with("│ ")), "{said}");
    assert!(
        said.contains("│ To do:") || said.contains("│ Would help:"),
        "{said}"
    );
}
