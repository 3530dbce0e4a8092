//! What the page says about a grant.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::Place;
use ambit_core::describe::{
    Effect, Group, Item, Kind, Money, Part, Phrase, Risk, Tier, Title, Told, add_label, add_quoted,
    amount, capability, capitalise, sentence,
};
use ambit_core::json::Json;
use ambit_core::limits::{CONSENT_LIST, CONSENT_VALUE_CHARS};
use ambit_policy::Bundle;

use super::details::details;
use super::difference::{self, Status};
use super::page::{CAPABILITY, Page};
use super::question::Question;
use super::words::Words;
use super::{NoText, time};
use crate::digest;

/// Sums named in the question: of more, none.
const SUMS: usize = 2;

/// One capability, and what became of it.
struct One {
    told: Told,
    status: Option<Status>,
    before: Option<String>,
    /// Whether the manifest counts, or knows hours, besides.
    narrowed: bool,
}

pub(super) fn page(bundle: &Bundle<'_>, question: &Question<'_>) -> Result<Page, NoText> {
    let mut all = told(bundle, question, "authorization_details", question.entries)?;
    let first = all
        .first()
        .map(|one| one.told.purpose.clone())
        .unwrap_or_default();
    let shared = all.iter().all(|one| one.told.purpose == first);
    let purpose = if shared { &first } else { "" };
    let ended = match question.granted {
        Some(granted) => compare(bundle, question, granted, &mut all, purpose)?,
        None => Vec::new(),
    };
    let end = question.end()?;
    let end = end.map(|end| time::end(end, question.clock, question.locale));
    let mut composer = Composer {
        bundle,
        question,
        parts: Vec::new(),
        places: Vec::new(),
        at: String::new(),
    };
    let when = end.as_ref().map_or("", |end| end.brief.as_str());
    composer.title(&all, when)?;
    composer.who(purpose, end.and_then(|end| end.whole))?;
    composer.group(&mut all, Group::Own, "own", !shared);
    composer.group(&mut all, Group::Person, "person", !shared);
    composer.passed_on()?;
    composer.cannot(&all);
    for (at, line) in ended.into_iter().enumerate() {
        if at == 0 {
            composer.named(Kind::Group, "ended", Phrase::Ended);
        }
        composer.add(Kind::Item, line);
    }
    composer.notes(all.iter().any(|one| one.narrowed))?;
    let tier = all.iter().map(|one| one.told.tier).max();
    let tier = tier.unwrap_or_default();
    let binding = question.whole.then(|| digest::grant(question.claims));
    composer.details(tier, binding.as_deref())?;
    Ok(Page {
        locale: question.locale,
        tier,
        binding,
        parts: composer.parts,
        places: composer.places,
    })
}

/// Each capability in words.
fn told(
    bundle: &Bundle<'_>,
    question: &Question<'_>,
    list: &str,
    entries: Json<'_>,
) -> Result<Vec<One>, NoText> {
    let words = Words(bundle);
    // Claims are those of a root, where an entry of a manifest never matches.
    let places: &[Place] = match question.whole {
        true => &[Place::Root],
        false => &[Place::Root, Place::Manifest],
    };
    let agent = question.text_in("agent", "uid")?;
    let manifest = agent.and_then(|agent| bundle.manifest(agent));
    let mut all = Vec::new();
    for (at, entry) in entries.elements().enumerate() {
        let known = manifest.map(|manifest| manifest.beside(entry));
        let known: Vec<Json<'_>> = known.into_iter().flatten().collect();
        let told = capability(entry, places, &known, &words, question.locale);
        let told = told.and_then(|told| words.enforced(entry).map(|()| told));
        all.push(One {
            told: told.map_err(|fault| NoText::of(list, at, fault))?,
            status: None,
            before: None,
            narrowed: ["limits", "hours"]
                .iter()
                .any(|name| known.iter().any(|one| one.get(name).is_some())),
        });
    }
    Ok(all)
}

