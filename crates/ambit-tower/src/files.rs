//! The files of a guarded service.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambit_gateway::{
    Desk, Enrolments, Fault, Fetching, Origin, Place, Point, Policy, Source, Statements,
};
use ambit_host::audit::{Clock, system_clock};
use ambit_host::ledger::{self, Consume};
use ambit_host::proposals::Proposals;
use ambit_host::{Enforcer, FileVersions, Journal};

/// What a guard decides by, and what its decisions leave behind.
pub struct Files {
    source: Source,
    ledger: PathBuf,
    statements: Vec<PathBuf>,
    enrolments: Option<PathBuf>,
    pub(crate) proposals: Option<PathBuf>,
    journal: Option<Arc<dyn Journal>>,
    clock: Clock,
}

impl Files {
    /// The signed policy, the public keys whose signatures count, the memory of versions (so that no older policy comes
    /// back), and the ledger of what was used up, which services of one audience share.
    #[must_use]
    pub fn new(
        policy: impl AsRef<Path>,
        keys: impl AsRef<Path>,
        seen: impl AsRef<Path>,
        ledger: impl AsRef<Path>,
    ) -> Self {
        Self {
            source: Source {
                module: Origin::Path(policy.as_ref().to_owned()),
                signature: None,
                trust: keys.as_ref().to_owned(),
                uid: None,
                seen: Arc::new(FileVersions::new(seen.as_ref())),
            },
            ledger: ledger.as_ref().to_owned(),
            statements: Vec::new(),
            enrolments: None,
            proposals: None,
            journal: None,
            clock: system_clock(),
        }
    }

    /// Fetches the policy from an address instead, again and again, and keeps the last good one.
    #[must_use]
    pub fn fetched(mut self, fetching: Fetching) -> Self {
        self.source.module = Origin::Address(fetching);
        self
    }

    /// Refuses every other policy than this.
    #[must_use]
    pub fn uid(mut self, uid: impl Into<String>) -> Self {
        self.source.uid = Some(uid.into());
        self
    }

    /// A file with revocation epochs, read again when it changes.
    #[must_use]
    pub fn statements(mut self, file: impl AsRef<Path>) -> Self {
        self.statements.push(file.as_ref().to_owned());
        self
    }

    /// The folder of the enrolments of people's keys.
    #[must_use]
    pub fn enrolments(mut self, folder: impl AsRef<Path>) -> Self {
        self.enrolments = Some(folder.as_ref().to_owned());
        self
    }

    /// The folder in which calls that lack only a person's yes wait for people. Without one no call is proposed.
    #[must_use]
    pub fn proposals(mut self, folder: impl AsRef<Path>) -> Self {
        self.proposals = Some(folder.as_ref().to_owned());
        self
    }

    /// The log of decisions, an `AuditLog` for example. Without one nothing is written down.
    #[must_use]
    pub fn log(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// What time it is, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Where the decisions are made.
    pub(crate) fn point(self, place: Place) -> Result<Point, Fault> {
        let now = (self.clock)();
        let policy = Policy::open(self.source, now)?;
        let ledger = ledger::open(&self.ledger)
            .map_err(|error| Fault::new(error.code(), error.to_string()).at(&self.ledger))?;
        let versions = policy.versions();
        let mut enforcer = Enforcer::new()
            .with("consume", Consume::new(Arc::new(ledger)))
            .remember(versions.clone());
        if let Some(folder) = &self.proposals {
            let desk = Desk::open(folder, &place.audience)?;
            enforcer = enforcer.with("approve", Proposals::new(desk));
        }
        if let Some(journal) = self.journal {
            enforcer = enforcer.log(journal);
        }
        Ok(Point {
            policy: Arc::new(policy),
            statements: Arc::new(Statements::open(self.statements)?),
            enrolments: Arc::new(Enrolments::open(self.enrolments, now)?),
            enforcer,
            versions,
            holder: None,
            place,
            clock: self.clock,
            shadow: None,
        })
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files")
            .field("source", &self.source)
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}
