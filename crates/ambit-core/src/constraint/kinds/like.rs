//! `like`: patterns with stars.

use alloc::string::String;

use crate::constraint::examples::{Examples, OPEN};
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::{Steps, place};

pub(crate) use super::fits as misfit;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    let text = asked.text();
    text.is_some_and(|text| matches(spec.text(), text, asked.steps))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.say(Phrase::Like);
    words.speech.quoted(spec.text());
    if place(spec.text().as_bytes(), b'*').is_some() {
        words.say(Phrase::Stars);
    }
}

pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    found.string(&filled(spec.text(), OPEN));
}

/// Whether every backslash stands before `*` or `\`.
pub(crate) fn is_pattern(pattern: &str) -> bool {
    let pattern = pattern.as_bytes();
    let mut at = 0_usize;
    while let Some(token) = token(pattern, at) {
        at = at.saturating_add(match token {
            Token::Star => 1,
            Token::Byte(_, width) => width,
            Token::Bad => return false,
        });
    }
    true
}

/// One unit of a pattern.
enum Token {
    Star,
    /// A byte that stands for itself, and how many pattern bytes write it.
    Byte(u8, usize),
    /// A backslash before anything but `*` and `\`.
    Bad,
}

fn token(pattern: &[u8], at: usize) -> Option<Token> {
    Some(match *pattern.get(at)? {
        b'*' => Token::Star,
        b'\\' => match pattern.get(at.saturating_add(1)) {
            Some(byte @ (b'*' | b'\\')) => Token::Byte(*byte, 2),
            _ => Token::Bad,
        },
        byte => Token::Byte(byte, 1),
    })
}

/// A text that the pattern matches: `star` where the stars are.
fn filled(pattern: &str, star: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut escaped = false;
    for character in pattern.chars() {
        match character {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '*' if !escaped => out.push_str(star),
            _ => out.push(character),
        }
        escaped = false;
    }
    out
}

/// Greedy, going back to the last star only: what stands before it has matched as early as it
/// could, so an earlier star has nothing better to offer. At most pattern times text steps.
///
/// Bytes are compared, yet a star never splits a character: the literal after it begins with a
/// character's first byte, which occurs nowhere inside a character.
fn matches(pattern: &str, text: &str, steps: &Steps) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while steps.take(1) {
        match token(pattern, at) {
            Some(Token::Star) => {
                at = at.saturating_add(1);
                if at == pattern.len() {
                    return true;
                }
                star = Some((at, seen));
                continue;
            }
            Some(Token::Byte(byte, width)) if text.get(seen) == Some(&byte) => {
                at = at.saturating_add(width);
                seen = seen.saturating_add(1);
                continue;
            }
            None if seen == text.len() => return true,
            Some(Token::Bad) => return false,
            Some(Token::Byte(..)) | None => {}
        }
        // Let the last star take one byte more.
        let Some((after, from)) = star else {
            return false;
        };
        if from >= text.len() {
            return false;
        }
        (at, seen) = (after, from.saturating_add(1));
        star = Some((at, seen));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{is_pattern, matches};
    use crate::Steps;

    #[test]
    fn work_is_pattern_times_text_at_most() {
        let pattern = "*a".repeat(500) + "*b";
        let text = "a".repeat(4000);
        let steps = Steps::new();
        assert!(!matches(&pattern, &text, &steps));
        assert!(!steps.exhausted());
    }

    #[test]
    fn an_empty_budget_matches_nothing() {
        let steps = Steps::new();
        assert!(!steps.take(usize::MAX));
        assert!(!matches("*", "a", &steps));
    }

    #[test]
    fn only_two_escapes() {
        assert!(is_pattern(r"\*\\"));
        for bad in [r"\", r"a\b", r"\\\", r"\?"] {
            assert!(!is_pattern(bad), "{bad}");
            assert!(!matches(bad, bad, &Steps::new()), "{bad}");
        }
    }
}
