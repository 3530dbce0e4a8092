//! Requests as large and as awkward as the size limits allow.

use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::data::merge;
use ambit_tests::project::{NOW, SignedPolicy};
use ambit_tests::statement::Asked;
use serde_json::{Map, Value, json};

const CRM: &str = "https://crm.acme.example";

/// Conditions over the arguments and the resource, each in a policy of its own kind: once, and as often
/// as [`REPEATED`] says. None of them holds.
const CONDITIONS: &[&str] = &[
    "c.items == c.more && c.kind == 1000001",
    "{a: c.items, b: 1} == {a: c.more, b: 2}",
    "c.items.contains(c.text) && c.kind == 1000001",
    "c.items.containsAll(c.more) && c.kind == 1000001",
    "c.items.containsAny(c.more) && c.kind == 1000001",
    "c.numbers.contains(-5) && c.kind == 1000001",
    "c.numbers == [1, 2, 3]",
    "c.sets.contains([1, 2, 3]) && c.kind == 1000001",
    "c.sets == [[1], [2]]",
    "c.sets.containsAny([[1, 2], [3]]) && c.kind == 1000001",
    "resource in c.groups && c.kind == 1000001",
    "c.groups.contains(Group::\"none\") && c.kind == 1000001",
    "c.addresses.contains(ip(\"10.0.0.1\")) && c.kind == 1000001",
    "c.addresses == [ip(\"10.0.0.1\")]",
    "c.text == c.other && c.kind == 1000001",
    "c.text like \"*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab*\"",
    "c.text like \"*a*a*a*a*a*a*a*a*b\"",
    "c.text like \"*ab*\" || c.text like \"*ac*\"",
    "c.wait == duration(\"1d\") && c.kind == 1000001",
    "c.fee.lessThan(decimal(\"-900.1\"))",
    "c.data == c.text && c.kind == 1000001",
    "c.records.contains({a: \"none\", b: 1}) && c.kind == 1000001",
    "c.records == [{a: \"none\", b: 1}]",
    "c.wide.isEmpty() && c.kind == 1000001",
    "c.which.contains(Which::\"e0\") && c.kind == 1000001",
    "resource.names.contains(\"none\") && c.kind == 1000001",
    "resource.names == c.items && c.kind == 1000001",
    "resource.groups.contains(Group::\"none\") && c.kind == 1000001",
    "resource in resource.groups && c.kind == 1000001",
    "resource.groups == [Group::\"none\"]",
    "resource.times.contains(datetime(\"2020-01-01\")) && c.kind == 1000001",
    "resource.times == [datetime(\"2020-01-01\")]",
    "resource.fee.lessThan(decimal(\"0.0001\")) && resource.fee.lessThan(decimal(\"-900.0\"))",
    "resource.sets == [[1]]",
    "resource.record == {a: [\"x\"], b: 1}",
    "resource in Group::\"none\"",
    "resource.next.next.next.next.next.next.next.next == Group::\"none\"",
    "resource.hasTag(c.text) && resource.getTag(c.text) == \"none\"",
    "resource has record.a && resource.record.a == [\"none\"]",
];
/// How often a condition stands in a policy of the second kind.
const REPEATED: usize = 12;
/// Brackets in each other: 64 at most, with those around a condition. Two nodes each are near the deepest
/// nesting of nodes.
const DEEP: usize = 56;
/// Conditions that are large themselves.
fn large() -> Vec<String> {
    let many = |count: usize, each: &dyn Fn(usize) -> String, between: &str| {
        (0..count).map(each).collect::<Vec<_>>().join(between)
    };
    vec![
        format!("({}) == 1", many(60, &|_| "c.kind".to_owned(), " + ")),
        format!(
            "[{}].contains(c.kind * 7)",
            many(400, &|n| format!("{}", n + 1000), ", ")
        ),
        format!(
            "[{}] == [[c.kind]]",
            many(400, &|n| format!("[{n}, c.kind]"), ", ")
        ),
        format!(
            "{{{}}} == {{{}}}",
            many(200, &|n| format!("a{n}: {n}"), ", "),
            many(200, &|n| format!("a{n}: 7"), ", ")
        ),
        many(
            40,
            &|n| format!("(if c.kind == {n} then c.kind == 1000001 else "),
            "",
        ) + "c.kind == 1000001"
            + &")".repeat(40),
        many(400, &|n| format!("c.kind == {n} + 100000"), " || "),
        many(100, &|n| format!("resource in Group::\"n{n}\""), " || "),
        // As deep as a policy may be: of expressions, and of values.
        format!(
            "{}c.kind{} == 1000001",
            "(1 + -".repeat(DEEP),
            ")".repeat(DEEP)
        ),
        format!(
            "{}c.kind{} == {}1{}",
            "[".repeat(DEEP),
            "]".repeat(DEEP),
            "[".repeat(DEEP),
            "]".repeat(DEEP)
        ),
        format!(
            "{}[c.kind]{} == {}[1]{}",
            "{a: ".repeat(DEEP),
            "}".repeat(DEEP),
            "{a: ".repeat(DEEP),
            "}".repeat(DEEP)
        ),
    ]
}

