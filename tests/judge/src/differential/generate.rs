//! Random expressions of a wanted type.

use super::data::Val;
use super::dice::Dice;
use super::expr::Expr;
use super::near;
use super::paths::{self, Path, Witness};
use super::schema::{Attr, Ty};
use super::{atoms, wild};

/// Makes expressions for one policy.
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    /// Chance.
    pub dice: &'a mut Dice,
    /// The request that conditions are aimed at.
    pub witness: &'a Witness<'a>,
    /// What can be read.
    pub paths: Vec<Path>,
    /// The checks that the expression in the making needs before it.
    pub guards: Vec<Expr>,
    /// In hundred: how often an operand gets any type, where nothing need fit.
    pub wildness: u32,
}

impl<'a> Generator<'a> {
    /// A generator of expressions that are true, or nearly, for the witness.
    pub(crate) fn new(dice: &'a mut Dice, witness: &'a Witness<'a>) -> Self {
        let paths = paths::all(witness, dice);
        // Half of the untyped policies are almost right: a fault in one of many operands is what
        // shows in which order they are evaluated.
        let wildness = match witness.world.typed {
            true => 0,
            false => dice.of(&[0, 3, 8, 20]),
        };
        Self {
            dice,
            witness,
            paths,
            guards: Vec::new(),
            wildness,
        }
    }

    /// A condition, with the checks that it needs.
    pub(crate) fn condition(&mut self, depth: usize) -> Expr {
        let outer = std::mem::take(&mut self.guards);
        let atom = if depth == 0 || self.dice.chance(35) {
            atoms::atom(self, depth)
        } else {
            self.connective(depth)
        };
        let guards = std::mem::replace(&mut self.guards, outer);
        self.guarded(guards, atom)
    }

    fn guarded(&mut self, guards: Vec<Expr>, atom: Expr) -> Expr {
        let mut needed: Vec<Expr> = Vec::new();
        for guard in guards {
            if !needed.contains(&guard) {
                needed.push(guard);
            }
        }
        if !self.witness.world.typed && self.dice.chance(30) {
            needed.clear();
        }
        if needed.is_empty() {
            return atom;
        }
        // Right to left, so that the chain is evaluated in the order of the checks.
        let check = needed
            .into_iter()
            .reduce(Expr::and)
            .unwrap_or(Expr::bool(true));
        match self.dice.below(10) {
            0 => check.then(atom, Expr::bool(false)),
            1 => check.then(atom, Expr::bool(true)),
            _ => check.and(atom),
        }
    }

    fn connective(&mut self, depth: usize) -> Expr {
        match self.dice.weighted(&[(4, 0), (3, 1), (2, 2), (1, 3)]) {
            0 => self.condition(depth - 1).and(self.condition(depth - 1)),
            1 => Expr::binary("||", self.condition(depth - 1), self.condition(depth - 1)),
            2 => Expr::unary("!", self.condition(depth - 1)),
            _ => {
                let condition = self.condition(depth - 1);
                condition.then(self.condition(depth - 1), self.condition(depth - 1))
            }
        }
    }

    /// An expression of a type.
    pub(crate) fn of(&mut self, ty: &Ty, depth: usize) -> Expr {
        if self.dice.chance(self.wildness) {
            return wild::operand(self, depth);
        }
        if self.witness.world.typed && !ty.has_literal() {
            // Only what the request carries has such a type.
            return match self.path(|path| path == ty) {
                Some(path) => self.read(path),
                None => self.literal(ty),
            };
        }
        match self
            .dice
            .weighted(&[(50, 0), (25, 1), (if depth > 0 { 35 } else { 0 }, 2)])
        {
            0 => match self.path(|path| path == ty) {
                Some(path) => self.read(path),
                None => self.literal(ty),
            },
            1 => self.literal(ty),
            _ => self.composite(ty, depth - 1),
        }
    }

    /// A random place whose type is wanted.
    pub(crate) fn path(&mut self, wanted: impl Fn(&Ty) -> bool) -> Option<Path> {
        let fitting: Vec<&Path> = self.paths.iter().filter(|path| wanted(&path.ty)).collect();
        // What the witness has not got is rarely of use.
        let there: Vec<&Path> = fitting
            .iter()
            .copied()
            .filter(|path| path.value.is_some())
            .collect();
        let most = if there.is_empty() || self.dice.chance(8) {
            fitting
        } else {
            there
        };
        self.dice.pick(&most).map(|path| (*path).clone())
    }

    /// Reads a place, after its checks.
    pub(crate) fn read(&mut self, path: Path) -> Expr {
        self.guards.extend(path.guards);
        path.expr
    }

    /// A literal of the type, however deep.
    pub(crate) fn literal(&mut self, ty: &Ty) -> Expr {
        let value = self.witness.world.scalar(self.dice, ty);
        self.spell(value)
    }

