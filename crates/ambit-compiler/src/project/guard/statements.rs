//! What a file of policies says, word by word: beside what Cedar made of it, nothing may be missing.

use super::Sheet;
use crate::reader::File;
use crate::schema::{Kind, Token, tokens};
use crate::suggest;

/// Annotations with a meaning, and Cedar's own for a comment.
const KNOWN: [&str; 5] = ["id", "reason", "advice", "step_up", "doc"];
/// Operators in one policy. Cedar makes a level of each in a chain (`a && b && c`), and walks through
/// the levels by recursion; [`crate::project::STACK`] is large enough for so many.
const OPERATORS: usize = 10_000;
/// What an `if` counts as. A chain of them nests, and beyond 128 levels the program refuses it; until then
/// Cedar's own passes must get through it, which was tried for so many and not for more.
const IF: usize = 10;

/// Chains that would overflow the stack of Cedar's parser; looked at before it runs.
pub(super) fn check_length(file: File<'_>, text: &str) -> bool {
    let mut operators = 0_usize;
    let mut end = None;
    for word in tokens(text) {
        // The second half of `&&` and `||`.
        let joined = end == Some((word.span.start, word.text.clone()));
        if word.is(";") {
            operators = 0;
        } else if is_operator(&word) && !joined {
            operators += if word.text == "if" { IF } else { 1 };
        }
        if operators > OPERATORS {
            file.error(
                "project.nesting",
                word.span,
                format!(
                    "a policy may have at most {OPERATORS} operators, where `if` counts as {IF}"
                ),
                "split it into several policies, or write a set: `[\"a\", \"b\"].contains(…)`",
            );
            return false;
        }
        end = (!joined).then_some((word.span.end, word.text));
    }
    true
}

fn is_operator(word: &Token) -> bool {
    match word.kind {
        Kind::Sign => ["&", "|", "+", "-", "*", ".", "!"].contains(&word.text.as_str()),
        Kind::Name => ["if", "in", "has", "is", "like"].contains(&word.text.as_str()),
        Kind::Text => false,
    }
}

/// Every policy and template that is written must be compiled, and every annotation must mean
/// something.
pub(super) fn check(file: File<'_>, sheet: &Sheet) {
    let words = tokens(&sheet.text);
    let mut depth = 0_usize;
    let mut statements = 0_usize;
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let annotates = depth == 0 && before.is_some_and(|before| before.is("@"));
        if ["(", "{", "["].iter().any(|sign| word.is(sign)) {
            depth += 1;
        } else if [")", "}", "]"].iter().any(|sign| word.is(sign)) {
            depth = depth.saturating_sub(1);
        } else if annotates {
            check_name(file, word);
        } else if depth == 0 && matches!(word.text.as_str(), "permit" | "forbid") {
            statements += 1;
        }
    }
    let templates = sheet.set.templates().count();
    let statics = sheet.set.policies().filter(|one| one.is_static()).count();
    if statements != templates + statics {
        file.error(
            "project.policy",
            None,
            format!(
                "of {statements} policies in this file, Cedar read {}",
                templates + statics
            ),
            "please report this with the file",
        );
    }
    if statements == 0 {
        file.warning(
            "project.no_policy",
            None,
            "no policy stands in this file",
            "remove it, or write for example `permit(principal, action, resource);`",
        );
    }
}

fn check_name(file: File<'_>, word: &Token) {
    if KNOWN.contains(&word.text.as_str()) {
        return;
    }
    let likely = suggest::closest(
        &word.text,
        KNOWN.into_iter().filter(|known| known.len() > 3),
    );
    file.error(
        "project.annotation_name",
        word.span.clone(),
        format!("`@{}` has no meaning here", word.text),
        likely.map_or_else(
            || "write a comment, or `@doc(\"…\")`".to_owned(),
            |likely| format!("did you mean `@{likely}`?"),
        ),
    );
}
