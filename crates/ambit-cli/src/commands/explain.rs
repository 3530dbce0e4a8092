//! `ambit explain`

use std::io::IsTerminal as _;

use ambit_core::limits::CALL_TEXT_BYTES;
use clap::Args;
use serde_json::Value;

use crate::advice::{self, Advice};
use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::say::{self, BAD, BOLD, GOOD, Page, foreign};

/// Explain a reason code, or an answer or advice of `ambit evaluate`
///
/// Every denial carries a stable code. This says what it means and what to do. Without a code, an
/// answer (JSON) is read from standard input and told in words.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Explain {
    /// A reason code, for example `constraint.range`
    #[arg(conflicts_with = "list")]
    code: Option<String>,
    /// List all codes
    #[arg(long)]
    list: bool,
}

const EXAMPLES: &str = "\
Examples:
  ambit explain constraint.range
  ambit explain --list
  ambit evaluate --module policy.wasm --trust keys.json < request.json | ambit explain
  ambit evaluate --module policy.wasm --trust keys.json --advise < request.json | ambit explain";

/// Bytes of an answer: a decision record with its longest remedy is far below.
const ANSWER: usize = files::SMALL;

impl Explain {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let page = match (&self.code, self.list) {
            (_, true) => list(),
            (Some(code), _) => explain(code)?,
            (None, _) => answer()?,
        };
        page.show()?;
        Ok(Exit::Done)
    }
}

fn list() -> Page {
    let mut page = Page::new();
    page.heading("Answers");
    for advice in advice::denials() {
        page.line(format!("{:<26} {}", advice.code, advice.sentence));
    }
    page.heading("Policy modules that are refused");
    for advice in advice::modules() {
        page.line(format!("{:<26} {}", advice.code, advice.meaning));
    }
    page.heading("Audit logs and ledgers");
    for advice in advice::hosts() {
        page.line(format!("{:<26} {}", advice.code, advice.meaning));
    }
    page.heading("The broker");
    for advice in advice::broker() {
        page.line(format!("{:<26} {}", advice.code, advice.meaning));
    }
    page.heading("Where policies lie");
    for advice in advice::stores() {
        page.line(format!("{:<26} {}", advice.code, advice.meaning));
    }
    page.heading("The gateways");
    for advice in advice::gateways() {
        page.line(format!("{:<26} {}", advice.code, advice.meaning));
    }
    page
}

fn explain(code: &str) -> Result<Page, Failure> {
    let advice = advice::find(code).ok_or_else(|| unknown(code))?;
    let mut page = Page::new();
    page.heading(advice.code).line(advice.sentence);
    tell(&mut page, advice);
    Ok(page)
}

fn tell(page: &mut Page, advice: Advice) {
    page.field("meaning", advice.meaning);
    page.field("what to do", advice.action);
}

/// Areas whose codes stand beside their help wherever they are reported.
const TOLD: [&str; 13] = [
    "approve", "build", "describe", "explain", "file", "init", "key", "mint", "project", "schema",
    "shadow", "sign", "usage",
];

fn unknown(code: &str) -> Failure {
    let similar = advice::similar(code);
    let area = code.split_once('.').map_or("", |(area, _)| area);
    let help = if TOLD.contains(&area) {
        "this command reports such a code itself, and says with it what to do".to_owned()
    } else if similar.is_empty() {
        "`ambit explain --list` shows all codes".to_owned()
    } else {
        format!("did you mean {}?", similar.join(", "))
    };
    Failure::unusable(
        "explain.code",
        format!("there is no code `{}`", foreign(code, 80)),
    )
    .help(help)
}

fn answer() -> Result<Page, Failure> {
    if std::io::stdin().is_terminal() {
        say::note("reading an answer from standard input; `ambit explain CODE` explains a code");
    }
    let text = Input::Stdin.read(ANSWER)?;
    let answer: Value = serde_json::from_slice(&text).map_err(|_| not_an_answer())?;
    let allowed = answer["decision"].as_bool().ok_or_else(not_an_answer)?;
    let mut page = Page::new();
    // Advice has the reason and no context.
    let context = answer.get("context").unwrap_or(&answer);
    if allowed {
        page.line(format!("{GOOD}allowed{GOOD:#}"));
    } else {
        page.line(format!(
            "{BAD}denied{BAD:#}: {}",
            shown(&context["reason"]["user"])
        ));
    }
    let code = context["reason"]["code"].as_str().unwrap_or_default();
    page.field("code", foreign(code, 80));
    let admin = shown(&context["reason"]["admin"]);
    if !admin.is_empty() {
        page.field("detail", admin);
    }
    if let Some(advice) = advice::find(code) {
        tell(&mut page, advice);
    }
    steps(&mut page, "What was wanted", &context["remedy"]);
    display(&mut page, &context["remedy"]);
    for (at, one) in answer["alternatives"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let heading = match (at, one["judged"].as_bool()) {
            (_, Some(false)) => {
                "What may help: the policy was asked, that token does not exist yet"
            }
            (0, _) => "What would help",
            _ => "Or",
        };
        steps(&mut page, heading, one);
    }
    obligations(&mut page, &context["obligations"]);
    record(&mut page, &context["record"]);
    Ok(page)
}

