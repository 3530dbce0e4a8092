//! What `ambit init --broker` writes besides: a broker for this machine, and an agent that asks it.

use ambit_compiler::keys::{self, SecretKey};

use super::Text;
use crate::failure::Failure;
use crate::keys::{compile, named};

const ISSUER: &str = "http://localhost:8282";
const BROKER: &str = include_str!("../../../templates/broker.toml");
const AGENT: &str = include_str!("../../../templates/agent.py");

/// What to type next.
pub(super) const ASK: [(&str, &str); 4] = [
    (
        "ambit build . -o policy.wasm --key keys/module.jwk",
        "make the policy module, signed",
    ),
    (
        "ambit serve broker.toml --module policy.wasm --trust keys.json &",
        "the broker: it asks people, and mints tokens for minutes",
    ),
    (
        "ambit serve broker.toml --module policy.wasm --trust keys.json --invite user:ann",
        "open the link that it prints, and make a passkey: you are Ann",
    ),
    (
        "python3 agent.py",
        "an agent asks you in the browser, and gets its token (pip install cryptography)",
    ),
];

/// The lines of `ambit.toml` that a policy whose tokens are proved does not have.
const UNPROVED: &str = "\
# Whoever has a token may use it. Remove this line, and every request must prove that the agent holds
# the token's key (DPoP, RFC 9449); until then keep the lives of tokens short.
possession = \"off\"
";

/// Adds its keys and files to those of a project.
pub(super) fn add(
    texts: &mut Vec<Text>,
    keys: &mut Vec<(&'static str, SecretKey)>,
) -> Result<(), Failure> {
    let made = |kid| keys::generate(Some(kid)).map_err(|error| compile(&error));
    let approve = made("approve-1")?;
    let epochs = made("epochs-1")?;
    let client = made("assistant-1")?;
    let rows = [
        (&approve, "approval-receipt+jwt"),
        (&epochs, "revocation-epochs+jwt"),
    ];
    for (name, text) in texts.iter_mut() {
        if *name == "ambit.toml" {
            *text = policy(text);
            rows.iter()
                .for_each(|(key, signs)| text.push_str(&row(key, signs)));
        }
    }
    texts.push(("broker.toml", BROKER.replace("{{issuer}}", ISSUER)));
    texts.push(("agent.py", AGENT.replace("{{issuer}}", ISSUER)));
    texts.push(("keys/client.pub.jwk", format!("{}\n", named(&client))));
    keys.push(("keys/approve.jwk", approve));
    keys.push(("keys/epochs.jwk", epochs));
    keys.push(("keys/client.jwk", client));
    Ok(())
}

/// The broker issues, agents prove, and every request brings what was revoked.
fn policy(text: &str) -> String {
    let epochs = format!(
        "# Every request brings this issuer's list of what was revoked (`GET /epochs` of the broker).\n\
         epochs_from = [\"{ISSUER}\"]\n\
         # Where people end what they allowed, as the pages say it.\n\
         stop = \"My agents / Stop\"\nstop_de = \"Meine Agenten / Stoppen\"\n"
    );
    let text = text.replace(UNPROVED, &epochs);
    let text = text.replace("https://issuer.example", ISSUER);
    let text = text.replace(DECIDE, ANSWER);
    text.replace(FIRST, FILES)
}

const DECIDE: &str =
    "`ambit build`, `ambit sign`, `ambit mint` and `ambit evaluate` lead to a decision;";
const ANSWER: &str = "`ambit build` and `ambit serve` lead to a person's answer;";

const FIRST: &str = "\
#   grant.json           the claims of one token: what one run of the agent is granted
#   payments.json        the same with payments, to which Ann must agree first
#   request.json         one question: may the agent do this?
#   keys/                private keys (never share or commit them) and the agent's public key
";

const FILES: &str = "\
#   broker.toml          the broker: which agents may ask, and which keys sign
#   agent.py             an agent: it asks the broker, and people are asked in a browser
#   keys/                private keys (never share or commit them) and the agent's public key
";

fn row(key: &SecretKey, signs: &str) -> String {
    format!(
        "\n[[keys]]\niss = \"{ISSUER}\"\nkid = \"{}\"\nalg = \"{}\"\nsigns = \"{signs}\"\nx = \"{}\"\n",
        key.kid(),
        key.alg(),
        key.x()
    )
}

#[cfg(test)]
mod tests {
    use super::super::AMBIT;
    use super::*;

    #[test]
    fn what_is_replaced_is_there() {
        for part in [UNPROVED, FIRST, DECIDE, "https://issuer.example"] {
            assert!(AMBIT.contains(part), "{part}");
        }
        let text = policy(AMBIT);
        assert!(
            !text.contains("possession = \"off\"") && !text.contains("grant.json"),
            "{text}"
        );
    }
}
