//! An answer in two lines, for a terminal: what it is and why; what would help, or what is left to do.

use std::iter;

use ambit_core::json::Json;
use anstyle::Style;

use crate::advice;
use crate::say::{self, BAD, BOLD, GOOD};

/// Characters of one sentence that are shown.
const MOST: usize = 400;

/// A line in pieces, each with its style.
pub(super) type Line = Vec<(Style, String)>;

/// Two lines for an answer's root and its alternatives; one where nothing is left to do.
pub(super) fn lines(answer: Json<'_>, alternatives: &[Json<'_>]) -> Vec<Line> {
    let context = answer.get("context");
    let inside = |name| context.and_then(|context| context.get(name));
    let plain = |text: String| (Style::new(), text);
    let head = |style: Style, words: &str| (style, words.to_owned());
    if answer.get("decision").and_then(Json::as_bool) == Some(true) {
        let mut lines = vec![vec![head(GOOD, "Allowed")]];
        let duties = inside("obligations").into_iter().flat_map(Json::elements);
        let duties: Vec<String> = duties.filter_map(|one| text(one, "type")).collect();
        if !duties.is_empty() {
            let duties = format!(" {}; until then this allow is none", duties.join(", "));
            lines.push(vec![head(BOLD, "Before acting:"), plain(duties)]);
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
    let help = match alternatives.first().and_then(|one| text(*one, "text")) {
        Some(first) => {
            let more = match alternatives.len() {
                0 | 1 => String::new(),
                count => format!(" ({} more with --advise)", count - 1),
            };
            Some(vec![
                head(BOLD, "Would help:"),
                plain(format!(" {first}{more}")),
            ])
        }
        None => {
            // Nothing else of the same request would be allowed: where the fault lies, and what to do about such.
            if let Some(details) = of_reason("admin") {
                why = format!("{why} {details}");
            }
            let known = advice::find(&code).map(|advice| advice.action);
            known.map(|action| vec![head(BOLD, "To do:"), plain(format!(" {action}"))])
        }
    };
    let denied = vec![head(BAD, "Denied"), plain(format!(" ({code}): {why}"))];
    iter::once(denied).chain(help).collect()
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
            .map(|line| line.iter().map(|(_, text)| text.as_str()).collect())
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
    fn where_nothing_else_would_be_allowed_it_says_where_the_fault_lies_and_what_to_do() {
        let denial = r#"{"decision":false,"context":{"reason":{"code":"request.argument_type","user":"A detail of the request has the wrong form.","admin":"args.to: wanted a string"}}}"#;
        let [why, help] = &lines(denial, "[]")[..] else {
            panic!("two lines");
        };
        assert_eq!(
            why,
            "Denied (request.argument_type): A detail of the request has the wrong form. args.to: wanted a string"
        );
        assert!(help.starts_with("To do: "), "{help}");
    }

    #[test]
    fn every_denial_has_something_to_do() {
        for advice in crate::advice::denials() {
            let code = advice.code;
            let denial = format!(
                r#"{{"decision":false,"context":{{"reason":{{"code":"{code}","user":"No."}}}}}}"#
            );
            assert_eq!(lines(&denial, "[]").len(), 2, "{code}");
        }
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
