//! `ambit init`

use std::path::{Path, PathBuf};

use ambit_compiler::keys::{self, SecretKey};
use clap::Args;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::keys::{compile, named};
use crate::say::{BOLD, DIM};
use crate::{files, say, time};

mod broker;

/// Start a project that builds at once
///
/// Writes a small project: a policy with two actions and one agent, its tests, the keys that it
/// needs, the claims of a first token and a first request. With --broker there is a broker that asks a
/// person, and an agent in Python that asks it, in the place of these. Nothing that exists is overwritten.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Init {
    /// The folder to write to; it is made if missing
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The policy's name, which hosts pin
    #[arg(long, value_name = "UID", default_value = "example/assistant", value_parser = uid)]
    uid: String,
    /// Without the example: `ambit.toml` and keys alone, for a vocabulary of your own or from `ambit import`
    #[arg(long, conflicts_with = "broker")]
    bare: bool,
    /// With a broker to try on this machine, and an agent in Python that asks it
    #[arg(long)]
    broker: bool,
}

const EXAMPLES: &str = "\
Examples:
  ambit init my-project
  ambit init my-project --broker
  ambit init . --uid acme/agents
  ambit init my-project --bare && cd my-project && ambit import mcp -o schema.cedarschema -- SERVER";

/// The compiler's rule for `uid`, so that the project builds.
fn uid(text: &str) -> Result<String, String> {
    let segment = |segment: &str| {
        segment.starts_with(|c: char| c.is_ascii_alphanumeric())
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if text.len() <= 128 && text.split('/').all(segment) {
        Ok(text.to_owned())
    } else {
        Err(
            "wanted names joined by `/`, of letters, digits, `.`, `_` and `-`: acme/agents"
                .to_owned(),
        )
    }
}

const AMBIT: &str = include_str!("../../templates/ambit.toml");
const SCHEMA: &str = include_str!("../../templates/schema.cedarschema");
const POLICY: &str = include_str!("../../templates/base.cedar");
const AGENT: &str = include_str!("../../templates/assistant.toml");
const TESTS: &str = include_str!("../../templates/tests.toml");
const GRANT: &str = include_str!("../../templates/grant.json");
const PAYMENTS: &str = include_str!("../../templates/payments.json");
const NARROWER: &str = include_str!("../../templates/narrower.json");
const REQUEST: &str = include_str!("../../templates/request.json");
const IGNORED: &str = include_str!("../../templates/gitignore");

/// The private keys: who signs tokens, who signs modules, who holds the token.
const ISSUER: &str = "keys/issuer.jwk";
const MODULE: &str = "keys/module.jwk";
const HOLDER: &str = "keys/agent.jwk";

/// A file and what stands in it.
type Text = (&'static str, String);

/// What leads to a first decision: who holds a token, what it grants, what is asked.
fn first_decision(holder: &SecretKey) -> [Text; 5] {
    [
        ("keys/agent.pub.jwk", format!("{}\n", named(holder))),
        ("grant.json", GRANT.to_owned()),
        ("payments.json", PAYMENTS.to_owned()),
        ("narrower.json", NARROWER.to_owned()),
        ("request.json", REQUEST.to_owned()),
    ]
}

impl Init {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let make = |kid| keys::generate(Some(kid)).map_err(|error| compile(&error));
        let issuer = make("issuer-1")?;
        let module = make("module-1")?;
        let mut texts = self.texts(&issuer, &module);
        let mut keys = vec![(ISSUER, issuer), (MODULE, module)];
        if self.broker {
            broker::add(&mut texts, &mut keys)?;
        } else {
            let holder = make("agent-1")?;
            let first = first_decision(&holder).into_iter();
            texts.extend(first.take(if self.bare { 1 } else { 5 }));
            keys.push((HOLDER, holder));
        }
        let names = texts.iter().map(|(name, _)| *name);
        self.refuse_existing(names.chain(keys.iter().map(|(name, _)| *name)))?;
        let folders = ["agents", "keys", "policies", "tests"];
        for folder in folders.into_iter().take(if self.bare { 2 } else { 4 }) {
            files::create_folder(&self.dir.join(folder))?;
        }
        for (name, key) in &keys {
            key.save(&self.dir.join(name))
                .map_err(|error| compile(&error))?;
        }
        for (name, text) in &texts {
            files::create(&self.dir.join(name), text.as_bytes())?;
        }
        self.tell();
        Ok(Exit::Done)
    }

    fn texts(&self, issuer: &SecretKey, module: &SecretKey) -> Vec<Text> {
        let today = time::show(time::now());
        let midnight = format!("{}T00:00:00Z", today.get(..10).unwrap_or("2026-01-01"));
        let ambit = AMBIT
            .replace("{{uid}}", &self.uid)
            .replace("{{issued}}", &midnight)
            .replace("{{issuer_x}}", &issuer.x());
        let ambit = match self.bare {
            // No policies stand beside it, and every request shows that the agent holds the token's key.
            true => without_example(&ambit),
            false => ambit,
        };
        let trusted = json!({"kid": module.kid(), "jwk": module.public_jwk()});
        let trust = json!({"threshold": 1, "keys": [trusted]});
        let mut texts = vec![
            ("ambit.toml", ambit),
            ("keys.json", format!("{trust:#}\n")),
            ("keys/.gitignore", IGNORED.to_owned()),
        ];
        let example = [
            ("schema.cedarschema", SCHEMA.to_owned()),
            ("policies/base.cedar", POLICY.to_owned()),
            ("agents/assistant.toml", AGENT.to_owned()),
            ("tests/assistant.toml", TESTS.to_owned()),
        ];
        if !self.bare {
            texts.extend(example);
        }
        texts
    }

    /// All names are looked at before the first file is written.
    fn refuse_existing(&self, names: impl Iterator<Item = &'static str>) -> Result<(), Failure> {
        for name in names {
            let path = self.dir.join(name);
            if path.symlink_metadata().is_ok() {
                return Err(Failure::unusable(
                    "init.exists",
                    "the file exists already, and is never overwritten",
                )
                .at(&path)
                .help("name a folder that has no project yet"));
            }
        }
        Ok(())
    }

    fn tell(&self) {
        say::note(format!(
            "wrote a project to {}; its parts are explained in ambit.toml",
            self.dir.display()
        ));
        if self.dir != Path::new(".") {
            say::note(format!("\n  cd {}", shell(&self.dir)));
        }
        if self.bare {
            say::note(
                "\nWrite schema.cedarschema (`ambit import` starts one) and agents/*.toml, then `ambit check`",
            );
            return;
        }
        let first = match self.broker {
            true => ("A person's yes, in a browser:", &broker::ASK[..]),
            false => ("A first decision:", &DECIDE[..]),
        };
        for (heading, commands) in [("While you change it:", &WORK[..]), first] {
            say::note(format!("\n{BOLD}{heading}{BOLD:#}"));
            for (command, what) in commands {
                say::note(format!("  {command}"));
                say::note(format!("      {DIM}# {what}{DIM:#}"));
            }
        }
    }
}

/// The file of a project that has no policies yet: proofs of possession are asked for, as they are by default.
fn without_example(ambit: &str) -> String {
    let head = "# An Ambit project: what AI agents may do for people, and how far. `ambit explain CODE` says what a reason code means.\n\n";
    let from = ambit.find("[policy]").unwrap_or_default();
    let (before, rest) = ambit.split_at(from);
    let (kept, open) = rest
        .split_once("# Whoever has a token may use it.")
        .unwrap_or((rest, ""));
    let keys = open
        .find("# Who may sign tokens")
        .and_then(|at| open.get(at..));
    match keys {
        Some(keys) => format!(
            "{head}{kept}# There are no policies beside tokens and manifests yet; remove this when there are (`policies/*.cedar`).\nguard_rails = \"none\"\n\n{keys}"
        ),
        None => format!("{before}{rest}"),
    }
}

/// What to type in the project's folder while it is written.
const WORK: [(&str, &str); 2] = [
    (
        "ambit check",
        "faults and mistakes in its files, with what to write instead; --watch looks again at each change",
    ),
    (
        "ambit test",
        "asks what tests/assistant.toml asks; raise a `max` in agents/assistant.toml, and see a case fail. `ambit prove` shows what holds for all requests",
    ),
];

/// What to type next.
const DECIDE: [(&str, &str); 4] = [
    ("ambit build . -o policy.wasm", "make the policy module"),
    (
        "ambit sign policy.wasm --key keys/module.jwk",
        "without a signature, nobody loads it",
    ),
    (
        "ambit mint --module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk --claims grant.json > token.jwt",
        "let one run of the agent prepare mail, for 15 minutes; payments.json needs Ann's consent first: try it",
    ),
    (
        "ambit evaluate --module policy.wasm --trust keys.json --token token.jwt --audience https://mail.example < request.json",
        "allowed; write \"execute\" for \"draft\" in request.json, and see why not and what would help",
    ),
];

/// A path that a shell reads as one word.
fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,@%".contains(&byte);
    if !text.starts_with('-') && text.bytes().all(plain) {
        return text;
    }
    let text = text.replace('\'', r"'\''");
    if text.starts_with('-') {
        format!("'./{text}'")
    } else {
        format!("'{text}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_for_a_shell() {
        assert_eq!(shell(Path::new("my-project")), "my-project");
        assert_eq!(shell(Path::new("my project")), "'my project'");
        assert_eq!(shell(Path::new("it's")), r"'it'\''s'");
        assert_eq!(shell(Path::new("-rf")), "'./-rf'");
    }

    #[test]
    fn no_placeholder_is_left() {
        let left = ["{{uid}}", "{{issued}}", "{{issuer_x}}"].iter().fold(
            AMBIT.to_owned(),
            |text, name| {
                assert_eq!(text.matches(name).count(), 1, "{name}");
                text.replace(name, "")
            },
        );
        assert!(!left.contains("{{"));
    }
}
