//! The request of a case: token, proof, receipts and facts, as an agent and its host would send them.

use ambit_compiler::CompileError;
use ambit_compiler::mint::{self, RootOptions};
use ambit_core::json::{Json as Node, Writer};
use ambit_evaluator::{ChainCache, call_digest};
use ambit_policy::{Bundle, Manifest};
use serde_json::{Map, Value as Json, json};

use super::{Bench, ISSUER, statement};
use crate::cases::Case;

/// A request, and what is said about it.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the evaluator is asked.
    pub json: Json,
    /// The claims of the token, before it was signed.
    pub claims: Json,
    /// The capabilities of the manifest that stand in the token, by their numbers; empty where the case
    /// names its own.
    pub entries: Vec<usize>,
}

/// Where the call is sent; proofs name it.
const METHOD: &str = "POST";
const URL: &str = "https://service.example/call";
/// How long a token lives where the manifest does not say.
const LIFE: i64 = 900;

impl Request {
    /// Makes the request of a case.
    ///
    /// # Errors
    ///
    /// Those of [`mint::root`], and why a person could not consent to the token.
    pub fn make(bench: &Bench, case: &Case) -> Result<Self, CompileError> {
        let bundle = bench.bundle();
        let (claims, entries) = claims(&bundle, case);
        let (token, claims) = mint(bench, &bundle, case, claims)?;
        let proves = bundle.possession() != "off";
        let mut request = json!({
            "evaluation": {
                "action": {"name": case.scope.action, "properties": {"power": case.scope.power.name(), "args": case.args}},
                "resource": {"type": case.scope.resource.datatype, "id": case.scope.resource.id},
                "context": {"purpose": case.scope.purpose},
            },
            "token": token,
            "facts": facts(case, &claims, proves),
        });
        if !bench.epochs.is_empty() {
            let lists = bench.epochs.iter();
            request["statements"] = lists
                .map(|from| statement::epochs(from, case.now))
                .collect();
        }
        if let Some(entities) = &case.entities {
            request["entities"] = entities.clone();
        }
        let digest = |request: &Json| -> Json {
            let request = request.to_string();
            let call = call_digest(&bundle, request.as_bytes(), &mut ChainCache::new());
            serde_json::from_str(&call).unwrap_or_default()
        };
        let mut call = digest(&request);
        if proves {
            let call = call["binding_s256"].as_str();
            request["proof"] =
                statement::proof(&bench.holder, &token, call, (METHOD, URL), case.now).into();
        }
        if let Some(content) = case.facts.get("content") {
            // What arguments refer to people approve, and the holder need not know.
            request["facts"]["content"] = content.clone();
            call = digest(&request);
        }
        // Of a call that cannot be shown there is nothing to say yes to.
        if !case.approvals.is_empty() && call.get("display").is_some() {
            let people = case.approvals.iter().enumerate();
            let receipt = |(at, person): (usize, &String)| {
                let number = at + 1;
                statement::action_receipt(
                    &bench.approver,
                    person,
                    number,
                    &case.scope.audience,
                    &call,
                    case.now,
                )
            };
            request["approvals"] = people.map(receipt).collect();
        }
        Ok(Self {
            json: request,
            claims,
            entries,
        })
    }
}

/// What the host says.
fn facts(case: &Case, claims: &Json, proves: bool) -> Json {
    let mut facts = json!({
        "now": case.now,
        "audience": case.scope.audience,
        "location": case.scope.location,
    });
    if let Some(tenant) = &case.tenant {
        facts["tenant"] = json!(tenant);
    }
    if let Some(offsets) = case.facts.get("utc_offsets") {
        facts["utc_offsets"] = offsets.clone();
    }
    if case.agent_facts.attested {
        facts["agent"] = attested(case, claims);
    }
    if proves {
        facts["method"] = METHOD.into();
        facts["url"] = URL.into();
    }
    facts
}

