//! What the people who write policies work with: lints of a project, its tests and their coverage, vocabularies
//! imported from elsewhere, and what an agent may do.
#![forbid(unsafe_code)]

pub mod cases;
mod check;
pub mod coverage;
pub mod import;
pub mod list;
pub mod report;
pub mod run;

pub use check::{Checked, check};
