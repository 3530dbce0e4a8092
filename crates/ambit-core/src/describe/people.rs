//! What is asked of people: their yes, and their login.

use alloc::string::String;
use alloc::vec::Vec;

use super::phrases::Phrase;
use super::sentences::{Reach, Teller};
use super::vocabulary::{Form, Term};
use crate::constraint::Unit;
use crate::json::Json;
use crate::power::Power;

impl<'a> Teller<'a> {
    /// What is asked of people before these are carried out.
    pub(super) fn asks(&self, reached: &[(&'a str, Reach)], out: &mut Vec<String>) {
        let locale = self.style.locale;
        let mut approvals = Vec::new();
        let add = |line: String, lines: &mut Vec<String>| {
            if !lines.contains(&line) {
                lines.push(line);
            }
        };
        for (action, reach) in reached {
            match reach {
                // Which calls these are the text does not say, so neither whom they wait for.
                Reach::Partly => add(Phrase::AskSome.text(locale).into(), out),
                Reach::Asked => {
                    // It says, too, that the agent only proposes.
                    if !self.held(action).contains(Power::Execute) {
                        add(Phrase::AskCall.text(locale).into(), out);
                    }
                    if let Some(line) = self.consent(action, reached) {
                        add(line, &mut approvals);
                    }
                }
                Reach::Alone | Reach::Not => {}
            }
        }
        if let Some(requires) = self.entry.requires {
            self.login(requires, out);
            if let Some(approval) = requires.get("approval") {
                add(self.approval("requires", approval), &mut approvals);
            }
        }
        // Who decides what stands under "a person decides" is that person, unless others are named.
        let asked = |one: &(&str, Reach)| {
            one.1 == Reach::Asked && self.held(one.0).contains(Power::Execute)
        };
        let asked = !reached.is_empty() && reached.iter().all(asked);
        if self.style.strict && asked && approvals == [Phrase::AskSubject.text(locale)] {
            return;
        }
        out.append(&mut approvals);
    }

    /// Who is asked each time an action is carried out. It is named where others of these are carried out by the yes
    /// of somebody else.
    fn consent(&self, action: &'a str, reached: &[(&'a str, Reach)]) -> Option<String> {
        let line = |action: &str| {
            let mut lines: Vec<String> = Vec::new();
            for consent in self.consents(action).into_iter().flatten() {
                let line = self.approval("consent", consent);
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
            match lines.len() {
                0 | 1 => lines.pop(),
                // Each of them for some calls.
                _ => Some(Phrase::AskCall.text(self.style.locale).into()),
            }
        };
        let own = line(action)?;
        let same = |one: &(&str, Reach)| line(one.0).as_ref() == Some(&own);
        if reached.iter().all(same) {
            return Some(own);
        }
        let name = self.term("actions", Term::Action(action), Form::Name);
        Some(self.filled(Phrase::Of, &[&own, &name]))
    }

    /// How people must have logged in.
    fn login(&self, requires: Json<'a>, out: &mut Vec<String>) {
        let levels = requires.get("acr").map(|acr| match acr.as_str() {
            Some(level) => self.name("requires", level),
            None => self.names("requires", Some(acr), Phrase::Or),
        });
        let age = requires.get_int("max_age").map(|age| self.span(age));
        out.extend(match (levels, age) {
            (None, None) => None,
            (Some(levels), None) => Some(self.filled(Phrase::AskLogin, &[&levels])),
            (None, Some(age)) => Some(self.filled(Phrase::AskFresh, &[&age])),
            (Some(levels), Some(age)) => Some(self.filled(Phrase::AskBoth, &[&levels, &age])),
        });
    }

    /// Who must approve each one.
    fn approval(&self, member: &str, approval: Json<'a>) -> String {
        let Some(count) = approval.get_int("count") else {
            return Phrase::AskSubject.text(self.style.locale).into();
        };
        let approvers = approval.get("approvers");
        if count == 1 {
            let people = self.names(member, approvers, Phrase::Or);
            return self.filled(Phrase::AskOne, &[&people]);
        }
        let people = self.names(member, approvers, Phrase::Comma);
        self.filled(
            Phrase::AskApprovers,
            &[&self.number(count, Unit::None), &people],
        )
    }
}
