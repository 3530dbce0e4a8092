//! The `approve` obligation: a proposed call is put before people.
//!
//! A `propose` request is allowed with this obligation, and it is all that happens then: the text
//! of exactly one call goes to those who must say yes. [`Proposals`] reads it strictly and gives it
//! to a [`Desk`]: an embedder's way to people, or an [`Inbox`] from which they take it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ambit_core::json::{Json, Kind};
use ambit_token::base64url;
use sha2::{Digest as _, Sha256};

use crate::enforce::{Discharge, NotDischarged, Obligation, Turn};

/// One call that waits for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The action digest: what receipts must be bound to (base64url).
    pub binding_s256: String,
    /// The risk that people are told, and that receipts must name.
    pub risk_tier: String,
    /// What they are shown, word for word.
    pub text: String,
    /// SHA-256 of the text (base64url), for `display` in receipts.
    pub text_s256: String,
    /// The language of the text.
    pub locale: String,
    /// What rendered it.
    pub renderer: String,
    /// Whose yes is needed: all of these.
    pub approvals: Vec<Approvers>,
    /// When it was proposed (seconds since 1970, UTC).
    pub at: i64,
}

/// How many of `approvers` must approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approvers {
    /// Their `sub`.
    pub approvers: Vec<String>,
    /// How many of them.
    pub count: i64,
}

/// Where proposals go.
pub trait Desk: Send + Sync {
    /// Takes a proposal, so that it reaches the people it names. The same one may come again.
    ///
    /// # Errors
    ///
    /// Why it cannot be taken: the answer to the agent is no then.
    fn put(&self, proposal: Proposal) -> Result<(), String>;
}

impl<D: Desk + ?Sized> Desk for Arc<D> {
    fn put(&self, proposal: Proposal) -> Result<(), String> {
        (**self).put(proposal)
    }
}

/// Discharges `approve`, in the last [`Turn`]: nobody is asked about a call whose proof was used
/// before.
pub struct Proposals<D>(D);

impl<D: Desk> Proposals<D> {
    /// A handler for [`Enforcer::with`](crate::Enforcer::with).
    pub const fn new(desk: D) -> Self {
        Self(desk)
    }
}

impl<D> fmt::Debug for Proposals<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proposals").finish_non_exhaustive()
    }
}

impl<D: Desk> Discharge for Proposals<D> {
    fn discharge(&self, obligation: &Obligation<'_>) -> Result<(), NotDischarged> {
        let proposal = obligation
            .now
            .and_then(|now| read(obligation.ext, now))
            .ok_or_else(|| NotDischarged::new("the proposal cannot be read"))?;
        self.0.put(proposal).map_err(NotDischarged::new)
    }

    fn turn(&self) -> Turn {
        Turn::Tell
    }
}

/// Proposals in the order in which they came, until somebody takes them. Each call is kept once.
#[derive(Debug)]
pub struct Inbox {
    most: usize,
    waiting: Mutex<VecDeque<Proposal>>,
}

impl Inbox {
    /// An inbox for at most so many proposals. A full one takes no more: what nobody will see is
    /// no proposal.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            waiting: Mutex::new(VecDeque::new()),
        }
    }

    /// The oldest that waits.
    pub fn take(&self) -> Option<Proposal> {
        self.lock().pop_front()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Proposal>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk for Inbox {
    fn put(&self, proposal: Proposal) -> Result<(), String> {
        let mut waiting = self.lock();
        let same = |one: &Proposal| one.binding_s256 == proposal.binding_s256;
        if waiting.iter().any(same) {
            return Ok(());
        }
        if waiting.len() >= self.most {
            return Err(format!("{} proposals wait already", waiting.len()));
        }
        waiting.push_back(proposal);
        Ok(())
    }
}

/// A member that is not known could change what the others mean. The text must be the one that its
/// digest names, for receipts name the digest.
fn read(ext: Json<'_>, at: i64) -> Option<Proposal> {
    let display = ext.get("display").filter(|display| display.len() == 4)?;
    let approvals = ext.get("approvals").filter(|list| !list.is_empty())?;
    if ext.len() != 4 || approvals.kind() != Kind::Array {
        return None;
    }
    let text = own(display, "text")?;
    let text_s256 = own(display, "text_s256")?;
    if base64url::encode(&Sha256::digest(&text)) != text_s256 {
        return None;
    }
    Some(Proposal {
        binding_s256: own(ext, "binding_s256")?,
        risk_tier: own(ext, "risk_tier")?,
        text,
        text_s256,
        locale: own(display, "locale")?,
        renderer: own(display, "renderer")?,
        approvals: approvals.elements().map(approvers).collect::<Option<_>>()?,
        at,
    })
}

fn approvers(need: Json<'_>) -> Option<Approvers> {
    let list = need.get("approvers").filter(|list| !list.is_empty())?;
    let count = need.get("count")?.as_int().filter(|count| *count >= 1)?;
    if need.len() != 2 || list.kind() != Kind::Array {
        return None;
    }
    let names = list.elements().map(|name| name.as_str().map(str::to_owned));
    Some(Approvers {
        approvers: names.collect::<Option<_>>()?,
        count,
    })
}

fn own(object: Json<'_>, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}
