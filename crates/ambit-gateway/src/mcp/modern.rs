//! Revision 2026-07-28 of the specification, in which each request says for itself which version it speaks.

use ambit_core::json::{Json, Kind, Writer};

use super::message;

/// The revision, as requests name it.
pub(super) const VERSION: &str = "2026-07-28";
/// All that are spoken here: those after the first begin with `initialize`.
pub(super) const VERSIONS: [&str; 5] = [
    VERSION,
    "2025-11-25",
    "2025-06-18",
    "2025-03-26",
    "2024-11-05",
];

/// The newest of those.
pub(super) const LATEST_SESSION: &str = "2025-11-25";

/// Members of `_meta` by which a request says what it is.
pub(super) const PROTOCOL: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const CLIENT: &str = "io.modelcontextprotocol/clientInfo";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
pub(super) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

pub(super) const DISCOVER: &str = "server/discover";
pub(super) const LISTEN: &str = "subscriptions/listen";
pub(super) const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// Codes of the specification, "Error Codes".
pub(super) const INVALID_PARAMS: i64 = -32602;
pub(super) const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
pub(super) const UNSUPPORTED: i64 = -32022;

/// Why a request of this revision is none, as JSON-RPC says it.
#[derive(Debug)]
pub(super) struct Unsound {
    code: i64,
    words: String,
    data: Option<String>,
}

impl Unsound {
    fn params(words: &str) -> Self {
        Self {
            code: INVALID_PARAMS,
            words: words.to_owned(),
            data: None,
        }
    }

    pub(super) fn answer(&self, id: &str) -> String {
        match &self.data {
            Some(data) => message::error_with(id, self.code, &self.words, data),
            None => message::error(id, self.code, &self.words),
        }
    }
}

/// The version that a request names for itself.
pub(super) fn named(params: Json<'_>) -> Option<Json<'_>> {
    params.get("_meta")?.get(PROTOCOL)
}

/// Whether a request is one of this revision. Whoever names another, or says less than each request must, is told.
pub(super) fn read(params: Json<'_>) -> Result<bool, Unsound> {
    let Some(version) = named(params) else {
        return Ok(false);
    };
    let version = version.as_str().unwrap_or_default();
    if version != VERSION {
        return Err(unsupported(version));
    }
    let meta = params.get("_meta").unwrap_or(Json::null());
    match meta.get(CAPABILITIES).map(Json::kind) {
        Some(Kind::Object) => Ok(true),
        _ => Err(Unsound::params(&format!(
            "`_meta` lacks `{CAPABILITIES}`, an object"
        ))),
    }
}

/// A version that is not spoken here.
pub(super) fn unsupported(version: &str) -> Unsound {
    let mut data = Writer::default();
    data.object(|out| {
        out.name("supported").array(|out| {
            // What `server/discover` may name: older revisions begin with `initialize`.
            out.string(VERSION);
        });
        out.name("requested").string(version);
    });
    Unsound {
        code: UNSUPPORTED,
        words: "this version of the protocol is not spoken here".to_owned(),
        data: Some(data.finish()),
    }
}

/// The status with which HTTP carries an answer of this revision.
pub(super) fn status(answer: &[u8]) -> u16 {
    // Errors are short; a long result need not be read again.
    let document = message::parse(answer.get(..answer.len().min(64 * 1024)).unwrap_or(answer));
    let code = document.ok().and_then(|document| {
        let error = document.root().get("error")?;
        error.get("code")?.as_int()
    });
    match code {
        Some(super::session::NO_METHOD) => 404,
        Some(INVALID_PARAMS | HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED) => 400,
        _ => 200,
    }
}

/// `_meta` of a request that the gateway makes by itself: it can do nothing for a server.
pub(super) fn own_meta(out: &mut Writer) {
    out.object(|out| {
        out.name(PROTOCOL).string(VERSION);
        out.name(CLIENT).object(|out| {
            out.name("name").string("ambit");
            out.name("version").string(env!("CARGO_PKG_VERSION"));
        });
        out.name(CAPABILITIES).object(|_| {});
    });
}

/// Whether a request asks to be told what the server logs.
pub(super) fn wants_log(params: Json<'_>) -> bool {
    params
        .get("_meta")
        .is_some_and(|meta| meta.get(LOG_LEVEL).is_some())
}

/// Whether the client can show a person an address, as a request or `initialize` says of it.
pub(super) fn shows_addresses(capabilities: Option<Json<'_>>) -> bool {
    let elicitation = capabilities.and_then(|all| all.get("elicitation"));
    elicitation.is_some_and(|it| it.get("url").is_some_and(|url| url.kind() == Kind::Object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(params: &str) -> Result<bool, i64> {
        let document = message::parse(params.as_bytes()).unwrap();
        read(document.root()).map_err(|unsound| unsound.code)
    }

    #[test]
    fn each_request_says_what_it_is() {
        let meta =
            |version: &str, more: &str| format!("{{\"_meta\":{{\"{PROTOCOL}\":{version}{more}}}}}");
        let able = format!(",\"{CAPABILITIES}\":{{}}");
        assert_eq!(read_text("{}"), Ok(false));
        assert_eq!(read_text(&meta("\"2026-07-28\"", &able)), Ok(true));
        assert_eq!(read_text(&meta("\"2027-01-01\"", &able)), Err(UNSUPPORTED));
        assert_eq!(read_text(&meta("7", &able)), Err(UNSUPPORTED));
        assert_eq!(read_text(&meta("\"2026-07-28\"", "")), Err(INVALID_PARAMS));
        let strange = format!(",\"{CAPABILITIES}\":[]");
        assert_eq!(
            read_text(&meta("\"2026-07-28\"", &strange)),
            Err(INVALID_PARAMS)
        );
    }

    #[test]
    fn errors_have_their_status() {
        let error = |code: i64| status(message::error("1", code, "no").as_bytes());
        assert_eq!(
            [error(-32601), error(-32022), error(-32603)],
            [404, 400, 200]
        );
        assert_eq!(status(message::result("1", |_| {}).as_bytes()), 200);
    }
}
