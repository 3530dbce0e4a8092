//! Compiled Cedar policies without tokens around them: what the corpus, the differential judge and
//! the measurements run.

use alloc::string::String;

use ambit_core::Steps;
use ambit_core::json::{Document, Profile, Writer};
use ambit_policy::cedar::{Halt, Input, Program, Selection, Verdict};

/// Answers one request (`principal`, `action`, `resource`, `context`, `entities`):
/// `{"permits": [numbers], "forbids": [numbers], "errors": [[number, kind], …]}`, or
/// `{"refused": {"path", "wanted"}}` for a request that does not conform, or `{"halt": reason}`.
#[must_use]
pub fn authorize(program: &Program<'_>, request: &[u8]) -> String {
    let mut out = Writer::with_capacity(128);
    match Document::parse(request, Profile::Request) {
        Ok(document) => match Input::read(program, document.root()) {
            Ok(input) => match program.authorize(&input, &Steps::new(), Selection::Index) {
                Ok(verdict) => write(&verdict, &mut out),
                Err(halt) => stop(halt, &mut out),
            },
            Err(fault) => refuse(&fault.path, &fault.wanted, &mut out),
        },
        Err(error) => refuse("", error.kind.name(), &mut out),
    }
    out.finish()
}

fn write(verdict: &Verdict, out: &mut Writer) {
    let integer = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    out.object(|out| {
        for (name, list) in [("permits", &verdict.permits), ("forbids", &verdict.forbids)] {
            out.name(name).array(|out| {
                for number in list {
                    out.integer(integer(*number));
                }
            });
        }
        out.name("errors").array(|out| {
            for (number, kind) in &verdict.errors {
                out.array(|out| {
                    out.integer(integer(*number));
                    out.string(kind.name());
                });
            }
        });
    });
}

fn refuse(path: &str, wanted: &str, out: &mut Writer) {
    out.object(|out| {
        out.name("refused").object(|out| {
            out.name("path").string(path);
            out.name("wanted").string(wanted);
        });
    });
}

fn stop(halt: Halt, out: &mut Writer) {
    out.object(|out| {
        out.name("halt").string(match halt {
            Halt::Steps => "steps",
            Halt::Program => "program",
        });
    });
}
