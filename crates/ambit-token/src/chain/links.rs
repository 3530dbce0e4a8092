//! Step 5: the times of a block, and how it is bound to its parent block.

use alloc::boxed::Box;

use ambit_core::Reason;
use ambit_core::limits::{CLOCK_SKEW_SECONDS, DELEGATION_DEPTH, Limits, ROOT_LIFE_SECONDS};

use super::claims::Claims;
use super::claims::{DEL_DEPTH, DEL_MAX_DEPTH, EXP, IAT, ISS, JTI, NBF, PAR_HASH};
use super::{Fault, verified::Block};
use crate::{base64url, jwk};

/// `iat` and `nbf` at most the skew ahead, `now < exp`, and a root does not live too long.
///
/// A block that ends before it begins (`exp <= iat`, possible within the skew) is expired: there
/// is no moment at which its issuer meant it to hold.
pub(super) fn check_times(
    claims: &Claims<'_>,
    root: bool,
    now: i64,
    limits: &Limits,
) -> Result<(), Box<Fault>> {
    let (Some(iat), Some(exp)) = (claims.integer(IAT), claims.integer(EXP)) else {
        return Err(Fault::new(
            Reason::TokenClaimExp,
            "the block has no `iat` or `exp`",
        ));
    };
    let skew = limits.clock_skew_seconds.clamp(0, CLOCK_SKEW_SECONDS);
    let latest = now.saturating_add(skew);
    if iat > latest {
        return Err(Fault::claim(
            Reason::TokenIatFuture,
            "iat",
            "is in the future",
        ));
    }
    if claims.integer(NBF).is_some_and(|nbf| nbf > latest) {
        return Err(Fault::claim(Reason::TokenNotYet, "nbf", "is in the future"));
    }
    if now >= exp {
        return Err(Fault::claim(Reason::TokenExpired, "exp", "has passed"));
    }
    if exp <= iat {
        return Err(Fault::claim(
            Reason::TokenExpired,
            "exp",
            "is not after `iat`",
        ));
    }
    let life = limits.root_life_seconds.min(ROOT_LIFE_SECONDS);
    if root && exp.saturating_sub(iat) > life {
        let detail = "is later than a token may live";
        return Err(Fault::claim(Reason::TokenLifetime, "exp", detail));
    }
    Ok(())
}

/// How deep a root says it is, and may be passed on.
pub(super) fn check_root(claims: &Claims<'_>) -> Result<(), Box<Fault>> {
    let deepest = claims.integer(DEL_MAX_DEPTH);
    if claims.integer(DEL_DEPTH) != Some(0) {
        return Err(Fault::claim(
            Reason::ChainDepth,
            "del_depth",
            "is not 0 in the root",
        ));
    }
    if !deepest.is_some_and(|deepest| (0..=DELEGATION_DEPTH).contains(&deepest)) {
        return Err(Fault::claim(
            Reason::ChainDepth,
            "del_max_depth",
            "is not 0 to 4",
        ));
    }
    Ok(())
}

/// What binds a derived block to those before it, apart from its signature.
pub(super) fn check_derived(
    claims: &Claims<'_>,
    before: &[Block<'_>],
    parent: &Block<'_>,
) -> Result<(), Box<Fault>> {
    if claims.integer(EXP) > Some(parent.exp()) {
        let detail = "is later than that of the block before";
        return Err(Fault::claim(Reason::ChainExp, "exp", detail));
    }
    if claims.integer(IAT) < Some(parent.iat()) {
        let detail = "is earlier than that of the block before";
        return Err(Fault::claim(Reason::ChainIat, "iat", detail));
    }
    check_digests(claims, parent)?;
    check_depth(claims, before.len(), parent)?;
    let id = claims.text(JTI);
    if before.iter().any(|block| block.jti() == id) {
        return Err(Fault::claim(
            Reason::ChainJti,
            "jti",
            "stands in two blocks",
        ));
    }
    Ok(())
}

fn check_digests(claims: &Claims<'_>, parent: &Block<'_>) -> Result<(), Box<Fault>> {
    let named = base64url::decode_array(claims.text(PAR_HASH).as_bytes());
    if named != Some(parent.signing_input_s256()) {
        let detail = "is not the digest of the block before";
        return Err(Fault::claim(Reason::ChainParHash, "par_hash", detail));
    }
    let holder = claims
        .text(ISS)
        .strip_prefix(jwk::THUMBPRINT_URN)
        .and_then(|text| base64url::decode_array(text.as_bytes()));
    if holder != Some(parent.holder().thumbprint_bytes()) {
        let detail = "is not the thumbprint of the holder before";
        return Err(Fault::claim(Reason::ChainIss, "iss", detail));
    }
    Ok(())
}

fn check_depth(claims: &Claims<'_>, depth: usize, parent: &Block<'_>) -> Result<(), Box<Fault>> {
    let depth = i64::try_from(depth).ok();
    let deepest = claims.integer(DEL_MAX_DEPTH);
    if claims.integer(DEL_DEPTH) != depth {
        let detail = "is not the block's place in the chain";
        return Err(Fault::claim(Reason::ChainDepth, "del_depth", detail));
    }
    if depth > deepest {
        let detail = "does not allow this block";
        return Err(Fault::claim(Reason::ChainDepth, "del_max_depth", detail));
    }
    if deepest > Some(parent.del_max_depth()) {
        let detail = "is larger than in the block before";
        return Err(Fault::claim(Reason::ChainDepth, "del_max_depth", detail));
    }
    Ok(())
}
