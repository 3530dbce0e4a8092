//! Lists of scopes, in the forms in which services publish them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read as _;

use ambit_compiler::conceal;
use serde_json::{Map, Value};

use crate::import::{ImportError, json, text};

const HELP: &str = "give one scope a line, or JSON: a list of scopes, `{\"scopes\": {\"SCOPE\": \"what it is for\"}}`, or a permissions file such as Microsoft Graph's";
/// Bytes of a list after it was unpacked.
const BYTES: u64 = 64 * 1024 * 1024;

/// One scope, and what the service says of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) name: String,
    /// A few words.
    pub(super) title: Option<String>,
    /// Sentences.
    pub(super) description: Option<String>,
    /// Method and path of what it opens, in lower case.
    pub(super) paths: Vec<(String, String)>,
    /// Whether an administrator must consent.
    pub(super) admin: bool,
}

impl Scope {
    /// The name without the address in front of it: `gmail.send`, `Mail.Send`.
    pub(super) fn plain(&self) -> String {
        let Some((_, rest)) = self.name.split_once("://") else {
            return self.name.clone();
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.strip_prefix("auth/").unwrap_or(path).trim_matches('/');
        if path.is_empty() {
            host.to_owned()
        } else {
            path.to_owned()
        }
    }
}

/// The scopes of a file, each once, in their order.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Scope>, ImportError> {
    let bytes = unpacked(bytes)?;
    let text = core::str::from_utf8(&bytes)
        .map_err(|_| ImportError::new("import.oauth", "the file is not UTF-8", HELP))?;
    let text = text.trim_start_matches('\u{feff}');
    let mut found = Found::default();
    if text.trim_start().starts_with(['{', '[']) {
        found.document(&json::read(text.as_bytes(), HELP)?);
    } else {
        text.lines().for_each(|line| found.line(line));
    }
    if found.list.iter().any(|scope| is_secret(&scope.name)) {
        return Err(json::secret());
    }
    if found.list.is_empty() {
        return Err(ImportError::new(
            "import.oauth",
            "there is no scope in this file",
            HELP,
        ));
    }
    match found.list.iter().find(|scope| !is_token(&scope.name)) {
        Some(wrong) => {
            let message = format!(
                "`{}` is no OAuth scope (RFC 6749, section 3.3)",
                text::shown(&conceal(&wrong.name))
            );
            Err(ImportError::new(
                "import.oauth",
                message,
                "remove it, or write a `#` before a comment",
            ))
        }
        None => Ok(found.list),
    }
}

/// Whether a name is rather a key. What has the words of a name is none, however long it is:
/// `ReadWriteAndConsentSelfForChat`, `B2BManagementPolicy`.
fn is_secret(name: &str) -> bool {
    let words = text::words(name);
    let letters: usize = words.iter().map(String::len).sum();
    let digits = |word: &&String| word.bytes().any(|byte| byte.is_ascii_digit());
    let with_digits = words.iter().filter(digits).count();
    let endless = words.iter().filter(digits).any(|word| word.len() >= 20);
    let short_words = letters * 5 < words.len() * 21;
    conceal(name) != name && (endless || with_digits >= 3 || short_words)
}

/// What a list in `@oauth` can hold: no space, quote, backslash or comma.
fn is_token(name: &str) -> bool {
    let is_sign = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e) && byte != b',';
    !name.is_empty() && name.bytes().all(is_sign)
}

fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ImportError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut out = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes)
        .take(BYTES + 1)
        .read_to_end(&mut out);
    match read {
        Ok(length) if u64::try_from(length).is_ok_and(|length| length <= BYTES) => {
            Ok(Cow::Owned(out))
        }
        Ok(_) => Err(ImportError::new(
            "import.oauth",
            format!("unpacked, the file is larger than {BYTES} bytes"),
            HELP,
        )),
        Err(_) => Err(ImportError::new(
            "import.oauth",
            "the file cannot be unpacked",
            HELP,
        )),
    }
}

#[derive(Default)]
struct Found {
    list: Vec<Scope>,
    places: BTreeMap<String, usize>,
}

impl Found {
    /// Adds a scope, or what is new of one that is there.
    fn add(&mut self, scope: Scope) {
        if let Some(at) = self.places.get(&scope.name) {
            let known = &mut self.list[*at];
            known.title = known.title.take().or(scope.title);
            known.description = known.description.take().or(scope.description);
            known.paths.extend(scope.paths);
            known.admin |= scope.admin;
        } else {
            self.places.insert(scope.name.clone(), self.list.len());
            self.list.push(scope);
        }
    }

    fn named(&mut self, name: &str) {
        self.add(Scope {
            name: name.trim().to_owned(),
            ..Scope::default()
        });
    }

    /// `SCOPE`, `SCOPE SCOPE, SCOPE`, `SCOPE # what it is for`, or the two with a tab between.
    fn line(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with('#') {
            return;
        }
        let (names, said) = match (line.split_once('\t'), line.split_once(" #")) {
            (Some((name, said)), _) => (name, Some(said.trim().trim_start_matches('#').trim())),
            (None, Some((names, said))) => (names, Some(said.trim())),
            (None, None) => (line, None),
        };
        let names: Vec<&str> = names
            .split([' ', ','])
            .filter(|name| !name.is_empty())
            .collect();
        match (names.as_slice(), said.filter(|said| !said.is_empty())) {
            ([only], Some(said)) => self.add(Scope {
                name: (*only).to_owned(),
                description: Some(conceal(said)),
                ..Scope::default()
            }),
            (names, _) => names.iter().for_each(|name| self.named(name)),
        }
    }

