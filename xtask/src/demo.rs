//! `cargo xtask demo`: a pattern with everything that it needs, then the scenes.

use std::path::Path;
use std::process::ExitCode;

use xtask_kit::ui;

use crate::program::{self, AMBIT};
use crate::{guest, npm, patterns};

#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Args {
    /// Leave broker, gateway and shop running at the end, with you in the place of the person who is asked
    #[arg(long)]
    open: bool,
}

pub(crate) fn run(args: Args, root: &Path) -> Result<ExitCode, String> {
    ui::progress("building the guest …");
    guest::build(root)?;
    let missing = patterns::missing();
    if let Some(program) = missing {
        ui::skipped(format_args!(
            "`{program}` is not installed: the story of a refund, with a person at a browser, is not played"
        ));
        if args.open {
            return Err(format!("--open needs `{program}`"));
        }
    } else {
        npm::BROWSER_SET.install(root)?;
        AMBIT.build(root)?;
        patterns::story(root, false)?;
    }
    let code = program::DEMO.stand_in(root, &[""; 0])?;
    if args.open {
        patterns::story(root, true)?;
    }
    Ok(code)
}
