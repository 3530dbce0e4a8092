//! `ambit enrol`

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use ambit_compiler::keys::SecretKey;
use ambit_core::json::{Document, Json, Profile};
use ambit_core::limits::MODULE_BYTES;
use ambit_evaluator::{BundleKeys, s256};
use ambit_policy::Bundle;
use ambit_token::signing::{self, Unsigned};
use ambit_token::{PublicKey, TokenError, UnverifiedEnrolment};
use anstyle::Style;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::claims::compact;
use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::frame::{NoRoom, Screen, quoted};
use crate::say::foreign;
use crate::signing::{is_yes, jws, refused};
use crate::{bundle, keys, say, time, tokens};

/// Make a person's new key known without a new policy
///
/// Writes an enrolment: who sends it with a request has receipts by that key counted as this
/// person's, within the bounds that are given here and those of the key that signs. It counts only
/// beside current revocation epochs of its issuer. Where the risk is critical the person must
/// countersign it (`--countersign`) with a key that the policy has as theirs; they are shown the
/// new key and all its bounds on standard error, and asked.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Enrol {
    /// The policy whose keys sign: a module, or a bundle alone
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// The private key that signs: the enrolling one, or with --countersign the person's
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The issuer to which that key belongs
    #[arg(long, value_name = "URL")]
    iss: String,
    /// The person
    #[arg(long, value_name = "SUB")]
    sub: String,
    /// The public key of the person's device (a JWK)
    #[arg(long, value_name = "FILE", required_unless_present = "countersign")]
    device: Option<PathBuf>,
    /// Countersign this enrolment (`-` is standard input)
    #[arg(long, value_name = "FILE", value_parser = Input::parse, conflicts_with = "device")]
    countersign: Option<Input>,
    /// How long it lasts, at most 90d
    #[arg(long, value_name = "TIME", value_parser = time::parse_life, default_value = "30d")]
    life: i64,
    /// The device's key is a WebAuthn credential of this relying party
    #[arg(
        long,
        value_name = "DOMAIN",
        requires = "origin",
        conflicts_with = "countersign",
        help_heading = "Bounds"
    )]
    rp_id: Option<String>,
    /// The page on which the credential is used; may be given several times
    #[arg(
        long,
        value_name = "URL",
        requires = "rp_id",
        conflicts_with = "countersign",
        help_heading = "Bounds"
    )]
    origin: Vec<String>,
    /// For another policy too, by its `uid`, not only for that of --module; may be given several times, as all
    /// that follow
    #[arg(
        long,
        value_name = "UID",
        conflicts_with = "countersign",
        help_heading = "Bounds"
    )]
    policy: Vec<String>,
    /// Only for this tenant
    #[arg(
        long,
        value_name = "TENANT",
        conflicts_with = "countersign",
        help_heading = "Bounds"
    )]
    tenant: Vec<String>,
    /// Only at this service
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "countersign",
        help_heading = "Bounds"
    )]
    aud: Vec<String>,
    /// Only for this agent class
    #[arg(
        long,
        value_name = "AGENT",
        conflicts_with = "countersign",
        help_heading = "Bounds"
    )]
    agent: Vec<String>,
    /// Only at this risk
    #[arg(
        long,
        value_name = "TIER",
        conflicts_with = "countersign",
        help_heading = "Bounds"
    )]
    tier: Vec<String>,
    /// Only for this action
    #[arg(
        long,
        value_name = "ACTION",
        conflicts_with = "countersign",
        help_heading = "Bounds"
    )]
    action: Vec<String>,
    /// Take this for the present time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    now: Option<i64>,
    /// The language in which the person reads what they countersign
    #[arg(long, value_parser = ["en", "de"], default_value = "en")]
    locale: String,
    /// Countersign without asking
    #[arg(short, long)]
    yes: bool,
}

/// What made the text that a person read who countersigned here.
const RENDERER: &str = "ambit-enrol-1";

const EXAMPLES: &str = "\
Examples:
  ambit enrol --module policy.wasm --key keys/enrol.jwk --iss https://enrol.example \\
      --sub user:ann --device phone.pub.jwk --tier high > enrolment.jwt
  ambit enrol --module policy.wasm --key keys/ann.jwk --iss https://approve.example \\
      --sub user:ann --countersign enrolment.jwt > countersigned.jwt";

