//! The layering of the workspace: a crate imports only what stands to its left in
//!
//! `core -> token, policy -> evaluator -> advice, enforce -> guest, web, compiler -> host, store -> gateway, workbench -> broker, prove, tower -> cli`
//!
//! and not its neighbours between two arrows; `host` does not import the compiler. The rule holds
//! for normal, build and development dependencies alike. Suites in `tests/` and `xtask` stand
//! outside: they may import all, and nothing may import them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Crates with the place of each between the arrows.
const LAYERS: [(&str, u32); 18] = [
    ("ambit-features", 0),
    ("ambit-core", 0),
    ("ambit-token", 1),
    ("ambit-policy", 1),
    ("ambit-evaluator", 2),
    ("ambit-advice", 3),
    ("ambit-enforce", 3),
    ("ambit-guest", 4),
    ("ambit-web", 4),
    ("ambit-compiler", 4),
    ("ambit-host", 5),
    ("ambit-store", 5),
    ("ambit-gateway", 6),
    ("ambit-workbench", 6),
    ("ambit-broker", 7),
    ("ambit-prove", 7),
    ("ambit-tower", 7),
    ("ambit-cli", 8),
];

/// Imports that the order would allow and the design does not.
const FORBIDDEN: [(&str, &str); 1] = [("ambit-host", "ambit-compiler")];

fn layer(name: &str) -> Option<u32> {
    LAYERS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, layer)| *layer)
}

/// What is wrong with an import, if anything. `outside`: whether the importer is a suite or `xtask`.
fn fault(importer: &str, imported: &str, outside: bool) -> Option<String> {
    if outside {
        return None;
    }
    let Some(from) = layer(importer) else {
        return Some(format!("`{importer}` has no place in the layering"));
    };
    let Some(to) = layer(imported) else {
        return Some(format!(
            "`{importer}` imports `{imported}`, which has no place in the layering"
        ));
    };
    if to >= from || FORBIDDEN.contains(&(importer, imported)) {
        return Some(format!("`{importer}` may not import `{imported}`"));
    }
    None
}

/// A crate of the workspace: its folder below the root, and its manifest.
struct Crate {
    folder: String,
    manifest: Table,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(folder: &Path) -> Table {
    let file = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.parse()
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The members of the workspace; `crates/*` stands for every folder with a manifest.
fn members() -> Vec<Crate> {
    let workspace = read(&root());
    let patterns = workspace["workspace"]["members"]
        .as_array()
        .expect("members");
    let mut folders = Vec::new();
    for pattern in patterns.iter().filter_map(Value::as_str) {
        match pattern.strip_suffix("/*") {
            None => folders.push(pattern.to_owned()),
            Some(parent) => {
                let entries = std::fs::read_dir(root().join(parent)).expect("a folder of crates");
                for entry in entries.map(|entry| entry.expect("a readable folder")) {
                    if entry.path().join("Cargo.toml").is_file() {
                        folders.push(format!("{parent}/{}", entry.file_name().to_string_lossy()));
                    }
                }
            }
        }
    }
    let open = |folder: String| Crate {
        manifest: read(&root().join(&folder)),
        folder,
    };
    folders.into_iter().map(open).collect()
}

impl Crate {
    fn name(&self) -> &str {
        self.manifest["package"]["name"].as_str().expect("a name")
    }

    fn is_outside(&self) -> bool {
        self.folder == "tests"
            || self.folder.starts_with("tests/")
            || self.folder == "xtask"
            || self.folder == "examples"
            || self.folder.starts_with("xtask/")
    }

    /// The names of all packages that the manifest asks for, in whichever table, renamed or not.
    fn imports(&self) -> Vec<&str> {
        let mut found = Vec::new();
        dependencies(&self.manifest, &mut found);
        let targets = self.manifest.get("target").and_then(Value::as_table);
        for target in targets
            .into_iter()
            .flat_map(Table::values)
            .filter_map(Value::as_table)
        {
            dependencies(target, &mut found);
        }
        found
    }
}

fn dependencies<'a>(table: &'a Table, found: &mut Vec<&'a str>) {
    for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
        let Some(kind) = table.get(kind).and_then(Value::as_table) else {
            continue;
        };
        for (key, dependency) in kind {
            let renamed = dependency.get("package").and_then(Value::as_str);
            found.push(renamed.unwrap_or(key));
        }
    }
}

