use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::groups::GROUPS;
use crate::hunt::fails;
use crate::plant::Planting;
use crate::tree;

const FILE: &str = "crates/ambit-token/src/inner.rs";

/// One file, planted, with faults by hand; the changes stand as in reports.
fn planting(text: &str, faults: &str) -> Result<Planting, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, text) in [(FILE, text), ("tests/faults.toml", faults)] {
        let file = folder.path().join(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, text).expect("written");
    }
    let groups: Vec<_> = GROUPS.iter().collect();
    Planting::read(folder.path(), &[PathBuf::from(FILE)], &groups)
}

fn text(planting: &Planting) -> String {
    let (file, text) = planting.texts().next().expect("a file");
    assert_eq!(file, Path::new(FILE));
    text
}

fn planted(source: &str) -> (String, Vec<String>) {
    let planting = planting(source, "").expect("planted");
    let changes = planting.mutants.iter().map(|mutant| mutant.change.clone());
    (text(&planting), changes.collect())
}

#[test]
fn every_kind_of_change_is_planted() {
    let (text, changes) = planted(
        "fn f(a: usize, b: Option<u8>) -> Result<bool, ()> {
            g(1); // a comment
            if a < 2 && !b.is_some() { return Err(ErrorKind::TypeError); }
            match a { 7 => {} n if n > 9 => {} _ => {} }
            match b { Some(_) => {} None => {} }
            Ok(true)
        }",
    );
    syn::parse_file(&text).expect("still Rust");
    let expected = [
        "gives Ok(true)",
        "gives Ok(false)",
        "without g(1);",
        "1 => 2",
        "1 => 0",
        "a < 2 && !b.is_some() => true",
        "a < 2 && !b.is_some() => (a < 2) || (!b.is_some())",
        "a < 2 => (a) <= (2)",
        "!b.is_some() => b.is_some()",
        "b.is_some() => b.is_none()",
        "ErrorKind::TypeError => ErrorKind::IntegerOverflow",
        "without arm match a { 7",
        "n > 9 => false",
        "true => false",
    ];
    assert!(
        !changes.iter().any(|change| change.contains("Some(_)")),
        "no arm catches all"
    );
    for change in expected {
        assert!(
            changes.iter().any(|known| known == change),
            "{change} is not in {changes:#?}"
        );
    }
}

#[test]
fn constants_patterns_and_tests_stay() {
    let (text, changes) = planted(
        "const A: usize = 1 + called();
        const fn called() -> usize { inner() + 1 }
        const fn inner() -> usize { 3 }
        fn f(a: u64) -> [u64; 3] { let 1 = a else { return [a; 3] }; [a; 3] }
        #[cfg(test)] mod tests { fn g() -> bool { 1 == 2 } }",
    );
    assert_eq!(changes, Vec::<String>::new());
    assert_eq!(text.matches("const fn").count(), 2);
}

#[test]
fn a_constant_function_that_no_constant_calls_is_planted() {
    let (text, changes) = planted("const fn f(a: bool) -> bool { a == false }\n");
    assert!(!text.contains("const") && changes.len() > 2, "{text}");
}

#[test]
fn one_switch_turns_one_change_on() {
    let (text, changes) = planted("fn f(a: bool) -> bool { a == false }\n");
    for number in 1..=changes.len() {
        let switch = format!("crate::planted({number})");
        assert_eq!(text.matches(&switch).count(), 1, "{number}");
    }
}

#[test]
fn what_does_not_compile_is_left_out_and_nothing_else() {
    let mut planting = planting("fn f(a: bool) -> bool { a == false }\n", "").expect("planted");
    let before = text(&planting);
    let at = before.find("(a) != (false)").expect("a change");
    assert!(planting.leave_out(Path::new(FILE), &(at..at + 3)));
    let left_out: Vec<&str> = (1..)
        .zip(&planting.mutants)
        .filter(|(number, _)| !planting.is_in(*number))
        .map(|(_, mutant)| mutant.change.as_str())
        .collect();
    assert_eq!(left_out, ["a == false => (a) != (false)"]);
    assert!(!text(&planting).contains("(a) != (false)"));
    // Beside all changes, the error is about what the switches did to the site around it.
    let after = text(&planting);
    let at = after.find("a == ").expect("what was there");
    assert!(planting.leave_out(Path::new(FILE), &(at..at + 1)));
    assert!(!planting.leave_out(Path::new("other.rs"), &(0..1)));
}

#[test]
fn faults_by_hand_stand_once() {
    let fault = |from: &str| {
        format!("[[fault]]\nname = \"n\"\nfile = \"{FILE}\"\nfrom = \"{from}\"\nto = \"b\"\n")
    };
    let source = "fn f(a: bool, b: bool) -> bool { a && a }\n";
    let planting_one = planting(source, &fault("a && a")).expect("planted");
    let by_hand: Vec<_> = planting_one
        .mutants
        .iter()
        .filter(|one| one.by_hand)
        .collect();
    assert_eq!(by_hand.len(), 1);
    assert_eq!(by_hand[0].change, "a && a => b");
    syn::parse_file(&text(&planting_one)).expect("still Rust");
    for from in ["a", "c"] {
        planting(source, &fault(from)).expect_err(from);
    }
}

#[test]
fn the_copy_has_nothing_that_the_repository_has_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, to) = (folder.path().join("root"), folder.path().join("to"));
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        let status = git.current_dir(&root).args(words).status();
        assert!(status.expect("git runs").success(), "{words:?}");
    };
    for folder in ["src/a", "old", "target"] {
        std::fs::create_dir_all(root.join(folder)).expect("folders");
    }
    for file in ["src/a.rs", "old/b.rs"] {
        std::fs::write(root.join(file), "").expect("a file");
    }
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    tree::copy(&root, &to).expect("a copy");
    assert!(to.join("src/a.rs").is_file() && to.join("old/b.rs").is_file());
    std::fs::write(root.join("src/a/mod.rs"), "").expect("a file");
    git(&["rm", "--quiet", "--force", "src/a.rs", "old/b.rs"]);
    git(&["add", "."]);
    tree::copy(&root, &to).expect("a copy");
    assert!(to.join("src/a/mod.rs").is_file());
    assert!(!to.join("src/a.rs").exists() && !to.join("old").exists());
}

#[test]
fn a_program_that_cannot_be_started_finds_nothing_and_says_so() {
    let patience = Duration::from_secs(60);
    let run = |program: &str| fails(&mut Command::new(program), 1, patience);
    assert_eq!((run("true"), run("false")), (Ok(false), Ok(true)));
    let error = run("/nowhere/ambit-judge").unwrap_err();
    assert!(
        error.contains("`/nowhere/ambit-judge` cannot be started"),
        "{error}"
    );
}
