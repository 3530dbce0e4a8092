//! Asking others over HTTP: with the machine's own certificates, bounded in time, and never where they lead on to.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// For one answer.
pub(crate) const TIME: Duration = Duration::from_secs(5);

/// Answers of one whom we ask that are waited for at one time, and who may wait for a turn. There are [threads](MOST)
/// for all of them: who hangs holds up what needs them, and nothing else.
const WAITING: usize = 4;
const IN_LINE: usize = 2;
/// Threads that one whom we ask can hold up.
pub(crate) const MOST: usize = WAITING + IN_LINE;

/// Who waits for an answer, and who for a turn.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Answers that are waited for, and who stands in line.
    counts: Mutex<(usize, usize)>,
    free: Condvar,
}

/// One of those who wait for an answer.
#[derive(Debug)]
pub(crate) struct Turn<'p>(&'p Turns);

impl Turns {
    /// A turn, as soon as there is one. `None`: too many wait, or it took too long.
    pub(crate) fn take(&self, time: Duration) -> Option<Turn<'_>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.0 >= WAITING {
            if counts.1 >= IN_LINE {
                return None;
            }
            counts.1 += 1;
            let waited = self
                .free
                .wait_timeout_while(counts, time, |counts| counts.0 >= WAITING);
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
            counts.1 -= 1;
        }
        if counts.0 >= WAITING {
            return None;
        }
        counts.0 += 1;
        Some(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let counts = self.0.counts.lock();
        counts.unwrap_or_else(PoisonError::into_inner).0 -= 1;
        self.0.free.notify_one();
    }
}

/// `own`: what is asked is on this machine, without TLS.
pub(crate) fn agent(own: bool) -> Agent {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let mut config = Agent::config_builder()
        .timeout_global(Some(TIME))
        // Whatever leads elsewhere was not asked.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .https_only(!own)
        .user_agent("ambit-broker")
        .tls_config(tls);
    if own {
        config = config.proxy(None);
    }
    config.build().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_finds_no_turn_waits_for_one_and_not_for_ever() {
        let turns = Turns::default();
        let short = Duration::from_millis(20);
        let mut taken: Vec<Turn<'_>> = (0..WAITING).filter_map(|_| turns.take(short)).collect();
        assert_eq!(taken.len(), WAITING);
        assert!(turns.take(short).is_none(), "nobody gave one back");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| turns.take(Duration::from_secs(10)).is_some());
            std::thread::sleep(short);
            drop(taken.pop());
            assert!(waits.join().unwrap());
        });
        // It was given back, too.
        let again = turns.take(short);
        assert!(again.is_some());
        // And nobody stands behind a line that is long already.
        turns.counts.lock().unwrap().1 = IN_LINE;
        assert!(turns.take(Duration::from_secs(10)).is_none());
    }
}
