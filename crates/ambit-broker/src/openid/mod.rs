//! Logging in at an OpenID provider (OpenID Connect Core 1.0, section 3.1): the code flow with PKCE, `state` and
//! `nonce`.
//!
//! The provider says how and when somebody logged in; the broker's file says which person its subjects are. What is
//! asked of a login (`max_age`, `acr_values`) is asked of the provider, and looked at again in what comes back.

mod fetch;
mod id_token;
mod keys;
mod party;
mod visit;

pub(crate) use fetch::Provider;
pub(crate) use id_token::Wanted;
pub(crate) use party::{Party, PartyEntry, is_provider};
pub(crate) use visit::{AWAY, BACK, verified};
