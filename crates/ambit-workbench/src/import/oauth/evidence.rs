//! What names, texts and paths say of a scope, and of the scopes beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::Sending;
use super::scopes::Scope;
use crate::import::text;
use crate::import::verbs::Deeds;

/// Paths that only send: the method and the path.
type Paths<'s> = BTreeSet<(&'s str, &'s str)>;

/// All scopes of a list together.
#[derive(Debug)]
pub(super) struct Evidence<'s> {
    /// What the scopes open that are named for sending.
    sent_to: Paths<'s>,
    /// Families that have a scope for sending alone.
    sending: BTreeSet<String>,
}

impl Scope {
    /// What its name says: `Mail.ReadWrite` by its parts that are verbs and nothing else, `delete_repo` by all
    /// its words.
    fn name_says(&self) -> Deeds {
        let parts = self.parts();
        let verbs: Vec<&String> = parts
            .iter()
            .filter(|part| is_verb(part))
            .flatten()
            .collect();
        let all: Vec<&String> = parts.iter().flatten().collect();
        let words = if verbs.is_empty() { all } else { verbs };
        Deeds::of(
            words
                .into_iter()
                .map(String::as_str)
                .filter(|word| !is_noun(word)),
        )
    }

    /// The words of each part of the name.
    fn parts(&self) -> Vec<Vec<String>> {
        let plain = self.plain();
        let parts = plain.split(['.', ':', '/']).map(text::words);
        parts.filter(|words| !words.is_empty()).collect()
    }

    fn texts_say(&self) -> Deeds {
        let texts = [&self.title, &self.description].into_iter().flatten();
        texts.fold(Deeds::default(), |all, text| {
            all.and(Deeds::described(text))
        })
    }

    /// What name and texts say. Where the texts say that it sends and nothing else, a name such as `chat:write`
    /// means that.
    pub(super) fn says(&self) -> Deeds {
        let (name, texts) = (self.name_says(), self.texts_say());
        let only_sends = texts.sends && !texts.drafts && !texts.writes && !texts.deletes;
        let writes = name.writes && !only_sends;
        Deeds { writes, ..name }.and(texts)
    }

    /// Whether its name says that it sends and nothing else.
    fn is_for_sending(&self) -> bool {
        let named = self.name_says();
        named.sends && !named.writes && !named.deletes && !named.drafts
    }

    fn is_called_send(&self) -> bool {
        let mut words = self.parts().into_iter().flatten();
        words.any(|word| matches!(word.as_str(), "send" | "publish" | "submit"))
    }

    /// What it is about: its name without what is done, and without how much of it.
    pub(super) fn family(&self) -> String {
        let parts = self.parts();
        let has_verb = parts.iter().any(|part| is_verb(part));
        let words = parts.iter().filter(|part| !is_verb(part)).flatten();
        let is_about = |word: &&String| {
            let deeds = Deeds::of([word.as_str()]);
            let verb = !has_verb && (deeds.reads || deeds.changes()) && !is_noun(word);
            !verb && !HOW_MUCH.contains(&word.as_str())
        };
        let about: Vec<&str> = words.filter(is_about).map(String::as_str).collect();
        if about.is_empty() {
            self.plain()
        } else {
            about.join(" ")
        }
    }
}

/// How much of it, in names.
const HOW_MUCH: &[&str] = &["all", "basic", "by", "only", "owned", "selected", "shared"];

/// Whether a part of a name says what is done and nothing else: `ReadWrite`, `readonly`, `ReadBasic`.
fn is_verb(part: &[String]) -> bool {
    let mut words = part
        .iter()
        .filter(|word| !HOW_MUCH.contains(&word.as_str()))
        .peekable();
    let verb = |word: &String| {
        let deeds = Deeds::of([word.as_str()]);
        (deeds.reads || deeds.changes()) && !is_noun(word)
    };
    words.peek().is_some() && words.all(verb)
}

/// Words that are verbs of tools, and things in the names of scopes.
fn is_noun(word: &str) -> bool {
    ["metadata", "order", "settings", "stat", "status"].contains(&word)
}

impl<'s> Evidence<'s> {
    pub(super) fn of(scopes: &'s [Scope]) -> Self {
        let senders = || scopes.iter().filter(|scope| scope.is_for_sending());
        let posts = senders()
            .flat_map(|scope| &scope.paths)
            .filter(|(method, _)| method != "get");
        Self {
            sent_to: posts
                .map(|(method, path)| (method.as_str(), path.as_str()))
                .collect(),
            sending: senders()
                .filter(|scope| scope.is_called_send())
                .map(Scope::family)
                .collect(),
        }
    }

