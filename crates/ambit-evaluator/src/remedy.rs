//! What a failed step knows, without searching, of what it wanted.
//!
//! It is the cause of the denial in a form that programs can read: no promise that the call is
//! allowed once it is done, for later steps were not asked. That is what advice is for.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::OnceCell;

use ambit_core::constraint::Ends;
use ambit_core::describe::Locale;
use ambit_core::json::Writer;

use crate::text::joined;

/// The answer's `remedy`: `{}` where the step knows nothing.
#[derive(Clone, Debug, Default)]
pub struct Remedy {
    /// The bound of an argument that was not met.
    pub bound: Option<Bound>,
    /// When it is allowed as far as hours go.
    pub wait: Option<Wait>,
    /// A login that meets everything demanded of one.
    pub login: Option<Login>,
    /// Approvals of exactly this call that are lacking.
    pub approvals: Vec<Approval>,
    /// What is put before those who may approve. Only without a login: that gives another token, and
    /// with it the call another digest.
    pub shown: Option<Shown>,
}

/// An argument, what was asked and what is allowed.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The name of the argument.
    pub argument: String,
    /// Its value, for people.
    pub asked: String,
    /// The bound, in words that fit behind "must be".
    pub allowed: String,
    /// What is allowed, where that is a range of integers.
    pub ends: Option<Ends>,
}

/// A time before which no entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Seconds since 1970, UTC.
    pub not_before: i64,
    /// The same by the clocks of the entry's zone.
    pub words: String,
}

/// One login that meets all of this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Any of these (RFC 9470); any at all where there is none.
    pub acr_values: Vec<String>,
    /// All of these methods (RFC 8176).
    pub amr_values: Vec<String>,
    /// Seconds.
    pub max_age: Option<i64>,
}

/// `count` distinct people out of `approvers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who may.
    pub approvers: Vec<String>,
    /// How many must.
    pub count: i64,
}

/// One call as people are shown it before they approve.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The action digest, to which a receipt is bound.
    pub binding_s256: String,
    /// The risk of doing it.
    pub risk_tier: String,
    /// The lines that people see.
    pub text: String,
    /// base64url of their SHA-256.
    pub text_s256: String,
    /// Their language.
    pub locale: &'static str,
    /// The version of their form.
    pub renderer: &'static str,
}

/// What people see of one call, made when it is first asked for.
#[derive(Default)]
pub(crate) struct Displays {
    /// The action digest.
    pub(crate) digest: OnceCell<String>,
    /// One for each language; `None` where the call is too long.
    pub(crate) texts: [OnceCell<Option<Shown>>; Locale::ALL.len()],
}

impl Remedy {
    pub(crate) fn of_bound(bound: Bound) -> Self {
        Self {
            bound: Some(bound),
            ..Self::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.bound.is_none()
            && self.wait.is_none()
            && self.login.is_none()
            && self.approvals.is_empty()
    }

    /// `{type, text, steps}`, with `binding_s256`, `risk_tier` and `display` for those who approve.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.object(|out| {
            if self.is_empty() {
                return;
            }
            let kind = match (&self.bound, &self.wait) {
                (Some(_), _) => "change_request",
                (None, Some(_)) => "wait",
                (None, None) => "step_up",
            };
            out.name("type").string(kind);
            out.name("text").string(&self.text());
            out.name("steps").array(|out| {
                if let Some(bound) = &self.bound {
                    bound.write(out);
                }
                if let Some(wait) = &self.wait {
                    wait.write(out);
                }
                if let Some(login) = &self.login {
                    login.write(out);
                }
                let digest = self.shown.as_ref().map(|shown| shown.binding_s256.as_str());
                for approval in &self.approvals {
                    approval.write(digest, out);
                }
            });
            if let Some(shown) = &self.shown {
                shown.write(out);
            }
        });
    }

    fn text(&self) -> String {
        let mut texts = Vec::new();
        texts.extend(self.bound.as_ref().map(Bound::text));
        texts.extend(self.wait.as_ref().map(Wait::text));
        texts.extend(self.login.as_ref().map(Login::text));
        texts.extend(self.approvals.iter().map(Approval::text));
        joined(&mut texts.iter().map(String::as_str), "; then ")
    }
}

impl Bound {
    fn text(&self) -> String {
        format!("{} {}, {}", self.argument, self.asked, self.allowed)
    }

    fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.name("type").string("change_request");
            out.name("changes").array(|out| {
                out.object(|out| {
                    out.name("argument").string(&self.argument);
                    out.name("asked").string(&self.asked);
                    out.name("allowed").string(&self.allowed);
                    for (name, end) in [
                        ("min", self.ends.and_then(|ends| ends.0)),
                        ("max", self.ends.and_then(|ends| ends.1)),
                    ] {
                        if let Some(end) = end {
                            out.name(name).integer(end);
                        }
                    }
                });
            });
        });
    }
}

impl Wait {
    /// In words, for people.
    #[must_use]
    pub fn text(&self) -> String {
        format!("wait until {}", self.words)
    }

    /// As a step of a remedy.
    pub fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.name("type").string("wait");
            out.name("not_before").integer(self.not_before);
        });
    }
}

impl Login {
    /// In words, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("the person must log in");
        if !self.amr_values.is_empty() {
            text.push_str(" with several factors");
        } else if !self.acr_values.is_empty() {
            text.push_str(" with a stronger method");
        }
        match self.max_age {
            Some(age) if self.acr_values.is_empty() && self.amr_values.is_empty() => {
                format!("{text} again, at most {age} s before")
            }
            Some(age) => format!("{text}, at most {age} s before"),
            None => text,
        }
    }

    /// As a step of a remedy.
    pub fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.name("type").string("step_up");
            out.name("step_up").string("login");
            out.name("acr_values").array(|out| {
                for value in &self.acr_values {
                    out.string(value);
                }
            });
            if !self.amr_values.is_empty() {
                out.name("amr_values").array(|out| {
                    for value in &self.amr_values {
                        out.string(value);
                    }
                });
            }
            if let Some(age) = self.max_age {
                out.name("max_age").integer(age);
            }
        });
    }
}

impl Approval {
    /// In words, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let approvers = joined(&mut self.approvers.iter().map(String::as_str), ", ");
        let who = match self.approvers.len() {
            1 if self.count == 1 => approvers,
            _ => format!("{} of {approvers}", self.count),
        };
        format!("{who} must approve exactly this call")
    }

    /// As a step of a remedy, with the digest of the call where that is the one that was asked.
    pub fn write(&self, binding_s256: Option<&str>, out: &mut Writer) {
        out.object(|out| {
            out.name("type").string("step_up");
            out.name("step_up").string("approval");
            out.name("approvers").array(|out| {
                for approver in &self.approvers {
                    out.string(approver);
                }
            });
            out.name("count").integer(self.count);
            if let Some(digest) = binding_s256 {
                out.name("binding_s256").string(digest);
            }
        });
    }
}

impl Shown {
    /// The members that the `approve` obligation has as well.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.name("binding_s256").string(&self.binding_s256);
        out.name("risk_tier").string(&self.risk_tier);
        out.name("display").object(|out| {
            out.name("text").string(&self.text);
            out.name("text_s256").string(&self.text_s256);
            out.name("locale").string(self.locale);
            out.name("renderer").string(self.renderer);
        });
    }
}
