//! Base64url without padding (RFC 7515 section 2), canonical: for every byte string there is
//! exactly one text that decodes to it, so that a token has one spelling.
//!
//! ```
//! use ambit_token::base64url;
//! assert_eq!(base64url::encode(&[0xfb, 0xff]), "-_8");
//! assert_eq!(base64url::decode(b"-_8"), Some(vec![0xfb, 0xff]));
//! assert_eq!(base64url::decode(b"-_9"), None, "spare bits");
//! assert_eq!(base64url::decode(b"-_8="), None, "padding");
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use crate::base64::{self, URL};

/// The bytes that `text` stands for. `None` for padding, for characters of another alphabet, for
/// line ends, and for bits that are left over and not zero.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    base64::decode(text, &URL)
}

/// The text for `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    base64::encode(bytes, &URL)
}

/// Decodes a text of known size, without a buffer: digests, keys, signatures.
#[must_use]
pub fn decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    base64::decode_into(text, &mut out, &URL).then_some(out)
}
