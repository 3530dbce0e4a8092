//! The revocation epochs by which a decision was made.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use ambit_core::json::{Json, Kind};

/// What an answer's record says was heard: issuers with versions, the lowest version first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard<'a>(Vec<(&'a str, u64)>);

/// Why an allow must not be obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// It was decided by an older list than one that was heard before.
    Older {
        /// The version heard before.
        seen: u64,
        /// The version by which it was decided.
        version: u64,
    },
    /// It was decided without the list of an issuer of whom one was heard before.
    Missing {
        /// The issuer.
        iss: String,
    },
    /// The record does not say in a known form what was heard.
    Record,
}

impl Unheard {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Older { .. } => "statement.rollback",
            Self::Missing { .. } => "statement.missing",
            Self::Record => "statement.record",
        }
    }
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code())?;
        match self {
            Self::Older { seen, version } => write!(
                f,
                "version {version} of `epochs` is older than {seen}, which was seen before; fetch the newer one"
            ),
            Self::Missing { iss } => write!(
                f,
                "the `epochs` of `{iss}` were seen before and are missing; send them with each request"
            ),
            Self::Record => f.write_str("the record does not say which statements were heard"),
        }
    }
}

/// Whether a version is higher than the one that was seen before.
///
/// # Errors
///
/// [`Unheard::Older`]
pub const fn raises(seen: Option<u64>, version: u64) -> Result<bool, Unheard> {
    match seen {
        Some(seen) if version < seen => Err(Unheard::Older { seen, version }),
        Some(seen) => Ok(version > seen),
        None => Ok(true),
    }
}

/// The record's `epochs`: `[{"iss", "version"}]`.
///
/// # Errors
///
/// [`Unheard::Record`]
pub fn read(answer: Json<'_>) -> Result<Heard<'_>, Unheard> {
    let record = answer
        .get("context")
        .and_then(|context| context.get("record"));
    let epochs = record.and_then(|record| record.get("epochs"));
    if epochs.is_some_and(|epochs| epochs.kind() != Kind::Array) {
        return Err(Unheard::Record);
    }
    let mut heard = Vec::new();
    for epochs in epochs.unwrap_or_default().elements() {
        let iss = epochs.get_str("iss");
        let version = epochs.get_int("version");
        let version = version.and_then(|version| u64::try_from(version).ok());
        let (iss, version) = iss.zip(version).ok_or(Unheard::Record)?;
        let at = heard.partition_point(|(_, other)| *other <= version);
        heard.insert(at, (iss, version));
    }
    Ok(Heard(heard))
}

impl<'a> Heard<'a> {
    /// Issuers and versions, the lowest version first: of two lists of one issuer the higher is kept.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Whether an allow by these may be obeyed by a host that had kept `before` until then: of two lists of one issuer
    /// the lower is held against what was known before both.
    ///
    /// # Errors
    ///
    /// [`Unheard`]
    pub fn follows(&self, before: &[(String, u64)]) -> Result<(), Unheard> {
        for (iss, seen) in before {
            let (_, lowest) = *self.of(iss)?;
            raises(Some(*seen), lowest)?;
        }
        Ok(())
    }

    /// The lowest version of an issuer of whom a list was heard before.
    ///
    /// # Errors
    ///
    /// [`Unheard::Missing`]
    pub fn of(&self, iss: &str) -> Result<&(&'a str, u64), Unheard> {
        let lowest = self.0.iter().find(|(heard, _)| *heard == iss);
        lowest.ok_or_else(|| Unheard::Missing {
            iss: iss.to_owned(),
        })
    }
}
