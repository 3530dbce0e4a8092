//! How a capability differs from one that was granted before.
//!
//! The judgement is for people and never for a verdict. It is sound where it says "wider" or
//! "narrower"; where two bounds cannot be compared it says "changed", and both texts are shown.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use ambit_core::Number;
use ambit_core::constraint::{self, Kind, Wider};
use ambit_core::describe::Phrase;
use ambit_core::json::{Json, Writer, canonical};

/// What became of a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    New,
    Same,
    Wider,
    Narrower,
    Changed,
}

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Same => "same",
            Self::Wider => "wider",
            Self::Narrower => "narrower",
            Self::Changed => "changed",
        }
    }

    pub(super) const fn phrase(self) -> Phrase {
        match self {
            Self::New => Phrase::IsNew,
            Self::Same => Phrase::IsSame,
            Self::Wider => Phrase::IsWider,
            Self::Narrower => Phrase::IsNarrower,
            Self::Changed => Phrase::IsChanged,
        }
    }
}

/// Whether two capabilities are for the same actions and purpose, so that one took the other's
/// place.
pub(super) fn related(before: Json<'_>, now: Json<'_>) -> bool {
    sets(before.get("actions"), now.get("actions")) == Some(Ordering::Equal)
        && same(before.get("purpose"), now.get("purpose"))
}

/// How the later one compares with the one before.
pub(super) fn status(before: Json<'_>, now: Json<'_>) -> Status {
    let parts = [
        sets(before.get("privileges"), now.get("privileges")),
        lists(before.get("datatypes"), now.get("datatypes")),
        lists(before.get("locations"), now.get("locations")),
        bounds(before.get("identifier"), now.get("identifier")),
        bounds(before.get("hours"), now.get("hours")),
        limits(before.get("limits"), now.get("limits")),
        bounds(before.get("requires"), now.get("requires")),
        equal(before.get("consent"), now.get("consent")),
        constraints(before.get("constraints"), now.get("constraints")),
    ];
    match parts.into_iter().reduce(both).flatten() {
        Some(Ordering::Equal) => Status::Same,
        Some(Ordering::Greater) => Status::Wider,
        Some(Ordering::Less) => Status::Narrower,
        None => Status::Changed,
    }
}

/// Whether comparing this entry alone with its predecessor tells the truth. Where several entries cover one action,
/// the first that applies decides; if one of them asks for more or can be used up, narrowing it may let another
/// decide that allows more. Then the comparison counts only if all of them are as before.
pub(super) fn settled(before: Json<'_>, now: Json<'_>, entry: Json<'_>) -> bool {
    let mut actions = entry.get_elements("actions").filter_map(Json::as_str);
    actions.all(|action| {
        let [before, now] = [before, now].map(|list| sharing(list, action));
        let wants = |one: &Json<'_>| {
            ["requires", "consent", "limits"]
                .iter()
                .any(|name| one.get(name).is_some())
        };
        let alone = before.len() <= 1 && now.len() <= 1;
        alone
            || !before.iter().chain(&now).any(wants)
            || (before.len() == now.len()
                && before
                    .iter()
                    .zip(&now)
                    .all(|(before, now)| same(Some(*before), Some(*now))))
    })
}

fn sharing<'a>(list: Json<'a>, action: &str) -> Vec<Json<'a>> {
    let names = |entry: &Json<'_>| {
        let mut names = entry.get_elements("actions");
        names.any(|name| name.as_str() == Some(action))
    };
    list.elements().filter(names).collect()
}

/// Two parts together; `None` where they point in different directions.
fn both(one: Option<Ordering>, other: Option<Ordering>) -> Option<Ordering> {
    match (one?, other?) {
        (Ordering::Equal, part) | (part, Ordering::Equal) => Some(part),
        (one, other) if one == other => Some(one),
        _ => None,
    }
}

fn text(value: Json<'_>) -> String {
    let mut out = Writer::default();
    // Signed documents hold nothing that has no canonical form.
    if !canonical(value, &mut out) {
        return String::new();
    }
    out.finish()
}