impl Enrol {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let module = files::read(&self.module, MODULE_BYTES)?;
        let bundle = bundle::in_file(&module).map_err(|failure| failure.at(&self.module))?;
        let policy = BundleKeys(&bundle);
        let key = keys::private(&self.key)?;
        let made = match &self.countersign {
            None => {
                let claims = self.enrolment(bundle.uid())?;
                signed(&claims, &key, &bundle, &|claims| {
                    signing::enrolment(&policy, key.kid(), claims)
                })?
            }
            Some(input) => {
                let enrolment = tokens::read(input)?;
                let (claims, text) = self
                    .countersignature(&enrolment, &policy)
                    .map_err(|failure| failure.at_place(input.name()))?;
                let receipt = signed(&claims, &key, &bundle, &|claims| {
                    signing::receipt(&policy, key.kid(), claims)
                })?;
                self.ask(&text)?;
                format!("{enrolment}~{receipt}")
            }
        };
        say::data(format!("{made}\n"))?;
        Ok(Exit::Done)
    }

    /// The claims of an enrolment for this policy, and others that are named.
    fn enrolment(&self, uid: &str) -> Result<Value, Failure> {
        let mut claims = self.claims()?;
        let policies = self.policy.iter().map(String::as_str);
        let policies: BTreeSet<&str> = policies.chain([uid]).collect();
        claims.insert("policies".to_owned(), json!(policies));
        if let Some(device) = &self.device {
            let public = keys::public(device)?;
            claims.insert("jwk".to_owned(), ambit_compiler::keys::public_jwk(&public));
        }
        if let Some(rp_id) = &self.rp_id {
            let credential = json!({"rp_id": rp_id, "origins": self.origin});
            claims.insert("webauthn".to_owned(), credential);
        }
        for (name, values) in [
            ("tenants", &self.tenant),
            ("audiences", &self.aud),
            ("agents", &self.agent),
            ("tiers", &self.tier),
            ("actions", &self.action),
        ] {
            if !values.is_empty() {
                claims.insert(name.to_owned(), json!(values));
            }
        }
        Ok(claims.into())
    }

    /// The claims of the person's yes, and what it is a yes to: a key that is not theirs is seen there, or never.
    fn countersignature(
        &self,
        enrolment: &str,
        policy: &BundleKeys<'_>,
    ) -> Result<(Value, String), Failure> {
        let unverified = UnverifiedEnrolment::parse(enrolment).map_err(|error| refused(&error))?;
        if enrolment.contains('~') {
            let message = "the enrolment is countersigned already";
            return Err(Failure::unusable("enrolment.malformed", message));
        }
        let statement = unverified.signed(policy).map_err(|error| refused(&error))?;
        let shown = statement.claims();
        let sub = shown.get("sub").and_then(Json::as_str).unwrap_or_default();
        if sub != self.sub {
            let message = format!("the enrolment is for `{}`", foreign(sub, 200));
            return Err(Failure::unusable("enrolment.countersignature", message));
        }
        let text = page(statement.iss(), shown, &self.locale);
        let input = enrolment.rsplit_once('.').map_or("", |(input, _)| input);
        let mut claims = self.claims()?;
        for (name, value) in [
            ("aud", json!(statement.iss())),
            ("kind", json!("enrolment")),
            ("decision", json!("approved")),
            ("risk_tier", json!("critical")),
            ("binding_s256", json!(s256(input.as_bytes()))),
            (
                "display",
                json!({"text_s256": s256(text.as_bytes()), "locale": self.locale, "renderer": RENDERER}),
            ),
        ] {
            claims.insert(name.to_owned(), value);
        }
        Ok((claims.into(), text))
    }

    /// Shows what is countersigned, whole, and asks.
    fn ask(&self, text: &str) -> Result<(), Failure> {
        match Screen::of_words() {
            Ok(screen) => say::raw(&screen.framed(&[(Style::new(), text)])),
            Err(NoRoom) if self.yes => say::note(format!("it is not shown here: {}", NoRoom::WHAT)),
            Err(NoRoom) => {
                let message = format!("what is countersigned cannot be shown: {}", NoRoom::WHAT);
                return Err(Failure::unusable("enrol.screen", message).help(NoRoom::HELP));
            }
        }
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            let message = "nobody is at the terminal to answer";
            return Err(Failure::unusable("enrol.asks", message)
                .help("whoever has read what is countersigned says so with --yes"));
        }
        if is_yes("Is this key yours, and may it answer for you so?") {
            return Ok(());
        }
        Err(Failure::denied("enrol.declined", "nothing is signed"))
    }

    /// What both have.
    fn claims(&self) -> Result<Map<String, Value>, Failure> {
        let now = self.now.unwrap_or_else(time::now);
        let id = ambit_compiler::mint::identifier().map_err(|error| keys::compile(&error))?;
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), json!(self.iss));
        claims.insert("jti".to_owned(), json!(id));
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now.saturating_add(self.life)));
        claims.insert("sub".to_owned(), json!(self.sub));
        Ok(claims)
    }
}

