//! `[check]` of `ambit.toml`: what `ambit check` warns of.

use crate::reader::{File, Reader, Value};

/// What `[check]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checks {
    /// Steps from a request's principal, resource or context to an entity that a policy looks at.
    pub(crate) max_dereference_level: u32,
}

/// As far as `resource.account.owner.region`: further, few hosts have the entities at hand.
const LEVEL: u32 = 3;
/// Cedar's own policies are far below it.
const MOST: i64 = 16;

pub(super) fn read(file: File<'_>, value: Option<&Value<'_>>) -> Checks {
    let mut checks = Checks {
        max_dereference_level: LEVEL,
    };
    let table =
        value.and_then(|value| Some((file.table(value, "check", "[check]")?, value.span())));
    if let Some((table, place)) = table {
        let mut reader = Reader::new(file, table, "`[check]`", place);
        let level = reader.optional_integer("max_dereference_level", 0..=MOST);
        if let Some(level) = level.and_then(|level| u32::try_from(level).ok()) {
            checks.max_dereference_level = level;
        }
        reader.finish();
    }
    checks
}
