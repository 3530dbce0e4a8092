//! What a server asks of the client: by a request of its own, or within an answer.

use ambit_core::json::{Json, Writer};

use super::check::{Asked, Caller, Refusal};
use super::inputs::{self, Brought, Likeness};
use super::message;
use super::modern;
use super::session::{ELICITATION, INVALID, NO_METHOD, Session, UNDER_WAY, lock};

/// Questions that there are.
const QUESTIONS: [&str; 3] = ["sampling/createMessage", "elicitation/create", "roots/list"];

/// The name of the gateway's own question.
const APPROVAL: &str = "ambit-approval";

impl Session {
    /// A call waits for a person: the answer by which the client shows them where, if it can.
    ///
    /// Whoever was shown it already is told in words, so that nobody is asked in a circle.
    pub(super) fn asks_a_person(
        &self,
        id: &str,
        refusal: &Refusal,
        params: Json<'_>,
        brought: &Brought,
    ) -> Option<String> {
        let asked = refusal.asked.as_ref().filter(|_| !brought.by_gateway)?;
        if modern::named(params).is_none() {
            let can = lock(&self.state).shows_addresses;
            return can.then(|| by_error(id, &refusal.words, asked));
        }
        let meta = params.get("_meta")?;
        if !modern::shows_addresses(meta.get(modern::CAPABILITIES)) {
            return None;
        }
        let answer = message::result(id, |out| {
            out.name("resultType").string("input_required");
            out.name("inputRequests").object(|out| {
                out.name(APPROVAL).object(|out| {
                    out.name("method").string("elicitation/create");
                    out.name("params").object(|out| page(asked, out));
                });
            });
            out.name("requestState").string(&asked.digest);
        });
        let document = message::parse(answer.as_bytes()).ok()?;
        let result = document.root().get("result")?;
        let of = inputs::likeness("tools/call", params);
        lock(&self.state).inputs.keep(of, result, true);
        Some(answer)
    }

    /// A server asks the client for something: a sample, a person's input, its roots. An error is what the server is
    /// answered.
    pub(super) fn server_asks(
        &self,
        id: &str,
        method: &str,
        params: Json<'_>,
    ) -> Result<(), String> {
        if method == "ping" {
            return Err(message::result(id, |_| {}));
        }
        let is_too_much = {
            let state = lock(&self.state);
            state.of_server.len() >= UNDER_WAY || state.of_server.contains_key(id)
        };
        if is_too_much {
            let why = "too many requests are under way, or one with this id";
            return Err(message::error(id, INVALID, why));
        }
        self.may_ask(method, params).map_err(|refusal| {
            self.say(&format!(
                "the server may not ask for `{method}`: {}",
                refusal.words
            ));
            message::error(id, NO_METHOD, "this is not let through")
        })?;
        lock(&self.state).of_server.insert(id.to_owned(), ());
        Ok(())
    }

    /// Decides a question. Where agents show tokens of their own, none is shown for what a server asks.
    fn may_ask(&self, method: &str, params: Json<'_>) -> Result<(), Refusal> {
        match self.gateway.config.token {
            Some(_) => self.other(method, params, Caller::Held(None)),
            None => Err(Refusal::failed()),
        }
    }

    /// Whether an answer passes as it came: one that asks for input does where each question is mapped and allowed.
    pub(super) fn may_answer(
        &self,
        method: &str,
        of: Option<Likeness>,
        root: Json<'_>,
    ) -> Result<(), String> {
        let result = root.get("result").unwrap_or(Json::null());
        let code = root
            .get("error")
            .and_then(|error| error.get("code")?.as_int());
        if code == Some(ELICITATION) && !self.gateway.config.has_methods("elicitation") {
            return Err("it asks for input by way of an error".to_owned());
        }
        if !message::wants_more(result) {
            let kind = result.get("resultType");
            return match kind.is_none_or(|kind| kind.as_str() == Some("complete")) {
                true => Ok(()),
                false => Err("its `resultType` is not known here".to_owned()),
            };
        }
        let of = of.filter(|_| inputs::may_ask(method));
        let of = of.ok_or_else(|| format!("it asks for input by way of `{method}`"))?;
        for (_, method, params) in inputs::questions(result)? {
            if !QUESTIONS.contains(&method) {
                return Err(format!("it asks for `{method}`, which is no question"));
            }
            let asked = self.may_ask(method, params);
            asked.map_err(|refusal| format!("it may not ask for `{method}`: {}", refusal.words))?;
        }
        lock(&self.state).inputs.keep(of, result, false);
        Ok(())
    }
}

/// As 2025-11-25 has it.
fn by_error(id: &str, words: &str, asked: &Asked) -> String {
    let mut data = Writer::default();
    data.object(|out| {
        out.name("code").string("approval.waiting");
        out.name("elicitations").array(|out| {
            out.object(|out| {
                page(asked, out);
                out.name("elicitationId").string(&asked.digest);
            });
        });
    });
    message::error_with(id, ELICITATION, words, &data.finish())
}

fn page(asked: &Asked, out: &mut Writer) {
    out.name("mode").string("url");
    out.name("url").string(&asked.url);
    let message = format!("A person must agree to this call: {}", asked.about);
    out.name("message").string(&message);
}
