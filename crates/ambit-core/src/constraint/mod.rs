//! Bounds on arguments: the table "Constraints" of docs/token.md.
//!
//! A constraint is matched where it stands, in the token's or the bundle's JSON, against the
//! argument where it stands in the request's: no intermediate form, so nothing to get out of step.
//! What is malformed at any depth never matches.
//!
//! ```
//! use ambit_core::{Steps, constraint};
//! use ambit_core::json::{Document, Profile};
//!
//! let spec = Document::parse(br#"{"constraint_type":"range","max":50000}"#, Profile::Signed)?;
//! let asked = Document::parse(b"75000", Profile::Request)?;
//! assert!(!constraint::matches(spec.root(), Some(asked.root()), &Steps::new()));
//!
//! let unit = constraint::Unit::Money { decimals: 2 };
//! assert_eq!(constraint::describe(spec.root(), unit), "at most 500.00");
//! assert_eq!(constraint::value_text(Some(asked.root()), unit), "750.00");
//! # Ok::<(), ambit_core::json::JsonError>(())
//! ```

mod characters;
mod declared;
mod examples;
mod kinds;
mod nothing;
mod shape;
mod spec;
mod table;
pub(crate) mod text;
mod words;

use alloc::string::String;
use alloc::vec::Vec;

use crate::describe::phrases::Locale;
use crate::describe::speech::{Speech, Style, plain_number};
use crate::json::Json;
use crate::{Number, Reason, Steps};
pub use declared::{Arguments, Canonical, Declared, Misfit, Undescribed, counted, uncountable};
use examples::Examples;
pub use nothing::leaves_nothing;
pub use shape::{Member, Shape, Wider};
use spec::Spec;
pub use table::Kind;
pub(crate) use words::clause;

