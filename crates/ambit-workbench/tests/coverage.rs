//! Coverage: of `projects/shop` as it stands beside it, of every rule that loses its cases, and of random policy
//! sets in which one rule is left untouched.

mod common;

use std::fmt::Write as _;
use std::fs;

use ambit_compiler::Sink;
use ambit_workbench::cases::{self, Suite};
use ambit_workbench::coverage::{Coverage, Item, Part};
use ambit_workbench::run::{Engine, Results};
use proptest::prelude::*;

fn told(coverage: &Coverage) -> String {
    let mut told = format!("{} %\n", coverage.total().percent());
    for part in Part::ALL {
        let count = coverage.count(part);
        writeln!(told, "{} {} of {}", part.many(), count.seen, count.all).unwrap();
    }
    for item in coverage.items() {
        let sides = item
            .sides
            .iter()
            .map(|side| format!("{} {}", side.name, side.cases));
        let sides = sides.collect::<Vec<_>>().join(", ");
        writeln!(told, "{}:{} {}: {sides}", item.file, item.line, item.name).unwrap();
    }
    writeln!(told, "holes").unwrap();
    for hole in coverage.holes() {
        writeln!(told, "{}", line(hole)).unwrap();
    }
    told
}

fn line(hole: &Item) -> String {
    format!(
        "{}:{} {}: {}",
        hole.file,
        hole.line,
        hole.name,
        hole.lacks()
    )
}

fn shop() -> (ambit_compiler::Project, ambit_workbench::run::Bench, Suite) {
    let dir = common::folder("projects/shop");
    let (project, bench) = common::bench(&dir);
    let sink = Sink::default();
    let names = cases::list(&dir, &sink);
    let suite = cases::read(&dir, &names, &bench.bundle(), &sink);
    assert!(sink.finish().is_empty());
    (project, bench, suite)
}

#[test]
fn what_the_cases_of_a_project_touch() {
    let (project, bench, suite) = shop();
    let results = Results::of(&project, &bench, suite, &Engine::native()).unwrap();
    let expected = common::folder("projects/shop-coverage.txt");
    common::compare(&expected, &told(&results.coverage));
}

/// Without the only case that sees something, that is what no case sees.
#[test]
fn a_case_that_is_taken_out_leaves_its_hole() {
    let mut told = String::new();
    for name in [
        "a frozen order is not refunded",
        "no more than was paid",
        "a large draft needs nobody",
        "with a yes it goes through",
        "no dollars",
        "the budget is in euros",
        "and goes out with it",
        "to nobody else",
        "an export needs a fresh login",
        "with both it goes out",
        "the support bot looks at orders",
    ] {
        let (project, bench, mut suite) = shop();
        let whole = Results::of(&project, &bench, suite.clone(), &Engine::native()).unwrap();
        let count = suite.cases.len();
        suite.cases.retain(|case| case.name != name);
        assert_eq!(suite.cases.len() + 1, count, "{name}");
        let results = Results::of(&project, &bench, suite, &Engine::native()).unwrap();
        let known: Vec<String> = whole.coverage.holes().map(line).collect();
        writeln!(told, "without \"{name}\"").unwrap();
        for hole in results.coverage.holes().map(line) {
            if !known.contains(&hole) {
                writeln!(told, "  {hole}").unwrap();
            }
        }
    }
    common::compare(&common::folder("projects/shop-holes.txt"), &told);
}

/// A project with a `forbid` for each amount, each in one of several forms.
fn rules(forms: &[u8]) -> String {
    let mut text = "@id(\"base\")\npermit (principal, action, resource);\n".to_owned();
    for (at, form) in forms.iter().enumerate() {
        let amount = (at + 1) * 100;
        let condition = match form {
            0 => format!("when {{ context.amount == {amount} }}"),
            1 => format!("when {{ context.power != \"observe\" && context.amount == {amount} }}"),
            2 => format!(
                "when {{ context.amount == {amount} }} unless {{ context.note == \"spare\" }}"
            ),
            3 => format!("unless {{ context.amount != {amount} }}"),
            _ => format!(
                "when {{ {amount} == context.amount && (context.note != \"spare\" || false) }}"
            ),
        };
        writeln!(
            text,
            "@id(\"rule-{at}\")\nforbid (principal, action, resource)\n{condition};"
        )
        .unwrap();
    }
    text
}

