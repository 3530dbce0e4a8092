//! `[[keys]]` of `ambit.toml`: who may sign what.

use std::collections::BTreeMap;

use ambit_policy::KEY_BOUNDS;
use ambit_token::{PublicKey, ROLE};

use super::credential::{self, Credential};
use super::policy::EpochsFrom;
use crate::encoding;
use crate::reader::{File, Reader, Text, Value};
use crate::secret::PRIVATE_MEMBERS;
use crate::suggest;

/// A public key of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuerKey {
    pub(crate) iss: String,
    pub(crate) kid: String,
    pub(crate) alg: &'static str,
    pub(crate) signs: &'static str,
    pub(crate) x: String,
    /// The second coordinate of a P-256 key.
    pub(crate) y: Option<String>,
    pub(crate) tenants: Option<Vec<String>>,
    pub(crate) audiences: Option<Vec<String>>,
    pub(crate) agents: Option<Vec<String>>,
    /// Risk tiers and actions for which a key may sign receipts.
    pub(crate) tiers: Option<Vec<String>>,
    pub(crate) actions: Option<Vec<String>>,
    /// Roles that its receipts may state.
    pub(crate) roles: Option<Vec<String>>,
    /// The one person for whom a key signs receipts.
    pub(crate) sub: Option<String>,
    /// Where it is that person's WebAuthn credential.
    pub(crate) credential: Option<Credential>,
}

const ALGORITHMS: &[&str] = &["Ed25519", "ES256", "EdDSA"];
const TYPES: &[&str] = &[
    "cap+jwt",
    "approval-receipt+jwt",
    "approver-key+jwt",
    "revocation-epochs+jwt",
    "statuslist+jwt",
];
/// What speaks for people, and may be narrowed to tiers and actions.
const PEOPLE: &[&str] = &["approval-receipt+jwt", "approver-key+jwt"];
/// What is said to everybody: a key that is narrowed may not sign it.
const UNBOUND: &[&str] = &["revocation-epochs+jwt", "statuslist+jwt"];
/// Keys that may share a `kid`: the evaluator tries each of them, so their number bounds its work.
const SAME_KID: usize = 4;

/// An `agents` list of a key, to be compared with the manifests.
#[derive(Debug)]
pub(crate) struct AgentName<'a>(pub(crate) Text<'a>);

pub(super) fn read<'a>(
    file: File<'a>,
    value: Option<&'a Value<'_>>,
) -> (Vec<IssuerKey>, Vec<AgentName<'a>>) {
    let (mut keys, mut agents) = (Vec::new(), Vec::new());
    let mut enrolling = Vec::new();
    let before = file.sink.errors();
    let tables = value
        .and_then(|value| file.tables(value, "keys", "[[keys]]"))
        .unwrap_or_default();
    for (table, span) in tables {
        let mut reader = Reader::new(file, table, "`[[keys]]`", span);
        refuse_private(&mut reader);
        let key = key(&mut reader, &mut agents);
        let place = reader.place.clone();
        reader.finish();
        if let Some((key, kid)) = key {
            compare(file, &keys, &key, kid, place.clone());
            compare_people(file, &keys, &key, place.clone());
            if key.signs == "approver-key+jwt" {
                enrolling.push((key.iss.clone(), place));
            }
            keys.push(key);
        }
    }
    if file.sink.errors() == before && !keys.iter().any(|key| key.signs == "cap+jwt") {
        file.error(
            "project.no_key",
            value.map(|value| value.span()),
            "no key may sign tokens",
            "add a `[[keys]]` with `signs = \"cap+jwt\"`; `ambit keygen` makes one",
        );
    }
    for (iss, place) in enrolling {
        if !signs_epochs(&keys, &iss) {
            file.error(
                "project.enrolling",
                place,
                format!("no key signs revocation epochs of `{iss}`, and enrolments count only beside them"),
                "add a `[[keys]]` of that `iss` with `signs = \"revocation-epochs+jwt\"`",
            );
        }
    }
    (keys, agents)
}

/// An issuer that must be heard, and that no key speaks for, would deny everything.
pub(super) fn check_heard(file: File<'_>, heard: &[EpochsFrom<'_>], keys: &[IssuerKey]) {
    for EpochsFrom(iss) in heard {
        if !signs_epochs(keys, iss.text) {
            file.error(
                "project.epochs_from",
                iss.span.clone(),
                format!("no key signs revocation epochs of `{}`, so everything would be denied", iss.text),
                "add a `[[keys]]` of that `iss` with `signs = \"revocation-epochs+jwt\"`, or leave the issuer out",
            );
        }
    }
}

fn signs_epochs(keys: &[IssuerKey], iss: &str) -> bool {
    keys.iter()
        .any(|key| key.signs == "revocation-epochs+jwt" && key.iss == iss)
}

