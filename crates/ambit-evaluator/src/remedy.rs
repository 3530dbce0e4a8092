//! The counterfactual: the smallest change that would allow the request.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use ambit_core::capability::{Ask, Mismatch, powers_for, purposes_for};
use ambit_core::constraint::Ends;
use ambit_core::json::Writer;

use crate::Case;
use crate::authority::{Layer, Selected, Source};
use crate::changes;
use crate::order;
use crate::rails;
use crate::requires::{self, Approval};
use crate::text::joined;

/// What would help, in the order in which it must be done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remedy {
    pub(crate) steps: Vec<Step>,
}

/// One thing to do.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Ask again with other arguments.
    ChangeRequest(Vec<Change>),
    /// Get a token that holds what this one lacks.
    RequestCapability { missing: Missing, held: Held },
    /// A person must log in again, or more strongly (RFC 9470).
    Login(Login),
    /// People must approve exactly this call.
    Approval {
        approval: Approval,
        /// The action digest. It is told only where nothing before changes the call or its token.
        binding_s256: Option<String>,
    },
}

/// One login that meets all of this.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    /// Any of these (RFC 9470); any at all where there is none.
    pub(crate) acr_values: Vec<String>,
    /// All of these methods (RFC 8176).
    pub(crate) amr_values: Vec<&'static str>,
    /// Seconds.
    pub(crate) max_age: Option<i64>,
}

/// An argument, what was asked and what would be allowed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) argument: String,
    pub(crate) asked: String,
    pub(crate) allowed: String,
    /// What is allowed, where that is a range of integers.
    pub(crate) ends: Option<Ends>,
    /// A value with which everything is allowed: told where the guard rails judged it.
    pub(crate) example: Option<Example>,
}

/// A value that was tried.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    /// For people.
    pub(crate) text: String,
    /// As JSON; `None` where the argument is left out.
    pub(crate) json: Option<String>,
}

/// The capability that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    action: String,
    power: &'static str,
    resource: String,
    purpose: String,
}

/// What the token holds instead.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Nothing,
    Powers(Vec<&'static str>),
    Purposes(Vec<String>),
}

/// The remedy for a denial of step 6. Offered only if every layer and all later steps would be content:
/// a change of arguments must satisfy all layers at once, and what a person must do on top is named.
pub(crate) fn for_authority<'s>(
    case: &Case<'s>,
    layers: &[Layer<'s>],
    failed: Source,
    cause: &Mismatch<'s>,
    ask: &Ask<'s>,
) -> Option<Remedy> {
    match (failed, cause) {
        (_, Mismatch::Unnamed { .. } | Mismatch::Constraint { .. }) => {
            let other = || match failed {
                Source::Manifest => None,
                Source::Block(_) => request_capability(case, layers, ask, Held::Nothing),
            };
            changes::smallest(case, layers, ask).or_else(other)
        }
        // What the manifest does not hold, no token of this agent can.
        (Source::Manifest, _) => None,
        (Source::Block(_), Mismatch::Power) => {
            let held = || Held::Powers(held_powers(layers, ask));
            let other = || request_capability(case, layers, ask, held());
            proposed(case, layers, ask).or_else(other)
        }
        (Source::Block(_), Mismatch::Purpose) => {
            let held = held_purposes(layers, ask);
            request_capability(case, layers, ask, Held::Purposes(held))
        }
        (Source::Block(_), _) => request_capability(case, layers, ask, Held::Nothing),
    }
}

/// The smallest step where `propose` is held: people's yes to exactly this call.
fn proposed<'s>(case: &Case<'s>, layers: &[Layer<'s>], ask: &Ask<'s>) -> Option<Remedy> {
    if ask.power != ambit_core::Power::Execute || ask.approved {
        return None;
    }
    let ask = ask.with_receipts();
    let chosen: Result<Vec<Selected<'_>>, _> = layers
        .iter()
        .map(|layer| layer.select(case.steps, &ask))
        .collect();
    let remedy = requires::remedy(case, &chosen.ok()?, &[])?;
    let remedy = Some(remedy).filter(|remedy| !remedy.steps.is_empty())?;
    rails::settle(case, remedy, &[], &mut Vec::new())
}

