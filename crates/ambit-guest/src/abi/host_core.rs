//! The exports of the host core beside those of a module: `ambit-core.wasm` is this guest with them.
extern crate alloc;

use alloc::string::String;

use ambit_enforce::{check_info, load, wire};
use ambit_policy::Bundle;

use super::{ARENA, Arena, GUEST, Guest, Policy, host_bytes, no_buffer};

/// Verifies a policy and keeps its bundle for every later call: `file` is a module or a bundle, `at` the request.
#[unsafe(no_mangle)]
extern "C" fn ambit_load(file: usize, file_len: usize, at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.load((file, file_len), (at, len)))
}

/// Whether a module's own code holds the policy that was loaded.
#[unsafe(no_mangle)]
extern "C" fn ambit_check_info(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.answer(at, len, |bundle, _, answer| check_info(bundle, answer)))
}

/// The request for an evaluator, made of its parts, and what is to be signed for it.
#[unsafe(no_mangle)]
extern "C" fn ambit_ask(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| {
        guest.answer(at, len, |bundle, cache, parts| {
            wire::ask(bundle, parts, cache)
        })
    })
}

/// What is to be done next with an answer, or the verdict.
#[unsafe(no_mangle)]
extern "C" fn ambit_enforce(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.tell(at, len, wire::enforce))
}

/// What a `consume` obligation writes, or which charge does not fit.
#[unsafe(no_mangle)]
extern "C" fn ambit_consume(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.say(at, len, wire::consume))
}

/// What a status list says of a token, or that the list is to be fetched.
#[unsafe(no_mangle)]
extern "C" fn ambit_status(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.say(at, len, wire::status))
}

/// Whether revocation epochs that were fetched go with the requests from now on.
#[unsafe(no_mangle)]
extern "C" fn ambit_epochs(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.answer(at, len, |bundle, _, request| wire::epochs(bundle, request)))
}

/// The next line of an audit log, what is to be signed of it, and the log read to write it on.
#[unsafe(no_mangle)]
extern "C" fn ambit_log(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.say(at, len, wire::log))
}

impl Guest {
    fn load(&mut self, file: (usize, usize), request: (usize, usize)) -> u64 {
        self.prepare();
        let held = self.buffers.hold(file.0, file.1) && self.buffers.hold(request.0, request.1);
        let answer = match self.policy {
            _ if !held => no_buffer(),
            Policy::Open(_) => again(),
            Policy::Unread | Policy::Unusable => {
                self.open(host_bytes(file.0, file.1), host_bytes(request.0, request.1))
            }
        };
        // A copy: what was written before it may be kept for ever now, and an answer is given back.
        self.hand_over(answer.as_bytes().to_vec())
    }

    /// A policy that was loaded stays, and so does all that was allocated before: the buffers of the call are the
    /// host's no more, because the arena gives back only what lies above. An instance loads one policy.
    fn open(&mut self, file: &[u8], request: &[u8]) -> String {
        let loaded = match load(file, request) {
            Ok(loaded) => loaded,
            Err(refusal) => return refusal,
        };
        let bundle: &'static [u8] = loaded.bundle.to_vec().leak();
        let Ok(bundle) = Bundle::open(bundle, loaded.digest) else {
            return super::no_bundle();
        };
        self.policy = Policy::Open(bundle);
        self.buffers.clear();
        ARENA.with(Arena::keep);
        loaded.statement
    }
}

fn again() -> String {
    String::from(
        r#"{"code":"module.options","admin":"this instance has loaded a policy; load another into a new instance"}"#,
    )
}
