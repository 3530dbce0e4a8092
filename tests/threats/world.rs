//! An organisation with everything on: possession, ledger, status lists, remembered versions.
//!
//! Honest tokens come from the compiler's own `mint`. What it refuses to sign, an attacker signs
//! here with the same keys ([`signed`]).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ambit_compiler::mint::{AttenuateOptions, RootOptions, attenuate, root};
use ambit_host::ledger::{Consume, MemoryLedger};
use ambit_host::proposals::{Inbox, Proposals};
use ambit_host::status::{StatusError, StatusKey, StatusLists, StatusSource};
use ambit_host::{
    Discharge, Enforcer, Evaluator as _, MemoryVersions, NativeEngine, NotDischarged, Obligation,
    StatementVersions as _, Turn, Verdict,
};
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::chain::BlockSpec;
use ambit_tests::data::merge;
use ambit_tests::keys;
use ambit_tests::project::{SignedPolicy, secret_key};
use ambit_tests::statement::Asked;
use ambit_token::base64url;
use serde_json::{Value, json};

pub(crate) use ambit_tests::project::NOW;

pub(crate) const CRM: &str = "https://crm.acme.example";
pub(crate) const LIST: &str = "https://broker.acme.example/status/7";

/// A policy and a host that enforces it.
pub(crate) struct World {
    pub(crate) policy: Arc<SignedPolicy>,
    engine: NativeEngine,
    enforcer: Enforcer,
    pub(crate) versions: Arc<MemoryVersions>,
    pub(crate) lists: Arc<StatusLists>,
}

/// A chain, and what goes with it.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) chain: String,
    pub(crate) root: Value,
    pub(crate) holder: &'static str,
}

/// A request, before its proof, receipts and lists are made.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) token: Token,
    pub(crate) request: Value,
    pub(crate) args: Value,
    /// `None`: no proof at all.
    pub(crate) proof: Option<BlockSpec>,
    pub(crate) receipts: Vec<String>,
    pub(crate) epochs: Vec<BlockSpec>,
}

/// The policy `acme`, version 42, with possession required.
fn acme() -> Arc<SignedPolicy> {
    static ACME: OnceLock<Arc<SignedPolicy>> = OnceLock::new();
    let make = || policy(json!({}));
    Arc::clone(ACME.get_or_init(make))
}

/// The same with changes.
pub(crate) fn policy(patch: Value) -> Arc<SignedPolicy> {
    policy_with(patch, &[])
}

/// The same with further keys: name, `kid`, issuer, algorithm, what it signs.
pub(crate) fn policy_with(
    mut patch: Value,
    more: &[(&str, &str, &str, &str, &str)],
) -> Arc<SignedPolicy> {
    let key = |key: &str, kid: &str, iss: &str, alg: &str, signs: &str| json!({"key": key, "kid": kid, "iss": iss, "alg": alg, "signs": signs});
    let approver = "https://approve.acme.example";
    let mut bundle = json!({"possession": "required"});
    merge(&mut bundle, &patch.take());
    let mut spec = PolicySpec {
        project: "acme".to_owned(),
        keys: vec![
            key(
                "broker-1",
                "broker-1",
                "https://broker.acme.example",
                "Ed25519",
                "cap+jwt",
            ),
            key(
                "es-broker",
                "es-broker",
                "https://broker.acme.example",
                "ES256",
                "cap+jwt",
            ),
            key(
                "approver-service",
                "approve-1",
                approver,
                "Ed25519",
                "approval-receipt+jwt",
            ),
            key(
                "revoker",
                "revoke-1",
                "https://revoke.acme.example",
                "Ed25519",
                "revocation-epochs+jwt",
            ),
        ],
        bundle: Some(bundle),
    };
    let more = more.iter();
    spec.keys
        .extend(more.map(|(name, kid, iss, alg, signs)| key(name, kid, iss, alg, signs)));
    Arc::new(SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}")))
}

/// Whose status lists are believed.
pub(crate) fn source() -> StatusSource {
    StatusSource {
        prefixes: vec!["https://broker.acme.example/status/".into()],
        keys: vec![StatusKey {
            kid: "status-1".into(),
            public: keys::named("broker-2").unwrap().public(),
        }],
    }
}

/// Status lists that a test can still reach.
struct Shared(Arc<StatusLists>);

impl Discharge for Shared {
    fn discharge(&self, obligation: &Obligation<'_>) -> Result<(), NotDischarged> {
        self.0.discharge(obligation)
    }

