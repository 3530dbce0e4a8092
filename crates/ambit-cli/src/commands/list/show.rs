//! What an agent may do, for people and for hosts.

use std::collections::{BTreeMap, BTreeSet};

use ambit_core::Power;
use ambit_policy::Bundle;
use ambit_prove::{Policy as Provable, Rails};
use ambit_workbench::list::{Listed, Listing, Way};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::say::{self, BOLD, DIM, foreign};
use crate::time;

/// Policies that are named for one action.
const NAMED: usize = 6;

/// A listing with what it is about.
pub(super) struct Page<'p> {
    pub(super) bundle: &'p Bundle<'p>,
    pub(super) agent: &'p str,
    pub(super) expires: Option<i64>,
    pub(super) with_token: bool,
    pub(super) listing: &'p Listing,
}

/// Why the guard rails allow nothing of this.
pub(super) fn why(policy: &Provable, rails: &Rails) -> String {
    let bundle = policy.bundle();
    let names: Vec<String> = rails
        .forbidden_by
        .iter()
        .filter_map(|number| named(&bundle, *number))
        .collect();
    if names.is_empty() {
        "no `permit` of the guard rails can be satisfied".to_owned()
    } else {
        format!("the guard rails forbid it always: {}", names.join(", "))
    }
}

/// ``large (policies/base.cedar:3)``
fn named(bundle: &Bundle<'_>, number: usize) -> Option<String> {
    let policy = bundle.program()?.policy(number)?;
    let place = policy.place().map(|place| format!(" ({place})"));
    Some(format!(
        "{}{}",
        foreign(policy.id(), 128),
        foreign(&place.unwrap_or_default(), 300)
    ))
}

