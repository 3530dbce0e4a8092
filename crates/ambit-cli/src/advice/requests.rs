//! The request, the facts and the policy: what is checked before the token.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "request.size",
        "the request is longer than `limits.request_bytes` of the policy (at most 256 KiB); nothing of it was read",
        "send less: pass large contents by reference, not as arguments",
    ),
    (
        "request.syntax",
        "the request is not strict JSON: a syntax error, a member given twice, invalid UTF-8, or nesting deeper than 32",
        "send one JSON object; the `admin` text says where reading stopped",
    ),
    (
        "request.value",
        "an object given to the npm package holds a value that JSON cannot say: `undefined`, `NaN`, a function, a BigInt, a getter, a cycle",
        "give plain data, or the request as JSON text",
    ),
    (
        "request.member",
        "a member of the request is missing, has the wrong type, or is not known; `action.properties` is exactly `power` and `args`",
        "correct the member that the `admin` text names",
    ),
    (
        "request.unsupported",
        "the request carries `evaluations`, which this version refuses instead of ignoring",
        "leave the member out",
    ),
    (
        "request.action",
        "`evaluation.action.name` is not an action of the policy's schema",
        "see the actions with `ambit inspect policy.wasm`; add the action to `schema.cedarschema` if it is missing",
    ),
    (
        "request.power",
        "the schema does not declare this power for the action (`@powers`)",
        "ask for a power that the action has; `ambit inspect policy.wasm` lists them",
    ),
    (
        "request.resource",
        "the schema does not let the action apply to this resource type",
        "name a resource type that the action applies to, or extend `appliesTo` in the schema",
    ),
    (
        "request.argument_unknown",
        "`args` has a member that the schema does not declare for this action",
        "remove the argument, or declare it in the action's `context`; an argument that nobody declared can be bounded by nobody",
    ),
    (
        "request.argument_missing",
        "`args` lacks an argument that the schema requires",
        "add it; in the schema, `name?:` makes an argument optional",
    ),
    (
        "request.argument_type",
        "an argument does not have the type that the schema declares",
        "send the declared type; the `admin` text says which was expected",
    ),
    (
        "request.number",
        "a number cannot be read exactly: more decimals than its unit has, more than 15 significant digits, a fraction \
         where a whole number is wanted, or a whole number beyond 2^53-1",
        "round it: money to the decimals of its unit, for example `98.70`, other numbers to 15 significant digits, and \
         write whole numbers without a point",
    ),
    (
        "request.steps",
        "matching this request against the policy would take more steps than one decision may use",
        "send shorter texts and lists, or write simpler patterns in the token",
    ),
    (
        "facts.missing",
        "the enforcement point did not supply a fact that a step needs",
        "supply the fact that the `admin` text names, under `facts`; `ambit evaluate --audience URL` adds `now` and `audience`",
    ),
    (
        "facts.malformed",
        "`facts` has a member that is not known, or one of the wrong type",
        "correct the enforcement point: facts come from it alone, never from the agent",
    ),
    (
        "policy.malformed",
        "the policy bundle does not pass its own check",
        "build the policy again; a host should have refused this module when it was loaded",
    ),
    (
        "policy.expired",
        "`facts.now` is at or after the end of the policy",
        "build and sign a new version and distribute it; `valid_days` in `ambit.toml` sets how long one lasts",
    ),
    (
        "policy.rollback",
        "the policy is older than `facts.min_versions` allows",
        "load the newer policy",
    ),
    (
        "policy.uid",
        "the token's `policy.uid` names another policy than this one",
        "present a token that was minted for this policy, or load the policy that the token names",
    ),
    (
        "policy.version",
        "the token was made for a version before `tokens_from_version`, or after this policy's version",
        "mint a new token, or load the newer policy",
    ),
    (
        "policy.digest",
        "the token is bound to other bytes of the policy than these (`policy.s256`)",
        "mint a new token with this module",
    ),
    (
        "request.entities",
        "an entity that the host described, or the resource itself, does not conform to the schema of the guard rails",
        "correct what the host sends in `entities`; the `admin` text has the path and what is wanted there",
    ),
    (
        "engine.trap",
        "the engine stopped before it had an answer; a host denies then and throws the instance away",
        "report it with the request: a policy module must not trap",
    ),
    (
        "engine.resources",
        "the engine reached the host's bound on memory or work",
        "send a smaller request; if it is ordinary, raise the host's bounds",
    ),
    (
        "obligation.unknown",
        "the answer was an allow with an obligation that this enforcement point does not know",
        "teach the enforcement point this kind of obligation; until then the answer is no",
    ),
    (
        "obligation.failed",
        "an obligation could not be discharged, so the action must not happen",
        "find out why (the `admin` text); what was consumed before the failure stays consumed",
    ),
];
