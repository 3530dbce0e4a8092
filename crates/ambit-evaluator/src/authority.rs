//! Step 6: the manifest, and in every block of the chain, an entry that grants this.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::{self, Ask, Mismatch, Place};
use ambit_core::constraint;
use ambit_core::describe::opening;
use ambit_core::json::Json;
use ambit_core::{Reason, Steps, foreign};
use ambit_policy::Manifest;

use crate::budget;
use crate::case::Case;
use crate::denial::Denial;
use crate::facts;
use crate::remedy::{Bound, Remedy, Wait};

/// Who bounds the agent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The organisation, in the bundle.
    Manifest,
    /// A block of the token, 0 being the root.
    Block(usize),
}

/// One list of entries, of which one must apply: the manifest's, or a block's.
#[derive(Debug)]
pub struct Layer<'a> {
    source: Source,
    entries: Vec<Json<'a>>,
    /// Whether the chain up to here is for one audience: elsewhere its budgets would be counted again.
    one_audience: bool,
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
    Limit(budget::Fault<'a>),
    /// The entry matches, but has limits, and the token is for several audiences.
    Audiences,
}

/// Everything that step 6 asks. `approved`: people have approved, so that entries that hold `propose`
/// apply as well. Without `token` the manifest alone is asked.
pub(crate) fn check<'a>(
    case: &'a Case<'a>,
    approved: bool,
    token: bool,
) -> Result<Grant<'a>, Denial> {
    let agent = case.token.agent_uid();
    let Some(manifest) = case.bundle.manifest(agent) else {
        let admin = format!(
            "the policy has no manifest for agent class {}",
            foreign(agent)
        );
        return Err(Denial::new(Reason::ManifestNone, admin));
    };
    check_bounds(case, manifest)?;
    let mut layers = layers(case, manifest);
    layers.retain(|layer| token || layer.source == Source::Manifest);
    let mut selected = Err(Denial::new(Reason::ManifestNone, ""));
    let asked = case.asked();
    asked.with_ask(case.bundle, approved, &mut |ask| {
        selected = select_all(case, &layers, ask);
    });
    selected
}

/// The entries that apply together once people approve; `None` where no yes would help. Why not is not
/// asked, so that a denial that looks for them costs no more than two allows.
pub(crate) fn once_approved<'a>(case: &'a Case<'a>) -> Option<Grant<'a>> {
    let layers = case.layers();
    let mut selected = Some(Vec::with_capacity(layers.len()));
    case.asked().with_ask(case.bundle, true, &mut |ask| {
        for layer in &layers {
            let entry = layer.first(case.steps, ask);
            selected = selected.take().zip(entry).map(|(mut all, entry)| {
                all.push(entry);
                all
            });
            if selected.is_none() {
                return;
            }
        }
    });
    selected.map(|selected| Grant { selected })
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

impl<'a> Case<'a> {
    /// The manifest's list of entries and those of the blocks, one of each of which must apply.
    #[must_use]
    pub fn layers(&'a self) -> Vec<Layer<'a>> {
        let manifest = self.bundle.manifest(self.token.agent_uid());
        manifest.map_or_else(Vec::new, |manifest| layers(self, manifest))
    }
}

fn select_all<'a>(
    case: &'a Case<'a>,
    layers: &[Layer<'a>],
    ask: &Ask<'_>,
) -> Result<Grant<'a>, Denial> {
    let mut selected = Vec::with_capacity(layers.len());
    for layer in layers {
        match layer.select(case.steps, ask) {
            Ok(entry) => selected.push(entry),
            Err(_) if case.steps.exhausted() => {
                return Err(Denial::new(
                    Reason::RequestSteps,
                    "the matching budget is used up",
                ));
            }
            Err(miss) => return Err(explain(case, layer.source, &miss, ask)),
        }
    }
    Ok(Grant { selected })
}

fn layers<'a>(case: &'a Case<'a>, manifest: Manifest<'a>) -> Vec<Layer<'a>> {
    let mut layers = Vec::with_capacity(case.token.blocks().len().saturating_add(1));
    layers.push(Layer {
        source: Source::Manifest,
        entries: manifest.capabilities().collect(),
        // Its budgets are counted for the root.
        one_audience: case.token.has_one_audience(0),
    });
    for (at, block) in case.token.blocks().iter().enumerate() {
        layers.push(Layer {
            source: Source::Block(at),
            entries: block.entries().collect(),
            one_audience: case.token.has_one_audience(at),
        });
    }
    layers
}

