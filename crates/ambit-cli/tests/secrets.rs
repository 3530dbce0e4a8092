//! No secret leaves: whatever is planted in whatever a command reads appears in nothing that it writes,
//! but in the file that was asked for.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::{Project, Run, ambit_in};

/// A command as it is used, and the files that it reads. `-` is standard input.
struct Row {
    command: &'static str,
    arguments: &'static str,
    reads: &'static [&'static str],
}

const fn row(
    command: &'static str,
    arguments: &'static str,
    reads: &'static [&'static str],
) -> Row {
    Row {
        command,
        arguments,
        reads,
    }
}

const ROWS: &[Row] = &[
    row("init", "fresh", &[]),
    row("keygen", "-o new.jwk --trust keys.json", &["keys.json"]),
    row(
        "keygen",
        "-o new.jwk --toml --iss https://a.example --kid a",
        &[],
    ),
    row(
        "build",
        ". -o out.wasm",
        &[
            "ambit.toml",
            "schema.cedarschema",
            "policies/base.cedar",
            "agents/assistant.toml",
            "entities.json",
            "policies/links.toml",
        ],
    ),
    row(
        "sign",
        "policy.wasm --key keys/module.jwk -o out.wasm",
        &["policy.wasm", "keys/module.jwk"],
    ),
    row(
        "verify",
        "policy.wasm --trust keys.json --seen seen.json --signature policy.dsse.json",
        &["policy.wasm", "keys.json", "seen.json", "policy.dsse.json"],
    ),
    row(
        "inspect",
        "token.jwt --module policy.wasm",
        &["token.jwt", "policy.wasm"],
    ),
    row("inspect", "policy.wasm", &["policy.wasm"]),
    row(
        "describe",
        "draft.json --module policy.wasm --granted granted.json",
        &["draft.json", "policy.wasm", "granted.json"],
    ),
    row(
        "describe",
        "draft.json --project .",
        &["draft.json", "ambit.toml"],
    ),
    row(
        "mint",
        "--module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk --claims grant.json --yes",
        &[
            "policy.wasm",
            "keys/issuer.jwk",
            "keys/agent.pub.jwk",
            "grant.json",
        ],
    ),
    row(
        "mint",
        "--project . --key keys/issuer.jwk --holder keys/agent.pub.jwk --claims - --draft",
        &["ambit.toml", "keys/issuer.jwk", "-"],
    ),
    row(
        "mint",
        "--module policy.wasm --key keys/issuer.jwk --claims draft.json --receipt receipt.jwt --granted granted.json --yes",
        &["draft.json", "receipt.jwt", "granted.json"],
    ),
    row(
        "attenuate",
        "--token token.jwt --key keys/agent.jwk --holder keys/agent.pub.jwk --claims narrower.json --module policy.wasm --yes",
        &[
            "token.jwt",
            "keys/agent.jwk",
            "keys/agent.pub.jwk",
            "narrower.json",
            "policy.wasm",
        ],
    ),
    row(
        "evaluate",
        "--module policy.wasm --trust keys.json --token token.jwt --audience https://mail.example --log out.log --log-key keys/log.jwk",
        &["policy.wasm", "keys.json", "token.jwt", "keys/log.jwk", "-"],
    ),
    row(
        "evaluate",
        "--module policy.wasm --trust keys.json --token token.jwt --audience https://mail.example --batch batch.jsonl",
        &["batch.jsonl"],
    ),
    row("explain", "token.format", &[]),
    row(
        "audit verify",
        "kept.log --key keys/log.jwk --checkpoint kept.log.checkpoints",
        &["kept.log", "keys/log.jwk", "kept.log.checkpoints"],
    ),
    row("audit show", "kept.log", &["kept.log"]),
    row(
        "audit prove",
        "kept.log --key keys/log.jwk --line 0",
        &["kept.log", "keys/log.jwk"],
    ),
];

/// Options whose value is said, signed or written as it is: names. A key in their place is a name too.
const NAMES: &[&str] = &[
    "--uid",
    "--kid",
    "--iss",
    "--sub",
    "--aud",
    "--tenant",
    "--agent",
    "--act",
    "--log-name",
    "--name",
];

/// Options whose value is the file that was asked for.
const OUTPUTS: &[&str] = &["--output", "--log", "--seen", "--ledger"];

/// A project with all that the rows read, and a secret of its own: the issuer's private key.
fn world() -> (Project, String) {
    let project = Project::granted();
    project.ambit(&["keygen", "-o", "keys/log.jwk"]).expect(0);
    let log = ["--log", "kept.log", "--log-key", "keys/log.jwk"];
    let request = project.read("request.json");
    project.evaluate(&log, &request).expect(0);
    project.write("draft.json", project.mint(&["--draft"]));
    project.write("granted.json", "[]");
    project.write("receipt.jwt", "e30.e30.AA");
    project.write("seen.json", "{}");
    project.write("policy.dsse.json", "{}");
    project.write("entities.json", "[]");
    project.write("policies/links.toml", LINKS);
    project.write(
        "batch.jsonl",
        request.split_whitespace().collect::<String>(),
    );
    let key: serde_json::Value = serde_json::from_str(&project.read("keys/issuer.jwk")).unwrap();
    (project, key["d"].as_str().unwrap().to_owned())
}

