//! Properties: what holds for every request.

use ambit_workbench::cases::{Case, Claim, Property};
use cedar_policy::{Policy as CedarPolicy, PolicySet, RequestEnv, Schema};
use serde_json::{Value, json};

use crate::diff::{Pair, Step};
use crate::entry::Reading;
use crate::expr::{self, Expr};
use crate::facts;
use crate::policy::{Beside, Policy, Question, set};
use crate::solver::{Found, Solver};
use crate::witness::{Judge, case};
use crate::{ProveError, shrink};

/// What came of a property.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it holds.
    pub verdict: Verdict,
    /// What else there is to say.
    pub notes: Vec<String>,
}

/// Whether a property holds.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It does, for every request.
    Holds,
    /// It does not: in words, and the request that shows it, where one does.
    Fails(String, Option<Box<Case>>),
    /// The solver could not say, or what it found is no request that the evaluator allows.
    Undecided(String),
}

impl Verdict {
    /// Its name for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails(..) => "fails",
            Self::Undecided(_) => "undecided",
        }
    }
}

/// Proves a property of a policy. `since` reads another policy that a property names by its path, and
/// `progress` is told what is looked at.
///
/// # Errors
///
/// `prove.expression` for an expression that fits no action, `prove.solver` where the solver fails.
pub fn prove(
    solver: &mut Solver,
    policy: &Policy,
    property: &Property,
    since: &mut dyn FnMut(&str) -> Result<Policy, ProveError>,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome, ProveError> {
    let (kind, expression) = match &property.claim {
        Claim::LifeAtMost(seconds) => return Ok(life(policy, property, *seconds)),
        Claim::NothingNewSince { path, .. } => {
            let old = since(path)?.at_any_time();
            return nothing_new(solver, &old, policy, property, progress);
        }
        Claim::Never(expression) => (Kind::Never, expression),
        Claim::Always(expression) => (Kind::Always, expression),
        Claim::Possible(expression) => (Kind::Possible, expression),
    };
    let condition = condition(&expression.text)?;
    let mut search = Search {
        solver,
        policy,
        schema: policy.schema(core::iter::empty())?,
        name: &property.name,
        kind,
        judge: Judge::of(policy),
        by_condition: Judge::of_condition(policy, &condition),
        condition,
    };
    search.run(property, progress)
}

/// Whatever the policy allows, the old one allowed.
fn nothing_new(
    solver: &mut Solver,
    old: &Policy,
    policy: &Policy,
    property: &Property,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome, ProveError> {
    let new = policy.clone().at_any_time();
    let pair = Pair::new(&new, old, true)?;
    let (mut shown, mut others, mut unknown) = (None, Vec::new(), Vec::new());
    for agent in &property.agents {
        for question in new.calls(&property.actions, &property.powers) {
            let label = format!("{agent}, {question}");
            progress(&label);
            match pair.step(solver, agent, &question)? {
                Step::Nothing => {}
                Step::Undecided(why) => unknown.push(format!("{label}: {why}")),
                Step::Change(_) if shown.is_some() => others.push(label),
                Step::Change(change) => shown = Some((label, change.case)),
            }
        }
    }
    let mut notes = Vec::new();
    if !others.is_empty() {
        notes.push(format!("the same for {}", others.join("; ")));
    }
    let verdict = match shown {
        Some((label, mut case)) => {
            case.name.clone_from(&property.name);
            let what = format!("a request is allowed that was not: {label}");
            Verdict::Fails(what, Some(Box::new(case)))
        }
        None if unknown.is_empty() => Verdict::Holds,
        None => Verdict::Undecided(unknown.join("; ")),
    };
    Ok(Outcome { verdict, notes })
}

/// A token lives as long as the manifest and the policy's limits let it.
fn life(policy: &Policy, property: &Property, most: i64) -> Outcome {
    let bundle = policy.bundle();
    let limit = bundle.limits().root_life_seconds;
    let lives = property.agents.iter().map(|agent| {
        let manifest = bundle.manifest(agent);
        let own = manifest.and_then(|manifest| manifest.max_life_seconds());
        (agent, own, own.map_or(limit, |own| own.min(limit)))
    });
    let longest = lives.max_by_key(|(_, _, life)| *life);
    let verdict = match longest {
        Some((agent, own, life)) if life > most => {
            let by = match own {
                Some(_) => "its `max_life_seconds` and the policy's `root_life_seconds` allow",
                None => {
                    "its manifest has no `max_life_seconds`, and the policy's `root_life_seconds` allows"
                }
            };
            Verdict::Fails(
                format!("a token for `{agent}` may live {life} s: {by} that"),
                None,
            )
        }
        _ => Verdict::Holds,
    };
    Outcome {
        verdict,
        notes: Vec::new(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Never,
    Always,
    Possible,
}

/// An expression of a property in Cedar's JSON form.
fn condition(text: &str) -> Result<Expr, ProveError> {
    let unusable = |error: String| ProveError::new("prove.expression", error);
    let source = format!("permit (principal, action, resource) when {{ {text}\n}};");
    let policy = CedarPolicy::parse(None, source).map_err(|error| unusable(error.to_string()))?;
    let json = policy
        .to_json()
        .map_err(|error| unusable(error.to_string()))?;
    let body = json.pointer("/conditions/0/body").cloned();
    body.ok_or_else(|| unusable("the expression has no value".to_owned()))
}

/// One property, looked for a request that settles it.
struct Search<'s> {
    solver: &'s mut Solver,
    policy: &'s Policy,
    schema: Schema,
    name: &'s str,
    kind: Kind,
    condition: Expr,
    judge: Judge<'s>,
    /// Says whether a request satisfies the condition.
    by_condition: Result<Judge<'s>, ProveError>,
}

/// What a question came to.
enum Settled {
    Nothing,
    Shown(Box<Case>),
    Unknown(String),
}

impl Search<'_> {
    fn run(
        &mut self,
        property: &Property,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Outcome, ProveError> {
        let questions = self.policy.calls(&property.actions, &property.powers);
        let mut shown: Option<(String, Box<Case>)> = None;
        let (mut others, mut unknown, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
        let mut fitting = 0;
        for agent in &property.agents {
            for question in &questions {
                let label = format!("{agent}, {question}");
                let Some(env) = self.policy.environment(&self.schema, question) else {
                    continue;
                };
                if let Err(why) = self.fits(&env) {
                    if !unfit
                        .iter()
                        .any(|(known, _)| *known == question.to_string())
                    {
                        unfit.push((question.to_string(), why));
                    }
                    continue;
                }
                fitting += 1;
                progress(&label);
                match self.settle(agent, question, &env)? {
                    Settled::Nothing => {}
                    Settled::Unknown(why) => unknown.push(format!("{label}: {why}")),
                    Settled::Shown(_) if shown.is_some() => others.push(label),
                    Settled::Shown(case) => shown = Some((label, case)),
                }
                if self.kind == Kind::Possible && shown.is_some() {
                    break;
                }
            }
        }
        let mut notes = Vec::new();
        if let (0, Some((question, why))) = (fitting, unfit.first()) {
            let message =
                format!("the expression fits no action that is asked about: {question}: {why}");
            return Err(ProveError::new("prove.expression", message));
        }
        if self.kind == Kind::Always
            && let Some((question, why)) = unfit.first()
        {
            let message = format!("what always holds must fit every action: {question}: {why}");
            return Err(ProveError::new("prove.expression", message));
        }
        if !unfit.is_empty() {
            let names: Vec<&str> = unfit
                .iter()
                .map(|(question, _)| question.as_str())
                .collect();
            notes.push(format!(
                "the expression says nothing about {}",
                names.join("; ")
            ));
        }
        if !others.is_empty() && self.kind != Kind::Possible {
            notes.push(format!("the same for {}", others.join("; ")));
        }
        let verdict = self.verdict(property, shown, &unknown, &mut notes)?;
        Ok(Outcome { verdict, notes })
    }

    fn verdict(
        &mut self,
        property: &Property,
        shown: Option<(String, Box<Case>)>,
        unknown: &[String],
        notes: &mut Vec<String>,
    ) -> Result<Verdict, ProveError> {
        let undecided = || Verdict::Undecided(unknown.join("; "));
        Ok(match (self.kind, shown) {
            (Kind::Possible, Some((label, _))) => {
                notes.push(format!("shown by {label}"));
                Verdict::Holds
            }
            (Kind::Possible, None) if unknown.is_empty() => {
                Verdict::Fails("no request that is allowed satisfies it".to_owned(), None)
            }
            (_, Some((label, case))) => {
                let what = match self.kind {
                    Kind::Never => "satisfies it",
                    _ => "does not satisfy it",
                };
                Verdict::Fails(
                    format!("a request that is allowed {what}: {label}"),
                    Some(case),
                )
            }
            (_, None) if !unknown.is_empty() => undecided(),
            (_, None) => {
                if !self.anything(property)? {
                    notes.push(
                        "it holds because nothing at all is allowed for these agents and actions"
                            .to_owned(),
                    );
                }
                Verdict::Holds
            }
        })
    }

    /// Whether the condition is well-typed there.
    fn fits(&self, env: &RequestEnv) -> Result<(), String> {
        let set = self
            .conditioned("permit", &self.condition)
            .map_err(|error| error.message)?;
        crate::solver::fits(&set, env, &self.schema)
    }

    fn conditioned(&self, effect: &str, condition: &Expr) -> Result<PolicySet, ProveError> {
        let mut policies = json!({"asked": expr::policy(effect, condition)});
        if effect == "forbid" {
            policies["everything"] = expr::policy("permit", &expr::truth(true));
        }
        set(&policies)
    }

    /// Looks for an allowed request that satisfies the condition, or that does not.
    fn settle(
        &mut self,
        agent: &str,
        question: &Question,
        env: &RequestEnv,
    ) -> Result<Settled, ProveError> {
        let entries = self.policy.entries(agent, question);
        if entries.is_empty() {
            return Ok(Settled::Nothing);
        }
        // What the second set denies is what is looked for.
        let effect = if self.kind == Kind::Always {
            "permit"
        } else {
            "forbid"
        };
        let second = self.conditioned(effect, &self.condition)?;
        let mut why = String::new();
        let schema = self.policy.schema(entries.iter())?;
        for reading in [Reading::Over, Reading::Under] {
            let rough = facts::of_rough(entries.iter(), reading);
            let beside = Beside::condition(&self.condition, &rough);
            let first = self.policy.allowed(agent, question, &entries, &beside);
            let found = self
                .solver
                .allowed_only_by(&set(&first)?, &second, env, &schema)?;
            let (request, entities) = match found {
                Found::Nothing if reading == Reading::Over => return Ok(Settled::Nothing),
                Found::Nothing => continue,
                Found::Unknown(reason) => return Ok(Settled::Unknown(reason)),
                Found::Request(found) => *found,
            };
            let case = case(self.name, agent, question, self.policy, &request, &entities);
            let Some(case) = case else {
                why = "what the solver found cannot be written as a request".to_owned();
                continue;
            };
            match self.shows(&case) {
                Ok(()) => {
                    let smaller = shrink::shrink(case, &mut |case| self.shows(case).is_ok());
                    return Ok(Settled::Shown(Box::new(smaller)));
                }
                Err(reason) => why = reason,
            }
        }
        let rough = entries.iter().flat_map(|entry| {
            let place = entry.index;
            let rough = entry.rough.iter();
            rough.map(move |rough| format!("{} of capabilities[{place}]", rough.what))
        });
        let rough: Vec<String> = rough.collect();
        if rough.is_empty() {
            return Ok(Settled::Unknown(format!(
                "the request that was found shows nothing: {why}"
            )));
        }
        Ok(Settled::Unknown(format!(
            "not decided: {} can only be approximated, and the request that was found shows nothing: {why}",
            rough.join(", ")
        )))
    }

    /// Whether the evaluator allows the request, and the condition is what it should be.
    fn shows(&self, case: &Case) -> Result<(), String> {
        let verdict = self.judge.ask(case)?;
        if !verdict.allowed {
            return Err(format!(
                "the evaluator denies it ({}: {})",
                verdict.code, verdict.admin
            ));
        }
        let by_condition = self
            .by_condition
            .as_ref()
            .map_err(|error| error.message.clone())?;
        let verdict = by_condition.ask(case)?;
        let satisfied = verdict.allowed;
        if satisfied == (self.kind != Kind::Always)
            && (satisfied || verdict.code.starts_with("policy."))
        {
            return Ok(());
        }
        Err(format!(
            "the evaluator reads the expression otherwise ({})",
            verdict.code
        ))
    }

    /// Whether anything at all is allowed.
    fn anything(&mut self, property: &Property) -> Result<bool, ProveError> {
        let questions = self.policy.calls(&property.actions, &property.powers);
        let nothing = set(&Value::Null)?;
        for agent in &property.agents {
            for question in &questions {
                let entries = self.policy.entries(agent, question);
                let env = self.policy.environment(&self.schema, question);
                let Some(env) = env.filter(|_| !entries.is_empty()) else {
                    continue;
                };
                let all = expr::truth(true);
                let rough = facts::of_rough(entries.iter(), Reading::Over);
                let beside = Beside::condition(&all, &rough);
                let schema = self.policy.schema(entries.iter())?;
                let first = self.policy.allowed(agent, question, &entries, &beside);
                let found = self
                    .solver
                    .allowed_only_by(&set(&first)?, &nothing, &env, &schema)?;
                if !matches!(found, Found::Nothing) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
