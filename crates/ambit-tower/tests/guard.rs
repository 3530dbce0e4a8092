//! A service in axum behind a guard, asked over HTTP as an agent asks it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use ambit_compiler::keys::{self, SecretKey};
use ambit_compiler::mint::{RootOptions, root};
use ambit_compiler::sign::{self, SignOptions, Signed};
use ambit_compiler::{Project, build, module};
use ambit_host::ask::{Evaluation, Request};
use ambit_host::{LoadOptions, MemoryVersions, NativeEngine, PolicyModule, Trust};
use ambit_policy::Bundle;
use ambit_token::base64url;
use ambit_tower::{Asked, Files, Guard, Power};
use axum::body::Bytes;
use axum::routing::post;
use axum::{Extension, Router};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const URL: &str = "https://orders.shop.example";
const PATH: &str = "/orders/o-1/refund";
const BODY: &str = r#"{ "amount": 1.50,  "currency": "EUR" }"#;

/// The policy of the examples' shop with proofs of possession, a token of an agent, and a service.
struct World {
    folder: TempDir,
    holder: SecretKey,
    token: String,
    address: String,
    /// The bodies that the handler got.
    heard: Arc<Mutex<Vec<Bytes>>>,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    /// `extra` is added to the capability of the token.
    fn new(extra: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (issuer, release) = (
            keys::generate(Some("issuer-1")).unwrap(),
            keys::generate(None).unwrap(),
        );
        policy(folder.path(), &issuer, &release);
        let holder = keys::generate(None).unwrap();
        let token = minted(folder.path(), &issuer, &holder, extra);
        fs::create_dir(folder.path().join("proposals")).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let app = service(folder.path(), Arc::clone(&heard));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self {
            folder,
            holder,
            token,
            address,
            heard,
            _runtime: runtime,
        }
    }

    /// A fresh proof of a refund with these arguments.
    fn proof(&self, path: &str, args: &str) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let header = json!({"typ": "dpop+jwt", "alg": "Ed25519", "jwk": self.holder.public_jwk()});
        let claims = json!({
            "jti": format!("{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            "htm": "POST", "htu": format!("{URL}{path}"), "iat": now(),
            "ath": base64url::encode(&Sha256::digest(&self.token)),
            "ambit_call": self.digest(args),
        });
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.holder.sign(input.as_bytes());
        format!("{input}.{}", base64url::encode(&signature))
    }

    fn digest(&self, args: &str) -> String {
        let module = load(self.folder.path());
        let evaluation = Evaluation {
            action: "refund",
            power: "execute",
            args,
            resource: ("Order", "o-1"),
            purpose: "customer-care",
            subject: None,
        };
        let request = Request::<&str> {
            evaluation: &evaluation.to_text(),
            token: Some(&self.token),
            proof: None,
            approvals: &[],
            enrolments: &[],
            statements: &[],
            entities: None,
            facts: &json!({"now": now(), "audience": URL}).to_string(),
        };
        let said = NativeEngine::new(&module).call_digest(request.to_text().as_bytes());
        let said: Value = serde_json::from_str(&said).unwrap();
        let digest = said["binding_s256"].as_str();
        digest.unwrap_or_else(|| panic!("{said}")).to_owned()
    }

    /// The headers with which an agent shows its token and a proof of this call.
    fn shown(&self, args: &str) -> String {
        let proof = self.proof(PATH, args);
        format!("authorization: DPoP {}\r\ndpop: {proof}\r\n", self.token)
    }

    /// Status, head and problem of the answer.
    fn post(&self, path: &str, headers: &str, body: &str) -> (u16, String, Value) {
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: orders.shop.example\r\nconnection: close\r\n\
             content-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(text.as_bytes())
    }

    fn send(&self, bytes: &[u8]) -> (u16, String, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // It may be refused before all of it was sent.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let problem = serde_json::from_str(body).unwrap_or_default();
        (status.unwrap_or(0), head.to_owned(), problem)
    }

    fn heard(&self) -> Vec<Bytes> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    /// Asserts that a request is refused with this status and code, and that the handler never runs.
    fn refused(&self, (status, head, problem): (u16, String, Value), wanted: u16, code: &str) {
        let told = problem["code"].as_str().unwrap_or_default();
        assert_eq!((status, told), (wanted, code), "{head} {problem}");
        assert!(self.heard().is_empty(), "the handler ran");
    }
}

