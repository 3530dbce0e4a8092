//! Step 5, the second half: revocation epochs (`revocation-epochs+jwt`), which end whole classes of
//! tokens at once.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::grammar::EPOCHS;
use ambit_core::json::{Document, Json, Profile};
use ambit_core::limits::{CLOCK_SKEW_SECONDS, EPOCHS_BYTES};
use ambit_core::{Reason, foreign};
use ambit_policy::Bundle;
use ambit_token::{
    About, Enrolment, Receipt, Signer, Statement, StatementKind, UnverifiedStatement,
};

use crate::case::Case;
use crate::chain::BundleKeys;
use crate::denial::Denial;

/// How a list is read.
const KIND: StatementKind = StatementKind {
    typ: "revocation-epochs+jwt",
    name: "the epochs",
    bytes: EPOCHS_BYTES,
    form: EPOCHS,
    malformed: Reason::RevocationMalformed,
    alg: Reason::RevocationAlg,
    wrong_typ: Reason::RevocationTyp,
    unknown_key: Reason::RevocationUnknownKey,
    key_role: Reason::RevocationKeyRole,
    signature: Reason::RevocationSignature,
    iat_future: Reason::RevocationIatFuture,
    expired: Reason::RevocationStale,
};

/// A list that was verified.
#[derive(Debug)]
pub(crate) struct Epochs {
    pub(crate) iss: String,
    pub(crate) version: i64,
    /// Keys whose signatures count no more in this decision, by entries whose other members select it.
    ended: Vec<EndedKey>,
    /// The claims, to be read again where a request brings enrolments.
    claims: Vec<u8>,
}

/// A `kid`, a thumbprint, or both, apart from those of the token's own keys: members of a selector are a
/// conjunction over the whole decision, so what the token has is met whoever signs besides.
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
    let holders = match case.request.statements.is_empty() {
        true => Vec::new(),
        false => thumbprints(case),
    };
    for text in &case.request.statements {
        let judged = hear(case, text, &holders, heard);
        verdict = verdict.and(judged);
    }
    verdict?;
    check_heard(case, heard)
}

fn hear(
    case: &Case<'_>,
    text: &str,
    holders: &[String],
    heard: &mut Vec<Epochs>,
) -> Result<(), Denial> {
    let keys = BundleKeys(case.bundle);
    let unverified = KIND.parse(text).map_err(Denial::of_statement)?;
    let (statement, version) = verify(&unverified, &keys)?;
    let mut epochs = Epochs {
        iss: statement.iss().into(),
        version,
        ended: Vec::new(),
        claims: Vec::new(),
    };
    let judged = judge(case, &statement, version, holders).map(|ended| epochs.ended = ended);
    drop(statement);
    epochs.claims = unverified.into_payload();
    heard.push(epochs);
    judged
}

/// A list that its issuer signed, with its version.
fn verify<'a>(
    unverified: &'a UnverifiedStatement<'_>,
    keys: &'a BundleKeys<'_>,
) -> Result<(Statement<'a>, i64), Denial> {
    let statement = KIND
        .verify(unverified, keys)
        .map_err(Denial::of_statement)?;
    // Epochs are the issuer's as a whole: a key that is narrowed in any way makes none.
    KIND.check_role(statement.key(), &About::default())
        .map_err(Denial::of_statement)?;
    let version = statement.claims().get_int("version");
    let version = version.filter(|version| *version >= 0).ok_or_else(|| {
        let admin = "`version` of the epochs is missing or no version";
        Denial::new(Reason::RevocationMalformed, admin)
    })?;
    Ok((statement, version))
}

/// A list that a host fetched, apart from any request.
#[derive(Debug)]
pub struct FetchedEpochs {
    /// Who signed it.
    pub iss: String,
    /// Its version, to be kept whatever is said of the rest.
    pub version: i64,
    /// When it ends (seconds since 1970, UTC), or why a request with it would be denied.
    pub usable: Result<i64, Denial>,
}

