//! The narrower grants that a person may choose instead of the one that was asked: without execution, for less
//! time, not to be passed on. Each is a grant of its own, with claims, text and digest of its own.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::describe::{Locale, Phrase, sentence};
use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_policy::Bundle;

use super::question::{Clock, OURS, Question};
use super::{NoText, compose, time};

/// What is taken away.
#[derive(Clone, Copy)]
enum Less {
    Execute,
    /// All but so many seconds.
    Life(i64),
    Delegation,
}

const CHOICES: [(&str, Less); 4] = [
    ("no_execute", Less::Execute),
    ("life_3600", Less::Life(3600)),
    ("life_600", Less::Life(600)),
    ("no_delegation", Less::Delegation),
];
const EXECUTE: &str = "execute";
const PROPOSE: &str = "propose";

/// The answer for what is asked, or for what is left of it by the choices that are named.
pub(super) fn answer(
    bundle: &Bundle<'_>,
    question: &Question<'_>,
    chosen: Option<Json<'_>>,
) -> Result<String, NoText> {
    let Some(chosen) = chosen else {
        return compose::page(bundle, question)?.answer(&offered(question), None);
    };
    let unusable = |at: &str| {
        let detail =
            "wanted a list of `choices` that the answer without it, or with those before it, names";
        NoText::request(at, detail)
    };
    if chosen.kind() != Kind::Array || chosen.is_empty() {
        return Err(unusable("choices"));
    }
    let mut claims = written(question.claims, question.whole, "", &|_| ());
    for (at, name) in chosen.elements().enumerate() {
        let one = CHOICES
            .iter()
            .find(|(known, _)| name.as_str() == Some(known));
        let left = {
            let before = read(&claims)?;
            one.and_then(|(_, less)| less.of(before.root(), question.clock))
        };
        claims = left.ok_or_else(|| unusable(&format!("choices[{at}]")))?;
    }
    let left = read(&claims)?;
    let question = question.with(left.root())?;
    compose::page(bundle, &question)?.answer(&offered(&question), Some(&claims))
}

/// The choices that there are, and what each is called.
fn offered(question: &Question<'_>) -> Vec<(&'static str, String)> {
    let mut offered = Vec::with_capacity(CHOICES.len());
    for (name, less) in CHOICES {
        if less.of(question.claims, question.clock).is_some() {
            offered.push((name, less.text(question.locale)));
        }
    }
    offered
}

fn read(claims: &str) -> Result<Document<'_>, NoText> {
    Document::parse(claims.as_bytes(), Profile::Signed)
        .map_err(|error| NoText::request("claims", &format!("{error}")))
}

impl Less {
    fn text(self, locale: Locale) -> String {
        match self {
            Self::Execute => Phrase::NoExecute.text(locale).into(),
            Self::Life(seconds) => {
                sentence(Phrase::LifeOnly, locale, &[&time::span(seconds, locale)])
            }
            Self::Delegation => Phrase::NoDelegation.text(locale).into(),
        }
    }

    /// What is left of these claims; `None` where that is nothing, or no less.
    fn of(self, claims: Json<'_>, clock: Clock) -> Option<String> {
        let time = |name| claims.get_int(name);
        match self {
            Self::Execute => without_execute(claims),
            Self::Life(seconds) => {
                // Counted from when it is read, and never before the token holds.
                let begin = [clock.now, time("iat"), time("nbf")].into_iter().max()??;
                let end = begin.saturating_add(seconds);
                let less = time("exp").is_some_and(|exp| end < exp);
                less.then(|| {
                    with(claims, "exp", &|out| {
                        out.integer(end);
                    })
                })
            }
            Self::Delegation => {
                let less = time("del_max_depth").is_some_and(|depth| depth > 0);
                less.then(|| {
                    with(claims, "del_max_depth", &|out| {
                        out.integer(0);
                    })
                })
            }
        }
    }
}

/// Every capability without `execute`, those apart that have no other power.
fn without_execute(claims: Json<'_>) -> Option<String> {
    let entries = claims.get("authorization_details")?;
    let only = |entry| list(entry, "privileges").all(|one| one == EXECUTE);
    let executes = |entry| has(entry, EXECUTE);
    if !entries.elements().any(executes) || entries.elements().all(only) {
        return None;
    }
    // Of two entries for one call the first binds. Where it loses all with which a call could be executed, the
    // second would bind in its place, and might want less of a person.
    for (at, entry) in entries.elements().enumerate() {
        if has(entry, EXECUTE) && !has(entry, PROPOSE) {
            let mut behind = entries.elements().skip(at);
            let shares = |other| {
                list(other, "actions").any(|one| list(entry, "actions").any(|own| own == one))
            };
            if behind.any(|other| has(other, PROPOSE) && shares(other)) {
                return None;
            }
        }
    }
    Some(with(claims, "authorization_details", &|out| {
        out.array(|out| {
            for entry in entries.elements().filter(|entry| !only(*entry)) {
                let left = with(entry, "privileges", &|out| {
                    out.array(|out| {
                        for power in list(entry, "privileges").filter(|one| *one != EXECUTE) {
                            out.string(power);
                        }
                    });
                });
                out.raw(&left);
            }
        });
    }))
}

fn has(entry: Json<'_>, power: &str) -> bool {
    list(entry, "privileges").any(|one| one == power)
}

fn list<'a>(entry: Json<'a>, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let list = entry.get(name).into_iter();
    list.flat_map(Json::elements).filter_map(Json::as_str)
}

/// An object with another value of one member.
fn with(object: Json<'_>, name: &str, value: &dyn Fn(&mut Writer)) -> String {
    written(object, true, name, value)
}

fn written(object: Json<'_>, whole: bool, changed: &str, value: &dyn Fn(&mut Writer)) -> String {
    let mut out = Writer::with_capacity(1024);
    out.object(|out| {
        for (name, old) in object.members() {
            if name == changed {
                out.name(name);
                value(out);
            } else if whole || !OURS.contains(&name) {
                out.name(name).json(old);
            }
        }
    });
    out.finish()
}
