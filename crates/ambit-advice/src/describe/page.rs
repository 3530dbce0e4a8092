//! The page that people read, as text and in parts.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::Place;
use ambit_core::describe::{
    About, Locale, Phrase, Tier, Told, capability, consent, sentence, whole,
};
use ambit_core::json::{Json, Writer};
use ambit_core::limits::{CONSENT_LIST, CONSENT_NOT_GRANTED, CONSENT_TEXT_BYTES};
use ambit_evaluator::{RENDERER, joined, s256};
use ambit_policy::Bundle;

use super::details::details;
use super::difference::{self, Status};
use super::question::Question;
use super::words::Words;
use super::{NoText, time};
use crate::digest;

/// Everything that is said about a grant.
pub(super) struct Page {
    locale: Locale,
    /// The highest risk of all.
    pub(super) tier: Tier,
    binding: Option<String>,
    head: Vec<String>,
    items: Vec<Item>,
    /// What was granted before and is no more.
    removed: Vec<String>,
    /// What the sentences leave out.
    details: Vec<String>,
    notes: Vec<String>,
}

struct Item {
    told: Told,
    status: Option<Status>,
    before: Option<String>,
}

impl Page {
    pub(super) fn of(bundle: &Bundle<'_>, question: &Question<'_>) -> Result<Self, NoText> {
        let mut items = told(bundle, question, "authorization_details", question.entries)?;
        let removed = match question.granted {
            Some(granted) => compare(bundle, question, granted, &mut items)?,
            None => Vec::new(),
        };
        for (item, entry) in items.iter_mut().zip(question.entries.elements()) {
            manifest_asks(bundle, question, entry, &mut item.told)?;
        }
        let page = Self {
            locale: question.locale,
            tier: items
                .iter()
                .map(|item| item.told.tier)
                .max()
                .unwrap_or_default(),
            binding: question.whole.then(|| digest::grant(question.claims)),
            head: head(question)?,
            items,
            removed,
            details: details(question)?,
            notes: notes(bundle, question),
        };
        page.text().map(|_| page)
    }

    /// The whole text. Every line begins with words of ours, and no foreign text has a line end.
    pub(super) fn text(&self) -> Result<String, NoText> {
        let mut out = joined(&mut self.head.iter().map(String::as_str), "\n");
        for tier in Tier::ALL.into_iter().rev() {
            let mut heading = Some(title(tier).text(self.locale));
            for (at, item) in self.items.iter().enumerate() {
                if item.told.tier == tier {
                    heading
                        .take()
                        .into_iter()
                        .for_each(|title| section(&mut out, title));
                    self.item(&mut out, at, item);
                }
            }
        }
        for (title, lines) in [
            (Phrase::Ends, &self.removed),
            (Phrase::Details, &self.details),
        ] {
            if !lines.is_empty() {
                section(&mut out, title.text(self.locale));
            }
            for line in lines {
                out.push_str("\n- ");
                out.push_str(line);
            }
        }
        if !self.notes.is_empty() {
            out.push('\n');
        }
        for note in &self.notes {
            out.push('\n');
            out.push_str(note);
        }
        if out.len() > CONSENT_TEXT_BYTES {
            return Err(NoText {
                code: "describe.too_long",
                at: "authorization_details".into(),
                detail: "the text is longer than 32 KiB: split the grant".into(),
            });
        }
        Ok(out)
    }

    fn item(&self, out: &mut String, at: usize, item: &Item) {
        out.push_str(&alloc::format!("\n{}. ", at.saturating_add(1)));
        if let Some(status) = item.status {
            out.push_str(status_phrase(status).text(self.locale));
            out.push(' ');
        }
        let sentences = item
            .told
            .sentences
            .iter()
            .map(|(_, sentence)| sentence.as_str());
        out.push_str(&joined(&mut sentences.into_iter(), "\n   "));
        if let Some(before) = &item.before {
            out.push_str("\n   ");
            out.push_str(Phrase::Was.text(self.locale));
            out.push_str(before);
        }
    }

    /// The answer: text and lines, then the same in parts.
    pub(super) fn answer(&self) -> String {
        let text = self.text().unwrap_or_default();
        let mut out = Writer::default();
        out.object(|out| {
            out.name("text").string(&text);
            out.name("lines").array(|out| {
                for item in &self.items {
                    out.string(&item.told.line());
                }
            });
            out.name("locale").string(self.locale.tag());
            out.name("renderer").string(RENDERER);
            out.name("risk_tier").string(self.tier.name());
            out.name("text_s256").string(&s256(text.as_bytes()));
            if let Some(binding) = &self.binding {
                out.name("binding_s256").string(binding);
            }
            strings(out.name("head"), &self.head);
            out.name("sections").array(|out| {
                for tier in Tier::ALL.into_iter().rev() {
                    self.write_section(out, tier);
                }
            });
            strings(out.name("removed"), &self.removed);
            strings(out.name("details"), &self.details);
            strings(out.name("notes"), &self.notes);
        });
        out.finish()
    }

