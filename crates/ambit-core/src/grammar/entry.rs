//! Entries of `authorization_details` and of manifests. A malformed entry never matches.

use super::{COUNT, Form, Member, OBJECT, TEXTS, may, needs};
use crate::hours::DAYS;
use crate::limits::{BUDGETS, MONEY_DECIMALS, RATE_SECONDS};

/// In a token's first block: everything is named. One of `locations`, `datatypes` and `identifier`
/// must be there as well.
pub const ROOT_ENTRY: &[Member] = &[
    needs("type", TYPE),
    needs("actions", TEXTS),
    needs("privileges", POWERS),
    may("locations", TEXTS),
    may("datatypes", TEXTS),
    may("identifier", Form::Text),
    needs("purpose", Form::Text),
    may("constraints", OBJECT),
    may("hours", Form::Object(HOURS)),
    may("limits", LIMITS),
    may("requires", Form::Object(REQUIRES)),
];

/// In a further block: what is left out adds no bound.
pub const DERIVED_ENTRY: &[Member] = &[
    needs("type", TYPE),
    may("actions", TEXTS),
    may("privileges", POWERS),
    may("locations", TEXTS),
    may("datatypes", TEXTS),
    may("identifier", Form::Text),
    may("purpose", Form::Text),
    may("constraints", OBJECT),
    may("hours", Form::Object(HOURS)),
    may("limits", LIMITS),
    may("requires", Form::Object(REQUIRES)),
];

/// In a manifest: like the root, and it may name `consent`.
pub const MANIFEST_ENTRY: &[Member] = &[
    may("type", TYPE),
    needs("actions", TEXTS),
    needs("privileges", POWERS),
    may("locations", TEXTS),
    may("datatypes", TEXTS),
    may("identifier", Form::Text),
    needs("purpose", Form::Text),
    may("constraints", OBJECT),
    may("hours", Form::Object(HOURS)),
    may("limits", LIMITS),
    may("requires", Form::Object(REQUIRES)),
    may("consent", CONSENT),
];

const TYPE: Form = Form::Word(&["ambit_capability"]);
const POWERS: Form = Form::List(
    &(1, super::MANY),
    &Form::Word(&["observe", "draft", "propose", "execute"]),
);
const LIMITS: Form = Form::List(&(1, BUDGETS), &LIMIT);

/// When it holds.
pub const HOURS: &[Member] = &[
    needs("days", Form::List(&(1, 7), &Form::Word(DAYS))),
    needs("from", Form::Clock),
    needs("to", Form::Clock),
    needs("zone", Form::Zone),
];

/// A budget, a number of uses, or a number of uses in a time.
pub const LIMIT: Form = Form::OneOf(&[
    Form::Object(&[
        needs("type", Form::Word(&["spend"])),
        may("argument", Form::Text),
        may("currency_argument", Form::Text),
        needs("max", AT_LEAST_ONE),
        needs("currency", Form::Text),
        needs("decimals", Form::Within(&(0, MOST_DECIMALS))),
    ]),
    Form::Object(&[
        needs("type", Form::Word(&["use_limit"])),
        needs("max", AT_LEAST_ONE),
    ]),
    Form::Object(&[
        needs("type", Form::Word(&["rate"])),
        needs("max", AT_LEAST_ONE),
        needs("seconds", Form::Within(&(1, RATE_SECONDS))),
    ]),
]);
const AT_LEAST_ONE: Form = Form::AtLeast(1);
/// [`MONEY_DECIMALS`] as a small number.
const MOST_DECIMALS: i64 = 9;
const _: () = assert!(MONEY_DECIMALS == 9, "the same bound twice");

/// What a person must have done: at least one of these.
pub const REQUIRES: &[Member] = &[
    may("acr", Form::OneOf(&[Form::Text, TEXTS])),
    may("max_age", COUNT),
    may("approval", Form::OneOf(&[Form::Is(true), APPROVERS])),
];
const CONSENT: Form = Form::OneOf(&[Form::Word(&["none", "once", "each"]), APPROVERS]);
const APPROVERS: Form =
    Form::Object(&[needs("approvers", Form::Set), needs("count", AT_LEAST_ONE)]);
