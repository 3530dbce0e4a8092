//! `ambit serve`: from a pushed request over a person's yes to a token, and everything that must not pass.

mod access;
mod access_attacks;
mod agent;
mod agents;
mod approvers;
mod attacks;
mod bcp;
mod break_glass;
mod call;
mod checking;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod exchange;
mod flow;
mod limits;
#[path = "../common/listening.rs"]
mod listening;
mod openid;
mod openid_real;
mod operations;
mod pages;
mod person;
mod pinged;
mod provider;
mod pushed;
mod records;
mod restored;
mod screen;
mod second;
#[path = "../common/served.rs"]
#[expect(dead_code, reason = "a project has a folder of its own")]
mod served;
mod taken_back;
mod told;
mod world;
