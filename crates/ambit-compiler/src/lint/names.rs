//! Names in policies that Cedar takes for any text: agent classes, powers, purposes. One that is misspelt
//! makes a `forbid` that forbids nothing.

use std::collections::BTreeSet;

use ambit_core::Power;

use super::{Rules, file};
use crate::cedar::{Binary, Expr, Scope, Source, Var};
use crate::project::Manifest;
use crate::suggest;

/// The names that there are.
struct Known<'p> {
    agents: BTreeSet<&'p str>,
    powers: BTreeSet<&'p str>,
    purposes: BTreeSet<&'p str>,
}

pub(super) fn check<'p>(
    rules: &Rules<'_>,
    manifests: impl Iterator<Item = (&'p String, &'p Manifest)> + Clone,
) {
    let entries = manifests.clone().flat_map(|(_, one)| &one.capabilities);
    let known = Known {
        agents: manifests.map(|(name, _)| name.as_str()).collect(),
        powers: Power::ALL.iter().map(|power| power.name()).collect(),
        purposes: entries
            .filter_map(|entry| entry.get("purpose")?.as_str())
            .collect(),
    };
    // Without a manifest there is nothing to compare with, and a warning that says so.
    if known.agents.is_empty() {
        return;
    }
    for policy in &rules.guard.policies {
        let mut found = BTreeSet::new();
        for scope in [&policy.principal, &policy.resource] {
            match scope {
                Scope::Eq(uid) | Scope::IsIn(_, uid) => known.agent(&uid.kind, &uid.id, &mut found),
                Scope::In(list) => list
                    .iter()
                    .for_each(|uid| known.agent(&uid.kind, &uid.id, &mut found)),
                Scope::Any | Scope::Is(_) => {}
            }
        }
        for condition in &policy.conditions {
            known.look(condition, &mut found);
        }
        for (what, name) in found {
            tell(rules, policy, &known, what, &name);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Agent,
    Power,
    Purpose,
}

type Found = BTreeSet<(What, String)>;

impl Known<'_> {
    fn agent(&self, kind: &str, id: &str, found: &mut Found) {
        if kind == "Ambit::AgentClass" && !self.agents.contains(id) {
            found.insert((What::Agent, id.to_owned()));
        }
    }

    fn look(&self, expr: &Expr, found: &mut Found) {
        match expr {
            Expr::Entity(uid) => self.agent(&uid.kind, &uid.id, found),
            Expr::Binary(Binary::Eq | Binary::Contains, sides) => {
                let [left, right] = &**sides;
                self.compare(left, right, found);
                self.compare(right, left, found);
            }
            _ => {}
        }
        for child in expr.children() {
            self.look(child, found);
        }
    }

    /// `context.power` or `context.purpose` beside a text or a set of them.
    fn compare(&self, term: &Expr, value: &Expr, found: &mut Found) {
        let Expr::GetAttr(inner, name) = term else {
            return;
        };
        let (what, known) = match name.as_str() {
            "power" => (What::Power, &self.powers),
            "purpose" => (What::Purpose, &self.purposes),
            _ => return,
        };
        if **inner != Expr::Var(Var::Context) {
            return;
        }
        let values = match value {
            Expr::Set(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            if let Expr::Str(text) = value
                && !known.contains(text.as_str())
            {
                found.insert((what, text.clone()));
            }
        }
    }
}

fn tell(rules: &Rules<'_>, policy: &Source, known: &Known<'_>, what: What, name: &str) {
    let (message, names) = match what {
        What::Agent => (
            format!("no manifest is that of an agent class `{name}`"),
            &known.agents,
        ),
        What::Power => (format!("there is no power `{name}`"), &known.powers),
        What::Purpose => (
            format!("no manifest has an entry with the purpose `{name}`"),
            &known.purposes,
        ),
    };
    file(policy, rules.sink).warning(
        "check.unknown_name",
        rules.place(policy, name),
        format!("{message}, so no request ever has it"),
        suggest::help(name, names.iter().copied()),
    );
}
