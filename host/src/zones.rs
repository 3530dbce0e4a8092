//! The fact `utc_offsets`: how far the time zones that a policy names are from UTC.

use std::collections::BTreeSet;

use ambit_core::json::{Json, Writer};
use ambit_policy::Bundle;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The zones in the `hours` of a policy's manifests. A zone that only a token names is not among them: what
/// a host looks up, no token says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones(BTreeSet<String>);

impl Zones {
    /// Those of this policy.
    #[must_use]
    pub fn of(bundle: &Bundle<'_>) -> Self {
        let manifests = bundle.root().get("manifests").map(Json::members);
        let names = manifests.into_iter().flatten().map(|(name, _)| name);
        let manifests = names.filter_map(|name| bundle.manifest(name));
        let entries = manifests.flat_map(|manifest| manifest.capabilities());
        let zones = entries.filter_map(|entry| entry.get("hours")?.get("zone")?.as_str());
        Self(zones.map(str::to_owned).collect())
    }

    /// `facts.utc_offsets` at this time (seconds since 1970, UTC), as JSON; `None` where the policy names no
    /// zone. A zone that is not known here is left out, and what holds in its hours is denied.
    ///
    /// The data are the system's, read again from time to time, or those that came with this program where
    /// the system has none.
    #[must_use]
    pub fn offsets(&self, now: i64) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut out = Writer::with_capacity(64);
        out.object(|out| {
            for zone in &self.0 {
                if let Some(minutes) = minutes(zone, now) {
                    out.name(zone).integer(minutes);
                }
            }
        });
        Some(out.finish())
    }

    /// Those that are not known here.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        let zones = self.0.iter().map(String::as_str);
        zones.filter(|zone| TimeZone::get(zone).is_err()).collect()
    }
}

/// Offsets of our time are whole minutes. Another one cannot be told, and is not rounded.
fn minutes(zone: &str, now: i64) -> Option<i64> {
    let zone = TimeZone::get(zone).ok()?;
    let seconds = zone.to_offset(Timestamp::from_second(now).ok()?).seconds();
    (seconds % 60 == 0).then(|| i64::from(seconds / 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(names: &[&str]) -> Zones {
        Zones(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn offsets_are_those_of_the_season() {
        let zones = zones(&["Europe/Berlin", "UTC", "Asia/Kathmandu", "America/St_Johns"]);
        // 2026-02-25, and half a year later.
        assert_eq!(
            zones.offsets(1_772_000_400).unwrap(),
            r#"{"America/St_Johns":-210,"Asia/Kathmandu":345,"Europe/Berlin":60,"UTC":0}"#
        );
        assert_eq!(
            zones.offsets(1_787_000_400).unwrap(),
            r#"{"America/St_Johns":-150,"Asia/Kathmandu":345,"Europe/Berlin":120,"UTC":0}"#
        );
        assert!(zones.unknown().is_empty());
    }

    #[test]
    fn what_is_no_zone_is_left_out() {
        let zones = zones(&["Europe/Berln", "UTC"]);
        assert_eq!(zones.offsets(1_772_000_400).unwrap(), r#"{"UTC":0}"#);
        assert_eq!(zones.unknown(), ["Europe/Berln"]);
        assert_eq!(Zones::default().offsets(1_772_000_400), None);
        // Paris in 1887: 9 minutes and 21 seconds.
        assert_eq!(minutes("Europe/Paris", -2_600_000_000), None);
    }
}
