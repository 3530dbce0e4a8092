//! Answers that ask for input, and the requests that bring it (2026-07-28, "Multi Round-Trip Requests").
//!
//! A server's question comes within an answer, and the client repeats its request with what it was asked for. Nobody
//! judges what it brings, so it passes only where it was asked for: by an answer to the same request that was let through.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use ambit_core::json::{Json, Kind, Writer};
use ambit_evaluator::s256;

use super::message;

/// Parameters by which a request brings input.
pub(super) const RESPONSES: &str = "inputResponses";
pub(super) const STATE: &str = "requestState";
const REQUESTS: &str = "inputRequests";

/// Requests whose answers may ask for input.
const MAY_ASK: [&str; 3] = ["tools/call", "resources/read", "prompts/get"];
/// Questions in one answer, answers of one session that asked, and how long they may be answered.
const QUESTIONS: usize = 16;
const KEPT: usize = 64;
const LIFE: Duration = Duration::from_secs(15 * 60);

/// What is asked for within an answer: the question's name, its method and parameters.
pub(super) type Question<'a> = (&'a str, &'a str, Json<'a>);

/// What a request is, whatever input it brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Likeness(String);

/// The answers of a session that asked for input.
#[derive(Debug, Default)]
pub(super) struct Inputs(VecDeque<Asked>);

#[derive(Debug)]
struct Asked {
    of: Likeness,
    names: BTreeSet<String>,
    state: Option<String>,
    by_gateway: bool,
    at: Instant,
}

/// What a request may bring.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Brought {
    /// The questions that it answers.
    pub(super) names: BTreeSet<String>,
    /// It was the gateway that asked: nothing of it is the server's.
    pub(super) by_gateway: bool,
}

/// Whether a parameter brings input.
pub(super) fn is_input(name: &str) -> bool {
    name == RESPONSES || name == STATE
}

/// Whether the answer to such a request may ask for input.
pub(super) fn may_ask(method: &str) -> bool {
    MAY_ASK.contains(&method)
}

/// What a request asks for, but for `_meta` and input.
pub(super) fn likeness(method: &str, params: Json<'_>) -> Likeness {
    let mut out = Writer::with_capacity(256);
    out.string(method);
    message::rewrite(params, &mut out, &mut |name, _, _| {
        name == "_meta" || is_input(name)
    });
    Likeness(s256(out.finish().as_bytes()))
}

/// The questions of an answer that asks for input, as the specification has them.
pub(super) fn questions(result: Json<'_>) -> Result<Vec<Question<'_>>, String> {
    if result.get("resultType").and_then(Json::as_str) != Some("input_required") {
        return Err("it asks for input and is no `input_required`".to_owned());
    }
    let asked = result.get(REQUESTS);
    if asked.is_some_and(|asked| asked.kind() != Kind::Object) {
        return Err(format!("`{REQUESTS}` is no object"));
    }
    let members = asked.into_iter().flat_map(Json::members);
    let questions: Option<Vec<_>> = members
        .map(|(name, question)| {
            let mut known = question.members();
            let params = question.get("params").unwrap_or(Json::null());
            let is_sound = known.all(|(name, _)| ["method", "params"].contains(&name))
                && matches!(params.kind(), Kind::Object | Kind::Null)
                && params.get("_meta").is_none();
            let method = question.get("method")?.as_str().filter(|_| is_sound)?;
            Some((name, method, params))
        })
        .collect();
    let questions = questions.ok_or("a question has more than a method and its parameters")?;
    match questions.len() <= QUESTIONS {
        true => Ok(questions),
        false => Err(format!("it asks more than {QUESTIONS} questions")),
    }
}

impl Inputs {
    /// Keeps what an answer that was let through asks for.
    pub(super) fn keep(&mut self, of: Likeness, result: Json<'_>, by_gateway: bool) {
        self.0.retain(|one| one.at.elapsed() < LIFE);
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        let names = result.get(REQUESTS).into_iter().flat_map(Json::members);
        self.0.push_back(Asked {
            of,
            names: names.map(|(name, _)| name.to_owned()).collect(),
            state: result.get(STATE).map(digest),
            by_gateway,
            at: Instant::now(),
        });
    }

    /// What of a request's input was asked for. `None`: it brings what nobody asked for.
    pub(super) fn brought(&self, of: &Likeness, params: Json<'_>) -> Option<Brought> {
        let (responses, state) = (params.get(RESPONSES), params.get(STATE));
        if responses.is_none() && state.is_none() {
            return Some(Brought::default());
        }
        if responses.is_some_and(|it| it.kind() != Kind::Object) {
            return None;
        }
        let state = state.map(digest);
        let mut asked = self.0.iter().rev();
        let asked =
            asked.find(|one| one.of == *of && one.state == state && one.at.elapsed() < LIFE)?;
        Some(Brought {
            names: asked.names.clone(),
            by_gateway: asked.by_gateway,
        })
    }
}

fn digest(value: Json<'_>) -> String {
    s256(message::text(value).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, run: impl FnOnce(Json<'_>) -> T) -> T {
        let document = message::parse(text.as_bytes()).unwrap();
        run(document.root())
    }

    fn like(params: &str) -> Likeness {
        with(params, |params| likeness("tools/call", params))
    }

    #[test]
    fn input_passes_only_where_it_was_asked_for() {
        let mut inputs = Inputs::default();
        let asks = r#"{"resultType":"input_required","requestState":"s","inputRequests":{"a":{"method":"m"}}}"#;
        with(asks, |asks| {
            inputs.keep(like(r#"{"name":"t"}"#), asks, false);
        });
        let brought = |params: &str| with(params, |it| inputs.brought(&like(params), it));
        let names: BTreeSet<String> = ["a".to_owned()].into();
        let once = Some(Brought {
            names,
            by_gateway: false,
        });
        assert_eq!(
            brought(r#"{"name":"t","requestState":"s","inputResponses":{"a":{},"b":{}}}"#),
            once
        );
        assert_eq!(brought(r#"{"name":"t"}"#), Some(Brought::default()));
        for strange in [
            r#"{"name":"t","inputResponses":{"a":{}}}"#,
            r#"{"name":"t","requestState":"S","inputResponses":{"a":{}}}"#,
            r#"{"name":"u","requestState":"s","inputResponses":{"a":{}}}"#,
            r#"{"name":"t","arguments":{},"requestState":"s"}"#,
            r#"{"name":"t","requestState":"s","inputResponses":[]}"#,
        ] {
            assert_eq!(brought(strange), None, "{strange}");
        }
    }

    #[test]
    fn questions_are_methods_with_parameters() {
        let read = |text: &str| with(text, |it| questions(it).map(|all| all.len()));
        let asks = |question: &str| {
            format!(r#"{{"resultType":"input_required","inputRequests":{{"a":{question}}}}}"#)
        };
        assert_eq!(read(&asks(r#"{"method":"m","params":{"x":1}}"#)), Ok(1));
        assert_eq!(
            read(r#"{"resultType":"input_required","requestState":"s"}"#),
            Ok(0)
        );
        for wrong in [
            asks(r#"{"params":{}}"#),
            asks(r#"{"method":"m","id":1}"#),
            asks(r#"{"method":"m","params":{"_meta":{"x":1}}}"#),
            asks(r#"{"method":"m","params":[]}"#),
            r#"{"inputRequests":{}}"#.to_owned(),
            r#"{"resultType":"input_required","inputRequests":[]}"#.to_owned(),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
