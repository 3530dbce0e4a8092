//! The words around the core's text, in the languages that the core speaks.

/// What the pages say by themselves.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) tag: &'static str,
    pub(crate) allow: &'static str,
    pub(crate) again_note: &'static str,
    pub(crate) again_agent: &'static str,
    pub(crate) less: &'static str,
    pub(crate) less_of: &'static str,
    pub(crate) less_none: &'static str,
    pub(crate) whole: &'static str,
    pub(crate) refuse: &'static str,
    pub(crate) you_are: &'static str,
    pub(crate) other: &'static str,
    pub(crate) back_to: &'static str,
    pub(crate) changed: &'static str,
    pub(crate) login: &'static str,
    pub(crate) login_why: &'static str,
    pub(crate) login_at: &'static str,
    pub(crate) login_button: &'static str,
    pub(crate) login_failed: &'static str,
    pub(crate) needs_script: &'static str,
    pub(crate) no_passkey: &'static str,
    pub(crate) enrol: &'static str,
    pub(crate) enrol_for: &'static str,
    pub(crate) enrol_button: &'static str,
    pub(crate) enrolled: &'static str,
    pub(crate) ended: &'static str,
    pub(crate) ended_what: &'static str,
    pub(crate) login_agents: &'static str,
    pub(crate) agents: &'static str,
    pub(crate) agents_none: &'static str,
    pub(crate) agents_more: &'static str,
    pub(crate) agent_idle: &'static str,
    pub(crate) agent_untold: &'static str,
    pub(crate) may_for: &'static str,
    pub(crate) lately: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) stopped: &'static str,
    pub(crate) stop_soon: &'static str,
    pub(crate) stop_late: &'static str,
    pub(crate) one_call: &'static str,
    pub(crate) whole_call: &'static str,
    pub(crate) waits_for: &'static str,
    pub(crate) why_not: &'static str,
    pub(crate) allow_once: &'static str,
    pub(crate) waiting: &'static str,
    pub(crate) read_and_answer: &'static str,
    pub(crate) each_time: &'static str,
    pub(crate) refusals: &'static str,
    pub(crate) ask_again: &'static str,
    pub(crate) approved: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) said: &'static str,
    pub(crate) said_short: &'static str,
    pub(crate) take_back: &'static str,
    pub(crate) taken_back: &'static str,
    pub(crate) together_note: &'static str,
    pub(crate) by_itself: &'static str,
}

pub(crate) static ENGLISH: Words = Words {
    tag: "en",
    allow: "Allow",
    again_note: "Allowed without asking again, the agent gets exactly this, or less of it, anew as often as it needs in that time. You can stop it at any time on the page of your agents.",
    again_agent: "The agent can get this anew in that time, without asking you.",
    less: "Allow less",
    less_of: "Less of it",
    less_none: "Choose what is to be less, and then read what is left.",
    whole: "Show all that was asked for",
    refuse: "Refuse",
    you_are: "Logged in as",
    other: "Somebody else",
    back_to: "Your answer goes to",
    changed: "What you read is not what would be granted now. Please read it again.",
    login: "Log in",
    login_why: "An agent asks for permission to act for you. Log in to read what it asks.",
    login_at: "Log in at",
    login_button: "Log in with a passkey",
    login_failed: "That did not work. Please try again.",
    needs_script: "A passkey needs JavaScript; nothing else here does.",
    no_passkey: "This browser knows no passkeys.",
    enrol: "Make a passkey",
    enrol_for: "This passkey will speak for",
    enrol_button: "Make a passkey",
    enrolled: "The passkey is made. You can close this page.",
    ended: "This cannot go on",
    ended_what: "The link was used before, is too old, or belongs to another browser. Go back to the agent and begin again.",
    login_agents: "Log in to see which agents may act for you.",
    agents: "My agents",
    agents_none: "No agent may act for you, and none did in the last days.",
    agents_more: "Allowed beside this:",
    agent_idle: "It may do nothing for you now.",
    agent_untold: "What it may do cannot be told any more: the policy has changed. Stop it if in doubt.",
    may_for: "Allowed for",
    lately: "Lately",
    stop: "Stop",
    stopped: "The agent is stopped.",
    stop_soon: "What you stop ends at once here, and at every service within five minutes. The agent can ask you again.",
    stop_late: "Services are not told here who was stopped: what an agent has already ends when its time is over.",
    one_call: "Your yes to one call",
    whole_call: "The whole call",
    waits_for: "Time to answer:",
    why_not: "If you refuse, why? The agent reads it.",
    allow_once: "Allow this once",
    waiting: "Waits for your answer",
    read_and_answer: "Read and answer",
    each_time: "The agent may do this only with your yes, each time.",
    refusals: "You refused",
    ask_again: "The agent may ask again",
    approved: "The agent may make this call once.",
    refused: "Refused. The agent learns of it.",
    failed: "The broker failed. Its operator is told why; nothing was granted.",
    said: "You have said yes. Others are asked as well; the agent gets it once enough have.",
    said_short: "You have said yes: read it again, or take it back",
    take_back: "Take my yes back",
    taken_back: "Your yes is taken back.",
    together_note: "Read each of them: one answer is for all. Each may be made once.",
    by_itself: "Answer this one by itself",
};

