//! What one policy allows and another does not.

mod declared;
mod plain;

use std::collections::BTreeSet;

use ambit_core::json::{Json, Writer};
use ambit_workbench::cases::{Case, Expect};
use cedar_policy::{PolicySet, RequestEnv, Schema};
use serde_json::Value;

use crate::entry::{Entry, Reading};
use crate::expr::{self, Expr};
use crate::facts::{self, Heard};
use crate::image::OwnEntity;
use crate::policy::{Beside, Policy, Question, set};
use crate::solver::{Found, Solver, fits};
use crate::witness::{Judge, case};
use crate::{ProveError, shrink};
use declared::Theirs;
pub use plain::Plain;

/// What differs between two policies.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// What one allows and the other does not.
    pub changes: Vec<Change>,
    /// Where the solver could not say whether there is such a request, and why.
    pub undecided: Vec<Undecided>,
    /// What differs beside that, in words.
    pub plain: Vec<Plain>,
}

/// A question that was not answered.
#[derive(Clone, Debug)]
pub struct Undecided {
    /// Whether it is what the new policy alone allows.
    pub newly_allowed: bool,
    /// The question, and why.
    pub text: String,
}

/// Requests that one of two policies allows.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whether it is the new one.
    pub newly_allowed: bool,
    /// The agent class.
    pub agent: String,
    /// Action, power and resource.
    pub question: String,
    /// One of them, as both evaluators confirmed.
    pub case: Case,
    /// What the policy that denies it says: a reason's code.
    pub code: String,
}

/// Both sides of a question.
struct Sides {
    entries: Vec<Entry>,
    others: Vec<Entry>,
    /// Whoever an entry of either names.
    everyone: BTreeSet<String>,
    /// Where the second has all arguments that it needs.
    has: Expr,
    second: PolicySet,
    /// Why finding nothing says nothing.
    doubt: Option<String>,
    env: RequestEnv,
    schema: Schema,
}

/// Compares two policies over all requests, at whatever time.
///
/// # Errors
///
/// `prove.solver` where the solver fails.
pub fn diff(
    solver: &mut Solver,
    old: &Policy,
    new: &Policy,
    progress: &mut dyn FnMut(&str),
) -> Result<Difference, ProveError> {
    let (old, new) = (old.clone().at_any_time(), new.clone().at_any_time());
    let mut found = Difference {
        plain: plain::compare(&old.bundle(), &new.bundle()),
        ..Difference::default()
    };
    own_entities(&old, &new, &mut found.plain);
    for newly_allowed in [true, false] {
        let (first, second) = match newly_allowed {
            true => (&new, &old),
            false => (&old, &new),
        };
        let pair = Pair::new(first, second, newly_allowed)?;
        pair.compare(solver, &mut found, progress)?;
    }
    Ok(found)
}

/// What the first policy allows and the second does not, looked for.
pub(crate) struct Pair<'p> {
    first: &'p Policy,
    second: &'p Policy,
    newly_allowed: bool,
    schema: Schema,
    /// Whether guard rails, schemas and entities are the same in both.
    same_rails: bool,
    /// What both know of entities.
    judges: [Judge<'p>; 2],
}

const DIFFERENTLY: &str = "the two policies declare it differently: {}";

/// What a question came to.
pub(crate) enum Step {
    Nothing,
    Change(Box<Change>),
    Undecided(String),
}

impl<'p> Pair<'p> {
    pub(crate) fn new(
        first: &'p Policy,
        second: &'p Policy,
        newly_allowed: bool,
    ) -> Result<Self, ProveError> {
        let rules = |policy: &Policy| -> Vec<(bool, Expr)> {
            let rules = policy.image.rules.iter();
            rules
                .map(|rule| (rule.forbids, rule.condition.clone()))
                .collect()
        };
        let same_rails = rules(first) == rules(second)
            && first.image_schema() == second.image_schema()
            && first.own() == second.own();
        Ok(Self {
            schema: first.schema(core::iter::empty())?,
            judges: [Judge::of(first), Judge::of(second)],
            first,
            second,
            newly_allowed,
            same_rails,
        })
    }

