//! `ambit build`

use std::path::{Path, PathBuf};

use ambit_compiler::build::{self, BuildOptions};
use ambit_compiler::keys::SecretKey;
use ambit_compiler::{Diagnostics, Project, module, sql};
use ambit_core::foreign_name;
use ambit_host::bundle_path;
use ambit_policy::Bundle;
use ambit_token::base64url;
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::keys::{Unlocking, compile};
use crate::{bundle, files, say, time};

/// The template of every policy module.
/// The evaluator into which policies are put.
pub(crate) const GUEST: &[u8] = include_bytes!(env!("AMBIT_GUEST_WASM"));

/// Build a project into a policy module
///
/// Reads `ambit.toml`, `schema.cedarschema` and `agents/*.toml`, checks them together, and writes
/// one WebAssembly file, and beside it the bundle: the policy alone, for hosts that bring an evaluator of
/// their own. `ambit sign` signs both at once. The same sources with the same time of issue give the same bytes. Every
/// fault is reported with its place and what to write instead; then nothing is written.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Build {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Where to write the module; the bundle of `policy.wasm` is `policy.bundle`
    #[arg(short, long, value_name = "FILE", required_unless_present = "sql")]
    output: Option<PathBuf>,
    /// Where to write row-level security for PostgreSQL, of the tables that the vocabulary names; alone or beside
    /// the module
    #[arg(long, value_name = "FILE")]
    sql: Option<PathBuf>,
    /// The time of issue, instead of the one in `ambit.toml`
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    issued: Option<i64>,
    /// Sign it at once with this private key, into a file of its own, as `ambit sign` does
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    unlocking: Unlocking,
}

const NOTES: &str = "\
The time of issue is the first of: --issued, `issued` in `[policy]`, SOURCE_DATE_EPOCH, today at \
00:00 UTC.

Exit codes: 0 built, 3 the project has faults or a file is unusable.

Examples:
  ambit build my-project -o policy.wasm
  ambit build . -o policy.wasm --key keys/module.jwk
  ambit build . -o policy.wasm --issued 2026-02-25T00:00:00Z
  ambit build . --sql rows.sql && psql -v ON_ERROR_STOP=1 -f rows.sql shop";

impl Build {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        files::folder(&self.dir)?;
        let key = self.key.as_deref();
        let key = key.map(|path| self.unlocking.private(path)).transpose()?;
        let project =
            Project::load(&self.dir).map_err(|faults| Failure::report(render(&faults)))?;
        project
            .check_publishable()
            .map_err(|faults| Failure::report(render(&faults)))?;
        if !project.warnings().is_empty() {
            say::raw(&render(project.warnings()));
        }
        if let Some(file) = &self.sql {
            write_sql(&project, file)?;
        }
        match &self.output {
            Some(output) => self.build(&project, output, key.as_ref()),
            None => Ok(Exit::Done),
        }
    }

    fn build(
        &self,
        project: &Project,
        output: &Path,
        key: Option<&SecretKey>,
    ) -> Result<Exit, Failure> {
        let options = BuildOptions {
            issued: self.issued,
            default_issued: time::default_issued()?,
        };
        let bundle =
            build::bundle(project, options.issued(project)).map_err(|error| compile(&error))?;
        let wasm = module::assemble(GUEST, &bundle).map_err(|error| compile(&error))?;
        let alone = bundle_path(output);
        if alone == output {
            let message = "a name that ends in `.bundle` is the bundle's, not the module's";
            return Err(Failure::unusable("build.output", message)
                .at(output)
                .help("name a file that ends in `.wasm`"));
        }
        files::write(output, &wasm)?;
        files::write(&alone, &bundle)?;
        tell(output, &bundle, &wasm);
        if let Some(key) = key {
            super::sign::beside(output, &wasm, key)?;
        }
        Ok(Exit::Done)
    }
}

fn write_sql(project: &Project, file: &Path) -> Result<(), Failure> {
    let Some(sql) = sql::statements(project) else {
        let message = "the vocabulary names no table";
        return Err(Failure::unusable("build.sql", message).help(
            "write `@table(\"…\")` and `@columns(\"…\")` before an entity type: docs/rows.md",
        ));
    };
    files::write(file, sql.text.as_bytes())?;
    say::note(format!(
        "row-level security of {} into {}",
        match sql.tables {
            1 => "one table".to_owned(),
            many => format!("{many} tables"),
        },
        file.display()
    ));
    for note in &sql.notes {
        say::note(format!("warning: {note}"));
    }
    Ok(())
}

fn tell(output: &Path, alone: &[u8], wasm: &[u8]) {
    let Ok(bundle) = Bundle::verify(alone) else {
        return;
    };
    say::note(format!(
        "built {} version {} into {}",
        bundle.uid(),
        bundle.version(),
        output.display()
    ));
    say::note(format!("  s256     {}", base64url::encode(bundle.digest())));
    if let Some(guest) = bundle::guest(wasm) {
        say::note(format!("  guest    {}", base64url::encode(&guest)));
    }
    say::note(format!(
        "  size     {} bytes, the bundle alone {}",
        wasm.len(),
        alone.len()
    ));
    say::note(format!(
        "  valid    {} to {}",
        time::show(bundle.issued()),
        time::show(bundle.expires())
    ));
    for (name, action) in bundle.actions() {
        let unseen = action
            .arguments()
            .filter(|(_, argument)| !argument.is_seen());
        let unseen: Vec<String> = unseen.map(|(name, _)| foreign_name(name)).collect();
        if !unseen.is_empty() {
            say::note(format!(
                "  unseen   policies do not see {} of {}: a number that may have more places than a `decimal`",
                unseen.join(", "),
                foreign_name(name)
            ));
        }
    }
    if bundle.expires() <= time::now() {
        say::note(
            "warning: it has ended already; set `issued` in `[policy]` to the day of this version",
        );
    }
}

/// With colours: anstream takes them out where they would not be shown.
fn render(diagnostics: &Diagnostics) -> String {
    diagnostics.render(true)
}
