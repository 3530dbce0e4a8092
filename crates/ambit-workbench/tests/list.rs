//! What an agent may do is what the evaluator matches: random manifests, tokens and calls.

use std::path::Path;

use ambit_compiler::{Project, build};
use ambit_core::capability::{Ask, Place, match_entry, well_formed};
use ambit_core::json::{Document, Profile};
use ambit_core::{Power, Steps};
use ambit_policy::Bundle;
use ambit_workbench::list::{Held, Listing, Ruling, list};
use serde_json::{Value, json};

const MANIFEST: &str = "agents/renewal-bot.toml";

/// The bundle of the compiler's good project, with these entries in its manifest.
fn bundle(entries: &[Value]) -> Vec<u8> {
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ambit-compiler/tests/good/acme");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("agents")).unwrap();
    for name in ["ambit.toml", "schema.cedarschema"] {
        std::fs::copy(good.join(name), folder.path().join(name)).unwrap();
    }
    let mut toml = "agent = \"renewal-bot\"\n".to_owned();
    for entry in entries {
        toml.push_str("[[capabilities]]\n");
        for (name, value) in entry.as_object().unwrap() {
            toml.push_str(&format!("{name} = {}\n", inline(value)));
        }
    }
    std::fs::write(folder.path().join(MANIFEST), toml).unwrap();
    let project = Project::load(folder.path()).unwrap_or_else(|faults| panic!("{faults}"));
    build::bundle(&project, 1_771_977_600).unwrap()
}

/// A value as TOML writes it in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("\"{name}\" = {}", inline(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => format!(
            "[{}]",
            list.iter().map(inline).collect::<Vec<_>>().join(", ")
        ),
        other => other.to_string(),
    }
}

fn listed(bundle: &Bundle<'_>, blocks: &[Vec<Value>]) -> Listing {
    list(bundle, "renewal-bot", blocks, &mut |_| Ruling::default()).unwrap()
}

/// A generator that needs no crate: the same cases each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn spec(&mut self) -> Value {
        let exact = || json!({"constraint_type": "exact", "value": "a"});
        let some = || json!({"constraint_type": "one_of", "values": ["a", "b"]});
        let any = || json!({"constraint_type": "wildcard"});
        let inner = self.one(&[exact(), some(), any()]);
        match self.below(2) {
            0 => inner,
            _ => json!({"constraint_type": "optional", "constraint": inner}),
        }
    }

    fn entry(&mut self, derived: bool) -> Value {
        let mut entry = json!({
            "actions": self.one(&[json!(["email"]), json!(["email", "refund"])]),
            "privileges": self.one(&[json!(["draft"]), json!(["propose"]), json!(["execute"]), json!(["draft", "propose", "execute"])]),
            "datatypes": ["customer-contact"],
            "purpose": self.one(&["p", "p", "q"]),
        });
        let mut constraints = json!({});
        for name in ["to", "subject"] {
            if self.below(3) > 0 {
                constraints[name] = self.spec();
            }
        }
        if !derived && self.below(2) == 0 {
            constraints["*"] = json!({"constraint_type": "wildcard"});
        }
        if constraints.as_object().is_some_and(|all| !all.is_empty()) {
            entry["constraints"] = constraints;
        }
        if derived {
            for name in ["actions", "privileges", "datatypes", "purpose"] {
                if self.below(2) == 0 {
                    entry.as_object_mut().unwrap().remove(name);
                }
            }
        }
        entry
    }

    fn entries(&mut self, derived: bool) -> Vec<Value> {
        (0..=self.below(2)).map(|_| self.entry(derived)).collect()
    }
}

/// Of a token's block: with the type that it has there.
fn typed(mut entry: Value) -> Value {
    entry["type"] = json!("ambit_capability");
    entry
}

#[test]
fn ways_are_what_every_layer_matches() {
    let mut dice = Dice(7);
    let (mut allowed, mut denied) = (0, 0);
    for _ in 0..120 {
        let mut manifest = dice.entries(false);
        for entry in &mut manifest {
            entry["actions"] = json!(["email"]);
        }
        let bytes = bundle(&manifest);
        let bundle = Bundle::verify(&bytes).unwrap();
        let mut blocks = Vec::new();
        for depth in 0..dice.below(3) {
            let entries = dice.entries(depth > 0);
            blocks.push(entries.into_iter().map(typed).collect::<Vec<Value>>());
        }
        let listing = listed(&bundle, &blocks);
        for _ in 0..60 {
            let call = Call::random(&mut dice);
            let wanted = call.matches_every_layer(&bundle, &manifest, &blocks);
            assert_eq!(
                call.matches_a_way(&bundle, &listing),
                wanted,
                "{call:?} {manifest:#?} {blocks:#?} {listing:#?}"
            );
            allowed += usize::from(wanted);
            denied += usize::from(!wanted);
        }
    }
    assert!(allowed > 200 && denied > 200, "{allowed} {denied}");
}

#[derive(Debug)]
struct Call {
    power: Power,
    approved: bool,
    purpose: &'static str,
    args: Value,
}

impl Call {
    fn random(dice: &mut Dice) -> Self {
        let mut args = json!({"to": dice.one(&["a", "b", "c"])});
        if dice.below(2) == 0 {
            args["subject"] = json!(dice.one(&["a", "c"]));
        }
        if dice.below(4) == 0 {
            args["body"] = json!("text");
        }
        Self {
            power: dice.one(&[Power::Draft, Power::Propose, Power::Execute]),
            approved: dice.below(2) == 0,
            purpose: dice.one(&["p", "p", "q"]),
            args,
        }
    }

