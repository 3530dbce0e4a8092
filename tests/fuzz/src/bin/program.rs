//! Bytes as a program, with a request behind it: verified as a loader does, then evaluated.
#![no_main]

use ambit_fuzz::{authorize, check_sound, requests, split};
use ambit_policy::cedar::Program;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (program, request) = split(data);
    let Some(program) = Program::open(program).filter(|program| program.verify().is_ok()) else {
        return;
    };
    for request in requests().iter().map(Vec::as_slice).chain([request]) {
        if let Some(verdicts) = authorize(&program, request) {
            check_sound(&verdicts);
        }
    }
});