/// The claims of the token, and which capabilities of the manifest are in it.
fn claims(bundle: &Bundle<'_>, case: &Case) -> (Map<String, Json>, Vec<usize>) {
    let manifest = bundle.manifest(&case.scope.agent);
    let (granted, entries) = match &case.grant {
        Some(grant) => (grant.clone(), Vec::new()),
        None => granted(manifest, &case.scope.action),
    };
    let mut claims = json!({
        "sub": case.subject,
        "aud": [case.scope.audience],
        "jti": "ambit-test",
        "act": {
            "sub": format!("https://agents.ambit-test.example/{}", case.scope.agent),
            "iss": ISSUER,
            "sub_profile": "ai_agent",
        },
        "agent": agent(manifest, case),
        "authorization_details": granted,
    });
    let login = &case.login;
    let optional = [
        ("tenant", case.tenant.as_ref().map(|tenant| json!(tenant))),
        ("acr", login.acr.as_ref().map(|acr| json!(acr))),
        (
            "amr",
            Some(json!(login.amr)).filter(|_| !login.amr.is_empty()),
        ),
        ("auth_time", login.auth_time.map(Json::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            claims[name] = value;
        }
    }
    let mut claims = match claims {
        Json::Object(claims) => claims,
        _ => Map::new(),
    };
    for (name, value) in &case.token {
        claims.insert(name.clone(), value.clone());
    }
    (claims, entries)
}

/// All that the manifest allows for the action. What it allows for other actions never matches this
/// call, and would only make the token long; where there is nothing else, it stands in it.
fn granted(manifest: Option<Manifest<'_>>, action: &str) -> (Vec<Json>, Vec<usize>) {
    let capabilities = || {
        manifest
            .into_iter()
            .flat_map(Manifest::capabilities)
            .enumerate()
    };
    let speaks = |entry: &Node<'_>| {
        let mut actions = entry.get("actions").into_iter().flat_map(Node::elements);
        actions.any(|one| one.as_str() == Some(action))
    };
    let mut chosen: Vec<(usize, Node<'_>)> =
        capabilities().filter(|(_, entry)| speaks(entry)).collect();
    if chosen.is_empty() {
        chosen = capabilities().take(1).collect();
    }
    let entry = |entry: Node<'_>| {
        let mut text = Writer::default();
        text.json(entry);
        let mut entry: Json = serde_json::from_str(text.as_str()).unwrap_or_default();
        if let Some(members) = entry.as_object_mut() {
            members.shift_remove("consent");
            members.insert("type".to_owned(), "ambit_capability".into());
        }
        entry
    };
    chosen.into_iter().map(|(at, one)| (entry(one), at)).unzip()
}

/// What the token says of the agent: what the host attests, as far as the manifest lets an agent run so;
/// else what the manifest wants.
fn agent(manifest: Option<Manifest<'_>>, case: &Case) -> Json {
    let facts = &case.agent_facts.members;
    let wanted = |list: &str, given: Option<&str>| {
        let given = given.filter(|given| manifest.is_none_or(|one| one.admits(list, Some(given))));
        let first = || manifest?.list(list)?.next()?.as_str();
        given.or_else(first).map(str::to_owned)
    };
    let text = |name: &str| facts.get(name).and_then(Json::as_str);
    let mut agent = json!({"uid": case.scope.agent});
    let model = facts.get("ai_model").and_then(|model| model.get("name"));
    if let Some(name) = wanted("models", model.and_then(Json::as_str)) {
        agent["ai_model"] = facts.get("ai_model").cloned().unwrap_or_else(|| json!({}));
        agent["ai_model"]["name"] = name.into();
    }
    for (list, name) in [("versions", "version"), ("environments", "env")] {
        if let Some(value) = wanted(list, text(name)) {
            agent[name] = value.into();
        }
    }
    if let Some(instance) = text("instance_uid") {
        agent["instance_uid"] = instance.into();
    }
    agent
}

/// What the host attests: what the case says, and of the rest what the token says.
fn attested(case: &Case, claims: &Json) -> Json {
    let mut agent = claims["agent"].clone();
    for (name, value) in &case.agent_facts.members {
        agent[name.as_str()] = value.clone();
    }
    agent["iat"] = (case.now - case.agent_facts.age_seconds).into();
    agent
}

/// The signed token, and its claims. Where the manifest asks for consent, the subject gives it.
fn mint(
    bench: &Bench,
    bundle: &Bundle<'_>,
    case: &Case,
    claims: Map<String, Json>,
) -> Result<(String, Json), CompileError> {
    // A token may have been made before the call.
    let made = claims.get("iat").and_then(Json::as_i64).unwrap_or(case.now);
    let manifest = bundle.manifest(&case.scope.agent);
    let most = manifest.and_then(Manifest::max_life_seconds);
    let life = LIFE
        .min(most.unwrap_or(LIFE))
        .min(bundle.limits().root_life_seconds);
    let options = RootOptions {
        now: made,
        life: Some(life).filter(|_| !claims.contains_key("exp")),
        holder: Some(bench.holder.public()).filter(|_| !claims.contains_key("cnf")),
        ..RootOptions::default()
    };
    let claims = Json::Object(claims).to_string();
    let draft = mint::root(&claims, &bench.issuer, bundle, &options)?;
    let claims: Json = serde_json::from_str(&draft.claims()).unwrap_or_default();
    if draft.missing_consent().is_none() {
        return Ok((draft.sign()?, claims));
    }
    let receipt = statement::grant_receipt(&bench.approver, bundle, &claims, made)?;
    let options = RootOptions {
        holder: None,
        life: None,
        receipts: &[receipt],
        ..options
    };
    let draft = mint::root(&claims.to_string(), &bench.issuer, bundle, &options)?;
    // The keys of a run end with it, so nothing can be used twice.
    let token = draft.sign_once(|_| Ok(()))?;
    Ok((
        token,
        serde_json::from_str(&draft.claims()).unwrap_or_default(),
    ))
}
