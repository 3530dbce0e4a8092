//! `ambit revoke`

use std::path::PathBuf;

use ambit_broker::{Affected, Holding, Log, Selection};
use ambit_compiler::conceal;
use clap::Args;
use jiff::Timestamp;

use crate::failure::{Exit, Failure};
use crate::fetching::FetchingArgs;
use crate::module::Trusting;
use crate::say;
use crate::serving::unusable;

/// Take back what agents hold by the broker: of a class, a model, a version, a client, a key, a tenant, a policy
///
/// Says how much would end, and does nothing without --yes. What is named applies together: `--agent a --model m`
/// is the agent class `a` with the model `m`. Tokens, codes on their way, grants that could be used again and calls
/// that wait for a person end in one transaction, with the next list of revocation epochs. The broker may run
/// meanwhile: it writes into its log what was done here.
///
/// An agent that is taken back can ask people again. To end that, too, take its client out of CONFIG.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Revoke {
    /// The broker's file
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The policy module, or its bundle
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    #[command(flatten)]
    fetching: FetchingArgs,
    #[command(flatten)]
    trusting: Trusting,
    #[command(flatten)]
    selected: Selected,
    /// Do it
    #[arg(long, requires = "why", conflicts_with = "list")]
    yes: bool,
    /// Why, for the log
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// What is taken back.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Selected {
    /// Of this agent class (`agent.uid`)
    #[arg(long, value_name = "UID", help_heading = "What is taken back")]
    agent: Option<String>,
    /// Of this version of the agent
    #[arg(long, value_name = "VERSION", help_heading = "What is taken back")]
    agent_version: Option<String>,
    /// By this model (`agent.ai_model.name`)
    #[arg(long, value_name = "NAME", help_heading = "What is taken back")]
    model: Option<String>,
    /// Of this client
    #[arg(long, value_name = "CLIENT_ID", help_heading = "What is taken back")]
    client: Option<String>,
    /// Held by the key with this thumbprint (RFC 7638)
    #[arg(long, value_name = "THUMBPRINT", help_heading = "What is taken back")]
    key: Option<String>,
    /// Of agents that act for this person
    #[arg(long, value_name = "SUB", help_heading = "What is taken back")]
    person: Option<String>,
    /// Of this tenant
    #[arg(long, value_name = "TENANT", help_heading = "What is taken back")]
    tenant: Option<String>,
    /// Made for a version of the policy below this one
    #[arg(long, value_name = "VERSION", help_heading = "What is taken back")]
    policy_below: Option<i64>,
    /// Say who holds what, of what is named or of everything, and take nothing back
    #[arg(long)]
    list: bool,
}

const NOTES: &str = "\
Revocation epochs have no word for a version of an agent, so its tokens are named one by one. Of a client of which \
more than a hundred are revoked, all end; the count says so.

Exit codes: 0 counted, or done, 3 the command line or a file it names is unusable.

Examples:
  ambit revoke broker.toml --module policy.wasm --trust keys.json --list
  ambit revoke broker.toml --module policy.wasm --trust keys.json --agent renewal-bot
  ambit revoke broker.toml --module policy.wasm --trust keys.json --agent renewal-bot --yes --why \"INC-7\"";

impl Revoke {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let selected = self.selected;
        let selection = Selection {
            agent: selected.agent,
            version: selected.agent_version,
            model: selected.model,
            client: selected.client,
            person: selected.person,
            key: selected.key,
            tenant: selected.tenant,
            policy_below: selected.policy_below,
        };
        let broker = super::serve::open(
            &self.config,
            (&self.module, &self.fetching),
            &self.trusting,
            Log::left(),
        )?;
        if selected.list {
            let holdings = broker
                .holdings(&selection)
                .map_err(|fault| unusable(&fault))?;
            say::data(listed(&holdings))?;
            return Ok(Exit::Done);
        }
        let why = self.why.filter(|_| self.yes).map(|why| conceal(&why));
        let affected = broker
            .revoke_all(&selection, why.as_deref())
            .map_err(|fault| unusable(&fault))?;
        say::data(told(&affected))?;
        if !broker.serves_epochs() {
            say::note(
                "no `epochs_key`: services are not told, and what agents have already ends with its life",
            );
        }
        if why.is_none() {
            say::note("nothing was done: add --yes and --why to do it");
        }
        Ok(Exit::Done)
    }
}

/// A line for each: what it is, for whom, by which agent, how much and until when.
fn listed(holdings: &[Holding]) -> String {
    let mut text = String::new();
    for one in holdings {
        let name = |text: &str| say::foreign(text, 200);
        let until =
            Timestamp::from_second(one.until).map_or_else(|_| String::new(), |at| at.to_string());
        text.push_str(&format!(
            "{}  for {}  agent {}  tokens {}  codes {}  grants {}  until {until}\n",
            name(&one.client),
            name(&one.person),
            name(&one.agent),
            one.tokens,
            one.codes,
            one.grants
        ));
    }
    text
}

fn told(affected: &Affected) -> String {
    let mut text = String::new();
    let mut line = |count: String, what: &str| text.push_str(&format!("{count:>8}  {what}\n"));
    line(affected.tokens.to_string(), "tokens that count now");
    if affected.beside > 0 {
        let what = "other tokens of the same clients, because a list names only a hundred of each";
        line(affected.beside.to_string(), what);
    }
    line(affected.codes.to_string(), "codes that are on their way");
    line(
        affected.grants.to_string(),
        "grants that could be used again",
    );
    line(affected.calls.to_string(), "calls that wait for a person");
    line(affected.clients.to_string(), "clients, of which that is");
    line(affected.people.to_string(), "persons, for whom it is");
    text
}
