//! Whether a request over HTTP may pass, and what is answered where it may not: for all that guard HTTP services.

use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_core::limits::{RECEIPT_BYTES, RECEIPTS};
use ambit_core::{Power, Reason};
use ambit_host::ask::Evaluation;
use ambit_host::http;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};

use crate::http::Reply;
use crate::mcp::wants_approval;
use crate::point::{Call, Outcome, Point, Possession};

/// Receipts of people's yes, several with commas between them or in several headers.
const APPROVAL: &str = "ambit-approval";
/// The proof of possession.
const PROOF: &str = "dpop";

/// Whether a header shows a token or what belongs to it. Some services take an underscore for a hyphen.
pub(crate) fn is_shown(name: &str) -> bool {
    let name = name.replace('_', "-");
    [AUTHORIZATION.as_str(), PROOF, APPROVAL].contains(&name.as_str())
}

/// What a request asks for, in the policy's terms.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The action's name.
    pub action: &'a str,
    /// How far.
    pub power: Power,
    /// The arguments, a JSON object.
    pub args: &'a str,
    /// Type and id of what is acted upon.
    pub resource: (&'a str, &'a str),
    /// Why.
    pub purpose: &'a str,
}

impl Wish<'_> {
    fn evaluation(&self, power: Power) -> String {
        let evaluation = Evaluation {
            action: self.action,
            power: power.name(),
            args: self.args,
            resource: self.resource,
            purpose: self.purpose,
            subject: None,
        };
        evaluation.to_text()
    }
}

/// What came with a request: the token, the proof that it is the caller's, people's yes.
#[derive(Debug)]
pub struct Shown<'a> {
    token: Option<&'a str>,
    proof: Option<&'a str>,
    approvals: Vec<String>,
}

impl<'a> Shown<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    ///
    /// What is wrong with them, for the caller.
    pub fn read(headers: &'a HeaderMap) -> Result<Self, String> {
        let authorization = once(headers, &AUTHORIZATION)?.unwrap_or_default();
        let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let is_ours = scheme.eq_ignore_ascii_case("DPoP") || scheme.eq_ignore_ascii_case("Bearer");
        let mut approvals = Vec::new();
        for value in headers.get_all(APPROVAL) {
            let receipts = value
                .to_str()
                .unwrap_or_default()
                .split(',')
                .map(str::trim)
                .filter(|one| !one.is_empty());
            approvals.extend(receipts.map(str::to_owned));
        }
        if approvals.len() > RECEIPTS || approvals.iter().any(|one| one.len() > RECEIPT_BYTES) {
            return Err(format!(
                "`Ambit-Approval` has more than {RECEIPTS} receipts, or one of more than {RECEIPT_BYTES} bytes"
            ));
        }
        Ok(Self {
            token: Some(token.trim()).filter(|_| is_ours),
            proof: once(headers, &HeaderName::from_static(PROOF))?,
            approvals,
        })
    }
}

fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, String> {
    let mut values = headers.get_all(name).iter();
    let text = values.next().map(HeaderValue::to_str).transpose();
    match (text, values.next()) {
        (Ok(text), None) => Ok(text),
        _ => Err("`Authorization` or `DPoP` came twice, or with strange characters".to_owned()),
    }
}

/// A body with arguments in it, which must be one JSON object.
///
/// # Errors
///
/// What is wrong with it, for the caller.
pub fn arguments<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Document<'a>, String> {
    let kind = match headers.get_all(CONTENT_TYPE).iter().collect::<Vec<_>>()[..] {
        [kind] => kind.to_str().unwrap_or_default(),
        _ => "",
    };
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    if !is_json || !parts.all(|part| part.eq_ignore_ascii_case("charset=utf-8")) {
        return Err("`Content-Type` must be `application/json`".to_owned());
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err("a body with arguments must not be compressed".to_owned());
    }
    let document = Document::parse(body, Profile::Request)
        .map_err(|error| format!("the body is not JSON as it is wanted here: {error}"))?;
    match document.root().kind() {
        Kind::Object => Ok(document),
        _ => Err("the body must be an object".to_owned()),
    }
}

