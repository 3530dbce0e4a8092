//! How often an agent may ask, in all and about one person, and a person log in: buckets in memory.
//!
//! Only who has proved who they are empties one, so that nobody is shut out by somebody else. What comes without proof is
//! bounded by connections and requests at one time (`ambit_gateway::http`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ambit_gateway::Fault;
use serde::Deserialize;

use crate::config::wrong;
use crate::refusal::Refusal;

/// Requests in a minute, unless the file says otherwise: of a client, and of one about one person.
const CLIENT: u32 = 600;
const PERSON: u32 = 60;
/// The most that the file may say.
const MOST: u32 = 1_000_000;
/// Buckets that are not full; whoever comes then shares one.
const BUCKETS: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// `[limits]`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    client_per_minute: Option<u32>,
    person_per_minute: Option<u32>,
}

/// Requests in a minute; 0: as many as come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) client: u32,
    pub(crate) person: u32,
}

impl Limits {
    pub(crate) fn check(entry: &Entry) -> Result<Self, Fault> {
        let limits = Self {
            client: entry.client_per_minute.unwrap_or(CLIENT),
            person: entry.person_per_minute.unwrap_or(PERSON),
        };
        if limits.client > MOST || limits.person > MOST {
            return Err(wrong(format!(
                "`limits.client_per_minute` and `limits.person_per_minute` are at most {MOST}; 0 is no limit"
            )));
        }
        Ok(limits)
    }
}

/// Who asks.
#[derive(Debug)]
pub(crate) enum Who<'w> {
    /// A client.
    Client(&'w str),
    /// A client that asks something of a person.
    About(&'w str, &'w str),
    /// A person who logs in.
    Person(&'w str),
}

/// A bucket each. It is known by the time at which it would be full again: it holds what a minute brings.
#[derive(Debug)]
pub(crate) struct Rates {
    limits: Limits,
    buckets: Mutex<HashMap<String, Instant>>,
}

impl Rates {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            buckets: Mutex::default(),
        }
    }

    /// Takes one out, or says after how many seconds there is one.
    pub(crate) fn take(&self, who: &Who<'_>) -> Result<(), Refusal> {
        self.take_at(who, Instant::now()).map_err(|seconds| {
            let detail = format!("too many requests: try again in {seconds} s");
            Refusal::new("temporarily_unavailable", "broker.rate", detail).after(seconds)
        })
    }

    fn take_at(&self, who: &Who<'_>, now: Instant) -> Result<(), i64> {
        let (mut key, most) = match who {
            Who::Client(client) => (format!("client {client}"), self.limits.client),
            // The length keeps two pairs apart.
            Who::About(client, sub) => (
                format!("about {} {client} {sub}", client.len()),
                self.limits.person,
            ),
            Who::Person(sub) => (format!("person {sub}"), self.limits.person),
        };
        let Some(each) = MINUTE.checked_div(most) else {
            return Ok(());
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, full| *full > now);
            if buckets.len() >= BUCKETS {
                key = "others".to_owned();
            }
        }
        let full = buckets.get(&key).map_or(now, |full| (*full).max(now));
        let next = full + each;
        let over = next.saturating_duration_since(now + MINUTE);
        if !over.is_zero() {
            let seconds = over.as_secs() + u64::from(over.subsec_nanos() > 0);
            return Err(i64::try_from(seconds).unwrap_or(i64::MAX));
        }
        buckets.insert(key, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(client: u32, person: u32) -> Rates {
        Rates::new(Limits { client, person })
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let rates = rates(60, 6);
        let now = Instant::now();
        let take = |who: &Who<'_>, after: u64| rates.take_at(who, now + Duration::from_secs(after));
        for _ in 0..60 {
            assert_eq!(take(&Who::Client("a"), 0), Ok(()));
        }
        assert_eq!(take(&Who::Client("a"), 0), Err(1));
        assert_eq!(take(&Who::Client("b"), 0), Ok(()), "others have their own");
        assert_eq!(take(&Who::Client("a"), 1), Ok(()));
        assert_eq!(take(&Who::Client("a"), 1), Err(1));
        for _ in 0..6 {
            assert_eq!(take(&Who::About("a", "ann"), 0), Ok(()));
        }
        assert_eq!(take(&Who::About("a", "ann"), 0), Err(10));
        // Neither another agent nor the person is held up by that.
        for who in [
            Who::About("b", "ann"),
            Who::About("a", "bob"),
            Who::Person("ann"),
        ] {
            assert_eq!(take(&who, 0), Ok(()));
        }
        assert_eq!(take(&Who::About("a", "ann"), 10), Ok(()));
    }

    #[test]
    fn none_is_no_limit() {
        let rates = rates(0, 0);
        for _ in 0..10_000 {
            assert!(rates.take(&Who::Client("a")).is_ok());
        }
        assert!(rates.buckets.lock().unwrap().is_empty());
    }

    #[test]
    fn buckets_are_bounded() {
        let rates = rates(1, 1);
        let now = Instant::now();
        let take = |who: usize, after: u64| {
            rates.take_at(
                &Who::Person(&who.to_string()),
                now + Duration::from_secs(after),
            )
        };
        for who in 0..BUCKETS {
            assert_eq!(take(who, 0), Ok(()));
        }
        assert_eq!(take(BUCKETS, 0), Ok(()), "they share one");
        assert!(take(BUCKETS + 1, 0).is_err());
        assert!(take(7, 0).is_err(), "who was there keeps their own");
        assert!(rates.buckets.lock().unwrap().len() <= BUCKETS + 1);
        assert_eq!(take(BUCKETS + 2, 61), Ok(()));
        assert!(rates.buckets.lock().unwrap().len() < 3);
    }
}
