//! Pings to agents. One thread looks who is to be told, and a few others tell them: no more than one for each host, and
//! whoever was told last stands behind. So a host that is slow holds up its own pings, and nobody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::Transaction;

use super::{LOOK, PING, Teller, now};
use crate::config::origin;
use crate::refusal::Refusal;
use crate::store::texts;

/// Hosts that are told at one time.
const AT_ONE_TIME: usize = 8;

/// The hosts that are told now.
#[derive(Debug, Default)]
struct Hosts {
    now: Mutex<BTreeSet<String>>,
    done: Condvar,
}

/// One of them, until this ends.
#[derive(Debug)]
struct Place {
    hosts: Arc<Hosts>,
    host: String,
}

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// This host is told already.
    Host,
    All,
}

impl Hosts {
    fn take(self: &Arc<Self>, host: &str) -> Result<Place, Taken> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.contains(host) {
            return Err(Taken::Host);
        }
        if now.len() >= AT_ONE_TIME {
            return Err(Taken::All);
        }
        now.insert(host.to_owned());
        Ok(Place {
            hosts: Arc::clone(self),
            host: host.to_owned(),
        })
    }

    /// Until one of them is done, at most so long.
    fn wait(&self, time: Duration) {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.done.wait_timeout(now, time));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let now = self.hosts.now.lock();
        now.unwrap_or_else(PoisonError::into_inner)
            .remove(&self.host);
        self.hosts.done.notify_one();
    }
}

/// Pings agents from now on, until the process ends.
pub(super) fn start(teller: Arc<Teller>) {
    thread::spawn(move || {
        let hosts = Arc::new(Hosts::default());
        let mut last = BTreeMap::new();
        loop {
            if let Err(refusal) = look(&teller, &hosts, &mut last) {
                (teller.say)(&format!("{} [{}]", refusal.detail, refusal.code));
            }
            hosts.wait(LOOK);
        }
    });
}

/// Begins to tell whoever is to be told and has a place. `last`: in which order they were told, at most one for each client.
fn look(
    teller: &Arc<Teller>,
    hosts: &Arc<Hosts>,
    last: &mut BTreeMap<String, u64>,
) -> Result<(), Refusal> {
    teller.share_out()?;
    let mut targets = teller.store.step(due)?;
    let turn = |last: &BTreeMap<String, u64>, target: &String| last.get(target).copied();
    targets.sort_by_key(|target| turn(last, target));
    for target in targets {
        let client = target.strip_prefix(PING).unwrap_or_default();
        let client = teller.config.client(client);
        let url = client.and_then(|client| client.notified_at.as_deref());
        let place = match hosts.take(url.map_or(&target, origin)) {
            Ok(place) => place,
            Err(Taken::Host) => continue,
            Err(Taken::All) => break,
        };
        let next = last.values().max().map_or(1, |last| last.saturating_add(1));
        last.insert(target.clone(), next);
        let own = Arc::clone(teller);
        let tells = thread::Builder::new().spawn(move || {
            if let Err(refusal) = own.tell(&target) {
                (own.say)(&format!("{} [{}]", refusal.detail, refusal.code));
            }
            drop(place);
        });
        if tells.is_err() {
            break;
        }
    }
    Ok(())
}

/// Clients that are to be told something now.
fn due(tables: &Transaction<'_>) -> Result<Vec<String>, Refusal> {
    let sql = "SELECT DISTINCT target FROM outgoing
        WHERE substr(target, 1, 5) = 'ping:' AND next <= ?1 ORDER BY target";
    texts(tables, sql, [now()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_one_place_and_there_are_few() {
        let hosts = Arc::new(Hosts::default());
        let mut places: Vec<Place> = (0..AT_ONE_TIME)
            .map(|number| hosts.take(&format!("https://{number}.example")).unwrap())
            .collect();
        let taken = |host: &str| hosts.take(host).map(drop);
        assert_eq!(taken("https://0.example"), Err(Taken::Host));
        assert_eq!(taken("https://new.example"), Err(Taken::All));
        places.clear();
        assert_eq!(taken("https://new.example"), Ok(()));
        assert_eq!(taken("https://new.example"), Ok(()), "it was given back");
    }
}
