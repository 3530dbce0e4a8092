//! What a request must say of itself before its body is read.

use ambit_core::json::Writer;
use ambit_core::limits::{RECEIPT_BYTES, RECEIPTS};

use super::super::check::Shown;
use super::super::mirror::VERSION_HEADER;
use super::super::modern::{VERSION, VERSIONS};
use super::SESSION_ID;
use super::site::Site;
use crate::events::EVENT_STREAM;
use crate::http::{Heard, Reply};

const JSON: &str = "application/json";

/// Where it goes, by which name, and from which page.
pub(super) fn place(heard: &Heard, site: &Site) -> Result<(), Reply> {
    let host = heard.header("host")?.unwrap_or_default();
    if !site.is_called(host) {
        let detail = "call the endpoint by its own name";
        return Err(problem(403, "mcp.host", detail));
    }
    if heard
        .header("origin")?
        .is_some_and(|origin| !site.is_own(origin, host))
    {
        let detail = "pages of other origins may not call";
        return Err(problem(403, "mcp.origin", detail));
    }
    let allowed = match heard.path.as_str() {
        path if path == site.path => &["POST", "GET", "DELETE"][..],
        path if site.is_metadata(path) => &["GET"],
        _ => return Err(problem(404, "mcp.form", "there is nothing here")),
    };
    if !allowed.contains(&heard.method.as_str()) {
        let allowed = allowed.join(", ");
        let reply = problem(405, "mcp.form", &format!("use {allowed}"));
        return Err(reply.with("allow", allowed));
    }
    Ok(())
}

/// Its form, as the transport has it.
pub(super) fn form(heard: &Heard) -> Result<(), Reply> {
    let bad = |detail: &str| Err(problem(400, "mcp.form", detail));
    // What begins a session says in itself which versions its client speaks, and so does what needs none.
    if heard.header(SESSION_ID)?.is_some()
        && let Some(version) = heard.header(VERSION_HEADER)?
        && !VERSIONS.contains(&version)
    {
        return bad(&format!(
            "this version of MCP is not spoken here: {}",
            VERSIONS.join(", ")
        ));
    }
    let wanted = match heard.method.as_str() {
        "POST" => &[JSON, EVENT_STREAM][..],
        "GET" => &[EVENT_STREAM],
        _ => &[],
    };
    if !wanted.iter().all(|wanted| accepts(heard, wanted)) {
        let detail = format!("`Accept` must have {}", wanted.join(" and "));
        return Err(problem(406, "mcp.form", &detail));
    }
    if heard.method != "POST" {
        return Ok(());
    }
    let kind = heard.header("content-type")?.unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case(JSON));
    if !is_json || !parts.all(|part| part.eq_ignore_ascii_case("charset=utf-8")) {
        let detail = "`Content-Type` must be `application/json`";
        return Err(problem(415, "mcp.form", detail));
    }
    if heard.headers("content-encoding").next().is_some() {
        return bad("a message must not be compressed");
    }
    Ok(())
}

fn accepts(heard: &Heard, wanted: &str) -> bool {
    heard
        .headers("accept")
        .flat_map(|value| value.split(','))
        .any(|one| {
            let kind = one.split(';').next().unwrap_or_default().trim();
            kind == "*/*" || kind.eq_ignore_ascii_case(wanted)
        })
}

/// Whether its headers say that it is of the revision without sessions.
pub(super) fn is_modern(heard: &Heard) -> bool {
    let mut versions = heard.headers(VERSION_HEADER);
    versions.any(|version| version == VERSION)
}

/// The token and what came with it. `None`: no token came.
pub(super) fn shown(heard: &Heard) -> Result<Option<Shown>, Reply> {
    let authorization = heard.header("authorization")?.unwrap_or_default();
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    let is_ours = scheme.eq_ignore_ascii_case("DPoP") || scheme.eq_ignore_ascii_case("Bearer");
    if !is_ours || token.trim().is_empty() {
        return Ok(None);
    }
    let receipts = heard
        .headers("ambit-approval")
        .flat_map(|value| value.split(','));
    let receipts = receipts.map(str::trim).filter(|one| !one.is_empty());
    let approvals: Vec<String> = receipts.map(str::to_owned).collect();
    if approvals.len() > RECEIPTS || approvals.iter().any(|one| one.len() > RECEIPT_BYTES) {
        let detail = format!(
            "`Ambit-Approval` has more than {RECEIPTS} receipts, or one of more than {RECEIPT_BYTES} bytes"
        );
        return Err(problem(400, "mcp.form", &detail));
    }
    Ok(Some(Shown {
        token: token.trim().to_owned(),
        proof: heard.header("dpop")?.map(str::to_owned),
        approvals,
        until: heard.until,
    }))
}

/// A request that is refused before it is looked at as a call.
pub(super) fn problem(status: u16, code: &str, detail: &str) -> Reply {
    let title = match status {
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        415 => "Unsupported Media Type",
        502 => "Bad Gateway",
        _ => "Service Unavailable",
    };
    let mut out = Writer::default();
    out.object(|out| {
        out.name("type").string("about:blank");
        out.name("title").string(title);
        out.name("status").integer(i64::from(status));
        out.name("detail").string(detail);
        out.name("code").string(code);
    });
    Reply::of(status, "application/problem+json", out.finish())
}
