//! Steps 3 and 5: does this token belong to this place, person, agent and policy, and is it still
//! in force?

use alloc::format;
use alloc::string::String;

use ambit_core::json::Json;
use ambit_core::{Reason, foreign, split_once};
use ambit_policy::Manifest;
use ambit_token::base64url;

use crate::case::Case;
use crate::denial::Denial;
use crate::display;
use crate::facts;
use crate::obligations;
use crate::text::{joined, text_at};

/// Audience, tenant, subject, policy version, posture.
pub(crate) fn check(case: &Case<'_>) -> Result<(), Denial> {
    let facts = &case.request.facts;
    if !case.token.audience_allowed(facts.audience) {
        return Err(Denial::new(Reason::TokenAudience, audience_lacking(case)));
    }
    if case.token.tenant() != facts.tenant {
        return Err(Denial::new(
            Reason::TokenTenant,
            "the token's `tenant` is not the resource's",
        ));
    }
    let tier = Some(display::risk(case));
    if !case
        .token
        .role_allows(facts.audience, tier, &[case.request.action])
    {
        let admin =
            "the issuer key may not sign for this person, tenant, audience, agent, risk or action";
        return Err(Denial::new(Reason::KeyRole, admin));
    }
    check_subject(case)?;
    check_policy(case)?;
    check_agent(case)?;
    check_attestation(case)?;
    check_manifest_posture(case)
}

/// Audiences are compared byte by byte. One that differs only in how it is spelled is a setting that
/// somebody can mend, and hard to see.
fn audience_lacking(case: &Case<'_>) -> String {
    let asked = case.request.facts.audience;
    let admin = format!("{} is not in every `aud` of the chain", foreign(asked));
    let listed = case.token.root().get("aud").unwrap_or_default().texts();
    let alike = |aud: &&&str| **aud != asked && spelled_alike(aud, asked);
    match listed.iter().find(alike) {
        Some(aud) => format!(
            "{admin}; {} differs only in a slash at the end, the case or the default port",
            foreign(aud)
        ),
        None => admin,
    }
}

fn spelled_alike(left: &str, right: &str) -> bool {
    let plain = |url: &str| {
        let url = url.to_ascii_lowercase();
        let (scheme, rest) = split_once(&url, "://").unwrap_or(("", &url));
        let (authority, path) = split_once(rest, "/").unwrap_or((rest, ""));
        let port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => "",
        };
        let authority = authority.strip_suffix(port).unwrap_or(authority);
        format!("{scheme}://{authority}/{}", path.trim_end_matches('/'))
    };
    plain(left) == plain(right)
}

fn check_subject(case: &Case<'_>) -> Result<(), Denial> {
    let Some((kind, id)) = case.request.subject else {
        return Ok(());
    };
    let same = case
        .token
        .sub()
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix(':'))
        .is_some_and(|rest| rest == id);
    if same {
        return Ok(());
    }
    let admin = "`evaluation.subject` (`type:id`) is not the token's `sub`";
    Err(Denial::new(Reason::TokenSubject, admin))
}

/// The token's `policy` claim, and the versions below which nothing counts any more.
fn check_policy(case: &Case<'_>) -> Result<(), Denial> {
    let bundle = case.bundle;
    let version = bundle.version();
    if case
        .request
        .facts
        .min_policy_version
        .is_some_and(|lowest| version < lowest)
    {
        let admin = format!("this is version {version}, and `facts.min_versions.policy` is higher");
        return Err(Denial::new(Reason::PolicyRollback, admin));
    }
    let Some(policy) = case.token.root().get("policy") else {
        return Ok(());
    };
    if policy.get_str("uid") != Some(bundle.uid()) {
        let admin = format!(
            "the token was made for another policy than `{}`",
            bundle.uid()
        );
        return Err(Denial::new(Reason::PolicyUid, admin));
    }
    let made_for = policy.get_int("version").unwrap_or_default();
    let oldest = bundle.tokens_from_version();
    if made_for < oldest || made_for > version {
        let admin = format!(
            "the token was made for version {made_for}; accepted are {oldest} to {version}"
        );
        return Err(Denial::new(Reason::PolicyVersion, admin));
    }
    let exact = policy
        .get("exact")
        .and_then(Json::as_bool)
        .unwrap_or_default();
    if made_for != version && !exact {
        return Ok(());
    }
    let digest = policy.get_str("s256");
    let same = digest.is_none_or(|digest| digest == base64url::encode(bundle.digest()));
    if same && (digest.is_some() || !exact) {
        return Ok(());
    }
    let admin = "the token's `policy.s256` is not the digest of this policy";
    Err(Denial::new(Reason::PolicyDigest, admin))
}

