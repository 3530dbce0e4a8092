//! `each`: a list whose every element matches.

use alloc::format;
use alloc::vec::Vec;

use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::table::Kind;
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    asked.is_list()
        && spec.inner().is_some_and(|inner| {
            let mut elements = asked.elements_of(asked.value);
            elements.all(|element| element.meets_read(inner))
        })
}

pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    declared.element().misfit_of(spec.inner()?)
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    let strict = words.speech.style.strict;
    let addresses = spec
        .inner()
        .filter(|one| strict && one.kind == Kind::EmailDomain);
    if let Some(addresses) = addresses {
        words.say(Phrase::Addresses);
        words.names(addresses.first());
        return;
    }
    words.say(if strict {
        Phrase::EachOne
    } else {
        Phrase::Each
    });
    words.inner(spec);
}

/// Of what was asked, else of one example, else empty.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    let Some(element) = spec.inner() else { return };
    let mut one = Examples {
        asked: found.asked_elements().next(),
        out: Vec::new(),
        ..*found
    };
    one.add(element);
    let texts = one.out.into_iter().flatten();
    texts.for_each(|text| found.push(Some(format!("[{text}]"))));
    found.list(Vec::new());
}
