//! A capability in words, from the same bytes that are enforced.
//!
//! Names and values come from tokens, requests and vocabularies, which may be hostile: each stands
//! in quotes unless it is one plain word, controls and direction marks are shown as escapes, and
//! long texts are cut, so that none can pass for a sentence of ours.

use alloc::string::String;

use crate::capability::{Entry, Place};
use crate::constraint::text::{self, series};
use crate::constraint::{self, Unit};
use crate::json::Json;
use crate::{Power, Powers};

/// The quotes around foreign texts in sentences.
const QUOTE: char = '"';

/// What a schema says about actions, things and arguments.
pub trait Vocabulary {
    /// The label of an action.
    fn action_label(&self, action: &str) -> Option<&str>;
    /// The label of a kind of thing.
    fn resource_label(&self, resource: &str) -> Option<&str>;
    /// The label and unit of an action's argument; `None` for one that is not declared.
    fn argument(&self, action: &str, argument: &str) -> Option<(Option<&str>, Unit<'_>)>;
    /// The powers that an action has.
    fn powers(&self, action: &str) -> Option<Powers>;
}

/// The vocabulary that knows nothing: names stand for themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainVocabulary;

impl Vocabulary for PlainVocabulary {
    fn action_label(&self, _action: &str) -> Option<&str> {
        None
    }

    fn resource_label(&self, _resource: &str) -> Option<&str> {
        None
    }

    fn argument(&self, _action: &str, _argument: &str) -> Option<(Option<&str>, Unit<'_>)> {
        None
    }

    fn powers(&self, _action: &str) -> Option<Powers> {
        None
    }
}

/// One capability in words, wherever it may stand.
///
/// ```
/// use ambit_core::describe::{PlainVocabulary, entry};
/// use ambit_core::json::{Document, Profile};
/// let document = Document::parse(
///     br#"{"type":"ambit_capability","actions":["email"],"privileges":["draft","propose"],
///          "datatypes":["customer-contact"],"purpose":"renewal",
///          "constraints":{"to":{"constraint_type":"email_domain","values":["customer.example"]}}}"#,
///     Profile::Signed,
/// )?;
/// assert_eq!(
///     entry(document.root(), &PlainVocabulary),
///     "draft and propose \"email\" on customer-contact, for renewal: to must be an address at \
///      customer.example. It may not observe or execute."
/// );
/// # Ok::<(), ambit_core::json::JsonError>(())
/// ```
#[must_use]
pub fn entry(entry: Json<'_>, vocabulary: &dyn Vocabulary) -> String {
    let places = [Place::Root, Place::Manifest, Place::Derived];
    let place = places
        .into_iter()
        .find(|place| Entry::read(entry, *place).is_some());
    entry_at(entry, place.unwrap_or(Place::Root), vocabulary)
}

/// A foreign name or text inside a sentence: as it is when it is one plain word, else in quotes with
/// escapes, and cut when it is long, so that it cannot pass for a sentence of ours.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    text::name(&mut out, text, QUOTE);
    out
}

/// One capability in words, as it is read at this place: one that is malformed there allows
/// nothing, and is said to.
#[must_use]
pub fn entry_at(entry: Json<'_>, place: Place, vocabulary: &dyn Vocabulary) -> String {
    let mut out = String::new();
    match Entry::read(entry, place) {
        None => out.push_str("nothing: this capability is malformed and is never used."),
        Some(entry) => Sentence {
            out: &mut out,
            entry,
            vocabulary,
        }
        .whole(place),
    }
    out
}

struct Sentence<'a> {
    out: &'a mut String,
    entry: Entry<'a>,
    vocabulary: &'a dyn Vocabulary,
}

impl<'a> Sentence<'a> {
    fn whole(&mut self, place: Place) {
        self.actions();
        self.resource();
        if let Some(purpose) = self.entry.purpose.and_then(Json::as_str) {
            self.say(", for ");
            self.name(purpose);
        }
        self.arguments(place);
        self.say(".");
        self.withheld();
        for limit in elements(self.entry.limits) {
            self.limit(limit);
        }
        self.requirement();
        self.consent();
    }

    fn say(&mut self, words: &str) {
        self.out.push_str(words);
    }

    fn name(&mut self, name: &str) {
        text::name(self.out, name, QUOTE);
    }

    fn names(&mut self, names: impl Iterator<Item = &'a str>, last: &str) {
        series(self.out, names, (", ", last), |out, name| {
            text::name(out, name, QUOTE);
        });
    }

    /// Only a derived entry leaves actions or powers out, and then means those it was given.
    fn actions(&mut self) {
        if self.entry.privileges.is_some() {
            self.powers(self.entry.powers(), " and ");
            self.say(" ");
        }
        if self.entry.actions.is_none() {
            self.say("what was granted before");
        }
        let vocabulary = self.vocabulary;
        let labels = strings(self.entry.actions)
            .map(|action| vocabulary.action_label(action).unwrap_or(action));
        series(self.out, labels, (", ", " and "), |out, label| {
            text::quoted(out, label, QUOTE);
        });
        if self.entry.privileges.is_none() && self.entry.actions.is_some() {
            self.say(", as far as granted before");
        }
    }

    fn powers(&mut self, powers: Powers, last: &str) {
        series(self.out, powers.iter(), (", ", last), |out, power| {
            out.push_str(power.name());
        });
    }

