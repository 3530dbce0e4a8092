//! Capabilities: the entries of `authorization_details` and of manifests, matched against what is
//! asked (docs/token.md, "Claims" and verification steps 6 and 7).
//!
//! Limits, logins and approvals that an entry names are not judged here: a match only says that
//! the entry speaks of this action, on this, for this purpose, in these bounds.

mod fit;
mod form;

use alloc::vec::Vec;
use core::fmt;

use crate::constraint::{self, Arguments};
use crate::hours::{Hours, Opening};
use crate::json::Json;
use crate::limits::CONSTRAINTS;
use crate::{Power, Powers, Reason, Steps};
pub use fit::{Contradiction, contradiction, why};
pub(crate) use form::Entry;

/// What is asked.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The action's name.
    pub action: &'a str,
    /// How far it is to go.
    pub power: Power,
    /// Whether receipts are given with the request: then an entry that holds `propose` matches
    /// `execute` too (docs/token.md, "Draft, propose, execute"). The receipts are judged by step 7.
    pub approved: bool,
    /// Where: the resource server's location.
    pub location: Option<&'a str>,
    /// To what kind of thing: the resource's type.
    pub datatype: Option<&'a str>,
    /// To which one: the resource's id.
    pub identifier: Option<&'a str>,
    /// Why.
    pub purpose: &'a str,
    /// An object of the arguments, money already in minor units.
    pub args: Json<'a>,
    /// When: seconds since 1970, UTC.
    pub now: i64,
    /// How far time zones are from UTC by now, in minutes, as the host says.
    pub utc_offsets: Option<Json<'a>>,
    /// What the schema declares the arguments of the action to be.
    pub declared: &'a dyn Arguments,
}

impl Ask<'_> {
    /// The same with receipts.
    #[must_use]
    pub const fn with_receipts(&self) -> Self {
        Self {
            approved: true,
            ..*self
        }
    }
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("action", &self.action)
            .field("power", &self.power)
            .field("location", &self.location)
            .field("datatype", &self.datatype)
            .field("identifier", &self.identifier)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// Where an entry stands, which says what it must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a token's first block: everything is named, every argument included.
    Root,
    /// In a derived block: what is left out adds no bound.
    Derived,
    /// In a manifest: like the root, and it may name `consent`.
    Manifest,
}

/// Why an entry does not match.
#[derive(Clone, Copy, Debug)]
pub enum Mismatch<'a> {
    /// The entry itself is malformed and matches nothing.
    Malformed,
    /// It is for other actions.
    Action,
    /// It is for other locations, or for locations while none was asked.
    Location,
    /// It is for other kinds of things.
    Datatype,
    /// It is for another thing.
    Identifier,
    /// It is for another purpose.
    Purpose,
    /// It does not hold the power.
    Power,
    /// No constraint names this argument.
    Unnamed {
        /// The argument's name.
        argument: &'a str,
    },
    /// A constraint does not match.
    Constraint {
        /// The argument's name.
        argument: &'a str,
        /// The constraint.
        spec: Json<'a>,
        /// The argument's value; `None` when it is absent.
        value: Option<Json<'a>>,
    },
    /// It does not hold at this time.
    Hours {
        /// When it does.
        hours: Json<'a>,
        /// When that is next; `None` where nobody says what time it is in the zone.
        opens: Option<Opening>,
    },
}

impl Mismatch<'_> {
    /// How far matching came: the larger, the nearer the miss.
    #[must_use]
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Malformed => 0,
            Self::Action => 1,
            Self::Location | Self::Datatype | Self::Identifier => 2,
            Self::Purpose => 3,
            Self::Power => 4,
            Self::Unnamed { .. } | Self::Constraint { .. } => 5,
            Self::Hours { .. } => 6,
        }
    }

    /// The reason with which a token's entry that is missed so refuses the request.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Malformed | Self::Action => Reason::CapabilityNone,
            Self::Location | Self::Datatype | Self::Identifier => Reason::CapabilityResource,
            Self::Purpose => Reason::CapabilityPurpose,
            Self::Power => Reason::CapabilityPower,
            Self::Unnamed { .. } => Reason::ConstraintUnnamed,
            Self::Constraint { value: None, .. } => Reason::ConstraintMissing,
            Self::Constraint { spec, .. } => constraint::reason(*spec),
            Self::Hours { .. } => Reason::CapabilityHours,
        }
    }
}

/// Whether an entry has the members, types and constraints that its place asks for.
#[must_use]
pub fn well_formed(entry: Json<'_>, place: Place) -> bool {
    Entry::read(entry, place).is_some()
}

