//! `ambit list`

use clap::ValueEnum;

/// How a command shows what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    #[default]
    Human,
    /// One JSON object on standard output
    Json,
}
