//! A suite's tools as a project: what an organisation would write by hand.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::argument::Argument;
use super::suite::Tool;

/// The agent class that every task's token is minted for.
pub(crate) const AGENT: &str = "assistant";
/// Why the agent acts: on behalf of the user who gave the task.
pub(crate) const PURPOSE: &str = "user-task";
/// What tools act on: the suite's environment as a whole. Its parts are arguments.
pub(crate) const RESOURCE: &str = "Environment";
/// The service that runs the tools.
pub(crate) const AUDIENCE: &str = "https://tools.agentdojo.example";
/// Who issues tokens.
pub(crate) const ISSUER: &str = "https://broker.agentdojo.example";
/// The name of the issuer's key.
pub(crate) const KID: &str = "broker-1";

/// Writes the project into `folder`. `key` is the issuer's public key in base64url.
pub(crate) fn write(
    folder: &Path,
    suite: &str,
    tools: &[(&Tool, Vec<Argument>)],
    key: &str,
) -> Result<(), String> {
    let put = |name: &str, text: String| {
        let file = folder.join(name);
        fs::write(&file, text).map_err(|error| format!("`{}`: {error}", file.display()))
    };
    let agents = folder.join("agents");
    fs::create_dir_all(&agents).map_err(|error| format!("`{}`: {error}", agents.display()))?;
    put("ambit.toml", project(suite, key))?;
    put("schema.cedarschema", schema(tools))?;
    put("agents/assistant.toml", manifest(tools))
}

/// The policy's name. A folder may have any name, a policy not.
pub(crate) fn uid(suite: &str) -> String {
    let name: String = suite
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    format!("agentdojo/{}", if name.is_empty() { "suite" } else { name })
}

fn project(suite: &str, key: &str) -> String {
    format!(
        "[policy]\n\
         uid = \"{}\"\n\
         version = 1\n\
         tokens_from_version = 1\n\
         valid_days = 30\n\
         possession = \"off\"\n\
         guard_rails = \"none\"\n\
         \n\
         [[keys]]\n\
         iss = \"{ISSUER}\"\n\
         kid = \"{KID}\"\n\
         alg = \"Ed25519\"\n\
         signs = \"cap+jwt\"\n\
         x = \"{key}\"\n",
        uid(suite)
    )
}

fn schema(tools: &[(&Tool, Vec<Argument>)]) -> String {
    let mut text = format!("@label(\"the environment of the suite\")\nentity {RESOURCE};\n");
    for (tool, arguments) in tools {
        let class = &tool.class;
        text.push('\n');
        // Writing into a `String` cannot fail; `let _` says so to the compiler.
        let _ = writeln!(text, "@label({})", quoted(&tool.name));
        let _ = writeln!(text, "@powers({})", quoted(&class.power));
        if class.irreversible {
            text.push_str("@irreversible\n");
        }
        if class.external {
            text.push_str("@external\n");
        }
        let _ = writeln!(text, "action {} appliesTo {{", quoted(&tool.name));
        let _ = writeln!(
            text,
            "  principal: [Ambit::Agent],\n  resource: [{RESOURCE}],"
        );
        text.push_str("  context: {\n");
        for argument in arguments {
            text.push_str(&declaration(argument));
        }
        text.push_str("  },\n};\n");
    }
    text
}

fn declaration(argument: &Argument) -> String {
    let (annotation, of) = argument.of.in_schema();
    let target = argument.role.as_deref() == Some("target");
    let annotations: String = [annotation.as_deref(), target.then_some("@target")]
        .into_iter()
        .flatten()
        .map(|annotation| format!("    {annotation}\n"))
        .collect();
    format!("{annotations}    {}?: {of},\n", quoted(&argument.name))
}

/// What the assistant may ever be granted: every tool, in the way in which the tool is used.
fn manifest(tools: &[(&Tool, Vec<Argument>)]) -> String {
    let mut text = format!("agent = \"{AGENT}\"\nmax_depth = 0\n");
    for power in ["observe", "draft", "propose", "execute"] {
        let names: Vec<String> = tools
            .iter()
            .filter(|(tool, _)| tool.class.power == power)
            .map(|(tool, _)| quoted(&tool.name))
            .collect();
        if names.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "\n[[capabilities]]\n\
             actions = [{}]\n\
             privileges = [\"{power}\"]\n\
             datatypes = [\"{RESOURCE}\"]\n\
             purpose = \"{PURPOSE}\"\n\
             constraints.\"*\" = {{ constraint_type = \"wildcard\" }}\n",
            names.join(", ")
        );
    }
    text
}

/// A string literal that Cedar and TOML read alike.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
