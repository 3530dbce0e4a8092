//! `ambit gateway`

mod forward;
mod mcp;
mod proxy;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};
use forward::Forward;
use mcp::Mcp;
use proxy::Proxy;

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
    Proxy(Proxy),
}

impl Gateway {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.kind {
            Kind::Forward(command) => command.run(),
            Kind::Mcp(command) => command.run(),
            Kind::Proxy(command) => command.run(),
        }
    }
}
