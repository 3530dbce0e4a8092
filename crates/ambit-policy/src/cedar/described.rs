//! One entity of a request: read and checked.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;

use ambit_core::json::{Json, Kind as JsonKind};
use ambit_core::sort;

use super::conform::lossy;
use super::entities::Entities;
use super::fault::InputFault;
use super::kind::Shape;
use super::program::Program;
use super::read;
use super::value::{InPlace, Record, Uid};

/// An entity that conforms.
pub(super) struct Described<'a> {
    pub(super) uid: Uid<'a>,
    pub(super) attributes: Record<'a>,
    pub(super) tags: Option<InPlace<'a>>,
}

impl<'a> Described<'a> {
    /// `None`: an action that says what the schema says.
    pub(super) fn read(
        program: &'a Program<'a>,
        json: Json<'a>,
        parents: &mut Vec<Uid<'a>>,
    ) -> Result<Option<Self>, Box<InputFault>> {
        for (name, _) in json.byte_members() {
            if !matches!(name, b"uid" | b"attrs" | b"parents" | b"tags") {
                let fault = InputFault::new("nothing: known are `uid`, `attrs`, `parents`, `tags`");
                return Err(fault.member(&lossy(name)));
            }
        }
        let object = |name: &str| {
            let value = json
                .get(name)
                .filter(|json| json.kind() == JsonKind::Object);
            value.ok_or_else(|| InputFault::new("an object").member(name))
        };
        let uid = read::uid(object("uid")?);
        let uid = uid.ok_or_else(|| InputFault::new("{\"type\", \"id\"}").member("uid"))?;
        program
            .check_uid(uid)
            .map_err(|fault| fault.member("uid"))?;
        let listed = json
            .get("parents")
            .filter(|json| json.kind() == JsonKind::Array);
        let listed = listed.ok_or_else(|| InputFault::new("an array").member("parents"))?;
        let attributes = object("attrs")?;
        let tags = json.get("tags").map(|_| object("tags")).transpose()?;
        check_parents(program, uid, listed, parents)?;
        if program.typed && uid.is_action() {
            return check_action(program, uid, attributes, tags, listed).map(|()| None);
        }
        let (shape, tag_shape) = check_content(program, uid, attributes, tags)?;
        Ok(Some(Self {
            uid,
            attributes: Record::InPlace(program.in_place(attributes, shape)),
            tags: tags.map(|tags| program.in_place(tags, tag_shape)),
        }))
    }
}

/// Each parent: well-formed, and with a schema, of a type that an ancestor may have.
fn check_parents<'a>(
    program: &'a Program<'a>,
    child: Uid<'a>,
    listed: Json<'a>,
    parents: &mut Vec<Uid<'a>>,
) -> Result<(), Box<InputFault>> {
    let allowed = program.entity_type(child.kind).map(|kind| kind.ancestors);
    for (at, parent) in listed.elements().enumerate() {
        let inner = |fault: Box<InputFault>| fault.element(at).member("parents");
        let uid = read::uid(parent).ok_or_else(|| InputFault::new("{\"type\", \"id\"}"));
        let uid = uid.map_err(inner)?;
        program.check_uid(uid).map_err(inner)?;
        if child.is_action() {
            if !uid.is_action() {
                return Err(inner(InputFault::new("an action")));
            }
        } else if allowed.is_some_and(|allowed| !program.lists(allowed, uid.kind)) {
            let wanted = "an entity of a type that the schema allows as a parent";
            return Err(inner(InputFault::new(wanted)));
        }
        parents.push(uid);
    }
    Ok(())
}

/// Attributes and tags; gives the shapes that they are to be read as.
fn check_content<'a>(
    program: &'a Program<'a>,
    uid: Uid<'a>,
    attributes: Json<'a>,
    tags: Option<Json<'a>>,
) -> Result<(Shape, Shape), Box<InputFault>> {
    let (shape, tag_shape) = if program.typed {
        let kind = program.entity_type(uid.kind).ok_or_else(|| {
            InputFault::new("an entity of a type that the schema declares").member("uid")
        })?;
        (Shape::Of(kind.attributes), kind.tags.map(Shape::Of))
    } else {
        (Shape::Any, Some(Shape::Any))
    };
    let checked = match shape {
        Shape::Of(record) => program.check_record(attributes, record),
        _ => each(program, attributes, Shape::Any),
    };
    checked.map_err(|fault| fault.member("attrs"))?;
    if let Some(tags) = tags {
        let checked = match tag_shape {
            Some(shape) => each(program, tags, shape),
            None if tags.is_empty() => Ok(()),
            None => Err(InputFault::new("nothing: the type has no tags")),
        };
        checked.map_err(|fault| fault.member("tags"))?;
    }
    Ok((shape, tag_shape.unwrap_or(Shape::Any)))
}

fn each<'a>(
    program: &'a Program<'a>,
    object: Json<'a>,
    shape: Shape,
) -> Result<(), Box<InputFault>> {
    object.byte_members().try_for_each(|(name, value)| {
        let checked = program.check(value, shape);
        checked.map_err(|fault| fault.member(&lossy(name)))
    })
}

/// An action from outside must say exactly what the schema says; then it says nothing new.
fn check_action<'a>(
    program: &'a Program<'a>,
    uid: Uid<'a>,
    attributes: Json<'a>,
    tags: Option<Json<'a>>,
    parents: Json<'a>,
) -> Result<(), Box<InputFault>> {
    let none = Entities::default();
    let ancestors = |uid| {
        let Ok(found) = none.ancestors(program, uid, &mut |_| Ok::<(), Infallible>(()));
        found
    };
    let known = ancestors(uid);
    let mut given: Vec<Uid<'a>> = Vec::new();
    for parent in parents.elements().filter_map(read::uid) {
        given.push(parent);
        given.extend(ancestors(parent));
    }
    sort(&mut given);
    given.dedup();
    if attributes.is_empty() && tags.is_none_or(Json::is_empty) && given == known {
        return Ok(());
    }
    Err(InputFault::new("the action as the schema declares it"))
}