/// What a person reads before they countersign: a line for the key and each of its bounds, whole.
fn page(iss: &str, claims: Json<'_>, locale: &str) -> String {
    let is_german = locale == "de";
    let (heading, names) = match is_german {
        true => ("Sie bestätigen, dass dieser Schlüssel der Ihre ist", GERMAN),
        false => ("You confirm that this key is yours", ENGLISH),
    };
    let key = claims.get("jwk").and_then(PublicKey::from_jwk);
    let key = key.map_or_else(String::new, |key| key.thumbprint());
    let until = claims.get("exp").and_then(Json::as_int);
    let mut values = vec![key, quoted(iss), until.map(time::show).unwrap_or_default()];
    for name in BOUNDS {
        values.push(claims.get(name).map(bound).unwrap_or_default());
    }
    let mut text = format!("{heading}\n");
    for (name, value) in names
        .iter()
        .zip(values)
        .filter(|(_, value)| !value.is_empty())
    {
        text += &format!("- {name}: {value}\n");
    }
    text
}

/// A bound: names in quotes, anything else as JSON.
fn bound(value: Json<'_>) -> String {
    let names = value.elements().map(|one| one.as_str().map(quoted));
    match names.collect::<Option<Vec<_>>>() {
        Some(names) if !names.is_empty() => names.join(", "),
        _ => foreign(&compact(value), usize::MAX),
    }
}

const BOUNDS: [&str; 7] = [
    "policies",
    "tenants",
    "audiences",
    "agents",
    "tiers",
    "actions",
    "webauthn",
];
const ENGLISH: [&str; 10] = [
    "key",
    "enrolled by",
    "until",
    "for the policies",
    "only for the tenants",
    "only at the services",
    "only for the agents",
    "only at the risks",
    "only for the actions",
    "used as",
];
const GERMAN: [&str; 10] = [
    "Schlüssel",
    "eingetragen von",
    "bis",
    "für die Richtlinien",
    "nur für die Mandanten",
    "nur bei den Diensten",
    "nur für die Agenten",
    "nur bei den Risiken",
    "nur für die Aktionen",
    "benutzt als",
];

/// The JWS over these claims, where the policy's key of that name is the one at hand.
fn signed(
    claims: &Value,
    key: &SecretKey,
    bundle: &Bundle<'_>,
    unsigned: &dyn Fn(Json<'_>) -> Result<Unsigned, TokenError>,
) -> Result<String, Failure> {
    let claims = claims.to_string();
    let document = Document::parse(claims.as_bytes(), Profile::Signed);
    let document =
        document.map_err(|error| Failure::unusable("enrolment.malformed", error.to_string()))?;
    let unsigned = unsigned(document.root()).map_err(|error| refused(&error))?;
    let x = key.x();
    let is_known = bundle.keys(key.kid()).any(|known| known.x() == x);
    if unsigned.alg != key.public().alg() || !is_known {
        let message = "the policy has another key under the name of this one";
        return Err(Failure::unusable("enrolment.signature", message));
    }
    Ok(jws(&unsigned, key))
}
