//! Compiles the copy with everything planted, and the programs that look for one fault each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufRead as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask_kit::cargo::cargo;
use xtask_kit::ui;

use crate::groups::{Group, Hunter};
use crate::plant::Planting;
use crate::tree;

/// Names the fault that is on.
const SWITCH: &str = "AMBIT_MUTANT";
/// A run that takes so much longer than without a fault does not end: the fault is found.
const PATIENCE: u32 = 10;
const LEAST_PATIENCE: Duration = Duration::from_secs(10);
/// Decisions of the judge's first look.
const GLANCE: usize = 1000;
/// How often changes that do not compile are left out before that is given up.
const ATTEMPTS: usize = 60;

/// The programs that look for a fault, compiled with all of them.
pub(super) struct Hunters<'t> {
    tree: &'t Path,
    decisions: usize,
    programs: BTreeMap<Hunter, PathBuf>,
    /// How long each takes when nothing is wrong.
    usual: BTreeMap<Hunter, Duration>,
}

/// A cargo in the copy. What is built there shares the compiled dependencies of the product, and its
/// programs lie elsewhere.
fn cargo_of(root: &Path, tree: &Path, words: &str) -> Command {
    let mut command = cargo(tree, &words.split(' ').collect::<Vec<_>>());
    command.args(["--offline", "--quiet", "--message-format", "json"]);
    command.env("CARGO_BUILD_BUILD_DIR", root.join("target"));
    command.env("CARGO_TARGET_DIR", root.join("target/mutants/out"));
    command
}

/// Leaves out what does not compile until the rest does.
pub(super) fn settle(root: &Path, tree: &Path, planting: &mut Planting) -> Result<(), String> {
    for _ in 0..ATTEMPTS {
        for (file, text) in planting.texts() {
            tree::write(&tree.join(file), text.as_bytes())?;
        }
        for library in planting.libraries() {
            // Planted itself, perhaps.
            let planted = planting.texts().find(|(file, _)| *file == library);
            let text = match planted {
                Some((_, text)) => text,
                None => {
                    fs::read_to_string(root.join(&library)).map_err(|error| error.to_string())?
                }
            };
            let text = Planting::with_switch(&text);
            tree::write(&tree.join(&library), text.as_bytes())?;
        }
        let packages = packages(planting)?;
        let words = format!("build --lib --keep-going {packages}");
        let messages = run(&mut cargo_of(root, tree, &words))?;
        let errors: Vec<&Value> = messages.iter().filter(|one| is_error(one)).collect();
        if errors.is_empty() {
            return Ok(());
        }
        let left_out = errors.iter().filter(|error| leave_out(planting, error));
        if left_out.count() == 0 {
            let text = errors[0]["message"]["rendered"]
                .as_str()
                .unwrap_or_default();
            return Err(format!("the planted sources do not compile:\n{text}"));
        }
    }
    Err("the planted sources do not compile".to_owned())
}

fn packages(planting: &Planting) -> Result<String, String> {
    let mut words = BTreeSet::new();
    for library in planting.libraries() {
        let folder = library.parent().and_then(Path::parent);
        let folder = folder.ok_or("a library without a folder")?;
        let name = match folder.file_name().and_then(|name| name.to_str()) {
            Some("host") => "ambit-host",
            Some(name) => name,
            None => return Err(format!("`{}` has no name", folder.display())),
        };
        words.insert(format!("--package {name}"));
    }
    Ok(words.into_iter().collect::<Vec<_>>().join(" "))
}

fn is_error(message: &Value) -> bool {
    message["message"]["level"] == "error" && message["message"]["spans"][0].is_object()
}

fn leave_out(planting: &mut Planting, error: &Value) -> bool {
    let message = &error["message"];
    // "cannot call non-const function `a::b::<C>::name` in constants"
    if message["code"]["code"] == "E0015"
        && let Some(named) = message["message"]
            .as_str()
            .and_then(|text| text.split('`').nth(1))
    {
        let name = named.rsplit("::").next().unwrap_or_default();
        return planting.keep_constant(name);
    }
    let spans = message["spans"].as_array().into_iter().flatten();
    let mut left_out = false;
    for span in spans.filter(|span| span["is_primary"] == true) {
        let at = |member: &str| usize::try_from(span[member].as_u64()?).ok();
        let (Some(start), Some(end)) = (at("byte_start"), at("byte_end")) else {
            continue;
        };
        let file = Path::new(span["file_name"].as_str().unwrap_or_default());
        left_out |= planting.leave_out(file, &Range { start, end });
    }
    left_out
}

/// Runs cargo and gives its messages; whether it succeeded is seen from them.
fn run(command: &mut Command) -> Result<Vec<Value>, String> {
    let output = command
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    let lines = output.stdout.lines().map_while(Result::ok);
    let messages: Vec<Value> = lines
        .filter_map(|line| serde_json::from_str(&line).ok())
        .collect();
    if !output.status.success() && !messages.iter().any(is_error) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(messages)
}

