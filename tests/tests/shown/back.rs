//! Reads back what a text says.

use std::iter::Peekable;

use serde_json::{Map, Value, json};

/// A value with every number as the text that stands for it, members sorted.
pub(crate) fn spelt(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!({"number": number.to_string()}),
        Value::Array(list) => list.iter().map(spelt).collect(),
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
            let spelt = sorted
                .into_iter()
                .map(|(name, one)| (name.clone(), spelt(one)));
            Value::Object(spelt.collect())
        }
        other => other.clone(),
    }
}

/// The lines at this depth: members, or elements in their order.
pub(crate) fn block<'t>(
    lines: &mut Peekable<impl Iterator<Item = &'t str>>,
    depth: usize,
) -> Value {
    let place = "  ".repeat(depth);
    let mut members = Map::new();
    let mut list: Vec<Value> = Vec::new();
    while let Some(line) = lines.next_if(|line| {
        let rest = line.strip_prefix(&place);
        rest.is_some_and(|rest| !rest.starts_with(' '))
    }) {
        let line = &line[place.len()..];
        if let Some(line) = line.strip_prefix("- ") {
            let (name, rest) = name(line);
            let value = value(rest.strip_prefix(':').expect(line), lines, depth + 1);
            assert!(members.insert(name, value).is_none(), "{line}");
        } else {
            let (number, rest) = line.split_once('.').expect(line);
            assert_eq!(number, (list.len() + 1).to_string());
            list.push(value(rest, lines, depth + 1));
        }
    }
    match (members.is_empty(), list.is_empty()) {
        (true, true) => Value::Null,
        (true, false) => list.into(),
        (false, true) => members.into(),
        (false, false) => panic!("members and elements together"),
    }
}

fn value<'t>(
    rest: &str,
    lines: &mut Peekable<impl Iterator<Item = &'t str>>,
    depth: usize,
) -> Value {
    let Some(rest) = rest.strip_prefix(' ') else {
        assert_eq!(rest, "");
        return block(lines, depth);
    };
    match rest {
        "an empty list" => json!([]),
        "an empty record" => json!({}),
        "null" => Value::Null,
        "true" => json!(true),
        "false" => json!(false),
        _ if rest.starts_with('`') => {
            let (text, rest) = quoted(rest, '`');
            assert_eq!(rest, "");
            text.into()
        }
        number => {
            let number = number.strip_suffix(" copies").unwrap_or(number);
            json!({"number": number})
        }
    }
}

/// A name, behind its label if it has one.
fn name(line: &str) -> (String, &str) {
    if !line.starts_with('"') {
        let (name, _) = line.split_once(':').expect(line);
        return (name.to_owned(), &line[name.len()..]);
    }
    let (text, rest) = quoted(line, '"');
    let Some(inner) = rest.strip_prefix(" (") else {
        return (text, rest);
    };
    let (name, rest) = inner.split_once(')').expect(line);
    (name.to_owned(), rest)
}

/// The text between quotes, escapes undone, and what stands behind it.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut out = String::new();
    let mut rest = text.strip_prefix(quote).expect(text);
    loop {
        let first = rest.chars().next().expect(text);
        rest = &rest[first.len_utf8()..];
        if first == quote {
            return (out, rest);
        }
        if first != '\\' {
            out.push(first);
        } else if let Some(code) = rest.strip_prefix("u{") {
            let (code, after) = code.split_once('}').expect(text);
            let code = u32::from_str_radix(code, 16).expect(text);
            out.push(char::from_u32(code).expect(text));
            rest = after;
        } else {
            let escaped = rest.chars().next().expect(text);
            out.push(escaped);
            rest = &rest[escaped.len_utf8()..];
        }
    }
}