    fn document(&mut self, value: &Value) {
        if let Some(list) = value.as_array() {
            self.scopes_in(list);
        } else if let Some(object) = value.as_object() {
            self.object(object);
            if self.list.is_empty() {
                self.by_name(object);
            }
        }
    }

    /// Lists of scopes under the names that documents give them, however deep they stand.
    fn object(&mut self, object: &Map<String, Value>) {
        const LISTS: &[&str] = &[
            "scopes",
            "scopes_supported",
            "delegatedScopesList",
            "applicationScopesList",
        ];
        for (name, value) in object {
            match value {
                Value::Object(permissions) if name == "permissions" => {
                    self.permissions(permissions);
                }
                Value::Object(scopes) if name == "scopes" => self.by_name(scopes),
                Value::Array(list) if LISTS.contains(&name.as_str()) => self.scopes_in(list),
                Value::String(list) if name == "scope" => list
                    .split(' ')
                    .filter(|name| !name.is_empty())
                    .for_each(|name| self.named(name)),
                Value::Object(inner) => self.object(inner),
                Value::Array(list) => list
                    .iter()
                    .filter_map(Value::as_object)
                    .for_each(|inner| self.object(inner)),
                _ => {}
            }
        }
    }

    fn scopes_in(&mut self, list: &[Value]) {
        for one in list {
            match one {
                Value::String(name) => self.named(name),
                Value::Object(object) => {
                    let name = first(object, &["value", "scope", "name", "id"]);
                    if let Some(name) = name {
                        self.add(described(&name, object));
                    }
                }
                _ => {}
            }
        }
    }

    /// `{"SCOPE": "what it is for"}`, or an object with what it is for.
    fn by_name(&mut self, object: &Map<String, Value>) {
        let is_said = |value: &Value| value.is_string() || value.get("description").is_some();
        for (name, value) in object.iter().filter(|(_, value)| is_said(value)) {
            let mut scope = match value {
                Value::Object(said) => described(name, said),
                _ => described(name, &Map::new()),
            };
            let said = value.as_str().map(|said| without_secrets(name, said));
            scope.description = scope.description.or(said);
            self.add(scope);
        }
    }

    /// Microsoft Graph's permissions: texts for each scheme, and the paths that a permission opens.
    fn permissions(&mut self, permissions: &Map<String, Value>) {
        for (name, permission) in permissions {
            let scheme = |kind: &str| permission.get("schemes")?.get(kind)?.as_object();
            let kinds = ["DelegatedWork", "DelegatedPersonal", "Application"];
            let schemes: Vec<&Map<String, Value>> =
                kinds.iter().filter_map(|kind| scheme(kind)).collect();
            let text = |members: &[&str]| schemes.iter().find_map(|scheme| first(scheme, members));
            let scope = Scope {
                name: name.clone(),
                title: text(&["userDisplayName", "adminDisplayName"]),
                description: text(&["userDescription", "adminDescription"]),
                paths: paths(permission),
                admin: !schemes.is_empty()
                    && schemes.iter().all(|scheme| {
                        scheme.get("requiresAdminConsent").and_then(Value::as_bool) == Some(true)
                    }),
            };
            self.add(scope);
        }
    }
}

fn paths(permission: &Value) -> Vec<(String, String)> {
    let sets = permission.get("pathSets").and_then(Value::as_array);
    let mut out = Vec::new();
    for set in sets.into_iter().flatten() {
        let methods = set
            .get("methods")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let methods: Vec<String> = methods
            .filter_map(Value::as_str)
            .map(str::to_lowercase)
            .collect();
        let paths = set.get("paths").and_then(Value::as_object);
        for (path, _) in paths.into_iter().flatten() {
            out.extend(
                methods
                    .iter()
                    .map(|method| (method.clone(), path.to_lowercase())),
            );
        }
    }
    out
}

/// A scope with the texts that stand beside its name.
fn described(name: &str, object: &Map<String, Value>) -> Scope {
    Scope {
        name: name.trim().to_owned(),
        title: first(
            object,
            &[
                "consentDisplayName",
                "displayName",
                "title",
                "label",
                "adminConsentDisplayName",
            ],
        ),
        description: first(
            object,
            &[
                "description",
                "consentDescription",
                "userConsentDescription",
                "adminConsentDescription",
            ],
        ),
        paths: Vec::new(),
        admin: object.get("isAdmin").and_then(Value::as_bool) == Some(true),
    }
}

/// A text under its name, which may say that it is a secret. Keys are one word; sentences are judged alone.
fn without_secrets(name: &str, text: &str) -> String {
    if text.trim().contains(char::is_whitespace) {
        return conceal(text);
    }
    let concealed = conceal(&format!("\"{name}\": \"{text}\""));
    let start = name.len() + 5;
    let concealed = concealed.get(start..start + text.len());
    concealed.unwrap_or_default().to_owned()
}

/// The first of these members that is a text with something in it.
fn first(object: &Map<String, Value>, members: &[&str]) -> Option<String> {
    let texts = members
        .iter()
        .filter_map(|member| object.get(*member)?.as_str());
    let mut texts = texts.map(str::trim).filter(|text| !text.is_empty());
    texts.next().map(conceal)
}
