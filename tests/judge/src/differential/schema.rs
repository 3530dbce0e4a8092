//! Random schemas.

use std::sync::Arc;

use super::dice::Dice;
use crate::subject::Uid;

/// A Cedar type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    /// `Bool`.
    Bool,
    /// `Long`.
    Long,
    /// `String`.
    Str,
    /// An extension type, by the name of its constructor.
    Ext(&'static str),
    /// The entity type of that number.
    Entity(usize),
    /// Any action.
    Action,
    /// `Set<..>`.
    Set(Arc<Self>),
    /// `{..}`.
    Record(Arc<Vec<Attr>>),
}

impl Ty {
    /// Whether strict validation gives some literal this very type: records of a policy have no
    /// optional members.
    pub(crate) fn has_literal(&self) -> bool {
        match self {
            Self::Set(element) => element.has_literal(),
            Self::Record(attrs) => attrs
                .iter()
                .all(|attr| attr.required && attr.ty.has_literal()),
            _ => true,
        }
    }
}

/// A member of a record, or an attribute of an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attr {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Ty,
    /// Whether it must be there.
    pub required: bool,
}

/// An entity type.
#[derive(Clone, Debug)]
pub(crate) struct EntityType {
    /// With its namespace.
    pub name: String,
    /// Its attributes.
    pub attrs: Vec<Attr>,
    /// The type of its tags.
    pub tags: Option<Ty>,
    /// The types that its entities may be in. Only the own and later ones, so that nothing is
    /// ever in itself.
    pub parents: Vec<usize>,
    /// Whether `ids` are all that there are.
    pub is_enum: bool,
    /// The ids that a case uses.
    pub ids: Vec<String>,
}

/// An action, or a group of them.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    /// Its name.
    pub uid: Uid,
    /// The actions that it is directly in: later ones.
    pub groups: Vec<usize>,
    /// The types of its principals; a group without any is never asked for.
    pub principals: Vec<usize>,
    /// The types of its resources.
    pub resources: Vec<usize>,
    /// What its context holds.
    pub context: Arc<Vec<Attr>>,
}

/// A schema.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The entity types.
    pub types: Vec<EntityType>,
    /// The actions.
    pub actions: Vec<Action>,
    /// Types that have a name: written by that name wherever they occur.
    pub commons: Vec<(String, Ty)>,
}

/// The namespaces that a case may use.
pub(crate) const NAMESPACES: [&str; 4] = ["", "App", "App::Inner", "Zed"];
const TYPE_NAMES: [&str; 8] = [
    "User", "Team", "Doc", "Folder", "Device", "Color", "_x1", "Org",
];
const IDS: [&str; 10] = [
    "a", "b", "A", "", "alice", "a b", "\"q\"", "é𝒳", "*", "x\ny",
];
/// Names of attributes: words, those that need quotes, and those that mean something else.
const ATTRS: [&str; 18] = [
    "a",
    "b",
    "c",
    "name",
    "owner",
    "level",
    "x_1",
    "if",
    "in",
    "principal",
    "type",
    "a b",
    "é",
    "",
    "𝒳\"",
    "id",
    "parents",
    "fn",
];

impl Model {
    /// A random schema.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let mut types = draw_types(dice);
        let count = types.len();
        let mut maker = Maker { count, dice };
        // The same name mostly has the same type, so that attributes of one type can stand in for
        // those of another.
        let vocabulary: Vec<Attr> = ATTRS
            .iter()
            .map(|name| Attr {
                name: (*name).to_owned(),
                ty: maker.ty(2),
                required: true,
            })
            .collect();
        for entity_type in types.iter_mut().filter(|entity_type| !entity_type.is_enum) {
            entity_type.attrs = maker.attrs(&vocabulary, 6);
            entity_type.tags = maker.dice.chance(40).then(|| maker.ty(1));
        }
        let actions = draw_actions(&mut maker, &vocabulary);
        let commons = vocabulary
            .iter()
            .take(4)
            .enumerate()
            .map(|(index, attr)| (format!("Common{index}"), attr.ty.clone()))
            .collect();
        Self {
            types,
            actions,
            commons,
        }
    }

    /// The actions that can be asked for.
    pub(crate) fn askable(&self) -> Vec<usize> {
        let askable = |index: &usize| !self.actions[*index].principals.is_empty();
        (0..self.actions.len()).filter(askable).collect()
    }

    /// The actions that an action is in, itself left out.
    pub(crate) fn groups_of(&self, action: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = vec![action];
        while let Some(next) = open.pop() {
            for group in &self.actions[next].groups {
                if !found.contains(group) {
                    found.push(*group);
                    open.push(*group);
                }
            }
        }
        found
    }

    /// The name of an entity type.
    pub(crate) fn name(&self, index: usize) -> &str {
        &self.types[index].name
    }
}

