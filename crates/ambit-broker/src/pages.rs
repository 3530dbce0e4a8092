//! The pages, as HTML. Every text in them is escaped by `maud`.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use crate::language::Words;

pub(crate) const STYLE: &str = include_str!("broker.css");
pub(crate) const SCRIPT: &str = include_str!("passkey.js");

/// What stands on the consent page.
#[derive(Debug)]
pub(crate) struct Consent<'a> {
    pub(crate) words: &'a Words,
    pub(crate) page: &'a str,
    pub(crate) csrf: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) note: Option<&'static str>,
    /// The parts of the core's text, in the order in which they are read.
    pub(crate) parts: &'a Value,
    pub(crate) choices: &'a Value,
    pub(crate) is_less: bool,
    /// The seconds for which it can be used again, where that can be allowed.
    pub(crate) again: Option<i64>,
    pub(crate) text_s256: &'a str,
    /// The host to which the answer goes.
    pub(crate) goes_to: &'a str,
}

pub(crate) fn consent(consent: &Consent<'_>) -> Markup {
    let words = consent.words;
    let choices = consent.choices.as_array().map_or(&[][..], Vec::as_slice);
    let hidden = html! {
        input type="hidden" name="r" value=(consent.page);
        input type="hidden" name="csrf" value=(consent.csrf);
    };
    let body = html! {
        @if let Some(note) = consent.note { p.alert role="alert" { (note) } }
        (parts(consent.parts, false))
        form.answer method="post" action="/consent" {
            (hidden)
            input type="hidden" name="text" value=(consent.text_s256);
            @if !choices.is_empty() {
                fieldset {
                    legend { (words.less_of) }
                    @for one in choices {
                        label {
                            input type="checkbox" name="choose" value=(text(one, "choice"));
                            " " (worded(text(one, "text")))
                        }
                    }
                }
            }
            div.buttons {
                button name="answer" value="allow" { (words.allow) }
                @if !choices.is_empty() { button name="answer" value="less" { (words.less) } }
                @if let Some(again) = consent.again {
                    button name="answer" value="again" { (words.again(again)) }
                }
                button name="answer" value="refuse" { (words.refuse) }
            }
            @if consent.again.is_some() { p.note { (words.again_note) } }
            @if consent.is_less {
                button.plain name="answer" value="whole" { (words.whole) }
            }
        }
        footer {
            p { (words.back_to) " " bdi { (consent.goes_to) } }
            p { a href="/agents" { (words.agents) } }
            form method="post" action="/logout" {
                (hidden)
                (words.you_are) " " bdi { (consent.sub) } " "
                button.plain { (words.other) }
            }
        }
    };
    let titles = consent.parts.as_array().into_iter().flatten();
    let title = titles
        .filter(|part| part["part"] == "title")
        .map(|part| text(part, "text"))
        .next();
    document(words, title.unwrap_or_default(), &body)
}

/// The core's text as structure: the same words in the same order. What stands below a part, as marks and
/// bounds below a capability, is below it here as well. `inner`: below a heading of the page.
pub(crate) fn parts(parts: &Value, inner: bool) -> Markup {
    let parts = parts.as_array().map_or(&[][..], Vec::as_slice);
    let kind = |part: &Value| text(part, "part").to_owned();
    let details = parts
        .iter()
        .position(|part| kind(part) == "details")
        .unwrap_or(parts.len());
    let (read, folded) = parts.split_at(details);
    let sections = read.chunk_by(|_, next| !matches!(text(next, "part"), "group" | "note"));
    html! {
        @for section in sections {
            @match text(&section[0], "part") {
                "group" => section class={ "group " (text(&section[0], "name")) } {
                    @let words = worded(text(&section[0], "text"));
                    @if inner { h4 { (words) } } @else { h2 { (words) } }
                    (items(&section[1..]))
                },
                "note" => p.note { (worded(text(&section[0], "text"))) },
                _ => @for part in section {
                    @match text(part, "part") {
                        // A question that was answered.
                        "title" if inner => {},
                        "title" => h1 { (worded(text(part, "text"))) },
                        _ => p.who { (worded(text(part, "text"))) },
                    }
                },
            }
        }
        @if let Some((head, rest)) = folded.split_first() {
            details {
                summary { (text(head, "text")) }
                ul { @for part in rest { li { div.row { (worded(text(part, "text"))) } } } }
            }
        }
    }
}

