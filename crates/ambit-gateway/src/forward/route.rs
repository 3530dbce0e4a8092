//! Which route a request is, and what it asks for in the policy's terms.

use ambit_core::json::{Json, Kind, Writer};
use ambit_policy::Spelling;

use super::Refusal;
use super::config::{Arg, Body, Config, Id, Route, Spellings, by_weight};
use super::front::{Length, Original};
use super::source::Source;
use super::target::Target;

/// A request whose path and method are in the file.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    target: Target,
    /// The rows of this path and method, with their places in the file.
    rows: Vec<(usize, &'a Route)>,
    method: String,
}

/// A request in the policy's terms.
#[derive(Debug)]
pub(super) struct Understood<'a> {
    pub(super) route: &'a Route,
    pub(super) resource: String,
    /// A JSON object.
    pub(super) args: String,
}

impl<'a> Asked<'a> {
    pub(super) fn find(config: &'a Config, original: &Original<'_>) -> Result<Self, Refusal> {
        let target = Target::read(&original.target)
            .map_err(|ambiguous| Refusal::new(400, ambiguous.code, ambiguous.words))?;
        let unmapped = || {
            Refusal::new(
                403,
                "forward.unmapped",
                "nothing says what this request is in the policy",
            )
        };
        if config
            .routes
            .iter()
            .any(|route| route.path.is_near(&target))
        {
            let words = "the path is that of another request, but for case, a slash or an ending, which servers read differently";
            return Err(Refusal::new(400, "forward.path", words));
        }
        let taking = config
            .routes
            .iter()
            .filter(|route| route.path.take(&target).is_some());
        let path = &taking
            .max_by(|one, two| by_weight(one, two))
            .ok_or_else(unmapped)?
            .path;
        let of_both = |(_, route): &(usize, &Route)| {
            route.method == original.method && route.path.is_same(path)
        };
        let rows: Vec<_> = config.routes.iter().enumerate().filter(of_both).collect();
        let (_, first) = rows.first().ok_or_else(unmapped)?;
        let is_plain = ["GET", "HEAD"].contains(&original.method);
        let has_body = match original.length {
            Length::None => false,
            Length::Some => true,
            Length::Untold => !is_plain,
        };
        if first.body == Body::None && has_body {
            let words = match original.length {
                Length::Untold => {
                    "send `Content-Length: 0`: a body could follow, which nobody checks"
                }
                _ => "this request must have no body: nobody checks it",
            };
            return Err(Refusal::new(400, "forward.body", words));
        }
        Ok(Self {
            target,
            rows,
            method: original.method.to_owned(),
        })
    }

    /// The first row of it: by which one it goes may depend on the body.
    pub(super) fn first(&self) -> Option<&'a Route> {
        self.rows.first().map(|(_, route)| *route)
    }

    /// Whether arguments are in the body.
    pub(super) fn reads(&self) -> bool {
        self.rows.iter().any(|(_, route)| route.body == Body::Json)
    }

    /// What it asks for.
    pub(super) fn understand(
        self,
        body: Option<Json<'_>>,
        spellings: &Spellings,
    ) -> Result<Understood<'a>, Refusal> {
        let covers = |(_, route): &&(usize, &Route)| {
            let met = |source: &Source, text: &str, json: &str| match source {
                Source::Body(path) => at(body, path).is_some_and(|value| self::text(value) == json),
                _ => self.value(route, source).as_deref() == Some(text),
            };
            route
                .when
                .iter()
                .all(|(source, wanted)| met(source, &wanted.text, &wanted.json))
        };
        let unmapped = || {
            let words = "nothing says what this request is in the policy, with these values";
            Refusal::new(403, "forward.unmapped", words)
        };
        let &(place, route) = self.rows.iter().find(covers).ok_or_else(unmapped)?;
        self.check_query(route)?;
        if let Some(body) = body {
            check_body(route, body)?;
        }
        let resource = match &route.resource.1 {
            Id::Text(text) => text.clone(),
            Id::Named(name) => {
                let value = self.value(route, &Source::Path(name.clone()));
                value.ok_or_else(unmapped)?
            }
        };
        let mut problem = None;
        let mut out = Writer::with_capacity(256);
        out.object(|out| {
            for (name, arg) in &route.args {
                let spelling = spellings.get(place).and_then(|read| read.get(name));
                match arg {
                    Arg::Fixed(json) => drop(out.name(name).raw(json)),
                    Arg::From(Source::Body(path)) => {
                        if let Some(value) = at(body, path) {
                            out.name(name).json(value);
                        }
                    }
                    // One that is not there is left out: the policy says whether it may be.
                    Arg::From(source) => match self
                        .value(route, source)
                        .map(|text| spelled(&text, spelling))
                    {
                        None => {}
                        Some(Ok(json)) => drop(out.name(name).raw(&json)),
                        Some(Err(wanted)) => problem = Some(format!("`{source}` must be {wanted}")),
                    },
                }
            }
        });
        match problem {
            Some(words) => Err(Refusal::new(400, "forward.argument", words)),
            None => Ok(Understood {
                route,
                resource,
                args: out.finish(),
            }),
        }
    }

    /// What stands in the path or the query.
    fn value(&self, route: &Route, source: &Source) -> Option<String> {
        match source {
            Source::Path(name) => {
                let taken = route.path.take(&self.target)?;
                taken
                    .into_iter()
                    .find_map(|(known, value)| (known == name).then_some(value))
            }
            Source::Query(name) => self.target.parameter(name).map(str::to_owned),
            Source::Body(_) => None,
        }
    }

    /// What is not in the file is not judged, and so it does not pass.
    fn check_query(&self, route: &Route) -> Result<(), Refusal> {
        let known = |name: &str| {
            let mut sources = route.sources().chain(&route.unchecked);
            sources.any(|source| matches!(source, Source::Query(known) if known == name))
        };
        match self.target.query.iter().find(|(name, _)| !known(name)) {
            None => Ok(()),
            Some(_) => {
                let words = format!(
                    "the query has a parameter that `{} {}` does not know",
                    self.method,
                    route.path.text()
                );
                Err(Refusal::new(403, "forward.unmapped", words))
            }
        }
    }
}

