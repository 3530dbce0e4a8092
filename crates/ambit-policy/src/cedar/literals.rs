//! The constants that a policy's condition names.

use ambit_core::Steps;

use super::code::{Header, Op, operands};
use super::program::Policy;

/// An integer or a text in a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literal<'a> {
    /// An integer.
    Long(i64),
    /// A string, or the identifier of an entity.
    Text(&'a str),
}

impl<'a> Policy<'_, 'a> {
    /// The constants of the condition, in the order in which they stand there. Costs a step a node, and
    /// ends when there are none.
    pub fn literals<'s>(self, steps: &'s Steps) -> impl Iterator<Item = Literal<'a>> + 's
    where
        Self: 's,
    {
        let code = self.code();
        let start = self.condition();
        let header = move |at: usize| Header::unpack(code.get(at)?);
        let whole = start.and_then(|at| Some(at..at.checked_add(header(at)?.words)?));
        let core::ops::Range { start: mut at, end } = whole.unwrap_or_default();
        core::iter::from_fn(move || {
            while at < end && steps.take(1) {
                let op = header(at)?.op;
                let operand = at.checked_add(1)?;
                at = operand.checked_add(operands(op, code.get(operand))?)?;
                let found = match op {
                    Op::Long => code.long(operand).map(Literal::Long),
                    Op::Str => self.text_of(code.index(operand)?).map(Literal::Text),
                    Op::Entity => self.identifier_of(code.index(operand)?).map(Literal::Text),
                    _ => None,
                };
                if found.is_some() {
                    return found;
                }
            }
            None
        })
    }
}
