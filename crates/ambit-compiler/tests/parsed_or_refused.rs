//! Parsed or refused: what the source of a project says is in the bundle, or an error names it.
//!
//! Every good project, every file of it, every place in that file: something is planted there, and the
//! project is built. Either the bundle holds what was planted, or an error names the file and line.
//! What may go nowhere is listed in [`SILENT`]; each entry is planted too, and must be silent.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ambit_compiler::{Project, build};

/// A word that stands in no project.
const MARK: &str = "planted";

/// What says nothing to the program, by design: (in files of this ending, planted at the start).
const SILENT: &[(&str, &str)] = &[
    ("toml", "# planted\n"),
    ("toml", "\n \n"),
    ("cedar", "// planted\n"),
    ("cedar", "@doc(\"planted\")\n"),
    ("cedarschema", "// planted\n"),
    ("cedarschema", "@doc(\"planted\") entity Planted;\n"),
    // An entity type or common type that no action leads to.
    ("cedarschema", "entity Planted;\n"),
    ("cedarschema", "@label(\"planted\") entity Planted;\n"),
    ("cedarschema", "type Planted = { planted: Long };\n"),
    ("json", " \n"),
];

fn projects() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["tests/good", "../../tests/projects", "../../tests/policies"] {
        for entry in fs::read_dir(here.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            found.extend(path.join("schema.cedarschema").exists().then_some(path));
        }
    }
    found.sort();
    assert!(found.len() > 5);
    found
}

