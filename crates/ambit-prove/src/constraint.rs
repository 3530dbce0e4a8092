//! Constraints of manifest entries as Cedar expressions.
//!
//! Cedar cannot say everything that a constraint says: a URL, the length of a list. So each becomes two
//! expressions. Whatever the constraint matches satisfies `over`; whatever satisfies `under` is matched.
//! Where the two are the same the translation is exact.

mod places;
#[cfg(test)]
mod tests;

use ambit_core::constraint::{self, Declared, Kind};
use ambit_core::json::{Document, Json, Kind as JsonKind, Profile, Writer, canonical};
use ambit_core::limits::DECIMAL_PLACES;
use ambit_core::{Number, Steps, decimal_text};
use ambit_policy::cedar::canonical_text;

use crate::expr::{self, Expr};
use places::{cidr, place};

/// What a constraint says of a value that policies see.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    /// Satisfied by every value that matches.
    pub(crate) over: Expr,
    /// Satisfied only by values that match, however the request spells them.
    pub(crate) under: Expr,
}

impl Bounds {
    pub(crate) fn exact(expr: Expr) -> Self {
        let under = expr.clone();
        Self { over: expr, under }
    }

    pub(crate) fn constant(value: bool) -> Self {
        Self::exact(expr::truth(value))
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.over == self.under
    }

    pub(crate) fn all(parts: Vec<Self>) -> Self {
        let (over, under) = split(parts);
        Self {
            over: expr::all(over),
            under: expr::all(under),
        }
    }

    fn any(parts: Vec<Self>) -> Self {
        let (over, under) = split(parts);
        Self {
            over: expr::any(over),
            under: expr::any(under),
        }
    }

    fn not(self) -> Self {
        Self {
            over: expr::not(self.under),
            under: expr::not(self.over),
        }
    }
}

fn split(parts: Vec<Bounds>) -> (Vec<Expr>, Vec<Expr>) {
    parts
        .into_iter()
        .map(|part| (part.over, part.under))
        .unzip()
}

/// An argument, or an element of one: the expression for its value, and its type as bundles write it.
#[derive(Clone)]
pub(crate) struct Target<'a> {
    value: Expr,
    kind: Json<'a>,
    money: Option<u32>,
}

impl<'a> Target<'a> {
    /// The value of an argument, where there is one. `argument` is its declaration in a bundle.
    pub(crate) fn argument(name: &str, argument: Json<'a>) -> Self {
        let money = argument.get("money").and_then(Json::as_int);
        Self {
            value: expr::context(name),
            kind: argument.get("type").unwrap_or(Json::null()),
            money: money.and_then(|digits| u32::try_from(digits).ok()),
        }
    }

