//! Sets that are written as lists. A repeat means nothing where it is read; whoever writes one has made a
//! mistake.

use std::collections::BTreeSet;

use serde_json::Value;

/// Lists of a constraint that are sets, of values or of constraints.
const SETS: [&str; 6] = [
    "values",
    "excluded",
    "schemes",
    "hosts",
    "ranges",
    "constraints",
];

/// Where the first element stands that stood before.
pub(crate) fn repeated(list: &[Value]) -> Option<usize> {
    let mut seen = BTreeSet::new();
    let fresh = |one: &Value| {
        let mut one = one.clone();
        one.sort_all_objects();
        seen.insert(one.to_string())
    };
    list.iter().map(fresh).position(|fresh| !fresh)
}

/// The list of a constraint, or of one inside it, that has something twice.
pub(crate) fn repeated_in(constraint: &Value) -> Option<&'static str> {
    let list = |name: &str| constraint.get(name).and_then(Value::as_array);
    let own = SETS
        .into_iter()
        .find(|name| list(name).is_some_and(|list| repeated(list).is_some()));
    let inner = constraint.get("constraint").into_iter();
    let inner = inner.chain(list("constraints").into_iter().flatten());
    own.or_else(|| inner.filter_map(repeated_in).next())
}
