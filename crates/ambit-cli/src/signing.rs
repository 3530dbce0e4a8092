//! What `mint` and `attenuate` share: claims from a file and options, the words before the
//! signature, and a person's yes.

use std::io::{BufRead as _, IsTerminal as _};

use anstyle::Style;

use ambit_compiler::keys::SecretKey;
use ambit_compiler::mint::Draft;
use ambit_core::json::{Document, Profile};
use ambit_policy::Bundle;
use ambit_token::signing::Unsigned;
use ambit_token::{TokenError, base64url};
use serde_json::{Map, Value, json};

use crate::advice;
use crate::claims;
use crate::failure::Failure;
use crate::files::{self, Input};
use crate::frame::{NoRoom, Screen};
use crate::keys::compile;
use crate::say::{self, BOLD, Page};
use crate::time::clock;

/// Claims that are put together from a file and from options.
#[derive(Debug)]
pub(crate) struct Claims {
    members: Map<String, Value>,
}

impl Claims {
    /// Those of the file, or none. Strict JSON: what a verifier would refuse is refused here.
    pub(crate) fn read(input: Option<&Input>) -> Result<Self, Failure> {
        let Some(input) = input else {
            return Ok(Self {
                members: Map::new(),
            });
        };
        let text = input.read(files::SMALL)?;
        let malformed =
            |message: String| Failure::unusable("mint.claims", message).at_place(input.name());
        Document::parse(&text, Profile::Signed)
            .map_err(|error| malformed(format!("the claims are not strict JSON: {error}")))?;
        let members = serde_json::from_slice(&text)
            .map_err(|_| malformed("the claims are not a JSON object".to_owned()))?;
        Ok(Self { members })
    }

    /// Adds what an option says. A claim that both name is a contradiction, even if they agree.
    pub(crate) fn add(
        &mut self,
        name: &str,
        option: &str,
        value: Option<Value>,
    ) -> Result<(), Failure> {
        let Some(value) = value else {
            return Ok(());
        };
        if self.members.contains_key(name) {
            let message = format!("`{name}` is given twice: in the claims and with {option}");
            return Err(Failure::unusable("mint.twice", message).help("leave one of them out"));
        }
        self.members.insert(name.to_owned(), value);
        Ok(())
    }

    /// Adds capabilities, each one JSON object.
    pub(crate) fn add_capabilities(&mut self, capabilities: &[String]) -> Result<(), Failure> {
        if capabilities.is_empty() {
            return Ok(());
        }
        let entries = capabilities
            .iter()
            .map(|text| capability(text))
            .collect::<Result<Vec<_>, _>>()?;
        self.add(
            "authorization_details",
            "--capability",
            Some(Value::Array(entries)),
        )
    }

    /// Says which claims are missing, all at once.
    pub(crate) fn require(&self, required: &[(&str, &str)]) -> Result<(), Failure> {
        let missing = required.iter().filter(|(name, _)| !self.has(name));
        let (names, options): (Vec<&str>, Vec<&str>) = missing.copied().unzip();
        if names.is_empty() {
            return Ok(());
        }
        let message = format!("the claims lack `{}`", names.join("`, `"));
        let help = format!("write them into the claims, or give {}", options.join(", "));
        Err(Failure::unusable("mint.missing", message).help(help))
    }

    /// A string claim.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// A member of an object claim that is a string.
    pub(crate) fn text_in(&self, name: &str, member: &str) -> Option<&str> {
        self.members.get(name)?.get(member)?.as_str()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub(crate) fn finish(self) -> String {
        Value::Object(self.members).to_string()
    }
}

/// `type` is always the same, so it need not be typed.
fn capability(text: &str) -> Result<Value, Failure> {
    let malformed = |message: String| Failure::unusable("mint.capability", message).help(EXAMPLE);
    Document::parse(text.as_bytes(), Profile::Signed)
        .map_err(|error| malformed(format!("a --capability is not strict JSON: {error}")))?;
    let mut members: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| malformed("a --capability is not a JSON object".to_owned()))?;
    if !members.contains_key("type") {
        members.insert("type".to_owned(), "ambit_capability".into());
    }
    Ok(Value::Object(members))
}

const EXAMPLE: &str = r#"for example --capability '{"actions":["email"],"privileges":["draft"],"datatypes":["Contact"],"purpose":"customer-care"}'"#;

