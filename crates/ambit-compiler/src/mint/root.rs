//! A root: what an issuer grants.

use ambit_core::Reason;
use ambit_core::capability::{Place, well_formed};
use ambit_core::constraint::leaves_nothing;
use ambit_core::grammar::CLAIMS;
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_policy::{Bundle, Manifest, overlaps};
use ambit_token::PublicKey;
use serde_json::{Map, Value, json};

use super::{Draft, Filler, consent, read_claims};
use crate::encoding::base64url;
use crate::error::CompileError;
use crate::keys::Signer;
use crate::{sets, suggest};

/// What is filled into the claims of a root.
#[derive(Clone, Copy, Debug, Default)]
pub struct RootOptions<'a> {
    /// Seconds since 1970.
    pub now: i64,
    /// Seconds that the token lives, when the claims have no `exp`.
    pub life: Option<i64>,
    /// The public key of who will hold the token, when the claims have no `cnf`.
    pub holder: Option<PublicKey>,
    /// The `kid` of the header; else the key's own.
    pub kid: Option<&'a str>,
    /// Whether to bind the token to this policy, when the claims have no `policy`.
    pub bind_policy: bool,
    /// Receipts of kind `grant`, each a person's yes to exactly this token: needed where the manifest
    /// asks for consent. Each makes one token ([`Draft::sign_once`]).
    pub receipts: &'a [String],
    /// A JSON array of the capabilities that the person was told to have granted before, where the
    /// difference was shown.
    pub granted: Option<&'a str>,
}

/// Prepares a root out of claims as JSON.
///
/// Filled in where missing: `iss` (of the policy's key), `iat`, `exp` (from `life`), `jti`, `cnf`
/// (from `holder`), `policy` (if asked), `del_depth` and `del_max_depth` (0), `approval` (of the first
/// receipt).
///
/// # Errors
///
/// `mint.claims` for what is not a JSON object of our profile; `token.claim_unknown`; `mint.exp`, `mint.life`,
/// `mint.holder`; `policy.expired`; `mint.entry` and `mint.contradiction` for a capability that could
/// never match; `mint.like` for a pattern that bounds nothing; `mint.except` for a bound that leaves nothing; `mint.approver` for one that names an approver whom the manifest does not name;
/// `mint.audience` for one with limits in a token for several audiences;
/// `policy.uid`, `policy.version` for a binding to another policy; `manifest.none`,
/// `manifest.life`, `manifest.depth` when the agent may not have such a token; with receipts,
/// `approval.…` for one that is no yes to exactly these claims, `describe.…` when they have no
/// text that could be consented to, and `mint.consent` for a capability that lacks a yes. Without
/// receipts there is a draft, for people to read, that [`Draft::sign`] does not sign.
pub fn root<'a>(
    claims: &str,
    key: &'a dyn Signer,
    bundle: &'a Bundle<'a>,
    options: &RootOptions<'a>,
) -> Result<Draft<'a>, CompileError> {
    if options.now >= bundle.expires() {
        return Err(CompileError::new(
            "policy.expired",
            "the policy has expired",
        ));
    }
    let kid = options.kid.unwrap_or_else(|| key.kid());
    let mut filled = fill(claims, key, kid, bundle, options)?;
    let text = Value::Object(filled.claims.clone()).to_string();
    let document = Document::parse(text.as_bytes(), Profile::Signed)
        .map_err(|error| CompileError::new("mint.claims", format!("claims: {error}")))?;
    check_policy(document.root(), bundle)?;
    let exceeds = check_entries(document.root(), bundle)?;
    let consent = consent::judge(&mut filled, document.root(), bundle, options)?;
    Ok(Draft {
        claims: filled.claims,
        filled: filled.filled,
        exceeds,
        consent,
        key,
        kid: Some(kid),
        parent: None,
        bundle: Some(bundle),
        now: options.now,
    })
}

