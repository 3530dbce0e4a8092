//! What the fuzz targets share: files that `cargo xtask fuzz` makes from real policies, and how a
//! program is tried with a request.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_core::limits::STEPS;
use ambit_policy::cedar::{Halt, Input, Program, Selection, Verdict};

/// Names the folder of those files.
const FIXED: &str = "AMBIT_FUZZ_FIXED";
/// Steps of one evaluation: enough for every honest policy here, and a thousand inputs a second.
const BUDGET: u32 = 100_000;

/// The files whose names end in `.KIND`, in the order of their names.
///
/// # Panics
///
/// Without the folder: a target that tries nothing must not look like one that finds nothing.
#[must_use]
pub fn fixed(kind: &str) -> Vec<Vec<u8>> {
    let folder = std::env::var_os(FIXED).expect("run the targets by `cargo xtask fuzz`");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|file| file.extension().is_some_and(|end| end == kind))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there is no `.{kind}`");
    let read = |file| fs::read(file).expect("the file can be read");
    files.into_iter().map(read).collect()
}

/// Requests in Cedar's form, read once.
pub fn requests() -> &'static [Vec<u8>] {
    static REQUESTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    REQUESTS.get_or_init(|| fixed("cedar"))
}

/// Where a program ends by its own header, and a request may begin: so that one input holds both.
#[must_use]
pub fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let length = |at: usize| {
        let bytes = data.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let head: usize = 16 + 4 * 11;
    let end = (16..head)
        .step_by(4)
        .try_fold(head, |end: usize, at| end.checked_add(length(at)?));
    data.split_at_checked(end.unwrap_or(data.len()))
        .unwrap_or((data, &[]))
}

/// What both ways of selecting policies say, scan first. `None`: the request does not conform.
#[must_use]
pub fn authorize(program: &Program<'_>, request: &[u8]) -> Option<[Result<Verdict, Halt>; 2]> {
    let document = Document::parse(request, Profile::Request).ok()?;
    let input = Input::read(program, document.root()).ok()?;
    Some([Selection::Scan, Selection::Index].map(|selection| {
        let steps = Steps::new();
        assert!(steps.take(usize::try_from(STEPS - BUDGET).unwrap_or_default()));
        program.authorize(&input, &steps, selection)
    }))
}

/// What holds of a program that was verified, whoever wrote it: it is never found unsound, and the
/// index only leaves policies out, never changes what one says.
///
/// # Panics
///
/// When it does not hold.
pub fn check_sound(verdicts: &[Result<Verdict, Halt>; 2]) {
    for verdict in verdicts {
        assert_ne!(
            verdict.as_ref().err(),
            Some(&Halt::Program),
            "verified, and yet not sound"
        );
    }
    if let [Ok(scan), Ok(index)] = verdicts {
        assert!(
            index
                .permits
                .iter()
                .all(|policy| scan.permits.contains(policy))
        );
        assert!(
            index
                .forbids
                .iter()
                .all(|policy| scan.forbids.contains(policy))
        );
        assert!(index.errors.iter().all(|error| scan.errors.contains(error)));
    }
}
