//! Entities of the policy's own.

use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::code::{NONE, Op};
use ambit_policy::cedar::{Input, Program, Selection};

use crate::parts::{CODE, ENTITIES, LISTS, REQUEST, STRINGS, node, with_entities};

#[test]
fn unsound_entities_are_named() {
    assert_eq!(with_entities().verified(), Ok(()));
    let entities: [(&str, Vec<u32>, Result<(), &str>); 8] = [
        (
            "in the other order",
            vec![0, 2, NONE, 0, 1, NONE, NONE, 2],
            Err("entities"),
        ),
        (
            "one twice",
            vec![1, 2, NONE, 0, 1, NONE, NONE, 2],
            Err("entities"),
        ),
        (
            "one that is not there",
            vec![1, 2, NONE, 0, 2, NONE, NONE, 2],
            Err("entities"),
        ),
        (
            "half a row",
            vec![1, 2, NONE, 0, 0, NONE, NONE],
            Err("entities"),
        ),
        (
            "attributes of no record",
            vec![1, 5, NONE, 0, 0, NONE, NONE, 2],
            Err("entities"),
        ),
        (
            "attributes that are a policy's",
            vec![1, 0, NONE, 0, 0, NONE, NONE, 2],
            Err("entities"),
        ),
        (
            "parents of both",
            vec![1, 2, NONE, 0, 0, NONE, NONE, 0],
            Err("entities"),
        ),
        (
            "tags instead",
            vec![1, NONE, 2, 0, 0, NONE, NONE, 2],
            Ok(()),
        ),
    ];
    for (name, rows, expected) in entities {
        let mut parts = with_entities();
        parts.sections[ENTITIES] = rows;
        assert_eq!(parts.verified(), expected, "{name}");
    }
}

#[test]
fn own_entities_read_nothing_else() {
    let mut parent = with_entities();
    parent.sections[LISTS] = vec![1, 2, 0];
    assert_eq!(
        parent.verified(),
        Err("entities"),
        "a parent that is not there"
    );
    // Names whose numbers look like other words: `Op::Principal` is number 5.
    let mut names = with_entities();
    names.text = "pqrstu";
    names.sections[STRINGS] = vec![0, 1, 1, 1, 2, 1, 3, 1, 4, 1, 5, 1];
    names.sections[CODE] = vec![
        node(Op::And, 2),
        node(Op::True, 1),
        node(Op::Record, 6),
        2,
        0,
        Op::Principal.code(),
        node(Op::True, 1),
        node(Op::True, 1),
    ];
    assert_eq!(names.verified(), Ok(()));
    let mut reading = with_entities();
    reading.sections[CODE][5] = node(Op::Principal, 1);
    assert_eq!(
        reading.verified(),
        Err("entities"),
        "an attribute that reads the request"
    );
}

/// What a condition comes to over those entities: `None` when it errs.
fn truth(condition: &[u32], entities: [u32; 8]) -> Option<bool> {
    let mut parts = with_entities();
    let words = u32::try_from(condition.len()).unwrap() + 1;
    let mut code = vec![node(Op::And, words)];
    code.extend(condition);
    code.extend(&parts.sections[CODE][2..]);
    parts.sections[CODE] = code;
    // Where the record stands now.
    parts.sections[ENTITIES] = entities
        .map(|word| if word == 99 { words } else { word })
        .to_vec();
    assert_eq!(parts.verified(), Ok(()), "{condition:?}");
    let bytes = parts.bytes();
    let program = Program::open(&bytes).unwrap();
    let document = Document::parse(REQUEST.as_bytes(), Profile::Request).unwrap();
    let input = Input::read(&program, document.root()).unwrap();
    let verdict = program
        .authorize(&input, &Steps::new(), Selection::Scan)
        .unwrap();
    verdict
        .errors
        .is_empty()
        .then_some(!verdict.permits.is_empty())
}

#[test]
fn entities_of_the_policy_are_looked_into() {
    let (first, second) = ([node(Op::Entity, 2), 1], [node(Op::Entity, 2), 0]);
    let attributes = [1, 99, NONE, 0, 0, NONE, NONE, 2];
    let tags = [1, NONE, 99, 0, 0, NONE, NONE, 2];
    let inside = |left: [u32; 2], right: [u32; 2]| {
        [vec![node(Op::In, 5)], left.to_vec(), right.to_vec()].concat()
    };
    let get = |of: [u32; 2]| [vec![node(Op::GetAttr, 4), 0], of.to_vec()].concat();
    let has = |of: [u32; 2]| [vec![node(Op::Has, 5), 1, 0], of.to_vec()].concat();
    let tag =
        |op, of: [u32; 2]| [vec![node(op, 5)], of.to_vec(), vec![node(Op::Str, 2), 0]].concat();
    assert_eq!(truth(&inside(first, second), attributes), Some(true));
    assert_eq!(truth(&inside(second, first), attributes), Some(false));
    assert_eq!(truth(&get(first), attributes), Some(true));
    assert_eq!(truth(&get(second), attributes), None);
    assert_eq!(truth(&has(first), attributes), Some(true));
    assert_eq!(truth(&has(second), attributes), Some(false));
    assert_eq!(truth(&has(first), tags), Some(false));
    assert_eq!(truth(&tag(Op::HasTag, first), tags), Some(true));
    assert_eq!(truth(&tag(Op::HasTag, second), tags), Some(false));
    assert_eq!(truth(&tag(Op::HasTag, first), attributes), Some(false));
    assert_eq!(truth(&tag(Op::GetTag, first), tags), Some(true));
    assert_eq!(truth(&tag(Op::GetTag, second), tags), None);
}
