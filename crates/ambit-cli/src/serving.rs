//! What every service of the command needs: a policy that follows its file, what was used up, a log.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ambit_compiler::conceal;
use ambit_gateway::forward::Forward;
use ambit_gateway::http::Service;
use ambit_gateway::{
    Desk, Enrolments, Fault, Listen, Place, Point, Policy, Say, Shadow, Statements, Tls,
};
use ambit_host::ledger::{self, Consume, Lender, PostgresLedger};
use ambit_host::proposals::Proposals;
use ambit_host::{Discharge, Enforcer, NotDischarged, Obligation, StatementVersions};
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::fetching::FetchingArgs;
use crate::log::{self, Logging};
use crate::module::Trusting;
use crate::say;

/// A policy, and what its decisions leave behind.
#[derive(Debug, Args)]
pub(crate) struct Serving {
    /// The policy module, or its bundle; or a folder of them, of which the highest version of --uid
    /// decides. It is loaded again when a file changes. Or an address, which is asked again and again:
    /// `https://HOST/policy.wasm`, `oci://HOST/NAME:TAG`, `oci://HOST/NAME@sha256:DIGEST`
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    #[command(flatten)]
    fetching: FetchingArgs,
    #[command(flatten)]
    trusting: Trusting,
    /// A second policy (a file, a folder or an address) that is asked the same beside the first. What it would
    /// answer otherwise is counted and told; it changes nothing
    #[arg(long, value_name = "FILE")]
    shadow: Option<PathBuf>,
    /// Where these counts are written, for `ambit shadow`
    #[arg(long, value_name = "FILE", requires = "shadow")]
    shadow_report: Option<PathBuf>,
    /// What was used up, an SQLite file: budgets, proofs, receipts. Services of one audience share it; on several
    /// machines it is a PostgreSQL database, `postgres://USER@HOST/DATABASE` (docs/ledger.md)
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// A file with revocation epochs, read again when it changes; may be given several times
    #[arg(long, value_name = "FILE")]
    statements: Vec<PathBuf>,
    /// The folder in which enrolments of people's keys are laid down, one a file (`ambit enrol`)
    #[arg(long, value_name = "DIR")]
    enrolments: Option<PathBuf>,
    /// The folder in which proposals wait for people; without one no call is proposed
    #[arg(long, value_name = "DIR")]
    proposals: Option<PathBuf>,
    #[command(flatten)]
    logging: Logging,
}

/// Whether TLS is spoken to clients.
#[derive(Debug, Args)]
pub(crate) struct Showing {
    /// The certificate that is shown to clients, and those that lead to its authority (PEM). It is read again when it
    /// changes. Without one, TLS is for what stands in front
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl Showing {
    /// To listen at this address.
    pub(crate) fn at(&self, at: SocketAddr) -> Result<Listen, Failure> {
        let files = self.tls_cert.as_ref().zip(self.tls_key.as_ref());
        let tls = files.map(|(certificate, key)| Tls::open(certificate, key, say()));
        let tls = tls.transpose().map_err(|fault| unusable(&fault))?;
        Ok(Listen { at, tls })
    }
}

/// Serves until it is told to end. `doing` says what is done at the address.
pub(crate) fn listen(
    listen: impl Into<Listen>,
    service: impl Service,
    doing: &str,
) -> Result<Exit, Failure> {
    let listen = listen.into();
    let at = listen.at;
    let scheme = if listen.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let bound = |address| say::note(format!("{doing} at {scheme}://{address}"));
    ended(at, ambit_gateway::serve(listen, service, bound))
}

/// Answers Envoy over gRPC until it is told to end.
pub(crate) fn listen_grpc(at: SocketAddr, service: Forward, doing: &str) -> Result<Exit, Failure> {
    let bound = |address| say::note(format!("{doing} at grpc://{address}"));
    ended(at, ambit_gateway::serve_grpc(at, service, bound))
}

fn ended(at: SocketAddr, served: io::Result<()>) -> Result<Exit, Failure> {
    served.map_err(|error| {
        let message = format!("cannot serve at {at}: {error}");
        Failure::tool("serve.listen", message)
    })?;
    Ok(Exit::Done)
}

/// Serves beside what is served then, until the process ends.
pub(crate) fn listen_beside(
    at: SocketAddr,
    service: impl Service,
    doing: &'static str,
) -> Result<(), Failure> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let bound = tell.clone();
        let served = ambit_gateway::serve(at, service, move |address| {
            say::note(format!("{doing} at http://{address}"));
            let _ = bound.send(None);
        });
        let _ = tell.send(served.err());
    });
    match told.recv() {
        Ok(Some(error)) => {
            let message = format!("cannot serve at {at}: {error}");
            Err(Failure::tool("serve.listen", message))
        }
        _ => Ok(()),
    }
}

impl Serving {
    /// The policy, loaded for the first time.
    pub(crate) fn policy(&self) -> Result<Policy, Failure> {
        let source = self
            .trusting
            .source(&self.module, &self.fetching, self.shadow.as_deref())?;
        Policy::open(source, self.trusting.now()).map_err(|fault| unusable(&fault))
    }

    /// Whether calls can be put before people.
    pub(crate) const fn proposes(&self) -> bool {
        self.proposals.is_some()
    }

