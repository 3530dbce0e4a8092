//! Warnings that somebody looked at and wants: a comment above the place, with the code and a reason.
//!
//! `// allow(check.irrelevant): shown in audits` in Cedar files, `# allow(check.unbounded): …` in TOML.

use core::ops::Range;
use std::collections::BTreeMap;

use crate::diagnostics::{Diagnostic, Diagnostics, Severity};

/// One such comment.
struct Allowance {
    file: String,
    code: String,
    has_reason: bool,
    /// The comment.
    span: Range<usize>,
    /// What it is about: from the comment to the end of the first line that is no comment and no annotation.
    covers: Range<usize>,
}

/// Takes out the warnings that are allowed. Beside what is left: what is wrong with the comments.
pub(crate) fn apply(found: Diagnostics) -> (Diagnostics, Vec<Diagnostic>) {
    let allowances = allowances(found.sources());
    let mut used = vec![false; allowances.len()];
    let left = found.filter(|one| {
        let at = allowances
            .iter()
            .position(|allowance| allowance.allows(one));
        if let Some(used) = at.and_then(|at| used.get_mut(at)) {
            *used = true;
        }
        at.is_none()
    });
    let wrong = allowances.iter().zip(used);
    let wrong = wrong.filter_map(|(allowance, used)| allowance.wrong(used));
    (left, wrong.collect())
}

impl Allowance {
    fn allows(&self, one: &Diagnostic) -> bool {
        let here = one
            .span
            .as_ref()
            .is_none_or(|span| self.covers.contains(&span.start));
        let same = self.file == one.file && self.code == one.code;
        self.has_reason && one.severity == Severity::Warning && same && here
    }

    fn wrong(&self, used: bool) -> Option<Diagnostic> {
        let (message, help) = if !self.has_reason {
            (
                format!(
                    "this does not say why `{}` is allowed, so it allows nothing",
                    self.code
                ),
                format!("write the reason: `allow({}): …`", self.code),
            )
        } else if !used {
            (
                format!("there is no warning `{}` here to allow", self.code),
                "remove the comment, or put it right above the place of the warning".to_owned(),
            )
        } else {
            return None;
        };
        let span = self.span.clone();
        Some(Diagnostic::error("check.allow", &self.file, span, message, help).warning())
    }
}

fn allowances(sources: &BTreeMap<String, String>) -> Vec<Allowance> {
    let mut found = Vec::new();
    for (name, text) in sources {
        let mark = match name.rsplit_once('.') {
            Some((_, "toml")) => "#",
            Some((_, "cedar" | "cedarschema")) => "//",
            _ => continue,
        };
        read(name, text, mark, &mut found);
    }
    found
}

fn read(name: &str, text: &str, mark: &str, found: &mut Vec<Allowance>) {
    // The comments whose line of code has not come yet.
    let mut open = found.len();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let code = line.trim();
        if let Some(comment) = code.strip_prefix(mark) {
            let at = start + line.len() - line.trim_start().len();
            if let Some((code, has_reason)) = comment_of(comment) {
                found.push(Allowance {
                    file: name.to_owned(),
                    code: code.to_owned(),
                    has_reason,
                    span: at..start + line.trim_end().len(),
                    covers: at..text.len(),
                });
            }
        } else if !code.is_empty() && !code.starts_with('@') {
            for allowance in found.iter_mut().skip(open) {
                allowance.covers.end = end;
            }
            open = found.len();
        }
        start = end;
    }
}

/// Code and whether a reason follows.
fn comment_of(comment: &str) -> Option<(&str, bool)> {
    let rest = comment.trim_start().strip_prefix("allow(")?;
    let (code, reason) = rest.split_once(')')?;
    let reason = reason.trim_start().strip_prefix(':').unwrap_or_default();
    Some((code.trim(), !reason.trim().is_empty()))
}
