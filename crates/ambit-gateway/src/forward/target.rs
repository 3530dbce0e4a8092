//! A request's path and query, in the one reading that every server gives them.
//!
//! What two servers could read differently is refused and never put right: the server in front, the check and
//! the service must see the same call.

/// Parameters of a query: each is compared with all others, and servers drop what is more than a bound of theirs.
const PARAMETERS: usize = 64;

/// A path and a query that have one reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The segments of the path, decoded; of `/` none.
    pub(super) segments: Vec<String>,
    /// Whether the path ends in a slash.
    pub(super) slash: bool,
    /// The parameters of the query, decoded.
    pub(super) query: Vec<(String, String)>,
}

/// Why there is no single reading: in words that go behind "the path" or "the query".
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous {
    /// `forward.path` or `forward.query`.
    pub(super) code: &'static str,
    /// The sentence.
    pub(super) words: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Query,
}

impl Part {
    fn refuses(self, words: &str) -> Ambiguous {
        let (code, what) = match self {
            Self::Path => ("forward.path", "path"),
            Self::Query => ("forward.query", "query"),
        };
        let words = format!("the {what} {words}, which servers read differently");
        Ambiguous { code, words }
    }

    /// Whether a character stands for itself: those of RFC 3986 section 3.3, but for `;`, behind which some servers
    /// see parameters, and `+`, which some take for a space.
    fn has(self, byte: u8) -> bool {
        let common = byte.is_ascii_alphanumeric() || b"-._~!$&'()*,=:@".contains(&byte);
        common || (self == Self::Query && b"/?".contains(&byte))
    }

    /// Whether an escape of it is more than a spelling: in a path it would divide or end something, once decoded.
    fn hides(self, byte: u8) -> bool {
        byte.is_ascii_control() || (self == Self::Path && b"/\\%;?#".contains(&byte))
    }
}

impl Target {
    /// Reads what a client asked for: the path as it came, and the query behind `?`.
    pub(super) fn read(target: &str) -> Result<Self, Ambiguous> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let rest = path
            .strip_prefix('/')
            .ok_or_else(|| Part::Path.refuses("does not begin with `/`"))?;
        let slash = rest.is_empty() || rest.ends_with('/');
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut segments = Vec::new();
        if path != "/" {
            for segment in rest.split('/') {
                segments.push(self::segment(segment)?);
            }
        }
        Ok(Self {
            segments,
            slash,
            query: query.map_or(Ok(Vec::new()), parameters)?,
        })
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn segment(text: &str) -> Result<String, Ambiguous> {
    if text.is_empty() {
        return Err(Part::Path.refuses("has two slashes in a row"));
    }
    if text.bytes().all(|byte| byte == b'.') {
        return Err(Part::Path.refuses("has a segment of nothing but dots"));
    }
    decoded(text, Part::Path)
}

fn parameters(query: &str) -> Result<Vec<(String, String)>, Ambiguous> {
    let mut found: Vec<(String, String)> = Vec::new();
    if query.split('&').count() > PARAMETERS {
        return Err(Part::Query.refuses("has too many parameters"));
    }
    for pair in query.split('&') {
        let (name, value) = pair
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Part::Query.refuses("has a parameter that is not `name=value`"))?;
        let (name, value) = (decoded(name, Part::Query)?, decoded(value, Part::Query)?);
        if found
            .iter()
            .any(|(known, _)| folded(known) == folded(&name))
        {
            return Err(Part::Query.refuses("has a parameter twice"));
        }
        found.push((name, value));
    }
    Ok(found)
}

fn decoded(text: &str, part: Part) -> Result<String, Ambiguous> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !part.has(byte) {
                return Err(part.refuses("has a character that must be escaped"));
            }
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let code = digit().zip(digit()).map(|(high, low)| high * 16 + low);
        let code = code.and_then(|code| u8::try_from(code).ok());
        let code = code.ok_or_else(|| part.refuses("has an escape that is none"))?;
        if code.is_ascii_alphanumeric() || b"-._~".contains(&code) {
            return Err(part.refuses("escapes a character that needs no escape"));
        }
        if part.hides(code) {
            return Err(part.refuses("has an escape that hides a separator or a control"));
        }
        out.push(code);
    }
    let text = String::from_utf8(out).map_err(|_| part.refuses("is not UTF-8"))?;
    match text.chars().find(|&character| is_deceptive(character)) {
        Some(_) => Err(part.refuses("has a character that passes for another or for none")),
        None => Ok(text),
    }
}

/// Characters that some servers fold into ASCII separators (NFKC, "best fit"), and those that nobody sees.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{37e}' | '\u{1fef}' | '\u{200b}'..='\u{200f}' | '\u{2024}'..='\u{202e}'
            | '\u{2044}' | '\u{2060}'..='\u{206f}' | '\u{2100}'..='\u{2101}' | '\u{2105}'..='\u{2106}'
            | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}' | '\u{2488}'..='\u{249b}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fe10}'..='\u{fe19}' | '\u{fe50}'..='\u{fe6f}'
            | '\u{feff}' | '\u{ff00}'..='\u{ff60}' | '\u{fff0}'..='\u{ffff}')
}

/// What a reader that ignores case sees.
pub(super) fn folded(text: &str) -> String {
    text.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_one_reading_is_decoded() {
        let target = Target::read("/s/a%20b%40c/%C3%A4?to=ann%2Bx%40y&n=5&empty=").unwrap();
        assert_eq!(target.segments, ["s", "a b@c", "\u{e4}"]);
        assert!(!target.slash);
        assert_eq!(target.parameter("to"), Some("ann+x@y"));
        assert_eq!(target.parameter("empty"), Some(""));
        assert_eq!(target.parameter("none"), None);
        for (text, count, slash) in [("/", 0, true), ("/a", 1, false), ("/a/", 1, true)] {
            let target = Target::read(text).unwrap();
            assert_eq!(
                (target.segments.len(), target.slash),
                (count, slash),
                "{text}"
            );
        }
        // Spellings of one value, which all servers decode alike.
        assert_eq!(Target::read("/%c3%a4"), Target::read("/%C3%A4"));
        assert_eq!(Target::read("/a:b"), Target::read("/a%3Ab"));
    }
}
