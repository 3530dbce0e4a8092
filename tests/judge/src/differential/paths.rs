//! What an expression can reach from a request: attributes, tags, attributes of attributes, with
//! the checks that must come before, and the value found in one request that serves as witness.

use super::data::{Ask, Form, Store, Val};
use super::dice::Dice;
use super::expr::Expr;
use super::schema::{Attr, Ty};
use super::world::{Environment, TAGS, World};

/// A place that has a type.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// The expression.
    pub expr: Expr,
    /// Its type.
    pub ty: Ty,
    /// What must have been found true before it may be read, in order.
    pub guards: Vec<Expr>,
    /// What the witness has there.
    pub value: Option<Val>,
    /// How many steps it is long.
    depth: usize,
    /// The attributes since the last variable or tag, for the long form of `has`.
    names: Vec<String>,
    /// What those attributes are of.
    base: Expr,
}

/// A request that policies are made for.
#[derive(Debug)]
pub(crate) struct Witness<'a> {
    /// The world.
    pub world: &'a World,
    /// The entities.
    pub store: &'a Store,
    /// The request.
    pub ask: &'a Ask,
    /// What it is about.
    pub environment: Environment,
}

/// More would only be the same again.
const MOST: usize = 90;
const DEEPEST: usize = 3;

/// Everything that can be reached.
pub(crate) fn all(witness: &Witness<'_>, dice: &mut Dice) -> Vec<Path> {
    let world = witness.world;
    let root = |name, ty, value| Path {
        expr: Expr::Var(name),
        base: Expr::Var(name),
        names: vec![],
        guards: vec![],
        depth: 0,
        value: Some(value),
        ty,
    };
    let Environment {
        principal,
        action,
        resource,
    } = witness.environment;
    let context = world.model.actions[action].context.clone();
    let ask = witness.ask;
    let entity = |uid: &crate::subject::Uid| Val::entity(uid.clone());
    let mut paths = vec![
        root("principal", Ty::Entity(principal), entity(&ask.principal)),
        root("resource", Ty::Entity(resource), entity(&ask.resource)),
        root("context", Ty::Record(context), ask.context.clone()),
        root("action", Ty::Action, entity(&ask.action)),
    ];
    if dice.chance(30) {
        let ty = dice.below(world.model.types.len());
        let uid = world.uid(dice, ty);
        let literal = Expr::Lit(Val::entity(uid.clone()));
        let mut path = root("", Ty::Entity(ty), Val::entity(uid));
        (path.expr, path.base) = (literal.clone(), literal);
        paths.push(path);
    }
    let mut next = 0;
    while next < paths.len() && paths.len() < MOST {
        let from = paths[next].clone();
        if from.depth < DEEPEST {
            extend(&from, witness, dice, &mut paths);
        }
        next += 1;
    }
    paths
}

fn extend(from: &Path, witness: &Witness<'_>, dice: &mut Dice, paths: &mut Vec<Path>) {
    match &from.ty {
        Ty::Record(attrs) => {
            let value = |name: &str| match &from.value {
                Some(Val::Record(members)) => members.get(name).cloned(),
                _ => None,
            };
            for attr in attrs.iter() {
                paths.push(from.attribute(attr, value(&attr.name), dice));
            }
        }
        Ty::Entity(index) => {
            let entity_type = &witness.world.model.types[*index];
            let entity = match &from.value {
                Some(Val::Entity(uid, _)) => witness.store.get(uid),
                _ => None,
            };
            for attr in &entity_type.attrs {
                let value = entity.and_then(|entity| entity.attrs.get(&attr.name).cloned());
                paths.push(from.attribute(attr, value, dice));
            }
            if let Some(ty) = &entity_type.tags {
                let name = dice.of(&TAGS);
                let value = entity.and_then(|entity| entity.tags.get(name).cloned());
                paths.push(from.tag(name, ty, value));
            }
        }
        _ => {}
    }
}

impl Path {
    fn attribute(&self, attr: &Attr, value: Option<Val>, dice: &mut Dice) -> Self {
        let mut names = self.names.clone();
        names.push(attr.name.clone());
        let mut guards = self.guards.clone();
        if !attr.required {
            if names.len() > 1 && dice.chance(50) {
                // One long check instead of all the short ones since the variable.
                guards.retain(|guard| !matches!(guard, Expr::Has(..)));
                guards.push(self.base.clone().has(&names));
            } else {
                guards.push(self.expr.clone().has(&names[names.len() - 1..]));
            }
        }
        Self {
            expr: self.expr.clone().get(&attr.name),
            ty: attr.ty.clone(),
            guards,
            value: value.map(marked),
            depth: self.depth + 1,
            names,
            base: self.base.clone(),
        }
    }

    fn tag(&self, name: &str, ty: &Ty, value: Option<Val>) -> Self {
        let key = || Expr::Lit(Val::Str(name.to_owned()));
        let mut guards = self.guards.clone();
        guards.push(Expr::binary("hasTag", self.expr.clone(), key()));
        let expr = Expr::binary("getTag", self.expr.clone(), key());
        Self {
            base: expr.clone(),
            expr,
            ty: ty.clone(),
            guards,
            value: value.map(marked),
            depth: self.depth + 1,
            names: vec![],
        }
    }
}

/// The same value in the form that it needs in a policy.
pub(crate) fn marked(value: Val) -> Val {
    match value {
        Val::Entity(uid, _) => Val::Entity(uid, Form::Marked),
        Val::Ext(function, text, _) => Val::Ext(function, text, Form::Marked),
        Val::Set(items) => Val::Set(items.into_iter().map(marked).collect()),
        Val::Record(members) => Val::Record(
            members
                .into_iter()
                .map(|(name, value)| (name, marked(value)))
                .collect(),
        ),
        other => other,
    }
}
