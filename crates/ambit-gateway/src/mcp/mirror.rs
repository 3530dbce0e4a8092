//! What a request over HTTP says in its headers as well as in its body (2026-07-28, "Request Metadata").

use ambit_core::json::{Json, Kind};

use super::message;
use super::modern;

pub(super) const VERSION_HEADER: &str = "mcp-protocol-version";
pub(super) const METHOD: &str = "mcp-method";
pub(super) const NAME: &str = "mcp-name";
const PARAM: &str = "mcp-param-";
/// What marks an argument in a tool's schema.
const MARK: &str = "x-mcp-header";
const ENCODED: (&str, &str) = ("=?base64?", "?=");
/// Marked arguments of one tool, and levels of its schema.
const MARKED: usize = 16;
const DEEPEST: usize = 16;

/// An argument of a tool that is told in a header: its header, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) header: String,
    path: Vec<String>,
}

/// Headers of the standard, but for the version: in small letters, with their values as they stand in the body.
pub(super) fn standard(method: &str, params: Json<'_>) -> Vec<(&'static str, String)> {
    let mut headers = vec![(METHOD, method.to_owned())];
    let source = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        _ => return headers,
    };
    let value = params.get(source).and_then(Json::as_str);
    headers.push((NAME, value.unwrap_or_default().to_owned()));
    headers
}

/// The marked arguments of a tool, as `tools/list` describes it. An error: clients must not call such a tool over HTTP.
pub(super) fn marked(tool: Json<'_>) -> Result<Vec<Marked>, String> {
    let mut found = Vec::new();
    if let Some(schema) = tool.get("inputSchema") {
        within(schema, &mut Vec::new(), true, &mut found)?;
    }
    for (at, one) in found.iter().enumerate() {
        let mut before = found.iter().take(at);
        if before.any(|other| other.header == one.header) {
            return Err(format!("`{MARK}` names `{}` twice", one.header));
        }
    }
    Ok(found)
}

/// Looks through a schema. Where it is not reached by properties alone, nothing may be marked.
fn within(
    schema: Json<'_>,
    path: &mut Vec<String>,
    is_reached: bool,
    found: &mut Vec<Marked>,
) -> Result<(), String> {
    if path.len() > DEEPEST {
        return Ok(());
    }
    if let Some(mark) = schema.get(MARK).filter(|_| !path.is_empty()) {
        let name = mark.as_str().filter(|name| is_token(name));
        let kind = schema.get_str("type").unwrap_or_default();
        let is_plain = ["string", "integer", "boolean"].contains(&kind);
        let name = name.filter(|_| is_reached && is_plain && found.len() < MARKED);
        let name = name.ok_or_else(|| format!("`{MARK}` of `{}` is unsound", path.join(".")))?;
        found.push(Marked {
            header: format!("{PARAM}{}", name.to_ascii_lowercase()),
            path: path.clone(),
        });
    }
    let is_object = schema.kind() == Kind::Object;
    let elements = schema.elements().map(|element| ("[]", element));
    let members = schema.members().filter(|_| is_object);
    for (name, value) in members.chain(elements) {
        match (name, value.kind()) {
            ("properties", Kind::Object) => {
                for (name, property) in value.members() {
                    path.push(name.to_owned());
                    within(property, path, is_reached, found)?;
                    path.pop();
                }
            }
            ("default" | "const" | "enum" | "examples", _) => {}
            (_, Kind::Object | Kind::Array) => {
                path.push(name.to_owned());
                within(value, path, false, found)?;
                path.pop();
            }
            _ => {}
        }
    }
    Ok(())
}

impl Marked {
    /// The argument's value as a header has it; `None` where there is none.
    pub(super) fn value(&self, arguments: Json<'_>) -> Option<String> {
        let mut at = arguments;
        for name in &self.path {
            at = at.get(name)?;
        }
        match at.kind() {
            Kind::String => at.as_str().map(str::to_owned),
            Kind::Null | Kind::Object | Kind::Array => None,
            _ => Some(message::text(at)),
        }
    }

    /// Whether a header says the same as the body.
    pub(super) fn agrees(&self, arguments: Json<'_>, header: Option<&str>) -> bool {
        let header = header.map(decoded);
        match (self.value(arguments), header) {
            (None, None) => true,
            (Some(value), Some(Some(header))) => value == header || is_same_number(&value, &header),
            _ => false,
        }
    }
}

/// `42.0` is 42.
fn is_same_number(value: &str, header: &str) -> bool {
    let whole = header
        .split_once('.')
        .filter(|(_, rest)| !rest.is_empty() && rest.bytes().all(|digit| digit == b'0'));
    value.parse::<i64>().is_ok() && whole.is_some_and(|(whole, _)| whole == value)
}

/// A value as a header carries it.
pub(super) fn encoded(value: &str) -> String {
    let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && value.trim() == value
        && !(value.starts_with(ENCODED.0) && value.ends_with(ENCODED.1));
    if is_plain {
        return value.to_owned();
    }
    let text = base64(value.as_bytes());
    format!("{}{text}{}", ENCODED.0, ENCODED.1)
}