/// Kinds of conditions: how many there are.
pub(crate) fn kinds() -> usize {
    CONDITIONS.len() + large().len()
}

pub(crate) fn condition(kind: usize) -> String {
    CONDITIONS.get(kind).map_or_else(
        || large()[kind - CONDITIONS.len()].clone(),
        |c| (*c).to_owned(),
    )
}

/// The policy that has them all. A request chooses by `kind`: an even one once, an odd one often.
pub(crate) fn policy() -> SignedPolicy {
    let mut rails = String::new();
    for kind in 0..kinds() {
        let condition = condition(kind).replace("c.", "context.");
        // A policy may have only so many operators.
        let often = if kind < CONDITIONS.len() {
            REPEATED
        } else {
            REPEATED / 3
        };
        for (at, repeated) in [1, often].into_iter().enumerate() {
            let number = kind * 2 + at;
            let often = vec![format!("({condition})"); repeated].join(" || ");
            let guard = guards(&condition);
            rails.push_str(&format!(
                "@id(\"k{number}\") forbid (principal, action, resource) when {{ context.kind == {number} && {guard}({often}) }};\n"
            ));
        }
    }
    let spec = PolicySpec {
        project: "bulk".to_owned(),
        keys: keys(),
        bundle: None,
    };
    SignedPolicy::make_with(&spec, &[("policies/rails.cedar", &rails)])
        .unwrap_or_else(|why| panic!("{why}"))
}

/// The keys of the policy, most of them of the dearer algorithm.
fn keys() -> Vec<Value> {
    let key = |key: &str, kid: &str, iss: &str, signs: &str| {
        let alg = if key.starts_with("es-") {
            "ES256"
        } else {
            "Ed25519"
        };
        json!({"key": key, "kid": kid, "iss": iss, "alg": alg, "signs": signs})
    };
    let mut person = key(
        "es-approving",
        "person-1",
        "https://approve.acme.example",
        "approval-receipt+jwt",
    );
    person["sub"] = json!("user:8f1c2d");
    vec![
        key(
            "broker-1",
            "broker-1",
            "https://broker.acme.example",
            "cap+jwt",
        ),
        key(
            "es-approver",
            "approve-1",
            "https://approve.acme.example",
            "approval-receipt+jwt",
        ),
        key(
            "es-revoker",
            "revoke-1",
            "https://revoke.acme.example",
            "revocation-epochs+jwt",
        ),
        key(
            "es-broker",
            "enrol-1",
            "https://revoke.acme.example",
            "approver-key+jwt",
        ),
        person,
    ]
}