/// Matches one entry: well-formed, action, resource, purpose, power, constraints, hours. Judged in the
/// order of [`Mismatch::rank`], so that the answer is the last thing that still had to be right.
///
/// # Errors
///
/// The first [`Mismatch`].
pub fn match_entry<'a>(
    entry: Json<'a>,
    place: Place,
    ask: &Ask<'a>,
    steps: &Steps,
) -> Result<(), Mismatch<'a>> {
    // Whether it is well-formed is seen anew for every request. Without steps nothing is.
    let paid = steps.take(entry.weight());
    let entry = Entry::read(entry, place).filter(|_| paid);
    let entry = entry.ok_or(Mismatch::Malformed)?;
    entry.match_scope(ask)?;
    if entry
        .purpose
        .is_some_and(|purpose| purpose.as_str() != Some(ask.purpose))
    {
        return Err(Mismatch::Purpose);
    }
    if !holds(entry.powers(), ask) {
        return Err(Mismatch::Power);
    }
    entry.match_arguments(place, ask, steps)?;
    entry.match_hours(ask, steps)
}

/// The first entry that matches, or the nearest miss: the highest [`Mismatch::rank`], among
/// broken constraints the fewest, among hours the next, else the first. Entries keep the index they come with. Without
/// any entry the miss is [`Mismatch::Action`] at index 0.
///
/// # Errors
///
/// The nearest miss and its index.
pub fn select<'a>(
    entries: impl Iterator<Item = (usize, Json<'a>)>,
    place: Place,
    ask: &Ask<'a>,
    steps: &Steps,
) -> Result<usize, (usize, Mismatch<'a>)> {
    let mut nearest: Option<(usize, Mismatch<'a>, usize)> = None;
    for (index, entry) in entries {
        // Most entries are for another action: see that before anything else.
        let named = entry.get("actions").map_or(0, Json::len);
        steps.charge(named.saturating_add(2) / 2);
        let miss = if names_other_actions(entry, ask) {
            Mismatch::Action
        } else {
            match match_entry(entry, place, ask, steps) {
                Ok(()) => return Ok(index),
                Err(miss) => miss,
            }
        };
        let rank = miss.rank();
        if nearest
            .as_ref()
            .is_some_and(|(_, other, _)| rank < other.rank())
        {
            continue;
        }
        // Counted once an entry: a denial must not cost much more than an allow.
        let count = match miss {
            Mismatch::Unnamed { .. } | Mismatch::Constraint { .. } => {
                faults(entry, place, ask, steps)
            }
            Mismatch::Hours { opens, .. } => wait(opens, ask),
            _ => 0,
        };
        let nearer = |(_, other, fewest): &(usize, Mismatch<'_>, usize)| {
            rank > other.rank() || count < *fewest
        };
        if nearest.as_ref().is_none_or(nearer) {
            nearest = Some((index, miss, count));
        }
    }
    Err(nearest.map_or((0, Mismatch::Action), |(index, miss, _)| (index, miss)))
}

/// The first entry that matches, and no word of why others do not.
pub fn first<'a>(
    mut entries: impl Iterator<Item = (usize, Json<'a>)>,
    place: Place,
    ask: &Ask<'a>,
    steps: &Steps,
) -> Option<usize> {
    let found = entries.find(|(_, entry)| {
        let named = entry.get("actions").map_or(0, Json::len);
        steps.charge(named.saturating_add(2) / 2);
        !names_other_actions(*entry, ask) && match_entry(*entry, place, ask, steps).is_ok()
    });
    found.map(|(index, _)| index)
}

/// Every constraint of the entry that does not match, with its argument's name and value: what
/// would have to change.
#[must_use]
pub fn broken<'a>(
    entry: Json<'a>,
    ask: &Ask<'a>,
    steps: &Steps,
) -> Vec<(&'a str, Json<'a>, Option<Json<'a>>)> {
    let mut broken = Vec::new();
    for (name, spec) in entry.get_members("constraints") {
        if name != "*" {
            let value = argument(ask, name, steps);
            let declared = ask.declared.declared(name);
            if !constraint::matches_declared(spec, value, declared, steps) {
                broken.push((name, spec, value));
            }
        }
    }
    broken
}

/// The arguments asked that no constraint of the entry covers, at most [`CONSTRAINTS`] of them. In
/// a derived block that is no fault.
///
/// Needs no step budget: what is covered is bounded by the entry and the schema, so a request of
/// thousands of arguments is left after that many and 32 more.
#[must_use]
pub fn unnamed<'a>(entry: Json<'a>, ask: &Ask<'a>) -> Vec<&'a str> {
    let constraints = entry.get("constraints");
    let names = ask.args.members().map(|(name, _)| name);
    names
        .filter(|name| !covers(constraints, name, ask))
        .take(CONSTRAINTS)
        .collect()
}

/// The powers held by the well-formed entries that match action, resource and purpose.
pub fn powers_for<'a>(
    entries: impl Iterator<Item = Json<'a>>,
    place: Place,
    ask: &Ask<'a>,
) -> Powers {
    let mut held = Powers::NONE;
    for entry in in_scope(entries, place, ask) {
        let purpose = entry.purpose.map(Json::as_str);
        if purpose.is_none_or(|purpose| purpose == Some(ask.purpose)) {
            held = held.union(entry.powers());
        }
    }
    held
}

