//! `ambit list`

mod show;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ambit_core::json::Json;
use ambit_prove::{Call, Outcome, Policy as Provable, ProveError, Solver, Verdict, prove};
use ambit_workbench::cases::{Claim, Expression, Property, Spot};
use ambit_workbench::list::{self, Asked, Listing, Ruling};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::claims;
use crate::failure::{Exit, Failure};
use crate::files::Input;
use crate::policy::PolicyArgs;
use crate::say;
use crate::{time, tokens};

/// How a command shows what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    #[default]
    Human,
    /// One JSON object on standard output
    Json,
}

/// Show what an agent may do
///
/// Every action with its powers, bounds and demands: what the manifest grants, what each block of a token leaves
/// of it, and without what the guard rails never allow. In the words of consent texts. As JSON it is an export for hosts:
/// the tools to offer, with their bounds as JSON Schema.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct List {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".", conflicts_with = "module")]
    dir: PathBuf,
    /// The policy module or its bundle, instead of a project
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// The agent class; with a token, its agent
    #[arg(long, value_name = "CLASS", required_unless_present = "token")]
    agent: Option<String>,
    /// A token: each of its blocks narrows what the manifest grants; `-` is standard input
    #[arg(long, value_name = "FILE", value_parser = Input::parse)]
    token: Option<Input>,
    /// Ask the solver cvc5 as well whether the guard rails can ever allow each power of each action
    #[arg(long)]
    prove: bool,
    /// How to show what was found
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Form,
}

const NOTES: &str = "\
Nothing of a token is verified: what is shown is what it says. Without --prove, a power is left out where \
action, power, purpose, agent class and kind of resource alone decide that the guard rails never allow it.

Exit codes: 0 shown, 2 the agent may do nothing, 3 a file is unusable or there is no manifest for the agent.

Examples:
  ambit list --agent assistant my-project
  ambit list --token token.jwt --module policy.wasm --format json";

/// A token as it is listed.
struct Held {
    agent: Option<String>,
    blocks: Vec<Vec<Value>>,
    expires: Option<i64>,
}

impl List {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let policy = PolicyArgs::of(self.module.clone(), self.dir.clone()).read(time::now())?;
        let bundle = policy.bundle()?;
        let held = self.token.as_ref().map(held).transpose()?;
        let agent = self.agent(held.as_ref())?;
        let provable =
            Provable::read(policy.bundle_bytes()?, true).map_err(|error| strange(&error))?;
        let mut solver = match self.prove {
            true => Some(Solver::start(60).map_err(|error| strange(&error))?),
            false => None,
        };
        let mut failed = None;
        let mut judge = |asked: &Asked<'_>| {
            let ruling = judge(&provable, solver.as_mut(), &agent, asked);
            ruling.unwrap_or_else(|error| {
                failed = Some(error);
                Ruling::default()
            })
        };
        let blocks = held.as_ref().map_or(&[][..], |held| &held.blocks);
        let listing = list::list(&bundle, &agent, blocks, &mut judge);
        if let Some(error) = failed {
            return Err(strange(&error));
        }
        let listing = listing.ok_or_else(|| no_manifest(&provable, &agent))?;
        let page = show::Page {
            bundle: &bundle,
            agent: &agent,
            expires: held.as_ref().and_then(|held| held.expires),
            with_token: held.is_some(),
            listing: &listing,
        };
        match self.format {
            Form::Human => page.show()?,
            Form::Json => say::data(page.json())?,
        }
        Ok(if is_empty(&listing) {
            Exit::Denied
        } else {
            Exit::Done
        })
    }

    fn agent(&self, held: Option<&Held>) -> Result<String, Failure> {
        let of_token = held.and_then(|held| held.agent.as_ref());
        match (&self.agent, of_token) {
            (Some(asked), Some(of_token)) if asked != of_token => {
                let message = format!(
                    "the token is for the agent class `{}`",
                    say::foreign(of_token, 128)
                );
                Err(Failure::unusable("list.agent", message)
                    .help("leave `--agent` out, or name that class"))
            }
            (Some(agent), _) | (None, Some(agent)) => Ok(agent.clone()),
            (None, None) => Err(
                Failure::unusable("list.agent", "the token names no agent class")
                    .help("give `--agent CLASS`"),
            ),
        }
    }
}

