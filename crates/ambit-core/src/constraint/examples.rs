//! Values that a constraint may match, made from what it says and what was asked.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::kind::Kind;
use super::spec::Spec;
use super::{like, values};
use crate::Steps;
use crate::json::{Json, Kind as JsonKind, Writer, canonical};

/// Stands where a constraint leaves text open.
const OPEN: &str = "x";
/// The longest part of what was asked that goes into an example: a local part (RFC 5321 section
/// 4.5.3.1.1) or a file's name.
const PART: usize = 64;
/// Of so many schemes and so many hosts each pair is an example.
const PAIRS: usize = 4;

/// Collects values for one constraint: whether one matches is for [`matches()`](super::matches()) to say.
///
/// Bounds and what was asked are written by others: every value is paid for in steps.
pub(super) struct Examples<'a, 's> {
    pub(super) asked: Option<Json<'a>>,
    pub(super) steps: &'s Steps,
    /// As JSON, RFC 8785; `None` is an absent argument.
    pub(super) out: Vec<Option<String>>,
}

impl<'a> Examples<'a, '_> {
    pub(super) fn add(&mut self, spec: Spec<'a>) {
        let [first, second, third] = spec.members;
        if !self.steps.take(1) {
            return;
        }
        match spec.kind {
            Kind::Exact => first.into_iter().for_each(|value| self.json(value)),
            Kind::OneOf => elements(first).for_each(|value| self.json(value)),
            Kind::Range => self.ends(first, second),
            Kind::Optional => {
                self.push(None);
                inner(first).into_iter().for_each(|inner| self.add(inner));
            }
            Kind::All | Kind::Any => specs(first).for_each(|inner| self.add(inner)),
            Kind::NotOneOf => self.other(first),
            Kind::Like => self.string(&like::filled(text(first).unwrap_or_default(), OPEN)),
            Kind::EmailDomain => self.addresses(first),
            Kind::Url => self.urls(first, second, third),
            Kind::Subpath => self.paths(text(first).unwrap_or_default()),
            Kind::Cidr => {
                for range in elements(first).filter_map(Json::as_str) {
                    let address = range.split_once('/').map_or(range, |(address, _)| address);
                    self.string(address);
                }
            }
            Kind::Each => self.lists_of(inner(first)),
            Kind::Subset => self.parts(first),
            Kind::Contains => self.wholes(first),
            Kind::Count => self.lengths(first, second),
            _ => {
                self.string(OPEN);
                self.push(Some(String::from("1")));
            }
        }
    }

    /// At each domain, with the local part that was asked or another.
    fn addresses(&mut self, domains: Option<Json<'a>>) {
        let asked = text(self.asked).and_then(|asked| asked.rsplit_once('@'));
        let local = asked.map(|(local, _)| local);
        let local = local.filter(|local| local.len() <= PART).unwrap_or(OPEN);
        for domain in elements(domains).filter_map(Json::as_str) {
            self.string(&format!("{local}@{domain}"));
            self.string(&format!("{OPEN}@{domain}"));
        }
    }

    fn urls(&mut self, schemes: Option<Json<'a>>, hosts: Option<Json<'a>>, path: Option<Json<'a>>) {
        let path = text(path).unwrap_or("/");
        for scheme in elements(schemes).filter_map(Json::as_str).take(PAIRS) {
            for host in elements(hosts).filter_map(Json::as_str).take(PAIRS) {
                self.string(&format!("{scheme}://{host}{path}"));
            }
        }
    }

    /// The name that was asked, below the root; the root.
    fn paths(&mut self, root: &str) {
        let asked = text(self.asked).and_then(|asked| asked.rsplit_once('/'));
        if let Some((_, name)) = asked.filter(|(_, name)| name.len() <= PART) {
            self.string(&format!("{}/{name}", root.trim_end_matches('/')));
        }
        self.string(root);
    }

    /// Lists out of these values: of what was asked, all, none.
    fn parts(&mut self, values: Option<Json<'a>>) {
        let listed = |value: &Json<'a>| self.is_listed(values, *value);
        let kept = elements(self.asked).filter(listed).collect();
        self.list(kept);
        self.list(elements(values).collect());
        self.list(Vec::new());
    }

    /// Lists that have all of these values: what was asked and what it lacks, the values alone.
    fn wholes(&mut self, values: Option<Json<'a>>) {
        let lacking = |value: &Json<'a>| !self.is_listed(self.asked, *value);
        let lacking = elements(values).filter(lacking);
        let all = elements(self.asked).chain(lacking).collect();
        self.list(all);
        self.list(elements(values).collect());
    }

    /// What was asked, cut to the length, or filled with its last element or with text.
    fn lengths(&mut self, min: Option<Json<'a>>, max: Option<Json<'a>>) {
        let end = |end: Option<Json<'_>>| usize::try_from(end?.as_int()?).ok();
        let asked = || elements(self.asked);
        let lacking = end(min).unwrap_or(0).saturating_sub(asked().count());
        let mut out = Writer::default();
        out.array(|out| {
            for value in asked().take(end(max).unwrap_or(usize::MAX)) {
                out.json(value);
            }
            for _ in 0..lacking.min(PART) {
                match asked().last() {
                    Some(value) => out.json(value),
                    None => out.string(OPEN),
                };
            }
        });
        self.push(Some(out.finish()));
    }

    /// The end that was passed comes first: it is the nearest to what was asked.
    fn ends(&mut self, min: Option<Json<'a>>, max: Option<Json<'a>>) {
        let integer = |end: Option<Json<'_>>| end.and_then(Json::as_int);
        let above = integer(self.asked) >= integer(max);
        let ends = if above { [max, min] } else { [min, max] };
        ends.into_iter().flatten().for_each(|end| self.json(end));
    }

    /// A value of the type of those that are excluded, and none of them.
    fn other(&mut self, excluded: Option<Json<'a>>) {
        let Some(one) = elements(excluded).next() else {
            return;
        };
        match one.kind() {
            JsonKind::Bool => {
                self.push(Some("true".into()));
                self.push(Some("false".into()));
            }
            JsonKind::Number => {
                let integers = || elements(excluded).filter_map(Json::as_int);
                let above = integers().max().map(|most| most.saturating_add(1));
                let below = integers().min().map(|least| least.saturating_sub(1));
                let beside = above.into_iter().chain(below);
                beside.for_each(|one| self.push(Some(format!("{one}"))));
            }
            _ => {
                let mut text = String::from(OPEN);
                while elements(excluded).any(|one| one.as_str() == Some(text.as_str())) {
                    text.push_str(OPEN);
                }
                self.string(&text);
            }
        }
    }

    /// Lists whose every element matches: of what was asked, else of one example, else empty.
    fn lists_of(&mut self, element: Option<Spec<'a>>) {
        let Some(element) = element else { return };
        let mut one = Examples {
            asked: elements(self.asked).next(),
            out: Vec::new(),
            ..*self
        };
        one.add(element);
        let texts = one.out.into_iter().flatten();
        texts.for_each(|text| self.push(Some(format!("[{text}]"))));
        self.list(Vec::new());
    }

    /// Whether the list has the value; without steps it does not.
    fn is_listed(&self, list: Option<Json<'a>>, value: Json<'a>) -> bool {
        list.is_some_and(|list| values::listed(list, value, None, self.steps))
    }

    fn push(&mut self, value: Option<String>) {
        let length = value.as_ref().map_or(0, String::len);
        if self.steps.take(1_usize.saturating_add(length / 16)) {
            self.out.push(value);
        }
    }

    fn json(&mut self, value: Json<'_>) {
        let mut out = Writer::default();
        if canonical(value, &mut out) {
            self.push(Some(out.finish()));
        }
    }

    fn string(&mut self, text: &str) {
        let mut out = Writer::default();
        out.string(text);
        self.push(Some(out.finish()));
    }

    fn list(&mut self, values: Vec<Json<'_>>) {
        let mut out = Writer::default();
        let mut whole = true;
        out.array(|out| {
            for value in values {
                whole = whole && canonical(value, out);
            }
        });
        if whole {
            self.push(Some(out.finish()));
        }
    }
}

fn elements(list: Option<Json<'_>>) -> impl Iterator<Item = Json<'_>> {
    list.into_iter().flat_map(Json::elements)
}

fn inner(constraint: Option<Json<'_>>) -> Option<Spec<'_>> {
    Spec::read(constraint?)
}

fn specs(list: Option<Json<'_>>) -> impl Iterator<Item = Spec<'_>> {
    elements(list).filter_map(Spec::read)
}

fn text(value: Option<Json<'_>>) -> Option<&str> {
    value.and_then(Json::as_str)
}
