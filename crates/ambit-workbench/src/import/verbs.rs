//! What the words of a name or of a description say that is done.

/// What is done, as far as words tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deeds {
    /// Looks at something.
    pub(super) reads: bool,
    /// Prepares something that is sent or carried out later.
    pub(super) drafts: bool,
    /// Changes something.
    pub(super) writes: bool,
    /// Takes something away.
    pub(super) deletes: bool,
    /// Reaches somebody.
    pub(super) sends: bool,
}

const READS: &[&str] = &[
    "browse", "check", "count", "describe", "diff", "examine", "fetch", "find", "get", "grep",
    "inspect", "list", "lookup", "metadata", "query", "read", "reads", "readonly", "retrieve",
    "search", "see", "show", "stat", "status", "view", "views", "whoami",
];
const DRAFTS: &[&str] = &["compose", "composing", "draft", "drafts", "prepare"];
const DELETES: &[&str] = &[
    "clear",
    "delete",
    "deletes",
    "deleting",
    "destroy",
    "drop",
    "erase",
    "permanently",
    "purge",
    "remove",
    "removes",
    "revoke",
    "truncate",
    "uninstall",
    "wipe",
];
const SENDS: &[&str] = &[
    "broadcast",
    "forward",
    "invite",
    "notify",
    "publish",
    "reply",
    "send",
    "sending",
    "sends",
    "share",
    "submit",
    "unsubscribe",
];
const WRITES: &[&str] = &[
    "accept",
    "activate",
    "add",
    "admin",
    "answer",
    "append",
    "apply",
    "approve",
    "archive",
    "assign",
    "book",
    "buy",
    "call",
    "cancel",
    "change",
    "click",
    "close",
    "comment",
    "commit",
    "configure",
    "control",
    "copy",
    "create",
    "creates",
    "creating",
    "deploy",
    "disable",
    "dismiss",
    "edit",
    "enable",
    "exec",
    "execute",
    "fork",
    "full",
    "grant",
    "import",
    "insert",
    "install",
    "invoke",
    "kill",
    "lock",
    "manage",
    "manages",
    "mark",
    "merge",
    "modify",
    "move",
    "order",
    "pay",
    "post",
    "push",
    "put",
    "readwrite",
    "register",
    "rename",
    "reopen",
    "replace",
    "request",
    "rerun",
    "reset",
    "restart",
    "restore",
    "resolve",
    "rollback",
    "run",
    "save",
    "schedule",
    "set",
    "sign",
    "star",
    "start",
    "stop",
    "submit",
    "subscribe",
    "sync",
    "toggle",
    "transfer",
    "trigger",
    "unassign",
    "unlock",
    "unstar",
    "update",
    "updates",
    "updating",
    "upload",
    "upsert",
    "write",
    "writes",
    "writing",
];