    fn compare(
        &self,
        solver: &mut Solver,
        found: &mut Difference,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), ProveError> {
        let bundle = self.first.bundle();
        let actions: Vec<String> = bundle.actions().map(|(name, _)| name.to_owned()).collect();
        for agent in self.first.agents() {
            for question in self.first.calls(&actions, &ambit_core::Power::ALL) {
                progress(&format!("{agent}, {question}"));
                match self.step(solver, &agent, &question)? {
                    Step::Nothing => {}
                    Step::Change(change) => found.changes.push(*change),
                    Step::Undecided(why) => found.undecided.push(Undecided {
                        newly_allowed: self.newly_allowed,
                        text: format!("{agent}, {question}: {why}"),
                    }),
                }
            }
        }
        Ok(())
    }

    /// One question.
    pub(crate) fn step(
        &self,
        solver: &mut Solver,
        agent: &str,
        question: &Question,
    ) -> Result<Step, ProveError> {
        let same_kind = self.first.resource_type(question) == self.second.resource_type(question);
        if self.same_rails && same_kind && self.same_grants(agent, question) {
            return Ok(Step::Nothing);
        }
        let asked = match self.sides(agent, question, same_kind)? {
            Ok(asked) => asked,
            Err(answered) => return Ok(answered),
        };
        let nothing = || match &asked.doubt {
            Some(why) => Step::Undecided(DIFFERENTLY.replace("{}", why)),
            None => Step::Nothing,
        };
        let mut why = String::new();
        for reading in [Reading::Over, Reading::Under] {
            let first = self.only_first(agent, question, &asked, reading)?;
            if let Err(why) = fits(&first, &asked.env, &asked.schema) {
                return Ok(Step::Undecided(DIFFERENTLY.replace("{}", &why)));
            }
            let found = solver.allowed_only_by(&first, &asked.second, &asked.env, &asked.schema)?;
            let (request, entities) = match found {
                Found::Nothing if reading == Reading::Over => return Ok(nothing()),
                Found::Nothing => continue,
                Found::Unknown(why) => return Ok(Step::Undecided(why)),
                Found::Request(found) => *found,
            };
            let side = if self.newly_allowed {
                "allowed"
            } else {
                "denied"
            };
            let name = format!("newly {side}: {agent}, {question}");
            let Some(case) = case(&name, agent, question, self.first, &request, &entities) else {
                why = "what the solver found cannot be written as a request".to_owned();
                continue;
            };
            match self.shows(&case) {
                Ok(_) => return Ok(Step::Change(Box::new(self.change(agent, question, case)))),
                Err(reason) => why = reason,
            }
        }
        if let undecided @ Step::Undecided(_) = nothing() {
            return Ok(undecided);
        }
        Ok(Step::Undecided(format!(
            "the request that was found shows nothing: {why}"
        )))
    }

    /// What a question is to be asked with, or its answer where nothing is to be asked.
    fn sides(
        &self,
        agent: &str,
        question: &Question,
        same_kind: bool,
    ) -> Result<Result<Sides, Step>, ProveError> {
        let entries = self.first.entries(agent, question);
        let env = self.first.environment(&self.schema, question);
        let Some(env) = env.filter(|_| !entries.is_empty()) else {
            return Ok(Err(Step::Nothing));
        };
        let others = self.second.entries(agent, question);
        let named = entries.iter().chain(&others).flat_map(|entry| &entry.named);
        let everyone: BTreeSet<String> = named.cloned().collect();
        let schema = self.first.schema(entries.iter().chain(&others))?;
        let theirs = declared::compare(self.first, self.second, question);
        let theirs = match theirs.filter(|_| same_kind && !others.is_empty()) {
            Some(Theirs::Otherwise(why)) => {
                return Ok(Err(Step::Undecided(DIFFERENTLY.replace("{}", &why))));
            }
            Some(Theirs::Known { has, lacks }) => Some((has, lacks)),
            None => None,
        };
        let has = theirs
            .as_ref()
            .map_or_else(|| expr::truth(true), |(has, _)| has.clone());
        let second = match self.set_of_second(agent, question, &others, theirs, &env, &schema) {
            Ok(second) => second,
            Err(why) => return Ok(Err(Step::Undecided(why))),
        };
        let doubt = second
            .as_ref()
            .and_then(|_| declared::shapes(self.first, self.second, question));
        Ok(Ok(Sides {
            entries,
            // Of a policy that allows nothing there is nothing to be said.
            others: if second.is_some() { others } else { Vec::new() },
            everyone,
            has,
            second: second.map_or_else(|| set(&Value::Null), Ok)?,
            doubt,
            env,
            schema,
        }))
    }

