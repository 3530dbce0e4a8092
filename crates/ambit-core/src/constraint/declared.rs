//! What a vocabulary declares an argument to be, and which bounds that rules out.
//!
//! A bound that the vocabulary contradicts cannot hold: [`Declared::misfit`] and
//! [`uncountable`] are the rule for all who sign and all who read.

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::spec::{Spec, well_formed};
use super::table::Kind;
use crate::json::{Json, Kind as JsonKind, same_value};
use crate::limits::DECIMAL_PLACES;
use crate::{Number, Steps};

/// What a number is of that policies see as one of their decimals.
const DECIMAL: &str = "decimal";
/// Members or identifiers of a type that are looked at in one step.
const LOOKS: usize = 8;

/// The arguments of one action, as a vocabulary declares them.
pub trait Arguments {
    /// The argument with this name; `None` for one that the action does not have.
    fn declared(&self, name: &str) -> Option<Declared<'_>>;
}

impl<T: Arguments> Arguments for Option<T> {
    fn declared(&self, name: &str) -> Option<Declared<'_>> {
        self.as_ref()?.declared(name)
    }
}

/// For tokens without a vocabulary: every argument may be anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Undescribed;

impl Arguments for Undescribed {
    fn declared(&self, _name: &str) -> Option<Declared<'_>> {
        Some(Declared::ANYTHING)
    }
}

/// Reads the text of a value of an extension type (`datetime`, `decimal` …) and gives the one text that
/// every spelling of this value has; `None` for a text that is none.
pub type Canonical = fn(kind: &str, text: &str) -> Option<String>;

/// What an argument is declared to be.
#[derive(Clone, Copy)]
pub struct Declared<'a> {
    /// The type as bundles write it: `{"t": "set", "of": {"t": "long"}}`. Without one, anything.
    kind: Option<Json<'a>>,
    /// What the type is: found once, for a list may hold thousands of values of it.
    class: u16,
    money: Option<u32>,
    canonical: Canonical,
}

impl fmt::Debug for Declared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Declared")
            .field("class", &self.class())
            .field("money", &self.money)
            .finish_non_exhaustive()
    }
}

/// The classes of types that make a difference to a bound; sets of them are sums.
pub(super) mod class {
    pub(in crate::constraint) const TEXT: u16 = 1;
    pub(in crate::constraint) const INTEGER: u16 = 1 << 1;
    pub(in crate::constraint) const BOOL: u16 = 1 << 2;
    /// Any JSON value.
    pub(in crate::constraint) const JSON: u16 = 1 << 3;
    pub(in crate::constraint) const LIST: u16 = 1 << 4;
    pub(in crate::constraint) const RECORD: u16 = 1 << 5;
    /// An entity is compared by its identifier, a text.
    pub(in crate::constraint) const ENTITY: u16 = 1 << 6;
    /// A value that has several spellings.
    pub(in crate::constraint) const VALUE: u16 = 1 << 7;
    pub(in crate::constraint) const ADDRESS: u16 = 1 << 8;
    /// A number with a fraction. Bounds say it as a text.
    pub(in crate::constraint) const NUMBER: u16 = 1 << 9;
    pub(in crate::constraint) const ANY: u16 = u16::MAX;
    pub(in crate::constraint) const TEXTUAL: u16 = TEXT | ENTITY | JSON;
    pub(in crate::constraint) const SCALAR: u16 =
        TEXTUAL | INTEGER | BOOL | VALUE | ADDRESS | NUMBER;
}

/// A bound that cannot hold for an argument of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The kind of constraint.
    pub kind: &'static str,
    /// Whether the kind suits the type, and only the values that it lists are none of it.
    pub values: bool,
}

