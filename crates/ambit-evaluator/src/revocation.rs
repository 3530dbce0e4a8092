//! Step 5, the second half: revocation epochs (`revocation-epochs+jwt`), which end whole classes of
//! tokens at once.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::grammar::{EPOCHS, Form};
use ambit_core::json::Json;
use ambit_core::limits::{CLOCK_SKEW_SECONDS, EPOCHS_BYTES};
use ambit_core::{Reason, foreign};
use ambit_token::{About, Block, Receipt, Statement, StatementFault, UnverifiedStatement};

use crate::case::Case;
use crate::chain::BundleKeys;
use crate::denial::Denial;

const TYP: &str = "revocation-epochs+jwt";

/// A list that was verified: its issuer and version, for the record.
#[derive(Debug)]
pub(crate) struct Epochs {
    pub(crate) iss: String,
    pub(crate) version: i64,
    /// Keys whose signatures count no more in this decision, by entries whose other members select it.
    ended: Vec<EndedKey>,
}

/// A `kid`, a thumbprint, or both.
#[derive(Debug)]
struct EndedKey {
    kid: Option<String>,
    jkt: Option<String>,
}

/// Every list that is given must be usable, and none may name this token. A stale list still
/// revokes what it names; what it does not name, it can no longer clear.
///
/// All lists are looked at, also behind one that denies, and each that its issuer signed goes into
/// `heard` before it is judged: a host remembers what was verified, whatever the verdict is. Else a
/// list that revokes, or one that cannot be used here, could be left out the next time.
pub(crate) fn check(case: &Case<'_>, heard: &mut Vec<Epochs>) -> Result<(), Denial> {
    let mut verdict = Ok(());
    for text in &case.request.statements {
        let judged = hear(case, text, heard);
        verdict = verdict.and(judged);
    }
    verdict?;
    check_heard(case, heard)
}

fn hear(case: &Case<'_>, text: &str, heard: &mut Vec<Epochs>) -> Result<(), Denial> {
    let unverified = UnverifiedStatement::parse(text, EPOCHS_BYTES).map_err(fault)?;
    let keys = BundleKeys(case.bundle);
    let statement = unverified.verify(TYP, &keys).map_err(fault)?;
    // Epochs are the issuer's as a whole: a key that is narrowed in any way makes none.
    statement.check_role(&About::default()).map_err(fault)?;
    let version = statement.claims().get("version").and_then(Json::as_int);
    let version = version.filter(|version| *version >= 0).ok_or_else(|| {
        let admin = "`version` of the epochs is missing or no version";
        Denial::new(Reason::RevocationMalformed, admin)
    })?;
    let mut epochs = Epochs {
        iss: statement.iss().into(),
        version,
        ended: Vec::new(),
    };
    let judged = judge(case, &statement, version).map(|ended| epochs.ended = ended);
    heard.push(epochs);
    judged
}

/// The keys that the list ends, where it does not end the token itself.
fn judge(
    case: &Case<'_>,
    statement: &Statement<'_>,
    version: i64,
) -> Result<Vec<EndedKey>, Denial> {
    let claims = statement.claims();
    // All is read before one entry is matched: a list with an unknown selector could mean more than we see.
    Form::Object(EPOCHS)
        .check(claims)
        .map_err(|fault| Denial::new(Reason::RevocationMalformed, fault.within("the epochs")))?;
    let integer = |name| claims.get(name).and_then(Json::as_int).unwrap_or_default();
    let (iat, exp) = (integer("iat"), integer("exp"));
    let entries = claims.get("entries").unwrap_or(Json::null());
    if !case.steps.take(comparing(case, entries)) {
        return Err(Denial::exhausted());
    }
    let ended: Vec<EndedKey> = entries
        .elements()
        .filter(|entry| names_token(case, *entry))
        .map(EndedKey::of)
        .collect();
    if ended.iter().any(|key| key.signed_token(case)) {
        let admin = format!(
            "version {version} of the epochs of {} names this token",
            foreign(statement.iss())
        );
        return Err(Denial::new(Reason::RevocationRevoked, admin));
    }
    let now = case.request.facts.now;
    if iat > now.saturating_add(CLOCK_SKEW_SECONDS) {
        let admin = "the `iat` of revocation epochs is in the future";
        return Err(Denial::new(Reason::RevocationIatFuture, admin));
    }
    if now >= exp || exp <= iat {
        let admin = "the revocation epochs have ended; fetch newer ones";
        return Err(Denial::new(Reason::RevocationStale, admin));
    }
    Ok(ended)
}

/// An entry with `kid` or `jkt` ends every signature that the decision uses: an approver's too.
pub(crate) fn check_signer(
    case: &Case<'_>,
    epochs: &[Epochs],
    receipt: &Receipt,
) -> Result<(), Denial> {
    let ended = |key: &EndedKey| {
        let kid = |kid: &String| *kid == receipt.kid || kid == case.token.kid();
        let jkt = |jkt: &String| *jkt == receipt.signer.thumbprint() || signs_token(case, jkt);
        key.kid.as_ref().is_none_or(kid) && key.jkt.as_ref().is_none_or(jkt)
    };
    let Some(list) = epochs.iter().find(|list| list.ended.iter().any(ended)) else {
        return Ok(());
    };
    let admin = format!(
        "version {} of the epochs of {} names the key that signed a receipt",
        list.version,
        foreign(&list.iss)
    );
    Err(Denial::new(Reason::RevocationRevoked, admin))
}

