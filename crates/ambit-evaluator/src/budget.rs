//! Budgets as bounds of arguments: what no budget can ever hold is not granted, whatever is left of it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Power;
use ambit_core::capability::Ask;
use ambit_core::json::{Json, Writer};

use crate::authority::Layer;

/// Minor units: less is no charge.
pub(crate) const LEAST: i64 = 1;

/// The arguments of one budget, and its bounds.
struct Spend<'a> {
    amount: &'a str,
    currency: &'a str,
    limit: Json<'a>,
}

/// The budgets that this call would be taken from: only `execute` spends.
fn spends<'a>(entry: Json<'a>, power: Power) -> impl Iterator<Item = Spend<'a>> {
    let limits = entry.get("limits").into_iter().flat_map(Json::elements);
    let limits = limits.filter(move |limit| {
        power == Power::Execute && limit.get("type").and_then(Json::as_str) == Some("spend")
    });
    limits.map(|limit| {
        let name = |member: &str| limit.get(member).and_then(Json::as_str);
        Spend {
            amount: name("argument").unwrap_or("amount"),
            currency: name("currency_argument").unwrap_or("currency"),
            limit,
        }
    })
}

/// Why a budget can never hold this charge.
pub(crate) fn fault(entry: Json<'_>, ask: &Ask<'_>) -> Option<String> {
    spends(entry, ask.power).find_map(|spend| spend.fault(ask))
}

impl Spend<'_> {
    fn max(&self) -> i64 {
        self.limit
            .get("max")
            .and_then(Json::as_int)
            .unwrap_or_default()
    }

    fn fault(&self, ask: &Ask<'_>) -> Option<String> {
        let (name, currency_name) = (self.amount, self.currency);
        let amount = ask.args.get(name).and_then(Json::as_int);
        let Some(amount) = amount.filter(|amount| *amount >= LEAST) else {
            return Some(format!(
                "`{name}` must be given and at least one minor unit, to be counted"
            ));
        };
        let currency = self.limit.get("currency").and_then(Json::as_str);
        if ask.args.get(currency_name).and_then(Json::as_str) != currency {
            return Some(format!(
                "`{currency_name}` is not the currency of the budget"
            ));
        }
        let most = self.max();
        (amount > most)
            .then(|| format!("`{name}` is {amount} minor units, the whole budget is {most}"))
    }
}

/// The bounds of all budgets as constraints, in JSON: for each layer, for each entry, an object from the
/// argument's name to a list of constraints.
pub(crate) fn constraints(layers: &[Layer<'_>], power: Power) -> String {
    let mut out = Writer::default();
    out.array(|out| {
        for layer in layers {
            out.array(|out| {
                for entry in layer.entries() {
                    write_entry(entry, power, out);
                }
            });
        }
    });
    out.finish()
}

fn write_entry(entry: Json<'_>, power: Power, out: &mut Writer) {
    let spends: Vec<Spend<'_>> = spends(entry, power).collect();
    let mut names: Vec<&str> = Vec::new();
    for name in spends
        .iter()
        .flat_map(|spend| [spend.amount, spend.currency])
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    out.object(|out| {
        for name in names {
            out.name(name).array(|out| {
                for spend in &spends {
                    spend.write(name, out);
                }
            });
        }
    });
}

impl Spend<'_> {
    /// What it says of this argument.
    fn write(&self, argument: &str, out: &mut Writer) {
        for (end, value) in [("min", LEAST), ("max", self.max())] {
            if argument == self.amount {
                out.object(|out| {
                    out.name("constraint_type").string("range");
                    out.name(end).integer(value);
                });
            }
        }
        let currency = self
            .limit
            .get("currency")
            .filter(|_| argument == self.currency);
        if let Some(currency) = currency {
            out.object(|out| {
                out.name("constraint_type").string("exact");
                out.name("value").json(currency);
            });
        }
    }
}
