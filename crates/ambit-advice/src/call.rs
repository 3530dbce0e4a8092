//! The call that was denied, as far as advice looks at it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::{Ask, Place};
use ambit_core::constraint::Unit;
use ambit_core::json::Json;
use ambit_core::{Reason, Steps};
use ambit_evaluator::{Approval, Asked, Assumed, Case, Judged, Login, Wait};
use ambit_policy::Bundle;

/// What the search for alternatives needs to know.
pub(crate) struct Call<'a> {
    case: &'a Case<'a>,
    pub(crate) bundle: &'a Bundle<'a>,
    pub(crate) asked: Asked<'a>,
    pub(crate) layers: Vec<Layer<'a>>,
    /// What is looked for, where the token lacks an entry.
    pub(crate) lacks: Lacks,
    /// The people who said yes to this call already.
    pub(crate) people: Vec<Vec<String>>,
    pub(crate) steps: &'a Steps,
}

/// One list of entries, of which one must apply.
pub(crate) struct Layer<'a> {
    pub(crate) place: Place,
    pub(crate) entries: Vec<Json<'a>>,
}

/// In what the entries fail that name the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lacks {
    Power,
    Purpose,
    /// In arguments or hours.
    Bounds,
    Other,
}

/// What the call comes to with what is assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing else is wanted.
    Holds,
    /// Something is wanted of people on top.
    Wants(Box<Wanted>),
    /// No more of what people do helps.
    Fails,
}

/// What people must do, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// When to ask again.
    pub(crate) wait: Option<Wait>,
    pub(crate) login: Option<Login>,
    pub(crate) approvals: Vec<Approval>,
    /// The digest of the call that is judged.
    pub(crate) binding_s256: Option<String>,
}

impl Lacks {
    pub(crate) fn of(reason: Reason) -> Self {
        match reason {
            Reason::CapabilityPower => Self::Power,
            Reason::CapabilityPurpose => Self::Purpose,
            Reason::CapabilityHours => Self::Bounds,
            _ if reason.code().starts_with("constraint.") => Self::Bounds,
            _ => Self::Other,
        }
    }
}

/// Whether anything can be done about a denial.
pub(crate) fn is_open(judged: &Judged) -> bool {
    // A no is an answer; and what the host does not say, nobody can mend by asking otherwise.
    let closed = |reason| {
        matches!(
            reason,
            Reason::ApprovalDenied | Reason::FactsMissing | Reason::RequestSteps
        )
    };
    let denial = judged.denial.as_ref();
    judged.in_force && denial.is_some_and(|denial| !closed(denial.reason))
}

impl<'a> Call<'a> {
    /// The call of a case, which then judges it.
    pub(crate) fn of(case: &'a Case<'a>, judged: &Judged, steps: &'a Steps) -> Self {
        let reason = judged.denial.as_ref().map(|denial| denial.reason);
        Self {
            case,
            bundle: case.bundle(),
            asked: case.asked(),
            layers: layers(case),
            lacks: reason.map_or(Lacks::Other, Lacks::of),
            people: judged.people.clone(),
            steps,
        }
    }

    /// Judges the call as it would be. Nothing was done of what is assumed, so this is no answer.
    pub(crate) fn assuming(&self, assumed: &Assumed) -> Outcome {
        let Err(mut denial) = self.case.with_steps(self.steps).judge_with(assumed) else {
            return Outcome::Holds;
        };
        let remedy = denial.remedy.take();
        let Some(remedy) = remedy.filter(|remedy| remedy.bound.is_none()) else {
            return Outcome::Fails;
        };
        if remedy.wait.is_none() && remedy.login.is_none() && remedy.approvals.is_empty() {
            return Outcome::Fails;
        }
        Outcome::Wants(Box::new(Wanted {
            wait: remedy.wait,
            login: remedy.login,
            approvals: remedy.approvals,
            binding_s256: remedy.shown.map(|shown| shown.binding_s256),
        }))
    }

    pub(crate) fn with_ask(&self, approved: bool, body: &mut dyn FnMut(&Ask<'_>)) {
        self.asked.with_ask(self.bundle, approved, body);
    }

    /// Whether policies are asked.
    pub(crate) fn has_guard_rails(&self) -> bool {
        self.bundle.guard_rails() != "none"
    }

    /// In which unit people read an argument of the action that is asked.
    pub(crate) fn unit(&self, argument: &str) -> Unit<'a> {
        self.bundle.unit(self.asked.action, argument)
    }
}

/// The manifest's list and those of the blocks.
pub(crate) fn layers<'a>(case: &'a Case<'a>) -> Vec<Layer<'a>> {
    let own = |layer: &ambit_evaluator::Layer<'a>| Layer {
        place: layer.place(),
        entries: layer.entries().to_vec(),
    };
    case.layers().iter().map(own).collect()
}