    /// A value as an expression: extension values are calls, and sets or records of them have to
    /// be built.
    pub(crate) fn spell(&mut self, value: Val) -> Expr {
        match value {
            Val::Ext(function, text, _) => Expr::Call(function, vec![Expr::Lit(Val::Str(text))]),
            Val::Call(function, args) => {
                let args = args.into_iter().map(|arg| self.spell(arg)).collect();
                Expr::Call(function, args)
            }
            Val::Set(items) => {
                // Strict validation refuses the empty set, since it has no type.
                let items = items.into_iter().map(|item| self.spell(item)).collect();
                Expr::Set(items)
            }
            Val::Record(members) => {
                let mut members: Vec<(String, Expr)> = members
                    .into_iter()
                    .map(|(name, value)| (name, self.spell(value)))
                    .collect();
                self.dice.shuffle(&mut members);
                Expr::Record(members)
            }
            other => Expr::Lit(other),
        }
    }

    fn composite(&mut self, ty: &Ty, depth: usize) -> Expr {
        if self.dice.chance(12) {
            let condition = self.condition(depth.min(1));
            return condition.then(self.of(ty, depth), self.of(ty, depth));
        }
        if self.dice.chance(8) {
            let mut members = vec![("a".to_owned(), self.of(ty, depth))];
            if self.dice.chance(50) {
                let other = self.witness.world.any_type(self.dice);
                members.push(("b".to_owned(), self.of(&other, depth)));
            }
            self.dice.shuffle(&mut members);
            return Expr::Record(members).get("a");
        }
        match ty {
            Ty::Bool => self.condition(depth),
            Ty::Long => self.long(depth),
            Ty::Ext("datetime") => self.datetime(depth),
            Ty::Ext("duration") => self.duration(depth),
            Ty::Set(element) => {
                let count = self.dice.between(1, 3);
                Expr::Set((0..count).map(|_| self.of(element, depth)).collect())
            }
            Ty::Record(attrs) => self.record(attrs, depth),
            _ => self.of(ty, depth),
        }
    }

    fn record(&mut self, attrs: &[Attr], depth: usize) -> Expr {
        let members = attrs
            .iter()
            .map(|attr| (attr.name.clone(), self.of(&attr.ty, depth)));
        let mut members: Vec<_> = members.collect();
        self.dice.shuffle(&mut members);
        Expr::Record(members)
    }

    fn long(&mut self, depth: usize) -> Expr {
        const PARTS: [&str; 5] = [
            "toMilliseconds",
            "toSeconds",
            "toMinutes",
            "toHours",
            "toDays",
        ];
        match self
            .dice
            .weighted(&[(3, 0), (3, 1), (3, 2), (2, 3), (4, 4)])
        {
            0 => Expr::binary("+", self.of(&Ty::Long, depth), self.of(&Ty::Long, depth)),
            1 => Expr::binary("-", self.of(&Ty::Long, depth), self.of(&Ty::Long, depth)),
            2 => Expr::binary("*", self.of(&Ty::Long, depth), self.of(&Ty::Long, depth)),
            3 => Expr::unary("neg", self.of(&Ty::Long, depth)),
            _ => {
                let duration = self.of(&Ty::Ext("duration"), depth);
                Expr::Call(self.dice.of(&PARTS), vec![duration])
            }
        }
    }

    fn datetime(&mut self, depth: usize) -> Expr {
        let date = self.of(&Ty::Ext("datetime"), depth);
        if self.dice.chance(50) {
            return Expr::Call("toDate", vec![date]);
        }
        let duration = self.of(&Ty::Ext("duration"), depth);
        Expr::Call("offset", vec![date, duration])
    }

    fn duration(&mut self, depth: usize) -> Expr {
        let date = self.of(&Ty::Ext("datetime"), depth);
        if self.dice.chance(50) {
            return Expr::Call("toTime", vec![date]);
        }
        let since = self.of(&Ty::Ext("datetime"), depth);
        Expr::Call("durationSince", vec![date, since])
    }

    /// A left operand and one that is near it, so that comparisons are close.
    pub(crate) fn pair(&mut self, ty: &Ty, depth: usize) -> (Expr, Expr) {
        let known = self
            .path(|path| path == ty)
            .filter(|path| path.value.is_some());
        let (Some(path), true) = (known, self.dice.chance(70)) else {
            return (self.of(ty, depth), self.of(ty, depth));
        };
        let near = match &path.value {
            Some(value) => near::near(self.witness.world, self.dice, ty, value),
            None => self.witness.world.scalar(self.dice, ty),
        };
        let right = self.near_literal(ty, near);
        let left = self.read(path);
        if self.dice.chance(25) {
            (right, left)
        } else {
            (left, right)
        }
    }

    /// A literal that may be what strict validation refuses is replaced.
    fn near_literal(&mut self, ty: &Ty, value: Val) -> Expr {
        if self.witness.world.typed && (has_no_literal(&value) || !ty.has_literal()) {
            if let Some(path) = self.path(|path| path == ty) {
                return self.read(path);
            }
            return self.literal(ty);
        }
        self.spell(value)
    }
}

/// Empty sets have no type that strict validation could know, and records lack optional members.
pub(crate) fn has_no_literal(value: &Val) -> bool {
    match value {
        Val::Set(items) => items.is_empty() || items.iter().any(has_no_literal),
        Val::Record(members) => members.values().any(has_no_literal),
        _ => false,
    }
}
