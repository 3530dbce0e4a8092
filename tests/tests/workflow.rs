//! A workflow of several calls with all that a host has: an engine, a ledger, status lists, a log.
//! What is revoked while it is under way stops its next call.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ambit_host::audit::{AuditLog, check};
use ambit_host::ledger::{Consume, Ledger, SqliteLedger};
use ambit_host::status::{StatusKey, StatusLists, StatusSource};
use ambit_host::{
    Discharge, Enforcer, Evaluator, Instances, NativeEngine, NotDischarged, Obligation, Runtime,
    Signer, Turn, Verdict, WasmEngine,
};
use ambit_tests::case::{Case, read_all};
use ambit_tests::keys;
use ambit_tests::project::{NOW, SignedPolicy};
use ambit_tests::suites;
use ambit_token::base64url;
use serde_json::{Value, json};

const LIST: &str = "https://broker.acme.example/status/7";
/// The first is packed `[0, 0]`; the second has the bit of place 9 set.
const PACKED: [&str; 2] = ["eNpjYAAAAAIAAQ", "eNpjYAIAAAQAAw"];

/// Pays refunds out of a token that names its place in a status list. The steps are cases as those of
/// `tests/conformance`, read from a folder of their own.
fn steps(folder: &Path) -> BTreeMap<String, Case> {
    let templates = folder.join("templates");
    fs::create_dir(&templates).unwrap();
    for name in ["renewal.json", "refund.json"] {
        fs::copy(
            suites().join("conformance/templates").join(name),
            templates.join(name),
        )
        .unwrap();
    }
    let status = |value: i64, at: i64| json!({"uri": LIST, "idx": 9, "value": value, "iat": at});
    let pay = |name: &str, facts: Value| json!({"name": name, "facts": facts, "expect": "allowed"});
    let group = json!({
        "about": "workflow", "template": "refund", "bundle": {"possession": "off"},
        "token": {"status": {"status_list": {"idx": 9, "uri": LIST}}},
        "cases": [
            pay("first", json!({"now": NOW})),
            pay("second", json!({"now": NOW + 5})),
            pay("later", json!({"now": NOW + 30})),
            pay("later with the fact", json!({"now": NOW + 30, "status": status(1, NOW + 20)})),
            pay("another policy", json!({"now": NOW + 5, "min_versions": {"policy": 43}})),
        ],
    });
    fs::write(folder.join("workflow.json"), group.to_string()).unwrap();
    let cases = read_all(folder).unwrap_or_else(|why| panic!("{why}"));
    let short = |case: &Case| case.name.rsplit(": ").next().unwrap().to_owned();
    cases.into_iter().map(|case| (short(&case), case)).collect()
}

/// The list as its issuer signs it at this time.
fn list(packed: &str, iat: i64) -> Vec<u8> {
    let header = json!({"alg": "Ed25519", "kid": "status-1", "typ": "statuslist+jwt"});
    let claims =
        json!({"sub": LIST, "iat": iat, "ttl": 300, "status_list": {"bits": 1, "lst": packed}});
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(&header), encode(&claims));
    let signature = keys::named("broker-2").unwrap().sign(input.as_bytes());
    format!("{input}.{signature}").into_bytes()
}

fn lists() -> StatusLists {
    let source = StatusSource {
        prefixes: vec!["https://broker.acme.example/status/".into()],
        keys: vec![StatusKey {
            kid: "status-1".into(),
            public: keys::named("broker-2").unwrap().public(),
        }],
    };
    let fetch = Box::new(|_: &str, _| Ok(list(PACKED[0], NOW - 1)));
    StatusLists::new(vec![source], fetch).unwrap()
}

/// The log's key.
struct LogKey;

impl Signer for LogKey {
    fn name(&self) -> &str {
        "crm.acme.example/audit"
    }

    fn public(&self) -> [u8; 32] {
        let x = keys::named("module-1").unwrap().x();
        base64url::decode_array(x.as_bytes()).unwrap()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        let signature = keys::named("module-1")?.sign(message);
        base64url::decode_array(signature.as_bytes()).ok_or_else(|| "no signature".to_owned())
    }
}

/// Status lists that the test can still reach after they were given away.
struct Shared(Arc<StatusLists>);

impl Discharge for Shared {
    fn discharge(&self, obligation: &Obligation<'_>) -> Result<(), NotDischarged> {
        self.0.discharge(obligation)
    }

    fn turn(&self) -> Turn {
        self.0.turn()
    }
}

