//! Where the words come from.

use crate::constraint::Unit;
use crate::{Power, Powers};

/// Something that a vocabulary has a label for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term<'t> {
    /// An action, by its name.
    Action(&'t str),
    /// A kind of thing, by its datatype.
    Resource(&'t str),
    /// An argument of an action.
    Argument {
        /// The action.
        action: &'t str,
        /// The argument.
        argument: &'t str,
    },
}

impl<'t> Term<'t> {
    /// Its name in tokens.
    #[must_use]
    pub const fn name(self) -> &'t str {
        match self {
            Self::Action(name) | Self::Resource(name) => name,
            Self::Argument { argument, .. } => argument,
        }
    }
}

/// A risk tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Harmless.
    #[default]
    Low,
    /// Worth a look.
    Medium,
    /// Worth a question.
    High,
    /// Worth a second person.
    Critical,
}

impl Tier {
    /// All of them, from the lowest.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in schemas and receipts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The tier with this name; unknown is the highest.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|tier| tier.name() == name);
        known.unwrap_or(Self::Critical)
    }
}

/// What carrying an action out does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It cannot be undone.
    Irreversible,
    /// It reaches people outside.
    External,
    /// It moves money.
    Financial,
}

/// What a schema says about actions, things and arguments.
pub trait Vocabulary {
    /// The label in a language.
    fn label(&self, term: Term<'_>, locale: super::Locale) -> Option<&str>;

    /// Another term of the same kind (of the same action) with the same label: the two cannot be
    /// told apart.
    fn namesake(&self, _term: Term<'_>, _locale: super::Locale) -> Option<&str> {
        None
    }

    /// The unit of an action's argument; `None` for one that is not declared.
    fn unit(&self, action: &str, argument: &str) -> Option<Unit<'_>>;

    /// The powers that an action has.
    fn powers(&self, action: &str) -> Option<Powers>;

    /// The risk of an action used in a power.
    fn risk(&self, _action: &str, _power: Power) -> Tier {
        Tier::Critical
    }

    /// Whether carrying an action out has an effect.
    fn has(&self, _action: &str, _effect: Effect) -> bool {
        false
    }
}

/// The vocabulary that knows nothing: names stand for themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainVocabulary;

impl Vocabulary for PlainVocabulary {
    fn label(&self, _term: Term<'_>, _locale: super::Locale) -> Option<&str> {
        None
    }

    fn unit(&self, _action: &str, _argument: &str) -> Option<Unit<'_>> {
        None
    }

    fn powers(&self, _action: &str) -> Option<Powers> {
        None
    }
}
