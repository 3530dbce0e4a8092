//! `jsonwebtoken` for a token with the claims of the worked example, and `cedar-policy` for its bounds.

use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use ed25519_dalek::{Signer as _, SigningKey};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};

use crate::{Fallible, Row, text};

const POLICY: &str = r#"
    permit (principal == Agent::"renewal-bot", action == Action::"email", resource)
    when {
        context.power == "draft" && context.purpose == "contract-renewal" && context.args.to like "*@customer.example"
        && ["text/plain", "text/html"].contains(context.args.content_type) && ["eu"].contains(context.args.region)
    };
"#;

pub(crate) fn row(request_text: String, request: &Value) -> Fallible<Row> {
    // The claims of the worked example, signed again under the `alg` that this crate knows.
    let claims = text(request, "/token")?
        .split('.')
        .nth(1)
        .ok_or("the token has no claims")?;
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "EdDSA", "typ": "JWT"}).to_string());
    let signer = SigningKey::from_bytes(&[1; 32]);
    let input = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(input.as_bytes()).to_bytes());
    let token = format!("{input}.{signature}");
    let key = DecodingKey::from_ed_components(
        &URL_SAFE_NO_PAD.encode(signer.verifying_key().as_bytes()),
    )?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[text(request, "/facts/audience")?]);
    // The example lives in a fixed hour; comparing its end with a clock costs nothing.
    validation.validate_exp = false;
    let policies = PolicySet::from_str(POLICY)?;
    let decider = Decider {
        key,
        validation,
        policies,
        authorizer: Authorizer::new(),
        entities: Entities::empty(),
    };
    let work = move || decider.decide(&request_text, &token).unwrap_or(false);
    Ok((
        "jsonwebtoken + cedar-policy",
        "new token, no proof",
        Box::new(work),
    ))
}

struct Decider {
    key: DecodingKey,
    validation: Validation,
    policies: PolicySet,
    authorizer: Authorizer,
    entities: Entities,
}

impl Decider {
    fn decide(&self, request: &str, token: &str) -> Fallible<bool> {
        let request: Value = serde_json::from_str(request)?;
        let claims = decode::<Value>(token, &self.key, &self.validation)?.claims;
        let uid = |kind: &str, id: &str| {
            Ok::<_, Box<dyn std::error::Error>>(EntityUid::from_type_name_and_id(
                kind.parse()?,
                id.parse()?,
            ))
        };
        let context = json!({
            "power": request["evaluation"]["action"]["properties"]["power"],
            "args": request["evaluation"]["action"]["properties"]["args"],
            "purpose": request["evaluation"]["context"]["purpose"],
        });
        let asked = Request::new(
            uid("Agent", text(&claims, "/agent/uid")?)?,
            uid("Action", text(&request, "/evaluation/action/name")?)?,
            uid("Resource", text(&request, "/evaluation/resource/id")?)?,
            Context::from_json_value(context, None)?,
            None,
        )?;
        let answer = self
            .authorizer
            .is_authorized(&asked, &self.policies, &self.entities);
        Ok(answer.decision() == Decision::Allow)
    }
}
