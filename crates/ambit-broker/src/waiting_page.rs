//! The page of one call that waits for a person, as HTML.

use maud::{Markup, html};

use crate::evaluated::CallText;
use crate::glass;
use crate::language::Words;
use crate::pages::{document, worded};

/// A call that waits, in short.
#[derive(Debug)]
pub(crate) struct Waits {
    pub(crate) task: String,
    pub(crate) label: String,
    pub(crate) client: String,
    /// For whom the agent acts.
    pub(crate) sub: String,
    /// The first line of its text.
    pub(crate) title: String,
    pub(crate) text: CallText,
    pub(crate) risk_tier: String,
    /// What of it goes beyond what the agent may do on its own.
    pub(crate) differs: Vec<String>,
    pub(crate) left: i64,
    /// How far each demand is, and whether this person has said yes.
    pub(crate) far: Vec<Far>,
    pub(crate) said: bool,
    /// Whether this person is asked for nothing, and may override the denial.
    pub(crate) glass: bool,
}

/// How far a demand is: of whom it wants yeses, how many are given, and how many are wanted.
#[derive(Debug)]
pub(crate) struct Far {
    pub(crate) of: String,
    pub(crate) given: usize,
    pub(crate) count: usize,
}

/// A call that the person refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) same: String,
    pub(crate) what: String,
    pub(crate) reason: String,
    pub(crate) ago: i64,
}

impl Waits {
    /// Whether one ceremony may answer both: one agent for one person, at one risk, which is not critical.
    pub(crate) fn goes_with(&self, other: &Self) -> bool {
        let open = |one: &Self| !one.said && !one.glass && one.risk_tier != "critical";
        let of = |one: &Self| (one.client.clone(), one.sub.clone(), one.risk_tier.clone());
        open(self) && open(other) && of(self) == of(other)
    }
}

/// The difference first, then the whole call, then the answer.
pub(crate) fn waiting(words: &Words, waits: &Waits, (sub, csrf): (&str, &str)) -> Markup {
    let body = html! {
        h1 { (words.one_call) }
        p.who { bdi { (waits.label) } " · " bdi { (waits.client) } }
        p.who { (words.waits_for) " " (words.left(waits.left)) }
        (several(words, waits))
        (differs(words, waits))
        h2 { (words.whole_call) }
        (call(waits))
        form.answer method="post" action="/agents/request" {
            input type="hidden" name="csrf" value=(csrf);
            input type="hidden" name="task" value=(waits.task);
            input type="hidden" name="text" value=(waits.text.text_s256);
            @if waits.said {
                p.done role="status" { (words.said) }
                div.buttons { button name="answer" value="back" { (words.take_back) } }
            } @else if waits.glass {
                (glass::button(words))
            } @else {
                (reason(words))
                div.buttons {
                    button name="answer" value="allow" { (words.allow_once) }
                    button name="answer" value="refuse" { (words.refuse) }
                }
            }
        }
        (foot(words, sub))
    };
    document(words, words.one_call, &body)
}

/// Several calls, each whole, and one answer to all of them.
pub(crate) fn together(words: &Words, all: &[&Waits], (sub, csrf): (&str, &str)) -> Markup {
    let title = words.calls(all.len());
    let body = html! {
        h1 { (title) }
        @if let Some(first) = all.first() {
            p.who { bdi { (first.label) } " · " bdi { (first.client) } }
        }
        p.note { (words.together_note) }
        @for waits in all {
            h2 { (worded(&waits.title)) }
            p.who { (words.waits_for) " " (words.left(waits.left)) }
            (several(words, waits))
            (differs(words, waits))
            (call(waits))
            p { a href={ "/agents/request?task=" (waits.task) } { (words.by_itself) } }
        }
        form.answer method="post" action="/agents/requests" {
            input type="hidden" name="csrf" value=(csrf);
            @for waits in all {
                input type="hidden" name="tasks" value=(waits.task);
                input type="hidden" name="texts" value=(waits.text.text_s256);
            }
            (reason(words))
            div.buttons {
                button name="answer" value="allow" { (words.allow_all(all.len())) }
                button name="answer" value="refuse" { (words.refuse_all(all.len())) }
            }
        }
        (foot(words, sub))
    };
    document(words, &title, &body)
}

/// Line ends and blanks are part of what is signed. A long line goes on far to the right, so that nothing in it
/// passes for a line of its own.
fn call(waits: &Waits) -> Markup {
    html! {
        pre.call dir="ltr" { @for line in waits.text.text.lines() { span { (worded(line)) "\n" } } }
    }
}

fn reason(words: &Words) -> Markup {
    html! {
        label.reason for="reason" { (words.why_not) }
        input #reason name="reason" maxlength="500" autocomplete="off";
    }
}

fn foot(words: &Words, sub: &str) -> Markup {
    html! {
        footer {
            p { a href="/agents" { (words.agents) } }
            p { (words.you_are) " " bdi { (sub) } }
        }
    }
}

/// Where others are asked as well: how far that is. One yes can count for several demands, so each has a line of its own.
fn several(words: &Words, waits: &Waits) -> Markup {
    html! {
        @match &waits.far[..] {
            [] => {}
            [far] => @if far.count > 1 { p.who { (words.approvals(far.given, far.count)) } },
            all => @for far in all {
                p.who { (words.approvals(far.given, far.count)) ": " bdi { (far.of) } }
            }
        }
    }
}

/// What waits, on the page of agents.
pub(crate) fn list(words: &Words, all: &[Waits]) -> Markup {
    html! {
        @if !all.is_empty() {
            section.waits {
                h2 { (words.waiting) }
                @for (at, waits) in all.iter().enumerate() {
                    p.title { (worded(&waits.title)) }
                    (several(words, waits))
                    (differs(words, waits))
                    p {
                        a href={ "/agents/request?task=" (waits.task) } {
                            @if waits.said { (words.said_short) } @else { (words.read_and_answer) }
                        }
                        " · " (words.waits_for) " " (words.left(waits.left))
                    }
                    @if let Some(count) = first_of(all, at) {
                        p { a href={ "/agents/requests?task=" (waits.task) } { (words.answer_together(count)) } }
                    }
                }
            }
        }
    }
}

/// How many go with this one, where it is the first of several.
fn first_of(all: &[Waits], at: usize) -> Option<usize> {
    let (before, from) = all.split_at_checked(at)?;
    let one = from.first()?;
    let count = from.iter().filter(|other| one.goes_with(other)).count();
    let first = !before.iter().any(|other| one.goes_with(other));
    Some(count).filter(|count| *count > 1 && first)
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
