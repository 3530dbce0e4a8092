//! What an agent may do, for people and for hosts.

use std::collections::{BTreeMap, BTreeSet};

use ambit_core::Power;
use ambit_policy::Bundle;
use ambit_policy::cedar::Policy;
use ambit_prove::{Policy as Provable, Rails};
use ambit_workbench::list::{Listed, Listing, Way};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::say::{self, BOLD, DIM, foreign};
use crate::{time, words};

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
    let program = bundle.program();
    let forbidding = rails.forbidden_by.iter();
    let policies = forbidding.filter_map(|number| Some(place(&program.as_ref()?.policy(*number)?)));
    let names: Vec<String> = policies.collect();
    if names.is_empty() {
        "no `permit` of the guard rails can be satisfied".to_owned()
    } else {
        format!("the guard rails forbid it always: {}", names.join(", "))
    }
}

/// `large (policies/base.cedar:3)`
fn place(policy: &Policy<'_, '_>) -> String {
    let place = policy.place().map(|place| format!(" ({place})"));
    format!(
        "{}{}",
        foreign(policy.id(), 128),
        foreign(&place.unwrap_or_default(), 300)
    )
}

/// What a person can do about a policy.
fn step_words(step: &str) -> &str {
    match step {
        "approval" => "an approval of the call",
        "mfa" => "a login with a second factor",
        _ => "a login",
    }
}

/// How an action may be used, a line for each way, without names of policies.
pub(super) fn in_words(action: &Listed) -> String {
    let ways = action.ways.iter().map(|way| {
        let powers = way
            .powers
            .keys()
            .map(|power| match way.needs_approval(*power) {
                true => format!("{power} (a person must agree to each call)"),
                false => power.name().to_owned(),
            });
        let powers = powers.collect::<Vec<_>>().join(", ");
        format!("- {powers}: {}", foreign(&way.texts.join("; "), 2000))
    });
    ways.collect::<Vec<_>>().join("\n")
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
        self.posture(&mut page);
        if self.listing.unusable > 0 {
            page.warning(
                "note",
                format!(
                    "{} entries are malformed or contradict the vocabulary, and allow nothing",
                    self.listing.unusable
                ),
            );
        }
        for name in &self.listing.cut {
            let name = foreign(name, 128);
            page.warning("note", format!("{name} may be used in more ways than are listed: more entries match together than anybody reads"));
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

    /// What the manifest asks of the agent itself, and of its tokens.
    fn posture(&self, page: &mut say::Page) {
        let manifests = self.bundle.root().get("manifests");
        let manifest = manifests.and_then(|all| all.get(self.agent));
        for name in ["models", "environments", "versions"] {
            let names = words::list(manifest.and_then(|one| one.get(name)));
            if !names.is_empty() {
                page.field(name, format!("only {}", foreign(&names, 400)));
            }
        }
        let life = self
            .bundle
            .manifest(self.agent)
            .and_then(|one| one.max_life_seconds());
        let longest = self.bundle.limits().root_life_seconds;
        let life = life.map_or(longest, |life| life.min(longest));
        page.field("token life", format!("at most {}", time::show_life(life)));
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
        self.rules(page, &rules);
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

    /// One line a policy: which, why, and what would lift it.
    fn rules(&self, page: &mut say::Page, rules: &BTreeSet<usize>) {
        let mut name = "unless";
        let program = self.bundle.program();
        let policies = rules
            .iter()
            .filter_map(|number| program.as_ref()?.policy(*number));
        for policy in policies.take(NAMED) {
            let mut text = format!("{} forbids it", place(&policy));
            if let Some(reason) = policy.reason() {
                text = format!("{text}: \"{}\"", foreign(reason, 300));
            }
            if let Some(step) = policy.step_up() {
                text = format!("{text} ({} would lift that)", step_words(step));
            }
            page.field(name, text);
            name = "";
        }
        let more = rules.len().saturating_sub(NAMED);
        if more > 0 {
            page.field(name, format!("one of {more} more policies forbids it"));
        }
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
            "more_ways": self.listing.cut,
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
        let program = self.bundle.program();
        let policies = way
            .may_forbid
            .iter()
            .filter_map(|number| program.as_ref()?.policy(*number));
        let rules: Vec<Value> = policies
            .map(|policy| {
                json!({"id": policy.id(), "place": policy.place(), "reason": policy.reason(), "step_up": policy.step_up()})
            })
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
