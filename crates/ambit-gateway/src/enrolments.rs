//! Enrolments of people's keys: a request is given those that its receipts need.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ambit_core::json::{Document, Json, Profile};
use ambit_core::limits::{CLOCK_SKEW_SECONDS, ENROLMENT_BYTES, ENROLMENTS, RECEIPT_BYTES};
use ambit_token::{PublicKey, base64url};

use crate::fault::Fault;
use crate::files::{self, Followed, Stamp};

/// Files that are read: nobody enrols as many keys by hand, and a full folder does not fill the memory.
const MOST: usize = 10_000;
/// Bytes of a file: an enrolment, its countersignature, the `~` between them and the end of the line.
#[expect(clippy::as_conversions, reason = "constants, which are widened")]
const FILE_BYTES: u64 = (ENROLMENT_BYTES + RECEIPT_BYTES + 3) as u64;

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
    pub fn open(folder: Option<PathBuf>, now: i64) -> Result<Self, Fault> {
        let enrolments = Self {
            folder,
            kept: RwLock::default(),
            followed: Mutex::new(Followed::unread()),
        };
        let (kept, _) = read(&enrolments.paths()?, now);
        enrolments.keep(kept);
        Ok(enrolments)
    }

    /// Reads them anew where one has changed, and gives the first thing that failed and was not told before. What is no
    /// enrolment stops no other. Where the folder cannot be read nothing is kept: nobody could take an enrolment back.
    pub fn refresh(&self, now: i64) -> Option<Fault> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = match self.paths() {
            Ok(paths) => paths,
            Err(fault) => {
                self.keep(Vec::new());
                return followed.lost(fault);
            }
        };
        let came = followed.follow(Stamp::of(&paths), || {
            let (kept, fault) = read(&paths, now);
            self.keep(kept);
            fault.map_or(Ok(()), Err)
        });
        came?.err()
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

    fn keep(&self, kept: Vec<Enrolled>) {
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept.into();
    }
}

/// What these files hold, and the first that holds no enrolment or one of a later time, which is tried again.
fn read(paths: &[PathBuf], now: i64) -> (Vec<Enrolled>, Option<Fault>) {
    let (mut kept, mut fault) = (Vec::with_capacity(paths.len()), None);
    for path in paths {
        let enrolled = files::bounded(path, FILE_BYTES).and_then(|text| {
            let none = |code, why| Fault::new(code, why).at(path);
            let enrolled = Enrolled::of(text);
            let enrolled =
                enrolled.ok_or_else(|| none("enrolment.malformed", "this is no enrolment"))?;
            match enrolled.iat > now.saturating_add(CLOCK_SKEW_SECONDS) {
                true => Err(none("enrolment.iat_future", "`iat` is in the future")),
                false => Ok(enrolled),
            }
        });
        match enrolled {
            Ok(enrolled) => kept.push(enrolled),
            Err(other) => {
                fault.get_or_insert(other);
            }
        }
    }
    (kept, fault)
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_772_000_400;

    /// An enrolment of the key in RFC 8037, by nobody: signatures are the evaluator's to verify.
    fn enrolment(iat: i64) -> String {
        let claims = format!(
            r#"{{"iss":"i","iat":{iat},"exp":{},"jwk":{{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}}}"#,
            NOW + 1000
        );
        format!("e30.{}.AA", base64url::encode(claims.as_bytes()))
    }

    /// A receipt that says that this key signed it.
    fn receipt() -> String {
        let kid = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        let header = base64url::encode(format!(r#"{{"kid":"{kid}"}}"#).as_bytes());
        format!("{header}.{}.AA", base64url::encode(br#"{"iss":"i"}"#))
    }

    fn given(enrolments: &Enrolments) -> Vec<String> {
        enrolments.needed_by(&[receipt()], NOW)
    }

    fn code(fault: Option<Fault>) -> Option<&'static str> {
        fault.as_ref().map(Fault::code)
    }

    fn opened() -> (tempfile::TempDir, Enrolments) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), enrolment(NOW)).unwrap();
        let enrolments = Enrolments::open(Some(folder.path().to_owned()), NOW).unwrap();
        assert_eq!(given(&enrolments), [enrolment(NOW)]);
        (folder, enrolments)
    }

    #[test]
    fn a_broken_file_is_told_once_and_is_not_what_stood_there() {
        let (folder, enrolments) = opened();
        assert_eq!(code(enrolments.refresh(NOW)), None);
        let path = folder.path().join("a");
        fs::write(&path, "no enrolment").unwrap();
        assert_eq!(code(enrolments.refresh(NOW)), Some("enrolment.malformed"));
        assert_eq!(code(enrolments.refresh(NOW)), None);
        assert!(given(&enrolments).is_empty());
        fs::write(&path, enrolment(NOW)).unwrap();
        assert_eq!(code(enrolments.refresh(NOW)), None);
        assert_eq!(given(&enrolments).len(), 1);
    }

    #[test]
    fn a_folder_that_is_gone_is_told_once_and_leaves_nothing() {
        for refreshes in 0..2 {
            let (folder, enrolments) = opened();
            for _ in 0..refreshes {
                assert_eq!(code(enrolments.refresh(NOW)), None);
            }
            fs::remove_dir_all(folder.path()).unwrap();
            assert_eq!(code(enrolments.refresh(NOW)), Some("file.read"));
            assert_eq!(code(enrolments.refresh(NOW)), None);
            assert!(given(&enrolments).is_empty());
            fs::create_dir(folder.path()).unwrap();
            fs::write(folder.path().join("a"), enrolment(NOW)).unwrap();
            assert_eq!(code(enrolments.refresh(NOW)), None);
            assert_eq!(given(&enrolments).len(), 1);
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read_to_its_end() {
        let (folder, enrolments) = opened();
        let spaces = " ".repeat(ENROLMENT_BYTES + RECEIPT_BYTES);
        fs::write(folder.path().join("a"), enrolment(NOW) + &spaces).unwrap();
        assert_eq!(code(enrolments.refresh(NOW)), Some("file.size"));
        assert!(given(&enrolments).is_empty());
    }

    /// As the evaluator refuses it, which would deny the call though an earlier one of this key is good.
    #[test]
    fn one_of_a_later_time_waits_for_it() {
        let (folder, enrolments) = opened();
        let later = NOW + CLOCK_SKEW_SECONDS + 1;
        fs::write(folder.path().join("b"), enrolment(later)).unwrap();
        assert_eq!(code(enrolments.refresh(NOW)), Some("enrolment.iat_future"));
        assert_eq!(given(&enrolments), [enrolment(NOW)]);
        assert_eq!(code(enrolments.refresh(NOW + 1)), None);
        assert_eq!(given(&enrolments), [enrolment(later)]);
    }
}
