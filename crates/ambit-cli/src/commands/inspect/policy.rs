//! A policy module or its bundle, for people.

use ambit_core::json::{Json, Writer};
use ambit_policy::{Bundle, KEY_BOUNDS, is_bundle};
use ambit_token::base64url;

use super::View;
use crate::bundle;
use crate::failure::Failure;
use crate::say::{BOLD, Page, foreign};
use crate::time;
use crate::words::{self, list, mark};

/// Everything that a file says. `beside`: whether a detached signature lies next to it.
pub(super) fn show(file: &[u8], beside: bool, json: bool) -> Result<View, Failure> {
    let bundle = bundle::in_file(file)?;
    let guest = bundle::guest(file).map(|guest| base64url::encode(&guest));
    let signature = match (bundle::carries_signature(file), beside) {
        (true, _) => "carried",
        (false, true) => "detached",
        (false, false) => "none",
    };
    if json {
        let kind = if is_bundle(file) { "bundle" } else { "module" };
        return Ok(View::Json(as_json(kind, &bundle, guest, signature)));
    }
    let mut page = Page::new();
    identity(&mut page, &bundle, signature);
    if let Some(guest) = guest {
        page.field("guest s256", guest);
    }
    page.field("size", format!("{} bytes", file.len()));
    rules(&mut page, &bundle);
    keys(&mut page, bundle.root());
    policies(&mut page, &bundle);
    actions(&mut page, bundle.root());
    manifests(&mut page, &bundle);
    Ok(View::Page(page))
}

fn as_json(kind: &str, bundle: &Bundle<'_>, guest: Option<String>, signature: &str) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        out.name("kind").string(kind);
        out.name("verified").boolean(false);
        out.name("signature").string(signature);
        if let Some(guest) = guest {
            out.name("guest_s256").string(&guest);
        }
        out.name("info").raw(&ambit_evaluator::info(bundle));
        out.name("bundle").json(bundle.root());
    });
    let mut text = out.finish();
    text.push('\n');
    text
}

fn identity(page: &mut Page, bundle: &Bundle<'_>, signature: &str) {
    page.heading("Policy (not verified)");
    page.field("uid", foreign(bundle.uid(), 128));
    page.field("version", bundle.version().to_string());
    page.field(
        "tokens from",
        format!("version {}", bundle.tokens_from_version()),
    );
    page.field("issued", time::show(bundle.issued()));
    page.field("expires", time::show(bundle.expires()));
    match signature {
        "none" => page.warning(
            "signature",
            "none: no host loads this; `ambit sign` signs the module",
        ),
        other => page.field("signature", format!("{other}; `ambit verify` checks it")),
    };
    page.field("bundle s256", base64url::encode(bundle.digest()));
}

/// What holds for every request.
fn rules(page: &mut Page, bundle: &Bundle<'_>) {
    match bundle.guard_rails() {
        "none" => page.warning(
            "guard rails",
            "none: capabilities and manifests alone decide",
        ),
        other => {
            let policies = bundle.program().map_or(0, |program| program.policies());
            page.field(
                "guard rails",
                format!("{}, {policies} policies", foreign(other, 40)),
            )
        }
    };
    let heard: Vec<String> = bundle.epochs_from().map(|iss| foreign(iss, 200)).collect();
    if !heard.is_empty() {
        page.field("epochs from", heard.join(", "));
    }
    match bundle.possession() {
        "off" => page.warning("possession", "off: whoever has a token may use it"),
        other => page.field("possession", foreign(other, 40)),
    };
    let limits = bundle.limits();
    page.field(
        "limits",
        format!(
            "token {} bytes, {} blocks, {}; request {} bytes; clock skew {} s",
            limits.token_bytes,
            limits.token_blocks,
            time::show_life(limits.root_life_seconds),
            limits.request_bytes,
            limits.clock_skew_seconds,
        ),
    );
}

fn text(value: Json<'_>, member: &str) -> String {
    foreign(
        value.get(member).and_then(Json::as_str).unwrap_or_default(),
        200,
    )
}

fn keys(page: &mut Page, root: Json<'_>) {
    page.heading("Keys");
    for key in root.get("keys").map(Json::elements).into_iter().flatten() {
        page.line(format!(
            "{BOLD}{}{BOLD:#} of {} signs {}",
            text(key, "kid"),
            text(key, "iss"),
            text(key, "signs")
        ));
        page.field("  key", format!("{} {}", text(key, "alg"), text(key, "x")));
        for member in ["sub", "rp_id", "origin"] {
            if key.get(member).is_some() {
                page.field(&format!("  {member}"), text(key, member));
            }
        }
        for only in KEY_BOUNDS {
            if key.get(only).is_some_and(|list| !list.is_null()) {
                page.field(&format!("  {only}"), foreign(&list(key.get(only)), 400));
            }
        }
    }
}