/// What may be absent is asked for first.
fn guards(condition: &str) -> String {
    let optional = [
        "items",
        "more",
        "numbers",
        "sets",
        "groups",
        "addresses",
        "text",
        "other",
        "data",
        "records",
        "wait",
        "wide",
        "which",
        "fee",
    ];
    let mut guards = String::new();
    for name in optional {
        if condition.contains(&format!("context.{name}")) {
            guards.push_str(&format!("context has {name} && "));
        }
    }
    for name in ["names", "groups", "times", "fee", "sets", "record"] {
        if condition.contains(&format!("resource.{name}")) {
            guards.push_str(&format!("resource has {name} && "));
        }
    }
    if condition.contains("resource.next") {
        guards.push_str("resource has next.next.next.next.next.next.next.next && ");
    }
    guards
}

/// A small generator (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// Texts of about `bytes` in all, with a common beginning of `prefix` bytes, in an awkward order.
pub(crate) fn texts(bytes: usize, prefix: usize, order: usize) -> Vec<String> {
    let count = bytes / (prefix + 8);
    let text = |n: usize| format!("{}{n:05x}", "a".repeat(prefix));
    match order {
        0 => (0..count).map(text).collect(),
        1 => (0..count).rev().map(text).collect(),
        2 => (0..count).map(|n| text(n * 7919 % count.max(1))).collect(),
        _ => vec![text(1); count],
    }
}

/// One argument or attribute of about this size.
pub(crate) fn arguments(random: &mut Random, bytes: usize) -> Value {
    let prefix = [0, 8, 60, 500, 5000][random.below(5)];
    let order = random.below(4);
    let half = texts(bytes / 2, prefix, order);
    let list = texts(bytes, prefix, order);
    let count = bytes / 4;
    let addresses = |count: usize| {
        (0..count)
            .map(|n| format!("10.{}.{}.{}", n % 200, n / 200 % 200, n / 40000))
            .collect::<Vec<_>>()
    };
    let group = |n: usize| format!("{}{n}", "g".repeat(prefix));
    match random.below(13) {
        0 => json!({"items": half, "more": half}),
        1 => json!({"items": half, "more": texts(bytes / 2, prefix, 1), "text": "none"}),
        2 => json!({"items": list, "text": "a".repeat(prefix)}),
        3 => json!({"numbers": (0..count).map(|n| n % 10).collect::<Vec<_>>()}),
        4 => json!({"sets": (0..count / 6).map(|n| json!([n % 9, 2, 1])).collect::<Vec<_>>()}),
        5 => json!({"sets": [(0..count).map(|n| n % 10).collect::<Vec<_>>()]}),
        6 => json!({"groups": (0..bytes / (prefix + 8)).map(group).collect::<Vec<_>>()}),
        7 => json!({"addresses": addresses(bytes / 16)}),
        8 => json!({"text": "a".repeat(bytes / 2), "other": "a".repeat(bytes / 2)}),
        9 => {
            json!({"wait": format!("{}1d", "0".repeat(bytes / 2)), "fee": format!("{}1.0", "0".repeat(bytes / 2))})
        }
        10 => {
            let names: Map<String, Value> = list.into_iter().map(|name| (name, json!(0))).collect();
            json!({"data": names, "text": "x"})
        }
        11 => {
            let names: Vec<String> = (0..64).map(|n| format!("a{n:02}")).collect();
            let record: Map<String, Value> =
                names.iter().map(|name| (name.clone(), json!(1))).collect();
            json!({"wide": vec![record; bytes / (64 * 8)], "which": vec!["e63"; bytes / 60]})
        }
        _ => {
            json!({"records": (0..bytes / (prefix + 20)).map(|n| json!({"a": group(n), "b": 1})).collect::<Vec<_>>()})
        }
    }
}

