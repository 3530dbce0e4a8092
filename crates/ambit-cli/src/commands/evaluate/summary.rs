//! An answer in two lines, for a terminal: what it is and why; what would help, or what is left to do.

use ambit_core::json::Json;

use crate::say::{self, BAD, BOLD, GOOD};

/// Characters of one sentence that are shown.
const MOST: usize = 400;

/// Two lines for an answer's root and its alternatives; one where nothing would help.
pub(super) fn lines(answer: Json<'_>, alternatives: &[Json<'_>]) -> Vec<String> {
    let context = answer.get("context");
    let inside = |name| context.and_then(|context| context.get(name));
    if answer.get("decision").and_then(Json::as_bool) == Some(true) {
        let mut lines = vec![format!("{GOOD}Allowed{GOOD:#}")];
        let duties = inside("obligations").into_iter().flat_map(Json::elements);
        let duties: Vec<String> = duties.filter_map(|one| text(one, "type")).collect();
        if !duties.is_empty() {
            lines.push(format!(
                "{BOLD}Before acting:{BOLD:#} {}; until then this allow is none",
                duties.join(", ")
            ));
        }
        return lines;
    }
    let reason = inside("reason");
    let of_reason = |name| reason.and_then(|reason| text(reason, name));
    let code = of_reason("code").unwrap_or_default();
    let mut why = of_reason("user").unwrap_or_default();
    // What the policy's author says to people is nearer to the matter than the sentence of the code.
    let rules = inside("policies").into_iter().flat_map(Json::elements);
    for words in rules.filter_map(|rule| text(rule, "reason")) {
        why = format!("{why} {words}");
    }
    let mut lines = vec![format!("{BAD}Denied{BAD:#} ({code}): {why}")];
    if let Some(first) = alternatives.first().and_then(|one| text(*one, "text")) {
        let more = match alternatives.len() {
            0 | 1 => String::new(),
            count => format!(" ({} more with --advise)", count - 1),
        };
        lines.push(format!("{BOLD}Would help:{BOLD:#} {first}{more}"));
    }
    lines
}

fn text(of: Json<'_>, name: &str) -> Option<String> {
    of.get(name)
        .and_then(Json::as_str)
        .filter(|text| !text.is_empty())
        .map(|text| say::foreign(text, MOST))
}

#[cfg(test)]
mod tests {
    use ambit_core::json::{Document, Json, Profile};

    /// The lines without their styles.
    fn lines(answer: &str, advice: &str) -> Vec<String> {
        let answer = Document::parse(answer.as_bytes(), Profile::Request).unwrap();
        let advice = Document::parse(advice.as_bytes(), Profile::Request).unwrap();
        let alternatives: Vec<Json<'_>> = advice.root().elements().collect();
        super::lines(answer.root(), &alternatives)
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect()
    }

    const DENIAL: &str = r#"{"decision":false,"context":{"reason":{"code":"policy.forbid","user":"A rule forbids this."},"policies":[{"id":"large","reason":"Above 100.00\u0007 a second person."}]}}"#;

    #[test]
    fn a_denial_says_why_and_the_nearest_help() {
        let advice = r#"[{"text":"let ann approve exactly this call"},{"text":"change amount"}]"#;
        assert_eq!(
            lines(DENIAL, advice),
            [
                r"Denied (policy.forbid): A rule forbids this. Above 100.00\u{7} a second person.",
                "Would help: let ann approve exactly this call (1 more with --advise)",
            ]
        );
    }

    #[test]
    fn where_nothing_would_help_nothing_is_said_of_it() {
        assert_eq!(lines(DENIAL, "[]").len(), 1);
    }

    #[test]
    fn an_allow_says_what_is_left_to_do() {
        let answer =
            r#"{"decision":true,"context":{"obligations":[{"type":"consume"},{"type":"status"}]}}"#;
        assert_eq!(
            lines(answer, "[]"),
            [
                "Allowed",
                "Before acting: consume, status; until then this allow is none"
            ]
        );
        assert_eq!(
            lines(r#"{"decision":true,"context":{"obligations":[]}}"#, "[]"),
            ["Allowed"]
        );
    }
}
