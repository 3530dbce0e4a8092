//! What an alternative promises, tried with random requests: doing all of its steps, with real keys, turns
//! the denial into an allow. And an approval that alone is enough is always among the alternatives.

mod situations;

use ambit_advice::advise;
use ambit_evaluator::{ChainCache, evaluate, with_case};
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::project::SignedPolicy;
use ambit_tests::statement::Asked;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

use situations::{LEADS, LOGINS, REGION, Scene, Situation, TO, situations};

const NOW: i64 = 1_772_000_400;
/// Random requests of each project, the same in every run.
const CASES: u32 = 520;
/// By hand, a number for other requests.
const SEED: &str = "AMBIT_SEED";

fn seed() -> [u8; 32] {
    let said = std::env::var(SEED).ok();
    let number = said.map_or(0, |text| text.parse::<u64>().expect("a number"));
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

struct World {
    policy: SignedPolicy,
    /// Whether accounts are in regions.
    regions: bool,
}

impl World {
    fn new(project: &str) -> Self {
        let key = |key: &str, kid: &str, iss: &str, signs: &str| json!({"key": key, "kid": kid, "iss": iss, "alg": "Ed25519", "signs": signs});
        let spec = PolicySpec {
            project: project.to_owned(),
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
                    "https://approve.acme.example",
                    "approval-receipt+jwt",
                ),
            ],
            bundle: Some(json!({"possession": "off"})),
        };
        let policy = SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"));
        Self {
            policy,
            regions: project == "guarded",
        }
    }

    /// The answer's context.
    fn ask(&self, situation: &Situation) -> Value {
        let request = self.request(situation);
        let bundle = Bundle::verify(self.policy.bundle()).unwrap();
        let answer = evaluate(
            &bundle,
            request.to_string().as_bytes(),
            &mut ChainCache::new(),
        );
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["context"].clone()
    }

    fn advice(&self, one: &Situation) -> Vec<Value> {
        let text = self.request(one).to_string();
        let request = text.as_bytes();
        let bundle = Bundle::verify(self.policy.bundle()).unwrap();
        let advice = advise(&bundle, request, &mut ChainCache::new());
        let mut advice: Value = serde_json::from_str(&advice).unwrap();
        serde_json::from_value(advice["alternatives"].take()).unwrap()
    }

    /// The steps that the decision takes, where the request is sound.
    fn steps(&self, situation: &Situation) -> Option<u32> {
        let request = self.request(situation).to_string();
        let bundle = Bundle::verify(self.policy.bundle()).unwrap();
        let mut taken = None;
        with_case(
            &bundle,
            request.as_bytes(),
            &mut ChainCache::new(),
            &mut |case| {
                taken = case.ok().map(|case| {
                    let before = case.steps().left();
                    let _ = case.judge();
                    before - case.steps().left()
                });
            },
        );
        taken
    }

    fn code(&self, situation: &Situation) -> String {
        let context = self.ask(situation);
        context["reason"]["code"].as_str().unwrap().to_owned()
    }

    fn request(&self, situation: &Situation) -> Value {
        let mut claims = json!({
            "iss": "https://broker.acme.example", "sub": "user:8f1c2d", "aud": ["https://crm.acme.example"],
            "iat": NOW - 400, "exp": NOW + 400,
            // Another login gives another token, and so another digest of the call.
            "jti": format!("{:?} {:?} {}", situation.acr, situation.auth_time, situation.mfa),
            "act": {"sub": "spiffe://acme.example/agent/renewal-bot/i-7f3a", "iss": "https://idp.acme.example"},
            "agent": {"uid": "renewal-bot", "ai_model": {"name": "example-large"}, "env": "prod"},
            "authorization_details": situation.root, "del_depth": 0, "del_max_depth": 2,
        });
        if let Some(acr) = situation.acr {
            claims["acr"] = acr.into();
        }
        if let Some(time) = situation.auth_time {
            claims["auth_time"] = time.into();
        }
        if situation.mfa {
            claims["amr"] = json!(["pwd", "mfa"]);
        }
        let block = |entries: &Vec<Value>| BlockSpec {
            claims: Some(json!({"authorization_details": entries})),
            ..BlockSpec::default()
        };
        let derived: Vec<BlockSpec> = situation.derived.iter().map(block).collect();
        let chain = Chain::build(&claims, &BlockSpec::default(), &derived, &[]);
        let chain = chain.unwrap_or_else(|why| panic!("{why}")).text(None);
        let mut request = json!({
            "evaluation": {
                "action": {"name": situation.action, "properties": {"power": situation.power, "args": situation.args}},
                "resource": {"type": situation.kind, "id": "a-1"},
                "context": {"purpose": situation.purpose},
            },
            "token": chain,
            "facts": {
                "now": situation.now, "audience": "https://crm.acme.example",
                "location": "https://crm.acme.example", "utc_offsets": {"UTC": 0},
            },
            "entities": [],
        });
        if situation.kind == "account" {
            request["entities"] = json!([{
                "uid": {"type": "Account", "id": "a-1"},
                "attrs": {"owner": "ann"},
                "parents": [],
            }]);
            if self.regions {
                request["entities"][0]["attrs"]["balance"] = 5000.into();
                request["entities"][0]["attrs"]["opened"] = "2024-02-29T12:00:00Z".into();
                request["entities"][0]["parents"] = json!([{"type": "Region", "id": "eu"}]);
            }
        }
        if !situation.approvers.is_empty() {
            self.approve(situation, &claims, &chain, &mut request);
        }
        request
    }

    /// Receipts by these people for exactly this call.
    fn approve(&self, situation: &Situation, root: &Value, chain: &str, request: &mut Value) {
        let args = call_args(situation);
        let request_then = request.clone();
        let asked = Asked {
            root,
            chain,
            holder: "orchestrator",
            request: &request_then,
            call_args: Some(&args),
        };
        let receipts = |risk: &str, shown: &str| -> Value {
            let people = situation.approvers.iter().enumerate();
            let receipt = |(number, person): (usize, &String)| {
                let claims =
                    json!({"sub": person, "jti": format!("r-{number}"), "risk_tier": risk});
                let spec = BlockSpec {
                    claims: Some(claims),
                    ..BlockSpec::default()
                };
                asked.receipt(&spec, shown).unwrap()
            };
            people.map(receipt).collect()
        };
        // Risk and text are the core's own: it says what they are where others were shown.
        let mut risk = "none".to_owned();
        let other = "zK1zxw6ic8VtG0uhR3hZhc0vX4RhacGyKXP72Z_u_RY";
        for (said, is_risk) in [
            ("`risk_tier` is not `", true),
            ("whose SHA-256 is `", false),
        ] {
            request["approvals"] = receipts(&risk, other);
            let bundle = Bundle::verify(self.policy.bundle()).unwrap();
            let answer = evaluate(
                &bundle,
                request.to_string().as_bytes(),
                &mut ChainCache::new(),
            );
            let Some((_, told)) = answer.split_once(said) else {
                return;
            };
            let told = told.split('`').next().unwrap();
            if is_risk {
                told.clone_into(&mut risk);
            } else {
                request["approvals"] = receipts(&risk, told);
            }
        }
    }
}