/// The sources of a project by their paths in it.
fn sources(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for name in ["ambit.toml", "schema.cedarschema", "entities.json"] {
        if let Ok(text) = fs::read_to_string(dir.join(name)) {
            found.insert(name.to_owned(), text);
        }
    }
    for folder in ["agents", "policies"] {
        for entry in fs::read_dir(dir.join(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            found.insert(format!("{folder}/{name}"), text);
        }
    }
    found
}

/// For projects whose tests give them keys.
const KEY: &str = r#"
[[keys]]
iss = "https://broker.acme.example"
kid = "broker-1"
alg = "Ed25519"
signs = "cap+jwt"
x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
"#;

/// What is planted in a comment says nothing.
fn without_comments(text: &str) -> String {
    let line = |line: &str| {
        let signs = ["//", "#"].into_iter();
        let mut ends: Vec<usize> = signs.flat_map(|sign| before(line, sign)).collect();
        // Within quotes it is none.
        ends.retain(|at| {
            let quotes = before(&line[..*at].replace("\\\"", ""), "\"");
            quotes.len().is_multiple_of(2)
        });
        let end = ends.into_iter().min();
        line[..end.unwrap_or(line.len())].to_owned()
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// A project that can be changed, file by file.
struct Workshop {
    folder: tempfile::TempDir,
    sources: BTreeMap<String, String>,
    digest: Vec<u8>,
}

impl Workshop {
    fn new(dir: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = sources(dir);
        let settings = sources.get_mut("ambit.toml").unwrap();
        if !settings.contains("[[keys]]") {
            settings.push_str(KEY);
        }
        for text in sources.values_mut() {
            *text = without_comments(text);
        }
        for (name, text) in &sources {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let digest = bundle(folder.path()).unwrap_or_else(|faults| panic!("{dir:?}: {faults}"));
        Self {
            folder,
            sources,
            digest,
        }
    }

    /// Builds with another text in a file; the file is as before afterwards.
    fn with(&self, name: &str, text: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let built = bundle(self.folder.path());
        match self.sources.get(name) {
            Some(before) => fs::write(&path, before).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        built
    }

    /// The law, for one planted thing that holds [`MARK`].
    fn judge(&self, name: &str, text: &str, wrong: &mut Vec<String>) {
        let fault = match self.with(name, text) {
            Ok(bundle) if bundle == self.digest => "says nothing",
            Ok(bundle) if !contains(&bundle, MARK) => "changes something else",
            Err(report) if !names(&report, name) => &format!("names another file:\n{report}"),
            Ok(_) | Err(_) => return,
        };
        let before = self.sources.get(name).map_or("", String::as_str);
        let line = text
            .lines()
            .find(|line| !before.lines().any(|one| one == *line));
        wrong.push(format!("{name}: `{}` {fault}", line.unwrap_or_default()));
    }
}

fn bundle(dir: &Path) -> Result<Vec<u8>, String> {
    let project = Project::load(dir).map_err(|faults| faults.render(false))?;
    build::bundle(&project, 1_771_977_600).map_err(|error| error.to_string())
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes
        .windows(word.len())
        .any(|window| window == word.as_bytes())
}

/// Whether a report has this file, and a line where it has one at all.
fn names(report: &str, name: &str) -> bool {
    report.contains(&format!("--> {name}:")) || report.contains(&format!("--> {name}\n"))
}

/// The text with this at each of the places.
fn insert_at(text: &str, places: impl IntoIterator<Item = usize>, what: &str) -> Vec<String> {
    let places = places.into_iter();
    places
        .map(|at| format!("{}{what}{}", &text[..at], &text[at..]))
        .collect()
}

fn line_starts(text: &str) -> Vec<usize> {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1);
    [0].into_iter().chain(ends).collect()
}

fn after(text: &str, sign: &str) -> Vec<usize> {
    text.match_indices(sign)
        .map(|(at, _)| at + sign.len())
        .collect()
}

fn before(text: &str, sign: &str) -> Vec<usize> {
    text.match_indices(sign).map(|(at, _)| at).collect()
}

/// Every word that stands before one of these signs, with `MARK` behind it: a name misspelt.
fn misspelt(text: &str, signs: &[&str]) -> Vec<String> {
    let mut places: Vec<usize> = signs.iter().flat_map(|sign| before(text, sign)).collect();
    places.retain(|at| text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
    insert_at(text, places, MARK)
}

fn toml(text: &str) -> Vec<String> {
    let lines = line_starts(text);
    let mut all = insert_at(text, lines.clone(), "planted = \"planted\"\n");
    all.extend(insert_at(text, lines.clone(), "[planted]\nplanted = 1\n"));
    all.extend(insert_at(text, lines, "[[planted]]\n"));
    all.extend(insert_at(text, after(text, "{ "), "planted = true, "));
    all.extend(misspelt(text, &[" = ", "]\n"]));
    all
}

fn cedar(text: &str) -> Vec<String> {
    let mut starts = before(text, "permit");
    starts.extend(before(text, "forbid"));
    let mut all = Vec::new();
    for what in [
        "forbid (principal == ?principal, action, resource); // planted\n",
        "permit (principal, action, resource in ?resource); // planted\n",
        "forbid (principal, action, resource) when { context.purpose == \"planted\" };\n",
        "@id(\"planted\") permit (principal, action, resource);\n",
        "@planted(\"planted\") ",
        "@stepup(\"planted\") ",
        "@step-up(\"planted\") ",
        "@reson(\"planted\") ",
        "@advise(\"planted\") ",
        "@reason(\"planted\") ",
        "@Id(\"planted\") ",
        "@step_up(\"planted\") ",
    ] {
        // Annotations of its own stand before a policy; what is planted between is one more of them.
        all.extend(insert_at(text, starts.clone(), what));
    }
    let ends = before(text, ";\n");
    all.extend(insert_at(
        text,
        ends.clone(),
        " when { context.purpose != \"planted\" }",
    ));
    all.extend(insert_at(
        text,
        ends,
        " unless { context.purpose == \"planted\" }",
    ));
    all.extend(misspelt(text, &["(\""]));
    all
}

fn schema(text: &str) -> Vec<String> {
    let mut starts = Vec::new();
    for word in [
        "entity ",
        "action ",
        "type ",
        "principal:",
        "resource:",
        "context:",
    ] {
        starts.extend(before(text, word));
    }
    starts.retain(|at| text[..*at].ends_with(['\n', ' ']) || *at == 0);
    let attributes = before(text, ": ").into_iter().map(|at| {
        text[..at]
            .rfind(['\n', '{', '(', ','])
            .map_or(0, |at| at + 1)
    });
    starts.extend(attributes);
    starts.sort_unstable();
    starts.dedup();
    let mut all = Vec::new();
    for what in [
        "@planted ",
        "@planted(\"planted\") ",
        "@datatpye(\"planted\") ",
        "@lable(\"planted\") ",
    ] {
        all.extend(insert_at(text, starts.clone(), what));
    }
    all.extend(insert_at(
        text,
        after(text, "context: {"),
        " planted?: Long, ",
    ));
    all.extend(insert_at(
        text,
        line_starts(text),
        "action planted;\n@planted\n",
    ));
    all.extend(insert_at(
        text,
        before(text, "namespace "),
        "@label(\"planted\") ",
    ));
    all.extend(misspelt(text, &["(\""]));
    all
}

fn json(text: &str) -> Vec<String> {
    let objects = after(text, "{");
    let full = |at: &usize| !text[*at..].trim_start().starts_with('}');
    let (full, empty): (Vec<_>, Vec<_>) = objects.into_iter().partition(full);
    let mut all = Vec::new();
    for value in [
        "\"planted\"",
        "{}",
        "[]",
        "0",
        "null",
        "{\"type\": \"planted\", \"id\": \"a\"}",
    ] {
        all.extend(insert_at(
            text,
            full.clone(),
            &format!("\"planted\": {value}, "),
        ));
        all.extend(insert_at(
            text,
            empty.clone(),
            &format!("\"planted\": {value}"),
        ));
    }
    all.extend(misspelt(text, &["\": "]));
    all.extend(insert_at(
        text,
        after(text, "\"parents\": ["),
        "\"planted\"",
    ));
    all
}

/// Files that nothing reads.
fn strays(sources: &BTreeMap<String, String>) -> Vec<(String, &'static str)> {
    let rule = "forbid (principal, action, resource); // planted\n";
    let manifest = "agent = \"planted\"\n";
    let mut all: Vec<(String, &str)> = Vec::new();
    for name in [
        "policies/deeper/planted.cedar",
        "policies/.planted.cedar",
        "policies/planted",
        "policies/planted.cedar.txt",
        "policies/planted.cedar~",
        "policies/planted.ceder",
        "policies/.planted.cedar.swp",
        "policies/planted.json",
        "planted.cedar",
        "policies.cedar",
        "policy/planted.cedar",
        "polices/planted.cedar",
    ] {
        all.push((name.to_owned(), rule));
    }
    for name in [
        "agents/deeper/planted.toml",
        "agents/.planted.toml",
        "agents/planted",
        "agents/planted.tml",
        "agents/planted.json",
        "agents/planted.toml.bak",
        "agent/planted.toml",
        "agent.toml",
    ] {
        all.push((name.to_owned(), manifest));
    }
    all.push(("planted.cedarschema".to_owned(), "entity Planted;\n"));
    all.push(("entity.json".to_owned(), "[]"));
    all.push(("ambitt.toml".to_owned(), ""));
    if !sources.contains_key("entities.json") {
        all.push((
            "entities.json".to_owned(),
            "[{\"uid\": {\"type\": \"Planted\", \"id\": \"a\"}}]",
        ));
    }
    all
}

fn kind(name: &str) -> &str {
    name.rsplit('.').next().unwrap()
}

#[test]
fn what_is_written_is_in_the_bundle_or_refused() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for dir in projects() {
        let shop = Workshop::new(&dir);
        for (name, text) in &shop.sources {
            let planted = match kind(name) {
                "toml" => toml(text),
                "cedar" => cedar(text),
                "cedarschema" => schema(text),
                _ => json(text),
            };
            // Every place where there is one of everything, every seventh elsewhere: these take longer.
            let all = shop.sources.contains_key("entities.json") || dir.ends_with("good/shapes");
            for text in planted.into_iter().step_by(if all { 1 } else { 7 }) {
                shop.judge(name, &text, &mut wrong);
                tried += 1;
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(
        wrong.is_empty(),
        "{}\n{} of {tried}",
        wrong.join("\n"),
        wrong.len()
    );
    assert!(tried > 1000, "{tried}");
}

#[test]
fn files_that_are_not_read_are_refused() {
    for dir in projects() {
        let shop = Workshop::new(&dir);
        for (name, text) in strays(&shop.sources) {
            let report = shop.with(&name, text).expect_err(&name);
            let top = name.split("/planted").next().unwrap();
            assert!(report.contains(&format!("--> {top}")), "{name}: {report}");
            let folder = shop.folder.path().join(top);
            if !["policies", "agents"].contains(&top) && folder.is_dir() {
                fs::remove_dir(folder).unwrap();
            }
        }
        for note in [
            "README.md",
            "policies/README.md",
            "agents/.gitkeep",
            "notes.txt",
        ] {
            let same = shop
                .with(note, "planted")
                .unwrap_or_else(|report| panic!("{report}"));
            assert!(same == shop.digest, "{note}");
        }
    }
}

/// Where a comment ends is where everybody sees it end.
#[test]
fn what_editors_show_in_another_way_is_refused() {
    let dir = projects().remove(0);
    let shop = Workshop::new(&dir);
    for (name, text) in &shop.sources {
        if !["cedar", "cedarschema"].contains(&kind(name)) {
            continue;
        }
        for sign in [
            "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\u{202e}", "\u{2067}",
        ] {
            let report = shop
                .with(name, &format!("// a{sign}planted\n{text}"))
                .expect_err(name);
            assert!(report.contains(&format!("--> {name}:1:5")), "{report}");
        }
        shop.with(name, &text.replace('\n', "\r\n")).expect(name);
    }
}

#[test]
fn what_may_be_silent_is_listed() {
    for dir in projects() {
        let shop = Workshop::new(&dir);
        for (name, text) in &shop.sources {
            for (_, what) in SILENT.iter().filter(|(end, _)| *end == kind(name)) {
                let built = shop.with(name, &format!("{what}{text}"));
                let built = built.unwrap_or_else(|report| panic!("{name}: {what}: {report}"));
                // The line of a policy is in the bundle, so that a person can be led to it.
                let moved = kind(name) == "cedar";
                // Policies can speak of every entity type.
                let typed =
                    what.contains("entity") && shop.sources.keys().any(|one| kind(one) == "cedar");
                assert!(moved || typed || built == shop.digest, "{name}: {what}");
                assert!(!contains(&built, MARK), "{name}: {what}");
            }
        }
    }
}
