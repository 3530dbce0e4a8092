//! The sentences of one capability.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::phrases::Phrase;
use super::speech::{Speech, Style};
use super::vocabulary::{Effect, Term, Tier, Vocabulary};
use super::{About, Fault, Told};
use crate::capability::{Entry, Place};
use crate::constraint::{self, Kind, Unit, clause};
use crate::json::Json;
use crate::limits::CONSENT_LIST;
use crate::{Power, Powers};

type Said<T> = Result<T, Fault>;

/// Listed names that are shown where nothing need be whole.
const SHOWN: usize = 24;

pub(super) struct Teller<'a> {
    entry: Entry<'a>,
    vocabulary: &'a dyn Vocabulary,
    style: Style,
    told: Told,
}

impl<'a> Teller<'a> {
    pub(super) fn new(entry: Entry<'a>, vocabulary: &'a dyn Vocabulary, style: Style) -> Self {
        Self {
            entry,
            vocabulary,
            style,
            told: Told {
                tier: Tier::Low,
                sentences: Vec::new(),
            },
        }
    }

    pub(super) fn tell(mut self, place: Place) -> Said<Told> {
        self.may()?;
        self.effects()?;
        self.bounds(place)?;
        for limit in elements(self.entry.limits) {
            self.limit(limit)?;
        }
        self.asks()?;
        self.consent()?;
        self.may_not();
        self.told.tier = self.tier();
        Ok(self.told)
    }

    fn add(&mut self, about: About, phrase: Phrase, holes: &[(&str, &str)]) {
        let mut speech = Speech::new(self.style);
        speech.fill(phrase, holes);
        self.told.sentences.push((about, speech.out));
    }

    /// What `say` says, if it fits.
    fn said(&self, member: &str, say: impl FnOnce(&mut Speech)) -> Said<String> {
        said(self.style, member, say)
    }

    fn names(&self, member: &str, list: Option<Json<'a>>, last: Phrase) -> Said<String> {
        self.said(member, |speech| {
            speech.listed(strings(list), last, SHOWN, Speech::name);
        })
    }

    /// A name as it stands in the token: a purpose, an identifier, a person.
    fn name(&self, member: &str, name: &str) -> Said<String> {
        self.said(member, |speech| speech.name(name))
    }

