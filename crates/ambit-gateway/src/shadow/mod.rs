//! A second policy that is asked the same beside the first. It changes nothing: no answer, no charge, no log.

mod counts;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use ambit_host::Enforcer;

use crate::point::{Call, Point, Possession, Say};
use crate::policy::Policy;
use counts::{Counts, Verdict};

/// Calls that wait to be asked beside. Of more, those that come are counted and not asked, so that nobody waits.
const WAITING: usize = 64;
/// How often the second policy's files are looked at, and the counts written down.
const LOOK: Duration = Duration::from_millis(500);

/// The second policy. Calls are handed over, and asked on a thread of its own.
pub struct Shadow {
    sender: SyncSender<Asked>,
    unasked: Arc<AtomicU64>,
}

/// A call, and what the policy that decides said.
struct Asked {
    evaluation: String,
    token: Option<String>,
    possession: Theirs,
    approvals: Vec<String>,
    http: Option<(String, String)>,
    content: Option<String>,
    now: i64,
    version: u64,
    answer: String,
}

enum Theirs {
    Proof(Option<String>),
    Ours,
}

impl Shadow {
    /// Asks `policy` beside what decides at `point`, and keeps the counts in the file `report`, where one is named.
    #[must_use]
    pub fn beside(point: &Point, policy: Policy, report: Option<PathBuf>, say: Say) -> Self {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let now = Arc::new(AtomicI64::new((point.clock)()));
        let clock = Arc::clone(&now);
        let unasked = Arc::new(AtomicU64::new(0));
        let asking = Asking {
            // What enforces, remembers or uses up is left out.
            point: Point {
                policy: Arc::new(policy),
                statements: Arc::clone(&point.statements),
                enrolments: Arc::clone(&point.enrolments),
                enforcer: Enforcer::new(),
                versions: Arc::clone(&point.versions),
                holder: point.holder.clone(),
                place: point.place.clone(),
                clock: Box::new(move || clock.load(Ordering::Relaxed)),
                shadow: None,
            },
            now,
            counts: Counts::default(),
            report,
            unasked: Arc::clone(&unasked),
            say,
            unwritten: None,
        };
        thread::spawn(move || asking.run(&receiver));
        Self { sender, unasked }
    }

    /// Hands a call over. It waits for nothing.
    pub(crate) fn ask(&self, call: &Call<'_>, (now, version): (i64, u64), answer: &str) {
        let asked = Asked {
            evaluation: call.evaluation.to_owned(),
            token: call.token.map(str::to_owned),
            possession: match call.possession {
                Possession::Theirs(proof) => Theirs::Proof(proof.map(str::to_owned)),
                Possession::Ours => Theirs::Ours,
            },
            approvals: call.approvals.to_vec(),
            http: call
                .http
                .map(|(method, url)| (method.to_owned(), url.to_owned())),
            content: call.content.map(str::to_owned),
            now,
            version,
            answer: answer.to_owned(),
        };
        if self.sender.try_send(asked).is_err() {
            self.unasked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Shadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shadow").finish_non_exhaustive()
    }
}

/// The thread that asks.
struct Asking {
    point: Point,
    /// The time at which the call was decided.
    now: Arc<AtomicI64>,
    counts: Counts,
    report: Option<PathBuf>,
    unasked: Arc<AtomicU64>,
    say: Say,
    /// The fault that was told last.
    unwritten: Option<String>,
}

impl Asking {
    fn run(mut self, receiver: &Receiver<Asked>) {
        let mut looked = std::time::Instant::now();
        self.write();
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(asked) => self.compare(&asked),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.write(),
            }
            if looked.elapsed() >= LOOK {
                looked = std::time::Instant::now();
                self.follow();
                self.write();
            }
        }
    }

    fn compare(&mut self, asked: &Asked) {
        self.now.store(asked.now, Ordering::Relaxed);
        let http = asked.http.as_ref();
        let call = Call {
            evaluation: &asked.evaluation,
            token: asked.token.as_deref(),
            possession: match &asked.possession {
                Theirs::Proof(proof) => Possession::Theirs(proof.as_deref()),
                Theirs::Ours => Possession::Ours,
            },
            approvals: &asked.approvals,
            http: http.map(|(method, url)| (method.as_str(), url.as_str())),
            content: asked.content.as_deref(),
        };
        let other = self.point.evaluate(&call);
        let (is, would) = (Verdict::of(&asked.answer), Verdict::of(&other));
        self.counts.of(asked.version, self.point.policy.version());
        let action = counts::action(&asked.evaluation);
        if let Some(words) = self.counts.add(&action, is, would, asked.now) {
            (self.say)(&words);
        }
    }

    /// Follows the second policy's own files, or its address.
    fn follow(&self) {
        match self.point.policy.refresh(self.now.load(Ordering::Relaxed)) {
            None => {}
            Some(Ok(version)) => {
                (self.say)(&format!("shadow: policy version {version} is asked now"));
            }
            Some(Err(fault)) => (self.say)(&format!(
                "shadow: policy version {} stays: {fault}",
                self.point.policy.version()
            )),
        }
        for fault in self.point.policy.take_passed_over() {
            (self.say)(&format!(
                "shadow: a file of the folder is passed over: {fault}"
            ));
        }
    }

    fn write(&mut self) {
        self.counts.unasked(self.unasked.load(Ordering::Relaxed));
        let Some(report) = &self.report else { return };
        let told = self
            .counts
            .write(report, &self.point.policy.uid())
            .err()
            .map(|error| error.to_string());
        if let Some(why) = told.as_ref().filter(|_| told != self.unwritten) {
            (self.say)(&format!("shadow: the counts cannot be written: {why}"));
        }
        self.unwritten = told;
    }
}
