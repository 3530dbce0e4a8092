//! Shown is enforced: two calls or grants that differ in anything that their digest covers have texts
//! that differ beside the digest, and what a call's text says can be read back from it.

mod back;
mod calls;
mod grants;
mod world;
