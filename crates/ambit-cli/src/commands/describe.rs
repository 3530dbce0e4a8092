//! `ambit describe`

use std::path::{Path, PathBuf};

use ambit_compiler::mint::refuse_private_keys;
use ambit_core::json::{Document, Profile};
use anstyle::Style;
use clap::Args;
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::frame::{NoRoom, Screen};
use crate::keys;
use crate::policy::PolicyArgs;
use crate::say::{self, BAD, BOLD, DIM, GOOD, Page, WARN, foreign};
use crate::time;

/// Show what a person is asked to consent to
///
/// Says in the words of the policy what a token would allow: what the agent does on its own, what it
/// prepares and a person decides on, what it cannot do, how to end it, and every claim to the letter.
/// This is the text whose hash a receipt carries, by the code with which every host shows it, in rows of
/// the terminal's width: each begins with a mark, and with … where a line goes on. --json has the text as
/// it is hashed. What has no label in the language has no text, and cannot be approved.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Describe {
    /// The claims of a token, as `ambit mint --draft` writes them, or a list of capabilities (`-` is
    /// standard input)
    #[arg(value_name = "FILE", value_parser = Input::parse)]
    claims: Input,
    #[command(flatten)]
    policy: PolicyArgs,
    /// What was granted before (a JSON array of capabilities): say what is new, and what is gone
    #[arg(long, value_name = "FILE")]
    granted: Option<PathBuf>,
    /// The language: en or de
    #[arg(long, value_name = "TAG", default_value = "en")]
    locale: String,
    /// When it is read, in seconds since 1970: say how long it is until the end
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..))]
    now: Option<i64>,
    /// Minutes between the reader's clock and UTC: tell their time beside UTC
    #[arg(long, value_name = "MINUTES", allow_negative_numbers = true)]
    utc_offset: Option<i64>,
    /// Choose a narrower grant, by a name that the answer without it lists; may be given several times
    #[arg(long, value_name = "NAME")]
    choose: Vec<String>,
    /// Write the claims that the choice leaves to this file: the draft that `ambit mint --claims` takes
    #[arg(short, long, value_name = "FILE", requires = "choose")]
    output: Option<PathBuf>,
    /// Write the whole answer as JSON, for a consent page
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  ambit describe --project . grant.json
  ambit describe --module policy.wasm draft.json --locale de
  ambit describe --module policy.wasm draft.json --choose no_execute --choose life_600 -o narrower.json
  ambit describe --module policy.wasm draft.json --granted before.json --json";

impl Describe {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let policy = self.policy.read(time::now())?;
        let request = self.request()?;
        let answer = ambit_advice::describe(&policy.bundle()?, request.as_bytes());
        let parts: Value = serde_json::from_str(&answer)
            .map_err(|error| Failure::tool("describe.answer", error.to_string()))?;
        if let Some(error) = parts.get("error") {
            return Err(self.no_text(error));
        }
        if let Some(path) = &self.output {
            self.write_draft(path, &parts)?;
        }
        if self.json {
            say::data(format!("{answer}\n"))?;
            return Ok(Exit::Done);
        }
        let text = parts["text"].as_str().unwrap_or_default();
        let pieces = pieces(&parts["page"], text);
        let screen = Screen::of_output().map_err(|NoRoom| {
            let message = format!("the text cannot be shown: {}", NoRoom::WHAT);
            Failure::unusable("describe.screen", message).help(NoRoom::HELP)
        })?;
        say::styled(&screen.framed(&pieces))?;
        self.for_receipt(&parts);
        narrower(&parts["choices"]);
        Ok(Exit::Done)
    }

    /// What the text was made by beside the claims.
    fn clock(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let clock = [("now", self.now), ("utc_offset", self.utc_offset)];
        clock
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }

    /// The values go in as they are written, each after it was read as one strict value.
    fn request(&self) -> Result<String, Failure> {
        let claims = self.claims.read(files::SMALL)?;
        let claims = value(claims).map_err(|failure| failure.at_place(self.claims.name()))?;
        let member = if claims.trim_start().starts_with('[') {
            "authorization_details"
        } else {
            "claims"
        };
        let mut request = format!("{{\"{member}\":{claims},\"locale\":{}", json!(self.locale));
        for (name, value) in self.clock() {
            request.push_str(&format!(",\"{name}\":{value}"));
        }
        if let Some(path) = &self.granted {
            let granted = value(files::read(path, files::SMALL)?);
            let granted = granted.map_err(|failure| failure.at(path))?;
            request.push_str(&format!(",\"granted\":{granted}"));
        }
        if !self.choose.is_empty() {
            request.push_str(&format!(",\"choices\":{}", json!(self.choose)));
        }
        request.push('}');
        Ok(request)
    }

    /// Claims without an issuer and a holder make no token, whoever agrees to them.
    fn write_draft(&self, path: &Path, parts: &Value) -> Result<(), Failure> {
        if !parts["binding_s256"].is_string() {
            let message = "a list of capabilities leaves no draft: claims of a token do";
            return Err(Failure::unusable("describe.draft", message)
                .at_place(self.claims.name())
                .help("`ambit mint … --draft` writes the claims of a token"));
        }
        files::write(path, format!("{}\n", parts["claims"]).as_bytes())
    }

    /// What the receipt must say beside the person's yes.
    fn for_receipt(&self, parts: &Value) {
        let mut page = Page::new();
        page.heading("For the receipt");
        for name in [
            "binding_s256",
            "text_s256",
            "locale",
            "renderer",
            "risk_tier",
        ] {
            if let Some(value) = parts[name].as_str() {
                page.field(name, value);
            }
        }
        for (name, value) in self.clock() {
            page.field(name, value.to_string());
        }
        page.say();
    }

    fn no_text(&self, error: &Value) -> Failure {
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        let failure = Failure::unusable(text("code"), foreign(text("admin"), 400));
        match text("at") {
            "" => failure.at_place(self.claims.name()),
            at => failure.at_place(format!("{}, `{}`", self.claims.name(), foreign(at, 200))),
        }
    }
}

