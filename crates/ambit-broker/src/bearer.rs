//! Who uses a token of ours here: the one that has its key (RFC 9449, section 7).

use ambit_core::json::{Document, Profile};
use ambit_gateway::http::Heard;
use ambit_token::PublicKey;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::Value;

use crate::broker::Broker;
use crate::proof;
use crate::refusal::Refusal;
use crate::revoke;
use crate::secret::digest;
use crate::store::{Once, use_once};

/// Who uses a token here.
#[derive(Debug)]
pub(crate) struct Bearer<'h> {
    pub(crate) token: &'h str,
    pub(crate) jti: String,
    pub(crate) client: String,
    pub(crate) sub: String,
    pub(crate) exp: i64,
    pub(crate) claims: Value,
    pub(crate) proof: Once,
}

impl Broker {
    /// Whoever holds one of our tokens that still counts. A token that was passed on is none of ours: who passed it
    /// on asks.
    pub(crate) fn bearer<'h>(
        &self,
        heard: &'h Heard,
        path: &str,
        now: i64,
    ) -> Result<Bearer<'h>, Refusal> {
        let given = heard.header("authorization").ok().flatten();
        let (scheme, token) = given
            .and_then(|it| it.split_once(' '))
            .ok_or_else(unknown)?;
        if !scheme.eq_ignore_ascii_case("DPoP") {
            return Err(unknown());
        }
        let proved = proof::check_with(heard, &self.url(path), token, &self.own, now)?;
        let row = self.store.step(|tables| counts(tables, token, now))?;
        let (jti, client, sub, exp) = row.ok_or_else(unknown)?;
        // It is one that we signed, to the last letter.
        let claims = revoke::claims(token)?;
        let holder = claims["cnf"]["jwk"].to_string();
        let holder = Document::parse(holder.as_bytes(), Profile::Signed).ok();
        let holder = holder.and_then(|jwk| PublicKey::from_jwk(jwk.root()));
        let holds = |key: PublicKey| key.thumbprint() == proved.key.thumbprint();
        if !holder.is_some_and(holds) {
            let detail = "the proof is by another key than that of the token";
            return Err(Refusal::new("invalid_dpop_proof", "possession.key", detail));
        }
        Ok(Bearer {
            token,
            jti,
            client,
            sub,
            exp,
            claims,
            proof: proved.once,
        })
    }
}

type Row = (String, String, String, i64);

/// The token, if it is one of ours, to the last letter, and in force.
fn counts(tables: &Transaction<'_>, token: &str, now: i64) -> Result<Option<Row>, Refusal> {
    let row = tables.query_row(
        "SELECT jti, client, sub, exp FROM token
         WHERE input = ?1 AND whole = ?2 AND revoked IS NULL AND exp > ?3",
        params![revoke::input(token), digest(token), now],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    );
    Ok(row.optional()?)
}

/// The proof counts once, and the token still.
pub(crate) fn used(
    tables: &Transaction<'_>,
    bearer: &Bearer<'_>,
    now: i64,
) -> Result<Result<(), Refusal>, Refusal> {
    if !use_once(tables, &bearer.proof)? {
        let detail = "the proof was used before: make one for each request";
        return Ok(Err(Refusal::new(
            "invalid_dpop_proof",
            "possession.used",
            detail,
        )));
    }
    still(tables, bearer, now)
}

/// The token still counts.
pub(crate) fn still(
    tables: &Transaction<'_>,
    bearer: &Bearer<'_>,
    now: i64,
) -> Result<Result<(), Refusal>, Refusal> {
    Ok(counts(tables, bearer.token, now)?
        .map(drop)
        .ok_or_else(unknown))
}

/// One answer for whatever is wrong with a token.
pub(crate) fn unknown() -> Refusal {
    let detail = "`Authorization: DPoP …` is no token of this broker that counts";
    Refusal::new("invalid_token", "broker.token", detail)
}