/// Reads a list with the keys of a policy as a request that brings it would.
///
/// # Errors
///
/// Why its issuer did not sign it.
pub fn fetched_epochs(bundle: &Bundle<'_>, text: &str, now: i64) -> Result<FetchedEpochs, Denial> {
    let keys = BundleKeys(bundle);
    let unverified = KIND.parse(text).map_err(Denial::of_statement)?;
    let (statement, version) = verify(&unverified, &keys)?;
    let claims = statement.claims();
    let usable = KIND
        .check_form(claims)
        .and_then(|()| KIND.check_times(claims, now))
        .map_err(Denial::of_statement);
    let end = claims.get_int("exp");
    Ok(FetchedEpochs {
        iss: statement.iss().into(),
        version,
        usable: usable.map(|()| end.unwrap_or_default()),
    })
}

/// The keys that the list ends, where it does not end the token itself.
fn judge(
    case: &Case<'_>,
    statement: &Statement<'_>,
    version: i64,
    holders: &[String],
) -> Result<Vec<EndedKey>, Denial> {
    let claims = statement.claims();
    // All is read before one entry is matched: a list with an unknown selector could mean more than we see.
    KIND.check_form(claims).map_err(Denial::of_statement)?;
    let entries = claims.get("entries").unwrap_or_default();
    if !case.steps.take(comparing(case, entries)) {
        return Err(Denial::exhausted());
    }
    let mut ended = Vec::new();
    for entry in entries.elements() {
        if names_token(case, entry) {
            ended.push(EndedKey::of(case, entry, holders));
        }
    }
    if ended.iter().any(EndedKey::signed_token) {
        let admin = format!(
            "version {version} of the epochs of {} names this token",
            foreign(statement.iss())
        );
        return Err(Denial::new(Reason::RevocationRevoked, admin));
    }
    KIND.check_times(claims, case.request.facts.now)
        .map_err(Denial::of_statement)?;
    Ok(ended)
}

/// An entry with `kid` or `jkt` ends every signature that the decision uses: an approver's too.
pub(crate) fn check_receipt(epochs: &[Epochs], receipt: &Receipt) -> Result<(), Denial> {
    let signers = [Signer::of(&receipt.kid, &receipt.signer)];
    match epochs.iter().find(|list| list.ends(&signers)) {
        None => Ok(()),
        Some(list) => Err(list.denial(Reason::RevocationRevoked, "key that signed a receipt")),
    }
}

/// An enrolment counts only beside epochs of its issuer that are in force, and where no list that was
/// heard ends it: itself, its person, or a key on which it rests.
pub(crate) fn check_enrolment(
    case: &Case<'_>,
    epochs: &[Epochs],
    enrolment: &Enrolment<'_>,
) -> Result<(), Denial> {
    let iss = enrolment.text("iss");
    if !epochs.iter().any(|list| list.iss == iss) {
        let admin = format!(
            "`statements` lacks the revocation epochs of {}, who enrolled a key",
            foreign(iss)
        );
        return Err(Denial::new(Reason::EnrolmentEpochs, admin));
    }
    for list in epochs {
        // Reading a byte again is some sixty instructions.
        if !case.steps.take(list.claims.len() / 4) {
            return Err(Denial::exhausted());
        }
        let claims = Document::parse(&list.claims, Profile::Signed);
        let entries = claims.as_ref().map(|claims| claims.root().get("entries"));
        let mut ends = list.ends(enrolment.signers());
        for entry in entries.ok().flatten().unwrap_or_default().elements() {
            ends |= names_enrolment(enrolment, entry);
        }
        if ends {
            return Err(list.denial(Reason::EnrolmentRevoked, "enrolment of a key"));
        }
    }
    Ok(())
}

impl Epochs {
    fn ends(&self, signers: &[Signer]) -> bool {
        self.ended.iter().any(|key| key.signed_by(signers))
    }

    fn denial(&self, reason: Reason, what: &str) -> Denial {
        let admin = format!(
            "version {} of the epochs of {} names the {what}",
            self.version,
            foreign(&self.iss)
        );
        Denial::new(reason, admin)
    }
}

