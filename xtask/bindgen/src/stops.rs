//! What a fault does before it traps. The evaluator's own handler of panics says nothing to anybody, so neither
//! a message nor the place in the source that it would name is needed, and what leads there may trap at once.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ops::Range;

use walrus::ir::{Call, Instr, InstrSeq, Unreachable, VisitorMut, dfs_pre_order_mut};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module};
use wasmparser::{FunctionBody, Operator, Parser, Payload, TypeRef};

/// What ends in a trap whatever it does.
#[derive(Default)]
pub(crate) struct Stops {
    /// Functions that never return, and reach no import: nobody hears of them.
    pub(crate) functions: BTreeSet<u32>,
    /// Where in the file there is code that leads to a call of one and to nothing else, in order.
    code: Vec<Range<usize>>,
}

/// What one pass over a function finds.
#[derive(Default)]
struct Body {
    returns: bool,
    calls: BTreeSet<u32>,
    /// It may call whatever has its address.
    calls_any: bool,
    /// Code without a branch up to a call, and what is called.
    lines: Vec<(Range<usize>, u32)>,
}

impl Stops {
    pub(crate) fn find(wasm: &[u8]) -> Result<Self, Box<dyn Error>> {
        let (mut imports, mut bodies) = (0_u32, BTreeMap::new());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        imports += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let index = imports + u32::try_from(bodies.len())?;
                    bodies.insert(index, Body::read(&body)?);
                }
                _ => (),
            }
        }
        let mut functions: BTreeSet<u32> = bodies
            .iter()
            .filter(|(_, body)| !body.returns && !body.calls_any)
            .map(|(index, _)| *index)
            .collect();
        functions.retain(|index| !reaches_outside(&bodies, *index));
        let lines = bodies.values().flat_map(|body| &body.lines);
        let code = lines.filter(|(_, called)| functions.contains(called));
        Ok(Self {
            code: code.map(|(line, _)| line.clone()).collect(),
            functions,
        })
    }

    /// Whether what stands at this place of the file is only on the way to a trap.
    pub(crate) fn contains(&self, at: usize) -> bool {
        let after = self.code.partition_point(|line| line.start <= at);
        let line = after
            .checked_sub(1)
            .and_then(|before| self.code.get(before));
        line.is_some_and(|line| line.contains(&at))
    }

    /// Makes all of this traps, in the file that it was found in.
    pub(crate) fn trap(&self, module: &mut Module) -> Result<(), Box<dyn Error>> {
        let all: Vec<FunctionId> = module.funcs.iter().map(walrus::Function::id).collect();
        let mut stopping = BTreeSet::new();
        for index in &self.functions {
            let id = *all.get(*index as usize).ok_or("a function went lost")?;
            let ty = module.funcs.get(id).ty();
            let (params, results) = module.types.params_results(ty);
            let (params, results) = (params.to_vec(), results.to_vec());
            let arguments = params.iter().map(|ty| module.locals.add(*ty)).collect();
            let mut builder = FunctionBuilder::new(&mut module.types, &params, &results);
            builder.func_body().unreachable();
            module.funcs.get_mut(id).kind = FunctionKind::Local(builder.local_func(arguments));
            stopping.insert(id);
        }
        let mut cut = Cut(stopping);
        for (_, function) in module.funcs.iter_local_mut() {
            let start = function.entry_block();
            dfs_pre_order_mut(&mut cut, function, start);
        }
        Ok(())
    }
}

fn reaches_outside(bodies: &BTreeMap<u32, Body>, function: u32) -> bool {
    let (mut open, mut seen) = (vec![function], BTreeSet::new());
    while let Some(index) = open.pop() {
        // What has no body is an import.
        let Some(body) = bodies.get(&index).filter(|body| !body.calls_any) else {
            return true;
        };
        if seen.insert(index) {
            open.extend(&body.calls);
        }
    }
    false
}

impl Body {
    fn read(body: &FunctionBody<'_>) -> Result<Self, Box<dyn Error>> {
        let mut found = Self::default();
        let mut reader = body.get_operators_reader()?;
        let (mut depth, mut line) = (0_u32, reader.original_position());
        let mut last_traps = false;
        while !reader.eof() {
            let operator = reader.read()?;
            let after = reader.original_position();
            let ends = matches!(operator, Operator::End) && depth == 0;
            found.returns |= ends && !last_traps;
            last_traps = matches!(operator, Operator::Unreachable);
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End => depth = depth.saturating_sub(1),
                Operator::Else | Operator::Unreachable => (),
                Operator::Return => found.returns = true,
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                    found.returns |= relative_depth == depth;
                }
                Operator::BrTable { targets } => {
                    let mut all = vec![targets.default()];
                    for target in targets.targets() {
                        all.push(target?);
                    }
                    found.returns |= all.contains(&depth);
                }
                Operator::Call { function_index } => {
                    found.calls.insert(function_index);
                    found.lines.push((line..after, function_index));
                }
                Operator::CallIndirect { .. } => found.calls_any = true,
                _ => continue,
            }
            line = after;
        }
        Ok(found)
    }
}

/// Replaces each call of these functions, and what stands before it up to the last branch or call, by a trap.
struct Cut(BTreeSet<FunctionId>);

impl VisitorMut for Cut {
    fn start_instr_seq_mut(&mut self, sequence: &mut InstrSeq) {
        let stops = |instruction: &Instr| match instruction {
            Instr::Call(Call { func }) => self.0.contains(func),
            _ => false,
        };
        let Some(call) = sequence.iter().position(|(one, _)| stops(one)) else {
            return;
        };
        let mut before = sequence.iter().take(call);
        let kept = before
            .rposition(|(one, _)| goes_elsewhere(one))
            .map_or(0, |last| last + 1);
        let place = sequence[call].1;
        sequence.truncate(kept);
        sequence.push((Instr::Unreachable(Unreachable {}), place));
    }
}

/// Whether something else than the next instruction may run after this.
fn goes_elsewhere(instruction: &Instr) -> bool {
    use Instr as I;
    matches!(
        instruction,
        I::Block(_)
            | I::Loop(_)
            | I::IfElse(_)
            | I::Br(_)
            | I::BrIf(_)
            | I::BrTable(_)
            | I::Return(_)
            | I::Unreachable(_)
            | I::Call(_)
            | I::CallIndirect(_)
    )
}
