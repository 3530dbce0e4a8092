//! What the levels cost and what they stop.

use std::collections::{BTreeMap, BTreeSet};

use super::entries::Level;
use super::replay::Results;
use super::suite::{Source, Suite};
use xtask_kit::ui;

/// Prints utility and blocked attacks for each level.
pub(crate) fn print(suite: &Suite, results: &Results) {
    ui::heading("Result");
    anstream::println!(
        "{:<24} {:>22} {:>24} {:>24}",
        "level",
        "tasks that can be done",
        "attacks with a denial",
        "attack calls denied"
    );
    for (at, level) in Level::ALL.into_iter().enumerate() {
        let row = Row::count(suite, results, at);
        anstream::println!(
            "{:<24} {:>22} {:>24} {:>24}",
            level.name(),
            share(row.useful),
            share(row.attacks),
            share(row.calls)
        );
    }
    ui::note("tasks that can be done: every call of the task itself is allowed");
    ui::note(
        "attack: one injection task during one user task; at least one of its calls is denied",
    );
    let silent = suite
        .injection_tasks
        .iter()
        .filter(|task| task.calls.is_empty())
        .count();
    if silent > 0 {
        ui::note(format_args!(
            "{silent} injection tasks call no tool, so nothing can deny them"
        ));
    }
}

/// Counts of good ones and of all.
type Share = (usize, usize);

#[derive(Default)]
struct Row {
    useful: Share,
    attacks: Share,
    calls: Share,
}

impl Row {
    fn count(suite: &Suite, results: &Results, level: usize) -> Self {
        let mut stuck = BTreeSet::new();
        let mut attacks: BTreeMap<(&str, &str), bool> = BTreeMap::new();
        let mut calls = (0, 0);
        for (line, decided) in suite.verdicts.iter().zip(&results.decisions) {
            let denied = decided.get(level).copied().flatten() != Some(true);
            match line.source {
                Source::User if denied => {
                    stuck.insert(line.user_task.as_str());
                }
                Source::User => {}
                Source::Attack => {
                    calls.0 += usize::from(denied);
                    calls.1 += 1;
                    *attacks.entry((&line.user_task, &line.id)).or_default() |= denied;
                }
            }
        }
        let tasks = suite.user_tasks.len();
        let blocked = attacks.values().filter(|blocked| **blocked).count();
        Self {
            useful: (tasks - stuck.len().min(tasks), tasks),
            attacks: (blocked, attacks.len()),
            calls,
        }
    }
}

fn share((good, all): Share) -> String {
    if all == 0 {
        return "none".to_owned();
    }
    // Tenths of a percent, rounded half up.
    let tenths = (good * 2000 + all) / (2 * all);
    format!("{good}/{all} ({}.{} %)", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_rounded() {
        assert_eq!(share((1, 3)), "1/3 (33.3 %)");
        assert_eq!(share((2, 3)), "2/3 (66.7 %)");
        assert_eq!(share((16, 16)), "16/16 (100.0 %)");
        assert_eq!(share((0, 0)), "none");
    }
}
