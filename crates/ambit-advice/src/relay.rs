//! Advice in a wasm file of its own: what it needs of the evaluator in the other file goes to and fro as
//! JSON. In every other engine both are linked together, and [`advise`](crate::advise()) asks directly.
//!
//! [`situation`] says what advice needs to know of a call, [`advise_apart`] looks for alternatives, and for
//! each has [`assume`] judge the call as it would be. The request and its token are read and verified anew
//! for every judgement (the cache knows the chain), so nothing of a call stays in the evaluator. An
//! outcome has neither the members of an answer nor its words: it says what holds *if* something is done.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::Place;
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_core::{Power, Steps};
use ambit_evaluator::{Approval, Asked, Assumed, ChainCache, Login, with_case};
use ambit_policy::Bundle;

use crate::advise::{Why, alternatives, write};
use crate::call::{Call, Judge, Lacks, Layer, Outcome, Wanted, is_open, layers};

const PLACES: [(Place, &str); 3] = [
    (Place::Manifest, "manifest"),
    (Place::Root, "root"),
    (Place::Derived, "derived"),
];
const LACKS: [(Lacks, &str); 3] = [
    (Lacks::Power, "power"),
    (Lacks::Purpose, "purpose"),
    (Lacks::Other, "other"),
];

/// What advice needs to know of a call: the reason of its denial, and where something can be done about it
/// what is asked and by whom it is bounded.
#[must_use]
pub fn situation(bundle: &Bundle<'_>, request: &[u8], cache: &mut ChainCache) -> String {
    let mut out = Writer::with_capacity(1024);
    with_case(bundle, request, cache, &mut |case| {
        out.object(|out| {
            let case = match case {
                Ok(case) => case,
                Err(denial) => {
                    Why::of(Some(denial)).write(out.name("reason"));
                    return;
                }
            };
            let judged = case.judge();
            let denial = judged.denial.as_ref();
            Why::of(denial).write(out.name("reason"));
            if !is_open(&judged) {
                return;
            }
            let lacks = denial.map_or(Lacks::Other, |denial| Lacks::of(denial.reason));
            out.name("lacks").string(name_of(&LACKS, lacks));
            write_strings("people", &judged.people, out);
            write_asked(&case.asked(), out.name("asked"));
            let layers = layers(case);
            out.name("layers").array(|out| {
                for layer in &layers {
                    out.string(name_of(&PLACES, layer.place));
                }
            });
            // Not one list of lists: an entry may be as deep as JSON may be.
            for (at, layer) in layers.iter().enumerate() {
                out.name(&entries_of(at)).array(|out| {
                    for entry in &layer.entries {
                        out.json(*entry);
                    }
                });
            }
        });
    });
    out.finish()
}

/// Judges the call of a request as it would be, for [`advise_apart`].
#[must_use]
pub fn assume(
    bundle: &Bundle<'_>,
    request: &[u8],
    assumed: &[u8],
    cache: &mut ChainCache,
) -> String {
    let mut outcome = Outcome::Fails;
    let mut left = 0;
    if let Ok(document) = Document::parse(assumed, Profile::Signed)
        && let Some((assumed, steps)) = read_assumed(document.root())
    {
        with_case(bundle, request, cache, &mut |case| {
            if let Ok(case) = case {
                outcome = case.assuming(&assumed, &steps);
            }
        });
        left = steps.left();
    }
    let mut out = Writer::default();
    write_outcome(&outcome, left, &mut out);
    out.finish()
}

/// [`advise`](crate::advise()) for a call of which `situation` was said. `judge` hands what is assumed to
/// [`assume`], and its outcome back.
#[must_use]
pub fn advise_apart(
    bundle: &Bundle<'_>,
    situation: &[u8],
    judge: &dyn Fn(&str) -> String,
) -> String {
    let mut out = Writer::with_capacity(1024);
    let document = Document::parse(situation, Profile::Request).ok();
    let root = document.as_ref().map_or(Json::null(), Document::root);
    let reason = root.get("reason").unwrap_or(Json::null());
    let why = Why {
        code: text(reason, "code"),
        user: text(reason, "user").into(),
        admin: text(reason, "admin"),
    };
    let steps = Steps::new();
    let judge = Relay(judge);
    let found = read_call(bundle, root, &steps, &judge).map(|call| alternatives(&call));
    write(&mut out, &why, &found.unwrap_or_default());
    out.finish()
}

/// The evaluator in another file.
struct Relay<'j>(&'j dyn Fn(&str) -> String);

impl Judge for Relay<'_> {
    fn assuming(&self, assumed: &Assumed, steps: &Steps) -> Outcome {
        let mut out = Writer::default();
        write_assumed(assumed, steps.left(), &mut out);
        let told = self.0(out.as_str());
        let document = Document::parse(told.as_bytes(), Profile::Signed).ok();
        let root = document.as_ref().map_or(Json::null(), Document::root);
        let left = integer(root, "steps").unwrap_or_default();
        let taken = i64::from(steps.left()).saturating_sub(left);
        steps.charge(usize::try_from(taken).unwrap_or_default());
        read_outcome(root)
    }
}

fn write_asked(asked: &Asked<'_>, out: &mut Writer) {
    out.object(|out| {
        for (name, text) in [
            ("action", Some(asked.action)),
            ("power", Some(asked.power.name())),
            ("location", asked.location),
            ("resource_type", Some(asked.resource_type)),
            ("resource_id", Some(asked.resource_id)),
            ("purpose", Some(asked.purpose)),
        ] {
            if let Some(text) = text {
                out.name(name).string(text);
            }
        }
        out.name("arguments").json(asked.arguments);
    });
}

