//! `ambit prove` and `ambit diff` on a small project. Without the solver all of it is skipped, but not in CI.

mod common;

use std::path::{Path, PathBuf};

use common::{Run, ambit_in};
use serde_json::Value;

/// A copy of the project, which may be changed.
struct Policy {
    folder: tempfile::TempDir,
}

impl Policy {
    /// `None` where there is no solver.
    fn copied() -> Option<Self> {
        if !ambit_prove::Solver::is_there() {
            assert!(
                std::env::var_os("CI").is_none(),
                "cvc5 is needed in CI and does not start"
            );
            eprintln!("skipped: cvc5 is not installed, so nothing is proved");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prove");
        copy(&from, &folder.path().join("now"));
        copy(&from, &folder.path().join("before"));
        Some(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.path(name);
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        assert!(text.contains(from), "`{from}` is not in {name}");
        std::fs::write(path, text.replace(from, to)).expect("the file can be written");
    }

    /// The project's only properties are these.
    fn properties(&self, text: &str) {
        let path = self.path("now/tests/properties.toml");
        std::fs::write(path, text).expect("the file can be written");
    }

    fn ambit(&self, arguments: &[&str]) -> Run {
        ambit_in(self.folder.path(), arguments, b"")
    }

    /// What `ambit prove` or `ambit diff` says as JSON.
    fn json(&self, arguments: &[&str], code: i32) -> Value {
        let run = self.ambit(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&run.expect(code).out).expect("one JSON object")
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).expect("a copy")),
        }
    }
}

#[test]
fn what_holds_is_proved() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    let said = policy.json(&["prove", "now"], 0);
    let properties = said["properties"].as_array().expect("a list");
    assert_eq!(properties.len(), 8);
    assert!(
        properties.iter().all(|one| one["verdict"] == "holds"),
        "{said:#}"
    );
}

/// The request that is shown is one that the evaluator allows: as a case, and as `ambit evaluate` gets it.
#[test]
fn what_fails_is_shown_by_a_request_that_the_evaluator_allows() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    policy.properties(
        r#"
        [[property]]
        name = "no refund above 20"
        actions = ["refund"]
        powers = ["execute"]
        never = 'context.amount > 2000'
        "#,
    );
    let said = policy.json(&["prove", "now", "--write", "shown"], 2);
    let failed = &said["properties"][0];
    assert_eq!(failed["verdict"], "fails");
    let case = failed["case"].as_str().expect("a case");
    assert!(case.contains("amount = 20.01"), "{case}");
    assert!(case.contains("expect = \"allow\""), "{case}");

    // Pasted into a test file it says the same.
    policy.properties(case);
    policy.ambit(&["test", "now"]).expect(0);
    policy.properties(&case.replace("20.01", "5000.01"));
    policy.ambit(&["test", "now"]).expect(2);

    let file = |name: &str| format!("shown/no-refund-above-20/{name}");
    let request = std::fs::read(policy.path(&file("request.json"))).expect("the request");
    let (module, keys) = (file("policy.wasm"), file("keys.json"));
    let arguments = ["evaluate", "--module", &module, "--trust", &keys];
    let answer = ambit_in(policy.folder.path(), &arguments, &request)
        .expect(0)
        .out;
    assert!(answer.starts_with("{\"decision\":true"), "{answer}");
}

/// A host may describe an entity of `entities.json` itself, and that counts: nothing is proved of what the file says.
#[test]
fn what_the_policy_says_of_entities_is_not_taken_for_true() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    policy.properties(
        r#"
[[property]]
name = "nobody looks up x"
actions = ["lookup"]
never = 'resource == Order::"x"'
"#,
    );
    let entity = r#"[{"uid": {"type": "Order", "id": "x"}, "attrs": {"sensitivity": "pii"}, "parents": []}]"#;
    std::fs::write(policy.path("now/entities.json"), entity).expect("the file can be written");
    let said = policy.json(&["prove", "now"], 2);
    assert_eq!(said["properties"][0]["verdict"], "fails", "{said:#}");
    let case = said["properties"][0]["case"].as_str().expect("a case");
    assert!(
        case.contains(r#"id = "x" }, attrs = { sensitivity = "#),
        "{case}"
    );
    let said = policy.ambit(&["diff", "before", "now"]).expect(2).err;
    assert!(
        said.contains("`entities.json` describes Order::\"x\" otherwise"),
        "{said}"
    );
}

