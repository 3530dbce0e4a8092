//! Whether a token counts here, before anything is asked with it: for hosts that keep sessions.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_policy::Bundle;
use ambit_token::ChainCache;

use crate::denial::Denial;
use crate::open::with_caller;
use crate::{binding, possession, revocation};

/// Who shows a token that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The thumbprint of the key of the last block, where the chain has one.
    pub holder: Option<String>,
    /// Who signed the root.
    pub issuer: String,
    /// For whom it was made.
    pub sub: String,
    /// The class of the agent.
    pub agent: String,
    /// Seconds since 1970 at which the first of its blocks ends.
    pub ends: i64,
    /// What must be remembered of the proof, and until when: it counts once.
    pub proof: Option<(String, i64)>,
}

/// Steps 2 to 5 for a request without arguments, of an action that the token need not allow: whether the token is
/// sound, belongs here, is held by who asks and is in force. It allows nothing, and a proof may name any call.
///
/// # Errors
///
/// The denial of the first step that fails.
pub fn standing(
    bundle: &Bundle<'_>,
    request: &[u8],
    cache: &mut ChainCache,
) -> Result<Standing, Denial> {
    let mut found = None;
    with_caller(bundle, request, cache, &mut |case| {
        let first = |denial: &Denial| Denial::new(denial.reason, denial.admin.clone());
        found = Some(case.map_err(first).and_then(|case| {
            binding::check(case)?;
            let proof = possession::check_for_any(case)?;
            binding::check_status(case)?;
            revocation::check(case, &mut Vec::new())?;
            let once = proof.map(|proof| possession::charge(case, &proof));
            let token = case.token;
            Ok(Standing {
                holder: token.holder().map(|key| key.thumbprint()),
                issuer: token.iss().to_owned(),
                sub: token.sub().to_owned(),
                agent: token.agent_uid().to_owned(),
                ends: token.ends(),
                proof: once.and_then(|once| Some((once.key, once.until?))),
            })
        }));
    });
    found.unwrap_or_else(|| Err(Denial::exhausted()))
}
