//! `cargo xtask demo`: the scenes of `tests/projects`, played by signed modules in wasmtime.

use std::process::ExitCode;

use ambit_tests::project;
use ambit_tests::scene::{self, Event};
use anstyle::{AnsiColor, Style};
use serde_json::Value;
use xtask_kit::ui::{self, Tally};

const TITLE: Style = AnsiColor::Cyan.on_default().bold();
const HEAD: Style = Style::new().bold();
const YES: Style = AnsiColor::Green.on_default().bold();
const NO: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// Columns of a line, for terminals, mails and recordings.
const WIDTH: usize = 98;
/// Columns of the words in front of what is asked and answered.
const LABEL: usize = 12;

fn main() -> ExitCode {
    ui::finish(play())
}

/// Plays every scene; an answer that differs from its scene is counted.
fn play() -> Result<Tally, String> {
    let guest = project::guest()?;
    let scenes = scene::read_all()?;
    let mut tally = Tally::default();
    for (at, scene) in scenes.iter().enumerate() {
        let title = format!("{}/{}  {} ", at + 1, scenes.len(), scene.title);
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count()));
        anstream::println!("\n{TITLE}{title}{rule}{TITLE:#}");
        plain(Style::new(), &scene.story);
        let (passed, failed) = scene.play(&guest, &mut |event| show(&event))?;
        tally += Tally { passed, failed };
    }
    anstream::println!(
        "\n{DIM}To add a scene, add a `scene.json` to a project: see tests/README.md.{DIM:#}"
    );
    Ok(tally)
}

fn show(event: &Event) {
    match event {
        Event::Policy { facts } => {
            heading("Policy module", "compiled, signed and loaded just now");
            facts.iter().for_each(|fact| plain(DIM, fact));
        }
        Event::Manifest {
            agent,
            facts,
            lines,
        } => {
            heading("Manifest", &format!("what `{agent}` may ever be granted"));
            plain(DIM, &facts.join("; "));
            lines.iter().for_each(|line| bullet(line));
        }
        Event::Token { say, facts, lines } => {
            heading("Token", say);
            facts.iter().for_each(|fact| plain(DIM, fact));
            lines.iter().for_each(|line| bullet(line));
        }
        Event::Answer {
            say,
            holder,
            asked,
            answer,
            advice,
            fault,
        } => {
            heading(&format!("Request of {holder}"), say);
            for (at, line) in asked.iter().enumerate() {
                labelled(
                    if at == 0 { "asks to" } else { "" },
                    HEAD,
                    Style::new(),
                    line,
                );
            }
            show_answer(answer, advice);
            if let Some(fault) = fault {
                labelled("UNEXPECTED", NO, NO, fault);
            }
        }
    }
}

fn show_answer(answer: &Value, advice: &Value) {
    let context = &answer["context"];
    let reason = &context["reason"];
    if answer["decision"] == true {
        labelled(
            "ALLOWED",
            YES,
            Style::new(),
            &duties(&context["obligations"]),
        );
        return;
    }
    labelled(
        "DENIED",
        NO,
        Style::new(),
        &format!("{} ({})", text(&reason["user"]), text(&reason["code"])),
    );
    labelled("why", DIM, DIM, text(&reason["admin"]));
    for (at, one) in advice["alternatives"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let label = if at == 0 { "would help" } else { "or" };
        labelled(label, HELP, HELP, text(&one["text"]));
    }
}

/// What must be done before acting.
fn duties(obligations: &Value) -> String {
    let duties: Vec<String> = obligations
        .as_array()
        .into_iter()
        .flatten()
        .map(duty)
        .collect();
    if duties.is_empty() {
        return "without obligations".to_owned();
    }
    format!("but first, or not at all: {}", duties.join("; "))
}

fn duty(obligation: &Value) -> String {
    let charges = obligation["ext"]["charges"].as_array();
    let charges: Vec<String> = charges.into_iter().flatten().map(charge).collect();
    if charges.is_empty() {
        return text(&obligation["type"]).to_owned();
    }
    charges.join(", and ")
}

fn charge(charge: &Value) -> String {
    let amount = |member: &str| {
        let units = charge[member].as_i64().unwrap_or_default();
        let decimals = charge["decimals"]
            .as_u64()
            .and_then(|decimals| u32::try_from(decimals).ok());
        ambit_core::decimal_text(units, decimals.unwrap_or_default())
    };
    match charge["currency"].as_str() {
        Some(currency) => format!(
            "charge {} {currency} to the budget of {}",
            amount("amount"),
            amount("max")
        ),
        None => format!("count one of {} uses", amount("max")),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn heading(what: &str, about: &str) {
    let whole = format!("{what}: {about}");
    for (at, line) in wrap(&whole, WIDTH).iter().enumerate() {
        match line.strip_prefix(what).filter(|_| at == 0) {
            Some(rest) => anstream::println!("\n{HEAD}{what}{HEAD:#}{rest}"),
            None => anstream::println!("{line}"),
        }
    }
}

/// Words on their own.
fn plain(style: Style, words: &str) {
    beside("", Style::new(), 0, style, words);
}

fn bullet(words: &str) {
    beside("•", Style::new(), 2, Style::new(), words);
}

fn labelled(label: &str, label_style: Style, style: Style, words: &str) {
    beside(label, label_style, LABEL, style, words);
}

/// A label and words beside it, wrapped.
fn beside(label: &str, label_style: Style, columns: usize, style: Style, words: &str) {
    let width = WIDTH.saturating_sub(columns + 2);
    for (at, line) in wrap(words, width).iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        let space = " ".repeat(columns.saturating_sub(label.chars().count()));
        anstream::println!("  {label_style}{label}{label_style:#}{space}{style}{line}{style:#}");
    }
}

/// Lines of at most `width` columns; a longer word stands alone.
fn wrap(words: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
