//! Enrolments of people's keys.

use super::Row;

const ENROL_AGAIN: &str = "enrol the key again: `ambit enrol` makes what counts";

pub(super) const ROWS: &[Row] = &[
    (
        "enrolment.malformed",
        "an enrolment is no JWS with the claims of one",
        ENROL_AGAIN,
    ),
    (
        "enrolment.typ",
        "the enrolment's `typ` is not `approver-key+jwt`",
        ENROL_AGAIN,
    ),
    (
        "enrolment.alg",
        "the enrolment's `alg` is not the one of its key in the policy",
        ENROL_AGAIN,
    ),
    (
        "enrolment.unknown_key",
        "the policy has no key with the enrolment's `kid` and `iss`",
        "add the enrolling service's key to `ambit.toml` with `signs = \"approver-key+jwt\"`",
    ),
    (
        "enrolment.key_role",
        "neither the enrolment nor the key that signed it may be narrower than this call: policy, person, tenant, audience, agent, risk tier, action",
        "enrol the key for this, by a key of the policy that may",
    ),
    (
        "enrolment.signature",
        "the enrolment's signature does not verify",
        ENROL_AGAIN,
    ),
    (
        "enrolment.iat_future",
        "the enrolment's `iat` is more than 30 s ahead",
        "set the enrolling service's clock",
    ),
    (
        "enrolment.expired",
        "the `exp` of the enrolment has passed",
        ENROL_AGAIN,
    ),
    (
        "enrolment.lifetime",
        "the enrolment lasts more than 90 days",
        "enrol for 90 days at most, and put keys that stay into the policy",
    ),
    (
        "enrolment.epochs",
        "an enrolment counts only beside current revocation epochs of its issuer",
        "fetch that issuer's list, and hand it to the evaluator in `statements` as it came",
    ),
    (
        "enrolment.revoked",
        "revocation epochs name the enrolment, its person, its key, or a key that signed it",
        "find out why it was revoked before the key is enrolled again",
    ),
    (
        "enrolment.countersignature",
        "where the risk is critical, another key of this person, which the policy has as theirs, must have countersigned exactly this enrolment",
        "`ambit enrol --countersign` with the person's own key",
    ),
    (
        "enrolment.shared",
        "one key is enrolled twice, or the policy has it as another's: of another `sub`, of a service, or for other statements",
        "send one enrolment of each key; each person needs a key of their own",
    ),
];
