//! What a remedy promises, tried with random requests: doing all of its steps turns the denial into
//! an allow, and leaving one of them out, or doing one of them less, does not.

mod situations;
mod values;

use ambit_evaluator::{ChainCache, evaluate};
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::project::SignedPolicy;
use ambit_tests::statement::Asked;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

use situations::{LOGINS, REGION, Scene, Situation, TO, situations};
use values::changed;

const NOW: i64 = 1_772_000_400;
/// Random requests of each project, the same in every run.
const CASES: u32 = 700;
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
            "facts": {"now": NOW, "audience": "https://crm.acme.example", "location": "https://crm.acme.example"},
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

    /// The digest of the call.
    fn digest(&self, situation: &Situation) -> String {
        let mut alone = situation.clone();
        alone.approvers.clear();
        let request = self.request(&alone);
        let root = request["token"]
            .as_str()
            .unwrap()
            .split('.')
            .nth(1)
            .unwrap();
        let root = ambit_token::base64url::decode(root.as_bytes()).unwrap();
        let args = call_args(situation);
        let asked = Asked {
            root: &serde_json::from_slice(&root).unwrap(),
            chain: "",
            holder: "orchestrator",
            request: &request,
            call_args: Some(&args),
        };
        asked.call()
    }
}

/// The arguments as policies read them: money in cents.
fn call_args(situation: &Situation) -> Value {
    let mut args = Value::Object(situation.args.clone());
    if let Some(amount) = args.get("amount").and_then(Value::as_i64) {
        args["amount"] = (amount * 100).into();
    }
    args
}

