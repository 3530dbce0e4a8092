//! The page: a question, for whom and where, the arguments, and under *Details* everything else that the
//! digest covers, to the letter.
//!
//! Every line begins with words of ours, a label, a name or a place in a list; a foreign text of several
//! lines is a block, each line of it behind `| `, with which no other line begins, so that none can pass
//! for the frame.

use alloc::string::String;

use ambit_core::constraint::Unit;
use ambit_core::describe::{
    Effect, Form, Locale, Phrase, Tier, add_block, add_name, add_quoted, capitalise, count,
    is_label, scalar, sentence,
};
use ambit_core::json::{Document, Json, Kind, Profile, sorted_members};
use ambit_core::limits::CALL_TEXT_BYTES;
use ambit_core::place;
use ambit_policy::{Action, Argument, Siblings};

use super::risk;
use crate::case::Case;
use crate::digest::{self, Content};

/// The text for one call; `None` where it is too long.
pub(super) fn text(
    case: &Case<'_>,
    contents: &[Content<'_>],
    binding: &str,
    locale: Locale,
) -> Option<String> {
    let mut page = Page {
        case,
        contents,
        locale,
        out: String::new(),
        full: false,
    };
    page.question();
    page.who();
    page.arguments();
    page.details(binding);
    // It is written, hashed and put into the answer.
    let written = if page.full {
        CALL_TEXT_BYTES
    } else {
        page.out.len()
    };
    case.steps.charge(written / 2);
    (!page.full).then_some(page.out)
}

/// A text under way. Once something does not fit nothing is added.
struct Page<'p, 'c> {
    case: &'p Case<'c>,
    contents: &'p [Content<'p>],
    locale: Locale,
    out: String,
    full: bool,
}

impl Page<'_, '_> {
    /// Who would do what, to what; and what that does.
    fn question(&mut self) {
        let case = self.case;
        let (bundle, request, tag) = (case.bundle, case.request, self.locale.tag());
        let uid = case.token.agent_uid();
        let manifest = bundle.manifest(uid);
        let agent = self.named(uid, manifest.and_then(|one| one.label_in(tag)));
        let action = bundle.action(request.action);
        let what = self.named(request.action, action.and_then(|one| one.label_in(tag)));
        let kind = request.resource_type;
        let kind = self.named(kind, bundle.resource_label_in(kind, Form::Name, tag));
        let id = self.named(request.resource_id, None);
        let thing = sentence(Phrase::Which, self.locale, &[&kind, &id]);
        let what = sentence(Phrase::Bound, self.locale, &[&what, &thing]);
        self.ours(&sentence(Phrase::Title, self.locale, &[&agent, &what, ""]));
        for effect in Effect::ALL {
            if action.is_some_and(|action| action.effect(effect.name())) {
                self.ours(" [");
                self.say(effect.phrase());
                self.ours("]");
            }
        }
    }

    /// For whom, with whose data, where, what for.
    fn who(&mut self) {
        let case = self.case;
        let mut before = "\n";
        for (phrase, text) in [
            (Phrase::ActsFor, Some(case.token.sub())),
            (Phrase::Tenant, case.token.tenant()),
            (Phrase::At, Some(case.request.facts.audience)),
            (Phrase::For, Some(case.request.purpose)),
        ] {
            let Some(text) = text else {
                continue;
            };
            let text = self.named(text, None);
            let mut part = sentence(phrase, self.locale, &[&text]);
            if before == "\n" {
                capitalise(&mut part);
            }
            self.ours(before);
            self.ours(&part);
            before = " · ";
        }
    }

    /// Whom or what it reaches first.
    fn arguments(&mut self) {
        let action = self.case.bundle.action(self.case.request.action);
        let siblings = action.map(Action::siblings).unwrap_or_default();
        let members = sorted_members(self.case.arguments);
        let mut before = "\n";
        for targets in [true, false] {
            for (name, value) in &members {
                if siblings.get(name).is_some_and(Argument::target) == targets {
                    self.ours(before);
                    before = "";
                    self.member(name, *value, siblings, 0);
                    self.content(name);
                }
            }
        }
    }

    /// What an argument refers to, under it.
    fn content(&mut self, name: &str) {
        let contents = self.contents.iter();
        for (_, content) in contents.filter(|(known, _)| *known == name) {
            for (member, phrase) in [("text", Phrase::Content), ("s256", Phrase::Sha256)] {
                if let Some(text) = content.get(member).and_then(Json::as_str) {
                    self.place(1);
                    self.say(phrase);
                    self.text(text, 2);
                }
            }
        }
    }

