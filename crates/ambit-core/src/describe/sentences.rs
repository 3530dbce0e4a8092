//! What one capability lets an agent do, in the groups and lines that people read.
//!
//! Said is what an action does, on what, and each bound. Of a detail without a bound nothing is said,
//! unless it is whom the call reaches or an amount of money: a reader takes what is not bounded for
//! free.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::phrases::Phrase;
use super::speech::{Speech, Style};
use super::vocabulary::{Effect, Form, Term, Tier, Vocabulary};
use super::{Fault, Group, Item, Kind, Money, Part, Risk, Title, Told};
use crate::capability::Entry;
use crate::constraint::Unit;
use crate::json::Json;
use crate::limits::CONSENT_LIST;
use crate::{Power, Powers};

/// So many lines of two items of an entry are told once.
const SHARED: usize = 2;

/// How far the agent comes with an action.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It carries it out.
    Alone,
    /// A person approves each one.
    Asked,
    /// It carries it out, and for some calls a person is asked.
    Partly,
    /// It does not carry it out.
    Not,
}

pub(super) struct Teller<'a> {
    pub(super) entry: Entry<'a>,
    /// The manifest's entries that a call could select beside it.
    known: &'a [Json<'a>],
    pub(super) vocabulary: &'a dyn Vocabulary,
    pub(super) style: Style,
    pub(super) actions: Vec<&'a str>,
    /// The first that was found. Everything goes on with some text or other, and nobody sees it.
    fault: RefCell<Option<Fault>>,
}

