//! Why a request is refused: an error of the RFCs, and our code beside it.

use std::borrow::Cow;

use ambit_compiler::CompileError;
use ambit_gateway::http::Reply;
use serde_json::{Value, json};

use crate::second;

/// An OAuth error (RFC 6749, section 5.2), or a fault of the broker's own.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: &'static str,
    /// Stable: `broker.…`, or that of the core.
    pub(crate) code: Cow<'static, str>,
    pub(crate) detail: String,
    /// What is only for the operator.
    pub(crate) own: bool,
    nonce: Option<String>,
    /// Told of a token that was used here (RFC 6750, section 3; RFC 9449, section 7.1).
    challenge: bool,
    /// Seconds after which to ask again.
    after: Option<i64>,
    /// What the client can do.
    remedy: Option<Box<Value>>,
}

impl Refusal {
    pub(crate) fn new(
        error: &'static str,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            error,
            code: code.into(),
            detail: ambit_compiler::conceal(&detail.into()),
            own: false,
            nonce: None,
            challenge: false,
            after: None,
            remedy: None,
        }
    }

    pub(crate) fn request(detail: impl Into<String>) -> Self {
        Self::new("invalid_request", "broker.request", detail)
    }

    pub(crate) fn grant(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new("invalid_grant", code, detail)
    }

    /// A fault of the broker: callers learn that there is one, the operator which.
    pub(crate) fn own(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            own: true,
            ..Self::new("server_error", code, detail)
        }
    }

    /// The same as another error of the RFCs.
    pub(crate) fn told_as(mut self, error: &'static str) -> Self {
        self.error = error;
        self
    }

    /// With the nonce that the next proof must carry (RFC 9449, section 8).
    pub(crate) fn nonce(mut self, nonce: String) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// As the answer to whoever used a token here: what is wrong with token or proof is a challenge.
    pub(crate) fn challenging(mut self) -> Self {
        let of = ["invalid_token", "invalid_dpop_proof", "use_dpop_nonce"];
        self.challenge = of.contains(&self.error);
        self
    }

    /// With the seconds after which to ask again.
    pub(crate) fn after(mut self, seconds: i64) -> Self {
        self.after = Some(seconds);
        self
    }

    /// With what the client can do.
    pub(crate) fn remedy(mut self, remedy: Value) -> Self {
        self.remedy = Some(Box::new(remedy));
        self
    }

    /// A reply with the seconds after which to ask again, where they are known.
    pub(crate) fn timed(&self, reply: Reply) -> Reply {
        match self.after {
            Some(after) => reply.with("retry-after", after.to_string()),
            None => reply,
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        if self.own {
            let body = json!({"error": "server_error", "error_description": "the broker failed; its operator is told why"});
            return Reply::json(500, body.to_string());
        }
        let status = match self.error {
            "invalid_client" => 401,
            _ if self.challenge => 401,
            "access_denied" => 403,
            // Not the client is too eager, but somebody else too slow.
            "temporarily_unavailable" if self.code == second::BUSY => 503,
            // RFC 9126, section 2.3.
            "temporarily_unavailable" => 429,
            _ => 400,
        };
        let mut body = json!({
            "error": self.error,
            "error_description": plain(&self.detail),
            "ambit_code": self.code,
        });
        if let Some(remedy) = &self.remedy {
            body["ambit_remedy"] = Value::clone(remedy);
        }
        let mut reply = Reply::json(status, body.to_string()).with("pragma", "no-cache");
        if self.challenge {
            let challenge = format!(
                "DPoP error=\"{}\", algs=\"Ed25519 ES256 EdDSA\"",
                self.error
            );
            reply = reply.with("www-authenticate", challenge);
        }
        reply = self.timed(reply);
        match &self.nonce {
            Some(nonce) => reply.with("dpop-nonce", nonce.clone()),
            None => reply,
        }
    }
}

/// What `error_description` may have: ASCII without quotes and backslashes.
fn plain(text: &str) -> String {
    let character = |c: char| match c {
        '"' | '`' => '\'',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    };
    text.chars().take(1000).map(character).collect()
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::own("broker.store", error.to_string())
    }
}

/// What the core would not mint.
impl From<CompileError> for Refusal {
    fn from(error: CompileError) -> Self {
        // Whoever keeps the key, and not the client, has failed.
        if error.code == "key.signer" {
            return Self::own(error.code, error.message);
        }
        Self::new("invalid_authorization_details", error.code, error.message)
    }
}

impl From<ambit_gateway::Fault> for Refusal {
    fn from(fault: ambit_gateway::Fault) -> Self {
        Self::own(fault.code(), fault.message())
    }
}