/// The powers that every block holds for what is asked.
fn held_powers(layers: &[Layer<'_>], ask: &Ask<'_>) -> Vec<&'static str> {
    let blocks = layers
        .iter()
        .filter(|layer| layer.source != Source::Manifest);
    let held = blocks
        .map(|layer| powers_for(layer.entries(), layer.place(), ask))
        .reduce(ambit_core::Powers::intersection)
        .unwrap_or_default();
    held.iter().map(ambit_core::Power::name).collect()
}

/// The purposes that the root holds for what is asked.
fn held_purposes(layers: &[Layer<'_>], ask: &Ask<'_>) -> Vec<String> {
    let root = layers.iter().find(|layer| layer.source == Source::Block(0));
    let held = root.map(|layer| purposes_for(layer.entries(), layer.place(), ask));
    held.unwrap_or_default()
        .into_iter()
        .map(String::from)
        .collect()
}

/// A token that holds it, and what the manifest asks of people on top.
fn request_capability<'s>(
    case: &Case<'s>,
    layers: &[Layer<'s>],
    ask: &Ask<'s>,
    held: Held,
) -> Option<Remedy> {
    let resource = match (ask.datatype, ask.identifier) {
        (Some(datatype), Some(identifier)) => format!("{datatype}:{identifier}"),
        (one, other) => one.or(other).unwrap_or_default().to_string(),
    };
    let missing = Missing {
        action: ask.action.to_string(),
        power: ask.power.name(),
        resource,
        purpose: ask.purpose.to_string(),
    };
    let mut steps = alloc::vec![Step::RequestCapability { missing, held }];
    let manifest = layers.iter().find(|layer| layer.source == Source::Manifest);
    let more = settled(ask, |ask| {
        let entry = manifest.and_then(|manifest| manifest.select(case.steps, ask).ok());
        requires::remedy(case, entry.as_slice(), &[])
    });
    steps.extend(more?.steps);
    rails::settle(case, Remedy { steps }, &[], &mut Vec::new())
}

/// Once people approve, other entries may apply than before: where approvals are needed, what
/// `remedy` gives for those.
fn settled<'s>(ask: &Ask<'s>, remedy: impl Fn(&Ask<'s>) -> Option<Remedy>) -> Option<Remedy> {
    let before = remedy(ask)?;
    if ask.approved || !before.asks_approval() {
        return Some(before);
    }
    remedy(&ask.with_receipts())
}

impl Remedy {
    /// Whether the call keeps its digest: nothing but approvals is asked for.
    pub(crate) fn keeps_digest(&self) -> bool {
        let approval = |step: &Step| matches!(step, Step::Approval { .. });
        self.steps.iter().all(approval)
    }

    /// Whether no other token is needed than the one that was given.
    pub(crate) fn keeps_token(&self) -> bool {
        let other = |step: &Step| matches!(step, Step::RequestCapability { .. });
        !self.steps.iter().any(other)
    }

    pub(crate) fn approvals(&self) -> impl Iterator<Item = &Approval> {
        self.steps.iter().filter_map(|step| match step {
            Step::Approval { approval, .. } => Some(approval),
            _ => None,
        })
    }

    /// Whether people must approve.
    pub(crate) fn asks_approval(&self) -> bool {
        let approval = |step: &Step| matches!(step, Step::Approval { .. });
        self.steps.iter().any(approval)
    }

    /// These steps, and those; one step where one does for two.
    pub(crate) fn and(mut self, more: Self) -> Self {
        for step in more.steps {
            let mut known = self.steps.iter().enumerate();
            match known.find_map(|(at, known)| Some((at, known.both(&step)?))) {
                Some((at, both)) => {
                    self.steps.remove(at);
                    self.steps.insert(at, both);
                }
                None => self.steps.push(step),
            }
        }
        self
    }

    /// The least that [`Self::weight`] can become where people are named who approve for several steps.
    pub(crate) fn least_weight(&self) -> usize {
        let approvals = self.steps.iter().filter_map(|step| match step {
            Step::Approval { approval, .. } => usize::try_from(approval.count).ok(),
            _ => None,
        });
        let (all, most) = approvals.fold((0, 0), |(all, most): (usize, usize), count| {
            (all.saturating_add(count), most.max(count))
        });
        self.weight().saturating_sub(all).saturating_add(most)
    }

    /// How much it asks for: changed arguments, demands on a login, people.
    pub(crate) fn weight(&self) -> usize {
        let weights = self.steps.iter().map(|step| match step {
            Step::ChangeRequest(changes) => changes.len(),
            Step::RequestCapability { .. } => 1,
            Step::Login(login) => login.demands(),
            Step::Approval { approval, .. } => {
                usize::try_from(approval.count).unwrap_or(usize::MAX)
            }
        });
        weights.fold(0, usize::saturating_add)
    }

    /// The steps in the order in which they can be done. A login gives a new token, and with it the
    /// call another digest: whoever approved before would have to approve again.
    pub(crate) fn in_order(mut self) -> Self {
        self.steps = order::by_key(self.steps, |step| match step {
            Step::ChangeRequest(_) => 0,
            Step::RequestCapability { .. } => 1,
            Step::Login(_) => 2,
            Step::Approval { .. } => 3,
        });
        self
    }

    /// Whether a person's step is all that is needed.
    pub(crate) fn is_step_up(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step, Step::Login(_) | Step::Approval { .. }))
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        let texts: Vec<String> = self.steps.iter().map(Step::text).collect();
        out.object(|out| {
            out.name("type").string(if self.is_step_up() {
                "step_up"
            } else {
                self.steps.first().map_or("none", Step::kind)
            });
            out.name("text")
                .string(&joined(&mut texts.iter().map(String::as_str), "; then "));
            // Another call, or another token for it, has another digest.
            let mut same = true;
            out.name("steps").array(|out| {
                for step in &self.steps {
                    same &= matches!(step, Step::Approval { .. });
                    step.write(same, out);
                }
            });
        });
    }
}