/// What is told of an entry in its first group, for the second: what the two share is told once.
#[derive(Default)]
struct First {
    label: String,
    lines: Vec<String>,
    /// The places of the limits told.
    limits: Vec<usize>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(
        entry: Entry<'a>,
        known: &'a [Json<'a>],
        vocabulary: &'a dyn Vocabulary,
        style: Style,
    ) -> Self {
        Self {
            entry,
            known,
            vocabulary,
            style,
            actions: strings(entry.actions),
            fault: RefCell::new(None),
        }
    }

    /// # Errors
    ///
    /// The first [`Fault`], for consent.
    pub(super) fn tell(mut self) -> Result<Told, Fault> {
        // Each label is compared with all others of the vocabulary, so count first.
        for (member, list) in [
            ("actions", self.entry.actions),
            ("privileges", self.entry.privileges),
            ("datatypes", self.entry.datatypes),
        ] {
            if list.is_some_and(|list| list.len() > CONSENT_LIST) {
                self.too_long(member);
                self.actions.truncate(CONSENT_LIST);
            }
        }
        let mut told = Told {
            tier: self.tier(),
            money: self.money(),
            ..Told::default()
        };
        if let Some(purpose) = self.entry.purpose.and_then(Json::as_str) {
            told.purpose = self.filled(Phrase::For, &[&self.name("purpose", purpose)]);
        }
        if self.entry.privileges.is_none() || self.entry.actions.is_none() {
            self.add(&mut told, Group::Narrows, &mut First::default());
        } else {
            let mut first = First::default();
            self.add(&mut told, Group::Own, &mut first);
            self.add(&mut told, Group::Person, &mut first);
        }
        if told.items.is_empty() {
            let detail = "no action of it has any of its powers, so it would never match";
            self.fault("describe.capability", "privileges", detail.into());
        }
        match self.fault.into_inner().filter(|_| self.style.strict) {
            Some(fault) => Err(fault),
            None => Ok(told),
        }
    }

    /// The item of one group, where the entry has any.
    fn add(&self, told: &mut Told, group: Group, first: &mut First) {
        let mut labels: Vec<String> = Vec::new();
        let mut of: Vec<&str> = Vec::new();
        let mut reached: Vec<(&str, Reach)> = Vec::new();
        let mut highest = Risk::default();
        for action in &self.actions {
            let before = labels.len();
            let (held, reach) = (self.held(action), self.reach(action));
            let carries = match group {
                Group::Own => matches!(reach, Reach::Alone | Reach::Partly),
                Group::Person => reach == Reach::Asked,
                Group::Narrows => true,
            };
            let mut say = |power, asked| {
                let risk = self.risk(action, power);
                highest = highest.max(risk);
                labels.push(self.label(action, power));
                told.titles.push(Title {
                    risk,
                    text: self.label(action, asked),
                    pays: self.pays(action) && power == Power::Execute,
                });
            };
            if group == self.looks() && held.contains(Power::Observe) {
                say(Power::Observe, Power::Observe);
            }
            // Who carries something out also prepares it. In a question, what is only proposed is prepared.
            if carries && !held.contains(Power::Execute) {
                say(Power::Execute, Power::Draft);
            } else if carries {
                say(Power::Execute, Power::Execute);
            } else if group == Group::Person && reach == Reach::Not {
                if held.contains(Power::Draft) {
                    say(Power::Draft, Power::Draft);
                }
                let can = self.vocabulary.powers(action);
                if can.is_some_and(|can| can.contains(Power::Execute)) {
                    let label = self.label(action, Power::Execute);
                    told.withheld.push((String::from(*action), label));
                }
            }
            if labels.len() > before {
                of.push(action);
            }
            if carries {
                reached.push((action, reach));
                told.reached.push(String::from(*action));
            }
        }
        if group == Group::Narrows && labels.is_empty() {
            labels.push(Phrase::Before.text(self.style.locale).into());
        }
        if !labels.is_empty() {
            told.items.push(Item {
                group,
                risk: highest,
                parts: self.item(&labels, &of, &reached, first),
            });
        }
    }

    /// An approval that the entry wants is wanted for looking, too.
    fn looks(&self) -> Group {
        match self.wants_approval() {
            true => Group::Person,
            false => Group::Own,
        }
    }

    /// What using an action in a power does.
    fn risk(&self, action: &str, power: Power) -> Risk {
        let does =
            |effect: &Effect| power == Power::Execute && self.vocabulary.has(action, *effect);
        match Effect::ALL
            .iter()
            .filter(|effect| does(effect))
            .map(|effect| effect.risk())
            .max()
        {
            Some(risk) => risk,
            None if power == Power::Observe => Risk::Reads,
            None => Risk::Writes,
        }
    }

    fn item(
        &self,
        labels: &[String],
        of: &[&'a str],
        reached: &[(&'a str, Reach)],
        first: &mut First,
    ) -> Vec<Part> {
        let label = self.list("actions", labels, Phrase::And);
        let mut text = label.clone();
        let mut things = self.things();
        if self.says_what(labels) {
            things = Phrase::AnySuch.text(self.style.locale).into();
        }
        if !things.is_empty() {
            text = self.filled(Phrase::Bound, &[&text, &things]);
        }
        super::capitalise(&mut text);
        let mut parts = Vec::from([Part::new(Kind::Item, text)]);
        for effect in Effect::ALL {
            let mut reached = reached.iter();
            if reached.any(|one| self.vocabulary.has(one.0, effect)) {
                parts.push(Part {
                    kind: Kind::Mark,
                    name: effect.name(),
                    text: effect.phrase().text(self.style.locale).into(),
                });
            }
        }
        let mut lines = Vec::new();
        let shared = self.bounds(of, !reached.is_empty(), &mut first.limits, &mut lines);
        self.asks(reached, &mut lines);
        self.once(&label, shared, &mut lines, first);
        for line in lines {
            parts.push(Part::new(Kind::Line, line));
        }
        parts
    }

    /// Leaves out of the second item what the first one says, and says so. One that counts with the first has
    /// no limit of its own.
    fn once(&self, label: &str, shared: bool, lines: &mut Vec<String>, first: &mut First) {
        if first.label.is_empty() {
            first.label.push_str(label);
            first.lines.clone_from(lines);
        } else if self.style.strict {
            let said = |line: &String| first.lines.contains(line);
            let as_for = lines.iter().filter(|line| said(line)).count() >= SHARED
                || shared && lines.iter().any(said);
            if as_for {
                lines.retain(|line| !said(line));
            }
            let phrase = match (as_for, shared) {
                (true, true) => Phrase::AsForBoth,
                (true, false) => Phrase::AsFor,
                (false, true) => Phrase::CountedWith,
                (false, false) => return,
            };
            lines.push(self.filled(phrase, &[&first.label]));
        } else if shared {
            lines.push(self.filled(Phrase::CountedWith, &[&first.label]));
        }
    }

    /// Whether and how an action comes to be carried out.
    fn reach(&self, action: &str) -> Reach {
        let held = self.held(action);
        if !held.contains(Power::Execute) {
            return match held.contains(Power::Propose) {
                true => Reach::Asked,
                false => Reach::Not,
            };
        }
        if self.wants_approval() {
            return Reach::Asked;
        }
        let consents = self.consents(action);
        let asking = consents.iter().filter(|one| one.is_some()).count();
        match asking {
            0 => Reach::Alone,
            all if all == consents.len() => Reach::Asked,
            _ => Reach::Partly,
        }
    }

    fn wants_approval(&self) -> bool {
        let requires = self.entry.requires;
        requires.is_some_and(|requires| requires.get("approval").is_some())
    }

    /// What the entries of the manifest ask of people each time an action is carried out, and the entry
    /// itself where it is one of a manifest.
    pub(super) fn consents(&self, action: &str) -> Vec<Option<Json<'a>>> {
        let mut found = Vec::new();
        for known in self.known {
            let powers = strings(known.get("privileges"));
            let carries = powers.contains(&"execute") || powers.contains(&"propose");
            if carries && strings(known.get("actions")).contains(&action) {
                found.push(known.get("consent"));
            }
        }
        if self.entry.consent.is_some() {
            found.push(self.entry.consent);
        }
        for consent in &mut found {
            if consent.is_some_and(|one| matches!(one.as_str(), Some("none" | "once"))) {
                *consent = None;
            }
        }
        found
    }

    /// The powers that an action has and the entry holds.
    pub(super) fn held(&self, action: &str) -> Powers {
        let held = self.entry.powers();
        let has = self.vocabulary.powers(action);
        has.map_or(held, |has| has.intersection(held))
    }

    /// The highest tier of what the entry allows.
    fn tier(&self) -> Tier {
        let mut highest = None;
        for action in &self.actions {
            for power in self.held(action).iter() {
                highest = highest.max(Some(self.vocabulary.risk(action, power)));
            }
        }
        highest.unwrap_or(Tier::Critical)
    }

    /// Whether an action moves money without asking.
    fn pays(&self, action: &str) -> bool {
        self.vocabulary.has(action, Effect::Financial)
            && matches!(self.reach(action), Reach::Alone | Reach::Partly)
    }

    /// What it can spend without asking.
    fn money(&self) -> Money {
        let pays = |action: &&str| self.pays(action);
        if !self.actions.iter().any(pays) {
            return Money::None;
        }
        let mut found = Money::Free;
        for limit in elements(self.entry.limits) {
            if text(limit, "type") == "spend" {
                let counts = limit.get_str("argument").unwrap_or("amount");
                if found != Money::Free || self.moves_more(counts) {
                    return Money::Free;
                }
                found = Money::UpTo {
                    max: integer(limit, "max"),
                    decimals: decimals(limit),
                    currency: text(limit, "currency").into(),
                };
            }
        }
        found
    }

    /// Whether an action can be given sums beside this argument, which a budget counts.
    fn moves_more(&self, counts: &str) -> bool {
        let mut actions = self.actions.iter();
        actions.any(|action| self.sums(action).iter().any(|name| *name != counts))
    }

    /// The arguments of an action that are sums, or hold some, and that can be given.
    fn sums(&self, action: &str) -> Vec<&str> {
        let mut names = self.vocabulary.sums(action);
        let constraints = self.entry.constraints.unwrap_or_default();
        names.retain(|name| constraints.get(name).is_some() || constraints.get("*").is_some());
        names
    }

    /// What an action does in a power, as it stands in a sentence.
    #[inline(never)]
    fn label(&self, action: &'a str, power: Power) -> String {
        let (term, form) = (Term::Action(action), Form::Power(power));
        let given = self.vocabulary.label(term, form, self.style.locale);
        if given.is_some() {
            return self.term("actions", term, form);
        }
        let name = self.term("actions", term, Form::Name);
        let phrase = match power {
            Power::Observe => Phrase::LookAt,
            Power::Draft => Phrase::Prepare,
            Power::Propose | Power::Execute => return name,
        };
        let can = self.vocabulary.powers(action);
        if can == Some(Powers::NONE.with(power)) {
            return name;
        }
        self.filled(phrase, &[&name])
    }

    /// The label of a term. For consent it must be there, and nobody else's.
    pub(super) fn term(&self, member: &str, term: Term<'a>, form: Form) -> String {
        let (vocabulary, locale) = (self.vocabulary, self.style.locale);
        let label = vocabulary.label(term, form, locale);
        let given = label.filter(|label| !label.trim().is_empty());
        let Some(label) = given else {
            let detail = format!(
                "{} has no label in `{}`, so nobody can approve it: give it one in the schema \
                 (`@label(\"…\")`, `@label_de(\"…\")`)",
                super::plain(term.name()),
                locale.tag()
            );
            self.fault("describe.no_text", member, detail);
            return self.name(member, term.name());
        };
        if self.style.strict
            && let Some(other) = vocabulary.namesake(term, form, locale)
        {
            let detail = format!(
                "{} and {} have the same label, so people cannot tell them apart: change one",
                super::plain(term.name()),
                super::plain(other)
            );
            self.fault("describe.same_text", member, detail);
        }
        self.said(member, &mut |speech| speech.label(label))
    }

    /// On what.
    fn things(&self) -> String {
        let id = self.entry.identifier.and_then(Json::as_str);
        let mut names = Vec::new();
        for kind in strings(self.entry.datatypes) {
            names.push(self.thing(kind, id.is_none()));
        }
        let things = self.list("datatypes", &names, Phrase::Or);
        if let Some(id) = id {
            let id = self.name("identifier", id);
            return match things.is_empty() {
                true => self.filled(Phrase::Id, &[&id]),
                false => self.filled(Phrase::Which, &[&things, &id]),
            };
        }
        if things.is_empty() && self.entry.privileges.is_some() {
            return Phrase::AnyThing.text(self.style.locale).into();
        }
        things
    }

    /// Whether what is done says already on what, "look up orders", and any of them will do.
    fn says_what(&self, labels: &[String]) -> bool {
        let kinds = strings(self.entry.datatypes);
        let ([label], [kind]) = (labels, kinds.as_slice()) else {
            return false;
        };
        let (term, form, locale) = (Term::Resource(kind), Form::Plural, self.style.locale);
        let own = self.vocabulary.namesake(term, form, locale).is_none();
        let plural = self
            .vocabulary
            .label(term, form, locale)
            .unwrap_or_default();
        let words = |text| crate::split(text, b' ').map(String::from).collect();
        let (label, plural): (Vec<String>, Vec<String>) = (words(label), words(plural));
        let mut parts = label.windows(plural.len().max(1));
        let is_said = parts.any(|part| part == plural);
        self.style.strict && self.entry.identifier.is_none() && own && is_said
    }

    fn thing(&self, kind: &'a str, any: bool) -> String {
        let term = Term::Resource(kind);
        let given = |form| {
            let label = self.vocabulary.label(term, form, self.style.locale);
            label.map(|_| self.term("datatypes", term, form))
        };
        // Two kinds are told apart by their names, whatever their other forms are.
        let name = self.term("datatypes", term, Form::Name);
        if !any {
            return name;
        }
        if let Some(any) = given(Form::Any) {
            return any;
        }
        match given(Form::Plural) {
            Some(things) => self.filled(Phrase::AnyOf, &[&things]),
            None => self.filled(Phrase::AnyOne, &[&name]),
        }
    }

    pub(super) fn names(&self, member: &str, list: Option<Json<'a>>, last: Phrase) -> String {
        self.said(member, &mut |speech| {
            speech.listed(list, last, &mut |speech, name| {
                speech.name(name.as_str().unwrap_or_default());
            });
        })
    }

    #[inline(never)]
    pub(super) fn name(&self, member: &str, name: &str) -> String {
        self.said(member, &mut |speech| speech.name(name))
    }

    #[inline(never)]
    pub(super) fn number(&self, value: i64, unit: Unit<'_>) -> String {
        self.said("", &mut |speech| speech.integer(value, unit))
    }

    /// Words that are ready, listed.
    #[inline(never)]
    pub(super) fn list(&self, member: &str, words: &[String], last: Phrase) -> String {
        self.said(member, &mut |speech| speech.joined(words, last))
    }

    #[inline(never)]
    pub(super) fn filled(&self, phrase: Phrase, holes: &[&str]) -> String {
        self.said("", &mut |speech| speech.fill(phrase, holes))
    }

    /// What `say` says.
    #[inline(never)]
    pub(super) fn said(&self, member: &str, say: &mut dyn FnMut(&mut Speech)) -> String {
        let mut speech = Speech::new(self.style);
        say(&mut speech);
        if speech.cut {
            self.too_long(member);
        }
        speech.out
    }

    fn too_long(&self, member: &str) {
        let detail = "too long to be shown whole, so nobody can approve it: shorten it, or split the \
                      capability";
        self.fault("describe.too_long", member, detail.into());
    }

    #[inline(never)]
    pub(super) fn fault(&self, code: &'static str, member: &str, detail: String) {
        let mut fault = self.fault.borrow_mut();
        if fault.is_none() {
            *fault = Some(Fault {
                code,
                member: member.into(),
                detail,
            });
        }
    }
}

pub(super) fn text<'a>(limit: Json<'a>, member: &str) -> &'a str {
    limit.get_str(member).unwrap_or_default()
}

pub(super) fn integer(limit: Json<'_>, member: &str) -> i64 {
    limit.get_int(member).unwrap_or_default()
}

pub(super) fn decimals(limit: Json<'_>) -> u32 {
    u32::try_from(integer(limit, "decimals")).unwrap_or_default()
}

pub(super) fn elements(list: Option<Json<'_>>) -> impl Iterator<Item = Json<'_>> {
    list.unwrap_or_default().elements()
}

fn strings(list: Option<Json<'_>>) -> Vec<&str> {
    elements(list).filter_map(Json::as_str).collect()
}
