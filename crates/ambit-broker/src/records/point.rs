//! `[[points]]`: the enforcement points that may post decision records.

use std::path::{Path, PathBuf};

use ambit_gateway::Fault;
use ambit_token::PublicKey;
use serde::Deserialize;

use crate::client;
use crate::config::{Client, public, wrong};

/// Enforcement points, and keys and audiences of each.
const POINTS: usize = 1000;
const EACH: usize = 16;

/// One, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PointEntry {
    client_id: String,
    keys: Vec<PathBuf>,
    audiences: Vec<String>,
}

/// An enforcement point.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) id: String,
    keys: Vec<PublicKey>,
    /// The services of whose calls it may tell.
    pub(crate) audiences: Vec<String>,
}

impl client::Party for Point {
    fn id(&self) -> &str {
        &self.id
    }

    fn keys(&self) -> &[PublicKey] {
        &self.keys
    }
}

/// Each with a name and keys that are nobody else's: who asks for tokens does not tell what became of them.
pub(crate) fn points(
    entries: Vec<PointEntry>,
    folder: &Path,
    clients: &[Client],
) -> Result<Vec<Point>, Fault> {
    if entries.len() > POINTS {
        return Err(wrong(format!("there are up to {POINTS} `[[points]]`")));
    }
    let mut all: Vec<Point> = Vec::new();
    for entry in entries {
        let id = entry.client_id;
        let named = |what: &str| wrong(format!("the enforcement point `{id}`: {what}"));
        if id.is_empty() || id.len() > 512 {
            return Err(wrong("`points.client_id` has 1 to 512 bytes"));
        }
        for (name, count) in [
            ("keys", entry.keys.len()),
            ("audiences", entry.audiences.len()),
        ] {
            if !(1..=EACH).contains(&count) {
                return Err(named(&format!("1 to {EACH} `{name}` are wanted")));
            }
        }
        let keys = entry.keys.iter().map(|key| public(&folder.join(key)));
        let keys: Vec<PublicKey> = keys.collect::<Result<_, _>>()?;
        let of = |others: &[PublicKey]| {
            let same = |key: &PublicKey| others.iter().any(|other| other.same_hand(key));
            keys.iter().any(same)
        };
        let taken = clients.iter().any(|one| one.id == id || of(&one.keys))
            || all.iter().any(|one| one.id == id || of(&one.keys));
        if taken {
            return Err(named(
                "its `client_id` or key is that of another one, or of a client: each has its own",
            ));
        }
        all.push(Point {
            id,
            keys,
            audiences: entry.audiences,
        });
    }
    Ok(all)
}
