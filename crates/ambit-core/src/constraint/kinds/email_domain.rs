//! `email_domain`: one bare address in a domain.

use alloc::format;

use super::host;
use crate::constraint::examples::{Examples, OPEN, PART};
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::json::Json;
use crate::{rsplit_once, split, split_once};

pub(crate) use super::fits as misfit;

/// The longest part before `@` (RFC 5321 section 4.5.3.1.1). Some servers cut what is longer.
const LOCAL: usize = 64;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    let paid = |address: &&str| asked.steps.take(address.len());
    let domain = asked.text().filter(paid).and_then(domain_of);
    domain.is_some_and(|domain| {
        asked.any_text(spec.first(), &|listed| listed.eq_ignore_ascii_case(domain))
    })
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.say(match words.speech.style.strict {
        true => Phrase::Anyone,
        false => Phrase::Address,
    });
    words.names(spec.first());
}

/// At each domain, with the local part that was asked or another.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    let local = found
        .asked_text()
        .and_then(|asked| rsplit_once(asked, b'@'))
        .map(|(local, _)| local)
        .filter(|local| local.len() <= PART)
        .unwrap_or(OPEN);
    for domain in spec.list().filter_map(Json::as_str) {
        found.string(&format!("{local}@{domain}"));
        found.string(&format!("{OPEN}@{domain}"));
    }
}

/// Whether a constraint may list `domain`: the domain of an address, without `@`, dot at an end or
/// anything that is not ASCII.
pub(crate) fn is_domain(domain: &str) -> bool {
    host::is_name(domain, |_| false)
}

/// The domain of `dot-atom@domain` (RFC 5322 section 3.2.3), the only form in which no two mail
/// programs can see different recipients.
fn domain_of(address: &str) -> Option<&str> {
    let (local, domain) = split_once(address, "@")?;
    (is_local(local) && is_domain(domain)).then_some(domain)
}

/// A dot-atom that every mail server keeps whole and no mail program decodes: `=?` begins an
/// encoded-word (RFC 2047), inside which some find another address.
fn is_local(local: &str) -> bool {
    local.len() <= LOCAL
        && split_once(local, "=?").is_none()
        && split(local, b'.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

const fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'/'
                | b'='
                | b'?'
                | b'^'
                | b'_'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
        )
}
