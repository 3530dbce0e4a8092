//! The law of choices: what a person chooses instead of a grant allows nothing that the grant does not.

use ambit_advice::{check_grant, describe};
use ambit_core::json::{Document, Profile};
use ambit_policy::Bundle;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::project::NOW;
use ambit_tests::statement::Asked;
use serde_json::{Value, json};

use super::{AMOUNTS, Dice, World, claims, request, root_entry};

const GRANTS: usize = 160;
/// Requests of each choice.
const REQUESTS: usize = 6;

#[test]
fn no_choice_allows_what_the_whole_grant_does_not() {
    let world = World::new(&json!({}));
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut seen = std::collections::BTreeMap::<String, [usize; 2]>::new();
    for _ in 0..GRANTS {
        let whole = grant(&mut dice);
        let answer = said(&world, &whole, &[]);
        let mut texts = vec![answer["text"].clone()];
        for name in names(&answer) {
            let less = said(&world, &whole, &[name.as_str()]);
            let left = less["claims"].clone();
            assert!(
                !texts.contains(&less["text"]),
                "{name} reads as another: {left}"
            );
            texts.push(less["text"].clone());
            let counts = seen.entry(name.clone()).or_default();
            for _ in 0..REQUESTS {
                let call = Call::random(&world, &mut dice);
                let answers = [&whole, &left].map(|claims| call.answer(&world, claims));
                let [before, after] = answers.each_ref().map(|answer| answer["decision"] == true);
                assert!(before >= after, "{name} allows more: {whole}, {answers:?}");
                counts[0] += usize::from(before && !after);
                counts[1] += usize::from(after);
            }
        }
    }
    println!("denied by the choice, allowed by it: {seen:?}");
    assert_eq!(seen.len(), 4);
    assert!(
        seen.values().flatten().all(|count| *count > 20),
        "the cases are too poor to show anything: {seen:?}"
    );
}

#[test]
fn what_was_chosen_is_what_is_consented_to_and_made() {
    let world = World::new(&json!({"consent": "once"}));
    let bundle = Bundle::verify(world.policy.bundle()).unwrap();
    let mut whole = claims(&json!({
        "type": "ambit_capability", "actions": ["refund"], "datatypes": ["account"], "purpose": "contract-renewal",
        "privileges": ["propose", "execute"], "constraints": {"*": {"constraint_type": "wildcard"}},
    }));
    whole["cnf"] = json!({"jwk": ambit_tests::keys::named("orchestrator").unwrap().jwk()});
    // The asked life is less than an hour.
    let longer = said(&world, &whole, &["no_delegation", "life_3600"]);
    assert_eq!(longer["error"]["at"], "choices[1]", "{longer}");
    let chosen = ["no_execute", "life_600", "no_delegation"]
        .map(|name| (name, said(&world, &whole, &[name])));
    let all = said(&world, &whole, &["no_delegation", "life_600", "no_execute"]);
    assert_eq!(names(&all), Vec::<String>::new());
    for (name, less) in chosen.into_iter().chain([("all", all)]) {
        assert!(less["text"].is_string(), "{name}: {less}");
        let receipt = world.consent(&whole, &less);
        let check = |claims: &Value| {
            let claims = claims.to_string();
            let document = Document::parse(claims.as_bytes(), Profile::Signed).unwrap();
            let checked = check_grant(&bundle, document.root(), None, &[&receipt], NOW);
            checked.map_err(|error| error.code)
        };
        assert_eq!(
            check(&less["claims"]).map(|receipts| receipts.len()),
            Ok(1),
            "{name}"
        );
        assert_eq!(check(&whole).map(|_| ()), Err("approval.binding"), "{name}");
    }
}

/// Some capabilities for one call, of which the first that matches binds.
fn grant(dice: &mut Dice) -> Value {
    let mut whole = claims(&json!({}));
    let count = 1 + dice.below(3);
    let mut entries: Vec<Value> = (0..count).map(|_| root_entry(dice)).collect();
    // What nobody here has done: where it binds no more, another capability would allow.
    if dice.below(3) == 0 {
        entries[0]["requires"] = json!({"acr": "urn:acme:loa:9"});
    }
    whole["authorization_details"] = json!(entries);
    whole["exp"] = json!(NOW + *dice.pick(&[300_i64, 3000, 7200, 40_000]));
    whole["del_max_depth"] = json!(dice.below(3));
    whole
}

/// The answer of `describe`, read at [`NOW`].
fn said(world: &World, claims: &Value, choices: &[&str]) -> Value {
    let bundle = Bundle::verify(world.policy.bundle()).unwrap();
    let mut ask = json!({"claims": claims, "now": NOW});
    if !choices.is_empty() {
        ask["choices"] = json!(choices);
    }
    serde_json::from_str(&describe(&bundle, ask.to_string().as_bytes())).unwrap()
}

fn names(answer: &Value) -> Vec<String> {
    let choices = answer["choices"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    let name = |one: &Value| one["choice"].as_str().unwrap_or_default().to_owned();
    choices.iter().map(name).collect()
}

/// A call by the holder, or by whom the token was passed on to, now or later.
struct Call {
    ask: Value,
    receipts: Vec<String>,
    blocks: Vec<BlockSpec>,
}

impl Call {
    fn random(world: &World, dice: &mut Dice) -> Self {
        let which = usize::from(dice.below(2) == 0);
        let power = *dice.pick(&["execute", "execute", "execute", "draft", "propose"]);
        let mut ask = request(power, AMOUNTS[which]);
        let later = *dice.pick(&[0, 0, 0, 400, 1000, 3599, 3600, 5000]);
        ask["facts"]["now"] = json!(NOW + later);
        // A receipt is good for some minutes, so later calls come without.
        let receipts = match later {
            0 => world.receipts(which, dice),
            _ => Vec::new(),
        };
        let blocks = match dice.below(3) {
            0 => vec![BlockSpec {
                claims: Some(json!({"exp": NOW + 200})),
                ..BlockSpec::default()
            }],
            _ => Vec::new(),
        };
        Self {
            ask,
            receipts,
            blocks,
        }
    }

    fn answer(&self, world: &World, claims: &Value) -> Value {
        let chain = Chain::build(claims, &BlockSpec::default(), &self.blocks, &[]).unwrap();
        let mut ask = self.ask.clone();
        ask["token"] = chain.text(None).into();
        ask["approvals"] = json!(self.receipts);
        world.decide(ask.to_string().as_bytes())
    }
}

impl World {
    /// The subject's yes to what this answer of `describe` shows.
    fn consent(&self, whole: &Value, shown: &Value) -> String {
        let request = request("execute", AMOUNTS[0]);
        let asked = Asked {
            root: whole,
            chain: "",
            holder: "orchestrator",
            request: &request,
            call_args: None,
        };
        let spec = BlockSpec {
            claims: Some(json!({
                "kind": "grant", "aud": whole["iss"], "binding_s256": shown["binding_s256"],
                "risk_tier": shown["risk_tier"],
                "display": {
                    "text_s256": shown["text_s256"], "locale": "en", "renderer": shown["renderer"], "now": NOW,
                },
            })),
            ..BlockSpec::default()
        };
        asked
            .receipt(&spec, "")
            .unwrap_or_else(|why| panic!("{why}"))
    }
}