fn is_empty(listing: &Listing) -> bool {
    listing.actions.iter().all(|action| action.ways.is_empty())
}

fn no_manifest(policy: &Provable, agent: &str) -> Failure {
    let known = policy.agents().join("`, `");
    let message = format!(
        "the policy has no manifest for the agent class `{}`",
        say::foreign(agent, 128)
    );
    Failure::unusable("manifest.none", message)
        .help(format!("agent classes with a manifest: `{known}`"))
}

fn strange(error: &ProveError) -> Failure {
    Failure::tool(error.code, error.message.as_str())
}

/// What a token could ever allow, by action, in words. The token is not verified.
pub(crate) fn offers(bundle: &[u8], token: &str) -> Result<BTreeMap<String, String>, Failure> {
    let held = held_by(token)?;
    let agent = held.agent.clone().unwrap_or_default();
    let provable = Provable::read(bundle.to_vec(), true).map_err(|error| strange(&error))?;
    let mut failed = None;
    let mut rule = |asked: &Asked<'_>| {
        let ruling = judge(&provable, None, &agent, asked);
        ruling.unwrap_or_else(|error| {
            failed = Some(error);
            Ruling::default()
        })
    };
    let listing = list::list(&provable.bundle(), &agent, &held.blocks, &mut rule);
    if let Some(error) = failed {
        return Err(strange(&error));
    }
    let listing = listing.ok_or_else(|| no_manifest(&provable, &agent))?;
    let usable = listing.actions.iter().filter(|one| !one.ways.is_empty());
    Ok(usable
        .map(|one| (one.name.clone(), show::in_words(one)))
        .collect())
}

fn held(input: &Input) -> Result<Held, Failure> {
    held_by(&tokens::read(input)?)
}

fn held_by(token: &str) -> Result<Held, Failure> {
    let chain = tokens::Chain::decode(token)?;
    let mut held = Held {
        agent: None,
        blocks: Vec::new(),
        expires: None,
    };
    for block in &chain.blocks {
        let (_, content) = block.documents()?;
        let claims = content.root();
        held.blocks
            .push(claims::capabilities(claims).map(list::value).collect());
        let agent = claims
            .get("agent")
            .and_then(|agent| agent.get("uid"))
            .and_then(Json::as_str);
        held.agent = held.agent.or_else(|| agent.map(str::to_owned));
        let expires = claims.get("exp").and_then(Json::as_int);
        held.expires = held.expires.into_iter().chain(expires).min();
    }
    Ok(held)
}

/// First what action, power and the like decide; then the solver, where it is asked.
fn judge(
    policy: &Provable,
    solver: Option<&mut Solver>,
    agent: &str,
    asked: &Asked<'_>,
) -> Result<Ruling, ProveError> {
    let rails = policy.rails(&Call {
        agent,
        action: asked.action,
        power: asked.power.name(),
        purpose: asked.purpose,
        datatype: asked.datatype,
    });
    let mut ruling = Ruling {
        never: None,
        may_forbid: rails.may_forbid.clone(),
    };
    if rails.never() {
        ruling.never = Some(show::why(policy, &rails));
    } else if let Some(solver) = solver
        && let Verdict::Fails(..) = ever_allowed(solver, policy, agent, asked)?.verdict
    {
        ruling.never =
            Some("manifest and guard rails together allow no such request: proved".to_owned());
    }
    Ok(ruling)
}

fn ever_allowed(
    solver: &mut Solver,
    policy: &Provable,
    agent: &str,
    asked: &Asked<'_>,
) -> Result<Outcome, ProveError> {
    let spot = Spot {
        file: String::new(),
        line: 0,
        span: 0..0,
    };
    let property = Property {
        name: "some request is allowed".to_owned(),
        spot: spot.clone(),
        agents: vec![agent.to_owned()],
        actions: vec![asked.action.to_owned()],
        powers: vec![asked.power],
        claim: Claim::Possible(Expression {
            text: "true".to_owned(),
            spot,
            start: None,
        }),
    };
    let mut since = |_: &str| Ok(policy.clone());
    prove(solver, policy, &property, &mut since, &mut |_| {})
}