fn join(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}::{name}")
    }
}

fn draw_types(dice: &mut Dice) -> Vec<EntityType> {
    let mut names = TYPE_NAMES;
    dice.shuffle(&mut names);
    let count = dice.between(3, 6);
    let draw = |(index, name): (usize, &&str)| {
        let is_enum = index > 1 && dice.chance(20);
        let mut ids: Vec<String> = dice.some(&IDS, 5).into_iter().map(str::to_owned).collect();
        ids.push("main".to_owned());
        let parents = (index..count)
            .filter(|_| !is_enum && dice.chance(45))
            .collect();
        EntityType {
            name: join(dice.of(&NAMESPACES), name),
            attrs: Vec::new(),
            tags: None,
            parents,
            is_enum,
            ids,
        }
    };
    names.iter().take(count).enumerate().map(draw).collect()
}

fn draw_actions(maker: &mut Maker<'_>, vocabulary: &[Attr]) -> Vec<Action> {
    let count = maker.dice.between(3, 6);
    let namespace = maker.dice.of(&NAMESPACES);
    // Few schemas: strict validation compares no actions of two namespaces, which costs policies.
    let mixed = if maker.dice.chance(15) { 40 } else { 0 };
    (0..count)
        .map(|index| {
            // The last ones are groups.
            let is_group = index + 2 >= count && index > 0;
            let appliers = |maker: &mut Maker<'_>| -> Vec<usize> {
                let mut types: Vec<usize> = (0..maker.count).collect();
                maker.dice.shuffle(&mut types);
                types.truncate(if is_group {
                    0
                } else {
                    maker.dice.between(1, 2)
                });
                types
            };
            let groups = (index + 1..count)
                .filter(|_| maker.dice.chance(40))
                .collect();
            let id = ["view", "edit", "", "a b", "all", "top"][index];
            let namespace = if maker.dice.chance(mixed) {
                maker.dice.of(&NAMESPACES)
            } else {
                namespace
            };
            Action {
                uid: Uid {
                    ty: join(namespace, "Action"),
                    id: id.to_owned(),
                },
                groups,
                principals: appliers(maker),
                resources: appliers(maker),
                context: Arc::new(maker.attrs(vocabulary, if is_group { 0 } else { 7 })),
            }
        })
        .collect()
}

/// Draws types.
struct Maker<'a> {
    count: usize,
    dice: &'a mut Dice,
}

impl Maker<'_> {
    fn ty(&mut self, depth: usize) -> Ty {
        let nested = if depth > 0 { 2 } else { 0 };
        match self.dice.weighted(&[
            (2, 0),
            (4, 1),
            (4, 2),
            (2, 3),
            (3, 4),
            (3, 5),
            (2, 6),
            (4, 7),
            (nested * 3, 8),
            (nested * 2, 9),
        ]) {
            0 => Ty::Bool,
            1 => Ty::Long,
            2 => Ty::Str,
            3 => Ty::Ext("decimal"),
            4 => Ty::Ext("ip"),
            5 => Ty::Ext("datetime"),
            6 => Ty::Ext("duration"),
            7 => Ty::Entity(self.dice.below(self.count)),
            8 => Ty::Set(Arc::new(self.ty(depth - 1))),
            _ => Ty::Record(Arc::new(self.fields(depth - 1))),
        }
    }

    fn fields(&mut self, depth: usize) -> Vec<Attr> {
        let names = self.dice.some(&ATTRS, 3);
        let field = |name: &str| Attr {
            name: name.to_owned(),
            ty: self.ty(depth),
            required: self.dice.chance(60),
        };
        names.into_iter().map(field).collect()
    }

    fn attrs(&mut self, vocabulary: &[Attr], most: usize) -> Vec<Attr> {
        let mut attrs = self.dice.some(vocabulary, most);
        for attr in &mut attrs {
            attr.required = self.dice.chance(60);
            if self.dice.chance(20) {
                attr.ty = self.ty(2);
            }
        }
        attrs
    }
}
