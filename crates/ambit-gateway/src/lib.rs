//! The check stands next to the action, and the service does not change.
//!
//! - [`Point`] asks the policy and discharges what an allow obliges to; it is the one place here through
//!   which every decision goes. It decides nothing itself: decision, obligations and reasons are
//!   `ambit_host`'s.
//! - [`Policy`] is a signed policy that is loaded anew when its file changes, or what lies at its
//!   address; the last good one stays.
//! - [`Shadow`] asks a second policy beside it, and changes nothing.
//! - [`pdp`] answers the OpenID AuthZEN Authorization API over HTTP.
//! - [`forward`] answers a server in front that asks before it passes a request on.
//! - [`mcp`] stands in front of an MCP server.
//!
//! No decision is made without a token. Where callers have none of their own, the gateway holds it, with a
//! key of its own ([`Possession::Ours`]), and the record of the decision names that key.
#![forbid(unsafe_code)]

mod connections;
mod desk;
mod enrolments;
mod events;
mod fault;
mod files;
pub mod forward;
mod holder;
pub mod http;
mod hurry;
pub mod mcp;
mod names;
pub mod passing;
pub mod pdp;
mod point;
mod policy;
mod serve;
mod shadow;
mod statements;
mod tls;
mod untaken;
mod upstream;

pub use ambit_store as store;
pub use desk::Desk;
pub use enrolments::Enrolments;
pub use fault::Fault;
pub use files::text as read_text;
pub use point::{Call, Outcome, Place, Point, Possession, Say};
pub use policy::{Fetching, Origin, Policy, Source, Versions};
#[cfg(feature = "grpc")]
pub use serve::serve_grpc;
pub use serve::{Listen, serve};
pub use shadow::Shadow;
pub use statements::Statements;
pub use tls::Tls;
pub use upstream::Upstream;
