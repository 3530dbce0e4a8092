//! A project as a bundle. The same sources and the same time of issue give the same bytes.

use std::collections::BTreeMap;

use ambit_core::Power;
use ambit_core::json::{Document, Profile};
use ambit_core::limits::{INTEGER_MAX, Limits};
use ambit_policy::Bundle;
use serde_json::{Map, Value as Json, json};

use crate::cedar::{self, Enumerations};
use crate::error::CompileError;
use crate::project::{GuardRails, IssuerKey, Manifest, Project};
use crate::schema::{Action, Argument, Attribute, Resource, Type, Vocabulary, Words};

const DAY: i64 = 86_400;

/// When the bundle is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// The time asked for on the command line; before everything else.
    pub issued: Option<i64>,
    /// The time when neither that nor `ambit.toml` names one: `SOURCE_DATE_EPOCH`, or today at
    /// 00:00 UTC.
    pub default_issued: i64,
}

impl BuildOptions {
    /// The time of issue of a project (seconds since 1970).
    #[must_use]
    pub fn issued(&self, project: &Project) -> i64 {
        self.issued
            .or_else(|| project.issued())
            .unwrap_or(self.default_issued)
    }
}

/// The bundle of a project, issued at `issued` (seconds since 1970).
///
/// # Errors
///
/// `build.issued` for a time before 1970 or after the year 285 million; `build.size` for a bundle
/// beyond 8 MiB; `build.bundle` when the evaluator would not accept it.
pub fn bundle(project: &Project, issued: i64) -> Result<Vec<u8>, CompileError> {
    let text = document(project, issued)?.to_string();
    let document = Document::parse(text.as_bytes(), Profile::Signed)
        .map_err(|error| CompileError::new("build.bundle", error.to_string()))?;
    let bytes = Bundle::encode(document.root(), &program(project)?)
        .ok_or_else(|| CompileError::new("build.size", "the bundle would be larger than 8 MiB"))?;
    Bundle::verify(&bytes).map_err(|error| CompileError::new("build.bundle", error.to_string()))?;
    Ok(bytes)
}

/// The compiled guard rails; empty where the project has none.
fn program(project: &Project) -> Result<Vec<u8>, CompileError> {
    let Some(guard) = &project.guard else {
        return Ok(Vec::new());
    };
    let options = cedar::Options {
        schema: project.vocabulary.cedar.as_ref(),
        validated: true,
    };
    cedar::write(&guard.policies, options, &guard.entities)
}

/// The bundle's content before it is encoded, all members sorted.
fn document(project: &Project, issued: i64) -> Result<Json, CompileError> {
    let policy = &project.policy;
    let expires = policy
        .valid_days
        .checked_mul(DAY)
        .and_then(|life| issued.checked_add(life))
        .filter(|expires| issued >= 0 && *expires <= INTEGER_MAX)
        .ok_or_else(|| {
            CompileError::new("build.issued", format!("`{issued}` is not a time of issue"))
        })?;
    let vocabulary = &project.vocabulary;
    let actions = vocabulary.actions.iter();
    let resources = vocabulary.resources.iter();
    let manifests = project.manifests.iter();
    let enumerations = vocabulary
        .cedar
        .as_ref()
        .map(cedar::enumerations)
        .unwrap_or_default();
    let mut document = json!({
        "v": "ambit-bundle-1",
        "uid": policy.uid,
        "version": policy.version,
        "tokens_from_version": policy.tokens_from_version,
        "issued": issued,
        "expires": expires,
        "guard_rails": match project.policy.guard_rails {
            GuardRails::Cedar => "cedar",
            GuardRails::None => "none",
        },
        "possession": policy.possession,
        "limits": limits(&project.limits),
        "keys": keys(&project.keys),
        "actions": actions.map(|(name, one)| (name.clone(), action(one, &enumerations))).collect::<Map<_, _>>(),
        "resources": resources.map(|(name, one)| (name.clone(), resource(one))).collect::<Map<_, _>>(),
        "manifests": manifests.map(|(name, one)| (name.clone(), manifest(one))).collect::<Map<_, _>>(),
    });
    if !policy.stop.is_empty() {
        document["stop"] = json!(policy.stop);
    }
    if !policy.epochs_from.is_empty() {
        document["epochs_from"] = json!(policy.epochs_from);
    }
    document.sort_all_objects();
    Ok(document)
}

fn limits(limits: &Limits) -> Json {
    json!({
        "token_bytes": limits.token_bytes,
        "token_blocks": limits.token_blocks,
        "request_bytes": limits.request_bytes,
        "root_life_seconds": limits.root_life_seconds,
        "clock_skew_seconds": limits.clock_skew_seconds,
    })
}

fn keys(keys: &[IssuerKey]) -> Json {
    let mut keys: Vec<&IssuerKey> = keys.iter().collect();
    keys.sort_by(|left, right| {
        (&left.kid, &left.iss, left.signs).cmp(&(&right.kid, &right.iss, right.signs))
    });
    keys.into_iter().map(key).collect()
}

