//! One constraint with its members found, and a value beside it.

use super::declared::{Declared, Misfit};
use super::shape::Shape;
use super::table::Kind;
use super::{Ends, shape};
use crate::json::{Json, Kind as JsonKind, same_value};
use crate::{Number, Steps};

/// The most members that a kind has ([`Kind::Url`]).
const MEMBERS: usize = 4;

/// Steps for reading a constraint again, for each value that it is to hold for.
const READ: usize = 8;

/// A view of one constraint: the values of its kind's members in the order of [`Kind::members`].
#[derive(Clone, Copy)]
pub(super) struct Spec<'a> {
    pub(super) kind: Kind,
    pub(super) members: [Option<Json<'a>>; MEMBERS],
}

/// Whether `json` is a constraint, at every depth: of a known kind, with what its row asks for.
pub(super) fn well_formed(json: Json<'_>) -> bool {
    Spec::read(json).is_some_and(Spec::is_whole)
}

impl<'a> Spec<'a> {
    /// Finds kind and members; `None` for an unknown kind or member. Looks at no member's value.
    pub(super) fn read(json: Json<'a>) -> Option<Self> {
        let kind = Kind::from_name(json.get("constraint_type")?.as_str()?)?;
        let mut members = [None; MEMBERS];
        for (name, value) in json.members() {
            if name != "constraint_type" {
                let mut known = kind.members().iter();
                let place = known.position(|member| member.name == name)?;
                *members.get_mut(place)? = Some(value);
            }
        }
        Some(Self { kind, members })
    }

    fn is_whole(self) -> bool {
        let known = self.kind.members();
        let mut members = known.iter().zip(self.members);
        let fit = members.all(|(member, value)| match value {
            Some(value) => member.shape.holds(value),
            None => !member.needed,
        });
        let in_order = match self.numbers() {
            [Some(min), Some(max)] => min <= max,
            _ => true,
        };
        fit && in_order && self.has_members()
    }

    /// Whether it has any of its kind's members: one that says nothing must not match everything.
    fn has_members(self) -> bool {
        self.kind.members().is_empty() || self.members.iter().any(Option::is_some)
    }

    pub(super) fn first(self) -> Option<Json<'a>> {
        let [first, ..] = self.members;
        first
    }

    /// The elements of the first member.
    pub(super) fn list(self) -> impl Iterator<Item = Json<'a>> + Clone {
        self.first().unwrap_or_default().elements()
    }

    /// The first member as a text.
    pub(super) fn text(self) -> &'a str {
        self.first().and_then(Json::as_str).unwrap_or_default()
    }

    /// The constraint that is the first member.
    pub(super) fn inner(self) -> Option<Self> {
        Self::read(self.first()?)
    }

    /// The first two members as ends of a range of integers. Only where [`Self::has_whole_ends`].
    pub(super) fn ends(self) -> Ends {
        let [min, max, ..] = self.members;
        (min.and_then(Json::as_int), max.and_then(Json::as_int))
    }

    /// Whether the ends that are there are integers.
    pub(super) fn has_whole_ends(self) -> bool {
        let [min, max, ..] = self.members;
        [min, max]
            .iter()
            .flatten()
            .all(|end| end.as_int().is_some())
    }

    /// Whether an end is an integer.
    pub(super) fn has_integer_end(self) -> bool {
        let [min, max, ..] = self.members;
        [min, max]
            .iter()
            .flatten()
            .any(|end| end.as_int().is_some())
    }

    /// The first two members as numbers.
    pub(super) fn numbers(self) -> [Option<Number>; 2] {
        let [min, max, ..] = self.members;
        let number = |end: Option<Json<'_>>| Number::of_bound(end?);
        [number(min), number(max)]
    }

    /// Whether a number is within the ends. An absent end bounds nothing; one that is there and no number
    /// was refused before and holds nothing here.
    pub(super) fn within(self, value: Number) -> bool {
        let [min, max, ..] = self.members;
        let [least, most] = self.numbers();
        (min.is_none() || least.is_some_and(|least| least <= value))
            && (max.is_none() || most.is_some_and(|most| value <= most))
    }

    /// A misfit of the values that it lists, unless they fit.
    pub(super) fn unless(self, fit: bool) -> Option<Misfit> {
        (!fit).then(|| Misfit {
            kind: self.kind.name(),
            values: true,
        })
    }

    /// Whether whole values stand in it that the argument is compared to.
    pub(super) fn lists_values(self) -> bool {
        let mut shapes = self.kind.members().iter().map(|member| member.shape);
        shapes.any(|shape| match shape {
            Shape::Value | Shape::Values | Shape::Scalars => true,
            Shape::Constraint => self.inner().is_some_and(Self::lists_values),
            Shape::Constraints => self
                .list()
                .any(|spec| Spec::read(spec).is_some_and(Self::lists_values)),
            Shape::End(_) | Shape::Number | Shape::Text(_) | Shape::Texts(_) => false,
        })
    }

    /// Whether the argument matches, given that the constraint is well-formed. Every call takes a
    /// step, so that an empty budget matches nothing. With a type, values are compared as it reads
    /// them, and what does not fit it matches nothing.
    pub(super) fn holds(
        self,
        argument: Option<Json<'_>>,
        declared: Option<Declared<'_>>,
        steps: &Steps,
    ) -> bool {
        let suits = |declared: Declared<'_>| self.kind.classes() & declared.class() != 0;
        if !steps.take(1) || !declared.is_none_or(suits) {
            return false;
        }
        let Some(value) = argument else {
            return self.kind.takes_absent();
        };
        self.has_members()
            && self.holds_for(Asked {
                value,
                declared,
                steps,
            })
    }
}