/// What a person may choose instead.
fn narrower(choices: &Value) {
    let choices = choices.as_array().map(Vec::as_slice).unwrap_or_default();
    if choices.is_empty() {
        return;
    }
    let Ok(screen) = Screen::of_words() else {
        say::note(format!("narrower grants are not shown: {}", NoRoom::WHAT));
        return;
    };
    let mut page = Page::new();
    page.heading("Narrower, with --choose");
    for one in choices {
        let text = |name: &str| one[name].as_str().unwrap_or_default();
        page.field(text("choice"), screen.value(text("text")));
    }
    page.say();
}

/// The page with styles: the same characters in the same order, or the text as it is.
fn pieces<'t>(page: &Value, text: &'t str) -> Vec<(Style, &'t str)> {
    let mut rest = text;
    let mut pieces = Vec::new();
    for part in page.as_array().into_iter().flatten() {
        let words = part["text"].as_str().unwrap_or_default();
        // What stands between two parts belongs to neither.
        let Some(start) = rest.find(words) else {
            return vec![(Style::new(), text)];
        };
        let (between, found) = rest.split_at(start);
        let (words, behind) = found.split_at(words.len());
        pieces.extend([(Style::new(), between), (style(part), words)]);
        rest = behind;
    }
    pieces.push((Style::new(), rest));
    pieces
}

fn style(part: &Value) -> Style {
    let name = part["name"].as_str().unwrap_or_default();
    match (part["part"].as_str().unwrap_or_default(), name) {
        ("title", _) => BOLD,
        ("group", "own") => GOOD,
        ("group", "person") => WARN,
        ("group", _) => BAD,
        ("mark", "same" | "narrower") => GOOD,
        ("mark", _) => WARN,
        ("details" | "detail", _) => DIM,
        _ => Style::new(),
    }
}

/// One JSON value as text, without a private key in it.
fn value(bytes: Vec<u8>) -> Result<String, Failure> {
    Document::parse(&bytes, Profile::Signed).map_err(|error| {
        Failure::unusable(
            "describe.request",
            format!("this is not strict JSON: {error}"),
        )
    })?;
    let unusable = || Failure::unusable("describe.request", "this is not strict JSON");
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| unusable())?;
    refuse_private_keys(&value).map_err(|error| keys::compile(&error))?;
    String::from_utf8(bytes).map_err(|_| unusable())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn colour_adds_nothing_and_takes_nothing_away() {
        let page = json!([
            {"part": "title", "text": "Let A send e-mail?"},
            {"part": "group", "name": "own", "text": "On its own"},
            {"part": "item", "text": "Send e-mail"},
            {"part": "mark", "name": "external", "text": "reaches people outside"},
        ]);
        let text = "Let A send e-mail?\n\nOn its own\n- Send e-mail [reaches people outside]";
        let pieces = super::pieces(&page, text);
        assert_eq!(pieces.len(), 9);
        let joined: String = pieces.iter().map(|(_, words)| *words).collect();
        assert_eq!(joined, text);
        assert_eq!(super::pieces(&page, "another text").len(), 1);
    }
}
