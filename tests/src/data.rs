//! The little language of the data files: merge patches, repetition, parts of values.

use serde_json::{Map, Value};

/// RFC 7396: members of `patch` replace those of `target`, `null` removes, objects merge.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            target.shift_remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Replaces `{"$repeat": [TEXT, N]}` by the text N times over, `{"$list": [VALUE, N]}` by a list of
/// N, `{"$nest": [VALUE, N]}` by N lists around it, and `{NAME}` in strings by what `names` says.
///
/// # Errors
///
/// Says which of these is not written as above.
pub fn expand(value: &Value, names: &[(&str, &str)]) -> Result<Value, String> {
    match value {
        Value::String(text) => Ok(Value::String(fill(text, names))),
        Value::Array(items) => items.iter().map(|item| expand(item, names)).collect(),
        Value::Object(members) => match members.iter().next() {
            Some((name, operand)) if members.len() == 1 && name.starts_with('$') => {
                repeated(name, &expand(operand, names)?)
            }
            _ => {
                let member =
                    |(name, value): (&String, &Value)| Ok((name.clone(), expand(value, names)?));
                members
                    .iter()
                    .map(member)
                    .collect::<Result<Map<_, _>, String>>()
                    .map(Value::Object)
            }
        },
        _ => Ok(value.clone()),
    }
}

/// `{NAME}` in a text, replaced by its value.
#[must_use]
pub fn fill(text: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

fn repeated(name: &str, operand: &Value) -> Result<Value, String> {
    let wrong = || format!("`{name}` wants [value, count]");
    let [what, count] = operand.as_array().map(Vec::as_slice).ok_or_else(wrong)? else {
        return Err(wrong());
    };
    let count = count
        .as_u64()
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(wrong)?;
    match (name, what) {
        ("$repeat", Value::String(text)) => Ok(Value::String(text.repeat(count))),
        ("$list", item) => Ok(Value::Array(vec![item.clone(); count])),
        ("$nest", item) => Ok((0..count).fold(item.clone(), |inner, _| Value::Array(vec![inner]))),
        _ => Err(wrong()),
    }
}

/// Says where `actual` differs from what `expected` names of it: of objects the members given, of
/// lists every element in order, of everything else the value itself. An empty object or list is
/// meant literally.
///
/// # Errors
///
/// The path and both values.
pub fn holds(expected: &Value, actual: &Value, path: &str) -> Result<(), String> {
    let differ = || Err(format!("{path} is {actual}, expected {expected}"));
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(found)) if !wanted.is_empty() => {
            wanted.iter().try_for_each(|(name, wanted)| {
                let found = found.get(name).unwrap_or(&Value::Null);
                holds(wanted, found, &format!("{path}.{name}"))
            })
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            let pairs = wanted.iter().zip(found).enumerate();
            pairs.into_iter().try_for_each(|(at, (wanted, found))| {
                holds(wanted, found, &format!("{path}[{at}]"))
            })
        }
        _ if expected == actual => Ok(()),
        _ => differ(),
    }
}

#[cfg(test)]
mod tests {
    use super::{expand, holds, merge};
    use serde_json::json;

    #[test]
    fn patches_replace_remove_and_merge() {
        let mut value = json!({"a": {"b": 1, "c": [1, 2]}, "d": 3});
        merge(
            &mut value,
            &json!({"a": {"b": null, "c": [4]}, "e": {"f": null}}),
        );
        assert_eq!(value, json!({"a": {"c": [4]}, "d": 3, "e": {}}));
    }

    #[test]
    fn repetition_is_written_out() {
        let value = json!({"a": {"$repeat": ["ab", 2]}, "b": {"$list": [{"c": "{x}"}, 2]}, "d": {"$nest": [1, 2]}});
        let expected = json!({"a": "abab", "b": [{"c": "y"}, {"c": "y"}], "d": [[1]]});
        assert_eq!(expand(&value, &[("x", "y")]), Ok(expected));
        assert!(expand(&json!({"$repeat": [1, 2]}), &[]).is_err());
    }

    #[test]
    fn parts_of_values_are_compared() {
        assert!(
            holds(
                &json!({"a": [{"b": 1}]}),
                &json!({"a": [{"b": 1, "c": 2}], "d": 3}),
                ""
            )
            .is_ok()
        );
        assert!(holds(&json!({"a": []}), &json!({"a": [1]}), "").is_err());
        assert!(holds(&json!({}), &json!({"a": 1}), "").is_err());
        assert!(holds(&json!([1]), &json!([1, 2]), "").is_err());
        assert!(holds(&json!({"a": null}), &json!({}), "").is_ok());
    }
}
