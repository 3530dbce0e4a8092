//! A denial while it is on its way to the answer.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use core::ops::{Deref, DerefMut};

use ambit_core::{Reason, foreign_path};
use ambit_policy::{ArgumentFault, FaultKind};
use ambit_token::TokenError;

use crate::remedy::Remedy;

/// Why not, with the details for an administrator and what the step knows of what it wanted. One word, so that what
/// a step gives is handed on in a register; few steps end in a denial.
#[derive(Debug)]
pub struct Denial(Box<Details>);

/// What a [`Denial`] says.
#[derive(Debug)]
pub struct Details {
    /// The stable reason.
    pub reason: Reason,
    /// Details for an administrator.
    pub admin: String,
    /// What the step knows of what it wanted.
    pub remedy: Option<Box<Remedy>>,
    /// What the organisation says to people, behind the reason's own sentence.
    pub(crate) words: String,
}

impl Denial {
    pub(crate) fn new(reason: Reason, admin: impl Into<String>) -> Self {
        Self(Box::new(Details {
            reason,
            admin: admin.into(),
            remedy: None,
            words: String::new(),
        }))
    }

    /// Of a statement that is no block of the token.
    pub(crate) fn of_statement(error: TokenError) -> Self {
        Self::new(error.reason, error.into_detail())
    }

    /// What is said where the steps ended, wherever that was.
    pub(crate) fn exhausted() -> Self {
        Self::new(
            Reason::RequestSteps,
            "judging this takes more work than one decision may; ask for less at once",
        )
    }

    pub(crate) fn with_words(mut self, words: String) -> Self {
        self.words = words;
        self
    }

    /// The reason's sentence and what the organisation adds.
    #[must_use]
    pub fn user(&self) -> String {
        let sentence = self.reason.sentence();
        if self.words.is_empty() {
            return String::from(sentence);
        }
        format!("{sentence} {}", self.words)
    }

    /// The details for an administrator.
    #[must_use]
    pub fn into_admin(self) -> String {
        self.0.admin
    }

    /// For a token that ends then: what it does not live to see is no remedy.
    pub(crate) fn within(mut self, ends: i64) -> Self {
        let wait = self.remedy.as_ref().and_then(|remedy| remedy.wait.as_ref());
        if wait.is_some_and(|wait| wait.not_before >= ends) {
            self.remedy = None;
            self.admin
                .push_str(", after the token's end: ask for a new one");
        }
        self
    }

    pub(crate) fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(Box::new(remedy));
        self
    }
}

impl Deref for Denial {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Denial {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl From<TokenError> for Denial {
    fn from(error: TokenError) -> Self {
        let detail = error.detail.to_string();
        let admin = match (error.block, detail.is_empty()) {
            (block, true) => format!("token block {block}"),
            (block, false) => format!("token block {block}: {detail}"),
        };
        Self::new(error.reason, admin)
    }
}

impl From<Box<ArgumentFault>> for Denial {
    fn from(fault: Box<ArgumentFault>) -> Self {
        let reason = match fault.kind {
            FaultKind::Unknown => Reason::RequestArgumentUnknown,
            FaultKind::Missing => Reason::RequestArgumentMissing,
            FaultKind::Type => Reason::RequestArgumentType,
            FaultKind::Number => Reason::RequestNumber,
        };
        Self::new(
            reason,
            format!("{}: wanted {}", foreign_path(&fault.path), fault.wanted),
        )
    }
}
