//! What `when` and `unless` say of a policy, with their places: so that tests can tell which of it was seen
//! to hold and not to hold.

use core::ops::Range;

use crate::cedar::{Clause, Expr, Source};
use crate::reader::Lines;
use crate::schema::{Token, words};

/// The clauses of the policy at an offset, in their order. A `when` that joins conditions by `&&` is taken
/// apart into them: Cedar evaluates one after the other.
pub(super) fn find(text: &str, lines: &Lines, offset: usize, source: &Source) -> Vec<Clause> {
    let rest = text.get(offset..).unwrap_or_default();
    let written = bodies(&statement(rest));
    // The parser and this must see the same clauses; without places they are still told apart.
    let written = Some(written).filter(|written| written.len() == source.conditions.len());
    let mut clauses = Vec::new();
    for (at, condition) in source.conditions.iter().enumerate() {
        let body = written.as_ref().and_then(|written| written.get(at));
        let unless = body.is_some_and(|body| body.unless);
        let parts = match condition {
            Expr::And(parts) if !unless => parts.clone(),
            whole => vec![whole.clone()],
        };
        let spans = body.map_or(&[][..], |body| &body.parts);
        if spans.len() == parts.len() {
            let each = parts.into_iter().zip(spans);
            clauses
                .extend(each.map(|(expr, span)| clause(rest, lines, offset, span, expr, unless)));
        } else {
            let span = body.map_or(0..0, |body| body.whole.clone());
            clauses.push(clause(
                rest,
                lines,
                offset,
                &span,
                condition.clone(),
                unless,
            ));
        }
    }
    clauses
}

fn clause(
    rest: &str,
    lines: &Lines,
    offset: usize,
    span: &Range<usize>,
    expr: Expr,
    unless: bool,
) -> Clause {
    let said = rest.get(span.clone()).unwrap_or_default();
    Clause {
        expr,
        unless,
        text: said.split_whitespace().collect::<Vec<_>>().join(" "),
        line: lines.line(offset + span.start),
    }
}

/// The words of the first statement, without the `;` at its end.
fn statement(rest: &str) -> Vec<Token> {
    let mut depth = 0_usize;
    let within = |word: &Token| {
        if opens(word) {
            depth += 1;
        } else if closes(word) {
            depth = depth.saturating_sub(1);
        }
        depth > 0 || !word.is(";")
    };
    words(rest).take_while(within).collect()
}

/// One `when { … }` or `unless { … }`.
struct Body {
    unless: bool,
    whole: Range<usize>,
    /// What `&&` joins.
    parts: Vec<Range<usize>>,
}

fn bodies(words: &[Token]) -> Vec<Body> {
    let mut bodies = Vec::new();
    let mut depth = 0_usize;
    let mut open: Option<(bool, usize)> = None;
    for (at, word) in words.iter().enumerate() {
        if opens(word) {
            let before = at.checked_sub(1).and_then(|at| words.get(at));
            let keyword = before.map_or("", |before| before.text.as_str());
            if depth == 0 && word.is("{") && ["when", "unless"].contains(&keyword) {
                open = Some((keyword == "unless", at + 1));
            }
            depth += 1;
        } else if closes(word) {
            depth = depth.saturating_sub(1);
            if let Some((unless, from)) = open.filter(|_| depth == 0) {
                bodies.extend(body(unless, words.get(from..at).unwrap_or_default()));
                open = None;
            }
        }
    }
    bodies
}

fn opens(word: &Token) -> bool {
    ["(", "[", "{"].iter().any(|sign| word.is(sign))
}

fn closes(word: &Token) -> bool {
    [")", "]", "}"].iter().any(|sign| word.is(sign))
}

fn body(unless: bool, words: &[Token]) -> Option<Body> {
    let whole = span(words)?;
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut from = 0;
    for (at, word) in words.iter().enumerate() {
        let doubled = words.get(at + 1).is_some_and(|next| next.is(&word.text));
        if opens(word) {
            depth += 1;
        } else if closes(word) {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && word.is("&") && doubled {
            parts.push(span(words.get(from..at)?)?);
            from = at + 2;
        } else if depth == 0 && (word.is("|") || word.text == "if") {
            // It binds more weakly than `&&`: the whole is one condition.
            return Some(Body {
                unless,
                parts: vec![whole.clone()],
                whole,
            });
        }
    }
    parts.push(span(words.get(from..)?)?);
    Some(Body {
        unless,
        parts,
        whole,
    })
}

fn span(words: &[Token]) -> Option<Range<usize>> {
    Some(words.first()?.span.start..words.last()?.span.end)
}

#[cfg(test)]
mod tests {
    use super::statement;

    #[test]
    fn a_statement_ends_where_it_ends() {
        let text = "permit(principal, action, resource) when { \"a;b\" == \"c\" }; // d;\nforbid(e";
        let words = statement(text);
        assert_eq!(words.last().map(|word| word.text.as_str()), Some("}"));
        assert_eq!(statement("a { b; c } d").len(), 7);
    }
}