impl<'a> Layer<'a> {
    /// Where its entries stand, which says what they must name.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self.source {
            Source::Manifest => Place::Manifest,
            Source::Block(0) => Place::Root,
            Source::Block(_) => Place::Derived,
        }
    }

    /// The first matching entry whose every limit has room for this charge (docs/token.md, step 7).
    fn select<'s>(&self, steps: &Steps, ask: &Ask<'s>) -> Result<Selected<'a>, Miss<'s>>
    where
        'a: 's,
    {
        let at = |index: usize| self.all().nth(index);
        let mut full = None;
        let mut from = 0;
        // Each entry is matched once, also where one that matches has no room for the charge.
        loop {
            let rest = self.entries.iter().copied().enumerate().skip(from);
            match capability::select(rest, self.place(), ask, steps) {
                Ok(index) => {
                    let selected = at(index);
                    let cause = selected.and_then(|one| self.uncharged(one.entry, ask, steps));
                    match (selected, cause) {
                        (Some(selected), None) => return Ok(selected),
                        (_, cause) => full = full.or_else(|| cause.map(|cause| (index, cause))),
                    }
                    from = index.saturating_add(1);
                }
                Err((index, mismatch)) => {
                    let missed = || (index, Cause::Mismatch(mismatch));
                    let (index, cause) = full.unwrap_or_else(missed);
                    return Err(Miss {
                        nearest: at(index),
                        cause,
                    });
                }
            }
        }
    }

    /// The same without a word of why others are not selected.
    fn first<'s>(&self, steps: &Steps, ask: &Ask<'s>) -> Option<Selected<'a>>
    where
        'a: 's,
    {
        let mut from = 0;
        loop {
            let rest = self.entries.iter().copied().enumerate().skip(from);
            let index = capability::first(rest, self.place(), ask, steps)?;
            let selected = self.all().nth(index)?;
            if self.uncharged(selected.entry, ask, steps).is_none() {
                return Some(selected);
            }
            from = index.saturating_add(1);
        }
    }

    /// Why the limits of a matching entry cannot hold this charge.
    fn uncharged<'s>(&self, entry: Json<'a>, ask: &Ask<'s>, steps: &Steps) -> Option<Cause<'s>>
    where
        'a: 's,
    {
        // Each looks for the amount and the currency among the arguments.
        let limits = entry.get("limits").map_or(0, Json::len);
        steps.charge(limits.saturating_mul(ask.args.len().saturating_add(8)));
        if !self.one_audience && entry.get("limits").is_some() {
            return Some(Cause::Audiences);
        }
        budget::fault(entry, ask).map(Cause::Limit)
    }

    /// Its entries.
    #[must_use]
    pub fn entries(&self) -> &[Json<'a>] {
        &self.entries
    }

    /// All entries, as they are when they are selected.
    fn all(&self) -> impl Iterator<Item = Selected<'a>> + '_ {
        let entries = self.entries.iter().copied().enumerate();
        entries.map(|(index, entry)| Selected {
            source: self.source,
            index,
            entry,
        })
    }
}

/// The denial, with the one bound that was judged last.
fn explain(case: &Case<'_>, source: Source, miss: &Miss<'_>, ask: &Ask<'_>) -> Denial {
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
            let denial = Denial::new(Reason::LimitSpend, format!("{place}: {}", fault.admin));
            return match limit(case, fault, ask) {
                Some(bound) => denial.with_remedy(Remedy::of_bound(bound)),
                None => denial,
            };
        }
        Cause::Audiences => {
            let admin = format!(
                "{place}: a budget is counted at one audience, and the token is for several"
            );
            return Denial::new(Reason::LimitAudience, admin);
        }
        Cause::Mismatch(Mismatch::Location) if ask.location.is_none() => {
            return facts::missing("location");
        }
        Cause::Mismatch(Mismatch::Hours { hours, opens: None }) => {
            let zone = hours.get_str("zone");
            return facts::missing(&format!("utc_offsets.{}", zone.unwrap_or_default()));
        }
        Cause::Mismatch(mismatch) => mismatch,
    };
    let reason = match source {
        Source::Manifest => manifest_reason(cause),
        Source::Block(_) => cause.reason(),
    };
    if let Mismatch::Hours {
        hours,
        opens: Some(opens),
    } = cause
    {
        let wait = Wait {
            not_before: opens.at,
            words: opening(*hours, *opens),
        };
        return closed(&place, reason, wait, case.token.exp());
    }
    let bound = bound(case, cause, ask);
    let admin = format!("{place}: {}", what_differs(cause, bound.as_ref(), ask));
    Denial::new(reason, admin).with_remedy(Remedy {
        bound,
        ..Remedy::default()
    })
}

