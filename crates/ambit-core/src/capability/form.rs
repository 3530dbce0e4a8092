//! Which entries are well-formed.

use super::Place;
use crate::constraint;
use crate::json::{Json, Kind};
use crate::limits::{CONSTRAINTS, MONEY_DECIMALS};
use crate::{Power, Powers, Reason};

/// The members of a well-formed entry.
#[derive(Clone, Copy, Default)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: Option<Json<'a>>,
    pub(crate) actions: Option<Json<'a>>,
    pub(crate) privileges: Option<Json<'a>>,
    pub(crate) locations: Option<Json<'a>>,
    pub(crate) datatypes: Option<Json<'a>>,
    pub(crate) identifier: Option<Json<'a>>,
    pub(crate) purpose: Option<Json<'a>>,
    pub(crate) constraints: Option<Json<'a>>,
    pub(crate) limits: Option<Json<'a>>,
    pub(crate) requires: Option<Json<'a>>,
    pub(crate) consent: Option<Json<'a>>,
}

impl<'a> Entry<'a> {
    /// The entry's members, if it is well-formed at this place.
    pub(crate) fn read(entry: Json<'a>, place: Place) -> Option<Self> {
        let entry = Self::members(entry)?;
        (entry.is_complete(place) && entry.has_types(place)).then_some(entry)
    }

    /// The powers that the entry holds; one that names none bounds none.
    pub(crate) fn powers(&self) -> Powers {
        match self.privileges {
            None => Power::ALL.into_iter().collect(),
            Some(privileges) => powers(privileges).collect(),
        }
    }

    fn members(entry: Json<'a>) -> Option<Self> {
        if entry.kind() != Kind::Object {
            return None;
        }
        let mut found = Self::default();
        for (name, value) in entry.members() {
            let member = match name {
                "type" => &mut found.kind,
                "actions" => &mut found.actions,
                "privileges" => &mut found.privileges,
                "locations" => &mut found.locations,
                "datatypes" => &mut found.datatypes,
                "identifier" => &mut found.identifier,
                "purpose" => &mut found.purpose,
                "constraints" => &mut found.constraints,
                "limits" => &mut found.limits,
                "requires" => &mut found.requires,
                "consent" => &mut found.consent,
                _ => return None,
            };
            *member = Some(value);
        }
        Some(found)
    }

    /// Whether the members that the place needs are there, and none that it does not know.
    fn is_complete(&self, place: Place) -> bool {
        let resource = self.locations.or(self.datatypes).or(self.identifier);
        let bounded = self.actions.is_some()
            && self.privileges.is_some()
            && self.purpose.is_some()
            && resource.is_some();
        match place {
            Place::Root => bounded && self.kind.is_some() && self.consent.is_none(),
            Place::Derived => self.kind.is_some() && self.consent.is_none(),
            Place::Manifest => bounded,
        }
    }

    fn has_types(&self, place: Place) -> bool {
        let optional =
            |member: Option<Json<'a>>, test: fn(Json<'a>) -> bool| member.is_none_or(test);
        optional(self.kind, |kind| kind.as_str() == Some("ambit_capability"))
            && optional(self.actions, is_strings)
            && optional(self.privileges, |list| {
                is_strings(list) && powers(list).count() == list.len()
            })
            && optional(self.locations, is_strings)
            && optional(self.datatypes, is_strings)
            && optional(self.identifier, is_string)
            && optional(self.purpose, is_string)
            && self
                .constraints
                .is_none_or(|constraints| are_constraints(constraints, place))
            && optional(self.limits, |limits| is_list(limits, is_limit))
            && optional(self.requires, is_requirement)
            && optional(self.consent, is_consent)
    }
}

fn powers(privileges: Json<'_>) -> impl Iterator<Item = Power> {
    privileges
        .elements()
        .filter_map(|power| Power::from_name(power.as_str()?))
}

fn is_string(value: Json<'_>) -> bool {
    value.kind() == Kind::String
}

fn is_list(value: Json<'_>, element: fn(Json<'_>) -> bool) -> bool {
    value.kind() == Kind::Array && !value.is_empty() && value.elements().all(element)
}

fn is_strings(value: Json<'_>) -> bool {
    is_list(value, is_string)
}

fn is_integer_from(value: Json<'_>, least: i64) -> bool {
    value.as_int().is_some_and(|integer| integer >= least)
}

fn are_constraints(constraints: Json<'_>, place: Place) -> bool {
    constraints.kind() == Kind::Object
        && constraints.len() <= CONSTRAINTS
        && constraints.members().all(|(name, spec)| {
            let allowed = name != "*"
                || (place != Place::Derived
                    && constraint::reason(spec) == Reason::ConstraintWildcard);
            allowed && constraint::well_formed(spec)
        })
}

/// `{type:"spend", argument?, currency_argument?, max, currency, decimals}` or
/// `{type:"use_limit", max}`.
fn is_limit(limit: Json<'_>) -> bool {
    let kind = limit.get("type").and_then(Json::as_str);
    let known = limit.members().all(|(name, value)| match (kind, name) {
        (_, "type") => true,
        (Some("spend" | "use_limit"), "max") => is_integer_from(value, 1),
        (Some("spend"), "argument" | "currency_argument" | "currency") => is_string(value),
        (Some("spend"), "decimals") => value
            .as_int()
            .is_some_and(|decimals| (0..=i64::from(MONEY_DECIMALS)).contains(&decimals)),
        _ => false,
    });
    let needed: &[&str] = match kind {
        Some("spend") => &["max", "currency", "decimals"],
        Some("use_limit") => &["max"],
        _ => return false,
    };
    known && needed.iter().all(|name| limit.get(name).is_some())
}

/// `{acr?, max_age?, approval?}`, at least one of them.
fn is_requirement(requires: Json<'_>) -> bool {
    requires.kind() == Kind::Object
        && !requires.is_empty()
        && requires.members().all(|(name, value)| match name {
            "acr" => is_string(value) || is_strings(value),
            "max_age" => is_integer_from(value, 0),
            "approval" => value.as_bool() == Some(true) || are_approvers(value),
            _ => false,
        })
}

/// `{approvers, count}`. People are a set: whoever is listed twice could count twice.
fn are_approvers(value: Json<'_>) -> bool {
    value.len() == 2
        && value
            .get("approvers")
            .is_some_and(|people| is_strings(people) && !people.has_repeated_text())
        && value
            .get("count")
            .is_some_and(|count| is_integer_from(count, 1))
}

fn is_consent(consent: Json<'_>) -> bool {
    matches!(consent.as_str(), Some("none" | "once" | "each")) || are_approvers(consent)
}