pub(crate) static GERMAN: Words = Words {
    tag: "de",
    allow: "Erlauben",
    again_note: "Ohne neue Frage erlaubt, bekommt der Agent in dieser Zeit genau dies, oder weniger davon, so oft neu, wie er es braucht. Sie können ihn jederzeit auf der Seite Ihrer Agenten stoppen.",
    again_agent: "Der Agent kann dies in dieser Zeit neu bekommen, ohne Sie zu fragen.",
    less: "Weniger erlauben",
    less_of: "Weniger davon",
    less_none: "Wählen Sie, was weniger sein soll, und lesen Sie dann, was bleibt.",
    whole: "Alles zeigen, worum gebeten wurde",
    refuse: "Ablehnen",
    you_are: "Angemeldet als",
    other: "Jemand anderes",
    back_to: "Ihre Antwort geht an",
    changed: "Was Sie gelesen haben, ist nicht, was jetzt erlaubt würde. Bitte lesen Sie es noch einmal.",
    login: "Anmelden",
    login_why: "Ein Agent bittet darum, für Sie zu handeln. Melden Sie sich an, um zu lesen, worum er bittet.",
    login_at: "Anmelden bei",
    login_button: "Mit einem Passkey anmelden",
    login_failed: "Das hat nicht geklappt. Bitte versuchen Sie es noch einmal.",
    needs_script: "Ein Passkey braucht JavaScript; sonst braucht es hier nichts.",
    no_passkey: "Dieser Browser kennt keine Passkeys.",
    enrol: "Einen Passkey anlegen",
    enrol_for: "Dieser Passkey wird sprechen für",
    enrol_button: "Passkey anlegen",
    enrolled: "Der Passkey ist angelegt. Sie können diese Seite schließen.",
    ended: "Hier geht es nicht weiter",
    ended_what: "Der Link wurde schon benutzt, ist zu alt oder gehört einem anderen Browser. Gehen Sie zurück zum Agenten und beginnen Sie neu.",
    login_agents: "Melden Sie sich an, um zu sehen, welche Agenten für Sie handeln dürfen.",
    agents: "Meine Agenten",
    agents_none: "Kein Agent darf für Sie handeln, und keiner tat es in den letzten Tagen.",
    agents_more: "Daneben erlaubt:",
    agent_idle: "Er darf jetzt nichts für Sie tun.",
    agent_untold: "Was er darf, lässt sich nicht mehr sagen: die Regeln haben sich geändert. Stoppen Sie ihn im Zweifel.",
    may_for: "Erlaubt für",
    lately: "Zuletzt",
    stop: "Stoppen",
    stopped: "Der Agent ist gestoppt.",
    stop_soon: "Was Sie stoppen, endet hier sofort und bei jedem Dienst innerhalb von fünf Minuten. Der Agent kann Sie wieder fragen.",
    stop_late: "Dienste erfahren hier nicht, wer gestoppt wurde: Was ein Agent schon hat, endet, wenn seine Zeit um ist.",
    one_call: "Ihr Ja zu einem Aufruf",
    whole_call: "Der ganze Aufruf",
    waits_for: "Zeit zum Antworten:",
    why_not: "Wenn Sie ablehnen, warum? Der Agent liest es.",
    allow_once: "Dies einmal erlauben",
    waiting: "Wartet auf Ihre Antwort",
    read_and_answer: "Lesen und antworten",
    each_time: "Das darf der Agent nur mit Ihrem Ja, jedes Mal.",
    refusals: "Von Ihnen abgelehnt",
    ask_again: "Der Agent darf wieder fragen",
    approved: "Der Agent darf diesen Aufruf einmal machen.",
    refused: "Abgelehnt. Der Agent erfährt es.",
    failed: "Der Broker ist gescheitert. Sein Betreiber erfährt, warum; erlaubt wurde nichts.",
    said: "Sie haben Ja gesagt. Auch andere sind gefragt; der Agent bekommt es, sobald genug Ja gesagt haben.",
    said_short: "Sie haben Ja gesagt: noch einmal lesen oder zurücknehmen",
    take_back: "Mein Ja zurücknehmen",
    taken_back: "Ihr Ja ist zurückgenommen.",
    together_note: "Lesen Sie jeden: Eine Antwort gilt für alle. Jeder darf einmal gemacht werden.",
    by_itself: "Diesen für sich beantworten",
};

