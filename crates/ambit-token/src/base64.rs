//! Base64 (RFC 4648), canonical: one text for every byte string.

use alloc::string::String;
use alloc::vec::Vec;

/// Not a character of the alphabet. Real values are below 64, so bit 7 marks a fault.
const BAD: u8 = 0x80;

/// The characters of an alphabet and, the other way round, the value of every byte.
pub(crate) struct Alphabet {
    characters: [u8; 64],
    values: [u8; 256],
}

/// RFC 4648 section 4.
pub(crate) static STANDARD: Alphabet =
    Alphabet::new(*b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
/// RFC 4648 section 5.
pub(crate) static URL: Alphabet =
    Alphabet::new(*b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

impl Alphabet {
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        reason = "evaluated at compile time only, where a fault is a compile error"
    )]
    const fn new(characters: [u8; 64]) -> Self {
        let mut values = [BAD; 256];
        let mut at = 0;
        while at < 64 {
            values[characters[at] as usize] = at as u8;
            at += 1;
        }
        Self { characters, values }
    }

    fn value(&self, character: u8) -> u8 {
        self.values
            .get(usize::from(character))
            .copied()
            .unwrap_or(BAD)
    }

    fn character(&self, value: u8) -> u8 {
        self.characters
            .get(usize::from(value & 63))
            .copied()
            .unwrap_or_default()
    }
}

/// How many bytes `characters` characters without padding hold, if any number of bytes gives so
/// many.
pub(crate) const fn decoded_len(characters: usize) -> Option<usize> {
    let whole = (characters / 4).saturating_mul(3);
    match characters % 4 {
        0 => Some(whole),
        2 => Some(whole.saturating_add(1)),
        3 => Some(whole.saturating_add(2)),
        _ => None,
    }
}

/// Decodes a text without padding into `out`, which has exactly [`decoded_len`] bytes. `false` for
/// a foreign character, a wrong length, or bits that are left over and not zero.
pub(crate) fn decode_into(text: &[u8], out: &mut [u8], alphabet: &Alphabet) -> bool {
    if decoded_len(text.len()) != Some(out.len()) {
        return false;
    }
    let mut seen = 0_u8;
    let mut quads = text.chunks_exact(4);
    let mut triples = out.chunks_exact_mut(3);
    for (quad, triple) in quads.by_ref().zip(triples.by_ref()) {
        if let (&[a, b, c, d], [x, y, z]) = (quad, triple) {
            let (a, b, c, d) = (
                alphabet.value(a),
                alphabet.value(b),
                alphabet.value(c),
                alphabet.value(d),
            );
            seen |= a | b | c | d;
            *x = (a << 2) | (b >> 4);
            *y = (b << 4) | (c >> 2);
            *z = (c << 6) | d;
        }
    }
    let spare = match (quads.remainder(), triples.into_remainder()) {
        (&[a, b], [x]) => {
            let (a, b) = (alphabet.value(a), alphabet.value(b));
            seen |= a | b;
            *x = (a << 2) | (b >> 4);
            b & 15
        }
        (&[a, b, c], [x, y]) => {
            let (a, b, c) = (alphabet.value(a), alphabet.value(b), alphabet.value(c));
            seen |= a | b | c;
            *x = (a << 2) | (b >> 4);
            *y = (b << 4) | (c >> 2);
            c & 3
        }
        _ => 0,
    };
    seen & BAD == 0 && spare == 0
}

/// [`decode_into`] a buffer of its own.
pub(crate) fn decode(text: &[u8], alphabet: &Alphabet) -> Option<Vec<u8>> {
    let mut out = alloc::vec![0; decoded_len(text.len())?];
    decode_into(text, &mut out, alphabet).then_some(out)
}

/// Decodes a text with padding to whole groups of four characters.
pub(crate) fn decode_padded(text: &[u8], alphabet: &Alphabet) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let bare = text
        .strip_suffix(b"==")
        .or_else(|| text.strip_suffix(b"="))
        .unwrap_or(text);
    // `A===` or `AB=` would hide a length that no byte string has.
    let padding = text.len().saturating_sub(bare.len());
    let holds = match bare.len() % 4 {
        0 => 0,
        rest => 4_usize.saturating_sub(rest),
    };
    (padding == holds).then(|| decode(bare, alphabet))?
}

/// Decodes standard base64 with padding, as others write it (RFC 4648 section 4).
#[must_use]
pub fn decode_standard(text: &[u8]) -> Option<Vec<u8>> {
    decode_padded(text, &STANDARD)
}

/// Encodes as standard base64 with padding.
#[must_use]
pub fn encode_standard(bytes: &[u8]) -> String {
    encode_padded(bytes, &STANDARD)
}

/// Encodes without padding.
pub(crate) fn encode(bytes: &[u8], alphabet: &Alphabet) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().unwrap_or_default();
        let (x, y, z) = (byte(0), byte(1), byte(2));
        let quad = [x >> 2, (x << 4) | (y >> 4), (y << 2) | (z >> 6), z];
        for value in quad.into_iter().take(chunk.len().saturating_add(1)) {
            out.push(char::from(alphabet.character(value)));
        }
    }
    out
}

/// Encodes with padding to whole groups of four characters.
pub(crate) fn encode_padded(bytes: &[u8], alphabet: &Alphabet) -> String {
    let mut out = encode(bytes, alphabet);
    while !out.len().is_multiple_of(4) {
        out.push('=');
    }
    out
}