pub(super) fn same(before: Option<Json<'_>>, now: Option<Json<'_>>) -> bool {
    before.map(text) == now.map(text)
}

fn equal(before: Option<Json<'_>>, now: Option<Json<'_>>) -> Option<Ordering> {
    same(before, now).then_some(Ordering::Equal)
}

/// A member that only bounds: without it more is allowed.
fn bounds(before: Option<Json<'_>>, now: Option<Json<'_>>) -> Option<Ordering> {
    match (before, now) {
        (Some(_), None) => Some(Ordering::Greater),
        (None, Some(_)) => Some(Ordering::Less),
        (before, now) => equal(before, now),
    }
}

/// The same for a list of which each element allows more.
fn lists(before: Option<Json<'_>>, now: Option<Json<'_>>) -> Option<Ordering> {
    match (before, now) {
        (Some(_), Some(_)) => sets(before, now),
        _ => bounds(before, now),
    }
}

fn sets(before: Option<Json<'_>>, now: Option<Json<'_>>) -> Option<Ordering> {
    let texts = |list: Option<Json<'_>>| -> Vec<String> {
        let list = list.unwrap_or_default().elements();
        list.map(text).collect()
    };
    let (before, now) = (texts(before), texts(now));
    let grows = before.iter().all(|one| now.contains(one));
    let shrinks = now.iter().all(|one| before.contains(one));
    match (grows, shrinks) {
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Greater),
        (false, true) => Some(Ordering::Less),
        (false, false) => None,
    }
}

/// Limits: one that is not there bounds nothing.
fn limits(before: Option<Json<'_>>, now: Option<Json<'_>>) -> Option<Ordering> {
    let [before, now] = [before, now].map(Option::unwrap_or_default);
    let mut whole = Some(Ordering::Equal);
    for limit in now.elements() {
        let mut known = before
            .elements()
            .filter(|known| counts_alike(*known, limit));
        let part = match (known.next(), known.next()) {
            (None, _) => Some(Ordering::Less),
            (Some(known), None) => Some(limit.get_int("max").cmp(&known.get_int("max"))),
            (Some(_), Some(_)) => None,
        };
        whole = both(whole, part);
    }
    for limit in before.elements() {
        let kept = now.elements().filter(|kept| counts_alike(*kept, limit));
        whole = match kept.count() {
            0 => both(whole, Some(Ordering::Greater)),
            1 => whole,
            _ => None,
        };
    }
    whole
}

/// Whether two limits are the same but for how much.
fn counts_alike(one: Json<'_>, other: Json<'_>) -> bool {
    let mut members = one.members();
    one.len() == other.len()
        && members.all(|(name, value)| name == "max" || same(Some(value), other.get(name)))
}

fn constraints(before: Option<Json<'_>>, now: Option<Json<'_>>) -> Option<Ordering> {
    let of = |list: Option<Json<'_>>, name: &str| list?.get(name).map(Json::index);
    let opens = of(before, "*").is_some();
    let open = of(now, "*").is_some();
    let mut whole = Some(open.cmp(&opens));
    for (name, spec) in now.unwrap_or_default().members() {
        let known = before.and_then(|list| list.get(name));
        let part = match known {
            _ if name == "*" => continue,
            Some(known) => one(known, spec),
            // Before, the detail was free, or could not be given at all.
            None if opens => Some(Ordering::Less),
            None if takes_absent(spec) => Some(Ordering::Greater),
            None => None,
        };
        whole = both(whole, part);
    }
    for (name, spec) in before.unwrap_or_default().members() {
        if name != "*" && of(now, name).is_none() {
            let part = match () {
                () if open => Some(Ordering::Greater),
                () if takes_absent(spec) => Some(Ordering::Less),
                () => None,
            };
            whole = both(whole, part);
        }
    }
    whole
}

fn takes_absent(spec: Json<'_>) -> bool {
    constraint::kind(spec).is_some_and(Kind::takes_absent)
}

