//! Families of Cedar policies of any size, and requests for them, from a seed.
//!
//! A family has the shape that one kind of index must cope with. Policies and requests of one seed
//! are always the same, so that runs can be compared.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The schema of all families; their policies pass strict validation against it.
pub const SCHEMA: &str = r"
entity Group in [Group];
entity User in [Group] { dept: String, level: Long };
entity Folder in [Folder];
entity Doc in [Folder] { owner: User, label: String, size: Long };
action read, write, share appliesTo {
  principal: [User], resource: [Doc], context: { hour: Long, code: Long }
};
";

/// One policy in so many of the typed family names the group and the label of a request.
const GROUPS: u64 = 32;

/// What the policies of a set look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Each names its principal, its action, and a folder of the resource.
    Scoped,
    /// Each names a group, the resource's type and an attribute; one in 32 matches a request.
    Typed,
    /// Nothing in the scope; an attribute of the context is compared with a constant.
    Unscoped,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Scoped, Self::Typed, Self::Unscoped];

    /// How it is called in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scoped => "scoped",
            Self::Typed => "typed",
            Self::Unscoped => "unscoped",
        }
    }

    /// The text of so many policies; about one in four forbids.
    #[must_use]
    pub fn policies(self, count: u64, seed: u64) -> String {
        let mut random = Random(seed);
        let mut text = String::new();
        for number in 0..count {
            let effect = if random.below(4) == 0 {
                "forbid"
            } else {
                "permit"
            };
            let (level, action, group) = (random.below(10), action(number), number % GROUPS);
            let written = match self {
                Self::Scoped => writeln!(
                    text,
                    r#"{effect}(principal == User::"u{number}", action == Action::"{action}", resource in Folder::"f{number}") when {{ principal.level > {level} }};"#
                ),
                Self::Typed => writeln!(
                    text,
                    r#"{effect}(principal in Group::"g{group}", action, resource is Doc) when {{ resource.label == "l{group}" && principal.level > {level} }};"#
                ),
                Self::Unscoped => writeln!(
                    text,
                    r#"{effect}(principal, action, resource) when {{ context.code == {number} && principal.level > {level} }};"#
                ),
            };
            // Writing into a string cannot fail.
            debug_assert!(written.is_ok());
        }
        text
    }
}

/// So many different requests, each for one of the `count` policies of a set, whichever family it
/// is: as [`Input::read`](ambit_policy::cedar::Input::read) takes them, entities included.
#[must_use]
pub fn requests(count: u64, requests: u64, seed: u64) -> Vec<Value> {
    let mut random = Random(seed ^ 0x5bd1_e995);
    let mut request = |_| {
        let number = random.below(count.max(1));
        request(number, &mut random)
    };
    (0..requests).map(&mut request).collect()
}

fn request(number: u64, random: &mut Random) -> Value {
    let group = number % GROUPS;
    let uid = |kind: &str, id: String| json!({"type": kind, "id": id});
    let user = uid("User", format!("u{number}"));
    let doc = uid("Doc", format!("d{number}"));
    let (group_uid, folder) = (
        uid("Group", format!("g{group}")),
        uid("Folder", format!("f{number}")),
    );
    let (all, root) = (uid("Group", "all".into()), uid("Folder", "root".into()));
    let entity = |uid: &Value, attrs: Value, parents: &[&Value]| json!({"uid": uid, "attrs": attrs, "parents": parents});
    let level = random.below(12);
    let label = format!("l{group}");
    let owner = json!({"__entity": user});
    json!({
        "principal": user,
        "action": uid("Action", action(number).to_owned()),
        "resource": doc,
        "context": {"hour": random.below(24), "code": number},
        "entities": [
            entity(&user, json!({"dept": "sales", "level": level}), &[&group_uid]),
            entity(&group_uid, json!({}), &[&all]),
            entity(&all, json!({}), &[]),
            entity(&doc, json!({"owner": owner, "label": label, "size": random.below(1000)}), &[&folder]),
            entity(&folder, json!({}), &[&root]),
            entity(&root, json!({}), &[]),
        ],
    })
}

const fn action(number: u64) -> &'static str {
    match number % 3 {
        0 => "read",
        1 => "write",
        _ => "share",
    }
}

/// `SplitMix64`: small, and the same everywhere.
struct Random(u64);

impl Random {
    const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
