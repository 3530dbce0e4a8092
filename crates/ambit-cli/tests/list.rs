//! `ambit list`: what an agent may do, by manifest, token and guard rails.

mod common;

use common::Project;
use serde_json::Value;

fn json(project: &Project, arguments: &[&str]) -> Value {
    let all = [&["list", "--format", "json"], arguments].concat();
    serde_json::from_str(&project.ambit(&all).out).unwrap()
}

/// The powers of an action, in all its ways.
fn powers(listing: &Value, action: &str) -> Vec<String> {
    let actions = listing["actions"].as_array().unwrap();
    let action = actions.iter().find(|one| one["action"] == action);
    let ways = action
        .and_then(|one| one["ways"].as_array())
        .into_iter()
        .flatten();
    let mut powers: Vec<String> = ways
        .flat_map(|way| way["powers"].as_object().unwrap().keys().cloned())
        .collect();
    powers.sort();
    powers
}

#[test]
fn a_manifest_is_listed_in_the_words_of_consent_texts() {
    let project = Project::fresh();
    let run = project.ambit(&["list", "--agent", "assistant"]).expect(0);
    for words in [
        "What assistant may do",
        "an address at customer.example",
        "up to 500.00 EUR each",
        "execute (high risk, once a person approved exactly the call)",
        "unless       large-payments (policies/base.cedar:",
        "a login with a second factor would lift that",
    ] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    let listing = json(&project, &["--agent", "assistant"]);
    assert_eq!(powers(&listing, "email"), ["draft", "execute", "propose"]);
    let pay = &listing["actions"][1]["ways"][0]["input_schema"]["properties"];
    assert_eq!(pay["amount"]["maximum"].to_string(), "500.00");
    assert_eq!(pay["currency"]["enum"][0], "EUR");
}

#[test]
fn a_token_narrows_and_a_further_block_narrows_again() {
    let project = Project::signed();
    project.write("token.jwt", project.mint(&["--yes"]));
    let listing = json(
        &project,
        &["--module", "policy.wasm", "--token", "token.jwt"],
    );
    assert_eq!(powers(&listing, "email"), ["draft"]);
    assert_eq!(listing["not_granted"], serde_json::json!(["pay"]));
    let narrower = r#"{"authorization_details": [{"type": "ambit_capability", "constraints": {"to": {"constraint_type": "exact", "value": "bob@customer.example"}}}]}"#;
    project.write("narrow.json", narrower);
    let attenuate = [
        "attenuate",
        "--token",
        "token.jwt",
        "--key",
        "keys/agent.jwk",
        "--holder",
        "keys/agent.pub.jwk",
        "--claims",
        "narrow.json",
        "--module",
        "policy.wasm",
        "--yes",
    ];
    project.write("passed.jwt", project.ambit(&attenuate).expect(0).out);
    let text = project
        .ambit(&["list", "--token", "passed.jwt"])
        .expect(0)
        .out;
    assert!(
        text.contains("bob@customer.example") && text.contains("customer.example"),
        "{text}"
    );
    let listing = json(&project, &["--token", "passed.jwt"]);
    assert_eq!(
        listing["actions"][0]["ways"][0]["input_schema"]["properties"]["to"]["allOf"][1]["const"],
        "bob@customer.example"
    );
    project
        .ambit(&["list", "--token", "token.jwt", "--agent", "other"])
        .expect(3)
        .says("error[list.agent]");
}

/// Policies, and what they leave of `pay` and `email`.
const RAILS: &[(&str, &str, &str)] = &[
    (
        "permit (principal, action, resource);",
        "execute observe propose",
        "draft execute propose",
    ),
    (
        "permit (principal, action == Action::\"email\", resource);",
        "",
        "draft execute propose",
    ),
    (
        "permit (principal, action in [Action::\"pay\", Action::\"email\"], resource);",
        "execute observe propose",
        "draft execute propose",
    ),
    (
        "permit (principal, action in [Action::\"pay\"], resource);",
        "execute observe propose",
        "",
    ),
    (
        "permit (principal in Ambit::AgentClass::\"assistant\", action, resource is Invoice);",
        "execute observe propose",
        "",
    ),
    (
        "permit (principal in Ambit::AgentClass::\"other\", action, resource);",
        "",
        "",
    ),
    (
        "permit (principal, action, resource) when { [\"draft\", \"observe\"].contains(context.power) };",
        "observe",
        "draft",
    ),
    (
        "permit (principal, action, resource) unless { context.purpose == \"customer-care\" };",
        "",
        "",
    ),
    (
        "permit (principal, action, resource); forbid (principal, action, resource) when { context.power == \"execute\" };",
        "observe propose",
        "draft propose",
    ),
    (
        "permit (principal, action, resource); forbid (principal, action == Action::\"pay\", resource) when { context.power != \"observe\" || context.purpose == \"other\" };",
        "observe",
        "draft execute propose",
    ),
    (
        "permit (principal, action, resource); forbid (principal, action == Action::\"pay\", resource) when { context.amount > 1 };",
        "execute observe propose",
        "draft execute propose",
    ),
    (
        "permit (principal, action, resource) when { if context.power == \"draft\" then true else context.approvals.isEmpty() && context.power == \"observe\" };",
        "observe",
        "draft",
    ),
];

#[test]
fn what_the_guard_rails_never_allow_is_not_listed() {
    for (policies, pay, email) in RAILS {
        let project = Project::fresh();
        project.write("policies/base.cedar", policies);
        let listing = json(&project, &["--agent", "assistant"]);
        let found = ["pay", "email"].map(|action| powers(&listing, action).join(" "));
        assert_eq!(found, [*pay, *email], "{policies}");
        let code = if pay.is_empty() && email.is_empty() {
            2
        } else {
            0
        };
        project
            .ambit(&["list", "--agent", "assistant"])
            .expect(code);
    }
}

#[test]
fn why_something_is_never_allowed_is_said() {
    let project = Project::fresh();
    project.write("policies/base.cedar", "permit (principal, action, resource);\n@id(\"no-pay\")\nforbid (principal, action == Action::\"pay\", resource);");
    let text = project
        .ambit(&["list", "--agent", "assistant"])
        .expect(0)
        .out;
    assert!(
        text.contains(
            "pay execute: the guard rails forbid it always: no-pay (policies/base.cedar:"
        ),
        "{text}"
    );
}

#[test]
fn the_tools_of_a_host_are_filtered() {
    let project = Project::fresh();
    project.edit(
        "schema.cedarschema",
        "action email",
        "@mcp(\"mail/send mail/draft\")\naction email",
    );
    project.edit(
        "schema.cedarschema",
        "action pay",
        "@mcp(\"bank/pay\")\naction pay",
    );
    project.write(
        "policies/base.cedar",
        "permit (principal, action == Action::\"email\", resource);",
    );
    let listing = json(&project, &["--agent", "assistant"]);
    assert_eq!(
        listing["tools"],
        serde_json::json!({"mail": ["send", "draft"]})
    );
}

#[test]
fn an_agent_without_a_manifest_is_told_which_there_are() {
    let project = Project::fresh();
    let run = project.ambit(&["list", "--agent", "nobody"]).expect(3);
    assert!(
        run.err.contains("error[manifest.none]") && run.err.contains("`assistant`"),
        "{}",
        run.err
    );
    project.ambit(&["list"]).expect(3);
    project
        .ambit(&["list", "--agent", "assistant", "missing"])
        .expect(3);
}
