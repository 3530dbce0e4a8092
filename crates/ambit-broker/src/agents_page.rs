//! The page of a person's agents, as HTML.

use maud::{Markup, html};
use serde_json::Value;

use crate::glass::{self, Override};
use crate::language::Words;
use crate::pages::{document, parts};
use crate::waiting_page::{self, Refused, Waits};

/// What stands on the page.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) words: &'a Words,
    pub(crate) csrf: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) agents: &'a [Agent],
    pub(crate) waiting: &'a [Waits],
    pub(crate) refused: &'a [Refused],
    /// What was allowed by break-glass, and whether this person may mark it as reviewed.
    pub(crate) overrides: &'a [(Override, bool)],
    pub(crate) now: i64,
    /// What a form has just done.
    pub(crate) done: Option<&'a str>,
    /// Whether services are told who was stopped.
    pub(crate) epochs: bool,
}

/// One agent of the person's.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) client: String,
    /// What the policy calls it.
    pub(crate) label: String,
    pub(crate) grants: Vec<Grant>,
    /// Grants that are not put into words here.
    pub(crate) more: usize,
    pub(crate) did: Vec<Did>,
}

/// What it may do, and for how many seconds more.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) left: i64,
    /// Whether it may be had anew in that time.
    pub(crate) again: bool,
    /// The language of the parts.
    pub(crate) tag: Option<String>,
    pub(crate) parts: Value,
}

/// Something that it did, so many seconds ago.
#[derive(Debug)]
pub(crate) struct Did {
    pub(crate) what: String,
    pub(crate) ago: i64,
}

impl Agent {
    pub(crate) fn may_act(&self) -> bool {
        !self.grants.is_empty() || self.more > 0
    }
}

pub(crate) fn agents(page: &Page<'_>) -> Markup {
    let words = page.words;
    let body = html! {
        @if let Some(done) = done(words, page.done) { p.done role="status" { (done) } }
        h1 { (words.agents) }
        (waiting_page::list(words, page.waiting))
        (glass::list(words, page.overrides, page.csrf, page.now))
        @if page.agents.is_empty() { p { (words.agents_none) } }
        @for agent in page.agents { (one(page, agent)) }
        (waiting_page::refused(words, page.refused, page.csrf))
        footer {
            p { @if page.epochs { (words.stop_soon) } @else { (words.stop_late) } }
            form method="post" action="/logout" {
                input type="hidden" name="csrf" value=(page.csrf);
                (words.you_are) " " bdi { (page.sub) } " "
                button.plain { (words.other) }
            }
        }
    };
    document(words, words.agents, &body)
}

fn done(words: &Words, done: Option<&str>) -> Option<&'static str> {
    match done? {
        "stopped" => Some(words.stopped),
        "approved" => Some(words.approved),
        "said" => Some(words.said),
        "back" => Some(words.taken_back),
        "refused" => Some(words.refused),
        _ => None,
    }
}

fn one(page: &Page<'_>, agent: &Agent) -> Markup {
    let words = page.words;
    html! {
        section.agent {
            h2 { bdi { (agent.label) } }
            p.who { bdi { (agent.client) } }
            @if agent.may_act() {
                @for grant in &agent.grants { (may(words, grant)) }
                @if agent.more > 0 { p.note { (words.agents_more) " " (agent.more) } }
                form method="post" action="/agents" {
                    input type="hidden" name="csrf" value=(page.csrf);
                    input type="hidden" name="client" value=(agent.client);
                    div.buttons { button { (words.stop) ": " bdi { (agent.label) } } }
                }
            } @else {
                p { (words.agent_idle) }
            }
            @if !agent.did.is_empty() {
                h3 { (words.lately) }
                ul.did {
                    @for did in &agent.did { li { (words.did(&did.what)) ", " (words.ago(did.ago)) } }
                }
            }
        }
    }
}

fn may(words: &Words, grant: &Grant) -> Markup {
    html! {
        h3 { (words.may_for) " " (words.left(grant.left)) }
        @if grant.again { p.note { (words.again_agent) } }
        @match &grant.tag {
            Some(tag) => div lang=(tag) { (parts(&grant.parts, true)) },
            None => p.alert { (words.agent_untold) },
        }
    }
}