/// Spans of time: seconds, then one and several of it, as time that is left, and several of it as time that is gone.
const ENGLISH_SPANS: [Span; 3] = [
    (86_400, "day", "days", "days"),
    (3600, "hour", "hours", "hours"),
    (60, "minute", "minutes", "minutes"),
];
const GERMAN_SPANS: [Span; 3] = [
    (86_400, "Tag", "Tage", "Tagen"),
    (3600, "Stunde", "Stunden", "Stunden"),
    (60, "Minute", "Minuten", "Minuten"),
];
type Span = (i64, &'static str, &'static str, &'static str);

impl Words {
    const fn is_german(&self) -> bool {
        self.tag.len() == 2 && matches!(self.tag.as_bytes(), b"de")
    }

    /// So long, rounded down to what counts.
    fn span(&self, seconds: i64, gone: bool) -> Option<String> {
        let spans = if self.is_german() {
            &GERMAN_SPANS
        } else {
            &ENGLISH_SPANS
        };
        let (of, one, left, gone_by) = spans.iter().find(|(of, ..)| seconds >= *of)?;
        let count = seconds / of;
        let word = match (count, gone) {
            (1, _) => one,
            (_, false) => left,
            (_, true) => gone_by,
        };
        Some(format!("{count} {word}"))
    }

    /// The button that allows a grant for so long.
    pub(crate) fn again(&self, seconds: i64) -> String {
        let time = self.left(seconds);
        if self.is_german() {
            format!("Erlauben, {time} ohne neue Frage")
        } else {
            format!("Allow for {time} without asking again")
        }
    }

    /// Over several calls.
    pub(crate) fn calls(&self, count: usize) -> String {
        if self.is_german() {
            format!("Ihr Ja zu {count} Aufrufen")
        } else {
            format!("Your yes to {count} calls")
        }
    }

    pub(crate) fn answer_together(&self, count: usize) -> String {
        if self.is_german() {
            format!("Diese {count} zusammen lesen und beantworten")
        } else {
            format!("Read and answer these {count} together")
        }
    }

    pub(crate) fn allow_all(&self, count: usize) -> String {
        if self.is_german() {
            format!("Alle {count} einmal erlauben")
        } else {
            format!("Allow all {count} once")
        }
    }

    pub(crate) fn refuse_all(&self, count: usize) -> String {
        if self.is_german() {
            format!("Alle {count} ablehnen")
        } else {
            format!("Refuse all {count}")
        }
    }

    /// How many have said yes, of how many who must.
    pub(crate) fn approvals(&self, given: usize, count: usize) -> String {
        let german = self.is_german();
        match (german, count) {
            (true, 1) => format!("Bisher {given} von 1 Zustimmung"),
            (true, _) => format!("Bisher {given} von {count} Zustimmungen"),
            (false, 1) => format!("{given} of 1 approval so far"),
            (false, _) => format!("{given} of {count} approvals so far"),
        }
    }

    /// How long something still lasts.
    pub(crate) fn left(&self, seconds: i64) -> String {
        let short = if self.is_german() {
            "weniger als eine Minute"
        } else {
            "less than a minute"
        };
        self.span(seconds, false)
            .unwrap_or_else(|| short.to_owned())
    }

    /// How long something is ago.
    pub(crate) fn ago(&self, seconds: i64) -> String {
        match (self.span(seconds, true), self.is_german()) {
            (Some(span), true) => format!("vor {span}"),
            (Some(span), false) => format!("{span} ago"),
            (None, true) => "gerade eben".to_owned(),
            (None, false) => "just now".to_owned(),
        }
    }

    /// What an agent did, or what was done with it.
    pub(crate) fn did(&self, what: &str) -> &'static str {
        let [english, german] = match what {
            "allowed" => ["you allowed it something", "Sie haben ihm etwas erlaubt"],
            "ended" => [
                "what it was allowed was taken back",
                "Erlaubtes wurde zurückgenommen",
            ],
            "asked" => [
                "it asked for a yes to one call",
                "er bat um ein Ja zu einem Aufruf",
            ],
            "approved" => ["one call was allowed", "ein Aufruf wurde erlaubt"],
            "refused" => ["one call was refused", "ein Aufruf wurde abgelehnt"],
            "withdrawn" => ["it withdrew what it asked", "er zog eine Bitte zurück"],
            _ => [
                "what it asked ended without an answer",
                "eine Bitte endete ohne Antwort",
            ],
        };
        if self.is_german() { german } else { english }
    }
}

