//! Foreign texts and names, made fit for a schema: what cannot be seen is taken out, nothing is longer than
//! people read, and nothing can end the string or comment that it stands in.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ambit_core::describe::is_seen;

/// Characters of a label.
const LABEL: usize = 60;
/// Characters of a description.
const DOC: usize = 240;

/// A foreign text on one line: runs of what cannot be seen become one space, and it ends with `…` where it
/// was cut.
fn cleaned(text: &str, most: usize) -> String {
    let seen: String = text
        .chars()
        .map(|one| if is_seen(one) { one } else { ' ' })
        .collect();
    let words: Vec<&str> = seen.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let cut: String = line.chars().take(most).collect();
    format!("{}…", cut.trim_end())
}

/// A label in somebody else's words: it names whose they are, which also makes people see it in quotes. No
/// part of it can pass for a form (`execute: …`), as labels of ours have behind commas.
pub(super) fn foreign_label(whose: &str, text: &str) -> String {
    const FORMS: &[&str] = &["observe", "draft", "execute", "any", "plural"];
    let whose = cleaned(whose, LABEL).replace(',', ";");
    let text = cleaned(text, LABEL).replace(',', ";");
    let also = if FORMS.contains(&whose.as_str()) {
        "_"
    } else {
        ""
    };
    format!("{whose}{also}: {text}")
}

/// A label of nothing but the words of names.
pub(super) fn plain_label(names: &[&str]) -> String {
    let words: Vec<String> = names.iter().flat_map(|name| words(name)).collect();
    let plain: String = words.join(" ").chars().take(LABEL).collect();
    let plain = plain.trim_end();
    if plain.is_empty() {
        "things".to_owned()
    } else {
        plain.to_owned()
    }
}

/// A description in somebody else's words, for a comment; `None` where there are none.
pub(super) fn foreign_doc(whose: &str, text: &str) -> Option<String> {
    let text = cleaned(text, DOC);
    (!text.is_empty()).then(|| format!("{whose} says: {text}"))
}

/// Whether there is anything to see in a foreign text.
pub(super) fn is_blank(text: &str) -> bool {
    cleaned(text, 1).is_empty()
}

/// A short foreign text, for reports and comments.
pub(super) fn shown(text: &str) -> String {
    cleaned(text, LABEL)
}

/// The words of a name: `createIssue`, `create_issue` and `create-issue` have the same.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    let mut following = name.chars().skip(1);
    let mut open = false;
    for one in name.chars() {
        let next = following.next().unwrap_or(' ');
        if !one.is_alphanumeric() {
            open = false;
        } else {
            // `readWrite`, and `URLOf`: the last capital of a run begins the next word.
            let begins = one.is_uppercase() && (!before.is_uppercase() || next.is_lowercase());
            if !open || (begins && before.is_alphanumeric()) {
                words.push(String::new());
            }
            open = true;
            if let Some(word) = words.last_mut() {
                word.extend(one.to_lowercase());
            }
        }
        before = one;
    }
    words
}

/// A name as people write it: `start_line` is `start line`. Never empty.
pub(super) fn spoken(name: &str) -> String {
    let spoken = cleaned(&words(name).join(" "), LABEL);
    let itself = || cleaned(name, LABEL);
    let texts = [spoken, itself()];
    let mut texts = texts.into_iter().filter(|text| !text.is_empty());
    texts.next().unwrap_or_else(|| "unnamed".to_owned())
}

