//! One call against the policy, and in words for the agent what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ambit_core::Power;
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_core::limits::{RECEIPT_BYTES, RECEIPTS};
use ambit_host::ask::Evaluation;
use ambit_host::http;
use ambit_policy::{Action, Argument};
use ambit_token::base64url;

use super::config::Target;
use crate::files;
use crate::point::{Call, Outcome, Point, Possession, Say};

/// Bytes of a file with a receipt, and of the end of its line.
#[expect(clippy::as_conversions, reason = "constants, which are widened")]
const FILE_BYTES: u64 = (RECEIPT_BYTES + 2) as u64;

/// What the codes of denials begin with that a content or a yes could turn.
const OPEN: [&str; 4] = ["facts.missing", "approval.", "step_up.", "policy."];

/// Why a call is not made: words for the agent, and for programs.
pub(super) struct Refusal {
    pub(super) words: String,
    /// The stable code, where the agent is told one.
    pub(super) code: Option<String>,
    /// How it is told over HTTP, where another token or proof is what would help.
    pub(super) challenge: Option<Box<Challenge>>,
    /// Where a person is asked, and about what.
    pub(super) asked: Option<Box<Asked>>,
}

/// A page on which a person is asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) digest: String,
    /// The first line of what they read there.
    pub(super) about: String,
}

/// What a refusal says of tokens, over HTTP.
#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) status: u16,
    /// `WWW-Authenticate`.
    pub(super) header: String,
    /// Problem details, with code and remedy.
    pub(super) problem: String,
    /// What the agent is told.
    pub(super) words: String,
}

/// Whose token a message comes with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Caller<'a> {
    /// The one that the gateway holds for the agent, and until when a call may begin, where the caller does not wait for ever.
    Held(Option<Instant>),
    /// The agent's own.
    Shown(&'a Shown),
}

/// What came with a message over HTTP.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) token: String,
    pub(super) proof: Option<String>,
    pub(super) approvals: Vec<String>,
    /// Until when a call may begin: the caller does not wait for ever.
    pub(super) until: Instant,
}

impl Refusal {
    pub(super) fn plain(code: &str, words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            code: Some(code.to_owned()),
            challenge: None,
            asked: None,
        }
    }

    /// Something of the gateway's own failed, which only its operator is told.
    pub(super) fn failed() -> Self {
        Self {
            words: "Not done: the check itself failed. The gateway's own output says why."
                .to_owned(),
            code: None,
            challenge: None,
            asked: None,
        }
    }
}

/// What a check needs.
pub(super) struct Check<'a> {
    pub(super) point: &'a Point,
    /// The token, read anew for each call.
    pub(super) token: &'a str,
    /// Who shows that it is theirs.
    pub(super) possession: Possession<'a>,
    /// Receipts that came with the call.
    pub(super) shown: &'a [String],
    /// Where people's receipts are laid down: files that begin with the digest of the call.
    pub(super) approvals: Option<&'a PathBuf>,
    /// Whether calls can be put before people.
    pub(super) proposes: bool,
    /// The address of the page on which people are asked, with a place for the digest.
    pub(super) page: Option<&'a str>,
    /// What the arguments refer to, as it was just read.
    pub(super) content: Option<&'a str>,
    pub(super) say: &'a Say,
}

