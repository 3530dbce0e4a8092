//! Reads back what a text says.

use std::collections::BTreeMap;
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

/// Under which name [`Words::block`] has what an argument refers to.
pub(crate) fn content_of(argument: &str) -> String {
    format!("content of {argument}")
}

/// A language, and what arguments are called in it.
pub(crate) struct Words {
    pub(crate) locale: &'static str,
    pub(crate) labels: BTreeMap<&'static str, &'static str>,
}

impl Words {
    /// The lines at this depth: members, or elements in their order.
    pub(crate) fn block<'t>(
        &self,
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
                let (name, rest) = self.name(line);
                let value = self.value(rest.strip_prefix(':').expect(line), lines, depth + 1);
                if let Some(content) = self.content(lines, depth + 1) {
                    members.insert(content_of(&name), content);
                }
                assert!(members.insert(name, value).is_none(), "{line}");
            } else {
                let (number, rest) = line.split_once('.').expect(line);
                assert_eq!(number.replace(',', ""), (list.len() + 1).to_string());
                list.push(self.value(rest, lines, depth + 1));
            }
        }
        match (members.is_empty(), list.is_empty()) {
            (true, true) => Value::Null,
            (true, false) => list.into(),
            (false, true) => members.into(),
            (false, false) => panic!("members and elements together"),
        }
    }

    /// What the argument above refers to.
    fn content<'t>(
        &self,
        lines: &mut Peekable<impl Iterator<Item = &'t str>>,
        depth: usize,
    ) -> Option<Value> {
        let word = match self.locale {
            "de" => "  Inhalt:",
            _ => "  Content:",
        };
        let rest = lines.peek()?.strip_prefix(word)?;
        lines.next();
        let mut content = json!({"text": self.value(rest, lines, depth + 1)});
        if let Some(rest) = lines
            .peek()
            .and_then(|line| line.strip_prefix("  SHA-256:"))
        {
            lines.next();
            content["s256"] = self.value(rest, lines, depth + 1);
        }
        Some(content)
    }

    fn value<'t>(
        &self,
        rest: &str,
        lines: &mut Peekable<impl Iterator<Item = &'t str>>,
        depth: usize,
    ) -> Value {
        let windows = [" (lines end with CR LF)", " (Zeilen enden mit CR LF)"].contains(&rest);
        let mark = format!("{}|", "  ".repeat(depth));
        if rest.is_empty() || windows {
            if lines.peek().is_some_and(|line| line.starts_with(&mark)) {
                return text(lines, &mark, if windows { "\r\n" } else { "\n" }).into();
            }
            assert!(!windows);
            return self.block(lines, depth);
        }
        let rest = rest.strip_prefix(' ').expect(rest);
        match rest {
            "an empty list" | "eine leere Liste" => json!([]),
            "an empty record" | "ein leerer Datensatz" => json!({}),
            "null" => Value::Null,
            "true" => json!(true),
            "false" => json!(false),
            _ if rest.starts_with('"') => {
                let (text, rest) = quoted(rest, '"');
                assert_eq!(rest, "");
                text.into()
            }
            number => {
                let number = number.strip_suffix(" copies").unwrap_or(number);
                json!({"number": self.number(number)})
            }
        }
    }

    /// As JSON spells it; three digits stand between the signs that set thousands apart.
    fn number(&self, shown: &str) -> String {
        let (apart, point) = match self.locale {
            "de" => ('.', ','),
            _ => (',', '.'),
        };
        let whole = shown.split(point).next().unwrap_or_default();
        let groups: Vec<&str> = whole.trim_start_matches('-').split(apart).collect();
        let sound = groups[1..].iter().all(|group| group.len() == 3) && groups[0].len() <= 3;
        assert!(sound, "{shown}");
        shown.replace(apart, "").replace(point, ".")
    }

    /// A name, behind what it is called where that is shared.
    fn name<'t>(&self, line: &'t str) -> (String, &'t str) {
        let (called, rest) = called(line);
        if let Some(inner) = rest.strip_prefix(" (") {
            let (name, rest) = self::called(inner);
            return (name, rest.strip_prefix(')').expect(line));
        }
        let known = self.labels.iter().find(|(_, label)| **label == called);
        let bare = known.filter(|_| !line.starts_with('"'));
        let name = match bare {
            Some((name, _)) => (*name).to_owned(),
            None => called,
        };
        (name, rest)
    }
}

/// A name or a label, and what stands behind it.
fn called(line: &str) -> (String, &str) {
    if line.starts_with('"') {
        return quoted(line, '"');
    }
    let ends = [line.find(": "), line.find(" ("), line.find(')')];
    let end = ends.into_iter().flatten().min();
    let end = end.unwrap_or_else(|| line.rfind(':').expect(line));
    (line[..end].to_owned(), &line[end..])
}

/// A text of several lines, each behind its mark.
fn text<'t>(lines: &mut Peekable<impl Iterator<Item = &'t str>>, mark: &str, end: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    while let Some(line) = lines.next_if(|line| line.starts_with(mark)) {
        let line = &line[mark.len()..];
        let line = line.strip_prefix(' ').unwrap_or(line);
        let between = format!("\u{1}{line}\u{1}");
        let (text, rest) = quoted(&between, '\u{1}');
        assert_eq!(rest, "");
        out.push(text);
    }
    out.join(end)
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