fn key(key: &IssuerKey) -> Json {
    let mut json = json!({
        "iss": key.iss,
        "kid": key.kid,
        "alg": key.alg,
        "signs": key.signs,
        "x": key.x,
    });
    if let Some(y) = &key.y {
        json["y"] = json!(y);
    }
    if let Some(sub) = &key.sub {
        json["sub"] = json!(sub);
    }
    if let Some(credential) = &key.credential {
        json["rp_id"] = json!(credential.rp_id);
        json["origin"] = json!(credential.origin);
    }
    let lists = [
        ("tenants", &key.tenants),
        ("audiences", &key.audiences),
        ("agents", &key.agents),
        ("tiers", &key.tiers),
        ("actions", &key.actions),
        ("roles", &key.roles),
    ];
    for (name, list) in lists {
        if let Some(list) = list {
            json[name] = json!(list);
        }
    }
    json
}

fn resource(resource: &Resource) -> Json {
    let json = json!({"label": resource.words.label, "cedar": resource.cedar});
    with_words(json, &resource.words)
}

/// Labels in further languages, and forms of labels, where there are any.
fn with_words(mut json: Json, words: &Words) -> Json {
    if !words.labels.is_empty() {
        json["labels"] = json!(words.labels);
    }
    if !words.forms.is_empty() {
        json["forms"] = json!(words.forms);
    }
    json
}

fn action(action: &Action, enumerations: &Enumerations) -> Json {
    let powers: Vec<&str> = action.powers.iter().map(Power::name).collect();
    let args = action.args.iter();
    let mut json = json!({
        "label": action.words.label,
        "cedar": action.cedar,
        "powers": powers,
        "risk": action.risk,
        "irreversible": action.irreversible,
        "external": action.external,
        "financial": action.financial,
        "oauth": action.oauth,
        "mcp": action.mcp,
        "resources": action.resources,
        "args": args.map(|(name, one)| (name.clone(), argument(one, enumerations))).collect::<Map<_, _>>(),
    });
    if !action.mcp_s256.is_empty() {
        json["mcp_s256"] = json!(action.mcp_s256);
    }
    if let Some(guessed) = &action.guessed {
        json["guessed"] = json!(guessed);
    }
    with_words(json, &action.words)
}

fn argument(argument: &Argument, enumerations: &Enumerations) -> Json {
    let mut json = attribute(&argument.attribute, enumerations);
    json["target"] = json!(argument.target);
    json["unverified"] = json!(argument.unverified);
    if argument.content {
        json["content"] = json!(true);
    }
    if let Some(mcp) = &argument.mcp {
        json["mcp"] = json!(mcp);
    }
    json
}

/// What an argument is declared to be, as the bundle will have it.
pub(crate) fn declaration(argument: &Argument, vocabulary: &Vocabulary) -> Json {
    let enumerations = vocabulary.cedar.as_ref().map(cedar::enumerations);
    attribute(&argument.attribute, &enumerations.unwrap_or_default())
}

fn attribute(attribute: &Attribute, enumerations: &Enumerations) -> Json {
    let mut kind = type_of(&attribute.kind, enumerations);
    if let Some(form) = attribute.form {
        match &attribute.kind {
            Type::Set(_) => kind["of"]["of"] = json!(form.name()),
            _ => kind["of"] = json!(form.name()),
        }
    }
    let json = json!({
        "type": kind,
        "required": attribute.required,
        "money": attribute.money,
        "label": attribute.words.label,
        "unit": attribute.unit,
    });
    with_words(json, &attribute.words)
}

fn type_of(kind: &Type, enumerations: &Enumerations) -> Json {
    match kind {
        Type::String => json!({"t": "string"}),
        Type::Long => json!({"t": "long"}),
        Type::Bool => json!({"t": "bool"}),
        Type::Json => json!({"t": "json"}),
        Type::Number { decimal: false } => json!({"t": "number"}),
        Type::Number { decimal: true } => json!({"t": "number", "of": "decimal"}),
        Type::Set(element) => json!({"t": "set", "of": type_of(element, enumerations)}),
        Type::Record(attributes) => {
            let attributes: BTreeMap<&String, Json> = attributes
                .iter()
                .map(|(name, one)| (name, attribute(one, enumerations)))
                .collect();
            json!({"t": "record", "attrs": attributes})
        }
        Type::Entity(name) => match enumerations.get(name) {
            Some(ids) => json!({"t": "entity", "of": name, "ids": ids}),
            None => json!({"t": "entity", "of": name}),
        },
        Type::Extension(name) => json!({"t": "ext", "of": name}),
    }
}

fn manifest(manifest: &Manifest) -> Json {
    let mut json = json!({
        "label": manifest.label,
        "models": manifest.models,
        "environments": manifest.environments,
        "versions": manifest.versions,
        "attestation_max_age_seconds": manifest.attestation_max_age_seconds,
        "drift_powers": manifest.drift_powers,
        "max_life_seconds": manifest.max_life_seconds,
        "max_depth": manifest.max_depth,
        "capabilities": manifest.capabilities,
    });
    if let Some(label) = &manifest.label_de {
        json["labels"] = json!({"de": label});
    }
    json
}
