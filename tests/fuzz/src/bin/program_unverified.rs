//! Bytes as a program that nobody verified, which is what a fresh instance of a module opens: every
//! answer will do, a panic or an endless loop will not.
#![no_main]

use ambit_fuzz::{authorize, requests, split};
use ambit_policy::cedar::Program;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (program, request) = split(data);
    let Some(program) = Program::open(program) else {
        return;
    };
    for request in requests().iter().map(Vec::as_slice).chain([request]) {
        let _ = authorize(&program, request);
    }
    for policy in (0..program.policies()).filter_map(|number| program.policy(number)) {
        let _ = (policy.id(), policy.file(), policy.line(), policy.forbids());
    }
});
