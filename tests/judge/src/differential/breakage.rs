//! Requests and entities that are broken on purpose, in one place: an engine that checks
//! conformance has to refuse what the crate refuses, and nothing else.

use std::collections::BTreeMap;

use serde_json::json;

use super::data::{Ask, Entity, Form, Store, Val};
use super::dice::Dice;
use super::values;
use super::world::World;
use crate::subject::Uid;

/// Breaks the request, or, now and then, changes something that breaks nothing.
pub(crate) fn ask(dice: &mut Dice, world: &World, ask: &mut Ask) {
    match dice.below(6) {
        0 => break_names(dice, world, ask),
        1 => ask.context = odd(dice, world),
        _ => {
            if let Val::Record(members) = &mut ask.context {
                break_members(dice, world, members);
            }
        }
    }
}

/// The same for the entities.
pub(crate) fn store(dice: &mut Dice, world: &World, store: &mut Store) {
    let index = dice.below(store.0.len());
    if let Some(entity) = store.0.get_mut(index) {
        break_entity(dice, world, entity);
    }
    if dice.chance(8) {
        break_list(dice, store);
    }
}

fn break_names(dice: &mut Dice, world: &World, ask: &mut Ask) {
    let ty = dice.below(world.model.types.len());
    let other = match dice.below(4) {
        0 => stranger(dice),
        1 => Uid {
            id: "outside".to_owned(),
            ..world.uid(dice, ty)
        },
        _ => world.uid(dice, ty),
    };
    match dice.below(4) {
        0 => ask.principal = other,
        1 => ask.resource = other,
        2 => ask.action = world.action(dice),
        _ => {
            ask.action = Uid {
                id: "unheard".to_owned(),
                ..ask.action.clone()
            }
        }
    }
}

/// An entity of a type that no schema has, or whose name is none.
fn stranger(dice: &mut Dice) -> Uid {
    Uid {
        ty: dice
            .of(&["Stranger", "Stranger", "", "1x", "App::", "if"])
            .to_owned(),
        id: "x".to_owned(),
    }
}

fn break_entity(dice: &mut Dice, world: &World, entity: &mut Entity) {
    let ty = dice.below(world.model.types.len());
    match dice.below(9) {
        0 => entity.uid = stranger(dice),
        1 => entity.uid.id = "outside".to_owned(),
        2 => entity.parents.push(world.uid(dice, ty)),
        3 => entity.parents.push(stranger(dice)),
        4 => {
            let action = world.action(dice);
            entity.parents.push(action);
        }
        5 if !entity.tags.is_empty() => break_members(dice, world, &mut entity.tags),
        5 => {
            entity.tags.insert("tag".to_owned(), odd(dice, world));
        }
        6 if dice.chance(40) => {
            entity.without = Some(dice.of(&["uid", "attrs", "parents", "tags"]));
        }
        _ => break_members(dice, world, &mut entity.attrs),
    }
}

fn break_list(dice: &mut Dice, store: &mut Store) {
    let index = dice.below(store.0.len());
    let Some(mut entity) = store.0.get(index).cloned() else {
        return;
    };
    if dice.chance(50) {
        entity.attrs.clear();
    }
    store.0.push(entity);
}

fn break_members(dice: &mut Dice, world: &World, members: &mut BTreeMap<String, Val>) {
    let names: Vec<String> = members.keys().cloned().collect();
    let name = dice.pick(&names).cloned();
    match (dice.below(6), name) {
        (0, _) | (_, None) => {
            let value = odd(dice, world);
            members.insert("unheard".to_owned(), value);
        }
        (1, Some(name)) => {
            members.remove(&name);
        }
        (2, Some(name)) => {
            let value = odd(dice, world);
            members.insert(name, value);
        }
        (_, Some(name)) => {
            if let Some(value) = members.get_mut(&name) {
                break_value(dice, world, value);
            }
        }
    }
}

fn break_value(dice: &mut Dice, world: &World, value: &mut Val) {
    match value {
        Val::Record(members) => break_members(dice, world, members),
        Val::Set(items) => {
            let index = dice.below(items.len());
            match items.get_mut(index) {
                Some(item) if dice.chance(60) => break_value(dice, world, item),
                _ => items.push(odd(dice, world)),
            }
        }
        Val::Ext(_, text, form) => {
            *text = values::no_value(dice).to_owned();
            *form = dice.of(&[Form::Marked, Form::Object, Form::Bare]);
        }
        Val::Entity(uid, form) => {
            let ty = dice.below(world.model.types.len());
            *uid = match dice.below(3) {
                0 => stranger(dice),
                1 => Uid {
                    id: "outside".to_owned(),
                    ..uid.clone()
                },
                _ => world.uid(dice, ty),
            };
            *form = dice.of(&[Form::Marked, Form::Object]);
        }
        other => *other = odd(dice, world),
    }
}

/// A value of any type, or JSON that is none.
fn odd(dice: &mut Dice, world: &World) -> Val {
    match dice.below(12) {
        0 => Val::Json(json!(null)),
        1 => Val::Json(json!(1.5)),
        2 => Val::Json(json!(9_223_372_036_854_775_808_u64)),
        3 => Val::Json(json!({"__extn": {"fn": "decimal", "args": ["1.0"]}})),
        4 => Val::Json(json!({"__extn": {"fn": "nothing", "arg": "1.0"}})),
        5 => Val::Json(json!({"__entity": {"type": "Stranger"}})),
        6 => Val::Json(json!({"__expr": "1"})),
        7 => Val::Json(json!({"__extn": {"fn": "isLoopback", "arg": "::1"}})),
        _ => world.odd_value(dice),
    }
}
