//! JSON lines in, one answer a line out, with bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write as _};

use ambit_core::limits::REQUEST_BYTES;

use super::{Answerer, Outcome};
use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::say;

/// Answers every line.
pub(super) fn run(answerer: &Answerer<'_>, input: &Input) -> Result<Exit, Failure> {
    let tally = match input {
        Input::Stdin => lines(answerer, &mut io::stdin().lock()),
        Input::File(path) => {
            let file = File::open(path).map_err(|error| {
                let message = format!("the file cannot be read: {}", files::plain(&error));
                Failure::unusable("file.read", message).at(path)
            })?;
            lines(answerer, &mut BufReader::new(file))
        }
    };
    tally.map_err(|fault| fault.failure(input))?.tell();
    Ok(Exit::Done)
}

enum Fault {
    Read(io::Error),
    Write(io::Error),
    Answer(Failure),
}

impl Fault {
    fn failure(self, input: &Input) -> Failure {
        match self {
            // A folder opens like a file and fails only here.
            Self::Read(error) if error.kind() == io::ErrorKind::IsADirectory => {
                Failure::unusable("file.read", "this is a folder, not a file")
                    .at_place(input.name())
            }
            Self::Read(error) => {
                Failure::tool("input.read", files::plain(&error)).at_place(input.name())
            }
            Self::Write(error) => Failure::output(&error),
            Self::Answer(failure) => failure,
        }
    }
}

/// How many lines came to what.
#[derive(Debug, Default)]
struct Tally {
    allowed: usize,
    denied: usize,
    with_obligations: usize,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        match outcome.exit {
            Exit::Done => self.allowed += 1,
            _ => self.denied += 1,
        }
        self.with_obligations += usize::from(outcome.obligations > 0);
    }

    fn tell(&self) {
        say::note(format!(
            "{} answered: {} allowed, {} denied",
            self.allowed + self.denied,
            self.allowed,
            self.denied
        ));
        if self.with_obligations > 0 {
            say::note(format!(
                "note: the obligations of {} answers were not discharged",
                self.with_obligations
            ));
        }
    }
}

fn lines(answerer: &Answerer<'_>, input: &mut dyn BufRead) -> Result<Tally, Fault> {
    let mut tally = Tally::default();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    loop {
        let kept = match next_line(input, &mut line).map_err(Fault::Read)? {
            Line::End => break,
            Line::Kept => Some(line.as_slice()),
            Line::TooLong => None,
        };
        let answer = answerer.answer(kept).map_err(Fault::Answer)?;
        // Nobody reads what would help each of many.
        tally.add(Outcome::of(&answer, "{}").map_err(Fault::Answer)?);
        // Flushed line by line: a program at the other end of a pipe may wait for it.
        writeln!(out, "{answer}")
            .and_then(|()| out.flush())
            .map_err(Fault::Write)?;
    }
    Ok(tally)
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Kept,
    TooLong,
    End,
}

/// Reads a line without its end. Of one that is too long, only so much is kept as shows it.
fn next_line(input: &mut (impl BufRead + ?Sized), line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut anything = false;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            break;
        }
        anything = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let content = &chunk[..end.unwrap_or(chunk.len())];
        let room = (REQUEST_BYTES + 1).saturating_sub(line.len());
        line.extend_from_slice(&content[..content.len().min(room)]);
        let read = content.len() + usize::from(end.is_some());
        input.consume(read);
        if end.is_some() {
            break;
        }
    }
    Ok(match (anything, line.len() > REQUEST_BYTES) {
        (false, _) => Line::End,
        (true, false) => Line::Kept,
        (true, true) => Line::TooLong,
    })
}

/// Reads one request of any layout; `None` if it is too long.
pub(super) fn whole(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let most = u64::try_from(REQUEST_BYTES).unwrap_or(u64::MAX);
    input
        .take(most.saturating_add(1))
        .read_to_end(&mut request)?;
    Ok((request.len() <= REQUEST_BYTES).then_some(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(Line, Vec<u8>)> {
        // A small buffer, so that lines span several of its fillings.
        let mut input = BufReader::with_capacity(7, text);
        let mut lines = Vec::new();
        let mut line = Vec::new();
        loop {
            match next_line(&mut input, &mut line).unwrap() {
                Line::End => return lines,
                kind => lines.push((kind, line.clone())),
            }
        }
    }

    #[test]
    fn every_line_counts_even_an_empty_one() {
        let lines = read(b"first line\n\nlast line");
        let texts: Vec<&[u8]> = lines.iter().map(|(_, line)| line.as_slice()).collect();
        assert_eq!(texts, [b"first line".as_slice(), b"", b"last line"]);
        assert_eq!(read(b"one\n").len(), 1);
        assert_eq!(read(b"\n").len(), 1);
        assert!(read(b"").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_to_its_end() {
        let mut text = vec![b'x'; REQUEST_BYTES];
        text.push(b'\n');
        text.extend(vec![b'y'; REQUEST_BYTES + 1]);
        text.extend(b"\nnext");
        let lines = read(&text);
        let kinds: Vec<&Line> = lines.iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [&Line::Kept, &Line::TooLong, &Line::Kept]);
        assert_eq!(lines[2].1, b"next");
    }
}
