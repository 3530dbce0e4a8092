//! One constraint, its members found, and the dispatch to its matcher.

use super::declared::{Declared, same};
use super::kind::Kind;
use super::{cidr, email, like, subpath, url, values};
use crate::Steps;
use crate::json::{Json, Kind as JsonKind};

/// The most members that a kind has ([`Kind::Url`]).
const MEMBERS: usize = 3;

/// Steps for reading a constraint again, for each value that it is to hold for.
const READ: usize = 8;

/// A view of one constraint: the values of its kind's members in the order of [`Kind::members`].
#[derive(Clone, Copy)]
pub(super) struct Spec<'a> {
    pub(super) kind: Kind,
    pub(super) members: [Option<Json<'a>>; MEMBERS],
}

impl<'a> Spec<'a> {
    /// Finds kind and members; `None` for an unknown kind or member. Looks at no member's value.
    pub(super) fn read(json: Json<'a>) -> Option<Self> {
        let kind = Kind::from_name(json.get("constraint_type")?.as_str()?)?;
        let mut members = [None; MEMBERS];
        for (name, value) in json.members() {
            if name != "constraint_type" {
                let place = kind.members().iter().position(|member| *member == name)?;
                *members.get_mut(place)? = Some(value);
            }
        }
        Some(Self { kind, members })
    }

    /// Whether whole values stand in it that the argument is compared to.
    pub(super) fn lists_values(self) -> bool {
        let [first, ..] = self.members;
        match self.kind {
            Kind::Exact | Kind::OneOf | Kind::NotOneOf | Kind::Subset | Kind::Contains => true,
            Kind::Each | Kind::Optional => inner(first).is_some_and(Self::lists_values),
            Kind::All | Kind::Any => {
                let mut specs = first.into_iter().flat_map(Json::elements);
                specs.any(|spec| inner(Some(spec)).is_some_and(Self::lists_values))
            }
            Kind::Range
            | Kind::Like
            | Kind::EmailDomain
            | Kind::Url
            | Kind::Subpath
            | Kind::Cidr
            | Kind::Count
            | Kind::Wildcard => false,
        }
    }

    /// Whether the argument matches, given that the constraint is well-formed. Every call takes a
    /// step, so that an empty budget matches nothing. With a type, values are compared as it reads
    /// them, and what does not fit it matches nothing.
    pub(super) fn holds(
        self,
        argument: Option<Json<'a>>,
        declared: Option<Declared<'_>>,
        steps: &Steps,
    ) -> bool {
        let [first, second, third] = self.members;
        let fits = |declared: Declared<'_>| self.kind.classes() & declared.class() != 0;
        if !steps.take(1) || !declared.is_none_or(fits) {
            return false;
        }
        if self.kind == Kind::Optional {
            return argument.is_none_or(Json::is_null)
                || steps.take(READ)
                    && inner(first).is_some_and(|spec| spec.holds(argument, declared, steps));
        }
        // Every other kind needs the argument.
        let Some(value) = argument else { return false };
        if self.kind == Kind::Wildcard {
            return true;
        }
        let Some(bound) = first.or(second) else {
            return false;
        };
        match self.kind {
            Kind::Exact => same(declared, bound, value, steps),
            Kind::OneOf => values::listed(bound, value, declared, steps),
            Kind::NotOneOf => values::not_listed(bound, value, declared, steps),
            Kind::Range => value
                .as_int()
                .is_some_and(|value| within(first, second, value)),
            Kind::Like => text(bound, value).is_some_and(|(p, t)| like::matches(p, t, steps)),
            Kind::EmailDomain => text_in(bound, value, email::in_domains, steps),
            Kind::Url => {
                second.is_some_and(|hosts| url::matches(bound, hosts, third, value, steps))
            }
            Kind::Subpath => text(bound, value).is_some_and(|(r, t)| subpath::matches(r, t, steps)),
            Kind::Cidr => text_in(bound, value, cidr::in_ranges, steps),
            Kind::Each => each(bound, value, declared, steps),
            Kind::Subset => values::subset(bound, value, declared, steps),
            Kind::Contains => values::contains(bound, value, declared, steps),
            Kind::Count => length(value).is_some_and(|length| within(first, second, length)),
            Kind::All => every(bound, value, declared, steps),
            Kind::Any => some(bound, value, declared, steps),
            Kind::Optional | Kind::Wildcard => false,
        }
    }
}

fn inner(constraint: Option<Json<'_>>) -> Option<Spec<'_>> {
    Spec::read(constraint?)
}

fn text<'a>(bound: Json<'a>, value: Json<'a>) -> Option<(&'a str, &'a str)> {
    Some((bound.as_str()?, value.as_str()?))
}

fn text_in<'a>(
    list: Json<'a>,
    value: Json<'a>,
    matcher: fn(Json<'a>, &str, &Steps) -> bool,
    steps: &Steps,
) -> bool {
    value
        .as_str()
        .is_some_and(|value| matcher(list, value, steps))
}

/// An absent end bounds nothing; one that is there and no integer was refused before and holds
/// nothing here.
fn within(min: Option<Json<'_>>, max: Option<Json<'_>>, value: i64) -> bool {
    min.is_none_or(|min| min.as_int().is_some_and(|min| min <= value))
        && max.is_none_or(|max| max.as_int().is_some_and(|max| value <= max))
}

fn length(value: Json<'_>) -> Option<i64> {
    (value.kind() == JsonKind::Array)
        .then(|| i64::try_from(value.len()).ok())
        .flatten()
}

fn each<'a>(
    constraint: Json<'a>,
    value: Json<'a>,
    declared: Option<Declared<'_>>,
    steps: &Steps,
) -> bool {
    let declared = declared.map(Declared::element);
    value.kind() == JsonKind::Array
        && Spec::read(constraint).is_some_and(|spec| {
            value
                .elements()
                .all(|element| spec.holds(Some(element), declared, steps))
        })
}

fn every<'a>(
    constraints: Json<'a>,
    value: Json<'a>,
    declared: Option<Declared<'_>>,
    steps: &Steps,
) -> bool {
    constraints.elements().all(|constraint| {
        steps.take(READ)
            && inner(Some(constraint)).is_some_and(|spec| spec.holds(Some(value), declared, steps))
    })
}

/// One that fits and matches: a `not_one_of` of what are no values of the type matches all of them.
fn some<'a>(
    constraints: Json<'a>,
    value: Json<'a>,
    declared: Option<Declared<'_>>,
    steps: &Steps,
) -> bool {
    constraints.elements().any(|constraint| {
        steps.take(READ)
            && inner(Some(constraint)).is_some_and(|spec| {
                spec.holds(Some(value), declared, steps)
                    && declared.is_none_or(|declared| declared.fits(constraint, spec, steps))
            })
    })
}
