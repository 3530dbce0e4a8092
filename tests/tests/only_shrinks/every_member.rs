//! Every member that the grammar knows, in a further block and in its entry, in every way: of each JSON
//! type, left out, as the root has it, and as somebody else would like it.

use std::collections::BTreeSet;

use ambit_core::grammar::{CLAIMS, DERIVED_ENTRY, MANIFEST_ENTRY, REQUIRES};
use ambit_tests::chain::BlockSpec;
use ambit_tests::engine::{self, Question};
use serde_json::{Value, json};

use super::{AMOUNTS, SUBJECT, World, claims, request};

/// Of so many requests one goes to every engine.
const SAMPLE: usize = 41;

/// Where a member stands, its name, and the block with it changed.
struct Change {
    place: &'static str,
    member: &'static str,
    way: String,
    claims: Value,
}

#[test]
fn no_member_of_a_further_block_turns_a_denial_into_an_allow() {
    let mut engines = engine::start().unwrap_or_else(|why| panic!("{why}"));
    let ask = request("execute", AMOUNTS[1]);
    let (mut tried, mut seen) = (0, BTreeSet::new());
    for manifest in [
        json!({}),
        json!({"consent": {"approvers": ["user:lead-1"], "count": 1}}),
    ] {
        let world = World::new(&manifest);
        engines
            .load(&world.policy)
            .unwrap_or_else(|why| panic!("{why}"));
        for power in ["propose", "execute"] {
            let root = root(power);
            for people in [&["user:mallory"][..], &[SUBJECT], &["user:lead-1"]] {
                let receipts = world.of(1, people);
                let alone = world.answer(&root, &[], &receipts, &ask)["decision"] == true;
                for change in changes(&root) {
                    let block = BlockSpec {
                        claims: Some(change.claims.clone()),
                        ..BlockSpec::default()
                    };
                    let bytes = super::bytes(&root, &[block], &receipts, &ask);
                    let answer = world.decide(&bytes);
                    assert!(
                        alone || answer["decision"] == false,
                        "{} of {}, {}: {people:?} are enough with {}, and not without",
                        change.member,
                        change.place,
                        change.way,
                        change.claims
                    );
                    tried += 1;
                    if tried % SAMPLE == 0 {
                        let asked = engines.ask(&world.policy, Question::Evaluate(&bytes));
                        asked.unwrap_or_else(|why| panic!("{}: {why}", change.claims));
                    }
                    seen.insert((change.place, change.member, change.way));
                }
            }
        }
    }
    let ways = WAYS.len() + 2;
    let members = CLAIMS.len() + entry_members().len() + REQUIRES.len();
    assert_eq!(seen.len(), members * ways, "not every member in every way");
}

/// Values of every JSON type, those that an attacker would write among them.
const WAYS: [&str; 11] = [
    "null",
    "true",
    "0",
    "9007199254740991",
    "\"\"",
    "\"user:mallory\"",
    "[]",
    "[\"user:mallory\"]",
    "{}",
    "{\"approvers\": [\"user:mallory\"], \"count\": 1}",
    "[{\"type\": \"ambit_capability\", \"privileges\": [\"execute\"]}]",
];

fn entry_members() -> BTreeSet<&'static str> {
    let tables = [DERIVED_ENTRY, MANIFEST_ENTRY];
    tables.into_iter().flatten().map(|one| one.name).collect()
}

fn root(power: &str) -> Value {
    json!({
        "type": "ambit_capability", "actions": ["refund"], "datatypes": ["account"],
        "purpose": "contract-renewal", "privileges": [power],
        "constraints": {"*": {"constraint_type": "wildcard"}},
        "requires": {"approval": true, "acr": "urn:acme:loa:2", "max_age": 3600},
    })
}

fn changes(root: &Value) -> Vec<Change> {
    let sound = json!({"type": "ambit_capability", "requires": {"max_age": 3600}});
    let whole = claims(root);
    let mut changes = Vec::new();
    for claim in &CLAIMS {
        let base = json!({"authorization_details": [sound]});
        vary("claims", claim.name, &base, "", &whole, &mut changes);
    }
    for member in entry_members() {
        let base = json!({"authorization_details": [sound]});
        let at = "/authorization_details/0";
        vary("an entry", member, &base, at, root, &mut changes);
    }
    for member in REQUIRES {
        let base = json!({"authorization_details": [sound]});
        let at = "/authorization_details/0/requires";
        let parent = &root["requires"];
        vary("`requires`", member.name, &base, at, parent, &mut changes);
    }
    changes
}

/// The member of the object at `at` in each way: of every type, left out, as the parent has it.
fn vary(
    place: &'static str,
    member: &'static str,
    base: &Value,
    at: &str,
    parent: &Value,
    changes: &mut Vec<Change>,
) {
    let mut change = |way: String, value: Value| {
        let mut claims = base.clone();
        if let Some(object) = claims.pointer_mut(at) {
            object[member] = value;
        }
        changes.push(Change {
            place,
            member,
            way,
            claims,
        });
    };
    for text in WAYS {
        let value = serde_json::from_str(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        change(text.to_owned(), value);
    }
    change("as the parent has it".to_owned(), parent[member].clone());
    let mut claims = base.clone();
    if let Some(object) = claims.pointer_mut(at).and_then(Value::as_object_mut) {
        object.remove(member);
    }
    changes.push(Change {
        place,
        member,
        way: "left out".to_owned(),
        claims,
    });
}
