//! The bounds of one capability: amounts, details, how much in all, how often, where.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::phrases::Phrase;
use super::sentences::{Teller, decimals, elements, integer, text};
use super::vocabulary::{Form, Term};
use crate::constraint::{self, Kind, Unit, clause};
use crate::json::Json;

/// A detail as sentences name it.
struct Argument<'a> {
    label: String,
    unit: Unit<'a>,
    /// Whose detail it is.
    actions: Vec<&'a str>,
}

impl<'a> Teller<'a> {
    /// Adds a line for each, but for the limits that are `counted` already. A budget counts only what is
    /// carried out. Whether there is such a limit.
    pub(super) fn bounds(
        &self,
        of: &[&'a str],
        is_carried_out: bool,
        counted: &mut Vec<usize>,
        out: &mut Vec<String>,
    ) -> bool {
        let constraints = self.entry.constraints;
        let said = self.amounts(of, is_carried_out, out);
        for (name, spec) in constraints.unwrap_or_default().members() {
            if name == "*" {
                self.others(of, out);
            } else if !said.contains(&Some(name)) {
                self.bound(of, name, spec, out);
            }
        }
        let shared = self.limits(of, is_carried_out, said, counted, out);
        self.hours(out);
        if self.entry.locations.is_some() {
            let places = self.names("locations", self.entry.locations, Phrase::Or);
            out.push(self.filled(Phrase::At, &[&places]));
        }
        shared
    }

    fn bound(&self, of: &[&'a str], name: &'a str, spec: Json<'a>, out: &mut Vec<String>) {
        let member = constraint_of(name);
        let free = is(required(spec), Kind::Wildcard);
        for argument in self.argument(of, &member, name) {
            if !free {
                let clause = self.clause(&member, required(spec), argument.unit);
                let clause = self.or_absent(self.or_less(clause, spec, argument.unit), spec);
                out.push(self.filled(Phrase::Bound, &[&argument.label, &clause]));
            } else if !self.style.strict || self.is_notable(of, name) {
                out.push(self.filled(Phrase::Free, &[&argument.label]));
            }
        }
    }

    /// A sum without a lower end: people do not think of sums below zero.
    fn or_less(&self, clause: String, spec: Json<'_>, unit: Unit<'_>) -> String {
        let ends = constraint::ends(required(spec));
        match (unit, ends) {
            (Unit::Money { .. }, Some((None, Some(_)))) => {
                self.filled(Phrase::BelowZero, &[&clause])
            }
            _ => clause,
        }
    }

    fn or_absent(&self, clause: String, spec: Json<'_>) -> String {
        match is(spec, Kind::Optional) {
            true => self.filled(Phrase::OrAbsent, &[&clause]),
            false => clause,
        }
    }

    /// Whether people are told of a detail that is free.
    fn is_notable(&self, of: &[&str], name: &str) -> bool {
        let notable = |action: &&str| self.vocabulary.notable(action).contains(&name);
        of.iter().any(notable)
    }

    /// What `*` leaves free.
    fn others(&self, of: &[&'a str], out: &mut Vec<String>) {
        let constraints = self.entry.constraints;
        for action in of {
            for name in self.vocabulary.notable(action) {
                if constraints.is_some_and(|list| list.get(name).is_none()) {
                    for argument in self.argument(of, "constraints.*", name) {
                        let line = self.filled(Phrase::Free, &[&argument.label]);
                        if !out.contains(&line) {
                            out.push(line);
                        }
                    }
                }
            }
        }
        if !self.style.strict {
            out.push(Phrase::Others.text(self.style.locale).into());
        }
    }

    /// A bound, listed values as they are.
    fn clause(&self, member: &str, spec: Json<'a>, unit: Unit<'_>) -> String {
        self.said(member, &mut |speech| match (one(spec), many(spec)) {
            (Some(value), _) => speech.value(value, unit),
            (None, Some(values)) => {
                speech.listed(Some(values), Phrase::Or, &mut |speech, value| {
                    speech.value(value, unit);
                });
            }
            (None, None) => clause(speech, spec, unit),
        })
    }

    /// The amount of one call with its currency, in one phrase. The names of amount and currency, of
    /// which no other line then tells.
    fn amounts(
        &self,
        of: &[&'a str],
        is_carried_out: bool,
        out: &mut Vec<String>,
    ) -> [Option<&'a str>; 2] {
        let mut spends = elements(self.entry.limits).filter(|one| text(*one, "type") == "spend");
        let counting = spends.next();
        let (amount, currency) = counted(counting);
        let bound = |name: &str| self.entry.constraints?.get(name);
        let Some(given) = bound(amount).filter(|spec| is(required(*spec), Kind::Range)) else {
            return [None, None];
        };
        let spec = required(given);
        let member = constraint_of(amount);
        let arguments = self.argument(of, &member, amount);
        let [argument] = arguments.as_slice() else {
            return [None, None];
        };
        if !matches!(argument.unit, Unit::Money { .. }) {
            return [None, None];
        }
        let ends = constraint::ends(spec).unwrap_or_default();
        let mut sum = self.said(&member, &mut |speech| match ends {
            // What is below zero is told apart.
            (None | Some(0 | 1), Some(max)) => {
                speech.say(Phrase::UpTo);
                speech.integer(max, argument.unit);
            }
            _ => clause(speech, spec, argument.unit),
        });
        let code = bound(currency);
        let listed = code.filter(|spec| one(*spec).is_some() || many(*spec).is_some());
        if let Some(spec) = listed {
            // It must be in the vocabulary, as where it stands by itself.
            self.argument(of, &constraint_of(currency), currency);
            sum.push(' ');
            sum.push_str(&self.said("constraints", &mut |speech| match one(spec) {
                Some(code) => speech.currency(code),
                None => speech.listed(many(spec), Phrase::Or, &mut |speech, code| {
                    speech.currency(code);
                }),
            }));
        } else if code.is_none_or(|spec| is(spec, Kind::Wildcard))
            && of
                .iter()
                .any(|action| self.vocabulary.unit(action, currency).is_some())
        {
            sum = self.filled(Phrase::AnyCurrency, &[&sum]);
        }
        let mut line = self.filled(Phrase::PerCall, &[&sum]);
        // What a budget counts is above zero.
        if counting.is_none() || !is_carried_out {
            line = self.or_less(line, spec, argument.unit);
        }
        line = self.or_absent(line, given);
        // Nobody shall take one sum for another.
        let sums = |action: &&str| self.vocabulary.sums(action).len();
        let several = of.iter().any(|action| sums(action) > 1);
        if several || argument.actions.len() < of.len() || is(given, Kind::Optional) {
            line = self.filled(Phrase::Bound, &[&argument.label, &line]);
        }
        out.push(line);
        [Some(amount), listed.map(|_| currency)]
    }

    fn limits(
        &self,
        of: &[&'a str],
        is_carried_out: bool,
        said: [Option<&str>; 2],
        told: &mut Vec<usize>,
        out: &mut Vec<String>,
    ) -> bool {
        let mut shared = false;
        for (at, limit) in elements(self.entry.limits).enumerate() {
            let max = integer(limit, "max");
            let counts_money = text(limit, "type") == "spend";
            if counts_money && !is_carried_out {
                continue;
            }
            if told.contains(&at) {
                shared = true;
                continue;
            }
            if !counts_money {
                told.push(at);
                out.push(self.uses(max, limit.get_int("seconds")));
                continue;
            }
            let (argument, unit) = counted(Some(limit));
            // What none of these has is told of others, if any of the capability has it.
            let has = |action: &&str| self.vocabulary.unit(action, argument).is_some();
            if !of.iter().any(has) && self.actions.iter().any(has) {
                continue;
            }
            told.push(at);
            let money = Unit::Money {
                decimals: decimals(limit),
            };
            let sum = self.said("limits", &mut |speech| {
                speech.integer(max, money);
                speech.out.push(' ');
                speech.currency_code(text(limit, "currency"));
            });
            // Beside the amount that it counts it goes without saying what is counted.
            if said == [Some(argument), Some(unit)]
                && let Some(each) = out.first_mut()
            {
                each.push_str(Phrase::Comma.text(self.style.locale));
                each.push_str(&self.filled(Phrase::Altogether, &[&sum]));
                continue;
            }
            let [argument, unit] = [argument, unit].map(|name| self.counts(of, name));
            // None of these is counted.
            if !argument.is_empty() {
                out.push(self.filled(Phrase::Counted, &[&sum, &argument, &unit]));
            }
        }
        shared
    }

    /// An argument that a limit reads.
    fn counts(&self, of: &[&'a str], name: &'a str) -> String {
        let mut labels = Vec::new();
        for argument in self.argument(of, "limits", name) {
            labels.push(argument.label);
        }
        self.list("limits", &labels, Phrase::And)
    }

    /// The argument's label and unit, for all of these actions at once where they agree, else for each
    /// that declares it.
    fn argument(&self, of: &[&'a str], member: &str, name: &'a str) -> Vec<Argument<'a>> {
        let mut found: Vec<Argument<'a>> = Vec::new();
        for action in of {
            let Some(unit) = self.vocabulary.unit(action, name) else {
                continue;
            };
            let term = Term::Argument {
                action,
                argument: name,
            };
            let label = self.term(member, term, Form::Name);
            let mut known = found.iter_mut();
            match known.find(|one| one.unit == unit && one.label == label) {
                Some(one) => one.actions.push(action),
                None => found.push(Argument {
                    label,
                    unit,
                    actions: Vec::from([*action]),
                }),
            }
        }
        let declares = |action: &&str| self.vocabulary.unit(action, name).is_some();
        if !self.actions.iter().any(declares) {
            let detail = format!(
                "no action of the capability has a detail {}, so there is no text for it: take it out",
                super::plain(name)
            );
            self.fault("describe.no_text", member, detail);
            found.push(Argument {
                label: self.name(member, name),
                unit: Unit::None,
                actions: of.to_vec(),
            });
        }
        for argument in &mut found {
            if argument.actions.len() < of.len() {
                let mut names = Vec::new();
                for action in &argument.actions {
                    names.push(self.term(member, Term::Action(action), Form::Name));
                }
                let names = self.list(member, &names, Phrase::And);
                argument.label = self.filled(Phrase::Of, &[&argument.label, &names]);
            }
        }
        found
    }
}

/// Where the bound of an argument stands in a capability.
fn constraint_of(argument: &str) -> String {
    let mut place = String::from("constraints.");
    place.push_str(argument);
    place
}

/// The constraint on a value that is there.
fn required(spec: Json<'_>) -> Json<'_> {
    match spec.get("constraint") {
        Some(inner) if is(spec, Kind::Optional) => required(inner),
        _ => spec,
    }
}

fn is(spec: Json<'_>, kind: Kind) -> bool {
    constraint::kind(spec) == Some(kind)
}

/// The one value that matches.
fn one(spec: Json<'_>) -> Option<Json<'_>> {
    is(spec, Kind::Exact).then(|| spec.get("value")).flatten()
}

/// The list of those that match.
fn many(spec: Json<'_>) -> Option<Json<'_>> {
    is(spec, Kind::OneOf).then(|| spec.get("values")).flatten()
}

/// The arguments that a spend limit reads.
fn counted(limit: Option<Json<'_>>) -> (&str, &str) {
    let name = |member| limit?.get(member)?.as_str();
    (
        name("argument").unwrap_or("amount"),
        name("currency_argument").unwrap_or("currency"),
    )
}
