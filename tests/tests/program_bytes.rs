//! A program with changed words is refused, or evaluation runs through it; one that nobody verified
//! still ends.

use ambit_compiler::cedar::{Options, compile};
use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::{Halt, Input, Program, Selection};
use cedar_policy::{PolicySet, Schema};

/// Something of each kind.
const SCHEMA: &str = r#"
    entity Color enum ["red", "green"];
    entity Group in [Group];
    entity User in [Group] { name: String, level: Long, color: Color, born: datetime } tags String;
    entity Doc in [Group] { owner: User, labels: Set<String>, about: { size: Long, note?: String } };
    action edit;
    action write in [edit] appliesTo { principal: User, resource: Doc,
        context: { from: ipaddr, price: decimal, wait: duration, fast: Bool, hosts: Set<Group> } };
    action read in [edit] appliesTo { principal: User, resource: Doc, context: {} };
"#;

const POLICIES: &str = r#"
    @reason("r") permit (principal in Group::"g", action in [Action::"edit"], resource is Doc)
    when { principal.level + 1 * 2 - 3 < 9 && -principal.level <= 0 && principal.name like "a*b" };
    @advice("x") forbid (principal == User::"u", action == Action::"write", resource in Group::"h")
    when { context.from.isInRange(ip("10.0.0.0/8")) && context.price.lessThan(decimal("1.5"))
        && context.wait <= duration("1h") && principal.born.offset(context.wait) > datetime("2020-01-01") }
    unless { resource.labels.contains("x") || resource.labels.containsAny(["y", "z"]) };
    permit (principal, action, resource is Doc in Group::"h")
    when { resource.owner == principal && resource.about has note && resource.about.note == "n" };
    permit (principal, action, resource)
    when { if principal.hasTag("t") then principal.getTag("t") == "v" else principal.color == Color::"red" };
    permit (principal, action == Action::"write", resource)
    when { context.fast && context.hosts.containsAll([Group::"g"]) && !context.hosts.isEmpty()
        && context.from != ip("::1/64") && principal in [Group::"g", Group::"h"] && {a: 1, b: [2]} == {a: principal.level, b: [2]} };
    permit (principal, action, resource) when { resource.owner.name == "ann" };
    permit (principal, action, resource) when { resource.owner.name == "bob" };
"#;

const REQUESTS: [&str; 2] = [
    r#"{"principal": {"type": "User", "id": "u"}, "action": {"type": "Action", "id": "write"},
        "resource": {"type": "Doc", "id": "d"},
        "context": {"from": "10.1.2.3", "price": "1.25", "wait": "1m", "fast": true,
                    "hosts": [{"type": "Group", "id": "g"}]},
        "entities": [
            {"uid": {"type": "User", "id": "u"}, "parents": [{"type": "Group", "id": "g"}], "tags": {"t": "v"},
             "attrs": {"name": "ab", "level": 1, "color": {"type": "Color", "id": "red"}, "born": "2021-01-01"}},
            {"uid": {"type": "Doc", "id": "d"}, "parents": [{"type": "Group", "id": "h"}],
             "attrs": {"owner": {"type": "User", "id": "u"}, "labels": ["q"], "about": {"size": 1, "note": "n"}}},
            {"uid": {"type": "Group", "id": "h"}, "parents": [{"type": "Group", "id": "g"}], "attrs": {}}]}"#,
    r#"{"principal": {"type": "User", "id": "v"}, "action": {"type": "Action", "id": "read"},
        "resource": {"type": "Doc", "id": "e"}, "entities": []}"#,
];

fn compiled() -> Vec<u8> {
    let policies: PolicySet = POLICIES.parse().expect("policies");
    let schema: Schema = SCHEMA.parse().expect("a schema");
    let options = Options {
        schema: Some(&schema),
        validated: true,
    };
    compile(&policies, options).expect("compiles")
}

