//! Who must say yes to a call: so many distinct people out of those named, by name, by role, or as a second policy service.

use std::collections::{BTreeMap, BTreeSet};

use ambit_token::{ROLE, SERVICE};
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{Client, Config};
use crate::refusal::Refusal;
use crate::revoke;
use crate::second::Service;
use crate::store::texts;

/// The most people who are asked about one call.
pub(crate) const ASKED: usize = 50;

/// So many of these, as the policy names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Demand {
    pub(crate) approvers: Vec<String>,
    pub(crate) count: usize,
}

impl Demand {
    pub(crate) fn of_person(sub: &str) -> Self {
        Self {
            approvers: vec![sub.to_owned()],
            count: 1,
        }
    }

    /// Those that a denial says are lacking.
    pub(crate) fn lacking(denied: &Value) -> Vec<Self> {
        let read = |step: &Value| {
            let names = step["approvers"].as_array()?.iter();
            Some(Self {
                approvers: names.filter_map(Value::as_str).map(str::to_owned).collect(),
                count: usize::try_from(step["count"].as_i64()?).ok()?,
            })
        };
        denied["context"]["remedy"]["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|step| step["step_up"] == "approval")
            .filter_map(read)
            .collect()
    }

    /// Whether whoever this is may say this yes: the person, or in one of their roles.
    pub(crate) fn asks(&self, config: &Config, who: &str) -> bool {
        self.approvers
            .iter()
            .any(|name| match name.strip_prefix(ROLE) {
                Some(role) => self.takes(config, role) && config.acts_as(who, role),
                None => name == who,
            })
    }

    /// Whether this person is asked otherwise than by the role that overrides denials.
    fn asks_plainly(&self, config: &Config, who: &str) -> bool {
        self.approvers
            .iter()
            .any(|name| match name.strip_prefix(ROLE) {
                Some(role) => !config.breaks(role) && config.acts_as(who, role),
                None => name == who,
            })
    }

    /// Whether yeses in this role count: those of who overrides a denial only in the place of one approver.
    fn takes(&self, config: &Config, role: &str) -> bool {
        self.count == 1 || !config.breaks(role)
    }

    /// The policy services among them.
    pub(crate) fn services<'a>(&'a self, config: &'a Config) -> impl Iterator<Item = &'a Service> {
        let services = config.services.iter();
        services.filter(|service| self.approvers.contains(&service.name))
    }

    /// Everybody who may, in the order in which they are named; never who acts.
    pub(crate) fn people<'a>(&'a self, config: &'a Config, client: &Client) -> Vec<&'a str> {
        let mut people: Vec<&str> = Vec::new();
        for name in &self.approvers {
            let named = match name.strip_prefix(ROLE) {
                Some(role) if self.takes(config, role) => config.in_role(role),
                Some(_) => &[],
                None => std::slice::from_ref(name),
            };
            for one in named {
                let acts = *one == client.id || *one == client.act;
                if !acts && !one.starts_with(SERVICE) && !people.contains(&one.as_str()) {
                    people.push(one);
                }
            }
        }
        people
    }
}

/// Demands for everybody whom they name are one.
pub(crate) fn joined(demands: Vec<Demand>) -> Vec<Demand> {
    let of_all = |demand: &Demand| {
        let role = |name: &String| name.starts_with(ROLE);
        demand.count == demand.approvers.len() && !demand.approvers.iter().any(role)
    };
    let (all, mut joined): (Vec<_>, Vec<_>) = demands.into_iter().partition(of_all);
    let mut approvers: Vec<String> = Vec::new();
    for name in all.into_iter().flat_map(|demand| demand.approvers) {
        if !approvers.contains(&name) {
            approvers.push(name);
        }
    }
    if !approvers.is_empty() {
        let count = approvers.len();
        joined.insert(0, Demand { approvers, count });
    }
    joined
}

/// In which roles this person says yes to these: those that are asked for, and no other. That of who overrides a denial
/// (`glass`) is stated by nobody who answers otherwise.
pub(crate) fn roles<'a>(
    config: &Config,
    demands: &'a [Demand],
    who: &str,
    glass: bool,
) -> BTreeSet<&'a str> {
    let roles = demands.iter().flat_map(|demand| {
        let names = demand.approvers.iter();
        let roles = names.filter_map(|name| name.strip_prefix(ROLE));
        roles.filter(|role| demand.takes(config, role))
    });
    let stated = |role: &&str| config.acts_as(who, role) && (glass || !config.breaks(role));
    roles.filter(stated).collect()
}

/// Whether this person is asked about these at all, and only by the role that overrides denials.
pub(crate) fn breaks(config: &Config, demands: &[Demand], who: &str) -> bool {
    let asked = demands.iter().any(|one| one.asks(config, who));
    asked && !demands.iter().any(|one| one.asks_plainly(config, who))
}

/// Who has said yes, each with the roles that their receipt states.
pub(crate) type Yeses = BTreeMap<String, BTreeSet<String>>;

/// The yeses to a call that are kept.
pub(crate) fn yeses(tables: &Transaction<'_>, task: &str) -> Result<Yeses, Refusal> {
    let sql = "SELECT receipt FROM yes WHERE task = ?1";
    let mut yeses = Yeses::new();
    for receipt in texts(tables, sql, [task])? {
        let claims = revoke::claims(&receipt)?;
        let roles = claims["roles"].as_array().into_iter().flatten();
        let roles = roles.filter_map(Value::as_str).map(str::to_owned).collect();
        let sub = claims["sub"].as_str().unwrap_or_default();
        yeses.insert(sub.to_owned(), roles);
    }
    Ok(yeses)
}

impl Demand {
    /// Whether a yes counts here: by name, or by a role that its receipt states and that its giver still has. A role
    /// that they got later is not in the receipt, and no service would count it.
    pub(crate) fn counts(&self, config: &Config, who: &str, said_as: &BTreeSet<String>) -> bool {
        self.approvers
            .iter()
            .any(|name| match name.strip_prefix(ROLE) {
                Some(role) => {
                    self.takes(config, role) && said_as.contains(role) && config.acts_as(who, role)
                }
                None => name == who,
            })
    }

    /// How many of the yeses that it wants are said.
    pub(crate) fn given(&self, config: &Config, yeses: &Yeses) -> usize {
        let counted = yeses
            .iter()
            .filter(|(who, as_)| self.counts(config, who, as_));
        counted.count().min(self.count)
    }
}

/// Whether these have said enough.
pub(crate) fn are_met(config: &Config, demands: &[Demand], yeses: &Yeses) -> bool {
    let met = |demand: &Demand| demand.given(config, yeses) >= demand.count;
    demands.iter().all(met)
}

/// Whether one more yes of this one is wanted.
pub(crate) fn is_wanted(config: &Config, demands: &[Demand], yeses: &Yeses, who: &str) -> bool {
    let open = |demand: &&Demand| demand.given(config, yeses) < demand.count;
    let mut open = demands.iter().filter(open);
    let glass = breaks(config, demands, who);
    let asks = |demand: &Demand| match glass {
        true => demand.asks(config, who),
        false => demand.asks_plainly(config, who),
    };
    !yeses.contains_key(who) && open.any(asks)
}
