//! What an argument marked `@content` refers to: read from the server by the gateway itself, for each call anew, so
//! that a person approves what it says, and asks again about what it says later.

use std::time::Duration;

use ambit_core::Power;
use ambit_core::json::{Json, Kind, Writer};
use ambit_policy::Bundle;
use serde::Deserialize;

use super::check::Refusal;
use super::config::{Config, Target};
use super::message;
use super::modern;
use super::said::{Content, said};
use super::session::{Session, lock};

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
    /// Whether something is read for such a call.
    pub(super) fn reads_for(&self, target: &Target) -> bool {
        let mut rows = self.gateway.config.contents.iter();
        target.power == Power::Execute && rows.any(|row| row.action == target.action)
    }

    /// What the arguments of a call refer to now, as `facts.content`. `None`: nothing of it is mapped.
    ///
    /// Before anything else of this session could change it: nothing that the client asked for is under way, and nothing
    /// is let through until this call is answered.
    pub(super) fn contents(
        &self,
        target: &Target,
        arguments: &str,
        params: Json<'_>,
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
                match self.content(row, value, params) {
                    Ok(content) => content.write(out.name(&row.argument)),
                    Err(refusal) => return read = Err(refusal),
                }
                read = Ok(true);
            }
        });
        read.map(|is_any| is_any.then(|| out.finish()))
    }

    fn content(
        &self,
        row: &ContentRow,
        value: Json<'_>,
        params: Json<'_>,
    ) -> Result<Content, Refusal> {
        let is_busy = {
            let state = lock(&self.state);
            !state.taken_back.is_empty() || state.of_client.values().any(|it| is_work(&it.method))
        };
        if is_busy {
            let words = "Not done: other requests are under way, or were cancelled before the server has answered them: they may change what this call refers to. Repeat it when they have been answered, or in a new session.";
            return Err(Refusal::plain("mcp.busy", words));
        }
        let unread = |why: String| self.unread(&format!("`{}`: {why}", row.argument));
        let text = match value.kind() {
            Kind::String => value.as_str().map(str::to_owned),
            _ => value.as_int().map(|number| number.to_string()),
        };
        let text = text.ok_or_else(|| unread("it refers to nothing".to_owned()))?;
        let content = match row.reader() {
            Some(Reader::Tool(tool, with)) => {
                self.reads(tool, params)?;
                let answer = self.ask_server("tools/call", READING, |out| {
                    meta(params, out);
                    out.name("name").string(tool);
                    out.name("arguments").object(|out| {
                        out.name(with).json(value);
                    });
                });
                answer.and_then(|answer| said(&answer, None))
            }
            Some(Reader::Resource(uri)) => {
                let uri = uri.replacen(HOLE, &filled(uri, &text), 1);
                let answer = self.ask_server("resources/read", READING, |out| {
                    meta(params, out);
                    out.name("uri").string(&uri);
                });
                answer.and_then(|answer| said(&answer, Some(&uri)))
            }
            None => Err("nothing says how to read it".to_owned()),
        };
        content.map_err(unread)
    }

    /// Whether a tool is still the one that somebody looked at, and only reads.
    fn reads(&self, tool: &str, params: Json<'_>) -> Result<(), Refusal> {
        let pin = self.pinned(tool, params)?;
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

    /// Whether a call might be kept waiting for a request of which nobody hears any more; `waits` says whose callers do.
    pub(super) fn is_blocked(&self, waits: impl FnOnce(&str) -> bool) -> bool {
        let state = lock(&self.state);
        let is_left = !self.gateway.config.contents.is_empty() && !state.taken_back.is_empty();
        let alone = state.alone.clone();
        drop(state);
        is_left || alone.is_some_and(|id| !waits(&id))
    }

    /// Whether a request must wait for one whose content was read: it might change what that refers to.
    pub(super) fn is_kept_waiting(&self, method: &str) -> bool {
        is_work(method) && lock(&self.state).alone.is_some()
    }
}

/// What a request may change, or what may change while it is under way.
pub(super) fn is_work(method: &str) -> bool {
    ![
        "ping",
        "initialize",
        modern::DISCOVER,
        modern::LISTEN,
        "logging/setLevel",
        "tools/list",
    ]
    .contains(&method)
}

/// What the gateway's own request says of itself, where the client's was of a revision in which each must.
fn meta(params: Json<'_>, out: &mut Writer) {
    if modern::named(params).is_some() {
        modern::own_meta(out.name("_meta"));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_part_of_an_address() {
        assert_eq!(
            filled("drafts:///{}/text", "../a b?#"),
            "%2E%2E%2Fa%20b%3F%23"
        );
        assert_eq!(filled("{}", "drafts:///17"), "drafts:///17");
    }
}
