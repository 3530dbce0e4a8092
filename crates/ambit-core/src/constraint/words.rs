//! Each kind's clause for people. It fits behind "must be".

use alloc::string::String;

use super::kind::Kind;
use super::spec::Spec;
use super::text;
use super::{Unit, well_formed};
use crate::json::Json;

/// Listed values that are shown; of more, the number is said.
const SHOWN: usize = 24;

/// Writes the clause of `spec`, strings between `quote`s.
pub(crate) fn clause(out: &mut String, spec: Json<'_>, unit: Unit<'_>, quote: char) {
    match Spec::read(spec).filter(|_| well_formed(spec)) {
        Some(spec) => Words { out, unit, quote }.clause(spec),
        None => out.push_str("nothing (this bound is malformed)"),
    }
}

struct Words<'o, 'u> {
    out: &'o mut String,
    unit: Unit<'u>,
    quote: char,
}

impl Words<'_, '_> {
    fn clause(&mut self, spec: Spec<'_>) {
        let [first, second, third] = spec.members;
        match spec.kind {
            Kind::Exact => self.exactly(first),
            Kind::OneOf => self.one_of(first),
            Kind::NotOneOf => self.other_than(first),
            Kind::Range => self.range(first, second),
            Kind::Like => self.like(first),
            Kind::EmailDomain => {
                self.say("an address at ");
                self.names(first, " or ");
            }
            Kind::Url => self.url(first, second, third),
            Kind::Subpath => {
                self.say("a path in ");
                self.names_of(first.into_iter(), " or ");
            }
            Kind::Cidr => {
                self.say("a network address in ");
                self.names(first, " or ");
            }
            Kind::Each => {
                self.say("a list in which each element is ");
                self.inner(first);
            }
            Kind::Subset => {
                self.say("a list of nothing but ");
                self.values(first, " and ");
            }
            Kind::Contains => {
                self.say("a list with ");
                self.values(first, " and ");
            }
            Kind::Count => self.count(first, second),
            Kind::All => self.joined(first, " and "),
            Kind::Any => self.joined(first, " or "),
            Kind::Optional => {
                self.say("left out or ");
                self.inner(first);
            }
            Kind::Wildcard => self.say("anything"),
        }
    }

    fn say(&mut self, words: &str) {
        self.out.push_str(words);
    }

    fn value(&mut self, value: Json<'_>) {
        text::value(self.out, value, self.unit, self.quote);
    }

    fn exactly(&mut self, value: Option<Json<'_>>) {
        self.say("exactly ");
        if let Some(value) = value {
            self.value(value);
        }
    }

    fn one_of(&mut self, values: Option<Json<'_>>) {
        match values.map(|values| (values.len(), values.elements().next())) {
            Some((1, only)) => self.exactly(only),
            _ => {
                self.say("one of ");
                self.values(values, ", ");
            }
        }
    }

    fn other_than(&mut self, excluded: Option<Json<'_>>) {
        let first = excluded.and_then(|values| values.elements().next());
        self.say(match first {
            Some(value) if value.as_str().is_some() => "a text other than ",
            Some(value) if value.as_int().is_some() => "a whole number other than ",
            _ => "true or false, other than ",
        });
        self.values(excluded, " and ");
    }

    fn range(&mut self, min: Option<Json<'_>>, max: Option<Json<'_>>) {
        match (min.and_then(Json::as_int), max.and_then(Json::as_int)) {
            (Some(min), Some(max)) if min == max => self.ends("exactly ", max, "", None),
            (Some(min), Some(max)) => self.ends("from ", min, " to ", Some(max)),
            (Some(min), None) => self.ends("at least ", min, "", None),
            (_, max) => self.ends("at most ", max.unwrap_or_default(), "", None),
        }
    }

    fn ends(&mut self, before: &str, first: i64, between: &str, second: Option<i64>) {
        self.say(before);
        text::integer(self.out, first, self.unit);
        self.say(between);
        if let Some(second) = second {
            text::integer(self.out, second, self.unit);
        }
    }

    /// How many elements there are has no unit of the argument's.
    fn count(&mut self, min: Option<Json<'_>>, max: Option<Json<'_>>) {
        let ends = (min.and_then(Json::as_int), max.and_then(Json::as_int));
        self.say("a list of ");
        match ends {
            (Some(min), Some(max)) if min == max => self.write(format_args!("exactly {max}")),
            (Some(min), Some(max)) => self.write(format_args!("{min} to {max}")),
            (Some(min), None) => self.write(format_args!("at least {min}")),
            (_, max) => self.write(format_args!("at most {}", max.unwrap_or_default())),
        }
        let one = ends.1.or(ends.0) == Some(1);
        self.say(if one { " element" } else { " elements" });
    }

    fn write(&mut self, words: core::fmt::Arguments<'_>) {
        text::write(self.out, words);
    }

    fn like(&mut self, pattern: Option<Json<'_>>) {
        self.say("a text like ");
        let pattern = pattern.and_then(Json::as_str).unwrap_or_default();
        text::quoted(self.out, pattern, self.quote);
        if pattern.contains('*') {
            self.say(" (* is any text)");
        }
    }

    fn url(
        &mut self,
        schemes: Option<Json<'_>>,
        hosts: Option<Json<'_>>,
        prefix: Option<Json<'_>>,
    ) {
        self.say("a web address at ");
        self.names(hosts, " or ");
        if prefix.is_some() {
            self.say(" under ");
            self.names_of(prefix.into_iter(), " or ");
        }
        self.say(" (");
        self.names(schemes, " or ");
        self.say(")");
    }

    /// What `all` and `any` join; a clause that itself joins stands in brackets.
    fn joined(&mut self, constraints: Option<Json<'_>>, word: &str) {
        let constraints = constraints.into_iter().flat_map(Json::elements);
        for (at, constraint) in constraints.enumerate() {
            if at > 0 {
                self.say(word);
            }
            self.inner(Some(constraint));
        }
    }

    fn inner(&mut self, constraint: Option<Json<'_>>) {
        let Some(spec) = constraint.and_then(Spec::read) else {
            return;
        };
        let joins = matches!(
            spec.kind,
            Kind::All | Kind::Any | Kind::Each | Kind::Optional
        );
        self.say(if joins { "(" } else { "" });
        self.clause(spec);
        self.say(if joins { ")" } else { "" });
    }

    fn names(&mut self, list: Option<Json<'_>>, last: &str) {
        self.names_of(list.into_iter().flat_map(Json::elements), last);
    }

    fn names_of<'a>(&mut self, list: impl Iterator<Item = Json<'a>> + Clone, last: &str) {
        self.listed(list, last, |words, name| {
            text::name(words.out, name.as_str().unwrap_or_default(), words.quote);
        });
    }

    fn values(&mut self, list: Option<Json<'_>>, last: &str) {
        let list = list.into_iter().flat_map(Json::elements);
        self.listed(list, last, |words, value| words.value(value));
    }

    fn listed<'a>(
        &mut self,
        list: impl Iterator<Item = Json<'a>> + Clone,
        last: &str,
        mut one: impl FnMut(&mut Self, Json<'a>),
    ) {
        let total = list.clone().count();
        let more = total.saturating_sub(SHOWN);
        for (at, item) in list.take(SHOWN).enumerate() {
            let is_last = at.saturating_add(1) == total;
            match at {
                0 => {}
                _ if is_last => self.say(last),
                _ => self.say(", "),
            }
            one(self, item);
        }
        if more > 0 {
            self.write(format_args!(" and {more} more"));
        }
    }
}
