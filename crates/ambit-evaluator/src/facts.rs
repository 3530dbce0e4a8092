//! What only the host knows.

use alloc::format;

use ambit_core::Reason;
use ambit_core::describe::Locale;
use ambit_core::json::Json;
use ambit_core::limits::CLOCK_SKEW_SECONDS;

use crate::denial::Denial;

/// The facts of one request.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    /// Seconds since 1970, UTC.
    pub(crate) now: i64,
    /// The service that is asked.
    pub(crate) audience: &'a str,
    /// Where the resource is, for entries that name `locations`.
    pub(crate) location: Option<&'a str>,
    /// In which language a call is put before people.
    pub(crate) locale: Locale,
    /// The tenant to whom the resource belongs.
    pub(crate) tenant: Option<&'a str>,
    /// The HTTP method and the URL of the request, which a proof of possession names.
    pub(crate) method: Option<&'a str>,
    pub(crate) url: Option<&'a str>,
    /// The nonce that the host gave out, where it did.
    pub(crate) nonce: Option<&'a str>,
    /// The attested agent: compared with the token's `agent`, member by member.
    pub(crate) agent: Option<Json<'a>>,
    /// The value of the token's status list entry, where the host has looked it up.
    pub(crate) status: Option<Json<'a>>,
    /// What arguments refer to, by their names.
    pub(crate) content: Option<Json<'a>>,
    /// Minutes between the clocks of time zones and UTC, by the names of the zones.
    pub(crate) utc_offsets: Option<Json<'a>>,
    /// The lowest policy version that the host still accepts.
    pub(crate) min_policy_version: Option<i64>,
    /// The highest version of revocation epochs that the host has seen, by issuer.
    pub(crate) min_epochs: Option<Json<'a>>,
}

impl<'a> Facts<'a> {
    /// Facts that have the form of [`ambit_core::grammar::FACTS`].
    pub(crate) fn read(facts: Json<'a>) -> Self {
        let text = |name: &str| facts.get_str(name);
        let lowest = facts.get("min_versions");
        let lowest = |of: &str| lowest.and_then(|lowest| lowest.get(of));
        Self {
            now: facts.get_int("now").unwrap_or(i64::MAX),
            audience: text("audience").unwrap_or_default(),
            location: text("location"),
            locale: text("locale")
                .and_then(Locale::from_tag)
                .unwrap_or_default(),
            tenant: text("tenant"),
            method: text("method"),
            url: text("url"),
            nonce: text("nonce"),
            agent: facts.get("agent"),
            status: facts.get("status"),
            content: facts.get("content"),
            utc_offsets: facts.get("utc_offsets"),
            min_policy_version: lowest("policy").and_then(Json::as_int),
            min_epochs: lowest("epochs"),
        }
    }

    /// Seconds since `time`. What a clock that runs ahead says is now.
    pub(crate) fn age(&self, time: i64) -> i64 {
        self.now.saturating_sub(time).max(0)
    }

    /// Whether a time is later than a clock that runs ahead can say.
    pub(crate) const fn is_future(&self, time: i64) -> bool {
        time > self.now.saturating_add(CLOCK_SKEW_SECONDS)
    }
}

pub(crate) fn missing(name: &str) -> Denial {
    Denial::new(Reason::FactsMissing, format!("`facts.{name}` is needed"))
}
