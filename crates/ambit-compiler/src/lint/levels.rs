//! How far policies follow entities: a host must have loaded each that is looked at.

use cedar_policy::Schema;
use cedar_policy_core::validator::validation_errors::EntityDerefViolationKind;
use cedar_policy_core::validator::{ValidationError, ValidationMode, Validator, ValidatorSchema};

use super::Rules;
use crate::reader::File;

pub(super) fn check(rules: &Rules<'_>, schema: &Schema, most: u32) {
    let schema: &ValidatorSchema = schema.as_ref();
    let validator = Validator::new(schema.clone());
    for sheet in &rules.guard.sheets {
        let file = File {
            name: &sheet.name,
            sink: rules.sink,
        };
        let set = sheet.set.as_ref();
        let result = validator.validate_with_level(set, ValidationMode::Strict, most);
        for error in result.validation_errors() {
            let ValidationError::EntityDerefLevelViolation(error) = error else {
                continue;
            };
            // An entity that a policy names can be one of the policy's own (`entities.json`): those are
            // always there.
            let EntityDerefViolationKind::MaximumLevelExceeded { actual_level, .. } =
                &error.violation_kind
            else {
                continue;
            };
            let place = error.source_loc.as_ref();
            let span =
                place.map(|place| place.span.offset()..place.span.offset() + place.span.len());
            file.warning(
                "check.dereference",
                span,
                format!(
                    "this follows entities over {actual_level} steps, and a host must load every one of them; `max_dereference_level` is {most}"
                ),
                "keep what is needed in an attribute that is nearer, or raise `max_dereference_level` in `[check]` of `ambit.toml`",
            );
        }
    }
}