fn refuse_private(reader: &mut Reader<'_, '_>) {
    for member in PRIVATE_MEMBERS {
        // Asked for only where it is there: no help names it among the keys that can be written.
        if reader.contains(member)
            && let Some(private) = reader.get(member)
        {
            reader.file.error(
                "project.private_key",
                private.span(),
                "this is a private key",
                "remove it here, and replace the key wherever it is used: whoever read this file has it",
            );
        }
    }
}

/// A list of what is revoked holds for everybody, so the evaluator refuses one by a narrowed key.
fn refuse_bounds(reader: &mut Reader<'_, '_>) {
    for member in ["sub"].into_iter().chain(KEY_BOUNDS) {
        // As above: no help names it.
        if reader.contains(member)
            && let Some(bound) = reader.get(member)
        {
            reader.file.error(
                "project.key_bound",
                bound.span(),
                format!("`{member}` narrows a key whose lists hold for everybody, so none of them would count"),
                "remove it; `iss` says whose lists the key signs",
            );
        }
    }
}

fn key<'a>(
    reader: &mut Reader<'a, '_>,
    agents: &mut Vec<AgentName<'a>>,
) -> Option<(IssuerKey, Text<'a>)> {
    let file = reader.file;
    let iss = reader.required_string("iss", "iss = \"https://broker.acme.example\"");
    let kid = reader.required_string("kid", "kid = \"broker-1\"");
    let alg = reader
        .require("alg", "alg = \"Ed25519\"")
        .and_then(|value| file.word(value, "alg", ALGORITHMS));
    let signs = reader
        .require("signs", "signs = \"cap+jwt\"")
        .and_then(|value| file.word(value, "signs", TYPES));
    let point = point(reader, alg);
    if signs.is_some_and(|signs| UNBOUND.contains(&signs)) {
        refuse_bounds(reader);
    }
    let tenants = names(reader.optional_strings("tenants", "tenants = [\"acme\"]"));
    let audiences =
        names(reader.optional_strings("audiences", "audiences = [\"https://mail.acme.example\"]"));
    let classes = reader.optional_strings("agents", "agents = [\"renewal-bot\"]");
    agents.extend(classes.iter().flatten().cloned().map(AgentName));
    let (tiers, actions) = narrowing(reader, signs);
    let roles = (signs == Some("approval-receipt+jwt"))
        .then(|| roles(reader))
        .flatten();
    let (sub, credential) = credential::read(reader, signs);
    let kid = kid?;
    let (x, y) = point?;
    let key = IssuerKey {
        iss: iss?.text.to_owned(),
        kid: kid.text.to_owned(),
        alg: alg?,
        signs: signs?,
        x,
        y,
        tenants,
        audiences,
        agents: names(classes),
        tiers,
        actions,
        roles,
        sub,
        credential,
    };
    Some((key, kid))
}

/// For which risk tiers and actions a key may sign receipts, or enrol keys that do. Other statements have no such bound,
/// so there the members would promise what nobody keeps.
fn narrowing(
    reader: &mut Reader<'_, '_>,
    signs: Option<&str>,
) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let file = reader.file;
    if signs.is_some_and(|signs| !PEOPLE.contains(&signs)) {
        return (None, None);
    }
    let tiers = reader.optional_strings("tiers", "tiers = [\"high\", \"critical\"]");
    for tier in tiers.iter().flatten() {
        if !matches!(tier.text, "low" | "medium" | "high" | "critical") {
            file.error(
                "project.value",
                tier.span.clone(),
                format!("`{}` is no risk tier", tier.text),
                "write `low`, `medium`, `high` or `critical`",
            );
        }
    }
    let actions = reader.optional_strings("actions", "actions = [\"refund\"]");
    (names(tiers), names(actions))
}

/// In which roles a receipt by this key may say that its person acts; without a list, in none.
fn roles(reader: &mut Reader<'_, '_>) -> Option<Vec<String>> {
    let file = reader.file;
    let roles = reader.optional_strings("roles", "roles = [\"finance\"]");
    for role in roles.iter().flatten() {
        if role.text.is_empty() || role.text.starts_with(ROLE) {
            file.error(
                "project.value",
                role.span.clone(),
                format!("`{}` is no role", role.text),
                "write its name alone, `finance`: `role:finance` is what a manifest asks for",
            );
        }
    }
    names(roles)
}

/// Roles that manifests ask for and no key may state: such an approval could never be given.
pub(super) fn check_roles(
    file: File<'_>,
    keys: &[IssuerKey],
    manifests: &BTreeMap<String, super::Manifest>,
) {
    let states = |role: &str| {
        let mut stated = keys.iter().flat_map(|key| key.roles.iter().flatten());
        stated.any(|known| known == role)
    };
    for (agent, manifest) in manifests {
        let lacking = manifest.roles().into_iter().find(|role| !states(role));
        if let Some(role) = lacking {
            file.error(
                "project.role",
                None,
                format!("the manifest of `{agent}` asks somebody in the role `{role}`, and no key may state that role"),
                format!("add `roles = [\"{role}\"]` to a `[[keys]]` with `signs = \"approval-receipt+jwt\"`"),
            );
        }
    }
}

