//! `ambit import`

mod report;

use std::ffi::OsString;
use std::path::PathBuf;

use ambit_gateway::mcp::{self, Connect, Upstream};
use ambit_workbench::import::{self, Import, ImportError};
use clap::{Args, Subcommand};

use super::list::Form;
use super::server::Program;
use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::say;
use crate::serving;

/// Bytes of a file to import: the permissions of a large service have some megabytes.
const LARGE: usize = 64 * 1024 * 1024;

/// Make a vocabulary out of what others describe
///
/// Writes a `schema.cedarschema` with one action for each tool of an MCP server, or for each OAuth scope. What
/// an action can do is guessed, and marked with `@guessed`: until a person has looked at it and removed that
/// line, the action is taken for `execute` at high risk, and `ambit build` refuses the project.
#[derive(Debug, Args)]
pub(crate) struct ImportFrom {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, Subcommand)]
enum Source {
    Mcp(Mcp),
    Oauth(Oauth),
}

/// One action for each tool of an MCP server
///
/// Reads what the server answers to `tools/list`: from a file, or from a server that it starts (named after `--`) or
/// reaches over streamable HTTP (--upstream), and asks. Arguments are typed by the tool's JSON Schema; what no policy
/// can say is said, and the description of each tool is pinned by its hash (`@mcp_s256`). Hints such as
/// `readOnlyHint` are the server's claims, and only guide the guess.
#[derive(Debug, Args)]
#[command(after_long_help = MCP_NOTES)]
struct Mcp {
    /// The answer to `tools/list`, or the list of tools alone; `-` is standard input
    #[arg(
        value_name = "FILE",
        value_parser = Input::parse,
        required_unless_present_any = ["upstream", "command"],
        conflicts_with_all = ["upstream", "command"]
    )]
    file: Option<Input>,
    /// The address of a server that speaks streamable HTTP (`http://…`, `https://…`), which is asked for its tools
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    upstream: Option<String>,
    /// The authorities whose certificates that server may show (PEM); without this, those that this machine trusts
    #[arg(long, value_name = "FILE", requires = "upstream")]
    upstream_ca: Option<PathBuf>,
    /// A server and its arguments, which is started and asked for its tools
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// What the server is called in `@mcp` and in labels; else what it calls itself, else the file's name
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// What stands before the name of each action, where two servers have tools of one name
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,
    #[command(flatten)]
    output: Output,
}

const MCP_NOTES: &str = "\
Exit codes: 0 imported, 1 the server does not tell its tools, 3 the file is unusable.

Examples:
  ambit import mcp --server files -o schema.cedarschema -- npx -y @modelcontextprotocol/server-filesystem /home/ann/notes
  ambit import mcp tools.json --server github -o schema.cedarschema
  ambit import mcp tools.json --server github >> schema.cedarschema";

/// One action for each OAuth scope
///
/// Reads a list of scopes, one a line, or JSON that has one: a list, the `scopes` of a discovery document or of
/// an `OpenAPI` one, a permissions file such as Microsoft Graph's. Says which scopes cannot tell drafting from sending:
/// whoever holds such a token for drafts could send with it, and only the check in front of the service says no.
#[derive(Debug, Args)]
#[command(after_long_help = OAUTH_NOTES)]
struct Oauth {
    /// The scopes, plain or compressed with gzip; `-` is standard input
    #[arg(value_name = "FILE", value_parser = Input::parse)]
    file: Input,
    /// What the service is called in labels; else the file's name
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    #[command(flatten)]
    output: Output,
}

const OAUTH_NOTES: &str = "\
After `#` on a line stands what the scope is for, in the service's words: guesses rest on them.

Exit codes: 0 imported, 3 the file is unusable.

Examples:
  ambit import oauth gmail-scopes.txt --service gmail
  ambit import oauth permissions.json.gz --service graph -o schema.cedarschema";

#[derive(Debug, Args)]
struct Output {
    /// Write the schema to a new file; a file that is there is never overwritten
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to show what was found; as JSON with the schema in it
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Form,
}

impl ImportFrom {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.source {
            Source::Mcp(command) => command.run(),
            Source::Oauth(command) => command.run(),
        }
    }
}

impl Mcp {
    fn run(&self) -> Result<Exit, Failure> {
        let server = self.server.as_deref();
        let import = match &self.file {
            Some(file) => {
                let bytes = file.read(LARGE)?;
                let import = import::mcp(&bytes, server, &called(file), &self.prefix);
                import.map_err(|error| unusable(error, &file.name()))?
            }
            None => {
                let told = mcp::tools(&*self.live()?).map_err(|why| {
                    // A server's own words may be among them.
                    Failure::tool("mcp.server", say::foreign(&why, 2000))
                        .help("its own words stand above, where it has any")
                })?;
                let import = import::mcp(told.as_bytes(), server, "imported", &self.prefix);
                import.map_err(|error| unusable(error, "what the server tells"))?
            }
        };
        self.output.finish(import)
    }

    /// The server that is asked.
    fn live(&self) -> Result<Box<dyn Connect>, Failure> {
        match &self.upstream {
            Some(url) => {
                let upstream = Upstream::new(url, self.upstream_ca.as_deref());
                let upstream = upstream.map_err(|fault| serving::unusable(&fault))?;
                Ok(Box::new(upstream))
            }
            None => Ok(Box::new(Program(self.command.clone()))),
        }
    }
}

impl Oauth {
    fn run(&self) -> Result<Exit, Failure> {
        let bytes = self.file.read(LARGE)?;
        let service = self.service.clone().unwrap_or_else(|| called(&self.file));
        let import = import::oauth(&bytes, &service);
        self.output
            .finish(import.map_err(|error| unusable(error, &self.file.name()))?)
    }
}

/// The name of a file up to its first dot.
fn called(file: &Input) -> String {
    let name = match file {
        Input::Stdin => None,
        Input::File(path) => path.file_name().and_then(|name| name.to_str()),
    };
    let name = name.and_then(|name| name.split('.').next());
    name.filter(|name| !name.is_empty())
        .unwrap_or("imported")
        .to_owned()
}

fn unusable(error: ImportError, place: &str) -> Failure {
    Failure::unusable(error.code, error.message)
        .at_place(place)
        .help(error.help)
}

impl Output {
    fn finish(&self, import: Import) -> Result<Exit, Failure> {
        if let Some(path) = &self.output {
            files::create(path, import.schema.as_bytes())?;
        }
        match self.format {
            Form::Json => say::data(report::json(&import))?,
            Form::Human => {
                if self.output.is_none() {
                    say::data(&import.schema)?;
                }
                report::say(&import, self.output.as_deref());
            }
        }
        Ok(Exit::Done)
    }
}
