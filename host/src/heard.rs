//! What the answers of an evaluator say was verified, remembered whatever the verdict is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ambit_core::json::Json;
use ambit_enforce::heard::read;

use crate::versions::{EPOCHS, StatementVersions, VersionError};

/// Remembers the revocation epochs that decisions were made by.
///
/// A list that denies is remembered like one that does not: else an older one, or none, would allow
/// again what it has ended.
pub struct HeardEpochs {
    versions: Arc<dyn StatementVersions>,
    /// What the store did not take. Nothing is allowed until it has.
    unsaved: Mutex<BTreeMap<String, u64>>,
}

impl HeardEpochs {
    /// Remembers in this store.
    #[must_use]
    pub fn new(versions: Arc<dyn StatementVersions>) -> Self {
        Self {
            versions,
            unsaved: Mutex::default(),
        }
    }

    /// Remembers what an answer's record says was verified: before the answer is written down, shown
    /// or obeyed. A denial stays one, whatever comes of it.
    ///
    /// # Errors
    ///
    /// Why an allow must not be obeyed: [`VersionError::Older`] and [`VersionError::Missing`] when
    /// it was decided by older lists than another has heard in the meantime, or without them;
    /// [`VersionError::Store`] when something that was heard is not kept.
    pub fn remember(&self, answer: Json<'_>) -> Result<(), VersionError> {
        let of = |unheard| VersionError::of(unheard, EPOCHS);
        let mut unsaved = self.lock();
        let heard = read(answer).map_err(of)?;
        let mut outcome = self.save(&mut unsaved);
        // Of two lists of one issuer the lower is held against what was known before both.
        for (iss, version) in heard.iter() {
            let raised = self.raise(&mut unsaved, iss, version);
            outcome = outcome.and(raised);
        }
        outcome?;
        let known = self.versions.highest()?.remove(EPOCHS).unwrap_or_default();
        for iss in known.keys() {
            heard.of(iss).map_err(of)?;
        }
        Ok(())
    }

    /// Tries again what the store did not take before.
    fn save(&self, unsaved: &mut BTreeMap<String, u64>) -> Result<(), VersionError> {
        let mut outcome = Ok(());
        for (iss, version) in std::mem::take(unsaved) {
            match self.raise(unsaved, &iss, version) {
                // Somebody else has heard a newer one.
                Err(VersionError::Older { .. }) => {}
                raised => outcome = outcome.and(raised),
            }
        }
        outcome
    }

    fn raise(
        &self,
        unsaved: &mut BTreeMap<String, u64>,
        iss: &str,
        version: u64,
    ) -> Result<(), VersionError> {
        let raised = self.versions.raise(EPOCHS, iss, version);
        if matches!(raised, Err(VersionError::Store(_))) {
            let kept = unsaved.entry(iss.to_owned()).or_default();
            *kept = version.max(*kept);
        }
        raised
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HeardEpochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeardEpochs").finish_non_exhaustive()
    }
}
