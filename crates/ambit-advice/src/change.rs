//! Other arguments: entries that nothing but arguments keeps from applying, one of each layer.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::{Ask, Mismatch, Place, broken, match_entry, unnamed};
use ambit_core::constraint::{self, Declared, Ends, Kind, Unit};
use ambit_core::decimal_text;
use ambit_core::json::{Document, Json, Profile, Writer, canonical_value};
use ambit_core::limits::{ADVICE_ENTRIES, ADVICE_VALUES};
use ambit_evaluator::{Assumed, Room, joined, rooms};

use crate::call::{Call, Layer};
use crate::candidate::{Candidate, Change};
use crate::confirm::Confirm;

/// Between bounds that hold together.
const AND: &str = "; and ";

/// An entry that would apply if these arguments were others.
struct Entry<'a> {
    json: Json<'a>,
    place: Place,
    arguments: Vec<&'a str>,
}

/// What one entry says of an argument.
#[derive(Clone, Copy)]
enum Bound<'a> {
    Spec(Json<'a>),
    Room(Room<'a>),
    /// It does not name it.
    Absent,
}

/// Adds what is allowed with other arguments: of each layer the entry that needs the fewest changes, and
/// then each of the others in the place of its layer's.
pub(crate) fn add(call: &Call<'_>, confirm: &mut Confirm<'_, '_>, found: &mut Vec<Candidate>) {
    for approved in [false, true] {
        call.with_ask(approved, &mut |ask| {
            let mut layers = Vec::new();
            for layer in &call.layers {
                layers.push(entries(call, layer, ask));
            }
            for chosen in combinations(&layers) {
                let Some(confirmed) = with_entries(call, &chosen, ask, confirm) else {
                    continue;
                };
                if !found.iter().any(|other| other.changes_same(&confirmed)) {
                    found.push(confirmed);
                }
            }
        });
    }
}

/// The entries of a layer that nothing but arguments keeps from applying, those first that need the
/// fewest changes.
fn entries<'a>(call: &Call<'_>, layer: &Layer<'a>, ask: &Ask<'a>) -> Vec<Entry<'a>> {
    let mut found: Vec<Entry<'a>> = Vec::new();
    for json in &layer.entries {
        let Some(arguments) = arguments(call, *json, layer.place, ask) else {
            continue;
        };
        let fewer = found
            .iter()
            .take_while(|one| one.arguments.len() <= arguments.len());
        let at = fewer.count();
        found.insert(
            at,
            Entry {
                json: *json,
                place: layer.place,
                arguments,
            },
        );
        found.truncate(ADVICE_ENTRIES);
    }
    found
}

