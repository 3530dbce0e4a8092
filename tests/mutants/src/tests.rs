use super::plant::plant;

/// Two files of a module, planted.
fn planted(inner: &str) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| {
        std::fs::write(folder.path().join(file), text).expect("written");
    };
    write("mod.rs", "//! Said of all.\n\nmod inner;\n");
    write("inner.rs", inner);
    let (text, mutants) = plant(folder.path()).expect("planted");
    let changes = mutants.into_iter().map(|mutant| mutant.change);
    (text, changes.collect())
}

#[test]
fn files_become_one_module() {
    let (text, _) = planted("pub const fn f(a: i64) -> i64 {\n    a\n}\n");
    assert!(!text.contains("Said of all"));
    assert!(text.contains("mod inner {\npub fn f(a: i64) -> i64 {"));
    syn::parse_file(&text).expect("still Rust");
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
    let (_, changes) = planted(
        "const A: usize = 1 + 2;
        fn f(a: u64) -> [u64; 3] { let 1 = a else { return [a; 3] }; [a; 3] }
        #[cfg(test)] mod tests { fn g() -> bool { 1 == 2 } }",
    );
    assert_eq!(changes, Vec::<String>::new());
}

#[test]
fn one_switch_turns_one_change_on() {
    let (text, changes) = planted("fn f(a: bool) -> bool { a == false }\n");
    for number in 1..=changes.len() {
        let switch = format!("crate::cedar::mutant({number})");
        assert_eq!(text.matches(&switch).count(), 1, "{number}");
    }
}