/// `x`, and `y` for ES256: the point that is the public key.
fn point(
    reader: &mut Reader<'_, '_>,
    alg: Option<&'static str>,
) -> Option<(String, Option<String>)> {
    let file = reader.file;
    let x = reader.required_string("x", "x = \"…\", the public key of `ambit keygen`");
    if alg != Some("ES256") {
        return Some((public(file, x?)?, None));
    }
    let y = reader.required_string("y", "y = \"…\", the second coordinate of the key's JWK");
    let (x, y) = (x?, y?);
    let key = PublicKey::from_parts("ES256", x.text, Some(y.text));
    if key.is_some_and(|key| key.is_usable()) {
        return Some((x.text.to_owned(), Some(y.text.to_owned())));
    }
    file.error(
        "project.key",
        x.span,
        "`x` and `y` are not a P-256 key: not 32 bytes each in canonical base64url, or no point on the curve",
        "write `x` and `y` of the public key's JWK as they stand there",
    );
    None
}

fn names(texts: Option<Vec<Text<'_>>>) -> Option<Vec<String>> {
    texts.map(|texts| texts.iter().map(|text| text.text.to_owned()).collect())
}

fn public(file: File<'_>, x: Text<'_>) -> Option<String> {
    let bytes = encoding::from_base64url(x.text);
    let (message, help) = match bytes.map(|bytes| <[u8; 32]>::try_from(bytes.as_slice())) {
        None => (
            "`x` is not canonical base64url",
            "write the `x` of the public key as `ambit keygen` prints it: letters, digits, `-`, `_`, no `=`",
        ),
        Some(Err(_)) => (
            "`x` does not hold 32 bytes",
            "write the `x` of an Ed25519 public key: 43 characters",
        ),
        Some(Ok(public)) if !ambit_token::ed25519::usable(&public) => (
            "`x` is not a usable Ed25519 key: it is no point on the curve, or of small order",
            "make a key with `ambit keygen`",
        ),
        Some(Ok(_)) => return Some(x.text.to_owned()),
    };
    file.error("project.key", x.span, message, help);
    None
}

fn compare(
    file: File<'_>,
    known: &[IssuerKey],
    key: &IssuerKey,
    kid: Text<'_>,
    place: core::ops::Range<usize>,
) {
    if known
        .iter()
        .any(|other| (&other.kid, &other.iss) == (&key.kid, &key.iss))
    {
        file.error(
            "project.duplicate",
            kid.span.clone(),
            format!("`{}` has two keys with the kid `{}`", key.iss, key.kid),
            "give each key of an issuer a `kid` of its own; a key signs one type of statement",
        );
    }
    if known
        .iter()
        .any(|other| other.x == key.x && other.signs != key.signs)
    {
        file.error(
            "project.key_role",
            place,
            "the same key is to sign two types of statements",
            "make a key for each type, so that none can pass for another",
        );
    }
    if known.iter().filter(|other| other.kid == key.kid).count() == SAME_KID {
        file.error(
            "project.kid",
            kid.span,
            format!("more than {SAME_KID} keys have the kid `{}`", key.kid),
            "give some of them another `kid`: a `kid` must lead to a key without much trying",
        );
    }
}

/// Whoever has a key says yes with it. So a key that stands in two places for two people, or for one
/// person and for everybody, would let one hand count as several approvers.
fn compare_people(
    file: File<'_>,
    known: &[IssuerKey],
    key: &IssuerKey,
    place: core::ops::Range<usize>,
) {
    let receipts = |one: &IssuerKey| one.signs == "approval-receipt+jwt";
    let same = |one: &&IssuerKey| receipts(one) && one.x == key.x && one.sub != key.sub;
    let Some(other) = known.iter().find(same).filter(|_| receipts(key)) else {
        return;
    };
    let who = |sub: &Option<String>| {
        let named = |sub: &String| format!("for `{sub}` only");
        sub.as_ref().map_or_else(|| "for anybody".to_owned(), named)
    };
    file.error(
        "project.key_people",
        place,
        format!(
            "this key signs receipts {}, and as `{}` {}: one hand would count as several people",
            who(&key.sub),
            other.kid,
            who(&other.sub)
        ),
        "give each person a key of their own, made by that person; a service that signs for several people \
         has one key without `sub`",
    );
}

/// Names in `agents` lists that no manifest has: such a key could sign for nobody.
pub(super) fn check_agents(
    file: File<'_>,
    named: &[AgentName<'_>],
    manifests: &BTreeMap<String, super::Manifest>,
) {
    for AgentName(text) in named {
        if !manifests.contains_key(text.text) {
            file.error(
                "project.unknown_agent",
                text.span.clone(),
                format!("there is no manifest for the agent `{}`", text.text),
                suggest::help(text.text, manifests.keys().map(String::as_str)),
            );
        }
    }
}
