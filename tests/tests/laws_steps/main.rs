//! The law that steps bound everything: whatever is asked, the steps of a decision pay for its work and
//! memory, so they end before any engine does, and the answer is the same bytes everywhere.
//!
//! `AMBIT_SEED` searches elsewhere, `AMBIT_SECONDS` longer. Each test prints the worst that it found.

mod bench;
mod hostile;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ambit_core::limits::{
    BYTE_WORK, CALL_BYTES, CALL_WORK, REQUEST_BYTES, SIGNATURE_WORK, STEP_WORK,
};
use ambit_host::RuntimeOptions;
use serde_json::{Value, json};

use bench::{Bench, STACK, Used};
use hostile::{Ask, Random, arguments, condition, entities, kinds, policy, texts};

/// Instructions of the smallest call: its few steps do not pay for the parts of every decision.
const LEAST: u64 = 3_000_000;

/// The worst that was seen, and where.
#[derive(Default)]
struct Worst {
    /// Instructions a step, those for bytes and signatures aside.
    step: (u64, String),
    byte: (u64, String),
    memory: (usize, String),
    stack: (usize, String),
    fuel: (u64, String),
    /// Calls that took more than is promised.
    broken: Vec<String>,
}

fn keep<T: PartialOrd>(known: &mut (T, String), value: T, name: &str) {
    if value > known.0 {
        *known = (value, name.to_owned());
    }
}

impl Worst {
    /// Asks, and holds what it took against what is promised.
    fn see(&mut self, bench: &Bench, name: &str, ask: &Ask) -> (String, Used) {
        let request = ask.bytes();
        let (answer, used) = bench.evaluate(&request);
        let bytes = u64::try_from(request.len().min(REQUEST_BYTES)).unwrap();
        let once = LEAST + SIGNATURE_WORK * ask.signatures() + BYTE_WORK * bytes;
        let name = format!(
            "{name}, {} bytes, {} steps: {}",
            request.len(),
            used.steps,
            code(&answer)
        );
        keep(
            &mut self.step,
            used.fuel.saturating_sub(once) / used.steps.max(1),
            &name,
        );
        if used.steps < 20_000 && bytes > 50_000 {
            keep(&mut self.byte, used.fuel / bytes, &name);
        }
        keep(&mut self.memory, used.memory, &name);
        keep(&mut self.stack, used.stack, &name);
        keep(&mut self.fuel, used.fuel, &name);
        let kept = used.fuel <= once + STEP_WORK * used.steps
            && used.fuel <= CALL_WORK
            && used.memory <= CALL_BYTES
            && used.stack <= STACK / 4;
        if !kept {
            self.broken.push(format!("{name}: {used:?}"));
        }
        if std::env::var_os("AMBIT_TELL").is_some() {
            println!("{name}: {used:?}");
        }
        (answer, used)
    }

    fn tell(&self) {
        println!(
            "worst step {} ({})\nworst byte {} ({})\nworst memory {} ({})\nworst stack {} ({})\nworst fuel {} ({})",
            self.step.0,
            self.step.1,
            self.byte.0,
            self.byte.1,
            self.memory.0,
            self.memory.1,
            self.stack.0,
            self.stack.1,
            self.fuel.0,
            self.fuel.1,
        );
        assert!(self.broken.is_empty(), "{}", self.broken.join("\n"));
    }
}

/// One for all tests: making it takes longer than asking it.
fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| Bench::new(policy()))
}

