//! One wasm file becomes two: the first has what most exports need, the second what only the others do, and
//! is loaded into the instance of the first when one of these is first called.
//!
//! In the first, such an export calls through a slot of the table. Loading the second fills it, and until
//! then the call is a trap. So the glue of the whole serves the pair. The second brings no memory, table or
//! runtime of its own. The functions of the first that it needs are in the table as well: a slot takes fewer
//! bytes than the name of an export.

use std::collections::BTreeSet;
use std::error::Error;
use std::ops::Range;

use walrus::ir::{Value, Visitor, dfs_in_order};
use walrus::{
    ConstExpr, DataKind, ElementItems, ElementKind, ExportId, ExportItem, FunctionBuilder,
    FunctionId, FunctionKind, GlobalId, GlobalKind, LocalFunction, MemoryId, Module, ModuleConfig,
    TableId,
};

use crate::needs::{Link, Needs};
use crate::order::name_by_likeness;

type Done = Result<(), Box<dyn Error>>;

/// The module that the second file imports from: the instance of the first.
const FIRST: &str = "e";
/// Data of the second that is shorter stays in the first: a segment of its own would be longer.
const SHORTEST: u32 = 16;

/// Splits `whole`, which was made from `linked`: of the exports, those named `later` go into the second file.
pub(crate) fn split(
    linked: &[u8],
    whole: &[u8],
    later: &[String],
) -> Result<[Vec<u8>; 2], Box<dyn Error>> {
    let linked = Link::read(linked)?;
    let mut needs = linked.needs_without(later)?;
    needs.data = without_gaps(needs.data);
    // There is also data that only faults name: nobody needs it.
    let rest = linked.needs_without(&[])?.data;
    let rest = rest.iter().flat_map(|place| between(place, &needs.data));
    let rest: Vec<_> = rest.collect();
    type Make = fn(&Parts, &mut Module, &[Range<u32>], &str) -> Done;
    let make = |make: Make, data: &[Range<u32>], build: &str| -> Result<_, Box<dyn Error>> {
        let mut module = parse(whole)?;
        // Made anew for each: items belong to the module that was read. The order is that of the file.
        Parts::of(&module, &needs, later)
            .and_then(|parts| make(&parts, &mut module, data, build))?;
        walrus::passes::gc::run(&mut module);
        name_by_likeness(&module.emit_wasm())
    };
    let pair = |build: &str| -> Result<_, Box<dyn Error>> {
        Ok([
            make(Parts::make_first, &needs.data, build)?,
            make(Parts::make_second, &rest, build)?,
        ])
    };
    // Named after both as they are cut: the same whole may be cut otherwise.
    let unnamed = pair("advice-")?;
    pair(&format!("advice-{:016x}", digest(&unnamed.concat())))
}

fn parse(wasm: &[u8]) -> Result<Module, Box<dyn Error>> {
    let mut config = ModuleConfig::new();
    config.generate_producers_section(false);
    Ok(config.parse(wasm)?)
}

