//! A call of a tool, and what of it is read how.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// One call.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Call {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: Map<String, Value>,
}

impl Call {
    pub(crate) fn argument(&self, name: &str) -> Result<&Value, String> {
        let value = self.arguments.get(name);
        value.ok_or_else(|| format!("`{}` lacks `{name}`", self.name))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        text(self.argument(name)?).map_err(|why| format!("`{name}` of `{}` {why}", self.name))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<i64, String> {
        let value = self.argument(name)?.as_i64();
        value.ok_or_else(|| format!("`{name}` of `{}` is no integer", self.name))
    }

    /// A list of things of one form.
    pub(crate) fn list<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, String> {
        let list = serde_json::from_value(self.argument(name)?.clone());
        list.map_err(|error| format!("`{name}` of `{}`: {error}", self.name))
    }

    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Map<String, Value>>, String> {
        self.list(name)
    }

    /// The call as one line: what it is about, then what is asked.
    pub(crate) fn short(&self) -> String {
        let about = ["reservation_id", "user_id"].map(|name| self.arguments.get(name));
        let about = about.into_iter().flatten().find_map(Value::as_str);
        format!("{} {}", self.name, about.unwrap_or_default())
    }
}

pub(crate) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "is no text".to_owned())
}
