//! Enrolments of people's keys: a request is given those that its receipts need.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ambit_core::json::{Document, Json, Profile};
use ambit_core::limits::ENROLMENTS;
use ambit_token::{PublicKey, base64url};

use crate::fault::Fault;
use crate::files::{self, Followed, Stamp};

/// Files that are read: nobody enrols as many keys by hand, and a full folder does not fill the memory.
const MOST: usize = 10_000;

/// A folder of signed statements (`approver-key+jwt`), one a file. Whoever enrols keys lays them down.
#[derive(Debug)]
pub struct Enrolments {
    folder: Option<PathBuf>,
    kept: RwLock<Arc<[Enrolled]>>,
    followed: Mutex<Followed>,
}

/// One enrolment, which the evaluator verifies with each request. Here is what tells whose receipts need it.
#[derive(Debug)]
struct Enrolled {
    iss: String,
    /// The thumbprint of the key that is enrolled.
    kid: String,
    iat: i64,
    exp: i64,
    text: String,
}

impl Enrolments {
    /// Those in a folder that is there, or none. What is no enrolment is told when they are first
    /// [read anew](Self::refresh), and passed over.
    ///
    /// # Errors
    ///
    /// [`Fault`] where the folder cannot be read.
    pub fn open(folder: Option<PathBuf>) -> Result<Self, Fault> {
        let enrolments = Self {
            folder,
            kept: RwLock::default(),
            followed: Mutex::new(Followed::new(Stamp::default())),
        };
        enrolments.take(&enrolments.paths()?);
        Ok(enrolments)
    }

    /// Reads them anew where one has changed; `None` where none has, or the fault was told before. What is no
    /// enrolment stops no other.
    pub fn refresh(&self) -> Option<Result<(), Fault>> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = self.paths();
        let stamp = paths.as_ref().map_or_else(|_| Stamp::default(), Stamp::of);
        followed.follow(stamp, || match self.take(&paths?) {
            Some(fault) => Err(fault),
            None => Ok(()),
        })
    }

    /// For each key that signed one of these receipts the enrolment that was made last, of those that are not
    /// over; at most as many as a request may have. One that no receipt needs is not given: it would be judged
    /// for this call as well.
    pub(crate) fn needed_by(&self, receipts: &[String], now: i64) -> Vec<String> {
        let kept = self.kept.read();
        let kept = Arc::clone(&kept.unwrap_or_else(PoisonError::into_inner));
        let mut needed: Vec<String> = Vec::new();
        for (iss, kid) in receipts.iter().filter_map(|receipt| signer(receipt)) {
            let its = |one: &&Enrolled| one.iss == iss && one.kid == kid && now < one.exp;
            let last = kept.iter().filter(its).max_by_key(|one| one.iat);
            if let Some(last) = last.filter(|last| !needed.contains(&last.text)) {
                needed.push(last.text.clone());
            }
        }
        needed.truncate(ENROLMENTS);
        needed
    }

    /// The files of the folder; none of those that are still being written.
    fn paths(&self) -> Result<Vec<PathBuf>, Fault> {
        let Some(folder) = &self.folder else {
            return Ok(Vec::new());
        };
        let unread = |error: std::io::Error| {
            let message = format!("the folder cannot be read: {error}");
            Fault::new("file.read", message).at(folder)
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with('.') && !name.ends_with(".tmp") && !name.ends_with('~') {
                paths.push(entry.path());
            }
        }
        if paths.len() > MOST {
            let message = format!("there are more than {MOST} enrolments");
            return Err(Fault::new("file.size", message).at(folder));
        }
        paths.sort();
        Ok(paths)
    }

    /// Keeps what these files hold. The first that holds no enrolment is a fault.
    fn take(&self, paths: &[PathBuf]) -> Option<Fault> {
        let (mut kept, mut fault) = (Vec::with_capacity(paths.len()), None);
        for path in paths {
            let read = files::text(path).and_then(|text| {
                let none = || Fault::new("enrolment.malformed", "this is no enrolment").at(path);
                Enrolled::of(text).ok_or_else(none)
            });
            match read {
                Ok(enrolled) => kept.push(enrolled),
                Err(other) => {
                    fault.get_or_insert(other);
                }
            }
        }
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept.into();
        fault
    }
}

impl Enrolled {
    fn of(text: String) -> Option<Self> {
        let claims = part(&text, 1)?;
        let document = Document::parse(&claims, Profile::Signed).ok()?;
        let claims = document.root();
        let time = |name| claims.get(name).and_then(Json::as_int);
        Some(Self {
            iss: claims.get("iss")?.as_str()?.to_owned(),
            kid: PublicKey::from_jwk(claims.get("jwk")?)?.thumbprint(),
            iat: time("iat")?,
            exp: time("exp")?,
            text,
        })
    }
}

/// Who signed a receipt, as it says itself: `iss` and `kid`.
fn signer(receipt: &str) -> Option<(String, String)> {
    let text = |at, name| {
        let part = part(receipt, at)?;
        let document = Document::parse(&part, Profile::Signed).ok()?;
        document.root().get(name)?.as_str().map(str::to_owned)
    };
    Some((text(1, "iss")?, text(0, "kid")?))
}

/// Header or claims of a JWS.
fn part(jws: &str, at: usize) -> Option<Vec<u8>> {
    base64url::decode(jws.split('.').nth(at)?.as_bytes())
}
