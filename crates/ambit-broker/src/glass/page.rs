//! Break-glass on the pages: the button of who may, and the list of what was done.

use maud::{Markup, html};

use super::Override;
use crate::language::Words;
use crate::pages::worded;

/// What the pages say about it.
struct Say {
    note: &'static str,
    why: &'static str,
    button: &'static str,
    heading: &'static str,
    by: &'static str,
    reviewed: &'static str,
    mark: &'static str,
}

const ENGLISH: Say = Say {
    note: "You are none of those whose yes is asked for. You can override this one denial, in their place. All others who were asked are told at once, it stays in the log, and somebody else reviews it.",
    why: "Why can it not wait for them? Everybody reads it.",
    button: "Break glass: allow this once",
    heading: "Allowed by break-glass",
    by: "by",
    reviewed: "reviewed by",
    mark: "Mark as reviewed",
};

const GERMAN: Say = Say {
    note: "Sie gehören nicht zu denen, deren Ja gefragt ist. Sie können diese eine Ablehnung an ihrer Stelle übergehen. Alle anderen, die gefragt sind, erfahren es sofort, es bleibt im Protokoll, und jemand anderes prüft es nach.",
    why: "Warum kann es nicht auf sie warten? Alle lesen es.",
    button: "Notfall: dies einmal erlauben",
    heading: "Im Notfall erlaubt",
    by: "von",
    reviewed: "nachgeprüft von",
    mark: "Als nachgeprüft vermerken",
};

fn say(words: &Words) -> &'static Say {
    if words.tag == "de" { &GERMAN } else { &ENGLISH }
}

/// In the place of the buttons of an approver.
pub(crate) fn button(words: &Words) -> Markup {
    let say = say(words);
    html! {
        p.note { (say.note) }
        label.reason for="reason" { (say.why) }
        input #reason name="reason" maxlength="500" autocomplete="off" required;
        div.buttons { button name="answer" value="override" { (say.button) } }
    }
}

/// What was done, each with whether this person may mark it as reviewed.
pub(crate) fn list(words: &Words, all: &[(Override, bool)], csrf: &str, now: i64) -> Markup {
    let say = say(words);
    html! {
        @if !all.is_empty() {
            section.waits {
                h2 { (say.heading) }
                @for (one, may_review) in all {
                    // The core's words, as they were kept.
                    p.title lang="en" { (worded(&one.what)) }
                    p.who { bdi { (one.client) } ", " (say.by) " " bdi { (one.by) } ", " (words.ago(now - one.at)) ": " bdi { (one.reason) } }
                    @if let Some((reviewer, _)) = &one.reviewed { p.who { (say.reviewed) " " bdi { (reviewer) } } }
                    @if *may_review {
                        form method="post" action="/agents/reviewed" {
                            input type="hidden" name="csrf" value=(csrf);
                            input type="hidden" name="override" value=(one.id);
                            button.plain { (say.mark) }
                        }
                    }
                }
            }
        }
    }
}
