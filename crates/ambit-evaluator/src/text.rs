//! Text put together.

use alloc::string::String;

/// The parts with the separator between them. One function for all kinds of lists: `join` of
/// `slice` is there once for each, a kilobyte each in wasm.
#[must_use]
pub fn joined(parts: &mut dyn Iterator<Item = &str>, separator: &str) -> String {
    let mut out = String::new();
    for (at, part) in parts.enumerate() {
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(part);
    }
    out
}
