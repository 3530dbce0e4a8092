//! What goes out to JavaScript as objects: what a host is to remember, and why a module is not loaded.

use ambit_token::module::ModuleError;
use js_sys::{Error, Object};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use wasm_bindgen::{JsCast as _, JsValue};

/// What a host keeps of a module and gives back as `seen` the next time.
pub(crate) struct Seen {
    pub(crate) version: u64,
    /// What the statement says of file, guest and bundle (SHA-256, base64url).
    pub(crate) digest: String,
}

impl Serialize for Seen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("version", &self.version)?;
        object.serialize_entry("digest", &self.digest)?;
        object.end()
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

/// The members that its `Error` gets besides the message.
impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("code", self.code)?;
        if let Some(seen) = &self.seen {
            object.serialize_entry("seen", seen)?;
        }
        object.end()
    }
}

impl From<Refused> for JsValue {
    fn from(refused: Refused) -> Self {
        let error = Error::new(&refused.message);
        Object::assign(&error, object(&refused).unchecked_ref()).into()
    }
}

/// A plain object.
pub(crate) fn object(value: &impl Serialize) -> JsValue {
    let objects = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
    value.serialize(&objects).unwrap_or(JsValue::UNDEFINED)
}