/// The purposes of the well-formed entries that match action and resource, each once. Entries of
/// derived blocks may name none.
pub fn purposes_for<'a>(
    entries: impl Iterator<Item = Json<'a>>,
    place: Place,
    ask: &Ask<'a>,
) -> Vec<&'a str> {
    let mut purposes = Vec::new();
    for entry in in_scope(entries, place, ask) {
        if let Some(purpose) = entry.purpose.and_then(Json::as_str)
            && !purposes.contains(&purpose)
        {
            purposes.push(purpose);
        }
    }
    purposes
}

fn in_scope<'a>(
    entries: impl Iterator<Item = Json<'a>>,
    place: Place,
    ask: &Ask<'a>,
) -> impl Iterator<Item = Entry<'a>> {
    entries
        .filter(|entry| !names_other_actions(*entry, ask))
        .filter_map(move |entry| Entry::read(entry, place))
        .filter(|entry| entry.match_scope(ask).is_ok())
}

/// Whether the powers of an entry are enough, alone or with the receipts that are given.
fn holds(powers: Powers, ask: &Ask<'_>) -> bool {
    let proposed = ask.approved && ask.power == Power::Execute;
    powers.contains(ask.power) || (proposed && powers.contains(Power::Propose))
}

fn names_other_actions(entry: Json<'_>, ask: &Ask<'_>) -> bool {
    !in_list(entry.get("actions"), Some(ask.action))
}

/// Whether the list, where there is one, has the text.
fn in_list(list: Option<Json<'_>>, text: Option<&str>) -> bool {
    list.is_none_or(|list| {
        text.is_some() && list.elements().any(|element| element.as_str() == text)
    })
}

fn argument<'a>(ask: &Ask<'a>, name: &str, steps: &Steps) -> Option<Json<'a>> {
    // An argument not found for want of steps is not taken for absent: the constraint that is asked
    // next needs a step too.
    steps
        .take(ask.args.len())
        .then(|| ask.args.get(name))
        .flatten()
}

fn faults<'a>(entry: Json<'a>, place: Place, ask: &Ask<'a>, steps: &Steps) -> usize {
    let unnamed = match place {
        Place::Derived => 0,
        Place::Root | Place::Manifest => unnamed(entry, ask).len(),
    };
    broken(entry, ask, steps).len().saturating_add(unnamed)
}

/// Seconds until hours begin, at most eight days; none where nobody says what time it is.
fn wait(opens: Option<Opening>, ask: &Ask<'_>) -> usize {
    let seconds = opens.map_or(0, |opens| opens.at.saturating_sub(ask.now));
    usize::try_from(seconds).unwrap_or_default()
}

/// Whether a constraint of that name, or `"*"` for an argument that the schema declares, is there.
fn covers(constraints: Option<Json<'_>>, name: &str, ask: &Ask<'_>) -> bool {
    constraints.is_some_and(|constraints| {
        (name != "*" && constraints.get(name).is_some())
            || (constraints.get("*").is_some() && ask.declared.declared(name).is_some())
    })
}

impl<'a> Entry<'a> {
    fn match_scope(&self, ask: &Ask<'a>) -> Result<(), Mismatch<'a>> {
        if !in_list(self.actions, Some(ask.action)) {
            return Err(Mismatch::Action);
        }
        if !in_list(self.locations, ask.location) {
            return Err(Mismatch::Location);
        }
        if !in_list(self.datatypes, ask.datatype) {
            return Err(Mismatch::Datatype);
        }
        let same = |identifier: Json<'_>| identifier.as_str() == ask.identifier;
        if !self.identifier.is_none_or(same) {
            return Err(Mismatch::Identifier);
        }
        Ok(())
    }

    fn match_hours(&self, ask: &Ask<'a>, steps: &Steps) -> Result<(), Mismatch<'a>> {
        let Some(hours) = self.hours else {
            return Ok(());
        };
        let read = Hours::read(hours).ok_or(Mismatch::Malformed)?;
        // What is not found for want of steps is a denial too.
        let offset = ask
            .utc_offsets
            .filter(|offsets| steps.take(offsets.len()))
            .and_then(|offsets| offsets.get(read.zone)?.as_int());
        let opens = offset.map(|offset| read.opens(ask.now, offset));
        match opens {
            Some(opens) if opens.at == ask.now => Ok(()),
            opens => Err(Mismatch::Hours { hours, opens }),
        }
    }

    fn match_arguments(
        &self,
        place: Place,
        ask: &Ask<'a>,
        steps: &Steps,
    ) -> Result<(), Mismatch<'a>> {
        for (name, spec) in self.constraints.unwrap_or_default().members() {
            let value = argument(ask, name, steps);
            let declared = || ask.declared.declared(name);
            if name != "*" && !constraint::holds(spec, value, declared(), steps) {
                return Err(Mismatch::Constraint {
                    argument: name,
                    spec,
                    value,
                });
            }
        }
        if place == Place::Derived {
            return Ok(());
        }
        let width = self.constraints.map_or(0, Json::len).saturating_add(1);
        for (argument, _) in ask.args.members() {
            if !steps.take(width) || !covers(self.constraints, argument, ask) {
                return Err(Mismatch::Unnamed { argument });
            }
        }
        Ok(())
    }
}
