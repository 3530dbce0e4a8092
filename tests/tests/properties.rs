//! What must hold of every request, tried with random ones (native engine; the others give the same
//! bytes).

use ambit_evaluator::{ChainCache, evaluate};
use ambit_policy::Bundle;
use ambit_tests::case::{Case, PolicySpec, read_all};
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::expect::check_form;
use ambit_tests::project::SignedPolicy;
use ambit_tests::statement::Asked;
use ambit_tests::suites;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};

/// Random cases of one property.
const CASES: u32 = 400;

#[test]
fn another_block_never_allows_more() {
    let world = World::new();
    let (mut allowed, mut narrowed) = (0, 0);
    let inputs = (
        root_entries(),
        proptest::collection::vec(derived_entries(), 1..=2),
        request_parts(),
    );
    run(inputs, |(root, derived, parts)| {
        let request = |blocks: usize| world.request(&root, &derived[..blocks], &parts);
        let decisions: Vec<bool> = (0..=derived.len())
            .map(|blocks| world.allows(&request(blocks)))
            .collect();
        allowed += usize::from(decisions[0]);
        narrowed += usize::from(decisions[0] && !decisions[derived.len()]);
        // Once a block refuses, no further one allows again.
        prop_assert!(
            decisions.is_sorted_by(|before, after| before >= after),
            "{decisions:?}"
        );
        Ok(())
    });
    println!("{allowed} of {CASES} roots allowed, {narrowed} of them no more after narrowing");
    assert!(
        allowed > 40 && narrowed > 10,
        "the cases are too poor to show anything: {allowed}, {narrowed}"
    );
}

#[test]
fn any_bytes_get_an_answer() {
    let world = World::new();
    run(proptest::collection::vec(any::<u8>(), 0..300), |bytes| {
        world.answers(&bytes)
    });
}

#[test]
fn any_json_gets_an_answer() {
    let world = World::new();
    run(any_json(), |value| {
        world.answers(value.to_string().as_bytes())
    });
}

#[test]
fn any_mutation_of_a_request_gets_an_answer() {
    let world = World::new();
    let requests = world.sample_requests();
    let change = (
        any::<Index>(),
        any::<Index>(),
        any::<Index>(),
        any::<u8>(),
        0..4_u8,
    );
    let inputs = (any::<Index>(), proptest::collection::vec(change, 1..4));
    run(inputs, |(which, changes)| {
        let mut bytes = which.get(&requests).clone();
        for (at, other, length, byte, how) in changes {
            mutate(&mut bytes, (&at, &other, &length), byte, how);
        }
        world.answers(&bytes)
    });
}

#[test]
fn any_replaced_part_of_a_request_gets_an_answer() {
    let world = World::new();
    let requests = world.sample_requests();
    run(
        (any::<Index>(), any::<Index>(), any_json()),
        |(which, part, value)| {
            let request: &Vec<u8> = which.get(&requests);
            let mut request: Value = serde_json::from_slice(request).unwrap_or_default();
            let mut places = Vec::new();
            pointers(&request, "", &mut places);
            let place = part.get(&places).clone();
            if let Some(target) = request.pointer_mut(&place) {
                *target = value;
            }
            world.answers(request.to_string().as_bytes())
        },
    );
}

#[test]
fn a_chain_seen_before_changes_no_byte() {
    let world = World::new();
    let mut warm = ChainCache::new();
    let inputs = (
        root_entries(),
        proptest::collection::vec(derived_entries(), 0..=2),
        request_parts(),
    );
    run(inputs, |(root, derived, parts)| {
        let request = world.request(&root, &derived, &parts);
        let cold = world.evaluate(&request);
        prop_assert_eq!(&cold, &evaluate(&world.bundle(), &request, &mut warm));
        prop_assert_eq!(&cold, &evaluate(&world.bundle(), &request, &mut warm));
        // The same chain at another time is judged anew.
        let late = world.request(&root, &derived, &with_now(&parts, 1_772_003_600));
        let answer = evaluate(&world.bundle(), &late, &mut warm);
        prop_assert!(code(&answer) != "allowed");
        prop_assert_eq!(&answer, &world.evaluate(&late));
        Ok(())
    });
}