/// Entities of about this size: attributes of the resource, chains of ancestors, duplicates.
pub(crate) fn entities(random: &mut Random, bytes: usize) -> Value {
    let prefix = [0, 8, 60, 500][random.below(4)];
    let id = |n: usize| format!("{}{n}", "g".repeat(prefix));
    let group = |n: usize| json!({"type": "Group", "id": id(n)});
    let count = bytes / (prefix + 30);
    let thing = |attrs: Value, parents: Value| json!({"uid": {"type": "Thing", "id": "t"}, "attrs": attrs, "parents": parents});
    let node = |n: usize, parents: Value| json!({"uid": group(n), "attrs": {"next": group(n + 1)}, "parents": parents});
    let many = bytes / (3 * prefix + 130);
    let list = match random.below(11) {
        0 => vec![thing(json!({"names": texts(bytes, prefix, 2)}), json!([]))],
        1 => vec![thing(
            json!({"groups": (0..count).map(group).collect::<Vec<_>>()}),
            json!([]),
        )],
        2 => vec![thing(
            json!({"times": (0..bytes / 28).map(|n| format!("2020-01-01T00:00:{:02}Z", n % 60)).collect::<Vec<_>>()}),
            json!([]),
        )],
        3 => vec![thing(
            json!({"fee": format!("{}.1", "0".repeat(bytes))}),
            json!([]),
        )],
        4 => vec![thing(
            json!({"sets": (0..bytes / 20).map(|n| json!([n, 1, 2])).collect::<Vec<_>>()}),
            json!([]),
        )],
        5 => vec![thing(
            json!({"record": {"a": texts(bytes, prefix, 1), "b": 1}}),
            json!([]),
        )],
        // A chain.
        6 => {
            let mut list: Vec<Value> = (0..many).map(|n| node(n, json!([group(n + 1)]))).collect();
            list.push(thing(json!({"next": group(0)}), json!([group(0)])));
            list
        }
        // Layers, each of whose members has all of the next as parents.
        7 => {
            let wide = 60;
            let layers = (bytes / (wide * wide * (prefix + 34))).max(1);
            let layer = |n: usize| (0..wide).map(|m| group(n * wide + m)).collect::<Vec<_>>();
            let mut list: Vec<Value> = (0..layers * wide)
                .map(|n| node(n, json!(layer(n / wide + 1))))
                .collect();
            list.push(thing(json!({"next": group(0)}), json!(layer(0))));
            list
        }
        // One entity, again and again: once large, then small.
        8 => {
            let numbers: Vec<usize> = vec![1; bytes / 8];
            let mut list = vec![thing(json!({"sets": [numbers]}), json!([]))];
            list.extend((0..bytes / 200).map(|_| thing(json!({"sets": [[1]]}), json!([]))));
            list
        }
        9 => vec![
            json!({"uid": {"type": "Thing", "id": "t"}, "attrs": {}, "parents": [], "tags": texts(bytes, prefix, 2).into_iter().map(|name| (name, json!("x"))).collect::<Map<_, _>>()}),
        ],
        _ => (0..many)
            .map(|n| node(n * 7919 % many.max(1), json!([])))
            .collect(),
    };
    json!(list)
}

/// A chain, a request and its statements.
pub(crate) struct Ask {
    pub(crate) token: Value,
    pub(crate) derived: Vec<Value>,
    pub(crate) request: Value,
    pub(crate) receipts: usize,
    /// Each of another key, countersigned.
    pub(crate) enrolments: usize,
    pub(crate) epochs: Vec<Value>,
}

impl Ask {
    /// An honest call with these arguments, under policies of this kind.
    pub(crate) fn of(kind: usize, mut args: Value, entities: &Value) -> Self {
        merge(&mut args, &json!({"kind": kind}));
        Self {
            token: token(),
            derived: Vec::new(),
            request: json!({
                "evaluation": {
                    "action": {"name": "bulk", "properties": {"power": "execute", "args": args}},
                    "resource": {"type": "thing", "id": "t"},
                    "context": {"purpose": "bulk"},
                },
                "facts": {"now": NOW, "audience": CRM},
                "entities": entities,
            }),
            receipts: 0,
            enrolments: 0,
            epochs: Vec::new(),
        }
    }

