//! The order of the functions of a file: like beside like, so that it compresses better.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use walrus::Module;
use wasmparser::{Parser, Payload};

/// Functions are alike by how many runs of so many bytes they have in common.
const RUN: usize = 6;
/// A run that more functions have says nothing of any two.
const COMMON: usize = 150;
/// Short functions are like many by chance.
const BIAS: usize = 5;

/// Gives the functions names by which `wasm-opt --reorder-functions-by-name` brings them into that order.
pub(crate) fn name_by_likeness(wasm: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            bodies.push(body.as_bytes());
        }
    }
    let mut module = Module::from_buffer(wasm)?;
    let functions: Vec<_> = module.funcs.iter_local().map(|(id, _)| id).collect();
    for (place, at) in by_likeness(&bodies).into_iter().enumerate() {
        let function = functions.get(at).ok_or("a function went lost")?;
        module.funcs.get_mut(*function).name = Some(format!("{place:05}"));
    }
    Ok(module.emit_wasm())
}

/// From the longest on, always the one that is most like the three before, for its length, the last above all.
fn by_likeness(bodies: &[&[u8]]) -> Vec<usize> {
    let mut holders: BTreeMap<&[u8], BTreeSet<usize>> = BTreeMap::new();
    for (at, body) in bodies.iter().enumerate() {
        for run in body.windows(RUN) {
            holders.entry(run).or_default().insert(at);
        }
    }
    holders.retain(|_, holders| (2..COMMON).contains(&holders.len()));
    let mut runs: Vec<Vec<&BTreeSet<usize>>> = vec![Vec::new(); bodies.len()];
    for holders in holders.values() {
        for at in holders {
            runs[*at].push(holders);
        }
    }
    let mut left: BTreeSet<usize> = (0..bodies.len()).collect();
    let mut next = left.iter().copied().max_by_key(|at| bodies[*at].len());
    let mut order: Vec<usize> = Vec::new();
    while let Some(at) = next {
        order.push(at);
        left.remove(&at);
        let mut shared = vec![0_usize; bodies.len()];
        for (before, weight) in order.iter().rev().zip([4, 2, 1]) {
            for other in runs[*before].iter().copied().flatten() {
                shared[*other] += weight;
            }
        }
        let likeness = |at: usize| (shared[at] << 20) / (bodies[at].len() + BIAS);
        next = left.iter().copied().max_by_key(|at| likeness(*at));
    }
    order
}