fn fill(
    claims: &str,
    key: &dyn Signer,
    kid: &str,
    bundle: &Bundle<'_>,
    options: &RootOptions<'_>,
) -> Result<Filler, CompileError> {
    let mut filler = Filler {
        claims: read_claims(claims)?,
        filled: Vec::new(),
    };
    check_known(&filler.claims)?;
    let x = key.x();
    let known = bundle.keys(kid).filter(|known| known.x() == x);
    let issuers: Vec<&str> = known.map(|known| known.iss()).collect();
    if let [issuer] = issuers.as_slice() {
        filler.fill("iss", || Value::from(*issuer));
    }
    filler.fill("iat", || Value::from(options.now));
    filler.fill_exp(options.now, options.life)?;
    if !filler.claims.contains_key("exp") {
        let message =
            "how long may the token live? give its life in seconds, or `exp` in the claims";
        return Err(CompileError::new("mint.exp", message));
    }
    filler.fill_jti()?;
    filler.fill_holder(options.holder)?;
    if options.bind_policy {
        filler.fill("policy", || {
            json!({
                "uid": bundle.uid(),
                "version": bundle.version(),
                "s256": base64url(bundle.digest()),
            })
        });
    }
    filler.fill("del_depth", || Value::from(0));
    filler.fill("del_max_depth", || Value::from(0));
    Ok(filler)
}

/// The verifier does not repeat a name that it does not know, since anybody may send it. Here a person
/// wrote it, and looks for it.
fn check_known(claims: &Map<String, Value>) -> Result<(), CompileError> {
    let names = CLAIMS.iter().map(|claim| claim.name);
    let unknown = |name: &&String| !names.clone().any(|known| known == name.as_str());
    let Some(unknown) = claims.keys().find(unknown) else {
        return Ok(());
    };
    let help = suggest::help(unknown, names.clone());
    let message = format!("the token would be refused: `{unknown}` is not a claim; {help}");
    Err(CompileError::new(Reason::TokenClaimUnknown.code(), message))
}

/// A binding that this policy would refuse.
fn check_policy(claims: Json<'_>, bundle: &Bundle<'_>) -> Result<(), CompileError> {
    let Some(policy) = claims.get("policy") else {
        return Ok(());
    };
    let uid = policy.get("uid").and_then(Json::as_str);
    if uid.is_some_and(|uid| uid != bundle.uid()) {
        let message = format!("`policy.uid` is not `{}`", bundle.uid());
        return Err(CompileError::new("policy.uid", message));
    }
    let accepted = bundle.tokens_from_version()..=bundle.version();
    let version = policy.get("version").and_then(Json::as_int);
    if version.is_some_and(|version| !accepted.contains(&version)) {
        let message = format!(
            "`policy.version` is not between {} and {}",
            accepted.start(),
            accepted.end()
        );
        return Err(CompileError::new("policy.version", message));
    }
    let digest = policy.get("s256").and_then(Json::as_str);
    let exact = policy.get("exact").and_then(Json::as_bool) == Some(true);
    let compared = exact || version == Some(bundle.version());
    if compared && digest.is_some_and(|digest| digest != base64url(bundle.digest())) {
        let message = "`policy.s256` is not the digest of this policy";
        return Err(CompileError::new("policy.digest", message));
    }
    Ok(())
}

/// Every capability must be able to match; what exceeds the manifest is said in words.
fn check_entries(claims: Json<'_>, bundle: &Bundle<'_>) -> Result<Vec<String>, CompileError> {
    let agent = claims.get("agent").and_then(|agent| agent.get("uid"));
    let agent = agent.and_then(Json::as_str).unwrap_or_default();
    let manifest = bundle.manifest(agent).ok_or_else(|| {
        let message = format!("the policy has no manifest for the agent `{agent}`");
        CompileError::new("manifest.none", message)
    })?;
    check_bounds(claims, manifest)?;
    for name in ["aud", "amr"] {
        if claims.get(name).is_some_and(Json::has_repeated_text) {
            let message = format!("`{name}` names something twice");
            return Err(CompileError::new("mint.claims", message));
        }
    }
    let entries = claims.get("authorization_details");
    let mut exceeds = posture(claims, manifest);
    for (at, entry) in entries.into_iter().flat_map(Json::elements).enumerate() {
        check_form(entry, at, Place::Root)?;
        check_approvers(entry, at, claims.get("sub"), manifest)?;
        if entry.get("limits").is_some() && claims.get("aud").is_none_or(|aud| aud.len() > 1) {
            let message = format!(
                "capability {} has limits, which each audience would count anew: name exactly one `aud`",
                at + 1
            );
            return Err(CompileError::new("mint.audience", message));
        }
        check_fit(entry, at, bundle)?;
        beyond(entry, manifest, &mut exceeds);
    }
    exceeds.dedup();
    Ok(exceeds)
}