    /// What the first allows, of requests of which is known what the entries of both say.
    fn only_first(
        &self,
        agent: &str,
        question: &Question,
        asked: &Sides,
        reading: Reading,
    ) -> Result<PolicySet, ProveError> {
        let of_second = expr::all([
            facts::of_rough(asked.others.iter(), reading),
            facts::linked(&asked.others, &asked.everyone),
        ]);
        let beside = Beside {
            condition: &expr::truth(true),
            more: &expr::all([
                facts::of_rough(asked.entries.iter(), reading),
                expr::where_true(&asked.has, of_second),
            ]),
            heard: Heard::All(&asked.everyone),
        };
        set(&self.first.allowed(agent, question, &asked.entries, &beside))
    }

    fn change(&self, agent: &str, question: &Question, case: Case) -> Change {
        let mut case = shrink::shrink(case, &mut |case| self.shows(case).is_ok());
        let code = self.shows(&case).unwrap_or_default();
        if !self.newly_allowed {
            case.expect = Expect::Deny;
        }
        Change {
            newly_allowed: self.newly_allowed,
            agent: agent.to_owned(),
            question: question.to_string(),
            case,
            code,
        }
    }

    /// The other policy about the same request, `None` if it allows nothing; why it cannot be asked, where it declares things otherwise.
    fn set_of_second(
        &self,
        agent: &str,
        question: &Question,
        entries: &[Entry],
        theirs: Option<(Expr, Expr)>,
        env: &RequestEnv,
        schema: &Schema,
    ) -> Result<Option<PolicySet>, String> {
        let Some((has, lacks)) = theirs else {
            return Ok(None);
        };
        let nothing = expr::truth(true);
        let beside = Beside {
            condition: &nothing,
            more: &lacks,
            heard: Heard::Linked,
        };
        let mut policies = self.second.allowed(agent, question, entries, &beside);
        facts::elsewhere(&mut policies);
        expr::behind(&mut policies, &has);
        let policies = set(&policies).map_err(|error| error.message)?;
        fits(&policies, env, schema).map_err(|why| DIFFERENTLY.replace("{}", &why))?;
        Ok(Some(policies))
    }

    /// Whether both manifests say the same, and the action is declared the same.
    fn same_grants(&self, agent: &str, question: &Question) -> bool {
        let text = |policy: &Policy| {
            let bundle = policy.bundle();
            let root = bundle.root();
            let member = |table: &str, name: &str| {
                let mut out = Writer::default();
                out.json(
                    root.get(table)
                        .and_then(|table| table.get(name))
                        .unwrap_or(Json::null()),
                );
                out.finish()
            };
            (
                member("manifests", agent),
                member("actions", &question.action),
            )
        };
        text(self.first) == text(self.second)
    }

    /// Whether the one evaluator allows the request and the other denies it: with which reason.
    fn shows(&self, case: &Case) -> Result<String, String> {
        let [first, second] = &self.judges;
        let verdict = first.ask(case)?;
        if !verdict.allowed {
            return Err(format!(
                "the one evaluator denies it ({}: {})",
                verdict.code, verdict.admin
            ));
        }
        match second.ask(case) {
            Ok(verdict) if verdict.allowed => Err("both evaluators allow it".to_owned()),
            Ok(verdict) => Ok(verdict.code),
            // Without a manifest there is no token for the agent.
            Err(_) if self.second.bundle().manifest(&case.scope.agent).is_none() => {
                Ok("manifest.none".to_owned())
            }
            Err(why) => Err(why),
        }
    }
}

/// Entities that one policy has and the other has not, or describes otherwise: of requests that leave their
/// description to the policy the solver knows nothing.
fn own_entities(old: &Policy, new: &Policy, found: &mut Vec<Plain>) {
    let lacking = |all: &[OwnEntity], others: &[OwnEntity]| -> Vec<String> {
        let missing = all.iter().filter(|one| !others.contains(one));
        missing
            .map(|one| format!("{}::{:?}", one.kind, one.id))
            .collect()
    };
    let mut names = lacking(old.own(), new.own());
    names.extend(lacking(new.own(), old.own()));
    names.sort_unstable();
    names.dedup();
    found.extend(
        names
            .into_iter()
            .map(|name| Plain::wider(format!("`entities.json` describes {name} otherwise"))),
    );
}
