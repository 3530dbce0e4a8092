//! Loads and stores say how their addresses are aligned. It is a hint, which the engines of browsers do not ask
//! for, and it makes what is alike look different.

use walrus::Module;
use walrus::ir::{Instr, InstrLocId, VisitorMut, dfs_pre_order_mut};

/// Promises nothing of any address.
pub(crate) fn forget_alignment(module: &mut Module) {
    for (_, function) in module.funcs.iter_local_mut() {
        let start = function.entry_block();
        dfs_pre_order_mut(&mut Forget, function, start);
    }
}

struct Forget;

impl VisitorMut for Forget {
    fn visit_instr_mut(&mut self, instruction: &mut Instr, _: &mut InstrLocId) {
        match instruction {
            Instr::Load(load) => load.arg.align = 1,
            Instr::Store(store) => store.arg.align = 1,
            _ => (),
        }
    }
}