/// Each policy with its place, and what it says to people.
fn policies(page: &mut Page, bundle: &Bundle<'_>) {
    let Some(program) = bundle.program() else {
        return;
    };
    page.heading("Guard rails");
    for policy in (0..program.policies()).filter_map(|number| program.policy(number)) {
        let effect = if policy.forbids() { "forbid" } else { "permit" };
        page.line(format!(
            "{BOLD}{}{BOLD:#} {effect}",
            foreign(policy.id(), 128)
        ));
        if let Some(place) = policy.place() {
            page.field("  at", foreign(&place, 400));
        }
        for (name, text) in [
            ("  reason", policy.reason()),
            ("  advice", policy.advice()),
            ("  step-up", policy.step_up()),
        ] {
            if let Some(text) = text {
                page.field(name, foreign(text, 400));
            }
        }
    }
}

fn actions(page: &mut Page, root: Json<'_>) {
    page.heading("Actions");
    for (name, action) in root.get("actions").map(Json::members).into_iter().flatten() {
        let label = text(action, "label");
        let label = if label.is_empty() {
            label
        } else {
            format!(": {label}")
        };
        page.line(format!("{BOLD}{}{BOLD:#}{label}", foreign(name, 128)));
        page.field("  powers", powers(action));
        page.field("  on", foreign(&list(action.get("resources")), 400));
        let mut effects = vec!["irreversible", "external", "financial"];
        effects.retain(|effect| is(action, effect));
        if !effects.is_empty() {
            page.field("  effects", effects.join(", "));
        }
        let arguments = action.get("args").map(Json::members).into_iter().flatten();
        for (name, argument) in arguments {
            page.field("  argument", argument_text(name, argument));
        }
    }
}

fn is(value: Json<'_>, member: &str) -> bool {
    value
        .get(member)
        .and_then(Json::as_bool)
        .unwrap_or_default()
}

/// `draft (medium), execute (high)`
fn powers(action: Json<'_>) -> String {
    let powers = action
        .get("powers")
        .map(Json::elements)
        .into_iter()
        .flatten();
    let powers = powers.filter_map(Json::as_str).map(|power| {
        let risk = action
            .get("risk")
            .and_then(|risk| risk.get(power))
            .and_then(Json::as_str);
        format!("{power} ({} risk)", risk.unwrap_or("critical"))
    });
    powers.collect::<Vec<_>>().join(", ")
}

fn argument_text(name: &str, argument: Json<'_>) -> String {
    let mut out = format!(
        "{}{}: {}",
        foreign(name, 128),
        mark(argument),
        words::type_text(argument.get("type"))
    );
    for member in ["label", "unit"] {
        let text = text(argument, member);
        if !text.is_empty() {
            out = format!("{out}, {member} \"{text}\"");
        }
    }
    for (member, meaning) in [
        ("target", "names the target"),
        ("content", "refers to content that people see"),
        ("unverified", "only somebody's claim"),
    ] {
        if is(argument, member) {
            out = format!("{out}, {meaning}");
        }
    }
    out
}

fn manifests(page: &mut Page, bundle: &Bundle<'_>) {
    page.heading("Manifests: what each agent may ever be granted");
    let manifests = bundle.root().get("manifests").map(Json::members);
    for (agent, manifest) in manifests.into_iter().flatten() {
        let label = text(manifest, "label");
        let label = if label.is_empty() {
            label
        } else {
            format!(": {label}")
        };
        page.line(format!("{BOLD}{}{BOLD:#}{label}", foreign(agent, 128)));
        for name in ["models", "environments", "versions"] {
            let names = list(manifest.get(name));
            if !names.is_empty() {
                page.field(&format!("  {name}"), foreign(&names, 400));
            }
        }
        if let Some(life) = manifest.get("max_life_seconds").and_then(Json::as_int) {
            page.field("  token life", format!("at most {}", time::show_life(life)));
        }
        let depth = manifest
            .get("max_depth")
            .and_then(Json::as_int)
            .unwrap_or_default();
        page.field(
            "  passed on",
            match depth {
                0 => "never".to_owned(),
                1 => "at most once".to_owned(),
                depth => format!("at most {depth} times"),
            },
        );
        let entries = manifest.get("capabilities").map(Json::elements);
        for entry in entries.into_iter().flatten() {
            page.field("  may", words::capability(Some(bundle), entry));
        }
    }
}