/// More tokens than are kept, by holders who come again often enough for a table, in any order, with
/// right proofs and wrong ones: an instance that has seen them all answers as one that has seen none.
#[test]
#[expect(clippy::too_many_lines, reason = "one scene, told in order")]
fn whatever_was_seen_before_changes_no_byte() {
    const HOLDERS: [&str; 6] = [
        "orchestrator",
        "worker",
        "tool",
        "courier",
        "es-holder",
        "es-holder-2",
    ];
    let template = std::fs::read(suites().join("conformance/templates/renewal.json")).unwrap();
    let template: Value = serde_json::from_slice(&template).unwrap();
    let policy = SignedPolicy::make(&PolicySpec {
        project: "acme".to_owned(),
        keys: template["keys"].as_array().cloned().unwrap_or_default(),
        bundle: None,
    })
    .unwrap();
    let digest = policy.bundle_s256();
    let bundle = Bundle::verify(policy.bundle()).unwrap();
    let request = |id: usize, proof: usize| {
        let mut claims = template["token"].clone();
        claims["jti"] = json!(format!("token-{id}"));
        claims["txn"] = json!("x".repeat(1 + id * 37 % 3000));
        let root = BlockSpec {
            holder: Some(HOLDERS[id % HOLDERS.len()].to_owned()),
            ..BlockSpec::default()
        };
        let chain = Chain::build(&claims, &root, &[], &[("bundle_s256", &digest)]).unwrap();
        let mut request = template["request"].clone();
        request["token"] = json!(chain.text(None));
        request["facts"]["method"] = json!("POST");
        request["facts"]["url"] = json!("https://mail.acme.example/messages");
        let asked = Asked {
            root: &chain.root(),
            chain: &chain.text(None),
            holder: chain.holder(),
            request: &request,
            call_args: None,
        };
        let spec = BlockSpec {
            claims: Some(json!({"jti": format!("proof-{proof}")})),
            signer: (proof.is_multiple_of(5)).then(|| HOLDERS[proof % HOLDERS.len()].to_owned()),
            ..BlockSpec::default()
        };
        request["proof"] = json!(asked.proof(&spec).unwrap());
        request.to_string()
    };
    let mut warm = ChainCache::new();
    let (mut allowed, mut refused) = (0, 0);
    for round in 0..400 {
        // Tokens of now, and some of before.
        let id = (round / 4_usize).saturating_sub(round * 7 % 30);
        let request = request(id, round);
        let cold = evaluate(&bundle, request.as_bytes(), &mut ChainCache::new());
        assert_eq!(
            cold,
            evaluate(&bundle, request.as_bytes(), &mut warm),
            "{round}"
        );
        *(if code(&cold) == "allowed" {
            &mut allowed
        } else {
            &mut refused
        }) += 1;
    }
    assert!(allowed > 200 && refused > 30, "{allowed} {refused}");
    let kept = format!("{warm:?}");
    assert!(kept.contains("keys: KeyTables { tables: 7 }"), "{kept}");
}

#[test]
fn the_order_of_members_changes_no_decision() {
    let world = World::new();
    let requests = world.sample_requests();
    run((any::<Index>(), any::<u64>()), |(which, seed)| {
        // Written anew first: what a JSON value cannot hold (a member twice) is not the point here.
        let request: &Vec<u8> = which.get(&requests);
        let Ok(value) = serde_json::from_slice::<Value>(request) else {
            return Ok(());
        };
        let mut state = seed;
        let shuffled = shuffle(&value, &mut state).to_string();
        let before = world.evaluate(value.to_string().as_bytes());
        let after = world.evaluate(shuffled.as_bytes());
        prop_assert_eq!(code(&before), code(&after));
        prop_assert_eq!(part(&before, "obligations"), part(&after, "obligations"));
        Ok(())
    });
}

fn run<S: Strategy>(inputs: S, mut test: impl FnMut(S::Value) -> Result<(), TestCaseError>) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    // The closure counts and caches; nothing of that decides a case.
    let test = std::cell::RefCell::new(&mut test);
    let result = runner.run(&inputs, |input| (test.borrow_mut())(input));
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A policy, and requests to it.
struct World {
    policy: SignedPolicy,
    cases: Vec<Case>,
}

impl World {
    fn new() -> Self {
        let cases = read_all(&suites().join("conformance")).unwrap_or_else(|why| panic!("{why}"));
        let first = cases
            .first()
            .unwrap_or_else(|| panic!("there are no cases"));
        let policy = SignedPolicy::make(&first.policy).unwrap_or_else(|why| panic!("{why}"));
        let spec = first.policy.clone();
        let cases = cases
            .into_iter()
            .filter(|case| case.policy == spec)
            .collect();
        Self { policy, cases }
    }

