//! What goes out to JavaScript as objects: what a host is to remember, and why a module is not loaded.

use alloc::string::String;

use ambit_token::module::ModuleError;
use js_sys::{Error, Object, Reflect};
use wasm_bindgen::JsValue;

/// What a host keeps of a module and gives back as `seen` the next time.
pub(crate) struct Seen {
    pub(crate) version: u64,
    /// What the statement says of file, guest and bundle (SHA-256, base64url).
    pub(crate) digest: String,
}

/// A plain object.
impl From<&Seen> for JsValue {
    fn from(seen: &Seen) -> Self {
        let object = Object::new().into();
        // A statement's numbers are those that JavaScript has too.
        set(&object, "version", Self::from_f64(seen.version as f64));
        set(&object, "digest", Self::from_str(&seen.digest));
        object
    }
}

/// Why a module is not loaded.
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Of a module that was verified, and has ended: it is to be remembered all the same.
    pub(crate) seen: Option<Seen>,
}

impl From<ModuleError> for Refused {
    fn from(error: ModuleError) -> Self {
        Self {
            code: error.code(),
            message: error.detail,
            seen: None,
        }
    }
}

/// An `Error` with members besides the message.
impl From<Refused> for JsValue {
    fn from(refused: Refused) -> Self {
        let error = Error::new(&refused.message).into();
        set(&error, "code", Self::from_str(refused.code));
        if let Some(seen) = &refused.seen {
            set(&error, "seen", seen.into());
        }
        error
    }
}

/// The object was made here, and takes every member.
fn set(object: &JsValue, name: &str, value: JsValue) {
    _ = Reflect::set(object, &JsValue::from_str(name), &value);
}
