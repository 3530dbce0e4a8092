//! One engine: a process that is fed with all lines, while what it says is compared.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::json;
use xtask_kit::ui::Tally;

use crate::questions::{Line, Questions, Suite, Want};
use crate::rows::Row;

/// How long a line may take. The dearest takes a fraction of a second; a browser takes seconds to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may take to end, once its input has.
const FAREWELL: Duration = Duration::from_secs(10);
/// Bytes of what it wrote to its standard error that are shown.
const WORDS: u64 = 2000;

/// What came of an engine.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What it says it is.
    pub(crate) version: String,
    /// The lines that were not as wanted.
    pub(crate) faults: Vec<String>,
    pub(crate) time: Duration,
    passed: Vec<Suite>,
    failed: Vec<Suite>,
}

impl Outcome {
    /// How many lines of a suite were asked.
    pub(crate) fn asked(&self, suite: Suite) -> usize {
        let all = self.passed.iter().chain(&self.failed);
        all.filter(|one| **one == suite).count()
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            passed: self.passed.len(),
            failed: self.failed.len(),
        }
    }
}

/// Starts the engine, asks it everything that it can be asked, and ends it.
///
/// # Errors
///
/// That it cannot be started, or stopped before it had answered all.
pub(crate) fn ask(row: &Row, mut command: Command, all: &Questions) -> Result<Outcome, String> {
    let began = Instant::now();
    let name = command.get_program().to_string_lossy().into_owned();
    let lost = |error: std::io::Error| format!("`{name}`: {error}");
    let mut said = tempfile::tempfile().map_err(|error| error.to_string())?;
    let words = said.try_clone().map_err(|error| error.to_string())?;
    let started = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(words)
        .spawn();
    let mut engine = Running(started.map_err(lost)?);
    let asked: Vec<&Line> = all.lines.iter().filter(|line| row.is_asked(line)).collect();
    let answers = engine.answers()?;
    let mut outcome = Outcome {
        version: String::new(),
        faults: Vec::new(),
        time: Duration::ZERO,
        passed: Vec::new(),
        failed: Vec::new(),
    };
    let compared = std::thread::scope(|scope| {
        let input = engine.0.stdin.take();
        scope.spawn(|| {
            let mut input = input?;
            writeln!(input, "{}", json!({"op": "about"})).ok()?;
            // An engine that has stopped takes no more, and what it lacks to answer is seen below.
            asked
                .iter()
                .try_for_each(|line| writeln!(input, "{}", line.command))
                .ok()
        });
        let compared = compare(&answers, &asked, &mut outcome);
        if compared.is_err() {
            engine.end(Duration::ZERO);
        }
        compared
    });
    engine.end(FAREWELL);
    compared.map_err(|why| format!("{why}{}", tail(&mut said)))?;
    outcome.time = began.elapsed();
    Ok(outcome)
}

/// What it last wrote for people.
fn tail(said: &mut File) -> String {
    let length = said.metadata().map_or(0, |facts| facts.len());
    let mut words = Vec::new();
    let from = std::io::SeekFrom::Start(length.saturating_sub(WORDS));
    let read = said.seek(from).and_then(|_| said.read_to_end(&mut words));
    match String::from_utf8_lossy(&words).trim() {
        "" => String::new(),
        words if read.is_ok() => format!("; it said:\n{words}"),
        _ => String::new(),
    }
}

fn compare(answers: &Receiver<String>, asked: &[&Line], to: &mut Outcome) -> Result<(), String> {
    let next = |what: &str| match answers.recv_timeout(PATIENCE) {
        Ok(line) => Ok(line),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("no answer for two minutes to {what}")),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(format!("it stopped at {what}")),
    };
    to.version = next("`about`")?;
    for line in asked {
        let answer = next(&format!("`{}` of {}", line.op, line.name))?;
        match difference(&line.want, &answer) {
            None => to.passed.push(line.suite),
            Some(how) => {
                to.failed.push(line.suite);
                let suite = line.suite.name();
                to.faults
                    .push(format!("{suite}, {}, {}: {how}", line.name, line.op));
            }
        }
    }
    Ok(())
}

/// How a line differs from the one that is wanted.
fn difference(want: &Want, line: &str) -> Option<String> {
    let said = |line: &str| -> String {
        use base64::Engine as _;
        let bytes = base64::prelude::BASE64_STANDARD.decode(line);
        bytes.map_or_else(
            |_| line.to_owned(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    };
    match want {
        Want::Line(want) if want == line => None,
        Want::Line(want) => Some(around(&said(want), &said(line))),
        Want::Code(code) => {
            let found = line.strip_prefix("error: ");
            let found = found.and_then(|rest| rest.split(' ').next());
            (found != Some(code)).then(|| format!("wanted the error `{code}`: {}", said(line)))
        }
    }
}

/// Where two answers part, with some text around it.
fn around(want: &str, found: &str) -> String {
    let pairs = want.chars().zip(found.chars());
    let at = pairs.take_while(|(want, found)| want == found).count();
    let piece =
        |text: &str| -> String { text.chars().skip(at.saturating_sub(60)).take(160).collect() };
    format!(
        "from character {at} on\n  natively: {}\n  here:     {}",
        piece(want),
        piece(found)
    )
}

/// A process that is ended with this.
struct Running(Child);

impl Running {
    /// What it says, line by line.
    fn answers(&mut self) -> Result<Receiver<String>, String> {
        let output = self.0.stdout.take().ok_or("it has no standard output")?;
        let (line, lines) = mpsc::sync_channel(64);
        std::thread::spawn(move || {
            for one in BufReader::new(output).lines() {
                if one.map_or(true, |one| line.send(one).is_err()) {
                    break;
                }
            }
        });
        Ok(lines)
    }

    /// Waits until it has ended, since its input has, and ends it otherwise: first so that it can end its browser.
    fn end(&mut self, patience: Duration) {
        if self.has_ended(patience) {
            return;
        }
        // Nothing is left to do where one of these fails.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        if !self.has_ended(FAREWELL) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn has_ended(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while matches!(self.0.try_wait(), Ok(None)) {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}
