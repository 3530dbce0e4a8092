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

/// In which form a label is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What it is called.
    Name,
    /// What an action does in this power: "draft e-mail".
    Power(Power),
    /// More than one of a kind of things: "orders".
    Plural,
    /// Whichever one of a kind of things: "any order".
    Any,
}

impl Form {
    /// Those that the label of an action may give.
    pub const OF_ACTIONS: [Self; 3] = [
        Self::Power(Power::Observe),
        Self::Power(Power::Draft),
        Self::Power(Power::Execute),
    ];
    /// Those that the label of a kind of things may give.
    pub const OF_THINGS: [Self; 2] = [Self::Plural, Self::Any];

    /// The word before it in `@label` and its name in bundles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "label",
            Self::Power(power) => power.name(),
            Self::Plural => "plural",
            Self::Any => "any",
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

    /// What people read.
    #[must_use]
    pub const fn phrase(self) -> super::Phrase {
        match self {
            Self::Low => super::Phrase::TierLow,
            Self::Medium => super::Phrase::TierMedium,
            Self::High => super::Phrase::TierHigh,
            Self::Critical => super::Phrase::TierCritical,
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

impl Effect {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 3] = [Self::Financial, Self::External, Self::Irreversible];

    /// The word in schemas, bundles and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Irreversible => "irreversible",
            Self::External => "external",
            Self::Financial => "financial",
        }
    }

    /// How much it weighs.
    #[must_use]
    pub const fn risk(self) -> super::Risk {
        match self {
            Self::Irreversible => super::Risk::Final,
            Self::Financial => super::Risk::Money,
            Self::External => super::Risk::Outside,
        }
    }

    /// What people read.
    #[must_use]
    pub const fn phrase(self) -> super::Phrase {
        match self {
            Self::Irreversible => super::Phrase::Irreversible,
            Self::External => super::Phrase::External,
            Self::Financial => super::Phrase::Financial,
        }
    }
}

/// What a schema says about actions, things and arguments.
pub trait Vocabulary {
    /// The label in a language and form, exactly as it is given.
    fn label(&self, term: Term<'_>, form: Form, locale: super::Locale) -> Option<&str>;

    /// Another term of the same kind (of the same action) that is called the same in this form: the
    /// two cannot be told apart.
    fn namesake(&self, _term: Term<'_>, _form: Form, _locale: super::Locale) -> Option<&str> {
        None
    }

    /// The arguments of an action of which people are told even where they are free: whom it reaches,
    /// and amounts of money.
    fn notable(&self, _action: &str) -> alloc::vec::Vec<&str> {
        alloc::vec::Vec::new()
    }

    /// The arguments of an action that are amounts of money, or hold some.
    fn sums(&self, _action: &str) -> alloc::vec::Vec<&str> {
        alloc::vec::Vec::new()
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
    fn label(&self, _term: Term<'_>, _form: Form, _locale: super::Locale) -> Option<&str> {
        None
    }

    fn unit(&self, _action: &str, _argument: &str) -> Option<Unit<'_>> {
        None
    }

    fn powers(&self, _action: &str) -> Option<Powers> {
        None
    }
}
