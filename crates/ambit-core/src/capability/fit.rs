//! Bounds that the vocabulary contradicts.

use alloc::format;
use alloc::string::String;

use crate::constraint::{Arguments, Declared, Misfit, counted, uncountable};
use crate::json::Json;

/// A bound of an entry that cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// Which member: `constraints.to`, `limits[0]`.
    pub member: String,
    /// Why, and what to do about it.
    pub detail: String,
}

/// The first bound of an entry that contradicts what these actions' arguments are declared to be. Such an
/// entry is refused where it is signed; where it is read, what is contradicted never matches.
///
/// An argument that only some of the actions have is bounded and counted for those.
#[must_use]
pub fn contradiction(entry: Json<'_>, actions: &[&dyn Arguments]) -> Option<Contradiction> {
    if actions.is_empty() {
        return None;
    }
    let constraints = entry.get_members("constraints");
    for (name, spec) in constraints.filter(|(name, _)| *name != "*") {
        let declared = || actions.iter().filter_map(|action| action.declared(name));
        let detail = if declared().next().is_none() {
            String::from("no action of the capability has this argument: take the bound out")
        } else {
            let misfit = |declared: Declared<'_>| Some(why(declared.misfit(spec)?, declared));
            let Some(detail) = declared().find_map(misfit) else {
                continue;
            };
            detail
        };
        let member = format!("constraints.{name}");
        return Some(Contradiction { member, detail });
    }
    let limits = entry.get_elements("limits");
    limits.enumerate().find_map(|(at, limit)| {
        let name = counted(limit)?;
        let detail = if actions.iter().any(|action| action.declared(name).is_some()) {
            let mut actions = actions.iter();
            actions.find_map(|action| uncountable(limit, *action))?
        } else {
            format!("no action of the capability has an argument `{name}` to count")
        };
        let member = format!("limits[{at}]");
        Some(Contradiction { member, detail })
    })
}

/// What is wrong with a constraint on such an argument, and which kinds there are for it.
#[must_use]
pub fn why(misfit: Misfit, declared: Declared<'_>) -> String {
    let kind = misfit.kind;
    let words = declared.words();
    if misfit.values {
        return format!("`{kind}` names a value that the argument cannot have: it is {words}");
    }
    let mut detail = format!("`{kind}` does not bound this argument, which is {words}: use");
    for (at, kind) in declared.kinds().enumerate() {
        detail.push_str(if at > 0 { ", `" } else { " `" });
        detail.push_str(kind);
        detail.push('`');
    }
    detail
}