/// Cases that see every side of every rule but those of `left`, whose amount nobody asks for.
fn tests(forms: &[u8], left: Option<usize>) -> String {
    let mut text =
        "[defaults]\nagent = \"bot\"\naction = \"pay\"\nresource = \"Thing::1\"\n".to_owned();
    let mut case = |name: String, power: &str, amount: usize, note: &str, expect: &str| {
        writeln!(
            text,
            "[[case]]\nname = \"{name}\"\npower = \"{power}\"\nargs = {{ amount = {amount}, note = \"{note}\" }}\nexpect = \"{expect}\""
        )
        .unwrap();
    };
    case("free".to_owned(), "execute", 99_999, "x", "allow");
    case("looked at".to_owned(), "observe", 99_999, "x", "allow");
    for (at, form) in forms.iter().enumerate() {
        let amount = (at + 1) * 100;
        if Some(at) != left {
            case(
                format!("{at} denied"),
                "execute",
                amount,
                "x",
                "policy.forbid",
            );
            if matches!(form, 2 | 4) {
                case(format!("{at} spared"), "execute", amount, "spare", "allow");
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// One rule that no case touches: it is named, with what kept it from being satisfied, and nothing else.
    #[test]
    fn one_untouched_rule_is_all_that_is_named(
        forms in proptest::collection::vec(0_u8..5, 1..7),
        pick in any::<proptest::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let left = pick.index(forms.len());
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("ambit.toml", fs::read_to_string(common::folder("projects/shop/ambit.toml")).unwrap()),
            ("schema.cedarschema", "entity Thing; @powers(\"observe, execute\") action pay appliesTo { principal: Ambit::Agent, \
              resource: Thing, context: { amount: Long, note: String } };".to_owned()),
            ("agents/bot.toml", "agent = \"bot\"\n[[capabilities]]\nactions = [\"pay\"]\nprivileges = [\"observe\", \"execute\"]\n\
              datatypes = [\"Thing\"]\npurpose = \"p\"\nconstraints.\"*\" = { constraint_type = \"wildcard\" }\n".to_owned()),
            ("policies/rules.cedar", rules(&forms)),
        ] {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let (project, bench) = common::bench(folder.path());
        let left = (!whole).then_some(left);
        let suite = common::suite(&tests(&forms, left), folder.path(), &bench);
        let results = Results::of(&project, &bench, suite, &Engine::native()).unwrap();
        for tried in &results.tried {
            prop_assert!(tried.passed(), "{}: {:?}", tried.case.name, tried.differences());
        }
        let holes: Vec<&Item> = results.coverage.holes().collect();
        let policies: Vec<&str> = holes.iter().filter(|hole| hole.part == Part::Policy).map(|hole| hole.name.as_str()).collect();
        // Everybody is permitted, whatever they do.
        let wanted: Vec<String> = left.map(|left| format!("forbid `rule-{left}`")).into_iter().collect();
        prop_assert_eq!(policies, wanted);
        // Each condition that is named lies in the rule that was left out.
        let start = left.map_or(usize::MAX, |left| 3 + left * 3);
        for hole in holes {
            prop_assert!((start..start + 3).contains(&hole.line), "{}", line(hole));
        }
    }
}

/// What is seen here and the answer must be of one mind: an answer that names another policy, or none, is
/// a fault, and no coverage is made up from it.
#[test]
fn an_answer_that_contradicts_is_a_fault() {
    let (project, bench, suite) = shop();
    let case = |name: &str| {
        let found = suite.cases.iter().find(|case| case.name == name);
        found.unwrap_or_else(|| panic!("{name}"))
    };
    let mut coverage = Coverage::new(&project, &bench).unwrap();
    for (name, place, value) in [
        (
            "a refund of 50 goes through",
            "/context/policies/0/id",
            "large",
        ),
        (
            "a frozen order is not refunded",
            "/context/policies/0/id",
            "large",
        ),
        (
            "an order that is not known cannot be judged",
            "/context/policies/1/id",
            "large",
        ),
        (
            "a frozen order is not refunded",
            "/context/reason/code",
            "policy.no_permit",
        ),
        ("never above 200", "/context/reason/code", "manifest.power"),
    ] {
        let case = case(name);
        let mut outcome = bench.run(&project, case, &Engine::native()).unwrap();
        coverage.add(&bench, case, &outcome).unwrap();
        *outcome.answer.pointer_mut(place).unwrap() = value.into();
        let error = coverage.add(&bench, case, &outcome).unwrap_err();
        assert_eq!(error.code, "coverage.disagrees", "{name}: {error}");
    }
}
