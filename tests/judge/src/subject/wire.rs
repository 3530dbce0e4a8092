//! The request that every engine gets, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An entity's type and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Uid {
    /// The type's full name.
    #[serde(rename = "type")]
    pub ty: String,
    /// The id, unescaped.
    pub id: String,
}

/// A request. Context and entities stay the text that they are.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wire<'a> {
    /// Who.
    pub principal: Uid,
    /// Does what.
    pub action: Uid,
    /// To what.
    pub resource: Uid,
    /// The circumstances, a record in Cedar's JSON.
    #[serde(borrow)]
    pub context: &'a RawValue,
    /// The entities, a list in Cedar's JSON.
    #[serde(borrow)]
    pub entities: &'a RawValue,
}

impl Wire<'_> {
    /// The bytes that the engines get.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Serialising strings and ready JSON into memory has no way to fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
