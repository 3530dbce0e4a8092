//! What came of tests, for programs.

mod json;
mod junit;

pub use json::json;
pub use junit::junit;