/// What a header carries. `None`: it is no text.
pub(super) fn decoded(header: &str) -> Option<String> {
    let inner = header
        .strip_prefix(ENCODED.0)
        .and_then(|rest| rest.strip_suffix(ENCODED.1));
    match inner {
        Some(text) => String::from_utf8(unbase64(text)?).ok(),
        None => Some(header.to_owned()),
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    let url = ambit_token::base64url::encode(bytes);
    let mut text: String = url
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4)
        || text.len() - bare.len() > 2
        || !bare.bytes().all(|digit| DIGITS.contains(&digit))
    {
        return None;
    }
    let url = bare.replace('+', "-").replace('/', "_");
    ambit_token::base64url::decode(url.as_bytes())
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

/// Why headers do not say what the body says. `header` reads one.
pub(super) fn mismatch<'h>(
    method: &str,
    params: Json<'_>,
    header: &dyn Fn(&str) -> Option<&'h str>,
) -> Option<String> {
    let version = modern::named(params).and_then(Json::as_str);
    match header(VERSION_HEADER) {
        None => return Some(format!("`{VERSION_HEADER}` is lacking")),
        Some(value) if version.is_some_and(|version| version != value) => {
            return Some(format!("`{VERSION_HEADER}` is not what `_meta` says"));
        }
        Some(_) => {}
    }
    standard(method, params)
        .into_iter()
        .find_map(|(name, value)| {
            let header = match header(name) {
                None => return Some(format!("`{name}` is lacking")),
                Some(header) if name == NAME => decoded(header),
                Some(header) => Some(header.to_owned()),
            };
            let is_same = header.is_some_and(|header| header == value);
            (!is_same).then(|| format!("`{name}` is not what the body says"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, run: impl FnOnce(Json<'_>) -> T) -> T {
        let document = message::parse(text.as_bytes()).unwrap();
        run(document.root())
    }

    fn of_schema(schema: &str) -> Result<Vec<Marked>, String> {
        with(&format!("{{\"inputSchema\":{schema}}}"), marked)
    }

    #[test]
    fn values_are_carried_as_the_specification_has_them() {
        for (value, header) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ] {
            assert_eq!(encoded(value), header);
            assert_eq!(decoded(header).as_deref(), Some(value));
        }
        assert_eq!(decoded("=?base64?_w==?="), None);
        assert_eq!(decoded("=?base64?/w==?="), None);
    }

    #[test]
    fn marked_arguments_are_reached_by_properties_alone() {
        let sound = r#"{"properties":{"region":{"type":"string","x-mcp-header":"Region"},
            "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}}"#;
        let marked = of_schema(sound).unwrap();
        let headers: Vec<_> = marked.iter().map(|one| one.header.as_str()).collect();
        assert_eq!(headers, ["mcp-param-region", "mcp-param-n"]);
        let agrees = |arguments: &str, headers: [Option<&str>; 2]| {
            with(arguments, |it| {
                marked
                    .iter()
                    .zip(headers)
                    .all(|(one, header)| one.agrees(it, header))
            })
        };
        let both = r#"{"region":"a","deep":{"n":42}}"#;
        assert!(agrees(both, [Some("a"), Some("42.0")]));
        assert!(agrees(r#"{"region":null}"#, [None, None]));
        assert!(!agrees(both, [Some("a"), None]));
        assert!(!agrees(both, [Some("b"), Some("42")]));
        assert!(!agrees("{}", [Some("a"), None]));
        for wrong in [
            r#"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":""}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}"#,
            r#"{"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}"#,
            r#"{"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#,
        ] {
            assert!(of_schema(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_say_what_the_body_says() {
        let params = format!(
            "{{\"name\":\"t\",\"_meta\":{{\"{}\":\"2026-07-28\"}}}}",
            modern::PROTOCOL
        );
        let said = |headers: &[(&str, &'static str)]| {
            with(&params, |params| {
                let header = |name: &str| {
                    let mut all = headers.iter();
                    all.find(|(known, _)| *known == name)
                        .map(|(_, value)| *value)
                };
                mismatch("tools/call", params, &header)
            })
        };
        let version = (VERSION_HEADER, "2026-07-28");
        let method = (METHOD, "tools/call");
        assert_eq!(said(&[version, method, (NAME, "t")]), None);
        assert_eq!(said(&[version, method, (NAME, "=?base64?dA==?=")]), None);
        for wrong in [
            &[method, (NAME, "t")][..],
            &[(VERSION_HEADER, "2025-11-25"), method, (NAME, "t")],
            &[version, (METHOD, "tools/list"), (NAME, "t")],
            &[version, method, (NAME, "u")],
            &[version, method],
            &[version, (NAME, "t")],
        ] {
            assert!(said(wrong).is_some(), "{wrong:?}");
        }
    }
}
