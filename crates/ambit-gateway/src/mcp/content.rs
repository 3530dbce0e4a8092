//! What an argument marked `@content` refers to: read from the server by the gateway itself, for each call anew, so
//! that a person approves what it says, and asks again about what it says later.

use std::time::Duration;

use ambit_core::Power;
use ambit_core::json::{Json, Kind, Writer};
use ambit_evaluator::s256;
use ambit_policy::Bundle;
use serde::Deserialize;

use super::check::Refusal;
use super::config::{Config, Target};
use super::message;
use super::session::{Session, lock};

/// Bytes of one content. The text of a call has no more (`docs/token.md`, section 7), so that nobody could approve it.
const LONGEST: usize = 64 * 1024;
/// How long the server may take to say it.
const READING: Duration = Duration::from_secs(10);
/// Where the value stands in the address of a resource.
const HOLE: &str = "{}";

/// By what an argument's content is read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContentRow {
    action: String,
    argument: String,
    /// A tool of the server, and which of its arguments the value is.
    tool: Option<String>,
    with: Option<String>,
    /// Or the address of a resource, with a place for the value.
    resource: Option<String>,
}

/// How it is read.
enum Reader<'r> {
    Tool(&'r str, &'r str),
    Resource(&'r str),
}

/// What it says, and the digest of the whole where there is more than a text.
struct Content {
    text: String,
    s256: Option<String>,
}

impl ContentRow {
    fn reader(&self) -> Option<Reader<'_>> {
        match (&self.tool, &self.with, &self.resource) {
            (Some(tool), Some(with), None) => Some(Reader::Tool(tool, with)),
            (None, None, Some(uri)) if uri.matches(HOLE).count() == 1 => {
                Some(Reader::Resource(uri))
            }
            _ => None,
        }
    }

    /// What is wrong with a row, in words.
    pub(super) fn check(&self, config: &Config, bundle: &Bundle<'_>) -> Result<(), String> {
        let (action, argument) = (&self.action, &self.argument);
        let declared = bundle.action(action).and_then(|it| it.argument(argument));
        if !declared.is_some_and(|argument| argument.content()) {
            return Err(format!(
                "`{action}` has no argument `{argument}` that is `@content`"
            ));
        }
        match self.reader() {
            None => Err(format!(
                "the content of `{argument}` is read by a `tool` `with` one of its arguments, or as a `resource` whose address has one `{HOLE}`"
            )),
            Some(Reader::Tool(tool, _)) if !config.observes(bundle, tool) => Err(format!(
                "`{tool}` reads no content: no action with the power `observe` is this tool"
            )),
            Some(_) => Ok(()),
        }
    }

    /// The argument that it is about.
    pub(super) fn place(&self) -> (&str, &str) {
        (&self.action, &self.argument)
    }
}

impl Session {
    /// What the arguments of a call refer to now, as `facts.content`. `None`: nothing of it is mapped.
    ///
    /// Before anything else of this session could change it: nothing that the client asked for is under way, and nothing
    /// is let through until this call is answered.
    pub(super) fn contents(
        &self,
        target: &Target,
        arguments: &str,
    ) -> Result<Option<String>, Refusal> {
        let rows = self.gateway.config.contents.iter();
        let rows = rows.filter(|row| row.action == target.action);
        let document = message::parse(arguments.as_bytes()).map_err(|why| self.unread(&why))?;
        let mut out = Writer::with_capacity(1024);
        let mut read = Ok(false);
        out.object(|out| {
            for row in rows.filter(|_| target.power == Power::Execute) {
                let value = document.root().get(&row.argument);
                let Some(value) = value.filter(|value| !value.is_null()) else {
                    continue;
                };
                match self.content(row, value) {
                    Ok(content) => content.write(out.name(&row.argument)),
                    Err(refusal) => return read = Err(refusal),
                }
                read = Ok(true);
            }
        });
        read.map(|is_any| is_any.then(|| out.finish()))
    }

    fn content(&self, row: &ContentRow, value: Json<'_>) -> Result<Content, Refusal> {
        if lock(&self.state)
            .of_client
            .values()
            .any(|method| is_work(method))
        {
            let words = "Not done: other requests are under way, which may change what this call refers to. Repeat it when they have been answered.";
            return Err(Refusal::plain("mcp.busy", words));
        }
        let unread = |why: String| self.unread(&format!("`{}`: {why}", row.argument));
        let text = match value.kind() {
            Kind::String => value.as_str().map(str::to_owned),
            _ => value.as_int().map(|number| number.to_string()),
        };
        let text = text.ok_or_else(|| unread("it refers to nothing".to_owned()))?;
        let answer = match row.reader() {
            Some(Reader::Tool(tool, with)) => {
                self.reads(tool)?;
                self.ask_server("tools/call", READING, |out| {
                    out.name("name").string(tool);
                    out.name("arguments").object(|out| {
                        out.name(with).json(value);
                    });
                })
            }
            Some(Reader::Resource(uri)) => {
                let uri = uri.replacen(HOLE, &filled(uri, &text), 1);
                self.ask_server("resources/read", READING, |out| {
                    out.name("uri").string(&uri);
                })
            }
            None => Err("nothing says how to read it".to_owned()),
        };
        answer.and_then(|answer| said(&answer)).map_err(unread)
    }

