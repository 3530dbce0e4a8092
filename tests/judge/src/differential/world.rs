//! Random entities and requests that fit a schema, or, where nothing need fit, nearly do.

use std::collections::BTreeMap;

use super::data::{Ask, Entity, Form, Store, Val};
use super::dice::Dice;
use super::schema::{Attr, Model, Ty};
use super::values::{self, Pools};
use crate::subject::Uid;

/// A schema and the values that belong to one case.
#[derive(Debug)]
pub(crate) struct World {
    /// The schema.
    pub model: Model,
    /// The values.
    pub pools: Pools,
    /// Whether everything fits the schema.
    pub typed: bool,
    /// The requests' principal type, action and resource type, which are few so that policies meet
    /// the requests that they are about.
    pub environments: Vec<Environment>,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The principal's type.
    pub principal: usize,
    /// The action.
    pub action: usize,
    /// The resource's type.
    pub resource: usize,
}

/// Tags' names: one that is an attribute's too.
pub(crate) const TAGS: [&str; 4] = ["a", "tag", "", "é"];

impl World {
    /// A random world.
    pub(crate) fn draw(dice: &mut Dice, typed: bool) -> Self {
        let model = Model::draw(dice);
        let pools = Pools::draw(dice);
        let askable = model.askable();
        let environments = (0..dice.between(1, 2))
            .map(|_| {
                let action = dice.of(&askable);
                let about = &model.actions[action];
                Environment {
                    principal: dice.of(&about.principals),
                    action,
                    resource: dice.of(&about.resources),
                }
            })
            .collect();
        Self {
            model,
            pools,
            typed,
            environments,
        }
    }

    /// A random entity of a type.
    pub(crate) fn uid(&self, dice: &mut Dice, ty: usize) -> Uid {
        let entity_type = &self.model.types[ty];
        let ghost = dice.chance(3) && !(entity_type.is_enum && self.typed);
        let id = if ghost {
            "ghost".to_owned()
        } else {
            dice.pick(&entity_type.ids).cloned().unwrap_or_default()
        };
        Uid {
            ty: entity_type.name.clone(),
            id,
        }
    }

    /// A random value of a type, as data.
    pub(crate) fn value(&self, dice: &mut Dice, ty: &Ty) -> Val {
        if !self.typed && dice.chance(3) {
            return self.odd_value(dice);
        }
        let value = match ty {
            Ty::Set(element) => {
                let count = dice.weighted(&[(40, 0), (30, 1), (40, 2), (30, 3), (10, 5), (2, 20)]);
                Val::Set((0..count).map(|_| self.value(dice, element)).collect())
            }
            Ty::Record(attrs) => Val::Record(self.record(dice, attrs)),
            Ty::Ext("datetime") if dice.chance(6) => values::far_date(dice),
            _ => self.scalar(dice, ty),
        };
        // Where the schema tells what is meant, marks may be left out.
        match value {
            Val::Entity(uid, _) if self.typed && dice.chance(20) => Val::Entity(uid, Form::Object),
            Val::Ext(function, text, _) if self.typed && dice.chance(30) => {
                Val::Ext(function, text, dice.of(&[Form::Object, Form::Bare]))
            }
            value => value,
        }
    }

    /// A random value that can be a literal of a policy too.
    pub(crate) fn scalar(&self, dice: &mut Dice, ty: &Ty) -> Val {
        let pools = &self.pools;
        match ty {
            Ty::Bool => Val::Bool(dice.chance(50)),
            Ty::Long => Val::Long(dice.of(&pools.longs)),
            Ty::Str => Val::Str(dice.pick(&pools.strings).cloned().unwrap_or_default()),
            Ty::Ext("decimal") => Val::ext("decimal", dice.of(&pools.decimals)),
            Ty::Ext("ip") => Val::ext("ip", dice.of(&pools.ips)),
            Ty::Ext("datetime") => Val::ext("datetime", dice.of(&pools.datetimes)),
            Ty::Ext(_) => Val::ext("duration", dice.of(&pools.durations)),
            Ty::Entity(index) => Val::entity(self.uid(dice, *index)),
            Ty::Action => Val::entity(self.action(dice)),
            Ty::Set(element) => {
                let count = dice.between(1, 3);
                Val::Set((0..count).map(|_| self.scalar(dice, element)).collect())
            }
            Ty::Record(attrs) => Val::Record(
                attrs
                    .iter()
                    .map(|attr| (attr.name.clone(), self.scalar(dice, &attr.ty)))
                    .collect(),
            ),
        }
    }

    /// A random action's name.
    pub(crate) fn action(&self, dice: &mut Dice) -> Uid {
        dice.pick(&self.model.actions)
            .map(|action| action.uid.clone())
            .unwrap_or_else(nobody)
    }