    fn resource(&mut self) {
        let vocabulary = self.vocabulary;
        let identifier = self.entry.identifier.and_then(Json::as_str);
        if self.entry.datatypes.is_some() || identifier.is_some() {
            self.say(" on ");
        }
        let labels = strings(self.entry.datatypes)
            .map(|datatype| vocabulary.resource_label(datatype).unwrap_or(datatype));
        self.names(labels, " or ");
        if let Some(identifier) = identifier {
            self.say(if self.entry.datatypes.is_some() {
                " "
            } else {
                ""
            });
            self.name(identifier);
        }
        if self.entry.locations.is_some() {
            self.say(" at ");
            self.names(strings(self.entry.locations), " or ");
        }
    }

    fn arguments(&mut self, place: Place) {
        let constraints = self.entry.constraints.filter(|list| !list.is_empty());
        let Some(constraints) = constraints else {
            // A derived entry without constraints adds none; elsewhere it covers no argument.
            if place != Place::Derived {
                self.say(", without any details");
            }
            return;
        };
        let named = constraints.members().filter(|(name, _)| *name != "*");
        for (at, (name, spec)) in named.enumerate() {
            self.say(if at == 0 { ": " } else { "; " });
            let (label, unit) = self.argument(name);
            self.name(label.unwrap_or(name));
            if constraint::reason(spec) == crate::Reason::ConstraintWildcard {
                self.say(" may be anything");
            } else {
                self.say(" must be ");
                constraint::clause(self.out, spec, unit, QUOTE);
            }
        }
        // "Every other" is said last, wherever it stands.
        if constraints.get("*").is_some() {
            self.say(if constraints.len() == 1 {
                ": every detail may be anything"
            } else {
                "; every other detail may be anything"
            });
        }
    }

    /// The argument's label and unit, where all actions that declare it agree. Where they do not,
    /// the bare number is the only truth.
    fn argument(&self, name: &str) -> (Option<&'a str>, Unit<'a>) {
        let vocabulary = self.vocabulary;
        let mut known =
            strings(self.entry.actions).filter_map(|action| vocabulary.argument(action, name));
        let (mut label, mut unit) = known.next().unwrap_or_default();
        for (other_label, other_unit) in known {
            label = label.filter(|label| other_label == Some(*label));
            unit = if unit == other_unit { unit } else { Unit::None };
        }
        (label, unit)
    }

    /// The powers that the actions have and the entry does not hold.
    fn withheld(&mut self) {
        if self.entry.privileges.is_none() {
            return;
        }
        let vocabulary = self.vocabulary;
        let held = self.entry.powers();
        let possible = |power: Power| {
            strings(self.entry.actions).any(|action| {
                vocabulary
                    .powers(action)
                    .is_none_or(|powers| powers.contains(power))
            }) || self.entry.actions.is_none()
        };
        let withheld: Powers = Power::ALL
            .into_iter()
            .filter(|power| !held.contains(*power) && possible(*power))
            .collect();
        if !withheld.is_empty() {
            self.say(" It may not ");
            self.powers(withheld, " or ");
            self.say(".");
        }
    }

    fn limit(&mut self, limit: Json<'a>) {
        let member = |name| limit.get(name).and_then(Json::as_int).unwrap_or_default();
        let text = |name| limit.get(name).and_then(Json::as_str);
        let max = member("max");
        self.say(" At most ");
        if text("type") == Some("use_limit") {
            match max {
                1 => self.say("once."),
                _ => text::write(self.out, format_args!("{max} times.")),
            }
            return;
        }
        let decimals = u32::try_from(member("decimals")).unwrap_or_default();
        text::integer(self.out, max, Unit::Money { decimals });
        self.say(" ");
        self.name(text("currency").unwrap_or_default());
        self.say(" in total");
        if let Some(argument) = text("argument").filter(|argument| *argument != "amount") {
            self.say(", counted by ");
            self.name(argument);
        }
        self.say(".");
    }

    fn requirement(&mut self) {
        let Some(requires) = self.entry.requires else {
            return;
        };
        if let Some(acr) = requires.get("acr") {
            self.say(" It needs a login at level ");
            let levels = acr.as_str().into_iter().chain(strings(Some(acr)));
            self.names(levels, " or ");
            self.say(".");
        }
        if let Some(age) = requires.get("max_age").and_then(Json::as_int) {
            self.say(" The login may be at most ");
            text::write(self.out, format_args!("{age} seconds old."));
        }
        match requires.get("approval") {
            None => {}
            Some(approval) if approval.as_bool().is_some() => {
                self.say(" The person it is for must approve each time.");
            }
            Some(approval) => self.approvers(approval),
        }
    }

    fn consent(&mut self) {
        match self
            .entry
            .consent
            .map(|consent| (consent, consent.as_str()))
        {
            None => {}
            Some((_, Some("none"))) => self.say(" No person is asked."),
            Some((_, Some("once"))) => self.say(" A person is asked once."),
            Some((_, Some(_))) => self.say(" A person is asked each time."),
            Some((approvers, None)) => self.approvers(approvers),
        }
    }

    fn approvers(&mut self, approval: Json<'a>) {
        let count = approval.get("count").and_then(Json::as_int);
        text::write(self.out, format_args!(" {} of ", count.unwrap_or_default()));
        self.names(strings(approval.get("approvers")), ", ");
        self.say(" must approve each time.");
    }
}

fn elements(list: Option<Json<'_>>) -> impl Iterator<Item = Json<'_>> {
    list.into_iter().flat_map(Json::elements)
}

fn strings(list: Option<Json<'_>>) -> impl Iterator<Item = &str> {
    elements(list).filter_map(Json::as_str)
}
