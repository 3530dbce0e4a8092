//! Step 6: the manifest, and in every block of the chain, an entry that grants this.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::{self, Ask, Mismatch, Place};
use ambit_core::constraint;
use ambit_core::json::Json;
use ambit_core::{Reason, Steps};
use ambit_policy::Manifest;

use crate::Case;
use crate::budget;
use crate::changes;
use crate::denial::Denial;
use crate::facts;
use crate::remedy;

/// Who bounds the agent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The organisation, in the bundle.
    Manifest,
    /// A block of the token, 0 being the root.
    Block(usize),
}

/// One list of entries, of which one must match.
#[derive(Debug)]
pub(crate) struct Layer<'a> {
    pub(crate) source: Source,
    entries: Vec<Json<'a>>,
}

/// The entry that a layer contributes to the decision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selected<'a> {
    pub(crate) source: Source,
    pub(crate) index: usize,
    pub(crate) entry: Json<'a>,
}

/// The entries that apply together.
#[derive(Debug)]
pub(crate) struct Grant<'a> {
    pub(crate) selected: Vec<Selected<'a>>,
}

/// Why no entry of a layer was selected: the one that came nearest.
#[derive(Debug)]
pub(crate) struct Miss<'a> {
    pub(crate) nearest: Option<Selected<'a>>,
    pub(crate) cause: Cause<'a>,
}

#[derive(Debug)]
pub(crate) enum Cause<'a> {
    Mismatch(Mismatch<'a>),
    /// The entry matches, but a limit cannot hold this charge.
    Limit(String),
}

/// Everything that step 6 asks.
pub(crate) fn check<'a>(case: &'a Case<'a>) -> Result<Grant<'a>, Denial> {
    let agent = case.token.agent_uid();
    let Some(manifest) = case.bundle.manifest(agent) else {
        let admin = format!("the policy has no manifest for agent class `{agent}`");
        return Err(Denial::new(Reason::ManifestNone, admin));
    };
    check_bounds(case, manifest)?;
    let approved = !case.request.approvals.is_empty();
    with_ask(case, approved, |ask| select_all(case, manifest, ask))
}

/// Longest life and deepest delegation.
fn check_bounds(case: &Case<'_>, manifest: Manifest<'_>) -> Result<(), Denial> {
    let life = case.token.exp().saturating_sub(case.token.iat());
    if let Some(most) = manifest.max_life_seconds().filter(|most| life > *most) {
        let admin = format!("the token lives {life} s, the manifest allows {most} s");
        return Err(Denial::new(Reason::ManifestLife, admin));
    }
    let depth = case.token.blocks().len().saturating_sub(1);
    if i64::try_from(depth).map_or(true, |depth| depth > manifest.max_depth()) {
        let admin = format!(
            "passed on {depth} times, the manifest allows {}",
            manifest.max_depth()
        );
        return Err(Denial::new(Reason::ManifestDepth, admin));
    }
    Ok(())
}

/// What is asked, in the form that entries are matched against, with receipts or without.
fn with_ask<R>(case: &Case<'_>, approved: bool, body: impl FnOnce(&Ask<'_>) -> R) -> R {
    let action = case.bundle.action(case.request.action);
    let declared = |name: &str| action.is_some_and(|action| action.argument(name).is_some());
    body(&Ask {
        action: case.request.action,
        power: case.request.power,
        approved,
        location: case.request.facts.location,
        datatype: Some(case.request.resource_type),
        identifier: Some(case.request.resource_id),
        purpose: case.request.purpose,
        args: case.arguments,
        declared: &declared,
    })
}

/// The entries that apply where people have approved, or have not: with receipts those that only
/// propose match as well, and may come first. Without `token`, those of the manifest alone.
pub(crate) fn select<'a>(
    case: &'a Case<'a>,
    approved: bool,
    token: bool,
) -> Option<Vec<Selected<'a>>> {
    let manifest = case.bundle.manifest(case.token.agent_uid())?;
    let mut layers = layers(case, manifest);
    layers.retain(|layer| token || layer.source == Source::Manifest);
    with_ask(case, approved, |ask| {
        let selected = layers.iter().map(|layer| layer.select(case.steps, ask));
        selected.map(Result::ok).collect()
    })
}

fn select_all<'a>(
    case: &'a Case<'a>,
    manifest: Manifest<'a>,
    ask: &Ask<'_>,
) -> Result<Grant<'a>, Denial> {
    let layers = layers(case, manifest);
    let mut selected = Vec::with_capacity(layers.len());
    for layer in &layers {
        match layer.select(case.steps, ask) {
            Ok(entry) => selected.push(entry),
            Err(_) if case.steps.exhausted() => {
                return Err(Denial::new(
                    Reason::RequestSteps,
                    "the matching budget is used up",
                ));
            }
            Err(miss) => return Err(explain(case, &layers, layer.source, &miss, ask)),
        }
    }
    Ok(Grant { selected })
}

