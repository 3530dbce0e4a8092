//! `ambit_log`: reading an audit log to write it on, its next line, and the notes over its checkpoints.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_token::base64url;

use super::refused;
use crate::audit::line::{self, Place};
use crate::audit::merkle::{Frontier, Hash, empty_root};
use crate::audit::{
    Checkpoint, Entry, Head, LINE_BYTES, LogError, NoteKey, Reading, check_unsigned, fits,
    whole_notes,
};
use crate::enforce::Verdict;
use crate::has_only;

const UNKNOWN: &str = "audit.request: the host asks in a form that is not known";

/// For `{"do", "origin", "public", …}`: `read` a part of a log, `append` a line, or make a `note` of a signature.
#[must_use]
pub fn log(request: &[u8]) -> String {
    let parsed = Document::parse(request, Profile::Request);
    let root = parsed.as_ref().map_or(Json::null(), Document::root);
    answer(root).unwrap_or_else(|| refused(UNKNOWN))
}

fn answer(root: Json<'_>) -> Option<String> {
    let origin = root.get("origin")?.as_str()?;
    let public = bytes(root.get("public")?)?.try_into().ok()?;
    let Some(key) = NoteKey::new(origin, public) else {
        return Some(failed(&LogError::Name));
    };
    let named = |names: &[&str]| has_only(root, &[&["do", "origin", "public"], names].concat());
    match root.get("do")?.as_str()? {
        "note" if named(&["text", "signature"]) => {
            let signature = bytes(root.get("signature")?)?.try_into().ok()?;
            let note = key.note(root.get("text")?.as_str()?, &signature);
            let mut out = Writer::default();
            // An empty line ends each: one without it was torn.
            out.object(|out| {
                out.name("note").string(&format!("{note}\n"));
            });
            Some(out.finish())
        }
        "append" if named(&["state", "now", "step", "entry"]) => append(&key, root),
        "read" if named(&["state", "now", "notes", "lines", "last"]) => read(&key, root),
        _ => None,
    }
}

fn append(key: &NoteKey, root: Json<'_>) -> Option<String> {
    let mut state = State::read(root.get("state")?)?;
    let now = root.get("now")?.as_int()?;
    let step = root.get("step")?;
    let place = state.head.next(key.name(), now);
    let (line, is_enough) = match step.get("event")?.as_str()? {
        "decided" => {
            let decided = line::decided(&place, step.get("answer")?);
            (decided.line, decided.is_enough)
        }
        "ended" => {
            let entry = read_entry(root.get("entry")?)?;
            (line::discharge(&place, &entry, &verdict(step)?), true)
        }
        _ => return None,
    };
    Some(match fits(&line, false) {
        Err(error) => failed(&error),
        Ok(()) => {
            let mut out = Writer::default();
            out.object(|out| {
                state.write_line(out, key, &line);
                if !is_enough {
                    out.name("failed").string(&words(&LogError::Record));
                }
                out.name("state").object(|out| state.write(out));
            });
            out.finish()
        }
    })
}

fn verdict(step: Json<'_>) -> Option<Verdict> {
    let discharged = step.get("discharged")?;
    let ids = discharged
        .elements()
        .map(|id| id.as_str().map(str::to_owned));
    let discharged = ids.collect::<Option<_>>()?;
    if step.get("permitted")?.as_bool()? {
        return Some(Verdict::Permitted { discharged });
    }
    let mut answer = Writer::default();
    answer.json(step.get("answer")?);
    Some(Verdict::Refused {
        answer: answer.finish(),
        discharged,
    })
}

/// Takes whole lines, and with the last of them what a crash left behind.
fn read(key: &NoteKey, root: Json<'_>) -> Option<String> {
    let now = root.get("now")?.as_int()?;
    let (state, torn_notes) = match root.get("state")? {
        none if none.is_null() => match State::begin(key, &bytes(root.get("notes")?)?) {
            Ok(begun) => begun,
            Err(error) => return Some(failed(&error)),
        },
        // The notes go with the first part.
        _ if root.get("notes").is_some() => return None,
        state => (State::read(state)?, 0),
    };
    let lines = bytes(root.get("lines")?)?;
    let last = root.get("last")?.as_bool()?;
    let said = state.take(&lines, last).and_then(|(mut state, taken)| {
        let mut out = Writer::default();
        let mut mended = Ok(());
        out.object(|out| {
            out.name("taken").integer(whole(taken));
            if torn_notes > 0 {
                out.name("torn_notes").integer(whole(torn_notes));
            }
            if last {
                let torn = lines.get(taken..).unwrap_or_default();
                mended = state.mend(out, key, now, torn);
            }
            out.name("state").object(|out| state.write(out));
        });
        mended.map(|()| out.finish())
    });
    Some(said.unwrap_or_else(|error| failed(&error)))
}

/// How a log stands, as the host keeps it for the core.
struct State {
    head: Head,
    /// Bytes of its whole lines.
    bytes: u64,
    /// As far as a checkpoint has confirmed it.
    signed: u64,
    mending: u64,
    /// The last checkpoint, until the lines reach it.
    pending: Option<Checkpoint>,
}

impl State {
    /// The beginning of a log whose file of notes ends so.
    fn begin(key: &NoteKey, notes: &[u8]) -> Result<(Self, usize), LogError> {
        let (note, torn) = whole_notes(notes)?;
        let pending = match note {
            None => None,
            Some(note) => {
                let text = core::str::from_utf8(note).unwrap_or_default();
                Some(Checkpoint::open_last(text, 1, core::slice::from_ref(key))?)
            }
        };
        let state = Self {
            head: Head::empty(),
            bytes: 0,
            signed: 0,
            mending: 0,
            pending,
        };
        Ok((state, torn))
    }

