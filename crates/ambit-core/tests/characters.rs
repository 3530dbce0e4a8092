//! Which characters texts show: the table is made from Unicode's general categories, and every
//! character is shown, escaped or drawn onto another as its category says.

use std::path::Path;

use ambit_core::describe::whole;
use unicode_properties::{GeneralCategoryGroup as Group, UnicodeGeneralCategory as _};

const FILE: &str = "src/constraint/characters.bin";
const BLOCK: u32 = 1024;
const BLOCKS: u32 = 206;
const LONG: u32 = 63;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Seen,
    Unseen,
    Mark,
}

/// Shown as nothing or as a blank, though their category says otherwise: fillers, variation selectors,
/// the empty Braille cell and note head, the place of an embedded object.
const EMPTY: &[(u32, u32)] = &[
    (0x34f, 0x34f),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xffa0, 0xffa0),
    (0xfffc, 0xfffc),
    (0x13441, 0x13442),
    (0x16fe4, 0x16fe4),
    (0x1d159, 0x1d159),
    (0xe0100, 0xe01ef),
];

fn wanted(code: u32) -> Class {
    let Some(character) = char::from_u32(code) else {
        return Class::Unseen;
    };
    let empty = |(from, to): &(u32, u32)| (*from..=*to).contains(&code);
    match character.general_category_group() {
        _ if character == ' ' => Class::Seen,
        _ if EMPTY.iter().any(empty) => Class::Unseen,
        // Cc, Cf, Cs, Co, Cn; Zl, Zp, Zs.
        Group::Other | Group::Separator => Class::Unseen,
        Group::Mark => Class::Mark,
        _ => Class::Seen,
    }
}

fn table() -> Vec<u8> {
    let mut offsets = Vec::new();
    let mut runs: Vec<u8> = Vec::new();
    for number in 0..BLOCKS {
        let block = block(number * BLOCK);
        // Blocks that are like others, or like the end of one, stand once.
        let known = runs.windows(block.len()).position(|one| one == block);
        let at = known.unwrap_or(runs.len());
        if known.is_none() {
            runs.extend(block);
        }
        let at = u16::try_from(2 * BLOCKS as usize + at).expect("a small table");
        offsets.extend(at.to_le_bytes());
    }
    offsets.extend(runs);
    offsets
}

/// The runs of one block, as `src/constraint/characters.rs` says.
fn block(first: u32) -> Vec<u8> {
    let mut runs: Vec<(Class, u32)> = Vec::new();
    for code in first..first + BLOCK {
        match runs.last_mut() {
            Some((class, length)) if *class == wanted(code) => *length += 1,
            _ => runs.push((wanted(code), 1)),
        }
    }
    let last = runs.pop().expect("a block has characters").0 as u8;
    let mut out = Vec::new();
    for (class, mut length) in runs {
        while length > 0 {
            let run = length.min(LONG + 255);
            out.push((run.min(LONG) as u8) << 2 | class as u8);
            if run >= LONG {
                out.push((run - LONG) as u8);
            }
            length -= run;
        }
    }
    out.push(last);
    out
}

/// `AMBIT_BLESS=1` writes the table anew, for a newer Unicode. Texts change with it, and so must the
/// name of the renderer.
#[test]
fn the_table_is_made_from_the_categories() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("AMBIT_BLESS").is_some() {
        std::fs::write(&file, table()).expect("written");
    }
    let found = std::fs::read(&file).expect("the table");
    assert!(found == table(), "AMBIT_BLESS=1 writes {FILE} anew");
    assert!(found.len() < 3072, "{} bytes", found.len());
}

