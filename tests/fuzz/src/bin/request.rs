//! Bytes as a request to sound policies: to compiled Cedar programs, whose index must agree with
//! the scan, and to whole bundles.
#![no_main]

use std::sync::OnceLock;

use ambit_advice::{advise, describe};
use ambit_evaluator::{ChainCache, evaluate};
use ambit_fuzz::{authorize, check_sound, fixed};
use ambit_policy::Bundle;
use ambit_policy::cedar::Program;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static PROGRAMS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    static BUNDLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    for program in PROGRAMS.get_or_init(|| fixed("program")) {
        let program = Program::open(program).expect("the compiler wrote it");
        let Some(verdicts) = authorize(&program, data) else {
            continue;
        };
        check_sound(&verdicts);
        if let [Ok(scan), Ok(index)] = verdicts {
            assert_eq!(scan, index, "the index hides a policy");
        }
    }
    for bundle in BUNDLES.get_or_init(|| fixed("bundle")) {
        let bundle = Bundle::open(bundle, [7; 32]).expect("the compiler wrote it");
        let answer = evaluate(&bundle, data, &mut ChainCache::new());
        assert!(answer.starts_with("{\"decision\":"));
        let advice = advise(&bundle, data, &mut ChainCache::new());
        assert!(advice.starts_with("{\"decision\":"));
        assert!(describe(&bundle, data).starts_with('{'));
    }
});
