//! One `[[property]]`: what holds for all requests. `ambit prove` proves it.

use core::ops::Range;

use ambit_compiler::reader::{Reader, Text, Value};
use ambit_compiler::{on_a_large_stack, suggest};
use ambit_core::Power;
use ambit_core::limits::INTEGER_MAX;
use toml::de::DeTable;

use super::{Context, Spot};

/// A statement about every request that certain agents could make.
#[derive(Clone, Debug)]
pub struct Property {
    /// What it is called.
    pub name: String,
    /// Where it stands.
    pub spot: Spot,
    /// The agent classes that it speaks of, all of them unless it names some.
    pub agents: Vec<String>,
    /// The actions, all unless it names some.
    pub actions: Vec<String>,
    /// The powers, all unless it names some.
    pub powers: Vec<Power>,
    /// What holds.
    pub claim: Claim,
}

/// What a property says.
#[derive(Clone, Debug)]
pub enum Claim {
    /// No allowed request satisfies the expression.
    Never(Expression),
    /// Every allowed request satisfies it.
    Always(Expression),
    /// Some allowed request satisfies it.
    Possible(Expression),
    /// Every token for these agents lives so many seconds at most.
    LifeAtMost(i64),
    /// Nothing is allowed that this folder, module or bundle did not allow.
    NothingNewSince {
        /// The path as it is written, relative to the project.
        path: String,
        /// Where it stands.
        spot: Spot,
    },
}

/// A Cedar expression over `principal`, `action`, `resource` and `context`, which parses.
#[derive(Clone, Debug)]
pub struct Expression {
    /// The expression.
    pub text: String,
    /// Where it stands, quotes included.
    pub spot: Spot,
    /// Where its first character stands in the file, if the file has it letter by letter: in a string
    /// with escapes it does not.
    pub start: Option<usize>,
}

const CLAIMS: [&str; 5] = [
    "never",
    "always",
    "possible",
    "life_at_most_seconds",
    "allows_nothing_new_since",
];

pub(super) fn read(
    context: &Context<'_, '_>,
    table: &DeTable<'_>,
    span: Range<usize>,
) -> Option<Property> {
    let file = context.file;
    let before = file.sink.errors();
    let place = table.get("name").map_or(span, |name| name.span());
    let mut reader = Reader::new(file, table, "`[[property]]`", place.clone());
    let name = reader.required_string("name", "name = \"support-bot never exports personal data\"");
    let agents = names(context, &mut reader, "agents", "manifests");
    let actions = names(context, &mut reader, "actions", "actions");
    let powers = powers(&mut reader);
    let mut claims = Vec::new();
    for key in CLAIMS {
        if let Some(value) = reader.get(key) {
            claims.push(claim(context, key, value));
        }
    }
    if claims.len() != 1 {
        let misspelt = CLAIMS.into_iter().any(|key| reader.has_misspelt(key));
        if !misspelt {
            file.error(
                "test.property",
                place.clone(),
                if claims.is_empty() {
                    "the property does not say what holds"
                } else {
                    "the property says several things at once"
                },
                format!("write exactly one of {}", suggest::one_of(CLAIMS)),
            );
        }
    }
    let name = name.map(|text| text.text.to_owned());
    reader.finish();
    if file.sink.errors() > before {
        return None;
    }
    Some(Property {
        name: name?,
        spot: context.spot(place),
        agents,
        actions,
        powers,
        claim: claims.into_iter().next()??,
    })
}

/// Names that the policy knows; all of them where the key is absent.
fn names(
    context: &Context<'_, '_>,
    reader: &mut Reader<'_, '_>,
    key: &'static str,
    table: &str,
) -> Vec<String> {
    let known = context.names(table);
    let example = format!("{key} = [\"{}\"]", known.first().unwrap_or(&"…"));
    let Some(given) = reader.optional_strings(key, &example) else {
        return known.into_iter().map(str::to_owned).collect();
    };
    for text in &given {
        if !known.contains(&text.text) {
            let (code, message) = match table {
                "manifests" => (
                    "project.unknown_agent",
                    "there is no manifest for the agent",
                ),
                _ => ("project.unknown_action", "the schema declares no action"),
            };
            context.file.error(
                code,
                text.span.clone(),
                format!("{message} `{}`", text.text),
                suggest::help(text.text, known.iter().copied()),
            );
        }
    }
    given.iter().map(|text| text.text.to_owned()).collect()
}

