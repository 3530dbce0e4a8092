//! What every engine is asked, and the line that it must give: that of the native evaluator, once this gave what the suites
//! expect.

use std::collections::BTreeMap;

use ambit_host::{Evaluator as _, NativeEngine};
use ambit_tests::case::{PolicySpec, read_all};
use ambit_tests::project::{NOW, SignedPolicy};
use ambit_tests::{consent, suites};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::{broken, rules};

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Suite {
    /// `tests/conformance`: decisions, each asked twice, and what a policy says of itself.
    Decision,
    /// What would help, for the same requests.
    Advice,
    /// `tests/consent`, and the texts of what the tokens of the first suite grant.
    Consent,
    /// `tests/enforce`: the rules of a host.
    Enforce,
    /// Files that are no policy in force: each is refused with the same code.
    Broken,
}

impl Suite {
    pub(crate) const ALL: [Self; 5] = [
        Self::Decision,
        Self::Advice,
        Self::Consent,
        Self::Enforce,
        Self::Broken,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Advice => "advice",
            Self::Consent => "consent",
            Self::Enforce => "enforce",
            Self::Broken => "broken modules",
        }
    }
}

/// What a line must be.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    /// This line.
    Line(String),
    /// An error with this code.
    Code(String),
}

/// A command and the line that it must give.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) suite: Suite,
    /// What it does: `load`, `evaluate` …
    pub(crate) op: &'static str,
    /// The case, for people.
    pub(crate) name: String,
    pub(crate) command: String,
    pub(crate) want: Want,
}

/// All lines, with the files that they name.
pub(crate) struct Questions {
    pub(crate) lines: Vec<Line>,
    _files: (Vec<SignedPolicy>, broken::Files),
}

/// Asks the native evaluator everything.
///
/// # Errors
///
/// The case whose answer is not the expected one.
pub(crate) fn all() -> Result<Questions, String> {
    let mut asker = Asker::default();
    for case in read_all(&suites().join("conformance"))? {
        asker
            .decide(&case)
            .map_err(|why| format!("{}: {why}", case.name))?;
    }
    for case in consent::cases()? {
        let id = asker.loaded(&case.policy)?;
        asker.ask(Suite::Consent, "describe", &case.name, &id, &case.request);
    }
    asker.lines.extend(rules::lines(&mut asker.policies)?);
    let files = broken::Files::make()?;
    asker.lines.extend(files.lines()?);
    // What was refused has left the others as they were.
    if let Some(id) = asker
        .policies
        .order
        .first()
        .map(|policy| policy.id().to_owned())
    {
        asker.ask(Suite::Broken, "info", "a policy that is in force", &id, b"");
    }
    Ok(Questions {
        lines: asker.lines,
        _files: (asker.policies.order, files),
    })
}

/// Policies with the native engine of each.
#[derive(Default)]
pub(crate) struct Policies {
    engines: BTreeMap<String, NativeEngine>,
    order: Vec<SignedPolicy>,
}

impl Policies {
    /// Makes a policy, if it is new: with the line that loads it.
    pub(crate) fn add(&mut self, spec: &PolicySpec) -> Result<Option<Line>, String> {
        let id = spec.id();
        if self.engines.contains_key(&id) {
            return Ok(None);
        }
        let policy = SignedPolicy::make(spec)?;
        let module = policy.load()?;
        let command = json!({"op": "load", "policy": id, "module": policy.file(), "trust": policy.trust(),
            "uid": module.uid(), "now": NOW});
        self.engines.insert(id, NativeEngine::new(module));
        self.order.push(policy);
        Ok(Some(Line {
            suite: Suite::Decision,
            op: "load",
            name: format!("the policy {}", spec.project),
            command: command.to_string(),
            want: Want::Line("ok".to_owned()),
        }))
    }

    pub(crate) fn engine(&self, id: &str) -> Option<&NativeEngine> {
        self.engines.get(id)
    }

    pub(crate) fn signed(&self, id: &str) -> Option<&SignedPolicy> {
        self.order.iter().find(|policy| policy.id() == id)
    }
}

#[derive(Default)]
struct Asker {
    policies: Policies,
    lines: Vec<Line>,
}

impl Asker {
    /// Has a policy loaded, and says its name.
    fn loaded(&mut self, spec: &PolicySpec) -> Result<String, String> {
        let id = spec.id();
        if let Some(line) = self.policies.add(spec)? {
            self.lines.push(line);
            self.ask(Suite::Decision, "info", &spec.project, &id, b"");
        }
        Ok(id)
    }

    /// The decision, once more when the chain may be known, the advice, and the text of what the token grants.
    fn decide(&mut self, case: &ambit_tests::case::Case) -> Result<(), String> {
        let id = self.loaded(&case.policy)?;
        let digest = self.policies.signed(&id).map(SignedPolicy::bundle_s256);
        let request = case.request(&digest.unwrap_or_default())?;
        let answer = self.ask(Suite::Decision, "evaluate", &case.name, &id, &request);
        case.expect.check(answer.as_bytes(), &request)?;
        if self.ask(Suite::Decision, "evaluate", &case.name, &id, &request) != answer {
            return Err("the second answer differs from the first".to_owned());
        }
        // The npm package takes a text, which is UTF-8.
        if std::str::from_utf8(&request).is_ok() {
            let advice = self.ask(Suite::Advice, "advise", &case.name, &id, &request);
            case.expect
                .check_advice(advice.as_bytes(), answer.as_bytes())?;
        }
        let capabilities = case.capabilities()?;
        self.ask(Suite::Consent, "describe", &case.name, &id, &capabilities);
        Ok(())
    }

    /// Asks natively, and remembers the question.
    fn ask(
        &mut self,
        suite: Suite,
        op: &'static str,
        name: &str,
        id: &str,
        input: &[u8],
    ) -> String {
        let answer = self.policies.engine(id).map(|engine| match op {
            "evaluate" => engine.evaluate(input),
            "advise" => engine.advise(input),
            "describe" => engine.describe(input),
            _ => engine.info(),
        });
        let answer = answer.unwrap_or_default();
        self.lines
            .push(line(suite, op, name, Some(id), input, answer.as_bytes()));
        answer
    }
}

/// The command of a question, with the answer that is wanted.
pub(crate) fn line(
    suite: Suite,
    op: &'static str,
    name: &str,
    policy: Option<&str>,
    input: &[u8],
    answer: &[u8],
) -> Line {
    let mut command = json!({"op": op, "input": BASE64_STANDARD.encode(input)});
    if let Some(policy) = policy {
        command["policy"] = Value::from(policy);
    }
    Line {
        suite,
        op,
        name: name.to_owned(),
        command: command.to_string(),
        want: Want::Line(BASE64_STANDARD.encode(answer)),
    }
}
