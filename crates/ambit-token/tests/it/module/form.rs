//! The sections of a file.

use super::*;

#[test]
fn every_truncation_is_refused() {
    let file = signed();
    let bare = unsigned().len();
    for end in 0..file.len() {
        let error = verify(&file[..end], None).unwrap_err();
        // Behind the preamble, the memory, the data, `producers`, and the bundle.
        let producers = bare - (2 + 13 + BUNDLE.len());
        let whole_sections = [8, 13, producers - (2 + 10 + 4), producers, bare];
        let code = if whole_sections.contains(&end) {
            Unsigned
        } else {
            Truncated
        };
        assert_eq!(error.code, code, "cut at {end}");
    }
    let bare = unsigned();
    let detached = envelope(&bare, &[7]).write();
    for end in 0..bare.len() {
        let error = verify(&bare[..end], Some(detached.as_bytes())).unwrap_err();
        assert!(
            [Truncated, Altered].contains(&error.code),
            "cut at {end}: {error}"
        );
    }
}

#[test]
fn nothing_stands_after_the_signature() {
    for more in [&b"\0"[..], b"\0\x02\x01x", b"junk"] {
        refused(&[&signed()[..], more].concat(), Altered);
    }
    let mut twice = signed();
    module::append_section(&mut twice, SIGNATURE_SECTION, b"{}");
    refused(&twice, Altered);
    let mut after = signed();
    module::append_section(&mut after, BUNDLE_SECTION, BUNDLE);
    refused(&after, Altered);
}

#[test]
fn another_file_is_refused() {
    let file = unsigned();
    let envelope = envelope(&file, &[7]);
    let mut other = file.clone();
    other[12] = 3;
    refused(&carrying(&other, &envelope), Altered);
    refused_detached(&other, envelope.write().as_bytes(), Altered);
    let mut longer = file;
    module::append_section(&mut longer, BUNDLE_SECTION, b"another");
    refused(&carrying(&longer, &envelope), Altered);
}

#[test]
fn exactly_one_bundle_section() {
    let mut none = b"\0asm\x01\0\0\0".to_vec();
    module::append_section(&mut none, "ambit.bundles", BUNDLE);
    refused(&carrying(&none, &envelope(&none, &[7])), Bundle);
    let mut two = unsigned();
    module::append_section(&mut two, BUNDLE_SECTION, BUNDLE);
    refused(&carrying(&two, &envelope(&two, &[7])), Bundle);
}

#[test]
fn lengths_are_32_bit_leb128_inside_the_file() {
    let with = |bytes: &[u8]| [&b"\0asm\x01\0\0\0"[..], bytes].concat();
    let cases = [
        (&b"\x05"[..], Truncated),
        (b"\x05\x80", Truncated),
        (b"\x05\x04\x01\0\x01", Truncated),
        (b"\x05\xff\xff\xff\xff\x0f", Truncated),
        (b"\x05\xff\xff\xff\xff\x1f", Format),
        (b"\x05\x80\x80\x80\x80\x10", Format),
        (b"\x05\x80\x80\x80\x80\x80\x00", Format),
        (b"\x00\x00", Format),
        (b"\x00\x02\x02x", Format),
        (b"\x00\x01\x80", Format),
        (b"\x0e\x00", Format),
        (b"\x02\x01\x01", Format),
        (b"\x08\x01\x00", Format),
    ];
    for (bytes, code) in cases {
        refused(&with(bytes), code);
    }
    // Longer than needed but within five bytes is WebAssembly …
    let long = with(&[5, 0x83, 0x80, 0x80, 0x80, 0, 1, 0, 2]);
    let long = [&long, &unsigned()[13..]].concat();
    verify(&carrying(&long, &envelope(&long, &[7])), None).unwrap();
    // … but the signature's own section is not covered, so it has one spelling.
    let file = signed();
    let start = unsigned().len();
    let [low, high] = [file[start + 1], file[start + 2]];
    assert!(low >= 0x80 && high < 0x80, "a length of two bytes");
    let mut longer = file[..start].to_vec();
    longer.extend_from_slice(&[0, low, high | 0x80, 0]);
    longer.extend_from_slice(&file[start + 3..]);
    refused(&longer, Format);
}

#[test]
fn other_files_are_not_modules() {
    refused(b"", Truncated);
    refused(b"\0as", Truncated);
    refused(b"#!/bin/sh", Format);
    refused(b"\0asm\x0d\0\x01\0", Format);
    let imports_nothing = [&b"\0asm\x01\0\0\0\x02\x01\0"[..], &unsigned()[8..]].concat();
    module::layout(&imports_nothing).unwrap();
}

#[test]
fn sizes_are_bounded_first() {
    let huge = vec![0; ambit_core::limits::MODULE_BYTES + 1];
    refused(&huge, Size);
    let detached = vec![b' '; module::ENVELOPE_BYTES + 1];
    refused_detached(&unsigned(), &detached, Size);
}
