//! The tools of a server: as it describes them, and as the agent sees them.

use std::collections::BTreeMap;

use ambit_core::json::{Json, Writer};
use ambit_policy::Bundle;

use super::config::Config;
use super::mirror::{self, Marked};
use super::{Vocabulary, message};

/// Pages of one list, tools in all, and bytes of what is said of them.
pub(super) const PAGES: usize = 64;
const TOOLS: usize = 4096;
pub(super) const BYTES: usize = 16 * 1024 * 1024;

/// What the server said when it was asked last.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// By name: as it was described, and the pin of that.
    known: BTreeMap<String, Described>,
    /// Members of the first page beside the tools.
    beside: Vec<(String, String)>,
    pages: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Described {
    text: String,
    pin: Option<String>,
}

impl Tools {
    /// Takes one page. `Ok`: where the next begins, if there is one.
    pub(super) fn page(
        &mut self,
        result: Json<'_>,
        vocabulary: &dyn Vocabulary,
    ) -> Result<Option<String>, String> {
        let mut next = None;
        self.pages += 1;
        for (name, value) in result.members() {
            match name {
                "tools" => {}
                "nextCursor" => next = value.as_str().map(str::to_owned),
                // It is another list for each token.
                "cacheScope" if self.pages == 1 => self
                    .beside
                    .push((name.to_owned(), "\"private\"".to_owned())),
                _ if self.pages == 1 => {
                    let text = message::text(value);
                    self.bytes += text.len();
                    self.beside.push((name.to_owned(), text));
                }
                _ => {}
            }
        }
        let tools = result.get("tools").map(Json::elements);
        for tool in tools.ok_or("the server's list of tools has none")? {
            let name = tool.get("name").and_then(Json::as_str);
            let name = name.ok_or("a tool of the server has no name")?;
            let text = message::text(tool);
            self.bytes += text.len();
            let pin = vocabulary.pin(&text);
            let described = Described { text, pin };
            if self.known.insert(name.to_owned(), described).is_some() {
                return Err(format!("the server has two tools `{name}`"));
            }
            if self.known.len() > TOOLS {
                return Err(format!("the server has more than {TOOLS} tools"));
            }
        }
        if self.bytes > BYTES {
            return Err(format!(
                "the server says more than {BYTES} bytes of its tools"
            ));
        }
        Ok(next)
    }

    /// The pin of what the server says of a tool now.
    pub(super) fn pin(&self, tool: &str) -> Option<&str> {
        self.known.get(tool)?.pin.as_deref()
    }

    /// The arguments of a tool that are told in headers. Of one whose description is unsound there, none.
    pub(super) fn marked(&self, tool: &str) -> Vec<Marked> {
        let described = self.known.get(tool).map(|it| it.text.as_bytes());
        let document = described.and_then(|text| message::parse(text).ok());
        let marked = document.map(|document| mirror::marked(document.root()));
        marked.and_then(Result::ok).unwrap_or_default()
    }

    /// The answer for the agent: the tools that could ever be allowed, with their bounds in the
    /// description. `hidden` is told why a tool is not among them.
    pub(super) fn write(
        &self,
        config: &Config,
        bundle: &Bundle<'_>,
        offers: &BTreeMap<String, String>,
        hidden: &mut dyn FnMut(&str),
        out: &mut Writer,
    ) {
        out.name("tools").array(|out| {
            for (name, described) in &self.known {
                let pin = described.pin.as_deref().unwrap_or_default();
                let actions = match config.actions(bundle, name, pin) {
                    Ok(actions) => actions,
                    Err(why) => {
                        hidden(&why);
                        continue;
                    }
                };
                let bounds = actions.iter().filter_map(|(action, _)| offers.get(*action));
                let bounds: Vec<&str> = bounds.map(String::as_str).collect();
                if !bounds.is_empty() {
                    offer(&described.text, &bounds, out);
                }
            }
        });
        for (name, value) in &self.beside {
            out.name(name).raw(value);
        }
    }
}

fn offer(tool: &str, bounds: &[&str], out: &mut Writer) {
    let Ok(document) = message::parse(tool.as_bytes()) else {
        return;
    };
    let bounds = format!("What you may do with it:\n{}", bounds.join("\n"));
    let mut told = false;
    out.object(|out| {
        // `_meta` is no part of what was compared.
        let shown = document
            .root()
            .members()
            .filter(|(name, _)| *name != "_meta");
        for (name, value) in shown {
            match value.as_str().filter(|_| name == "description") {
                Some(text) => {
                    told = true;
                    out.name(name).string(&format!("{text}\n\n{bounds}"));
                }
                None => {
                    out.name(name).json(value);
                }
            }
        }
        if !told {
            out.name("description").string(&bounds);
        }
    });
}
