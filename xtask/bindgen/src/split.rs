//! One wasm file becomes several: the first has what most exports need, each further one what only some others do, and
//! is loaded into the instance of the first when one of these is first called.
//!
//! In the first, such an export calls through a slot of the table. Loading its file fills it, and until
//! then the call is a trap. So the glue of the whole serves them all. A further file brings no memory, table or
//! runtime of its own. The functions of the first that it needs are in the table as well: a slot takes fewer
//! bytes than the name of an export. What two of them need and the first does not is in both, the same.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ops::Range;

use walrus::ir::{Value, Visitor, dfs_in_order};
use walrus::{
    ConstExpr, DataKind, ElementItems, ElementKind, ExportId, ExportItem, FunctionBuilder,
    FunctionId, FunctionKind, GlobalId, GlobalKind, LocalFunction, MemoryId, Module, ModuleConfig,
    TableId,
};

use crate::needs::{Link, Needs};

type Done = Result<(), Box<dyn Error>>;

/// The module that the further files import from: the instance of the first.
const FIRST: &str = "e";
/// Data of a further file that is shorter stays in the first: a segment of its own would be longer.
const SHORTEST: u32 = 16;

/// Splits `whole`, which was made from `linked`: of the exports, those of each list in `later` go into a file of their own.
pub(crate) fn split(
    linked: &[u8],
    whole: &[u8],
    later: &[Vec<String>],
) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let link = Link::read(linked)?;
    let mut first = link.needs_without(&later.concat())?;
    first.data = without_gaps(first.data);
    let needs = AllNeeds {
        first,
        later: later.iter().map(|names| link.needs_of(names)).collect(),
    };
    let make = |file: Option<usize>, build: &str| -> Result<_, Box<dyn Error>> {
        let mut module = parse(whole)?;
        // Made anew for each: items belong to the module that was read. The order is that of the file.
        let parts = Parts::of(&module, &needs, later)?;
        match file {
            None => parts.make_first(&mut module, &needs.first, build)?,
            Some(file) => parts.make_further(&mut module, &needs, file, build)?,
        }
        walrus::passes::gc::run(&mut module);
        Ok(module.emit_wasm())
    };
    let all = |build: &str| -> Result<Vec<_>, Box<dyn Error>> {
        let files = std::iter::once(None).chain((0..later.len()).map(Some));
        files.map(|file| make(file, build)).collect()
    };
    // Named after all as they are cut: the same whole may be cut otherwise.
    let unnamed = all("build-")?;
    all(&format!("build-{:016x}", digest(&unnamed.concat())))
}

/// What the first file needs, and what the exports of each further one do.
struct AllNeeds {
    first: Needs,
    later: Vec<Needs>,
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
    slots: Vec<Slot>,
    /// How many slots there are behind those of the whole.
    added: u64,
    further: Vec<Further>,
}

/// A further file.
struct Further {
    /// Slots behind those of the whole, one for each of its exports.
    exports: Vec<(ExportId, FunctionId, u32)>,
    /// Slots behind these, one for each function of the first that it needs.
    shared: Vec<(FunctionId, u32)>,
    /// What else it needs of the first, with the names it has there.
    globals: Vec<(GlobalId, String)>,
}

/// A slot of the table that has a function.
struct Slot {
    at: u32,
    function: FunctionId,
    /// Whether the first file fills it.
    is_first: bool,
    /// Which of the others do, where it does not.
    fills: Vec<bool>,
}

impl Parts {
    fn of(whole: &Module, needs: &AllNeeds, later: &[Vec<String>]) -> Result<Self, Box<dyn Error>> {
        let table = whole.tables.main_function_table()?;
        let table = table.ok_or("there is no table of functions")?;
        let memory = whole.memories.iter().next().ok_or("there is no memory")?;
        let slots = slots(whole, table, needs)?;
        let mut roots: Vec<FunctionId> = whole.start.into_iter().collect();
        let mut exports: Vec<Vec<_>> = later.iter().map(|_| Vec::new()).collect();
        let size = u32::try_from(whole.tables.get(table).initial)?;
        let mut next = size;
        for export in whole.exports.iter() {
            if let ExportItem::Function(function) = export.item {
                let file = later.iter().position(|names| names.contains(&export.name));
                match file.and_then(|file| exports.get_mut(file)) {
                    None => roots.push(function),
                    Some(exports) => {
                        exports.push((export.id(), function, next));
                        next += 1;
                    }
                }
            }
        }
        let of_first = slots.iter().filter(|slot| slot.is_first);
        roots.extend(of_first.map(|slot| slot.function));
        let first = reached(whole, roots, &BTreeSet::new()).functions;
        let reached: Vec<Reached> = (0..)
            .zip(&exports)
            .map(|(file, exports)| {
                let roots = exports.iter().map(|(_, function, _)| *function);
                let roots = roots.chain(filled(&slots, file).map(|(_, function)| function));
                reached(whole, roots.collect(), &first)
            })
            .collect();
        // In the order of the file, so that the lists are alike.
        let functions = whole.funcs.iter().map(walrus::Function::id);
        let functions = functions.filter(|id| {
            first.contains(id) && reached.iter().any(|one| one.functions.contains(id))
        });
        let functions: BTreeMap<_, _> = functions.zip(next..).collect();
        let added = u64::from(next - size) + u64::try_from(functions.len())?;
        let globals = whole.globals.iter().map(walrus::Global::id);
        let globals = globals.filter(|id| reached.iter().any(|one| one.globals.contains(id)));
        let globals: BTreeMap<_, _> = globals.zip((0..).map(short)).collect();
        let further = exports
            .into_iter()
            .zip(&reached)
            .map(|(exports, reached)| Further {
                exports,
                shared: named(&functions, &reached.functions),
                globals: named(&globals, &reached.globals),
            });
        Ok(Self {
            memory: memory.id(),
            table,
            further: further.collect(),
            added,
            slots,
        })
    }

