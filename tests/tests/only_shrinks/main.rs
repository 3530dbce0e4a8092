//! The law of delegation: no further block, with receipts from anybody, turns a denial into an allow.
//!
//! Every member of a further block and of its entries is drawn, sound and broken, and the receipts are
//! those of the subject, of people whom manifest, root or block name, of strangers, of who acts, and of
//! a key that holds the token.

mod choices;
mod every_member;

use ambit_evaluator::{ChainCache, evaluate};
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::project::{NOW, SignedPolicy};
use ambit_tests::statement::Asked;
use serde_json::{Map, Value, json};

/// Chains of each policy, each of a root and two further blocks.
const CHAINS: usize = 700;
const SUBJECT: &str = "user:8f1c2d";
const ACTOR: &str = "https://sub.example/a";
/// Above 120.00 the guard rails want to see somebody's yes.
const AMOUNTS: [i64; 2] = [100, 150];
const MAIL: &str = "https://mail.acme.example";

#[test]
fn no_further_block_turns_a_denial_into_an_allow() {
    let named = json!({"approvers": ["user:lead-1"], "count": 1});
    for manifest in [
        json!({}),
        json!({"consent": named}),
        json!({"consent": "each", "requires": {"approval": named}}),
    ] {
        let world = World::new(&manifest);
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let (mut allowed, mut narrowed, mut delegated) = (0, 0, 0);
        for _ in 0..CHAINS {
            let root = root_entry(&mut dice);
            let blocks = [block(&mut dice), block(&mut dice)];
            let which = usize::from(dice.below(2) == 0);
            let receipts = world.receipts(which, &mut dice);
            let power = *dice.pick(&[
                "execute", "execute", "execute", "execute", "draft", "propose",
            ]);
            let ask = request(power, AMOUNTS[which]);
            let decide = |count: usize| {
                world.answer(&root, &blocks[..count], &receipts, &ask)["decision"] == true
            };
            let decisions = [decide(0), decide(1), decide(2)];
            assert!(
                decisions.is_sorted_by(|before, after| before >= after),
                "{decisions:?} for {power}: manifest {manifest}, root {root}, blocks {:?}, receipts {receipts:?}",
                blocks.each_ref().map(|block| &block.claims)
            );
            allowed += usize::from(decisions[0]);
            narrowed += usize::from(decisions[0] && !decisions[2]);
            delegated += usize::from(decisions[2]);
        }
        println!("{manifest}: {allowed} roots allowed, {narrowed} narrowed, {delegated} delegated");
        assert!(
            allowed > 40 && narrowed > 20 && delegated > 5,
            "the cases are too poor to show anything: {allowed}, {narrowed}, {delegated}"
        );
    }
}

struct World {
    policy: SignedPolicy,
    /// SHA-256 of the text of the call for each of [`AMOUNTS`].
    shown: Vec<String>,
}

impl World {
    fn new(manifest: &Value) -> Self {
        let key = |key: &str, kid: &str, iss: &str, signs: &str| json!({"key": key, "kid": kid, "iss": iss, "alg": "Ed25519", "signs": signs});
        let approve = "https://approve.acme.example";
        let mut entry = json!({
            "actions": ["refund"], "privileges": ["draft", "propose", "execute"], "datatypes": ["account"],
            "purpose": "contract-renewal", "constraints": {"*": {"constraint_type": "wildcard"}},
        });
        for (name, value) in manifest.as_object().into_iter().flatten() {
            entry[name] = value.clone();
        }
        let spec = PolicySpec {
            project: "watched".to_owned(),
            keys: vec![
                key(
                    "broker-1",
                    "broker-1",
                    "https://broker.acme.example",
                    "cap+jwt",
                ),
                key(
                    "approver-service",
                    "approve-1",
                    approve,
                    "approval-receipt+jwt",
                ),
                key("worker", "approve-2", approve, "approval-receipt+jwt"),
            ],
            bundle: Some(
                json!({"manifests": {"renewal-bot": {"max_life_seconds": 86_400, "capabilities": [entry]}}}),
            ),
        };
        let policy = SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"));
        let mut world = Self {
            policy,
            shown: Vec::new(),
        };
        let wide = json!({"type": "ambit_capability", "actions": ["refund"], "privileges": ["propose"], "datatypes": ["account"], "purpose": "contract-renewal", "constraints": {"*": {"constraint_type": "wildcard"}}});
        for amount in AMOUNTS {
            let answer = world.answer(&wide, &[], &[], &request("propose", amount));
            let shown = answer.pointer("/context/obligations/0/ext/display/text_s256");
            let shown = shown.and_then(Value::as_str);
            world
                .shown
                .push(shown.unwrap_or_else(|| panic!("{answer}")).to_owned());
        }
        world
    }

    fn answer(
        &self,
        root: &Value,
        blocks: &[BlockSpec],
        receipts: &[String],
        ask: &Value,
    ) -> Value {
        self.decide(&bytes(root, blocks, receipts, ask))
    }

