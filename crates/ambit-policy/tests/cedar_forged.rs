//! Programs that no compiler writes: verification names what is unsound, and what was not verified
//! still ends.

use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::code::{NONE, OP_BITS, Op};
use ambit_policy::cedar::{
    FORMAT, Halt, Input, Key, MAGIC, PROBES, Program, Selection, TypeTag, Uid,
};

/// The sections in their order, as words; the text apart.
#[derive(Clone)]
struct Parts {
    typed: bool,
    sections: [Vec<u32>; 10],
    text: &'static str,
}

const STRINGS: usize = 0;
const UIDS: usize = 1;
const CODE: usize = 2;
const POLICIES: usize = 3;
const KEYS: usize = 4;
const HASH: usize = 5;
const TREE: usize = 6;
const TYPES: usize = 7;
const ENTITIES: usize = 8;
const LISTS: usize = 9;

fn node(op: Op, words: u32) -> u32 {
    op.code() | words << OP_BITS
}

/// One policy `permit (principal, action, resource)` named `p`, without a schema.
fn sound() -> Parts {
    let sections = [
        vec![0, 1, 1, 1],
        vec![0, 1],
        vec![node(Op::And, 2), node(Op::True, 1)],
        vec![0, 0, 0, NONE, 1, NONE, NONE, NONE],
        vec![],
        vec![],
        vec![0, 1, 0, 0],
        vec![0, 0],
        vec![],
        vec![],
    ];
    Parts {
        typed: false,
        sections,
        text: "pq",
    }
}

impl Parts {
    fn bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT.to_le_bytes());
        out.extend(u32::from(self.typed).to_le_bytes());
        let lengths = self.sections.iter().map(|section| section.len() * 4);
        for length in lengths.chain([self.text.len()]) {
            out.extend(u32::try_from(length).unwrap().to_le_bytes());
        }
        for word in self.sections.iter().flatten() {
            out.extend(word.to_le_bytes());
        }
        out.extend(self.text.as_bytes());
        out
    }

    fn verified(&self) -> Result<(), &'static str> {
        Program::open(&self.bytes())
            .expect("the header is sound")
            .verify()
    }

    fn with(section: usize, words: Vec<u32>) -> Self {
        let mut parts = sound();
        parts.sections[section] = words;
        parts
    }
}

/// Evaluates both ways; the first halt, if any.
fn ends(bytes: &[u8], request: &str) -> Option<Halt> {
    let program = Program::open(bytes)?;
    let document = Document::parse(request.as_bytes(), Profile::Request).unwrap();
    let input = Input::read(&program, document.root()).ok()?;
    [Selection::Scan, Selection::Index]
        .into_iter()
        .find_map(|selection| program.authorize(&input, &Steps::new(), selection).err())
}

const REQUEST: &str = r#"{"principal":{"type":"p","id":"q"},"action":{"type":"p","id":"q"},
    "resource":{"type":"p","id":"q"}}"#;

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

/// Two entities of the policy's own, the first with an attribute and a parent.
fn with_entities() -> Parts {
    let mut parts = sound();
    parts.sections[UIDS] = vec![0, 1, 1, 0];
    parts.sections[CODE] = vec![
        node(Op::And, 2),
        node(Op::True, 1),
        node(Op::Record, 4),
        1,
        0,
        node(Op::True, 1),
    ];
    // `q::"p"` stands before `p::"q"`: identifiers are compared first.
    parts.sections[ENTITIES] = vec![1, 2, NONE, 0, 0, NONE, NONE, 2];
    parts.sections[LISTS] = vec![1, 0, 0];
    parts
}

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

/// `sound()` with a kind of `length` bytes (string 2), and `count` short strings behind it; each of those
/// with that kind is an entity (from 1).
fn with_a_long_string(length: usize, count: u32) -> Parts {
    let mut parts = sound();
    let mut text = format!("pq{}", "k".repeat(length));
    let long = u32::try_from(length).unwrap();
    parts.sections[STRINGS].extend([2, long]);
    for number in 0..count {
        parts.sections[STRINGS].extend([u32::try_from(text.len()).unwrap(), 4]);
        text += &format!("{number:04}");
        parts.sections[UIDS].extend([2, 3 + number]);
    }
    parts.text = Box::leak(text.into_boxed_str());
    parts
}

