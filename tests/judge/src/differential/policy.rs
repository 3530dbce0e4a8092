//! Random policies.

use super::data::Val;
use super::dice::Dice;
use super::expr::Expr;
use super::generate::Generator;
use super::paths::Witness;
use super::wild;
use super::world::{Environment, World};
use crate::subject::Uid;

/// A policy, or a template with its links.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Whether it permits or forbids.
    pub permit: bool,
    /// Whom it is about.
    pub principal: Scope,
    /// Which actions it is about.
    pub action: ActionScope,
    /// What it is about.
    pub resource: Scope,
    /// `when` (true) and `unless` clauses.
    pub clauses: Vec<(bool, Expr)>,
    /// What a template's slots are filled with, a link each.
    pub links: Vec<Link>,
}

/// A template's link.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// For `?principal`.
    pub principal: Option<Uid>,
    /// For `?resource`.
    pub resource: Option<Uid>,
}

/// What a scope says about principal or resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Nothing.
    Any,
    /// `== x`.
    Eq(Name),
    /// `in x`.
    In(Name),
    /// `is T`, perhaps with `in x`.
    Is(String, Option<Name>),
}

/// What a scope compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// An entity.
    Uid(Uid),
    /// `?principal` or `?resource`.
    Slot(&'static str),
}

/// What a scope says about the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActionScope {
    /// Nothing.
    Any,
    /// `== x`.
    Eq(Uid),
    /// `in x`.
    In(Uid),
    /// `in [x, y]`.
    InAny(Vec<Uid>),
}

impl Policy {
    /// Whether it is a template.
    pub(crate) fn is_template(&self) -> bool {
        let slot = |scope: &Scope| {
            matches!(
                scope,
                Scope::Eq(Name::Slot(_))
                    | Scope::In(Name::Slot(_))
                    | Scope::Is(_, Some(Name::Slot(_)))
            )
        };
        slot(&self.principal) || slot(&self.resource)
    }
}

/// A random policy that is about requests like the witness.
pub(crate) fn draw(dice: &mut Dice, witness: &Witness<'_>, permit: bool) -> Policy {
    let world = witness.world;
    let Environment {
        principal,
        action,
        resource,
    } = witness.environment;
    let own = [
        (&witness.ask.principal, principal),
        (&witness.ask.resource, resource),
    ];
    let [who, what] = own.map(|(uid, ty)| scope(dice, witness, uid, ty));
    let action_scope = draw_action(dice, world, action);
    let clauses = clauses(dice, witness);
    let mut policy = Policy {
        permit,
        principal: who,
        action: action_scope,
        resource: what,
        clauses,
        links: vec![],
    };
    if world.typed {
        add_type_tests(dice, &mut policy, world, witness.environment);
    }
    if dice.chance(12) {
        make_template(dice, &mut policy, witness);
    }
    policy
}

fn scope(dice: &mut Dice, witness: &Witness<'_>, own: &Uid, ty: usize) -> Scope {
    let world = witness.world;
    let group = |dice: &mut Dice| {
        let mut above = witness.store.ancestors(own);
        above.push(own.clone());
        let near = dice.chance(75);
        let parents = &world.model.types[ty].parents;
        match dice.pick(&above) {
            Some(uid) if near => uid.clone(),
            _ => {
                let parent = dice.pick(parents).copied().unwrap_or(ty);
                world.uid(dice, parent)
            }
        }
    };
    let named = |dice: &mut Dice| {
        let near = dice.chance(80);
        if near {
            own.clone()
        } else {
            world.uid(dice, ty)
        }
    };
    let type_name = |dice: &mut Dice| {
        let other = dice.chance(8);
        let index = if other {
            dice.below(world.model.types.len())
        } else {
            ty
        };
        world.model.name(index).to_owned()
    };
    match dice.weighted(&[(50, 0), (7, 1), (15, 2), (16, 3), (12, 4)]) {
        0 => Scope::Any,
        1 => Scope::Eq(Name::Uid(named(dice))),
        2 => Scope::In(Name::Uid(group(dice))),
        3 => Scope::Is(type_name(dice), None),
        _ => Scope::Is(type_name(dice), Some(Name::Uid(group(dice)))),
    }
}

