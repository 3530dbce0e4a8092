//! A `[[keys]]` that is a person's WebAuthn credential: `sub`, `rp_id`, `origin`.

use crate::reader::{File, Reader, Text};

/// Whose credential it is, and where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) rp_id: String,
    pub(crate) origin: String,
}

/// `sub` alone narrows a key for receipts, or for enrolments, to one person; with `rp_id` and `origin` the key is that
/// person's credential. Other statements are by nobody in person.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    signs: Option<&str>,
) -> (Option<String>, Option<Credential>) {
    let file = reader.file;
    if signs.is_some_and(|signs| !matches!(signs, "approval-receipt+jwt" | "approver-key+jwt")) {
        return (None, None);
    }
    let sub = optional(reader, "sub", "sub = \"user:lead-1\"");
    // Whoever enrols keys is no person with an authenticator.
    if signs == Some("approver-key+jwt") {
        return (sub.map(|sub| sub.text.to_owned()), None);
    }
    let rp_id = optional(reader, "rp_id", "rp_id = \"approve.acme.example\"");
    let origin = optional(
        reader,
        "origin",
        "origin = \"https://approve.acme.example\"",
    );
    let whole = rp_id.is_some() == origin.is_some() && (rp_id.is_none() || sub.is_some());
    if !whole {
        file.error(
            "project.credential",
            reader.place.clone(),
            "a WebAuthn credential has `sub`, `rp_id` and `origin`",
            "say whose credential it is and where it is used, or leave out `rp_id` and `origin`",
        );
    }
    let credential = rp_id.zip(origin).and_then(|(rp_id, origin)| {
        check(file, &rp_id, &origin)?;
        Some(Credential {
            rp_id: rp_id.text.to_owned(),
            origin: origin.text.to_owned(),
        })
    });
    (sub.map(|sub| sub.text.to_owned()), credential)
}

fn optional<'a>(reader: &mut Reader<'a, '_>, key: &'static str, example: &str) -> Option<Text<'a>> {
    let value = reader.get(key)?;
    reader.file.string(value, key, example)
}

/// Browsers write an origin without a path and without the scheme's own port, and let it use a
/// credential of its own domain or of one above it.
fn check(file: File<'_>, rp_id: &Text<'_>, origin: &Text<'_>) -> Option<()> {
    let domain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-'))
    };
    let host = origin.text.strip_prefix("https://").map(|rest| {
        let (host, port) = rest.split_once(':').unwrap_or((rest, "8443"));
        let plain = port != "443" && port.bytes().all(|c| c.is_ascii_digit()) && !port.is_empty();
        if plain { host } else { "" }
    });
    let within = host.is_some_and(|host| {
        let above = host.strip_suffix(rp_id.text);
        domain(host) && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    });
    if domain(rp_id.text) && within {
        return Some(());
    }
    file.error(
        "project.credential",
        origin.span.clone(),
        format!("`{}` cannot use a credential of `{}`", origin.text, rp_id.text),
        "write the origin as browsers do, like `https://approve.acme.example`, at the domain `rp_id` or below it",
    );
    None
}