    fn declared(&self) -> Declared<'a> {
        Declared::new(self.kind, self.money, canonical_text)
    }

    fn tag(&self) -> &'a str {
        self.kind
            .get("t")
            .and_then(Json::as_str)
            .unwrap_or_default()
    }

    /// Whether policies do not see it: a number that may have more places than their `decimal`, or a list of such.
    pub(crate) fn is_unseen(&self) -> bool {
        match self.tag() {
            "set" => self.element().is_unseen(),
            "number" => self.kind.get("of").is_none(),
            _ => false,
        }
    }

    pub(crate) fn is_list(&self) -> bool {
        self.tag() == "set"
    }

    fn element(&self) -> Self {
        Self {
            value: self.value.clone(),
            kind: self.kind.get("of").unwrap_or(Json::null()),
            money: self.money,
        }
    }

    fn value(&self) -> Expr {
        self.value.clone()
    }

    /// It is this value.
    pub(crate) fn is(&self, value: Json<'_>) -> Expr {
        self.same(value).over
    }

    /// A literal for a value of a simple type; `None` where policies cannot write it, or where no
    /// argument has it.
    fn literal(&self, value: Json<'_>) -> Option<Expr> {
        if self.tag() == "json" {
            let mut out = Writer::default();
            return canonical(value, &mut out).then(|| expr::text(&out.finish()));
        }
        if !self.declared().admits(value) {
            return None;
        }
        let of = self
            .kind
            .get("of")
            .and_then(Json::as_str)
            .unwrap_or_default();
        Some(match self.tag() {
            "string" => expr::text(value.as_str()?),
            "long" => expr::long(value.as_int()?),
            "number" => decimal(Number::of_bound(value)?.units(DECIMAL_PLACES)?)?,
            "bool" => expr::truth(value.as_bool()?),
            "entity" => expr::entity(of, value.as_str()?),
            "ext" => {
                let function = if of == "ipaddr" { "ip" } else { of };
                let text = canonical_text(of, value.as_str()?)?;
                expr::call(function, vec![expr::text(&text)])
            }
            _ => return None,
        })
    }

    fn literals<'v>(&self, values: impl Iterator<Item = Json<'v>>) -> Vec<Expr> {
        values.filter_map(|value| self.literal(value)).collect()
    }

    /// Whether its values are one each in policies, so that a list of them can be compared.
    fn is_simple(&self) -> bool {
        matches!(
            self.tag(),
            "string" | "long" | "number" | "bool" | "entity" | "ext" | "json"
        )
    }

    /// The value is one of these.
    fn among(&self, literals: Vec<Expr>) -> Expr {
        match literals.as_slice() {
            [] => expr::truth(false),
            [only] => expr::eq(self.value(), only.clone()),
            _ => expr::contains(expr::set(literals), self.value()),
        }
    }

    /// The value is the same as `bound`.
    fn same(&self, bound: Json<'_>) -> Bounds {
        if self.is_simple() {
            let literal = self.literal(bound);
            return literal.map_or_else(
                || Bounds::constant(false),
                |literal| Bounds::exact(expr::eq(self.value(), literal)),
            );
        }
        if !self.declared().admits(bound) {
            return Bounds::constant(false);
        }
        match self.tag() {
            "set" => {
                // Policies see neither order nor repetition.
                let element = self.element();
                let literals = element.literals(bound.elements());
                let over = match (bound.is_empty(), literals.len() == bound.len()) {
                    (true, _) => return Bounds::exact(expr::is_empty(self.value())),
                    (false, true) => expr::eq(self.value(), expr::set(literals)),
                    (false, false) => expr::not(expr::is_empty(self.value())),
                };
                Bounds {
                    over,
                    under: expr::truth(false),
                }
            }
            "record" => self.same_record(bound),
            _ => Bounds {
                over: expr::truth(true),
                under: expr::truth(false),
            },
        }
    }

    /// Attribute by attribute: an absent one may be written as `null`, which only the request shows.
    fn same_record(&self, bound: Json<'_>) -> Bounds {
        let attributes = self.kind.get("attrs").into_iter().flat_map(Json::members);
        let parts = attributes.map(|(name, attribute)| {
            let inner = Self {
                value: expr::attr(self.value(), name),
                ..Target::argument(name, attribute)
            };
            let optional = attribute.get("required").and_then(Json::as_bool) == Some(false);
            let there = match optional {
                true => Bounds::exact(expr::has(self.value(), name)),
                false => Bounds::constant(true),
            };
            match bound.get(name).filter(|bound| !bound.is_null()) {
                Some(bound) => Bounds::all(vec![there, inner.same(bound)]),
                None => Bounds {
                    over: expr::not(there.over),
                    under: expr::truth(false),
                },
            }
        });
        Bounds::all(parts.collect())
    }

    /// A value that the constraint matches, as a request has it.
    pub(crate) fn example(&self, spec: Json<'_>) -> Option<serde_json::Value> {
        let steps = Steps::new();
        let found = constraint::examples(spec, None, self.declared().holds_numbers(), &steps);
        found.into_iter().flatten().find_map(|text| {
            let document = Document::parse(text.as_bytes(), Profile::Request).ok()?;
            let value = Some(document.root());
            constraint::matches_declared(spec, value, Some(self.declared()), &steps)
                .then(|| serde_json::from_str(&text).ok())?
        })
    }

    /// One of the constraint's own examples, each of which the evaluator matches.
    fn examples(&self, spec: Json<'_>) -> Expr {
        if !self.is_simple() {
            return expr::truth(false);
        }
        let steps = Steps::new();
        let numbers = self.declared().holds_numbers();
        let mut found = constraint::examples(spec, None, numbers, &steps);
        found.extend(spelled_otherwise(&found));
        let mut literals = Vec::new();
        for text in found.into_iter().flatten() {
            let Ok(document) = Document::parse(text.as_bytes(), Profile::Request) else {
                continue;
            };
            let value = document.root();
            if constraint::matches_declared(spec, Some(value), Some(self.declared()), &steps)
                && let Some(literal) = self.literal(value)
                && !literals.contains(&literal)
            {
                literals.push(literal);
            }
        }
        self.among(literals)
    }

    /// What Cedar cannot say: everything that satisfies `over`, and of that what is known to match.
    fn roughly(&self, spec: Json<'_>, over: Expr) -> Bounds {
        Bounds {
            over,
            under: self.examples(spec),
        }
    }

    /// The text of a JSON value begins and ends like this; of a text there is nothing to say.
    fn json(&self, begin: &str, end: &str) -> Expr {
        match self.tag() {
            "json" => expr::like(self.value(), [Some(begin), None, Some(end)]),
            _ => expr::truth(true),
        }
    }
}

