//! What a server says of a thing, as a person reads it: all of it, in one text, or nothing.
//!
//! One text alone is that text. Whatever is more is laid out: the server's own texts are indented, its other values are
//! JSON, and only our labels begin a line. What is laid out begins with one of two labels, and a text that begins like
//! that is laid out as well, so that two results that say different things are never shown alike.

use std::fmt::Write as _;

use ambit_core::json::{Json, Kind, Writer, canonical_value};
use ambit_evaluator::s256;

use super::message;

/// Bytes of one content. The text of a call has no more (`docs/token.md`, section 7), so that nobody could approve it.
const LONGEST: usize = 64 * 1024;
const TEXT: &str = "text";
const STRUCTURED: &str = "structuredContent";
/// What is neither shown nor bound: it is about the message, and not part of what is said.
const META: &str = "_meta";
/// What SDKs call a text that they wrap.
const WRAPPED: &str = "result";
/// Levels that are indented: of more blanks the text of a call makes escapes.
const DEEPEST: usize = 7;

/// What it says, and the digest of the whole where there is more than a text.
#[derive(Debug)]
pub(super) struct Content {
    text: String,
    s256: Option<String>,
}

impl Content {
    pub(super) fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.name("text").string(&self.text);
            if let Some(digest) = &self.s256 {
                out.name("s256").string(digest);
            }
        });
    }
}

/// What the answer of a tool says, or that of a resource with this address.
pub(super) fn said(answer: &[u8], asked: Option<&str>) -> Result<Content, String> {
    let too_long = || format!("it is longer than {LONGEST} bytes");
    if answer.len() > LONGEST {
        return Err(too_long());
    }
    let document = message::parse(answer)?;
    let result = document.root().get("result");
    let result = result.ok_or("the server answers with an error")?;
    let kind = result.get("resultType").map(Json::as_str);
    if message::wants_more(result) || kind.is_some_and(|kind| kind != Some("complete")) {
        return Err("the server asks for input instead".to_owned());
    }
    if result
        .get("isError")
        .is_some_and(|is| is.as_bool() != Some(false))
    {
        return Err("the server says that it failed".to_owned());
    }
    let whole = Whole::read(result, asked)?;
    let content = match whole.alone() {
        Some(text) => Content { text, s256: None },
        None => Content {
            text: whole.laid_out(),
            s256: Some(whole.digest()),
        },
    };
    if content.text.len() > LONGEST {
        return Err(too_long());
    }
    Ok(content)
}

/// A result, in the parts that a person reads.
struct Whole<'a> {
    texts: Vec<Text<'a>>,
    structured: Option<Json<'a>>,
    /// Members of the result that are not known here.
    others: Vec<(&'a str, Json<'a>)>,
}

/// One text, and what is said of it.
struct Text<'a> {
    text: &'a str,
    beside: Vec<(&'a str, Json<'a>)>,
}

impl<'a> Whole<'a> {
    fn read(result: Json<'a>, asked: Option<&str>) -> Result<Self, String> {
        let name = ["content", "contents"]
            .into_iter()
            .find(|name| result.get(name).is_some());
        let parts = name.and_then(|name| result.get(name));
        let parts = parts.filter(|parts| parts.kind() == Kind::Array);
        let parts = parts.ok_or("the server's answer has no content")?;
        let texts: Result<Vec<_>, _> = parts
            .elements()
            .map(|part| Text::read(part, asked))
            .collect();
        let known = [
            name.unwrap_or_default(),
            STRUCTURED,
            "isError",
            "resultType",
            META,
        ];
        let others = result.members().filter(|(name, _)| !known.contains(name));
        let whole = Self {
            texts: texts?,
            structured: result.get(STRUCTURED).filter(|value| !value.is_null()),
            others: others.collect(),
        };
        if whole.structured.is_none() && whole.texts.iter().all(|text| text.text.is_empty()) {
            return Err("it is empty".to_owned());
        }
        Ok(whole)
    }

