//! A further block: what a holder passes on, offline.

use ambit_core::capability::Place;
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_core::limits::TOKEN_BLOCKS;
use ambit_policy::Bundle;
use ambit_token::PublicKey;
use ambit_token::jwk::THUMBPRINT_URN;
use serde_json::{Map, Value};

use super::consent::Consent;
use super::root::{check_fit, check_form};
use super::{Draft, Filler, read_claims};
use crate::encoding::{base64url, from_base64url, sha256};
use crate::error::CompileError;
use crate::keys::Signer;

/// What is filled into the claims of a further block.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttenuateOptions<'a> {
    /// Seconds since 1970.
    pub now: i64,
    /// Seconds that the block lives, when the claims have no `exp`; never beyond its parent.
    pub life: Option<i64>,
    /// The public key of who will hold the chain, when the claims have no `cnf`.
    pub holder: Option<PublicKey>,
    /// The policy, to verify the whole chain; without it the new block alone is verified.
    pub bundle: Option<&'a Bundle<'a>>,
}

/// Members that the caller may write; the rest follows from the chain.
const MAY: &[&str] = &[
    "authorization_details",
    "aud",
    "act",
    "approval",
    "exp",
    "nbf",
    "iat",
    "jti",
    "cnf",
    "del_max_depth",
];

/// Prepares a block that narrows `chain`, to be signed by the key that holds it.
///
/// `claims` has `authorization_details` and may have `aud`, `act`, `approval`, `exp`, `nbf`, `iat`,
/// `jti`, `cnf`, `del_max_depth`. Everything else is derived from the chain.
///
/// # Errors
///
/// `mint.claims`, `mint.holder` (the key does not hold the chain, or no next holder is given),
/// `mint.entry`, `mint.except`, `mint.contradiction` and `mint.like` (where the policy is given), `token.format` for what is no chain, `token.expired`, `chain.depth`,
/// `chain.exp_extended`, `chain.jti`.
pub fn attenuate<'a>(
    chain: &'a str,
    key: &'a dyn Signer,
    claims: &str,
    options: &AttenuateOptions<'a>,
) -> Result<Draft<'a>, CompileError> {
    let parents = blocks(chain)?;
    let parent = parents.last().ok_or_else(no_chain)?;
    let mut filler = Filler {
        claims: read_claims(claims)?,
        filled: Vec::new(),
    };
    if let Some(other) = filler
        .claims
        .keys()
        .find(|name| !MAY.contains(&name.as_str()))
    {
        let message =
            format!("`{other}` does not belong in a passed-on block, or follows from the chain");
        return Err(CompileError::new("mint.claims", message));
    }
    check_holder(parent, key)?;
    fill(&mut filler, parent, parents.len(), key, options)?;
    compare(&filler, &parents)?;
    check_audience(&filler.claims)?;
    check_entries(&filler.claims, &parents, options.bundle)?;
    Ok(Draft {
        claims: filler.claims,
        filled: filler.filled,
        exceeds: Vec::new(),
        consent: Consent::default(),
        key,
        kid: None,
        parent: Some(chain),
        bundle: options.bundle,
        now: options.now,
    })
}

/// A block of the chain, unverified.
struct Parent<'a> {
    signing_input: &'a str,
    claims: Map<String, Value>,
}

impl Parent<'_> {
    fn integer(&self, name: &str) -> Result<i64, CompileError> {
        let value = self.claims.get(name).and_then(Value::as_i64);
        value.ok_or_else(no_chain)
    }
}

fn no_chain() -> CompileError {
    CompileError::new("token.format", "this is not a capability chain")
}

fn blocks(chain: &str) -> Result<Vec<Parent<'_>>, CompileError> {
    let read = |block| -> Option<Parent<'_>> {
        let (signing_input, _) = str::rsplit_once(block, '.')?;
        let (_, payload) = signing_input.split_once('.')?;
        let claims = String::from_utf8(from_base64url(payload)?).ok()?;
        Some(Parent {
            signing_input,
            claims: read_claims(&claims).ok()?,
        })
    };
    let blocks: Option<Vec<Parent<'_>>> = chain.split('~').map(read).collect();
    blocks.ok_or_else(no_chain)
}

fn check_holder(parent: &Parent<'_>, key: &dyn Signer) -> Result<(), CompileError> {
    let cnf = parent
        .claims
        .get("cnf")
        .map(Value::to_string)
        .unwrap_or_default();
    let document = Document::parse(cnf.as_bytes(), Profile::Signed);
    let held = document.is_ok_and(|cnf| {
        let jwk = cnf.root().get("jwk");
        jwk.and_then(PublicKey::from_jwk) == Some(key.public())
    });
    if held {
        return Ok(());
    }
    let message = format!(
        "the key `{}` does not hold this token: its `cnf` names another",
        key.kid()
    );
    Err(CompileError::new("mint.holder", message))
}