    fn turn(&self) -> Turn {
        self.0.turn()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(acme())
    }

    pub(crate) fn of(policy: Arc<SignedPolicy>) -> Self {
        // The list can be fetched until ten minutes from now on.
        let fetch = Box::new(|_: &str, _| Ok(status_list(&[0, 0], NOW - 1, NOW + 600)));
        let lists = Arc::new(StatusLists::new(vec![source()], fetch).unwrap());
        let versions = Arc::new(MemoryVersions::new());
        let enforcer = Enforcer::new()
            .with("consume", Consume::new(Arc::new(MemoryLedger::new())))
            .with("status", Shared(Arc::clone(&lists)))
            .with("approve", Proposals::new(Inbox::new(8)))
            .remember(versions.clone());
        Self {
            engine: NativeEngine::new(policy.load().unwrap()),
            policy,
            enforcer,
            versions,
            lists,
        }
    }

    /// A token that may propose and pay refunds, with changed claims.
    pub(crate) fn mint(&self, patch: &Value) -> Token {
        let claims = claims(patch);
        let folder = tempfile::tempdir().unwrap();
        let key = secret_key("broker-1", folder.path()).unwrap();
        let holder = secret_key("orchestrator", folder.path()).unwrap();
        let bundle = Bundle::verify(self.policy.bundle()).unwrap();
        let options = RootOptions {
            now: NOW,
            life: Some(600),
            holder: Some(holder.public()),
            kid: None,
            bind_policy: true,
            receipts: &[],
            granted: None,
        };
        let draft = root(&claims.to_string(), &key, &bundle, &options);
        let mut draft = draft.unwrap_or_else(|error| panic!("{error}"));
        let receipts;
        if draft.missing_consent().is_some() {
            let claims = draft.claims();
            receipts = [consent(
                &bundle,
                &serde_json::from_str(&claims).unwrap(),
                &json!({}),
            )];
            let options = RootOptions {
                holder: None,
                receipts: &receipts,
                ..options
            };
            draft = root(&claims, &key, &bundle, &options).unwrap();
        }
        let chain = draft.sign_once(|_| Ok(()));
        Token {
            root: serde_json::from_str(&draft.claims()).unwrap(),
            chain: chain.unwrap_or_else(|error| panic!("{error}")),
            holder: "orchestrator",
        }
    }

    /// Passed on by its holder, with further bounds.
    pub(crate) fn pass_on(&self, token: &Token, to: &'static str, claims: &Value) -> Token {
        let folder = tempfile::tempdir().unwrap();
        let key = secret_key(token.holder, folder.path()).unwrap();
        let next = secret_key(to, folder.path()).unwrap();
        let bundle = Bundle::verify(self.policy.bundle()).unwrap();
        let options = AttenuateOptions {
            now: NOW,
            life: None,
            holder: Some(next.public()),
            bundle: Some(&bundle),
        };
        let draft = attenuate(&token.chain, &key, &claims.to_string(), &options);
        Token {
            chain: draft
                .and_then(|draft| draft.sign())
                .unwrap_or_else(|error| panic!("{error}")),
            root: token.root.clone(),
            holder: to,
        }
    }

    /// The evaluator's code for a request as it stands.
    pub(crate) fn answer(&self, call: &Call) -> Value {
        serde_json::from_str(&self.engine.evaluate(call.text().as_bytes())).unwrap()
    }

    /// What the evaluator says to a text.
    pub(crate) fn decide_text(&self, request: &str) -> String {
        code(&self.engine.evaluate(request.as_bytes()))
    }

    /// The evaluator's code.
    pub(crate) fn decide(&self, call: &Call) -> String {
        code(&self.engine.evaluate(call.text().as_bytes()))
    }

    /// The code of what the host does: the answer's, or that of an obligation that failed.
    pub(crate) fn enforce(&self, call: &Call) -> String {
        self.obey(&self.engine.evaluate(call.text().as_bytes()))
    }

    /// The same for a request as it was sent before: its very bytes.
    pub(crate) fn enforce_text(&self, request: &str) -> String {
        self.obey(&self.engine.evaluate(request.as_bytes()))
    }

    fn obey(&self, answer: &str) -> String {
        match self.enforcer.enforce(answer) {
            Verdict::Permitted { .. } => "allowed".to_owned(),
            Verdict::Refused { answer, .. } => code(&answer),
        }
    }

