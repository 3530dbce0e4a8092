//! `tenuo`: a warrant and its proof of possession.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tenuo::constraints::{ConstraintSet, ConstraintValue, OneOf, Pattern};
use tenuo::planes::Authorizer;
use tenuo::warrant::Warrant;
use tenuo::{SigningKey, wire};

use crate::{Fallible, Row, arguments, text};

pub(crate) fn rows(request: &Value) -> Fallible<[Row; 2]> {
    let tool = text(request, "/evaluation/action/name")?.to_owned();
    let (issuer, holder) = (SigningKey::generate(), SigningKey::generate());
    let bounds = ConstraintSet::from_iter([
        ("to".to_owned(), Pattern::new("*@customer.example")?.into()),
        (
            "content_type".to_owned(),
            OneOf::new(["text/plain", "text/html"]).into(),
        ),
        ("region".to_owned(), OneOf::new(["eu"]).into()),
    ]);
    let warrant = Warrant::builder()
        .capability(tool.as_str(), bounds)
        .ttl(Duration::from_secs(3600))
        .holder(holder.public_key())
        .build(&issuer)?;
    let args: HashMap<String, ConstraintValue> = arguments(request)?
        .into_iter()
        .map(|(name, value)| (name, ConstraintValue::String(value)))
        .collect();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let proof = warrant.sign_with_timestamp(&holder, &tool, &args, Some(now))?;
    let authorizer = Authorizer::new().with_trusted_root(issuer.public_key());
    let bytes = wire::encode(&warrant)?;
    let decide = move |warrant: &Warrant| {
        let verdict = authorizer.authorize_one_as_of(warrant, &tool, &args, Some(&proof), &[], now);
        verdict.is_ok()
    };
    let again = decide.clone();
    Ok([
        (
            "tenuo",
            "new token, Ed25519 proof",
            Box::new(move || wire::decode(&bytes).is_ok_and(|one| decide(&one))),
        ),
        (
            "tenuo",
            "token decoded before, Ed25519 proof",
            Box::new(move || again(&warrant)),
        ),
    ])
}