fn draw_action(dice: &mut Dice, world: &World, own: usize) -> ActionScope {
    let model = &world.model;
    let mut near = model.groups_of(own);
    near.push(own);
    let some = |dice: &mut Dice| {
        if dice.chance(85) {
            model.actions[dice.of(&near)].uid.clone()
        } else {
            world.action(dice)
        }
    };
    match dice.weighted(&[(30, 0), (30, 1), (20, 2), (20, 3)]) {
        0 => ActionScope::Any,
        1 => ActionScope::Eq(model.actions[own].uid.clone()),
        2 => ActionScope::In(some(dice)),
        _ => ActionScope::InAny((0..dice.between(1, 3)).map(|_| some(dice)).collect()),
    }
}

fn clauses(dice: &mut Dice, witness: &Witness<'_>) -> Vec<(bool, Expr)> {
    // One operator a policy shows best what that operator does; deep ones show how they combine.
    let (count, depth) = dice.weighted(&[
        (4, (0, 0)),
        (40, (1, 0)),
        (25, (1, 1)),
        (12, (1, 2)),
        (4, (1, 4)),
        (10, (2, 0)),
        (5, (3, 1)),
    ]);
    let mut generator = Generator::new(dice, witness);
    (0..count)
        .map(|_| {
            let mut condition = generator.condition(depth);
            if generator.wildness > 0 {
                wild::spoil(&mut generator, &mut condition);
            }
            let when = generator.dice.chance(80);
            (when, condition)
        })
        .collect()
}

/// Attributes are read from entities of one type: where the scope leaves the type open, a test has
/// to come first.
fn add_type_tests(dice: &mut Dice, policy: &mut Policy, world: &World, environment: Environment) {
    let mentions = |variable: &str| {
        policy
            .clauses
            .iter()
            .any(|(_, clause)| clause.mentions(variable))
    };
    let mut tests = Vec::new();
    let context = mentions("context");
    let action = &world.model.actions[environment.action].uid;
    if context && policy.action != ActionScope::Eq(action.clone()) {
        let literal = Expr::Lit(Val::entity(action.clone()));
        tests.push(Expr::binary("==", Expr::Var("action"), literal));
    }
    for (variable, ty, scope) in [
        ("principal", environment.principal, &policy.principal),
        ("resource", environment.resource, &policy.resource),
    ] {
        let open = matches!(scope, Scope::Any | Scope::In(_) | Scope::Eq(Name::Slot(_)));
        if open && mentions(variable) {
            let name = world.model.name(ty).to_owned();
            tests.push(Expr::Is(Box::new(Expr::Var(variable)), name, None));
        }
    }
    if dice.chance(8) {
        tests.pop();
    }
    for test in tests {
        if dice.chance(50) {
            policy.clauses.insert(0, (true, test));
        } else if let Some((true, first)) = policy.clauses.first_mut() {
            let body = std::mem::replace(first, Expr::bool(true));
            *first = test.and(body);
        } else {
            policy.clauses.insert(0, (true, test));
        }
    }
}

fn make_template(dice: &mut Dice, policy: &mut Policy, witness: &Witness<'_>) {
    let mut fill = |scope: &mut Scope, slot: &'static str| {
        let (Scope::Eq(name) | Scope::In(name) | Scope::Is(_, Some(name))) = scope else {
            return None;
        };
        if dice.chance(25) {
            return None;
        }
        match std::mem::replace(name, Name::Slot(slot)) {
            Name::Uid(uid) => Some(uid),
            Name::Slot(_) => None,
        }
    };
    let principal = fill(&mut policy.principal, "?principal");
    let resource = fill(&mut policy.resource, "?resource");
    if principal.is_none() && resource.is_none() {
        return;
    }
    let world = witness.world;
    let Environment {
        principal: who,
        resource: what,
        ..
    } = witness.environment;
    policy.links.push(Link {
        principal: principal.clone(),
        resource: resource.clone(),
    });
    for _ in 0..dice.below(3) {
        let mut other = |known: &Option<Uid>, ty| known.as_ref().map(|_| world.uid(dice, ty));
        policy.links.push(Link {
            principal: other(&principal, who),
            resource: other(&resource, what),
        });
    }
}
