//! What was different, and how often.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use ambit_core::json::{Document, Json, Profile, Writer};

/// Kinds of differences that are told apart; of more, all are one.
const KINDS: usize = 500;
/// Bytes of an action's name in a report.
const NAME: usize = 128;

/// What an answer comes to: `allowed`, with what is asked besides, or the code of the denial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Verdict(String);

impl Verdict {
    pub(super) fn of(answer: &str) -> Self {
        let read = || {
            let document = Document::parse(answer.as_bytes(), Profile::Request).ok()?;
            let root = document.root();
            let context = root.get("context")?;
            if root.get("decision")?.as_bool()? {
                return Some(allowed(context));
            }
            Some(context.get("reason")?.get_str("code")?.to_owned())
        };
        Self(read().unwrap_or_else(|| "unread".to_owned()))
    }
}

/// Using up is no difference to anybody; a person's yes is.
fn allowed(context: Json<'_>) -> String {
    let mut kinds: Vec<&str> = context
        .get_elements("obligations")
        .filter_map(|one| one.get_str("type"))
        .filter(|kind| *kind != "consume")
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    match kinds.is_empty() {
        true => "allowed".to_owned(),
        false => format!("allowed with {}", kinds.join(", ")),
    }
}

/// The action of an evaluation.
pub(super) fn action(evaluation: &str) -> String {
    let read = || {
        let document = Document::parse(evaluation.as_bytes(), Profile::Request).ok()?;
        let name = document.root().get("action")?.get_str("name")?;
        Some(name.chars().take(NAME).collect())
    };
    read().unwrap_or_default()
}

/// Of two versions, since both are asked.
#[derive(Debug, Default)]
pub(super) struct Counts {
    versions: (u64, u64),
    calls: u64,
    unasked: u64,
    different: u64,
    kinds: BTreeMap<(String, Verdict, Verdict), Kind>,
    is_changed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    count: u64,
    first: i64,
    last: i64,
}

impl Counts {
    /// The versions that are compared from now on; of others nothing counts any more.
    pub(super) fn of(&mut self, is: u64, would: u64) {
        if self.versions != (is, would) {
            *self = Self {
                versions: (is, would),
                unasked: self.unasked,
                is_changed: true,
                ..Self::default()
            };
        }
    }

    pub(super) fn unasked(&mut self, count: u64) {
        self.is_changed |= self.unasked != count;
        self.unasked = count;
    }

    /// Counts a call. The first of a kind of difference, the tenth, the hundredth is told.
    pub(super) fn add(
        &mut self,
        action: &str,
        is: Verdict,
        would: Verdict,
        now: i64,
    ) -> Option<String> {
        self.calls = self.calls.saturating_add(1);
        self.is_changed = true;
        if is == would {
            return None;
        }
        self.different = self.different.saturating_add(1);
        let mut key = (action.to_owned(), is, would);
        if self.kinds.len() >= KINDS && !self.kinds.contains_key(&key) {
            let other = || Verdict("other".to_owned());
            key = ("other".to_owned(), other(), other());
        }
        let words = format!(
            "shadow: version {} says of `{}`: {}; version {} would say: {}",
            self.versions.0, key.0, key.1.0, self.versions.1, key.2.0
        );
        let kind = self.kinds.entry(key).or_insert_with(|| Kind {
            first: now,
            ..Kind::default()
        });
        kind.count = kind.count.saturating_add(1);
        kind.last = now;
        let is_told = 10_u64.checked_pow(kind.count.ilog10()) == Some(kind.count);
        is_told.then(|| format!("{words} ({} times)", kind.count))
    }

    /// Replaces the file of the report, where anything was counted since.
    pub(super) fn write(&mut self, path: &Path, uid: &str) -> io::Result<()> {
        if !self.is_changed && path.exists() {
            return Ok(());
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
        file.write_all(self.to_json(uid).as_bytes())?;
        file.persist(path)?;
        self.is_changed = false;
        Ok(())
    }

    fn to_json(&self, uid: &str) -> String {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut out = Writer::default();
        out.object(|out| {
            out.name("v").string("ambit-shadow-1");
            out.name("uid").string(uid);
            out.name("version").integer(number(self.versions.0));
            out.name("shadow").integer(number(self.versions.1));
            out.name("calls").integer(number(self.calls));
            out.name("different").integer(number(self.different));
            out.name("unasked").integer(number(self.unasked));
            out.name("differences").array(|out| {
                for ((action, is, would), kind) in &self.kinds {
                    out.object(|out| {
                        out.name("action").string(action);
                        out.name("is").string(&is.0);
                        out.name("would").string(&would.0);
                        out.name("count").integer(number(kind.count));
                        out.name("first").integer(kind.first);
                        out.name("last").integer(kind.last);
                    });
                }
            });
        });
        out.finish() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(code: &str) -> Verdict {
        Verdict::of(&format!(
            "{{\"decision\": false, \"context\": {{\"reason\": {{\"code\": \"{code}\"}}}}}}"
        ))
    }

    fn allow(obligations: &str) -> Verdict {
        Verdict::of(&format!(
            "{{\"decision\": true, \"context\": {{\"obligations\": [{obligations}]}}}}"
        ))
    }

    #[test]
    fn verdicts_differ_in_what_somebody_notices() {
        assert_eq!(allow(""), allow("{\"type\": \"consume\"}"));
        assert_ne!(allow(""), allow("{\"type\": \"approve\"}"));
        assert_ne!(allow(""), denied("policy.denied"));
        assert_ne!(denied("a.b"), denied("a.c"));
    }

    #[test]
    fn kinds_are_bounded_and_told_by_powers_of_ten() {
        let mut counts = Counts::default();
        counts.of(1, 2);
        let told = |counts: &mut Counts, action: &str| {
            counts.add(action, allow(""), denied("a.b"), 7).is_some()
        };
        let heard: Vec<bool> = (1..=11).map(|_| told(&mut counts, "x")).collect();
        assert_eq!(heard.iter().filter(|told| **told).count(), 2);
        assert!(heard[0] && heard[9]);
        for number in 0..2 * KINDS {
            told(&mut counts, &format!("a{number}"));
        }
        assert_eq!(counts.kinds.len(), KINDS + 1);
        // Another version is counted anew.
        counts.of(1, 3);
        assert!(counts.kinds.is_empty() && counts.calls == 0);
    }
}