/// Manifest and guard rails are judged together: each closes a hole of the other.
#[test]
fn a_hole_in_either_is_found() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    let only = ["prove", "now", "--filter", "yes of two people"];
    policy.ambit(&only).expect(0);
    policy.edit("now/agents/support-bot.toml", "count = 2", "count = 1");
    let said = policy.json(&only, 2);
    let case = said["properties"][0]["case"].as_str().expect("a case");
    assert!(case.contains("amount = 50.01"), "{case}");
    assert!(case.contains("approvals = [\"user:"), "{case}");

    let only = ["prove", "now", "--filter", "support team"];
    policy.edit(
        "now/policies/base.cedar",
        "unless { resource in Team",
        "unless { resource has closed || resource in Team",
    );
    let said = policy.json(&only, 2);
    let case = said["properties"][0]["case"].as_str().expect("a case");
    assert!(case.contains("closed = false"), "{case}");
}

#[test]
fn what_cedar_cannot_say_is_decided_by_the_evaluator_or_not_at_all() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    policy.properties(
        r#"
        [[property]]
        name = "only lower case"
        actions = ["email"]
        powers = ["execute"]
        always = 'context.to like "*@customer.example"'

        [[property]]
        name = "nothing to nobody"
        actions = ["email"]
        powers = ["execute"]
        never = 'context.to == "nobody" || context.to == "eve@evil.example"'

        [[property]]
        name = "nothing to neighbours"
        actions = ["email"]
        powers = ["execute"]
        never = 'context.to like "*@customs.example"'
        "#,
    );
    let said = policy.json(&["prove", "now"], 2);
    let of = |at: usize| &said["properties"][at];
    // A constraint does not regard case, and the policy's author may not know.
    assert_eq!(of(0)["verdict"], "fails", "{said:#}");
    assert!(
        of(0)["case"]
            .as_str()
            .is_some_and(|case| case.contains("@CUSTOMER.EXAMPLE"))
    );
    assert_eq!(of(1)["verdict"], "holds", "{said:#}");
    assert_eq!(of(2)["verdict"], "undecided", "{said:#}");
    let why = of(2)["why"].as_str().expect("a reason");
    assert!(
        why.contains("`to` (email_domain) of capabilities[2]"),
        "{why}"
    );
}

#[test]
fn a_proof_that_says_nothing_says_so() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    policy.properties(
        r#"
        [[property]]
        name = "the desk refunds nothing"
        agents = ["desk"]
        actions = ["refund"]
        never = 'context.amount > 1'

        [[property]]
        name = "the desk can refund"
        agents = ["desk"]
        actions = ["refund"]
        possible = 'context.amount > 1'

        [[property]]
        name = "tokens live five minutes"
        life_at_most_seconds = 300
        "#,
    );
    let said = policy.json(&["prove", "now"], 2);
    let notes = said["properties"][0]["notes"].to_string();
    assert!(notes.contains("nothing at all is allowed"), "{said:#}");
    assert_eq!(said["properties"][1]["verdict"], "fails");
    assert_eq!(said["properties"][2]["verdict"], "fails");
    let why = said["properties"][2]["why"].to_string();
    assert!(why.contains("`desk` may live 86400 s"), "{why}");
}