    /// With other members of the root's only entry.
    pub(crate) fn entry(mut self, patch: &Value) -> Self {
        merge(&mut self.token["authorization_details"][0], patch);
        self
    }

    /// How many signatures there are.
    pub(crate) fn signatures(&self) -> u64 {
        let statements = self.receipts + 2 * self.enrolments + self.epochs.len();
        u64::try_from(1 + self.derived.len() + statements).unwrap()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let spec = |claims: &Value| BlockSpec {
            claims: Some(claims.clone()),
            ..BlockSpec::default()
        };
        let derived: Vec<BlockSpec> = self.derived.iter().map(spec).collect();
        let chain = Chain::build(&self.token, &BlockSpec::default(), &derived, &[]).unwrap();
        let (root, holder, text) = (chain.root(), chain.holder().to_owned(), chain.text(None));
        let asked = Asked {
            root: &root,
            chain: &text,
            holder: &holder,
            request: &self.request,
            call_args: None,
        };
        let mut request = self.request.clone();
        request["token"] = json!(text);
        let shown = ambit_tests::statement::s256(b"shown");
        let receipts = (0..self.receipts).map(|n| {
            let spec = BlockSpec {
                signer: Some("es-approver".to_owned()),
                claims: Some(json!({"jti": format!("r{n}")})),
                ..BlockSpec::default()
            };
            asked.receipt(&spec, &shown).unwrap()
        });
        let receipts: Vec<String> = receipts.collect();
        let devices = ["es-holder", "es-holder-2", "phone", "phone-2"].iter();
        let enrolments = devices.take(self.enrolments).map(|device| {
            let spec = BlockSpec {
                signer: Some("es-broker".to_owned()),
                holder: Some((*device).to_owned()),
                claims: Some(json!({"iss": "https://revoke.acme.example", "jti": device})),
                ..BlockSpec::default()
            };
            let person = BlockSpec {
                signer: Some("es-approving".to_owned()),
                ..BlockSpec::default()
            };
            asked.enrolment(&spec, Some(&person)).unwrap()
        });
        let enrolments: Vec<String> = enrolments.collect();
        let epochs = self.epochs.iter().map(|entries| {
            let spec = BlockSpec {
                signer: Some("es-revoker".to_owned()),
                claims: Some(json!({"entries": entries})),
                ..BlockSpec::default()
            };
            asked.epochs(&spec).unwrap()
        });
        let epochs: Vec<String> = epochs.collect();
        merge(
            &mut request,
            &json!({"approvals": receipts, "enrolments": enrolments, "statements": epochs}),
        );
        request.to_string().into_bytes()
    }
}

fn token() -> Value {
    json!({
        "iss": "https://broker.acme.example", "sub": "user:8f1c2d", "aud": [CRM],
        "iat": NOW - 400, "nbf": NOW - 400, "exp": NOW + 3000, "jti": "root-1",
        "client_id": "https://agents.acme.example/renewal-bot",
        "act": {"sub": "spiffe://acme.example/bot", "iss": "https://idp.acme.example", "sub_profile": "ai_agent"},
        "agent": {"uid": "renewal-bot", "version": "1.0.0", "ai_model": {"name": "m"}},
        "acr": "urn:acme:loa:2", "amr": ["hwk"], "auth_time": NOW - 500,
        "authorization_details": [{
            "type": "ambit_capability", "actions": ["bulk"], "privileges": ["draft", "propose", "execute"],
            "datatypes": ["thing"], "purpose": "bulk", "constraints": {"*": {"constraint_type": "wildcard"}},
        }],
        "del_depth": 0, "del_max_depth": 4,
    })
}