/// The service: five lines guard it.
fn service(folder: &Path, heard: Arc<Mutex<Vec<Bytes>>>) -> Router {
    let file = |name: &str| folder.join(name);
    let files = Files::new(
        file("policy.wasm"),
        file("keys.json"),
        file("seen.json"),
        file("used.sqlite"),
    );
    let files = files.proposals(file("proposals"));
    let guard = Guard::open(files, URL, |request| {
        let refund = Asked::new("refund", Power::Execute).on("Order", request.segment(1)?);
        Ok(refund.purpose("customer-care").args(request.json()?))
    });
    let handler = move |Extension(asked): Extension<Asked>, body: Bytes| {
        // What it acts by is what was judged, whatever came in before.
        assert_eq!(asked.arguments().as_bytes(), body);
        assert_eq!(
            (asked.action(), asked.resource()),
            ("refund", ("Order", "o-1"))
        );
        heard.lock().unwrap().push(body);
        async { "done" }
    };
    let forged = Asked::new("other", Power::Observe).args("{\"amount\": 99}");
    Router::new()
        .route("/orders/{order}/refund", post(handler))
        .layer(guard.unwrap())
        .layer(Extension(forged))
}

#[test]
fn what_is_allowed_reaches_the_handler_with_the_bytes_that_were_checked() {
    let world = World::new(&json!({}));
    let (status, head, _) = world.post(PATH, &world.shown(BODY), BODY);
    assert_eq!(status, 200, "{head}");
    assert_eq!(world.heard(), [BODY]);
    // In pieces, which the handler gets as one.
    let (one, two) = BODY.split_at(9);
    let text = format!(
        "POST {PATH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n{}\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
        world.shown(BODY),
        one.len(),
        two.len()
    );
    assert_eq!(world.send(text.as_bytes()).0, 200);
    assert_eq!(world.heard(), [BODY]);
}

#[test]
fn a_denial_has_status_challenge_and_remedy() {
    let world = World::new(&json!({}));
    let told = world.post(PATH, "", BODY);
    assert!(told.1.contains("\r\nwww-authenticate: DPoP "), "{}", told.1);
    assert!(
        told.1
            .contains("\r\ncontent-type: application/problem+json"),
        "{}",
        told.1
    );
    world.refused(told, 401, "token.missing");
    let dear = BODY.replace("1.50", "2.01");
    let told = world.post(PATH, &world.shown(&dear), &dear);
    assert!(told.2["remedy"].is_object(), "{}", told.2);
    world.refused(told, 403, "constraint.range");
    let twice = world.shown(BODY) + "authorization: Bearer e30\r\n";
    world.refused(world.post(PATH, &twice, BODY), 400, "forward.header");
}

#[test]
fn a_proof_is_of_one_call_and_counts_once() {
    let world = World::new(&json!({}));
    let shown = world.shown(BODY);
    // Another body, another resource.
    let changed = BODY.replace("1.50", "1.51");
    world.refused(world.post(PATH, &shown, &changed), 401, "possession.call");
    let other = PATH.replace("o-1", "o-2");
    let told = world.post(&other, &shown, BODY);
    assert_eq!(told.0, 401, "{}", told.2);
    assert!(world.heard().is_empty());
    assert_eq!(world.post(PATH, &shown, BODY).0, 200);
    assert_eq!(world.heard().len(), 1);
    world.refused(world.post(PATH, &shown, BODY), 401, "possession.used");
    let bare = format!("authorization: DPoP {}\r\n", world.token);
    world.refused(world.post(PATH, &bare, BODY), 401, "possession.missing");
}