    fn write_section(&self, out: &mut Writer, tier: Tier) {
        let items = || {
            self.items
                .iter()
                .enumerate()
                .filter(|(_, item)| item.told.tier == tier)
        };
        if items().next().is_none() {
            return;
        }
        out.object(|out| {
            out.name("tier").string(tier.name());
            out.name("title").string(title(tier).text(self.locale));
            out.name("items").array(|out| {
                for (at, item) in items() {
                    write_item(out, at, item);
                }
            });
        });
    }
}

fn write_item(out: &mut Writer, at: usize, item: &Item) {
    out.object(|out| {
        out.name("index")
            .integer(i64::try_from(at).unwrap_or(i64::MAX));
        if let Some(status) = item.status {
            out.name("status").string(status.name());
        }
        out.name("sentences").array(|out| {
            for (about, sentence) in &item.told.sentences {
                out.object(|out| {
                    out.name("about").string(about.name());
                    out.name("text").string(sentence);
                });
            }
        });
        if let Some(before) = &item.before {
            out.name("before").string(before);
        }
    });
}

fn strings(out: &mut Writer, list: &[String]) {
    out.array(|out| {
        for text in list {
            out.string(text);
        }
    });
}

fn section(out: &mut String, title: &str) {
    out.push_str(if out.is_empty() { "" } else { "\n\n" });
    out.push_str(title);
}

const fn title(tier: Tier) -> Phrase {
    match tier {
        Tier::Low => Phrase::TierLow,
        Tier::Medium => Phrase::TierMedium,
        Tier::High => Phrase::TierHigh,
        Tier::Critical => Phrase::TierCritical,
    }
}

const fn status_phrase(status: Status) -> Phrase {
    match status {
        Status::New => Phrase::IsNew,
        Status::Same => Phrase::IsSame,
        Status::Wider => Phrase::IsWider,
        Status::Narrower => Phrase::IsNarrower,
        Status::Changed => Phrase::IsChanged,
    }
}

fn told(
    bundle: &Bundle<'_>,
    question: &Question<'_>,
    list: &str,
    entries: Json<'_>,
) -> Result<Vec<Item>, NoText> {
    let words = Words(bundle);
    // Claims are those of a root, where an entry of a manifest never matches.
    let places: &[Place] = match question.whole {
        true => &[Place::Root],
        false => &[Place::Root, Place::Manifest],
    };
    let one = |(at, entry)| {
        let told = capability(entry, places, &words, question.locale).and_then(|told| {
            words.enforced(entry)?;
            Ok(told)
        });
        match told {
            Ok(told) => Ok(Item {
                told,
                status: None,
                before: None,
            }),
            Err(fault) => Err(NoText::of(list, at, fault)),
        }
    };
    entries.elements().enumerate().map(one).collect()
}

/// Says of each item what became of it; gives the lines of what is granted no more.
fn compare(
    bundle: &Bundle<'_>,
    question: &Question<'_>,
    granted: Json<'_>,
    items: &mut [Item],
) -> Result<Vec<String>, NoText> {
    let before = told(bundle, question, "granted", granted)?;
    let mut left: Vec<(Json<'_>, String)> = granted
        .elements()
        .zip(before.iter().map(|item| item.told.line()))
        .collect();
    // The same text is the same capability: those first, so that no other takes their place.
    for item in items.iter_mut() {
        let line = item.told.line();
        if let Some(at) = left.iter().position(|(_, before)| *before == line) {
            left.remove(at);
            item.status = Some(Status::Same);
        }
    }
    for (item, entry) in items.iter_mut().zip(question.entries.elements()) {
        if item.status.is_some() {
            continue;
        }
        let place = left
            .iter()
            .position(|(before, _)| difference::related(*before, entry));
        item.status = Some(match place {
            None => Status::New,
            Some(at) => {
                let (before, line) = left.remove(at);
                item.before = Some(line);
                difference::status(before, entry)
            }
        });
    }
    Ok(left.into_iter().map(|(_, line)| line).collect())
}

/// What the agent's manifest asks of people before such a capability is carried out.
fn manifest_asks(
    bundle: &Bundle<'_>,
    question: &Question<'_>,
    entry: Json<'_>,
    told: &mut Told,
) -> Result<(), NoText> {
    let powers = entry.get("privileges").into_iter().flat_map(Json::elements);
    let mut powers = powers.filter_map(Json::as_str);
    if !powers.any(|power| matches!(power, "execute" | "propose")) {
        return Ok(());
    }
    let agent = question.text_in("agent", "uid")?;
    let manifest = agent.and_then(|agent| bundle.manifest(agent));
    let known = manifest.map(|manifest| manifest.capabilities());
    for known in known.into_iter().flatten() {
        let asks = known.get("consent");
        let asks = asks.filter(|asks| !matches!(asks.as_str(), Some("none" | "once")));
        let Some(asks) = asks.filter(|_| meet(known, entry)) else {
            continue;
        };
        let sentence =
            consent(asks, question.locale).map_err(|fault| NoText::of("manifest", 0, fault))?;
        let asked = (About::Asks, sentence);
        if !told.sentences.contains(&asked) {
            let before = |(about, _): &(About, String)| *about != About::MayNot;
            let at = told.sentences.iter().take_while(|one| before(one)).count();
            told.sentences.insert(at, asked);
        }
    }
    Ok(())
}

/// Whether two entries have an action in common, and the purpose.
fn meet(known: Json<'_>, entry: Json<'_>) -> bool {
    fn actions(entry: Json<'_>) -> impl Iterator<Item = &str> {
        let actions = entry.get("actions").into_iter().flat_map(Json::elements);
        actions.filter_map(Json::as_str)
    }
    let purpose = |entry: Json<'_>| {
        entry
            .get("purpose")
            .and_then(Json::as_str)
            .map(String::from)
    };
    purpose(known) == purpose(entry)
        && actions(known).any(|one| actions(entry).any(|other| one == other))
}

