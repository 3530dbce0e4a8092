//! The sections of a WebAssembly file, as far as a signature needs them.

use alloc::vec::Vec;

use super::error::{ModuleError, ModuleErrorCode};
use super::{BUNDLE_SECTION, SIGNATURE_SECTION, fail};
use ambit_core::limits::BUNDLE_BYTES;

/// `\0asm`, version 1: a core module, not a component.
pub(super) const PREAMBLE: [u8; 8] = *b"\0asm\x01\0\0\0";
/// The largest section id of WebAssembly 3.0 (13: tags).
const LAST_SECTION: u8 = 13;
pub(super) const CUSTOM: u8 = 0;
const IMPORTS: u8 = 2;
const START: u8 = 8;

/// Where the parts of a module stand that a signature is about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Layout<'a> {
    /// The content of the first bundle section.
    pub bundle: Option<&'a [u8]>,
    /// How many bundle sections there are. More than one is not a module.
    pub bundles: usize,
    /// The content of the signature section, which is the last section if there is one.
    pub signature: Option<&'a [u8]>,
    /// The bytes that a signature covers: those before the signature section, else all.
    pub signed: &'a [u8],
}

/// Reads the sections of a module.
///
/// # Errors
///
/// [`ModuleErrorCode::Truncated`] when the file ends inside a section,
/// [`ModuleErrorCode::Altered`] when something stands after the signature section, and
/// [`ModuleErrorCode::Format`] for everything that is not a core module without imports and
/// without a start function.
pub fn layout(file: &[u8]) -> Result<Layout<'_>, ModuleError> {
    let mut reader = Reader { left: file };
    read_preamble(&mut reader)?;
    let mut layout = Layout {
        bundle: None,
        bundles: 0,
        signature: None,
        signed: file,
    };
    while !reader.left.is_empty() {
        if layout.signature.is_some() {
            let detail = "something stands after the signature section";
            return Err(fail(ModuleErrorCode::Altered, detail));
        }
        let before = file.len().saturating_sub(reader.left.len());
        let section = reader.section()?;
        match section.id {
            CUSTOM => layout.note_custom(section, file.get(..before).unwrap_or_default())?,
            IMPORTS if section.content != [0] => return Err(format("the module has imports")),
            START => return Err(format("the module has a start function")),
            id if id > LAST_SECTION => return Err(format("a section is not known")),
            _ => {}
        }
    }
    Ok(layout)
}

/// Appends a custom section to a module.
pub fn append_section(module: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut body = Vec::with_capacity(name.len().saturating_add(content.len()).saturating_add(5));
    push_leb(&mut body, name.len());
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(content);
    module.push(CUSTOM);
    push_leb(module, body.len());
    module.append(&mut body);
}

pub(super) fn push_leb(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

impl<'a> Layout<'a> {
    /// The content of the one bundle section.
    ///
    /// # Errors
    ///
    /// [`ModuleErrorCode::Bundle`] when there is none or more than one, [`ModuleErrorCode::Size`] when
    /// it is too large.
    pub fn sole_bundle(&self) -> Result<&'a [u8], ModuleError> {
        let bundle = match (self.bundle, self.bundles) {
            (Some(bundle), 1) => bundle,
            (_, 0) => return Err(fail(ModuleErrorCode::Bundle, "there is no bundle section")),
            _ => {
                let detail = "there are two bundle sections";
                return Err(fail(ModuleErrorCode::Bundle, detail));
            }
        };
        if bundle.len() > BUNDLE_BYTES {
            return Err(fail(ModuleErrorCode::Size, "the bundle is too large"));
        }
        Ok(bundle)
    }

    fn note_custom(&mut self, section: Section<'a>, before: &'a [u8]) -> Result<(), ModuleError> {
        let inner = |_| format("the name of a section is longer than the section");
        let mut reader = Reader {
            left: section.content,
        };
        let name_length = reader.leb().map_err(inner)?;
        let name = reader.take(name_length.value).map_err(inner)?;
        if name == BUNDLE_SECTION.as_bytes() {
            self.bundles = self.bundles.saturating_add(1);
            self.bundle = self.bundle.or(Some(reader.left));
        }
        if name == SIGNATURE_SECTION.as_bytes() {
            // No signature covers these bytes, so they may be written in one way only.
            if !(section.shortest && name_length.shortest) {
                return Err(format(
                    "the signature section's length is not written shortest",
                ));
            }
            self.signature = Some(reader.left);
            self.signed = before;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    pub(super) id: u8,
    pub(super) content: &'a [u8],
    /// Whether its length is written in the shortest form.
    shortest: bool,
}

pub(super) struct Leb {
    pub(super) value: usize,
    shortest: bool,
}

pub(super) struct Reader<'a> {
    pub(super) left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn section(&mut self) -> Result<Section<'a>, ModuleError> {
        let id = self.byte()?;
        let length = self.leb()?;
        Ok(Section {
            id,
            content: self.take(length.value)?,
            shortest: length.shortest,
        })
    }

    pub(super) fn byte(&mut self) -> Result<u8, ModuleError> {
        let (first, rest) = self.left.split_first().ok_or_else(truncated)?;
        self.left = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ModuleError> {
        let (taken, rest) = self.left.split_at_checked(count).ok_or_else(truncated)?;
        self.left = rest;
        Ok(taken)
    }

    /// An unsigned LEB128 of 32 bits: at most five bytes, the fifth with four bits.
    pub(super) fn leb(&mut self) -> Result<Leb, ModuleError> {
        let mut value = 0_u32;
        for shift in [0_u32, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let low = u32::from(byte & 0x7f);
            let placed = low.checked_shl(shift).unwrap_or_default();
            if placed.checked_shr(shift) != Some(low) {
                break;
            }
            value |= placed;
            if byte & 0x80 == 0 {
                let value = usize::try_from(value).map_err(|_| format("a length is too large"))?;
                return Ok(Leb {
                    value,
                    shortest: shift == 0 || byte != 0,
                });
            }
        }
        Err(format("a length is not a 32-bit LEB128"))
    }
}

fn read_preamble(reader: &mut Reader<'_>) -> Result<(), ModuleError> {
    if PREAMBLE.starts_with(reader.left) && reader.left.len() < PREAMBLE.len() {
        return Err(truncated());
    }
    match reader.left.strip_prefix(&PREAMBLE) {
        Some(rest) => {
            reader.left = rest;
            Ok(())
        }
        None => Err(format("not a WebAssembly module")),
    }
}

fn truncated() -> ModuleError {
    fail(ModuleErrorCode::Truncated, "the file ends inside a section")
}

fn format(detail: &str) -> ModuleError {
    fail(ModuleErrorCode::Format, detail)
}