/// A set that names something twice means nothing more by it: whoever signs it has made a mistake.
fn check_sets(entry: Json<'_>, at: usize) -> Result<(), CompileError> {
    let days = entry.get("hours").and_then(|one| one.get("days"));
    let acr = entry.get("requires").and_then(|one| one.get("acr"));
    let names = ["actions", "privileges", "locations", "datatypes"];
    let repeated = names
        .into_iter()
        .map(|name| (name, entry.get(name)))
        .chain([("requires.acr", acr), ("hours.days", days)])
        .find(|(_, list)| list.is_some_and(Json::has_repeated_text));
    let place = match repeated {
        Some((name, _)) => Some(name.to_owned()),
        None => repeated_value(entry),
    };
    let Some(place) = place else {
        return Ok(());
    };
    let message = format!("capability {} names something twice in `{place}`", at + 1);
    Err(CompileError::new("mint.entry", message))
}

/// The argument and the list of its constraint.
fn repeated_value(entry: Json<'_>) -> Option<String> {
    let constraints = entry.get("constraints").into_iter().flat_map(Json::members);
    let repeated = |(name, constraint): (&str, Json<'_>)| {
        let mut written = Writer::default();
        written.json(constraint);
        let constraint: Value = serde_json::from_str(written.as_str()).ok()?;
        let list = sets::repeated_in(&constraint)?;
        Some(format!("constraints.{name}.{list}"))
    };
    constraints.filter_map(repeated).next()
}

pub(super) fn check_form(entry: Json<'_>, at: usize, place: Place) -> Result<(), CompileError> {
    if well_formed(entry, place) {
        return check_sets(entry, at).and_then(|()| check_except(entry, at));
    }
    let message = format!(
        "capability {} is malformed, so it would never match: look at its members, at its constraints, and for empty lists and approvers who are named twice",
        at + 1
    );
    Err(CompileError::new("mint.entry", message))
}

/// A bound that leaves out all that it lists.
fn check_except(entry: Json<'_>, at: usize) -> Result<(), CompileError> {
    let mut constraints = entry.get_members("constraints");
    let Some((name, _)) = constraints.find(|(_, spec)| leaves_nothing(*spec)) else {
        return Ok(());
    };
    let message = format!(
        "capability {}, `constraints.{name}`: its `except` leaves nothing of what it lists, so it would never match: leave out less, or take the capability out",
        at + 1
    );
    Err(CompileError::new("mint.except", message))
}

/// Who asks for a token does not choose who says yes to its calls: the manifest does.
fn check_approvers(
    entry: Json<'_>,
    at: usize,
    sub: Option<Json<'_>>,
    manifest: Manifest<'_>,
) -> Result<(), CompileError> {
    let named: Vec<&str> = manifest.beside(entry).flat_map(approvers).collect();
    let sub = sub.and_then(Json::as_str);
    let stranger = approvers(entry).find(|one| Some(*one) != sub && !named.contains(one));
    let Some(stranger) = stranger else {
        return Ok(());
    };
    let message = format!(
        "capability {} names the approver `{stranger}`, whom the agent's manifest does not name for it: add the person to `requires` or `consent` of the manifest, or leave it out here",
        at + 1
    );
    Err(CompileError::new("mint.approver", message))
}

/// The people whom `requires` or `consent` of an entry names.
fn approvers(entry: Json<'_>) -> impl Iterator<Item = &str> {
    let requires = entry.get("requires").and_then(|one| one.get("approval"));
    let demands = [requires, entry.get("consent")].into_iter().flatten();
    let named = demands.filter_map(|demand| demand.get("approvers"));
    named.flat_map(Json::elements).filter_map(Json::as_str)
}

