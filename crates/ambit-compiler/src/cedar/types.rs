//! The schema, as a program keeps it.

use std::collections::BTreeMap;

use ambit_policy::cedar::code::NONE;
use ambit_policy::cedar::{ACTION_WORDS, ENTITY_TYPE_WORDS, TYPES_HEAD, TypeTag};
use cedar_policy::Schema;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::validator::types::{Attributes, EntityKind, Type};
use cedar_policy_core::validator::{
    ValidatorActionId, ValidatorEntityType, ValidatorEntityTypeKind, ValidatorSchema,
};

use super::expr::Uid;
use super::pool::{Pool, number};
use crate::error::CompileError;

/// The sections `types` and `lists` under construction.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) types: Vec<u32>,
    pub(super) lists: Vec<u32>,
    /// Where a type of these words stands.
    known: BTreeMap<Vec<u32>, u32>,
}

/// The actions with all their ancestors, sorted.
pub(crate) type Actions = BTreeMap<Uid, Vec<Uid>>;

pub(crate) fn uid_of(uid: &EntityUID) -> Uid {
    Uid {
        kind: uid.entity_type().to_string(),
        id: AsRef::<str>::as_ref(uid.eid()).to_owned(),
    }
}

/// The identifiers of each enumerated entity type, by its full name.
pub(crate) type Enumerations = BTreeMap<String, Vec<String>>;

/// The enumerations of a schema.
pub(crate) fn enumerations(schema: &Schema) -> Enumerations {
    let schema: &ValidatorSchema = schema.as_ref();
    let kinds = schema.entity_types().filter_map(|kind| match &kind.kind {
        ValidatorEntityTypeKind::Enum(choices) => {
            let ids = choices.iter().map(|id| AsRef::<str>::as_ref(id).to_owned());
            Some((kind.name().to_string(), ids.collect()))
        }
        _ => None,
    });
    kinds.collect()
}

/// The actions of a schema with their ancestors.
pub(crate) fn actions(schema: &Schema) -> Result<Actions, CompileError> {
    let schema: &ValidatorSchema = schema.as_ref();
    let entities = schema
        .action_entities()
        .map_err(|error| CompileError::new("cedar.schema", error.to_string()))?;
    let actions = entities.iter().map(|action| {
        let mut ancestors: Vec<Uid> = action.ancestors().map(uid_of).collect();
        ancestors.sort();
        ancestors.dedup();
        (uid_of(action.uid()), ancestors)
    });
    Ok(actions.collect())
}

impl Tables {
    /// Without a schema there are no rows.
    pub(super) fn none() -> Self {
        Self {
            types: vec![0; TYPES_HEAD],
            ..Self::default()
        }
    }

    pub(super) fn of(schema: &Schema, pool: &mut Pool) -> Result<Self, CompileError> {
        let schema: &ValidatorSchema = schema.as_ref();
        let kinds: BTreeMap<String, _> = schema
            .entity_types()
            .map(|kind| (kind.name().to_string(), kind))
            .collect();
        let actions: BTreeMap<Uid, _> = schema
            .action_ids()
            .map(|action| (uid_of(action.name()), action))
            .collect();
        let rows = kinds.len() * ENTITY_TYPE_WORDS + actions.len() * ACTION_WORDS;
        let mut tables = Self::none();
        tables.types = vec![NONE; TYPES_HEAD + rows];
        tables.types[0] = number(kinds.len());
        tables.types[1] = number(actions.len());
        let mut row = TYPES_HEAD;
        for (name, kind) in &kinds {
            let ancestors = kinds
                .iter()
                .filter(|(_, other)| other.has_descendant_entity_type(kind.name()));
            let ancestors: Vec<u32> = ancestors.map(|(name, _)| pool.string(name)).collect();
            let cells = tables.entity_type(name, kind, &ancestors, pool)?;
            tables.types[row..row + ENTITY_TYPE_WORDS].copy_from_slice(&cells);
            row += ENTITY_TYPE_WORDS;
        }
        for (uid, action) in &actions {
            let cells = tables.action(uid, action, pool)?;
            tables.types[row..row + ACTION_WORDS].copy_from_slice(&cells);
            row += ACTION_WORDS;
        }
        Ok(tables)
    }