/// What a request comes to, by the index and by a scan: whether no part was found unsound.
fn runs(program: &Program<'_>) -> bool {
    REQUESTS.iter().all(|text| {
        let document = Document::parse(text.as_bytes(), Profile::Request).expect("JSON");
        // A changed schema may refuse the request, of course.
        let Ok(input) = Input::read(program, document.root()) else {
            return true;
        };
        let both = [Selection::Index, Selection::Scan];
        let halts = both.map(|selection| program.authorize(&input, &Steps::new(), selection).err());
        !halts.contains(&Some(Halt::Program))
    })
}

#[test]
fn the_program_is_sound_and_decides() {
    let bytes = compiled();
    let program = Program::open(&bytes).expect("opens");
    assert_eq!(program.verify(), Ok(()));
    let document = Document::parse(REQUESTS[0].as_bytes(), Profile::Request).expect("JSON");
    let input = Input::read(&program, document.root()).expect("conforms");
    let verdict = program.authorize(&input, &Steps::new(), Selection::Index);
    let verdict = verdict.expect("decides");
    assert_eq!(
        (verdict.permits, verdict.forbids),
        (vec![0, 2, 3, 4], vec![1])
    );
    assert_eq!(verdict.errors, []);
}

/// The sections in their order, after the head of 15 words; the text is not changed by words.
const SECTIONS: [&str; 11] = [
    "head", "strings", "uids", "code", "policies", "keys", "hash", "tree", "types", "entities",
    "lists",
];

/// Of each section: the changes that are refused, and those that leave another sound program. A
/// verifier that grows laxer or stricter changes a number; so does another compiler, or another text
/// above: then look at what changed before you write the new numbers here.
const COUNTED: [(u32, u32); 11] = [
    (188, 1),
    (1251, 0),
    (149, 36),
    (2276, 1277),
    (398, 318),
    (195, 100),
    (390, 0),
    (856, 93),
    (1318, 155),
    (148, 7),
    (236, 77),
];

#[test]
fn a_changed_word_is_refused_or_harmless() {
    let bytes = compiled();
    let head =
        |at: usize| u32::from_le_bytes(bytes[at * 4..at * 4 + 4].try_into().expect("a word"));
    let mut ends = vec![15_usize];
    for section in 0..10 {
        let words = usize::try_from(head(4 + section)).expect("small") / 4;
        ends.push(ends[section] + words);
    }
    let mut counted = [(0_u32, 0_u32); 11];
    for at in 2..ends[10] {
        let section = ends.iter().position(|end| at < *end).expect("a section");
        let word = head(at);
        let near = [1, 2, 3, 8, 256];
        let near = near
            .into_iter()
            .flat_map(|by| [word.wrapping_add(by), word.wrapping_sub(by)]);
        let mut values: Vec<u32> = near.chain([0, 1, 5, u32::MAX, word ^ (1 << 31)]).collect();
        values.sort_unstable();
        values.dedup();
        for value in values.into_iter().filter(|value| *value != word) {
            let mut changed = bytes.clone();
            changed[at * 4..at * 4 + 4].copy_from_slice(&value.to_le_bytes());
            let Some(program) = Program::open(&changed) else {
                counted[section].0 += 1;
                continue;
            };
            let ran = runs(&program);
            if program.verify().is_ok() {
                counted[section].1 += 1;
                assert!(
                    ran,
                    "word {at} changed from {word} to {value} passes and is unsound"
                );
            } else {
                counted[section].0 += 1;
            }
        }
    }
    for ((name, found), wanted) in SECTIONS.iter().zip(counted).zip(COUNTED) {
        println!("{name}: {} refused, {} still sound", found.0, found.1);
        assert!(
            COUNTED == [(0, 0); 11] || found == wanted,
            "{name}: {found:?}, not {wanted:?}"
        );
    }
}

#[test]
fn every_cut_is_refused() {
    let bytes = compiled();
    let sound = |bytes: &[u8]| Program::open(bytes).is_some_and(|program| program.verify().is_ok());
    assert!(sound(&bytes));
    for end in 0..bytes.len() {
        assert!(!sound(&bytes[..end]), "cut at {end}");
    }
    assert!(!sound(&[&bytes[..], &[0]].concat()));
}
