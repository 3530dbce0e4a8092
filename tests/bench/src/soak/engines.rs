//! The decision itself, again and again, in every engine of this machine.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::engine::{self, Question};
use ambit_tests::project::SignedPolicy;
use ambit_tests::suites;
use serde_json::{Value, json};

use super::growth::{Watched, children};
use super::say;

/// Different tokens: more than any engine remembers.
const TOKENS: usize = 300;

/// Asks every engine for so long. All must give the same bytes, the first time and every other.
pub(crate) fn run(time: Duration) -> Result<(), Box<dyn Error>> {
    let (policy, requests) = prepare()?;
    let mut engines = engine::start()?;
    engines.lacking.iter().for_each(|line| eprintln!("{line}"));
    engines.load(&policy)?;
    let mut watched = vec![Watched::new("engines of the host", std::process::id())];
    watched.extend(
        children()
            .into_iter()
            .map(|(name, id)| Watched::new(name, id)),
    );
    let answers: Vec<Vec<u8>> = requests
        .iter()
        .map(|request| engines.ask(&policy, Question::Evaluate(request)))
        .collect::<Result<_, _>>()?;
    let allowed = answers
        .iter()
        .filter(|answer| answer.starts_with(br#"{"decision":true"#))
        .count();
    if !(1..TOKENS).contains(&allowed) {
        return Err(format!("{allowed} of {TOKENS} requests are allowed").into());
    }
    let (begun, mut looked) = (Instant::now(), Instant::now());
    let (mut asked, mut wrong) = (0_u64, Vec::new());
    for (request, answer) in requests.iter().zip(&answers).cycle() {
        if begun.elapsed() >= time || wrong.len() >= 5 {
            break;
        }
        asked += 1;
        match engines.ask(&policy, Question::Evaluate(request)) {
            Ok(said) if said == *answer => {}
            Ok(said) => wrong.push(String::from_utf8_lossy(&said).into_owned()),
            Err(why) => wrong.push(why),
        }
        if looked.elapsed() >= time / 40 {
            looked = Instant::now();
            watched.iter_mut().for_each(Watched::look);
        }
    }
    let said = match wrong.is_empty() {
        true => format!("{asked} requests to {} engines", engines.list.len()),
        false => wrong.join("; "),
    };
    say("engines: every answer is the same", wrong.is_empty(), &said);
    watched.iter().for_each(Watched::judge);
    Ok(())
}

/// A policy, and requests of it.
type Prepared = (SignedPolicy, Vec<Vec<u8>>);

/// The worked example of docs/token.md, with many tokens; every third request is denied.
fn prepare() -> Result<Prepared, Box<dyn Error>> {
    let file = suites().join("conformance/templates/renewal.json");
    let template: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    let spec = PolicySpec {
        project: "acme".to_owned(),
        keys: template["keys"].as_array().cloned().unwrap_or_default(),
        bundle: None,
    };
    let policy = SignedPolicy::make(&spec)?;
    let digest = policy.bundle_s256();
    let mut requests = Vec::new();
    for id in 0..TOKENS {
        let mut claims = template["token"].clone();
        claims["jti"] = json!(format!("soak-{id}"));
        let root = BlockSpec::default();
        let chain = Chain::build(&claims, &root, &[], &[("bundle_s256", &digest)])?;
        let mut request = template["request"].clone();
        request["token"] = json!(chain.text(None));
        if id % 3 == 0 {
            request["evaluation"]["action"]["name"] = json!("unheard_of");
        }
        requests.push(request.to_string().into_bytes());
    }
    Ok((policy, requests))
}