/// The arguments as policies read them: money in cents.
fn call_args(situation: &Situation) -> Value {
    let mut args = Value::Object(situation.args.clone());
    if let Some(amount) = args.get("amount") {
        let (whole, cents) = match amount.to_string().split_once('.') {
            Some((whole, cents)) => (whole.to_owned(), format!("{cents:0<2}")),
            None => (amount.to_string(), "00".to_owned()),
        };
        let cents: i64 = format!("{whole}{cents}").parse().expect("an amount");
        args["amount"] = cents.into();
    }
    args
}

/// The situation after a step. `chosen`: those who approve, where it is an approval, or the strength of
/// the login.
fn done(step: &Value, mut one: Situation, chosen: &[String]) -> Situation {
    // Who approved before approved another call.
    if step["step_up"] != "approval" {
        one.approvers.clear();
    }
    match (step["type"].as_str(), step["step_up"].as_str()) {
        (Some("change_request"), _) => {
            for change in step["changes"].as_array().unwrap() {
                let name = change["argument"].as_str().unwrap();
                match change.get("value") {
                    Some(value) => one.args.insert(name.to_owned(), value.clone()),
                    None => one.args.remove(name),
                };
            }
        }
        (Some("wait"), _) => one.now = step["not_before"].as_i64().unwrap(),
        (Some("request_capability"), _) => one = granted(&one, &step["missing"]),
        (_, Some("login")) => {
            one.mfa |= step["amr_values"][0] == "mfa";
            let known = LOGINS
                .iter()
                .find(|acr| chosen.iter().any(|one| one == **acr));
            one.acr = known.copied().or(one.acr);
            // Without an age the login may be the old one.
            if step["max_age"].is_i64() {
                one.auth_time = Some(one.now);
            }
        }
        (_, Some("approval")) => {
            for person in chosen {
                if !one.approvers.contains(person) {
                    one.approvers.push(person.clone());
                }
            }
        }
        other => panic!("a step of another kind: {other:?}"),
    }
    one
}