/// Shows what the block will say, and asks where a person can answer.
pub(crate) fn ask(draft: &Draft<'_>, heading: &str, consent: &Consent<'_>) -> Result<(), Failure> {
    let text = draft.claims();
    let document = Document::parse(text.as_bytes(), Profile::Signed)
        .map_err(|error| Failure::tool("mint.claims", error.to_string()))?;
    // Verified as the evaluator would, before anything is shown: claims that lead to an error are not
    // repeated, and a question whose yes leads to one is none.
    draft.check().map_err(|error| compile(&error))?;
    if let Some(missing) = draft.missing_consent() {
        return Err(compile(missing));
    }
    let screen = consent.screen()?;
    let mut page = screen.map_or_else(Page::new, Page::asked);
    page.heading(heading);
    match screen {
        None => claims::describe(&mut page, document.root(), consent.bundle, consent.now),
        Some(screen) => {
            let told = match consent.words(&text) {
                Some(Ok(words)) => {
                    page.say();
                    page = Page::asked(screen);
                    say::raw(&screen.framed(&[(Style::new(), &words)]));
                    true
                }
                // Nobody could consent to this, so whoever signs it hears why.
                Some(Err(why)) => {
                    let why = page.foreign(&why, usize::MAX);
                    page.warning("no text", why);
                    false
                }
                None => false,
            };
            claims::describe_whole(&mut page, document.root(), consent, told);
        }
    }
    for words in draft.exceeds() {
        let words = page.foreign(words, 400);
        page.warning("no effect", words);
    }
    let zones = draft.unstated_zones();
    if !zones.is_empty() {
        let words = page.foreign(&hours_of(&zones, consent.bundle.is_some()), 600);
        page.warning("hours", words);
    }
    page.field("filled in", draft.filled().join(", "));
    page.say();
    match screen {
        Some(_) if !is_yes("Sign this?") => {
            Err(Failure::denied("mint.declined", "not signed, as you wish"))
        }
        _ => Ok(()),
    }
}

/// What follows from hours in zones of which services may not know the time.
fn hours_of(zones: &[&str], policy_is_known: bool) -> String {
    let named = format!("by the clocks of `{}`", zones.join("`, `"));
    if policy_is_known {
        return format!(
            "{named}, which no manifest of this policy names: gateways and hosts state the time only of zones that \
             a manifest names, and deny what is within other hours (`facts.missing`). Name a zone of a manifest, add \
             this one to it, or have the service state it (`facts.utc_offsets`)"
        );
    }
    format!(
        "{named}: if no manifest of the service's policy names that zone, what is within these hours is denied \
         (`facts.missing`); `--module` checks it"
    )
}

/// How a person agrees to a token.
#[derive(Debug)]
pub(crate) struct Consent<'a> {
    /// Where the words come from.
    pub(crate) bundle: Option<&'a Bundle<'a>>,
    pub(crate) now: i64,
    /// Do not ask.
    pub(crate) yes: bool,
}

impl Consent<'_> {
    /// Where somebody is asked; `None` where nobody is.
    fn screen(&self) -> Result<Option<Screen>, Failure> {
        if self.yes || !std::io::stdin().is_terminal() {
            return Ok(None);
        }
        let screen = Screen::of_words().map_err(|NoRoom| {
            let message = format!("what is asked cannot be shown: {}", NoRoom::WHAT);
            Failure::unusable("mint.screen", message).help(NoRoom::HELP)
        })?;
        Ok(Some(screen))
    }

    /// The text that people consent to, or why there is none; `None` where no policy is at hand.
    fn words(&self, claims: &str) -> Option<Result<String, String>> {
        let claims: Value = serde_json::from_str(claims).ok()?;
        let end = claims["exp"].as_i64().unwrap_or(self.now);
        let mut request = json!({"claims": claims, "locale": "en"});
        for (name, value) in clock(self.now, end) {
            request[name] = json!(value);
        }
        let said = ambit_advice::describe(self.bundle?, request.to_string().as_bytes());
        let said: Value = serde_json::from_str(&said).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match text(&said["text"]) {
            Some(text) => Some(Ok(text)),
            None => Some(Err(text(&said["error"]["admin"])?)),
        }
    }
}

/// Asks at the terminal. No answer is a no, and so is one that was typed before the question, or without seeing what
/// it is about.
pub(crate) fn is_yes(question: &str) -> bool {
    if !std::io::stderr().is_terminal() {
        say::note("what is asked does not go to the terminal, so nobody can say yes to it");
        return false;
    }
    // On a terminal that is not one of Unix nothing is known to be typed ahead.
    #[cfg(unix)]
    {
        use rustix::termios::{QueueSelector, tcflush};
        let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
    }
    say::raw(&format!("{BOLD}{question}{BOLD:#} [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// The JWS of a statement. The caller has seen that the key is the one that the statement names.
pub(crate) fn jws(unsigned: &Unsigned, key: &SecretKey) -> String {
    let input = &unsigned.signing_input;
    let signature = base64url::encode(&key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// Why there is nothing to sign, with what to do.
pub(crate) fn refused(error: &TokenError) -> Failure {
    let code = error.reason.code();
    let failure = Failure::unusable(code, &error.detail);
    match advice::find(code) {
        Some(advice) => failure.help(advice.action),
        None => failure,
    }
}