    /// A receipt for this call, as the approval service gives it for a proposal that the evaluator
    /// allowed.
    pub(crate) fn approve(&self, call: &Call, spec: &BlockSpec) -> String {
        let shown = self.display(call, "text_s256");
        call.asked().receipt(spec, &shown).unwrap()
    }

    /// What a person reads before such a receipt.
    pub(crate) fn shown(&self, call: &Call) -> String {
        self.display(call, "text")
    }

    fn display(&self, call: &Call, member: &str) -> String {
        let mut proposal = call.clone();
        merge(
            &mut proposal.request,
            &json!({"evaluation": {"action": {"properties": {"power": "propose"}}}}),
        );
        proposal.receipts.clear();
        let answer = self.engine.evaluate(proposal.text().as_bytes());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let ext = &answer["context"]["obligations"][0]["ext"];
        let text = ext["display"][member].as_str();
        text.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The fact `min_versions` as this host states it.
    pub(crate) fn min_versions(&self) -> Value {
        serde_json::from_str(&self.versions.min_versions().unwrap()).unwrap()
    }

    /// A list that arrives by itself.
    pub(crate) fn receive(&self, list: &[u8], now: i64) -> Result<(), StatusError> {
        self.lists.receive(LIST, list, now)
    }
}

impl Call {
    /// A refund of so many cents.
    pub(crate) fn refund(token: &Token, cents: i64) -> Self {
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        let amount: Value = serde_json::from_str(&amount).unwrap();
        let mut call = Self::of(
            token,
            "refund",
            "execute",
            &json!({"amount": amount, "currency": "EUR"}),
        );
        call.args = json!({"amount": cents, "currency": "EUR"});
        call
    }

    /// The draft of a mail.
    pub(crate) fn email(token: &Token, to: &str) -> Self {
        let call = Self::of(token, "email", "draft", &json!({"to": to}));
        let resource = json!({"resource": {"type": "customer-contact", "id": "c-7"}});
        call.with(&json!({"evaluation": resource}))
    }

    /// The export of a report.
    pub(crate) fn export(token: &Token, args: &Value) -> Self {
        let call = Self::of(token, "export", "execute", args);
        call.with(&json!({"evaluation": {"resource": {"type": "report", "id": "r-1"}}}))
    }

    fn of(token: &Token, action: &str, power: &str, args: &Value) -> Self {
        static PROOFS: AtomicU64 = AtomicU64::new(0);
        let jti = format!("proof-{}", PROOFS.fetch_add(1, Ordering::Relaxed));
        Self {
            request: json!({
                "evaluation": {
                    "action": {"name": action, "properties": {"power": power, "args": args}},
                    "resource": {"type": "contract", "id": "account/1042"},
                    "context": {"purpose": "contract-renewal"},
                },
                "token": token.chain,
                "facts": {"now": NOW, "audience": CRM, "method": "POST", "url": "https://crm.acme.example/v1"},
            }),
            token: token.clone(),
            args: args.clone(),
            proof: Some(claim("jti", &json!(jti))),
            receipts: Vec::new(),
            epochs: Vec::new(),
        }
    }

    /// The request changed.
    pub(crate) fn with(mut self, patch: &Value) -> Self {
        merge(&mut self.request, patch);
        self
    }

    /// Asked at another time.
    pub(crate) fn at(self, now: i64) -> Self {
        self.with(&json!({"facts": {"now": now}}))
    }

    /// The proof changed.
    pub(crate) fn proof(mut self, patch: &Value) -> Self {
        let spec = self.proof.get_or_insert_default();
        merge(spec.claims.get_or_insert(json!({})), patch);
        self
    }

    /// The proof signed by another key.
    pub(crate) fn proof_by(mut self, key: &str) -> Self {
        self.proof.get_or_insert_default().signer = Some(key.to_owned());
        self
    }

    pub(crate) fn receipt(mut self, receipt: String) -> Self {
        self.receipts.push(receipt);
        self
    }

    /// With revocation epochs.
    pub(crate) fn epochs(mut self, claims: &Value) -> Self {
        self.epochs = vec![BlockSpec {
            claims: Some(claims.clone()),
            ..BlockSpec::default()
        }];
        self
    }

