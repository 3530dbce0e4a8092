//! Guards a Rust service from within: each request is checked before its handler has it.
//!
//! [`Guard`] is a tower layer, for axum or any other service over `http`. It decides nothing: token and proof are
//! read from the request, a function of the service says what the request is in the policy ([`Asked`]), and
//! `ambit_gateway`'s point asks the policy and discharges what an allow obliges to. A denial is answered with
//! status, challenge and problem details, and the handler never runs. `docs/service.md`.
//!
//! ```no_run
//! use ambit_tower::{Asked, Files, Guard, Power};
//! use axum::{Router, routing::post};
//! # async fn refund() {}
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let files = Files::new("policy.wasm", "keys.json", "seen.json", "used.sqlite");
//! let guard = Guard::open(files, "https://orders.example", |request| {
//!     let refund = Asked::new("refund", Power::Execute).on("Order", request.segment(1)?);
//!     Ok(refund.purpose("customer-care").args(request.json()?))
//! })?;
//! let app: Router = Router::new().route("/orders/{id}/refund", post(refund)).layer(guard);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod asked;
mod files;
mod guard;

pub use ambit_core::Power;
pub use asked::{Asked, Seen, Unasked};
pub use files::Files;
pub use guard::{Guard, Guarded, GuardedBody};
