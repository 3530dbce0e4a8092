//! Projects as data: `good/` loads without a word, each of `faults/` gives the report that lies
//! beside it when it is read, each of `lints/` when it is checked. `AMBIT_BLESS=1` writes the reports anew.

use std::fs;
use std::path::{Path, PathBuf};

use ambit_compiler::{Project, build};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

fn projects(name: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

/// A fault is a whole project or only what differs from `good/acme`.
fn complete(faulty: &Path, into: &Path) {
    copy(&folder("good/acme"), into);
    for removed in fs::read_to_string(faulty.join("removed.txt"))
        .unwrap_or_default()
        .lines()
    {
        let removed = into.join(removed);
        if removed.is_dir() {
            fs::remove_dir(removed).unwrap();
        } else {
            fs::remove_file(removed).unwrap();
        }
    }
    copy(faulty, into);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[test]
fn good_projects_load_without_a_word() {
    for dir in projects("good") {
        let project = Project::load(&dir).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(project.warnings().render(false), "0 warnings in 0 files\n");
    }
}

/// Each good project's bundle as JSON, so that a change of what is compiled is seen.
#[test]
fn bundles_say_what_was_written() {
    let bless = std::env::var_os("AMBIT_BLESS").is_some();
    for dir in projects("good") {
        let project = Project::load(&dir).unwrap();
        let bytes = build::bundle(&project, 1_771_977_600).unwrap();
        let bundle = ambit_policy::Bundle::verify(&bytes).unwrap();
        let mut text = ambit_core::json::Writer::default();
        text.json(bundle.root());
        let json: serde_json::Value = serde_json::from_str(text.as_str()).unwrap();
        let json = format!("{json:#}\n");
        let expected = dir.join("expected.json");
        if bless {
            fs::write(&expected, &json).unwrap();
        } else {
            let expected = fs::read_to_string(&expected).unwrap_or_default();
            assert_eq!(json, expected, "{}", dir.display());
        }
    }
}

#[test]
fn faults_are_reported_where_they_stand() {
    reported("faults", |dir| match Project::load(dir) {
        Ok(project) => project.warnings().render(false),
        Err(faults) => faults.render(false),
    });
}

#[test]
fn what_can_be_built_and_does_nothing_is_warned_of() {
    reported("lints", |dir| match Project::load(dir) {
        Ok(project) => project.check().render(false),
        Err(faults) => faults.render(false),
    });
}

fn reported(folder: &str, report: impl Fn(&Path) -> String) {
    let bless = std::env::var_os("AMBIT_BLESS").is_some();
    let mut wrong = Vec::new();
    for faulty in projects(folder) {
        let temporary = tempfile::tempdir().unwrap();
        complete(&faulty, temporary.path());
        let report = report(temporary.path());
        let expected = faulty.join("expected.txt");
        if bless {
            fs::write(&expected, &report).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != report {
            wrong.push(format!("== {}\n{report}", faulty.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn five_faults_in_three_files_are_reported_together() {
    let report = fs::read_to_string(folder("faults/many/expected.txt")).unwrap();
    assert!(report.ends_with("5 faults in 3 files\n"), "{report}");
}

#[test]
fn a_private_key_in_ambit_toml_is_not_shown() {
    let report = fs::read_to_string(folder("faults/private_key/expected.txt")).unwrap();
    assert!(!report.contains("nWGxne"), "{report}");
}

#[test]
fn a_report_can_be_coloured() {
    let faults = Project::load(&folder("no such project")).unwrap_err();
    assert!(faults.render(true).contains("\u{1b}["));
    assert!(!faults.to_string().contains('\u{1b}'));
}

#[test]
fn the_same_sources_give_the_same_bytes() {
    let build = || {
        let project = Project::load(&folder("good/acme")).unwrap();
        let options = build::BuildOptions {
            issued: None,
            default_issued: 0,
        };
        let issued = options.issued(&project);
        assert_eq!(issued, 1_771_977_600);
        build::bundle(&project, issued).unwrap()
    };
    let bytes = build();
    assert_eq!(bytes, build());
    let bundle = ambit_policy::Bundle::verify(&bytes).unwrap();
    assert_eq!((bundle.uid(), bundle.version()), ("acme/agents", 42));
    assert_eq!(bundle.expires() - bundle.issued(), 30 * 86_400);
    assert_eq!(bundle.limits().token_bytes, 8192);
}

/// Nesting that would overflow the stack of a parser is a fault like any other.
#[test]
fn deep_nesting_is_reported() {
    let temporary = tempfile::tempdir().unwrap();
    copy(&folder("good/acme"), temporary.path());
    let schema = temporary.path().join("schema.cedarschema");
    for (open, close) in [("{ a: ", " }"), ("Set<", ">"), ("{", ""), ("[", "")] {
        let (open, close) = (open.repeat(100_000), close.repeat(100_000));
        fs::write(&schema, format!("entity R = {{ a: {open}Long{close} }};\n")).unwrap();
        let report = Project::load(temporary.path()).unwrap_err().render(false);
        assert!(report.contains("error[project.nesting]"), "{report}");
        assert!(report.contains("--> schema.cedarschema:1:"), "{report}");
    }
}

/// What is no file is neither waited for nor read to its end.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_at_once() {
    let temporary = tempfile::tempdir().unwrap();
    copy(&folder("good/acme"), temporary.path());
    let manifest = |name: &str| temporary.path().join("agents").join(name);
    let fifo = std::process::Command::new("mkfifo")
        .arg(manifest("a-pipe.toml"))
        .status();
    assert!(fifo.unwrap().success());
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, manifest(name)).unwrap();
    link("/dev/zero", "b-device.toml");
    link("nowhere", "c-link.toml");
    fs::create_dir(manifest("d-folder.toml")).unwrap();
    let large = fs::File::create(manifest("e-large.toml")).unwrap();
    large.set_len(9 * 1024 * 1024).unwrap();
    let report = Project::load(temporary.path()).unwrap_err().render(false);
    for words in [
        "a device or pipe, not a file\n--> agents/a-pipe.toml",
        "a device or pipe, not a file\n--> agents/b-device.toml",
        "this link leads to no file\n--> agents/c-link.toml",
        "this is a folder, not a file\n--> agents/d-folder.toml",
        "larger than 8388608 bytes\n--> agents/e-large.toml",
        "5 faults in 5 files",
    ] {
        assert!(report.contains(words), "`{words}` is not in\n{report}");
    }
}

/// Every line left out, cut in the middle, and written twice: a report or a project, no panic, and
/// every fault names a file of the project.
#[test]
fn damaged_projects_are_reported() {
    for dir in projects("good") {
        let temporary = tempfile::tempdir().unwrap();
        copy(&dir, temporary.path());
        let manifest = fs::read_dir(dir.join("agents")).unwrap().next().unwrap();
        let manifest = Path::new("agents").join(manifest.unwrap().file_name());
        for file in [
            Path::new("ambit.toml"),
            Path::new("schema.cedarschema"),
            &manifest,
        ] {
            let text = fs::read_to_string(dir.join(file)).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            for at in 0..lines.len() {
                let half = &lines[at][..lines[at].len() / 2];
                let twice = format!("{0}\n{0}", lines[at]);
                for damaged in ["", half, &twice] {
                    let mut lines = lines.clone();
                    lines[at] = damaged;
                    fs::write(temporary.path().join(file), lines.join("\n")).unwrap();
                    if let Err(faults) = Project::load(temporary.path()) {
                        assert!(!faults.is_empty() && !faults.render(true).is_empty());
                    }
                }
            }
            fs::write(temporary.path().join(file), text).unwrap();
        }
    }
}
