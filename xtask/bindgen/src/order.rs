//! The order of the functions of a file: like beside like, so that it compresses better.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, FunctionSection};
use wasmparser::{CodeSectionReader, FunctionBody, FunctionSectionReader, Parser};

use crate::functions::Functions;

/// Functions are alike by the runs of so many bytes that they have in common.
const RUN: usize = 6;
/// A run that more functions have says nothing of any two.
const COMMON: usize = 150;
/// Short functions are like many by chance.
const BIAS: usize = 20;
/// So many bytes back `gzip` finds what stood there before.
const WINDOW: usize = 32 * 1024;
/// A run that stands anywhere in there counts so much, and more in the three functions just before: it takes
/// fewer bits to say how far back they are.
const FAR: usize = 4;
const NEAR: [usize; 3] = [4, 2, 1];

/// Brings the functions into that order.
pub(crate) fn order(wasm: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let functions = Functions::read(wasm)?;
    let bodies: Vec<&[u8]> = functions
        .bodies
        .iter()
        .map(FunctionBody::as_bytes)
        .collect();
    let mut ordered = Ordered {
        order: by_likeness(&bodies),
        numbers: (0..).take(functions.imported + bodies.len()).collect(),
    };
    for (number, at) in (functions.imported..).zip(&ordered.order) {
        ordered.numbers[functions.imported + at] = u32::try_from(number)?;
    }
    let mut module = wasm_encoder::Module::new();
    ordered.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

/// Writes a file anew with its functions in another order.
struct Ordered {
    /// Of the functions with bodies, which comes first, and so on.
    order: Vec<usize>,
    /// The new number of each function.
    numbers: Vec<u32>,
}

impl Reencode for Ordered {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        let number = self.numbers.get(function as usize);
        Ok(number.map_or(function, |number| *number))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        let types: Vec<u32> = section.into_iter().collect::<Result<_, _>>()?;
        for at in &self.order {
            functions.function(types[*at]);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        let bodies: Vec<_> = section.into_iter().collect::<Result<_, _>>()?;
        for at in self.order.clone() {
            self.parse_function_body(code, bodies[at].clone())?;
        }
        Ok(())
    }
}

/// From the longest on, always the one that has most, for its length, of what stands before it.
fn by_likeness(bodies: &[&[u8]]) -> Vec<usize> {
    let runs = Runs::of(bodies);
    let mut left: BTreeSet<usize> = (0..bodies.len()).collect();
    let mut next = left.iter().copied().max_by_key(|at| bodies[*at].len());
    let mut order: Vec<usize> = Vec::new();
    let mut window = Window::new(bodies.len());
    while let Some(at) = next {
        order.push(at);
        left.remove(&at);
        window.push(&runs, at, bodies[at].len());
        let mut shared: Vec<usize> = window.found.iter().map(|found| FAR * found).collect();
        for (before, weight) in order.iter().rev().zip(NEAR) {
            for run in &runs.of_function[*before] {
                for (other, _) in &runs.holders[*run] {
                    shared[*other] += weight;
                }
            }
        }
        let likeness = |at: usize| (shared[at] << 20) / (bodies[at].len() + BIAS);
        next = left.iter().copied().max_by_key(|at| likeness(*at));
    }
    order
}

/// Which functions have which runs.
struct Runs {
    of_function: Vec<Vec<usize>>,
    /// The functions that have a run, and how often.
    holders: Vec<Vec<(usize, usize)>>,
}

impl Runs {
    fn of(bodies: &[&[u8]]) -> Self {
        let mut holders: BTreeMap<&[u8], BTreeMap<usize, usize>> = BTreeMap::new();
        for (at, body) in bodies.iter().enumerate() {
            for run in body.windows(RUN) {
                *holders.entry(run).or_default().entry(at).or_default() += 1;
            }
        }
        holders.retain(|_, holders| (2..COMMON).contains(&holders.len()));
        let mut of_function = vec![Vec::new(); bodies.len()];
        for (run, holders) in holders.values().enumerate() {
            for at in holders.keys() {
                of_function[*at].push(run);
            }
        }
        let holders = holders
            .into_values()
            .map(|holders| holders.into_iter().collect());
        Self {
            of_function,
            holders: holders.collect(),
        }
    }
}

/// The functions last placed, as many as `gzip` looks back at.
struct Window {
    functions: VecDeque<(usize, usize)>,
    bytes: usize,
    /// How many functions of the window have a run.
    having: BTreeMap<usize, usize>,
    /// Of each function, how many of its runs are in the window.
    found: Vec<usize>,
}

impl Window {
    fn new(functions: usize) -> Self {
        Self {
            functions: VecDeque::new(),
            bytes: 0,
            having: BTreeMap::new(),
            found: vec![0; functions],
        }
    }

    fn push(&mut self, runs: &Runs, function: usize, bytes: usize) {
        for run in &runs.of_function[function] {
            let having = self.having.entry(*run).or_default();
            *having += 1;
            if *having == 1 {
                for (other, times) in &runs.holders[*run] {
                    self.found[*other] += times;
                }
            }
        }
        self.functions.push_back((function, bytes));
        self.bytes += bytes;
        while self.bytes > WINDOW && self.functions.len() > 1 {
            if let Some((function, bytes)) = self.functions.pop_front() {
                self.bytes -= bytes;
                self.forget(runs, function);
            }
        }
    }

    fn forget(&mut self, runs: &Runs, function: usize) {
        for run in &runs.of_function[function] {
            let having = self.having.entry(*run).or_default();
            *having -= 1;
            if *having == 0 {
                for (other, times) in &runs.holders[*run] {
                    self.found[*other] -= times;
                }
            }
        }
    }
}
