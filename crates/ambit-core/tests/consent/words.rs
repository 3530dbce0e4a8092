//! A vocabulary, and what it makes of an entry.

use ambit_core::capability::Place;
use ambit_core::constraint::Unit;
use ambit_core::describe::{Effect, Form, Locale, Term, Told, Vocabulary, capability};
use ambit_core::json::{Document, Profile};
use ambit_core::{Power, Powers};
use serde_json::{Value, json};

/// Labels in two languages; those of actions and things begin with a text of the test's choice.
pub(crate) struct Words<'t> {
    before: &'t str,
    labels: Vec<(String, String)>,
}

impl<'t> Words<'t> {
    pub(crate) fn new(before: &'t str) -> Self {
        let names = [
            "send", "pay", "weigh", "contact", "invoice", "to", "amount", "tags", "currency",
        ];
        let labels = names.map(|name| (name.to_owned(), format!("{before}{name}")));
        Self {
            before,
            labels: labels.to_vec(),
        }
    }

    pub(crate) fn declares(action: &str, argument: &str) -> bool {
        matches!(
            (action, argument),
            ("send", "to" | "tags") | ("pay", "to" | "amount" | "currency") | ("weigh", "amount")
        )
    }
}

impl Vocabulary for Words<'_> {
    fn label(&self, term: Term<'_>, form: Form, _locale: Locale) -> Option<&str> {
        if form != Form::Name {
            return None;
        }
        if let Term::Argument { action, argument } = term
            && !Self::declares(action, argument)
        {
            return None;
        }
        let known = self.labels.iter().find(|(name, _)| name == term.name());
        known.map(|(_, label)| label.as_str())
    }

    fn namesake(&self, term: Term<'_>, _form: Form, _locale: Locale) -> Option<&str> {
        (self.before == "same" && term == Term::Action("pay")).then_some("send")
    }

    fn notable(&self, action: &str) -> Vec<&str> {
        match action {
            "send" => vec!["to"],
            "pay" => vec!["to", "amount"],
            _ => Vec::new(),
        }
    }

    fn unit(&self, action: &str, argument: &str) -> Option<Unit<'_>> {
        Self::declares(action, argument).then_some(match (action, argument) {
            ("pay", "amount") => Unit::Money { decimals: 2 },
            ("weigh", "amount") => Unit::Named(self.before),
            _ => Unit::None,
        })
    }

    fn powers(&self, _action: &str) -> Option<Powers> {
        Some(
            [Power::Draft, Power::Propose, Power::Execute]
                .into_iter()
                .collect(),
        )
    }

    fn has(&self, action: &str, effect: Effect) -> bool {
        action == "pay" && effect == Effect::Financial
    }
}

pub(crate) fn told(entry: &Value, words: &Words<'_>, locale: Locale) -> Result<Told, String> {
    told_beside(entry, &json!([]), words, locale)
}

/// The same beside these entries of a manifest.
pub(crate) fn told_beside(
    entry: &Value,
    known: &Value,
    words: &Words<'_>,
    locale: Locale,
) -> Result<Told, String> {
    let both = json!([entry, known]).to_string();
    let both = Document::parse(both.as_bytes(), Profile::Signed).expect("strict JSON");
    let mut parts = both.root().elements();
    let (entry, known) = (parts.next().unwrap(), parts.next().unwrap());
    let known: Vec<_> = known.elements().collect();
    let places = [Place::Root, Place::Manifest];
    capability(entry, &places, &known, words, locale)
        .map_err(|fault| format!("{} {}", fault.code, fault.member))
}
