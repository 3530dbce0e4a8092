//! All policies that can matter, evaluated.

use alloc::vec::Vec;

use ambit_core::Steps;

use super::fault::{ErrorKind, Halt, Stop};
use super::index::Search;
use super::machine::Machine;
use super::program::Program;
use super::request::Input;

/// What the policies of a program say to a request. Policies are named by their numbers, in
/// ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The `permit` policies that are satisfied.
    pub permits: Vec<usize>,
    /// The `forbid` policies that are satisfied.
    pub forbids: Vec<usize>,
    /// The policies that have no value, and why.
    pub errors: Vec<(usize, ErrorKind)>,
}

impl Verdict {
    /// Cedar's own decision: a permit is satisfied and no forbid is. Erring policies count as not
    /// there.
    #[must_use]
    pub const fn allows(&self) -> bool {
        self.forbids.is_empty() && !self.permits.is_empty()
    }

    /// The policies that determine Cedar's own decision: the satisfied forbids, else the satisfied
    /// permits.
    #[must_use]
    pub const fn determining(&self) -> &Vec<usize> {
        if self.forbids.is_empty() {
            &self.permits
        } else {
            &self.forbids
        }
    }
}

/// Which policies are looked at. Both ways give the same verdict; one is faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those that the index finds.
    Index,
    /// All, one after another: the judge of the index.
    Scan,
}

impl<'a> Program<'a> {
    /// Evaluates the policies for a request.
    ///
    /// # Errors
    ///
    /// [`Halt`] when the steps run out, or the program is not sound: there is no decision then.
    pub fn authorize(
        &'a self,
        input: &Input<'a>,
        steps: &Steps,
        selection: Selection,
    ) -> Result<Verdict, Halt> {
        let machine = Machine::new(self, input, steps);
        let mut verdict = Verdict::default();
        if selection == Selection::Scan {
            for number in 0..self.policies() {
                self.judge(&machine, number, &mut verdict)?;
            }
        } else {
            for number in Search::run(&machine)? {
                self.judge(&machine, number, &mut verdict)?;
            }
        }
        // Also where the input was read with the same budget, and not in full.
        if steps.exhausted() {
            return Err(Halt::Steps);
        }
        Ok(verdict)
    }

    fn judge(
        &self,
        machine: &Machine<'_, 'a>,
        number: usize,
        verdict: &mut Verdict,
    ) -> Result<(), Halt> {
        let policy = self.policy(number).ok_or(Halt::Program)?;
        let condition = policy.condition().ok_or(Halt::Program)?;
        match machine.truth(condition, 0) {
            Ok(false) => {}
            Ok(true) if policy.forbids() => verdict.forbids.push(number),
            Ok(true) => verdict.permits.push(number),
            Err(Stop::Error(kind)) => verdict.errors.push((number, kind)),
            Err(Stop::Halt(halt)) => return Err(halt),
        }
        Ok(())
    }
}
