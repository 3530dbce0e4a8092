//! A capability that the token lacks and the manifest would allow.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use ambit_core::capability::{Ask, Place, match_entry, powers_for, purposes_for};
use ambit_core::{Power, Powers};
use ambit_evaluator::{Assumed, rooms};

use crate::call::{Call, Lacks, Layer};
use crate::candidate::Candidate;
use crate::confirm::Confirm;
use crate::missing::{Held, Missing};

/// Another token, where this one lacks an entry: judged by the manifest and the guard rails only, for
/// nobody knows what that token will require.
pub(crate) fn missing(call: &Call<'_>, confirm: &mut Confirm<'_, '_>) -> Option<Candidate> {
    let mut missing = None;
    call.with_ask(false, &mut |ask| {
        let mut blocks = call
            .layers
            .iter()
            .filter(|layer| layer.place != Place::Manifest);
        if blocks.any(|block| !applies(call, block, ask)) {
            missing = Some(Missing::of(call, ask));
        }
    });
    confirm.candidate(&Candidate {
        assumed: Assumed {
            other_token: true,
            ..Assumed::default()
        },
        missing: Some(missing?),
        ..Candidate::default()
    })
}

/// Whether an entry of the layer grants what is asked.
fn applies(call: &Call<'_>, layer: &Layer<'_>, ask: &Ask<'_>) -> bool {
    layer.entries.iter().any(|entry| {
        match_entry(*entry, layer.place, ask, call.steps).is_ok()
            && rooms(*entry, ask.power).all(|(name, room)| room.holds(ask.args.get(name)))
    })
}

impl Missing {
    fn of(call: &Call<'_>, ask: &Ask<'_>) -> Self {
        let layers = &call.layers;
        let resource = match (ask.datatype, ask.identifier) {
            (Some(datatype), Some(identifier)) => format!("{datatype}:{identifier}"),
            (one, other) => one.or(other).unwrap_or_default().to_string(),
        };
        Self {
            action: ask.action.to_string(),
            power: ask.power.name(),
            resource,
            purpose: ask.purpose.to_string(),
            held: match call.lacks {
                Lacks::Power => Held::Powers(held_powers(layers, ask)),
                Lacks::Purpose => Held::Purposes(held_purposes(layers, ask)),
                Lacks::Bounds => Held::Otherwise,
                Lacks::Other => Held::Nothing,
            },
        }
    }
}

/// The powers that every block holds for what is asked.
fn held_powers(layers: &[Layer<'_>], ask: &Ask<'_>) -> Vec<&'static str> {
    let blocks = layers.iter().filter(|layer| layer.place != Place::Manifest);
    let held = blocks.map(|layer| powers_for(layer.entries.iter().copied(), layer.place, ask));
    let held = held.reduce(Powers::intersection).unwrap_or_default();
    held.iter().map(Power::name).collect()
}

/// The purposes that the root holds for what is asked.
fn held_purposes(layers: &[Layer<'_>], ask: &Ask<'_>) -> Vec<String> {
    let root = layers.iter().find(|layer| layer.place == Place::Root);
    let held = root.map(|root| purposes_for(root.entries.iter().copied(), Place::Root, ask));
    held.unwrap_or_default()
        .into_iter()
        .map(String::from)
        .collect()
}