#[test]
fn every_character_is_shown_as_its_category_says() {
    for character in '\0'..=char::MAX {
        let code = u32::from(character);
        let escape = format!("\\u{{{code:x}}}");
        let between = whole(&format!("x{character}x")).expect("short");
        let alone = whole(&format!("{character}x")).expect("short");
        let (between, alone) = (between.contains(&escape), alone.contains(&escape));
        let expected = match wanted(code) {
            // A blank at the ends is lost, and what looks like a quote never stands as it is.
            Class::Seen if character == ' ' => (false, true),
            Class::Seen if between && alone => (true, true),
            Class::Seen => (false, false),
            Class::Unseen => (true, true),
            Class::Mark => (false, true),
        };
        assert_eq!((between, alone), expected, "U+{code:04X}");
    }
}

/// What Unicode's confusables (UTS 39, version 18) draw like `"`, and what they do not list and a reader takes for
/// it, or for the backquote, all the same.
const LIKE_QUOTES: &[char] = &[
    '\u{2ba}',   // modifier letter double prime
    '\u{2dd}',   // double acute accent
    '\u{2ee}',   // modifier letter double apostrophe
    '\u{2f6}',   // modifier letter middle double acute accent
    '\u{5f2}',   // Hebrew ligature Yiddish double yod
    '\u{5f4}',   // Hebrew punctuation gershayim
    '\u{1cd3}',  // Vedic sign nihshvasa
    '\u{201c}',  // left double quotation mark, the closing one in German
    '\u{201d}',  // right double quotation mark
    '\u{201f}',  // double high-reversed-9 quotation mark
    '\u{2033}',  // double prime
    '\u{2034}',  // triple prime
    '\u{2036}',  // reversed double prime
    '\u{2037}',  // reversed triple prime
    '\u{2057}',  // quadruple prime
    '\u{3003}',  // ditto mark
    '\u{ff02}',  // fullwidth quotation mark
    '\u{2f5}',   // modifier letter middle double grave accent
    '\u{1425}',  // Canadian syllabics final double acute
    '\u{201e}',  // double low-9 quotation mark, the opening one in German
    '\u{275d}',  // heavy double turned comma quotation mark ornament
    '\u{275e}',  // heavy double comma quotation mark ornament
    '\u{2760}',  // heavy low double comma quotation mark ornament
    '\u{2e42}',  // double low-reversed-9 quotation mark
    '\u{301d}',  // reversed double prime quotation mark
    '\u{301e}',  // double prime quotation mark
    '\u{301f}',  // low double prime quotation mark
    '\u{1f676}', // sans-serif heavy double turned comma quotation mark ornament
    '\u{1f677}', // sans-serif heavy double comma quotation mark ornament
    '\u{1f678}', // sans-serif heavy low double comma quotation mark ornament
    '\u{2cb}',   // modifier letter grave accent
    '\u{2f4}',   // modifier letter middle grave accent
    '\u{1fef}',  // Greek varia
    '\u{2035}',  // reversed prime
    '\u{ff40}',  // fullwidth grave accent
];

#[test]
fn what_looks_like_a_quote_never_stands_as_it_is() {
    for character in LIKE_QUOTES {
        let escape = format!("\"x\\u{{{:x}}}x\"", u32::from(*character));
        assert_eq!(whole(&format!("x{character}x")), Some(escape));
    }
}

#[test]
fn marks_stand_on_something_and_not_in_piles() {
    let mark = "\u{301}";
    for (text, shown) in [
        ("e\u{301}a", "\"e\u{301}a\""),
        ("e\u{301}\u{302}\u{303}", "\"e\u{301}\u{302}\u{303}\""),
        (mark, "\"\\u{301}\""),
        ("a \u{301}", "\"a \\u{301}\""),
        ("\u{200b}\u{301}", "\"\\u{200b}\\u{301}\""),
    ] {
        assert_eq!(whole(text).as_deref(), Some(shown));
    }
    let pile = whole(&format!("e{}b{mark}", mark.repeat(4)));
    let escaped = "\\u{301}".repeat(4);
    assert_eq!(pile, Some(format!("\"e{escaped}b{mark}\"")));
}
