//! Policies in the layout of Cedar's own formatter.

use std::path::Path;

use cedar_policy::PolicySet;
use cedar_policy_formatter::{Config, policies_str_to_pretty};

use crate::diagnostics::{Diagnostics, Sink};
use crate::project::guard::{Sheet, sheets};
use crate::project::on_a_large_stack;
use crate::reader::File;
use crate::schema::comments;

/// A file of policies, as it is and as it should look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatted {
    /// The file, relative to the project.
    pub file: String,
    /// Its text, without a byte order mark.
    pub before: String,
    /// The same policies, laid out.
    pub after: String,
}

/// The files `policies/*.cedar` of a project. What they say is compared before and after: policies as Cedar
/// reads them, comments word by word.
///
/// # Errors
///
/// All faults of all files: what cannot be parsed, and what the layout would change (`format.meaning`).
pub fn policies(dir: &Path) -> Result<Vec<Formatted>, Diagnostics> {
    let (formatted, errors, found) = on_a_large_stack(|| {
        let sink = Sink::default();
        let sheets = sheets(dir, &sink);
        let formatted: Vec<Formatted> = sheets
            .iter()
            .filter_map(|sheet| one(sheet, &sink))
            .collect();
        (formatted, sink.errors(), sink.finish())
    });
    if errors == 0 {
        Ok(formatted)
    } else {
        Err(found)
    }
}

fn one(sheet: &Sheet, sink: &Sink) -> Option<Formatted> {
    let refuse = |message: String| {
        let file = File {
            name: &sheet.name,
            sink,
        };
        let help = "please report this with the file; it stays as it is";
        file.error("format.meaning", None, message, help);
    };
    let after = match policies_str_to_pretty(&sheet.text, &Config::default()) {
        // Before a file's only comment it would leave an empty line.
        Ok(after) => after.trim_start().to_owned(),
        Err(error) => {
            refuse(format!("the formatter fails on this file: {error}"));
            return None;
        }
    };
    if !says_the_same(sheet, &after) {
        refuse("the layout would change what this file says".to_owned());
        return None;
    }
    Some(Formatted {
        file: sheet.name.clone(),
        before: sheet.text.clone(),
        after,
    })
}

fn says_the_same(sheet: &Sheet, after: &str) -> bool {
    let read = after.parse::<PolicySet>().map(PolicySet::to_json);
    let same = matches!((read, sheet.set.clone().to_json()), (Ok(Ok(after)), Ok(before)) if after == before);
    let sorted = |text| {
        let mut comments = comments(text);
        comments.sort_unstable();
        comments
    };
    same && sorted(&sheet.text) == sorted(after)
}
