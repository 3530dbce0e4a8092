//! Each kind's clause for people. It fits behind "must be".

use super::kind::Kind;
use super::spec::Spec;
use super::{Ends, Unit, well_formed};
use crate::describe::phrases::Phrase;
use crate::describe::speech::Speech;
use crate::json::Json;

/// Listed values that are shown in remedies; of more, the number is said.
const SHOWN: usize = 24;

/// Says the clause of `spec`.
pub(crate) fn clause(speech: &mut Speech, spec: Json<'_>, unit: Unit<'_>) {
    match Spec::read(spec).filter(|_| well_formed(spec)) {
        Some(spec) => Words { speech, unit }.clause(spec),
        None => speech.say(Phrase::BadBound),
    }
}

/// Says a range. One number is said as such, but for consent: a range matches numbers alone.
pub(super) fn range(speech: &mut Speech, ends: Ends, unit: Unit<'_>) {
    match ends {
        (Some(min), Some(max)) if min == max && !speech.style.strict => {
            said_end(speech, Phrase::Exactly, max, unit);
        }
        (Some(min), Some(max)) => {
            said_end(speech, Phrase::From, min, unit);
            said_end(speech, Phrase::To, max, unit);
        }
        (Some(min), None) => said_end(speech, Phrase::AtLeast, min, unit),
        (_, max) => said_end(speech, Phrase::AtMost, max.unwrap_or_default(), unit),
    }
}

fn said_end(speech: &mut Speech, before: Phrase, end: i64, unit: Unit<'_>) {
    speech.say(before);
    speech.integer(end, unit);
}

struct Words<'o, 'u> {
    speech: &'o mut Speech,
    unit: Unit<'u>,
}

impl Words<'_, '_> {
    fn clause(&mut self, spec: Spec<'_>) {
        let [first, second, third] = spec.members;
        match spec.kind {
            Kind::Exact => self.exactly(first),
            Kind::OneOf => self.one_of(first),
            Kind::NotOneOf => self.other_than(first),
            Kind::Range => self.range(first, second, self.unit),
            Kind::Like => self.like(first),
            Kind::EmailDomain => self.named(Phrase::Address, first),
            Kind::Url => self.url(first, second, third),
            Kind::Subpath => {
                self.say(Phrase::Path);
                self.name(first);
            }
            Kind::Cidr => self.named(Phrase::Network, first),
            Kind::Each => {
                self.say(Phrase::Each);
                self.inner(first, false);
            }
            Kind::Subset => {
                self.say(Phrase::Subset);
                self.values(first, Phrase::And);
            }
            Kind::Contains => {
                self.say(Phrase::Contains);
                self.values(first, Phrase::And);
            }
            Kind::Count => self.count(first, second),
            Kind::All => self.joined(first, Phrase::And),
            Kind::Any => self.joined(first, Phrase::Or),
            Kind::Optional => {
                self.say(Phrase::Optional);
                self.inner(first, false);
            }
            Kind::Wildcard => self.say(Phrase::Anything),
        }
    }

    fn say(&mut self, phrase: Phrase) {
        self.speech.say(phrase);
    }

    fn strict(&self) -> bool {
        self.speech.style.strict
    }

    fn value(&mut self, value: Json<'_>) {
        self.speech.value(value, self.unit);
    }

    fn exactly(&mut self, value: Option<Json<'_>>) {
        self.say(Phrase::Exactly);
        if let Some(value) = value {
            self.value(value);
        }
    }

    fn one_of(&mut self, values: Option<Json<'_>>) {
        match values.map(|values| (values.len(), values.elements().next())) {
            Some((1, only)) => self.exactly(only),
            _ => {
                self.say(Phrase::OneOf);
                self.values(values, Phrase::Comma);
            }
        }
    }

