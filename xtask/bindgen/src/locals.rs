//! The numbers of the locals of each function: the same for the same use, so that the file compresses better. A third of
//! all instructions read a local, and its number is all that tells them apart.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, Function, Instruction};
use wasmparser::{FunctionBody, Operator, OperatorsReader, Parser, ValType};

use crate::functions::Functions;

/// The local of which most is said points to the function's own part of the stack. It has this number, behind those of
/// nearly all parameters, which are fixed.
const FRAME: usize = 7;
/// Shares are counted in parts of this.
const WHOLE: u64 = 1 << 20;

/// Gives the locals of each function the numbers that locals had at the same places in the functions before.
pub(crate) fn number(wasm: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let functions = Functions::read(wasm)?;
    let mut known = Known::default();
    let mut numbered = Numbered::default();
    for (body, parameters) in functions.bodies.iter().zip(&functions.parameters) {
        let locals = Locals::read(body, parameters)?;
        let numbers = known.numbers(&locals);
        known.learn(&locals, &numbers);
        numbered
            .functions
            .push((locals.declared(&numbers), numbers));
    }
    numbered.functions.reverse();
    let mut module = wasm_encoder::Module::new();
    numbered.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

/// Where a local is used: its type, the instruction before, its own, and the one behind. Which local an instruction
/// names does not count.
type Place<'a> = (ValType, &'a [u8], &'a [u8], &'a [u8]);

/// The locals of a function, its parameters first.
struct Locals<'a> {
    parameters: usize,
    types: Vec<ValType>,
    places: Vec<Vec<Place<'a>>>,
    /// The one that points to its part of the stack.
    frame: Option<usize>,
}

impl<'a> Locals<'a> {
    fn read(body: &FunctionBody<'a>, parameters: &[ValType]) -> Result<Self, Box<dyn Error>> {
        let mut types = parameters.to_vec();
        for declared in body.get_locals_reader()? {
            let (count, ty) = declared?;
            types.extend((0..count).map(|_| ty));
        }
        let start = body.range().start;
        let mut frame = None;
        let mut steps: Vec<(&[u8], Option<usize>)> = vec![(&[], None)];
        let mut set = None;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let from = reader.original_position() - start;
            let operator = reader.read()?;
            let local = local(&operator);
            let to = match local {
                Some(_) => from + 1,
                None => reader.original_position() - start,
            };
            steps.push((&body.as_bytes()[from..to], local));
            if matches!(operator, Operator::GlobalSet { .. }) {
                frame = frame.or(set);
            }
            set = local.filter(|_| matches!(operator, Operator::LocalTee { .. }));
        }
        steps.push((&[], None));
        let mut places = vec![Vec::new(); types.len()];
        for step in steps.windows(3) {
            if let [(before, _), (own, Some(local)), (behind, _)] = step {
                places[*local].push((types[*local], *before, *own, *behind));
            }
        }
        Ok(Self {
            parameters: parameters.len(),
            types,
            places,
            frame: frame.filter(|frame| *frame >= parameters.len()),
        })
    }

    /// The types of those that are no parameters, in the order of these numbers.
    fn declared(&self, numbers: &[usize]) -> Vec<ValType> {
        let end = numbers.iter().max().map_or(0, |last| last + 1);
        let mut types = vec![ValType::I32; end];
        for (number, ty) in numbers.iter().zip(&self.types) {
            types[*number] = *ty;
        }
        types.split_off(self.parameters)
    }
}

fn local(operator: &Operator<'_>) -> Option<usize> {
    match operator {
        Operator::LocalGet { local_index }
        | Operator::LocalSet { local_index }
        | Operator::LocalTee { local_index } => usize::try_from(*local_index).ok(),
        _ => None,
    }
}

/// What the functions before were like.
#[derive(Default)]
struct Known<'a> {
    /// How often which number stood at a place.
    at: BTreeMap<Place<'a>, BTreeMap<usize, u64>>,
    /// How often a number was that of a local of this type.
    of_type: BTreeMap<(ValType, usize), u64>,
}

impl<'a> Known<'a> {
    /// The number of each local, from the one that is used most on.
    fn numbers(&self, locals: &Locals<'a>) -> Vec<usize> {
        let count = locals.types.len();
        let mut numbers: Vec<usize> = (0..count).collect();
        let mut free: BTreeSet<usize> = (locals.parameters..=count.max(FRAME + 1)).collect();
        let mut open: Vec<usize> = (locals.parameters..count).collect();
        open.sort_by_key(|local| Reverse(locals.places[*local].len()));
        if let Some(frame) = locals.frame {
            numbers[frame] = FRAME.max(locals.parameters);
            free.remove(&numbers[frame]);
            open.retain(|local| *local != frame);
        }
        for local in open {
            let shares = self.shares(&locals.places[local]);
            let often = |number: usize| self.of_type.get(&(locals.types[local], number));
            let best = free
                .iter()
                .copied()
                .max_by_key(|number| (shares.get(number), often(*number), Reverse(*number)));
            if let Some(best) = best {
                free.remove(&best);
                numbers[local] = best;
            }
        }
        numbers
    }

    /// Which share of the places each number had, all places together.
    fn shares(&self, places: &[Place<'a>]) -> BTreeMap<usize, u64> {
        let mut shares = BTreeMap::new();
        for at in places.iter().filter_map(|place| self.at.get(place)) {
            let all: u64 = at.values().sum();
            for (number, times) in at {
                *shares.entry(*number).or_default() += times * WHOLE / (all + 1);
            }
        }
        shares
    }

    fn learn(&mut self, locals: &Locals<'a>, numbers: &[usize]) {
        for ((places, ty), number) in locals.places.iter().zip(&locals.types).zip(numbers) {
            for place in places {
                *self
                    .at
                    .entry(*place)
                    .or_default()
                    .entry(*number)
                    .or_default() += 1;
                *self.of_type.entry((*ty, *number)).or_default() += 1;
            }
        }
    }
}

/// Writes a file anew with other numbers.
#[derive(Default)]
struct Numbered {
    /// The types of the locals and their new numbers, of the last function first.
    functions: Vec<(Vec<ValType>, Vec<usize>)>,
    /// Those of the function that is written.
    numbers: Vec<usize>,
}

impl Numbered {
    fn of(&self, local: u32) -> u32 {
        let number = self.numbers.get(local as usize);
        number.map_or(local, |number| *number as u32)
    }
}

impl Reencode for Numbered {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let (types, numbers) = self.functions.pop().unwrap_or_default();
        self.numbers = numbers;
        let mut function = Function::new_with_locals_types(self.val_types(types)?);
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            function.instruction(&self.parse_instruction(&mut reader)?);
        }
        code.function(&function);
        Ok(())
    }

    fn parse_instruction<'a>(
        &mut self,
        reader: &mut OperatorsReader<'a>,
    ) -> Result<Instruction<'a>, reencode::Error> {
        Ok(match reencode::utils::parse_instruction(self, reader)? {
            Instruction::LocalGet(local) => Instruction::LocalGet(self.of(local)),
            Instruction::LocalSet(local) => Instruction::LocalSet(self.of(local)),
            Instruction::LocalTee(local) => Instruction::LocalTee(self.of(local)),
            other => other,
        })
    }
}
