//! The words around the core's text, in the languages that the core speaks.

/// What the pages say by themselves.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) tag: &'static str,
    pub(crate) allow: &'static str,
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
    pub(crate) failed: &'static str,
}

pub(crate) static ENGLISH: Words = Words {
    tag: "en",
    allow: "Allow",
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
    login_why: "An agent asks for permission to act for you. Log in with your passkey to read what it asks.",
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
    failed: "The broker failed. Its operator is told why; nothing was granted.",
};

pub(crate) static GERMAN: Words = Words {
    tag: "de",
    allow: "Erlauben",
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
    login_why: "Ein Agent bittet darum, für Sie zu handeln. Melden Sie sich mit Ihrem Passkey an, um zu lesen, worum er bittet.",
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
    failed: "Der Broker ist gescheitert. Sein Betreiber erfährt, warum; erlaubt wurde nichts.",
};

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
    use super::of;

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