    fn bundle(&self) -> Bundle<'_> {
        Bundle::verify(self.policy.bundle()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn evaluate(&self, request: &[u8]) -> String {
        evaluate(&self.bundle(), request, &mut ChainCache::new())
    }

    fn allows(&self, request: &[u8]) -> bool {
        code(&self.evaluate(request)) == "allowed"
    }

    /// An answer of the one form there is, whatever was asked.
    fn answers(&self, request: &[u8]) -> Result<(), TestCaseError> {
        let answer = self.evaluate(request);
        let parsed = serde_json::from_str(&answer)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        check_form(&parsed, request).map_err(TestCaseError::fail)
    }

    /// The requests of all conformance cases of this policy.
    fn sample_requests(&self) -> Vec<Vec<u8>> {
        let digest = self.policy.bundle_s256();
        let requests = self
            .cases
            .iter()
            .filter_map(|case| case.request(&digest).ok());
        requests.filter(|request| request.len() < 16_384).collect()
    }

    fn request(&self, root: &Value, derived: &[Value], parts: &Value) -> Vec<u8> {
        let claims = json!({
            "iss": "https://broker.acme.example", "sub": "user:8f1c2d", "aud": ["https://mail.acme.example"],
            "iat": 1_772_000_000, "exp": 1_772_003_600, "jti": "root",
            "act": {"sub": "spiffe://acme.example/agent/renewal-bot/i-7f3a"},
            "agent": {"uid": "renewal-bot", "ai_model": {"name": "example-large"}, "env": "prod"},
            "authorization_details": root, "del_depth": 0, "del_max_depth": 2,
        });
        let block = |entries: &Value| BlockSpec {
            claims: Some(json!({"authorization_details": entries})),
            ..BlockSpec::default()
        };
        let derived: Vec<BlockSpec> = derived.iter().map(block).collect();
        let chain = Chain::build(&claims, &BlockSpec::default(), &derived, &[]);
        let mut request = parts.clone();
        request["token"] = chain
            .unwrap_or_else(|why| panic!("{why}"))
            .text(None)
            .into();
        request.to_string().into_bytes()
    }
}

fn with_now(parts: &Value, now: i64) -> Value {
    let mut parts = parts.clone();
    parts["facts"]["now"] = now.into();
    parts
}

fn code(answer: &str) -> String {
    let reason = part(answer, "reason");
    reason["code"].as_str().unwrap_or_default().to_owned()
}

fn part(answer: &str, name: &str) -> Value {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    answer["context"][name].clone()
}

fn request_parts() -> impl Strategy<Value = Value> {
    let power = select(&["draft", "propose", "execute"][..]);
    let email = (select(TO), select(REGION), any::<bool>()).prop_map(|(to, region, subject)| {
        let mut args = json!({"to": to, "region": region});
        if subject {
            args["subject"] = "Hello".into();
        }
        ("email", "customer-contact", args)
    });
    let refund = (select(AMOUNTS), select(CURRENCIES)).prop_map(|(amount, currency)| {
        (
            "refund",
            "contract",
            json!({"amount": amount, "currency": currency}),
        )
    });
    let ask = prop_oneof![2 => email, 1 => refund];
    (ask, power, select(IDS)).prop_map(|((action, kind, args), power, id)| {
        json!({
            "evaluation": {
                "action": {"name": action, "properties": {"power": power, "args": args}},
                "resource": {"type": kind, "id": id},
                "context": {"purpose": "contract-renewal"},
            },
            "token": "",
            "facts": {
                "now": 1_772_000_400, "audience": "https://mail.acme.example", "location": "https://mail.acme.example",
            },
        })
    })
}

const TO: &[&str] = &[
    "ann@customer.example",
    "bob@customer.example",
    "eve@evil.example",
];
const REGION: &[&str] = &["eu", "us"];
const AMOUNTS: &[i64] = &[1, 50, 199, 500, 1000];
const CURRENCIES: &[&str] = &["EUR", "CHF"];
const IDS: &[&str] = &["c-7", "c-8"];

/// Entries that a root may have: mostly wide, so that something is allowed and can be lost.
fn root_entries() -> impl Strategy<Value = Value> {
    let entry = (powers(), constraints(), any::<bool>()).prop_map(|(powers, mut constraints, open)| {
        if open {
            constraints.insert("*".to_owned(), json!({"constraint_type": "wildcard"}));
        }
        json!({
            "type": "ambit_capability", "actions": ["email", "refund"], "privileges": powers,
            "datatypes": ["customer-contact", "contract"], "purpose": "contract-renewal", "constraints": constraints,
        })
    });
    proptest::collection::vec(entry, 1..4).prop_map(Value::from)
}

/// Entries of a further block: narrower, wider or malformed, and anything left out.
fn derived_entries() -> impl Strategy<Value = Value> {
    let member = |value: BoxedStrategy<Value>| proptest::option::of(value);
    let entry = (
        member(powers().prop_map(Value::from).boxed()),
        member(constraints().prop_map(Value::Object).boxed()),
        member(
            subsequence(vec!["email", "refund", "cancel"], 0..=3)
                .prop_map(|actions| json!(actions))
                .boxed(),
        ),
        member(select(IDS).prop_map(Value::from).boxed()),
        member(
            select(&["contract-renewal", "newsletter"][..])
                .prop_map(Value::from)
                .boxed(),
        ),
        proptest::option::weighted(0.05, Just(json!(true))),
    );
    let entry = entry.prop_map(
        |(powers, constraints, actions, identifier, purpose, unknown)| {
            let mut entry = Map::new();
            entry.insert("type".to_owned(), "ambit_capability".into());
            let members = [
                ("privileges", powers),
                ("constraints", constraints),
                ("actions", actions),
                ("identifier", identifier),
                ("purpose", purpose),
                ("unknown", unknown),
            ];
            for (name, value) in members {
                entry.extend(value.map(|value| (name.to_owned(), value)));
            }
            Value::Object(entry)
        },
    );
    proptest::collection::vec(entry, 1..3).prop_map(Value::from)
}

fn powers() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(vec!["draft", "propose", "execute"], 1..=3)
}

