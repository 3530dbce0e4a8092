//! Coverage: what of a policy some case has touched, from which side, and what none has.
//!
//! Guard rails are looked at by [`ambit_compiler::probe`]: the evaluator itself says which of their
//! conditions a request satisfies. Manifest entries are matched by the code that the evaluator matches them
//! with. Where the two disagree with the answer, that is a fault of ours, and said.

mod entries;
mod rails;

use ambit_compiler::{CompileError, Project};

use crate::cases::Case;
use crate::run::{Bench, Outcome};
use entries::Entries;
use rails::Rails;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A guard rail: whether it was satisfied, and not.
    Policy,
    /// A condition in one: whether it held, and not.
    Condition,
    /// A step-up that a `forbid`, a `requires` or a `consent` names: whether a denial asked for it.
    StepUp,
    /// A capability of a manifest: whether it was used.
    Capability,
    /// A bound on an argument in one: whether it held, and not.
    Constraint,
    /// A budget in one: whether there was room, and not.
    Limit,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Policy,
        Self::Condition,
        Self::StepUp,
        Self::Capability,
        Self::Constraint,
        Self::Limit,
    ];

    /// Its name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Condition => "condition",
            Self::StepUp => "step_up",
            Self::Capability => "capability",
            Self::Constraint => "constraint",
            Self::Limit => "limit",
        }
    }

    /// Its name for people, for several.
    #[must_use]
    pub const fn many(self) -> &'static str {
        match self {
            Self::Policy => "policies",
            Self::Condition => "conditions",
            Self::StepUp => "step-ups",
            Self::Capability => "capabilities",
            Self::Constraint => "constraints",
            Self::Limit => "limits",
        }
    }
}

/// One thing that an author wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub part: Part,
    /// What it is called: ``forbid `large` ``.
    pub name: String,
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The sides from which it is to be seen.
    pub sides: Vec<Side>,
    /// The policy or capability that it is a part of, by its place in the list.
    pub within: Option<usize>,
    /// Whether a case came to it at all.
    pub reached: bool,
}

/// A side of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// What is to be seen, so that "never …" says that it was not: `satisfied`.
    pub name: &'static str,
    /// How many cases have seen it.
    pub cases: usize,
}

impl Item {
    fn new(part: Part, name: String, file: &str, line: usize, sides: &[&'static str]) -> Self {
        let side = |name: &&'static str| Side { name, cases: 0 };
        Self {
            part,
            name,
            file: file.to_owned(),
            line,
            sides: sides.iter().map(side).collect(),
            within: None,
            reached: false,
        }
    }

    const fn part_of(mut self, whole: usize) -> Self {
        self.within = Some(whole);
        self
    }

    fn see(&mut self, side: &str) {
        self.reached = true;
        for one in self.sides.iter_mut().filter(|one| one.name == side) {
            one.cases += 1;
        }
    }

    /// What is lacking, in words: `never true`.
    #[must_use]
    pub fn lacks(&self) -> String {
        let unseen: Vec<&str> = self.unseen().collect();
        match (self.part, unseen.as_slice()) {
            (Part::Policy, ["unsatisfied"]) => "always satisfied".to_owned(),
            (Part::Policy, [_, _]) => "no case comes to it".to_owned(),
            (_, unseen) => format!("never {}", unseen.join(", never ")),
        }
    }

    /// The sides that no case has seen.
    pub fn unseen(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.sides
            .iter()
            .filter(|side| side.cases == 0)
            .map(|side| side.name)
    }
}

/// What the cases of a run have touched.
#[derive(Debug)]
pub struct Coverage {
    items: Vec<Item>,
    rails: Rails,
    entries: Entries,
}

/// How many sides of something are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that a case has seen.
    pub seen: usize,
    /// All of them.
    pub all: usize,
}

impl Coverage {
    /// Nothing is touched yet.
    ///
    /// # Errors
    ///
    /// Those that `ambit_compiler::probe` made.
    pub fn new(project: &Project, bench: &Bench) -> Result<Self, CompileError> {
        let mut items = Vec::new();
        let rails = Rails::new(project, bench, &mut items)?;
        let entries = Entries::new(project, &bench.bundle(), &mut items);
        Ok(Self {
            items,
            rails,
            entries,
        })
    }

    /// Adds what a case touches.
    ///
    /// # Errors
    ///
    /// `coverage.disagrees` where what is seen here and the answer are not of one mind: a fault of ours.
    pub fn add(
        &mut self,
        bench: &Bench,
        case: &Case,
        outcome: &Outcome,
    ) -> Result<(), CompileError> {
        let request = outcome.request.json.to_string();
        self.rails
            .add(case, outcome, request.as_bytes(), &mut self.items)?;
        self.entries.add(
            &bench.bundle(),
            outcome,
            request.as_bytes(),
            &mut self.items,
        )
    }

    /// Everything that is counted, each policy and capability before its parts.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How many sides of one kind of thing are seen.
    #[must_use]
    pub fn count(&self, part: Part) -> Count {
        let sides = self.items.iter().filter(|item| item.part == part);
        sides
            .flat_map(|item| &item.sides)
            .fold(Count::default(), |count, side| Count {
                seen: count.seen + usize::from(side.cases > 0),
                all: count.all + 1,
            })
    }

    /// How many sides are seen in all.
    #[must_use]
    pub fn total(&self) -> Count {
        Part::ALL
            .into_iter()
            .map(|part| self.count(part))
            .fold(Count::default(), |sum, one| Count {
                seen: sum.seen + one.seen,
                all: sum.all + one.all,
            })
    }

    /// What no case touches, or not from all sides. What follows from another hole is not named as well: the
    /// parts of what no case came to.
    pub fn holes(&self) -> impl Iterator<Item = &Item> {
        let holes = self
            .items
            .iter()
            .filter(|item| item.unseen().next().is_some());
        holes.filter(|item| {
            let Some(whole) = item.within.and_then(|whole| self.items.get(whole)) else {
                return true;
            };
            let applied = whole.sides.first().is_some_and(|side| side.cases > 0);
            match item.part {
                // One before it always stopped there.
                Part::Condition => item.reached,
                Part::StepUp => applied,
                _ => whole.reached,
            }
        })
    }
}

impl Count {
    /// The part that is seen, in percent, rounded down; of nothing, all is seen.
    #[must_use]
    pub const fn percent(self) -> usize {
        match self.all {
            0 => 100,
            all => self.seen * 100 / all,
        }
    }
}

fn disagrees(case: &str, what: &str) -> CompileError {
    CompileError {
        code: "coverage.disagrees",
        message: format!("the case `{case}`: {what}; please report this with the project"),
    }
}