    /// All that is known to be done with a scope.
    pub(super) fn deeds(&self, scope: &Scope) -> Deeds {
        let mut deeds = scope.says();
        let reads_only = deeds.reads && !deeds.changes();
        for (method, path) in &scope.paths {
            let done = self.done_at(method, path);
            // Some services ask questions by POST; a scope that calls itself one for reading has such.
            let asks = reads_only && method == "post" && !done.sends;
            deeds = deeds.and(if asks { Deeds::default() } else { done });
        }
        deeds
    }

    fn done_at(&self, method: &str, path: &str) -> Deeds {
        let mut deeds = Deeds::default();
        let last = path
            .rsplit('/')
            .find(|part| !part.starts_with(['{', '(']))
            .unwrap_or_default();
        let begins = |words: &[&str]| words.iter().any(|word| last.starts_with(word));
        match method {
            "get" | "head" | "options" => deeds.reads = true,
            "delete" => deeds.deletes = true,
            "post" if self.sent_to.contains(&(method, path)) || begins(SENDING) => {
                deeds.sends = true;
            }
            "post" if begins(ANSWERING) && path.contains("/events/") => deeds.sends = true,
            "post" if begins(ASKING) => deeds.reads = true,
            "post" if last.contains("draft") || begins(&["createreply", "createforward"]) => {
                deeds.drafts = true;
            }
            _ => deeds.writes = true,
        }
        deeds
    }

    /// Whether who holds the scope for drafts could send.
    pub(super) fn sending(&self, scope: &Scope) -> Sending {
        let deeds = self.deeds(scope);
        let prepares = deeds.drafts || deeds.writes || deeds.deletes;
        match (prepares, deeds.sends) {
            (true, true) => Sending::Both,
            (false, true) if deeds.reads => Sending::Both,
            (false, true) => Sending::Only,
            (false, false) if deeds.reads => Sending::Looks,
            (false, false) => Sending::Unknown,
            (true, false) if self.excludes_sending(scope) => Sending::Apart,
            (true, false) if !scope.paths.is_empty() => Sending::Elsewhere,
            (true, false) => Sending::Unknown,
        }
    }

    /// Whether the service says, in words, by a scope of its own for sending, or by calling it one for drafts,
    /// that this one does not send.
    fn excludes_sending(&self, scope: &Scope) -> bool {
        let mut texts = [&scope.title, &scope.description].into_iter().flatten();
        let denied = texts.any(|text| Deeds::denies_sending(text));
        let elsewhere = !scope.paths.is_empty() && self.sending.contains(&scope.family());
        let mut words = scope.parts().into_iter().flatten();
        let is_for_drafts = words.any(|word| matches!(word.as_str(), "draft" | "drafts"));
        denied || elsewhere || is_for_drafts
    }

    /// Where something is drafted or sent alone: the families whose scopes tell the two apart, and those whose
    /// scopes do not.
    pub(super) fn notes<'a>(
        &self,
        scopes: impl Iterator<Item = (&'a Scope, Sending)>,
    ) -> Vec<String> {
        let mut families: BTreeMap<String, Vec<(&str, Sending, bool)>> = BTreeMap::new();
        for (scope, sending) in scopes {
            let drafts = self.deeds(scope).drafts;
            families
                .entry(scope.family())
                .or_default()
                .push((&scope.name, sending, drafts));
        }
        let mut apart = Vec::new();
        let mut together = Vec::new();
        for (family, scopes) in families {
            let of = |wanted: Sending| {
                let found = scopes
                    .iter()
                    .filter(move |(_, sending, _)| *sending == wanted);
                found.map(|(name, ..)| *name).collect::<Vec<&str>>()
            };
            let (drafters, senders) = (of(Sending::Apart), of(Sending::Only));
            let asks = !senders.is_empty() || scopes.iter().any(|(.., drafts)| *drafts);
            let family = text::shown(&family);
            if !drafters.is_empty() && !senders.is_empty() {
                let (drafters, senders) = (drafters.join(", "), senders.join(", "));
                apart.push(format!("{family}: can tell draft from send ({drafters} without sending; {senders} to send)"));
            } else if asks && drafters.is_empty() {
                together.push(family);
            }
        }
        if !together.is_empty() {
            apart.push(format!(
                "cannot tell draft from send, no scope drafts without sending: {}",
                together.join(", ")
            ));
        }
        apart
    }
}

/// How last parts of paths begin that reach somebody.
const SENDING: &[&str] = &[
    "broadcast",
    "forward",
    "invite",
    "notify",
    "publish",
    "reply",
    "send",
    "share",
    "submit",
    "unsubscribe",
];
/// How answers to an invitation begin.
const ANSWERING: &[&str] = &["accept", "cancel", "decline", "tentativelyaccept"];
/// How last parts of paths begin that only ask.
const ASKING: &[&str] = &[
    "calculate",
    "check",
    "count",
    "find",
    "get",
    "list",
    "query",
    "search",
    "validate",
];