#[test]
fn every_import_points_left() {
    let members = members();
    let ours: BTreeMap<&str, &Crate> = members
        .iter()
        .map(|member| (member.name(), member))
        .collect();
    let mut faults = Vec::new();
    let mut edges = 0;
    for member in &members {
        for imported in member
            .imports()
            .into_iter()
            .filter(|name| ours.contains_key(name))
        {
            edges += 1;
            faults.extend(fault(member.name(), imported, member.is_outside()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(
        edges > 10,
        "only {edges} imports were found: the manifests are not read"
    );
}

/// Where `unsafe` may stand; `ARCHITECTURE.md` has the argument for each. (This file only talks of it.)
const UNSAFE: [&str; 4] = [
    "crates/ambit-guest/src/abi.rs",
    "crates/ambit-guest/src/abi/host_core.rs",
    "host/src/code/machine.rs",
    "tests/vectors-guest/src/abi.rs",
];

#[test]
fn unsafe_code_has_its_addresses() {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = members()
        .iter()
        .map(|member| root().join(&member.folder))
        .collect();
    let passed_over = ["target", "node_modules"];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("a readable folder").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !passed_over.contains(&&*name) {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "layering.rs" {
                let text = std::fs::read_to_string(&path).expect("a source");
                if uses_unsafe(&text) {
                    let below = path.strip_prefix(root()).expect("below the root");
                    found.push(below.to_string_lossy().into_owned());
                }
            }
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(found, UNSAFE);
}

/// The keyword in code, outside comments.
fn uses_unsafe(text: &str) -> bool {
    const FORMS: [&str; 6] = [
        "unsafe {",
        "unsafe fn",
        "unsafe impl",
        "unsafe extern",
        "unsafe trait",
        "unsafe(",
    ];
    let code = text.lines().map(|line| line.split("//").next());
    code.flatten()
        .any(|code| FORMS.iter().any(|form| code.contains(form)))
}

#[test]
fn every_crate_has_its_place_and_its_name() {
    for member in members().iter().filter(|member| !member.is_outside()) {
        let name = member.name();
        assert!(
            layer(name).is_some(),
            "`{name}` has no place in the layering"
        );
        let folder = member.folder.rsplit('/').next().expect("a folder");
        let expected = if folder == "host" {
            "ambit-host"
        } else {
            folder
        };
        assert_eq!(name, expected, "folder name = crate name");
    }
}

#[test]
fn workspace_dependencies_are_not_renamed() {
    // A rename in the root would hide an import from this test.
    let workspace = read(&root());
    let shared = workspace["workspace"]["dependencies"]
        .as_table()
        .expect("shared dependencies");
    for (key, dependency) in shared {
        assert!(dependency.get("package").is_none(), "`{key}` is a rename");
    }
}

#[test]
fn forbidden_imports_are_found() {
    let forbidden = [
        ("ambit-core", "ambit-token"),
        ("ambit-token", "ambit-policy"),
        ("ambit-policy", "ambit-token"),
        ("ambit-evaluator", "ambit-guest"),
        ("ambit-evaluator", "ambit-advice"),
        ("ambit-web", "ambit-compiler"),
        ("ambit-host", "ambit-compiler"),
        ("ambit-compiler", "ambit-cli"),
        ("ambit-core", "xtask"),
        ("ambit-core", "ambit-tests"),
        ("ambit-new", "ambit-core"),
        ("ambit-core", "ambit-core"),
    ];
    for (importer, imported) in forbidden {
        assert!(
            fault(importer, imported, false).is_some(),
            "{importer} -> {imported}"
        );
    }
}

#[test]
fn allowed_imports_are_allowed() {
    let allowed = [
        ("ambit-token", "ambit-core", false),
        ("ambit-cli", "ambit-host", false),
        ("ambit-cli", "ambit-compiler", false),
        ("ambit-guest", "ambit-core", false),
        ("xtask", "ambit-compiler", true),
        ("ambit-tests", "ambit-host", true),
    ];
    for (importer, imported, outside) in allowed {
        assert_eq!(
            fault(importer, imported, outside),
            None,
            "{importer} -> {imported}"
        );
    }
}

#[test]
fn imports_are_read_from_every_table() {
    let text = r#"
        [package]
        name = "ambit-core"
        [dependencies]
        a = "1"
        [build-dependencies]
        b = { workspace = true }
        [dev-dependencies]
        c = { package = "ambit-cli", path = "x" }
        [target.'cfg(unix)'.dev-dependencies]
        d = "1"
    "#;
    let made = Crate {
        folder: "crates/ambit-core".to_owned(),
        manifest: text.parse().expect("a manifest"),
    };
    assert_eq!(made.imports(), ["a", "b", "ambit-cli", "d"]);
}

/// The modules of a crate, each with those that its code names by `crate::`. What stands in a folder is
/// part of the module of that name; what stands in `lib.rs` is the module `lib`, which has them all.
fn modules(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut modules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut folders = vec![source.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(source).expect("a source");
            let first = below.components().next().expect("a name").as_os_str();
            let name = first.to_string_lossy().trim_end_matches(".rs").to_owned();
            let text = std::fs::read_to_string(&path).expect("a source");
            modules.entry(name).or_default().extend(named(&text));
        }
    }
    let names: BTreeSet<String> = modules.keys().cloned().collect();
    for (name, imports) in &mut modules {
        // What is no module of its own is in `lib.rs`.
        let known = |one: String| {
            if names.contains(&one) {
                one
            } else {
                "lib".to_owned()
            }
        };
        *imports = std::mem::take(imports).into_iter().map(known).collect();
        imports.remove(name);
    }
    let all = names.into_iter().filter(|name| name != "lib").collect();
    modules.insert("lib".to_owned(), all);
    modules
}

/// The names behind `crate::` in code, of `crate::{…}` all.
fn named(text: &str) -> Vec<String> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let code = code.join("\n");
    let uses = code.split("crate::").skip(1);
    let paths = uses.flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => outer_parts(list),
        None => vec![rest],
    });
    let first = |path: &str| -> String {
        let letters = path.trim_start().chars();
        letters
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect()
    };
    let names = paths.map(first);
    names.filter(|name| !name.is_empty()).collect()
}

/// What stands between the commas of a list in braces, lists within it left whole.
fn outer_parts(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_u32, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    parts
}

/// Modules that import each other, if any do: each name imports the next, the last the first.
fn circle(modules: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit(
        at: &str,
        modules: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|one| one == at) {
            return Some(path[start..].to_vec());
        }
        if !done.insert(at.to_owned()) {
            return None;
        }
        path.push(at.to_owned());
        let mut imports = modules.get(at).into_iter().flatten();
        let found = imports.find_map(|next| visit(next, modules, path, done));
        path.pop();
        found
    }
    let mut done = BTreeSet::new();
    let mut names = modules.keys();
    names.find_map(|name| visit(name, modules, &mut Vec::new(), &mut done))
}

#[test]
fn the_steps_of_the_decision_import_no_one_who_imports_them() {
    for name in ["ambit-evaluator", "ambit-advice"] {
        let modules = modules(&root().join("crates").join(name).join("src"));
        let edges: usize = modules.values().map(BTreeSet::len).sum();
        assert!(edges > modules.len(), "{name}: the imports are not read");
        assert_eq!(circle(&modules), None, "{name}: modules import each other");
    }
}

#[test]
fn circles_are_found_in_every_form_of_import() {
    let text = "use crate::one;\nuse crate::{two, three::{Four, five}, six as seven};\n\
                fn f() -> crate::eight::Nine { crate::ten() } // crate::eleven";
    assert_eq!(named(text), ["one", "two", "three", "six", "eight", "ten"]);
    let of = |edges: &[(&str, &[&str])]| -> BTreeMap<String, BTreeSet<String>> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        edges
            .iter()
            .map(|(name, imports)| ((*name).to_owned(), set(imports)))
            .collect()
    };
    assert_eq!(
        circle(&of(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])),
        None
    );
    let found = circle(&of(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]));
    assert_eq!(found, Some(vec!["b".to_owned(), "c".to_owned()]));
}