/// The same texts in capitals: where a constraint does not regard case, a policy may.
fn spelled_otherwise(found: &[Option<String>]) -> Vec<Option<String>> {
    let texts = found.iter().flatten().filter(|text| text.starts_with('"'));
    let capitals = texts.map(|text| Some(text.to_ascii_uppercase()));
    capitals.filter(|text| !found.contains(text)).collect()
}

/// What a constraint says of an argument that is there.
pub(crate) fn present(spec: Json<'_>, target: &Target<'_>) -> Bounds {
    if target.declared().misfit(spec).is_some() || !constraint::well_formed(spec) {
        return Bounds::constant(false);
    }
    let Some(kind) = constraint::kind(spec) else {
        return Bounds::constant(false);
    };
    if target.is_unseen() && kind != Kind::Wildcard {
        return Bounds {
            over: expr::truth(true),
            under: expr::truth(false),
        };
    }
    let member = |name: &str| spec.get(name).unwrap_or(Json::null());
    let inner = |name: &str| -> Vec<Bounds> {
        let specs = member(name).elements();
        specs.map(|spec| present(spec, target)).collect()
    };
    let simple = target.is_simple();
    match kind {
        Kind::Exact => target.same(member("value")),
        Kind::OneOf if simple => {
            let literals = target.literals(member("values").elements());
            Bounds::exact(target.among(literals))
        }
        Kind::OneOf => {
            let values = member("values").elements();
            Bounds::any(values.map(|value| target.same(value)).collect())
        }
        Kind::NotOneOf => not_one_of(member("excluded"), target),
        Kind::Range => range(spec, target),
        Kind::Like if target.tag() == "string" => {
            let pieces = pieces(member("pattern").as_str().unwrap_or_default());
            let pieces = pieces.iter().map(Option::as_deref);
            Bounds::exact(expr::like(target.value(), pieces))
        }
        Kind::Like => target.roughly(spec, target.json("\"", "\"")),
        Kind::EmailDomain | Kind::Host | Kind::Url | Kind::Subpath => place(kind, spec, target),
        Kind::Cidr => cidr(spec, target),
        Kind::Each => each(spec, member("constraint"), target),
        Kind::Subset => subset(spec, member("values"), target),
        Kind::Contains => contains(spec, member("values"), target),
        Kind::Count => count(spec, target),
        Kind::All => Bounds::all(inner("constraints")),
        Kind::Any => Bounds::any(inner("constraints")),
        Kind::Optional => {
            let null = match target.tag() {
                "json" => Bounds::exact(expr::eq(target.value(), expr::text("null"))),
                _ => Bounds::constant(false),
            };
            Bounds::any(vec![null, present(member("constraint"), target)])
        }
        Kind::Wildcard => Bounds::constant(true),
    }
}

