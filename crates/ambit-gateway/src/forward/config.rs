//! What requests are to the policy: a small file, checked as a whole when it is loaded.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use ambit_core::Power;
use ambit_policy::{Action, Bundle, Spelling};
use serde::Deserialize;
use toml::Spanned;

use super::front::Front;
use super::pattern::Pattern;
use super::source::Source;
use crate::fault::Fault;
use crate::files;
use crate::point::Place;
use crate::policy::Policy;

/// Problems that are told at one time.
const TOLD: usize = 20;

/// The file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    front: String,
    url: String,
    audience: String,
    location: Option<String>,
    tenant: Option<String>,
    purpose: Option<String>,
    #[serde(default)]
    service_checks: bool,
    #[serde(default)]
    routes: Vec<Spanned<toml::Table>>,
}

/// The file, checked.
#[derive(Debug)]
pub struct Config {
    pub(super) front: Front,
    /// How agents reach the service, without a slash at the end.
    pub(super) url: String,
    place: Place,
    service_checks: bool,
    pub(super) routes: Vec<Route>,
}

/// A method and a path, and what a request of them is.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) line: usize,
    pub(super) method: String,
    pub(super) path: Pattern,
    pub(super) action: String,
    pub(super) power: Power,
    pub(super) purpose: String,
    pub(super) resource: (String, Id),
    pub(super) body: Body,
    pub(super) args: Vec<(String, Arg)>,
    pub(super) when: Vec<(Source, Wanted)>,
    pub(super) unchecked: Vec<Source>,
}

/// The id of a resource.
#[derive(Debug)]
pub(super) enum Id {
    Text(String),
    /// A name in the path.
    Named(String),
}

/// What becomes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// There must be none.
    None,
    /// JSON, with arguments in it.
    Json,
    /// It passes, and bounds nothing.
    Unchecked,
}

/// Where an argument comes from.
#[derive(Debug)]
pub(super) enum Arg {
    From(Source),
    /// Always this, as JSON.
    Fixed(String),
}

/// What a source must say, exactly.
#[derive(Debug)]
pub(super) struct Wanted {
    /// As a text of a path or query says it.
    pub(super) text: String,
    /// As JSON.
    pub(super) json: String,
}

/// How the text of each argument of each route is read, by the policy that decides now.
pub(super) type Spellings = Vec<BTreeMap<String, Spelling>>;

impl Config {
    /// Reads it and checks it against the policy.
    ///
    /// # Errors
    ///
    /// [`Fault`], which names all that is wrong, each with its line.
    pub fn read(path: &Path, policy: &Policy) -> Result<Self, Fault> {
        let text = files::whole(path, files::SMALL)?;
        let config = Self::parse(&text).map_err(|fault| fault.at(path))?;
        config.check(policy).map_err(|fault| fault.at(path))?;
        Ok(config)
    }

    /// What the gateway stands in front of.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// Whether the service behind checks each call as well, and so is the one that uses up what it costs.
    #[must_use]
    pub const fn service_checks(&self) -> bool {
        self.service_checks
    }

