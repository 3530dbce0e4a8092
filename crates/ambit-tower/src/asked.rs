//! What a request is in the policy, as the service says.

use ambit_core::Power;
use ambit_core::json::Writer;
use ambit_gateway::forward::segments;
use ambit_gateway::http::Reply;
use ambit_gateway::passing::{Wish, arguments};
use hyper::http::request::Parts;

/// A request whose body was read, and which nobody has acted on.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) body: &'a [u8],
}

impl<'a> Seen<'a> {
    /// Method, address and headers.
    #[must_use]
    pub const fn head(&self) -> &'a Parts {
        self.head
    }

    /// The body: exactly the bytes that the handler gets.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// A segment of the path, decoded; the first is number 0.
    ///
    /// # Errors
    ///
    /// [`Unasked`] where there is none, or where servers read the path differently: `//`, dots, hidden separators.
    pub fn segment(&self, number: usize) -> Result<String, Unasked> {
        let path = self.head.uri.path();
        let all = segments(path).map_err(|words| Unasked::malformed("forward.path", words))?;
        all.into_iter().nth(number).ok_or_else(Unasked::unmapped)
    }

    /// The body as the arguments of the call: one JSON object in which each name stands once.
    ///
    /// # Errors
    ///
    /// [`Unasked`] for every other body: compressed, of another type, not JSON.
    pub fn json(&self) -> Result<&'a str, Unasked> {
        let malformed = |words| Unasked::malformed("forward.body", words);
        drop(arguments(&self.head.headers, self.body).map_err(malformed)?);
        std::str::from_utf8(self.body).map_err(|_| malformed("the body is not UTF-8".to_owned()))
    }
}

/// What a request asks for, in the policy's terms.
///
/// A request that passes carries what it was judged by in its extensions: a handler that acts by [`Asked::arguments`]
/// (axum: `Extension<Asked>`) acts by nothing else.
#[derive(Clone, Debug)]
#[must_use]
pub struct Asked {
    action: String,
    power: Power,
    resource: (String, String),
    purpose: String,
    args: String,
}

impl Asked {
    /// An action with its power, without arguments. What it acts upon and why is still to be said.
    pub fn new(action: impl Into<String>, power: Power) -> Self {
        Self {
            action: action.into(),
            power,
            resource: (String::new(), String::new()),
            purpose: String::new(),
            args: "{}".to_owned(),
        }
    }

    /// Type and id of what is acted upon.
    pub fn on(mut self, kind: impl Into<String>, id: impl Into<String>) -> Self {
        self.resource = (kind.into(), id.into());
        self
    }

    /// Why.
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = purpose.into();
        self
    }

    /// The arguments, a JSON object. The handler acts by these, by [`Asked::arguments`] or by the same bytes.
    pub fn args(mut self, json: impl Into<String>) -> Self {
        self.args = json.into();
        self
    }

    /// The action's name.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// Type and id of what is acted upon.
    #[must_use]
    pub fn resource(&self) -> (&str, &str) {
        (&self.resource.0, &self.resource.1)
    }

    /// The arguments, a JSON object, byte for byte as they were judged.
    #[must_use]
    pub fn arguments(&self) -> &str {
        &self.args
    }

    pub(crate) fn wish(&self) -> Wish<'_> {
        Wish {
            action: &self.action,
            power: self.power,
            args: &self.args,
            resource: (&self.resource.0, &self.resource.1),
            purpose: &self.purpose,
        }
    }
}

/// A request that is nothing in the policy. It is refused without the policy being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    status: u16,
    code: &'static str,
    words: String,
}

impl Unasked {
    /// No action of the policy stands for this request.
    #[must_use]
    pub fn unmapped() -> Self {
        Self {
            status: 403,
            code: "forward.unmapped",
            words: "nothing says what this request is in the policy".to_owned(),
        }
    }

    /// A value of the request cannot be an argument. `words` are told to the caller.
    #[must_use]
    pub fn argument(words: impl Into<String>) -> Self {
        Self::malformed("forward.argument", words.into())
    }

    pub(crate) const fn malformed(code: &'static str, words: String) -> Self {
        Self {
            status: 400,
            code,
            words,
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        let mut out = Writer::default();
        out.object(|out| {
            out.name("type").string("about:blank");
            out.name("title").string(match self.status {
                400 => "Bad Request",
                _ => "Forbidden",
            });
            out.name("status").integer(i64::from(self.status));
            out.name("detail").string(&self.words);
            out.name("code").string(self.code);
        });
        Reply::of(self.status, "application/problem+json", out.finish())
    }
}
