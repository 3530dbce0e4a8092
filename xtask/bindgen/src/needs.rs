//! What some exports of a linked file need, by the relocations that the linker left: they name every use of a
//! function or of data, also those by address, which nobody can tell from a number in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ops::Range;

use wasmparser::{
    BinaryReader, Data, DataKind, Element, ElementItems, ElementKind, ExternalKind, KnownCustom,
    Linking, LinkingSectionReader, Operator, Parser, Payload, RelocSectionReader, RelocationEntry,
    RelocationType, SymbolInfo, TypeRef,
};

use crate::stops::Stops;

type Done = Result<(), Box<dyn Error>>;

/// What is needed.
pub(crate) struct Needs {
    /// Slots of the table whose functions only other exports need.
    pub(crate) foreign_slots: BTreeSet<u32>,
    /// The addresses of the data, in order, none touching the next.
    pub(crate) data: Vec<Range<u32>>,
}

/// What a relocation is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Function(u32),
    /// The symbol of a piece of data.
    Data(u32),
}

/// A file that was linked with `--emit-relocs`.
#[derive(Default)]
pub(crate) struct Link<'a> {
    wasm: &'a [u8],
    exports: Vec<(&'a str, u32)>,
    /// The functions of the table, by slot.
    slots: BTreeMap<u32, u32>,
    /// Where in the file the sections, the bodies of the functions, and the segments of data begin and end.
    sections: Vec<Range<usize>>,
    bodies: Vec<(u32, Range<usize>)>,
    segments: Vec<(u32, Range<usize>)>,
    symbols: Vec<Option<Node>>,
    /// Where in memory the data of a symbol lies.
    places: BTreeMap<u32, Range<u32>>,
    edges: BTreeMap<Node, Vec<Node>>,
    /// Functions whose address something takes: it may call them through the table.
    by_address: BTreeMap<Node, Vec<u32>>,
    functions: u32,
    /// What only leads to a trap needs nothing.
    stops: Stops,
}