    /// The text, where it says all that there is.
    fn alone(&self) -> Option<String> {
        let [one] = self.texts.as_slice() else {
            return None;
        };
        if !one.beside.is_empty() || !self.others.is_empty() {
            return None;
        }
        let text = match self.structured {
            None => one.text.to_owned(),
            Some(value) if is_only(value, one.text) => one.text.to_owned(),
            Some(value) if is_json(value, one.text) => json(value),
            Some(_) => return None,
        };
        let begins = |label: &str| text.starts_with(&format!("{label}:"));
        (!begins(TEXT) && !begins(STRUCTURED)).then_some(text)
    }

    fn laid_out(&self) -> String {
        let mut out = String::new();
        for one in &self.texts {
            line(&mut out, TEXT, "");
            for row in one.text.split('\n') {
                // A blank at the end of a line would be an escape.
                out.push_str(if row.is_empty() { "\n" } else { "\n  " });
                out.push_str(row);
            }
            for (name, value) in &one.beside {
                line(&mut out, &format!("{TEXT}.{}", label(name)), &json(*value));
            }
        }
        if let Some(value) = self.structured {
            line(&mut out, STRUCTURED, &json(value));
        }
        for (name, value) in &self.others {
            line(&mut out, &label(name), &json(*value));
        }
        out
    }