/// The name of the entries of one layer.
fn entries_of(at: usize) -> String {
    format!("entries_{at}")
}

/// The call of a situation; `None` where nothing can be done about it.
fn read_call<'a>(
    bundle: &'a Bundle<'a>,
    root: Json<'a>,
    steps: &'a Steps,
    judge: &'a dyn Judge,
) -> Option<Call<'a>> {
    let asked = root.get("asked")?;
    let places = root.get("layers")?.elements();
    let layers = places.enumerate().map(|(at, place)| {
        let entries = root.get(&entries_of(at))?;
        Some(Layer {
            place: named(&PLACES, place)?,
            entries: entries.elements().collect(),
        })
    });
    Some(Call {
        bundle,
        asked: Asked {
            action: text(asked, "action"),
            power: Power::from_name(text(asked, "power"))?,
            location: asked.get("location").and_then(Json::as_str),
            resource_type: text(asked, "resource_type"),
            resource_id: text(asked, "resource_id"),
            purpose: text(asked, "purpose"),
            arguments: asked.get("arguments")?,
        },
        layers: layers.collect::<Option<_>>()?,
        lacks: named(&LACKS, root.get("lacks")?)?,
        people: strings(root, "people"),
        steps,
        judge,
    })
}

fn write_assumed(assumed: &Assumed, left: u32, out: &mut Writer) {
    out.object(|out| {
        if let Some(arguments) = &assumed.arguments {
            out.name("arguments").string(arguments);
        }
        out.name("approved").boolean(assumed.approved);
        write_strings("people", &assumed.people, out);
        if let Some(login) = &assumed.login {
            write_login(login, out);
        }
        out.name("other_token").boolean(assumed.other_token);
        out.name("steps").integer(left.into());
    });
}

fn read_assumed(root: Json<'_>) -> Option<(Assumed, Steps)> {
    let is = |name| root.get(name).and_then(Json::as_bool);
    let steps = Steps::new();
    let left = u32::try_from(integer(root, "steps")?).ok()?;
    let taken = steps.left().checked_sub(left)?;
    steps.charge(usize::try_from(taken).ok()?);
    let assumed = Assumed {
        arguments: root
            .get("arguments")
            .and_then(Json::as_str)
            .map(String::from),
        approved: is("approved")?,
        people: strings(root, "people"),
        login: read_login(root),
        other_token: is("other_token")?,
    };
    Some((assumed, steps))
}

fn write_outcome(outcome: &Outcome, left: u32, out: &mut Writer) {
    out.object(|out| {
        match outcome {
            Outcome::Holds => {
                out.name("would_hold").boolean(true);
            }
            Outcome::Fails => {
                out.name("would_hold").boolean(false);
            }
            Outcome::Wants(wanted) => write_wanted(wanted, out),
        }
        out.name("steps").integer(left.into());
    });
}

fn write_wanted(wanted: &Wanted, out: &mut Writer) {
    if let Some(login) = &wanted.login {
        write_login(login, out);
    }
    out.name("approvals").array(|out| {
        for approval in &wanted.approvals {
            out.object(|out| {
                write_strings("approvers", &approval.approvers, out);
                out.name("count").integer(approval.count);
            });
        }
    });
    if let Some(digest) = &wanted.binding_s256 {
        out.name("binding_s256").string(digest);
    }
}

fn read_outcome(root: Json<'_>) -> Outcome {
    match (root.get("would_hold"), root.get("approvals")) {
        (Some(holds), None) if holds.as_bool() == Some(true) => Outcome::Holds,
        (None, Some(approvals)) => Outcome::Wants(Box::new(Wanted {
            login: read_login(root),
            approvals: approvals.elements().map(read_approval).collect(),
            binding_s256: root
                .get("binding_s256")
                .and_then(Json::as_str)
                .map(String::from),
        })),
        _ => Outcome::Fails,
    }
}

fn read_approval(approval: Json<'_>) -> Approval {
    Approval {
        approvers: strings(approval, "approvers"),
        count: integer(approval, "count").unwrap_or_default(),
    }
}

fn write_login(login: &Login, out: &mut Writer) {
    out.name("login").object(|out| {
        write_strings("acr_values", &login.acr_values, out);
        write_strings("amr_values", &login.amr_values, out);
        if let Some(age) = login.max_age {
            out.name("max_age").integer(age);
        }
    });
}

fn read_login(root: Json<'_>) -> Option<Login> {
    let login = root.get("login")?;
    Some(Login {
        acr_values: strings(login, "acr_values"),
        amr_values: strings(login, "amr_values"),
        max_age: integer(login, "max_age"),
    })
}

fn write_strings(name: &str, texts: &[String], out: &mut Writer) {
    out.name(name).array(|out| {
        for text in texts {
            out.string(text);
        }
    });
}

fn strings(root: Json<'_>, name: &str) -> Vec<String> {
    let texts = root.get(name).map(Json::texts).unwrap_or_default();
    texts.into_iter().map(String::from).collect()
}

fn text<'a>(root: Json<'a>, name: &str) -> &'a str {
    root.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn integer(root: Json<'_>, name: &str) -> Option<i64> {
    root.get(name)?.as_int()
}

fn name_of<T: Copy + PartialEq>(names: &[(T, &'static str)], value: T) -> &'static str {
    let found = names.iter().find(|(known, _)| *known == value);
    found.map_or("", |(_, name)| name)
}

fn named<T: Copy>(names: &[(T, &str)], name: Json<'_>) -> Option<T> {
    let mut known = names.iter();
    let found = known.find(|(_, known)| name.as_str() == Some(known));
    found.map(|(value, _)| *value)
}
