//! What a host refuses, and with which code.

use ambit_token::dsse::Envelope;
use ambit_token::module::ModuleErrorCode::{self, *};
use ambit_token::module::{
    self, BUNDLE_SECTION, BundleClaims, Expect, SIGNATURE_SECTION, TrustedKeys,
};
use serde_json::{Value, json};

use crate::making::{NOW, jwk};
use crate::module_making::*;

mod form;
mod guest;
mod signature;
mod statement;
mod trust;

#[track_caller]
fn refused(file: &[u8], code: ModuleErrorCode) {
    let error = verify(file, None).unwrap_err();
    assert_eq!(error.code, code, "{error}");
}

#[track_caller]
fn refused_detached(file: &[u8], detached: &[u8], code: ModuleErrorCode) {
    let error = verify(file, Some(detached)).unwrap_err();
    assert_eq!(error.code, code, "{error}");
}

/// The envelope of a statement that `change` has changed, as JSON values.
fn resigned(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let file = unsigned();
    let mut value: Value = serde_json::from_str(&statement(&file).write()).unwrap();
    change(&mut value);
    carrying(&file, &envelope_of(value.to_string().as_bytes(), &[7]))
}

#[test]
fn codes_are_stable() {
    assert_eq!(
        verify(&unsigned(), None).unwrap_err().code(),
        "module.unsigned"
    );
    assert_eq!(SameVersion.to_string(), "module.same_version");
}