/// A request that may not pass.
#[derive(Debug)]
pub struct Denied {
    outcome: Outcome,
    /// Whether people were asked.
    held: bool,
}

impl Point {
    /// Whether a request may pass, with all that an allow obliges to done. `http` is its method and its URL, and
    /// `proposes`: what lacks only a person's yes is put before people. Blocks: it writes to disks.
    ///
    /// # Errors
    ///
    /// [`Denied`]: it may not.
    pub fn pass(
        &self,
        wish: &Wish<'_>,
        shown: &Shown<'_>,
        http: (&str, &str),
        proposes: bool,
    ) -> Result<(), Denied> {
        let asking = wish.evaluation(wish.power);
        let call = Call {
            evaluation: &asking,
            token: shown.token,
            possession: Possession::Theirs(shown.proof),
            approvals: &shown.approvals,
            http: Some(http),
            content: None,
        };
        let outcome = self.decide(&call);
        // A proposal is no yes: people were asked.
        if outcome.permitted && wish.power != Power::Propose {
            return Ok(());
        }
        let mut held = outcome.permitted;
        if !held && proposes && wish.power == Power::Execute && wants_approval(&outcome.answer) {
            let proposing = wish.evaluation(Power::Propose);
            let proposal = Call {
                evaluation: &proposing,
                approvals: &[],
                ..call
            };
            held = self.decide(&proposal).permitted;
        }
        Err(Denied { outcome, held })
    }
}

impl Point {
    /// The denial of a request that shows no token, which needs no body.
    #[must_use]
    pub fn without_token(&self, shown: &Shown<'_>) -> Option<Denied> {
        shown.token.is_none().then(|| Denied {
            outcome: self.refuse(Reason::TokenMissing, "no token is shown"),
            held: false,
        })
    }

    /// Whether the token counts here, before the arguments are known: it may still allow nothing of this.
    pub(crate) fn stands(&self, wish: &Wish<'_>, shown: &Shown<'_>, http: (&str, &str)) -> bool {
        let call = Call {
            evaluation: &wish.evaluation(wish.power),
            token: shown.token,
            possession: Possession::Theirs(shown.proof),
            approvals: &[],
            http: Some(http),
            content: None,
        };
        self.standing(&call).is_ok()
    }
}

impl Denied {
    /// What only the operator is told: which part failed. `None` where the policy has spoken.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        self.outcome.failed()
    }

    /// The answer, with all that helps: status, challenge, problem details.
    #[must_use]
    pub fn reply(&self, scheme: http::Scheme) -> Reply {
        let told = match self.outcome.permitted {
            true => String::new(),
            false => http::response(&self.outcome.answer, None, scheme),
        };
        let document = Document::parse(told.as_bytes(), Profile::Request);
        let told = document.as_ref().map_or(Json::null(), Document::root);
        let status = told.get("status").and_then(Json::as_int);
        let status = status
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(403);
        let mut out = Writer::with_capacity(1024);
        out.object(|out| {
            for (name, value) in told.get("problem").into_iter().flat_map(Json::members) {
                out.name(name).json(value);
            }
            if self.outcome.permitted {
                out.name("type").string("about:blank");
                out.name("title").string("Forbidden");
                out.name("status").integer(403);
                out.name("detail")
                    .string("People were asked. Nothing is done by this request.");
            }
            if self.held {
                out.name("held").boolean(true);
            }
        });
        let mut reply = Reply::of(status, "application/problem+json", out.finish());
        let headers = told.get("headers").unwrap_or(Json::null());
        for name in ["www-authenticate", "dpop-nonce"] {
            if let Some(value) = headers.get_str(name) {
                reply = reply.with(name, value);
            }
        }
        reply
    }
}