/// A bound that the vocabulary contradicts: the evaluator would not use such a capability. And one that bounds
/// less than whoever reads it thinks.
pub(super) fn check_fit(
    entry: Json<'_>,
    at: usize,
    bundle: &Bundle<'_>,
) -> Result<(), CompileError> {
    let Some(found) = bundle.contradiction(entry) else {
        return check_like(entry, at, bundle);
    };
    let message = format!(
        "capability {}, `{}`, would never match: {}",
        at + 1,
        found.member,
        found.detail
    );
    Err(CompileError::new("mint.contradiction", message))
}

fn check_like(entry: Json<'_>, at: usize, bundle: &Bundle<'_>) -> Result<(), CompileError> {
    let Some(found) = bundle.like_trap(entry) else {
        return Ok(());
    };
    let message = format!(
        "capability {}, `{}`: {}",
        at + 1,
        found.member,
        found.detail
    );
    Err(CompileError::new("mint.like", message))
}

fn check_bounds(claims: Json<'_>, manifest: Manifest<'_>) -> Result<(), CompileError> {
    let integer = |name: &str| claims.get(name).and_then(Json::as_int);
    let life = integer("exp").zip(integer("iat"));
    let life = life.and_then(|(exp, iat)| exp.checked_sub(iat));
    if let (Some(life), Some(most)) = (life, manifest.max_life_seconds())
        && life > most
    {
        let message =
            format!("the token would live {life} s; this agent may have one for {most} s");
        return Err(CompileError::new("manifest.life", message));
    }
    let depth = integer("del_max_depth").unwrap_or(0);
    if depth > manifest.max_depth() {
        let most = manifest.max_depth();
        let message =
            format!("`del_max_depth` is {depth}; this agent may pass a token on {most} times");
        return Err(CompileError::new("manifest.depth", message));
    }
    Ok(())
}

/// The model, environment and version in which the manifest lets the agent run. With another one, or
/// none, every request is denied.
fn posture(claims: Json<'_>, manifest: Manifest<'_>) -> Vec<String> {
    let mut words = Vec::new();
    let agent = claims.get("agent");
    let member = |name| agent.and_then(|agent| agent.get(name));
    let model = member("ai_model").and_then(|model| model.get("name"));
    for (list, name, given) in [
        ("models", "agent.ai_model.name", model),
        ("environments", "agent.env", member("env")),
        ("versions", "agent.version", member("version")),
    ] {
        let given = given.and_then(Json::as_str);
        if !manifest.admits(list, given) {
            let known = manifest.list(list).into_iter().flatten();
            words.push(format!(
                "`{name}` is {}, and the manifest wants {}: every request is denied",
                given.map_or_else(|| "missing".to_owned(), |given| format!("`{given}`")),
                suggest::one_of(known.filter_map(Json::as_str)),
            ));
        }
    }
    words
}

/// Says which uses of an entry no capability of the manifest covers. Bounds on arguments are not
/// compared: the evaluator applies both.
fn beyond(entry: Json<'_>, manifest: Manifest<'_>, out: &mut Vec<String>) {
    let purpose = entry
        .get("purpose")
        .and_then(Json::as_str)
        .unwrap_or_default();
    for action in texts(entry, "actions") {
        for power in texts(entry, "privileges") {
            let covered = manifest.capabilities().any(|known| {
                texts(known, "actions").any(|one| one == action)
                    && texts(known, "privileges").any(|one| one == power)
                    && known.get("purpose").and_then(Json::as_str) == Some(purpose)
                    && overlaps(known, entry)
            });
            if !covered {
                out.push(format!(
                    "the manifest lets this agent never `{power}` `{action}` for `{purpose}` on what the token names"
                ));
            }
        }
    }
}

fn texts<'a>(entry: Json<'a>, list: &str) -> impl Iterator<Item = &'a str> {
    let list = entry.get(list).map(Json::elements);
    list.into_iter().flatten().filter_map(Json::as_str)
}
