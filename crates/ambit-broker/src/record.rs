//! What the broker writes down, before it happens.

use ambit_core::json::{Document, Profile};
use ambit_host::audit::AuditLog;
use serde_json::Value;

use crate::refusal::Refusal;

/// The audit log, where there is one.
#[derive(Debug, Default)]
pub struct Log(Option<AuditLog>);

impl Log {
    /// Writes to this log, or to none.
    #[must_use]
    pub const fn new(log: Option<AuditLog>) -> Self {
        Self(log)
    }

    pub(crate) const fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Writes one line down. `what` is `request`, `grant`, `refusal`, `mint`, `revocation`, `enrolment`, `passkey` or
    /// `access…`; what cannot be written does not happen.
    pub(crate) fn write(&self, what: &str, allowed: bool, facts: &Value) -> Result<(), Refusal> {
        let Some(log) = &self.0 else { return Ok(()) };
        let mut facts = facts.clone();
        if let Value::Object(members) = &mut facts {
            members.retain(|_, value| !value.is_null());
        }
        let text = facts.to_string();
        let document = Document::parse(text.as_bytes(), Profile::Signed)
            .map_err(|error| Refusal::own("audit.record", format!("{error}")))?;
        log.broker(what, allowed, document.root())
            .map(drop)
            .map_err(|error| Refusal::own("audit.write", error.to_string()))
    }
}
