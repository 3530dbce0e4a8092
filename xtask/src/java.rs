//! The Java package: its artifacts with the core in them as classes, where users take them from, and their tests there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask_kit::cargo;
use xtask_kit::ui::{self, Tally};

use crate::guest;
use crate::package::{LINES, copy, copy_folder, digest, failed, remove};
use crate::program::{AMBIT, JUDGE};

/// The host: what runs the core, loads, asks and obeys. Beside it are types of what goes in and comes out, JSON, which other
/// languages have in their libraries, and stores. Guards, logs and fetched lists have folders of their own.
const HOST: [&str; 8] = [
    "Core.java",
    "Endive.java",
    "Enforcement.java",
    "Engine.java",
    "Loading.java",
    "Machine.java",
    "Policy.java",
    "Pool.java",
];
const PACKAGE: &str = "ambit/src/main/java/dev/ambit";

/// Puts the artifacts under `target/java`: those that users put on their class path into `lib`. `false` where there is no
/// JDK or no Maven, which is an error in CI.
pub(crate) fn build(root: &Path) -> Result<bool, String> {
    if !is_there() {
        let lacking = "`javac` 17 or later and `mvn` are not there";
        if std::env::var_os("CI").is_some() {
            return Err(format!("{lacking}, and CI needs them"));
        }
        ui::skipped(format_args!(
            "{lacking}: the Java package is not built, and its tests do not run"
        ));
        return Ok(false);
    }
    let host = folder(root);
    remove(&root.join("target/java"))?;
    copy_folder(&root.join("host/java"), &host)?;
    let resources = host.join("ambit/src/main/resources");
    fs::create_dir_all(resources.join("dev/ambit")).map_err(failed(&resources))?;
    fs::create_dir_all(resources.join("META-INF")).map_err(failed(&resources))?;
    copy(&root.join("LICENSE"), &resources.join("META-INF/LICENSE"))?;
    let core = resources.join("dev/ambit/core.wasm");
    copy(&guest::build_small_core(root)?, &core)?;
    let text = format!(
        "package dev.ambit;\n\n/** Written by the build. */\nfinal class CoreDigest {{\n    /** The core that this package runs, and \
         no other. */\n    static final String SHA256 = \"{}\";\n\n    private CoreDigest() {{}}\n}}\n",
        digest(&core)?
    );
    let file = host.join(PACKAGE).join("CoreDigest.java");
    fs::write(&file, text).map_err(failed(&file))?;
    let mut maven = Command::new("mvn");
    maven
        .current_dir(&host)
        .args(["-q", "-B", "package", "-DskipTests"]);
    guest::run(&mut maven, "building the Java package")?;
    ui::note(root.join("target/java/lib").display());
    Ok(true)
}

/// Runs its tests with JUnit, on the artifacts as users have them.
pub(crate) fn test(root: &Path) -> Result<Tally, String> {
    let fixture = root.join("target/fixture");
    guest::build(root)?;
    AMBIT.build(root)?;
    JUDGE.write(root, &["fixture".as_ref(), fixture.as_os_str()])?;
    let mut tally = count(root)?;
    let target = root.join("target/java");
    let classes = folder(root).join("tests/target/test-classes");
    let mut junit = Command::new("java");
    junit
        .current_dir(&target)
        .arg("-cp")
        .arg(format!("{}:test/*", classes.display()))
        .args(["org.junit.platform.console.ConsoleLauncher", "execute"])
        .args(["--disable-banner", "--disable-ansi-colors"])
        .args(["--details", "tree", "--scan-classpath"])
        .arg(&classes)
        .env("AMBIT_COMMAND", root.join("target/debug/ambit"))
        .env("AMBIT_FIXTURE", &fixture)
        .env("AMBIT_ROOT", root);
    let mut counted = Tally::default();
    let passed = cargo::watch(&mut junit, |line| {
        counted.passed += number(line, "tests successful").unwrap_or_default();
        counted.failed += number(line, "tests failed").unwrap_or_default();
        counted.failed += number(line, "containers failed").unwrap_or_default();
        counted.failed += number(line, "tests skipped").unwrap_or_default();
        counted.failed += number(line, "tests aborted").unwrap_or_default();
    })?;
    // What does not start has no failed test.
    counted.failed += usize::from((!passed || counted.passed == 0) && counted.failed == 0);
    tally += counted;
    Ok(tally)
}

/// Whether there are a compiler of Java 17 or later and Maven.
fn is_there() -> bool {
    let said = Command::new("javac").arg("-version").output();
    let version = said.ok().and_then(|said| {
        let said = String::from_utf8(said.stdout).ok()?;
        let version = said.strip_prefix("javac ")?;
        version.split(['.', '-', '\n']).next()?.parse::<u32>().ok()
    });
    let mut maven = Command::new("mvn");
    maven.arg("--version");
    let maven = maven.stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_some_and(|version| version >= 17) && maven.is_ok_and(|status| status.success())
}

/// Where the artifacts are built.
fn folder(root: &Path) -> PathBuf {
    root.join("target/java/host")
}

/// Prints the lines of the host, and compares them with the bound.
fn count(root: &Path) -> Result<Tally, String> {
    let mut lines = 0;
    for name in HOST {
        let file = root.join("host/java").join(PACKAGE).join(name);
        let text = fs::read_to_string(&file).map_err(failed(&file))?;
        lines += code_lines(&text);
    }
    let fits = lines <= LINES;
    ui::outcome(
        fits,
        format_args!("the host in Java has {lines} lines of code, at most {LINES}"),
    );
    Ok(Tally::one(fits))
}

/// Lines that are neither empty nor comments, nor say where something is from.
fn code_lines(text: &str) -> usize {
    const BESIDE: [&str; 6] = ["//", "/*", "*", "package ", "import ", "@Override"];
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !BESIDE.iter().any(|mark| line.starts_with(mark)))
        .count()
}

/// The count in a line of JUnit's summary: `[        12 tests successful      ]`.
fn number(line: &str, what: &str) -> Option<usize> {
    let inside = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    let count = inside.trim().strip_suffix(what)?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{code_lines, number};

    #[test]
    fn comments_are_no_code() {
        let text = "package a;\n\nimport b.B;\n\n/** Why. */\nclass A {\n    /**\n     * Long.\n     */\n    int a; // one\n    // two\n}\n";
        assert_eq!(code_lines(text), 3);
    }

    #[test]
    fn junit_results_are_counted() {
        let line = "[        12 tests successful      ]";
        assert_eq!(number(line, "tests successful"), Some(12));
        assert_eq!(number(line, "tests failed"), None);
        assert_eq!(number("tests successful", "tests successful"), None);
    }
}
