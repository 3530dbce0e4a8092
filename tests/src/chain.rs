//! Capability chains made to measure: sound by default, and broken wherever a case asks for it.
//!
//! The signer here is deliberately not the compiler's: it signs whatever it is told to.

use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::data::{expand, fill, merge};
use crate::keys::{self, HOLDERS};

/// One block as a data file describes it; every member may be left out.
#[derive(Clone, Debug, Default)]
pub struct BlockSpec {
    /// A merge patch over the claims that the block would have.
    pub claims: Option<Value>,
    /// A merge patch over the header that the block would have.
    pub header: Option<Value>,
    /// Who signs, instead of the broker or the holder of the block before.
    pub signer: Option<String>,
    /// Whom `cnf` names.
    pub holder: Option<String>,
    /// Replacements in the text of the claims, before it is signed.
    pub edit: Vec<(String, String)>,
    /// Of a receipt: signed by a WebAuthn assertion that differs from a sound one by this.
    pub webauthn: Option<Value>,
}

/// The three parts of each block.
#[derive(Clone, Debug, Default)]
pub struct Chain(Vec<[String; 3]>, String);

impl Chain {
    /// Signs root and derived blocks. `names` fills placeholders in their claims.
    ///
    /// # Errors
    ///
    /// What in the description is not understood.
    pub fn build(
        root_claims: &Value,
        root: &BlockSpec,
        derived: &[BlockSpec],
        names: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut chain = Self::default();
        let mut holder = root.holder.clone().unwrap_or_else(|| HOLDERS[0].to_owned());
        let mut claims = json!({});
        merge(&mut claims, root_claims);
        claims_default(
            &mut claims,
            "cnf",
            &json!({"jwk": keys::named(&holder)?.jwk()}),
        );
        let mut claims = finished(claims, root, names)?;
        let signer = root.signer.as_deref().unwrap_or("broker-1");
        let alg = keys::named(signer)?.alg();
        let header = json!({"alg": alg, "typ": "cap+jwt", "kid": "broker-1"});
        chain.push(header, &claims, root, "broker-1")?;
        for (at, block) in derived.iter().enumerate() {
            let next = block
                .holder
                .clone()
                .unwrap_or_else(|| HOLDERS[(at + 1) % HOLDERS.len()].to_owned());
            claims = finished(chain.derive(&claims, at + 1, &holder, &next)?, block, names)?;
            chain.push(
                json!({"alg": keys::named(block.signer.as_deref().unwrap_or(&holder))?.alg(), "typ": "cap+jwt"}),
                &claims,
                block,
                &holder,
            )?;
            holder = next;
        }
        chain.1 = holder;
        Ok(chain)
    }

    /// The name of the key that holds the chain.
    #[must_use]
    pub fn holder(&self) -> &str {
        &self.1
    }

    /// The claims of the root.
    #[must_use]
    pub fn root(&self) -> Value {
        let payload = self.0.first().map(|[_, payload, _]| payload.as_bytes());
        let payload = payload.and_then(base64url::decode).unwrap_or_default();
        serde_json::from_slice(&payload).unwrap_or_default()
    }

    /// The claims of a sound block that adds no bound.
    fn derive(
        &self,
        parent: &Value,
        depth: usize,
        holder: &str,
        next: &str,
    ) -> Result<Value, String> {
        let [header, payload, _] = self.0.last().ok_or("a chain starts with its root")?;
        let digest = Sha256::digest(format!("{header}.{payload}"));
        let thumbprint = keys::named(holder)?.thumbprint();
        Ok(json!({
            "iss": format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{thumbprint}"),
            "jti": format!("block-{depth}"),
            "iat": parent["iat"],
            "exp": parent["exp"],
            "cnf": {"jwk": keys::named(next)?.jwk()},
            "authorization_details": [{"type": "ambit_capability"}],
            "del_depth": depth,
            "del_max_depth": parent["del_max_depth"],
            "par_hash": base64url::encode(&digest),
        }))
    }

    fn push(
        &mut self,
        mut header: Value,
        claims: &Value,
        block: &BlockSpec,
        signer: &str,
    ) -> Result<(), String> {
        if let Some(patch) = &block.header {
            merge(&mut header, patch);
        }
        let mut payload = claims.to_string();
        for (from, to) in &block.edit {
            if !payload.contains(from.as_str()) {
                return Err(format!("the claims do not contain `{from}`: {payload}"));
            }
            payload = payload.replacen(from.as_str(), to, 1);
        }
        let header = base64url::encode(header.to_string().as_bytes());
        let payload = base64url::encode(payload.as_bytes());
        let signer = keys::named(block.signer.as_deref().unwrap_or(signer))?;
        let signature = signer.sign(format!("{header}.{payload}").as_bytes());
        self.0.push([header, payload, signature]);
        Ok(())
    }

    /// The chain as text. `form` may put its parts together in another way: `{chain}` is the whole,
    /// `{0}` the root, `{1.header}`, `{1.payload}` and `{1.signature}` the parts of the next block.
    #[must_use]
    pub fn text(&self, form: Option<&str>) -> String {
        let blocks: Vec<String> = self.0.iter().map(|parts| parts.join(".")).collect();
        let whole = blocks.join("~");
        let mut text = fill(form.unwrap_or("{chain}"), &[("chain", &whole)]);
        for (at, ([header, payload, signature], block)) in self.0.iter().zip(&blocks).enumerate() {
            text = fill(
                &text,
                &[
                    (&at.to_string(), block),
                    (&format!("{at}.header"), header),
                    (&format!("{at}.payload"), payload),
                    (&format!("{at}.signature"), signature),
                ],
            );
        }
        text
    }
}

fn claims_default(claims: &mut Value, name: &str, value: &Value) {
    if let Value::Object(members) = claims {
        members.entry(name).or_insert_with(|| value.clone());
    }
}

fn finished(mut claims: Value, block: &BlockSpec, names: &[(&str, &str)]) -> Result<Value, String> {
    if let Some(patch) = &block.claims {
        merge(&mut claims, patch);
    }
    expand(&claims, names)
}