    /// Of everything that is laid out.
    fn digest(&self) -> String {
        let members = |members: &[(&str, Json<'_>)], out: &mut Writer| {
            for (name, value) in members {
                out.name(name).json(*value);
            }
        };
        let mut whole = Writer::default();
        whole.object(|out| {
            out.name("content").array(|out| {
                for one in &self.texts {
                    out.object(|out| {
                        out.name(TEXT).string(one.text);
                        members(&one.beside, out);
                    });
                }
            });
            if let Some(value) = self.structured {
                out.name(STRUCTURED).json(value);
            }
            members(&self.others, out);
        });
        s256(whole.finish().as_bytes())
    }
}

impl<'a> Text<'a> {
    /// A part that is a text. What goes without saying is left out: the address that was asked for, and plain text.
    fn read(part: Json<'a>, asked: Option<&str>) -> Result<Self, &'static str> {
        let is_text = part
            .get("type")
            .is_none_or(|it| it.as_str() == Some("text"));
        let text = part.get(TEXT).and_then(Json::as_str);
        let text = text.filter(|_| is_text && part.get("blob").is_none());
        let text = text.ok_or("it has parts that are no text")?;
        let is_more = |(name, value): &(&str, Json<'_>)| match *name {
            "type" | TEXT | META => false,
            "uri" => value.as_str().is_none_or(|uri| Some(uri) != asked),
            "mimeType" => value.as_str() != Some("text/plain"),
            _ => true,
        };
        let beside = part.members().filter(is_more).collect();
        Ok(Self { text, beside })
    }
}

/// Whether a value is nothing but this text, as SDKs wrap what a tool returns. Under another name it would say more.
fn is_only(value: Json<'_>, text: &str) -> bool {
    value.len() == 1 && value.get_str(WRAPPED) == Some(text)
}

/// Whether a text is the JSON of this value, which servers give to clients that know no structured content.
fn is_json(value: Json<'_>, text: &str) -> bool {
    let form = |value: Json<'_>| {
        let mut out = Writer::default();
        canonical_value(value, &mut out).then(|| out.finish())
    };
    let read = message::parse(text.as_bytes()).ok();
    let read = read.and_then(|document| form(document.root()));
    read.is_some() && read == form(value)
}

/// A line of ours.
fn line(out: &mut String, label: &str, value: &str) {
    let before = if out.is_empty() { "" } else { "\n" };
    let between = if value.is_empty() { "" } else { " " };
    // Writing into a `String` cannot fail.
    let _ = write!(out, "{before}{label}:{between}{value}");
}

/// What a server calls something: as it is if it is one word that is none of our labels.
fn label(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_word = !name.is_empty() && name.bytes().all(plain);
    if is_word && ![TEXT, STRUCTURED].contains(&name) {
        return name.to_owned();
    }
    let mut out = Writer::default();
    out.string(name);
    out.finish()
}

/// JSON in lines: no name and no text in it begins one.
fn json(value: Json<'_>) -> String {
    let mut out = String::new();
    add_json(value, 1, &mut out);
    out
}

fn add_json(value: Json<'_>, depth: usize, out: &mut String) {
    let [open, close] = match value.kind() {
        Kind::Array => ["[", "]"],
        Kind::Object => ["{", "}"],
        _ => return out.push_str(&message::text(value)),
    };
    out.push_str(open);
    let mut before = "";
    let mut next = |out: &mut String| {
        out.push_str(before);
        before = ",";
        indent(depth, out);
    };
    for element in value.elements() {
        next(out);
        add_json(element, depth + 1, out);
    }
    for (name, member) in value.members() {
        next(out);
        let mut quoted = Writer::default();
        quoted.string(name);
        out.push_str(quoted.as_str());
        out.push_str(": ");
        add_json(member, depth + 1, out);
    }
    if !value.is_empty() {
        indent(depth - 1, out);
    }
    out.push_str(close);
}

fn indent(depth: usize, out: &mut String) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth.min(DEEPEST)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(result: &str) -> Result<(String, bool), String> {
        let answer = format!(r#"{{"jsonrpc":"2.0","id":"a","result":{result}}}"#);
        let said = said(answer.as_bytes(), Some("d:17"));
        said.map(|content| (content.text, content.s256.is_some()))
    }

    #[track_caller]
    fn text(result: &str) -> String {
        read(result).unwrap().0
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
    fn what_is_approved_is_shown() {
        let shown = text(
            r#"{"content":[{"type":"text","text":"Dear Ann,\n\nlunch?","mimeType":"text/html"},
            {"type":"text","text":"b","annotations":{"audience":["user"]}}],
            "structuredContent":{"bcc":["eve"],"n":1.50,"none":{}},"later":"x","_meta":{"at":1}}"#,
        );
        let wanted = r#"text:
  Dear Ann,

  lunch?
text.mimeType: "text/html"
text:
  b
text.annotations: {
  "audience": [
    "user"
  ]
}
structuredContent: {
  "bcc": [
    "eve"
  ],
  "n": 1.50,
  "none": {}
}
later: "x""#;
        assert_eq!(shown, wanted);
        let only = text(r#"{"content":[],"structuredContent":{"to":"ann"}}"#);
        assert_eq!(only, "structuredContent: {\n  \"to\": \"ann\"\n}");
        let other = text(r#"{"contents":[{"uri":"d:18","text":"Dear Ann"}]}"#);
        assert_eq!(other, "text:\n  Dear Ann\ntext.uri: \"d:18\"");
        // What belongs to the other kind of result says something as well.
        let both = text(r#"{"content":[{"text":"a"}],"contents":[{"text":"b"}]}"#);
        assert!(both.contains("\ncontents: ["), "{both}");
    }

    #[test]
    fn a_copy_is_not_shown_twice() {
        let wrapped = r#"{"content":[{"type":"text","text":"a: \"b\""}],"structuredContent":{"result":"a: \"b\""}}"#;
        assert_eq!(read(wrapped), Ok(("a: \"b\"".to_owned(), false)));
        let json = r#"{"content":[{"type":"text","text":"{\"b\": 1.50,\n\"a\":[]}"}],"structuredContent":{"a":[],"b":1.5}}"#;
        assert_eq!(
            read(json),
            Ok(("{\n  \"a\": [],\n  \"b\": 1.5\n}".to_owned(), false))
        );
        for other in [
            r#"{"content":[{"text":"{\"to\":\"ann\"}"}],"structuredContent":{"to":"eve"}}"#,
            r#"{"content":[{"text":"{\"to\":\"ann\"}"}],"structuredContent":{"to":"ann","cc":"eve"}}"#,
            r#"{"content":[{"text":"{\"to\":\"eve\",\"to\":\"ann\"}"}],"structuredContent":{"to":"ann"}}"#,
            r#"{"content":[{"text":"ann"}],"structuredContent":{"to":"ann","cc":"eve"}}"#,
            r#"{"content":[{"text":"ann"}],"structuredContent":{"bcc":"ann"}}"#,
            r#"{"content":[{"text":"ann"}],"structuredContent":{"result":"ann","cc":"eve"}}"#,
            r#"{"content":[{"text":"ann"}],"structuredContent":["ann"]}"#,
            r#"{"content":[{"text":"ann"},{"text":"ann"}],"structuredContent":{"to":"ann"}}"#,
        ] {
            let shown = text(other);
            assert!(shown.contains("structuredContent: "), "{shown}");
        }
    }

    #[test]
    fn no_text_of_the_server_passes_for_what_stands_beside_it() {
        let shown = text(
            r#"{"content":[{"text":"a\nstructuredContent: {}"}],"structuredContent":{"x\ny":"\nz: 1"},"text":"b","e\nf":1}"#,
        );
        let wanted = r#"text:
  a
  structuredContent: {}
structuredContent: {
  "x\ny": "\nz: 1"
}
"text": "b"
"e\nf": 1"#;
        assert_eq!(shown, wanted);
        // One text that looks like that is not shown like that.
        for (like, result) in [
            (
                "text:\n  a\nstructuredContent: {}",
                r#"{"content":[{"text":"a"}],"structuredContent":{}}"#,
            ),
            (
                "structuredContent: {}",
                r#"{"content":[],"structuredContent":{}}"#,
            ),
        ] {
            assert_eq!(text(result), like);
            let mut quoted = Writer::default();
            quoted.string(like);
            let alone = text(&format!(
                r#"{{"content":[{{"text":{}}}]}}"#,
                quoted.finish()
            ));
            assert!(alone.starts_with("text:\n  ") && alone != like, "{alone}");
        }
    }

    #[test]
    fn what_is_no_text_is_not_read() {
        let long = format!(
            r#"{{"content":[{{"type":"text","text":"{}"}}]}}"#,
            "x".repeat(LONGEST)
        );
        let deep = format!(
            r#"{{"content":[],"structuredContent":{{"a":[{}1]}}}}"#,
            "1,".repeat(15_000)
        );
        for none in [
            r#"{"content":[]}"#,
            r#"{"content":[{"type":"text","text":""}]}"#,
            r#"{"content":[{"type":"text","text":"","annotations":{"priority":1}}]}"#,
            r#"{"content":[{"type":"image","data":"","text":"a"}]}"#,
            r#"{"content":[{"type":"text","text":"a"},{"type":"audio","data":"","mimeType":"audio/wav"}]}"#,
            r#"{"content":[{"type":"resource_link","uri":"d:17","name":"a"}]}"#,
            r#"{"content":[{"type":"resource","resource":{"uri":"d:17","text":"a"}}]}"#,
            r#"{"content":[{"type":"text","text":"a"}],"isError":true}"#,
            r#"{"contents":[{"uri":"d:17","blob":"AAAA"}]}"#,
            r#"{"contents":[{"uri":"d:17","text":"a","blob":"AAAA"}]}"#,
            r#"{"resultType":"input_required","content":[{"type":"text","text":"a"}]}"#,
            r#"{"resultType":"task","content":[{"type":"text","text":"a"}]}"#,
            "{}",
            &long,
            &deep,
        ] {
            assert!(read(none).is_err(), "{none}");
        }
        let error = br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#;
        assert!(said(error, None).is_err());
    }
}
