//! Constraints on addresses, of people, services, files and networks.

use ambit_core::constraint::Kind;
use ambit_core::json::Json;

use super::{Bounds, Target};
use crate::expr::{self, Expr};

/// A bound on texts; entities have no text that policies could look at.
fn textual(target: &Target<'_>, over: Expr) -> Expr {
    match target.tag() {
        "string" | "json" => over,
        _ => expr::truth(true),
    }
}

/// Addresses of people, services and files: Cedar knows only patterns.
pub(super) fn place(kind: Kind, spec: Json<'_>, target: &Target<'_>) -> Bounds {
    let texts = |name: &str| {
        let list = spec.get(name).into_iter().flat_map(Json::elements);
        list.filter_map(Json::as_str)
    };
    let text = |name: &str| spec.get(name).and_then(Json::as_str).unwrap_or_default();
    let over = match kind {
        Kind::EmailDomain => {
            expr::any(texts("values").map(|domain| named(target, "@", domain, "")))
        }
        Kind::Url => {
            let path = text("path_prefix");
            expr::any(texts("hosts").map(|host| at_host(target, "://", host, path)))
        }
        Kind::Host => expr::any(texts("hosts").map(|host| at_host(target, "", host, ""))),
        _ => below(target, text("root")),
    };
    target.roughly(spec, textual(target, over))
}

/// The text has a listed host: a name below one has a dot before it, and a port may be the scheme's own
/// and stand nowhere.
fn at_host(target: &Target<'_>, mark: &str, listed: &str, path: &str) -> Expr {
    let address = listed.rfind(']').map_or(0, |end| end + 1);
    let port = listed.get(address..).and_then(|rest| rest.find(':'));
    let host = listed.get(..port.map_or(listed.len(), |at| address + at));
    let host = host.unwrap_or(listed);
    match host.strip_prefix("*.") {
        Some(parent) => named(target, ".", parent, path),
        None => named(target, mark, host, path),
    }
}

/// Letters at the beginning of a name that are compared without regard to case: each is two patterns
/// for the solver, and together they are that often doubled.
const LETTERS: usize = 4;

/// The text has a name behind `mark`, in whatever case, and `path` somewhere behind that.
fn named(target: &Target<'_>, mark: &str, name: &str, path: &str) -> Expr {
    let mut spellings = vec![mark.to_owned()];
    for letter in name.chars().take(LETTERS) {
        let cases = [letter.to_ascii_lowercase(), letter.to_ascii_uppercase()];
        let cases = cases.get(..if cases[0] == cases[1] { 1 } else { 2 });
        let cases = cases.unwrap_or_default();
        spellings = spellings
            .iter()
            .flat_map(|before| cases.iter().map(move |letter| format!("{before}{letter}")))
            .collect();
    }
    let spelled = spellings.iter().map(|spelling| {
        let pieces = [None, Some(spelling.as_str()), None];
        expr::like(target.value(), pieces)
    });
    let spelled = expr::any(spelled.collect::<Vec<_>>());
    let path = (path.len() > 1).then(|| expr::like(target.value(), [None, Some(path), None]));
    expr::all([Some(spelled), path].into_iter().flatten())
}

/// A path has the segments of `root` in their order, behind slashes.
fn below(target: &Target<'_>, root: &str) -> Expr {
    let begin = if target.tag() == "json" { "\"/" } else { "/" };
    let segments: Vec<&str> = root.split('/').filter(|part| !part.is_empty()).collect();
    let mut pieces = vec![Some(begin), None];
    for (at, segment) in segments.iter().enumerate() {
        if at > 0 {
            pieces.extend([Some("/"), None]);
        }
        pieces.extend([Some(*segment), None]);
    }
    let escaped = target.tag() == "json" && root.contains(['"', '\\']);
    match escaped {
        true => expr::like(target.value(), [Some(begin), None]),
        false => expr::like(target.value(), pieces),
    }
}

/// Policies know no bare address from a range of addresses, and not which addresses carry others.
pub(super) fn cidr(spec: Json<'_>, target: &Target<'_>) -> Bounds {
    let ranges = spec.get("ranges").into_iter().flat_map(Json::elements);
    let ranges = ranges.filter_map(Json::as_str);
    let over = match target.tag() {
        // Cedar has no word for what is public.
        _ if ranges.clone().any(|range| !range.contains('/')) => expr::truth(true),
        "ext" => expr::any(ranges.map(|range| {
            let range = match range.split_once('/') {
                // Cedar reads no IPv4 address inside an IPv6 one.
                Some((address, length)) if range.contains(':') && range.contains('.') => {
                    let bits = address.parse::<core::net::Ipv6Addr>();
                    let groups = bits.map(|bits| bits.segments().map(|one| format!("{one:x}")));
                    groups.map_or_else(
                        |_| range.to_owned(),
                        |groups| format!("{}/{length}", groups.join(":")),
                    )
                }
                _ => range.to_owned(),
            };
            let range = expr::call("ip", vec![expr::text(&range)]);
            expr::call("isInRange", vec![target.value(), range])
        })),
        "string" => expr::any(ranges.map(|range| expr::like(target.value(), network(range)))),
        _ => expr::truth(true),
    };
    target.roughly(spec, over)
}

/// The whole octets of an IPv4 network; of an IPv6 network, that there is a colon.
fn network(range: &str) -> Vec<Option<&str>> {
    let (address, length) = range.split_once('/').unwrap_or((range, ""));
    if address.contains(':') {
        return vec![None, Some(":"), None];
    }
    let octets = length.parse::<usize>().unwrap_or(0) / 8;
    let dots = address.match_indices('.').map(|(at, _)| at + 1);
    match octets
        .checked_sub(1)
        .and_then(|whole| dots.clone().nth(whole))
    {
        Some(end) => vec![address.get(..end), None],
        None if octets == 4 => vec![Some(address)],
        None => vec![None, Some("."), None],
    }
}