    fn other_than(&mut self, excluded: Option<Json<'_>>) {
        let first = excluded.and_then(|values| values.elements().next());
        self.say(match first {
            Some(value) if value.as_str().is_some() => Phrase::OtherText,
            Some(value) if value.as_int().is_some() => Phrase::OtherNumber,
            _ => Phrase::OtherBool,
        });
        self.values(excluded, Phrase::And);
    }

    fn range(&mut self, min: Option<Json<'_>>, max: Option<Json<'_>>, unit: Unit<'_>) {
        let integer = |end: Option<Json<'_>>| end.and_then(Json::as_int);
        range(self.speech, (integer(min), integer(max)), unit);
    }

    fn end(&mut self, before: Phrase, end: i64, unit: Unit<'_>) {
        said_end(self.speech, before, end, unit);
    }

    /// How many elements there are has no unit of the argument's.
    fn count(&mut self, min: Option<Json<'_>>, max: Option<Json<'_>>) {
        self.say(Phrase::Count);
        let ends = (min.and_then(Json::as_int), max.and_then(Json::as_int));
        match ends {
            (Some(min), Some(max)) if min != max => {
                self.speech.integer(min, Unit::None);
                self.end(Phrase::To, max, Unit::None);
            }
            _ => self.range(min, max, Unit::None),
        }
        let one = ends.1.or(ends.0) == Some(1);
        self.say(if one {
            Phrase::Element
        } else {
            Phrase::Elements
        });
    }

    fn like(&mut self, pattern: Option<Json<'_>>) {
        self.say(Phrase::Like);
        let pattern = pattern.and_then(Json::as_str).unwrap_or_default();
        self.speech.quoted(pattern);
        if pattern.contains('*') {
            self.say(Phrase::Stars);
        }
    }

    fn url(
        &mut self,
        schemes: Option<Json<'_>>,
        hosts: Option<Json<'_>>,
        prefix: Option<Json<'_>>,
    ) {
        self.named(Phrase::Web, hosts);
        if prefix.is_some() {
            self.say(Phrase::Under);
            self.name(prefix);
        }
        self.speech.out.push_str(" (");
        self.names(schemes);
        self.speech.out.push(')');
    }

    /// What `all` and `any` join. A clause that itself joins stands in brackets; for consent every
    /// one does.
    fn joined(&mut self, constraints: Option<Json<'_>>, word: Phrase) {
        let constraints = constraints.into_iter().flat_map(Json::elements);
        let brackets = self.strict();
        for (at, constraint) in constraints.enumerate() {
            if at > 0 {
                self.say(word);
            }
            self.inner(Some(constraint), brackets);
        }
    }

    fn inner(&mut self, constraint: Option<Json<'_>>, brackets: bool) {
        let Some(spec) = constraint.and_then(Spec::read) else {
            return;
        };
        let joins = matches!(
            spec.kind,
            Kind::All | Kind::Any | Kind::Each | Kind::Optional
        );
        let brackets = brackets || joins;
        self.speech.out.push_str(if brackets { "(" } else { "" });
        self.clause(spec);
        self.speech.out.push_str(if brackets { ")" } else { "" });
    }

    fn name(&mut self, name: Option<Json<'_>>) {
        let name = name.and_then(Json::as_str).unwrap_or_default();
        self.speech.name(name);
    }

    fn named(&mut self, before: Phrase, list: Option<Json<'_>>) {
        self.say(before);
        self.names(list);
    }

    fn names(&mut self, list: Option<Json<'_>>) {
        let list = list.into_iter().flat_map(Json::elements);
        self.speech.listed(list, Phrase::Or, SHOWN, |speech, name| {
            speech.name(name.as_str().unwrap_or_default());
        });
    }

    fn values(&mut self, list: Option<Json<'_>>, last: Phrase) {
        let list = list.into_iter().flat_map(Json::elements);
        let unit = self.unit;
        self.speech.listed(list, last, SHOWN, |speech, value| {
            speech.value(value, unit);
        });
    }
}
