//! A request as Cedar sees it.

use alloc::boxed::Box;

use ambit_core::Steps;
use ambit_core::json::{Document, Json, Kind as JsonKind};

use super::conform::lossy;
use super::entities::Entities;
use super::fault::InputFault;
use super::kind::Shape;
use super::program::Program;
use super::read;
use super::value::{Record, Uid};

/// Everything that policies are evaluated on.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// Who asks.
    pub principal: Uid<'a>,
    /// What is to be done.
    pub action: Uid<'a>,
    /// To what.
    pub resource: Uid<'a>,
    /// Everything else about the request.
    pub context: Record<'a>,
    /// What is known of entities.
    pub entities: Entities<'a>,
}

impl<'a> Input<'a> {
    /// Reads `{"principal", "action", "resource", "context", "entities"}`: each of the first three
    /// `{"type", "id"}`, context and entities in Cedar's JSON form, `{}` and `[]` when absent.
    ///
    /// # Errors
    ///
    /// [`InputFault`] for the first part that is malformed or does not conform to the schema.
    pub fn read(program: &'a Program<'a>, json: Json<'a>) -> Result<Self, Box<InputFault>> {
        Self::read_within(program, json, &Steps::new())
    }

    /// [`Self::read`] with a budget that evaluation shares: exhausted, it has no verdict.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_within(
        program: &'a Program<'a>,
        json: Json<'a>,
        steps: &Steps,
    ) -> Result<Self, Box<InputFault>> {
        const MEMBERS: [&str; 5] = ["principal", "action", "resource", "context", "entities"];
        if json.kind() != JsonKind::Object {
            return Err(InputFault::new("an object"));
        }
        for (name, _) in json.byte_members() {
            if !MEMBERS.iter().any(|known| known.as_bytes() == name) {
                let wanted = "nothing: known are principal, action, resource, context, entities";
                return Err(InputFault::new(wanted).member(&lossy(name)));
            }
        }
        let uid = |name: &str| {
            let uid = json.get(name).and_then(read::uid);
            let uid = uid.ok_or_else(|| InputFault::new("{\"type\", \"id\"}").member(name))?;
            program.check_uid(uid).map_err(|fault| fault.member(name))?;
            Ok::<_, Box<InputFault>>(uid)
        };
        let (principal, action, resource) = (uid("principal")?, uid("action")?, uid("resource")?);
        let shape = program.applies(principal, action, resource)?;
        let entities = match json.get("entities") {
            Some(entities) => Entities::read(program, entities, steps)
                .map_err(|fault| fault.member("entities"))?,
            None => Entities::default(),
        };
        let context = json.get("context").unwrap_or(EMPTY.root());
        program
            .check_context(context, shape)
            .map_err(|fault| fault.member("context"))?;
        Ok(Self {
            principal,
            action,
            resource,
            context: Record::InPlace(program.in_place(context, shape)),
            entities,
        })
    }
}

/// `{}`
const EMPTY: &Document<'static> = &Document::in_place(&[7, 0, 0, 0, 1, 0, 0, 0], &[]);

impl<'a> Program<'a> {
    /// Whether the action applies to principal and resource; gives the shape of its context.
    ///
    /// # Errors
    ///
    /// Which of the three does not fit the schema. Without a schema everything does.
    fn applies(
        &self,
        principal: Uid<'_>,
        action: Uid<'_>,
        resource: Uid<'_>,
    ) -> Result<Shape, Box<InputFault>> {
        if !self.typed {
            return Ok(Shape::Any);
        }
        let declared = self.action_type(action);
        let wanted = "an action that the schema declares";
        let declared = declared.ok_or_else(|| InputFault::new(wanted).member("action"))?;
        let sides = [
            ("principal", principal, declared.principals),
            ("resource", resource, declared.resources),
        ];
        for (name, uid, types) in sides {
            if !self.lists(types, uid.kind) {
                let wanted = "an entity of a type that the action applies to";
                return Err(InputFault::new(wanted).member(name));
            }
        }
        Ok(Shape::Of(declared.context))
    }

    fn check_context(&'a self, context: Json<'a>, shape: Shape) -> Result<(), Box<InputFault>> {
        match shape {
            _ if context.kind() != JsonKind::Object => Err(InputFault::new("an object")),
            Shape::Of(record) => self.check_record(context, record),
            _ => context.byte_members().try_for_each(|(name, value)| {
                let checked = self.check(value, Shape::Any);
                checked.map_err(|fault| fault.member(&lossy(name)))
            }),
        }
    }
}
