//! `cargo xtask ci`: what has to hold before a change is merged.

use std::path::Path;

use xtask_kit::ui::Tally;

/// [`check`](crate::check) and [`test`](crate::test), counted together; the second runs also when
/// the first fails, so that one run shows everything.
pub(crate) fn run(root: &Path) -> Result<Tally, String> {
    let mut tally = crate::check::run(root)?;
    tally += crate::test::run(root)?;
    Ok(tally)
}
