//! A row of the file, read: what is wrong with it is told as a whole.

use std::collections::BTreeMap;

use ambit_core::Power;
use ambit_core::json::Writer;
use serde::Deserialize;

use super::config::{Arg, Body, Id, Route, Wanted};
use super::front::Front;
use super::pattern::Pattern;
use super::source::Source;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteEntry {
    method: String,
    path: String,
    action: String,
    power: String,
    purpose: Option<String>,
    resource: ResourceEntry,
    body: Option<String>,
    #[serde(default)]
    args: BTreeMap<String, ArgEntry>,
    #[serde(default)]
    when: BTreeMap<String, toml::Value>,
    #[serde(default)]
    unchecked: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceEntry {
    r#type: String,
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ArgEntry {
    Source(String),
    Fixed(FixedEntry),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FixedEntry {
    value: toml::Value,
}

/// What is found to be wrong while a row is read.
struct Reading {
    problems: Vec<String>,
    body: Body,
}

impl Route {
    /// Reads a row. An error is all that is wrong with it.
    pub(super) fn read(
        row: toml::Table,
        line: usize,
        front: Front,
        purpose: Option<&str>,
    ) -> Result<Self, Vec<String>> {
        let entry: RouteEntry = row
            .try_into()
            .map_err(|error: toml::de::Error| vec![error.message().to_owned()])?;
        let mut reading = Reading {
            problems: Vec::new(),
            body: Body::None,
        };
        reading.method(&entry.method);
        reading.body(entry.body.as_deref(), front);
        let path = Pattern::parse(&entry.path);
        let path = path.map_err(|what| reading.note(what)).ok();
        let power = Power::from_name(&entry.power);
        if power.is_none() {
            reading.note("`power` is `observe`, `draft`, `propose` or `execute`");
        }
        let purpose = entry.purpose.as_deref().or(purpose);
        if purpose.is_none() {
            reading.note("there is no `purpose`, neither here nor above");
        }
        let args = reading.args(entry.args);
        let when = reading.when(&entry.when);
        let unchecked = reading.unchecked(&entry.unchecked);
        let id = match entry.resource.id.strip_prefix('{') {
            Some(name) => Id::Named(name.strip_suffix('}').unwrap_or(name).to_owned()),
            None => Id::Text(entry.resource.id),
        };
        let (Some(path), Some(power), Some(purpose), []) =
            (path, power, purpose, reading.problems.as_slice())
        else {
            return Err(reading.problems);
        };
        let route = Self {
            line,
            method: entry.method,
            path,
            action: entry.action,
            power,
            purpose: purpose.to_owned(),
            resource: (entry.resource.r#type, id),
            body: reading.body,
            args,
            when,
            unchecked,
        };
        match route.loose() {
            found if found.is_empty() => Ok(route),
            found => Err(found),
        }
    }

    /// Names of the path that nobody uses, and uses of names that are not there.
    fn loose(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut used: Vec<&str> = self.sources().filter_map(Source::in_path).collect();
        if let Id::Named(name) = &self.resource.1 {
            used.push(name);
        }
        for name in &used {
            if !self.path.names().any(|known| known == *name) {
                problems.push(format!("there is no `{{{name}}}` in the path"));
            }
        }
        for name in self.path.names().filter(|name| !used.contains(name)) {
            problems.push(format!(
                "nobody checks `{{{name}}}`: name it in `resource` or `args`"
            ));
        }
        for (at, source) in self.unchecked.iter().enumerate() {
            if self.sources().any(|known| known == source) || self.unchecked[..at].contains(source)
            {
                problems.push(format!(
                    "`unchecked`: `{source}` stands here twice, or is checked"
                ));
            }
        }
        problems
    }
}

impl Reading {
    fn note(&mut self, what: impl Into<String>) {
        self.problems.push(what.into());
    }

    fn method(&mut self, method: &str) {
        let is_plain = method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        if !is_plain || ["", "CONNECT", "TRACE"].contains(&method) {
            self.note("`method` is one method in capitals, and not CONNECT or TRACE");
        }
    }

    fn body(&mut self, body: Option<&str>, front: Front) {
        match body {
            None => {}
            Some("json") => {
                self.body = Body::Json;
                if !front.has_body() {
                    self.note(format!(
                        "{} hands no body to the check, so arguments cannot be in it: put them into the path or the query, or Envoy in front",
                        front.name()
                    ));
                }
            }
            Some("unchecked") => self.body = Body::Unchecked,
            Some(_) => {
                self.note("`body` is `json` or `unchecked`; without it a request must have none");
            }
        }
    }

    fn source(&mut self, text: &str) -> Option<Source> {
        let source = Source::parse(text);
        match &source {
            None => self.note(format!(
                "`{text}` is no place: `{{name}}` is one in the path, `?name` in the query, `/name` in the body"
            )),
            Some(Source::Body(_)) if self.body != Body::Json => self.note(format!(
                "`{text}` is in the body, which is not read: say `body = \"json\"`"
            )),
            Some(_) => {}
        }
        source
    }

    fn args(&mut self, entries: BTreeMap<String, ArgEntry>) -> Vec<(String, Arg)> {
        let mut args = Vec::new();
        for (name, arg) in entries {
            let arg = match arg {
                ArgEntry::Source(text) => self.source(&text).map(Arg::From),
                ArgEntry::Fixed(fixed) => self
                    .wanted(&format!("args.{name}.value"), &fixed.value)
                    .map(|wanted| Arg::Fixed(wanted.json)),
            };
            args.extend(arg.map(|arg| (name, arg)));
        }
        args
    }

    fn when(&mut self, entries: &BTreeMap<String, toml::Value>) -> Vec<(Source, Wanted)> {
        let mut when = Vec::new();
        for (place, value) in entries {
            let source = self.source(place);
            let wanted = self.wanted(&format!("when.\"{place}\""), value);
            when.extend(source.zip(wanted));
        }
        when
    }

    fn unchecked(&mut self, entries: &[String]) -> Vec<Source> {
        let mut unchecked = Vec::new();
        for place in entries {
            match self.source(place) {
                Some(Source::Path(_)) => self.note(format!(
                    "`unchecked`: `{place}` is in the path, all of which is checked"
                )),
                source => unchecked.extend(source),
            }
        }
        unchecked
    }

    fn wanted(&mut self, place: &str, value: &toml::Value) -> Option<Wanted> {
        let wanted = Wanted::of(value);
        if wanted.is_none() {
            self.note(format!(
                "`{place}` is a text, an integer, `true` or `false`"
            ));
        }
        wanted
    }
}

impl Wanted {
    fn of(value: &toml::Value) -> Option<Self> {
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(_) | toml::Value::Boolean(_) => value.to_string(),
            _ => return None,
        };
        let mut out = Writer::default();
        match value {
            toml::Value::String(text) => out.string(text),
            _ => out.raw(&text),
        };
        Some(Self {
            json: out.finish(),
            text,
        })
    }
}