impl EndedKey {
    fn of(case: &Case<'_>, entry: Json<'_>, holders: &[String]) -> Self {
        let selector = entry.get("selector");
        let text = |name| selector?.get(name)?.as_str().map(String::from);
        Self {
            kid: text("kid").filter(|kid| kid != case.token.kid()),
            jkt: text("jkt").filter(|jkt| !holders.contains(jkt)),
        }
    }

    fn signed_by(&self, signers: &[Signer]) -> bool {
        let kid = |kid: &String| signers.iter().any(|signer| signer.kid == *kid);
        let jkt = |jkt: &String| signers.iter().any(|signer| signer.jkt == *jkt);
        self.kid.as_ref().is_none_or(kid) && self.jkt.as_ref().is_none_or(jkt)
    }

    /// Whether the root's signature or a holder's is ended. An entry that names no key ends the token.
    const fn signed_token(&self) -> bool {
        self.kid.is_none() && self.jkt.is_none()
    }
}

/// Whether an entry ends this enrolment: itself, its person, or a key on which it rests. What an enrolment does
/// not say selects none.
fn names_enrolment(enrolment: &Enrolment<'_>, entry: Json<'_>) -> bool {
    let iat = enrolment.claims().get_int("iat");
    let mut named = is_old(entry, iat.unwrap_or_default());
    for (name, value) in entry.get_members("selector") {
        let text = value.as_str().unwrap_or_default();
        named &= match name {
            "jti" | "sub" => enrolment.text(name) == text,
            "kid" => enrolment.signers().iter().any(|signer| signer.kid == text),
            "jkt" => enrolment.rests_on(text),
            _ => false,
        };
    }
    named
}

/// `before + 30`: an issuer's clock may have run ahead.
fn is_old(entry: Json<'_>, iat: i64) -> bool {
    let before = entry.get_int("before");
    before.is_none_or(|before| iat <= before.saturating_add(CLOCK_SKEW_SECONDS))
}

/// Of the key that signed the root, and of those that hold or held the token.
fn thumbprints(case: &Case<'_>) -> Vec<String> {
    let mut all = Vec::with_capacity(8);
    all.push(case.token.issuer_key().thumbprint());
    for block in case.token.blocks() {
        all.push(block.holder().thumbprint());
    }
    all
}

/// Versions never go back, and what the host has seen once must be heard every time: leaving a list
/// out would be the simplest way round it. Of several lists of one issuer the lowest counts: none of
/// them may be older than what was seen.
fn check_heard(case: &Case<'_>, heard: &[Epochs]) -> Result<(), Denial> {
    let is_heard = |iss: &str| heard.iter().any(|epochs| epochs.iss == iss);
    if let Some(iss) = case.bundle.epochs_from().find(|iss| !is_heard(iss)) {
        let admin = format!(
            "`statements` lacks the revocation epochs of {}, which the policy wants with every request",
            foreign(iss)
        );
        return Err(Denial::new(Reason::RevocationMissing, admin));
    }
    let lowest = case.request.facts.min_epochs;
    for (iss, lowest) in lowest.unwrap_or_default().members() {
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
        let selector = entry.get("selector").unwrap_or_default();
        let inner = selector.members().map(|(_, value)| value.len());
        inner.fold(selector.len(), usize::saturating_add)
    });
    let members = members.fold(0, usize::saturating_add);
    members.saturating_mul(widest) / 2
}

/// Whether an entry ends this token, or the signatures in it by the keys that the entry names.
fn names_token(case: &Case<'_>, entry: Json<'_>) -> bool {
    let old = is_old(entry, case.token.iat());
    let selector = entry.get("selector");
    let mut members = selector.unwrap_or_default().members();
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
            let below = value.get_int("below");
            let uid = value.get_str("uid");
            member("uid").and_then(Json::as_str) == uid && version.is_some() && version < below
        }
        _ => at(&[name]) == text,
    }
}
