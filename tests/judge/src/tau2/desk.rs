//! The policy as a signed module in both engines, and who signs for it: the broker tokens, the customer's
//! chat window a yes.

use ambit_compiler::CompileError;
use ambit_compiler::keys::{SecretKey, generate};
use ambit_compiler::mint::{self, RootOptions};
use ambit_core::json::{Json, Writer};
use ambit_evaluator::{ChainCache, call_digest};
use ambit_host::{
    Evaluator as _, Instances, LoadOptions, MemoryVersions, NativeEngine, PolicyModule, Runtime,
    Trust, WasmEngine,
};
use ambit_policy::Bundle;
use ambit_tests::project::{compile, guest, signed_module, trust};
use ambit_token::base64url;
use serde_json::{Value, json};

use super::ask::Ask;
use super::facts::person;

/// The bench's clock: 2024-05-15 15:00:00 EST.
pub(crate) const NOW: i64 = 1_715_803_200;
const LIFE: i64 = 900;
const YES: i64 = 60;
const PROJECT: &str = "airline";
const AGENT: &str = "service-agent";
const PURPOSE: &str = "customer-service";
const AUDIENCE: &str = "https://tools.airline.example";
const BROKER: &str = "https://broker.airline.example";
const DESK: &str = "https://desk.airline.example";

/// The policy with its engines and its keys.
pub(crate) struct Desk {
    bundle: Vec<u8>,
    broker: SecretKey,
    customers: SecretKey,
    native: NativeEngine,
    wasmtime: WasmEngine,
}

impl Desk {
    /// Compiles, signs, verifies and loads the project.
    pub(crate) fn open() -> Result<Self, String> {
        let text = |error: CompileError| error.to_string();
        let [broker, customers, signer] =
            ["broker-1", "customers-1", "module-1"].map(|kid| generate(Some(kid)).map_err(text));
        let (broker, customers, signer) = (broker?, customers?, signer?);
        let key = |iss: &str, key: &SecretKey, signs: &str| json!({"iss": iss, "kid": key.kid(), "alg": "Ed25519", "signs": signs, "x": key.x()});
        let keys = [
            key(BROKER, &broker, "cap+jwt"),
            key(DESK, &customers, "approval-receipt+jwt"),
        ];
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let bundle = compile(PROJECT, &keys, folder.path())?;
        let module = signed_module(&guest()?, &bundle, &signer)?;
        let trust = Trust::parse(trust(&signer).as_bytes()).map_err(|error| error.to_string())?;
        let seen = MemoryVersions::new();
        let options = LoadOptions {
            uid: None,
            now: NOW,
            seen: &seen,
        };
        let module = PolicyModule::load(&module, None, &trust, &options);
        let module = module.map_err(|error| error.to_string())?;
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let wasmtime = WasmEngine::new(&runtime, &module, Instances::Pooled);
        Ok(Self {
            bundle,
            broker,
            customers,
            native: NativeEngine::new(&module),
            wasmtime: wasmtime.map_err(|error| error.to_string())?,
        })
    }

    /// The answers of both engines: native, then wasmtime.
    pub(crate) fn evaluate(&self, request: &str) -> [String; 2] {
        let request = request.as_bytes();
        [
            self.native.evaluate(request),
            self.wasmtime.evaluate(request),
        ]
    }

    /// A token for a conversation with this customer: all that the manifest allows.
    pub(crate) fn token(&self, user: &str) -> Result<String, String> {
        let bundle = self.bundle()?;
        let manifest = bundle.manifest(AGENT);
        let manifest = manifest.ok_or_else(|| format!("there is no manifest `{AGENT}`"))?;
        let entries: Vec<Value> = manifest
            .capabilities()
            .map(entry)
            .collect::<Result<_, _>>()?;
        let claims = json!({
            "sub": person(user),
            "aud": [AUDIENCE],
            "act": {"sub": "spiffe://airline.example/agent/service-agent/i-1", "sub_profile": "ai_agent"},
            "agent": {"uid": AGENT, "instance_uid": "i-1"},
            "authorization_details": entries,
        });
        let holder = generate(None).map_err(|error| error.to_string())?;
        let options = RootOptions {
            now: NOW,
            life: Some(LIFE),
            holder: Some(holder.public()),
            kid: None,
            bind_policy: true,
            receipts: &[],
            granted: None,
        };
        let draft = mint::root(&claims.to_string(), &self.broker, &bundle, &options);
        draft
            .and_then(|draft| draft.sign())
            .map_err(|error| error.to_string())
    }

    /// The request for a call, with the customer's yes to exactly this call.
    pub(crate) fn request(&self, token: &str, user: &str, ask: &Ask) -> Result<String, String> {
        let (kind, id) = &ask.resource;
        let mut request = json!({
            "evaluation": {
                "action": {"name": ask.action, "properties": {"power": "execute", "args": ask.args}},
                "resource": {"type": kind, "id": id},
                "context": {"purpose": PURPOSE},
            },
            "token": token,
            "entities": ask.entities,
            "facts": {"now": NOW, "audience": AUDIENCE},
        });
        let bundle = self.bundle()?;
        let mut cache = ChainCache::default();
        let shown = call_digest(&bundle, request.to_string().as_bytes(), &mut cache);
        let shown: Value = serde_json::from_str(&shown).map_err(|error| error.to_string())?;
        // A call that is not understood has no digest; the answer will say so.
        if shown.get("binding_s256").is_some() {
            request["approvals"] = json!([self.yes(user, &shown)]);
        }
        Ok(request.to_string())
    }

    fn yes(&self, user: &str, shown: &Value) -> String {
        let display = &shown["display"];
        let claims = json!({
            "iss": DESK, "aud": AUDIENCE, "jti": "yes-1", "iat": NOW, "exp": NOW + YES,
            "sub": person(user), "decision": "approved", "kind": "action",
            "risk_tier": shown["risk_tier"], "binding_s256": shown["binding_s256"],
            "display": {
                "text_s256": display["text_s256"], "locale": display["locale"], "renderer": display["renderer"],
            },
        });
        let header =
            json!({"alg": "Ed25519", "typ": "approval-receipt+jwt", "kid": self.customers.kid()});
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.customers.sign(input.as_bytes());
        format!("{input}.{}", base64url::encode(&signature))
    }

    fn bundle(&self) -> Result<Bundle<'_>, String> {
        Bundle::verify(&self.bundle).map_err(|error| error.to_string())
    }
}

/// An entry of a manifest as one of a token.
fn entry(entry: Json<'_>) -> Result<Value, String> {
    let mut out = Writer::default();
    out.json(entry);
    let mut entry: Value = serde_json::from_str(out.as_str()).map_err(|error| error.to_string())?;
    if let Some(members) = entry.as_object_mut() {
        members.shift_remove("consent");
        members.insert("type".to_owned(), "ambit_capability".into());
    }
    Ok(entry)
}
