//! One case: a world, some stores and requests, and policy sets that all of them are asked of.

use super::breakage;
use super::data::{Ask, Store};
use super::dice::Dice;
use super::paths::Witness;
use super::policy::{self, Policy};
use super::world::{Environment, World};

/// How many policy sets a case has.
pub(crate) const SETS: usize = 10;
/// How many requests each of them is asked.
pub(crate) const ASKS: usize = 64;
/// How many decisions a case is.
pub(crate) const DECISIONS: usize = SETS * ASKS;

const STORES: usize = 3;
/// In hundred: requests that are broken on purpose, where a schema says what is right.
const BROKEN: u32 = 8;

/// In hundred: requests whose JSON is written in an unusual way.
const STYLED: u32 = 20;

/// A request with its entities.
#[derive(Debug)]
pub(crate) struct Question {
    /// Which of the case's stores; another one when it is broken on purpose.
    pub store: usize,
    /// The request.
    pub ask: Ask,
    /// What it is about.
    pub environment: Environment,
    /// Whether it was broken.
    pub broken: bool,
    /// How the engines get its JSON, see [`super::style`].
    pub style: Option<u64>,
}

/// What all policy sets of a case have in common.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The world.
    pub world: World,
    /// The entities; those after the first ones belong to one broken request each.
    pub stores: Vec<Store>,
    /// The requests.
    pub questions: Vec<Question>,
}

impl Setting {
    /// A random setting.
    pub(crate) fn draw(dice: &mut Dice, typed: bool) -> Self {
        let world = World::draw(dice, typed);
        let mut stores: Vec<Store> = (0..STORES).map(|_| world.store(dice)).collect();
        let mut questions = Vec::new();
        for _ in 0..ASKS {
            let (environment, mut ask) = world.ask(dice);
            let mut store = dice.below(STORES);
            let broken = typed && dice.chance(BROKEN);
            if broken {
                if dice.chance(60) {
                    breakage::ask(dice, &world, &mut ask);
                } else {
                    // Few entities: most of the work is to read them.
                    let mut entities = Store(stores[store].0.iter().take(6).cloned().collect());
                    breakage::store(dice, &world, &mut entities);
                    store = stores.len();
                    stores.push(entities);
                }
            }
            questions.push(Question {
                store,
                ask,
                environment,
                broken,
                style: dice.chance(STYLED).then(|| dice.below(1 << 30) as u64),
            });
        }
        Self {
            world,
            stores,
            questions,
        }
    }

    /// A random policy set, and whether it takes the way through Cedar's text.
    pub(crate) fn policies(&self, dice: &mut Dice) -> (Vec<Policy>, bool) {
        // The large ones are for whatever an engine does only when there are many policies.
        let count = dice.weighted(&[(100, 1), (200, 2), (300, 4), (300, 7), (200, 12), (12, 150)]);
        // Sets of one effect show of each policy whether it is satisfied; in the others the
        // forbids hide the permits, which is what decides.
        let permits = dice.weighted(&[(4, 100), (4, 0), (2, 85), (2, 60)]);
        let policies = (0..count)
            .map(|_| {
                let question = &self.questions[self.sound(dice)];
                let witness = Witness {
                    world: &self.world,
                    store: &self.stores[question.store],
                    ask: &question.ask,
                    environment: question.environment,
                };
                let permit = dice.chance(permits);
                policy::draw(dice, &witness, permit)
            })
            .collect();
        (policies, dice.chance(30))
    }

    /// The number of a request that is not broken, if there is any.
    fn sound(&self, dice: &mut Dice) -> usize {
        let start = dice.below(self.questions.len());
        let mut order = (0..self.questions.len()).map(|step| (start + step) % self.questions.len());
        order
            .find(|index| !self.questions[*index].broken)
            .unwrap_or(start)
    }
}
