//! Receipts of kind `grant`: what a person consented to, checked when the token is made.
//!
//! A receipt is bound twice: to the grant digest of exactly these claims, and to the text that was
//! shown, which is rendered here again. Such a receipt never approves a call.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use ambit_core::Reason;
use ambit_core::json::Json;
use ambit_core::limits::RECEIPTS;
use ambit_evaluator::{BundleKeys, s256};
use ambit_policy::Bundle;
use ambit_token::{About, PublicKey, Receipt, ReceiptKind, TokenError, base64url};

use crate::describe::{Clock, NoText, RENDERER, shown};
use crate::digest;

/// Why receipts do not prove a person's consent to a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoConsent {
    /// Stable: `approval.…`, or `describe.…` where the grant has no text to consent to.
    pub code: &'static str,
    /// What is wrong.
    pub detail: String,
}

impl NoConsent {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            code: reason.code(),
            detail: detail.into(),
        }
    }
}

impl fmt::Display for NoConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl core::error::Error for NoConsent {}

impl From<TokenError> for NoConsent {
    fn from(error: TokenError) -> Self {
        Self::new(error.reason, error.into_detail())
    }
}

impl From<NoText> for NoConsent {
    fn from(no_text: NoText) -> Self {
        Self {
            code: no_text.code,
            detail: format!("`{}`: {}", no_text.at, no_text.detail),
        }
    }
}

/// Judges the receipts for a root with these claims: every one must be a yes to exactly this grant,
/// by the token's `sub` or somebody whom the `consent` of a manifest entry names, never by the agent that
/// acts, for the audience `iss` (who makes the token), with the text in its own language. Every entry for which
/// the manifest asks consent needs one; where it asks for none, none is needed.
///
/// `granted` is what the person was told to have granted before, where the difference was shown.
/// Whoever makes the token remembers (`iss`, `jti`) of each receipt until its `exp`, so that one yes
/// makes one token.
///
/// # Errors
///
/// [`NoConsent`] with the code of the first fault.
pub fn check_grant(
    bundle: &Bundle<'_>,
    claims: Json<'_>,
    granted: Option<Json<'_>>,
    receipts: &[&str],
    now: i64,
) -> Result<Vec<Receipt>, NoConsent> {
    if receipts.len() > RECEIPTS {
        let detail = format!("more than {RECEIPTS} receipts");
        return Err(NoConsent::new(Reason::ApprovalMalformed, detail));
    }
    let grant = Grant {
        bundle,
        claims,
        granted,
    };
    let mut judged: Vec<Receipt> = Vec::with_capacity(receipts.len());
    for text in receipts {
        let receipt = grant.verify(text, now)?;
        grant.check_binding(&receipt)?;
        grant.check_person(&receipt)?;
        grant.check_display(&receipt)?;
        let same = |other: &Receipt| (&other.iss, &other.jti) == (&receipt.iss, &receipt.jti);
        if judged.iter().any(same) {
            let detail = "two receipts have the same `iss` and `jti`";
            return Err(NoConsent::new(Reason::ApprovalRepeated, detail));
        }
        if judged.iter().any(|other| receipt.is_same_hand(other)) {
            let detail = "two receipts for different people are signed by one person's key";
            return Err(NoConsent::new(Reason::ApprovalHand, detail));
        }
        judged.push(receipt);
    }
    grant.check_entries(&judged)?;
    Ok(judged)
}

struct Grant<'a> {
    bundle: &'a Bundle<'a>,
    claims: Json<'a>,
    granted: Option<Json<'a>>,
}

