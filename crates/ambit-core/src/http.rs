//! A denial as an HTTP response: status, challenge and problem details.
//!
//! Which row a reason has stands beside its code, in the list of reasons. What a row says is here:
//! RFC 6750 section 3 (challenges and their errors), RFC 9449 sections 7.1 and 9 (DPoP), RFC 9470
//! section 3 (step-up), RFC 9457 (problem details).

use alloc::format;
use alloc::string::String;

use crate::Reason;
use crate::json::{Document, Json, Kind, Profile, Writer};

/// How a reason is told over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The request "is otherwise malformed" (RFC 6750 section 3.1, `invalid_request`).
    Malformed,
    /// More than the service is "willing or able to process" (RFC 9110 section 15.5.14).
    TooLarge,
    /// No token came: a challenge that "SHOULD NOT include an error code" (RFC 6750 section 3.1).
    NoToken,
    /// The token "is expired, revoked, malformed, or invalid for other reasons" (RFC 6750 section
    /// 3.1, `invalid_token`).
    Token,
    /// "The DPoP proof itself was deemed invalid" (RFC 9449 section 7.1, `invalid_dpop_proof`).
    Proof,
    /// "A nonce is needed in the DPoP proof" (RFC 9449 sections 7.1 and 9, `use_dpop_nonce`).
    Nonce,
    /// "The authentication event associated with the access token presented with the request does not
    /// meet the authentication requirements" (RFC 9470 section 3, `insufficient_user_authentication`).
    Login,
    /// "Requires higher privileges than provided by the access token" (RFC 6750 section 3.1,
    /// `insufficient_scope`): another token would help.
    Scope,
    /// No: "the client SHOULD NOT automatically repeat the request with the same credentials" (RFC
    /// 9110 section 15.5.4), and no other token is known to help.
    Forbidden,
    /// "Too many requests in a given amount of time" (RFC 6585 section 4): later it is allowed.
    TooMany,
    /// The service's own fault. What it is, is nobody's business but the operator's.
    Fault,
    /// The same, and it may pass.
    Unavailable,
}

/// How a client shows its token to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// With a proof of possession (RFC 9449).
    Dpop,
    /// By itself (RFC 6750).
    Bearer,
}

impl Scheme {
    /// That of a policy with this `possession`: everything but `off` requires proofs.
    #[must_use]
    pub fn of(possession: &str) -> Self {
        if possession == "off" {
            Self::Bearer
        } else {
            Self::Dpop
        }
    }
}

/// Algorithms of a proof, for `algs` (RFC 9449 section 7.1).
const ALGS: &str = "Ed25519 ES256";

impl Told {
    /// The status and its phrase (RFC 9110 section 15).
    #[must_use]
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Self::Malformed => (400, "Bad Request"),
            Self::NoToken | Self::Token | Self::Proof | Self::Nonce | Self::Login => {
                (401, "Unauthorized")
            }
            Self::Scope | Self::Forbidden => (403, "Forbidden"),
            Self::TooLarge => (413, "Content Too Large"),
            Self::TooMany => (429, "Too Many Requests"),
            Self::Fault => (500, "Internal Server Error"),
            Self::Unavailable => (503, "Service Unavailable"),
        }
    }

    /// The challenge's `error`: `None` for a challenge without one, and where there is no challenge.
    #[must_use]
    pub const fn error(self) -> Option<&'static str> {
        match self {
            Self::Malformed => Some("invalid_request"),
            Self::Token => Some("invalid_token"),
            Self::Proof => Some("invalid_dpop_proof"),
            Self::Nonce => Some("use_dpop_nonce"),
            Self::Login => Some("insufficient_user_authentication"),
            Self::Scope => Some("insufficient_scope"),
            Self::NoToken
            | Self::TooLarge
            | Self::Forbidden
            | Self::TooMany
            | Self::Fault
            | Self::Unavailable => None,
        }
    }

    /// The scheme of the challenge, where clients come by `scheme`: what was wrong with a proof is told to whoever gave
    /// one.
    #[must_use]
    pub const fn scheme(self, scheme: Scheme) -> Scheme {
        match self {
            Self::Proof | Self::Nonce => Scheme::Dpop,
            _ => scheme,
        }
    }

    /// Whether nobody but the operator should see what it was.
    #[must_use]
    pub const fn is_quiet(self) -> bool {
        matches!(self, Self::Fault | Self::Unavailable)
    }
}

/// The response for a denial: `{"status", "headers", "problem"}`, headers by their lower-case names,
/// each once.
///
/// `answer` is a denial as the evaluator or `refuse` wrote it. `nonce` is the one that the next proof
/// must carry, where the service has nonces, and `scheme` that of the policy. Anything that is not a denial
/// with a known code is told as a fault of the service, an allow included.
///
/// ```
/// use ambit_core::http::{Scheme, response};
/// let answer = r#"{"decision":false,"context":{"reason":{"code":"token.missing","user":"No token."}}}"#;
/// let response = response(answer, None, Scheme::of("required"));
/// assert!(response.starts_with(r#"{"status":401,"headers":{"#));
/// ```
#[must_use]
pub fn response(answer: &str, nonce: Option<&str>, scheme: Scheme) -> String {
    let parsed = Document::parse(answer.as_bytes(), Profile::Request);
    let answer = parsed.as_ref().map_or(Json::null(), Document::root);
    write(answer, nonce, scheme)
}

