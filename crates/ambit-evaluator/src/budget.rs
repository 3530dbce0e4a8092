//! Budgets as bounds of arguments: what no budget can ever hold is not granted, whatever is left of it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::Ask;
use ambit_core::constraint::{self, Ends, Unit, counted, uncountable};
use ambit_core::json::Json;
use ambit_core::{Power, foreign};

/// Minor units: less is no charge.
const LEAST: i64 = 1;

/// The arguments of one budget, and its bounds.
struct Spend<'a> {
    amount: &'a str,
    currency: &'a str,
    limit: Json<'a>,
}

/// The budgets that this call would be taken from: only `execute` spends.
fn spends<'a>(entry: Json<'a>, power: Power) -> Vec<Spend<'a>> {
    let mut found = Vec::new();
    if power != Power::Execute {
        return found;
    }
    for limit in entry.get_elements("limits") {
        if limit.get_str("type") == Some("spend") {
            found.push(Spend {
                amount: limit.get_str("argument").unwrap_or("amount"),
                currency: limit.get_str("currency_argument").unwrap_or("currency"),
                limit,
            });
        }
    }
    found
}

/// Why a budget can never hold this charge.
#[derive(Debug)]
pub(crate) struct Fault<'a> {
    pub(crate) argument: &'a str,
    /// What it has room for; nothing where it cannot be counted.
    pub(crate) bound: Option<Room<'a>>,
    /// For an administrator.
    pub(crate) admin: String,
}

/// What a budget has room for.
#[derive(Clone, Copy, Debug)]
pub enum Room<'a> {
    /// From one to this many minor units.
    Amount(i64),
    /// This currency.
    Currency(Json<'a>),
}

impl<'a> Room<'a> {
    /// Whether there is room for this value of the argument.
    #[must_use]
    pub fn holds(self, value: Option<Json<'_>>) -> bool {
        match self {
            Self::Amount(most) => {
                let amount = value.and_then(Json::as_int);
                amount.is_some_and(|amount| (LEAST..=most).contains(&amount))
            }
            Self::Currency(currency) => {
                currency.as_str().is_some() && currency.as_str() == value.and_then(Json::as_str)
            }
        }
    }

    /// In words that fit behind "must be".
    #[must_use]
    pub fn text(self, unit: Unit<'_>) -> String {
        match self {
            Self::Amount(most) => constraint::describe_ends(Some(LEAST), Some(most), unit),
            Self::Currency(currency) => {
                format!("exactly {}", constraint::value_text(Some(currency), unit))
            }
        }
    }

    /// The ends of an amount.
    #[must_use]
    pub const fn ends(self) -> Option<Ends> {
        match self {
            Self::Amount(most) => Some((Some(LEAST), Some(most))),
            Self::Currency(_) => None,
        }
    }
}

/// What the budgets of an entry have room for, each with its argument.
pub fn rooms<'a>(entry: Json<'a>, power: Power) -> impl Iterator<Item = (&'a str, Room<'a>)> {
    spends(entry, power).into_iter().flat_map(|spend| {
        [
            (spend.amount, Room::Amount(spend.most())),
            (spend.currency, Room::Currency(spend.code())),
        ]
    })
}

/// The first budget that can never hold this charge, or, whatever the power, be counted at all.
pub(crate) fn fault<'a>(entry: Json<'a>, ask: &Ask<'_>) -> Option<Fault<'a>> {
    let uncounted = entry.get_elements("limits").find_map(|limit| {
        Some(Fault {
            admin: uncountable(limit, ask.declared)?,
            argument: counted(limit)?,
            bound: None,
        })
    });
    if uncounted.is_some() {
        return uncounted;
    }
    let spends = spends(entry, ask.power);
    spends.iter().find_map(|spend| spend.fault(ask))
}

impl<'a> Spend<'a> {
    fn most(&self) -> i64 {
        let most = self.limit.get_int("max");
        most.unwrap_or_default()
    }

    /// `null` where there is none.
    fn code(&self) -> Json<'a> {
        self.limit.get("currency").unwrap_or_default()
    }

    fn fault(&self, ask: &Ask<'_>) -> Option<Fault<'a>> {
        let (name, currency_name) = (self.amount, self.currency);
        let amount = ask.args.get_int(name);
        let most = self.most();
        let currency = Room::Currency(self.code());
        let (argument, bound, admin) = match amount.filter(|amount| *amount >= LEAST) {
            None => {
                let admin = format!(
                    "{} must be given and at least one minor unit, to be counted",
                    foreign(name)
                );
                (name, Room::Amount(most), admin)
            }
            Some(_) if !currency.holds(ask.args.get(currency_name)) => {
                let admin = format!(
                    "{} is not the currency of the budget",
                    foreign(currency_name)
                );
                (currency_name, currency, admin)
            }
            Some(amount) if amount > most => {
                let admin = format!(
                    "{} is {amount} minor units, the whole budget is {most}",
                    foreign(name)
                );
                (name, Room::Amount(most), admin)
            }
            Some(_) => return None,
        };
        Some(Fault {
            argument,
            bound: Some(bound),
            admin,
        })
    }
}
