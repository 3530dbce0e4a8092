//! Which entries are well-formed.

use super::Place;
use crate::constraint::{self, Kind};
use crate::grammar::{self, Form};
use crate::hours::Hours;
use crate::json::Json;
use crate::limits::CONSTRAINTS;
use crate::{Power, Powers};

/// The members of a well-formed entry.
#[derive(Clone, Copy, Default)]
pub(crate) struct Entry<'a> {
    pub(crate) actions: Option<Json<'a>>,
    pub(crate) privileges: Option<Json<'a>>,
    pub(crate) locations: Option<Json<'a>>,
    pub(crate) datatypes: Option<Json<'a>>,
    pub(crate) identifier: Option<Json<'a>>,
    pub(crate) purpose: Option<Json<'a>>,
    pub(crate) constraints: Option<Json<'a>>,
    pub(crate) hours: Option<Json<'a>>,
    pub(crate) limits: Option<Json<'a>>,
    pub(crate) requires: Option<Json<'a>>,
    pub(crate) consent: Option<Json<'a>>,
}

impl<'a> Entry<'a> {
    /// The entry's members, if it is well-formed at this place.
    pub(crate) fn read(entry: Json<'a>, place: Place) -> Option<Self> {
        let table = match place {
            Place::Root => grammar::ROOT_ENTRY,
            Place::Derived => grammar::DERIVED_ENTRY,
            Place::Manifest => grammar::MANIFEST_ENTRY,
        };
        let fits = Form::Object(table).holds(entry);
        let entry = fits.then(|| Self::members(entry))?;
        entry.is_whole(place).then_some(entry)
    }

    /// The powers that the entry holds; one that names none bounds none.
    pub(crate) fn powers(&self) -> Powers {
        match self.privileges {
            None => Powers::ALL,
            Some(privileges) => powers(privileges),
        }
    }

    fn members(entry: Json<'a>) -> Self {
        let mut found = Self::default();
        for (name, value) in entry.members() {
            let member = match name {
                "actions" => &mut found.actions,
                "privileges" => &mut found.privileges,
                "locations" => &mut found.locations,
                "datatypes" => &mut found.datatypes,
                "identifier" => &mut found.identifier,
                "purpose" => &mut found.purpose,
                "constraints" => &mut found.constraints,
                "hours" => &mut found.hours,
                "limits" => &mut found.limits,
                "requires" => &mut found.requires,
                "consent" => &mut found.consent,
                _ => continue,
            };
            *member = Some(value);
        }
        found
    }

    /// What the tables of [`grammar`] cannot say: that a root or manifest names a resource in one way
    /// or another, that its constraints are sound, and that its hours end.
    fn is_whole(&self, place: Place) -> bool {
        let resource = self.locations.or(self.datatypes).or(self.identifier);
        (place == Place::Derived || resource.is_some())
            && self.hours.is_none_or(|hours| Hours::read(hours).is_some())
            && self
                .constraints
                .is_none_or(|constraints| are_sound(constraints, place))
    }
}

fn powers(privileges: Json<'_>) -> Powers {
    let mut found = Powers::NONE;
    for privilege in privileges.elements() {
        let power = privilege.as_str().and_then(Power::from_name);
        found = power.map_or(found, |power| found.with(power));
    }
    found
}

fn are_sound(constraints: Json<'_>, place: Place) -> bool {
    constraints.len() <= CONSTRAINTS
        && constraints.members().all(|(name, spec)| {
            let allowed = name != "*"
                || (place != Place::Derived && constraint::kind(spec) == Some(Kind::Wildcard));
            allowed && constraint::well_formed(spec)
        })
}