/// How an argument's numbers are shown to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit<'a> {
    /// As they are.
    #[default]
    None,
    /// Minor units of money: with two decimals 20000 is shown as `200.00`.
    Money {
        /// Digits after the point.
        decimals: u32,
    },
    /// With this word behind them.
    Named(&'a str),
    /// Numbers with a fraction, which bounds say as texts, with this word behind them.
    Number(Option<&'a str>),
}

/// Whether `spec` is a constraint as docs/token.md writes them, at every depth: known kind and members,
/// right types, no empty list, ends in order, root and ranges in normal form.
///
/// ```
/// use ambit_core::{constraint, json::{Document, Profile}};
/// let spec = Document::parse(br#"{"constraint_type":"range","min":9,"max":1}"#, Profile::Signed)?;
/// assert!(!constraint::well_formed(spec.root()));
/// # Ok::<(), ambit_core::json::JsonError>(())
/// ```
#[must_use]
pub fn well_formed(spec: Json<'_>) -> bool {
    spec::well_formed(spec)
}

/// Whether the constraint `spec` matches `argument`; `None` is an absent one.
///
/// Assumes nothing about `spec`: a malformed one matches nothing. An empty step budget matches
/// nothing either.
#[must_use]
pub fn matches(spec: Json<'_>, argument: Option<Json<'_>>, steps: &Steps) -> bool {
    steps.take(spec.weight()) && well_formed(spec) && holds(spec, argument, None, steps)
}

/// [`matches()`] for an argument that is declared, in its normal form: values of extension types are
/// compared as they are read, and a bound that the type contradicts ([`Declared::misfit`]) matches
/// nothing, not even an absent argument.
#[must_use]
pub fn matches_declared(
    spec: Json<'_>,
    argument: Option<Json<'_>>,
    declared: Option<Declared<'_>>,
    steps: &Steps,
) -> bool {
    steps.take(spec.weight()) && well_formed(spec) && holds(spec, argument, declared, steps)
}

/// [`matches_declared`] for a constraint that is known to be well-formed.
pub(crate) fn holds(
    spec: Json<'_>,
    argument: Option<Json<'_>>,
    declared: Option<Declared<'_>>,
    steps: &Steps,
) -> bool {
    Spec::read(spec).is_some_and(|read| {
        read.holds(argument, declared, steps)
            && declared.is_none_or(|declared| declared.fits(spec, read, steps))
    })
}

/// Whether `spec` lists whole values somewhere inside it, to which the argument is compared.
#[must_use]
pub fn lists_values(spec: Json<'_>) -> bool {
    Spec::read(spec).is_some_and(Spec::lists_values)
}

/// Its kind, if it is a known one.
#[must_use]
pub fn kind(spec: Json<'_>) -> Option<Kind> {
    Kind::from_name(spec.get("constraint_type")?.as_str()?)
}

/// Why a value that `spec` does not match is refused. A constraint of no known kind spoils its
/// entry, so its reason is [`Reason::CapabilityNone`].
#[must_use]
pub fn reason(spec: Json<'_>) -> Reason {
    Spec::read(spec).map_or(Reason::CapabilityNone, |spec| spec.kind.reason())
}

/// Values for a constraint, made from what it says and from the value that was asked: listed values,
/// the ends of ranges, an address at each domain. Each as JSON in RFC 8785 form; `None` is an absent
/// argument. What is nearest to the value that was asked comes first; [`matches()`] says which of them
/// match. Every value is paid for in steps. With `numbers`, the argument is one with a fraction, or a list of
/// such, and texts that bounds list are numbers of it ([`Declared::holds_numbers`]).
///
/// ```
/// use ambit_core::{Steps, constraint, json::{Document, Profile}};
/// let spec = br#"{"constraint_type":"range","min":100,"max":500}"#;
/// let spec = Document::parse(spec, Profile::Signed)?;
/// let found = constraint::examples(spec.root(), None, false, &Steps::new());
/// let found: Vec<String> = found.into_iter().flatten().collect();
/// assert_eq!(found, ["100", "500"]);
/// # Ok::<(), ambit_core::json::JsonError>(())
/// ```
#[must_use]
pub fn examples(
    spec: Json<'_>,
    asked: Option<Json<'_>>,
    numbers: bool,
    steps: &Steps,
) -> Vec<Option<String>> {
    let mut examples = Examples {
        asked,
        numbers,
        steps,
        out: Vec::new(),
    };
    if let Some(spec) = Spec::read(spec) {
        examples.add(spec);
    }
    examples.out
}

/// One clause for people that says which values match: "at most 500.00", "one of `a`, `b`". It
/// fits behind "must be".
#[must_use]
pub fn describe(spec: Json<'_>, unit: Unit<'_>) -> String {
    let mut speech = Speech::new(REMEDY);
    clause(&mut speech, spec, unit);
    speech.out
}

/// The lowest and the highest integer; `None` where there is no end.
pub type Ends = (Option<i64>, Option<i64>);

/// What a constraint allows, where that is a range with integers as its ends.
#[must_use]
pub fn ends(spec: Json<'_>) -> Option<Ends> {
    let range = Spec::read(spec).filter(|spec| spec.kind == Kind::Range);
    range
        .filter(|range| well_formed(spec) && range.has_whole_ends())
        .map(Spec::ends)
}

/// [`describe`] for a range with these ends.
///
/// ```
/// use ambit_core::constraint::{Unit, describe_ends};
/// assert_eq!(describe_ends(Some(1), Some(9), Unit::None), "from 1 to 9");
/// ```
#[must_use]
pub fn describe_ends(min: Option<i64>, max: Option<i64>, unit: Unit<'_>) -> String {
    let mut speech = Speech::new(REMEDY);
    words::range(
        &mut speech,
        [min.map(Number::integer), max.map(Number::integer)],
        unit,
    );
    speech.out
}

/// How remedies speak.
const REMEDY: Style = Style {
    locale: Locale::En,
    quote: '`',
    strict: false,
    number: plain_number,
};

/// The value that was asked, for people: "750.00", "`bob@x.example`", "absent". At most 120
/// characters; what could disturb the text around it is shown as an escape.
#[must_use]
pub fn value_text(value: Option<Json<'_>>, unit: Unit<'_>) -> String {
    let mut out = String::new();
    match value {
        Some(value) => text::value(&mut out, value, unit, '`'),
        None => out.push_str("absent"),
    }
    out
}
