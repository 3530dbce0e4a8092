//! The bundle inside the guest: one `.wasm` file, no imports.
//!
//! The template's sections are copied as they are. Its memory grows by the bundle's pages, two data
//! segments are added (the bundle behind the old end of memory, and its place, written over the
//! template's slot), and a custom section carries the bundle verbatim for those who do not run the
//! code.

use core::ops::Range;

use ambit_core::limits::BUNDLE_BYTES;
use ambit_token::module::{BUNDLE_SECTION, SIGNATURE_SECTION, SLOT_BYTES, SLOT_MAGIC, layout};
use wasm_encoder::{
    ConstExpr, CustomSection, DataCountSection, DataSection, MemorySection, MemoryType, Module,
    RawSection,
};
use wasmparser::{Data, DataKind, Operator, Parser, Payload, Validator};

use crate::encoding::sha256;
use crate::error::CompileError;

const PAGE: u64 = 65_536;

/// Puts a bundle into the guest template. The same template and bundle give the same bytes.
///
/// # Errors
///
/// `module.template` when the template is not one: not valid WebAssembly, imports, not exactly one
/// memory and one empty slot, a bundle or signature in it already, or its parts not spelled as short as
/// they can be. `module.bundle_size` when the
/// bundle is empty or larger than 8 MiB.
pub fn assemble(template: &[u8], bundle: &[u8]) -> Result<Vec<u8>, CompileError> {
    if bundle.is_empty() || bundle.len() > BUNDLE_BYTES {
        return Err(CompileError::new(
            "module.bundle_size",
            "the bundle is empty or larger than 8 MiB",
        ));
    }
    Validator::new().validate_all(template).map_err(invalid)?;
    let plan = Plan::read(template)?;
    let file = write(template, bundle, &plan)?;
    Validator::new().validate_all(&file).map_err(invalid)?;
    // Hosts find the template in the module again, to compare it with what the signers state.
    let found = layout(&file).and_then(|layout| layout.guest_s256());
    if found.ok() != Some(sha256(template)) {
        return Err(fault(
            "is not spelled as short as it can be, so hosts could not tell that it is this one",
        ));
    }
    Ok(file)
}

fn fault(message: &str) -> CompileError {
    CompileError::new("module.template", format!("the guest template {message}"))
}

fn invalid(error: wasmparser::BinaryReaderError) -> CompileError {
    fault(&format!("is not valid WebAssembly: {error}"))
}

/// What has to be known before the first byte is written.
struct Plan {
    memory: wasmparser::MemoryType,
    /// Address of the slot's fields, behind the magic.
    slot: u32,
}

impl Plan {
    fn read(template: &[u8]) -> Result<Self, CompileError> {
        let (mut memories, mut slots) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(template) {
            match payload.map_err(invalid)? {
                Payload::ImportSection(imports) if imports.count() > 0 => {
                    return Err(fault("has imports"));
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        memories.push(memory.map_err(invalid)?);
                    }
                }
                Payload::DataSection(section) => {
                    for data in section {
                        slots.extend(slots_in(&data.map_err(invalid)?)?);
                    }
                }
                Payload::CustomSection(custom)
                    if [BUNDLE_SECTION, SIGNATURE_SECTION].contains(&custom.name()) =>
                {
                    return Err(fault("already carries a bundle or a signature"));
                }
                _ => {}
            }
        }
        let ([memory], [slot]) = (memories.as_slice(), slots.as_slice()) else {
            return Err(fault(
                "needs exactly one memory and exactly one bundle slot",
            ));
        };
        if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
            return Err(fault("needs a plain 32-bit memory"));
        }
        Ok(Self {
            memory: *memory,
            slot: *slot,
        })
    }

    /// Address of the bundle: the end of the template's memory.
    fn address(&self) -> Result<u32, CompileError> {
        let bytes = self.memory.initial.checked_mul(PAGE);
        bytes
            .and_then(|bytes| u32::try_from(bytes).ok())
            .ok_or_else(|| fault("fills the whole memory"))
    }

    fn memory_type(&self, bundle: usize) -> Result<MemoryType, CompileError> {
        let pages = u64::try_from(bundle).unwrap_or(u64::MAX).div_ceil(PAGE);
        let minimum = self.memory.initial.checked_add(pages);
        let minimum = minimum.filter(|pages| *pages <= PAGE);
        Ok(MemoryType {
            minimum: minimum.ok_or_else(|| fault("fills the whole memory"))?,
            maximum: self
                .memory
                .maximum
                .map(|most| most.saturating_add(pages).min(PAGE)),
            memory64: false,
            shared: false,
            page_size_log2: None,
        })
    }
}

