//! Pages and redirections, with what browsers must be told.

use ambit_gateway::http::Reply;
use maud::Markup;

/// A page. Nothing of others' is loaded, nobody frames it, and it is kept nowhere. `forms` is where its forms
/// may lead, beside here: browsers look at redirections after a form as well.
pub(crate) fn page(status: u16, markup: Markup, forms: &str) -> Reply {
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'none'; img-src 'none'; \
         base-uri 'none'; frame-ancestors 'none'; form-action 'self'{}{forms}",
        if forms.is_empty() { "" } else { " " }
    );
    Reply::of(status, "text/html; charset=utf-8", markup.into_string())
        .with("content-security-policy", policy)
        .with("x-frame-options", "DENY")
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "no-referrer")
        .with("cross-origin-opener-policy", "same-origin")
        .with("cross-origin-resource-policy", "same-origin")
        .with(
            "permissions-policy",
            "publickey-credentials-get=(self), publickey-credentials-create=(self)",
        )
}

/// To another page (303: whatever the method was, it is fetched with GET).
pub(crate) fn to(location: impl Into<String>) -> Reply {
    Reply::of(303, "text/plain; charset=utf-8", String::new())
        .with("location", location)
        .with("referrer-policy", "no-referrer")
        .with("x-frame-options", "DENY")
        .with(
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        )
}

/// Back to the client, with these parameters behind its redirect URI.
pub(crate) fn back(redirect_uri: &str, parameters: &[(&str, &str)]) -> Reply {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let mark = if redirect_uri.contains('?') { '&' } else { '?' };
    to(format!("{redirect_uri}{mark}{}", query.finish()))
}