/// What a constraint says of an argument that policies do not see: it is absent, or `null`, which is the
/// same to them.
pub(crate) fn missing(spec: Json<'_>, target: &Target<'_>) -> Bounds {
    let steps = Steps::new();
    let null = Document::parse(b"null", Profile::Signed);
    let null = null.as_ref().map_or(Json::null(), Document::root);
    let declared = Some(target.declared());
    let absent = constraint::matches_declared(spec, None, declared, &steps);
    // The `null` of a JSON argument is a value like any other.
    let null =
        target.tag() != "json" && constraint::matches_declared(spec, Some(null), declared, &steps);
    Bounds {
        over: expr::truth(absent || null),
        under: expr::truth(absent && (null || target.tag() == "json")),
    }
}

fn not_one_of(excluded: Json<'_>, target: &Target<'_>) -> Bounds {
    let others = Bounds::exact(target.among(target.literals(excluded.elements()))).not();
    let first = excluded.elements().next().map(Json::kind);
    let of_kind = match (target.tag(), first) {
        ("json", Some(JsonKind::String)) => {
            Bounds::exact(expr::like(target.value(), [Some("\""), None]))
        }
        ("json", Some(JsonKind::Bool)) => Bounds::exact(expr::contains(
            expr::set(vec![expr::text("false"), expr::text("true")]),
            target.value(),
        )),
        ("json", _) => {
            let starts = |sign: &str| expr::like(target.value(), [Some(sign), None]);
            let others = ["\"", "{", "[", "t", "f", "n"].map(starts);
            Bounds::exact(expr::any(others)).not()
        }
        _ => Bounds::constant(true),
    };
    Bounds::all(vec![of_kind, others])
}

/// A decimal of policies, from its ten-thousandths.
fn decimal(units: i64) -> Option<Expr> {
    let text = canonical_text("decimal", &decimal_text(units, DECIMAL_PLACES))?;
    Some(expr::call("decimal", vec![expr::text(&text)]))
}

/// The ends of a range of decimals; of one that no decimal has, nothing is said.
fn range_of_decimals(spec: Json<'_>, target: &Target<'_>) -> Bounds {
    let mut said = Vec::new();
    let mut whole = true;
    for (member, function) in [("min", "greaterThanOrEqual"), ("max", "lessThanOrEqual")] {
        let Some(end) = spec.get(member) else {
            continue;
        };
        let end = Number::of_bound(end).and_then(|end| decimal(end.units(DECIMAL_PLACES)?));
        match end {
            Some(end) => said.push(expr::call(function, vec![target.value(), end])),
            None => whole = false,
        }
    }
    match whole {
        true => Bounds::exact(expr::all(said)),
        false => target.roughly(spec, expr::all(said)),
    }
}

