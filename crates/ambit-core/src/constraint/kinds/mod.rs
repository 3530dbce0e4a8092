//! A file for each kind of constraint. Each has the same four functions, which its row in
//! `table.rs` refers to:
//!
//! - `holds`: whether a value that is there matches;
//! - `misfit`: what in it no argument of a type can meet;
//! - `say`: its clause for people;
//! - `examples`: values that may match.

pub(super) mod all;
pub(super) mod any;
pub(super) mod cidr;
pub(super) mod contains;
pub(super) mod count;
pub(super) mod each;
pub(super) mod email_domain;
pub(super) mod exact;
pub(super) mod host;
pub(super) mod like;
pub(super) mod not_one_of;
pub(super) mod one_of;
pub(super) mod optional;
pub(super) mod range;
pub(super) mod subpath;
pub(super) mod subset;
pub(super) mod url;
pub(super) mod wildcard;

use super::declared::{Declared, Misfit};
use super::spec::Spec;

/// `misfit` of kinds that list no values: whatever suits the type fits.
pub(crate) const fn fits(_: Spec<'_>, _: Declared<'_>) -> Option<Misfit> {
    None
}