    fn matches(&self, bundle: &Bundle<'_>, entry: &Value, place: Place) -> bool {
        let (args, entry) = (self.args.to_string(), entry.to_string());
        let args = Document::parse(args.as_bytes(), Profile::Signed).unwrap();
        let entry = Document::parse(entry.as_bytes(), Profile::Signed).unwrap();
        assert!(well_formed(entry.root(), place), "{entry:?}");
        let action = bundle.action("email").unwrap();
        let ask = Ask {
            action: "email",
            power: self.power,
            approved: self.approved,
            location: None,
            datatype: Some("customer-contact"),
            identifier: Some("c-7"),
            purpose: self.purpose,
            args: args.root(),
            now: 0,
            utc_offsets: None,
            declared: &action,
        };
        match_entry(entry.root(), place, &ask, &Steps::new()).is_ok()
    }

    fn matches_every_layer(
        &self,
        bundle: &Bundle<'_>,
        manifest: &[Value],
        blocks: &[Vec<Value>],
    ) -> bool {
        let any = |entries: &[Value], place| {
            entries
                .iter()
                .any(|entry| self.matches(bundle, entry, place))
        };
        let place = |depth| {
            if depth == 0 {
                Place::Root
            } else {
                Place::Derived
            }
        };
        any(manifest, Place::Manifest)
            && blocks
                .iter()
                .enumerate()
                .all(|(depth, entries)| any(entries, place(depth)))
    }

    fn matches_a_way(&self, bundle: &Bundle<'_>, listing: &Listing) -> bool {
        let email = listing.actions.iter().find(|action| action.name == "email");
        email.is_some_and(|email| {
            email.ways.iter().any(|way| {
                let held = match way.powers.get(&self.power) {
                    Some(Held::Yes) => true,
                    Some(Held::Approved) => self.approved,
                    // With receipts, who may propose may execute.
                    None => false,
                };
                held && self.matches(bundle, &way.entry, Place::Manifest)
            })
        })
    }
}

#[test]
fn bounds_of_all_layers_are_told_once() {
    let manifest = json!({
        "actions": ["refund"], "privileges": ["propose", "execute"], "datatypes": ["Invoice"], "purpose": "p",
        "constraints": {
            "amount": {"constraint_type": "range", "max": 20000},
            "currency": {"constraint_type": "one_of", "values": ["EUR", "USD"]},
        },
        "limits": [{"type": "spend", "max": 50000, "currency": "EUR", "decimals": 2}],
    });
    let root = typed(json!({
        "actions": ["refund"], "privileges": ["propose"], "datatypes": ["Invoice"], "purpose": "p",
        "constraints": {
            "amount": {"constraint_type": "range", "max": 5000},
            "currency": {"constraint_type": "exact", "value": "EUR"},
        },
        "requires": {"acr": "high"},
    }));
    let bytes = bundle(&[manifest]);
    let bundle = Bundle::verify(&bytes).unwrap();
    let listing = listed(&bundle, &[vec![root]]);
    let [action] = listing.actions.as_slice() else {
        panic!("{listing:#?}");
    };
    let [way] = action.ways.as_slice() else {
        panic!("{action:#?}");
    };
    assert_eq!(way.powers.get(&Power::Execute), Some(&Held::Approved));
    assert!(way.needs_approval(Power::Execute) && !way.needs_approval(Power::Propose));
    let text = way.texts.join("\n");
    for words in ["200.00", "50.00", "500.00 EUR", "high"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let schema = &way.input_schema["properties"];
    assert_eq!(schema["amount"]["allOf"][1]["maximum"].to_string(), "50.00");
    assert_eq!(schema["currency"]["allOf"][1]["const"], "EUR");
    assert_eq!(way.input_schema["required"], json!(["amount", "currency"]));
    assert_eq!(listing.not_granted, ["email", "read invoice"]);
}

#[test]
fn what_the_guard_rails_never_allow_is_left_out() {
    let manifest = json!({
        "actions": ["email"], "privileges": ["draft", "execute"], "datatypes": ["customer-contact"], "purpose": "p",
        "constraints": {"*": {"constraint_type": "wildcard"}},
    });
    let bytes = bundle(&[manifest]);
    let bundle = Bundle::verify(&bytes).unwrap();
    let mut judge = |asked: &ambit_workbench::list::Asked<'_>| Ruling {
        never: (asked.power == Power::Execute && asked.purpose == Some("p"))
            .then(|| "no".to_owned()),
        may_forbid: vec![3],
    };
    let listing = list(&bundle, "renewal-bot", &[], &mut judge).unwrap();
    let action = &listing.actions[0];
    assert_eq!(action.never, [(Power::Execute, "no".to_owned())]);
    assert_eq!(
        action.ways[0].powers.keys().copied().collect::<Vec<_>>(),
        [Power::Draft]
    );
    assert!(action.ways[0].may_forbid.contains(&3));
    assert!(list(&bundle, "nobody", &[], &mut judge).is_none());
}

#[test]
fn more_ways_than_are_listed_are_said() {
    let entry = |purpose: usize| {
        json!({
            "actions": ["email"], "privileges": ["draft"], "datatypes": ["customer-contact"], "purpose": "p",
            "constraints": {"to": {"constraint_type": "exact", "value": purpose.to_string()}},
        })
    };
    let manifest: Vec<Value> = (0..17).map(entry).collect();
    let root: Vec<Value> = (0..17).map(|at| typed(entry(100 + at))).collect();
    let bytes = bundle(&manifest);
    let bundle = Bundle::verify(&bytes).unwrap();
    assert_eq!(listed(&bundle, &[root]).cut, ["email"]);
    assert!(listed(&bundle, &[]).cut.is_empty());
}