    /// A value of whatever type.
    pub(crate) fn odd_value(&self, dice: &mut Dice) -> Val {
        match dice.below(4) {
            0 => Val::Record(BTreeMap::new()),
            1 => Val::Set(vec![
                Val::Long(1),
                Val::Str("a".to_owned()),
                Val::Bool(true),
            ]),
            _ => {
                let ty = self.any_type(dice);
                self.scalar(dice, &ty)
            }
        }
    }

    /// Any type.
    pub(crate) fn any_type(&self, dice: &mut Dice) -> Ty {
        let scalar = match dice.below(9) {
            0 => Ty::Bool,
            1 | 2 => Ty::Long,
            3 => Ty::Str,
            4 => Ty::Ext("decimal"),
            5 => Ty::Ext("ip"),
            6 => Ty::Ext("datetime"),
            7 => Ty::Ext("duration"),
            _ => Ty::Entity(dice.below(self.model.types.len())),
        };
        if dice.chance(15) {
            Ty::Set(scalar.into())
        } else {
            scalar
        }
    }

    /// Random attributes.
    pub(crate) fn record(&self, dice: &mut Dice, attrs: &[Attr]) -> BTreeMap<String, Val> {
        let mut record = BTreeMap::new();
        for attr in attrs {
            let present = if attr.required && self.typed {
                100
            } else if attr.required {
                90
            } else {
                65
            };
            if dice.chance(present) {
                record.insert(attr.name.clone(), self.value(dice, &attr.ty));
            }
        }
        record
    }

    /// Random entities: some of those that others name are not there.
    pub(crate) fn store(&self, dice: &mut Dice) -> Store {
        let mut entities = Vec::new();
        for (index, entity_type) in self.model.types.iter().enumerate() {
            for id in &entity_type.ids {
                if dice.chance(7) || (entity_type.is_enum && dice.chance(40)) {
                    continue;
                }
                let uid = Uid {
                    ty: entity_type.name.clone(),
                    id: id.clone(),
                };
                let parents = self.parents(dice, index, id);
                let tags = entity_type.tags.as_ref().map(|ty| self.tags(dice, ty));
                entities.push(Entity {
                    attrs: self.record(dice, &entity_type.attrs),
                    uid,
                    parents,
                    tags: tags.unwrap_or_default(),
                    form: dice.of(&[Form::Object, Form::Object, Form::Object, Form::Marked]),
                    without: None,
                });
            }
        }
        if !self.typed || dice.chance(10) {
            entities.extend(self.action_entities(dice));
        }
        dice.shuffle(&mut entities);
        Store(entities)
    }

    fn tags(&self, dice: &mut Dice, ty: &Ty) -> BTreeMap<String, Val> {
        let names = dice.some(&TAGS, 3);
        names
            .into_iter()
            .map(|name| (name.to_owned(), self.value(dice, ty)))
            .collect()
    }

    /// Parents have a later type, or a later id, so that nothing becomes its own ancestor.
    fn parents(&self, dice: &mut Dice, index: usize, id: &str) -> Vec<Uid> {
        let mut parents: Vec<Uid> = Vec::new();
        for ty in &self.model.types[index].parents {
            for _ in 0..dice.below(3) {
                let parent = self.uid(dice, *ty);
                let later = *ty > index || parent.id.as_str() > id;
                if later && !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
        }
        parents
    }

    /// The actions as the schema has them; without a schema that is where groups come from.
    fn action_entities(&self, dice: &mut Dice) -> Vec<Entity> {
        let model = &self.model;
        let mut entities = Vec::new();
        for (index, action) in model.actions.iter().enumerate() {
            if !self.typed && dice.chance(10) {
                continue;
            }
            // With a schema an action has to name all that it is in.
            let groups = if self.typed {
                model.groups_of(index)
            } else {
                action.groups.clone()
            };
            entities.push(Entity {
                uid: action.uid.clone(),
                attrs: BTreeMap::new(),
                parents: groups
                    .iter()
                    .map(|group| model.actions[*group].uid.clone())
                    .collect(),
                tags: BTreeMap::new(),
                form: Form::Object,
                without: None,
            });
        }
        entities
    }

    /// A random request.
    pub(crate) fn ask(&self, dice: &mut Dice) -> (Environment, Ask) {
        let environment = dice.of(&self.environments);
        let action = &self.model.actions[environment.action];
        let ask = Ask {
            principal: self.uid(dice, environment.principal),
            action: action.uid.clone(),
            resource: self.uid(dice, environment.resource),
            context: Val::Record(self.record(dice, &action.context)),
        };
        (environment, ask)
    }
}

fn nobody() -> Uid {
    Uid {
        ty: "Nobody".to_owned(),
        id: String::new(),
    }
}
