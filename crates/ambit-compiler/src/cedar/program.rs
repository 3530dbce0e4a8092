//! A program put together.

use std::collections::BTreeMap;

use ambit_core::limits::BUNDLE_BYTES;
use ambit_policy::cedar::code::NONE;
use ambit_policy::cedar::{FORMAT, MAGIC, Program};
use cedar_policy::Schema;

use super::Options;
use super::code;
use super::expr::{Expr, Uid};
use super::pool::Pool;
use super::source::Source;
use super::tree::Index;
use super::types::{self, Tables};
use crate::error::CompileError;

/// An entity of the policy itself.
#[derive(Clone, Debug)]
pub(crate) struct OwnEntity {
    pub(crate) uid: Uid,
    /// Literals.
    pub(crate) attributes: BTreeMap<String, Expr>,
    /// Literals.
    pub(crate) tags: BTreeMap<String, Expr>,
    pub(crate) parents: Vec<Uid>,
}

/// Compiles policies. The actions of the schema come to the entities by themselves.
pub(crate) fn write(
    policies: &[Source],
    options: Options<'_>,
    entities: &[OwnEntity],
) -> Result<Vec<u8>, CompileError> {
    let schema = options.schema;
    let mut pool = Pool::default();
    let mut code = Vec::new();
    let policies_rows = policy_rows(policies, &mut code, &mut pool)?;
    let index = Index::build(policies, options.validated && schema.is_some());
    let mut paths = Vec::new();
    for (path, _) in index.paths() {
        paths.push(code::emit(path, &mut code, &mut pool)?);
    }
    let keys = index.key_rows(&mut pool);
    let mut tables = match schema {
        Some(schema) => Tables::of(schema, &mut pool)?,
        None => Tables::none(),
    };
    let own = own_entities(schema, entities)?;
    let entity_rows = entity_rows(&own, &mut code, &mut pool, &mut tables)?;
    let sections = [
        words(&pool.string_rows),
        words(&pool.uid_rows),
        words(&code),
        words(&policies_rows),
        words(&keys),
        words(&index.hash_table()),
        words(&index.layout(&paths)),
        words(&tables.types),
        words(&entity_rows),
        words(&tables.lists),
        pool.text.into_bytes(),
    ];
    join(schema.is_some(), &sections)
}

fn join(typed: bool, sections: &[Vec<u8>]) -> Result<Vec<u8>, CompileError> {
    let large = || CompileError::new("build.size", "the bundle would be larger than 8 MiB");
    let mut out = MAGIC.to_vec();
    out.extend(FORMAT.to_le_bytes());
    out.extend(u32::from(typed).to_le_bytes());
    for section in sections {
        let length = u32::try_from(section.len()).map_err(|_| large())?;
        out.extend(length.to_le_bytes());
    }
    for section in sections {
        out.extend(section);
    }
    if out.len() > BUNDLE_BYTES {
        return Err(large());
    }
    // The verifier has the last word on what this compiler writes.
    let program = Program::open(&out).ok_or("header");
    match program.and_then(|program| program.verify()) {
        Ok(()) => Ok(out),
        Err(section) => Err(CompileError::new(
            "build.bundle",
            format!("the policies came out unsound (`{section}`); please report this"),
        )),
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn policy_rows(
    policies: &[Source],
    code: &mut Vec<u32>,
    pool: &mut Pool,
) -> Result<Vec<u32>, CompileError> {
    let mut rows = Vec::new();
    for policy in policies {
        let condition = code::emit(&policy.condition(), code, pool).map_err(|error| {
            CompileError::new(
                error.code,
                format!("policy `{}`: {}", policy.id, error.message),
            )
        })?;
        let notes = &policy.notes;
        let mut text = |text: &Option<String>| text.as_ref().map_or(NONE, |text| pool.string(text));
        rows.extend([
            u32::from(policy.forbids),
            condition,
            text(&Some(policy.id.clone())),
            text(&notes.file),
            notes.line,
            text(&notes.reason),
            text(&notes.advice),
            text(&notes.step_up),
        ]);
    }
    Ok(rows)
}

/// The entities of the policy and the actions of the schema, sorted.
fn own_entities(
    schema: Option<&Schema>,
    entities: &[OwnEntity],
) -> Result<BTreeMap<Uid, OwnEntity>, CompileError> {
    let mut own: BTreeMap<Uid, OwnEntity> = entities
        .iter()
        .map(|entity| (entity.uid.clone(), entity.clone()))
        .collect();
    let actions = schema.map(types::actions).transpose()?.unwrap_or_default();
    for (uid, parents) in actions {
        let action = OwnEntity {
            uid: uid.clone(),
            attributes: BTreeMap::new(),
            tags: BTreeMap::new(),
            parents,
        };
        own.insert(uid, action);
    }
    Ok(own)
}

fn entity_rows(
    own: &BTreeMap<Uid, OwnEntity>,
    code: &mut Vec<u32>,
    pool: &mut Pool,
    tables: &mut Tables,
) -> Result<Vec<u32>, CompileError> {
    let mut rows = Vec::new();
    for (uid, entity) in own {
        rows.push(pool.uid(uid));
        for record in [&entity.attributes, &entity.tags] {
            rows.push(if record.is_empty() {
                NONE
            } else {
                code::emit(&Expr::Record(record.clone()), code, pool)?
            });
        }
        let parents: Vec<u32> = entity.parents.iter().map(|uid| pool.uid(uid)).collect();
        rows.push(tables.list(&parents));
    }
    Ok(rows)
}
