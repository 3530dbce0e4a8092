//! One named test for each threat: the honest call is allowed, the attack gets its exact code.
//!
//! `SECURITY.md` has the table: threat, what stops it, test. A test here keeps both lists the same.

mod approval;
mod bombs;
mod chain;
mod clock;
mod confusion;
mod consent;
mod delegation;
mod deputy;
mod drift;
mod enrolment;
mod history;
mod look_alike;
mod malformed;
mod replay;
mod revocation;
mod rollback;
mod spend;
mod table;
mod world;