/// The arguments that would have to be others; `None` where no change is enough.
fn arguments<'a>(
    call: &Call<'_>,
    entry: Json<'a>,
    place: Place,
    ask: &Ask<'a>,
) -> Option<Vec<&'a str>> {
    match match_entry(entry, place, ask, call.steps) {
        Ok(()) | Err(Mismatch::Unnamed { .. } | Mismatch::Constraint { .. }) => {}
        Err(_) => return None,
    }
    let action = call.bundle.action(call.asked.action)?;
    let missed = broken(entry, ask, call.steps);
    let full = rooms(entry, ask.power).filter(|(name, room)| !room.holds(ask.args.get(name)));
    let mut names: Vec<&'a str> = Vec::new();
    for name in missed
        .iter()
        .map(|(name, ..)| *name)
        .chain(full.map(|(name, _)| name))
    {
        // Of an argument that the action does not have, nothing can be given.
        action.argument(name)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if place != Place::Derived {
        for name in unnamed(entry, ask) {
            if action.argument(name)?.required() {
                return None;
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Some(names)
}

/// The first entry of each layer, and then each other one beside the first of the others.
fn combinations<'e, 'a>(layers: &'e [Vec<Entry<'a>>]) -> Vec<Vec<&'e Entry<'a>>> {
    let mut first = Vec::new();
    for layer in layers {
        match layer.first() {
            Some(entry) => first.push(entry),
            None => return Vec::new(),
        }
    }
    if first.is_empty() {
        return Vec::new();
    }
    let mut all = alloc::vec![first.clone()];
    for (at, layer) in layers.iter().enumerate() {
        for other in layer.iter().skip(1) {
            let mut chosen = first.clone();
            if let Some(entry) = chosen.get_mut(at) {
                *entry = other;
            }
            all.push(chosen);
        }
    }
    all
}

/// The call with values that all of these entries allow, the first that is confirmed.
fn with_entries(
    call: &Call<'_>,
    chosen: &[&Entry<'_>],
    ask: &Ask<'_>,
    confirm: &mut Confirm<'_, '_>,
) -> Option<Candidate> {
    let mut names: Vec<&str> = Vec::new();
    for name in chosen.iter().flat_map(|entry| &entry.arguments) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let mut changed = Vec::new();
    let mut tries = 0;
    for name in names {
        let bounds = bounds(chosen, name, ask);
        let values = values(call, name, &bounds, ask);
        // An argument for which there is no value: no change of arguments is enough.
        let last = values.len().checked_sub(1)?;
        tries = values.len().max(tries);
        changed.push((name, bounds, values, last));
    }
    for number in 0..tries {
        let mut changes = Vec::new();
        let mut given = Vec::new();
        for (name, bounds, values, last) in &changed {
            let value = values.get(number.min(*last))?;
            changes.push(change(call, name, bounds, value.as_deref(), ask));
            given.push(value);
        }
        let Some(arguments) = with_values(ask.args, &changes, &given) else {
            continue;
        };
        let confirmed = confirm.candidate(&Candidate {
            assumed: Assumed {
                arguments: Some(arguments),
                approved: ask.approved,
                ..Assumed::default()
            },
            changes,
            ..Candidate::default()
        });
        if confirmed.is_some() {
            return confirmed;
        }
    }
    None
}

/// What these entries say of an argument. A bound that any value meets is told where it is the only one.
fn bounds<'a>(chosen: &[&Entry<'a>], name: &str, ask: &Ask<'_>) -> Vec<Bound<'a>> {
    let mut bounds = Vec::new();
    for entry in chosen {
        bounds.append(&mut entry.bounds(name, ask));
    }
    if !bounds.iter().all(Bound::is_wildcard) {
        bounds.retain(|bound| !bound.is_wildcard());
    }
    bounds
}

/// Some values that meet all bounds, as JSON, integers by their distance from what was asked; `None`
/// stands for an argument that is left out.
fn values(
    call: &Call<'_>,
    argument: &str,
    bounds: &[Bound<'_>],
    ask: &Ask<'_>,
) -> Vec<Option<String>> {
    let action = call.bundle.action(call.asked.action);
    let Some(known) = action.and_then(|action| action.argument(argument)) else {
        return Vec::new();
    };
    let declared = known.declared();
    let asked = ask.args.get(argument);
    let target = asked.and_then(Json::as_int);
    let numbers = declared.holds_numbers();
    let mut found: Vec<(u64, Option<String>)> = Vec::new();
    for value in bounds
        .iter()
        .flat_map(|bound| bound.values(call, asked, numbers))
    {
        let text = value.as_deref().unwrap_or("null").as_bytes();
        let Ok(document) = Document::parse(text, Profile::Request) else {
            continue;
        };
        let json = value.is_some().then(|| document.root());
        let fits = match json {
            Some(json) => declared.admits(json),
            None => !known.required(),
        };
        let mut bounds = bounds.iter();
        if !fits || !bounds.all(|bound| bound.holds(json, declared, call)) {
            continue;
        }
        let distance = match (json.and_then(Json::as_int), target) {
            (Some(value), Some(target)) => value.abs_diff(target),
            _ => 0,
        };
        if found.iter().any(|(_, known)| *known == value) {
            continue;
        }
        let nearer = found.iter().take_while(|(other, _)| *other <= distance);
        let at = nearer.count();
        found.insert(at, (distance, value));
        found.truncate(ADVICE_VALUES);
    }
    found.into_iter().map(|(_, value)| value).collect()
}

impl<'a> Entry<'a> {
    fn bounds(&self, argument: &str, ask: &Ask<'_>) -> Vec<Bound<'a>> {
        let constraints = self.json.get("constraints");
        let named = |name| constraints.and_then(|constraints| constraints.get(name));
        let mut bounds = Vec::new();
        match (named(argument).or_else(|| named("*")), self.place) {
            (Some(spec), _) => bounds.push(Bound::Spec(spec)),
            (None, Place::Derived) => {}
            (None, Place::Root | Place::Manifest) => bounds.push(Bound::Absent),
        }
        let rooms = rooms(self.json, ask.power).filter(|(name, _)| *name == argument);
        bounds.extend(rooms.map(|(_, room)| Bound::Room(room)));
        bounds
    }
}

impl Bound<'_> {
    fn is_wildcard(&self) -> bool {
        match self {
            Self::Spec(spec) => constraint::kind(*spec) == Some(Kind::Wildcard),
            Self::Room(_) | Self::Absent => false,
        }
    }

    fn holds(self, value: Option<Json<'_>>, declared: Declared<'_>, call: &Call<'_>) -> bool {
        match self {
            Self::Spec(spec) => {
                constraint::matches_declared(spec, value, Some(declared), call.steps)
            }
            Self::Room(room) => room.holds(value),
            Self::Absent => value.is_none(),
        }
    }

    fn ends(self) -> Option<Ends> {
        match self {
            Self::Spec(spec) => constraint::ends(spec),
            Self::Room(room) => room.ends(),
            Self::Absent => None,
        }
    }

    fn text(self, unit: Unit<'_>) -> String {
        match self {
            Self::Spec(spec) => constraint::describe(spec, unit),
            Self::Room(room) => room.text(unit),
            Self::Absent => String::from("left out"),
        }
    }

    fn values(
        self,
        call: &Call<'_>,
        asked: Option<Json<'_>>,
        numbers: bool,
    ) -> Vec<Option<String>> {
        let text = |write: &dyn Fn(&mut Writer)| {
            let mut out = Writer::default();
            write(&mut out);
            Some(out.finish())
        };
        match self {
            Self::Spec(spec) => constraint::examples(spec, asked, numbers, call.steps),
            Self::Room(Room::Amount(most)) => alloc::vec![text(&|out| {
                out.integer(most);
            })],
            Self::Room(Room::Currency(currency)) => alloc::vec![text(&|out| {
                out.json(currency);
            })],
            Self::Absent => alloc::vec![None],
        }
    }
}

fn change(
    call: &Call<'_>,
    argument: &str,
    bounds: &[Bound<'_>],
    value: Option<&str>,
    ask: &Ask<'_>,
) -> Change {
    let unit = call.unit(argument);
    let (allowed, ends) = allowed(bounds, unit);
    let text = value.unwrap_or("null").as_bytes();
    let document = Document::parse(text, Profile::Request).ok();
    let json = document
        .as_ref()
        .map(Document::root)
        .filter(|_| value.is_some());
    let request = |value: &str| match (unit, json.and_then(Json::as_int)) {
        (Unit::Money { decimals }, Some(units)) => decimal_text(units, decimals),
        _ => String::from(value),
    };
    Change {
        argument: String::from(argument),
        asked: constraint::value_text(ask.args.get(argument), unit),
        allowed,
        ends,
        example: constraint::value_text(json, unit),
        value: value.map(request),
    }
}

/// What all bounds allow: of ranges what they share, else each in words.
fn allowed(bounds: &[Bound<'_>], unit: Unit<'_>) -> (String, Option<Ends>) {
    let ends: Option<Vec<Ends>> = bounds.iter().map(|bound| bound.ends()).collect();
    let shared = ends.and_then(|ends| {
        ends.into_iter().reduce(|one, two| {
            let max = [one.1, two.1].into_iter().flatten().min();
            (one.0.max(two.0), max)
        })
    });
    if let Some((min, max)) = shared {
        return (constraint::describe_ends(min, max, unit), shared);
    }
    let mut texts: Vec<String> = Vec::new();
    for text in bounds.iter().map(|bound| bound.text(unit)) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    (joined(&mut texts.iter().map(String::as_str), AND), None)
}

/// The arguments with these values, in RFC 8785 form.
fn with_values(before: Json<'_>, changes: &[Change], values: &[&Option<String>]) -> Option<String> {
    let is_changed = |name: &str| changes.iter().any(|change| change.argument == name);
    let mut out = Writer::default();
    out.object(|out| {
        for (name, value) in before.members().filter(|(name, _)| !is_changed(name)) {
            out.name(name).json(value);
        }
        for (change, value) in changes.iter().zip(values) {
            if let Some(value) = value {
                out.name(&change.argument).raw(value);
            }
        }
    });
    let text = out.finish();
    let whole = Document::parse(text.as_bytes(), Profile::Request).ok()?;
    let mut out = Writer::with_capacity(text.len());
    canonical_value(whole.root(), &mut out).then(|| out.finish())
}

impl Candidate {
    /// Whether it changes the same arguments within the same bounds, and asks people for the same.
    fn changes_same(&self, other: &Self) -> bool {
        let pairs = || self.changes.iter().zip(&other.changes);
        self.changes.len() == other.changes.len()
            && pairs()
                .all(|(one, two)| (&one.argument, &one.allowed) == (&two.argument, &two.allowed))
            && self.wait == other.wait
            && self.assumed.login == other.assumed.login
            && self.approvals == other.approvals
    }
}