fn fill(
    filler: &mut Filler,
    parent: &Parent<'_>,
    depth: usize,
    key: &dyn Signer,
    options: &AttenuateOptions<'_>,
) -> Result<(), CompileError> {
    let end = parent.integer("exp")?;
    if options.now >= end {
        return Err(CompileError::new("token.expired", "the token has expired"));
    }
    // A parent's `iat` may be ahead of this clock by the allowed skew; a child is never older.
    let iat = options.now.max(parent.integer("iat")?);
    filler.fill("iss", || {
        Value::from(format!("{THUMBPRINT_URN}{}", key.public().thumbprint()))
    });
    filler.fill("iat", || Value::from(iat));
    let life = options.life.map(|life| life.min(end.saturating_sub(iat)));
    filler.fill_exp(options.now, life)?;
    filler.fill("exp", || Value::from(end));
    filler.fill_jti()?;
    filler.fill_holder(options.holder)?;
    filler.fill("del_depth", || Value::from(depth));
    let most = parent.integer("del_max_depth")?;
    filler.fill("del_max_depth", || Value::from(most));
    let hash = sha256(parent.signing_input.as_bytes());
    filler.fill("par_hash", || Value::from(base64url(&hash)));
    Ok(())
}

fn check_audience(claims: &Map<String, Value>) -> Result<(), CompileError> {
    let audience = claims.get("aud").map(Value::to_string).unwrap_or_default();
    let audience = Document::parse(audience.as_bytes(), Profile::Signed);
    if audience.is_ok_and(|audience| audience.root().has_repeated_text()) {
        return Err(CompileError::new(
            "mint.claims",
            "`aud` names something twice",
        ));
    }
    Ok(())
}

/// What binds a block to the chain before it (docs/token.md, step 5).
fn compare(filler: &Filler, parents: &[Parent<'_>]) -> Result<(), CompileError> {
    let parent = parents.last().ok_or_else(no_chain)?;
    let depth = i64::try_from(parents.len()).unwrap_or(i64::MAX);
    let most = parent.integer("del_max_depth")?;
    if depth > most || parents.len() >= TOKEN_BLOCKS {
        let message =
            format!("the token may be passed on {most} times, and this would be the {depth}.");
        return Err(CompileError::new("chain.depth", message));
    }
    let wanted = filler.integer("del_max_depth").unwrap_or(most);
    if !(depth..=most).contains(&wanted) {
        let message = format!("`del_max_depth` must be between {depth} and {most}");
        return Err(CompileError::new("chain.depth", message));
    }
    if filler
        .integer("exp")
        .is_none_or(|exp| parent.integer("exp").is_ok_and(|end| exp > end))
    {
        let message = format!(
            "`exp` is after that of the token, {}",
            parent.integer("exp")?
        );
        return Err(CompileError::new("chain.exp_extended", message));
    }
    if filler
        .integer("iat")
        .is_none_or(|iat| parent.integer("iat").is_ok_and(|from| iat < from))
    {
        let message = "`iat` is before that of the token";
        return Err(CompileError::new("chain.iat_before_parent", message));
    }
    let jti = filler.claims.get("jti");
    if parents.iter().any(|block| block.claims.get("jti") == jti) {
        let message = "`jti` is that of a block before";
        return Err(CompileError::new("chain.jti", message));
    }
    Ok(())
}

fn check_entries(
    claims: &Map<String, Value>,
    parents: &[Parent<'_>],
    bundle: Option<&Bundle<'_>>,
) -> Result<(), CompileError> {
    let entries = claims.get("authorization_details");
    let text = entries.map(Value::to_string).unwrap_or_default();
    let missing = |_| {
        let message = "`authorization_details` is missing: say what is passed on";
        CompileError::new("mint.claims", message)
    };
    let document = Document::parse(text.as_bytes(), Profile::Signed).map_err(missing)?;
    for (at, entry) in document.root().elements().enumerate() {
        check_form(entry, at, Place::Derived)?;
        let Some(bundle) = bundle else { continue };
        if entry.get("actions").is_some() {
            check_fit(entry, at, bundle)?;
        } else {
            check_some(entry, at, parents, bundle)?;
        }
    }
    Ok(())
}

/// An entry that names no action means those of the root: for one of them it must be able to match.
fn check_some(
    entry: Json<'_>,
    at: usize,
    parents: &[Parent<'_>],
    bundle: &Bundle<'_>,
) -> Result<(), CompileError> {
    let root = parents
        .first()
        .and_then(|root| root.claims.get("authorization_details"));
    let granted = root.and_then(Value::as_array).into_iter().flatten();
    let actions = granted
        .filter_map(|granted| granted.get("actions")?.as_array())
        .flatten();
    let mut fault = Ok(());
    for action in actions {
        let mut named: Map<String, Value> =
            serde_json::from_str(&written(entry)).unwrap_or_default();
        named.insert("actions".to_owned(), Value::from(vec![action.clone()]));
        let named = Value::Object(named).to_string();
        let Ok(named) = Document::parse(named.as_bytes(), Profile::Signed) else {
            continue;
        };
        fault = check_fit(named.root(), at, bundle);
        if fault.is_ok() {
            break;
        }
    }
    fault
}

fn written(json: Json<'_>) -> String {
    let mut out = Writer::default();
    out.json(json);
    out.finish()
}
