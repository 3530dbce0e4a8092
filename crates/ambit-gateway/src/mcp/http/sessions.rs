//! Sessions over HTTP. None is a login: each request shows its token, and a session only to whom it belongs.

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use ambit_host::Standing;
use ambit_token::base64url;

use super::super::session::{Session, lock};
use super::super::{Connect, Gateway};
use super::streams::Streams;
use crate::untaken::Untaken;

/// Sessions at one time: each may be a process. And of one holder.
const SESSIONS: usize = 64;
const OF_ONE: usize = 8;
/// Of one person by one agent: who narrows a token has another key.
const OF_KIN: usize = 16;
/// For so long nobody needs one.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// The same of one that its owner has another for, once its server has answered all.
const RETIRED: Duration = Duration::from_secs(60);
/// Requests of one session that wait for their turn, and of one holder without any.
const TURNS: usize = 4;
const SHARED_TURNS: usize = 16;

/// Whose a session is: who holds the key, for whom, as which agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    holder: Option<String>,
    issuer: String,
    sub: String,
    agent: String,
}

impl Owner {
    /// Whoever reaches an endpoint that holds the token itself.
    pub(super) const fn beside() -> Self {
        Self {
            holder: None,
            issuer: String::new(),
            sub: String::new(),
            agent: String::new(),
        }
    }

    /// Of which person it is, by which agent.
    fn kin(&self) -> String {
        format!("{:?}", (&self.issuer, &self.sub, &self.agent))
    }

    /// Whether both are of one person, by one agent.
    fn is_kin(&self, other: &Self) -> bool {
        (&self.issuer, &self.sub, &self.agent) == (&other.issuer, &other.sub, &other.agent)
    }
}

impl From<&Standing> for Owner {
    fn from(standing: &Standing) -> Self {
        Self {
            holder: standing.holder.clone(),
            issuer: standing.issuer.clone(),
            sub: standing.sub.clone(),
            agent: standing.agent.clone(),
        }
    }
}

/// One that is open.
pub(super) struct Live {
    owner: Owner,
    pub(super) session: Arc<Session>,
    pub(super) streams: Arc<Streams>,
    /// All requests of its owner that belong to no session share it (2026-07-28).
    is_shared: bool,
    /// Set when its server has said that it speaks that revision.
    pub(super) is_modern: OnceLock<()>,
    /// Its owner has another one now: what is under way comes to its end, and nothing more is asked of it.
    is_retired: AtomicBool,
    count: AtomicU64,
    turn: Mutex<()>,
    turns: AtomicUsize,
    used: Mutex<Instant>,
    guard: Mutex<Option<Box<dyn Send>>>,
}

impl Live {
    /// Does something alone: a session hears one message after the other. `None`: too many wait for that.
    pub(super) fn in_turn<T>(&self, run: impl FnOnce() -> T) -> Option<T> {
        self.touch();
        let most = if self.is_shared { SHARED_TURNS } else { TURNS };
        let waiting = Waiting::enter(&self.turns, most)?;
        let turn = lock(&self.turn);
        let done = run();
        self.touch();
        drop((turn, waiting));
        Some(done)
    }