impl<'a> Declared<'a> {
    /// Any JSON value.
    pub const ANYTHING: Declared<'static> = Declared {
        kind: None,
        class: class::JSON,
        money: None,
        canonical: |_, _| None,
    };

    /// An argument of a type as bundles write it (`{"t": …}`), money with so many digits after the
    /// point where `money` is given.
    #[must_use]
    pub fn new(kind: Json<'a>, money: Option<u32>, canonical: Canonical) -> Self {
        Self {
            kind: Some(kind),
            class: class_of(Some(kind)),
            money,
            canonical,
        }
    }

    /// Such as `decimal`.
    fn extension(self) -> &'a str {
        member(self.kind, "of")
    }

    pub(super) const fn class(self) -> u16 {
        self.class
    }

    fn of(self, kind: Option<Json<'a>>) -> Self {
        Self {
            kind,
            class: class_of(kind),
            ..self
        }
    }

    /// What the elements are.
    pub(super) fn element(self) -> Self {
        // Whatever is in free JSON is free.
        let kind = self.kind.filter(|_| self.class() != class::JSON);
        self.of(kind.map(|kind| kind.get("of").unwrap_or_default()))
    }

    fn attribute(self, name: &str) -> Option<(Self, bool)> {
        let attribute = self.kind?.get("attrs")?.get(name)?;
        let required = attribute.get("required").and_then(Json::as_bool);
        Some((self.of(attribute.get("type")), required.unwrap_or(true)))
    }

    fn attributes(self) -> impl Iterator<Item = (&'a str, Json<'a>)> {
        let attributes = self.kind.and_then(|kind| kind.get("attrs"));
        attributes.unwrap_or_default().members()
    }

    /// Whether an argument can have this value, money being in minor units.
    #[must_use]
    pub fn admits(self, value: Json<'_>) -> bool {
        match (self.class(), value.kind()) {
            (class::JSON, _) | (class::TEXT, JsonKind::String) | (class::BOOL, JsonKind::Bool) => {
                true
            }
            (class::INTEGER, JsonKind::Number) => value.as_int().is_some(),
            (class::NUMBER, _) => {
                let number = Number::of_bound(value);
                number.is_some_and(|number| self.takes_places(number))
            }
            (class::ENTITY, JsonKind::String) => {
                let ids = self.kind.and_then(|kind| kind.get("ids"));
                ids.is_none_or(|ids| ids.elements().any(|id| id.as_str() == value.as_str()))
            }
            (class::VALUE | class::ADDRESS, JsonKind::String) => self.spelled(value).is_some(),
            (class::LIST, JsonKind::Array) => {
                let element = self.element();
                value.elements().all(|value| element.admits(value))
            }
            (class::RECORD, JsonKind::Object) => {
                let complete = self.attributes().all(|(name, attribute)| {
                    attribute.get("required").and_then(Json::as_bool) == Some(false)
                        || value.get(name).is_some()
                });
                complete
                    && value.members().all(|(name, value)| {
                        self.attribute(name).is_some_and(|(declared, required)| {
                            (!required && value.is_null()) || declared.admits(value)
                        })
                    })
            }
            _ => false,
        }
    }

    /// Whether a number has as few places as the type.
    fn takes_places(self, number: Number) -> bool {
        self.extension() != DECIMAL || number.units(DECIMAL_PLACES).is_some()
    }

    /// Whether it is an integer.
    pub(super) fn is_integer(self) -> bool {
        self.class() == class::INTEGER
    }

    /// Whether it is a number with a fraction.
    pub(super) fn is_number(self) -> bool {
        self.class() == class::NUMBER
    }

    /// Whether it is one, or a list of them, however many lists lie between.
    #[must_use]
    pub fn holds_numbers(self) -> bool {
        let mut innermost = self;
        while innermost.class() == class::LIST {
            innermost = innermost.element();
        }
        innermost.is_number()
    }

    /// The one text of a value of an extension type.
    fn spelled(self, value: Json<'_>) -> Option<String> {
        (self.canonical)(self.extension(), value.as_str()?)
    }

    /// Whether two values are the same: of extension types as they are read, all else as JSON.
    pub(super) fn same(self, bound: Json<'_>, value: Json<'_>, steps: &Steps) -> bool {
        match (self.class(), bound.kind(), value.kind()) {
            (class::VALUE | class::ADDRESS, JsonKind::String, JsonKind::String) => {
                let length = |json: Json<'_>| json.as_bytes().map_or(0, <[u8]>::len);
                steps.take(length(bound).saturating_add(length(value)))
                    && self
                        .spelled(bound)
                        .is_some_and(|bound| Some(bound) == self.spelled(value))
            }
            (class::NUMBER, _, _) => {
                let both = Number::of_bound(bound).zip(Number::of_bound(value));
                steps.take(1) && both.is_some_and(|(bound, value)| bound == value)
            }
            (class::LIST, JsonKind::Array, JsonKind::Array) => {
                let mut pairs = bound.elements().zip(value.elements());
                let element = self.element();
                steps.take(1)
                    && bound.len() == value.len()
                    && pairs.all(|(bound, value)| element.same(bound, value, steps))
            }
            (class::RECORD, JsonKind::Object, JsonKind::Object) => {
                steps.take(value.len().saturating_mul(value.len()))
                    && bound.len() == value.len()
                    && bound.members().all(|(name, bound)| {
                        let declared = self.attribute(name);
                        value
                            .get(name)
                            .zip(declared)
                            .is_some_and(|(value, (declared, _))| {
                                declared.same(bound, value, steps)
                            })
                    })
            }
            _ => same_value(bound, value, steps),
        }
    }

    /// The kind of constraint inside `spec` that can hold for no argument of this type, or that means
    /// something else for it than what it says.
    #[must_use]
    pub fn misfit(self, spec: Json<'_>) -> Option<Misfit> {
        if !well_formed(spec) {
            return None;
        }
        self.misfit_of(Spec::read(spec)?)
    }

    /// Whether nothing in `constraint`, which was read as `spec`, is a misfit. Paid for: what it lists is
    /// read as the type reads it, and looked for among what the type has.
    pub(super) fn fits(self, constraint: Json<'_>, spec: Spec<'_>, steps: &Steps) -> bool {
        let has = self.kind.map_or(0, Json::weight);
        let each = (has / LOOKS).saturating_add(2);
        steps.take(constraint.weight().saturating_mul(each)) && self.misfit_of(spec).is_none()
    }

    pub(super) fn misfit_of(self, spec: Spec<'_>) -> Option<Misfit> {
        if spec.kind.classes() & self.class() == 0 {
            return Some(Misfit {
                kind: spec.kind.name(),
                values: false,
            });
        }
        spec.misfit(self)
    }

    /// The kinds of constraint for arguments of this type, but for those that join others.
    pub fn kinds(self) -> impl Iterator<Item = &'static str> {
        let class = self.class();
        let suits = move |kind: &Kind| {
            let joins = kind.has_constraints() && kind.classes() == class::ANY;
            !joins && kind.classes() & class != 0
        };
        Kind::ALL.iter().copied().filter(suits).map(Kind::name)
    }

    /// The type in words: "a datetime".
    #[must_use]
    pub fn words(self) -> String {
        match self.class() {
            class::TEXT => String::from("a text"),
            class::INTEGER if self.money.is_some() => String::from("an amount of money"),
            class::INTEGER => String::from("an integer"),
            class::BOOL => String::from("true or false"),
            class::JSON => String::from("any JSON value"),
            class::LIST => String::from("a list"),
            class::RECORD => String::from("a record"),
            class::ENTITY => String::from("an entity"),
            class::ADDRESS => String::from("an ipaddr"),
            class::NUMBER if self.extension() == DECIMAL => {
                String::from("a number with at most four digits after the decimal point")
            }
            class::NUMBER => String::from("a number"),
            _ => format!("a {}", self.extension()),
        }
    }

    /// Whether values of the type hold money that is not the argument's own: its digits are then told
    /// nowhere but in the type.
    #[must_use]
    pub fn hides_money(self) -> bool {
        match self.class() {
            class::LIST => self.element().hides_money(),
            class::RECORD => self.attributes().any(|(name, attribute)| {
                attribute.get("money").is_some_and(|money| !money.is_null())
                    || self
                        .attribute(name)
                        .is_some_and(|(declared, _)| declared.hides_money())
            }),
            _ => false,
        }
    }
}

