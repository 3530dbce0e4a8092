//! What looks like a secret, starred before anybody sees it.
//!
//! Faults quote files, and files hold private keys by mistake: in the wrong place, under the wrong
//! name, cut off in the middle. So no text is shown that did not pass here. Better something public
//! starred than a private key shown; but what says that it is public, and can be, is shown.

use core::ops::Range;

use ambit_token::{PublicKey, base64url};

/// Members of a JWK that only its owner may know (RFC 7518 section 6, RFC 8037).
pub(crate) const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Words in a name that announce a secret under it.
const SECRET_WORDS: [&str; 5] = ["privat", "secret", "passw", "passphrase", "seed"];

/// Ends of names that digests and thumbprints stand under.
const DIGEST_NAMES: [&str; 7] = [
    "s256",
    "sha256",
    "sha-256",
    "digest",
    "thumbprint",
    "jkt",
    "kid",
];

/// Characters of 32 bytes in base64url.
const BYTES_32: usize = 43;
/// Characters of a quoted value under such a name that are shown all the same: `d = "EUR"` is no key.
const SHORT: usize = 8;
/// Characters of a word of mixed letters and digits that looks like (a piece of) a key. Half a key of
/// 32 bytes has 21.
const MIXED: usize = 20;
/// Characters of a word of letters alone, or of hexadecimal digits, that looks like one.
const LETTERS: usize = 28;
/// Characters of a word in base64 with `+` and `/`, which paths have as well.
const BASE64: usize = 40;
/// Characters without quotes under such a name.
const BARE: usize = 12;

/// The text with stars in the place of secrets; as long as before, lines as before.
///
/// Secrets are: what stands in a PEM private key; values under the names of private JWK members and
/// under names that speak of secrets; long words that look random, as keys, tokens and their pieces do
/// in base64, base64url and hexadecimal. Digests and thumbprints under their names are none, and the `x`
/// of a sound public key is none.
///
/// ```
/// use ambit_compiler::conceal;
///
/// assert_eq!(conceal("d = 'nWGxne_9WmC6hEr'"), "d = '***************'");
/// assert_eq!(conceal("d = 'EUR'"), "d = 'EUR'");
/// ```
#[must_use]
pub fn conceal(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let found = pems(text).into_iter().chain(named(text)).chain(words(text));
    for byte in found.flat_map(|range| range.into_iter()) {
        if let Some(byte) = bytes.get_mut(byte)
            && !matches!(byte, b'\n' | b'\r')
        {
            *byte = b'*';
        }
    }
    // Whole characters are starred, so it is a text still.
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(text.len()))
}

/// The pieces of a text that [`conceal`] starred.
pub(crate) fn starred(text: &str, concealed: &str) -> Vec<String> {
    let differs = |at: usize| text.as_bytes().get(at) != concealed.as_bytes().get(at);
    let mut pieces: Vec<String> = Vec::new();
    let mut before = false;
    for (at, character) in text.char_indices() {
        let now = differs(at);
        if now && !before {
            pieces.push(String::new());
        }
        if now && let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
        before = now;
    }
    pieces
}

/// A message about a text with stars in the place of words that stand in such a piece of it: a parser
/// that quotes one word of a key shows too little of it to look like one.
pub(crate) fn conceal_pieces(message: &str, pieces: &[String]) -> String {
    let mut bytes = message.as_bytes().to_vec();
    for run in runs(message, is_word) {
        let word = &message[run.clone()];
        if word.len() >= SHORT && pieces.iter().any(|piece| piece.contains(word)) {
            bytes[run].fill(b'*');
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(message.len()))
}

/// What stands in PEM private keys, up to the end of the text where the end of the key is missing.
fn pems(text: &str) -> Vec<Range<usize>> {
    const KEY: &str = "PRIVATE KEY";
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find(KEY)) {
        let start = at + start + KEY.len();
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find("-----END").map_or(text.len(), |end| start + end);
        let dashes = rest.find("-----").map_or(0, |dashes| dashes + 5);
        if rest.starts_with(['-', ' ']) && start + dashes <= end {
            found.push(start + dashes..end);
        }
        at = start;
    }
    found
}

/// Values under the names of secrets, as JSON, TOML, YAML and shells write them.
fn named(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for name in runs(text, |byte| is_word(byte) || byte == b'_' || byte == b'-') {
        if !names_secret(&text[name.clone()]) {
            continue;
        }
        let mut at = name.end;
        at += prefix(text, at, |c| {
            matches!(c, '"' | '\'' | '\\') || c.is_whitespace()
        });
        let sign = prefix(text, at, |c| matches!(c, '=' | ':' | '>'));
        if sign == 0 {
            continue;
        }
        at += sign;
        at += prefix(text, at, char::is_whitespace);
        found.extend(value(text, at));
    }
    found
}

fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PRIVATE_MEMBERS.contains(&name.as_str()) || SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Whether what looks like a key, or like half of one, stands under the name of a secret.
///
/// The name says enough that a word need not have digits: one half of a key in 35 has none.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    let url = |byte| is_word(byte) || matches!(byte, b'_' | b'-');
    let long = |run: &Range<usize>| {
        let found = kinds(&value[run.clone()]);
        run.len() >= MIXED && (found.digit || found.upper && found.lower)
    };
    names_secret(name) && (runs(value, url).iter().any(long) || !words(value).is_empty())
}

/// The value at a place, if it is one that could be a secret.
fn value(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    for quote in ["\"\"\"", "'''", "\\\"", "\\'", "\"", "'"] {
        if let Some(inner) = rest.strip_prefix(quote) {
            let start = at + quote.len();
            let length = quoted(inner, quote);
            return (length >= SHORT).then(|| start..start + length);
        }
    }
    if rest.starts_with('[') {
        return Some(at..at + list(rest));
    }
    let length = prefix(text, at, |c| {
        is_word_char(c) || matches!(c, '_' | '-' | '+' | '/' | '=')
    });
    let word = rest.get(..length)?;
    let found = kinds(word);
    // A name in camel case changes twice a word, which is less.
    let letters = found.upper && found.lower && found.changes * 4 >= length;
    (length >= BARE && (found.mixed() || letters)).then(|| at..at + length)
}

/// The length of a quoted text without its end. One on a single line that is not closed ends there.
fn quoted(inner: &str, quote: &str) -> usize {
    let lines = quote.len() == 3;
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        if !escaped && inner[at..].starts_with(quote) || !lines && c == '\n' {
            return at;
        }
        escaped = !escaped && c == '\\' && quote.starts_with('"');
    }
    inner.len()
}

/// The length of a list, its brackets included.
fn list(rest: &str) -> usize {
    let mut open = 0_usize;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open == 0 {
            return at + 1;
        }
    }
    rest.len()
}

/// Words that look random, and do not say that they are public.
fn words(text: &str) -> Vec<Range<usize>> {
    let url = |byte| is_word(byte) || matches!(byte, b'_' | b'-');
    let base64 = |byte| url(byte) || matches!(byte, b'+' | b'/' | b'=');
    let mut found: Vec<Range<usize>> = runs(text, url)
        .into_iter()
        .filter(|run| looks_random(&text[run.clone()]) && !is_public(text, run))
        .collect();
    found.extend(runs(text, base64).into_iter().filter(|run| {
        let word = &text[run.clone()];
        let slashes = word.bytes().filter(|byte| *byte == b'/').count();
        let long = word.len() >= BASE64 && slashes * 10 <= word.len();
        long && kinds(word).mixed() && !is_public(text, run)
    }));
    found
}

/// Whether a word is 32 bytes under the name of a digest, or the `x` of a sound key.
fn is_public(text: &str, run: &Range<usize>) -> bool {
    let word = &text[run.clone()];
    let hexadecimal = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    if word.len() != BYTES_32 && !hexadecimal {
        return false;
    }
    let before = &text[..run.start];
    let between = |c: char| c == ' ' || matches!(c, '"' | '\'' | '`' | '\\' | '=' | ':');
    let name = before.trim_end_matches(between);
    let start = name.rfind(|c: char| !is_word_char(c) && !matches!(c, '_' | '-'));
    let start = start.map_or(0, |at| at + 1);
    let name = name.get(start..).unwrap_or_default().to_ascii_lowercase();
    match name.as_str() {
        _ if name.len() + start == before.len() => false,
        "x" => is_sound(word),
        name => DIGEST_NAMES.iter().any(|end| name.ends_with(end)),
    }
}

/// Whether a point of one of the curves has this `x`; half of all private keys would not.
fn is_sound(x: &str) -> bool {
    let p256 = |x: [u8; 32]| p256::PublicKey::from_sec1_bytes(&[&[2][..], &x].concat()).is_ok();
    PublicKey::from_parts("Ed25519", x, None).is_some_and(|key| key.is_usable())
        || base64url::decode_array(x.as_bytes()).is_some_and(p256)
}

/// Names of people's making change between small and capital letters a few times; random ones do at
/// two of three places.
fn looks_random(word: &str) -> bool {
    let found = kinds(word);
    let letters = found.upper && found.lower && found.changes * 5 >= word.len() * 2;
    let hexadecimal = found.digit && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    word.len() >= MIXED && found.mixed() || word.len() >= LETTERS && (letters || hexadecimal)
}

/// What a word is made of.
#[derive(Default)]
struct Kinds {
    upper: bool,
    lower: bool,
    digit: bool,
    changes: usize,
}

impl Kinds {
    const fn mixed(&self) -> bool {
        self.upper && self.lower && self.digit
    }
}