impl EndedKey {
    fn of(entry: Json<'_>) -> Self {
        let selector = entry.get("selector");
        let text = |name| selector?.get(name)?.as_str().map(String::from);
        Self {
            kid: text("kid"),
            jkt: text("jkt"),
        }
    }

    /// Whether the root's signature or a holder's is ended. An entry that names no key ends the token.
    fn signed_token(&self, case: &Case<'_>) -> bool {
        self.kid.as_ref().is_none_or(|kid| kid == case.token.kid())
            && self.jkt.as_ref().is_none_or(|jkt| signs_token(case, jkt))
    }
}

/// Whether the key with this thumbprint signed the root, or holds or held the token.
fn signs_token(case: &Case<'_>, thumbprint: &str) -> bool {
    let mut holders = case.token.blocks().iter().map(Block::holder);
    holders.any(|holder| holder.thumbprint() == thumbprint)
        || case.token.issuer_key().thumbprint() == thumbprint
}

/// Versions never go back, and what the host has seen once must be heard every time: leaving a list
/// out would be the simplest way round it. Of several lists of one issuer the lowest counts: none of
/// them may be older than what was seen.
fn check_heard(case: &Case<'_>, heard: &[Epochs]) -> Result<(), Denial> {
    let lowest = case.request.facts.min_epochs;
    for (iss, lowest) in lowest.into_iter().flat_map(Json::members) {
        let version = heard.iter().filter(|epochs| epochs.iss == iss);
        let Some(version) = version.map(|epochs| epochs.version).min() else {
            let admin = format!(
                "`statements` lacks the revocation epochs of {}",
                foreign(iss)
            );
            return Err(Denial::new(Reason::RevocationMissing, admin));
        };
        if Some(version) < lowest.as_int() {
            let admin = format!(
                "version {version} of the epochs of {} is below `facts.min_versions.epochs`",
                foreign(iss)
            );
            return Err(Denial::new(Reason::RevocationRollback, admin));
        }
    }
    Ok(())
}

/// Steps for comparing all entries with the token: each member of a selector is looked for among the
/// claims, or among those of one claim.
fn comparing(case: &Case<'_>, entries: Json<'_>) -> usize {
    let root = case.token.root();
    let model = root.get("agent").and_then(|agent| agent.get("ai_model"));
    let widest = root.len().max(model.map_or(0, Json::len));
    let members = entries.elements().map(|entry| {
        let selector = entry.get("selector").unwrap_or(Json::null());
        let inner = selector.members().map(|(_, value)| value.len());
        inner.fold(selector.len(), usize::saturating_add)
    });
    let members = members.fold(0, usize::saturating_add);
    members.saturating_mul(widest) / 2
}

/// Whether an entry ends this token, or the signatures in it by the keys that the entry names.
fn names_token(case: &Case<'_>, entry: Json<'_>) -> bool {
    let before = entry.get("before").and_then(Json::as_int);
    // `before + 30`: an issuer's clock may have run ahead.
    let old =
        before.is_none_or(|before| case.token.iat() <= before.saturating_add(CLOCK_SKEW_SECONDS));
    let selector = entry.get("selector");
    let mut members = selector.into_iter().flat_map(Json::members);
    old && members.all(|(name, value)| selects(case, name, value))
}

fn selects(case: &Case<'_>, name: &str, value: Json<'_>) -> bool {
    let root = case.token.root();
    let at = |path: &[&str]| {
        path.iter()
            .try_fold(root, |value, member| value.get(member))
            .and_then(Json::as_str)
    };
    let text = value.as_str();
    match name {
        // Any block's: a passed-on token ends with the block that is named.
        "jti" => {
            let mut blocks = case.token.blocks().iter();
            blocks.any(|block| Some(block.jti()) == text)
        }
        // Judged apart, for they name keys of whoever signed anything.
        "jkt" | "kid" => true,
        "act.sub" => at(&["act", "sub"]) == text,
        "agent.uid" => at(&["agent", "uid"]) == text,
        "agent.ai_model" => value
            .members()
            .all(|(name, value)| at(&["agent", "ai_model", name]) == value.as_str()),
        "policy" => {
            let policy = root.get("policy");
            let member = |name| policy.and_then(|policy| policy.get(name));
            let version = member("version").and_then(Json::as_int);
            let below = value.get("below").and_then(Json::as_int);
            let uid = value.get("uid").and_then(Json::as_str);
            member("uid").and_then(Json::as_str) == uid && version.is_some() && version < below
        }
        _ => at(&[name]) == text,
    }
}

fn fault(fault: StatementFault) -> Denial {
    let reason = match fault {
        StatementFault::Alg => Reason::RevocationAlg,
        StatementFault::Typ => Reason::RevocationTyp,
        StatementFault::UnknownKey => Reason::RevocationUnknownKey,
        StatementFault::Role => Reason::RevocationKeyRole,
        StatementFault::Signature => Reason::RevocationSignature,
        _ => Reason::RevocationMalformed,
    };
    Denial::new(reason, fault.detail())
}