    fn entity_type(
        &mut self,
        name: &str,
        kind: &ValidatorEntityType,
        ancestors: &[u32],
        pool: &mut Pool,
    ) -> Result<[u32; ENTITY_TYPE_WORDS], CompileError> {
        let attributes = self.record(kind.attributes(), pool)?;
        let tags = match kind.tag_type() {
            Some(tags) => self.kind(tags, pool)?,
            None => NONE,
        };
        let ancestors = self.list(ancestors);
        let choices = match &kind.kind {
            ValidatorEntityTypeKind::Enum(choices) => {
                let ids = choices.iter().map(|id| AsRef::<str>::as_ref(id).to_owned());
                self.names(ids.collect(), pool)
            }
            _ => NONE,
        };
        Ok([pool.string(name), attributes, tags, ancestors, choices])
    }

    fn action(
        &mut self,
        uid: &Uid,
        action: &ValidatorActionId,
        pool: &mut Pool,
    ) -> Result<[u32; ACTION_WORDS], CompileError> {
        let context = match action.context_type() {
            Some(Type::Record { attrs, .. }) => self.record(attrs, pool)?,
            _ => self.record(&Attributes::with_attributes([]), pool)?,
        };
        let principals = action.applies_to_principals().map(ToString::to_string);
        let principals = self.names(principals.collect(), pool);
        let resources = action.applies_to_resources().map(ToString::to_string);
        let resources = self.names(resources.collect(), pool);
        Ok([pool.uid(uid), context, principals, resources])
    }

    fn names(&mut self, mut names: Vec<String>, pool: &mut Pool) -> u32 {
        names.sort();
        names.dedup();
        let names: Vec<u32> = names.iter().map(|name| pool.string(name)).collect();
        self.list(&names)
    }

    pub(super) fn list(&mut self, words: &[u32]) -> u32 {
        let at = number(self.lists.len());
        self.lists.push(number(words.len()));
        self.lists.extend(words);
        at
    }

    /// A type of these words, written once.
    fn put(&mut self, words: Vec<u32>) -> u32 {
        if let Some(known) = self.known.get(&words) {
            return *known;
        }
        let at = number(self.types.len());
        self.types.extend(&words);
        self.known.insert(words, at);
        at
    }

    fn record(&mut self, attributes: &Attributes, pool: &mut Pool) -> Result<u32, CompileError> {
        let sorted: BTreeMap<&str, _> = attributes
            .iter()
            .map(|(name, attribute)| (name.as_str(), attribute))
            .collect();
        let required = sorted.values().filter(|attribute| attribute.is_required);
        let mut words = vec![
            TypeTag::Record.code(),
            number(required.count()),
            number(sorted.len()),
        ];
        for (name, attribute) in sorted {
            let kind = self.kind(&attribute.attr_type, pool)?;
            words.extend([pool.string(name), u32::from(attribute.is_required), kind]);
        }
        Ok(self.put(words))
    }

    fn kind(&mut self, kind: &Type, pool: &mut Pool) -> Result<u32, CompileError> {
        let strange = || {
            CompileError::new(
                "cedar.schema",
                format!("the schema uses a type that is not known: {kind}"),
            )
        };
        let words = match kind {
            Type::Bool(_) => vec![TypeTag::Bool.code()],
            Type::Long => vec![TypeTag::Long.code()],
            Type::String => vec![TypeTag::Str.code()],
            Type::Entity(EntityKind::Entity(names)) => {
                let name = names.get_single_entity().ok_or_else(strange)?;
                vec![TypeTag::Entity.code(), pool.string(&name.to_string())]
            }
            Type::Set {
                element_type: Some(element),
            } => vec![TypeTag::Set.code(), self.kind(element, pool)?],
            Type::Record { attrs, .. } => return self.record(attrs, pool),
            Type::ExtensionType { name } => match name.to_string().as_str() {
                "decimal" => vec![TypeTag::Decimal.code()],
                "ipaddr" => vec![TypeTag::Ip.code()],
                "datetime" => vec![TypeTag::Datetime.code()],
                "duration" => vec![TypeTag::Duration.code()],
                _ => return Err(strange()),
            },
            _ => return Err(strange()),
        };
        Ok(self.put(words))
    }
}