fn items(parts: &[Value]) -> Markup {
    let each = parts.chunk_by(|_, next| text(next, "part") != "item");
    html! {
        ul {
            @for item in each {
                li {
                    // Each line has an element of its own, with its marks: the style keeps the rows of one together.
                    @for row in item.chunk_by(|_, next| text(next, "part") == "mark") {
                        div class={ "row" @if text(&row[0], "part") == "line" { " line" } } {
                            @for part in row {
                                @match text(part, "part") {
                                    "mark" => { " " span class={ "mark " (text(part, "name")) } { "[" (worded(text(part, "text"))) "]" } },
                                    _ => (worded(text(part, "text"))),
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Foreign texts stand in quotes of either kind, in which quotes are escaped, and what they hold cannot move what
/// stands beside them.
pub(crate) fn worded(text: &str) -> Markup {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((ours, foreign, behind)) = next_quoted(rest) {
        pieces.push((ours, foreign));
        rest = behind;
    }
    html! {
        @for (ours, foreign) in pieces { (ours) bdi { (foreign) } }
        (rest)
    }
}

/// What stands before the first text in quotes, this text, and what stands behind it.
fn next_quoted(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find(['"', '`'])?;
    let (ours, quoted) = text.split_at_checked(start)?;
    let mut signs = quoted.char_indices();
    let (_, quote) = signs.next()?;
    while let Some((at, sign)) = signs.next() {
        if sign == '\\' {
            signs.next();
        } else if sign == quote {
            let (foreign, behind) = quoted.split_at_checked(at + quote.len_utf8())?;
            return Some((ours, foreign, behind));
        }
    }
    // Without an end all that follows is foreign.
    Some((ours, quoted, ""))
}

/// What stands on the page that asks who is there.
#[derive(Debug)]
pub(crate) struct Login<'a> {
    pub(crate) words: &'a Words,
    /// The request that waits.
    pub(crate) page: Option<&'a str>,
    pub(crate) csrf: &'a str,
    pub(crate) challenge: &'a str,
    pub(crate) rp_id: &'a str,
    /// The host of the OpenID provider, where it can help.
    pub(crate) away: Option<&'a str>,
    pub(crate) failed: bool,
}

pub(crate) fn login(login: &Login<'_>) -> Markup {
    let Login {
        words,
        page,
        csrf,
        challenge,
        rp_id,
        failed,
        ..
    } = *login;
    let request = page.map_or_else(String::new, |page| format!("r={page}&"));
    let body = html! {
        @if failed { p.alert role="alert" { (words.login_failed) } }
        h1 { (words.login) }
        p { @if page.is_some() { (words.login_why) } @else { (words.login_agents) } }
        @if let Some(provider) = login.away {
            div.buttons { a.button href={ "/login/away?" (request) } { (words.login_at) " " bdi { (provider) } } }
            p { a href={ "/login/away?" (request) "other=1" } { (words.other) } }
        }
        form.answer method="post" action="/login" data-passkey="get" data-challenge=(challenge) data-rp=(rp_id) {
            @if let Some(page) = page { input type="hidden" name="r" value=(page); }
            input type="hidden" name="csrf" value=(csrf);
            (passkey_fields(&["credential", "authenticator_data", "client_data", "signature"]))
            div.buttons { button type="submit" { (words.login_button) } }
        }
        (passkey_notes(words))
    };
    document(words, words.login, &body)
}

pub(crate) fn enrol(
    words: &Words,
    link: &str,
    sub: &str,
    challenge: &str,
    user: &str,
    rp_id: &str,
) -> Markup {
    let body = html! {
        h1 { (words.enrol) }
        p { (words.enrol_for) " " bdi { (sub) } }
        form.answer method="post" action="/enrol" data-passkey="create" data-challenge=(challenge)
            data-rp=(rp_id) data-user=(user) data-name=(sub) {
            input type="hidden" name="link" value=(link);
            (passkey_fields(&["authenticator_data", "client_data"]))
            div.buttons { button type="submit" { (words.enrol_button) } }
        }
        (passkey_notes(words))
    };
    document(words, words.enrol, &body)
}

fn passkey_fields(names: &[&str]) -> Markup {
    html! { @for name in names { input type="hidden" name=(name) value=""; } }
}

fn passkey_notes(words: &Words) -> Markup {
    html! {
        p.alert id="failed" role="alert" hidden { (words.login_failed) }
        p.alert id="unable" role="alert" hidden { (words.no_passkey) }
        noscript { p.alert { (words.needs_script) } }
        script src="/passkey.js" {}
    }
}

pub(crate) fn enrolled(words: &Words) -> Markup {
    let body = html! { h1 { (words.enrol) } p { (words.enrolled) } };
    document(words, words.enrol, &body)
}

/// A way that ends here: `code` is what the operator's documents explain.
pub(crate) fn ended(words: &Words, code: &str, own: bool) -> Markup {
    let body = html! {
        h1 { (words.ended) }
        p { @if own { (words.failed) } @else { (words.ended_what) } }
        p.code { code { (code) } }
    };
    document(words, words.ended, &body)
}

pub(crate) fn document(words: &Words, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(words.tag) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href="/broker.css";
            }
            body { main { (body) } }
        }
    }
}

pub(crate) fn text<'a>(part: &'a Value, name: &str) -> &'a str {
    part[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_quotes_is_isolated() {
        for (text, wanted) in [
            ("Let A read?", "Let A read?"),
            (
                r#"at "a" and "b"."#,
                r#"at <bdi>"a"</bdi> and <bdi>"b"</bdi>."#,
            ),
            (
                r#"for "x \" אבג 12 - 34\\", 8 hours"#,
                r#"for <bdi>"x \" אבג 12 - 34\\"</bdi>, 8 hours"#,
            ),
            (
                "act: `{\"a\": \"\\` \\\\\" אבג\"}` end",
                "act: <bdi>`{\"a\": \"\\` \\\\\" אבג\"}`</bdi> end",
            ),
            (r#"a "b\"#, r#"a <bdi>"b\</bdi>"#),
        ] {
            let shown = worded(text).into_string().replace("&quot;", "\"");
            assert_eq!(shown, wanted);
        }
    }

    #[test]
    fn every_line_of_an_item_is_an_element_of_its_own() {
        let parts = serde_json::json!([
            {"part": "title", "text": "Let \"a\" read?"},
            {"part": "group", "name": "own", "text": "On its own"},
            {"part": "item", "text": "Read \"x\""},
            {"part": "mark", "name": "external", "text": "reaches people outside"},
            {"part": "line", "text": "at \"y\""},
            {"part": "details", "text": "Details"},
            {"part": "detail", "text": "sub: \"z\""},
        ]);
        let shown = super::parts(&parts, false)
            .into_string()
            .replace("&quot;", "\"");
        for wanted in [
            r#"<h1>Let <bdi>"a"</bdi> read?</h1>"#,
            r#"<div class="row">Read <bdi>"x"</bdi> <span class="mark external">[reaches people outside]</span></div>"#,
            r#"<div class="row line">at <bdi>"y"</bdi></div>"#,
            r#"<li><div class="row">sub: <bdi>"z"</bdi></div></li>"#,
        ] {
            assert!(shown.contains(wanted), "{shown}");
        }
    }
}
