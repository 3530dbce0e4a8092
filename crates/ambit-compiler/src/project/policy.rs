//! `[policy]` and `[limits]` of `ambit.toml`.

use core::ops::Range;
use std::collections::BTreeMap;

use ambit_core::describe::is_seen;
use ambit_core::limits::{self, Limits};
use toml::de::DeValue;

use crate::reader::{File, Reader, Text, Value};

/// What `[policy]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) uid: String,
    pub(crate) version: i64,
    pub(crate) tokens_from_version: i64,
    pub(crate) valid_days: i64,
    pub(crate) issued: Option<i64>,
    pub(crate) guard_rails: GuardRails,
    /// `required` or `off`.
    pub(crate) possession: &'static str,
    /// How a person ends what an agent may do, by language.
    pub(crate) stop: BTreeMap<&'static str, String>,
    /// Issuers whose revocation epochs every request must bring.
    pub(crate) epochs_from: Vec<String>,
}

/// An issuer that `epochs_from` names, to be compared with the keys.
#[derive(Debug)]
pub(crate) struct EpochsFrom<'a>(pub(crate) Text<'a>);

/// What decides beside capabilities and manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuardRails {
    /// Cedar's own Allow is needed: the policies in `policies/`.
    Cedar,
    /// Nothing.
    None,
}

/// Characters of what says how to end it: one line.
const STOP: usize = 80;

/// The longest life of a policy: thirteen months, so that yearly renewal has some slack.
const VALID_DAYS: i64 = 398;

pub(super) fn missing(file: File<'_>) {
    file.error(
        "project.missing_key",
        None::<Range<usize>>,
        "`ambit.toml` has no table `[policy]`",
        "start it with `[policy]`, then `uid`, `version`, `tokens_from_version`, `valid_days`",
    );
}

pub(super) fn read<'a>(
    file: File<'a>,
    value: &'a Value<'_>,
    heard: &mut Vec<EpochsFrom<'a>>,
) -> Option<Policy> {
    let table = file.table(value, "policy", "[policy]")?;
    let mut policy = Reader::new(file, table, "`[policy]`", value.span());
    let uid = policy
        .required_string("uid", "uid = \"acme/agents\"")
        .and_then(|text| uid(file, text));
    let version = policy.required_integer("version", 1..=limits::INTEGER_MAX, "version = 1");
    let tokens_from = tokens_from_version(&mut policy, version);
    let days = policy.required_integer("valid_days", 1..=VALID_DAYS, "valid_days = 30");
    let possession = possession(&mut policy);
    let guard_rails = guard_rails(&mut policy);
    let example = "epochs_from = [\"https://broker.acme.example\"]";
    let epochs_from = policy.optional_strings("epochs_from", example);
    let epochs_from = epochs_from.unwrap_or_default();
    let issued = policy
        .get("issued")
        .map(|value| issued(file, value).ok_or(()));
    let stop = stop(&mut policy);
    policy.finish();
    let names = epochs_from.iter().map(|iss| iss.text.to_owned()).collect();
    heard.extend(epochs_from.into_iter().map(EpochsFrom));
    Some(Policy {
        uid: uid?,
        version: version?,
        tokens_from_version: tokens_from?,
        valid_days: days?,
        issued: issued.transpose().ok()?,
        guard_rails: guard_rails?,
        possession,
        stop,
        epochs_from: names,
    })
}

/// `stop` and `stop_de`: where a person goes to end it.
fn stop(policy: &mut Reader<'_, '_>) -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    for (key, language) in [("stop", "en"), ("stop_de", "de")] {
        let Some(value) = policy.get(key) else {
            continue;
        };
        let file = policy.file;
        let Some(text) = file.string(value, key, "stop = \"acme.example/agents\"") else {
            continue;
        };
        if text.text.chars().count() <= STOP && text.text.chars().all(is_seen) {
            found.insert(language, text.text.to_owned());
        } else {
            file.error(
                "project.stop",
                text.span,
                format!("`{key}` is what a person reads at the end of each grant"),
                format!(
                    "write at most {STOP} characters that can be seen: `stop = \"Agents > Stop\"`"
                ),
            );
        }
    }
    found
}

