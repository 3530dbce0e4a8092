//! `ambit approve`

mod proposal;
mod signer;

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use ambit_core::json::{Document, Profile};
use ambit_core::limits::REQUEST_BYTES;
use ambit_evaluator::{BundleKeys, ChainCache, call_digest};
use ambit_policy::Bundle;
use ambit_token::signing::{self, Unsigned};
use ambit_token::{About, Bounds, IssuerKey, RECEIPT_TYP, ROLE, UnverifiedEnrolment};
use anstyle::Style;
use clap::Args;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::frame::{NoRoom, Screen, quoted};
use crate::policy::PolicyArgs;
use crate::say::{self, Page};
use crate::signing::{is_yes, jws, refused};
use crate::{keys, time, tokens};
use proposal::{Proposal, Reader};

/// Say yes, or no, to one call that waits for a person, or to a grant
///
/// Shows the text exactly as it was hashed, asks, and signs a receipt, which is bound to the digest of what
/// was asked and to the text. For a call, which then runs once, PROPOSAL is a file of the proposals folder of
/// `ambit gateway` and `ambit pdp`, or an answer that says who must approve. For a grant it is the claims of
/// which `ambit mint` makes a token: a draft.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Approve {
    /// What waits (`-` is standard input, with --yes)
    #[arg(value_name = "PROPOSAL", value_parser = Input::parse)]
    proposal: Input,
    #[command(flatten)]
    policy: PolicyArgs,
    /// The person's private key, or that of the service that signs for people
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The enrolment that makes the key known, where it is not in the policy
    #[arg(long, value_name = "FILE", value_parser = Input::parse)]
    enrolment: Option<Input>,
    /// Who signs, if the key signs for several issuers
    #[arg(long, value_name = "URL")]
    iss: Option<String>,
    /// The person, if the key is not one person's
    #[arg(long, value_name = "SUB")]
    sub: Option<String>,
    /// A role in which the person answers, if the row of the key lists it; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The language in which a grant is told: en or de. Of a call PROPOSAL has the text
    #[arg(long, value_name = "TAG", default_value = "en")]
    locale: String,
    /// The service at which the call is made, where PROPOSAL does not name it
    #[arg(long, value_name = "URL")]
    aud: Option<String>,
    /// The request that PROPOSAL came of, with token and facts: the policy makes text and digest of it
    /// anew, and what differs is not signed
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Say no: the call is denied, whoever else says yes
    #[arg(long)]
    deny: bool,
    /// How long the answer counts: 900, 15m, 2h
    #[arg(long, value_name = "TIME", value_parser = time::parse_life, default_value = "10m")]
    life: i64,
    /// Lay the receipt into this folder, where a gateway looks for it, instead of standard output
    #[arg(long, value_name = "DIR")]
    approvals: Option<PathBuf>,
    /// Take this for the present time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    now: Option<i64>,
    /// Sign without asking
    #[arg(short, long)]
    yes: bool,
}

const EXAMPLES: &str = "\
A proposal that needs no other answer is removed from its folder once the receipt lies in that of \
--approvals. The receipt is its owner's alone (mode 0600): gateway and person are one user, or somebody \
carries it over.

Examples:
  ambit approve proposals/DIGEST.json --module policy.wasm --key keys/ann.jwk --approvals approvals
  ambit approve draft.json --module policy.wasm --key keys/ann.jwk > receipt.jwt
  ambit evaluate --module policy.wasm --trust keys.json < request.json > answer.json
  ambit approve answer.json --module policy.wasm --key keys/ann.jwk --request request.json > receipt.jwt";