/// Tells one build from another (FNV-1a); nothing is kept safe by it.
fn digest(bytes: &[u8]) -> u64 {
    let mix = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

fn without_gaps(ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    let mut joined: Vec<Range<u32>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start - last.end < SHORTEST => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// What goes where.
struct Parts {
    memory: MemoryId,
    table: TableId,
    /// Slots behind those of the whole, one for each export of the second.
    later: Vec<(ExportId, FunctionId, u32)>,
    /// Slots behind these, one for each function of the first that the second needs.
    shared: Vec<(FunctionId, u32)>,
    /// What else the second needs of the first, with the names it has there.
    globals: Vec<(GlobalId, String)>,
    slots: Vec<Slot>,
}

/// A slot of the table that has a function.
struct Slot {
    at: u32,
    function: FunctionId,
    /// Whether the first file fills it.
    is_first: bool,
}

impl Parts {
    fn of(whole: &Module, needs: &Needs, later: &[String]) -> Result<Self, Box<dyn Error>> {
        let table = whole.tables.main_function_table()?;
        let table = table.ok_or("there is no table of functions")?;
        let memory = whole.memories.iter().next().ok_or("there is no memory")?;
        let slots = slots(whole, table, needs)?;
        let mut roots: Vec<FunctionId> = whole.start.into_iter().collect();
        let (mut others, mut later_exports) = (Vec::new(), Vec::new());
        for export in whole.exports.iter() {
            if let ExportItem::Function(function) = export.item {
                if later.contains(&export.name) {
                    others.push(function);
                    later_exports.push((export.id(), function));
                } else {
                    roots.push(function);
                }
            }
        }
        let of_first = |is_first: bool| {
            let slots = slots.iter().filter(move |slot| slot.is_first == is_first);
            slots.map(|slot| slot.function)
        };
        roots.extend(of_first(true));
        let first = reached(whole, roots, &BTreeSet::new()).functions;
        let size = u32::try_from(whole.tables.get(table).initial)?;
        let later: Vec<_> = later_exports
            .into_iter()
            .zip(size..)
            .map(|((export, function), slot)| (export, function, slot))
            .collect();
        others.extend(of_first(false));
        let second = reached(whole, others, &first);
        let shared = whole.funcs.iter().map(walrus::Function::id);
        let shared = shared.filter(|id| second.functions.contains(id) && first.contains(id));
        let shared = shared.zip(size + u32::try_from(later.len())?..).collect();
        let names = (0..).map(short);
        Ok(Self {
            memory: memory.id(),
            table,
            later,
            shared,
            globals: second.globals.into_iter().zip(names).collect(),
            slots,
        })
    }

    fn make_first(&self, module: &mut Module, data: &[Range<u32>], build: &str) -> Done {
        for (export, function, slot) in &self.later {
            let stub = stub(module, *function, self.table, *slot);
            module.exports.get_mut(*export).item = ExportItem::Function(stub);
        }
        let table = module.tables.get_mut(self.table);
        table.initial += self.more()?;
        table.maximum = Some(table.initial);
        for (global, name) in &self.globals {
            module.exports.add(name, *global);
        }
        module.exports.add(build, self.memory);
        module.exports.add(&format!("{build} table"), self.table);
        let slots = self.slots.iter().filter(|slot| slot.is_first);
        let slots = slots.map(|slot| (slot.at, slot.function));
        let shared = self
            .shared
            .iter()
            .map(|(function, slot)| (*slot, *function));
        self.fill(module, slots.chain(shared));
        self.keep_data(module, data)
    }

    fn make_second(&self, module: &mut Module, data: &[Range<u32>], build: &str) -> Done {
        let exports: Vec<_> = module.exports.iter().map(walrus::Export::id).collect();
        for export in exports {
            module.exports.delete(export);
        }
        module.start = None;
        module.memories.get_mut(self.memory).import =
            Some(module.imports.add(FIRST, build, self.memory));
        module.tables.get_mut(self.table).import = Some(module.imports.add(
            FIRST,
            &format!("{build} table"),
            self.table,
        ));
        module.tables.get_mut(self.table).initial += self.more()?;
        module.tables.get_mut(self.table).maximum = None;
        for (function, slot) in &self.shared {
            lead_to(module, *function, self.table, *slot);
        }
        for (global, name) in &self.globals {
            let import = module.imports.add(FIRST, name, *global);
            module.globals.get_mut(*global).kind = GlobalKind::Import(import);
        }
        let slots = self
            .slots
            .iter()
            .filter(|slot| !slot.is_first)
            .map(|slot| (slot.at, slot.function));
        let later = self.later.iter();
        let later = later.map(|(_, function, slot)| (*slot, *function));
        self.fill(module, slots.chain(later));
        self.keep_data(module, data)
    }

    /// How many slots the table has behind those of the whole.
    fn more(&self) -> Result<u64, Box<dyn Error>> {
        Ok(u64::try_from(self.later.len() + self.shared.len())?)
    }

    /// Gives the table these functions alone, in as few segments as there are runs of slots.
    fn fill(&self, module: &mut Module, slots: impl Iterator<Item = (u32, FunctionId)>) {
        let elements: Vec<_> = module.elements.iter().map(walrus::Element::id).collect();
        for element in elements {
            module.elements.delete(element);
        }
        module.tables.get_mut(self.table).elem_segments.clear();
        let mut runs: Vec<(u32, Vec<FunctionId>)> = Vec::new();
        let mut next = None;
        for (slot, function) in slots {
            match runs.last_mut().filter(|_| next == Some(slot)) {
                Some((_, run)) => run.push(function),
                None => runs.push((slot, vec![function])),
            }
            next = Some(slot + 1);
        }
        for (slot, run) in runs {
            let kind = ElementKind::Active {
                table: self.table,
                offset: address(slot),
            };
            let element = module.elements.add(kind, ElementItems::Functions(run));
            let table = module.tables.get_mut(self.table);
            table.elem_segments.insert(element);
        }
    }

    /// Keeps of each segment what lies in these ranges.
    fn keep_data(&self, module: &mut Module, ranges: &[Range<u32>]) -> Done {
        let all: Vec<_> = module.data.iter().map(walrus::Data::id).collect();
        module.memories.get_mut(self.memory).data_segments.clear();
        for data in all {
            let segment = module.data.get(data);
            let DataKind::Active { offset, .. } = &segment.kind else {
                return Err("a segment of data has no address".into());
            };
            let start = number(offset)?;
            let bytes = segment.value.clone();
            module.data.delete(data);
            let place = start..start + u32::try_from(bytes.len())?;
            for part in overlaps(&place, ranges) {
                let [from, to] = [part.start, part.end].map(|at| (at - start) as usize);
                let kind = DataKind::Active {
                    memory: self.memory,
                    offset: address(part.start),
                };
                let part = bytes.get(from..to).ok_or("a part is not in its segment")?;
                let data = module.data.add(kind, part.to_vec());
                module
                    .memories
                    .get_mut(self.memory)
                    .data_segments
                    .insert(data);
            }
        }
        Ok(())
    }
}

/// The table, slot by slot. What the build added after linking is the first's.
fn slots(whole: &Module, table: TableId, needs: &Needs) -> Result<Vec<Slot>, Box<dyn Error>> {
    let mut slots = Vec::new();
    for element in whole.elements.iter() {
        let ElementKind::Active { table: of, offset } = &element.kind else {
            return Err("a part of the table has no place".into());
        };
        let ElementItems::Functions(functions) = &element.items else {
            return Err("a part of the table is not a list of functions".into());
        };
        if *of != table {
            return Err("there are two tables with functions".into());
        }
        for (slot, function) in (number(offset)?..).zip(functions) {
            slots.push(Slot {
                at: slot,
                function: *function,
                is_first: !needs.foreign_slots.contains(&slot),
            });
        }
    }
    slots.sort_by_key(|slot| slot.at);
    Ok(slots)
}

/// What functions call and use, not looking into those of `but`.
fn reached(module: &Module, roots: Vec<FunctionId>, but: &BTreeSet<FunctionId>) -> Reached {
    let mut reached = Reached {
        open: roots,
        ..Reached::default()
    };
    while let Some(id) = reached.open.pop() {
        if !reached.functions.insert(id) || but.contains(&id) {
            continue;
        }
        if let FunctionKind::Local(function) = &module.funcs.get(id).kind {
            dfs_in_order(&mut reached, function, function.entry_block());
        }
    }
    reached
}

#[derive(Default)]
struct Reached {
    functions: BTreeSet<FunctionId>,
    globals: BTreeSet<GlobalId>,
    open: Vec<FunctionId>,
}

impl<'i> Visitor<'i> for Reached {
    fn visit_function_id(&mut self, function: &FunctionId) {
        self.open.push(*function);
    }

    fn visit_global_id(&mut self, global: &GlobalId) {
        self.globals.insert(*global);
    }
}

/// A function that calls through a slot what stood in its place.
fn stub(module: &mut Module, function: FunctionId, table: TableId, slot: u32) -> FunctionId {
    let stub = calling(module, function, table, slot);
    module.funcs.add_local(stub)
}

/// Makes a function of the first file one that calls it through its slot.
fn lead_to(module: &mut Module, function: FunctionId, table: TableId, slot: u32) {
    let stub = calling(module, function, table, slot);
    let function = module.funcs.get_mut(function);
    if let FunctionKind::Import(imported) = &function.kind {
        module.imports.delete(imported.import);
    }
    function.kind = FunctionKind::Local(stub);
}

fn calling(module: &mut Module, function: FunctionId, table: TableId, slot: u32) -> LocalFunction {
    let ty = module.funcs.get(function).ty();
    let (params, results) = module.types.params_results(ty);
    let (params, results) = (params.to_vec(), results.to_vec());
    let arguments: Vec<_> = params.iter().map(|ty| module.locals.add(*ty)).collect();
    let mut builder = FunctionBuilder::new(&mut module.types, &params, &results);
    let mut body = builder.func_body();
    for argument in &arguments {
        body.local_get(*argument);
    }
    body.i32_const(slot.cast_signed()).call_indirect(ty, table);
    builder.local_func(arguments)
}

/// The parts of `place` in one of these ranges.
fn overlaps(place: &Range<u32>, ranges: &[Range<u32>]) -> Vec<Range<u32>> {
    let cut = |range: &Range<u32>| range.start.max(place.start)..range.end.min(place.end);
    ranges
        .iter()
        .map(cut)
        .filter(|range| !range.is_empty())
        .collect()
}

/// The other parts.
fn between(place: &Range<u32>, ranges: &[Range<u32>]) -> Vec<Range<u32>> {
    let starts = std::iter::once(0).chain(ranges.iter().map(|range| range.end));
    let ends = ranges.iter().map(|range| range.start).chain([u32::MAX]);
    let gaps: Vec<Range<u32>> = starts.zip(ends).map(|(start, end)| start..end).collect();
    overlaps(place, &gaps)
}

/// A name of letters, which base 52 writes.
fn short(mut number: u32) -> String {
    let mut name = String::new();
    loop {
        let digit = u8::try_from(number % 52).unwrap_or_default();
        let letter = match digit {
            0..26 => b'a' + digit,
            _ => b'A' + digit - 26,
        };
        name.push(char::from(letter));
        number /= 52;
        if number == 0 {
            return name;
        }
    }
}

fn address(at: u32) -> ConstExpr {
    ConstExpr::Value(Value::I32(at.cast_signed()))
}

fn number(expression: &ConstExpr) -> Result<u32, Box<dyn Error>> {
    match expression {
        ConstExpr::Value(Value::I32(number)) => Ok(number.cast_unsigned()),
        _ => Err("an address is not a constant".into()),
    }
}
