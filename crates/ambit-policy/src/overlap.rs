//! What entries of a token and of a manifest have in common.

use ambit_core::json::Json;

use crate::Manifest;

impl<'a> Manifest<'a> {
    /// The capabilities that some call could select together with this entry of a root: an action, a
    /// power and the purpose in common, and no resources apart. Bounds on arguments are not compared,
    /// so where in doubt there is one too many.
    pub fn beside<'b>(self, entry: Json<'b>) -> impl Iterator<Item = Json<'a>> + use<'a, 'b> {
        self.capabilities().filter(move |known| {
            same_text(*known, entry, "purpose")
                && texts(*known, "actions")
                    .any(|one| texts(entry, "actions").any(|other| one == other))
                && share_power(*known, entry)
                && overlaps(*known, entry)
        })
    }
}

/// With a receipt, what may be proposed may be executed.
fn share_power(one: Json<'_>, other: Json<'_>) -> bool {
    let has = |entry: Json<'_>, power: &str| texts(entry, "privileges").any(|held| held == power);
    let executes = |entry: Json<'_>| has(entry, "execute") || has(entry, "propose");
    texts(one, "privileges").any(|power| has(other, power)) || executes(one) && executes(other)
}

/// Whether there is a resource that both entries reach.
#[must_use]
pub fn overlaps(one: Json<'_>, other: Json<'_>) -> bool {
    let lists = ["locations", "datatypes"].iter().all(|list| {
        let both = one.get(list).is_some() && other.get(list).is_some();
        !both || texts(one, list).any(|text| texts(other, list).any(|same| same == text))
    });
    lists
        && (one.get("identifier").is_none()
            || other.get("identifier").is_none()
            || same_text(one, other, "identifier"))
}

fn same_text(one: Json<'_>, other: Json<'_>, name: &str) -> bool {
    one.get_str(name) == other.get_str(name)
}

fn texts<'a>(entry: Json<'a>, list: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let list = entry.get(list).map(Json::elements);
    list.into_iter().flatten().filter_map(Json::as_str)
}