/// Who, for whom, where, until when.
fn head(question: &Question<'_>) -> Result<Vec<String>, NoText> {
    let mut head = Vec::new();
    let mut line = |phrase, hole, at: &str, text: Option<&str>| {
        if let Some(text) = text {
            let text = shown(at, text)?;
            head.push(sentence(phrase, question.locale, &[(hole, &text)]));
        }
        Ok(())
    };
    line(
        Phrase::Agent,
        "agent",
        "agent",
        question.text_in("agent", "uid")?,
    )?;
    line(
        Phrase::RunsAs,
        "actor",
        "act",
        question.text_in("act", "sub")?,
    )?;
    line(Phrase::ActsFor, "subject", "sub", question.text("sub")?)?;
    line(Phrase::Tenant, "tenant", "tenant", question.text("tenant")?)?;
    if let Some(places) = question.claims.get("aud") {
        let places = audiences(places)?;
        head.push(sentence(
            Phrase::Where,
            question.locale,
            &[("places", &places)],
        ));
    }
    if let Some(end) = question.end()? {
        let end = time::show(end, question.locale);
        head.push(sentence(Phrase::Until, question.locale, &[("time", &end)]));
    }
    if let Some(depth) = question
        .integer("del_max_depth")?
        .filter(|depth| *depth > 0)
    {
        let depth = alloc::format!("{depth}");
        head.push(sentence(
            Phrase::PassOn,
            question.locale,
            &[("count", &depth)],
        ));
    }
    Ok(head)
}

fn audiences(list: Json<'_>) -> Result<String, NoText> {
    let texts: Option<Vec<&str>> = list.elements().map(Json::as_str).collect();
    let shown: Vec<String> = texts
        .filter(|texts| (1..=CONSENT_LIST).contains(&texts.len()))
        .ok_or_else(|| NoText::request("aud", "wanted an array of texts"))?
        .into_iter()
        .map(|text| shown("aud", text))
        .collect::<Result<_, _>>()?;
    Ok(joined(&mut shown.iter().map(String::as_str), ", "))
}

fn shown(at: &str, text: &str) -> Result<String, NoText> {
    whole(text).ok_or_else(|| NoText {
        code: "describe.too_long",
        at: at.into(),
        detail: "too long to be shown whole, so nobody can approve it".into(),
    })
}

/// What is left out: actions that nobody asked for, and rules that may say no.
fn notes(bundle: &Bundle<'_>, question: &Question<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let asked = |name: &str| {
        let mut entries = question.entries.elements();
        entries.any(|entry| {
            let actions = entry.get("actions").into_iter().flat_map(Json::elements);
            actions.into_iter().any(|one| one.as_str() == Some(name))
        })
    };
    let mut named: Vec<String> = Vec::new();
    let mut more = 0_usize;
    for (_, action) in bundle.actions().filter(|(name, _)| !asked(name)) {
        let label = action.label_in(question.locale.tag()).and_then(whole);
        match label.filter(|_| named.len() < CONSENT_NOT_GRANTED) {
            Some(label) => named.push(label),
            None => more = more.saturating_add(1),
        }
    }
    if !named.is_empty() {
        let actions = joined(&mut named.iter().map(String::as_str), ", ");
        let more_text = alloc::format!("{more}");
        let holes = [("actions", actions.as_str()), ("count", &more_text)];
        let phrase = match more {
            0 => Phrase::NotGranted,
            _ => Phrase::NotGrantedMore,
        };
        notes.push(sentence(phrase, question.locale, &holes));
    }
    if bundle.program().is_some() {
        notes.push(Phrase::Rules.text(question.locale).into());
    }
    notes
}
