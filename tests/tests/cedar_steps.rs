//! What evaluation costs, in steps. Steps are a part of the decision: a request near the limit must get the
//! same answer everywhere, so a cost that changes is a change of the wire.

use ambit_compiler::cedar::{Options, compile};
use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::{Function, Input, Program, Selection, Value};
use ambit_tests::families::{Family, SCHEMA, requests};
use cedar_policy::{PolicySet, Schema};
use serde_json::{Value as Json, json};

fn compiled(policies: &str, schema: Option<&Schema>) -> Vec<u8> {
    let policies: PolicySet = policies.parse().expect("Cedar");
    let options = Options {
        schema,
        validated: schema.is_some(),
    };
    compile(&policies, options).expect("compiles")
}

/// How many permits there are, how many errors, and the steps.
fn cost(bytes: &[u8], request: &str, selection: Selection) -> (usize, usize, u32) {
    let program = Program::open(bytes).expect("a program");
    let document = Document::parse(request.as_bytes(), Profile::Request).expect("JSON");
    let input = Input::read(&program, document.root()).expect("conforms");
    let steps = Steps::new();
    let verdict = program.authorize(&input, &steps, selection).expect("steps");
    let used = Steps::new().left() - steps.left();
    (verdict.permits.len(), verdict.errors.len(), used)
}