/// The language that the browser would rather have (RFC 9110, section 12.5.4).
pub(crate) fn of(accept: Option<&str>) -> &'static Words {
    let mut best = (&ENGLISH, 0);
    for range in accept.unwrap_or_default().split(',').take(32) {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let tag = tag.trim().split('-').next().unwrap_or_default();
        let known = match tag.to_ascii_lowercase().as_str() {
            "en" => &ENGLISH,
            "de" => &GERMAN,
            _ => continue,
        };
        let weight = thousandths(weight.trim());
        if weight > best.1 {
            best = (known, weight);
        }
    }
    best.0
}

/// `q=0.8` in thousandths; what is no weight has none.
fn thousandths(weight: &str) -> u32 {
    let Some(number) = weight.strip_prefix("q=") else {
        return 0;
    };
    let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(whole @ (0 | 1)), Ok(rest)) => (whole * 1000 + rest).min(1000),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{ENGLISH, GERMAN, of};

    #[test]
    fn time_is_told_in_words() {
        for (seconds, left, ago, german_left, german_ago) in [
            (
                59,
                "less than a minute",
                "just now",
                "weniger als eine Minute",
                "gerade eben",
            ),
            (60, "1 minute", "1 minute ago", "1 Minute", "vor 1 Minute"),
            (7199, "1 hour", "1 hour ago", "1 Stunde", "vor 1 Stunde"),
            (172_800, "2 days", "2 days ago", "2 Tage", "vor 2 Tagen"),
        ] {
            assert_eq!(
                (ENGLISH.left(seconds), ENGLISH.ago(seconds)),
                (left.to_owned(), ago.to_owned())
            );
            assert_eq!(
                (GERMAN.left(seconds), GERMAN.ago(seconds)),
                (german_left.to_owned(), german_ago.to_owned())
            );
        }
    }

    #[test]
    fn the_language_that_is_liked_best() {
        for (accept, tag) in [
            ("de-DE,de;q=0.9,en;q=0.8", "de"),
            ("en;q=0.8, de;q=0.9", "de"),
            ("en-US,en;q=0.9,de;q=0.8", "en"),
            ("fr, de;q=0.1", "de"),
            ("fr", "en"),
            ("de;q=0, en;q=0.1", "en"),
            ("", "en"),
        ] {
            assert_eq!(of(Some(accept)).tag, tag, "{accept}");
        }
        assert_eq!(of(None).tag, "en");
    }
}