const LINKS: &str = "[[links]]\ntemplate = \"t\"\nid = \"t-1\"\n";

/// A text with the secret in it: under right and wrong names, in every quoting, cut off, and alone.
fn plants(text: &str, key: &str, secret: &str) -> Vec<String> {
    let half = &secret[..secret.len() / 2];
    let mut planted = vec![
        key.to_owned(),
        key[..key.len() - 4].to_owned(),
        key.replace("\"d\"", "\"D\""),
        key.replace("\"d\"", "\"private\""),
        key.replace("\"kty\":", "\"kty\""),
        secret.to_owned(),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}"),
        format!("{{\"cnf\":{{\"jwk\":{key}}}}}"),
    ];
    for line in [
        format!("d = \"{secret}\""),
        format!("d = '{secret}"),
        format!("d = \"\"\"\n{secret}\"\"\""),
        format!("d = [\"{secret}\"]"),
        format!("kid = \"a\" d = \"{secret}\""),
        format!("jwk = {{ kty = \"OKP\", d = \"{secret}\" }}"),
        format!("private = \"{half}\""),
        format!("other = \"{secret}\""),
        format!("@reason(\"{secret}\" permit;"),
        format!("d = {half}"),
    ] {
        planted.push(format!("{text}\n{line}\n"));
        planted.push(format!("{line}\n{text}\n"));
        planted.push(format!("[[keys]]\n{line}"));
    }
    for member in [
        format!("\"d\":\"{secret}\","),
        format!("\"d\":\"{half}\","),
        format!("\"d\":\"{secret}"),
        format!("\"privat\":\"{secret}\","),
        format!("\"oth\":[{{\"d\":\"{secret}\"}}],"),
        format!("\"cnf\":{{\"jwk\":{key}}},"),
        format!("\"cnf\":{{\"jwk\":{}}},", key.replace("\"d\"", "\"D\"")),
    ] {
        for (at, _) in text.match_indices('{').take(4) {
            planted.push(format!("{}{{{member}{}", &text[..at], &text[at + 1..]));
        }
    }
    planted
}

/// No eight characters of the secret stand in what the command said and wrote.
#[track_caller]
fn check(project: &Project, secret: &str, run: &Run, planted: &[&str], about: &str) {
    let leaks = |text: &[u8]| {
        secret
            .as_bytes()
            .windows(8)
            .any(|piece| text.windows(8).any(|window| window == piece))
    };
    assert!(!leaks(run.err.as_bytes()), "{about}: {run:#?}");
    assert!(!leaks(run.out.as_bytes()), "{about}: {run:#?}");
    // A token repeats its claims in base64url.
    for part in run.out.split(['.', '~', '\n']) {
        let decoded = ambit_token::base64url::decode(part.as_bytes()).unwrap_or_default();
        assert!(!leaks(&decoded), "{about}: {run:#?}");
    }
    for path in files(&project.path(".")) {
        let name = path.trim_start_matches("./");
        let kept = planted.contains(&name) || name == "keys/issuer.jwk";
        assert!(kept || !leaks(&project.bytes(name)), "{about}: {name}");
    }
}

/// The files of a folder, by their paths in it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let inner = files(&entry.path());
            found.extend(inner.into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            found.push(name);
        }
    }
    found
}

fn split(row: &Row) -> Vec<&'static str> {
    let words = row.command.split(' ').chain(row.arguments.split(' '));
    words.collect()
}

/// Takes away what a run wrote.
fn clean(project: &Project) {
    for name in ["new.jwk", "out.wasm", "out.log", "out.log.checkpoints"] {
        let _ = fs::remove_file(project.path(name));
    }
    let _ = fs::remove_dir_all(project.path("fresh"));
}

/// Writes as `ambit keygen` does, so that a key is read as one.
fn put(project: &Project, name: &str, text: &[u8]) {
    project.write(name, text);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(project.path(name), mode).unwrap();
    }
}

#[test]
fn what_is_planted_in_a_file_is_not_said() {
    let (project, secret) = world();
    let key = project.read("keys/issuer.jwk");
    let mut turn = 0;
    for row in ROWS {
        let request = project.read("request.json");
        let claims = project.read("grant.json");
        let input = if row.command == "mint" {
            &claims
        } else {
            &request
        };
        for name in row.reads.iter().copied() {
            let before = if name == "-" {
                input.clone().into_bytes()
            } else {
                project.bytes(name)
            };
            let text = String::from_utf8(before.clone()).unwrap_or_default();
            // All of it where no module is loaded, which takes its time; elsewhere a part in turn.
            turn += 1;
            let step = if row.command == "build" { 1 } else { 6 };
            let planted = plants(&text, &key, &secret).into_iter();
            for planted in planted.skip(turn % step).step_by(step) {
                let arguments = split(row);
                let run = if name == "-" {
                    project.ambit_with(&arguments, planted.as_bytes())
                } else {
                    put(&project, name, planted.as_bytes());
                    project.ambit_with(&arguments, input.as_bytes())
                };
                let about = format!("{} with {name}:\n{planted}", row.command);
                check(&project, &secret, &run, &[name], &about);
                clean(&project);
            }
            if name != "-" {
                put(&project, name, &before);
            }
        }
    }
}