/// Out of hours. Waiting helps where the token lives that long.
fn closed(place: &str, reason: Reason, wait: Wait, exp: i64) -> Denial {
    if wait.not_before >= exp {
        let admin = format!("{place}: it does not hold again before the token ends");
        return Denial::new(reason, admin);
    }
    let admin = format!("{place}: it holds again from {}", wait.words);
    Denial::new(reason, admin).with_remedy(Remedy {
        wait: Some(wait),
        ..Remedy::default()
    })
}

/// The bound of a budget, for the argument that misses it. One that cannot be counted has none.
fn limit(case: &Case<'_>, fault: &budget::Fault<'_>, ask: &Ask<'_>) -> Option<Bound> {
    let unit = case.unit(fault.argument);
    let bound = fault.bound?;
    Some(Bound {
        argument: String::from(fault.argument),
        asked: constraint::value_text(ask.args.get(fault.argument), unit),
        allowed: bound.text(unit),
        ends: bound.ends(),
    })
}

/// The bound of the argument that misses it; without one, the argument is to be left out.
fn bound(case: &Case<'_>, cause: &Mismatch<'_>, ask: &Ask<'_>) -> Option<Bound> {
    let (argument, spec) = match cause {
        Mismatch::Unnamed { argument } => (*argument, None),
        Mismatch::Constraint { argument, spec, .. } => (*argument, Some(*spec)),
        _ => return None,
    };
    let unit = case.unit(argument);
    Some(Bound {
        argument: String::from(argument),
        asked: constraint::value_text(ask.args.get(argument), unit),
        allowed: spec.map_or_else(
            || String::from("left out"),
            |spec| constraint::describe(spec, unit),
        ),
        ends: spec.and_then(constraint::ends),
    })
}

const fn manifest_reason(cause: &Mismatch<'_>) -> Reason {
    match cause {
        Mismatch::Malformed | Mismatch::Action => Reason::ManifestCapability,
        Mismatch::Location | Mismatch::Datatype | Mismatch::Identifier => Reason::ManifestResource,
        Mismatch::Purpose => Reason::ManifestPurpose,
        Mismatch::Power => Reason::ManifestPower,
        Mismatch::Unnamed { .. } | Mismatch::Constraint { .. } => Reason::ManifestConstraint,
        Mismatch::Hours { .. } => Reason::ManifestHours,
    }
}

fn what_differs(cause: &Mismatch<'_>, bound: Option<&Bound>, ask: &Ask<'_>) -> String {
    match (cause, bound) {
        (Mismatch::Constraint { argument, .. }, Some(bound)) => format!(
            "argument {} is {}; the bound is {}",
            foreign(argument),
            bound.asked,
            bound.allowed
        ),
        (Mismatch::Unnamed { argument } | Mismatch::Constraint { argument, .. }, _) => {
            format!("no constraint names argument {}", foreign(argument))
        }
        (Mismatch::Malformed, _) => String::from("no entry is well-formed"),
        (Mismatch::Action, _) => format!("no entry names action {}", foreign(ask.action)),
        (Mismatch::Location, _) => String::from("`facts.location` is not in `locations`"),
        (Mismatch::Datatype, _) => String::from("`resource.type` is not in `datatypes`"),
        (Mismatch::Identifier, _) => String::from("`resource.id` is not the `identifier`"),
        (Mismatch::Purpose, _) => String::from("`context.purpose` is not the `purpose`"),
        (Mismatch::Hours { .. }, _) => String::from("the entry does not hold at `facts.now`"),
        (Mismatch::Power, _) => format!("power {} is not in `privileges`", ask.power),
    }
}
