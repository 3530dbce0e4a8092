//! Programs that no compiler writes: verification names what is unsound, and what was not verified
//! still ends.

mod entities;
mod parts;
mod tables;

use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::code::{NONE, Op};
use ambit_policy::cedar::{Halt, Input, Program, TypeTag};

use parts::*;

#[test]
fn the_sound_program_is_sound() {
    assert_eq!(sound().verified(), Ok(()));
    assert_eq!(ends(&sound().bytes(), REQUEST), None);
}

/// What is wrong, the section and its words, and the section that verification names.
type Unsound = (&'static str, usize, Vec<u32>, &'static str);

/// `!!…true`, this many `!`.
fn deep(depth: u32) -> Vec<u32> {
    let mut code: Vec<u32> = (0..depth).map(|at| node(Op::Not, depth + 1 - at)).collect();
    code.push(node(Op::True, 1));
    code
}

fn unsound_code() -> Vec<Unsound> {
    let row = |condition| vec![0, condition, 0, NONE, 1, NONE, NONE, NONE];
    vec![
        ("overlapping strings", STRINGS, vec![0, 2, 1, 1], "strings"),
        (
            "a gap between strings",
            STRINGS,
            vec![0, 1, 2, 0],
            "strings",
        ),
        ("an entity of no string", UIDS, vec![0, 2], "uids"),
        (
            "a node past the end",
            CODE,
            vec![node(Op::And, 3), node(Op::True, 1)],
            "policies",
        ),
        (
            "a node of no words",
            CODE,
            vec![node(Op::And, 0), node(Op::True, 1)],
            "policies",
        ),
        (
            "a child too few",
            CODE,
            vec![node(Op::Eq, 2), node(Op::True, 1)],
            "policies",
        ),
        ("129 levels", CODE, deep(128), "policies"),
        (
            "code nobody uses",
            CODE,
            vec![node(Op::True, 1), node(Op::True, 1)],
            "code",
        ),
        ("the middle of a node", POLICIES, row(1), "policies"),
        (
            "no name",
            POLICIES,
            vec![0, 0, 9, NONE, 1, NONE, NONE, NONE],
            "policies",
        ),
    ]
}

fn unsound_tables() -> Vec<Unsound> {
    vec![
        ("a key nobody finds", KEYS, vec![4, 1, 0], "keys"),
        (
            "an edge to its own node",
            TREE,
            vec![0, 1, 0, 1, 0, 1, 0, 1],
            "tree",
        ),
        ("a policy in no node", TREE, vec![0, 0, 0], "tree"),
        ("a policy that is not there", TREE, vec![0, 1, 1, 0], "tree"),
        (
            "an unfinished type",
            TYPES,
            vec![0, 0, TypeTag::Set.code()],
            "types",
        ),
        (
            "a type that holds itself",
            TYPES,
            vec![0, 0, TypeTag::Set.code(), 2],
            "types",
        ),
        (
            "a required attribute too many",
            TYPES,
            vec![0, 0, TypeTag::Record.code(), 1, 0],
            "types",
        ),
        ("a list nobody uses", LISTS, vec![0], "code"),
    ]
}

#[test]
fn unsound_parts_are_named() {
    assert_eq!(Parts::with(CODE, deep(127)).verified(), Ok(()));
    for (name, section, words, expected) in unsound_code().into_iter().chain(unsound_tables()) {
        assert_eq!(
            Parts::with(section, words).verified(),
            Err(expected),
            "{name}"
        );
    }
    let mut text = sound();
    text.text = "é";
    assert_eq!(
        text.verified(),
        Err("strings"),
        "a string that ends inside a character"
    );
}

