//! Rows that another process measures: Node, and the peers. It prints the names of its rows as a JSON
//! list; then, for each line `NUMBER_OF_THE_ROW RUNS`, the nanoseconds that these runs took.

use std::cell::RefCell;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use crate::rounds::Row;

struct Process {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self, Box<dyn Error>> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        Ok(Self {
            child,
            to: to.ok_or("no standard input")?,
            from: BufReader::new(from.ok_or("no standard output")?),
        })
    }

    fn line(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        if line.is_empty() {
            return Err(format!(
                "a process that measures has ended: {:?}",
                self.child.wait()?
            )
            .into());
        }
        Ok(line)
    }

    fn time(&mut self, row: usize, runs: u32) -> Result<f64, Box<dyn Error>> {
        writeln!(self.to, "{row} {runs}")?;
        Ok(self.line()?.trim().parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// The rows of a process, which names each as a pair of engine and work.
pub(crate) fn rows(command: &mut Command) -> Result<Vec<Row<'static>>, Box<dyn Error>> {
    let mut process = Process::start(command)?;
    let names: Vec<(String, String)> = serde_json::from_str(&process.line()?)?;
    let process = Rc::new(RefCell::new(process));
    let row = |(number, (engine, what)): (usize, &(String, String))| {
        let process = Rc::clone(&process);
        Row::new(engine, what, move |runs| {
            process.borrow_mut().time(number, runs)
        })
    };
    Ok(names.iter().enumerate().map(row).collect())
}