/// A name that can be seen whole; every other character is `_`. Never empty.
pub(super) fn seen_name(name: &str) -> String {
    let plain = |one: char| {
        if is_seen(one) && one != '\u{fffd}' {
            one
        } else {
            '_'
        }
    };
    let name: String = name.trim().chars().map(plain).collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

/// An identifier of the words of a name, in capitals: `GithubServer`.
pub(super) fn type_name(name: &str) -> String {
    let mut out = String::new();
    for word in words(name) {
        let ascii: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        let mut rest = ascii.chars();
        out.extend(rest.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(rest.as_str());
    }
    if !out.starts_with(|first: char| first.is_ascii_alphabetic()) {
        out.insert(0, 'T');
    }
    out
}

/// Names that are given once: the second gets a number.
#[derive(Debug, Default)]
pub(super) struct Unique(BTreeSet<String>);

impl Unique {
    /// A name for programs.
    pub(super) fn name(&mut self, wanted: &str) -> String {
        self.give(wanted, "_", str::to_owned)
    }

    /// A name for people, who do not tell case apart.
    pub(super) fn label(&mut self, wanted: &str) -> String {
        self.give(wanted, " ", str::to_lowercase)
    }

    fn give(&mut self, wanted: &str, between: &str, key: fn(&str) -> String) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while !self.0.insert(key(&name)) {
            number += 1;
            name = format!("{wanted}{between}{number}");
        }
        name
    }
}

/// A text between quotes, as Cedar reads it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for one in text.chars() {
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            one if is_seen(one) => out.push(one),
            other => escape(&mut out, format_args!("\\u{{{:x}}}", u32::from(other))),
        }
    }
    out.push('"');
    out
}

fn escape(out: &mut String, escape: core::fmt::Arguments<'_>) {
    // Writing into a `String` cannot fail.
    let _ = out.write_fmt(escape);
}

/// A text between quotes, as TOML reads it.
pub(super) fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for one in text.chars() {
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            one if is_seen(one) => out.push(one),
            other => escape(&mut out, format_args!("\\U{:08x}", u32::from(other))),
        }
    }
    out.push('"');
    out
}

/// A name as Cedar's schema takes it: bare where it may be, else between quotes.
pub(super) fn name(name: &str) -> String {
    const TAKEN: &[&str] = &[
        "true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar",
    ];
    let mut bytes = name.bytes();
    let starts = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    let plain = starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && !TAKEN.contains(&name) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A name in a list of `@mcp`, which ends at spaces and commas.
pub(super) fn listed(name: &str) -> String {
    let mut out = String::new();
    for one in name.chars() {
        if is_seen(one) && !one.is_whitespace() && !matches!(one, ',' | '%') {
            out.push(one);
        } else {
            let mut buffer = [0; 4];
            for byte in one.encode_utf8(&mut buffer).bytes() {
                escape(&mut out, format_args!("%{byte:02X}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_words() {
        for (name, wanted) in [
            ("createIssue", "create issue"),
            ("create_issue-now", "create issue now"),
            ("Mail.ReadWrite", "mail read write"),
            ("getURLOf", "get url of"),
            ("列出_files", "列出 files"),
            ("__", "__"),
            ("", "unnamed"),
        ] {
            assert_eq!(spoken(name), wanted);
        }
    }

    #[test]
    fn foreign_text_stays_where_it_is_put() {
        let text = "a\u{202e}b\n// c\" ) action evil;";
        assert_eq!(foreign_label("s", text), "s: a b // c\" ) action evil;");
        assert_eq!(foreign_label("s", "a, execute: b"), "s: a; execute: b");
        assert_eq!(foreign_label("execute", "a"), "execute_: a");
        assert_eq!(quoted("a\"b\\\n"), "\"a\\\"b\\\\\\u{a}\"");
        assert_eq!(toml_string("a\"\n"), "\"a\\\"\\U0000000a\"");
        assert_eq!(listed("a b,c%\u{e9}"), "a%20b%2Cc%25\u{e9}");
        assert_eq!(
            foreign_doc("s", &"x ".repeat(400)).unwrap().chars().count(),
            8 + DOC
        );
    }

    #[test]
    fn names_are_given_once() {
        let mut names = Unique::default();
        assert_eq!(
            ["a", "A", "a"].map(|one| names.name(one)),
            ["a", "A", "a_2"]
        );
        let mut labels = Unique::default();
        assert_eq!(
            ["a", "A", "a"].map(|one| labels.label(one)),
            ["a", "A 2", "a 3"]
        );
    }
}
