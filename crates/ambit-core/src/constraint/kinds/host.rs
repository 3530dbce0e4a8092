//! `host`: a name or address of a machine; and what names of machines are.

use alloc::string::String;

use super::url::is_host;
use crate::address::parse_v4;
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::json::Json;
use crate::{place, split};

pub(crate) use super::fits as misfit;

/// The longest label of a domain name (RFC 1035 section 2.3.4).
const LABEL: usize = 63;
/// The longest domain name in text: 255 octets on the wire (RFC 1035 section 2.3.4).
const NAME: usize = 253;

/// What a listed host begins with that stands for those below it.
const BELOW: &str = "*.";

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    let [hosts, except, ..] = spec.members;
    let name = asked.text().filter(|name| asked.steps.take(name.len()));
    name.is_some_and(|name| {
        let listed = |host: &str| stands_for(host, name);
        // What is left out comes first: steps that end there match nothing after it.
        is_host(name) && !asked.any_text(except, &listed) && asked.any_text(hosts, &listed)
    })
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    let [hosts, except, ..] = spec.members;
    words.say(Phrase::Host);
    words.names(hosts);
    words.except(except);
}

/// Whether each listed host is one that is left out, or below one.
pub(crate) fn leaves_nothing(spec: Spec<'_>) -> bool {
    let [_, except, ..] = spec.members;
    let mut listed = spec.list().filter_map(Json::as_str);
    let is_out = |host: &str| {
        let mut except = except.unwrap_or_default().elements();
        except.any(|one| one.as_str().is_some_and(|one| stands_for(one, host)))
    };
    except.is_some() && listed.all(is_out)
}

pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    for host in spec.list().filter_map(Json::as_str) {
        found.string(&example(host));
    }
}

/// A host for which a listed one stands.
pub(super) fn example(listed: &str) -> String {
    let mut host = String::new();
    let below = listed.strip_prefix('*');
    if below.is_some() {
        host.push_str("www");
    }
    host.push_str(below.unwrap_or(listed));
    host
}

/// Whether a constraint may list `host`: a name or an address, or `*.` and a name of two labels or more.
/// No port.
pub(crate) fn is_pattern(host: &str) -> bool {
    match host.strip_prefix(BELOW) {
        Some(parent) => {
            is_host(parent) && place(parent.as_bytes(), b'.').is_some() && is_named(parent)
        }
        None => is_host(host),
    }
}

/// Whether a host is no address.
fn is_named(host: &str) -> bool {
    !host.starts_with('[') && parse_v4(host).is_none()
}

/// Whether a listed host is this one, without regard to case, or stands for it: `*.` for one label or
/// more before the rest, never for none.
pub(super) fn stands_for(listed: &str, host: &str) -> bool {
    let Some(parent) = listed.strip_prefix('*') else {
        return listed.eq_ignore_ascii_case(host);
    };
    let labels = host.len().checked_sub(parent.len());
    labels
        .filter(|labels| *labels > 0)
        .and_then(|labels| host.get(labels..))
        .is_some_and(|end| end.eq_ignore_ascii_case(parent))
}

/// Whether `name` is labels joined by single dots, each of letters, digits, hyphens inside, and
/// what `also` allows. No trailing dot: whether `a.example.` is `a.example` depends on the reader.
pub(super) fn is_name(name: &str, also: fn(u8) -> bool) -> bool {
    let label = |label: &str| {
        (1..=LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || also(byte))
    };
    name.len() <= NAME && split(name, b'.').all(label)
}

/// The integer that `text` writes in decimal, without sign and leading zeros.
pub(super) fn decimal(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (plain && canonical).then(|| text.parse().ok()).flatten()
}
