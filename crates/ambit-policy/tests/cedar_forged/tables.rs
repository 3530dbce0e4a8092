//! Keys, the index, lists and types.

use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::code::{NONE, Op};
use ambit_policy::cedar::{Input, Key, PROBES, Program, TypeTag, Uid};

use crate::parts::*;

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
