//! The evaluator and the host core for JavaScript: browsers, extensions, edge workers, Node. The wasm files of the npm
//! package are made of it.
//!
//! Many of those may not compile code that they fetched, so a policy module's own code is not run
//! here. The same signed file is verified by the same function as everywhere, and the bundle in it
//! runs in this evaluator; the answers are the same bytes.
//!
//! `pkg/` wraps what is here: its `index.js` is what users import. On any other target the crate is empty.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Stops at once: JavaScript sees a trap and says `engine.trap`. Nothing is made of the message, so neither it nor
/// what would write it is in the file.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(target_arch = "wasm32")]
mod policy;
#[cfg(target_arch = "wasm32")]
mod refuse;
#[cfg(target_arch = "wasm32")]
mod rules;

#[cfg(target_arch = "wasm32")]
pub use policy::Policy;
#[cfg(target_arch = "wasm32")]
pub use rules::{consume, enforce, http, refuse, status, unsayable};