    /// It is needed now.
    pub(super) fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// An id that no other request of it has.
    pub(super) fn next(&self) -> String {
        format!("r-{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes back the requests whose callers have hung up.
    fn take_back(&self) {
        for id in self.streams.hung_up() {
            self.session.take_back(&id);
        }
    }

    /// Whether it is one for whatever its owner asks next.
    fn is_for_all(&self) -> bool {
        self.is_shared && !self.is_retired.load(Ordering::SeqCst)
    }

    /// Whether a request under way whose caller has gone could stand in the way of others for ever.
    fn is_blocked(&self) -> bool {
        self.session.is_blocked(|id| self.streams.waits(id))
    }

    fn is_idle(&self) -> bool {
        self.turns.load(Ordering::SeqCst) == 0 && self.streams.is_idle()
    }

    /// Ends it, with its server. Waits for nothing; whoever wants to joins the thread.
    fn end(&self) -> Option<thread::JoinHandle<()>> {
        let guard = lock(&self.guard).take();
        let session = Arc::clone(&self.session);
        // A server may take its time; without a thread it is ended here.
        let ending = thread::Builder::new().name("end of session".to_owned());
        let ended = ending.spawn(move || {
            session.close();
            drop(guard);
        });
        ended.ok()
    }
}

/// One that waits for its turn, or has it.
struct Waiting<'t>(&'t AtomicUsize);

impl<'t> Waiting<'t> {
    fn enter(turns: &'t AtomicUsize, most: usize) -> Option<Self> {
        let before = turns.fetch_add(1, Ordering::SeqCst);
        // Dropped where there are too many, and so not counted.
        Some(Self(turns)).filter(|_| before < most)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// All of them. Their servers end at one time when this does.
#[derive(Default)]
pub(super) struct Sessions {
    all: Mutex<BTreeMap<String, Arc<Live>>>,
    untaken: Arc<Untaken>,
}

impl Sessions {
    /// Opens one, with a server of its own. `Ok(None)`: there are too many.
    pub(super) fn open(
        &self,
        gateway: &Arc<Gateway>,
        connect: &dyn Connect,
        owner: Owner,
        is_shared: bool,
    ) -> io::Result<Option<(String, Arc<Live>)>> {
        let mut all = lock(&self.all);
        all.retain(|_, live| stays(live));
        let mut shared = all
            .iter()
            .filter(|(_, live)| is_shared && live.is_for_all());
        if let Some((id, live)) = shared.find(|(_, live)| live.owner == owner) {
            if !live.is_blocked() {
                return Ok(Some((id.clone(), Arc::clone(live))));
            }
            live.is_retired.store(true, Ordering::SeqCst);
        }
        if !has_room(&mut all, &owner) || all.len() >= SESSIONS {
            return Ok(None);
        }
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let id = base64url::encode(&random);
        let link = connect.connect()?;
        let streams = Arc::new(Streams::new(self.untaken.of(owner.kin())));
        let client = Arc::clone(&streams);
        let session = Arc::new(Session::new(Arc::clone(gateway), client, link.to)?);
        let live = Arc::new(Live {
            owner,
            session: Arc::clone(&session),
            streams,
            is_shared,
            is_modern: OnceLock::new(),
            is_retired: AtomicBool::new(false),
            count: AtomicU64::new(0),
            turn: Mutex::default(),
            turns: AtomicUsize::new(0),
            used: Mutex::new(Instant::now()),
            guard: Mutex::new(Some(link.guard)),
        });
        let from = link.from;
        thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                session.read_server(BufReader::new(from));
                session.close();
            })?;
        all.insert(id.clone(), Arc::clone(&live));
        Ok(Some((id, live)))
    }

    /// The session of this id, if it is theirs.
    pub(super) fn find(&self, id: &str, owner: &Owner) -> Option<Arc<Live>> {
        let all = lock(&self.all);
        let live = all
            .get(id)
            .filter(|live| is_open(live) && !live.is_shared && live.owner == *owner);
        live.map(Arc::clone)
    }

    /// Whether there is one of this id, whoever asks.
    pub(super) fn knows(&self, id: &str) -> bool {
        lock(&self.all).contains_key(id)
    }

    /// Ends one.
    pub(super) fn end(&self, id: &str) {
        if let Some(live) = lock(&self.all).remove(id) {
            drop(live.end());
        }
    }

    /// Ends this one.
    pub(super) fn end_shared(&self, live: &Live) {
        lock(&self.all).retain(|_, one| {
            let is_it = std::ptr::eq(&raw const **one, live);
            if is_it {
                drop(one.end());
            }
            !is_it
        });
    }

    /// Ends what nobody needs any more, requests too.
    pub(super) fn expire(&self) {
        let all: Vec<Arc<Live>> = lock(&self.all).values().map(Arc::clone).collect();
        all.iter().for_each(|live| live.take_back());
        lock(&self.all).retain(|_, live| stays(live));
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        let all = std::mem::take(&mut *lock(&self.all));
        let ending: Vec<_> = all.values().filter_map(|live| live.end()).collect();
        for one in ending {
            // One that panicked has ended.
            drop(one.join());
        }
    }
}

/// Whether its owner may have one more, for which their own may have to end.
fn has_room(all: &mut BTreeMap<String, Arc<Live>>, owner: &Owner) -> bool {
    let own = all.values().filter(|live| live.owner == *owner).count();
    let kin = all.values().filter(|live| live.owner.is_kin(owner)).count();
    if own >= OF_ONE || kin >= OF_KIN {
        // Who comes back without having said goodbye takes the place of their own.
        let theirs = |live: &Live| match own >= OF_ONE {
            true => live.owner == *owner,
            false => live.owner.is_kin(owner),
        };
        let idle = all
            .iter()
            .filter(|(_, live)| theirs(live) && live.is_idle());
        let is_retired = |live: &Live| live.is_retired.load(Ordering::SeqCst);
        let oldest = idle.min_by_key(|(_, live)| (!is_retired(live), *lock(&live.used)));
        let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
            return false;
        };
        if let Some(live) = all.remove(&oldest) {
            drop(live.end());
        }
    }
    true
}

/// Whether somebody may need it. Where not, it is ended.
fn stays(live: &Arc<Live>) -> bool {
    let is_over = live.is_retired.load(Ordering::SeqCst) && !live.is_blocked();
    let most = if is_over { RETIRED } else { IDLE };
    let is_old = lock(&live.used).elapsed() > most && live.is_idle();
    let stays = is_open(live) && !is_old;
    if !stays {
        drop(live.end());
    }
    stays
}

fn is_open(live: &Arc<Live>) -> bool {
    !live.session.has_ended()
}