/// What the host attests, member by member against the token's `agent`. A member that the host
/// does not attest stands as the issuer signed it.
fn check_agent(case: &Case<'_>) -> Result<(), Denial> {
    let (Some(attested), Some(signed)) = (case.request.facts.agent, case.token.root().get("agent"))
    else {
        return Ok(());
    };
    let checks = [
        (&["uid"][..], Reason::AgentClass),
        (&["instance_uid"], Reason::AgentInstance),
        (&["version"], Reason::AgentVersion),
        (&["ai_model", "ai_provider"], Reason::AgentModel),
        (&["ai_model", "name"], Reason::AgentModel),
        (&["ai_model", "version"], Reason::AgentModel),
        (&["env"], Reason::AgentEnvironment),
    ];
    for (path, reason) in checks {
        let attested = text_at(attested, path);
        let drifted = attested.is_some() && attested != text_at(signed, path);
        // Another class or instance is another agent, and no drift of this one.
        let same_agent = !matches!(reason, Reason::AgentClass | Reason::AgentInstance);
        if drifted && !(same_agent && drift_allows(case)) {
            let admin = format!(
                "`facts.agent.{}` is not what the token says",
                joined(&mut path.iter().copied(), ".")
            );
            return Err(Denial::new(reason, admin));
        }
    }
    Ok(())
}

/// Whether the manifest leaves the asked power to an agent that no longer runs as it was granted.
fn drift_allows(case: &Case<'_>) -> bool {
    let manifest = case.bundle.manifest(case.token.agent_uid());
    manifest.is_some_and(|manifest| manifest.keeps_on_drift(case.request.power))
}

/// The model, environment and version in which the manifest lets the agent run. An agent without a
/// manifest is refused in step 6.
fn check_manifest_posture(case: &Case<'_>) -> Result<(), Denial> {
    let Some(manifest) = case.bundle.manifest(case.token.agent_uid()) else {
        return Ok(());
    };
    let root = case.token.root();
    let checks = [
        (
            "models",
            &["agent", "ai_model", "name"][..],
            Reason::AgentModel,
        ),
        ("environments", &["agent", "env"], Reason::AgentEnvironment),
        ("versions", &["agent", "version"], Reason::AgentVersion),
    ];
    for (list, path, reason) in checks {
        // What the host attests is what runs; the token says what was granted.
        let attested = case.request.facts.agent;
        let attested = attested.and_then(|agent| text_at(agent, path.get(1..).unwrap_or_default()));
        let runs = attested.is_none_or(|attested| manifest.admits(list, Some(attested)));
        let drifted = !runs && !manifest.keeps_on_drift(case.request.power);
        if drifted || !manifest.admits(list, text_at(root, path)) {
            let admin = format!(
                "`{}` is not in the manifest's `{list}`",
                joined(&mut path.iter().copied(), ".")
            );
            return Err(Denial::new(reason, admin));
        }
    }
    Ok(())
}

/// An attestation from the future attests nothing. A manifest may ask for one that is not older than it
/// says.
fn check_attestation(case: &Case<'_>) -> Result<(), Denial> {
    let facts = &case.request.facts;
    let iat = facts.agent.and_then(|agent| agent.get("iat"));
    let iat = iat.and_then(Json::as_int);
    if iat.is_some_and(|iat| facts.is_future(iat)) {
        let admin = "`facts.agent.iat` is in the future";
        return Err(Denial::new(Reason::AgentAttestation, admin));
    }
    let manifest = case.bundle.manifest(case.token.agent_uid());
    let most = manifest.and_then(Manifest::attestation_max_age_seconds);
    let Some(most) = most else {
        return Ok(());
    };
    let age = facts.age(iat.ok_or_else(|| facts::missing("agent.iat"))?);
    if age <= most {
        return Ok(());
    }
    let admin = format!("`facts.agent` is {age} s old, the manifest accepts {most} s");
    Err(Denial::new(Reason::AgentAttestation, admin))
}

/// Step 5, as far as a fact is given: it must be this token's, say "valid", and be fresh. A stale
/// "revoked" still counts. Without the fact it is the host's duty by the `status` obligation.
pub(crate) fn check_status(case: &Case<'_>) -> Result<(), Denial> {
    let Some(fact) = case.request.facts.status else {
        return Ok(());
    };
    let claim = case
        .token
        .root()
        .get("status")
        .and_then(|status| status.get("status_list"));
    let same = claim.is_some_and(|claim| {
        claim.get_str("uri") == fact.get_str("uri") && claim.get_int("idx") == fact.get_int("idx")
    });
    if !same {
        let admin = "`facts.status` does not have the token's `uri` and `idx`";
        return Err(Denial::new(Reason::StatusMismatch, admin));
    }
    match fact.get_int("value") {
        Some(0) => check_status_age(case, fact),
        value => {
            let admin = format!("the status list says {}", value.unwrap_or_default());
            Err(Denial::new(Reason::StatusRevoked, admin))
        }
    }
}

fn check_status_age(case: &Case<'_>, fact: Json<'_>) -> Result<(), Denial> {
    let facts = &case.request.facts;
    let iat = fact.get_int("iat").unwrap_or(i64::MIN);
    let (age, most) = (facts.age(iat), obligations::status_max_age(case));
    if age <= most && !facts.is_future(iat) {
        return Ok(());
    }
    let age = facts.now.saturating_sub(iat);
    let admin = format!("`facts.status` is {age} s old, at most {most} s are accepted");
    Err(Denial::new(Reason::StatusStale, admin))
}