fn powers(reader: &mut Reader<'_, '_>) -> Vec<Power> {
    let Some(given) = reader.optional_strings("powers", "powers = [\"execute\"]") else {
        return Power::ALL.to_vec();
    };
    let mut powers = Vec::new();
    for text in given {
        match Power::from_name(text.text) {
            Some(power) => powers.push(power),
            None => reader.file.error(
                "project.value",
                text.span,
                format!("`{}` is no power", text.text),
                "write `observe`, `draft`, `propose` or `execute`",
            ),
        }
    }
    powers
}

fn claim(context: &Context<'_, '_>, key: &str, value: &Value<'_>) -> Option<Claim> {
    const LIFE: &str = "life_at_most_seconds";
    let file = context.file;
    match key {
        LIFE => file
            .integer(value, LIFE, 1..=INTEGER_MAX)
            .map(Claim::LifeAtMost),
        "allows_nothing_new_since" => {
            let text = file.string(value, key, "allows_nothing_new_since = \"../v41\"")?;
            Some(Claim::NothingNewSince {
                path: text.text.to_owned(),
                spot: context.spot(text.span),
            })
        }
        _ => {
            let example = format!("{key} = 'resource.sensitivity == \"pii\"'");
            let text = file.lines(value, key, &example)?;
            let expression = expression(context, &text)?;
            Some(match key {
                "never" => Claim::Never(expression),
                "always" => Claim::Always(expression),
                _ => Claim::Possible(expression),
            })
        }
    }
}

/// An expression of Cedar that parses; the fault of one that does not is underlined where it stands.
fn expression(context: &Context<'_, '_>, text: &Text<'_>) -> Option<Expression> {
    let start = letter_by_letter(context.text, text);
    let whole = text.span.clone();
    let place = |inner: Range<usize>| {
        start.map_or_else(
            || whole.clone(),
            |start| start + inner.start..start + inner.end,
        )
    };
    if let Some(deep) = ambit_compiler::cedar::too_deep(text.text) {
        context.file.error(
            "project.nesting",
            place(deep),
            "brackets stand too deep in each other",
            "split the property into several",
        );
        return None;
    }
    if let Err((error, inner)) = on_a_large_stack(|| parse(text.text)) {
        context.file.error(
            "test.expression",
            inner.map_or_else(|| whole.clone(), place),
            format!("this is no expression of Cedar: {error}"),
            "write what could stand in `when { … }` of a policy: `context.amount > 50`",
        );
        return None;
    }
    Some(Expression {
        text: text.text.to_owned(),
        start,
        spot: context.spot(whole),
    })
}

/// What is wrong with an expression, and where. Cedar's parser walks through it by recursion.
fn parse(text: &str) -> Result<(), (String, Option<Range<usize>>)> {
    text.parse::<cedar_policy::Expression>()
        .map(drop)
        .map_err(|error| {
            let label = miette::Diagnostic::labels(&error).and_then(|mut labels| labels.next());
            let inner = label.map(|label| label.offset()..label.offset() + label.len());
            (error.to_string(), inner)
        })
}

/// Where the content of a string begins, if the file has it as it is.
fn letter_by_letter(file: &str, text: &Text<'_>) -> Option<usize> {
    let raw = file.get(text.span.clone())?;
    let quotes = if raw.starts_with("\'\'\'") || raw.starts_with("\"\"\"") {
        3
    } else {
        1
    };
    let inner = raw.get(quotes..raw.len().checked_sub(quotes)?)?;
    let skipped = inner.len() - inner.trim_start_matches(['\r', '\n']).len();
    let found = [quotes, quotes + skipped].into_iter().find(|from| {
        raw.get(*from..)
            .is_some_and(|rest| rest.starts_with(text.text))
    })?;
    Some(text.span.start + found)
}
