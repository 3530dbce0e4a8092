//! The broker: it asks a person, and mints one short-lived capability token for what they allowed.
//!
//! An OAuth 2.0 authorization server with pushed requests only, PKCE, DPoP, client keys, and no refresh
//! tokens; `docs/broker.md` describes it. It decides nothing by itself: what a page says is
//! `ambit_advice::describe`, what may be minted is `ambit_compiler::mint`, both by the signed policy.
//!
//! - [`Config`] is the file that says who may ask; [`Broker::findings`] says what is unsafe about it.
//! - [`Broker`] answers requests (`ambit_gateway::http`); one SQLite file keeps what was asked, granted,
//!   minted and revoked. What belongs together is one transaction.
#![forbid(unsafe_code)]

mod access;
mod agents;
mod agents_page;
mod answer;
mod ask;
mod authorize;
mod backup;
mod bearer;
mod broker;
mod client;
mod config;
mod consent;
mod demands;
mod evaluated;
mod exchange;
mod findings;
mod form;
mod glass;
mod grant;
mod jws;
mod language;
mod login;
mod metadata;
mod metrics;
mod narrow;
mod openid;
mod operate;
mod outside;
mod pages;
mod passkey;
mod proof;
mod push;
mod rate;
mod record;
mod records;
mod refusal;
mod revoke;
mod second;
mod secret;
mod session;
mod store;
mod task;
mod tell;
mod token;
mod waiting;
mod waiting_page;

pub use backup::{Backup, Restored};
pub use broker::{Broker, Keys, Parts};
pub use config::Config;
pub use findings::{Finding, Surroundings};
pub use glass::Override;
pub use metrics::Metrics;
pub use operate::{Affected, Holding, Selection};
pub use record::Log;
pub use records::{Archive, Denied, Kept, Lessons, Unused};
pub use store::Store;
pub use tell::Teller;