fn kinds(word: &str) -> Kinds {
    let mut found = Kinds::default();
    let mut before = None;
    for byte in word.bytes() {
        let kind = match byte {
            b'A'..=b'Z' => 0,
            b'a'..=b'z' => 1,
            b'0'..=b'9' => 2,
            _ => 3,
        };
        found.upper |= kind == 0;
        found.lower |= kind == 1;
        found.digit |= kind == 2;
        found.changes += usize::from(before.is_some_and(|before| before != kind));
        before = Some(kind);
    }
    found
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

/// Longest runs of such bytes, all of them ASCII.
fn runs(text: &str, is_in: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        match (is_in(byte), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// How many bytes of such characters stand at a place.
fn prefix(text: &str, at: usize, is_in: impl Fn(char) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.find(|c| !is_in(c)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_what_is_concealed_is_concealed_in_a_message() {
        let text = "permit N33FVCI0YLc5TMO-nWGxne_9WmC6hEr7Pq again";
        let pieces = starred(text, &conceal(text));
        assert_eq!(pieces, ["N33FVCI0YLc5TMO-nWGxne_9WmC6hEr7Pq"]);
        assert_eq!(
            conceal_pieces("unexpected token `N33FVCI0YLc5TMO` in `permit`", &pieces),
            "unexpected token `***************` in `permit`"
        );
    }

    const SECRET: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

    /// No five characters of the secret are left.
    fn hidden(text: &str) {
        let shown = conceal(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(shown.lines().count(), text.lines().count());
        for at in 0..SECRET.len() - 5 {
            assert!(!shown.contains(&SECRET[at..at + 5]), "{text}\n{shown}");
        }
    }

    #[test]
    fn a_key_is_hidden_in_every_spelling() {
        for name in [
            "d",
            "D",
            "\"d\"",
            "'d'",
            "keys.d",
            "private_key",
            "other",
            "\\\"k\\\"",
        ] {
            for sign in [" = ", "=", ":", ": ", "\n  :\n  "] {
                for (open, close) in [
                    ("\"", "\""),
                    ("'", "'"),
                    ("\"\"\"\n", "\"\"\""),
                    ("'''", "'''"),
                    ("\\\"", "\\\""),
                    ("\"", ""),
                    ("[\"", "\"]"),
                    ("", ""),
                ] {
                    hidden(&format!(
                        "a = 1\n{name}{sign}{open}{SECRET}{close}\nb = 2 # ü"
                    ));
                }
            }
        }
    }

    #[test]
    fn pieces_of_a_key_are_hidden_under_its_name() {
        for length in SHORT..SECRET.len() {
            hidden(&format!("{{\"kty\":\"OKP\",\"d\":\"{}", &SECRET[..length]));
            hidden(&format!("d = '{}'", &SECRET[SECRET.len() - length..]));
        }
    }

    #[test]
    fn other_encodings_are_hidden() {
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\nAB\n-----END PRIVATE KEY-----");
        assert!(conceal(&pem).ends_with(
            "-----\n*******************************************\n**\n-----END PRIVATE KEY-----"
        ));
        hidden(&format!("\"-----BEGIN EC PRIVATE KEY-----\\n{SECRET}"));
        let hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        assert_eq!(conceal(hex), "*".repeat(64));
        let base64 = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf+A=";
        assert_eq!(conceal(base64), "*".repeat(base64.len()));
        assert_eq!(conceal("oth: [{\"r\": 1}, 2], a"), "oth: *************, a");
    }

    #[test]
    fn half_a_key_is_one_under_its_name() {
        for half in [
            "nWGxne_9WmC6hEr0kuwsx",
            "-dtzP_yVGCQGxPqHuTutC",
            "gkLqfBNwaeROcIbPTUdyS",
            "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf+A=",
        ] {
            assert!(is_secret("d", half), "{half}");
            let bare = format!("d = {half}");
            assert!(!conceal(&bare).contains(&half[..8]), "{half}");
            assert!(!is_secret("x", half), "{half}");
        }
        for value in ["EUR", "a-word-of-small-letters", "Contract renewal", ""] {
            assert!(!is_secret("d", value), "{value}");
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in [
            "d = \"EUR\"",
            "context: { d: CustomerAddressRecord, p: Long }",
            "sendContractRenewalReminderToCustomers",
            "https://approve.acme.example/agents/renewal-bot",
            "/srv/users/Ann2/Projects/ambit/target/debug/deps/main.rs",
            "constraints.k = { constraint_type = \"one_of\", values = [\"a\"] }",
            "this is a private key: remove it, \u{fc}",
            "x = \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"",
            "the key with thumbprint kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "\"policy\":{\"s256\":\"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\"}",
            "no key has the kid `kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k`",
            "sha256:9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "2026-02-25T00:00:00Z",
            "123e4567-e89b-12d3-a456-426614174000",
        ] {
            assert_eq!(conceal(text), text);
        }
    }
}