impl Step {
    /// The one step that does for both, if there is one.
    fn both(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Approval { approval: one, .. }, Self::Approval { approval: two, .. }) => {
                if one.implies(two) {
                    Some(self.clone())
                } else {
                    two.implies(one).then(|| other.clone())
                }
            }
            (Self::Login(one), Self::Login(two)) => one.both(two).map(Self::Login),
            _ => None,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::ChangeRequest(_) => "change_request",
            Self::RequestCapability { .. } => "request_capability",
            Self::Login(_) | Self::Approval { .. } => "step_up",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::ChangeRequest(changes) => {
                let changes: Vec<String> = changes.iter().map(Change::text).collect();
                joined(&mut changes.iter().map(String::as_str), "; ")
            }
            Self::RequestCapability { missing, held } => {
                let held = match held {
                    Held::Nothing => String::from("the token holds nothing for it"),
                    Held::Powers(powers) if powers.is_empty() => {
                        String::from("the token holds no power for it")
                    }
                    Held::Powers(powers) => format!(
                        "the token holds {}",
                        joined(&mut powers.iter().copied(), ", ")
                    ),
                    Held::Purposes(purposes) => {
                        format!(
                            "the token holds it for {}",
                            joined(&mut purposes.iter().map(String::as_str), ", ")
                        )
                    }
                };
                format!(
                    "a token is needed that may {} {} on {} for {}; {held}",
                    missing.power, missing.action, missing.resource, missing.purpose
                )
            }
            Self::Login(login) => login.text(),
            Self::Approval { approval, .. } => {
                format!(
                    "{} of {} must approve exactly this call",
                    approval.count,
                    joined(&mut approval.approvers.iter().map(String::as_str), ", ")
                )
            }
        }
    }

    /// `same`: the call that is approved is the one that was asked, with the same token.
    fn write(&self, same: bool, out: &mut Writer) {
        out.object(|out| {
            out.name("type").string(self.kind());
            match self {
                Self::ChangeRequest(changes) => write_changes(changes, out),
                Self::RequestCapability { missing, held } => write_missing(missing, held, out),
                Self::Login(login) => login.write(out),
                Self::Approval {
                    approval,
                    binding_s256,
                } => {
                    out.name("step_up").string("approval");
                    out.name("approvers")
                        .array(|out| write_strings(&approval.approvers, out));
                    out.name("count").integer(approval.count);
                    if let Some(digest) = binding_s256.as_ref().filter(|_| same) {
                        out.name("binding_s256").string(digest);
                    }
                }
            }
        });
    }
}