    /// Reads on: the state behind the whole lines of this part, and how many bytes they have.
    fn take(self, lines: &[u8], last: bool) -> Result<(Self, usize), LogError> {
        let progress = (self.signed, self.mending);
        let mut reading = Reading::resume(self.head, self.pending, progress);
        let mut taken = 0_usize;
        let mut parts = lines.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let Some(content) = part.strip_suffix(b"\n") else {
                break;
            };
            let is_end = last && parts.peek().is_none();
            if is_end && reading.is_torn(content) {
                break;
            }
            if part.len() > LINE_BYTES {
                return Err(too_long(&reading));
            }
            reading.take(content)?;
            taken = taken.saturating_add(part.len());
        }
        if lines.len().saturating_sub(taken) > LINE_BYTES {
            return Err(too_long(&reading));
        }
        reading.pause()?;
        if last {
            reading.end()?;
        }
        let state = Self {
            head: reading.head().clone(),
            bytes: self
                .bytes
                .saturating_add(u64::try_from(taken).unwrap_or(u64::MAX)),
            signed: reading.good(),
            mending: reading.mending(),
            pending: reading.pending().next().cloned(),
        };
        Ok((state, taken))
    }

    /// The line that says what a crash left behind, where it left something.
    fn mend(
        &mut self,
        out: &mut Writer,
        key: &NoteKey,
        now: i64,
        torn: &[u8],
    ) -> Result<(), LogError> {
        let lines = self.head.frontier().size();
        let late = check_unsigned(lines, self.signed, self.mending)?;
        if late.is_none() && torn.is_empty() {
            return Ok(());
        }
        let place: Place<'_> = self.head.next(key.name(), now);
        let line = line::mended(&place, late, torn);
        fits(&line, true)?;
        out.name("mend")
            .object(|out| self.write_line(out, key, &line));
        Ok(())
    }

    /// A line, where it is to be written, and what is to be signed of it. It counts as written from here on.
    fn write_line(&mut self, out: &mut Writer, key: &NoteKey, line: &str) {
        out.name("line").string(line);
        out.name("at").integer(number(self.bytes));
        let entry = self.head.push(line.as_bytes());
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
        self.signed = entry.number;
        self.mending = 0;
        out.name("sign")
            .string(&self.head.checkpoint(key.name()).to_text());
        out.name("entry").object(|out| {
            out.name("number").integer(number(entry.number));
            out.name("hash").string(&base64url::encode(&entry.hash));
        });
    }

    fn read(state: Json<'_>) -> Option<Self> {
        if state.is_null() {
            return Some(Self {
                head: Head::empty(),
                bytes: 0,
                signed: 0,
                mending: 0,
                pending: None,
            });
        }
        let names = [
            "size", "roots", "previous", "bytes", "signed", "mending", "pending",
        ];
        if !has_only(state, &names) {
            return None;
        }
        let size = count(state.get("size")?)?;
        let roots = state
            .get("roots")
            .filter(|roots| roots.kind() == Kind::Array);
        let roots: Option<Vec<Hash>> = roots?.elements().map(hash).collect();
        let previous = hash(state.get("previous")?)?;
        // The last line of a log is the last leaf of its tree: where they do not agree, the state was changed.
        let frontier = Frontier::of(size, roots?)?;
        let is_last = match frontier.roots().last() {
            None => previous == empty_root(),
            Some(leaf) => size.is_multiple_of(2) || *leaf == previous,
        };
        let pending = match state.get("pending") {
            None => None,
            Some(pending) if has_only(pending, &["origin", "size", "root"]) => Some(Checkpoint {
                origin: pending.get("origin")?.as_str()?.to_owned(),
                size: count(pending.get("size")?)?,
                root: hash(pending.get("root")?)?,
            }),
            Some(_) => return None,
        };
        is_last.then_some(Self {
            head: Head::of(frontier, previous),
            bytes: count(state.get("bytes")?)?,
            signed: count(state.get("signed")?)?,
            mending: count(state.get("mending")?)?,
            pending,
        })
    }

    fn write(&self, out: &mut Writer) {
        let frontier = self.head.frontier();
        out.name("size").integer(number(frontier.size()));
        out.name("roots").array(|out| {
            for root in frontier.roots() {
                out.string(&base64url::encode(root));
            }
        });
        out.name("previous")
            .string(&base64url::encode(self.head.previous()));
        out.name("bytes").integer(number(self.bytes));
        out.name("signed").integer(number(self.signed));
        out.name("mending").integer(number(self.mending));
        if let Some(pending) = &self.pending {
            out.name("pending").object(|out| {
                out.name("origin").string(&pending.origin);
                out.name("size").integer(number(pending.size));
                out.name("root").string(&base64url::encode(&pending.root));
            });
        }
    }
}

fn too_long(reading: &Reading) -> LogError {
    let number = reading.head().frontier().size().saturating_add(1);
    LogError::Changed {
        from: number,
        to: number,
        why: "it is too long for a log",
    }
}

fn read_entry(entry: Json<'_>) -> Option<Entry> {
    let known = has_only(entry, &["number", "hash"]);
    known.then_some(Entry {
        number: count(entry.get("number")?)?,
        hash: hash(entry.get("hash")?)?,
    })
}

fn bytes(value: Json<'_>) -> Option<Vec<u8>> {
    base64url::decode(value.as_str()?.as_bytes())
}

fn hash(value: Json<'_>) -> Option<Hash> {
    base64url::decode_array(value.as_str()?.as_bytes())
}

fn count(value: Json<'_>) -> Option<u64> {
    u64::try_from(value.as_int()?).ok()
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn words(error: &LogError) -> String {
    format!("{}: {error}", error.code())
}

fn failed(error: &LogError) -> String {
    refused(&words(error))
}