impl<'a> Link<'a> {
    pub(crate) fn read(wasm: &'a [u8]) -> Result<Self, Box<dyn Error>> {
        let mut link = Self {
            wasm,
            stops: Stops::find(wasm)?,
            ..Self::default()
        };
        let mut relocations = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            if let Some((_, range)) = payload.as_section() {
                link.sections.push(range);
            }
            match payload {
                Payload::CustomSection(section) => match section.as_known() {
                    // The others are of what debuggers read.
                    KnownCustom::Reloc(relocated)
                        if matches!(section.name(), "reloc.CODE" | "reloc.DATA") =>
                    {
                        relocations.push(relocated);
                    }
                    KnownCustom::Linking(linking) => link.symbols(&linking)?,
                    _ => (),
                },
                payload => link.section(payload)?,
            }
        }
        if relocations.is_empty() {
            return Err("the file was not linked with `--emit-relocs`".into());
        }
        for section in relocations {
            link.relocate(&section)?;
        }
        Ok(link)
    }

    fn section(&mut self, payload: Payload<'a>) -> Done {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let function = matches!(import?.ty, TypeRef::Func(_));
                    self.functions += u32::from(function);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        self.exports.push((export.name, export.index));
                    }
                }
            }
            Payload::StartSection { func, .. } => self.exports.push(("", func)),
            Payload::ElementSection(section) => {
                for element in section {
                    self.element(element?)?;
                }
            }
            Payload::CodeSectionEntry(body) => {
                self.bodies.push((self.functions, body.range()));
                self.functions += 1;
            }
            Payload::DataSection(section) => {
                for data in section {
                    self.segment(&data?)?;
                }
            }
            _ => (),
        }
        Ok(())
    }

    fn element(&mut self, element: Element<'_>) -> Done {
        let (ElementKind::Active { offset_expr, .. }, ElementItems::Functions(functions)) =
            (element.kind, element.items)
        else {
            return Err("a part of the table is not a list of functions".into());
        };
        let first = constant(offset_expr.get_operators_reader().read()?)?;
        for (slot, function) in (first..).zip(functions) {
            self.slots.insert(slot, function?);
        }
        Ok(())
    }

    fn segment(&mut self, data: &Data<'_>) -> Done {
        let DataKind::Active { offset_expr, .. } = &data.kind else {
            return Err("a segment of data has no address".into());
        };
        let address = constant(offset_expr.get_operators_reader().read()?)?;
        let end = data.range.end;
        self.segments.push((address, end - data.data.len()..end));
        Ok(())
    }

    /// The table of symbols. It comes behind the segments that it speaks of.
    fn symbols(&mut self, linking: &LinkingSectionReader<'_>) -> Done {
        for part in linking.subsections() {
            let Linking::SymbolTable(symbols) = part? else {
                continue;
            };
            for symbol in symbols {
                let symbol = self.symbol(symbol?)?;
                self.symbols.push(symbol);
            }
        }
        Ok(())
    }

    fn symbol(&mut self, symbol: SymbolInfo<'_>) -> Result<Option<Node>, Box<dyn Error>> {
        let id = u32::try_from(self.symbols.len())?;
        Ok(match symbol {
            SymbolInfo::Func { index, .. } => Some(Node::Function(index)),
            SymbolInfo::Data {
                symbol: Some(symbol),
                ..
            } => {
                let segment = usize::try_from(symbol.index)?;
                let (address, _) = self.segments.get(segment).ok_or("no such segment")?;
                let start = address + symbol.offset;
                self.places.insert(id, start..start + symbol.size);
                Some(Node::Data(id))
            }
            _ => None,
        })
    }

    fn relocate(&mut self, section: &RelocSectionReader<'_>) -> Done {
        let index = usize::try_from(section.section_index())?;
        let start = self.sections.get(index).ok_or("no such section")?.start;
        for entry in section.entries() {
            self.relocation(start, &entry?)?;
        }
        Ok(())
    }

    fn relocation(&mut self, section: usize, entry: &RelocationEntry) -> Done {
        use RelocationType as R;
        let at = section + usize::try_from(entry.offset)?;
        let symbol = usize::try_from(entry.index)?;
        match entry.ty {
            R::TypeIndexLeb | R::GlobalIndexLeb | R::TableNumberLeb => return Ok(()),
            R::FunctionIndexLeb
            | R::TableIndexSleb
            | R::TableIndexI32
            | R::MemoryAddrLeb
            | R::MemoryAddrSleb
            | R::MemoryAddrI32 => (),
            other => return Err(format!("a relocation {other:?}, which is not known").into()),
        }
        // One that was passed over would leave something in the wrong file.
        let to = self.symbols.get(symbol).copied().flatten();
        let to = to.ok_or("a relocation names nothing that is known")?;
        if let (R::FunctionIndexLeb, Node::Function(function)) = (entry.ty, to) {
            let said =
                BinaryReader::new(self.wasm.get(at..).unwrap_or_default(), at).read_var_u32()?;
            if said != function {
                return Err("a relocation and the code name different functions".into());
            }
        }
        if self.stops.contains(at) {
            return Ok(());
        }
        let holders = self.holders(at);
        if holders.is_empty() {
            return Err("a relocation stands in no function and no data".into());
        }
        for from in holders {
            if matches!(from, Node::Function(function) if self.stops.functions.contains(&function))
            {
                continue;
            }
            if let (R::TableIndexSleb | R::TableIndexI32, Node::Function(function)) = (entry.ty, to)
            {
                self.by_address.entry(from).or_default().push(function);
            }
            self.edges.entry(from).or_default().push(to);
        }
        Ok(())
    }

    /// The function or the data at a place of the file. Symbols may share data.
    fn holders(&self, at: usize) -> Vec<Node> {
        let after = self.bodies.partition_point(|(_, body)| body.start <= at);
        let body = after
            .checked_sub(1)
            .and_then(|before| self.bodies.get(before));
        if let Some((function, _)) = body.filter(|(_, body)| body.contains(&at)) {
            return vec![Node::Function(*function)];
        }
        let segment = self.segments.iter().find(|(_, bytes)| bytes.contains(&at));
        let address = segment.and_then(|(address, bytes)| {
            let offset = u32::try_from(at - bytes.start).ok()?;
            Some(address + offset)
        });
        let places = self.places.iter();
        places
            .filter(|(_, place)| address.is_some_and(|address| place.contains(&address)))
            .map(|(symbol, _)| Node::Data(*symbol))
            .collect()
    }

    /// What all exports need but those of these names.
    pub(crate) fn needs_without(&self, names: &[String]) -> Result<Needs, Box<dyn Error>> {
        for name in names {
            if !self.exports.iter().any(|(export, _)| is(export, name)) {
                return Err(format!("there is no export `{name}`").into());
            }
        }
        // What describes an export to `wasm-bindgen` is gone once the glue is written.
        Ok(self.needs(|export| {
            !export.starts_with("__wbindgen_describe_")
                && !names.iter().any(|name| is(export, name))
        }))
    }

    /// What the exports of these names need.
    pub(crate) fn needs_of(&self, names: &[String]) -> Needs {
        self.needs(|export| names.iter().any(|name| is(export, name)))
    }

    fn needs(&self, asks: impl Fn(&str) -> bool) -> Needs {
        let roots = self.exports.iter().filter(|(export, _)| asks(export));
        let mut open: Vec<Node> = roots.map(|(_, index)| Node::Function(*index)).collect();
        let mut reached = BTreeSet::new();
        while let Some(node) = open.pop() {
            if reached.insert(node) {
                open.extend(self.edges.get(&node).into_iter().flatten());
            }
        }
        let by_address = reached.iter().filter_map(|node| self.by_address.get(node));
        let by_address: BTreeSet<u32> = by_address.flatten().copied().collect();
        let places = reached.iter().filter_map(|node| match node {
            Node::Data(symbol) => self.places.get(symbol).cloned(),
            Node::Function(_) => None,
        });
        let slots = self.slots.iter();
        let foreign = slots.filter(|(_, function)| !by_address.contains(function));
        Needs {
            foreign_slots: foreign.map(|(slot, _)| *slot).collect(),
            data: joined(places.collect()),
        }
    }
}

/// Whether an export of the linked file has this name.
fn is(export: &str, name: &str) -> bool {
    export == name || unhashed(export) == Some(name)
}

/// An export without the digest that `wasm-bindgen` puts behind its name until the glue is written.
fn unhashed(export: &str) -> Option<&str> {
    let (name, digest) = export.rsplit_once('_')?;
    let is_digest = digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then_some(name)
}

/// In order, and one where two touch.
fn joined(mut ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u32>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

fn constant(operator: Operator<'_>) -> Result<u32, Box<dyn Error>> {
    match operator {
        Operator::I32Const { value } => Ok(u32::try_from(value)?),
        _ => Err("an address is not a constant".into()),
    }
}