/// The options of a command that take a value, out of its help.
fn options(project: &Project, command: &str) -> Vec<String> {
    let mut words: Vec<&str> = command.split(' ').collect();
    words.push("--help");
    let help = project.ambit(&words).expect(0).out;
    let lines = help.lines().map(str::trim_start);
    let lines = lines.filter_map(|line| line[line.find("--")?..].split_once(" <"));
    let names = lines.map(|(name, _)| name.to_owned());
    names.filter(|name| !name.contains(' ')).collect()
}

#[test]
fn what_is_given_in_the_place_of_an_argument_is_not_said() {
    let (project, secret) = world();
    let key = project.read("keys/issuer.jwk");
    let mut seen = 0;
    for row in ROWS {
        let base = split(row);
        let verbs = row.command.split(' ').count();
        for (at, value) in [secret.as_str(), key.trim()].into_iter().enumerate() {
            // Each value in the place of every second option: a module takes its time to load.
            let options = options(&project, row.command).into_iter();
            for option in options.skip(at).step_by(2) {
                if NAMES.contains(&option.as_str()) || OUTPUTS.contains(&option.as_str()) {
                    continue;
                }
                let mut arguments: Vec<&str> = Vec::new();
                let mut skip = false;
                for word in &base {
                    if !std::mem::take(&mut skip) && *word != option {
                        arguments.push(word);
                    } else {
                        skip = *word == option;
                    }
                }
                arguments.extend([option.as_str(), value]);
                let run = ambit_in(&project.path("."), &arguments, b"{}");
                check(&project, &secret, &run, &[], &arguments.join(" "));
                clean(&project);
                seen += 1;
            }
            for arguments in [[&base[..verbs], &[value]].concat(), vec![value]] {
                // A folder or file of this name was asked for.
                if row.command != "init" {
                    let run = ambit_in(&project.path("."), &arguments, b"{}");
                    check(&project, &secret, &run, &[], &arguments.join(" "));
                    clean(&project);
                }
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

/// A new command needs a row.
#[test]
fn every_command_has_a_row() {
    let project = Project::fresh();
    let commands = |words: &[&str]| -> Vec<String> {
        let help = project.ambit(&[words, &["--help"]].concat()).expect(0).out;
        let list = help.split_once("Commands:\n").map_or("", |(_, list)| list);
        let list = list.lines().take_while(|line| !line.is_empty());
        let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("    "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        names.map(str::to_owned).collect()
    };
    let mut all = BTreeSet::new();
    for command in commands(&[]) {
        let inner = commands(&[&command]);
        let inner = inner.iter().filter(|inner| *inner != "help");
        let before = all.len();
        all.extend(inner.map(|inner| format!("{command} {inner}")));
        if all.len() == before {
            all.insert(command);
        }
    }
    let rows: BTreeSet<String> = ROWS.iter().map(|row| row.command.to_owned()).collect();
    assert_eq!(rows, all);
}

/// A private key as the holder's is refused in words, in claims that are signed and in drafts.
#[test]
fn a_private_holder_key_in_claims_is_refused() {
    let project = Project::signed();
    let key = project.read("keys/agent.jwk");
    let claims = project.read("grant.json");
    let private = claims.replacen('{', &format!("{{\"cnf\":{{\"jwk\":{key}}},"), 1);
    for last in ["--yes", "--draft"] {
        let mint = [
            "mint",
            "--module",
            "policy.wasm",
            "--key",
            "keys/issuer.jwk",
        ];
        let run = project.ambit_with(
            &[&mint[..], &["--claims", "-", last]].concat(),
            private.as_bytes(),
        );
        assert_eq!(run.out, "");
        run.expect(3)
            .says("mint.private_key")
            .says("replace the private key");
    }
}

/// A key is there whole or not at all, for its owner alone, and never behind somebody's link.
#[cfg(unix)]
#[test]
fn a_key_is_written_beside_its_place() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let project = Project::fresh();
    symlink("elsewhere.jwk", project.path("link.jwk")).unwrap();
    project
        .ambit(&["keygen", "-o", "link.jwk"])
        .expect(3)
        .says("key.exists");
    assert!(!project.path("elsewhere.jwk").exists());
    let names = project.names();
    assert!(
        !names.iter().any(|name| name.starts_with(".ambit-")),
        "{names:?}"
    );
    project.ambit(&["keygen", "-o", "new.jwk"]).expect(0);
    let mode = fs::metadata(project.path("new.jwk"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
