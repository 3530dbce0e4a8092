//! Capability chains: verification and entry matching (docs/token.md, section 6).

use ambit_core::Reason;
use serde::Deserialize;
use serde_json::value::RawValue;
use vectors_guest::Case;

use super::engine::{Answer, Engines};
use super::names;
use super::{Case as Named, Outcome, raw};

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    trust: &'a RawValue,
    #[serde(borrow)]
    cases: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Expected<'a> {
    chain: String,
    /// As text: a time is never read through floating point.
    #[serde(borrow)]
    now: &'a RawValue,
    expect: Expectation,
    #[serde(borrow, default, deserialize_with = "raw::present")]
    request: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    chain: String,
    error: Option<String>,
    decision: Option<bool>,
    why: Option<String>,
}

pub(crate) fn run(text: &str, engines: &mut Engines) -> Result<Vec<Named>, String> {
    let file: File<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let judged = file.cases.iter().enumerate().map(|(at, case)| {
        // A case that cannot be read fails alone.
        let read = serde_json::from_str(case.get()).map_err(|error| error.to_string());
        let outcome = read.and_then(|case| judge(&case, file.trust, engines));
        (raw::name(case, at), outcome)
    });
    Ok(judged.collect())
}

fn judge(case: &Expected<'_>, trust: &RawValue, engines: &mut Engines) -> Outcome {
    let now = case.now.get().parse();
    let answer = engines.answer(&Case::Chain {
        trust: trust.get().as_bytes(),
        chain: &case.chain,
        now: now.map_err(|_| format!("`now` is {}, which is no integer", case.now.get()))?,
        request: case.request.map(|request| request.get().as_bytes()),
    })?;
    let expect = &case.expect;
    if let Some(fault) = answer.fault {
        return Err(fault);
    }
    if answer.chain.as_deref() != Some(&expect.chain) {
        return Err(format!("expected {}, got {}", expect.chain, said(&answer)));
    }
    if let Some(name) = &expect.error {
        let code = answer.error.as_deref().unwrap_or_default();
        let reason = Reason::ALL.iter().find(|reason| reason.code() == code);
        if !reason.is_some_and(|reason| names::means(name, *reason)) {
            return Err(format!("expected the error `{name}`, got `{code}`"));
        }
    }
    if expect.decision.is_some() && answer.decision != expect.decision {
        return Err(format!("the decision differs: {}", said(&answer)));
    }
    if expect.why.is_some() && answer.why != expect.why {
        let wanted = expect.why.as_deref().unwrap_or_default();
        return Err(format!("expected `{wanted}`, got {}", said(&answer)));
    }
    Ok(())
}

fn said(answer: &Answer) -> String {
    match (&answer.error, answer.decision, &answer.why) {
        (Some(error), _, _) => {
            let block = answer.block.unwrap_or_default();
            format!("a refused chain: `{error}` in block {block}")
        }
        (_, Some(false), Some(why)) => format!("a denial: `{why}`"),
        (_, Some(decision), _) => format!("the decision {decision}"),
        (None, None, _) => "a valid chain without a decision".to_owned(),
    }
}