impl Check<'_> {
    /// Decides a call and uses up what it costs. `Ok`: make it, now and once.
    pub(super) fn call(&self, target: &Target, arguments: &str) -> Result<(), Refusal> {
        let evaluation = evaluation(target, arguments, target.power);
        let mut call = self.as_call(&evaluation, &[]);
        let receipts = match target.power {
            Power::Execute => self.receipts(&call),
            _ => Vec::new(),
        };
        call.approvals = &receipts;
        let outcome = self.point.decide(&call);
        if outcome.permitted {
            return Ok(());
        }
        if target.power == Power::Execute
            && self.proposes
            && wants_approval(&outcome.answer)
            && let Some(refusal) = self.propose(target, arguments)
        {
            return Err(refusal);
        }
        Err(self.refusal(&call, &outcome))
    }

    /// Whether a call could be allowed by what it refers to, and a person's yes to that.
    pub(super) fn is_open(&self, target: &Target, arguments: &str) -> bool {
        let evaluation = evaluation(target, arguments, target.power);
        let answer = self.point.evaluate(&self.as_call(&evaluation, &[]));
        let Ok(document) = Document::parse(answer.as_bytes(), Profile::Request) else {
            return false;
        };
        let root = document.root();
        let code = || root.get("context")?.get("reason")?.get("code")?.as_str();
        let is_open = |code: &str| OPEN.iter().any(|open| code.starts_with(open));
        root.get("decision").and_then(Json::as_bool) == Some(true)
            || code().is_some_and(is_open)
            || wants_approval(&answer)
    }

    fn as_call<'c>(&'c self, evaluation: &'c str, approvals: &'c [String]) -> Call<'c> {
        Call {
            evaluation,
            token: Some(self.token),
            possession: self.possession,
            approvals,
            http: Some(("POST", &self.point.place.audience)),
            content: self.content,
        }
    }

    /// Puts the call before people, and says so; `None` where that is not allowed either.
    fn propose(&self, target: &Target, arguments: &str) -> Option<Refusal> {
        let evaluation = evaluation(target, arguments, Power::Propose);
        let outcome = self.point.decide(&self.as_call(&evaluation, &[]));
        let document = Document::parse(outcome.answer.as_bytes(), Profile::Request).ok()?;
        let obligations = document.root().get("context")?.get("obligations")?;
        let is_approve = |one: &Json<'_>| one.get("type").and_then(Json::as_str) == Some("approve");
        let asked = obligations.elements().find(is_approve)?.get("ext")?;
        if !outcome.permitted {
            return None;
        }
        let text = asked.get("display")?.get("text")?.as_str()?;
        let about = text.lines().next().unwrap_or_default();
        // What the call refers to, the gateway read: perhaps the agent may not.
        let text = if self.content.is_some() { about } else { text };
        let digest = asked.get("binding_s256")?.as_str()?;
        let url = self.page.map(|page| page.replacen("{}", digest, 1));
        let at = url
            .as_ref()
            .map(|url| format!("They are asked at {url}\n\n"));
        let words = format!(
            "Not done yet: a person must agree to exactly this call. They were asked:\n\n{text}\n\n{}\
             When they have agreed, repeat exactly this call, with the same arguments. It then runs once.",
            at.unwrap_or_default()
        );
        let asked = url.map(|url| {
            Box::new(Asked {
                url,
                digest: digest.to_owned(),
                about: about.to_owned(),
            })
        });
        Some(Refusal {
            asked,
            ..Refusal::plain("approval.waiting", words)
        })
    }

    /// The receipts for exactly this call.
    fn receipts(&self, call: &Call<'_>) -> Vec<String> {
        let mut receipts = match self.approvals.zip(self.point.digest(call)) {
            Some((folder, digest)) => laid_down(folder, &digest, (self.point.clock)(), self.say),
            None => Vec::new(),
        };
        let news = self.shown.iter().filter(|one| !receipts.contains(one));
        let news: Vec<_> = news.cloned().collect();
        receipts.extend(news);
        receipts.truncate(RECEIPTS);
        receipts
    }

    fn refusal(&self, call: &Call<'_>, outcome: &Outcome) -> Refusal {
        let told = http::response(&outcome.answer, None, self.point.policy.scheme());
        let told = Document::parse(told.as_bytes(), Profile::Request);
        let problem = told
            .as_ref()
            .ok()
            .and_then(|told| told.root().get("problem"));
        let text = |name: &str| problem.and_then(|problem| problem.get(name)?.as_str());
        let (Some(code), Some(detail)) = (text("code"), text("detail")) else {
            let (code, admin) = outcome.admin();
            (self.say)(&format!("a call is refused: {code}: {admin}"));
            return Refusal::failed();
        };
        let mut words = format!("Not allowed: {detail} [{code}]");
        let advice = self.point.advise(call);
        let advice = Document::parse(advice.as_bytes(), Profile::Request);
        let advice = advice.as_ref().map_or(Json::null(), Document::root);
        let listed = advice
            .get("alternatives")
            .into_iter()
            .flat_map(Json::elements);
        let listed: Vec<Json<'_>> = listed.collect();
        // What the agent can do with the token that it has is no matter of another one.
        let by_itself = |one: &Json<'_>| one.get("judged").and_then(Json::as_bool) == Some(true);
        let by_itself = listed.iter().any(by_itself);
        let texts = listed.iter().filter_map(|one| one.get("text")?.as_str());
        let texts: Vec<&str> = texts.collect();
        if !texts.is_empty() {
            words.push_str("\nWhat would be allowed instead, each enough by itself:");
            for text in texts {
                words.push_str("\n- ");
                words.push_str(text);
            }
        }
        let challenge = told
            .as_ref()
            .ok()
            .and_then(|told| challenge(told.root(), advice.get("alternatives")));
        // And whose token is held here is asked for no other.
        let theirs = matches!(self.possession, Possession::Theirs(_));
        let challenge = challenge.filter(|told| theirs && (told.status == 401 || !by_itself));
        Refusal {
            challenge: challenge.map(|told| {
                let words = words.clone();
                Box::new(Challenge { words, ..told })
            }),
            ..Refusal::plain(code, words)
        }
    }
}

/// What a denial as an HTTP response says of tokens, with what would help where that was asked.
pub(super) fn challenge(told: Json<'_>, helps: Option<Json<'_>>) -> Option<Challenge> {
    let header = told.get("headers")?.get_str("www-authenticate")?;
    let given = told.get("problem")?;
    let mut problem = Writer::default();
    problem.object(|out| {
        for (name, value) in given.members() {
            out.name(name).json(value);
        }
        if let Some(helps) = helps.filter(|helps| !helps.is_empty()) {
            out.name("alternatives").json(helps);
        }
    });
    Some(Challenge {
        status: u16::try_from(told.get("status")?.as_int()?).ok()?,
        // `ambit_code` is a parameter of our own (RFC 9110, section 11.3); a code has letters, dots and underscores.
        header: match given.get_str("code") {
            Some(code) => format!("{header}, ambit_code=\"{code}\""),
            None => header.to_owned(),
        },
        problem: problem.finish(),
        words: String::new(),
    })
}