fn code(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer["context"]["reason"]["code"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

/// Hosts give four times the memory that a call may take, and time for advice at a tenth of the speed
/// that a slow machine has: 1,000 million instructions a second.
#[test]
fn hosts_give_much_more_than_the_most() {
    let options = RuntimeOptions::default();
    assert!(options.time.as_secs() * 100_000_000 >= 2 * CALL_WORK);
    assert!(options.memory_bytes >= 4 * CALL_BYTES);
}

/// A search over conditions, arguments and entities for the dearest step.
#[test]
fn policies_are_paid_for() {
    let bench = bench();
    let mut random = Random(number("AMBIT_SEED", 1));
    let end = Instant::now() + Duration::from_secs(number("AMBIT_SECONDS", 25));
    let mut worst = Worst::default();
    let mut rounds = 0;
    while Instant::now() < end {
        for kind in 0..kinds() {
            if Instant::now() > end {
                break;
            }
            let bytes = [2_000, 20_000, 120_000, 240_000][random.below(4)];
            let chosen = condition(kind);
            let mut args = json!({});
            let mut known = json!([]);
            // Something large of what the condition looks at.
            for _ in 0..200 {
                if chosen.contains("resource") {
                    known = entities(&mut random, bytes);
                    let has = |name: &str| known.to_string().contains(&format!("\"{name}\""));
                    let members = [
                        "names", "groups", "times", "fee", "sets", "record", "next", "tags",
                    ];
                    let fits =
                        |name: &&str| chosen.contains(&format!("resource.{name}")) && has(name);
                    if members.iter().any(fits) || rounds % 2 == 1 {
                        break;
                    }
                } else {
                    args = arguments(&mut random, bytes);
                    let members = args.as_object().unwrap();
                    if members
                        .keys()
                        .any(|name| chosen.contains(&format!("c.{name}")))
                        || chosen.contains("kind")
                    {
                        break;
                    }
                }
            }
            for (number, often) in [(kind * 2, "once"), (kind * 2 + 1, "often")] {
                let ask = Ask::of(number, args.clone(), &known);
                worst.see(bench, &format!("{chosen:.60} {often}"), &ask);
            }
        }
        rounds += 1;
    }
    println!("{rounds} rounds");
    worst.tell();
    assert!(worst.step.0 > 8, "the search finds nothing dear");
}

/// Constraints as a token can state them, over lists as a request can bring them.
#[test]
fn capabilities_are_paid_for() {
    let bench = bench();
    let mut worst = Worst::default();
    let one_of = |count: usize, prefix: usize| json!({"constraint_type": "one_of", "values": texts(count * (prefix + 8), prefix, 2)});
    let each = |inner: Value| json!({"constraint_type": "each", "constraint": inner});
    let any: Vec<Value> = (0..60)
        .map(|n| json!({"constraint_type": "exact", "value": format!("x{n}")}))
        .collect();
    let mut deep = json!({"constraint_type": "wildcard"});
    for n in 0..12 {
        deep = json!({"constraint_type": if n % 2 == 0 { "any" } else { "all" }, "constraints": [deep]});
    }
    let hosts: Vec<String> = (0..100).map(|n| format!("h{n}.example")).collect();
    let ranges: Vec<String> = (0..100).map(|n| format!("10.{n}.0.0/16")).collect();
    let constraints = [
        each(one_of(900, 0)),
        each(one_of(100, 60)),
        each(json!({"constraint_type": "any", "constraints": any})),
        json!({"constraint_type": "any", "constraints": any}),
        each(deep),
        each(json!({"constraint_type": "like", "pattern": "*a*a*a*a*b"})),
        each(json!({"constraint_type": "email_domain", "values": hosts})),
        each(json!({"constraint_type": "url", "schemes": ["https"], "hosts": hosts})),
        each(json!({"constraint_type": "cidr", "values": ranges})),
        each(json!({"constraint_type": "subpath", "root": "/a"})),
        each(json!({"constraint_type": "not_one_of", "excluded": texts(8_000, 8, 2)})),
        json!({"constraint_type": "subset", "values": texts(10_000, 8, 2)}),
        json!({"constraint_type": "contains", "values": texts(10_000, 8, 2)}),
        json!({"constraint_type": "count", "max": 5}),
    ];
    let url = |n: usize| format!("https://h{}.example/{n}", n % 300);
    let lists = [
        json!(texts(230_000, 8, 1)),
        json!(texts(230_000, 60, 1)),
        json!(vec![""; 60_000]),
        json!((0..7_000).map(url).collect::<Vec<_>>()),
        json!(
            (0..9_000)
                .map(|n| format!("a{n}@h{n}.example"))
                .collect::<Vec<_>>()
        ),
        json!(
            (0..13_000)
                .map(|n| format!("10.99.{}.{}", n / 250, n % 250))
                .collect::<Vec<_>>()
        ),
        json!((0..20_000).map(|n| format!("/a/{n}")).collect::<Vec<_>>()),
    ];
    for constraint in &constraints {
        for list in &lists {
            let ask = Ask::of(999, json!({"items": list}), &json!([]));
            let ask = ask.entry(&json!({"constraints": {"items": constraint}}));
            let name = constraint.to_string();
            worst.see(bench, &format!("{name:.70}"), &ask);
        }
    }
    for ask in tokens() {
        worst.see(bench, &ask.0, &ask.1);
    }
    worst.tell();
}

/// What else a token, receipts and statements can hold much of.
fn tokens() -> Vec<(String, Ask)> {
    let plain = || Ask::of(999, json!({"items": texts(200_000, 8, 1)}), &json!([]));
    let people: Vec<String> = (0..900).map(|n| format!("user:l{n}")).collect();
    let asks = |count: usize| json!({"requires": {"approval": {"approvers": &people[..count], "count": 4}}});
    let derived = |patch: &Value| {
        let mut entry = json!({"type": "ambit_capability"});
        ambit_tests::data::merge(&mut entry, patch);
        json!({"authorization_details": [entry]})
    };
    let acr: Vec<String> = (0..500).map(|n| format!("urn:acr:{n}")).collect();
    let mut found = vec![
        ("900 approvers".to_owned(), plain().entry(&asks(900))),
        (
            "500 logins".to_owned(),
            plain().entry(&json!({"requires": {"acr": acr}})),
        ),
    ];
    let mut chain = plain();
    chain.derived = vec![
        derived(&asks(16)),
        derived(&asks(150)),
        derived(&json!({})),
        derived(&asks(16)),
    ];
    found.push(("four derived blocks".to_owned(), chain));
    let mut many = plain();
    let entry = many.token["authorization_details"][0].clone();
    let narrow = json!({"constraint_type": "each", "constraint": {"constraint_type": "one_of", "values": ["q"]}});
    let entries: Vec<Value> = (0..40)
        .map(|n| {
            let mut entry = entry.clone();
            entry["constraints"]["items"] = narrow.clone();
            entry["constraints"]["text"] =
                json!({"constraint_type": "exact", "value": format!("{n}")});
            entry
        })
        .collect();
    many.token["authorization_details"] = json!(entries);
    found.push(("40 entries".to_owned(), many));
    let mut given = Ask::of(999, json!({"text": "x"}), &json!([]));
    given.receipts = 16;
    found.push(("16 receipts".to_owned(), given.entry(&asks(100))));
    found.extend(lists());
    found
}

/// Lists of revocation epochs, and what is compared with them.
fn lists() -> Vec<(String, Ask)> {
    let mut found = Vec::new();
    let selector = |n: usize| json!({"selector": {"act.sub": format!("s{n}"), "agent.uid": "renewal-bot"}, "before": 1});
    let mut revoked = Ask::of(999, json!({"text": "x"}), &json!([]));
    revoked.epochs = vec![json!((0..1_500).map(selector).collect::<Vec<_>>())];
    found.push(("1,500 entries of epochs".to_owned(), revoked));
    let mut lists = Ask::of(999, json!({"text": "x"}), &json!([]));
    lists.epochs = (0..8)
        .map(|_| json!((0..150).map(selector).collect::<Vec<_>>()))
        .collect();
    found.push(("8 lists of epochs".to_owned(), lists));
    let thumbprint = |n: usize| json!({"selector": {"jkt": format!("{n:043}")}, "all": true});
    let mut enrolled = Ask::of(999, json!({"text": "x"}), &json!([]));
    enrolled.enrolments = 4;
    enrolled.receipts = 1;
    enrolled.epochs = (0..8)
        .map(|_| json!((0..200).map(thumbprint).collect::<Vec<_>>()))
        .collect();
    found.push((
        "4 enrolments and 1,600 keys that are ended".to_owned(),
        enrolled,
    ));
    found
}

/// Depth: of JSON, which is read, sorted and written by recursion.
#[test]
fn depth_is_bounded_by_the_stack_four_times() {
    let bench = bench();
    let mut worst = Worst::default();
    let mut deep = json!(1);
    for n in 0..26 {
        deep = if n % 2 == 0 {
            json!([deep])
        } else {
            json!({"a": deep, "b": 1})
        };
    }
    for data in [deep.clone(), json!(vec![deep; 900])] {
        worst.see(
            bench,
            "deep",
            &Ask::of(999, json!({"data": data}), &json!([])),
        );
    }
    worst.tell();
}

/// What advice is asked for: each constraint that the call breaks, a text that is too long, lists.
#[test]
fn advice_does_at_most_twice_the_work_of_a_decision() {
    let bench = bench();
    let items = || json!({"items": texts(200_000, 8, 1)});
    let few =
        |count: usize| json!({"constraint_type": "one_of", "values": texts(count * 16, 8, 2)});
    let bound = |constraint: &Value| {
        let ask = Ask::of(999, items(), &json!([]));
        ask.entry(&json!({"constraints": {"items": constraint}}))
    };
    let mut asks: Vec<(String, Ask)> = [
        json!({"constraint_type": "count", "max": 5}),
        json!({"constraint_type": "each", "constraint": few(500)}),
        json!({"constraint_type": "subset", "values": texts(10_000, 8, 2)}),
        json!({"constraint_type": "contains", "values": texts(10_000, 16, 2)}),
    ]
    .iter()
    .map(|constraint| (format!("{constraint:.60}"), bound(constraint)))
    .collect();
    asks.extend(tokens());
    let approval = json!({"requires": {"approval": {"approvers": ["user:lead"], "count": 1}}});
    for data in [texts(50_000, 8, 1), texts(200_000, 8, 1)] {
        let ask = Ask::of(999, json!({"items": data}), &json!([]));
        asks.push(("a long text".to_owned(), ask.entry(&approval)));
    }
    for kind in [5, 15, 31] {
        let ask = Ask::of(kind, items(), &json!([]));
        asks.push((format!("rail {kind}"), ask.entry(&approval)));
    }
    for (name, ask) in asks {
        let (_, used) = bench.advise(&ask.bytes());
        println!("{name}: {used:?}");
        assert!(used.fuel <= 2 * CALL_WORK, "{name}: {used:?}");
        assert!(used.memory <= 2 * CALL_BYTES, "{name}: {used:?}");
        assert!(used.stack <= STACK / 4, "{name}: {used:?}");
    }
}

/// The one call that reads all of the bundle: a host asks it once a module.
#[test]
fn info_grows_with_the_bundle_alone() {
    let bench = bench();
    let used = bench.info();
    let bytes = u64::try_from(bench.policy.bundle().len()).unwrap();
    println!("{bytes} bytes of bundle: {used:?}");
    assert!(used.fuel <= LEAST + BYTE_WORK * bytes, "{used:?}");
    assert!(used.memory <= CALL_BYTES, "{used:?}");
    assert!(used.stack <= STACK / 4, "{used:?}");
}

/// Who is refused costs at most twice what the cousin who is allowed does.
#[test]
fn a_denial_costs_at_most_twice_an_allow() {
    let bench = bench();
    let items = json!({"items": texts(60_000, 8, 1)});
    let ask = || Ask::of(0, items.clone(), &json!([]));
    let (answer, allowed) = bench.evaluate(&ask().bytes());
    assert_eq!(code(&answer), "allowed");
    let with = |patch: Value| {
        let mut ask = ask();
        ambit_tests::data::merge(&mut ask.request, &patch);
        ask
    };
    let approvers: Vec<String> = (0..16).map(|n| format!("user:l{n}")).collect();
    let denials = [
        with(json!({"evaluation": {"context": {"purpose": "other"}}})),
        with(json!({"evaluation": {"action": {"name": "none"}}})),
        with(json!({"facts": {"audience": "https://other.example"}})),
        with(json!({"facts": {"now": 1_872_000_000}})),
        ask().entry(&json!({"constraints": {"items": {"constraint_type": "count", "max": 5}}})),
        ask().entry(
            &json!({"constraints": {"items": {"constraint_type": "contains", "values": ["none"]}}}),
        ),
        ask().entry(&json!({"requires": {"approval": {"approvers": approvers, "count": 4}}})),
        ask().entry(&json!({"requires": {"acr": ["none"]}})),
    ];
    for denied in denials {
        let (answer, used) = bench.evaluate(&denied.bytes());
        let code = code(&answer);
        assert_ne!(code, "allowed");
        println!("{code}: {used:?}; allowed: {allowed:?}");
        assert!(
            used.fuel <= 2 * allowed.fuel + LEAST,
            "{code}: {used:?}, allowed: {allowed:?}"
        );
    }
}

/// Consent texts are bounded by their own limits and those of a request.
#[test]
fn texts_for_people_are_bounded() {
    let bench = bench();
    let entry = |constraint: Value| json!({"type": "ambit_capability", "actions": ["bulk"], "privileges": ["execute"], "datatypes": ["thing"], "purpose": "bulk", "constraints": {"items": constraint, "*": {"constraint_type": "wildcard"}}});
    let values = |n: usize| json!({"constraint_type": "one_of", "values": (0..60).map(|m| format!("v{n}-{m}")).collect::<Vec<_>>()});
    let wide: Vec<Value> = (0..60).map(|_| json!({"constraint_type": "any", "constraints": (0..60).map(|n| json!({"constraint_type": "exact", "value": format!("a{n}")})).collect::<Vec<_>>()})).collect();
    let wide = json!({"constraint_type": "all", "constraints": wide});
    let distinct: Vec<Value> = (0..64).map(|n| entry(values(n))).collect();
    let other: Vec<Value> = (1..65).map(|n| entry(values(n))).collect();
    let requests = [
        json!({"authorization_details": distinct, "granted": other}),
        json!({"authorization_details": distinct, "granted": distinct}),
        json!({"authorization_details": [entry(wide.clone())], "granted": [entry(wide)]}),
    ];
    for request in requests {
        let request = request.to_string();
        let (_, used) = bench.describe(request.as_bytes());
        println!("{} bytes: {used:?}", request.len());
        assert!(used.fuel <= CALL_WORK, "{used:?}");
        assert!(used.memory <= CALL_BYTES, "{used:?}");
        assert!(used.stack <= STACK / 4, "{used:?}");
    }
}