/// Every group of people who can do a step: as many as it asks for, of those it names. For a login each
/// strength that it names. One empty group where nothing is to be chosen.
fn groups(step: &Value) -> Vec<Vec<String>> {
    if let Some(strengths) = step["acr_values"].as_array().filter(|all| !all.is_empty()) {
        let strengths = strengths.iter().map(|one| one.as_str().unwrap().to_owned());
        return strengths.map(|one| vec![one]).collect();
    }
    let Some(named) = step["approvers"].as_array() else {
        return vec![Vec::new()];
    };
    let count = usize::try_from(step["count"].as_i64().unwrap()).unwrap();
    assert!(count <= named.len(), "{step}");
    let all = 0..1_u32 << named.len();
    let group = |chosen: u32| {
        let people = named.iter().enumerate();
        let people = people.filter(|(at, _)| chosen >> at & 1 == 1);
        people
            .map(|(_, one)| one.as_str().unwrap().to_owned())
            .collect()
    };
    let exact = all.filter(|chosen| chosen.count_ones() as usize == count);
    exact.map(group).collect()
}

/// Every way to choose the people of all steps.
fn choices(steps: &[&Value]) -> Vec<Vec<Vec<String>>> {
    steps.iter().fold(vec![Vec::new()], |before, step| {
        let groups = groups(step);
        let with = |chosen: &Vec<Vec<String>>| {
            let more = groups
                .iter()
                .map(|group| [&chosen[..], std::slice::from_ref(group)].concat());
            more.collect::<Vec<_>>()
        };
        before.iter().flat_map(with).collect()
    })
}

/// A new token that holds what was missing, and nothing else of it.
fn granted(before: &Situation, missing: &Value) -> Situation {
    let mut one = before.clone();
    let text = |name: &str| missing[name].as_str().unwrap().to_owned();
    let resource = text("resource");
    let (datatype, identifier) = resource.split_once(':').unwrap();
    one.derived.clear();
    one.root.insert(
        0,
        json!({
            "type": "ambit_capability", "actions": [text("action")], "privileges": [text("power")],
            "datatypes": [datatype], "identifier": identifier, "purpose": text("purpose"),
            "constraints": {"*": {"constraint_type": "wildcard"}},
        }),
    );
    one
}

#[test]
fn what_an_alternative_says_is_enough_where_capabilities_decide() {
    let scene = Scene {
        actions: &["email", "refund", "cancel", "export"],
        kind: None,
        channels: false,
    };
    check("acme", scene, 200);
}

#[test]
fn what_an_alternative_says_is_enough_under_guard_rails() {
    let scene = Scene {
        actions: &["refund"],
        kind: Some("account"),
        channels: true,
    };
    check("guarded", scene, 200);
}

#[test]
fn what_an_alternative_says_is_enough_where_guard_rails_judge_values_and_people() {
    let scene = Scene {
        actions: &["refund", "message"],
        kind: Some("account"),
        channels: true,
    };
    check("watched", scene, 250);
}

