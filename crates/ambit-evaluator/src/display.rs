//! The text that a person is shown before approving one call.
//!
//! It says everything that the action digest covers, whole, in one form: two calls that differ have
//! texts that differ, beside the digest at the end. Every line begins with words of ours or with the
//! place of a value, and foreign text has no line end, so that none can pass for the frame. A call
//! whose text is longer than [`CALL_TEXT_BYTES`] has no text, and nobody can approve it.
//!
//! It is a function of the digested values and of the bundle's words, so that the core can say at the
//! execution whether it is what the person saw.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::constraint::{Unit, value_text};
use ambit_core::describe::{add_name, add_quoted, add_text};
use ambit_core::json::{Json, Kind, sorted_members};
use ambit_core::limits::CALL_TEXT_BYTES;
use ambit_core::{Power, Reason};
use ambit_policy::Argument;

use crate::case::Case;
use crate::denial::Denial;
use crate::digest::{self, s256};
use crate::facts;
use crate::remedy::Shown;

/// The language of the text.
pub(crate) const LOCALE: &str = "en";
/// The version of this form: another text for the same call is another renderer.
pub const RENDERER: &str = "ambit-1";

/// What is put before those who may approve the call. It is made once, however often it is asked for.
///
/// # Errors
///
/// The denial of a call that is too long to be shown whole, or of which the host does not say what an
/// argument refers to.
pub(crate) fn shown<'c>(case: &Case<'c>) -> Result<&'c Shown, Denial> {
    let mut contents = Vec::new();
    for (name, content) in case.contents() {
        match content {
            Some(content) => contents.push((name, content)),
            None => return Err(facts::missing(&format!("content.{name}"))),
        }
    }
    let shown = case.shown.get_or_init(|| make(case, &contents));
    shown.as_ref().ok_or_else(|| {
        let admin = format!("the text of this call has more than {CALL_TEXT_BYTES} bytes");
        Denial::new(Reason::ApprovalDisplaySize, admin)
    })
}

/// `None` for a call that is too long.
fn make(case: &Case<'_>, contents: &[(&str, Json<'_>)]) -> Option<Shown> {
    let binding_s256 = digest::with_content(case, contents);
    let text = text(case, contents, &binding_s256)?;
    Some(Shown {
        binding_s256,
        risk_tier: String::from(risk(case)),
        text_s256: s256(text.as_bytes()),
        text,
        locale: LOCALE,
        renderer: RENDERER,
    })
}

/// The text for one call, whose digest is `digest`.
fn text(case: &Case<'_>, contents: &[(&str, Json<'_>)], digest: &str) -> Option<String> {
    let root = case.token.root();
    let mut page = Page::default();
    page.title(case);
    page.line("For", case.token.sub());
    page.line("Purpose", case.request.purpose);
    page.line("At", case.request.facts.audience);
    if let Some(tenant) = case.token.tenant() {
        page.line("Tenant", tenant);
    }
    let action = case.bundle.action(case.request.action);
    for (name, value) in sorted_members(case.arguments) {
        let argument = action.and_then(|action| action.argument(name));
        page.member(name, value, argument, 0);
        for (_, content) in contents.iter().filter(|(known, _)| *known == name) {
            page.content(*content);
        }
    }
    page.effects(case);
    page.line("Risk", risk(case));
    let actor = |member| root.get("act").and_then(|act| act.get(member));
    for (name, member) in [("Runs as", "sub"), ("Vouched for by", "iss")] {
        if let Some(value) = actor(member).and_then(Json::as_str) {
            page.line(name, value);
        }
    }
    if let Some(agent) = root.get("agent") {
        page.ours("\nAgent:");
        page.value(agent, None, 1);
    }
    for (name, claim) in [("Permission", "jti"), ("Issued by", "iss")] {
        page.line(
            name,
            root.get(claim).and_then(Json::as_str).unwrap_or_default(),
        );
    }
    // The digest is ours, so it stands as it is.
    page.ours("\nCall: ");
    page.ours(digest);
    // It is written, hashed and put into the answer.
    let written = if page.full {
        CALL_TEXT_BYTES
    } else {
        page.out.len()
    };
    case.steps.charge(written / 2);
    (!page.full).then_some(page.out)
}

/// The risk of doing it, which a receipt must name.
pub(crate) fn risk<'a>(case: &Case<'a>) -> &'a str {
    let action = case.bundle.action(case.request.action);
    action.map_or("critical", |action| action.risk(Power::Execute))
}

/// A text under way. Once something does not fit nothing is added.
#[derive(Default)]
struct Page {
    out: String,
    full: bool,
}