fn layers<'a>(case: &'a Case<'a>, manifest: Manifest<'a>) -> Vec<Layer<'a>> {
    let mut layers = Vec::with_capacity(case.token.blocks().len().saturating_add(1));
    layers.push(Layer {
        source: Source::Manifest,
        entries: manifest.capabilities().collect(),
    });
    layers.extend((0..case.token.blocks().len()).map(|block| Layer {
        source: Source::Block(block),
        entries: case.token.entries(block).collect(),
    }));
    layers
}

impl<'a> Layer<'a> {
    pub(crate) const fn place(&self) -> Place {
        match self.source {
            Source::Manifest => Place::Manifest,
            Source::Block(0) => Place::Root,
            Source::Block(_) => Place::Derived,
        }
    }

    /// The first matching entry whose every limit has room for this charge (TOKEN.md, step 7).
    pub(crate) fn select<'s>(&self, steps: &Steps, ask: &Ask<'s>) -> Result<Selected<'a>, Miss<'s>>
    where
        'a: 's,
    {
        let at = |index: usize| self.all().nth(index);
        let entries = || self.entries.iter().copied().enumerate();
        let chargeable = entries().filter(|(_, entry)| budget::fault(*entry, ask).is_none());
        if let Ok(index) = capability::select(chargeable, self.place(), ask, steps) {
            return at(index).ok_or(Miss {
                nearest: None,
                cause: Cause::Mismatch(Mismatch::Action),
            });
        }
        // Why not is judged over all entries: what still matches has no room for the charge.
        Err(
            match capability::select(entries(), self.place(), ask, steps) {
                Ok(index) => Miss {
                    nearest: at(index),
                    cause: at(index)
                        .and_then(|selected| budget::fault(selected.entry, ask))
                        .map_or(Cause::Mismatch(Mismatch::Action), Cause::Limit),
                },
                Err((index, mismatch)) => Miss {
                    nearest: at(index),
                    cause: Cause::Mismatch(mismatch),
                },
            },
        )
    }

    /// All entries, as they are when they are selected.
    pub(crate) fn all(&self) -> impl Iterator<Item = Selected<'a>> + '_ {
        let entries = self.entries.iter().copied().enumerate();
        entries.map(|(index, entry)| Selected {
            source: self.source,
            index,
            entry,
        })
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Json<'a>> + '_ {
        self.entries.iter().copied()
    }
}

fn explain<'s>(
    case: &Case<'s>,
    layers: &[Layer<'s>],
    source: Source,
    miss: &Miss<'s>,
    ask: &Ask<'s>,
) -> Denial {
    let place = match (source, miss.nearest) {
        (Source::Manifest, Some(nearest)) => format!("manifest, `capabilities[{}]`", nearest.index),
        (Source::Manifest, None) => String::from("manifest"),
        (Source::Block(block), Some(nearest)) => {
            format!(
                "token block {block}, `authorization_details[{}]`",
                nearest.index
            )
        }
        (Source::Block(block), None) => format!("token block {block}"),
    };
    let cause = match &miss.cause {
        Cause::Limit(fault) => {
            let denial = Denial::new(Reason::LimitSpend, format!("{place}: {fault}"));
            return denial.with_remedy(changes::smallest(case, layers, ask));
        }
        Cause::Mismatch(Mismatch::Location) if ask.location.is_none() => {
            return facts::missing("location");
        }
        Cause::Mismatch(mismatch) => mismatch,
    };
    let reason = match source {
        Source::Manifest => manifest_reason(cause),
        Source::Block(_) => cause.reason(),
    };
    let admin = format!("{place}: {}", what_differs(case, cause, ask));
    Denial::new(reason, admin).with_remedy(remedy::for_authority(case, layers, source, cause, ask))
}

const fn manifest_reason(cause: &Mismatch<'_>) -> Reason {
    match cause {
        Mismatch::Malformed | Mismatch::Action => Reason::ManifestCapability,
        Mismatch::Location | Mismatch::Datatype | Mismatch::Identifier => Reason::ManifestResource,
        Mismatch::Purpose => Reason::ManifestPurpose,
        Mismatch::Power => Reason::ManifestPower,
        Mismatch::Unnamed { .. } | Mismatch::Constraint { .. } => Reason::ManifestConstraint,
    }
}

fn what_differs(case: &Case<'_>, cause: &Mismatch<'_>, ask: &Ask<'_>) -> String {
    match cause {
        Mismatch::Malformed => String::from("no entry is well-formed"),
        Mismatch::Action => format!("no entry names action `{}`", ask.action),
        Mismatch::Location => String::from("`facts.location` is not in `locations`"),
        Mismatch::Datatype => String::from("`resource.type` is not in `datatypes`"),
        Mismatch::Identifier => String::from("`resource.id` is not the `identifier`"),
        Mismatch::Purpose => String::from("`context.purpose` is not the `purpose`"),
        Mismatch::Power => format!("power {} is not in `privileges`", ask.power),
        Mismatch::Unnamed { argument } => format!("no constraint names argument `{argument}`"),
        Mismatch::Constraint {
            argument,
            spec,
            value,
        } => {
            let unit = case.unit(argument);
            let asked = constraint::value_text(*value, unit);
            let bound = constraint::describe(*spec, unit);
            format!("argument `{argument}` is {asked}; the bound is {bound}")
        }
    }
}