/// Comparing is paid for: rows that all name one long string would make loading slow.
#[test]
fn comparisons_are_bounded() {
    let entities = |length| {
        let mut parts = with_a_long_string(length, 1000);
        parts.sections[ENTITIES] = (0..1000).flat_map(|at| [1 + at, NONE, NONE, at]).collect();
        parts.sections[LISTS] = vec![0; 1000];
        parts.verified()
    };
    assert_eq!(entities(1000), Ok(()));
    assert_eq!(entities(100_000), Err("entities"));
    let lists = |length| {
        let mut parts = with_a_long_string(length, 1000);
        let mut types = vec![1000, 0];
        let record = 2 + 1000 * 5;
        types.extend((0..1000).flat_map(|at| [3 + at, record, NONE, 3 * at, NONE]));
        types.extend([TypeTag::Record.code(), 0, 0]);
        parts.sections[TYPES] = types;
        // Each list: a digit string, then the long one.
        parts.sections[LISTS] = (0..1000).flat_map(|_| [2, 3, 2]).collect();
        parts.verified()
    };
    assert_eq!(lists(1000), Ok(()));
    assert_eq!(lists(100_000), Err("types"));
    let keys = |length| {
        let mut parts = with_a_long_string(length, 1000);
        parts.sections[KEYS] = (1..=1000).flat_map(|uid| [1, uid, 0]).collect();
        let mut hash = vec![0; 4096];
        let kind = "k".repeat(length);
        for number in 0..1000 {
            let key = Key::Entity(Uid::new(&kind, &format!("{number:04}"))).hash();
            let mut places = (0..PROBES).map(|probe| (key as usize).wrapping_add(probe) % 4096);
            let place = places.find(|place| hash[*place] == 0).expect("room");
            hash[place] = number + 1;
        }
        parts.sections[HASH] = hash;
        parts.verified()
    };
    assert_eq!(keys(1000), Ok(()));
    assert_eq!(keys(100_000), Err("keys"));
}

/// The first attribute that is missing is named, whatever the number of its name.
#[test]
fn a_missing_attribute_is_named() {
    let mut parts = Parts::with(
        TYPES,
        vec![
            1,
            1,
            0,
            17,
            NONE,
            0,
            NONE,
            0,
            11,
            1,
            1,
            TypeTag::Record.code(),
            1,
            1,
            0,
            1,
            20,
            TypeTag::Record.code(),
            0,
            0,
            TypeTag::Long.code(),
        ],
    );
    parts.typed = true;
    parts.sections[LISTS] = vec![0, 1, 0];
    let bytes = parts.bytes();
    let program = Program::open(&bytes).unwrap();
    let document = Document::parse(REQUEST.as_bytes(), Profile::Request).unwrap();
    let fault = Input::read(&program, document.root()).unwrap_err();
    assert_eq!(fault.path, "context.p");
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

fn verified(section: usize, words: Vec<u32>) -> Result<(), &'static str> {
    Parts::with(section, words).verified()
}

#[test]
fn tables_have_whole_rows_of_known_things() {
    assert_eq!(verified(STRINGS, vec![0, 1, 1, 1, 2]), Err("strings"));
    assert_eq!(verified(UIDS, vec![0, 1, 1]), Err("uids"));
    assert_eq!(verified(UIDS, vec![2, 1]), Err("uids"));
    assert_eq!(
        verified(TREE, vec![0, 2, 0, 0, 0]),
        Err("tree"),
        "a policy twice"
    );
}

#[test]
fn names_and_children_of_a_node_agree() {
    let condition = |inside: &[u32]| {
        let words = u32::try_from(inside.len()).unwrap() + 1;
        verified(CODE, [&[node(Op::And, words)], inside].concat())
    };
    let (truth, context) = (node(Op::True, 1), node(Op::Context, 1));
    assert_eq!(condition(&[node(Op::Record, 4), 1, 0, truth]), Ok(()));
    assert_eq!(
        condition(&[node(Op::Record, 4), 1, 9, truth]),
        Err("policies")
    );
    assert_eq!(condition(&[node(Op::Record, 3), 1, 0]), Err("policies"));
    assert_eq!(
        condition(&[node(Op::Record, 5), 1, 0, truth, truth]),
        Err("policies")
    );
    assert_eq!(
        condition(&[node(Op::Record, 6), 2, 0, 1, truth, truth]),
        Ok(())
    );
    assert_eq!(
        condition(&[node(Op::Record, 6), 2, 1, 0, truth, truth]),
        Err("policies")
    );
    assert_eq!(
        condition(&[node(Op::Record, 6), 2, 0, 0, truth, truth]),
        Err("policies")
    );
    assert_eq!(condition(&[node(Op::Has, 4), 1, 0, context]), Ok(()));
    assert_eq!(condition(&[node(Op::Has, 3), 0, context]), Err("policies"));
}

