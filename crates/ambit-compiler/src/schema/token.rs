//! The words of a Cedar schema with their places. Comments and strings are seen as what they are.

use core::ops::Range;

/// What a word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Name,
    /// A string literal; its value is in [`Token::text`], unescaped.
    Text,
    /// A single character, or `::`.
    Sign,
}

/// One word.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

impl Token {
    pub(crate) fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

/// The words of a schema that Cedar has already accepted; what it would refuse gives some words too.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    words(source).collect()
}

/// The same, read only as far as they are asked for: who wants one statement of a long file reads no more.
pub(crate) fn words(source: &str) -> impl Iterator<Item = Token> {
    let mut at = 0;
    core::iter::from_fn(move || {
        while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
            let (kind, length) = next(rest);
            let span = at..at + length;
            at += length;
            if let Some(kind) = kind {
                let raw = &source[span.clone()];
                let text = match kind {
                    Kind::Text => unescape(inner(raw)),
                    Kind::Name | Kind::Sign => raw.to_owned(),
                };
                return Some(Token { kind, text, span });
            }
        }
        None
    })
}

/// The comments of a text, in their order.
pub(crate) fn comments(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = next(rest);
        if kind.is_none() && rest.starts_with("//") {
            found.push(rest[..length].trim_end());
        }
        at += length;
    }
    found
}

/// Kind and length of what a text starts with; no kind for spaces and comments.
fn next(rest: &str) -> (Option<Kind>, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    let run = |test: fn(char) -> bool| rest.find(|c| !test(c)).unwrap_or(rest.len());
    if first.is_whitespace() {
        return (None, run(char::is_whitespace));
    }
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if first == '"' {
        return (Some(Kind::Text), text_length(rest));
    }
    if first.is_ascii_alphanumeric() || first == '_' {
        let length = run(|c| c.is_ascii_alphanumeric() || c == '_');
        return (Some(Kind::Name), length);
    }
    let length = if rest.starts_with("::") {
        2
    } else {
        first.len_utf8()
    };
    (Some(Kind::Sign), length)
}

fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A literal without its quotes.
fn inner(raw: &str) -> &str {
    let raw = raw.strip_prefix('"').unwrap_or(raw);
    raw.strip_suffix('"').unwrap_or(raw)
}

/// Cedar's escapes are those of Rust. An unknown one stays as it is: Cedar has refused it before.
fn unescape(raw: &str) -> String {
    let mut out = String::new();
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('0') => out.push('\0'),
            Some('x') => out.extend(code(&rest.by_ref().take(2).collect::<String>())),
            Some('u') => {
                let digits: String = rest.by_ref().take_while(|c| *c != '}').collect();
                out.extend(code(digits.trim_start_matches('{')));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

fn code(digits: &str) -> Option<char> {
    let digits = digits.replace('_', "");
    u32::from_str_radix(&digits, 16)
        .ok()
        .and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn comments_and_strings_are_no_names() {
        let source = "@label(\"a // \\\"b\\u{e9}\") // entity X;\nentity A::B;";
        let texts: Vec<String> = tokens(source).into_iter().map(|one| one.text).collect();
        let wanted = [
            "@",
            "label",
            "(",
            "a // \"b\u{e9}",
            ")",
            "entity",
            "A",
            "::",
            "B",
            ";",
        ];
        assert_eq!(texts, wanted);
    }
}