/// What a step changes, in all ways in which it can be done; one of them must do. `chosen`: those who
/// approve, where it is an approval, or the strength of the login.
fn done(step: &Value, before: &[Situation], chosen: &[String]) -> Vec<Situation> {
    let all = before.iter();
    let text = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let mut after: Vec<Situation> =
        match (text(step, "type").as_str(), text(step, "step_up").as_str()) {
            ("change_request", _) => all.flat_map(|one| changed(one, &step["changes"])).collect(),
            ("request_capability", _) => all.map(|one| granted(one, &step["missing"])).collect(),
            ("step_up", "login") => all
                .map(|one| {
                    let mut one = one.clone();
                    one.mfa |= step["amr_values"][0] == "mfa";
                    let known = LOGINS
                        .iter()
                        .find(|acr| chosen.iter().any(|one| one == **acr));
                    one.acr = known.copied().or(one.acr);
                    // Without an age the login may be the old one.
                    if step["max_age"].is_i64() {
                        one.auth_time = Some(NOW);
                    }
                    one
                })
                .collect(),
            ("step_up", "approval") => all
                .map(|one| {
                    let mut one = one.clone();
                    for person in chosen {
                        if !one.approvers.contains(person) {
                            one.approvers.push(person.clone());
                        }
                    }
                    one
                })
                .collect(),
            other => panic!("a step of another kind: {other:?}"),
        };
    // Who approved before approved another call.
    if step["step_up"] != "approval" {
        after.iter_mut().for_each(|one| one.approvers.clear());
    }
    after
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
fn a_remedy_is_true_and_minimal_where_capabilities_decide() {
    let scene = Scene {
        actions: &["email", "refund", "cancel", "export"],
        kind: None,
        channels: false,
    };
    check("acme", scene, 300);
}

#[test]
fn a_remedy_is_true_and_minimal_under_guard_rails() {
    let scene = Scene {
        actions: &["refund"],
        kind: Some("account"),
        channels: true,
    };
    check("guarded", scene, 200);
}

#[test]
fn a_remedy_is_true_and_minimal_where_guard_rails_judge_changes_and_people() {
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
        let remedy = &context["remedy"];
        let Some(steps) = remedy["steps"].as_array() else {
            return Ok(());
        };
        let kinds: Vec<&str> = steps
            .iter()
            .map(|step| {
                step["step_up"]
                    .as_str()
                    .or_else(|| step["type"].as_str())
                    .unwrap()
            })
            .collect();
        *counted.borrow_mut().entry(kinds.join("+")).or_default() += 1;
        // Receipts that do not fit are replaced.
        let code = context["reason"]["code"].as_str().unwrap_or_default();
        let mut situation = situation;
        if code.starts_with("approval.") && code != "approval.required" {
            situation.approvers.clear();
            *counted.borrow_mut().entry(code.to_owned()).or_default() += 1;
        }
        judge(&world, &situation, steps)
            .map_err(|why| TestCaseError::fail(format!("{why}\n{}\n{remedy:#}", context["reason"])))
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{project}: {seen:#?}");
    assert!(
        seen.values().sum::<usize>() >= least,
        "too few remedies: {seen:?}"
    );
}

fn judge(world: &World, situation: &Situation, steps: &[Value]) -> Result<(), String> {
    let codes = |steps: &[&Value], people: &[Vec<String>]| -> Vec<String> {
        let start = vec![situation.clone()];
        let steps = steps.iter().zip(people);
        let ways = steps.fold(start, |ways, (step, people)| done(step, &ways, people));
        ways.iter().map(|way| world.code(way)).collect()
    };
    let good = |code: &String| code == "allowed";
    let whole: Vec<&Value> = steps.iter().collect();
    if codes(&[], &[]).iter().any(good) {
        return Err("nothing is needed".to_owned());
    }
    // Whoever of those named approves, it is enough.
    for people in choices(&whole) {
        let codes = codes(&whole, &people);
        if !codes.iter().any(good) {
            return Err(format!(
                "all steps are done, by {people:?}, and it is still {codes:?}"
            ));
        }
    }
    // Less is not, or not whoever of them does it.
    let always = |steps: &[&Value]| {
        let choices = choices(steps);
        let enough = |people: &Vec<Vec<String>>| codes(steps, people).iter().any(good);
        choices.iter().all(enough)
    };
    for (number, step) in steps.iter().enumerate() {
        // A digest is told exactly where it is that of the call to be approved.
        if step["step_up"] == "approval" {
            let same = steps[..number]
                .iter()
                .all(|step| step["step_up"] == "approval");
            let digest = same.then(|| world.digest(situation));
            if step["binding_s256"].as_str() != digest.as_deref() {
                return Err(format!("step {number} names the digest of another call"));
            }
        }
        let others: Vec<&Value> = steps
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != number)
            .map(|(_, step)| step)
            .collect();
        if always(&others) {
            return Err(format!("step {number} is not needed"));
        }
        for less in less(step) {
            let mut steps: Vec<&Value> = steps.iter().collect();
            steps[number] = &less;
            if always(&steps) {
                return Err(format!("step {number} asks for more than {less}"));
            }
        }
    }
    Ok(())
}

/// The step with one argument, one person or one demand less.
fn less(step: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let changes = step["changes"].as_array().map_or(0, Vec::len);
    for at in (0..changes).filter(|_| changes > 1) {
        let mut less = step.clone();
        less["changes"].as_array_mut().unwrap().remove(at);
        all.push(less);
    }
    if let Some(count) = step["count"].as_i64().filter(|count| *count > 1) {
        let mut less = step.clone();
        less["count"] = (count - 1).into();
        all.push(less);
    }
    let parts = [
        ("acr_values", step["acr_values"][0].is_string()),
        ("amr_values", step["amr_values"][0].is_string()),
        ("max_age", step["max_age"].is_i64()),
    ];
    let there = parts.iter().filter(|(_, there)| *there);
    if there.clone().count() > 1 {
        for (part, _) in there {
            let mut less = step.clone();
            less[part] = Value::Null;
            all.push(less);
        }
    }
    all
}

/// Whoever passes a token on writes its entries: however many ways they make, the search ends, and a true
/// way is named.
#[test]
fn a_remedy_among_very_many_ways_is_true() {
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
        approvers: Vec::new(),
    };
    let context = world.ask(&situation);
    let steps = context["remedy"]["steps"].as_array().expect("a remedy");
    assert_eq!(steps.len(), 1, "{steps:?}");
    judge(&world, &situation, steps).unwrap();
}