    /// What the digest covers, but for the arguments, and the digest.
    fn details(&mut self, binding: &str) {
        self.ours("\n\n");
        self.say(Phrase::Details);
        self.ours("\n- ");
        self.say(Tier::from_name(risk(self.case)).phrase());
        let covered = digest::preimage(self.case, "null", &[]);
        match Document::parse(covered.as_bytes(), Profile::Signed) {
            Ok(document) => {
                for (name, value) in document.root().members() {
                    // Said to nobody: what is the same in all of them.
                    if !value.is_null() && !["power", "v"].contains(&name) {
                        self.member(name, value, Siblings::default(), 0);
                    }
                }
            }
            Err(_) => self.full = true,
        }
        // The digest is ours, so it stands as it is.
        self.ours("\n- binding_s256: ");
        self.ours(binding);
    }

    /// A value under what it is called, with its name where another is called the same.
    fn member(&mut self, name: &str, value: Json<'_>, siblings: Siblings<'_>, depth: usize) {
        if self.full {
            return;
        }
        let argument = siblings.get(name);
        let label = argument.and_then(|one| one.label_in(self.locale.tag()));
        self.place(depth);
        self.ours("- ");
        let called = self.named(name, label);
        self.ours(&called);
        if let Some(label) = label {
            self.case.steps.charge(siblings.count().saturating_mul(4));
            if siblings.shares(name, label, self.locale.tag()) {
                self.ours(" (");
                let name = self.named(name, None);
                self.ours(&name);
                self.ours(")");
            }
        }
        self.ours(":");
        self.value(value, argument, depth.saturating_add(1));
    }

    /// A value: what lies in it stands `depth` deep, each in a line of its own.
    fn value(&mut self, value: Json<'_>, argument: Option<Argument<'_>>, depth: usize) {
        match value.kind() {
            Kind::Array if value.is_empty() => self.phrase(Phrase::NoElements),
            Kind::Object if value.is_empty() => self.phrase(Phrase::NoMembers),
            Kind::Array => {
                for (at, element) in value.elements().enumerate() {
                    if self.full {
                        return;
                    }
                    self.place(depth);
                    self.ours(&count(at.saturating_add(1)));
                    self.ours(".");
                    self.value(element, argument, depth.saturating_add(1));
                }
            }
            Kind::Object => {
                let siblings = argument.map(Argument::members).unwrap_or_default();
                for (name, member) in sorted_members(value) {
                    self.member(name, member, siblings, depth);
                }
            }
            Kind::String => self.text(value.as_str().unwrap_or_default(), depth),
            Kind::Null | Kind::Bool | Kind::Number => {
                let decimals = argument.and_then(Argument::decimals);
                let unit = argument.and_then(Argument::unit);
                let unit = match (decimals, unit) {
                    (Some(decimals), _) => Unit::Money { decimals },
                    (None, Some(unit)) => Unit::Named(unit),
                    (None, None) => Unit::None,
                };
                self.ours(" ");
                self.ours(&scalar(value, unit, self.locale));
            }
        }
    }

    /// A text in quotes, or in a block where it has several lines.
    fn text(&mut self, text: &str, depth: usize) {
        if self.full {
            return;
        }
        let fits = if place(text.as_bytes(), b'\n').is_some() {
            let before = "  ".repeat(depth);
            add_block(&mut self.out, text, &before, self.locale, CALL_TEXT_BYTES)
        } else {
            self.out.push(' ');
            let room = CALL_TEXT_BYTES.saturating_sub(self.out.len());
            add_quoted(&mut self.out, text, room)
        };
        // What is foreign is counted in characters as it is added, and may have more bytes.
        self.full = !fits || self.out.len() > CALL_TEXT_BYTES;
    }

    /// What something is called: by its label, else by its name, whole.
    fn named(&mut self, name: &str, label: Option<&str>) -> String {
        let mut out = String::new();
        let fits = match label {
            Some(label) if is_label(label) => {
                out.push_str(label);
                true
            }
            Some(label) => add_quoted(&mut out, label, CALL_TEXT_BYTES),
            None => add_name(&mut out, name, CALL_TEXT_BYTES),
        };
        self.full |= !fits;
        out
    }

    fn place(&mut self, depth: usize) {
        self.ours("\n");
        (0..depth).for_each(|_| self.ours("  "));
    }

    fn phrase(&mut self, phrase: Phrase) {
        self.ours(" ");
        self.say(phrase);
    }

    fn say(&mut self, phrase: Phrase) {
        self.ours(phrase.text(self.locale));
    }

    fn ours(&mut self, words: &str) {
        let room = CALL_TEXT_BYTES.saturating_sub(self.out.len());
        self.full |= words.len() > room;
        if !self.full {
            self.out.push_str(words);
        }
    }
}
