//! What the decision point is told about the services that ask it: a small file, checked when it is loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ambit_core::Power;
use ambit_policy::Bundle;
use ambit_token::base64url;
use serde::Deserialize;

use crate::fault::Fault;
use crate::files;
use crate::point::Place;
use crate::policy::Policy;

/// The file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    url: String,
    audience: String,
    location: Option<String>,
    tenant: Option<String>,
    #[serde(default)]
    callers: Vec<CallerEntry>,
    #[serde(default)]
    subjects: Vec<SubjectEntry>,
    #[serde(default)]
    actions: Vec<ActionEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallerEntry {
    /// For whoever reads the file.
    #[serde(rename = "name")]
    _name: String,
    secret_s256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectEntry {
    r#type: String,
    id: String,
    token: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionEntry {
    name: String,
    action: String,
    power: String,
    purpose: Option<String>,
    #[serde(default)]
    batch: bool,
    #[serde(default)]
    args: BTreeMap<String, String>,
}

/// The file, checked.
#[derive(Debug)]
pub struct Config {
    /// How callers reach the decision point, without a slash at the end.
    pub(super) url: String,
    /// The service that it decides for.
    pub place: Place,
    /// The digests of their secrets.
    callers: Vec<Vec<u8>>,
    subjects: BTreeMap<(String, String), PathBuf>,
    actions: BTreeMap<String, Mapping>,
}

/// What an action of a caller is in the vocabulary.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) action: String,
    pub(super) power: Power,
    pub(super) purpose: Option<String>,
    /// Whether it may be executed as one of several.
    pub(super) batch: bool,
    /// Arguments, and where in the evaluation each is.
    pub(super) args: Vec<(String, Pointer)>,
}

/// A JSON pointer (RFC 6901) into an evaluation: `/resource/properties/owner`.
#[derive(Debug)]
pub(super) struct Pointer {
    /// `subject`, `action`, `resource` or `context`.
    pub(super) entity: &'static str,
    pub(super) path: Vec<String>,
}

/// The parts of an evaluation.
pub(super) const ENTITIES: [&str; 4] = ["subject", "action", "resource", "context"];

impl Config {
    /// Reads it and checks it against the policy. Paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// [`Fault`], which names the first thing that is wrong.
    pub fn read(path: &Path, policy: &Policy) -> Result<Self, Fault> {
        let text = files::text(path)?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let config = Self::parse(&text, folder).map_err(|fault| fault.at(path))?;
        config.check(policy).map_err(|fault| fault.at(path))?;
        for token in config.subjects.values() {
            files::text(token)?;
        }
        Ok(config)
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, Fault> {
        let file: File = toml::from_str(text).map_err(|error| {
            // The file may hold a key where a digest should be, so its text is not repeated.
            let line = error
                .span()
                .map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let line = line.map_or_else(String::new, |line| format!("line {line}: "));
            wrong(format!("{line}{}", error.message()))
        })?;
        let url = file.url.strip_suffix('/').unwrap_or(&file.url).to_owned();
        if !is_origin(&url) {
            return Err(wrong(
                "`url` is how callers reach this: `https://host` without a path",
            ));
        }
        let mut callers = Vec::new();
        for caller in file.callers {
            let digest = base64url::decode(caller.secret_s256.as_bytes());
            let digest = digest
                .filter(|digest| digest.len() == 32)
                .ok_or_else(|| wrong("`secret_s256` of a caller is the base64url of 32 bytes"))?;
            callers.push(digest);
        }
        let mut subjects = BTreeMap::new();
        for subject in file.subjects {
            let token = folder.join(subject.token);
            let again = subjects.insert((subject.r#type, subject.id.clone()), token);
            if again.is_some() {
                return Err(wrong(format!("two tokens for `{}`", subject.id)));
            }
        }
        let mut actions = BTreeMap::new();
        for entry in file.actions {
            let name = entry.name.clone();
            if actions.insert(name.clone(), Mapping::of(entry)?).is_some() {
                return Err(wrong(format!("`{name}` is mapped twice")));
            }
        }
        Ok(Self {
            url,
            place: Place {
                audience: file.audience,
                location: file.location,
                tenant: file.tenant,
            },
            callers,
            subjects,
            actions,
        })
    }

    /// Whether the policy knows what the mapping speaks of.
    ///
    /// # Errors
    ///
    /// [`Fault`] for an action, a power or an argument that it does not know.
    pub(super) fn check(&self, policy: &Policy) -> Result<(), Fault> {
        policy.with_bundle(|bundle| self.fits(bundle))
    }

    fn fits(&self, bundle: &Bundle<'_>) -> Result<(), Fault> {
        for (name, mapping) in &self.actions {
            let of = |what: String| wrong(format!("`{name}`: {what}"));
            let Some(action) = bundle.action(&mapping.action) else {
                return Err(of(format!("the policy has no action `{}`", mapping.action)));
            };
            if !action.powers().contains(mapping.power) {
                let power = mapping.power.name();
                return Err(of(format!("`{}` has no power `{power}`", mapping.action)));
            }
            for (argument, _) in &mapping.args {
                if action.argument(argument).is_none() {
                    return Err(of(format!(
                        "`{}` has no argument `{argument}`",
                        mapping.action
                    )));
                }
            }
            let missing = action.arguments().find(|(argument, declared)| {
                declared.required() && !mapping.args.iter().any(|(name, _)| name == argument)
            });
            if let Some((argument, _)) = missing {
                return Err(of(format!(
                    "`args` does not say where the argument `{argument}` is"
                )));
            }
        }
        Ok(())
    }

    /// Whether anybody who reaches it could use the tokens that it holds.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.callers.is_empty() && !self.subjects.is_empty()
    }

    /// Whether it holds tokens, and so needs a key of its own.
    #[must_use]
    pub fn holds_tokens(&self) -> bool {
        !self.subjects.is_empty()
    }

    pub(super) fn has_callers(&self) -> bool {
        !self.callers.is_empty()
    }

    /// Whether the secret of a caller has this SHA-256.
    pub(super) fn is_caller(&self, secret_s256: &[u8]) -> bool {
        self.callers.iter().any(|digest| digest == secret_s256)
    }

    /// Whether this is a name under which it is reached: its own, or one of this machine.
    pub(super) fn is_called(&self, host: &str) -> bool {
        let name = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
            .map_or(host, |(name, _)| name);
        let own = self.url.split_once("://").map_or("", |(_, own)| own);
        let local = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let address = local.unwrap_or(name).parse::<std::net::IpAddr>();
        host.eq_ignore_ascii_case(own)
            || name.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.is_loopback())
    }

    /// The file with the token that is kept for a subject.
    pub(super) fn token(&self, kind: &str, id: &str) -> Option<&Path> {
        let key = (kind.to_owned(), id.to_owned());
        self.subjects.get(&key).map(PathBuf::as_path)
    }

    pub(super) fn action(&self, name: &str) -> Option<&Mapping> {
        self.actions.get(name)
    }
}

impl Mapping {
    fn of(entry: ActionEntry) -> Result<Self, Fault> {
        let of = |what: &str| wrong(format!("`{}`: {what}", entry.name));
        let power = Power::from_name(&entry.power);
        let power =
            power.ok_or_else(|| of("`power` is `observe`, `draft`, `propose` or `execute`"))?;
        let pointers = entry.args.iter().map(|(name, text)| {
            let pointer = Pointer::parse(text);
            let pointer = pointer.ok_or_else(|| {
                of("an argument is at a JSON pointer like `/resource/properties/owner`")
            })?;
            Ok((name.clone(), pointer))
        });
        Ok(Self {
            power,
            args: pointers.collect::<Result<_, Fault>>()?,
            action: entry.action,
            purpose: entry.purpose,
            batch: entry.batch,
        })
    }
}

impl Pointer {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('/')?.split('/');
        let first = parts.next()?;
        let entity = ENTITIES.iter().find(|entity| **entity == first)?;
        let rest = parts.next().map(|_| &text[first.len() + 2..])?;
        Some(Self {
            entity,
            path: pointer_path(rest)?,
        })
    }
}

/// The steps of a JSON pointer (RFC 6901), of what stands behind its first slash.
pub(crate) fn pointer_path(text: &str) -> Option<Vec<String>> {
    text.split('/').map(unescaped).collect()
}

/// RFC 6901 section 3: `~0` is `~`, `~1` is `/`, and no other `~` is there.
fn unescaped(part: &str) -> Option<String> {
    let mut pieces = part.split('~');
    let mut out = pieces.next()?.to_owned();
    for piece in pieces {
        out.push(match piece.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        out.push_str(&piece[1..]);
    }
    Some(out)
}

pub(crate) fn is_origin(url: &str) -> bool {
    let rest = url.strip_prefix("https://");
    let rest = rest.or_else(|| url.strip_prefix("http://"));
    let plain = |c: u8| c.is_ascii_alphanumeric() || b".-:[]".contains(&c);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
}

fn wrong(message: impl Into<String>) -> Fault {
    Fault::new("pdp.config", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "url = \"https://pdp.example\"\naudience = \"https://todo.example\"\n";

    fn parse(more: &str) -> Result<Config, Fault> {
        Config::parse(&format!("{HEAD}{more}"), Path::new("here"))
    }

    #[test]
    fn pointers_are_rfc_6901() {
        let pointer = Pointer::parse("/resource/a~1b/m~0n/~01").unwrap();
        assert_eq!(pointer.entity, "resource");
        assert_eq!(pointer.path, ["a/b", "m~n", "~1"]);
        for wrong in [
            "",
            "resource/id",
            "/",
            "/resource",
            "/facts/now",
            "/subject/~2",
            "/subject/~",
        ] {
            assert!(Pointer::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let action = "[[actions]]\nname = \"a\"\naction = \"a\"\npower = \"execute\"\n";
        assert!(parse(action).is_ok());
        for wrong in [
            "unknown = 1\n".to_owned(),
            action.replace("execute", "everything"),
            format!("{action}{action}"),
            format!("{action}args.x = \"resource.id\"\n"),
            format!("{action}extra = 1\n"),
            "[[callers]]\nname = \"a\"\nsecret_s256 = \"short\"\n".to_owned(),
            "[[subjects]]\ntype = \"user\"\nid = \"a\"\ntoken = \"a\"\n".repeat(2),
        ] {
            let fault = parse(&wrong).unwrap_err();
            assert_eq!(fault.code(), "pdp.config", "{wrong}");
        }
        for url in [
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a?b",
            "pdp.example",
        ] {
            let text = HEAD.replace("https://pdp.example", url);
            assert!(Config::parse(&text, Path::new("here")).is_err(), "{url}");
        }
    }

    #[test]
    fn tokens_without_callers_are_open_to_everybody() {
        let subject = "[[subjects]]\ntype = \"user\"\nid = \"a\"\ntoken = \"a.jwt\"\n";
        let caller = format!(
            "[[callers]]\nname = \"t\"\nsecret_s256 = \"{}\"\n",
            "A".repeat(43)
        );
        let open = parse(subject).unwrap();
        assert!(open.is_open());
        assert_eq!(open.token("user", "a"), Some(Path::new("here/a.jwt")));
        assert_eq!(open.token("group", "a"), None);
        assert!(!parse(&format!("{subject}{caller}")).unwrap().is_open());
        assert!(!parse("").unwrap().is_open());
    }
}