impl Page {
    /// Who asks for what, on what.
    fn title(&mut self, case: &Case<'_>) {
        let request = case.request;
        let action = case.bundle.action(request.action);
        let resource = case.bundle.resource_label(request.resource_type);
        self.name(case.token.agent_uid());
        self.ours(" asks to ");
        self.called(request.action, action.and_then(|action| action.label()));
        self.ours(" on ");
        self.called(request.resource_type, resource);
        self.ours(" ");
        self.name(request.resource_id);
    }

    fn line(&mut self, name: &str, value: &str) {
        self.ours("\n");
        self.ours(name);
        self.ours(": ");
        self.name(value);
    }

    /// A value under its name, and the label where the bundle has one: two that are called alike are
    /// told apart.
    fn member(
        &mut self,
        name: &str,
        value: Json<'_>,
        argument: Option<Argument<'_>>,
        depth: usize,
    ) {
        self.place(depth);
        self.ours("- ");
        self.called(name, argument.and_then(Argument::label));
        self.ours(":");
        self.value(value, argument, depth.saturating_add(1));
    }

    /// A value: what lies in it stands `depth` deep, each in a line of its own.
    fn value(&mut self, value: Json<'_>, argument: Option<Argument<'_>>, depth: usize) {
        if self.full {
            return;
        }
        match value.kind() {
            Kind::Array if value.is_empty() => self.ours(" an empty list"),
            Kind::Object if value.is_empty() => self.ours(" an empty record"),
            Kind::Array => {
                for (at, element) in value.elements().enumerate() {
                    if self.full {
                        return;
                    }
                    self.place(depth);
                    self.ours(&format!("{}.", at.saturating_add(1)));
                    self.value(element, argument, depth.saturating_add(1));
                }
            }
            Kind::Object => {
                for (name, member) in sorted_members(value) {
                    if self.full {
                        return;
                    }
                    let argument = argument.and_then(|argument| argument.member(name));
                    self.member(name, member, argument, depth);
                }
            }
            Kind::String => {
                self.ours(" ");
                self.text(value.as_str().unwrap_or_default());
            }
            Kind::Null | Kind::Bool | Kind::Number => {
                self.ours(" ");
                self.plain(value, argument);
            }
        }
    }

    /// What an argument refers to, under it.
    fn content(&mut self, content: Json<'_>) {
        for (member, words) in [("text", "\n  Content: "), ("s256", "\n  SHA-256: ")] {
            if let Some(text) = content.get(member).and_then(Json::as_str) {
                self.ours(words);
                self.text(text);
            }
        }
    }

    fn place(&mut self, depth: usize) {
        self.ours("\n");
        (0..depth).for_each(|_| self.ours("  "));
    }

    /// A number in its unit, or one of the three words of JSON.
    fn plain(&mut self, value: Json<'_>, argument: Option<Argument<'_>>) {
        let decimals = argument.and_then(Argument::decimals);
        let unit = decimals.map_or(Unit::None, |decimals| Unit::Money { decimals });
        self.ours(&value_text(Some(value), unit));
        let named = argument.filter(|_| value.kind() == Kind::Number && decimals.is_none());
        if let Some(unit) = named.and_then(Argument::unit) {
            self.ours(" ");
            self.name(unit);
        }
    }

    /// A name of the request, behind the words that the bundle has for it.
    fn called(&mut self, name: &str, label: Option<&str>) {
        let Some(label) = label.filter(|label| *label != name) else {
            return self.name(name);
        };
        let room = self.room();
        self.full = self.full || !add_quoted(&mut self.out, label, room);
        self.measure();
        self.ours(" (");
        self.name(name);
        self.ours(")");
    }

    fn effects(&mut self, case: &Case<'_>) {
        let action = case.bundle.action(case.request.action);
        for (effect, sentence) in [
            ("irreversible", "\nThis cannot be undone."),
            ("external", "\nThis reaches people outside."),
            ("financial", "\nThis moves money."),
        ] {
            if action.is_some_and(|action| action.effect(effect)) {
                self.ours(sentence);
            }
        }
    }

    fn ours(&mut self, words: &str) {
        self.full |= words.len() > self.room();
        if !self.full {
            self.out.push_str(words);
        }
    }

    fn name(&mut self, name: &str) {
        let room = self.room();
        self.full = self.full || !add_name(&mut self.out, name, room);
        self.measure();
    }

    fn text(&mut self, text: &str) {
        let room = self.room();
        self.full = self.full || !add_text(&mut self.out, text, room);
        self.measure();
    }

    /// What is foreign is counted in characters as it is added, and may have more bytes.
    fn measure(&mut self) {
        self.full |= self.out.len() > CALL_TEXT_BYTES;
    }

    fn room(&self) -> usize {
        CALL_TEXT_BYTES.saturating_sub(self.out.len())
    }
}