impl Deeds {
    /// What the words say. None of them known: nothing.
    pub(super) fn of<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut deeds = Self::default();
        for word in words {
            let is = |list: &[&str]| list.contains(&word);
            deeds.reads |= is(READS) || word == "readwrite";
            deeds.drafts |= is(DRAFTS);
            deeds.deletes |= is(DELETES);
            deeds.sends |= is(SENDS);
            deeds.writes |= is(WRITES);
        }
        deeds
    }

    /// What the name of a tool says is done: `get_commit` looks, `pull_request_read` too. The verb stands first
    /// or last; what else is deleted or sent counts where the verb does not only look.
    pub(super) fn named(name: &str) -> Self {
        const MAKES: &[&str] = &[
            "add", "create", "edit", "make", "new", "save", "update", "write",
        ];
        let words = super::text::words(name);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return Self::default();
        };
        let all = Self::of(words.iter().copied());
        if words.iter().any(|word| matches!(*word, "and" | "or")) {
            return all;
        }
        let verb = [Self::of([*first]), Self::of([*last])];
        let verb = verb.into_iter().find(|deeds| *deeds != Self::default());
        let verb = verb.unwrap_or(all);
        if verb.reads && !verb.changes() {
            return verb;
        }
        let drafted = matches!(*last, "draft" | "drafts") && (MAKES.contains(first) || verb.drafts);
        Self {
            drafts: drafted || Self::of([*first]).drafts,
            writes: verb.writes && !drafted,
            deletes: all.deletes,
            sends: all.sends,
            ..verb
        }
    }

    /// What a description says is done: clauses that say what is not are left out.
    pub(super) fn described(text: &str) -> Self {
        let mut deeds = Self::default();
        for sentence in sentences(text) {
            let words = plain_words(&sentence);
            let end = words
                .iter()
                .position(|word| is_negation(word))
                .unwrap_or(words.len());
            deeds = deeds.and(Self::of(words[..end].iter().map(String::as_str)));
        }
        deeds
    }

    /// Whether a description says in words that nothing is sent.
    pub(super) fn denies_sending(text: &str) -> bool {
        sentences(text).iter().any(|sentence| {
            let words = plain_words(sentence);
            let denied = words.iter().position(|word| is_negation(word));
            denied.is_some_and(|at| Self::of(words[at..].iter().map(String::as_str)).sends)
        })
    }

    /// Both together.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            reads: self.reads || other.reads,
            drafts: self.drafts || other.drafts,
            writes: self.writes || other.writes,
            deletes: self.deletes || other.deletes,
            sends: self.sends || other.sends,
        }
    }

    /// Whether anything is done but looking.
    pub(super) const fn changes(self) -> bool {
        self.drafts || self.writes || self.deletes || self.sends
    }
}

fn is_negation(word: &str) -> bool {
    const NEGATIONS: &[&str] = &["not", "without", "never", "except", "cannot", "excluding"];
    NEGATIONS.contains(&word)
}

/// The words of a sentence. `SharePoint` is one: names of products are no verbs.
fn plain_words(sentence: &str) -> Vec<String> {
    let words = sentence.split(|one: char| !one.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn sentences(text: &str) -> Vec<String> {
    let ends = |one: char| matches!(one, '.' | ';' | '\n');
    let mut out = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        let at_end = ends(one) && rest.peek().is_none_or(|next| next.is_whitespace());
        if at_end {
            out.push(String::new());
        } else if let Some(last) = out.last_mut() {
            last.push(one);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_of_a_name_stands_first_or_last() {
        let looks = |name| Deeds::named(name).reads && !Deeds::named(name).changes();
        for name in [
            "get_commit",
            "pull_request_read",
            "listShares",
            "git_status",
            "search_drafts",
        ] {
            assert!(looks(name), "{name}");
        }
        for name in [
            "read_and_delete",
            "issue_write",
            "delete_read_mails",
            "sendMail",
            "commit",
        ] {
            assert!(Deeds::named(name).changes(), "{name}");
        }
        let drafts = |name| {
            let deeds = Deeds::named(name);
            deeds.drafts && !deeds.writes && !deeds.sends && !deeds.deletes
        };
        for name in ["create_draft", "compose_mail", "mail.update_draft"] {
            assert!(drafts(name), "{name}");
        }
        for name in [
            "send_draft",
            "delete_draft",
            "update_pull_request_draft_state",
            "publish_drafts",
        ] {
            assert!(!drafts(name), "{name}");
        }
        assert_eq!(Deeds::named("echo"), Deeds::default());
    }

    #[test]
    fn what_is_denied_is_not_done() {
        let mail = "Allows the app to read, update, create and delete email in your mailbox. Does not include permission to send mail.";
        let deeds = Deeds::described(mail);
        assert!(deeds.reads && deeds.writes && deeds.deletes && !deeds.sends);
        assert!(Deeds::denies_sending(mail));
        let all = "Read, compose, send, and permanently delete all your email from Gmail";
        let deeds = Deeds::described(all);
        assert!(deeds.reads && deeds.drafts && deeds.sends && deeds.deletes);
        assert!(!Deeds::denies_sending(all));
        assert!(!Deeds::denies_sending("Send mail without a signed-in user"));
    }
}