#[test]
fn an_expression_that_fits_no_action_is_a_fault() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    policy.properties(
        "[[property]]\nname = \"misspelt\"\nnever = 'resource.sensitivty == \"pii\"'\n",
    );
    policy
        .ambit(&["prove", "now"])
        .expect(3)
        .says("prove.expression")
        .says("sensitivty");
}

#[test]
fn a_property_that_cannot_be_asked_does_not_stop_the_others() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    policy.properties(
        "[[property]]\nname = \"nothing new\"\nallows_nothing_new_since = \"../nope\"\n\
         [[property]]\nname = \"short\"\nlife_at_most_seconds = 86400\n",
    );
    policy
        .ambit(&["prove", "now"])
        .expect(3)
        .says("prove.since")
        .says("UNUSABLE nothing new (now/tests/properties.toml:2)")
        .says("holds short");
    let told = policy.json(&["prove", "now"], 3);
    assert_eq!(told["properties"][0]["verdict"], "unusable");
    assert_eq!(told["properties"][1]["verdict"], "holds");
}

#[test]
fn a_change_is_shown_by_what_it_newly_allows_and_denies() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    policy
        .ambit(&["diff", "before", "now"])
        .expect(0)
        .says("nothing differs");
    policy.properties(
        "[[property]]\nname = \"nothing new\"\nallows_nothing_new_since = \"../before\"\n",
    );
    policy.ambit(&["prove", "now"]).expect(0);

    policy.edit("now/agents/support-bot.toml", "max = 5000", "max = 3000");
    policy.edit(
        "now/agents/support-bot.toml",
        "max_life_seconds = 900",
        "max_life_seconds = 600",
    );
    let said = policy.json(&["diff", "before", "now"], 2);
    let changes = said["changes"].as_array().expect("a list");
    assert!(
        changes.iter().all(|one| one["newly_allowed"] == false),
        "{said:#}"
    );
    let case = changes[0]["case"].as_str().expect("a case");
    assert!(
        case.contains("amount = 30.01") && case.contains("expect = \"deny\""),
        "{case}"
    );
    assert_eq!(changes[0]["code"], "approval.required");
    assert!(said["other"].to_string().contains("900 -> 600"), "{said:#}");
    policy
        .ambit(&["diff", "before", "now", "--allow-narrower"])
        .expect(0);
    policy.ambit(&["prove", "now"]).expect(0);

    let said = policy.json(&["diff", "now", "before", "--allow-narrower"], 2);
    assert_eq!(said["changes"][0]["newly_allowed"], true);
}

/// What a request may look like is part of what is allowed.
#[test]
fn a_changed_declaration_is_no_agreement() {
    let since = "[[property]]\nname = \"nothing new\"\nagents = [\"support-bot\"]\nactions = [\"refund\"]\nallows_nothing_new_since = \"../before\"\n";
    for (from, to, why) in [
        (
            "@label(\"reason\")",
            "@label(\"reason\") @format(\"json\")",
            "the type of `reason`",
        ),
        ("reason?: String", "reason?: Long", "the type of `reason`"),
        (
            "@unit(\"money:2\")",
            "@unit(\"money:0\")",
            "the unit of `amount`",
        ),
        ("closed?: Bool", "closed: Bool", "the shape of `Order`"),
        (
            "entity Team;",
            "entity Team = { open: Bool };",
            "the shape of `Team`",
        ),
    ] {
        let Some(policy) = Policy::copied() else {
            return;
        };
        policy.edit("now/schema.cedarschema", from, to);
        policy.properties(since);
        let said = policy.json(&["prove", "now"], 2);
        let property = &said["properties"][0];
        assert_eq!(property["verdict"], "undecided", "{to}: {said:#}");
        let reason = property["why"].as_str().expect("a reason");
        assert!(reason.contains(why), "{to}: {reason}");
        let said = policy.json(&["diff", "before", "now", "--allow-narrower"], 2);
        assert!(
            said["undecided"].to_string().contains(why),
            "{to}: {said:#}"
        );
    }
}

