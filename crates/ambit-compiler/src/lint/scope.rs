//! Which requests a scope can match, by what the schema says.

use std::collections::BTreeMap;

use cedar_policy::Schema;

use crate::cedar::{Scope, Source, Uid, actions, uid_of};

/// A kind of request: who by type, what, and to what by type.
struct Kind {
    principal: String,
    action: Uid,
    resource: String,
}

/// All kinds of requests that a schema knows.
pub(super) struct Kinds {
    list: Vec<Kind>,
    groups: BTreeMap<Uid, Vec<Uid>>,
}

/// What a scope still asks of a principal or resource whose type is known.
#[derive(Clone, Copy, Debug)]
enum Rest<'s> {
    Any,
    One(&'s Uid),
    In(&'s [Uid]),
}

/// A kind of request that a scope can match, and what it asks of the entities.
#[derive(Debug)]
pub(super) struct Reach<'s> {
    kind: usize,
    principal: Rest<'s>,
    resource: Rest<'s>,
}

impl Kinds {
    pub(super) fn of(schema: &Schema) -> Self {
        let list = schema.request_envs().map(|kind| Kind {
            principal: kind.principal().to_string(),
            action: uid_of(kind.action().as_ref()),
            resource: kind.resource().to_string(),
        });
        Self {
            list: list.collect(),
            groups: actions(schema).unwrap_or_default(),
        }
    }

    /// The kinds that a policy can match.
    pub(super) fn reach<'s>(&self, policy: &'s Source) -> Vec<Reach<'s>> {
        let kinds = self.list.iter().enumerate();
        kinds
            .filter_map(|(number, kind)| {
                if !self.acts(&policy.action, &kind.action) {
                    return None;
                }
                Some(Reach {
                    kind: number,
                    principal: rest(&policy.principal, &kind.principal)?,
                    resource: rest(&policy.resource, &kind.resource)?,
                })
            })
            .collect()
    }

    /// The names of the actions in it.
    pub(super) fn actions(&self, reach: &[Reach<'_>]) -> Vec<&str> {
        let kinds = reach.iter().filter_map(|one| self.list.get(one.kind));
        let mut names: Vec<&str> = kinds.map(|kind| kind.action.id.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn acts(&self, scope: &Scope, action: &Uid) -> bool {
        match scope {
            Scope::Any => true,
            Scope::Eq(wanted) => wanted == action,
            Scope::In(wanted) => {
                let groups = self.groups.get(action);
                let mut groups = groups.into_iter().flatten().chain([action]);
                groups.any(|group| wanted.contains(group))
            }
            // Cedar has no such scope for actions.
            Scope::Is(_) | Scope::IsIn(..) => false,
        }
    }
}

fn rest<'s>(scope: &'s Scope, kind: &str) -> Option<Rest<'s>> {
    Some(match scope {
        Scope::Any => Rest::Any,
        Scope::Eq(uid) if uid.kind == kind => Rest::One(uid),
        Scope::In(list) => Rest::In(list),
        Scope::Is(wanted) if wanted == kind => Rest::Any,
        Scope::IsIn(wanted, place) if wanted == kind => Rest::In(std::slice::from_ref(place)),
        Scope::Eq(_) | Scope::Is(_) | Scope::IsIn(..) => return None,
    })
}

impl Rest<'_> {
    /// Whether it lets through all that the other does. Of groups inside groups nothing is known here.
    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::One(own), Self::One(other)) => own == other,
            (Self::In(own), Self::One(other)) => own.contains(other),
            (Self::In(own), Self::In(other)) => other.iter().all(|one| own.contains(one)),
            (Self::One(_) | Self::In(_), Self::Any) | (Self::One(_), Self::In(_)) => false,
        }
    }
}

/// Whether one scope lets through all that the other does.
pub(super) fn covers(wide: &[Reach<'_>], narrow: &[Reach<'_>]) -> bool {
    narrow.iter().all(|narrow| {
        let same = wide.iter().find(|wide| wide.kind == narrow.kind);
        same.is_some_and(|wide| {
            wide.principal.covers(narrow.principal) && wide.resource.covers(narrow.resource)
        })
    })
}