/// [`response`] for `{"answer", "nonce"?, "possession"?}`, as engines in other languages ask for it; `own` is the
/// scheme of their policy, which the last member names where they have none.
#[must_use]
pub fn response_to(request: &[u8], own: Scheme) -> String {
    let parsed = Document::parse(request, Profile::Request);
    let root = parsed.as_ref().map_or(Json::null(), Document::root);
    let nonce = root.get_str("nonce");
    let scheme = root.get_str("possession").map_or(own, Scheme::of);
    write(root.get("answer").unwrap_or_default(), nonce, scheme)
}

fn write(answer: Json<'_>, nonce: Option<&str>, scheme: Scheme) -> String {
    let denial = Denial::read(answer);
    let nonce = nonce.filter(|nonce| is_plain(nonce));
    let told = match &denial {
        None => Told::Fault,
        Some(denial) => denial.told(nonce.is_some()),
    };
    let mut out = Writer::with_capacity(1024);
    out.object(|out| {
        out.name("status").integer(i64::from(told.status().0));
        out.name("headers").object(|out| {
            out.name("content-type").string("application/problem+json");
            // What one call was refused for is no answer to another, and neither is a nonce (RFC 9449
            // section 8.2).
            out.name("cache-control").string("no-store");
            if let Some(nonce) = nonce {
                out.name("dpop-nonce").string(nonce);
            }
            if let Some(denial) = &denial
                && (told == Told::NoToken || told.error().is_some())
            {
                out.name("www-authenticate")
                    .string(&denial.challenge(told, told.scheme(scheme)));
            }
        });
        out.name("problem");
        problem(denial.as_ref(), told, out);
    });
    out.finish()
}

/// Problem details. `type` is `about:blank`, so `title` is the phrase of the status (RFC 9457 section
/// 4.2.1); `code` and `remedy` are ours.
fn problem(denial: Option<&Denial<'_>>, told: Told, out: &mut Writer) {
    let (status, title) = told.status();
    out.object(|out| {
        out.name("type").string("about:blank");
        out.name("title").string(title);
        out.name("status").integer(i64::from(status));
        let Some(denial) = denial.filter(|_| !told.is_quiet()) else {
            return;
        };
        out.name("detail").string(denial.user);
        out.name("code").string(denial.reason.code());
        if denial.remedy.kind() == Kind::Object && !denial.remedy.is_empty() {
            out.name("remedy").json(denial.remedy);
        }
    });
}

/// What an answer says of its denial.
struct Denial<'a> {
    reason: Reason,
    user: &'a str,
    remedy: Json<'a>,
    /// The step of the remedy that is a login.
    login: Option<Json<'a>>,
}

impl<'a> Denial<'a> {
    fn read(answer: Json<'a>) -> Option<Self> {
        answer
            .get("decision")
            .filter(|decision| decision.as_bool() == Some(false))?;
        let context = answer.get("context")?;
        let reason = context.get("reason")?;
        let remedy = context.get("remedy").unwrap_or_default();
        let steps = remedy.get("steps").unwrap_or_default();
        let is_login = |step: &Json<'_>| step.get_str("step_up") == Some("login");
        Some(Self {
            reason: Reason::from_code(reason.get("code")?.as_str()?)?,
            user: reason.get("user")?.as_str()?,
            remedy,
            login: steps.elements().find(is_login),
        })
    }

    /// The row of the reason, where it says all. Whatever denied for want of a login is a step-up, a
    /// guard rail too; without a nonce to give nobody can be told to use one.
    const fn told(&self, has_nonce: bool) -> Told {
        match self.reason.told() {
            Told::Forbidden if self.login.is_some() => Told::Login,
            Told::Nonce if !has_nonce => Told::Proof,
            told => told,
        }
    }

    fn challenge(&self, told: Told, scheme: Scheme) -> String {
        // RFC 6750 section 3: the scheme "MUST be followed by one or more auth-param values".
        let mut out = match scheme {
            Scheme::Dpop => format!("DPoP algs=\"{ALGS}\""),
            Scheme::Bearer => String::from("Bearer realm=\"ambit\""),
        };
        let Some(error) = told.error() else {
            return out;
        };
        // The sentence of the list, which has no quote and no backslash; never the words of others.
        add(&mut out, "error", error);
        add(&mut out, "error_description", self.reason.sentence());
        let login = self.login.filter(|_| told == Told::Login);
        let acr = login.and_then(|login| login.get("acr_values"));
        let mut values = String::new();
        for value in acr.unwrap_or_default().elements() {
            // One with a space in it would be two.
            if let Some(value) = value.as_str().filter(|value| is_plain(value)) {
                values.push_str(if values.is_empty() { "" } else { " " });
                values.push_str(value);
            }
        }
        if !values.is_empty() {
            add(&mut out, "acr_values", &values);
        }
        if let Some(age) = login.and_then(|login| login.get("max_age")?.number_text()) {
            add(&mut out, "max_age", age);
        }
        out
    }
}

fn add(out: &mut String, name: &str, value: &str) {
    for part in [", ", name, "=\"", value, "\""] {
        out.push_str(part);
    }
}

/// What a nonce is made of (RFC 9449 section 8.1, `NQCHAR`): neither blank nor quote nor backslash, so
/// that it ends no quoted string and no header.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.bytes().all(plain)
}
