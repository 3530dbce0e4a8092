//! How far an action goes.

use core::fmt;

/// `observe`, `draft`, `propose` or `execute` (RFC 9396 `privileges`, our values).
///
/// Powers are a set, not a ladder: `execute` does not imply `observe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Power {
    /// Reads.
    Observe,
    /// Prepares and changes nothing outside.
    Draft,
    /// Puts one exact call before a person.
    Propose,
    /// Does it.
    Execute,
}

impl Power {
    /// All four, in the order in which people read them.
    pub const ALL: [Self; 4] = [Self::Observe, Self::Draft, Self::Propose, Self::Execute];

    /// The word used in tokens, requests and manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Draft => "draft",
            Self::Propose => "propose",
            Self::Execute => "execute",
        }
    }

    /// The power with this name. Exact: powers are not folded in case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|power| power.name() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Observe => 1,
            Self::Draft => 2,
            Self::Propose => 4,
            Self::Execute => 8,
        }
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of powers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Powers(u8);

impl Powers {
    /// The set without any.
    pub const NONE: Self = Self(0);

    /// The set of all.
    pub const ALL: Self = Self(15);

    /// This set with `power` in it.
    #[must_use]
    pub const fn with(self, power: Power) -> Self {
        Self(self.0 | power.bit())
    }

    /// Whether `power` is in the set.
    #[must_use]
    pub const fn contains(self, power: Power) -> bool {
        self.0 & power.bit() != 0
    }

    /// The powers that either set holds.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The powers that both sets hold.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`Power::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Power> {
        Power::ALL
            .into_iter()
            .filter(move |power| self.contains(*power))
    }
}

impl FromIterator<Power> for Powers {
    fn from_iter<I: IntoIterator<Item = Power>>(powers: I) -> Self {
        powers.into_iter().fold(Self::NONE, Self::with)
    }
}