/// Addresses behind each magic in a data segment. What follows it there must be zero.
fn slots_in(data: &Data<'_>) -> Result<Vec<u32>, CompileError> {
    let places = data
        .data
        .windows(SLOT_MAGIC.len())
        .enumerate()
        .filter(|(_, window)| **window == SLOT_MAGIC)
        .map(|(at, _)| at + SLOT_MAGIC.len());
    let mut slots = Vec::new();
    for fields in places {
        let rest = data.data.get(fields..).unwrap_or_default();
        if rest.iter().take(SLOT_BYTES).any(|byte| *byte != 0) {
            return Err(fault("has a bundle slot that is not empty"));
        }
        let start = constant_offset(data)
            .ok_or_else(|| fault("has its bundle slot in a segment without a constant address"))?;
        let address = u32::try_from(fields)
            .ok()
            .and_then(|at| start.checked_add(at));
        slots.push(address.ok_or_else(|| fault("has its bundle slot outside memory"))?);
    }
    Ok(slots)
}

fn constant_offset(data: &Data<'_>) -> Option<u32> {
    let DataKind::Active {
        memory_index: 0,
        offset_expr,
    } = &data.kind
    else {
        return None;
    };
    match offset_expr.get_operators_reader().read().ok()? {
        Operator::I32Const { value } => Some(value.cast_unsigned()),
        _ => None,
    }
}

fn write(template: &[u8], bundle: &[u8], plan: &Plan) -> Result<Vec<u8>, CompileError> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(template) {
        let payload = payload.map_err(invalid)?;
        match &payload {
            Payload::MemorySection(_) => {
                let mut memory = MemorySection::new();
                memory.memory(plan.memory_type(bundle.len())?);
                module.section(&memory);
            }
            Payload::DataCountSection { count, .. } => {
                module.section(&DataCountSection { count: count + 2 });
            }
            Payload::DataSection(section) => {
                module.section(&data_section(template, section, bundle, plan)?);
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    let data = slice(template, range);
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    module.section(&CustomSection {
        name: BUNDLE_SECTION.into(),
        data: bundle.into(),
    });
    Ok(module.finish())
}

/// The bytes of a range that the parser found in the template.
fn slice(template: &[u8], range: Range<u64>) -> &[u8] {
    let bound = |bound| usize::try_from(bound).unwrap_or(usize::MAX);
    template
        .get(bound(range.start)..bound(range.end))
        .unwrap_or_default()
}

/// The template's segments, the bundle, and the slot's fields. Segments are copied in order when a
/// module starts, so the last one writes over the template's zeroes.
fn data_section(
    template: &[u8],
    section: &wasmparser::DataSectionReader<'_>,
    bundle: &[u8],
    plan: &Plan,
) -> Result<DataSection, CompileError> {
    let mut out = DataSection::new();
    for data in section.clone() {
        let range = data.map_err(invalid)?.range;
        out.raw(slice(template, range));
    }
    let address = plan.address()?;
    let length = u32::try_from(bundle.len()).unwrap_or(u32::MAX);
    let mut slot = Vec::with_capacity(SLOT_BYTES);
    slot.extend(address.to_le_bytes());
    slot.extend(length.to_le_bytes());
    slot.extend(sha256(bundle));
    let active = |out: &mut DataSection, at: u32, bytes: &[u8]| {
        let offset = ConstExpr::i32_const(at.cast_signed());
        out.active(0, &offset, bytes.iter().copied());
    };
    active(&mut out, address, bundle);
    active(&mut out, plan.slot, &slot);
    Ok(out)
}