/// Says of each what became of it; gives the lines of what is granted no more.
#[inline(never)]
fn compare(
    bundle: &Bundle<'_>,
    question: &Question<'_>,
    granted: Json<'_>,
    all: &mut [One],
    purpose: &str,
) -> Result<Vec<String>, NoText> {
    let before = told(bundle, question, "granted", granted)?;
    let mut left: Vec<(Json<'_>, Told)> = granted
        .elements()
        .zip(before.into_iter().map(|one| one.told))
        .map(|(entry, told)| (entry, without(told, purpose)))
        .collect();
    // Those first that are as before, so that no other takes their place.
    for (one, entry) in all.iter_mut().zip(question.entries.elements()) {
        let same = |(before, _): &(Json<'_>, Told)| difference::same(Some(*before), Some(entry));
        if let Some(at) = left.iter().position(same) {
            left.remove(at);
            one.status = Some(Status::Same);
        }
    }
    for (one, entry) in all.iter_mut().zip(question.entries.elements()) {
        if one.status.is_some() {
            continue;
        }
        let place = left
            .iter()
            .position(|(before, _)| difference::related(*before, entry));
        one.status = Some(match place {
            None => Status::New,
            Some(at) => {
                let (before, told) = left.remove(at);
                one.before = Some(was(&told, &one.told, question));
                difference::status(before, entry)
            }
        });
    }
    for (one, entry) in all.iter_mut().zip(question.entries.elements()) {
        let certain = matches!(one.status, Some(Status::Same | Status::Narrower));
        if certain && !difference::settled(granted, question.entries, entry) {
            one.status = Some(Status::Changed);
        }
    }
    Ok(left
        .iter()
        .map(|(_, told)| told.line(question.locale))
        .collect())
}

/// What was granted, without what stands above it and what carrying it out does.
fn without(mut told: Told, purpose: &str) -> Told {
    if told.purpose == purpose {
        told.purpose.clear();
    }
    for item in &mut told.items {
        item.parts.retain(|part| part.kind != Kind::Mark);
    }
    told
}

/// How something was before: where it was the same but for its lines, those of them that are there no more.
fn was(before: &Told, now: &Told, question: &Question<'_>) -> String {
    let whole = before.line(question.locale);
    let ([before], [now]) = (before.items.as_slice(), now.items.as_slice()) else {
        return whole;
    };
    let same = before.group == now.group && before.parts.first() == now.parts.first();
    let lines = before.parts.iter().filter(|part| !now.parts.contains(part));
    let mut out = String::new();
    for line in lines {
        out.push_str(if out.is_empty() { "" } else { "; " });
        out.push_str(&line.text);
    }
    if same && !out.is_empty() { out } else { whole }
}

struct Composer<'q> {
    bundle: &'q Bundle<'q>,
    question: &'q Question<'q>,
    parts: Vec<Part>,
    places: Vec<i64>,
    /// Where the whole of it counts.
    at: String,
}

impl Composer<'_> {
    #[inline(never)]
    fn add(&mut self, kind: Kind, text: String) {
        self.parts.push(Part::new(kind, text));
    }

    #[inline(never)]
    fn named(&mut self, kind: Kind, name: &'static str, phrase: Phrase) {
        let text = phrase.text(self.question.locale).into();
        self.parts.push(Part { kind, name, text });
    }

    #[inline(never)]
    fn filled(&self, phrase: Phrase, holes: &[&str]) -> String {
        sentence(phrase, self.question.locale, holes)
    }

    /// Who, the largest sum or what, and how long.
    #[inline(never)]
    fn title(&mut self, all: &[One], when: &str) -> Result<(), NoText> {
        let tag = self.question.locale.tag();
        let agent = match self.question.text_in("agent", "uid")? {
            None => Phrase::SomeAgent.text(self.question.locale).into(),
            Some(uid) => {
                let manifest = self.bundle.manifest(uid);
                match manifest.and_then(|manifest| manifest.label_in(tag)) {
                    Some(label) => shown("agent", label, add_label)?,
                    None => shown("agent", uid, quoted)?,
                }
            }
        };
        let title = self.filled(Phrase::Title, &[&agent, &self.what(all), when]);
        self.add(Kind::Title, title);
        Ok(())
    }

    /// The worst of it. What is spent is one thing, and told with its sum.
    fn what<'o>(&self, all: &'o [One]) -> String {
        let locale = self.question.locale;
        // A sum says that money moves, and no more of what pays.
        let is_sum = |one: &&One| one.told.money != Money::None;
        let titles = |one: &'o One| {
            let sum = is_sum(&one);
            one.told
                .titles
                .iter()
                .filter(move |title| !(sum && title.pays))
        };
        let others: Vec<&Title> = all.iter().flat_map(titles).collect();
        let worst = others.iter().map(|title| title.risk).max();
        let spent = all.iter().any(|one| is_sum(&one)).then(|| self.spend(all));
        // What is worse than moving money stands before the sum, and nothing else does.
        let leads = spent.is_none() || worst > Some(Effect::Financial.risk());
        let first = others
            .iter()
            .find(|title| leads && Some(title.risk) == worst)
            .map(|title| title.text.as_str());
        let more = others
            .iter()
            .any(|title| Some(title.text.as_str()) != first);
        let mut out = String::from(first.unwrap_or_default());
        if let Some(spent) = spent {
            if first.is_some() {
                let between = if more { Phrase::Comma } else { Phrase::And };
                out.push_str(between.text(locale));
            }
            out.push_str(&spent);
        }
        if more {
            out.push_str(Phrase::AndMore.text(locale));
        }
        out
    }

    /// The sums that can be spent. Budgets in one currency add up.
    fn spend(&self, all: &[One]) -> String {
        let locale = self.question.locale;
        let mut sums: Vec<(i64, u32, &str)> = Vec::new();
        for one in all {
            if let Money::UpTo {
                max,
                decimals,
                currency,
            } = &one.told.money
            {
                let alike = |sum: &&mut (i64, u32, &str)| (sum.1, sum.2) == (*decimals, currency);
                match sums.iter_mut().find(alike) {
                    Some(sum) => sum.0 = sum.0.saturating_add(*max),
                    None => sums.push((*max, *decimals, currency)),
                }
            }
            if one.told.money == Money::Free || sums.len() > SUMS {
                return Phrase::MoveMoney.text(locale).into();
            }
        }
        let mut spent = String::new();
        for (max, decimals, currency) in sums {
            if !spent.is_empty() {
                spent.push_str(Phrase::And.text(locale));
            }
            spent.push_str(&amount(max, decimals, currency, locale));
        }
        self.filled(Phrase::Spend, &[&spent])
    }

    /// For whom, with whose data, where, what for, until when.
    #[inline(never)]
    fn who(&mut self, purpose: &str, end: Option<String>) -> Result<(), NoText> {
        let question = self.question;
        for (name, phrase) in [("sub", Phrase::ActsFor), ("tenant", Phrase::Tenant)] {
            if let Some(text) = question.text(name)? {
                let line = self.filled(phrase, &[&shown(name, text, quoted)?]);
                self.add(Kind::Who, line);
            }
        }
        if let Some(list) = question.claims.get("aud") {
            let mut places = String::new();
            let fits = (1..=CONSENT_LIST).contains(&list.len());
            for place in list.elements().take(CONSENT_LIST) {
                let text = place.as_str().filter(|_| fits);
                let text =
                    text.ok_or_else(|| NoText::request("aud", "wanted an array of texts"))?;
                if !places.is_empty() {
                    places.push_str(Phrase::Comma.text(question.locale));
                }
                places.push_str(&shown("aud", text, quoted)?);
            }
            if places.is_empty() {
                return Err(NoText::request("aud", "wanted an array of texts"));
            }
            let line = self.filled(Phrase::At, &[&places]);
            self.at.clone_from(&line);
            self.add(Kind::Who, line);
        }
        if !purpose.is_empty() {
            self.add(Kind::Who, purpose.into());
        }
        if let Some(end) = end {
            self.add(Kind::Who, end);
        }
        if let Some(first) = self.parts.get_mut(1) {
            capitalise(&mut first.text);
        }
        Ok(())
    }

    /// The items of a group, the riskiest first.
    fn group(&mut self, all: &mut [One], group: Group, name: &'static str, purposes: bool) {
        let before = self.parts.len();
        self.named(Kind::Group, name, group.title());
        for risk in Risk::ALL.into_iter().rev() {
            for (at, one) in all.iter_mut().enumerate() {
                self.items(at, one, (group, risk), purposes);
            }
        }
        if self.parts.len() == before.saturating_add(1) {
            self.parts.pop();
        }
    }

    /// Whether others may be given it, and how far.
    #[inline(never)]
    fn passed_on(&mut self) -> Result<(), NoText> {
        let depth = self.question.integer("del_max_depth")?;
        if let Some(depth) = depth.filter(|depth| *depth > 0) {
            self.named(Kind::Group, "passes", Phrase::PassesOn);
            let levels = time::many(depth, Phrase::Level, self.question.locale);
            let mut line = self.filled(Phrase::PassOn, &[&levels]);
            capitalise(&mut line);
            self.add(Kind::Item, line);
        }
        Ok(())
    }

    fn items(&mut self, at: usize, one: &mut One, place: (Group, Risk), purposes: bool) {
        for Item { group, risk, parts } in &mut one.told.items {
            if (*group, *risk) != place {
                continue;
            }
            // The whole token is for no other place.
            parts.retain(|part| part.kind != Kind::Line || part.text != self.at);
            if let Some(item) = parts.first_mut() {
                item.name = CAPABILITY;
                self.places.push(i64::try_from(at).unwrap_or(i64::MAX));
            }
            let item = self.parts.len().saturating_add(1);
            self.parts.append(parts);
            if let Some(status) = one.status {
                let mark = Part {
                    kind: Kind::Mark,
                    name: status.name(),
                    text: status.phrase().text(self.question.locale).into(),
                };
                self.parts.insert(item.min(self.parts.len()), mark);
            }
            if purposes && !one.told.purpose.is_empty() {
                self.add(Kind::Line, one.told.purpose.clone());
            }
            if let Some(before) = &one.before {
                let line = self.filled(Phrase::Was, &[before]);
                self.add(Kind::Line, line);
            }
        }
    }

    #[inline(never)]
    fn cannot(&mut self, all: &[One]) {
        self.named(Kind::Group, "cannot", Phrase::Cannot);
        for (at, one) in all.iter().enumerate() {
            for (name, label) in &one.told.withheld {
                let others = all.iter().enumerate();
                let mut known = others.map(|(other, one)| {
                    let before = other < at && one.told.withheld.iter().any(|one| one.0 == *name);
                    before || one.told.reached.contains(name)
                });
                if !known.any(|known| known) {
                    let mut label = label.clone();
                    capitalise(&mut label);
                    self.add(Kind::Item, label);
                }
            }
        }
        let mut unlisted: String = Phrase::Unlisted.text(self.question.locale).into();
        capitalise(&mut unlisted);
        self.add(Kind::Item, unlisted);
    }

    /// How to end it, and that rules may refuse more.
    fn notes(&mut self, narrowed: bool) -> Result<(), NoText> {
        match self.bundle.stop_in(self.question.locale.tag()) {
            Some(how) => {
                let line = self.filled(Phrase::Stop, &[&shown("stop", how, add_label)?]);
                self.add(Kind::Note, line);
            }
            None => self.named(Kind::Note, "", Phrase::StopBy),
        }
        if narrowed || self.bundle.program().is_some() {
            self.named(Kind::Note, "", Phrase::Rules);
        }
        Ok(())
    }

    fn details(&mut self, tier: Tier, binding: Option<&str>) -> Result<(), NoText> {
        self.named(Kind::Details, "", Phrase::Details);
        self.named(Kind::Detail, "", tier.phrase());
        for line in details(self.question)? {
            self.add(Kind::Detail, line);
        }
        if let Some(binding) = binding {
            let mut line = String::from("binding_s256: ");
            line.push_str(binding);
            self.add(Kind::Detail, line);
        }
        Ok(())
    }
}

/// A foreign text as `add` shows it.
fn shown(at: &str, text: &str, add: fn(&mut String, &str) -> bool) -> Result<String, NoText> {
    let mut out = String::new();
    if add(&mut out, text) {
        return Ok(out);
    }
    Err(NoText {
        code: "describe.too_long",
        at: at.into(),
        detail: "too long to be shown whole, so nobody can approve it".into(),
    })
}

fn quoted(out: &mut String, text: &str) -> bool {
    add_quoted(out, text, CONSENT_VALUE_CHARS)
}