impl<'t> Hunters<'t> {
    /// Compiles what the groups need, and has each of them run once without a fault.
    pub(super) fn build(
        root: &Path,
        tree: &'t Path,
        groups: &[&Group],
        decisions: usize,
    ) -> Result<Self, String> {
        let wanted: BTreeSet<Hunter> = groups
            .iter()
            .flat_map(|group| group.hunters.iter().copied())
            .collect();
        let mut hunters = Self {
            tree,
            decisions,
            programs: BTreeMap::new(),
            usual: BTreeMap::new(),
        };
        let built = compile(root, tree, &wanted)?;
        for hunter in wanted {
            let (package, target) = match hunter {
                Hunter::Glance | Hunter::Judge => ("ambit-judge", "ambit-judge".to_owned()),
                Hunter::Unit(package) => (package, package.replace('-', "_")),
                Hunter::Test(package, target) => (package, target.to_owned()),
            };
            let found = built
                .iter()
                .find(|(of, name, _)| of == package && *name == target);
            let (.., program) = found.ok_or_else(|| format!("cargo built no `{target}`"))?;
            hunters.programs.insert(hunter, program.clone());
            let begun = Instant::now();
            if hunters.finds(hunter, 0, Duration::from_secs(600))? {
                return Err(format!("without a fault, {} fails already", hunter.name()));
            }
            hunters.usual.insert(hunter, begun.elapsed());
            ui::note(format_args!(
                "{}: {:.1} s",
                hunter.name(),
                begun.elapsed().as_secs_f64()
            ));
        }
        Ok(hunters)
    }

    /// Who of a group finds the fault first. An error names the program that could not look for it.
    pub(super) fn hunt(&self, group: &Group, fault: usize) -> Result<Option<Hunter>, String> {
        for hunter in group.hunters.iter().copied() {
            let usual = self.usual.get(&hunter).copied().unwrap_or_default();
            if self.finds(hunter, fault, (usual * PATIENCE).max(LEAST_PATIENCE))? {
                return Ok(Some(hunter));
            }
        }
        Ok(None)
    }

    fn finds(&self, hunter: Hunter, fault: usize, patience: Duration) -> Result<bool, String> {
        let program = self.programs.get(&hunter);
        let program = program.ok_or_else(|| format!("`{}` was not built", hunter.name()))?;
        let mut command = Command::new(program);
        let folder = match hunter {
            Hunter::Glance => {
                self.judge(&mut command, GLANCE.min(self.decisions), "1");
                "tests"
            }
            Hunter::Judge => {
                self.judge(&mut command, self.decisions, "2");
                "tests"
            }
            Hunter::Unit(package) | Hunter::Test(package, _) => {
                command.arg("--quiet");
                folder_of(package)
            }
        };
        let folder = self.tree.join(folder).join(match folder {
            "crates" => match hunter {
                Hunter::Unit(package) | Hunter::Test(package, _) => package,
                _ => "",
            },
            _ => "",
        });
        command.current_dir(folder);
        // The engines in wasm and in Node have no faults in them: asked too, they would only say that
        // they differ.
        command.env("AMBIT_ENGINES", "native");
        fails(&mut command, fault, patience)
    }

    fn judge(&self, command: &mut Command, decisions: usize, seed: &str) {
        command.args([
            "differential",
            "--as-found",
            "--threads",
            "1",
            "--seed",
            seed,
        ]);
        command.args(["--decisions", &decisions.to_string()]);
    }
}

fn folder_of(package: &str) -> &'static str {
    match package {
        "ambit-tests" => "tests",
        "ambit-host" => "host",
        _ => "crates",
    }
}

/// Package, target and program of each hunter.
fn compile(
    root: &Path,
    tree: &Path,
    wanted: &BTreeSet<Hunter>,
) -> Result<Vec<(String, String, PathBuf)>, String> {
    let mut tests = BTreeSet::new();
    let mut packages = BTreeSet::new();
    for hunter in wanted {
        match hunter {
            Hunter::Glance | Hunter::Judge => {}
            Hunter::Unit(package) => {
                packages.insert(*package);
            }
            Hunter::Test(package, target) => {
                packages.insert(*package);
                tests.insert(*target);
            }
        }
    }
    let mut words = "test --no-run --lib".to_owned();
    for package in packages {
        words += &format!(" --package {package}");
    }
    for test in tests {
        words += &format!(" --test {test}");
    }
    let mut programs = built(&mut cargo_of(root, tree, &words))?;
    if wanted.contains(&Hunter::Judge) {
        let words = "build --package ambit-judge --bin ambit-judge";
        programs.extend(built(&mut cargo_of(root, tree, words))?);
    }
    Ok(programs)
}

fn built(command: &mut Command) -> Result<Vec<(String, String, PathBuf)>, String> {
    let messages = run(command)?;
    if let Some(error) = messages.iter().find(|message| is_error(message)) {
        return Err(error["message"]["rendered"].to_string());
    }
    let programs = messages.iter().filter_map(|message| {
        let program = PathBuf::from(message["executable"].as_str()?);
        // `path+file:///…/crates/ambit-core#0.1.0-planted`, or with the name in front of the version.
        let id = message["package_id"].as_str()?;
        let (path, rest) = id.split_once('#')?;
        let name = match rest.split_once('@') {
            Some((name, _)) => name,
            None => path.rsplit('/').next()?,
        };
        Some((
            name.to_owned(),
            message["target"]["name"].as_str()?.to_owned(),
            program,
        ))
    });
    Ok(programs.collect())
}

/// Whether a program fails with the fault on, or does not end. One that cannot be started says nothing of the fault.
pub(crate) fn fails(
    command: &mut Command,
    fault: usize,
    patience: Duration,
) -> Result<bool, String> {
    command.env(SWITCH, fault.to_string());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| {
        let program = command.get_program().display();
        format!("`{program}` cannot be started: {error}")
    })?;
    let end = Instant::now() + patience;
    let mut pause = Duration::from_millis(2);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(!status.success()),
            Ok(None) if Instant::now() < end => {}
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(true);
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