/// The receipts in a folder for the call with this digest, of which no more are read than a request may have. What is
/// still being written, or is over, is none.
fn laid_down(folder: &Path, digest: &str, now: i64, say: &Say) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut receipts = Vec::new();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with(digest) || name.ends_with(".tmp") || name.ends_with('~') {
            continue;
        }
        if receipts.len() == RECEIPTS {
            say(&format!(
                "of the approvals of one call {RECEIPTS} are shown, and more are passed over"
            ));
            break;
        }
        match files::bounded(&entry.path(), FILE_BYTES) {
            Ok(text) if is_current(&text, now) => receipts.push(text),
            Ok(_) => say("an approval is passed over: it is no receipt, or is over"),
            Err(fault) => say(&format!("an approval is passed over: {fault}")),
        }
    }
    receipts
}

/// The arguments of a tool's call as the policy names them. An argument that the tool calls otherwise is nothing
/// that the tool was declared to have.
pub(super) fn arguments(action: Action<'_>, given: Json<'_>) -> Result<String, String> {
    let mut out = Writer::with_capacity(256);
    let mut strange = None;
    out.object(|out| {
        for (name, value) in given.members() {
            let mut declared = action.arguments();
            let renamed = declared.find(|(_, argument)| argument.mcp() == Some(name));
            let other = action.argument(name).and_then(Argument::mcp);
            if renamed.is_none() && other.is_some() {
                strange = Some(name);
            }
            out.name(renamed.map_or(name, |(name, _)| name)).json(value);
        }
    });
    match strange {
        Some(name) => Err(format!("the tool has no argument `{name}`")),
        None => Ok(out.finish()),
    }
}

pub(super) fn evaluation(target: &Target, arguments: &str, power: Power) -> String {
    let evaluation = Evaluation {
        action: &target.action,
        power: power.name(),
        args: arguments,
        resource: (&target.resource.r#type, &target.resource.id),
        purpose: &target.purpose,
        subject: None,
    };
    evaluation.to_text()
}

/// Whether a receipt has its form and has not ended: whether it counts, the policy says.
fn is_current(receipt: &str, now: i64) -> bool {
    let claims = receipt.split('.').nth(1);
    let Some(claims) = claims.and_then(|claims| base64url::decode(claims.as_bytes())) else {
        return false;
    };
    let document = Document::parse(&claims, Profile::Signed);
    let exp = document
        .ok()
        .and_then(|claims| claims.root().get("exp")?.as_int());
    exp.is_some_and(|exp| now < exp)
}

/// Whether a person's yes is all that a denial lacks: where a login is lacking too, the yes alone would not let the
/// call run, and the denial says so first. Where one is there and does not fit, asking again would not say why.
pub(crate) fn wants_approval(answer: &str) -> bool {
    let Ok(document) = Document::parse(answer.as_bytes(), Profile::Request) else {
        return false;
    };
    let context = document.root().get("context");
    let code = context.and_then(|it| it.get("reason")?.get("code")?.as_str());
    let unfit =
        code.is_some_and(|code| code.starts_with("approval.") && code != "approval.required");
    let remedy = context.and_then(|it| it.get("remedy")).filter(|_| !unfit);
    let steps = remedy.and_then(|remedy| remedy.get("steps"));
    let steps = steps.into_iter().flat_map(Json::elements);
    let mut kinds = steps
        .map(|step| step.get("step_up").and_then(Json::as_str))
        .peekable();
    kinds.peek().is_some() && kinds.all(|kind| kind == Some("approval"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn no_more_receipts_are_read_than_a_request_may_have() {
        let folder = tempfile::tempdir().unwrap();
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&said);
        let say: Say = Arc::new(move |words| heard.lock().unwrap().push(words.to_owned()));
        let receipt = format!("e30.{}.AA", base64url::encode(br#"{"exp":2}"#));
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let read = || laid_down(folder.path(), "digest", 1, &say).len();
        write("digest", &format!("{receipt}\n"));
        write("another", &receipt);
        assert_eq!((read(), said.lock().unwrap().len()), (1, 0));
        write(
            "digest-long",
            &format!("{receipt}{}", " ".repeat(RECEIPT_BYTES)),
        );
        assert_eq!(read(), 1);
        assert!(said.lock().unwrap().pop().unwrap().contains("file.size"));
        fs::remove_file(folder.path().join("digest-long")).unwrap();
        // What comes behind the last that counts is not opened: nothing is said of its form.
        for number in 0..RECEIPTS + 8 {
            write(&format!("digest-{number}"), &receipt);
        }
        assert_eq!(read(), RECEIPTS);
        assert_eq!(said.lock().unwrap().len(), 1);
    }
}