impl Page<'_> {
    pub(super) fn show(&self) -> Result<(), Failure> {
        let mut page = say::Page::new();
        let may: Vec<&Listed> = self
            .listing
            .actions
            .iter()
            .filter(|one| !one.ways.is_empty())
            .collect();
        page.heading(&format!("What {} may do", foreign(self.agent, 128)));
        page.field(
            "policy",
            format!(
                "{} version {}",
                foreign(self.bundle.uid(), 128),
                self.bundle.version()
            ),
        );
        match (self.with_token, self.expires) {
            (true, Some(end)) => {
                page.field("token", format!("not verified; until {}", time::show(end)))
            }
            (true, None) => page.field("token", "not verified"),
            (false, _) => page.field("token", "none: all that its manifest could ever grant"),
        };
        if self.listing.unusable > 0 {
            page.warning(
                "note",
                format!(
                    "{} entries are malformed or contradict the vocabulary, and allow nothing",
                    self.listing.unusable
                ),
            );
        }
        if may.is_empty() {
            page.line("nothing");
        }
        for action in may {
            self.action(&mut page, action);
        }
        self.never(&mut page);
        if !self.listing.not_granted.is_empty() {
            page.heading("Not granted");
            let names: Vec<String> = self
                .listing
                .not_granted
                .iter()
                .map(|name| foreign(name, 128))
                .collect();
            page.line(names.join(", "));
        }
        page.show()
    }

    fn action(&self, page: &mut say::Page, action: &Listed) {
        let elsewhere: Vec<String> = action
            .mcp
            .iter()
            .chain(&action.oauth)
            .map(|name| foreign(name, 200))
            .collect();
        let elsewhere = match elsewhere.as_slice() {
            [] => String::new(),
            names => format!("  {DIM}{}{DIM:#}", names.join(", ")),
        };
        page.heading(&foreign(&action.name, 128));
        if !elsewhere.is_empty() {
            page.line(elsewhere.trim_start());
        }
        if action.guessed.is_some() {
            page.warning(
                "unconfirmed",
                "imported, and taken for `execute` at high risk",
            );
        }
        let mut rules = BTreeSet::new();
        for way in &action.ways {
            page.field("powers", self.powers(&action.name, way));
            for text in &way.texts {
                page.field("may", text);
            }
            rules.extend(way.may_forbid.iter().copied());
        }
        if !rules.is_empty() {
            page.field("unless", self.rules(&rules));
        }
    }

    /// `draft (medium risk), execute (high risk, once a person approved exactly the call)`
    fn powers(&self, action: &str, way: &Way) -> String {
        let powers = way.powers.keys().map(|power| {
            let approved = match way.needs_approval(*power) {
                true => ", once a person approved exactly the call",
                false => "",
            };
            format!("{power} ({} risk{approved})", self.risk(action, *power))
        });
        powers.collect::<Vec<_>>().join(", ")
    }

    fn risk(&self, action: &str, power: Power) -> &str {
        let action = self.bundle.action(action);
        action.map_or("critical", |action| action.risk(power))
    }

    fn rules(&self, rules: &BTreeSet<usize>) -> String {
        let names = rules
            .iter()
            .take(NAMED)
            .filter_map(|number| named(self.bundle, *number));
        let names: Vec<String> = names.collect();
        let more = match rules.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("a guard rail forbids it: {}{more}", names.join(", "))
    }

    fn never(&self, page: &mut say::Page) {
        let never = || {
            self.listing
                .actions
                .iter()
                .flat_map(|action| action.never.iter().map(move |one| (action, one)))
        };
        if never().next().is_none() {
            return;
        }
        page.heading("Granted, and never allowed");
        for (action, (power, why)) in never() {
            page.line(format!(
                "{BOLD}{}{BOLD:#} {power}: {why}",
                foreign(&action.name, 128)
            ));
        }
    }

    pub(super) fn json(&self) -> String {
        let actions: Vec<Value> = self
            .listing
            .actions
            .iter()
            .map(|action| self.action_json(action))
            .collect();
        let mut tools: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for action in self
            .listing
            .actions
            .iter()
            .filter(|action| !action.ways.is_empty())
        {
            for (server, tool) in action.mcp.iter().filter_map(|name| name.split_once('/')) {
                tools.entry(server).or_default().push(tool);
            }
        }
        let json = json!({
            "command": "list",
            "agent": self.agent,
            "policy": {"uid": self.bundle.uid(), "version": self.bundle.version()},
            "token": self.with_token.then(|| json!({"verified": false, "expires": self.expires})),
            "actions": actions,
            "tools": tools,
            "not_granted": self.listing.not_granted,
            "unusable_entries": self.listing.unusable,
        });
        format!("{}\n", ambit_compiler::conceal(&format!("{json:#}")))
    }

    fn action_json(&self, action: &Listed) -> Value {
        let ways: Vec<Value> = action
            .ways
            .iter()
            .map(|way| self.way_json(&action.name, way))
            .collect();
        let never: Vec<Value> = action
            .never
            .iter()
            .map(|(power, why)| json!({"power": power.name(), "why": why}))
            .collect();
        json!({
            "action": action.name,
            "label": action.label,
            "mcp": action.mcp,
            "oauth": action.oauth,
            "unconfirmed": action.guessed.is_some(),
            "ways": ways,
            "never": never,
        })
    }

    fn way_json(&self, action: &str, way: &Way) -> Value {
        let powers = way.powers.keys().map(|power| {
            let risk = self.risk(action, *power);
            let approval = way.needs_approval(*power);
            (
                power.name().to_owned(),
                json!({"risk": risk, "needs_approval_of_the_call": approval}),
            )
        });
        let powers: serde_json::Map<String, Value> = powers.collect();
        let rules: Vec<String> = way
            .may_forbid
            .iter()
            .filter_map(|number| named(self.bundle, *number))
            .collect();
        json!({
            "powers": powers,
            "text": way.texts.join(" "),
            "entry": way.entry,
            "input_schema": way.input_schema,
            "guard_rails": rules,
        })
    }
}
