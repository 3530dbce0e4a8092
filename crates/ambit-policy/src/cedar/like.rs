//! `like`: pieces of text with any run of characters between them.

use ambit_core::Steps;

use super::code::WILDCARD;
use super::program::Program;

/// A piece of a pattern. Two texts never stand side by side; that is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a [u8]),
    Wildcard,
}

impl<'a> Piece<'a> {
    pub(super) fn read(program: &Program<'a>, word: u32) -> Option<Self> {
        if word == WILDCARD {
            return Some(Self::Wildcard);
        }
        program.bytes(usize::try_from(word).ok()?).map(Self::Text)
    }
}

/// The steps that matching may take: each piece is looked for in what is left of the text.
pub(super) fn cost(pieces: &[Piece<'_>], text: &[u8]) -> usize {
    pieces
        .iter()
        .fold(Steps::for_bytes(text.len()), |sum, piece| match piece {
            Piece::Wildcard => sum,
            Piece::Text(piece) => {
                let each = (piece.len() / 4).saturating_add(1);
                sum.saturating_add(text.len().saturating_mul(each) / 4)
            }
        })
}

/// Whether the pattern covers the whole text. Bytes do: no character of UTF-8 begins inside another.
pub(super) fn matches(pieces: &[Piece<'_>], text: &[u8]) -> bool {
    let mut rest = text;
    let mut free = false;
    let mut pieces = pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        let Piece::Text(piece) = piece else {
            free = true;
            continue;
        };
        let found = if !free {
            rest.starts_with(piece).then_some(0)
        } else if pieces.peek().is_none() {
            // The last piece must stand at the end, however often it stands before.
            return rest.ends_with(piece);
        } else {
            find(rest, piece)
        };
        // The first place leaves the most for the pieces behind a wildcard.
        let behind = found.and_then(|at| at.checked_add(piece.len()));
        let Some(behind) = behind.and_then(|at| rest.get(at..)) else {
            return false;
        };
        rest = behind;
    }
    free || rest.is_empty()
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    if piece.is_empty() {
        return Some(0);
    }
    text.windows(piece.len()).position(|window| window == piece)
}

#[cfg(test)]
mod tests {
    use super::{Piece, matches};

    fn check(pattern: &[Piece<'_>], text: &str) -> bool {
        matches(pattern, text.as_bytes())
    }

    #[test]
    fn patterns() {
        use Piece::{Text, Wildcard};
        assert!(check(&[], "") && !check(&[], "a"));
        assert!(check(&[Wildcard], "") && check(&[Wildcard], "abc"));
        assert!(check(&[Text(b"ab")], "ab") && !check(&[Text(b"ab")], "abc"));
        let ends = [Text(b"a"), Wildcard, Text(b"a")];
        assert!(check(&ends, "aa") && check(&ends, "aba") && !check(&ends, "a"));
        let inner = [Wildcard, Text(b"ab"), Wildcard, Text(b"abc")];
        assert!(check(&inner, "xababc") && check(&inner, "abababc"));
        assert!(!check(&inner, "abc") && !check(&inner, "ababcd"));
        assert!(check(&[Wildcard, Wildcard, Text(b"x")], "x"));
        let empty = [Wildcard, Text(b""), Wildcard];
        assert!(check(&empty, "") && check(&empty, "a"));
    }
}