fn not_an_answer() -> Failure {
    Failure::unusable("explain.answer", "this is not an answer of `ambit evaluate`")
        .at_place("standard input")
        .help("give one answer (a JSON object with `decision` and `context`), or a code: `ambit explain token.expired`")
}

/// What those who approve are shown, line by line.
fn display(page: &mut Page, remedy: &Value) {
    if let Some(text) = remedy["display"]["text"].as_str() {
        page.heading("What they are shown");
        for line in text.split('\n') {
            page.line(foreign(line, CALL_TEXT_BYTES));
        }
    }
}

/// Each step, and for a changed argument what was asked and what is allowed.
fn steps(page: &mut Page, heading: &str, of: &Value) {
    let Some(steps) = of["steps"].as_array().filter(|steps| !steps.is_empty()) else {
        return;
    };
    page.heading(heading);
    for step in steps {
        match step["type"].as_str().unwrap_or_default() {
            "change_request" => changes(page, step),
            "request_capability" => capability(page, step),
            _ => step_up(page, step),
        }
    }
}

fn changes(page: &mut Page, step: &Value) {
    for change in step["changes"].as_array().into_iter().flatten() {
        page.line(format!("ask with another `{}`", shown(&change["argument"])));
        page.field("asked", shown(&change["asked"]));
        page.field("allowed", shown(&change["allowed"]));
        if change["example"].is_string() {
            page.field("for example", shown(&change["example"]));
        }
    }
}

fn capability(page: &mut Page, step: &Value) {
    let missing = &step["missing"];
    page.line(format!(
        "a token that may {} {BOLD}{}{BOLD:#} on {}, for {}",
        shown(&missing["power"]),
        shown(&missing["action"]),
        shown(&missing["resource"]),
        shown(&missing["purpose"]),
    ));
    for what in ["powers", "purposes"] {
        let held = &step["held"][what];
        if held.is_array() {
            page.field(
                "held",
                if listed(held).is_empty() {
                    "nothing".to_owned()
                } else {
                    listed(held)
                },
            );
        }
    }
}

fn step_up(page: &mut Page, step: &Value) {
    if step["step_up"] == "login" {
        page.line("the person logs in again");
        if !listed(&step["acr_values"]).is_empty() {
            page.field("strength", listed(&step["acr_values"]));
        }
        if !listed(&step["amr_values"]).is_empty() {
            page.field("method", listed(&step["amr_values"]));
        }
        if let Some(age) = step["max_age"].as_i64() {
            page.field("not before", format!("{age} s ago"));
        }
        return;
    }
    let approvers = listed(&step["approvers"]);
    page.line(match step["approvers"].as_array().map(Vec::len) {
        Some(1) => format!("{approvers} approves exactly this call"),
        _ => format!(
            "{} of {approvers} approve exactly this call",
            shown(&step["count"])
        ),
    });
    let digest = shown(&step["binding_s256"]);
    if !digest.is_empty() {
        page.field("digest", digest);
    }
}

fn obligations(page: &mut Page, obligations: &Value) {
    let Some(obligations) = obligations.as_array().filter(|list| !list.is_empty()) else {
        return;
    };
    page.heading("To be done before acting; else the answer is no");
    for obligation in obligations {
        let details = foreign(&obligation["ext"].to_string(), 400);
        page.field(&shown(&obligation["type"]), details);
    }
}

fn record(page: &mut Page, record: &Value) {
    if record.as_object().is_none_or(serde_json::Map::is_empty) {
        return;
    }
    page.heading("Record");
    for (name, path) in [
        ("for", "/subject"),
        ("agent", "/agent/uid"),
        ("action", "/action"),
        ("power", "/power"),
        ("purpose", "/purpose"),
        ("policy", "/policy/uid"),
        ("version", "/policy/version"),
    ] {
        if let Some(value) = record.pointer(path).filter(|value| !value.is_null()) {
            page.field(name, shown(value));
        }
    }
}

/// A value in words: strings without quotes, harmless on a terminal.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => foreign(text, 400),
        other => foreign(&other.to_string(), 400),
    }
}

fn listed(values: &Value) -> String {
    let values = values.as_array().into_iter().flatten();
    values.map(shown).collect::<Vec<_>>().join(", ")
}
