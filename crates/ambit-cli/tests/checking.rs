//! `ambit check`, `ambit fmt` and `ambit completions`.

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use common::Project;
use serde_json::Value;

const IRRELEVANT: &str =
    "\n@id(\"mail\")\npermit (principal, action == Action::\"email\", resource);\n";

fn append(project: &Project, name: &str, text: &str) {
    project.write(name, project.read(name) + text);
}

#[test]
fn the_starter_is_sound_and_laid_out() {
    let project = Project::fresh();
    project
        .ambit(&["check", "--deny-warnings"])
        .expect(0)
        .says("is sound");
    project.ambit(&["fmt", "--check"]).expect(0);
    project.ambit(&["test"]).expect(0);
}

#[test]
fn faults_in_several_files_are_shown_together() {
    let project = Project::fresh();
    project.edit("ambit.toml", "valid_days", "valid_dys");
    project.edit("agents/assistant.toml", "max_depth = 1", "max_depth = 9");
    project.edit("policies/base.cedar", "context.amount", "context.amuont");
    append(&project, "tests/assistant.toml", "\n[[case]\n");
    let run = project.ambit(&["check"]).expect(3);
    for words in [
        "did you mean `valid_days`?",
        "--> agents/assistant.toml:11:13",
        "did you mean `amount`?",
        "--> tests/assistant.toml",
        "4 files",
    ] {
        assert!(run.err.contains(words), "`{words}` is not in {}", run.err);
    }
}

#[test]
fn a_fault_of_a_test_file_is_one_of_the_project() {
    let project = Project::fresh();
    project.edit(
        "tests/assistant.toml",
        "action = \"pay\"",
        "action = \"pya\"",
    );
    project
        .ambit(&["check"])
        .expect(3)
        .says("did you mean `pay`?");
}

#[test]
fn warnings_fail_only_when_they_are_denied() {
    let project = Project::fresh();
    append(&project, "policies/base.cedar", IRRELEVANT);
    project.ambit(&["check"]).expect(0).says("check.irrelevant");
    project.ambit(&["check", "--deny-warnings"]).expect(2);
    let allowed = IRRELEVANT.replace(
        "\n@id",
        "\n// allow(check.irrelevant): kept for audits\n@id",
    );
    project.edit("policies/base.cedar", IRRELEVANT, &allowed);
    project.ambit(&["check", "--deny-warnings"]).expect(0);
}

#[test]
fn programs_read_one_object_and_github_its_annotations() {
    let project = Project::fresh();
    append(&project, "policies/base.cedar", IRRELEVANT);
    let line = project.read("policies/base.cedar").matches('\n').count() - 1;
    let run = project.ambit(&["check", "--format", "json"]).expect(0);
    assert_eq!(run.err, "");
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["command"], "check");
    assert_eq!(json["exit"], 0);
    let one = &json["diagnostics"][0];
    assert_eq!(one["severity"], "warning");
    assert_eq!(one["code"], "check.irrelevant");
    assert_eq!(one["file"], "policies/base.cedar");
    assert_eq!(one["line"], line);
    assert_eq!(one["column"], 1);
    assert_eq!(one["end_column"], 12);
    let run = project.ambit(&["check", "--format", "github"]).expect(0);
    let start = format!(
        "::warning file=policies/base.cedar,line={line},col=1,endLine={line},endColumn=12,title=check.irrelevant::`mail`"
    );
    assert!(run.out.starts_with(&start), "{}", run.out);
    assert!(run.out.contains("%0Ahelp: "), "{}", run.out);
    let run = project
        .ambit(&["check", "nowhere", "--format", "json"])
        .expect(3);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["exit"], 3);
    assert_eq!(json["diagnostics"][0]["code"], "project.folder");
}

#[test]
fn layout_keeps_comments_and_meaning() {
    let project = Project::fresh();
    let rough = "// above\npermit(principal,action,resource); // beside\n@id(\"x\") forbid(principal,action,resource) when{context.power==\"draft\"&&true};\n// below\n";
    project.write("policies/base.cedar", rough);
    let wasm = |name: &str| {
        project.ambit(&["build", ".", "-o", name]).expect(0);
        project.bytes(name)
    };
    project
        .ambit(&["fmt", "--check"])
        .expect(2)
        .says("would change");
    assert_eq!(project.read("policies/base.cedar"), rough);
    project.ambit(&["fmt"]).expect(0).says("changed");
    let laid_out = project.read("policies/base.cedar");
    assert_ne!(laid_out, rough);
    for words in ["// above", "// beside", "// below"] {
        assert!(laid_out.contains(words), "{laid_out}");
    }
    project.ambit(&["fmt", "--check"]).expect(0);
    // All but the lines of the policies, which denials name.
    let digest = |bytes: Vec<u8>| bytes.len();
    let after = digest(wasm("after.wasm"));
    project.write("policies/base.cedar", rough);
    assert_eq!(digest(wasm("before.wasm")), after);
}

#[test]
fn a_file_with_a_fault_keeps_all_files_as_they_are() {
    let project = Project::fresh();
    project.write("policies/a.cedar", "permit(principal,action,resource);");
    project.write("policies/b.cedar", "permit(principal,action);");
    project.ambit(&["fmt"]).expect(3).says("policies/b.cedar");
    assert_eq!(
        project.read("policies/a.cedar"),
        "permit(principal,action,resource);"
    );
}

#[cfg(unix)]
#[test]
fn layout_goes_through_links_and_keeps_who_may_read() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let project = Project::fresh();
    project.write("shared.txt", "permit(principal,action,resource);");
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(project.path("shared.txt"), mode).unwrap();
    symlink("../shared.txt", project.path("policies/link.cedar")).unwrap();
    project.ambit(&["fmt"]).expect(0);
    let facts = std::fs::symlink_metadata(project.path("policies/link.cedar")).unwrap();
    assert!(facts.is_symlink());
    assert_eq!(
        project.read("shared.txt"),
        "permit (principal, action, resource);\n"
    );
    let mode = std::fs::metadata(project.path("shared.txt"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn every_shell_has_its_completions() {
    let project = Project::fresh();
    for (shell, words) in [
        ("bash", "complete -F _ambit"),
        ("zsh", "#compdef ambit"),
        ("fish", "complete -c ambit"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = project.ambit(&["completions", shell]).expect(0).out;
        assert!(script.contains(words), "{shell}");
        assert!(script.contains("deny-warnings"), "{shell}");
    }
}

#[test]
fn a_change_is_checked_again() {
    let project = Project::fresh();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ambit"))
        .args(["check", "--watch", "--format", "json"])
        .current_dir(project.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .all(|line| sender.send(line).is_ok())
    });
    let exit = || {
        let line = receiver
            .recv_timeout(Duration::from_secs(60))
            .expect("it is checked");
        let json: Value = serde_json::from_str(&line).unwrap();
        json["exit"].as_i64()
    };
    let first = exit();
    project.edit("policies/base.cedar", "context.amount", "context.amuont");
    let second = exit();
    project.edit("policies/base.cedar", "context.amuont", "context.amount");
    let third = exit();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!([first, second, third], [Some(0), Some(3), Some(0)]);
}
