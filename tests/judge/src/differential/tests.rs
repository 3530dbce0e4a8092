//! The judge judged: with the reference on both sides it finds nothing, and every fault that is
//! planted is found.

use clap::ValueEnum as _;

use super::run::{Finding, Mode, Options, Report, run};
use crate::subject::{EngineArgs, EngineChoice, Fault, Subject};

fn mirror(fault: Option<Fault>) -> Box<dyn Subject> {
    let engine = EngineChoice::Mirror;
    let subject = EngineArgs { engine, fault }.subject();
    subject.expect("a mirror needs nothing")
}

fn judge(options: &Options, fault: Option<Fault>) -> Report {
    run(options, mirror(fault).as_ref())
}

#[test]
fn the_reference_agrees_with_itself() {
    for mode in [Mode::Typed, Mode::Untyped] {
        let options = Options {
            mode,
            ..Options::quiet(4000, 11)
        };
        let report = judge(&options, None);
        let what = report.failure.map(|failure| failure.what);
        assert!(what.is_none(), "{mode:?}: {what:?}");
        assert!(report.passed >= 4000);
    }
}

#[test]
fn every_planted_fault_is_found() {
    for fault in Fault::value_variants() {
        let report = judge(&Options::quiet(40_000, 3), Some(*fault));
        let found = report
            .failure
            .is_some_and(|failure| matches!(failure.what, Finding::Differs { .. }));
        assert!(found, "{fault:?} is not found");
    }
}

#[test]
fn a_difference_can_be_repeated_and_does_not_depend_on_threads() {
    let fault = Some(Fault::AllIsAny);
    let many = Options {
        threads: 4,
        ..Options::quiet(40_000, 3)
    };
    let first = judge(&many, fault).failure.expect("it is found").case;
    let one = Options { threads: 1, ..many };
    assert_eq!(
        judge(&one, fault).failure.map(|failure| failure.case),
        Some(first)
    );
    let again = Options {
        only: Some(first),
        ..many
    };
    assert!(judge(&again, fault).failure.is_some());
}

#[test]
fn a_difference_is_made_small() {
    let options = Options {
        shrink: true,
        ..Options::quiet(40_000, 3)
    };
    let failure = judge(&options, Some(Fault::ToDateDoesNothing)).failure;
    let Some(Finding::Differs { trial, .. }) = failure.map(|failure| failure.what) else {
        panic!("it is not found");
    };
    assert_eq!(trial.policies.len(), 1);
    assert!(trial.store.0.len() <= 1);
}
