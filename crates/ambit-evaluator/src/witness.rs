//! Whether a change of arguments can help at all: bounds of several layers may exclude each other.
//!
//! Values of which there are few are tried: those that a bound names, the ends of ranges, none at
//! all. Where every bound of an argument is a form of text, one that meets all is assumed.

use alloc::vec::Vec;

use ambit_core::capability::Ask;
use ambit_core::constraint;
use ambit_core::json::Json;

use crate::Case;
use crate::authority::{Selected, Source};

/// Whether some value of this argument meets every chosen entry, and does not meet `other`.
pub(crate) fn exists<'s>(
    case: &Case<'s>,
    ask: &Ask<'s>,
    chosen: &[Selected<'s>],
    argument: &str,
    other: Option<&Selected<'s>>,
) -> bool {
    let bounds: Vec<Bound<'s>> = chosen
        .iter()
        .map(|selected| Bound::of(selected, argument))
        .collect();
    let other = other.map(|selected| Bound::of(selected, argument));
    let mut candidates = Vec::new();
    let mut decided = false;
    for bound in &bounds {
        decided |= bound.candidates(&mut candidates);
    }
    if !case
        .steps
        .take(bounds.len().saturating_add(candidates.len()))
    {
        return false;
    }
    let needed = case
        .bundle
        .action(ask.action)
        .and_then(|action| action.argument(argument))
        .is_none_or(|argument| argument.required());
    let fits = |value: &Option<Json<'s>>| {
        (value.is_some() || !needed)
            && bounds.iter().all(|bound| bound.holds(*value, case))
            && other
                .as_ref()
                .is_none_or(|other| !other.holds(*value, case))
    };
    if decided {
        return candidates.iter().any(fits);
    }
    // Of many values, one that another bound does not hold.
    match other {
        None | Some(Bound::Absent) => true,
        Some(Bound::Free) => false,
        Some(Bound::Spec(other)) => {
            let text = |spec: Json<'_>| constraint::describe(spec, case.unit(argument));
            let same = |spec: Json<'_>| case.steps.take(spec.weight()) && text(spec) == text(other);
            !bounds.iter().filter_map(Bound::spec).any(same)
        }
    }
}

/// What one entry says of the argument.
enum Bound<'s> {
    Free,
    /// It does not cover it.
    Absent,
    Spec(Json<'s>),
}

impl<'s> Bound<'s> {
    fn of(selected: &Selected<'s>, argument: &str) -> Self {
        let constraints = selected.entry.get("constraints");
        let named = |name| constraints.and_then(|constraints| constraints.get(name));
        match (named(argument), named("*"), selected.source) {
            (Some(spec), _, _) => Self::Spec(spec),
            (None, None, Source::Manifest | Source::Block(0)) => Self::Absent,
            _ => Self::Free,
        }
    }

    const fn spec(&self) -> Option<Json<'s>> {
        match self {
            Self::Spec(spec) => Some(*spec),
            Self::Free | Self::Absent => None,
        }
    }

    fn holds(&self, value: Option<Json<'_>>, case: &Case<'_>) -> bool {
        match self {
            Self::Free => true,
            Self::Absent => value.is_none(),
            Self::Spec(spec) => constraint::matches(*spec, value, case.steps),
        }
    }

    /// Adds values; `true` if no other value than those of all bounds needs to be tried.
    fn candidates(&self, out: &mut Vec<Option<Json<'s>>>) -> bool {
        match self {
            Self::Free => false,
            Self::Absent => {
                out.push(None);
                true
            }
            Self::Spec(spec) => values(*spec, out),
        }
    }
}

/// The values of a constraint that has few, or the ends of its range.
fn values<'s>(spec: Json<'s>, out: &mut Vec<Option<Json<'s>>>) -> bool {
    let elements = |name: &str| spec.get(name).map(Json::elements).into_iter().flatten();
    match spec.get("constraint_type").and_then(Json::as_str) {
        Some("exact") => out.push(spec.get("value")),
        Some("one_of") => out.extend(elements("values").map(Some)),
        Some("range") => out.extend(
            ["min", "max"]
                .into_iter()
                .filter_map(|end| spec.get(end))
                .map(Some),
        ),
        Some("optional") => {
            out.push(None);
            return spec
                .get("constraint")
                .is_some_and(|inner| values(inner, out));
        }
        // Of several that must hold, one with few values is enough, and the ends of all ranges count.
        Some("all") => {
            let mut few = false;
            for inner in elements("constraints") {
                few |= values(inner, out);
            }
            return few;
        }
        // Of alternatives, all must have few.
        Some("any") => return elements("constraints").all(|inner| values(inner, out)),
        _ => return false,
    }
    true
}