fn constraints() -> impl Strategy<Value = Map<String, Value>> {
    let to = prop_oneof![
        Just(json!({"constraint_type": "email_domain", "values": ["customer.example"]})),
        select(TO).prop_map(|to| json!({"constraint_type": "exact", "value": to})),
        Just(json!({"constraint_type": "like", "pattern": "*"})),
        Just(json!({"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}})),
    ];
    let region = subsequence(REGION.to_vec(), 0..=2)
        .prop_map(|values| json!({"constraint_type": "any", "constraints": [{"constraint_type": "one_of", "values": values}]}));
    let amount = (0_i64..30_000, 0_i64..80_000)
        .prop_map(|(min, max)| json!({"constraint_type": "optional", "constraint": {"constraint_type": "range", "min": min, "max": max}}));
    let optional = |strategy: BoxedStrategy<Value>| proptest::option::weighted(0.4, strategy);
    (
        optional(to.boxed()),
        optional(region.boxed()),
        optional(amount.boxed()),
    )
        .prop_map(|(to, region, amount)| {
            let members = [("to", to), ("region", region), ("amount", amount)];
            members
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect()
        })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        select(
            &[
                "evaluation",
                "token",
                "facts",
                "execute",
                "*",
                "ambit_capability"
            ][..]
        )
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        let name = select(
            &[
                "evaluation",
                "action",
                "properties",
                "args",
                "token",
                "facts",
                "now",
                "to",
                "x",
            ][..],
        );
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..5).prop_map(|members| {
                Value::Object(
                    members
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

/// Changes bytes: one, a piece left out, a piece doubled, a byte put in.
fn mutate(bytes: &mut Vec<u8>, (at, other, length): (&Index, &Index, &Index), byte: u8, how: u8) {
    if bytes.is_empty() {
        return;
    }
    let at = at.index(bytes.len());
    let end = (at + length.index(40)).min(bytes.len());
    match how {
        0 => bytes[at] = byte,
        1 => drop(bytes.drain(at..end)),
        2 => {
            let piece = bytes[at..end].to_vec();
            let place = other.index(bytes.len());
            bytes.splice(place..place, piece);
        }
        _ => bytes.insert(at, byte),
    }
}

/// The place of every value in a document, as JSON pointers.
fn pointers(value: &Value, here: &str, out: &mut Vec<String>) {
    out.push(here.to_owned());
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                pointers(member, &format!("{here}/{}", escaped(name)), out);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                pointers(item, &format!("{here}/{at}"), out);
            }
        }
        _ => {}
    }
}

/// Every object with its members in another order.
fn shuffle(value: &Value, state: &mut u64) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members
                .iter()
                .map(|(name, value)| (name.clone(), shuffle(value, state)))
                .collect();
            for at in (1..members.len()).rev() {
                // Knuth's MMIX generator: any order will do, the same for the same seed.
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let other = usize::try_from(*state >> 33).unwrap_or_default() % (at + 1);
                members.swap(at, other);
            }
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| shuffle(item, state)).collect())
        }
        _ => value.clone(),
    }
}