/// Two bounds on the same detail.
fn one(before: Json<'_>, now: Json<'_>) -> Option<Ordering> {
    let absent = takes_absent(now).cmp(&takes_absent(before));
    both(Some(absent), given(required(before), required(now)))
}

/// The bound of a value that is there.
fn required(spec: Json<'_>) -> Json<'_> {
    match spec.get("constraint") {
        Some(inner) if takes_absent(spec) => required(inner),
        _ => spec,
    }
}

fn given(before: Json<'_>, now: Json<'_>) -> Option<Ordering> {
    let free = |spec| constraint::kind(spec) == Some(Kind::Wildcard);
    if free(before) || free(now) {
        return Some(free(now).cmp(&free(before)));
    }
    let kind = constraint::kind(now).filter(|kind| constraint::kind(before) == Some(*kind));
    let Some(kind) = kind else {
        return equal(Some(before), Some(now));
    };
    let members = kind.members().iter();
    let parts = members.map(|one| member(one.wider, before.get(one.name), now.get(one.name)));
    parts.fold(Some(Ordering::Equal), both)
}

fn member(wider: Wider, before: Option<Json<'_>>, now: Option<Json<'_>>) -> Option<Ordering> {
    let (Some(before), Some(now)) = (before, now) else {
        return bounds(before, now);
    };
    // Of free JSON an integer bounds integers, and the text of a number all numbers.
    let ends = || {
        let alike = now.kind() == before.kind();
        let order = Number::of_bound(now)?.cmp(&Number::of_bound(before)?);
        alike.then_some(order)
    };
    match wider {
        Wider::Never => equal(Some(before), Some(now)),
        Wider::More => sets(Some(before), Some(now)),
        Wider::Fewer => sets(Some(now), Some(before)),
        Wider::Lower => ends().map(Ordering::reverse),
        Wider::Higher => ends(),
        Wider::Within => one(before, now),
    }
}

#[cfg(test)]
mod tests {
    use ambit_core::json::{Document, Profile};

    use super::*;

    /// What [`status`] says of two lists of members beside the same actions and purpose.
    fn judged(before: &str, now: &str) -> Status {
        let parse = |text: &str| -> Vec<u8> {
            let text = text.replace('\'', "\"");
            alloc::format!(r#"{{"actions":["a"],"privileges":["draft"],{text}}}"#).into_bytes()
        };
        let (before, now) = (parse(before), parse(now));
        let before = Document::parse(&before, Profile::Signed).unwrap();
        let now = Document::parse(&now, Profile::Signed).unwrap();
        status(before.root(), now.root())
    }

    fn limit(members: &str) -> String {
        alloc::format!("'limits':[{{{members}}}]")
    }

    /// One detail with a bound of this kind.
    fn bound(kind: &str, members: &str) -> String {
        let comma = if members.is_empty() { "" } else { "," };
        alloc::format!("'constraints':{{'n':{{'constraint_type':'{kind}'{comma}{members}}}}}")
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn what_is_wider_one_way_is_narrower_the_other() {
        let range = |ends: &str| bound("range", ends);
        let of = |values: &str| bound("one_of", &alloc::format!("'values':{values}"));
        for (narrow, wide) in [
            ("'datatypes':['x']".into(), "'datatypes':['y','x']".into()),
            ("'identifier':'x','datatypes':['y']".into(), "'datatypes':['y']".into()),
            (range("'max':5"), range("'max':6")),
            (range("'min':2,'max':5"), range("'min':1,'max':5")),
            (range("'min':2,'max':5"), range("'max':5")),
            (of("['a']"), of("['b','a']")),
            (bound("cidr", "'ranges':['::/64']"), bound("cidr", "'ranges':['10.0.0.0/8','::/64']")),
            (bound("not_one_of", "'excluded':[1,2]"), bound("not_one_of", "'excluded':[2]")),
            (bound("contains", "'values':['a','b']"), bound("contains", "'values':['b']")),
            (bound("count", "'min':1,'max':3"), bound("count", "'max':3")),
            (
                bound("url", "'schemes':['https'],'hosts':['a.example'],'path_prefix':'/a'"),
                bound("url", "'schemes':['https'],'hosts':['a.example','b.example']"),
            ),
            (
                bound("each", "'constraint':{'constraint_type':'range','max':5}"),
                bound("each", "'constraint':{'constraint_type':'range','max':6}"),
            ),
            (
                bound("any", "'constraints':[{'constraint_type':'range','max':5}]"),
                bound("any", "'constraints':[{'constraint_type':'range','max':5},{'constraint_type':'exact','value':9}]"),
            ),
            (
                bound("all", "'constraints':[{'constraint_type':'range','max':5},{'constraint_type':'exact','value':3}]"),
                bound("all", "'constraints':[{'constraint_type':'range','max':5}]"),
            ),
            (
                "'constraints':{}".into(),
                "'constraints':{'n':{'constraint_type':'optional','constraint':{'constraint_type':'wildcard'}}}".into(),
            ),
            (
                limit("'type':'spend','argument':'n','currency':'EUR','max':5"),
                limit("'type':'spend','argument':'n','currency':'EUR','max':6"),
            ),
            (
                limit("'type':'use_limit','max':5"),
                limit("'type':'use_limit','max':6"),
            ),
            (range("'max':5"), bound("wildcard", "")),
            (
                range("'max':5"),
                bound("optional", "'constraint':{'constraint_type':'range','max':5}"),
            ),
            (
                bound("optional", "'constraint':{'constraint_type':'range','max':5}"),
                bound("optional", "'constraint':{'constraint_type':'range','max':6}"),
            ),
            (range("'max':5"), "'constraints':{'*':{'constraint_type':'wildcard'}}".into()),
            (
                "'datatypes':['x'],'limits':[{'type':'use_limit','max':1}]".into(),
                "'datatypes':['x']".into(),
            ),
        ] {
            let (narrow, wide): (String, String) = (narrow, wide);
            assert_eq!(judged(&narrow, &wide), Status::Wider, "{narrow} {wide}");
            assert_eq!(judged(&wide, &narrow), Status::Narrower, "{wide} {narrow}");
            assert_eq!(judged(&wide, &wide), Status::Same, "{wide}");
        }
        for (one, other) in [
            (range("'min':2,'max':5"), range("'min':1,'max':4")),
            (range("'max':5"), "'constraints':{}".into()),
            (
                range("'max':6"),
                bound(
                    "optional",
                    "'constraint':{'constraint_type':'range','max':5}",
                ),
            ),
            (
                limit("'type':'spend','argument':'n','currency':'EUR','max':5"),
                limit("'type':'spend','argument':'n','currency':'USD','max':6"),
            ),
            (
                limit("'type':'rate','seconds':60,'max':5"),
                limit("'type':'rate','seconds':61,'max':6"),
            ),
            (of("['a']"), of("['b']")),
            (
                bound("subpath", "'root':'/a'"),
                bound("subpath", "'root':'/'"),
            ),
            (
                bound("like", "'pattern':'a*'"),
                bound("like", "'pattern':'*'"),
            ),
            (
                bound(
                    "url",
                    "'schemes':['https'],'hosts':['a.example'],'path_prefix':'/a'",
                ),
                bound(
                    "url",
                    "'schemes':['https'],'hosts':['a.example'],'path_prefix':'/'",
                ),
            ),
            (
                bound("url", "'schemes':['https'],'hosts':['a.example']"),
                bound(
                    "url",
                    "'schemes':['https','http'],'hosts':['a.example'],'path_prefix':'/'",
                ),
            ),
            (bound("count", "'max':3"), bound("range", "'max':3")),
            (
                "'datatypes':['x'],'identifier':'1'".into(),
                "'datatypes':['x'],'identifier':'2'".into(),
            ),
        ] {
            let (one, other): (String, String) = (one, other);
            assert_eq!(judged(&one, &other), Status::Changed, "{one} {other}");
        }
    }
}