#[test]
fn a_body_that_is_no_object_or_too_large_never_reaches_the_handler() {
    let world = World::new(&json!({}));
    let long = format!("{{\"amount\": 1{}}}", " ".repeat(300 * 1024));
    let told = world.post(PATH, &world.shown(BODY), &long);
    // Whoever does not stop sending may not hear why.
    assert!([413, 0].contains(&told.0), "{}", told.1);
    assert!(world.heard().is_empty());
    let doubled = r#"{"amount": 1.50, "amount": 200, "currency": "EUR"}"#;
    for body in ["", "[]", "{}x", doubled, "\"amount\""] {
        let told = world.post(PATH, &world.shown(BODY), body);
        world.refused(told, 400, "forward.body");
    }
    let packed = world.shown(BODY) + "content-encoding: gzip\r\n";
    world.refused(world.post(PATH, &packed, BODY), 400, "forward.body");
    // It breaks off.
    let text = format!(
        "POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{}content-length: 99\r\n\r\n{BODY}",
        world.shown(BODY)
    );
    let mut stream = TcpStream::connect(&world.address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert!(world.heard().is_empty(), "a part of a body passed");
}

#[test]
fn a_path_with_two_readings_is_refused() {
    let world = World::new(&json!({}));
    for path in [
        "/orders/o%2d1/refund",
        "/orders/o;1/refund",
        "/orders/o%2F1/refund",
    ] {
        let told = world.post(path, &world.shown(BODY), BODY);
        world.refused(told, 400, "forward.path");
    }
}

#[test]
fn what_lacks_a_persons_yes_is_held() {
    let world =
        World::new(&json!({"requires": {"approval": true}, "privileges": ["propose", "execute"]}));
    let told = world.post(PATH, &world.shown(BODY), BODY);
    assert_eq!(told.2["held"], json!(true), "{}", told.2);
    let digest = told.2["remedy"]["binding_s256"]
        .as_str()
        .unwrap()
        .to_owned();
    world.refused(told, 403, "approval.required");
    let kept = world.folder.path().join(format!("proposals/{digest}.json"));
    assert!(kept.is_file(), "nobody was asked");
}

#[test]
fn a_budget_is_counted() {
    let world = World::new(&json!({"limits": [{"type": "use_limit", "max": 1}]}));
    assert_eq!(world.post(PATH, &world.shown(BODY), BODY).0, 200);
    assert_eq!(world.heard().len(), 1);
    let told = world.post(PATH, &world.shown(BODY), BODY);
    assert_eq!(told.0, 403, "{}", told.2);
    assert!(world.heard().is_empty());
}

/// `policy.wasm` and `keys.json` of the shop, with proofs of possession and `propose`.
fn policy(folder: &Path, issuer: &SecretKey, release: &SecretKey) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (from, to) = (root.join("examples/shop"), folder.join("shop"));
    fs::create_dir_all(to.join("agents")).unwrap();
    let read = |name: &str| fs::read_to_string(from.join(name)).unwrap();
    let key = format!(
        "[[keys]]\niss = \"https://issuer.shop.example\"\nkid = \"issuer-1\"\nalg = \"Ed25519\"\n\
         signs = \"cap+jwt\"\nx = \"{}\"\n",
        issuer.x()
    );
    let settings = read("ambit.toml").replace("possession = \"off\"\n", "") + &key;
    fs::write(to.join("ambit.toml"), settings).unwrap();
    let schema = read("schema.cedarschema")
        .replace(
            "draft: draft refunds,",
            "draft: draft refunds, propose: propose refunds,",
        )
        .replace(
            "observe, draft, execute",
            "observe, draft, propose, execute",
        );
    fs::write(to.join("schema.cedarschema"), schema).unwrap();
    let manifest =
        read("agents/helper.toml").replace("\"draft\", \"execute\"", "\"propose\", \"execute\"");
    fs::write(to.join("agents/helper.toml"), manifest).unwrap();

    let project = Project::load(&to)
        .map_err(|faults| faults.to_string())
        .unwrap();
    let bundle = build::bundle(&project, project.issued().unwrap()).unwrap();
    let guest = root.join("target/guest/wasm32v1-none/wasm/ambit_guest.wasm");
    let guest = fs::read(guest).expect("run `cargo xtask guest` first");
    let options = SignOptions {
        carried: true,
        ..SignOptions::default()
    };
    let trusted =
        json!({"threshold": 1, "keys": [{"kid": release.kid(), "jwk": release.public_jwk()}]});
    let unsigned = module::assemble(&guest, &bundle).unwrap();
    let signed = sign::module(&unsigned, std::slice::from_ref(release), options).unwrap();
    let Signed::Carried { module } = signed else {
        panic!("the module carries its signature");
    };
    fs::write(folder.join("policy.wasm"), module).unwrap();
    fs::write(folder.join("keys.json"), trusted.to_string()).unwrap();
    fs::write(folder.join("policy.bundle"), bundle).unwrap();
}

fn minted(folder: &Path, issuer: &SecretKey, holder: &SecretKey, extra: &Value) -> String {
    let mut entry = json!({
        "type": "ambit_capability", "actions": ["refund"], "privileges": ["execute"],
        "datatypes": ["Order"], "purpose": "customer-care",
        "constraints": {
            "amount": {"constraint_type": "range", "min": 1, "max": 200},
            "currency": {"constraint_type": "exact", "value": "EUR"},
        },
    });
    for (name, value) in extra.as_object().unwrap() {
        entry[name] = value.clone();
    }
    let claims = json!({
        "sub": "user:ann", "aud": [URL],
        "act": {"sub": "https://agents.shop.example/helper/1", "sub_profile": "ai_agent"},
        "agent": {"uid": "helper"}, "authorization_details": [entry],
    });
    let options = RootOptions {
        now: now(),
        life: Some(900),
        holder: Some(holder.public()),
        ..RootOptions::default()
    };
    let bundle = fs::read(folder.join("policy.bundle")).unwrap();
    let bundle = Bundle::verify(&bundle).unwrap();
    let token = root(&claims.to_string(), issuer, &bundle, &options).unwrap();
    token.sign().unwrap()
}

fn load(folder: &Path) -> PolicyModule {
    let trust = Trust::parse(&fs::read(folder.join("keys.json")).unwrap()).unwrap();
    let seen = MemoryVersions::new();
    let options = LoadOptions {
        uid: None,
        now: now(),
        seen: &seen,
    };
    PolicyModule::read(&folder.join("policy.wasm"), None, &trust, &options).unwrap()
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}