    /// The label of a term. For consent it must be there, and nobody else's.
    fn label(&self, member: &str, term: Term<'a>) -> Said<&'a str> {
        let (vocabulary, locale) = (self.vocabulary, self.style.locale);
        let label = vocabulary.label(term, locale);
        if !self.style.strict {
            return Ok(label.unwrap_or_else(|| term.name()));
        }
        let name = super::plain(term.name());
        let Some(label) = label.filter(|label| !label.trim().is_empty()) else {
            let detail = format!(
                "{name} has no label in `{}`, so nobody can approve it: give it one in the schema \
                 (`@label(\"…\")`, `@label_de(\"…\")`)",
                locale.tag()
            );
            return Err(fault("describe.no_text", member, &detail));
        };
        if let Some(other) = vocabulary.namesake(term, locale) {
            let detail = format!(
                "{name} and {} have the same label, so people cannot tell them apart: change one",
                super::plain(other)
            );
            return Err(fault("describe.same_text", member, &detail));
        }
        Ok(label)
    }

    fn labels(
        &self,
        member: &str,
        last: Phrase,
        names: impl Iterator<Item = &'a str>,
        term: fn(&'a str) -> Term<'a>,
    ) -> Said<String> {
        // Each label is compared with all others of the vocabulary, so count first.
        let names: Vec<&str> = names.collect();
        if self.style.strict && names.len() > CONSENT_LIST {
            return Err(too_long(member));
        }
        let labels: Vec<&str> = names
            .into_iter()
            .map(|name| self.label(member, term(name)))
            .collect::<Said<_>>()?;
        self.said(member, |speech| {
            speech.listed(labels.iter(), last, SHOWN, |speech, label| {
                speech.quoted(label);
            });
        })
    }

    fn part(&self, phrase: Phrase, hole: &str, text: &str) -> String {
        let mut speech = Speech::new(self.style);
        speech.fill(phrase, &[(hole, text)]);
        speech.out
    }

    fn powers(&self, powers: Powers, last: Phrase) -> String {
        let words = Power::ALL.into_iter();
        let mut speech = Speech::new(self.style);
        let held = words.filter(|power| powers.contains(*power));
        speech.listed(held, last, SHOWN, |speech, power| {
            speech.say(match power {
                Power::Observe => Phrase::Observe,
                Power::Draft => Phrase::Draft,
                Power::Propose => Phrase::Propose,
                Power::Execute => Phrase::Execute,
            });
        });
        speech.out
    }

    /// Only a derived entry leaves actions or powers out, and then means those it was given.
    fn may(&mut self) -> Said<()> {
        let locale = self.style.locale;
        let privileges = self.entry.privileges.map_or(0, Json::len);
        if self.style.strict && privileges > CONSENT_LIST {
            return Err(too_long("privileges"));
        }
        let powers = match self.entry.privileges {
            Some(_) => self.powers(self.entry.powers(), Phrase::And),
            None => Phrase::AsBefore.text(locale).into(),
        };
        let actions = match self.entry.actions {
            Some(_) => self.labels("actions", Phrase::And, self.actions(), Term::Action)?,
            None => Phrase::Before.text(locale).into(),
        };
        let mut on = String::new();
        if self.entry.datatypes.is_some() {
            let kinds = strings(self.entry.datatypes);
            let kinds = if self.style.strict {
                self.labels("datatypes", Phrase::Or, kinds, Term::Resource)?
            } else {
                let labels = kinds.map(|kind| {
                    self.vocabulary
                        .label(Term::Resource(kind), locale)
                        .unwrap_or(kind)
                });
                self.said("datatypes", |speech| {
                    speech.listed(labels, Phrase::Or, SHOWN, Speech::name);
                })?
            };
            on = self.part(Phrase::On, "things", &kinds);
        }
        let id = self.named("identifier", self.entry.identifier, Phrase::Id, "id")?;
        let purpose = self.named("purpose", self.entry.purpose, Phrase::For, "purpose")?;
        let mut at = String::new();
        if self.entry.locations.is_some() {
            let places = self.names("locations", self.entry.locations, Phrase::Or)?;
            at = self.part(Phrase::At, "places", &places);
        }
        let holes = [
            ("powers", powers.as_str()),
            ("actions", &actions),
            ("on", &on),
            ("id", &id),
            ("at", &at),
            ("purpose", &purpose),
        ];
        self.add(About::May, Phrase::May, &holes);
        Ok(())
    }

    fn named(
        &self,
        member: &str,
        value: Option<Json<'a>>,
        phrase: Phrase,
        hole: &str,
    ) -> Said<String> {
        let Some(value) = value.and_then(Json::as_str) else {
            return Ok(String::new());
        };
        let name = self.name(member, value)?;
        Ok(self.part(phrase, hole, &name))
    }

    fn actions(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        strings(self.entry.actions)
    }

    /// The powers that an action has and the entry holds.
    fn held(&self, action: &str) -> Powers {
        let held = self.entry.powers();
        let has = self.vocabulary.powers(action);
        has.map_or(held, |has| has.intersection(held))
    }

    /// The highest tier of what the entry allows.
    fn tier(&self) -> Tier {
        let uses = self.actions().flat_map(|action| {
            let powers = self.held(action).iter();
            powers.map(move |power| self.vocabulary.risk(action, power))
        });
        uses.max().unwrap_or(Tier::Critical)
    }

    /// Of the actions that can come to be carried out.
    fn effects(&mut self) -> Said<()> {
        for action in self.actions() {
            let held = self.held(action);
            if !held.contains(Power::Execute) && !held.contains(Power::Propose) {
                continue;
            }
            let vocabulary = self.vocabulary;
            let effects = [
                (Effect::Irreversible, Phrase::Irreversible),
                (Effect::External, Phrase::External),
                (Effect::Financial, Phrase::Financial),
            ];
            let mut effects = effects
                .into_iter()
                .filter(|(effect, _)| vocabulary.has(action, *effect))
                .peekable();
            if effects.peek().is_none() {
                continue;
            }
            let one = core::iter::once(action);
            let label = self.labels("actions", Phrase::And, one, Term::Action)?;
            let mut words = Speech::new(self.style);
            words.listed(effects, Phrase::And, SHOWN, |speech, (_, phrase)| {
                speech.say(phrase);
            });
            let holes = [("action", label.as_str()), ("effects", &words.out)];
            self.add(About::Effect, Phrase::Effect, &holes);
        }
        Ok(())
    }

    fn bounds(&mut self, place: Place) -> Said<()> {
        let constraints = self.entry.constraints.filter(|list| !list.is_empty());
        let Some(constraints) = constraints else {
            // A derived entry without constraints adds none; elsewhere it covers no argument.
            if place != Place::Derived {
                self.add(About::Bound, Phrase::NoDetails, &[]);
            }
            return Ok(());
        };
        let named = constraints.members().filter(|(name, _)| *name != "*");
        for (name, spec) in named {
            let member = format!("constraints.{name}");
            for (label, unit) in self.argument(&member, name)? {
                if let Some(free) = free(spec) {
                    self.add(About::Bound, free, &[("argument", &label)]);
                    continue;
                }
                let clause = self.said(&member, |speech| clause(speech, spec, unit))?;
                let holes = [("argument", label.as_str()), ("clause", &clause)];
                self.add(About::Bound, Phrase::Must, &holes);
            }
        }
        // "Every other" is said last, wherever it stands.
        let rest = match (constraints.get("*"), constraints.len()) {
            (Some(_), 1) => Phrase::AnyDetails,
            (Some(_), _) => Phrase::AnyOthers,
            (None, _) if place == Place::Derived => return Ok(()),
            (None, _) => Phrase::NoOthers,
        };
        self.add(About::Bound, rest, &[]);
        Ok(())
    }

    /// The argument's label and unit, for all actions at once where they agree, else for each that
    /// declares it.
    fn argument(&self, member: &str, name: &'a str) -> Said<Vec<(String, Unit<'a>)>> {
        let vocabulary = self.vocabulary;
        let mut found: Vec<(&str, Unit<'a>, Vec<&'a str>)> = Vec::new();
        for action in self.actions() {
            let Some(unit) = vocabulary.unit(action, name) else {
                continue;
            };
            let term = Term::Argument {
                action,
                argument: name,
            };
            let label = self.label(member, term)?;
            let same = |one: &&mut (&str, Unit<'a>, Vec<&str>)| (one.0, one.1) == (label, unit);
            match found.iter_mut().find(same) {
                Some((.., actions)) => actions.push(action),
                None => found.push((label, unit, Vec::from([action]))),
            }
        }
        if found.is_empty() {
            if self.style.strict {
                let detail = format!(
                    "no action of the capability has a detail {}, so there is no text for it: \
                     take it out",
                    super::plain(name)
                );
                return Err(fault("describe.no_text", member, &detail));
            }
            return Ok(Vec::from([(self.name(member, name)?, Unit::None)]));
        }
        let all = self.actions().count();
        let mut out = Vec::with_capacity(found.len());
        for (label, unit, actions) in found {
            let mut shown = self.name(member, label)?;
            if actions.len() < all {
                let of = self.labels(member, Phrase::And, actions.into_iter(), Term::Action)?;
                let mut speech = Speech::new(self.style);
                speech.fill(Phrase::Of, &[("argument", &shown), ("actions", &of)]);
                shown = speech.out;
            }
            out.push((shown, unit));
        }
        Ok(out)
    }

    /// The powers that the actions have and the entry does not hold.
    fn may_not(&mut self) {
        if self.entry.privileges.is_none() {
            return;
        }
        let vocabulary = self.vocabulary;
        let held = self.entry.powers();
        let possible = |power: Power| {
            let has = |action| {
                let powers = vocabulary.powers(action);
                powers.is_none_or(|powers| powers.contains(power))
            };
            self.entry.actions.is_none() || self.actions().any(has)
        };
        let withheld: Powers = Power::ALL
            .into_iter()
            .filter(|power| !held.contains(*power) && possible(*power))
            .collect();
        if !withheld.is_empty() {
            let powers = self.powers(withheld, Phrase::Comma);
            self.add(About::MayNot, Phrase::MayNot, &[("powers", &powers)]);
        }
    }

    fn limit(&mut self, limit: Json<'a>) -> Said<()> {
        let member = |name| limit.get(name).and_then(Json::as_int).unwrap_or_default();
        let text = |name| limit.get(name).and_then(Json::as_str);
        let max = member("max");
        if text("type") == Some("use_limit") {
            let count = self.said("limits", |speech| speech.integer(max, Unit::None))?;
            let phrase = if max == 1 {
                Phrase::Once
            } else {
                Phrase::Times
            };
            self.add(About::Limit, phrase, &[("count", &count)]);
            return Ok(());
        }
        let decimals = u32::try_from(member("decimals")).unwrap_or_default();
        let money = Unit::Money { decimals };
        let amount = self.said("limits", |speech| speech.integer(max, money))?;
        let currency = self.name("limits", text("currency").unwrap_or_default())?;
        let argument = self.counted(text("argument").unwrap_or("amount"))?;
        let unit = self.counted(text("currency_argument").unwrap_or("currency"))?;
        let holes = [
            ("amount", amount.as_str()),
            ("currency", &currency),
            ("argument", &argument),
            ("unit", &unit),
        ];
        self.add(About::Limit, Phrase::Spend, &holes);
        Ok(())
    }

    /// An argument that a limit reads.
    fn counted(&self, name: &'a str) -> Said<String> {
        let found = self.argument("limits", name)?;
        let labels = found.iter().map(|(label, _)| label.as_str());
        self.said("limits", |speech| {
            speech.listed(labels, Phrase::And, SHOWN, |speech, label| {
                speech.out.push_str(label);
            });
        })
    }

    fn asks(&mut self) -> Said<()> {
        let held = self.entry.powers();
        if held.contains(Power::Propose) && !held.contains(Power::Execute) {
            self.add(About::Asks, Phrase::AskCall, &[]);
        }
        let Some(requires) = self.entry.requires else {
            return Ok(());
        };
        if let Some(acr) = requires.get("acr") {
            let levels = acr.as_str().into_iter().chain(strings(Some(acr)));
            let levels = self.said("requires", |speech| {
                speech.listed(levels, Phrase::Or, SHOWN, Speech::name);
            })?;
            self.add(About::Asks, Phrase::AskLogin, &[("levels", &levels)]);
        }
        if let Some(age) = requires.get("max_age").and_then(Json::as_int) {
            let age = self.said("requires", |speech| speech.integer(age, Unit::None))?;
            self.add(About::Asks, Phrase::AskFresh, &[("seconds", &age)]);
        }
        match requires.get("approval") {
            None => Ok(()),
            Some(approval) if approval.as_bool().is_some() => {
                self.add(About::Asks, Phrase::AskSubject, &[]);
                Ok(())
            }
            Some(approval) => {
                let phrase = Phrase::AskApprovers;
                let sentence = approvers(self.style, "requires", phrase, approval)?;
                self.told.sentences.push((About::Asks, sentence));
                Ok(())
            }
        }
    }

    fn consent(&mut self) -> Said<()> {
        if let Some(consent) = self.entry.consent {
            let sentence = consent_sentence(self.style, consent)?;
            self.told.sentences.push((About::Asks, sentence));
        }
        Ok(())
    }
}

/// What is said of a detail that is not bounded.
fn free(spec: Json<'_>) -> Option<Phrase> {
    let is = |spec, kind| constraint::kind(spec) == Some(kind);
    if is(spec, Kind::Optional) {
        let inner = spec.get("constraint")?;
        return is(inner, Kind::Wildcard).then_some(Phrase::FreeOrAbsent);
    }
    is(spec, Kind::Wildcard).then_some(Phrase::Free)
}

/// What a manifest's `consent` asks.
pub(super) fn consent_sentence(style: Style, consent: Json<'_>) -> Said<String> {
    let phrase = match consent.as_str() {
        Some("none") => Phrase::ConsentNone,
        Some("once") => Phrase::ConsentOnce,
        Some(_) => Phrase::ConsentEach,
        None => return approvers(style, "consent", Phrase::ConsentApprovers, consent),
    };
    said(style, "consent", |speech| speech.say(phrase))
}

fn approvers(style: Style, member: &str, phrase: Phrase, approval: Json<'_>) -> Said<String> {
    let count = approval.get("count").and_then(Json::as_int);
    let count = said(style, member, |speech| {
        speech.integer(count.unwrap_or_default(), Unit::None);
    })?;
    let people = strings(approval.get("approvers"));
    let people = said(style, member, |speech| {
        speech.listed(people, Phrase::Comma, SHOWN, Speech::name);
    })?;
    said(style, member, |speech| {
        speech.fill(phrase, &[("count", &count), ("approvers", &people)]);
    })
}

/// What `say` says, if it fits.
fn said(style: Style, member: &str, say: impl FnOnce(&mut Speech)) -> Said<String> {
    let mut speech = Speech::new(style);
    say(&mut speech);
    if speech.cut && style.strict {
        return Err(too_long(member));
    }
    Ok(speech.out)
}

fn too_long(member: &str) -> Fault {
    let detail = "too long to be shown whole, so nobody can approve it: shorten it, or split the \
                  capability";
    fault("describe.too_long", member, detail)
}

fn fault(code: &'static str, member: &str, detail: &str) -> Fault {
    Fault {
        code,
        member: member.into(),
        detail: detail.into(),
    }
}

fn elements(list: Option<Json<'_>>) -> impl Iterator<Item = Json<'_>> + Clone {
    list.into_iter().flat_map(Json::elements)
}

fn strings(list: Option<Json<'_>>) -> impl Iterator<Item = &str> + Clone {
    elements(list).filter_map(Json::as_str)
}
