//! The commands, one a file.

pub(crate) mod approve;
pub(crate) mod attenuate;
pub(crate) mod audit;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod describe;
pub(crate) mod diff;
pub(crate) mod enrol;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod gateway;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod list;
pub(crate) mod mint;
pub(crate) mod pdp;
pub(crate) mod prove;
pub(crate) mod revoke;
pub(crate) mod serve;
mod server;
pub(crate) mod sign;
pub(crate) mod test;
pub(crate) mod verify;
