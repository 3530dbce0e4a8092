//! `ambit gateway`

mod forward;
mod mcp;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};
use forward::Forward;
use mcp::Mcp;

/// Stand in front of a service that does not know Ambit
#[derive(Debug, Args)]
pub(crate) struct Gateway {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    Forward(Forward),
    Mcp(Mcp),
}

impl Gateway {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.kind {
            Kind::Forward(command) => command.run(),
            Kind::Mcp(command) => command.run(),
        }
    }
}