/// Texts of 100 and more bytes, sets and records of some size, entities with many attributes.
fn request() -> String {
    let wide = |value: Json| -> Json {
        (0..24)
            .map(|n| (format!("a{n}"), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let entity = |kind: &str, id: &str, parents: Json| json!({"uid": {"type": kind, "id": id}, "attrs": wide(json!(7)), "tags": wide(json!("t")), "parents": parents});
    let group = |n: usize| json!({"type": "Group", "id": format!("g{n}")});
    let mut entities: Vec<Json> = (0..12)
        .map(|n| entity("Group", &format!("g{n}"), json!([group(n + 1)])))
        .collect();
    entities.push(entity("User", "u", json!([group(0)])));
    let long = "x".repeat(100);
    json!({
        "principal": {"type": "User", "id": "u"}, "action": {"type": "Action", "id": "a"},
        "resource": {"type": "User", "id": format!("r{long}")},
        "context": {
            "long": long, "other": format!("{long}y"), "set": (0..20).collect::<Vec<_>>(),
            "back": (0..20).rev().collect::<Vec<_>>(), "twice": [1, 1, 2, 2], "texts": [long, "b", "c"],
            "sets": [[3, 2], [1], [2, 3, 3]], "mixed": [1, "1", true, {"a": 1}, [1]],
            "record": {"b": 1, "a": [2, 1], "c": {"e": 1, "d": 2}}, "wide": wide(json!(1)),
            "groups": [{"__entity": group(3)}, {"__entity": group(40)}],
            "numbers": [1, group(1)], "seven": {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1},
        },
        "entities": entities,
    })
    .to_string()
}

/// Conditions, what they come to (`None`: an error), and what they cost.
const CONDITIONS: &[(&str, Option<bool>, u32)] = &[
    ("true", Some(true), 2),
    ("1 + 2 * 3 == 7", Some(true), 8),
    (
        "if context.long == \"\" then 1 == 1 else 2 == 2 || false",
        Some(true),
        23,
    ),
    ("context.long == context.other", Some(false), 38),
    ("context.long == context.long", Some(true), 38),
    ("resource == resource", Some(true), 10),
    ("resource == User::\"u\"", Some(false), 4),
    ("resource in resource", Some(true), 10),
    ("context.set == context.long", Some(false), 26),
    ("context.long == context.record", Some(false), 26),
    ("context.set == context.back", Some(true), 356),
    ("context.twice == [2, 1]", Some(true), 87),
    ("context.sets == [[1], [2, 3]]", Some(true), 192),
    (
        "context.record == {a: [1, 2], b: 1, c: {d: 2, e: 1}}",
        Some(true),
        286,
    ),
    (
        "context.record == {a: [1, 2], b: 1, c: {d: 2, e: 2}}",
        Some(false),
        286,
    ),
    ("context.set.contains(19)", Some(true), 173),
    ("context.texts.contains(context.long)", Some(true), 75),
    ("context.sets.contains([3, 2])", Some(true), 141),
    ("context.sets.contains([3])", Some(false), 117),
    ("context.mixed.contains({a: 1})", Some(true), 119),
    ("context.mixed.contains(false)", Some(false), 56),
    ("context.set.containsAll([1, 2, 19])", Some(true), 240),
    ("context.set.containsAll([1, 20])", Some(false), 220),
    ("context.set.containsAny([20, 21])", Some(false), 220),
    (
        "context.mixed.containsAny([\"2\", {a: 1}])",
        Some(true),
        150,
    ),
    ("context.texts.containsAll(context.texts)", Some(true), 180),
    (
        "[context.long, \"x\"].containsAny(context.texts)",
        Some(true),
        196,
    ),
    ("context.set.isEmpty()", Some(false), 11),
    ("context.wide.a23 == 1", Some(true), 26),
    ("context.wide has a23", Some(true), 24),
    ("context.wide has b", Some(false), 23),
    (
        "context.record has c.e && context.record has c.f",
        Some(false),
        28,
    ),
    ("{a: 1, b: context.long} has b", Some(true), 55),
    ("{a: 1, b: context.long}.b == context.long", Some(true), 77),
    ("principal.a23 == 7", Some(true), 20),
    ("principal has a5 && !(principal has b)", Some(true), 35),
    (
        "principal.hasTag(\"a3\") && principal.getTag(\"a3\") == \"t\"",
        Some(true),
        39,
    ),
    ("principal.hasTag(\"b\")", Some(false), 18),
    ("principal in Group::\"g12\"", Some(true), 191),
    (
        "principal in Group::\"g13\" || principal in Group::\"g1\"",
        Some(true),
        197,
    ),
    (
        "principal in [Group::\"g20\", Group::\"g4\"]",
        Some(true),
        221,
    ),
    ("principal in context.groups", Some(true), 226),
    ("principal in context.numbers", None, 31),
    ("Group::\"g3\" in Group::\"g3\"", Some(true), 4),
    ("context.long like \"*x*x*\"", Some(true), 88),
    ("context.long like \"*y\"", Some(false), 54),
    (
        "context.other like \"x*xxxxxxxxxxxxxxxxxxxx*y\"",
        Some(true),
        239,
    ),
    ("context.long like \"abc\"", Some(false), 51),
    (
        "ip(\"10.1.2.3\").isInRange(ip(\"10.0.0.0/8\"))",
        Some(true),
        28,
    ),
    ("ip(context.long).isLoopback()", None, 114),
    (
        "decimal(\"1.5\").lessThan(decimal(\"1.6\"))",
        Some(true),
        28,
    ),
    (
        "datetime(\"2024-01-01\").offset(duration(\"1d\")) == datetime(\"2024-01-02\")",
        Some(true),
        30,
    ),
    ("context.seven.g == 1", Some(true), 17),
    (
        "\"123456789012345678901234567890\" == \"123456789012345678901234567890\"",
        Some(true),
        5,
    ),
    (
        "User::\"123456789012345678901234567890\" == User::\"123456789012345678901234567891\"",
        Some(false),
        6,
    ),
    (
        "\"123456789012345678901234567890\" like \"1*\"",
        Some(true),
        17,
    ),
    (
        "\"123456789012345678901234567890\" like \"*1234567*\"",
        Some(true),
        28,
    ),
    (
        "\"123456789012345678901234567890\" like \"*12345678*\"",
        Some(true),
        35,
    ),
    ("9223372036854775807 + 1 == 0", None, 5),
    ("context.nothing == 1", None, 10),
    ("User::\"nobody\".a1 == 1", None, 6),
];

#[test]
fn conditions_cost_what_they_cost() {
    assert_costs(CONDITIONS, &request());
}

#[track_caller]
fn assert_costs(conditions: &[(&str, Option<bool>, u32)], request: &str) {
    let mut wrong = Vec::new();
    for (condition, truth, steps) in conditions {
        let bytes = compiled(
            &format!("permit (principal, action, resource) when {{ {condition} }};"),
            None,
        );
        let (permits, errors, used) = cost(&bytes, request, Selection::Scan);
        let found = (errors == 0).then_some(permits == 1);
        if (found, used) != (*truth, *steps) {
            wrong.push(format!("    ({condition:?}, {found:?}, {used}),"));
        }
    }
    assert!(
        wrong.is_empty(),
        "other than written:\n{}",
        wrong.join("\n")
    );
}

/// As above, of a request whose values are long where those of the other are short.
const LONG: &[(&str, Option<bool>, u32)] = &[
    ("context.one has text", Some(true), 21),
    ("context.kind is User", Some(false), 24),
    (
        "context.set.contains({name_of_sixteen_: 1, b: 2})",
        Some(false),
        119,
    ),
    ("{name_of_fourteen: 1, b: 2}.b == 2", Some(true), 43),
    (
        "{a: 1, b: [{c: 2}]} == {b: [{c: 1}], a: 1}",
        Some(false),
        200,
    ),
    ("[[2, 1]].containsAny([[3], [1, 2]])", Some(true), 164),
];

#[test]
fn long_values_cost_what_they_cost() {
    let entity = json!({"type": "K".repeat(100), "id": "k"});
    let request = json!({
        "principal": {"type": "User", "id": "u"}, "action": {"type": "Action", "id": "a"},
        "resource": {"type": "User", "id": "r"},
        "context": {
            "one": {"text": "x".repeat(100)}, "kind": {"__entity": entity},
            "set": [{"name_of_sixteen_": 1, "b": 3}],
        },
    });
    assert_costs(LONG, &request.to_string());
}

/// What a schema knows as an extension's value is parsed, which costs more than its length.
#[test]
fn typed_values_cost_what_they_cost() {
    let schema =
        "entity User; action a appliesTo {principal: User, resource: User, context: {ip: ipaddr}};";
    let schema: Schema = schema.parse().expect("a schema");
    let policy = "permit (principal, action, resource) when { context.ip.isLoopback() };";
    let bytes = compiled(policy, Some(&schema));
    let request = json!({
        "principal": {"type": "User", "id": "u"}, "action": {"type": "Action", "id": "a"},
        "resource": {"type": "User", "id": "r"},
        "context": {"ip": "127.0.0.1"},
    });
    let cost = cost(&bytes, &request.to_string(), Selection::Scan);
    assert_eq!(cost, (1, 0, 28));
}

/// Steps of a search, for the families of the benchmark with 10, 100 and 1,000 policies: a key is looked for
/// by halves.
const SEARCHES: [(&str, [u32; 3]); 3] = [
    ("scoped", [1206, 1222, 1275]),
    ("typed", [1360, 2347, 15087]),
    ("unscoped", [560, 612, 658]),
];

#[test]
fn a_search_costs_no_more_among_more_policies() {
    let schema: Schema = SCHEMA.parse().expect("a schema");
    let found = Family::ALL.map(|family| {
        let costs = [10, 100, 1000].map(|count| {
            let bytes = compiled(&family.policies(count, 1), Some(&schema));
            let requests = requests(count, 16, 1);
            requests
                .iter()
                .map(|request| cost(&bytes, &request.to_string(), Selection::Index).2)
                .sum()
        });
        (family.name(), costs)
    });
    assert_eq!(found, SEARCHES);
}

/// Policies that `has` guards are passed over when the attribute is not there; others err, each of them.
#[test]
fn a_guard_spares_a_look_at_the_policies() {
    let policies = |guard: &str| -> String {
        (0..100).map(|n| format!("permit (principal, action, resource) when {{ {guard} context.k == {n} && context.long == \"x\" }};")).collect()
    };
    let request = request();
    let [guarded, bare] = ["context has k &&", ""].map(|guard| {
        let bytes = compiled(&policies(guard), None);
        [Selection::Index, Selection::Scan].map(|selection| cost(&bytes, &request, selection))
    });
    assert_eq!(guarded, [(0, 0, 14), (0, 0, 900)]);
    assert_eq!(bare, [(0, 100, 2013), (0, 100, 1000)]);
}

/// The value of a path is found once, however many nodes of the index compare it.
#[test]
fn a_path_is_looked_at_once() {
    let request = request();
    // Few policies stand in one node; these are not few.
    let others: String = (0..64)
        .map(|n| format!("permit (principal == Other::\"o{n}\", action, resource);"))
        .collect();
    let policies = |more: &str| {
        let two = format!(
            "permit (principal == User::\"u\", action, resource) when {{ context.seven.a == 2 }};
             permit (principal is User, action, resource) when {{ {more} }};",
        );
        compiled(&(two + &others), None)
    };
    let costs = ["context.seven.a == 3", "context.seven.b == 3"]
        .map(|more| cost(&policies(more), &request, Selection::Index));
    assert_eq!(costs, [(0, 0, 37), (0, 0, 55)]);
}

/// Ancestors of sixteen entities are kept.
#[test]
fn ancestors_are_found_once_for_a_few_entities() {
    let group = |n: usize| json!({"type": "Group", "id": format!("g{n}")});
    let entities: Vec<Json> = (0..20)
        .map(|n| json!({"uid": group(n), "attrs": {}, "parents": [group(20)]}))
        .collect();
    let request = json!({"principal": group(0), "action": {"type": "Action", "id": "a"}, "resource": group(1), "entities": entities});
    let inside = |n: usize| format!("Group::\"g{n}\" in Group::\"g20\"");
    let all = |count: usize| (0..count).map(inside).collect::<Vec<_>>().join(" && ");
    let costs = [15, 16, 17, 18].map(|count| {
        let twice = format!("{} && {}", all(count), inside(count - 1));
        let [once, twice] = [all(count), twice].map(|condition| {
            let bytes = compiled(
                &format!("permit (principal, action, resource) when {{ {condition} }};"),
                None,
            );
            cost(&bytes, &request.to_string(), Selection::Scan)
        });
        assert_eq!((once.0, twice.0), (1, 1));
        twice.2 - once.2
    });
    // Where it is looked for again, its parents are looked up, kept and sorted.
    assert_eq!(costs, [6, 7, 22, 22]);
}

/// One value of each kind; no two are equal, in a set or out of it.
#[test]
fn values_of_different_kinds_differ() {
    let of = |function: Function, text: &str| function.construct(text.as_bytes()).expect("a value");
    let kinds = || {
        vec![
            Value::Bool(true),
            Value::Long(1),
            Value::Str(b"1"),
            Value::Entity(ambit_policy::cedar::Uid::new("A", "1")),
            of(Function::Decimal, "0.0001"),
            of(Function::Datetime, "1970-01-01T00:00:00.001Z"),
            of(Function::Duration, "1ms"),
            of(Function::Ip, "0.0.0.1"),
            Value::set(vec![Value::Long(1)]),
            Value::record(vec![("a", Value::Long(1))]),
        ]
    };
    for (at, left) in kinds().iter().enumerate() {
        for (other, right) in kinds().iter().enumerate() {
            assert_eq!(left == right, at == other, "{left:?} and {right:?}");
            assert_eq!(left.cmp(right), at.cmp(&other), "{left:?} and {right:?}");
        }
    }
    assert_eq!(Value::set(kinds()), Value::set([kinds(), kinds()].concat()));
    let fewer = kinds().into_iter().skip(1).collect();
    assert_ne!(Value::set(kinds()), Value::set(fewer));
}