/// One enforcement point with one engine.
struct Point {
    engine: Box<dyn Evaluator>,
    enforcer: Enforcer,
    lists: Arc<StatusLists>,
    ledger: Arc<SqliteLedger>,
    log: Arc<AuditLog>,
    digest: String,
    folder: tempfile::TempDir,
}

impl Point {
    fn new(engine: Box<dyn Evaluator>, digest: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let ledger = Arc::new(SqliteLedger::open(at("ledger.sqlite")).unwrap());
        let lists = Arc::new(lists());
        let clock = Box::new(|| NOW);
        let key = Arc::new(LogKey);
        let log = AuditLog::open(&at("audit.jsonl"), LogKey.name(), key, clock).unwrap();
        let log = Arc::new(log);
        let enforcer = Enforcer::new()
            .with("consume", Consume::new(Arc::clone(&ledger)))
            .with("status", Shared(Arc::clone(&lists)))
            .log(log.clone());
        Self {
            engine,
            enforcer,
            lists,
            ledger,
            log,
            digest,
            folder,
        }
    }

    /// The code of the answer that is obeyed.
    fn ask(&self, case: &Case) -> String {
        let request = case.request(&self.digest).unwrap();
        match self.enforcer.enforce(&self.engine.evaluate(&request)) {
            Verdict::Permitted { .. } => "allowed".to_owned(),
            Verdict::Refused { answer, .. } => {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                answer["context"]["reason"]["code"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            }
        }
    }

    /// The budget in the answer to a case: its key, and what was used of it.
    fn spent(&self, case: &Case) -> i64 {
        let answer = self.engine.evaluate(&case.request(&self.digest).unwrap());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let obligations = answer["context"]["obligations"].as_array().unwrap();
        let charges = obligations
            .iter()
            .find(|one| one["type"] == "consume")
            .unwrap();
        let key = charges["ext"]["charges"][0]["key"].as_str().unwrap();
        self.ledger.used(key).unwrap()
    }
}

#[test]
fn a_revocation_that_arrives_under_way_stops_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let steps = steps(folder.path());
    let policy = SignedPolicy::make(&steps["first"].policy).unwrap_or_else(|why| panic!("{why}"));
    let module = policy.load().unwrap();
    let runtime = Runtime::new().unwrap();
    let engines: [Box<dyn Evaluator>; 2] = [
        Box::new(NativeEngine::new(&module)),
        Box::new(WasmEngine::new(&runtime, &module, Instances::Pooled).unwrap()),
    ];
    for engine in engines {
        let point = Point::new(engine, policy.bundle_s256());
        assert_eq!(point.ask(&steps["first"]), "allowed");
        assert_eq!(point.ask(&steps["another policy"]), "policy.rollback");
        assert_eq!(point.ask(&steps["second"]), "allowed");
        assert_eq!(point.spent(&steps["first"]), 2 * 9870);

        // The broker revokes the token; its list arrives long before the kept one would be fetched.
        point
            .lists
            .receive(LIST, &list(PACKED[1], NOW + 20), NOW + 20)
            .unwrap();
        assert_eq!(point.ask(&steps["later"]), "status.revoked");
        assert_eq!(point.ask(&steps["later with the fact"]), "status.revoked");
        assert_eq!(
            point.spent(&steps["first"]),
            2 * 9870,
            "a refusal costs nothing"
        );

        // Two lines for each allow, one for each denial by the evaluator.
        let log = point.folder.path().join("audit.jsonl");
        let report = check(&log, std::slice::from_ref(point.log.key())).unwrap();
        assert_eq!((report.lines, report.unsigned()), (2 + 1 + 2 + 2 + 1, 0));
        let text = fs::read_to_string(log).unwrap();
        assert_eq!(text.matches(r#""status_code":"status.revoked""#).count(), 2);
    }
}

#[test]
fn small_steps_end_at_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let steps = steps(folder.path());
    let policy = SignedPolicy::make(&steps["first"].policy).unwrap_or_else(|why| panic!("{why}"));
    let engine = Box::new(NativeEngine::new(policy.load().unwrap()));
    let point = Point::new(engine, policy.bundle_s256());
    for _ in 0..3 {
        assert_eq!(point.ask(&steps["first"]), "allowed");
    }
    // 500.00 would still hold it, but the entry may be used three times: nothing is charged.
    assert_eq!(point.ask(&steps["second"]), "limit.uses");
    assert_eq!(point.spent(&steps["first"]), 3 * 9870);
}
