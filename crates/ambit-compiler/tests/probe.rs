//! How guard rails are taken apart: which conditions they have, and where.

use std::fs;
use std::path::Path;

use ambit_compiler::{Project, probe};

const POLICIES: &str = r#"// when { not this } && nor this
@id("plain")
permit (principal, action, resource);

@id("joined") @reason("when { this } is text")
forbid (principal, action == Action::"pay", resource)
when { context.amount > 1 && // && not this
       context.note == "a && b" &&
       (context.amount < 9 || context.note == "}") };

@id("weaker")
forbid (principal, action, resource)
when { context.amount > 1 || context.amount < 0 && context.note == "x" }
when { if context.amount > 1 then context.note == "y" else context.note == "z" && context.amount > 3 };

@id("several")
forbid (principal, action, resource)
unless { context.amount > 1 && context.note == "x" }
when { context.note == "when" }
unless { [1, 2].contains(context.amount) }
when { {a: 1}.a == context.amount };

@id("nested")
forbid (principal, action, resource)
when { (context.amount > 1 && context.note == "x") && context.amount < 7 };
"#;

/// The conditions of each rail: line, `unless`, text.
const WANTED: &str = r#"plain 2 permit
joined 5 forbid scoped
  7 context.amount > 1
  8 context.note == "a && b"
  9 (context.amount < 9 || context.note == "}")
weaker 11 forbid
  13 context.amount > 1 || context.amount < 0 && context.note == "x"
  14 if context.amount > 1 then context.note == "y" else context.note == "z" && context.amount > 3
several 16 forbid
  18 unless context.amount > 1 && context.note == "x"
  19 context.note == "when"
  20 unless [1, 2].contains(context.amount)
  21 {a: 1}.a == context.amount
nested 23 forbid
  25 (context.amount > 1 && context.note == "x") && context.amount < 7
"#;

fn project(folder: &Path) -> Project {
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write(
        "ambit.toml",
        "[policy]\nuid = \"a\"\nversion = 1\ntokens_from_version = 1\nvalid_days = 9\n[[keys]]\niss = \"https://a.example\"\n\
         kid = \"a\"\nalg = \"Ed25519\"\nsigns = \"cap+jwt\"\nx = \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"\n",
    );
    write(
        "schema.cedarschema",
        "entity Thing; @powers(\"execute\") action pay appliesTo { principal: Ambit::Agent, resource: Thing, \
         context: { amount: Long, note: String } };",
    );
    write("agents/bot.toml", "agent = \"bot\"\ncapabilities = []\n");
    write("policies/all.cedar", POLICIES);
    Project::load(folder).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn conditions_are_found_where_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut found = String::new();
    for rail in probe::rails(&project(folder.path())) {
        let effect = if rail.forbids { "forbid" } else { "permit" };
        let scoped = if rail.scoped { " scoped" } else { "" };
        found.push_str(&format!("{} {} {effect}{scoped}\n", rail.id, rail.line));
        for condition in rail.conditions {
            let unless = if condition.unless { "unless " } else { "" };
            found.push_str(&format!(
                "  {} {unless}{}\n",
                condition.line, condition.text
            ));
        }
    }
    assert_eq!(found, WANTED);
}