    /// With another chain of the same holder in place of the token.
    pub(crate) fn chain(mut self, chain: String) -> Self {
        self.token.chain.clone_from(&chain);
        self.request["token"] = chain.into();
        self
    }

    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked {
            root: &self.token.root,
            chain: &self.token.chain,
            holder: self.token.holder,
            request: &self.request,
            call_args: Some(&self.args),
        }
    }

    /// The whole request.
    pub(crate) fn text(&self) -> String {
        let asked = self.asked();
        let mut request = self.request.clone();
        if let Some(proof) = &self.proof {
            request["proof"] = asked.proof(proof).unwrap().into();
        }
        if !self.receipts.is_empty() {
            request["approvals"] = json!(self.receipts);
        }
        if !self.epochs.is_empty() {
            let lists: Result<Vec<_>, _> =
                self.epochs.iter().map(|spec| asked.epochs(spec)).collect();
            request["statements"] = json!(lists.unwrap());
        }
        request.to_string()
    }
}

/// A person's yes to these claims, signed by the approvers' service.
pub(crate) fn consent(bundle: &Bundle<'_>, claims: &Value, patch: &Value) -> String {
    let key = keys::named("approver-service").unwrap();
    let sign = |input: &[u8]| key.sign(input);
    ambit_tests::consent::receipt(bundle, claims, NOW, patch, "approve-1", sign).unwrap()
}

/// A claim changed.
pub(crate) fn claim(name: &str, value: &Value) -> BlockSpec {
    BlockSpec {
        claims: Some(json!({ name: value })),
        ..BlockSpec::default()
    }
}

/// A capability.
pub(crate) fn entry(action: &str, powers: &[&str], datatype: &str, constraints: &Value) -> Value {
    json!({
        "type": "ambit_capability", "actions": [action], "privileges": powers, "datatypes": [datatype],
        "purpose": "contract-renewal", "constraints": constraints,
    })
}

pub(crate) fn claims(patch: &Value) -> Value {
    let mut refund = entry(
        "refund",
        &["propose", "execute"],
        "contract",
        &json!({
            "amount": {"constraint_type": "range", "min": 1, "max": 20000},
            "currency": {"constraint_type": "exact", "value": "EUR"},
        }),
    );
    refund["limits"] = json!([{"type": "spend", "max": 50000, "currency": "EUR", "decimals": 2}]);
    let to = json!({"to": {"constraint_type": "email_domain", "values": ["customer.example"]}});
    let mut claims = json!({
        "sub": "user:8f1c2d",
        "aud": [CRM],
        "act": {"sub": "spiffe://acme.example/agent/renewal-bot/i-7f3a", "iss": "https://idp.acme.example", "sub_profile": "ai_agent"},
        "agent": {"uid": "renewal-bot", "version": "3.2.0", "ai_model": {"name": "example-large"}, "env": "prod"},
        "authorization_details": [
            refund,
            entry("email", &["draft"], "customer-contact", &to),
        ],
        "del_max_depth": 2,
    });
    merge(&mut claims, patch);
    claims
}

/// The first capability, changed, alone in its token.
pub(crate) fn only(patch: &Value) -> Value {
    let mut entry = claims(&json!({}))["authorization_details"][0].clone();
    merge(&mut entry, patch);
    json!({"authorization_details": [entry]})
}

/// The parts of each block.
pub(crate) fn blocks(chain: &str) -> Vec<String> {
    chain.split('~').map(str::to_owned).collect()
}

/// The claims of a block.
pub(crate) fn payload(block: &str) -> Value {
    let payload = block.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload.as_bytes()).unwrap()).unwrap()
}

/// A JWS by any key, whatever it says.
pub(crate) fn signed(header: &Value, claims: &Value, key: &str) -> String {
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature = keys::named(key).unwrap().sign(input.as_bytes());
    format!("{input}.{signature}")
}

/// A status list as its issuer signs it, packed here.
pub(crate) fn status_list(bytes: &[u8], iat: i64, exp: i64) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    let lst = base64url::encode(&encoder.finish().unwrap());
    let header = json!({"alg": "Ed25519", "kid": "status-1", "typ": "statuslist+jwt"});
    let claims = json!({"sub": LIST, "iat": iat, "exp": exp, "ttl": 300, "status_list": {"bits": 1, "lst": lst}});
    signed(&header, &claims, "broker-2").into_bytes()
}

fn code(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let reason = &answer["context"]["reason"];
    // Shown where a test fails.
    println!("{} {}", reason["code"], reason["admin"]);
    reason["code"].as_str().unwrap().to_owned()
}