    /// Where the decisions are made, for what stands at `place`. `holder` is the file of the key with which
    /// tokens are held.
    pub(crate) fn point(
        &self,
        policy: Policy,
        place: Place,
        holder: Option<&PathBuf>,
    ) -> Result<Point, Failure> {
        self.consuming(policy, place, holder, Consume::new(self.ledger()?))
    }

    /// What was used up.
    pub(crate) fn ledger(&self) -> Result<Arc<Box<dyn Lender>>, Failure> {
        let ledger = self.ledger.as_ref().ok_or_else(|| {
            let message = "a budget that is forgotten when the process starts again is none";
            Failure::unusable("serve.ledger", message).help("name the file of the ledger: --ledger")
        })?;
        let place = ledger.to_string_lossy();
        if place.contains("://") && PostgresLedger::has_password(&place) {
            let message = "others on this machine can read a password on a command line";
            return Err(Failure::unusable("serve.ledger", message)
                .help("leave it out of --ledger and set PGPASSWORD, or let the server know the user by the socket"));
        }
        let opened = ledger::open(ledger)
            .map_err(|error| Failure::unusable(error.code(), error.to_string()).at(ledger))?;
        Ok(Arc::new(opened))
    }

    /// The same in front of a service that checks as well: it alone uses up what a call costs.
    pub(crate) fn point_before(&self, policy: Policy, place: Place) -> Result<Point, Failure> {
        if let Some(ledger) = &self.ledger {
            let message = "the service behind uses up what a call costs (`service_checks`), and with a ledger the gateway would as well";
            return Err(Failure::unusable("serve.ledger", message)
                .at(ledger)
                .help("leave out --ledger, or `service_checks` where the service does not check"));
        }
        self.consuming(policy, place, None, Behind)
    }

    fn consuming(
        &self,
        policy: Policy,
        place: Place,
        holder: Option<&PathBuf>,
        consume: impl Discharge + 'static,
    ) -> Result<Point, Failure> {
        let versions = policy.versions();
        let statements = Statements::open(self.statements.clone());
        let enrolments = Enrolments::open(self.enrolments.clone(), self.trusting.now());
        let remembered: Arc<dyn StatementVersions> = versions.clone();
        let mut enforcer = Enforcer::new()
            .with("consume", consume)
            .remember(remembered);
        if let Some(folder) = &self.proposals {
            let desk = Desk::open(folder, &place.audience).map_err(|fault| unusable(&fault))?;
            enforcer = enforcer.with("approve", Proposals::new(desk));
        }
        if let Some(journal) = self.logging.journal(self.trusting.clock())? {
            enforcer = enforcer.log(Arc::new(journal));
        }
        let mut point = Point {
            policy: Arc::new(policy),
            statements: Arc::new(statements.map_err(|fault| unusable(&fault))?),
            enrolments: Arc::new(enrolments.map_err(|fault| unusable(&fault))?),
            enforcer,
            versions,
            holder: holder.map(|key| log::signer(key)).transpose()?,
            place,
            clock: self.trusting.clock(),
            shadow: None,
        };
        point.tell_zones(&say());
        point.shadow = self.shadow(&point)?;
        Ok(point)
    }
}

impl Serving {
    /// What is asked beside.
    fn shadow(&self, point: &Point) -> Result<Option<Shadow>, Failure> {
        let Some(module) = &self.shadow else {
            return Ok(None);
        };
        let source = self
            .trusting
            .source_beside(module, &self.fetching, point.policy.uid())?;
        let policy = match Policy::open(source, self.trusting.now()) {
            Ok(policy) => policy,
            // What only looks on keeps nobody from working.
            Err(fault) if is_away(&fault) => {
                say::note(format!(
                    "shadow: no second policy is asked until this service starts again: {}: {}",
                    fault.code(),
                    fault.message()
                ));
                return Ok(None);
            }
            Err(fault) => return Err(unusable(&fault)),
        };
        let (is, would) = (point.policy.version(), policy.version());
        let report = self.shadow_report.clone();
        let shadow = Shadow::beside(point, policy, report, say());
        say::note(format!(
            "shadow: version {would} is asked beside version {is}"
        ));
        Ok(Some(shadow))
    }
}

/// Whether a policy cannot be had now, and nothing is wrong with what was asked for.
fn is_away(fault: &Fault) -> bool {
    ["module.expired", "store.answer", "store.reach"].contains(&fault.code())
}

/// What a call costs is used up by the service behind, next to the action.
struct Behind;

impl Discharge for Behind {
    fn discharge(&self, _: &Obligation<'_>) -> Result<(), NotDischarged> {
        Ok(())
    }
}

/// Why a service does not start.
pub(crate) fn unusable(fault: &Fault) -> Failure {
    let failure = Failure::unusable(fault.code(), fault.message());
    let failure = match fault.place() {
        Some(place) => failure.at(place),
        None => failure,
    };
    match crate::advice::find(fault.code()) {
        Some(advice) => failure.help(advice.action),
        None => failure,
    }
}

/// What a service says to its operator: foreign text in it cannot move the cursor, and keys are starred.
pub(crate) fn say() -> Say {
    Arc::new(|text: &str| say::note(conceal(&say::foreign(text, 2000))))
}