    fn decide(&self, request: &[u8]) -> Value {
        let bundle = Bundle::verify(self.policy.bundle()).unwrap_or_else(|error| panic!("{error}"));
        let answer = evaluate(&bundle, request, &mut ChainCache::new());
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// The yes of some of these people, each at most once.
    fn receipts(&self, which: usize, dice: &mut Dice) -> Vec<String> {
        let people = [SUBJECT, "user:lead-1", "user:lead-2", "user:mallory", ACTOR];
        let mut specs: Vec<(&str, &str)> = people.map(|person| (person, "approve-1")).to_vec();
        specs.push((SUBJECT, "approve-2"));
        // The subject's own yes is the most useful, that of an actor or holder denies at once.
        let odds = [45, 50, 25, 60, 3, 4];
        let mut at = 0..;
        specs.retain(|_| dice.below(100) < at.next().map_or(0, |at: usize| odds[at]));
        self.signed(which, &specs)
    }

    /// The yes of these people.
    fn of(&self, which: usize, people: &[&str]) -> Vec<String> {
        let specs: Vec<_> = people.iter().map(|person| (*person, "approve-1")).collect();
        self.signed(which, &specs)
    }

    fn signed(&self, which: usize, specs: &[(&str, &str)]) -> Vec<String> {
        let amount = AMOUNTS[which];
        let (request, root) = (request("execute", amount), claims(&json!({})));
        let args = json!({"amount": amount * 100, "currency": "EUR"});
        let asked = Asked {
            root: &root,
            chain: "",
            holder: "orchestrator",
            request: &request,
            call_args: Some(&args),
        };
        let receipt = |(at, (person, kid)): (usize, &(&str, &str))| {
            let spec = BlockSpec {
                claims: Some(
                    json!({"sub": person, "jti": format!("receipt-{at}"), "risk_tier": "high"}),
                ),
                header: Some(json!({"kid": kid})),
                signer: (*kid == "approve-2").then(|| "worker".to_owned()),
                ..BlockSpec::default()
            };
            let receipt = asked.receipt(&spec, &self.shown[which]);
            receipt.unwrap_or_else(|why| panic!("{why}"))
        };
        specs.iter().enumerate().map(receipt).collect()
    }
}

/// The request with a token of these blocks.
fn bytes(root: &Value, blocks: &[BlockSpec], receipts: &[String], ask: &Value) -> Vec<u8> {
    let chain = Chain::build(&claims(root), &BlockSpec::default(), blocks, &[]);
    let chain = chain.unwrap_or_else(|why| panic!("{why}"));
    let mut request = ask.clone();
    request["token"] = chain.text(None).into();
    request["approvals"] = json!(receipts);
    request.to_string().into_bytes()
}

fn claims(entry: &Value) -> Value {
    json!({
        "iss": "https://broker.acme.example", "sub": SUBJECT, "aud": [MAIL],
        "iat": NOW - 400, "exp": NOW + 3000, "jti": "root",
        "act": {"sub": "spiffe://acme.example/agent/renewal-bot/i-7f3a", "iss": "https://idp.acme.example"},
        "agent": {"uid": "renewal-bot"}, "acr": "urn:acme:loa:2", "auth_time": NOW - 600,
        "authorization_details": [entry], "del_depth": 0, "del_max_depth": 2,
    })
}

fn request(power: &str, amount: i64) -> Value {
    json!({
        "evaluation": {
            "action": {"name": "refund", "properties": {"power": power, "args": {"amount": amount, "currency": "EUR"}}},
            "resource": {"type": "account", "id": "a-1"},
            "context": {"purpose": "contract-renewal"},
        },
        "entities": [{"uid": {"type": "Account", "id": "a-1"}, "attrs": {"owner": "ann"}, "parents": []}],
        "facts": {"now": NOW, "audience": MAIL, "location": MAIL, "utc_offsets": {"UTC": 0, "Europe/Berlin": 60}},
    })
}

fn root_entry(dice: &mut Dice) -> Value {
    let mut entry = json!({
        "type": "ambit_capability", "actions": ["refund"], "datatypes": ["account"], "purpose": "contract-renewal",
        "privileges": dice.pick(&[json!(["propose"]), json!(["propose"]), json!(["execute"]), json!(["draft", "propose", "execute"])]),
        "constraints": {"*": {"constraint_type": "wildcard"}},
    });
    let requires = [
        json!({"approval": true}),
        json!({"approval": {"approvers": ["user:mallory"], "count": 1}}),
        json!({"acr": "urn:acme:loa:2"}),
    ];
    if dice.below(4) == 0 {
        entry["requires"] = dice.pick(&requires).clone();
    }
    entry
}

/// A further block: any claims that it may have, and some that it may not.
fn block(dice: &mut Dice) -> BlockSpec {
    let mut claims = Map::new();
    let count = 1 + usize::from(dice.below(4) == 0);
    let entries: Vec<Value> = (0..count).map(|_| entry(dice)).collect();
    claims.insert("authorization_details".to_owned(), entries.into());
    let members = [
        (
            "act",
            vec![
                json!({"sub": ACTOR}),
                json!({"sub": "spiffe://x.example/y"}),
                json!("user:mallory"),
            ],
        ),
        (
            "approval",
            vec![
                json!({"id": "x", "approver": "user:mallory"}),
                json!({"id": "x", "satisfies": true}),
            ],
        ),
        (
            "aud",
            vec![
                json!([MAIL]),
                json!([MAIL, "https://crm.acme.example"]),
                json!(["https://crm.acme.example"]),
            ],
        ),
        ("exp", vec![json!(NOW + 10), json!(NOW), json!(NOW + 9999)]),
        ("nbf", vec![json!(NOW - 10), json!(NOW + 100)]),
        ("sub", vec![json!("user:mallory")]),
        ("acr", vec![json!("urn:acme:loa:9")]),
        ("agent", vec![json!({"uid": "admin-bot"})]),
        ("tenant", vec![json!("acme")]),
    ];
    for (name, values) in members {
        if dice.below(14) == 0 {
            claims.insert(name.to_owned(), dice.pick(&values).clone());
        }
    }
    BlockSpec {
        claims: Some(claims.into()),
        // Also the key that is registered for receipts.
        holder: (dice.below(6) == 0).then(|| "worker".to_owned()),
        ..BlockSpec::default()
    }
}

/// An entry of a further block, any of its members left out, sound, wider or broken.
#[expect(clippy::too_many_lines, reason = "a table of values")]
fn entry(dice: &mut Dice) -> Value {
    let approval =
        |people: Value, count: i64| json!({"approval": {"approvers": people, "count": count}});
    let any = json!({"constraint_type": "wildcard"});
    let members = [
        (
            "actions",
            vec![
                json!(["refund"]),
                json!(["refund", "refund"]),
                json!(["pay"]),
                json!("refund"),
            ],
        ),
        (
            "privileges",
            vec![
                json!(["execute"]),
                json!(["propose"]),
                json!(["draft"]),
                json!(["draft", "propose", "execute"]),
                json!([]),
            ],
        ),
        (
            "locations",
            vec![json!([MAIL]), json!(["https://crm.acme.example"])],
        ),
        (
            "datatypes",
            vec![json!(["account"]), json!(["contract"]), json!(null)],
        ),
        (
            "identifier",
            vec![json!("a-1"), json!("a-2"), json!(["a-1"])],
        ),
        ("purpose", vec![json!("contract-renewal"), json!("audit")]),
        (
            "constraints",
            vec![
                json!({"amount": {"constraint_type": "range", "max": 20000}}),
                json!({"amount": {"constraint_type": "range", "max": 1}}),
                json!({"amount": any}),
                json!({"*": any}),
            ],
        ),
        (
            "limits",
            vec![
                json!([{"type": "use_limit", "max": 9}]),
                json!([{"type": "use_limit", "max": 0}]),
                json!([{"type": "rate", "max": 9, "seconds": 60}]),
                json!([{"type": "spend", "max": 99999, "currency": "EUR", "decimals": 2}]),
                json!([{"type": "spend", "max": 9, "currency": "EUR", "decimals": 2}]),
            ],
        ),
        (
            "hours",
            ["00:00", "12:00"]
                .iter()
                .flat_map(|from| ["UTC", "Europe/Berlin", "Nowhere"].map(|zone| (from, zone)))
                .map(|(from, zone)| json!({"days": ["mon", "wed"], "from": from, "to": "24:00", "zone": zone}))
                .collect(),
        ),
        (
            "requires",
            vec![
                json!({"approval": true}),
                approval(json!(["user:mallory"]), 1),
                approval(json!(["user:mallory", "user:eve"]), 1),
                approval(json!(["user:mallory", "user:lead-1"]), 1),
                approval(json!(["user:mallory", "user:lead-2"]), 2),
                approval(json!(["user:mallory", "user:mallory"]), 1),
                approval(json!([ACTOR]), 1),
                approval(json!([SUBJECT]), 1),
                approval(json!([SUBJECT, "user:mallory"]), 0),
                json!({"acr": ["urn:acme:loa:2", "urn:acme:loa:9"]}),
                json!({"acr": "urn:acme:loa:9"}),
                json!({"max_age": 600}),
                json!({"max_age": 0}),
                json!({}),
            ],
        ),
        (
            "consent",
            vec![
                json!("none"),
                json!("once"),
                json!({"approvers": ["user:mallory"], "count": 1}),
            ],
        ),
        ("approved", vec![json!(true)]),
    ];
    let mut entry = Map::new();
    if dice.below(40) > 0 {
        entry.insert("type".to_owned(), "ambit_capability".into());
    }
    for (name, values) in members {
        let odds = match name {
            "requires" => 2,
            "consent" | "approved" => 25,
            _ => 14,
        };
        if dice.below(odds) == 0 {
            entry.insert(name.to_owned(), dice.pick(&values).clone());
        }
    }
    entry.into()
}

/// The same throws each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn pick<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        let end = u64::try_from(values.len()).unwrap_or(1);
        &values[usize::try_from(self.below(end)).unwrap_or_default()]
    }
}