#[test]
fn an_argument_that_need_no_longer_be_there_is_a_change() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    policy.edit(
        "before/schema.cedarschema",
        "reason?: String",
        "reason: String",
    );
    let said = policy.json(&["diff", "before", "now", "--allow-narrower"], 2);
    assert_eq!(said["undecided"], serde_json::json!([]), "{said:#}");
    let changes = said["changes"].as_array().expect("a list");
    assert!(!changes.is_empty(), "{said:#}");
    for change in changes {
        assert_eq!(change["code"], "request.argument_missing", "{said:#}");
    }
    let said = policy.json(&["diff", "now", "before"], 2);
    let changes = said["changes"].as_array().expect("a list");
    assert!(
        changes.iter().all(|one| one["newly_allowed"] == false),
        "{said:#}"
    );
}

/// The name that tokens have for a resource type can come to mean another type.
#[test]
fn a_renamed_resource_type_is_a_change() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    for (side, of_order, of_offer) in [("before", "goods", "offers"), ("now", "offers", "goods")] {
        let file = |name: &str| format!("{side}/{name}");
        let declared = format!(
            "@datatype(\"{of_offer}\")\n@label(\"offer\")\nentity Offer = {{\n  sensitivity: String,\n  closed?: Bool,\n}};\n\n@datatype(\"{of_order}\")\n@label(\"order\")"
        );
        policy.edit(&file("schema.cedarschema"), "@label(\"order\")", &declared);
        policy.edit(
            &file("schema.cedarschema"),
            "resource: Order",
            "resource: [Order, Offer]",
        );
        for agent in ["desk", "support-bot"] {
            policy.edit(
                &file(&format!("agents/{agent}.toml")),
                "\"Order\"",
                "\"goods\"",
            );
        }
        let forbidden = "permit (principal, action, resource);\n@id(\"no-order\")\nforbid (principal, action, resource is Order);";
        policy.edit(
            &file("policies/base.cedar"),
            "permit (principal, action, resource);",
            forbidden,
        );
    }
    let said = policy.json(&["diff", "before", "now"], 2);
    assert!(
        said["changes"]
            .to_string()
            .contains("`lookup` (observe) on `goods`"),
        "{said:#}"
    );
}

/// Built modules and bundles say as much as the folder.
#[test]
fn folders_modules_and_bundles_are_compared_in_any_combination() {
    let Some(policy) = Policy::copied() else {
        return;
    };
    policy
        .ambit(&["build", "before", "-o", "before.wasm"])
        .expect(0);
    policy.ambit(&["diff", "before.wasm", "now"]).expect(0);
    policy.edit(
        "now/policies/base.cedar",
        "resource.sensitivity == \"pii\"",
        "resource.sensitivity == \"secret\"",
    );
    policy.properties("[[property]]\nname = \"nothing new\"\nagents = [\"desk\"]\nallows_nothing_new_since = \"../before.bundle\"\n");
    let said = policy.json(&["prove", "now"], 2);
    let case = said["properties"][0]["case"].as_str().expect("a case");
    assert!(case.contains("sensitivity = \"pii\""), "{case}");
    policy.ambit(&["build", "now", "-o", "now.wasm"]).expect(0);
    let said = policy.json(&["diff", "before.bundle", "now.wasm"], 2);
    let sides = said["changes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["newly_allowed"]);
    let sides: Vec<bool> = sides.filter_map(Value::as_bool).collect();
    assert!(sides.contains(&true) && sides.contains(&false), "{said:#}");
}

#[test]
fn where_the_solver_is_missing_one_line_says_so() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ambit"))
        .args(["prove", "prove"])
        .current_dir(folder)
        .env("CVC5", "/nowhere/cvc5")
        .env("NO_COLOR", "1")
        .output()
        .expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("prove.solver") && said.contains("apt install cvc5"),
        "{said}"
    );
}