impl Approve {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let now = self.now.unwrap_or_else(time::now);
        let policy = self.policy.read(now)?;
        let bundle = policy.bundle()?;
        let proposal = self.proposal(&bundle, now)?;
        let audience = self.audience(&bundle, &proposal)?;
        let key = keys::private(&self.key)?;
        let thumbprint = key.thumbprint();
        if let Some(folder) = self.approvals.as_ref().filter(|folder| !folder.is_dir()) {
            let message = "there is no such folder for approvals";
            return Err(Failure::unusable("file.missing", message).at(folder));
        }
        let enrolment = self.enrolment.as_ref().map(tokens::read).transpose()?;
        let enrolment = enrolment.as_deref().map(UnverifiedEnrolment::parse);
        let enrolment = enrolment.transpose().map_err(|error| refused(&error))?;
        let known = BundleKeys(&bundle);
        let statement = enrolment.as_ref().map(|one| one.signed(&known));
        let statement = statement.transpose().map_err(|error| refused(&error))?;
        let signer = match &statement {
            Some(statement) => signer::enrolled(statement, &key, &thumbprint, bundle.uid()),
            None => signer::of_policy(&known, &key, self.iss.as_deref()),
        };
        let signer = signer.map_err(|failure| failure.at(&self.key))?;
        let person = self.person(&signer, &proposal, &audience)?;
        let answer = Answer {
            person,
            audience,
            until: now.saturating_add(self.life),
            id: ambit_compiler::mint::identifier().map_err(|error| keys::compile(&error))?,
        };
        let unsigned = self.unsigned(&signer, &proposal, &answer, now)?;
        let receipt = jws(&unsigned, &key);
        proposal.check_grant(&bundle, &receipt, now)?;
        self.ask(&proposal, &answer, &signer)?;
        self.give(&proposal, &answer, &receipt)?;
        Ok(Exit::Done)
    }

    /// What is asked: a grant is put into words here, by the clock of whoever reads them.
    fn proposal(&self, bundle: &Bundle<'_>, now: i64) -> Result<Proposal, Failure> {
        let reader = Reader {
            bundle,
            locale: &self.locale,
            now,
        };
        let proposal = Proposal::read(&self.proposal, &reader)?;
        let for_calls = self.approvals.is_some() || self.request.is_some() || self.aud.is_some();
        if for_calls && proposal.grant.is_some() {
            let message = "--approvals, --request and --aud are for calls, and this is a grant";
            return Err(Failure::unusable("approve.grant", message)
                .help("give the receipt to `ambit mint --receipt`"));
        }
        Ok(proposal)
    }

    /// At which service the call is made: all who name one name the same. With the request, everything
    /// that is shown is compared with what the policy makes of it.
    fn audience(&self, bundle: &Bundle<'_>, proposal: &Proposal) -> Result<String, Failure> {
        let mut named = Vec::from_iter(proposal.audience.clone());
        named.extend(self.aud.clone());
        if let Some(path) = &self.request {
            let request = files::read(path, REQUEST_BYTES)?;
            let made = call_digest(bundle, &request, &mut ChainCache::new());
            proposal
                .compare(&made)
                .map_err(|failure| failure.at(path))?;
            let document = Document::parse(&request, Profile::Request);
            let facts = document.as_ref().ok().and_then(|it| it.root().get("facts"));
            let audience = facts.and_then(|facts| facts.get("audience")?.as_str());
            named.extend(audience.map(str::to_owned));
        }
        let Some(audience) = named.pop() else {
            let message = "neither the proposal nor the command line names the service";
            return Err(Failure::unusable("approve.audience", message)
                .help("give the `audience` of the call with --aud"));
        };
        if named.iter().any(|other| *other != audience) {
            let message = "two different services are named for this call";
            return Err(Failure::denied("approve.audience", message).help(
                "compare --aud, the request and the proposal: one of them is of another call",
            ));
        }
        Ok(audience)
    }

    /// Whose answer it is. Somebody's yes whom nobody asks would count for nothing.
    fn person(
        &self,
        signer: &IssuerKey<'_>,
        proposal: &Proposal,
        audience: &str,
    ) -> Result<String, Failure> {
        let person = self.sub.as_deref().or(signer.only.sub).ok_or_else(|| {
            let message = "the key signs for several people";
            Failure::unusable("approve.person", message).help("say whose answer it is with --sub")
        })?;
        // Of a grant the compiler knows who may agree.
        let mut roles = self.roles.iter().map(|role| format!("{ROLE}{role}"));
        let asked = proposal.grant.is_some()
            || proposal.asks(person)
            || roles.any(|role| proposal.asks(&role));
        if !self.deny && !asked {
            let message = format!("nobody asks {} for a yes", quoted(person));
            return Err(Failure::denied("approve.person", message)
                .help(format!("asked is {}", proposal.people())));
        }
        // The evaluator asks this and more: tenant, agent and action are not said here.
        let only = Bounds {
            audiences: signer.only.audiences,
            ..Bounds::default()
        };
        let about = About {
            audiences: &[audience],
            ..About::default()
        };
        if !(IssuerKey { only, ..*signer }).may_sign(RECEIPT_TYP, &about) {
            let message = "the key may not sign receipts for this service";
            return Err(Failure::unusable("approval.key_role", message).at(&self.key));
        }
        Ok(person.to_owned())
    }

    fn unsigned(
        &self,
        signer: &IssuerKey<'_>,
        proposal: &Proposal,
        answer: &Answer,
        now: i64,
    ) -> Result<Unsigned, Failure> {
        let mut claims = json!({
            "iss": signer.iss, "aud": answer.audience, "jti": answer.id, "iat": now, "exp": answer.until,
            "sub": answer.person, "decision": if self.deny { "denied" } else { "approved" },
            "kind": if proposal.grant.is_some() { "grant" } else { "action" }, "risk_tier": proposal.risk_tier, "binding_s256": proposal.binding_s256,
            "display": {
                "text_s256": proposal.text_s256, "locale": proposal.locale, "renderer": proposal.renderer,
            },
        });
        if !self.roles.is_empty() {
            claims["roles"] = json!(self.roles);
        }
        for (name, value) in &proposal.clock {
            claims["display"][name] = json!(value);
        }
        let claims = claims.to_string();
        let document = Document::parse(claims.as_bytes(), Profile::Signed);
        let document =
            document.map_err(|error| Failure::unusable("approval.malformed", error.to_string()))?;
        signing::receipt(&signer::OneKey(*signer), signer.kid, document.root())
            .map_err(|error| refused(&error))
    }

    /// The text, letter by letter, and what is signed; then a person's word.
    fn ask(
        &self,
        proposal: &Proposal,
        answer: &Answer,
        signer: &IssuerKey<'_>,
    ) -> Result<(), Failure> {
        let screen = match Screen::of_words() {
            Ok(screen) => screen,
            Err(NoRoom) if self.yes => {
                let why = NoRoom::WHAT;
                say::note(format!("what is asked is not shown here: {why}"));
                return Ok(());
            }
            Err(NoRoom) => {
                let message = format!("what is asked cannot be shown: {}", NoRoom::WHAT);
                return Err(Failure::unusable("approve.screen", message).help(NoRoom::HELP));
            }
        };
        let mut page = Page::new();
        page.heading("What is asked");
        page.say();
        // Nothing in a text that was made elsewhere can look like what this command says.
        let shown = screen.framed(&[(Style::new(), &proposal.text)]);
        say::raw(&shown);
        let page = self.receipt(proposal, answer, signer, screen);
        page.say();
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            let message = "nobody is at the terminal to answer";
            return Err(Failure::unusable("approve.asks", message)
                .help("whoever has read the text says so with --yes"));
        }
        let question = match self.deny {
            true => "Say no to exactly this?",
            false => "Say yes to exactly this?",
        };
        if screen.is_left_by(&(shown + page.text())) {
            say::note("Asked is what stands above in full. It begins:");
            say::raw(&screen.in_short(&proposal.text));
        }
        if is_yes(question) {
            return Ok(());
        }
        Err(Failure::denied("approve.declined", "nothing is signed")
            .help("a no that the gateway hears is signed with --deny"))
    }

    /// What is signed. Names come from tokens, manifests and proposals: they stand in quotes.
    fn receipt(
        &self,
        proposal: &Proposal,
        answer: &Answer,
        signer: &IssuerKey<'_>,
        screen: Screen,
    ) -> Page {
        let mut page = Page::new();
        page.heading("The receipt");
        page.field("says", if self.deny { "no" } else { "yes" });
        page.field("for", screen.value(&quoted(&answer.person)));
        if proposal.grant.is_none() {
            page.field("asked is", screen.value(&proposal.people()));
        }
        page.field("risk", screen.value(&quoted(&proposal.risk_tier)));
        page.field("at", screen.value(&quoted(&answer.audience)));
        page.field("until", time::show(answer.until));
        let iss = signer.iss.unwrap_or_default();
        let name = format!("{} of {}", quoted(signer.kid), quoted(iss));
        page.field("signed by", screen.value(&name));
        page.field("digest", &proposal.binding_s256);
        page
    }

    /// Hands the receipt over. Whoever lists the folder of proposals sees what still waits.
    fn give(&self, proposal: &Proposal, answer: &Answer, receipt: &str) -> Result<(), Failure> {
        let Some(folder) = &self.approvals else {
            return say::data(format!("{receipt}\n"));
        };
        let digest = &proposal.binding_s256;
        let target = folder.join(format!("{digest}.{}.jwt", answer.id));
        files::create_private(&target, format!("{receipt}\n").as_bytes())?;
        say::note(format!("the receipt is {}", target.display()));
        let Input::File(path) = &self.proposal else {
            return Ok(());
        };
        let waits = path.file_name().and_then(|name| name.to_str());
        let is_last = self.deny || proposal.wanted() == 1;
        if is_last && waits == Some(format!("{digest}.json").as_str()) {
            remove(path)?;
        }
        Ok(())
    }
}

fn remove(path: &Path) -> Result<(), Failure> {
    fs::remove_file(path).map_err(|error| {
        let message = format!(
            "the receipt is there, but the proposal cannot be removed: {}",
            files::plain(&error)
        );
        Failure::tool("file.write", message).at(path)
    })
}

/// What is said, beside what was proposed.
struct Answer {
    person: String,
    audience: String,
    until: i64,
    id: String,
}