    /// Whether the file is for what reads it: the check of another server, or a proxy.
    pub(super) fn stands(&self, alone: bool) -> Result<(), Fault> {
        match (self.front == Front::Proxy, alone) {
            (true, false) => Err(wrong(
                "`front = \"proxy\"` is for `ambit gateway proxy`: name the server that asks, `nginx`, `caddy` or `envoy`",
            )),
            (false, true) => Err(wrong(
                "no other server asks here: write `front = \"proxy\"`",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let line = |at: usize| {
            1 + text.as_bytes()[..at.min(text.len())]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let place = error
                .span()
                .map_or(String::new(), |span| format!("line {}: ", line(span.start)));
            wrong(format!("{place}{}", error.message()))
        })?;
        let mut problems = Vec::new();
        let front = Front::from_name(&file.front);
        if front.is_none() {
            problems.push("`front` is the server in front: `nginx`, `caddy` or `envoy`; or `proxy`, for `ambit gateway proxy`".to_owned());
        }
        let front = front.unwrap_or(Front::Nginx);
        let url = file.url.strip_suffix('/').unwrap_or(&file.url).to_owned();
        if !crate::pdp::is_origin(&url) {
            problems.push(
                "`url` is how agents reach the service: `https://host` without a path".to_owned(),
            );
        }
        let mut routes = Vec::new();
        for row in file.routes {
            let at = line(row.span().start);
            let (method, path) = (named(row.get_ref(), "method"), named(row.get_ref(), "path"));
            let purpose = file.purpose.as_deref();
            match Route::read(row.into_inner(), at, front, purpose) {
                Ok(route) => routes.push(route),
                Err(found) => {
                    let place = |what| format!("line {at}: `{method} {path}`: {what}");
                    problems.extend(found.into_iter().map(place));
                }
            }
        }
        if routes.is_empty() && problems.is_empty() {
            problems.push("there is no `[[routes]]`, and so everything would be denied".to_owned());
        }
        problems.extend(clashes(&routes));
        all(problems)?;
        Ok(Self {
            front,
            url,
            place: Place {
                audience: file.audience,
                location: file.location,
                tenant: file.tenant,
            },
            service_checks: file.service_checks,
            routes,
        })
    }

    /// Whether the policy knows what the file speaks of, and how arguments are read by it.
    pub(super) fn check(&self, policy: &Policy) -> Result<Spellings, Fault> {
        policy.with_bundle(|bundle| {
            let mut problems = Vec::new();
            let mut spellings = Spellings::new();
            for route in &self.routes {
                let mut read = BTreeMap::new();
                let found = route.misfits(bundle, &mut read);
                problems.extend(found.into_iter().map(|what| route.says(&what)));
                spellings.push(read);
            }
            all(problems)?;
            Ok(spellings)
        })
    }
}

impl Route {
    /// Where a value is taken from.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        let args = self.args.iter().filter_map(|(_, arg)| match arg {
            Arg::From(source) => Some(source),
            Arg::Fixed(_) => None,
        });
        args.chain(self.when.iter().map(|(source, _)| source))
    }

    fn says(&self, what: &str) -> String {
        format!(
            "line {}: `{} {}`: {what}",
            self.line,
            self.method,
            self.path.text()
        )
    }

    /// What of it the policy does not know.
    fn misfits(&self, bundle: &Bundle<'_>, read: &mut BTreeMap<String, Spelling>) -> Vec<String> {
        let mut problems = Vec::new();
        let (kind, _) = &self.resource;
        let Some(action) = bundle.action(&self.action) else {
            return vec![format!("the policy has no action `{}`", self.action)];
        };
        if !action.powers().contains(self.power) {
            problems.push(format!(
                "`{}` has no power `{}`",
                self.action,
                self.power.name()
            ));
        }
        match bundle.resource_type(kind) {
            None => problems.push(format!("the policy has no kind of resource `{kind}`")),
            Some(_) if !action.applies_to(kind) => {
                problems.push(format!("`{}` does not apply to a `{kind}`", self.action));
            }
            Some(_) => {}
        }
        for (name, arg) in &self.args {
            match self.spelling(action, name, arg) {
                Ok(Some(spelling)) => drop(read.insert(name.clone(), spelling)),
                Ok(None) => {}
                Err(what) => problems.push(what),
            }
        }
        let missing = action.arguments().filter(|(argument, declared)| {
            declared.required() && !self.args.iter().any(|(name, _)| name == argument)
        });
        problems.extend(
            missing.map(|(name, _)| format!("`args` does not say where the argument `{name}` is")),
        );
        problems
    }

    fn spelling(
        &self,
        action: Action<'_>,
        name: &str,
        arg: &Arg,
    ) -> Result<Option<Spelling>, String> {
        let argument = action.argument(name);
        let argument =
            argument.ok_or_else(|| format!("`{}` has no argument `{name}`", self.action))?;
        match (arg, argument.spelling()) {
            (Arg::From(Source::Body(_)), _) => Ok(None),
            (_, None) => Err(format!(
                "`args.{name}`: the argument is more than a text can say, so it can only be in a body"
            )),
            (Arg::From(_), spelling) => Ok(spelling),
            (Arg::Fixed(json), Some(spelling)) => match (spelling, json.as_bytes().first()) {
                (Spelling::Text, Some(b'"')) | (Spelling::Bool, Some(b't' | b'f')) => Ok(None),
                (Spelling::Number, Some(b'0'..=b'9' | b'-')) => Ok(None),
                _ => Err(format!(
                    "`args.{name}.value` is not of the type of the argument"
                )),
            },
        }
    }
}

/// Routes of which nobody could say which counts, or that no request reaches.
fn clashes(routes: &[Route]) -> Vec<String> {
    let mut problems = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        for before in &routes[..at] {
            let other = format!(
                "line {}, `{} {}`",
                before.line,
                before.method,
                before.path.text()
            );
            if route.path.is_same(&before.path) {
                if route.method == before.method && before.when.is_empty() {
                    problems.push(route.says(&format!(
                        "no request reaches it: {other}, takes all of them"
                    )));
                } else if route.method == before.method && route.body != before.body {
                    problems.push(route.says(&format!("`body` is not that of {other}")));
                }
            } else if route.path.is_nearly_same(&before.path) {
                problems.push(route.says(&format!(
                    "only case or a slash at the end tells it from {other}"
                )));
            } else if route.path.compare(&before.path).is_none() {
                problems.push(route.says(&format!(
                    "a path can be of this form and of {other}, and neither says more of it"
                )));
            }
        }
    }
    problems
}

/// The route of a path and a method that says most; those of one path and method in the order of the file.
pub(super) fn by_weight(one: &Route, two: &Route) -> Ordering {
    one.path.weight().cmp(&two.path.weight())
}

fn named(row: &toml::Table, name: &str) -> String {
    row.get(name)
        .and_then(toml::Value::as_str)
        .unwrap_or("?")
        .to_owned()
}

/// All problems as one fault.
fn all(mut problems: Vec<String>) -> Result<(), Fault> {
    let more = problems.len().saturating_sub(TOLD);
    problems.truncate(TOLD);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    match problems.as_slice() {
        [] => Ok(()),
        [one] => Err(wrong(one.clone())),
        several => Err(wrong(format!(
            "{} problems\n  {}",
            several.len(),
            several.join("\n  ")
        ))),
    }
}

fn wrong(message: impl Into<String>) -> Fault {
    Fault::new("forward.config", message)
}
