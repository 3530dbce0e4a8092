//! Bounds that are well-formed, but that the schema contradicts. The rule is the evaluator's
//! ([`Declared::misfit`], [`uncountable`]); this gives it the schema in the form in which bundles have it.

use ambit_core::capability::why;
use ambit_core::constraint::{Arguments, Declared, uncountable};
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::canonical_text;
use serde_json::Value as Json;

use crate::build;
use crate::reader::{File, Value};
use crate::schema::{Action, Argument, Vocabulary};

/// Refuses a constraint that the type of its argument contradicts.
pub(super) fn check(
    file: File<'_>,
    place: &Value<'_>,
    spec: &Json,
    argument: &Argument,
    vocabulary: &Vocabulary,
    name: &str,
) {
    let json = build::declaration(argument, vocabulary).to_string();
    let spec = spec.to_string();
    let read = |text| Document::parse(text, Profile::Signed).ok();
    let (Some(json), Some(spec)) = (read(json.as_bytes()), read(spec.as_bytes())) else {
        return;
    };
    let money = argument.attribute.money;
    let kind = json.root().get("type");
    let declared = kind.map(|kind| Declared::new(kind, money, canonical_text));
    let misfit = declared.and_then(|declared| Some((declared, declared.misfit(spec.root())?)));
    if let Some((declared, misfit)) = misfit {
        file.error(
            "project.contradiction",
            place.span(),
            format!("this can never hold for `{name}`"),
            why(misfit, declared),
        );
    }
}

/// An action of the schema, as the rule sees it.
struct Declarations<'a>(&'a Document<'a>);

impl Arguments for Declarations<'_> {
    fn declared(&self, name: &str) -> Option<Declared<'_>> {
        let argument = self.0.root().get(name)?;
        let money = argument.get("money").and_then(|money| money.as_int());
        let money = money.and_then(|money| u32::try_from(money).ok());
        Some(Declared::new(argument.get("type")?, money, canonical_text))
    }
}

/// Why a budget cannot be counted for an action, in words.
pub(super) fn budget(limit: &Json, action: &Action, vocabulary: &Vocabulary) -> Option<String> {
    let declarations: serde_json::Map<String, Json> = action
        .args
        .iter()
        .map(|(name, one)| (name.clone(), build::declaration(one, vocabulary)))
        .collect();
    let (declarations, limit) = (Json::Object(declarations).to_string(), limit.to_string());
    let declared = Document::parse(declarations.as_bytes(), Profile::Signed).ok()?;
    let asked = Document::parse(limit.as_bytes(), Profile::Signed).ok()?;
    uncountable(asked.root(), &Declarations(&declared))
}