fn uid(file: File<'_>, uid: Text<'_>) -> Option<String> {
    let segment = |segment: &str| {
        segment.starts_with(|c: char| c.is_ascii_alphanumeric())
            && segment
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    if uid.text.len() <= 128 && uid.text.split('/').all(segment) {
        return Some(uid.text.to_owned());
    }
    file.error(
        "project.uid",
        uid.span,
        "a uid is made of names joined by `/`",
        "write letters, digits, `.`, `_` and `-`, each name starting with a letter or digit, at most 128 characters: `uid = \"acme/agents\"`",
    );
    None
}

fn tokens_from_version(policy: &mut Reader<'_, '_>, version: Option<i64>) -> Option<i64> {
    let value = policy.require("tokens_from_version", "tokens_from_version = 1")?;
    let file = policy.file;
    let from = file.integer(value, "tokens_from_version", 1..=limits::INTEGER_MAX)?;
    if version.is_some_and(|version| from > version) {
        file.error(
            "project.tokens_from_version",
            value.span(),
            "`tokens_from_version` is above `version`: no token could be made for this policy",
            format!("write at most {}", version.unwrap_or(1)),
        );
        return None;
    }
    Some(from)
}

/// Who shows a token must prove to hold it, unless a project says that it knows what it gives up.
fn possession(policy: &mut Reader<'_, '_>) -> &'static str {
    let value = policy.get("possession");
    let word = value.and_then(|value| {
        let words = &["required", "off"];
        policy.file.word(value, "possession", words)
    });
    word.unwrap_or("required")
}

/// Cedar, unless the project says that it does without.
fn guard_rails(policy: &mut Reader<'_, '_>) -> Option<GuardRails> {
    let Some(value) = policy.get("guard_rails") else {
        return (!policy.has_misspelt("guard_rails")).then_some(GuardRails::Cedar);
    };
    let words = &["none", "cedar"];
    match policy.file.word(value, "guard_rails", words)? {
        "none" => Some(GuardRails::None),
        _ => Some(GuardRails::Cedar),
    }
}

/// Seconds since 1970 of a TOML date-time or of a string in RFC 3339.
fn issued(file: File<'_>, value: &Value<'_>) -> Option<i64> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        _ => String::new(),
    };
    let seconds = text
        .parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_second)
        .filter(|seconds| (0..=limits::INTEGER_MAX).contains(seconds));
    if seconds.is_none() {
        file.error(
            "project.issued",
            value.span(),
            "`issued` is not a point in time after 1970",
            "write it with its offset from UTC: `issued = 2026-03-01T00:00:00Z`",
        );
    }
    seconds
}

/// `[limits]`, which may lower bounds and never raise them.
pub(super) fn read_limits(file: File<'_>, value: Option<&Value<'_>>) -> Option<Limits> {
    let mut limits = Limits::default();
    let Some(value) = value else {
        return Some(limits);
    };
    let before = file.sink.errors();
    let table = file.table(value, "limits", "[limits]")?;
    let mut reader = Reader::new(file, table, "`[limits]`", value.span());
    for (key, bound) in [
        ("token_bytes", &mut limits.token_bytes),
        ("token_blocks", &mut limits.token_blocks),
        ("request_bytes", &mut limits.request_bytes),
    ] {
        let most = i64::try_from(*bound).unwrap_or(i64::MAX);
        let lowered = lowered(&mut reader, key, 1, most);
        if let Some(given) = lowered.and_then(|given| usize::try_from(given).ok()) {
            *bound = given;
        }
    }
    for (key, least, bound) in [
        ("root_life_seconds", 1, &mut limits.root_life_seconds),
        ("clock_skew_seconds", 0, &mut limits.clock_skew_seconds),
    ] {
        if let Some(given) = lowered(&mut reader, key, least, *bound) {
            *bound = given;
        }
    }
    reader.finish();
    (file.sink.errors() == before).then_some(limits)
}

fn lowered(reader: &mut Reader<'_, '_>, key: &'static str, least: i64, most: i64) -> Option<i64> {
    let value = reader.get(key)?;
    let above = matches!(value.get_ref(), DeValue::Integer(integer)
        if crate::reader::exact(integer).is_none_or(|given| given > most));
    if above {
        reader.file.error(
            "project.limit_raised",
            value.span(),
            format!("`{key}` can only be lowered"),
            format!("write at most {most}, or leave it out"),
        );
        return None;
    }
    reader.file.integer(value, key, least..=most)
}
