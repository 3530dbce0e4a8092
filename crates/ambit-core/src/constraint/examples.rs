//! Values that a constraint may match, made from what it says and what was asked.

use alloc::string::String;
use alloc::vec::Vec;

use super::spec::{Asked, Spec};
use crate::json::{Json, Writer, canonical_value};
use crate::{Number, Steps};

/// Stands where a constraint leaves text open.
pub(super) const OPEN: &str = "x";
/// The longest part of what was asked that goes into an example: a local part (RFC 5321 section
/// 4.5.3.1.1) or a file's name.
pub(super) const PART: usize = 64;

/// Collects values for one constraint: whether one matches is for [`matches()`](super::matches()) to say.
///
/// Bounds and what was asked are written by others: every value is paid for in steps.
pub(super) struct Examples<'a, 's> {
    pub(super) asked: Option<Json<'a>>,
    /// Whether the argument is a number with a fraction, or a list of them: bounds say these as texts.
    pub(super) numbers: bool,
    pub(super) steps: &'s Steps,
    /// As JSON, RFC 8785; `None` is an absent argument.
    pub(super) out: Vec<Option<String>>,
}

impl<'a> Examples<'a, '_> {
    pub(super) fn add(&mut self, spec: Spec<'_>) {
        if self.steps.take(1) {
            spec.examples(self);
        }
    }

    /// Those of the constraints inside.
    pub(super) fn add_each(&mut self, spec: Spec<'_>) {
        spec.list()
            .filter_map(Spec::read)
            .for_each(|inner| self.add(inner));
    }

    /// What was asked, where it is a text.
    pub(super) fn asked_text(&self) -> Option<&'a str> {
        self.asked.and_then(Json::as_str)
    }

    /// The elements of what was asked.
    pub(super) fn asked_elements(&self) -> impl Iterator<Item = Json<'a>> + use<'a> {
        self.asked.unwrap_or_default().elements()
    }

    /// Whether the list has the value; without steps it does not.
    pub(super) fn is_listed(&self, list: Option<Json<'_>>, value: Json<'_>) -> bool {
        list.is_some_and(|list| Asked::untyped(value, self.steps).is_among(list))
    }

    pub(super) fn push(&mut self, value: Option<String>) {
        let length = value.as_ref().map_or(0, String::len);
        if self.steps.take(1_usize.saturating_add(length / 16)) {
            self.out.push(value);
        }
    }

    pub(super) fn json(&mut self, value: Json<'_>) {
        let mut out = Writer::default();
        if self.write(value, &mut out) {
            self.push(Some(out.finish()));
        }
    }

    /// As a request has it. Whether it is whole.
    fn write(&self, value: Json<'_>, out: &mut Writer) -> bool {
        match Number::of_bound(value).filter(|_| self.numbers) {
            Some(number) => {
                out.raw(&number.text());
                true
            }
            None => canonical_value(value, out),
        }
    }

    pub(super) fn string(&mut self, text: &str) {
        let mut out = Writer::default();
        out.string(text);
        self.push(Some(out.finish()));
    }

    pub(super) fn list(&mut self, values: Vec<Json<'_>>) {
        let mut out = Writer::default();
        let mut whole = true;
        out.array(|out| {
            for value in values {
                whole = whole && self.write(value, out);
            }
        });
        if whole {
            self.push(Some(out.finish()));
        }
    }
}
