//! Entities and their ancestors, beside a closure that is computed the slow way.

use std::collections::BTreeSet;

use ambit_compiler::cedar::{Options, compile};
use ambit_compiler::{Project, build};
use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_policy::Bundle;
use ambit_policy::cedar::{Input, Program, Record, Selection, Uid, Value, Verdict};
use cedar_policy::{PolicySet, Schema};
use proptest::prelude::*;
use serde_json::json;

/// More than a search looks through without marks.
const GROUPS: usize = 14;

/// These policies, and others that never matter: few would not make an index.
fn program(policies: &str) -> Vec<u8> {
    let others =
        (0..64).map(|n| format!("forbid (principal == Other::\"o{n}\", action, resource);"));
    let policies: PolicySet = others
        .fold(policies.to_owned(), |all, other| all + &other)
        .parse()
        .expect("Cedar");
    let options = Options {
        schema: None,
        validated: false,
    };
    compile(&policies, options).expect("compiles")
}

fn uid(number: usize) -> serde_json::Value {
    json!({"type": "G", "id": format!("g{number}")})
}

/// A request about two groups.
fn request(edges: &[(usize, usize)], from: usize, to: usize) -> String {
    let entity = |number: usize| {
        let parents = edges.iter().filter(|(child, _)| *child == number);
        let parents: Vec<_> = parents.map(|(_, parent)| uid(*parent)).collect();
        json!({"uid": uid(number), "attrs": {}, "parents": parents})
    };
    let entities: Vec<_> = (0..GROUPS).map(entity).collect();
    json!({
        "principal": uid(from), "action": {"type": "Action", "id": "a"}, "resource": uid(to),
        "entities": entities,
    })
    .to_string()
}

/// Everything above a group.
fn above(edges: &[(usize, usize)], group: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    loop {
        let more = edges
            .iter()
            .filter(|(child, _)| *child == group || found.contains(child));
        let all: BTreeSet<usize> = more.map(|(_, parent)| *parent).collect();
        if all == found {
            return found;
        }
        found = all;
    }
}