impl<'a> Grant<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.claims.get(name)?.as_str()
    }

    fn agent(&self) -> Option<&'a str> {
        self.claims.get("agent")?.get("uid")?.as_str()
    }

    fn entries(&self) -> impl Iterator<Item = Json<'a>> + use<'a> {
        let entries = self.claims.get("authorization_details");
        entries.unwrap_or_default().elements()
    }

    /// A receipt whose key may sign for all that the grant reaches: every audience and action of it.
    fn verify(&self, text: &str, now: i64) -> Result<Receipt, NoConsent> {
        let audiences = self.claims.get("aud").map(Json::texts).unwrap_or_default();
        let actions = self.entries().flat_map(actions);
        let actions: Vec<&str> = actions.filter_map(Json::as_str).collect();
        let about = About {
            tenant: self.text("tenant"),
            audiences: &audiences,
            agent: self.agent(),
            actions: &actions,
            ..About::default()
        };
        Ok(Receipt::verify(
            text,
            &BundleKeys(self.bundle),
            &about,
            now,
        )?)
    }

    fn check_binding(&self, receipt: &Receipt) -> Result<(), NoConsent> {
        let digest = digest::grant(self.claims);
        let (reason, detail) = if receipt.kind != ReceiptKind::Grant {
            let detail = "only a receipt of kind `grant` consents to a grant";
            (Reason::ApprovalKind, String::from(detail))
        } else if Some(receipt.aud.as_str()) != self.text("iss") {
            let detail = "the receipt's `aud` is not the `iss` of the token";
            (Reason::ApprovalAudience, String::from(detail))
        } else if base64url::encode(&receipt.binding) != digest {
            let detail =
                format!("`binding_s256` is not the digest of this grant, which is `{digest}`");
            (Reason::ApprovalBinding, detail)
        } else if !receipt.approved {
            let detail = "a receipt for this grant says `denied`";
            (Reason::ApprovalDenied, String::from(detail))
        } else {
            return Ok(());
        };
        Err(NoConsent::new(reason, detail))
    }

    fn check_person(&self, receipt: &Receipt) -> Result<(), NoConsent> {
        let person = Some(receipt.sub.as_str());
        let act = self.claims.get("act").and_then(|act| act.get("sub"));
        if person == act.and_then(Json::as_str) || person == self.text("client_id") {
            let detail = "the receipt's `sub` is the agent that acts";
            return Err(NoConsent::new(Reason::ApprovalActor, detail));
        }
        let held = self.claims.get("cnf").and_then(|cnf| cnf.get("jwk"));
        if held.and_then(PublicKey::from_jwk) == Some(receipt.signer) {
            let detail = "the receipt is signed by the key that will hold the token";
            return Err(NoConsent::new(Reason::ApprovalActor, detail));
        }
        if person == self.text("sub")
            || self.entries().any(|entry| self.may_consent(entry, receipt))
        {
            return Ok(());
        }
        let detail = "the receipt's `sub` is neither the token's `sub` nor named by a `consent` of the manifest for what the token grants";
        Err(NoConsent::new(Reason::ApprovalApprover, detail))
    }

    /// Every entry for which the manifest asks consent has that of the token's subject, or of somebody
    /// whom the manifest names for it: who is named for one entry does not consent to another.
    fn check_entries(&self, receipts: &[Receipt]) -> Result<(), NoConsent> {
        for (at, entry) in self.entries().enumerate() {
            let subject = |receipt: &Receipt| Some(receipt.sub.as_str()) == self.text("sub");
            let given = |known: &Json<'a>| {
                let mut receipts = receipts.iter();
                receipts.any(|receipt| subject(receipt) || is_named(*known, receipt))
            };
            if let Some(known) = self.asking(entry).find(|known| !given(known)) {
                return Err(NoConsent::new(
                    Reason::ApprovalRequired,
                    self.wanted(at, entry, known),
                ));
            }
        }
        Ok(())
    }

    /// Who may consent to what, in words.
    fn wanted(&self, at: usize, entry: Json<'a>, known: Json<'a>) -> String {
        let mut people = String::new();
        for person in self.text("sub").into_iter().chain(named(known)) {
            if !people.is_empty() {
                people.push_str(" or ");
            }
            people.push('`');
            people.push_str(person);
            people.push('`');
        }
        // The first of those for which it is asked.
        let first = |name: &str| {
            let mut list = entry.get_elements(name).filter_map(Json::as_str);
            let asked = known.get_elements(name).filter_map(Json::as_str);
            list.find(|one| asked.clone().any(|other| other == *one))
                .unwrap_or_default()
        };
        format!(
            "`authorization_details[{at}]` (`{}` of `{}`) needs the consent of {people}: a receipt of kind `grant` for exactly these claims",
            first("privileges"),
            first("actions")
        )
    }

    /// Whether the manifest names this person for what the entry grants.
    fn may_consent(&self, entry: Json<'a>, receipt: &Receipt) -> bool {
        self.asking(entry).any(|known| is_named(known, receipt))
    }

    /// The manifest's entries that ask consent, `each` too, out of those that a call by this entry could
    /// select.
    fn asking(&self, entry: Json<'a>) -> impl Iterator<Item = Json<'a>> + use<'a> {
        let manifest = self.agent().and_then(|agent| self.bundle.manifest(agent));
        let known = manifest.into_iter().flat_map(move |one| one.beside(entry));
        known.filter(|known| {
            let consent = known.get("consent");
            consent.is_some_and(|consent| consent.as_str() != Some("none"))
        })
    }

    /// The person saw this risk and this text.
    fn check_display(&self, receipt: &Receipt) -> Result<(), NoConsent> {
        let clock = Clock::new(receipt.now, receipt.utc_offset)?;
        let shown = shown(
            self.bundle,
            self.claims,
            self.granted,
            &receipt.locale,
            clock,
        )?;
        if receipt.risk_tier != shown.tier {
            let detail = format!("the receipt's `risk_tier` is not `{}`", shown.tier);
            return Err(NoConsent::new(Reason::ApprovalRisk, detail));
        }
        let text = s256(shown.text.as_bytes());
        if receipt.renderer == RENDERER && base64url::encode(&receipt.text) == text {
            return Ok(());
        }
        let detail = format!(
            "`display` is not the text of this grant by `{RENDERER}`, whose SHA-256 is `{text}`"
        );
        Err(NoConsent::new(Reason::ApprovalDisplay, detail))
    }
}

/// The people whom `consent` of a manifest's entry names.
fn named(known: Json<'_>) -> impl Iterator<Item = &str> {
    let approvers = known.get("consent").and_then(|one| one.get("approvers"));
    let approvers = approvers.unwrap_or_default().elements();
    approvers.filter_map(Json::as_str)
}

/// Whether that is this person, or a role of theirs.
fn is_named(known: Json<'_>, receipt: &Receipt) -> bool {
    named(known).any(|one| receipt.names.iter().any(|name| name == one))
}

fn actions(entry: Json<'_>) -> impl Iterator<Item = Json<'_>> {
    let actions = entry.get("actions");
    actions.unwrap_or_default().elements()
}
