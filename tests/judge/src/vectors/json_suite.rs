//! JSONTestSuite: what is no JSON is refused; what is JSON is refused only by a rule of our profile
//! that has a name.

use vectors_guest::Case;

use super::Outcome;
use super::engine::Engines;
use super::form::JsonExpectation;

/// The rules of our profile by which a JSON text may be refused; `float` only in signed data.
const PROFILE: [&str; 3] = ["duplicate_member", "depth", "surrogate"];

pub(crate) fn run(bytes: &[u8], expected: JsonExpectation, engines: &mut Engines) -> Outcome {
    let answer = engines.answer(&Case::Json { text: bytes })?;
    for (profile, said) in [("request", &answer.request), ("signed", &answer.signed)] {
        let said = said.as_deref().unwrap_or("nothing");
        let of_profile = PROFILE.contains(&said) || (said == "float" && profile == "signed");
        match expected {
            JsonExpectation::Accept if said != "ok" && !of_profile => {
                return Err(format!("is JSON, and a {profile} reader says `{said}`"));
            }
            JsonExpectation::Refuse if said == "ok" => {
                return Err(format!("is no JSON, and a {profile} reader accepts it"));
            }
            _ => {}
        }
    }
    Ok(())
}
