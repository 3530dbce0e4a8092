//! One thing to try, and what it comes to: arguments, a token, a login, approvals.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::constraint::Ends;
use ambit_core::json::Writer;
use ambit_evaluator::{Approval, Assumed, Wait};

use crate::missing::Missing;

/// What would be done before the call is asked again. Written as an alternative once it is confirmed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidate {
    /// The same as the evaluator is told it.
    pub(crate) assumed: Assumed,
    pub(crate) changes: Vec<Change>,
    pub(crate) missing: Option<Missing>,
    /// The same as `assumed.now`, for people.
    pub(crate) wait: Option<Wait>,
    pub(crate) approvals: Vec<Approval>,
    /// The action digest, where the call and its token stay as they are.
    pub(crate) binding_s256: Option<String>,
}

/// An argument, what was asked and what would be allowed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) argument: String,
    pub(crate) asked: String,
    pub(crate) allowed: String,
    /// What is allowed, where that is a range of integers.
    pub(crate) ends: Option<Ends>,
    /// A value with which the call was judged, for people.
    pub(crate) example: String,
    /// The same as a request writes it; `None` where the argument is left out.
    pub(crate) value: Option<String>,
}

impl Candidate {
    /// The call as it was asked, with the yes of those whose receipts are good.
    pub(crate) fn with_people(people: &[Vec<String>]) -> Self {
        let assumed = Assumed {
            approved: !people.is_empty(),
            people: people.to_vec(),
            ..Assumed::default()
        };
        Self {
            assumed,
            ..Self::default()
        }
    }

    /// The call as it was asked, with a yes of whoever must say it.
    pub(crate) fn approved() -> Self {
        let assumed = Assumed {
            approved: true,
            ..Assumed::default()
        };
        Self {
            assumed,
            ..Self::default()
        }
    }

    /// How much it asks for. What needs another token comes last.
    pub(crate) fn weight(&self) -> usize {
        let people = self.approvals.iter();
        let people = people.map(|approval| usize::try_from(approval.count).unwrap_or(usize::MAX));
        let login = usize::from(self.assumed.login.is_some());
        let token = if self.missing.is_some() { 1000 } else { 0 };
        let wait = usize::from(self.wait.is_some());
        [self.changes.len(), wait, login, token]
            .into_iter()
            .chain(people)
            .fold(0, usize::saturating_add)
    }

    /// Whether it asks people for the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.changes.is_empty()
            && other.changes.is_empty()
            && self.wait == other.wait
            && self.assumed.login == other.assumed.login
            && self.approvals == other.approvals
    }

    /// Who or what else was confirmed for the same candidate: told together where it is one person of
    /// several, or one strength of several.
    pub(crate) fn join(&mut self, other: Self) {
        let same_login = self.assumed.login == other.assumed.login;
        let mut pairs = self.approvals.iter_mut().zip(&other.approvals);
        let mut differ = pairs.by_ref().filter(|(one, two)| *one != *two);
        if let (true, Some((one, two)), None) = (same_login, differ.next(), differ.next()) {
            if (one.count, two.count) == (1, 1) {
                add_new(&mut one.approvers, &two.approvers);
            }
            return;
        }
        if self.approvals == other.approvals
            && let (Some(one), Some(two)) = (&mut self.assumed.login, other.assumed.login)
            && !one.acr_values.is_empty()
        {
            add_new(&mut one.acr_values, &two.acr_values);
        }
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        let login = self.assumed.login.as_ref();
        let mut text = String::new();
        for change in &self.changes {
            say(&mut text, "; ", &change.text());
        }
        if let Some(missing) = &self.missing {
            say(&mut text, THEN, &missing.text());
        }
        if let Some(wait) = &self.wait {
            say(&mut text, THEN, &wait.text());
        }
        if let Some(login) = login {
            say(&mut text, THEN, &login.text());
        }
        for approval in &self.approvals {
            say(&mut text, THEN, &approval.text());
        }
        out.object(|out| {
            out.name("judged").boolean(self.missing.is_none());
            out.name("text").string(&text);
            out.name("steps").array(|out| {
                if !self.changes.is_empty() {
                    write_changes(&self.changes, out);
                }
                if let Some(missing) = &self.missing {
                    missing.write(out);
                }
                if let Some(wait) = &self.wait {
                    wait.write(out);
                }
                if let Some(login) = login {
                    login.write(out);
                }
                for approval in &self.approvals {
                    approval.write(self.binding_s256.as_deref(), out);
                }
            });
        });
    }
}

pub(crate) fn add_new(texts: &mut Vec<String>, more: &[String]) {
    for text in more {
        if !texts.contains(text) {
            texts.push(text.clone());
        }
    }
}

impl Change {
    fn text(&self) -> String {
        let text = format!("{} {}, {}", self.argument, self.asked, self.allowed);
        // The one value that there is needs no example.
        match self.value {
            Some(_) if !self.allowed.ends_with(&format!("exactly {}", self.example)) => {
                format!("{text}, for example {}", self.example)
            }
            _ => text,
        }
    }
}

/// What stands before a step that is not the first.
const THEN: &str = "; then ";

/// Adds a step.
fn say(out: &mut String, before: &str, step: &str) {
    out.push_str(if out.is_empty() { "" } else { before });
    out.push_str(step);
}

fn write_changes(changes: &[Change], out: &mut Writer) {
    out.object(|out| {
        out.name("type").string("change_request");
        out.name("changes").array(|out| {
            for change in changes {
                out.object(|out| {
                    out.name("argument").string(&change.argument);
                    out.name("asked").string(&change.asked);
                    out.name("allowed").string(&change.allowed);
                    let (min, max) = change.ends.unwrap_or_default();
                    for (name, end) in [("min", min), ("max", max)] {
                        if let Some(end) = end {
                            out.name(name).integer(end);
                        }
                    }
                    out.name("example").string(&change.example);
                    if let Some(value) = &change.value {
                        out.name("value").raw(value);
                    }
                });
            }
        });
    });
}
