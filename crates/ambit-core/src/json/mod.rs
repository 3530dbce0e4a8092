//! Strict JSON, read into one flat tape.
//!
//! Why not a general reader: the npm evaluator must stay small, numbers must be read from their
//! text exactly, and a duplicate member must be an error everywhere. The same tape layout is used
//! inside a compiled bundle, so policy data is read in place by the same code as a request.
//!
//! ```
//! use ambit_core::json::{Document, Profile};
//! let document = Document::parse(br#"{"amount": 98.70, "to": ["ann"]}"#, Profile::Request)?;
//! let root = document.root();
//! assert_eq!(root.get("amount").and_then(|amount| amount.number_text()), Some("98.70"));
//! assert_eq!(root.get("to").map(|to| to.len()), Some(1));
//! # Ok::<(), ambit_core::json::JsonError>(())
//! ```

mod build;
mod canonical;
mod parse;
mod scan;
mod tape;
mod value;
mod write;

pub use canonical::{canonical, canonical_value, sorted_members};
pub use parse::{JsonError, JsonErrorKind, Profile};
pub use tape::Document;
pub use value::{ByteMembers, Elements, Json, Kind, Members, same_value};
pub use write::Writer;