fn decide(bytes: &[u8], request: &str) -> Result<Verdict, String> {
    let program = Program::open(bytes).expect("a program");
    let document = Document::parse(request.as_bytes(), Profile::Request).expect("JSON");
    let input = Input::read(&program, document.root()).map_err(|fault| fault.wanted)?;
    let ask = |selection| {
        program
            .authorize(&input, &Steps::new(), selection)
            .expect("steps")
    };
    let verdict = ask(Selection::Index);
    assert_eq!(verdict, ask(Selection::Scan));
    Ok(verdict)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// One policy by an operator, one by its scope, which the index finds.
    #[test]
    fn in_is_reachability(
        edges in proptest::collection::vec((0..GROUPS, 0..GROUPS), 0..40),
        from in 0..GROUPS,
        to in 0..GROUPS,
    ) {
        let edges: Vec<(usize, usize)> = edges.into_iter().filter(|(child, parent)| child < parent).collect();
        let bytes = program(&format!(
            "permit (principal, action, resource) when {{ principal in resource }};
             permit (principal in G::\"g{to}\", action, resource);",
        ));
        let inside = from == to || above(&edges, from).contains(&to);
        let verdict = decide(&bytes, &request(&edges, from, to)).unwrap();
        prop_assert_eq!(verdict.permits, if inside { vec![0, 1] } else { vec![] });
    }

    #[test]
    fn cycles_are_refused(edges in proptest::collection::vec((0..GROUPS, 0..GROUPS), 0..16)) {
        let bytes = program("permit (principal, action, resource);");
        let cyclic = (0..GROUPS).any(|group| above(&edges, group).contains(&group));
        let found = decide(&bytes, &request(&edges, 0, 1));
        prop_assert_eq!(found.is_err(), cyclic, "{:?}", found);
    }
}

/// What the evaluator itself says of the agent and its user stands above what a request says.
#[test]
fn an_entity_that_is_put_replaces_another() {
    let bytes = program(
        "permit (principal, action, resource) when { principal.level == 2 && principal in G::\"g1\" };
         permit (principal, action, resource) when { resource.level == 3 };
         permit (principal, action, resource) when { resource in G::\"g0\" };
         permit (principal, action, resource) when { G::\"g8\".level == 0 };",
    );
    let program = Program::open(&bytes).expect("a program");
    let entity = |number: usize, level: i64, parents: &[serde_json::Value]| json!({"uid": uid(number), "attrs": {"level": level}, "parents": parents});
    let text = json!({
        "principal": uid(5), "action": {"type": "Action", "id": "a"}, "resource": uid(7),
        "entities": [entity(3, 0, &[]), entity(5, 1, &[uid(3)]), entity(8, 0, &[])],
    })
    .to_string();
    let document = Document::parse(text.as_bytes(), Profile::Request).expect("JSON");
    let mut input = Input::read(&program, document.root()).expect("conforms");
    let permits = |input: &Input<'_>| {
        let verdict = program.authorize(input, &Steps::new(), Selection::Index);
        verdict.expect("steps").permits
    };
    assert_eq!(permits(&input), [3]);
    let level = |level| Record::made(vec![("level", Value::Long(level))]);
    // One that was described, and one that was not.
    input
        .entities
        .put(Uid::new("G", "g5"), level(2), &[Uid::new("G", "g1")]);
    assert_eq!(permits(&input), [0, 3]);
    input.entities.put(
        Uid::new("G", "g7"),
        level(3),
        &[Uid::new("G", "g3"), Uid::new("G", "g8")],
    );
    assert_eq!(permits(&input), [0, 1, 3]);
    input
        .entities
        .put(Uid::new("G", "g3"), level(0), &[Uid::new("G", "g0")]);
    assert_eq!(permits(&input), [0, 1, 2, 3]);
}

/// Action groups of the schema, one above the other: more of them than a search looks through without
/// marks.
#[test]
fn action_groups_of_the_schema_are_ancestors() {
    let groups: String = (0..16)
        .map(|n| format!("action a{n} in [a{}]; ", n + 1))
        .collect();
    let schema = format!(
        "entity G; {groups} action a16; action go in [a0] appliesTo {{ principal: G, resource: G, context: {{}} }};"
    );
    let schema: Schema = schema.parse().expect("a schema");
    let policies: PolicySet = (0..=16)
        .map(|n| format!("permit (principal, action in Action::\"a{n}\", resource);"))
        .chain([
            "permit (principal, action, resource) when { Action::\"a3\" in Action::\"a2\" };"
                .to_owned(),
        ])
        .collect::<String>()
        .parse()
        .expect("Cedar");
    let options = Options {
        schema: Some(&schema),
        validated: true,
    };
    let bytes = compile(&policies, options).expect("compiles");
    let request =
        json!({"principal": uid(1), "action": {"type": "Action", "id": "go"}, "resource": uid(2)});
    let verdict = decide(&bytes, &request.to_string()).expect("conforms");
    assert_eq!(verdict.permits, (0..=16).collect::<Vec<_>>());
}

/// Entities of the bundle above one of the request: so many that marks are used, and the last of them has
/// a parent of its own.
#[test]
fn entities_of_the_bundle_have_ancestors() {
    let folder = tempfile::tempdir().expect("a folder");
    let guarded = ambit_tests::suites().join("projects/guarded");
    let read = |name: &str| std::fs::read_to_string(guarded.join(name)).expect(name);
    let write = |name: &str, text: &str| {
        let place = folder.path().join(name);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect(name);
        std::fs::write(place, text).expect(name);
    };
    let region = |name: &str| json!({"type": "Region", "id": name});
    let name = |number: usize| format!("r{number:02}");
    let mut entities: Vec<_> = (0..GROUPS)
        .map(|number| json!({"uid": region(&name(number)), "attrs": {}, "parents": []}))
        .collect();
    entities[GROUPS - 1]["parents"] = json!([region("top")]);
    write("entities.json", &json!(entities).to_string());
    let key = "[[keys]]\niss = \"https://broker.example\"\nkid = \"k\"\nalg = \"Ed25519\"\nsigns = \"cap+jwt\"";
    let key = format!("{key}\nx = \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"\n");
    write("ambit.toml", &format!("{}\n{key}", read("ambit.toml")));
    write("agents/renewal-bot.toml", &read("agents/renewal-bot.toml"));
    let schema = read("schema.cedarschema").replace("entity Region;", "entity Region in [Region];");
    write("schema.cedarschema", &schema);
    write(
        "policies/top.cedar",
        "@id(\"top\") permit (principal, action, resource in Region::\"top\");",
    );
    let project = Project::load(folder.path()).unwrap_or_else(|faults| panic!("{faults}"));
    let bundle = build::bundle(&project, project.issued().expect("said")).expect("compiles");
    let bundle = Bundle::verify(&bundle).expect("sound");
    let program = bundle.program().expect("policies");
    let parents: Vec<_> = (0..GROUPS).map(|number| region(&name(number))).collect();
    let request = json!({
        "principal": {"type": "Ambit::Agent", "id": "a"},
        "action": {"type": "Action", "id": "refund"},
        "resource": {"type": "Account", "id": "a"},
        "context": {
            "amount": 1, "currency": "EUR", "power": "execute", "purpose": "help", "now": "2026-03-01",
            "approvals": [], "login": {"amr": []}, "posture": {"attested": false},
        },
        "entities": [{
            "uid": {"type": "Account", "id": "a"},
            "attrs": {"owner": "ann", "balance": 1, "opened": "2020-01-01"},
            "parents": parents,
        }],
    });
    let request = request.to_string();
    let document = Document::parse(request.as_bytes(), Profile::Request).expect("JSON");
    let input = Input::read(program, document.root()).unwrap_or_else(|fault| panic!("{fault:?}"));
    let verdict = program.authorize(&input, &Steps::new(), Selection::Index);
    assert_eq!(verdict.expect("steps").permits, [0]);
}

/// Two entities a level, each below both of the next: 2^40 ways to the top, and each entity is looked into
/// once.
#[test]
fn many_ways_to_one_ancestor_are_one() {
    let rung = |level: usize, side: usize| uid(2 * level + side);
    let entities = (0..40).flat_map(|level| {
        let parents = json!([rung(level + 1, 0), rung(level + 1, 1)]);
        [0, 1].map(|side| json!({"uid": rung(level, side), "attrs": {}, "parents": parents}))
    });
    let entities: Vec<_> = entities.collect();
    let request = json!({
        "principal": rung(0, 0), "action": {"type": "Action", "id": "a"}, "resource": rung(40, 1),
        "entities": entities,
    });
    let bytes = program("permit (principal, action, resource) when { principal in resource };");
    let verdict = decide(&bytes, &request.to_string()).expect("conforms");
    assert_eq!(verdict.permits, [0]);
}

/// The index compares constants of five kinds; each finds its policy, and no other does.
#[test]
fn constants_of_every_kind_find_their_policies() {
    let bytes = program(
        "permit (principal, action, resource) when { context.a == \"x\" };
         permit (principal, action, resource) when { context.a == 1 };
         permit (principal, action, resource) when { context.a == -5 };
         permit (principal, action, resource) when { context.a == true };
         permit (principal, action, resource) when { context.a == false };
         permit (principal, action, resource) when { context.a == G::\"g1\" };
         permit (principal is G, action, resource) when { context.a == 9 };",
    );
    let values = [
        json!("x"),
        json!(1),
        json!(-5),
        json!(true),
        json!(false),
        json!({"__entity": uid(1)}),
        json!(9),
    ];
    for (number, value) in values.iter().enumerate() {
        let request = json!({"principal": uid(1), "action": {"type": "Action", "id": "a"}, "resource": uid(2), "context": {"a": value}});
        let verdict = decide(&bytes, &request.to_string()).expect("conforms");
        assert_eq!(verdict.permits, [number], "{value}");
    }
    let request = json!({"principal": uid(1), "action": {"type": "Action", "id": "a"}, "resource": uid(2), "context": {"a": [1]}});
    let verdict = decide(&bytes, &request.to_string()).expect("conforms");
    assert_eq!(verdict, Verdict::default());
}

/// `has` guards a path against what is not there, not against what is of another type.
#[test]
fn a_guarded_path_that_errs_is_found() {
    let bytes = program(
        "permit (principal, action, resource) when { context has a.b && context.a.b == 1 };
         permit (principal, action, resource) when { context.a.b == 1 };
         permit (principal, action, resource) when { context has c && context.c == 1 };",
    );
    let verdict = |context: serde_json::Value| {
        let request = json!({"principal": uid(1), "action": {"type": "Action", "id": "a"}, "resource": uid(2), "context": context});
        let verdict = decide(&bytes, &request.to_string()).expect("conforms");
        let errors = verdict.errors.iter().map(|(policy, _)| *policy);
        (verdict.permits, errors.collect::<Vec<_>>())
    };
    assert_eq!(verdict(json!({"a": {"b": 1}})), (vec![0, 1], vec![]));
    assert_eq!(verdict(json!({"a": {"b": 2}})), (vec![], vec![]));
    assert_eq!(verdict(json!({"a": 7})), (vec![], vec![0, 1]));
    assert_eq!(verdict(json!({"a": {}, "c": 1})), (vec![2], vec![1]));
    assert_eq!(verdict(json!({})), (vec![], vec![1]));
}

/// Where every policy of a path is guarded, too.
#[test]
fn a_guard_does_not_hide_another_error() {
    let bytes = program(
        "permit (principal, action, resource) when { context has a.b && context.a.b == 1 };",
    );
    let request = json!({"principal": uid(1), "action": {"type": "Action", "id": "a"}, "resource": uid(2), "context": {"a": 7}});
    let verdict = decide(&bytes, &request.to_string()).expect("conforms");
    assert_eq!(verdict.errors.len(), 1);
}
