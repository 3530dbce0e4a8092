//! Proofs, receipts and revocation epochs made to measure, as `chain` makes tokens: sound by
//! default, and broken wherever a case asks for it.

use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::chain::BlockSpec;
use crate::data::{expand, merge};
use crate::{keys, webauthn};

/// What statements are made for: the request before they are put into it.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The claims of the root.
    pub root: &'a Value,
    /// The chain as text.
    pub chain: &'a str,
    /// The name of the key that holds the chain.
    pub holder: &'a str,
    /// The request.
    pub request: &'a Value,
    /// The arguments as the policy reads them, where the request writes them in another way
    /// (money).
    pub call_args: Option<&'a Value>,
}

impl Asked<'_> {
    /// The action digest of docs/token.md, computed here on its own.
    #[must_use]
    pub fn call(&self) -> String {
        digest(&self.covered())
    }

    /// The same with the content that the host states, as receipts name it.
    #[must_use]
    pub fn binding(&self) -> String {
        let mut covered = self.covered();
        if let Some(content) = self.request["facts"].get("content") {
            covered["content"] = content.clone();
            covered.sort_all_objects();
        }
        digest(&covered)
    }

    /// What the action digest covers.
    fn covered(&self) -> Value {
        let evaluation = &self.request["evaluation"];
        let action = &evaluation["action"];
        let mut call = json!({
            "v": "ambit-action-1",
            "aud": self.request["facts"]["audience"],
            "tenant": self.root["tenant"],
            "sub": self.root["sub"],
            "act": {"iss": self.root["act"]["iss"], "sub": self.root["act"]["sub"]},
            "agent": self.root["agent"],
            "root": {"iss": self.root["iss"], "jti": self.root["jti"]},
            "action": action["name"],
            "power": "execute",
            "resource": {"type": evaluation["resource"]["type"], "id": evaluation["resource"]["id"]},
            "purpose": evaluation["context"]["purpose"],
            "args": self.call_args.unwrap_or_else(|| &action["properties"]["args"]),
        });
        call.sort_all_objects();
        call
    }

    /// What a text says under its details of all that is not an argument, for texts that need no escape.
    #[must_use]
    pub fn details(&self) -> String {
        let mut covered = self.covered();
        if let Some(members) = covered.as_object_mut() {
            members.retain(|name, value| {
                !value.is_null() && !["args", "power", "v"].contains(&name.as_str())
            });
        }
        members(&covered, "\n").trim_start().to_owned()
    }

    /// A DPoP proof for this request.
    ///
    /// # Errors
    ///
    /// What in the description is not understood.
    pub fn proof(&self, spec: &BlockSpec) -> Result<String, String> {
        let facts = &self.request["facts"];
        let signer = keys::named(spec.signer.as_deref().unwrap_or(self.holder))?;
        let header = json!({"typ": "dpop+jwt", "alg": signer.alg(), "jwk": signer.jwk()});
        let claims = json!({
            "jti": "proof-1",
            "htm": facts["method"],
            "htu": facts["url"],
            "iat": facts["now"],
            "ath": s256(self.chain.as_bytes()),
            "ambit_call": self.call(),
        });
        self.signed(header, claims, spec, &signer)
    }

    /// An approval receipt for this request.
    ///
    /// # Errors
    ///
    /// As [`Self::proof`].
    pub fn receipt(&self, spec: &BlockSpec, text_s256: &str) -> Result<String, String> {
        let facts = &self.request["facts"];
        let now = facts["now"].as_i64().unwrap_or_default();
        let signer = keys::named(spec.signer.as_deref().unwrap_or("approver-service"))?;
        let header =
            json!({"typ": "approval-receipt+jwt", "alg": signer.alg(), "kid": "approve-1"});
        let claims = json!({
            "iss": "https://approve.acme.example",
            "aud": facts["audience"],
            "jti": "receipt-1",
            "iat": now - 60,
            "exp": now + 240,
            "sub": self.root["sub"],
            "txn": "9b2d6f1e-3c7a",
            "decision": "approved",
            "kind": "action",
            "risk_tier": "critical",
            "binding_s256": self.binding(),
            "display": {"text_s256": text_s256, "locale": "en", "renderer": "ambit-2"},
            "acr": "urn:acme:loa:2",
            "amr": ["hwk"],
            "auth_time": now - 120,
        });
        self.signed(header, claims, spec, &signer)
    }

    /// The enrolment of the key `spec.holder` (`phone`), and its countersignature.
    ///
    /// # Errors
    ///
    /// As [`Self::proof`].
    pub fn enrolment(
        &self,
        spec: &BlockSpec,
        consent: Option<&BlockSpec>,
    ) -> Result<String, String> {
        let now = self.request["facts"]["now"].as_i64().unwrap_or_default();
        let signer = keys::named(spec.signer.as_deref().unwrap_or("enroller"))?;
        let key = keys::named(spec.holder.as_deref().unwrap_or("phone"))?;
        let header = json!({"typ": "approver-key+jwt", "alg": signer.alg(), "kid": "enrol-1"});
        let claims = json!({
            "iss": "https://enrol.acme.example",
            "jti": "enrolment-1",
            "iat": now - 600,
            "exp": now + 86_400,
            "sub": self.root["sub"],
            "jwk": key.jwk(),
            "policies": ["acme/agents"],
        });
        let enrolment = self.signed(header, claims, spec, &signer)?;
        let Some(spec) = consent else {
            return Ok(enrolment);
        };
        let signer = keys::named(spec.signer.as_deref().unwrap_or("person"))?;
        let header = json!({"typ": "approval-receipt+jwt", "alg": signer.alg(), "kid": "person-1"});
        let input = enrolment.rsplit_once('.').map_or("", |(input, _)| input);
        let claims = json!({
            "iss": "https://approve.acme.example",
            "aud": "https://enrol.acme.example",
            "jti": "consent-1",
            "iat": now - 590,
            "exp": now + 86_400,
            "sub": self.root["sub"],
            "decision": "approved",
            "kind": "enrolment",
            "risk_tier": "critical",
            "binding_s256": s256(input.as_bytes()),
            "display": {"text_s256": s256(b"a page"), "locale": "en", "renderer": "enrolling"},
        });
        let consent = self.signed(header, claims, spec, &signer)?;
        Ok(format!("{enrolment}~{consent}"))
    }

    /// A list of revocation epochs.
    ///
    /// # Errors
    ///
    /// As [`Self::proof`].
    pub fn epochs(&self, spec: &BlockSpec) -> Result<String, String> {
        let now = self.request["facts"]["now"].as_i64().unwrap_or_default();
        let signer = keys::named(spec.signer.as_deref().unwrap_or("revoker"))?;
        let header =
            json!({"typ": "revocation-epochs+jwt", "alg": signer.alg(), "kid": "revoke-1"});
        let claims = json!({
            "iss": "https://revoke.acme.example",
            "iat": now - 60,
            "exp": now + 240,
            "version": 7,
            "entries": [],
        });
        self.signed(header, claims, spec, &signer)
    }

    fn signed(
        &self,
        mut header: Value,
        mut claims: Value,
        spec: &BlockSpec,
        signer: &keys::Key,
    ) -> Result<String, String> {
        if let Some(patch) = &spec.header {
            merge(&mut header, patch);
        }
        if let Some(patch) = &spec.claims {
            merge(&mut claims, patch);
        }
        let digest = self.call();
        let thumbprint = |name| keys::named(name).map(|key| key.thumbprint());
        let texts = [
            ("call", digest),
            ("holder", thumbprint(self.holder)?),
            ("issuer", thumbprint("broker-1")?),
            ("approver", thumbprint("approver-service")?),
            ("phone", thumbprint("phone")?),
            ("phone-2", thumbprint("phone-2")?),
            ("enroller", thumbprint("enroller")?),
            ("person", thumbprint("person")?),
            ("es-approver", thumbprint("es-approver")?),
        ];
        let known = texts.each_ref().map(|(name, text)| (*name, text.as_str()));
        let header = expand(&header, &known)?;
        let mut payload = expand(&claims, &known)?.to_string();
        for (from, to) in &spec.edit {
            if !payload.contains(from.as_str()) {
                return Err(format!("the claims do not contain `{from}`: {payload}"));
            }
            payload = payload.replacen(from.as_str(), to, 1);
        }
        let [header, payload] =
            [header.to_string(), payload].map(|part| base64url::encode(part.as_bytes()));
        let input = format!("{header}.{payload}");
        let signature = match &spec.webauthn {
            None => signer.sign(input.as_bytes()),
            Some(patch) => webauthn::assertion(signer, input.as_bytes(), patch)?,
        };
        Ok(format!("{input}.{signature}"))
    }
}

/// The digest of what is covered: RFC 8785 for what cases hold, ASCII names and texts, integers.
fn digest(covered: &Value) -> String {
    s256(covered.to_string().as_bytes())
}

/// The members of a sorted object, each in a line that begins with `place`.
fn members(value: &Value, place: &str) -> String {
    let sorted = value.as_object().into_iter().flatten();
    sorted
        .map(|(name, value)| match value {
            Value::Object(_) => {
                format!("{place}- {name}:{}", members(value, &format!("{place}  ")))
            }
            value => format!("{place}- {name}: {value}"),
        })
        .collect()
}

/// base64url of a SHA-256.
#[must_use]
pub fn s256(bytes: &[u8]) -> String {
    base64url::encode(&Sha256::digest(bytes))
}
