//! What a person agreed to: the receipt of their yes, and the token that it makes.

use std::collections::BTreeSet;

use ambit_compiler::mint::{self, Draft, RootOptions};
use ambit_core::json::{Document, Profile};
use ambit_evaluator::BundleKeys;
use ambit_policy::Bundle;
use ambit_token::{RECEIPT_TYP, base64url, signing};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ask::{Person, Shown};
use crate::broker::Broker;
use crate::evaluated::{CallText, Evaluated};
use crate::refusal::Refusal;
use crate::session::Login;

/// Seconds that a receipt counts: as long as the code that leads to it, and a little.
const RECEIPT: i64 = 90;

/// A grant, as it is kept until its token is made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Agreed {
    pub(crate) claims: Value,
    pub(crate) granted: Option<Value>,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) jkt: String,
    /// Where the person allowed it to be used again.
    #[serde(default)]
    pub(crate) again: Option<Again>,
}

/// What was read when a grant was allowed for some time, and how the person had logged in.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Again {
    pub(crate) shown: Shown,
    pub(crate) login: Login,
}

/// The person's yes to exactly what was shown (docs/token.md, section 8), signed by the approver key. `first` is the
/// `txn` of the grant on whose yes it rests, where that is used again.
pub(crate) fn receipt(
    broker: &Broker,
    bundle: &Bundle<'_>,
    shown: &Shown,
    person: Person<'_>,
    first: Option<&str>,
    now: i64,
) -> Result<String, Refusal> {
    let mut claims = json!({
        "aud": shown.claims["iss"],
        "jti": mint::identifier()?,
        "iat": now,
        "exp": now + RECEIPT,
        "sub": person.sub,
        "decision": "approved",
        "kind": "grant",
        "risk_tier": shown.risk_tier,
        "binding_s256": shown.binding_s256,
        "display": {"text_s256": shown.text_s256, "locale": shown.locale,
            "renderer": shown.renderer, "now": shown.now},
    });
    if let Some(first) = first {
        claims["txn"] = json!(first);
    }
    person.login.say(&mut claims);
    signed(broker, bundle, claims)
}

/// The person's yes to exactly one call, as it was shown in this language, in these roles.
pub(crate) fn of_call(
    broker: &Broker,
    bundle: &Bundle<'_>,
    (call, shown): (&Evaluated, &CallText),
    (person, roles): (Person<'_>, &BTreeSet<&str>),
    now: i64,
    until: i64,
) -> Result<String, Refusal> {
    let mut claims = json!({
        "aud": call.audience,
        "jti": mint::identifier()?,
        "iat": now,
        "exp": until,
        "sub": person.sub,
        "decision": "approved",
        "kind": "action",
        "risk_tier": call.risk_tier,
        "binding_s256": call.call,
        "display": {"text_s256": shown.text_s256, "locale": shown.locale, "renderer": shown.renderer},
    });
    if !roles.is_empty() {
        claims["roles"] = json!(roles);
    }
    person.login.say(&mut claims);
    signed(broker, bundle, claims)
}

/// A receipt with these claims, by the key that the policy knows for it.
fn signed(broker: &Broker, bundle: &Bundle<'_>, mut claims: Value) -> Result<String, Refusal> {
    let key = &broker.keys.receipt;
    let x = key.x();
    let mut rows = bundle.keys(key.kid());
    let row = rows.find(|row| row.x() == x && row.signs() == RECEIPT_TYP);
    let row = row.ok_or_else(|| {
        let detail = "the policy does not know the key `receipt_key` any more";
        Refusal::own("broker.receipt_key", detail)
    })?;
    claims["iss"] = json!(row.iss());
    let text = claims.to_string();
    let document = Document::parse(text.as_bytes(), Profile::Signed)
        .map_err(|error| Refusal::own("broker.claims", format!("{error}")))?;
    let unsigned = signing::receipt(&BundleKeys(bundle), key.kid(), document.root())
        .map_err(|error| Refusal::new("invalid_grant", error.reason.code(), error.into_detail()))?;
    let signature = key.sign(unsigned.signing_input.as_bytes())?;
    let signature = base64url::encode(&signature);
    Ok(format!("{}.{signature}", unsigned.signing_input))
}

/// Drafts the token of a grant, by the code of `ambit mint`: the receipt is judged, and the text is made
/// again and compared.
pub(crate) fn draft<R>(
    broker: &Broker,
    bundle: &Bundle<'_>,
    agreed: &Agreed,
    receipts: &[String],
    now: i64,
    with: impl FnOnce(&Draft<'_>) -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    let mut claims = agreed.claims.clone();
    if let Value::Object(members) = &mut claims {
        // Of the token, not of the grant: `iat` and `jti` are those of the moment in which it is made.
        members.retain(|name, _| !matches!(name.as_str(), "iat" | "jti"));
    }
    let granted = agreed.granted.as_ref().map(Value::to_string);
    let options = RootOptions {
        now,
        kid: Some(broker.keys.token.kid()),
        bind_policy: true,
        receipts,
        granted: granted.as_deref(),
        ..RootOptions::default()
    };
    let draft = mint::root(&claims.to_string(), &*broker.keys.token, bundle, &options)?;
    with(&draft)
}