    /// Whether a tool is still the one that somebody looked at, and only reads.
    fn reads(&self, tool: &str) -> Result<(), Refusal> {
        let pin = self.pin(tool, Json::null())?;
        let config = &self.gateway.config;
        let known = self.gateway.point.policy.with_bundle(|bundle| {
            Ok(config.actions(bundle, tool, &pin).and_then(|actions| {
                let mut powers = actions.iter().map(|(_, action)| action.powers());
                let observes = powers.any(|powers| powers.contains(Power::Observe));
                observes
                    .then_some(())
                    .ok_or_else(|| format!("`{tool}` does not only read"))
            }))
        });
        known
            .map_err(|fault| self.unread(&fault.to_string()))?
            .map_err(|why| self.unread(&why))
    }

    /// Nobody can approve what nobody could read.
    fn unread(&self, why: &str) -> Refusal {
        self.say(&format!(
            "a call is refused: what it refers to cannot be read: {why}"
        ));
        self.refuse("mcp.content", why);
        let words =
            format!("Not allowed: what this call refers to cannot be read: {why} [mcp.content]");
        Refusal::plain("mcp.content", words)
    }

    /// Whether a request must wait for one whose content was read: it might change what that refers to.
    pub(super) fn is_kept_waiting(&self, method: &str) -> bool {
        is_work(method) && lock(&self.state).alone.is_some()
    }
}

impl Content {
    fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.name("text").string(&self.text);
            if let Some(digest) = &self.s256 {
                out.name("s256").string(digest);
            }
        });
    }
}

/// What a request may change, or what may change while it is under way.
fn is_work(method: &str) -> bool {
    ![
        "ping",
        "initialize",
        "server/discover",
        "logging/setLevel",
        "tools/list",
    ]
    .contains(&method)
}

/// A value within an address: as it is where it is the whole address.
fn filled(uri: &str, value: &str) -> String {
    if uri == HOLE {
        return value.to_owned();
    }
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The text of a result, which has nothing but texts.
fn said(answer: &[u8]) -> Result<Content, String> {
    if answer.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let document = message::parse(answer)?;
    let result = document.root().get("result");
    let result = result.ok_or("the server answers with an error")?;
    if message::wants_more(result) {
        return Err("the server asks for input instead".to_owned());
    }
    if result
        .get("isError")
        .is_some_and(|is| is.as_bool() != Some(false))
    {
        return Err("the server says that it failed".to_owned());
    }
    let parts = result.get("content").or_else(|| result.get("contents"));
    let parts = parts.filter(|parts| parts.kind() == Kind::Array);
    let parts = parts.ok_or("the server's answer has no content")?;
    let mut texts = Vec::new();
    for part in parts.elements() {
        let is_text = part
            .get("type")
            .is_none_or(|it| it.as_str() == Some("text"));
        let text = part.get("text").and_then(Json::as_str).filter(|_| is_text);
        texts.push(text.ok_or("it has parts that are no text")?);
    }
    let text = texts.join("\n");
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let plain = |part: Json<'_>| {
        let known = ["type", "text", "uri", "mimeType"];
        part.members().all(|(name, _)| known.contains(&name))
    };
    let beside = |name: &str| !["content", "contents", "isError", "_meta"].contains(&name);
    let is_more = texts.len() > 1
        || !parts.elements().all(plain)
        || result.members().any(|(name, _)| beside(name));
    let s256 = is_more.then(|| {
        let mut whole = Writer::default();
        message::rewrite(result, &mut whole, &mut |name, _, _| name == "_meta");
        s256(whole.finish().as_bytes())
    });
    Ok(Content { text, s256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(result: &str) -> Result<(String, bool), String> {
        let answer = format!(r#"{{"jsonrpc":"2.0","id":"a","result":{result}}}"#);
        said(answer.as_bytes()).map(|content| (content.text, content.s256.is_some()))
    }

    #[test]
    fn a_text_is_read_whole_and_all_that_is_beside_it_is_in_the_digest() {
        let one = r#"{"content":[{"type":"text","text":"Dear Ann"}],"_meta":{"at":1}}"#;
        assert_eq!(read(one), Ok(("Dear Ann".to_owned(), false)));
        let resource = r#"{"contents":[{"uri":"d:17","mimeType":"text/plain","text":"Dear Ann"}]}"#;
        assert_eq!(read(resource), Ok(("Dear Ann".to_owned(), false)));
        for more in [
            r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#,
            r#"{"content":[{"type":"text","text":"a"}],"structuredContent":{"bcc":"eve"}}"#,
            r#"{"content":[{"type":"text","text":"a","annotations":{}}]}"#,
        ] {
            assert!(read(more).is_ok_and(|(_, digest)| digest), "{more}");
        }
    }

    #[test]
    fn what_is_no_text_is_not_read() {
        let long = format!(
            r#"{{"content":[{{"type":"text","text":"{}"}}]}}"#,
            "x".repeat(LONGEST)
        );
        for none in [
            r#"{"content":[]}"#,
            r#"{"content":[{"type":"text","text":""}]}"#,
            r#"{"content":[{"type":"image","data":"","text":"a"}]}"#,
            r#"{"content":[{"type":"text","text":"a"}],"isError":true}"#,
            r#"{"contents":[{"uri":"d:17","blob":"AAAA"}]}"#,
            r#"{"resultType":"input_required","content":[{"type":"text","text":"a"}]}"#,
            "{}",
            &long,
        ] {
            assert!(read(none).is_err(), "{none}");
        }
        assert!(said(br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#).is_err());
    }

    #[test]
    fn a_value_is_one_part_of_an_address() {
        assert_eq!(
            filled("drafts:///{}/text", "../a b?#"),
            "%2E%2E%2Fa%20b%3F%23"
        );
        assert_eq!(filled("{}", "drafts:///17"), "drafts:///17");
    }
}