/// Why a budget cannot be counted for an action with these arguments, in words. `None` for one that can,
/// and where there is nothing to count: the action has no such argument, or the limit looks at none.
///
/// People read the budget with its own `decimals`, and the argument is counted with those of its `@unit`:
/// so these must be the same.
#[must_use]
pub fn uncountable(limit: Json<'_>, arguments: &dyn Arguments) -> Option<String> {
    let name = counted(limit)?;
    let decimals = limit.get_int("decimals");
    let amount = arguments.declared(name)?;
    let money = amount.money.filter(|_| amount.class() == class::INTEGER);
    let Some(money) = money else {
        return Some(format!(
            "`{name}` is {}, not money (`@unit(\"money:…\")`)",
            amount.words()
        ));
    };
    if Some(i64::from(money)) != decimals {
        return Some(format!(
            "`{name}` is money with {money} digits after the point, and `decimals` is another number"
        ));
    }
    let name = limit.get_str("currency_argument");
    let name = name.unwrap_or("currency");
    let Some(currency) = arguments.declared(name) else {
        return Some(format!(
            "the action has no argument `{name}` for the currency"
        ));
    };
    let named = limit
        .get("currency")
        .is_some_and(|named| currency.admits(named));
    (currency.class() & class::TEXTUAL == 0 || !named)
        .then(|| format!("`{name}` is {} and never this currency", currency.words()))
}

/// The argument that a budget counts; `None` for limits that count none.
#[must_use]
pub fn counted(limit: Json<'_>) -> Option<&str> {
    let text = |member: &str| limit.get_str(member);
    (text("type") == Some("spend")).then(|| text("argument").unwrap_or("amount"))
}

/// A type that is not known is in no class, so that no bound fits it.
fn class_of(kind: Option<Json<'_>>) -> u16 {
    if kind.is_none() {
        return class::JSON;
    }
    match member(kind, "t") {
        "string" => class::TEXT,
        "long" => class::INTEGER,
        "bool" => class::BOOL,
        "json" => class::JSON,
        "number" => class::NUMBER,
        "set" => class::LIST,
        "record" => class::RECORD,
        "entity" => class::ENTITY,
        "ext" if member(kind, "of") == "ipaddr" => class::ADDRESS,
        "ext" => class::VALUE,
        _ => 0,
    }
}

fn member<'a>(kind: Option<Json<'a>>, name: &str) -> &'a str {
    let found = kind.and_then(|kind| kind.get(name));
    found.and_then(Json::as_str).unwrap_or_default()
}
