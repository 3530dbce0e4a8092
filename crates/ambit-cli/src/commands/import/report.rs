//! What was imported, for people and for programs.

use std::collections::BTreeMap;
use std::path::Path;

use ambit_workbench::import::{Guess, Import, Imported, Sending};
use serde_json::json;

use crate::say::{DIM, Page, foreign};

/// Places that are named for one fact.
const PLACES: usize = 12;
/// Columns of a name in the table.
const NAME: usize = 44;

/// The whole as JSON, schema included.
pub(super) fn json(import: &Import) -> String {
    let actions: Vec<serde_json::Value> = import.actions.iter().map(action).collect();
    let sending = sending(import);
    let json = json!({
        "command": "import",
        "exit": 0,
        "actions": actions,
        "notes": import.notes,
        "draft_and_send": (!sending.is_empty()).then_some(sending),
        "schema": import.schema,
    });
    format!("{json:#}\n")
}

fn action(one: &Imported) -> serde_json::Value {
    let said = one
        .said
        .iter()
        .map(|said| json!({"argument": said.argument, "what": said.what}));
    let mut json = json!({
        "origin": one.origin,
        "action": one.action,
        "powers": one.guess.powers.iter().map(|power| power.name()).collect::<Vec<_>>(),
        "irreversible": one.guess.irreversible,
        "external": one.guess.external,
        "because": one.guess.because,
        "look": one.looks,
        "not_represented": said.collect::<Vec<_>>(),
    });
    if let Some(sending) = one.sending {
        json["draft_and_send"] = sending.name().into();
    }
    json
}

/// The scopes by whether they tell drafting from sending.
fn sending(import: &Import) -> BTreeMap<&'static str, Vec<&str>> {
    let mut groups: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
    for one in &import.actions {
        if let Some(sending) = one.sending {
            groups.entry(sending.name()).or_default().push(&one.origin);
        }
    }
    groups
}

/// The table of guesses, then what a person should look at, then what is not represented.
pub(super) fn say(import: &Import, written: Option<&Path>) {
    let mut page = Page::new();
    table(&mut page, import);
    for sending in Sending::ALL {
        let scopes = import
            .actions
            .iter()
            .filter(|one| one.sending == Some(sending));
        let scopes: Vec<String> = scopes.map(|one| foreign(&one.origin, 120)).collect();
        if let (false, Some(words)) = (scopes.is_empty(), sending.words()) {
            page.heading(words);
            let most = if sending == Sending::Unknown {
                PLACES
            } else {
                usize::MAX
            };
            lines(&mut page, &scopes, most);
        }
    }
    let looks = import.actions.iter().flat_map(|one| {
        one.looks
            .iter()
            .map(|look| (look.clone(), foreign(&one.origin, 80)))
    });
    grouped(&mut page, "Look at these before you confirm them", looks);
    let said = import.actions.iter().flat_map(|one| {
        one.said.iter().map(|said| {
            let place = match &said.argument {
                Some(argument) => format!("{}.{}", one.origin, argument),
                None => one.origin.clone(),
            };
            (said.what.clone(), foreign(&place, 120))
        })
    });
    grouped(
        &mut page,
        "What a policy cannot say, or takes more narrowly",
        said,
    );
    page.heading("What to do");
    for note in &import.notes {
        page.warning("note", foreign(note, 400));
    }
    if let Some(path) = written {
        page.line(format!(
            "{} actions are in {}",
            import.actions.len(),
            foreign(&path.display().to_string(), 400)
        ));
    }
    page.line("Every power above is a guess. Look at each action in the schema, correct what is wrong, and remove");
    page.line("its `@guessed`: until then it is taken for `execute` at high risk, and `ambit build` refuses it.");
    page.say();
}

fn table(page: &mut Page, import: &Import) {
    page.heading("Guessed");
    let name = |one: &Imported| foreign(&one.action, NAME);
    let width = import
        .actions
        .iter()
        .map(|one| name(one).chars().count())
        .max()
        .unwrap_or_default();
    let guesses = import.actions.iter().map(|one| guess(&one.guess).len());
    let guesses = guesses.max().unwrap_or_default();
    for one in &import.actions {
        let why = one
            .guess
            .because
            .split_once(": ")
            .map_or("", |(_, why)| why);
        let guess = guess(&one.guess);
        page.line(format!(
            "{:width$}  {guess:guesses$}  {DIM}{}{DIM:#}",
            name(one),
            foreign(why, 200)
        ));
    }
}

/// `propose, execute (irreversible, external)`
fn guess(guess: &Guess) -> String {
    let effects = [
        (guess.irreversible, "irreversible"),
        (guess.external, "external"),
    ];
    let effects: Vec<&str> = effects
        .into_iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, name)| name)
        .collect();
    if effects.is_empty() {
        guess.powers()
    } else {
        format!("{} ({})", guess.powers(), effects.join(", "))
    }
}

/// Each fact once, with the places that it holds for.
fn grouped(page: &mut Page, heading: &str, facts: impl Iterator<Item = (String, String)>) {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (fact, place) in facts {
        groups.entry(fact).or_default().push(place);
    }
    if groups.is_empty() {
        return;
    }
    page.heading(heading);
    for (fact, places) in groups {
        page.line(format!("{}:", foreign(&fact, 300)));
        lines(page, &places, PLACES);
    }
}

fn lines(page: &mut Page, places: &[String], most: usize) {
    let shown: Vec<&str> = places.iter().take(most).map(String::as_str).collect();
    let more = match places.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" and {more} more, marked in the schema"),
    };
    page.line(format!("    {DIM}{}{more}{DIM:#}", shown.join(", ")));
}
