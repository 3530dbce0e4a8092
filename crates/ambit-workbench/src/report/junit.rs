//! Results in the XML that CI systems take from JUnit.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::run::{Results, Tried};

/// One `testsuite` a file. `path` says how a file of the project is reached from where the report is read.
#[must_use]
pub fn junit(results: &Results, path: &dyn Fn(&str) -> String) -> String {
    let mut files: BTreeMap<&str, Vec<&Tried>> = BTreeMap::new();
    for tried in &results.tried {
        files
            .entry(tried.case.spot.file.as_str())
            .or_default()
            .push(tried);
    }
    let all: Vec<&Tried> = results.tried.iter().collect();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing into a `String` cannot fail.
    let _ = writeln!(xml, "<testsuites {}>", counts(&all));
    for (file, tried) in files {
        let file = path(file);
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" {}>",
            escaped(&file),
            counts(&tried)
        );
        for one in tried {
            xml.push_str(&case(one, &file, path));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// A case that could not be asked is an error, and no failed expectation.
fn counts(tried: &[&Tried]) -> String {
    let failed: Vec<&&Tried> = tried.iter().filter(|one| !one.passed()).collect();
    let errors = failed.iter().filter(|one| one.result.is_err()).count();
    let took: Duration = tried.iter().map(|one| one.took).sum();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{errors}\" time=\"{}\"",
        tried.len(),
        failed.len() - errors,
        seconds(took)
    )
}

fn case(tried: &Tried, file: &str, path: &dyn Fn(&str) -> String) -> String {
    let mut xml = format!(
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{}\"",
        escaped(file),
        escaped(&tried.case.name),
        escaped(file),
        tried.case.spot.line,
        seconds(tried.took)
    );
    if tried.passed() {
        xml.push_str("/>\n");
        return xml;
    }
    let differences = tried.differences();
    let message = differences.first().map_or("", String::as_str);
    let (element, kind) = match &tried.result {
        Ok(outcome) => ("failure", outcome.code()),
        Err(error) => ("error", error.code),
    };
    let mut text = differences.join("\n");
    if let Ok(outcome) = &tried.result {
        text.push_str(&format!("\n{}", outcome.admin()));
        for rule in &outcome.rules {
            text.push_str(&format!(
                "\ndecided by {}, {}:{}",
                rule.what,
                path(&rule.file),
                rule.line
            ));
        }
        text.push_str(&format!(
            "\nrequest: {}",
            outcome.request.json["evaluation"]
        ));
    }
    let _ = write!(
        xml,
        ">\n      <{element} type=\"{}\" message=\"{}\">{}</{element}>\n    </testcase>\n",
        escaped(kind),
        escaped(message),
        escaped(&text)
    );
    xml
}

fn seconds(took: Duration) -> String {
    format!("{:.6}", took.as_secs_f64())
}

/// Text in XML 1.0, which has no place for most control characters, not even escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(c))),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn text_cannot_end_its_place() {
        assert_eq!(
            escaped("a\"<b>&\n\u{1b}[0m"),
            "a&quot;&lt;b&gt;&amp;&#10;\u{fffd}[0m"
        );
    }
}