fn range(spec: Json<'_>, target: &Target<'_>) -> Bounds {
    if target.tag() == "number" {
        return range_of_decimals(spec, target);
    }
    let (min, max) = constraint::ends(spec).unwrap_or_default();
    if target.tag() == "json" {
        // The text of an integer.
        let digit = |sign: &str| expr::like(target.value(), [Some(sign), None]);
        let signs = ["-", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        return target.roughly(spec, expr::any(signs.map(digit)));
    }
    let above = min.map(|min| expr::binary("<=", expr::long(min), target.value()));
    let below = max.map(|max| expr::binary("<=", target.value(), expr::long(max)));
    Bounds::exact(expr::all(above.into_iter().chain(below)))
}

/// The pieces of a `like` pattern: `None` is any run of characters.
fn pieces(pattern: &str) -> Vec<Option<String>> {
    let mut pieces: Vec<Option<String>> = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            '*' => {
                if pieces.last() != Some(&None) {
                    pieces.push(None);
                }
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        match pieces.last_mut() {
            Some(Some(text)) => text.push(literal),
            _ => pieces.push(Some(literal.to_string())),
        }
    }
    pieces
}

fn each(spec: Json<'_>, inner: Json<'_>, target: &Target<'_>) -> Bounds {
    let listed = match constraint::kind(inner) {
        Some(Kind::Exact) => inner.get("value").map(|one| vec![one]),
        Some(Kind::OneOf) => inner.get("values").map(|many| many.elements().collect()),
        Some(Kind::Wildcard) if target.tag() == "set" => return Bounds::constant(true),
        _ => None,
    };
    let element = target.element();
    match listed {
        Some(listed) if target.tag() == "set" && element.is_simple() => {
            Bounds::exact(within(target, &element, listed.into_iter()))
        }
        _ if target.tag() == "set" => {
            let examples = examples_of(inner, &element);
            let some = match examples.is_empty() {
                true => expr::truth(false),
                false => expr::contains_all(expr::set(examples), target.value()),
            };
            Bounds {
                over: expr::truth(true),
                under: expr::any([expr::is_empty(target.value()), some]),
            }
        }
        _ => target.roughly(spec, target.json("[", "]")),
    }
}

/// Literals that an inner constraint matches.
fn examples_of(spec: Json<'_>, element: &Target<'_>) -> Vec<Expr> {
    if !element.is_simple() {
        return Vec::new();
    }
    let steps = Steps::new();
    let numbers = element.declared().holds_numbers();
    let found = constraint::examples(spec, None, numbers, &steps);
    let literal = |text: String| {
        let document = Document::parse(text.as_bytes(), Profile::Request).ok()?;
        let value = document.root();
        constraint::matches_declared(spec, Some(value), Some(element.declared()), &steps)
            .then(|| element.literal(value))?
    };
    found.into_iter().flatten().filter_map(literal).collect()
}

/// Nothing but the listed values.
fn within<'v>(
    target: &Target<'_>,
    element: &Target<'_>,
    listed: impl Iterator<Item = Json<'v>>,
) -> Expr {
    match element.literals(listed) {
        none if none.is_empty() => expr::is_empty(target.value()),
        literals => expr::contains_all(expr::set(literals), target.value()),
    }
}

fn subset(spec: Json<'_>, values: Json<'_>, target: &Target<'_>) -> Bounds {
    let element = target.element();
    if target.tag() == "set" && element.is_simple() {
        return Bounds::exact(within(target, &element, values.elements()));
    }
    if target.tag() == "set" {
        return Bounds {
            over: expr::truth(true),
            under: expr::is_empty(target.value()),
        };
    }
    target.roughly(spec, target.json("[", "]"))
}

fn contains(spec: Json<'_>, values: Json<'_>, target: &Target<'_>) -> Bounds {
    let element = target.element();
    if target.tag() == "set" && element.is_simple() {
        let literals = element.literals(values.elements());
        return Bounds::exact(expr::contains_all(target.value(), expr::set(literals)));
    }
    if target.tag() == "set" {
        return Bounds {
            over: expr::not(expr::is_empty(target.value())),
            under: expr::truth(false),
        };
    }
    target.roughly(spec, target.json("[", "]"))
}

/// Policies see which elements a list has, not how many: an element may stand in it again.
fn count(spec: Json<'_>, target: &Target<'_>) -> Bounds {
    if target.tag() != "set" {
        return target.roughly(spec, target.json("[", "]"));
    }
    let end = |name: &str| spec.get(name).and_then(Json::as_int);
    let (min, max) = (end("min").unwrap_or(0), end("max"));
    let empty = || expr::is_empty(target.value());
    match (min, max) {
        (..=0, None) => Bounds::constant(true),
        (..=0, Some(0)) => Bounds::exact(empty()),
        (..=0, Some(_)) => Bounds {
            over: expr::truth(true),
            under: empty(),
        },
        (1, None) => Bounds::exact(expr::not(empty())),
        _ => Bounds {
            over: expr::not(empty()),
            under: expr::truth(false),
        },
    }
}
