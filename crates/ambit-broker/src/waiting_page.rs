//! The page of one call that waits for a person, as HTML.

use maud::{Markup, html};

use crate::evaluated::CallText;
use crate::language::Words;
use crate::pages::{document, worded};

/// A call that waits, in short.
#[derive(Debug)]
pub(crate) struct Waits {
    pub(crate) task: String,
    pub(crate) label: String,
    pub(crate) client: String,
    /// The first line of its text.
    pub(crate) title: String,
    /// What of it goes beyond what the agent may do on its own.
    pub(crate) differs: Vec<String>,
    pub(crate) left: i64,
}

/// A call that the person refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) same: String,
    pub(crate) what: String,
    pub(crate) reason: String,
    pub(crate) ago: i64,
}

/// The difference first, then the whole call, then the answer.
pub(crate) fn waiting(
    words: &Words,
    waits: &Waits,
    text: &CallText,
    (sub, csrf): (&str, &str),
) -> Markup {
    let body = html! {
        h1 { (words.one_call) }
        p.who { bdi { (waits.label) } " · " bdi { (waits.client) } }
        p.who { (words.waits_for) " " (words.left(waits.left)) }
        (differs(words, waits))
        h2 { (words.whole_call) }
        // Line ends and blanks are part of what is signed. A long line goes on far to the right, so that nothing in it
        // passes for a line of its own.
        pre.call dir="ltr" { @for line in text.text.lines() { span { (worded(line)) "\n" } } }
        form.answer method="post" action="/agents/request" {
            input type="hidden" name="csrf" value=(csrf);
            input type="hidden" name="task" value=(waits.task);
            input type="hidden" name="text" value=(text.text_s256);
            label.reason for="reason" { (words.why_not) }
            input #reason name="reason" maxlength="500" autocomplete="off";
            div.buttons {
                button name="answer" value="allow" { (words.allow_once) }
                button name="answer" value="refuse" { (words.refuse) }
            }
        }
        footer {
            p { a href="/agents" { (words.agents) } }
            p { (words.you_are) " " bdi { (sub) } }
        }
    };
    document(words, words.one_call, &body)
}

/// What waits, on the page of agents.
pub(crate) fn list(words: &Words, all: &[Waits]) -> Markup {
    html! {
        @if !all.is_empty() {
            section.waits {
                h2 { (words.waiting) }
                @for waits in all {
                    p.title { (worded(&waits.title)) }
                    (differs(words, waits))
                    p {
                        a href={ "/agents/request?task=" (waits.task) } { (words.read_and_answer) }
                        " · " (words.waits_for) " " (words.left(waits.left))
                    }
                }
            }
        }
    }
}

/// What was refused, with a way back.
pub(crate) fn refused(words: &Words, all: &[Refused], csrf: &str) -> Markup {
    html! {
        @if !all.is_empty() {
            section.refused {
                h2 { (words.refusals) }
                @for one in all {
                    // The core's words, as they were kept.
                    p.title lang="en" { (worded(&one.what)) }
                    p.who { (words.ago(one.ago)) @if !one.reason.is_empty() { ": " bdi { (one.reason) } } }
                    form method="post" action="/agents/refused" {
                        input type="hidden" name="csrf" value=(csrf);
                        input type="hidden" name="same" value=(one.same);
                        button.plain { (words.ask_again) }
                    }
                }
            }
        }
    }
}

fn differs(words: &Words, waits: &Waits) -> Markup {
    html! {
        div.differs {
            @if waits.differs.is_empty() { p { (words.each_time) } }
            @for one in &waits.differs { p { (worded(one)) } }
        }
    }
}