/// Whether a key is accepted at some place of a table of this size.
fn key_fits(key: &[u32], places: usize) -> bool {
    (0..places).any(|at| {
        let mut parts = Parts::with(KEYS, key.to_vec());
        parts.sections[HASH] = vec![0; places];
        parts.sections[HASH][at] = 1;
        parts.verified().is_ok()
    })
}

#[test]
fn keys_stand_in_a_table_of_the_right_size() {
    for key in [
        [1, 0, 0],
        [2, 1, 0],
        [3, 7, 0],
        [4, 0, 0],
        [4, 1, 0],
        [5, 0, 0],
    ] {
        assert!(key_fits(&key, 32) && key_fits(&key, 64), "{key:?}");
        assert!(!key_fits(&key, 16) && !key_fits(&key, 48), "{key:?}");
    }
    for key in [
        [0, 0, 0],
        [1, 1, 0],
        [2, 2, 0],
        [4, 2, 0],
        [5, 2, 0],
        [6, 0, 0],
    ] {
        assert!(!key_fits(&key, 32), "{key:?}");
    }
    assert!(!key_fits(&[4, 1, 0, 4], 32), "half a row");
}

/// A node that no edge leads to but its own would hold a policy that no search finds.
#[test]
fn a_node_is_reached_from_the_root() {
    let tree = |tree: &[u32]| {
        (0..32).any(|at| {
            let mut parts = Parts::with(KEYS, vec![4, 1, 0]);
            parts.sections[HASH] = vec![0; 32];
            parts.sections[HASH][at] = 1;
            parts.sections[TREE] = tree.to_vec();
            parts.verified().is_ok()
        })
    };
    assert!(tree(&[0, 0, 1, 0, 1, 0, 7, 1, 0, 0]), "the root's edge");
    assert!(!tree(&[0, 0, 0, 1, 0, 1, 0, 1, 0, 3]), "its own edge");
}

#[test]
fn types_nest_as_deep_as_values_and_no_deeper() {
    let sets = |count: u32| {
        let mut types = vec![0, 0, TypeTag::Long.code()];
        for number in 0..count {
            let inner = if number == 0 { 2 } else { 1 + 2 * number };
            types.extend([TypeTag::Set.code(), inner]);
        }
        verified(TYPES, types)
    };
    assert_eq!((sets(63), sets(64)), (Ok(()), Err("types")));
    let records = |count: u32| {
        let mut types = vec![0, 0, TypeTag::Long.code()];
        for number in 0..count {
            let inner = if number == 0 { 2 } else { 6 * number - 3 };
            types.extend([TypeTag::Record.code(), 1, 1, 0, 1, inner]);
        }
        verified(TYPES, types)
    };
    assert_eq!((records(63), records(64)), (Ok(()), Err("types")));
    // Above what is not nested, two words long or three.
    for leaf in [
        vec![TypeTag::Entity.code(), 0],
        vec![TypeTag::Record.code(), 0, 0],
    ] {
        let sets = |count: u32| {
            let words = u32::try_from(leaf.len()).unwrap();
            let mut types = [vec![0, 0], leaf.clone()].concat();
            for number in 0..count {
                let inner = if number == 0 { 2 } else { words + 2 * number };
                types.extend([TypeTag::Set.code(), inner]);
            }
            verified(TYPES, types)
        };
        assert_eq!((sets(63), sets(64)), (Ok(()), Err("types")), "{leaf:?}");
    }
    let flag = vec![
        0,
        0,
        TypeTag::Long.code(),
        TypeTag::Record.code(),
        2,
        1,
        0,
        2,
        2,
    ];
    assert_eq!(verified(TYPES, flag), Err("types"), "required twice");
}

#[test]
fn lists_of_names_ascend() {
    let kind = |list: [u32; 3]| {
        let mut parts = sound();
        parts.sections[TYPES] = vec![1, 0, 0, 7, NONE, 0, NONE, TypeTag::Record.code(), 0, 0];
        parts.sections[LISTS] = list.to_vec();
        parts.verified()
    };
    assert_eq!(kind([2, 0, 1]), Ok(()));
    assert_eq!(kind([2, 1, 0]), Err("types"));
    assert_eq!(kind([2, 0, 0]), Err("types"));
    let mut literal = with_entities();
    literal.sections[CODE] = vec![node(Op::And, 2), node(Op::True, 1), node(Op::True, 1)];
    assert_eq!(
        literal.verified(),
        Err("entities"),
        "attributes that are no record"
    );
}
