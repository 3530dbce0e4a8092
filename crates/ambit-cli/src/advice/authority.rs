//! Binding, manifest, capabilities, constraints, and what a person must do.

use super::Row;

const ASK_WITHIN: &str = "ask within the bound, or mint a token whose bound includes it; the answer's `remedy` shows both";
const MANIFEST_WIDER: &str = "ask for less; or, if this agent should ever be allowed this, widen its manifest under `agents/`, build and sign";

pub(super) const ROWS: &[Row] = &[
    (
        "token.audience",
        "the service asked (`facts.audience`) is not in the `aud` of every block",
        "mint the token for this service, or check the enforcement point's `audience`",
    ),
    (
        "token.tenant",
        "the token's `tenant` is not the resource's; absent equals only absent",
        "mint the token for this tenant, or check `facts.tenant`",
    ),
    (
        "token.subject",
        "`evaluation.subject` (`type:id`) is not the token's `sub`",
        "present the token of this person, or leave the subject out",
    ),
    (
        "agent.class",
        "the attested agent class is not the token's `agent.uid`",
        "present the token of the agent that runs",
    ),
    (
        "agent.instance",
        "the attested instance is not the token's `agent.instance_uid`",
        "mint a token for this run of the agent",
    ),
    (
        "agent.version",
        "the agent's version is not the token's, or not in the manifest's `versions`",
        "run the version that was granted, or allow this one in the manifest",
    ),
    (
        "agent.model",
        "the agent's model is not the token's, or not in the manifest's `models`",
        "run the model that was granted, or allow this one in the manifest",
    ),
    (
        "agent.environment",
        "the agent's environment is not the token's, or not in the manifest's `environments`",
        "run it where it was granted, or allow this environment in the manifest",
    ),
    (
        "status.revoked",
        "the status list says that the token is revoked or suspended",
        "do not retry; if it was a mistake, mint a new token",
    ),
    (
        "status.mismatch",
        "`facts.status` belongs to another token: its `uri` or `idx` differ",
        "look up the status that the token names",
    ),
    (
        "manifest.none",
        "the policy has no manifest for the token's agent class",
        "write `agents/NAME.toml` with `agent = \"…\"` as the token names it, build and sign",
    ),
    (
        "manifest.life",
        "the token lives longer than the manifest's `max_life_seconds`",
        "mint a token with a shorter life",
    ),
    (
        "manifest.depth",
        "the chain is deeper than the manifest's `max_depth`",
        "delegate less deeply, or raise `max_depth` in the manifest",
    ),
    (
        "manifest.capability",
        "no capability of the agent's manifest has this action",
        MANIFEST_WIDER,
    ),
    (
        "manifest.power",
        "the manifest has the action, but not with this power",
        MANIFEST_WIDER,
    ),
    (
        "manifest.resource",
        "the manifest has the action, but not on this resource",
        MANIFEST_WIDER,
    ),
    (
        "manifest.purpose",
        "the manifest has the action, but not for this purpose",
        MANIFEST_WIDER,
    ),
    (
        "manifest.constraint",
        "an argument is outside what the manifest ever allows; no token can lift it",
        MANIFEST_WIDER,
    ),
    (
        "manifest.hours",
        "the manifest's entry holds only in some `hours`, and `facts.now` is outside of them",
        "wait until the time that the `remedy` names, or give the manifest other `hours`",
    ),
    (
        "capability.none",
        "a block of the token grants nothing for this action, or its entries for it are malformed",
        "mint a token that grants the action; `ambit inspect TOKEN` shows what this one holds",
    ),
    (
        "capability.power",
        "the token grants the action, but not with this power; `execute` includes no other power",
        "ask for a power that is held (`ambit evaluate --advise` lists them), or mint a token that holds this one",
    ),
    (
        "capability.resource",
        "the token grants the action on another location, kind or thing",
        "name the resource that was granted, or mint a token for this one",
    ),
    (
        "capability.purpose",
        "the token grants the action for another purpose",
        "state the purpose for which it was granted, if it is the true one; otherwise mint a token for this purpose",
    ),
    (
        "capability.hours",
        "the entry holds only in some `hours`, and `facts.now` is outside of them",
        "wait until the time that the `remedy` names (`facts.utc_offsets` says how far its zone is from UTC)",
    ),
    (
        "constraint.unnamed",
        "the request has an argument that no constraint of the root names",
        "leave the argument out, or mint a token that bounds it (`\"*\": wildcard` covers the rest)",
    ),
    (
        "constraint.missing",
        "the token bounds an argument that the request does not have",
        "add the argument; a constraint `optional` lets it be absent",
    ),
    (
        "constraint.exact",
        "the argument is not the one value that is allowed",
        ASK_WITHIN,
    ),
    (
        "constraint.one_of",
        "the argument is none of the listed values",
        ASK_WITHIN,
    ),
    (
        "constraint.not_one_of",
        "the argument is an excluded value, or not of the type of the excluded ones",
        ASK_WITHIN,
    ),
    (
        "constraint.range",
        "the number is below or above the bound, or not an integer; money counts in minor units",
        ASK_WITHIN,
    ),
    (
        "constraint.like",
        "the text does not match the pattern (`*` is any run of characters)",
        ASK_WITHIN,
    ),
    (
        "constraint.email_domain",
        "not one bare address in exactly an allowed domain; subdomains differ",
        ASK_WITHIN,
    ),
    (
        "constraint.url",
        "not an absolute URL of an allowed scheme, host and path",
        ASK_WITHIN,
    ),
    (
        "constraint.subpath",
        "not an absolute path inside the allowed folder; `..` never is",
        ASK_WITHIN,
    ),
    (
        "constraint.host",
        "not the name or address of an allowed machine, or one that is left out; a port never matches",
        ASK_WITHIN,
    ),
    (
        "constraint.cidr",
        "not a bare IP address inside an allowed range, or inside one that is left out",
        ASK_WITHIN,
    ),
    (
        "constraint.each",
        "at least one element of the list breaks its bound",
        ASK_WITHIN,
    ),
    (
        "constraint.subset",
        "the list has an element that is not listed",
        ASK_WITHIN,
    ),
    (
        "constraint.contains",
        "the list lacks an element that it must have",
        ASK_WITHIN,
    ),
    (
        "constraint.count",
        "the list is too long or too short",
        ASK_WITHIN,
    ),
    (
        "constraint.all",
        "the argument breaks at least one of several bounds that apply together",
        ASK_WITHIN,
    ),
    (
        "constraint.any",
        "the argument meets none of several alternative bounds",
        ASK_WITHIN,
    ),
    (
        "constraint.optional",
        "the argument is given and breaks its bound",
        "leave it out, or ask within the bound",
    ),
    (
        "constraint.wildcard",
        "the argument may have any value, but must be there",
        "add the argument",
    ),
    (
        "limit.spend",
        "the amount alone is more than the budget, or amount or currency are not given as the limit reads them",
        "ask for less, in the currency of the limit",
    ),
    (
        "limit.audience",
        "the entry has limits, and no block up to it is for one audience only: each audience would count them anew",
        "ask for a token with exactly one `aud`",
    ),
    (
        "limit.uses",
        "the entry's `use_limit` is used up at this host",
        "ask for a new grant",
    ),
    (
        "limit.rate",
        "the entry's `rate` is used up at this host until the window ends: a multiple of its `seconds` since 1970",
        "ask again in the next window",
    ),
    (
        "policy.forbid",
        "a `forbid` of the guard rails is satisfied; `policies` in the answer names it with file and line",
        "do what the `remedy` says, if there is one; else the request is against the organisation's policy",
    ),
    (
        "policy.error",
        "a `forbid` of the guard rails could not be evaluated: Cedar passes it over, Ambit denies",
        "look at the `error` in the answer's `policies`: give the entity that is missing, or guard the policy with `has`",
    ),
    (
        "policy.no_permit",
        "no `permit` of the guard rails is satisfied, and at least one has to be",
        "write a `permit` for it; `permit (principal, action, resource);` where capabilities bound everything",
    ),
    (
        "login.required",
        "a matched capability requires a fresher or stronger login than the token tells of (`acr`, `auth_time`)",
        "the person must log in again, and a token be minted that says so",
    ),
    (
        "approval.required",
        "a matched capability or the manifest requires a person's approval of exactly this call",
        "have the call approved (the `remedy` names by whom) and send the receipts in `approvals`; or ask for `draft` or `propose` instead",
    ),
];