/// A value that a constraint is to hold for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) value: Json<'a>,
    /// What it is declared to be.
    declared: Option<Declared<'a>>,
    pub(super) steps: &'a Steps,
}

impl<'a> Asked<'a> {
    pub(super) fn text(self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// Whether a text in a list passes. One that there are no steps for does not.
    pub(super) fn any_text(self, list: Option<Json<'a>>, passes: &dyn Fn(&str) -> bool) -> bool {
        for text in list.unwrap_or_default().elements() {
            let text = text.as_str().unwrap_or_default();
            if !self.steps.take(text.len()) {
                return false;
            }
            if passes(text) {
                return true;
            }
        }
        false
    }

    /// Without a type.
    pub(super) const fn untyped(value: Json<'a>, steps: &'a Steps) -> Self {
        Self {
            value,
            declared: None,
            steps,
        }
    }

    pub(super) fn is_list(self) -> bool {
        self.value.kind() == JsonKind::Array
    }

    /// What stands in a list, of the type that the elements of this one have.
    pub(super) fn elements_of(self, list: Json<'a>) -> impl Iterator<Item = Self> {
        let declared = self.declared.map(Declared::element);
        list.elements().map(move |value| Self {
            value,
            declared,
            ..self
        })
    }

    /// How many elements the list has.
    pub(super) fn length(self) -> Option<i64> {
        let length = || i64::try_from(self.value.len()).ok();
        self.is_list().then(length).flatten()
    }

    /// A string, an integer or a boolean; of what is declared, whose numbers have one text each, any number.
    pub(super) fn is_scalar(self) -> bool {
        shape::is_scalar(self.value) || (self.is_declared() && self.value.as_number().is_some())
    }

    /// Whether `bound` is of the value's type: numbers with a fraction are texts in bounds.
    pub(super) fn is_of_kind(self, bound: Json<'_>) -> bool {
        bound.kind() == self.value.kind() || self.is_number()
    }

    pub(super) fn is_declared(self) -> bool {
        self.declared.is_some()
    }

    /// Whether it is declared to be a number with a fraction.
    pub(super) fn is_number(self) -> bool {
        self.declared.is_some_and(Declared::is_number)
    }

    /// Whether it is the same value as `bound`.
    pub(super) fn is(self, bound: Json<'_>) -> bool {
        match self.declared {
            Some(declared) => declared.same(bound, self.value, self.steps),
            None => same_value(bound, self.value, self.steps),
        }
    }

    /// Whether one of `values` is the same.
    pub(super) fn is_among(self, values: Json<'_>) -> bool {
        let mut values = values.elements();
        values.any(|listed| self.steps.take(1) && self.is(listed))
    }

    /// Whether a constraint inside another holds for it.
    pub(super) fn meets_read(self, spec: Spec<'_>) -> bool {
        spec.holds(Some(self.value), self.declared, self.steps)
    }

    /// [`Self::meets_read`] of one that is yet to be read, which is paid for.
    pub(super) fn meets(self, constraint: Json<'_>) -> bool {
        self.steps.take(READ) && Spec::read(constraint).is_some_and(|spec| self.meets_read(spec))
    }

    /// [`Self::meets`] a constraint that its type does not contradict.
    pub(super) fn meets_fitting(self, constraint: Json<'_>) -> bool {
        let fits = |declared: Declared<'_>| {
            Spec::read(constraint).is_some_and(|spec| declared.fits(constraint, spec, self.steps))
        };
        self.meets(constraint) && self.declared.is_none_or(fits)
    }
}
