//! What the developer's commands share: printing and counting, running other programs, threads.
//! It depends on nothing that takes time to build.
#![forbid(unsafe_code)]

pub mod cargo;
pub mod parallel;
pub mod ui;