    fn make_first(&self, module: &mut Module, needs: &Needs, build: &str) -> Done {
        for (export, function, slot) in self.further.iter().flat_map(|one| &one.exports) {
            let stub = stub(module, *function, self.table, *slot);
            module.exports.get_mut(*export).item = ExportItem::Function(stub);
        }
        let table = module.tables.get_mut(self.table);
        table.initial += self.added;
        table.maximum = Some(table.initial);
        let globals: BTreeMap<_, _> = self
            .further
            .iter()
            .flat_map(|one| &one.globals)
            .map(|(id, name)| (*id, name))
            .collect();
        for (global, name) in globals {
            module.exports.add(name, global);
        }
        module.exports.add(build, self.memory);
        module.exports.add(&format!("{build} table"), self.table);
        let shared: BTreeMap<_, _> = self
            .further
            .iter()
            .flat_map(|one| &one.shared)
            .map(|(function, slot)| (*slot, *function))
            .collect();
        let slots = self.slots.iter().filter(|slot| slot.is_first);
        let slots = slots.map(|slot| (slot.at, slot.function));
        self.fill(module, slots.chain(shared));
        self.keep_data(module, |place| overlaps(place, &needs.data))
    }

    fn make_further(
        &self,
        module: &mut Module,
        needs: &AllNeeds,
        file: usize,
        build: &str,
    ) -> Done {
        let (Some(further), Some(of_file)) = (self.further.get(file), needs.later.get(file)) else {
            return Err("there is no such file".into());
        };
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
        module.tables.get_mut(self.table).initial += self.added;
        module.tables.get_mut(self.table).maximum = None;
        for (function, slot) in &further.shared {
            lead_to(module, *function, self.table, *slot);
        }
        for (global, name) in &further.globals {
            let import = module.imports.add(FIRST, name, *global);
            module.globals.get_mut(*global).kind = GlobalKind::Import(import);
        }
        let exports = further.exports.iter();
        let exports = exports.map(|(_, function, slot)| (*slot, *function));
        self.fill(module, filled(&self.slots, file).chain(exports));
        self.keep_data(module, |place| {
            let own = between(place, &needs.first.data);
            own.iter()
                .flat_map(|part| overlaps(part, &of_file.data))
                .collect()
        })
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

    /// Keeps of each segment the ranges that `kept` says.
    fn keep_data(
        &self,
        module: &mut Module,
        kept: impl Fn(&Range<u32>) -> Vec<Range<u32>>,
    ) -> Done {
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
            for part in kept(&place) {
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
fn slots(whole: &Module, table: TableId, needs: &AllNeeds) -> Result<Vec<Slot>, Box<dyn Error>> {
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
                is_first: !needs.first.foreign_slots.contains(&slot),
                fills: needs
                    .later
                    .iter()
                    .map(|needs| !needs.foreign_slots.contains(&slot))
                    .collect(),
            });
        }
    }
    slots.sort_by_key(|slot| slot.at);
    Ok(slots)
}

/// The slots that a further file fills.
fn filled(slots: &[Slot], file: usize) -> impl Iterator<Item = (u32, FunctionId)> {
    let fills = move |slot: &&Slot| !slot.is_first && slot.fills.get(file) == Some(&true);
    slots
        .iter()
        .filter(fills)
        .map(|slot| (slot.at, slot.function))
}

/// Those that are reached, with their names.
fn named<T: Copy + Ord, N: Clone>(names: &BTreeMap<T, N>, reached: &BTreeSet<T>) -> Vec<(T, N)> {
    let reached = names.iter().filter(|(id, _)| reached.contains(id));
    reached.map(|(id, name)| (*id, name.clone())).collect()
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
