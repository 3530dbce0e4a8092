//! Names of machines.

/// The longest label of a domain name (RFC 1035 section 2.3.4).
const LABEL: usize = 63;
/// The longest domain name in text: 255 octets on the wire (RFC 1035 section 2.3.4).
const NAME: usize = 253;

/// Whether `name` is labels joined by single dots, each of letters, digits, hyphens inside, and
/// what `also` allows. No trailing dot: whether `a.example.` is `a.example` depends on the reader.
pub(super) fn is_name(name: &str, also: fn(u8) -> bool) -> bool {
    let label = |label: &str| {
        (1..=LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || also(byte))
    };
    name.len() <= NAME && name.split('.').all(label)
}

/// The integer that `text` writes in decimal, without sign and leading zeros.
pub(super) fn decimal(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (plain && canonical).then(|| text.parse().ok()).flatten()
}