#[test]
fn rows_of_policies_are_read() {
    let mut parts = sound();
    parts.sections[STRINGS] = vec![0, 1, 1, 1, 2, 1, 3, 1, 4, 1];
    parts.text = "pqfra";
    parts.sections[POLICIES] = vec![1, 0, 0, 2, 70, 3, 4, 1];
    assert_eq!(parts.verified(), Ok(()));
    let bytes = parts.bytes();
    let program = Program::open(&bytes).unwrap();
    let policy = program.policy(0).unwrap();
    assert!(policy.forbids() && program.policy(1).is_none() && !program.typed());
    assert_eq!(
        (policy.id(), policy.file(), policy.line()),
        ("p", Some("f"), 70)
    );
    assert_eq!(policy.place().as_deref(), Some("f:70"));
    let words = (policy.reason(), policy.advice(), policy.step_up());
    assert_eq!(words, (Some("r"), Some("a"), Some("q")));
    let bytes = sound().bytes();
    let program = Program::open(&bytes).unwrap();
    let policy = program.policy(0).unwrap();
    let words = (
        policy.file(),
        policy.reason(),
        policy.advice(),
        policy.step_up(),
    );
    assert_eq!((policy.forbids(), words), (false, (None, None, None, None)));
    assert_eq!(policy.place(), None);
}

#[test]
fn rows_of_policies_name_strings() {
    for column in [2, 3, 5, 6, 7] {
        let mut parts = sound();
        parts.sections[POLICIES][column] = 1;
        assert_eq!(parts.verified(), Ok(()), "column {column}");
        parts.sections[POLICIES][column] = 2;
        assert_eq!(parts.verified(), Err("policies"), "column {column}");
    }
    let mut line = sound();
    line.sections[POLICIES][4] = 70_000;
    assert_eq!(line.verified(), Ok(()), "a line is any number");
    let mut effect = sound();
    effect.sections[POLICIES][0] = 2;
    assert_eq!(effect.verified(), Err("policies"), "a third effect");
    let mut half = sound();
    half.sections[POLICIES].pop();
    assert_eq!(half.verified(), Err("policies"), "half a row");
}

#[test]
fn every_changed_byte_and_every_cut_ends() {
    let bytes = sound().bytes();
    for at in 0..bytes.len() {
        assert!(Program::open(&bytes[..at]).is_none(), "cut at {at}");
        for value in 0..=u8::MAX {
            let mut changed = bytes.clone();
            changed[at] = value;
            let verified = Program::open(&changed).is_some_and(|program| program.verify().is_ok());
            let halt = ends(&changed, REQUEST);
            assert!(
                !verified || halt.is_none(),
                "byte {at} as {value}: {halt:?}"
            );
        }
    }
}

/// Nodes whose edges all lead back: what is still to be looked at must not outgrow the steps.
#[test]
fn a_cyclic_index_ends() {
    let edges = 1_000_u32;
    // One path, `context.q`, which errs, so that every edge is followed.
    let mut tree = vec![1, 2, 0, 0, 1, 8, edges];
    tree.extend((0..edges).flat_map(|key| [key, 3]));
    let mut parts = Parts::with(TREE, tree);
    parts.sections[CODE] = vec![
        node(Op::And, 2),
        node(Op::True, 1),
        node(Op::GetAttr, 3),
        1,
        node(Op::Context, 1),
    ];
    assert_eq!(parts.verified(), Err("tree"));
    assert_eq!(ends(&parts.bytes(), REQUEST), Some(Halt::Steps));
}

/// A set of itself is described, and a record of four billion attributes is not counted through,
/// when a request does not conform to them.
#[test]
fn forged_types_end() {
    let set = TypeTag::Set.code();
    let record = TypeTag::Record.code();
    // One entity type, `p`, one action; context: `q`, a set of itself. The record claims 2^32 - 1
    // required attributes.
    let rows = [0, 11, NONE, 0, NONE, 0, 11, 1, 1];
    let mut types = vec![1, 1];
    types.extend(rows);
    for (count, attributes, context) in [
        (1, vec![1, 1, 17, set, 17], r#"{"q":7}"#),
        (u32::MAX, vec![], "{}"),
    ] {
        let mut types = types.clone();
        types.extend([record, u32::MAX, count]);
        types.extend(attributes);
        let mut parts = Parts::with(TYPES, types);
        parts.typed = true;
        parts.sections[LISTS] = vec![0, 1, 0];
        assert!(parts.verified().is_err());
        let bytes = parts.bytes();
        let program = Program::open(&bytes).unwrap();
        let request = REQUEST.replace(
            "\"resource\"",
            &format!("\"context\":{context},\"resource\""),
        );
        let document = Document::parse(request.as_bytes(), Profile::Request).unwrap();
        let fault = Input::read(&program, document.root()).unwrap_err();
        assert!(fault.path.contains("context"), "{fault:?}");
    }
}
