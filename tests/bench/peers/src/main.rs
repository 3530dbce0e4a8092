//! Peers doing the nearest same work as a decision on the worked example of docs/token.md, natively: one
//! capability, whose e-mail address, content type, region and purpose are bounded, signed with Ed25519.
//!
//! What they do not do, so that nobody takes the numbers for more than they are:
//! - `tenuo`: no purpose, no ceiling of the organisation, no JSON in, no record out. Its proof of possession
//!   is always needed; it covers tool and arguments, not method and URL.
//! - `biscuit-auth`: no proof of possession, no ceiling of the organisation, no JSON in, no record out.
//! - `jsonwebtoken` and `cedar-policy`: no delegation, no proof of possession, no record out; the bounds
//!   stand in the policy and not in the token, so nobody can narrow them.
//!
//! Asked as `../src/remote.rs` says. Usage: ambit-peers FOLDER
#![forbid(unsafe_code)]

mod biscuit;
mod jwt;
mod warrant;

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

/// Whether the call is allowed.
type Work = Box<dyn FnMut() -> bool>;
/// Engine, what is measured, and how.
type Row = (&'static str, &'static str, Work);
type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("usage: ambit-peers FOLDER")?;
    let text = std::fs::read_to_string(PathBuf::from(folder).join("known.jsonl"))?;
    let request: Value = serde_json::from_str(&text)?;
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(warrant::rows(&request)?);
    rows.extend(biscuit::rows(&request)?);
    rows.push(jwt::row(text, &request)?);
    for (engine, what, work) in &mut rows {
        if !work() {
            return Err(format!("{engine} does not allow what is measured: {what}").into());
        }
    }
    let names: Vec<[&str; 2]> = rows
        .iter()
        .map(|(engine, what, _)| [*engine, *what])
        .collect();
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(&names)?)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (row, runs) = line.split_once(' ').ok_or("a row and a number of runs")?;
        let (row, runs): (usize, u32) = (row.parse()?, runs.parse()?);
        let (_, _, work) = rows.get_mut(row).ok_or("no such row")?;
        let start = Instant::now();
        for _ in 0..runs {
            black_box(work());
        }
        writeln!(out, "{}", start.elapsed().as_nanos())?;
    }
    Ok(())
}

/// A string of the request.
fn text<'a>(request: &'a Value, pointer: &str) -> Fallible<&'a str> {
    let found = request.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| format!("the request has no {pointer}").into())
}

/// The arguments of the call.
fn arguments(request: &Value) -> Fallible<Vec<(String, String)>> {
    let found = request
        .pointer("/evaluation/action/properties/args")
        .and_then(Value::as_object);
    let found = found.ok_or("the request has no arguments")?;
    let texts = found
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    Ok(texts.collect())
}
