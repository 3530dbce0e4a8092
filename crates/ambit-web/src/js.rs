//! JavaScript's values.

use js_sys::{Error, JsString, Number, Object, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};

/// A JavaScript text as UTF-8; `None` for another value, or for one with half a surrogate pair:
/// that has no UTF-8 form, and the replacement character that would stand for it is another text.
pub(crate) fn text(value: &JsValue) -> Option<String> {
    let text = value.dyn_ref::<JsString>()?;
    let copy = String::from(text);
    // Not `contains`: the search in a text that it brings is several KB large.
    let has_replacement = copy.chars().any(|char| char == char::REPLACEMENT_CHARACTER);
    let replaced = has_replacement && !text.is_valid_utf16();
    (!replaced).then_some(copy)
}

/// An `Error` with a `code`.
pub(crate) fn error(code: &str, message: &str) -> JsValue {
    let error = Error::new(message).into();
    set(&error, "code", &JsValue::from_str(code));
    error
}

/// Sets a property of a new object, which does not fail.
pub(crate) fn set(object: &JsValue, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}

/// An `Error` about an argument of `load`.
pub(crate) fn unusable(message: &str) -> JsValue {
    error("module.options", message)
}

/// A member of an object; `undefined` where there is none.
pub(crate) fn member(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// Refuses what is no object, and members of another name: a misspelt `uid` must not pass.
pub(crate) fn known_members(value: &JsValue, names: &[&str]) -> Result<(), JsValue> {
    let object = value
        .dyn_ref::<Object>()
        .ok_or_else(|| unusable("the options are not an object"))?;
    let known = |name: &JsValue| text(name).is_some_and(|name| names.contains(&name.as_str()));
    if Object::keys(object).iter().all(|name| known(&name)) {
        Ok(())
    } else {
        Err(unusable("the options have a member that is not known"))
    }
}

/// A whole number that JavaScript holds exactly.
pub(crate) fn integer(value: &JsValue) -> Option<i64> {
    Number::is_safe_integer(value).then_some(())?;
    value.as_f64().map(truncated)
}

#[expect(
    clippy::as_conversions,
    reason = "a safe integer is within i64, and there is no other conversion"
)]
const fn truncated(number: f64) -> i64 {
    number as i64
}
