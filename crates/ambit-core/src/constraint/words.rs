//! What the kinds' clauses for people are made of. A clause fits behind "must be".

use super::Unit;
use super::spec::{Spec, well_formed};
use crate::Number;
use crate::describe::phrases::Phrase;
use crate::describe::speech::Speech;
use crate::json::Json;

/// Says the clause of `spec`.
pub(crate) fn clause(speech: &mut Speech, spec: Json<'_>, unit: Unit<'_>) {
    match Spec::read(spec).filter(|_| well_formed(spec)) {
        Some(spec) => spec.say(&mut Words { speech, unit }),
        None => speech.say(Phrase::BadBound),
    }
}

/// Says a range. One number is said as such, but for consent: a range matches numbers alone.
pub(super) fn range(speech: &mut Speech, ends: [Option<Number>; 2], unit: Unit<'_>) {
    match ends {
        [Some(min), Some(max)] if min == max && !speech.style.strict => {
            end(speech, Phrase::Exactly, max, unit);
        }
        [Some(min), Some(max)] => {
            end(speech, Phrase::From, min, unit);
            end(speech, Phrase::To, max, unit);
        }
        [Some(min), None] => end(speech, Phrase::AtLeast, min, unit),
        [None, Some(max)] => end(speech, Phrase::AtMost, max, unit),
        [None, None] => {}
    }
}

fn end(speech: &mut Speech, before: Phrase, end: Number, unit: Unit<'_>) {
    speech.say(before);
    speech.number(end, unit);
}

/// A clause under way.
pub(super) struct Words<'o, 'u> {
    pub(super) speech: &'o mut Speech,
    /// How the argument's integers are shown.
    pub(super) unit: Unit<'u>,
}

impl Words<'_, '_> {
    pub(super) fn say(&mut self, phrase: Phrase) {
        self.speech.say(phrase);
    }

    pub(super) fn exactly(&mut self, value: Json<'_>) {
        self.say(Phrase::Exactly);
        self.speech.value(value, self.unit);
    }

    pub(super) fn range(&mut self, ends: [Option<Number>; 2], unit: Unit<'_>) {
        range(self.speech, ends, unit);
    }

    /// What `all` and `any` join. A clause that itself joins stands in brackets; for consent every
    /// one does.
    pub(super) fn joined(&mut self, spec: Spec<'_>, word: Phrase) {
        let brackets = self.speech.style.strict;
        for (at, constraint) in spec.list().enumerate() {
            if at > 0 {
                self.say(word);
            }
            self.inside(Spec::read(constraint), brackets);
        }
    }

    /// The one constraint that a constraint has inside.
    pub(super) fn inner(&mut self, spec: Spec<'_>) {
        self.inside(spec.inner(), false);
    }

    fn inside(&mut self, spec: Option<Spec<'_>>, brackets: bool) {
        let Some(spec) = spec else { return };
        let brackets = brackets || spec.kind.has_constraints();
        self.speech.out.push_str(if brackets { "(" } else { "" });
        spec.say(self);
        self.speech.out.push_str(if brackets { ")" } else { "" });
    }

    pub(super) fn name(&mut self, name: &str) {
        self.speech.name(name);
    }

    /// The names in a list, one of which it is to be.
    pub(super) fn names(&mut self, list: Option<Json<'_>>) {
        self.speech.listed(list, Phrase::Or, &mut |speech, name| {
            speech.name(name.as_str().unwrap_or_default());
        });
    }

    /// What is left out of what was said.
    pub(super) fn except(&mut self, list: Option<Json<'_>>) {
        if list.is_some() {
            self.say(Phrase::Except);
            self.speech.listed(list, Phrase::And, &mut |speech, name| {
                speech.name(name.as_str().unwrap_or_default());
            });
        }
    }

    /// The values in the list of `spec`.
    pub(super) fn values(&mut self, spec: Spec<'_>, last: Phrase) {
        let unit = self.unit;
        self.speech
            .listed(spec.first(), last, &mut |speech, value| {
                speech.value(value, unit);
            });
    }
}