fn check(project: &str, scene: Scene, least: usize) {
    let inputs = situations(scene);
    let world = World::new(project);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let counted = std::cell::RefCell::new(&mut seen);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed());
    let result = TestRunner::new_with_rng(config, rng).run(&inputs, |situation| {
        let context = world.ask(&situation);
        let alternatives = world.advice(&situation);
        for one in &alternatives {
            *counted
                .borrow_mut()
                .entry(kinds(one).join("+"))
                .or_default() += 1;
        }
        // Receipts that do not fit are replaced.
        let code = context["reason"]["code"].as_str().unwrap_or_default();
        let mut situation = situation;
        if code.starts_with("approval.") && code != "approval.required" {
            situation.approvers.clear();
        }
        let judged = alternatives
            .iter()
            .try_for_each(|one| judge(&world, &situation, one["steps"].as_array().unwrap()))
            .and_then(|()| approved(&world, &situation, code, &alternatives))
            .and_then(|()| cheap(&world, &situation));
        judged.map_err(|why| {
            let reason = &context["reason"];
            TestCaseError::fail(format!("{why}\n{reason}\n{alternatives:#?}"))
        })
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{project}: {seen:#?}");
    assert!(
        seen.values().sum::<usize>() >= least,
        "too few alternatives: {seen:?}"
    );
}

fn kinds(alternative: &Value) -> Vec<&str> {
    let steps = alternative["steps"].as_array().unwrap().iter();
    let kind = |step: &'_ Value| step["step_up"].is_string();
    steps
        .map(|step| {
            if kind(step) {
                &step["step_up"]
            } else {
                &step["type"]
            }
        })
        .map(|kind| kind.as_str().unwrap())
        .collect()
}

/// Whoever of those named approves, and whichever strength of a login is taken, it is enough.
fn judge(world: &World, situation: &Situation, steps: &[Value]) -> Result<(), String> {
    if world.code(situation) == "allowed" {
        return Err("nothing is needed".to_owned());
    }
    let steps: Vec<&Value> = steps.iter().collect();
    for people in choices(&steps) {
        let all = steps.iter().zip(&people);
        let after = all.fold(situation.clone(), |one, (step, people)| {
            done(step, one, people)
        });
        let code = world.code(&after);
        if code != "allowed" {
            return Err(format!(
                "all is done, by {people:?}, and it is still {code}"
            ));
        }
    }
    Ok(())
}

/// A denial takes at most twice the steps of the allow that looks at as much: one more entry, which grants
/// everything, at the end of each list. One that tells who must approve looks for
/// entries without their yes and with it, and writes the text that they read: at most what that allow takes and the one of
/// the same call with their receipts, which writes it too.
fn cheap(world: &World, situation: &Situation) -> Result<(), String> {
    let mut granted = situation.clone();
    let wildcard = json!({"*": {"constraint_type": "wildcard"}});
    granted.root.push(json!({
        "type": "ambit_capability", "actions": [situation.action], "privileges": [situation.power],
        "datatypes": [situation.kind], "purpose": situation.purpose, "constraints": wildcard,
    }));
    for block in &mut granted.derived {
        block.push(json!({"type": "ambit_capability"}));
    }
    let both = world.steps(situation).zip(world.steps(&granted));
    let Some((denied, allowed)) = both.filter(|_| world.code(&granted) == "allowed") else {
        return Ok(());
    };
    let most = allowed + approved_steps(world, situation).unwrap_or(allowed);
    if denied > most {
        return Err(format!("the denial takes {denied} steps, at most {most}"));
    }
    Ok(())
}

/// What the same call takes with the receipts that its denial asks for at once, if it is then allowed.
fn approved_steps(world: &World, situation: &Situation) -> Option<u32> {
    let remedy = &world.ask(situation)["remedy"];
    let steps: Vec<&Value> = remedy["steps"].as_array()?.iter().collect();
    steps.iter().find(|step| step["step_up"] == "approval")?;
    let people = choices(&steps).into_iter().next()?;
    let all = steps.iter().zip(&people);
    let after = all.fold(situation.clone(), |one, (step, people)| {
        done(step, one, people)
    });
    (world.code(&after) == "allowed").then(|| world.steps(&after))?
}

/// If any two people's yes is enough, an alternative is nothing but approvals.
fn approved(
    world: &World,
    situation: &Situation,
    code: &str,
    alternatives: &[Value],
) -> Result<(), String> {
    // Receipts that do not fit may be left out.
    if world.code(situation) == "allowed" {
        return Ok(());
    }
    let only_approvals = |one: &Value| kinds(one).iter().all(|kind| *kind == "approval");
    if code == "allowed" || alternatives.iter().any(only_approvals) {
        return Ok(());
    }
    for (at, one) in LEADS.iter().enumerate() {
        for two in LEADS.iter().skip(at) {
            let mut after = situation.clone();
            let people = [*one, *two].map(str::to_owned);
            after.approvers.extend(people);
            after.approvers.sort();
            after.approvers.dedup();
            if after.approvers != situation.approvers && world.code(&after) == "allowed" {
                return Err(format!(
                    "{:?} could approve, and nobody says so",
                    after.approvers
                ));
            }
        }
    }
    Ok(())
}

/// Whoever passes a token on writes its entries: however many there are, advice ends, and what it says is
/// true.
#[test]
fn advice_among_very_many_entries_is_true() {
    let world = World::new("acme");
    let entry = |number: usize| {
        let values = (0..40).map(|value| format!("a{value}.{number}"));
        let values: Vec<String> = values.chain([TO[1].to_owned()]).collect();
        json!({"type": "ambit_capability", "constraints": {
            "to": {"constraint_type": "one_of", "values": values},
            "region": {"constraint_type": "exact", "value": REGION[number % 2]},
        }})
    };
    let entries: Vec<Value> = (0..7).map(entry).collect();
    let situation = Situation {
        root: vec![json!({
            "type": "ambit_capability", "constraints": {"*": {"constraint_type": "wildcard"}},
            "privileges": ["draft"], "actions": ["email"], "purpose": "contract-renewal",
            "datatypes": ["customer-contact"],
        })],
        derived: vec![entries.clone(), entries],
        acr: None,
        auth_time: None,
        mfa: false,
        action: "email",
        power: "draft",
        kind: "customer-contact",
        purpose: "contract-renewal",
        args: json!({"to": TO[0]}).as_object().unwrap().clone(),
        now: NOW,
        approvers: Vec::new(),
    };
    let alternatives = world.advice(&situation);
    let change = alternatives
        .iter()
        .find(|one| kinds(one) == ["change_request"]);
    let steps = change.expect("a change")["steps"].as_array().unwrap();
    judge(&world, &situation, steps).unwrap();
    cheap(&world, &situation).unwrap();
}
