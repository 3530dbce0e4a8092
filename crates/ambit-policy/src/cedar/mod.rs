//! Cedar policies, compiled: a program is read in place and evaluated for one request at a time.
//!
//! A [`Program`] holds the conditions of all policies, an index over them, the types of the schema
//! that requests are checked against, and entities of the policy's own. [`Input`] is a request that
//! conforms; [`Program::authorize`] gives the [`Verdict`], which agrees with the `cedar-policy` crate
//! in decision, determining policies, erring policies and the kinds of their errors.
//!
//! - [`code`]: the instructions
//! - `program`, `schema`: what stands where
//! - `verify`: whether bytes are a sound program
//! - `read`, `conform`, `entities`, `request`: JSON as Cedar values, checked against the schema
//! - `machine`, `like`, `extension`, `value`: evaluation
//! - `index`, `authorize`: which policies are evaluated, and what they say

mod arguments;
mod authorize;
pub mod code;
mod conform;
mod described;
mod entities;
mod extension;
mod fault;
mod index;
mod kind;
mod like;
mod machine;
mod program;
mod read;
mod request;
mod schema;
mod value;
mod verify;
mod words;

pub use arguments::{attributes, texts};
pub use authorize::{Selection, Verdict};
pub(crate) use conform::example;
pub use entities::Entities;
pub use extension::{Extension, Function, Ip, canonical_text};
pub use fault::{ErrorKind, Halt, InputFault};
pub use index::{Dimension, Key, PROBES};
pub use kind::TypeTag;
pub use program::{ENTITY_WORDS, FORMAT, KEY_WORDS, MAGIC, POLICY_WORDS, Policy, Program};
pub use request::Input;
pub use schema::{ACTION_WORDS, ENTITY_TYPE_WORDS, TYPES_HEAD};
pub use value::{InPlace, Record, Set, Uid, Value};