/// The same of the body.
fn check_body(route: &Route, body: Json<'_>) -> Result<(), Refusal> {
    let mut places = Vec::new();
    for source in route.sources().chain(&route.unchecked) {
        if let Source::Body(path) = source {
            places.push(path.as_slice());
        }
    }
    match is_known(body, &places, 0) {
        true => Ok(()),
        false => {
            let words = format!(
                "the body has a member that `{} {}` does not know",
                route.method,
                route.path.text()
            );
            Err(Refusal::new(403, "forward.unmapped", words))
        }
    }
}

/// Whether all of a value, so many steps below the root, is at one of these places or beneath one.
fn is_known(value: Json<'_>, places: &[&[String]], depth: usize) -> bool {
    if places.iter().any(|path| path.len() == depth) {
        return true;
    }
    value.kind() == Kind::Object
        && value.members().all(|(name, member)| {
            let on_way = |path: &&&[String]| path.get(depth).is_some_and(|part| part == name);
            let below: Vec<&[String]> = places.iter().filter(on_way).copied().collect();
            !below.is_empty() && is_known(member, &below, depth + 1)
        })
}

fn at<'j>(body: Option<Json<'j>>, path: &[String]) -> Option<Json<'j>> {
    path.iter().try_fold(body?, |value, part| value.get(part))
}

fn text(value: Json<'_>) -> String {
    let mut out = Writer::default();
    out.json(value);
    out.finish()
}

/// A text as the JSON value that it stands for, or what it must be.
fn spelled(text: &str, spelling: Option<&Spelling>) -> Result<String, &'static str> {
    match spelling {
        Some(Spelling::Number) if is_number(text) => Ok(text.to_owned()),
        Some(Spelling::Number) => Err("a number, as JSON writes it and without an exponent"),
        Some(Spelling::Bool) if matches!(text, "true" | "false") => Ok(text.to_owned()),
        Some(Spelling::Bool) => Err("`true` or `false`"),
        Some(Spelling::Text) | None => {
            let mut out = Writer::default();
            out.string(text);
            Ok(out.finish())
        }
    }
}

/// RFC 8259 section 6, without an exponent.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_its_argument_is() {
        for (text, is) in [
            ("0", true),
            ("-12.50", true),
            ("", false),
            ("01", false),
            ("1e9", false),
            ("+1", false),
            (".5", false),
            ("5.", false),
            ("0x1", false),
            ("١", false),
        ] {
            assert_eq!(spelled(text, Some(&Spelling::Number)).is_ok(), is, "{text}");
        }
        assert!(spelled("true", Some(&Spelling::Bool)).is_ok());
        assert!(spelled("True", Some(&Spelling::Bool)).is_err());
        assert_eq!(spelled("a\"b", Some(&Spelling::Text)).unwrap(), r#""a\"b""#);
    }
}
