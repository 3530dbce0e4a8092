//! The log: what stands in it, that a crash loses nothing, and that a change is found and named.

mod changed;
mod crash;
mod groups;
mod proofs;
mod world;
mod written;