impl Login {
    fn demands(&self) -> usize {
        let strong = usize::from(!self.acr_values.is_empty());
        let fresh = usize::from(self.max_age.is_some());
        self.amr_values
            .len()
            .saturating_add(strong)
            .saturating_add(fresh)
    }

    /// The login that does for both; `None` where their strengths exclude each other.
    fn both(&self, other: &Self) -> Option<Self> {
        let acr_values = if self.acr_values.is_empty() {
            other.acr_values.clone()
        } else if other.acr_values.is_empty() {
            self.acr_values.clone()
        } else {
            let shared = self.acr_values.iter();
            let shared = shared.filter(|acr| other.acr_values.contains(acr));
            Some(shared.cloned().collect()).filter(|shared: &Vec<_>| !shared.is_empty())?
        };
        let mut amr_values = [&*self.amr_values, &*other.amr_values].concat();
        amr_values.dedup();
        Some(Self {
            acr_values,
            amr_values,
            max_age: self.max_age.iter().chain(&other.max_age).min().copied(),
        })
    }

    fn text(&self) -> String {
        let mut text = String::from("the person must log in");
        if !self.amr_values.is_empty() {
            text.push_str(" with several factors");
        } else if !self.acr_values.is_empty() {
            text.push_str(" with a stronger method");
        }
        match self.max_age {
            Some(age) if self.acr_values.is_empty() && self.amr_values.is_empty() => {
                format!("{text} again, at most {age} s before")
            }
            Some(age) => format!("{text}, at most {age} s before"),
            None => text,
        }
    }

    fn write(&self, out: &mut Writer) {
        out.name("step_up").string("login");
        out.name("acr_values")
            .array(|out| write_strings(&self.acr_values, out));
        if !self.amr_values.is_empty() {
            out.name("amr_values")
                .array(|out| write_strings(&self.amr_values, out));
        }
        if let Some(age) = self.max_age {
            out.name("max_age").integer(age);
        }
    }
}

impl Change {
    fn text(&self) -> String {
        let text = format!("{} {}, {}", self.argument, self.asked, self.allowed);
        let others = |example: &&Example| {
            example.json.is_some() && self.allowed.strip_prefix("exactly ") != Some(&example.text)
        };
        match self.example.as_ref().filter(others) {
            Some(example) => format!("{text}, for example {}", example.text),
            None => text,
        }
    }
}

fn write_changes(changes: &[Change], out: &mut Writer) {
    out.name("changes").array(|out| {
        for change in changes {
            out.object(|out| {
                out.name("argument").string(&change.argument);
                out.name("asked").string(&change.asked);
                out.name("allowed").string(&change.allowed);
                if let Some(example) = &change.example {
                    out.name("example").string(&example.text);
                }
            });
        }
    });
}

fn write_missing(missing: &Missing, held: &Held, out: &mut Writer) {
    out.name("missing").object(|out| {
        out.name("action").string(&missing.action);
        out.name("power").string(missing.power);
        out.name("resource").string(&missing.resource);
        out.name("purpose").string(&missing.purpose);
    });
    out.name("held").object(|out| match held {
        Held::Nothing => {}
        Held::Powers(powers) => {
            out.name("powers").array(|out| write_strings(powers, out));
        }
        Held::Purposes(purposes) => {
            out.name("purposes")
                .array(|out| write_strings(purposes, out));
        }
    });
}

fn write_strings<S: AsRef<str>>(strings: &[S], out: &mut Writer) {
    for text in strings {
        out.string(text.as_ref());
    }
}
