//! `ambit-core.wasm`: loading a policy, and that what it then answers costs no memory for good. That the answers are
//! those of every engine is shown by `conformance.rs`.

#[path = "../../crates/ambit-enforce/tests/runner/mod.rs"]
mod runner;

#[path = "host_core/ask.rs"]
mod ask;
#[path = "host_core/epochs.rs"]
mod epochs;

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ambit_host::{NativeEngine, audit};
use ambit_tests::case::PolicySpec;
use ambit_tests::host_core::{Raw, core, file, load_options};
use ambit_tests::project::SignedPolicy;
use ambit_tests::suites;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wasmtime::{Engine, Module};

/// The uid of the project.
const UID: &str = "acme/agents";

fn policy(name: &str) -> SignedPolicy {
    policy_with(name, None)
}

/// The same with another vocabulary.
fn policy_with(name: &str, bundle: Option<Value>) -> SignedPolicy {
    let spec = PolicySpec {
        project: name.to_owned(),
        keys: [epochs::keys(), vec![approver()]].concat(),
        bundle,
    };
    SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"))
}

/// Who signs people's yes.
fn approver() -> Value {
    json!({"key": "approver-service", "kid": "approve-1", "iss": "https://approve.acme.example", "alg": "Ed25519",
        "signs": "approval-receipt+jwt"})
}

/// The core, compiled once for all instances of a test.
struct Core(Module);

impl Core {
    fn new() -> Self {
        let bytes = core().unwrap_or_else(|why| panic!("{why}"));
        Self(Module::new(&Engine::default(), bytes).unwrap())
    }

    fn start(&self) -> Raw {
        Raw::start(&self.0).unwrap()
    }

    /// What a new instance says to a file.
    fn load(&self, file: &[u8], options: &Value) -> Value {
        let answer = self.start().load(file, options).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

/// The same with other members.
fn with(options: &Value, change: &Value) -> Value {
    let mut options = options.clone();
    for (name, value) in change.as_object().unwrap() {
        options[name] = value.clone();
    }
    options
}

fn uid(policy: &SignedPolicy) -> String {
    policy.load().unwrap().uid().to_owned()
}

#[test]
fn what_is_loaded_is_what_its_signers_state() {
    let (core, policy) = (Core::new(), policy("acme"));
    let module = policy.load().unwrap();
    assert_eq!(uid(&policy), UID);
    let file = std::fs::read(policy.file()).unwrap();
    let options = load_options(&policy, UID);
    let statement = core.load(&file, &options);
    assert_eq!(statement["uid"], UID);
    assert_eq!(statement["version"], module.version());
    assert_eq!(statement["expires"], module.expires());
    assert_eq!(statement["bundle_s256"], policy.bundle_s256());
    let encode = |digest: &[u8; 32]| ambit_token::base64url::encode(digest);
    assert_eq!(statement["guest_s256"], encode(module.guest_digest()));
    assert_eq!(statement["file_s256"], encode(module.file_digest()));
    assert_eq!(statement["signers"], json!(module.signers()));
    assert_eq!(statement["seen"]["digest"], encode(&module.seen().digest));

    // The bundle alone, with the detached signature of its module: the same statement but for the file's.
    let (unsigned, envelope) = policy.detached().unwrap();
    let envelope = String::from_utf8(envelope).unwrap();
    let signed = with(&options, &json!({"signature": envelope}));
    let alone = core.load(policy.bundle(), &signed);
    assert_eq!(alone, core.load(&unsigned, &signed));
    assert_eq!(alone["seen"]["version"], statement["seen"]["version"]);
    assert_eq!(alone["bundle_s256"], statement["bundle_s256"]);

    // Loaded again with what was kept, and by a host that demands its guest.
    let again = with(
        &options,
        &json!({"seen": statement["seen"], "guest": statement["guest_s256"]}),
    );
    assert_eq!(core.load(&file, &again), statement);
}

#[test]
fn what_is_refused_says_why() {
    let (core, policy) = (Core::new(), policy("acme"));
    let file = std::fs::read(policy.file()).unwrap();
    let options = load_options(&policy, UID);
    let seen = core.load(&file, &options)["seen"].clone();
    let version = seen["version"].as_i64().unwrap();
    let other = "A".repeat(43);
    let far = policy.load().unwrap().expires();
    let (above, same) = (
        json!({"version": version + 1, "digest": other}),
        json!({"version": version, "digest": other}),
    );
    for (change, code) in [
        (json!({"uid": "acme/other"}), "module.uid"),
        (json!({"guest": other}), "module.guest"),
        (json!({"seen": above}), "module.rollback"),
        (json!({"seen": same}), "module.same_version"),
        (json!({"now": far}), "module.expired"),
        (json!({"trust": "{}"}), "module.trust"),
        (json!({"signature": "{}"}), "module.signature"),
        (json!({"uid": null}), "module.options"),
        (json!({"now": 1.5}), "module.options"),
        (json!({"now": "1"}), "module.options"),
        (json!({"seen": {"version": 1}}), "module.options"),
        (
            json!({"seen": {"version": -1, "digest": other}}),
            "module.options",
        ),
        (json!({"guest": "AAAA"}), "module.options"),
        (json!({"Guest": other}), "module.options"),
        (json!({"trust": {}}), "module.options"),
    ] {
        let refused = core.load(&file, &with(&options, &change));
        assert_eq!(refused["code"], code, "{change}: {refused}");
        assert!(refused["admin"].is_string(), "{change}: {refused}");
        // What has ended is to be remembered all the same.
        let kept = (code == "module.expired").then(|| seen.clone());
        assert_eq!(refused.get("seen"), kept.as_ref(), "{change}");
    }
    // Who forgets what was kept would take any older policy.
    for member in ["trust", "uid", "now", "seen"] {
        let mut lacking = options.clone();
        lacking.as_object_mut().unwrap().remove(member);
        assert_eq!(
            core.load(&file, &lacking)["code"],
            "module.options",
            "{member}"
        );
    }
    let mut altered = file;
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    assert_eq!(core.load(&altered, &options)["code"], "module.altered");
    assert_eq!(
        core.load(policy.bundle(), &options)["code"],
        "module.unsigned"
    );
}

#[test]
fn an_instance_holds_one_policy_and_none_before() {
    let (core, policy) = (Core::new(), policy("acme"));
    let file = std::fs::read(policy.file()).unwrap();
    let options = load_options(&policy, UID);
    let mut raw = core.start();
    assert!(
        raw.ask("ambit_evaluate", b"{}")
            .unwrap()
            .contains("policy.malformed")
    );
    assert!(raw.say("ambit_info").unwrap().contains("policy.malformed"));
    // One that was refused leaves nothing behind, and the next may be tried.
    let late = with(&options, &json!({"now": 9_999_999_999_i64}));
    assert!(raw.load(&file, &late).unwrap().contains("module.expired"));
    assert!(
        raw.ask("ambit_evaluate", b"{}")
            .unwrap()
            .contains("policy.malformed")
    );
    assert!(raw.load(&file, &options).unwrap().contains(UID));
    let answer = raw.ask("ambit_evaluate", b"{}").unwrap();
    assert!(answer.contains("request.member"), "{answer}");
    // Another instance of the same code knows nothing of it, and this one takes no second.
    assert!(
        core.start()
            .ask("ambit_evaluate", b"{}")
            .unwrap()
            .contains("policy.malformed")
    );
    assert!(
        raw.load(&file, &options)
            .unwrap()
            .contains("module.options")
    );
    assert_eq!(raw.ask("ambit_evaluate", b"{}").unwrap(), answer);
    // Nothing of a call stays.
    let before = raw.memory_bytes();
    for _ in 0..2000 {
        assert_eq!(raw.ask("ambit_evaluate", b"{}").unwrap(), answer);
    }
    assert_eq!(raw.memory_bytes(), before);
}

#[test]
fn the_code_of_a_module_must_hold_the_policy_that_was_loaded() {
    let (core, policy) = (Core::new(), policy("acme"));
    let file = std::fs::read(policy.file()).unwrap();
    let mut raw = core.start();
    raw.load(&file, &load_options(&policy, UID)).unwrap();
    let own = Raw::compile(&file).unwrap().say("ambit_info").unwrap();
    assert_eq!(raw.ask("ambit_check_info", own.as_bytes()).unwrap(), "{}");
    for other in ["", "{}", &own[1..], &own.replace("\"abi\":2", "\"abi\":3")] {
        let refused = raw.ask("ambit_check_info", other.as_bytes()).unwrap();
        assert!(refused.contains("module.mismatch"), "{other}: {refused}");
    }
    // Without a policy there is nothing that it could agree with.
    let none = core
        .start()
        .ask("ambit_check_info", own.as_bytes())
        .unwrap();
    assert!(none.contains("policy.malformed"), "{none}");
}

/// The Rust host believes a log that was written through the core.
fn is_as_the_rust_host_writes(log: &[u8], notes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::fs::write(&path, log).unwrap();
    std::fs::write(audit::checkpoints_path(&path), notes).unwrap();
    let public = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key();
    let key = audit::NoteKey::new("mail.example/audit", public.to_bytes()).unwrap();
    let report = audit::check(&path, &[key]).unwrap();
    assert_eq!(report.unsigned(), 0);
    assert!(report.torn.is_empty());
}

fn run_all(ask: runner::Ask<'_>) {
    runner::each_step_follows_from_those_before(ask);
    runner::charges_fit_all_or_none(ask);
    runner::a_status_is_what_a_believed_list_says(ask);
    runner::a_log_is_read_as_it_was_written(ask, &is_as_the_rust_host_writes);
}

/// Those that need a policy: natively, in wasmtime, and in Node.
#[test]
fn what_needs_a_policy_is_the_same_everywhere() {
    let refers = json!({"actions": {"email": {"args": {"to": {"content": true}}}}});
    let policy = policy_with("acme", Some(refers));
    let engine = NativeEngine::new(policy.load().unwrap());
    let native = |name: &str, request: &str| match name {
        "ask" => engine.ask(request.as_bytes()),
        _ => engine.call_digest(request.as_bytes()),
    };
    ask::a_request_is_made_of_its_parts(
        &mut |_, request| serde_json::from_str(&native("ask", &request.to_string())).unwrap(),
        &native,
    );
    let mut raw = Core::new().start();
    let module = std::fs::read(policy.file()).unwrap();
    raw.load(&module, &load_options(&policy, UID)).unwrap();
    epochs::epochs_are_kept_as_their_issuer_signed_them(&mut |name, request| {
        asked(&mut raw, name, request)
    });
    ask::a_request_is_made_of_its_parts(
        &mut |name, request| asked(&mut raw, name, request),
        &native,
    );

    let Some(mut node) = Node::start() else {
        return;
    };
    let mut load = load_options(&policy, UID);
    load["op"] = json!("load");
    load["policy"] = json!("acme");
    load["module"] = json!(policy.file());
    assert_eq!(node.say(&load), "ok");
    epochs::epochs_are_kept_as_their_issuer_signed_them(&mut |name, request| {
        node.ask("acme", name, request)
    });
    ask::a_request_is_made_of_its_parts(
        &mut |name, request| node.ask("acme", name, request),
        &native,
    );
    node.stop();
}

fn asked(raw: &mut Raw, name: &str, request: &Value) -> Value {
    let said = raw.ask(name, request.to_string().as_bytes()).unwrap();
    serde_json::from_str(&said).unwrap()
}

#[test]
fn what_a_host_does_next_is_what_it_is_natively() {
    let mut raw = Core::new().start();
    run_all(&mut |name, request| asked(&mut raw, name, request));
}

/// One after the other through the line protocol of `core.mjs`.
#[test]
fn what_a_host_does_next_is_the_same_in_node() {
    let Some(mut node) = Node::start() else {
        return;
    };
    run_all(&mut |name, request| node.ask("", name, request));
    node.stop();
}

struct Node {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Node {
    /// `None` where there is no `node`.
    fn start() -> Option<Self> {
        let mut command = Command::new("node");
        command.arg(suites().join("engines/core.mjs")).arg(file());
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = started else {
            eprintln!("skipped: there is no `node`");
            return None;
        };
        let output = child.stdout.take().unwrap();
        Some(Self {
            input: child.stdin.take().unwrap(),
            lines: BufReader::new(output).lines(),
            child,
        })
    }

    fn say(&mut self, command: &Value) -> String {
        writeln!(self.input, "{command}").unwrap();
        self.lines.next().unwrap().unwrap()
    }

    fn ask(&mut self, policy: &str, name: &str, request: &Value) -> Value {
        let op = name.trim_start_matches("ambit_");
        let input = STANDARD.encode(request.to_string());
        let line = self.say(&json!({"op": op, "policy": policy, "input": input}));
        let said = STANDARD.decode(&line);
        serde_json::from_slice(&said.unwrap_or_else(|_| panic!("{line}"))).unwrap()
    }

    fn stop(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

/// The loop that a host writes: it does what it is told, and says what came of it, until there is a verdict.
#[test]
fn a_host_is_a_loop_around_the_core() {
    let mut raw = Core::new().start();
    let mut ask = |name: &str, request: &Value| asked(&mut raw, name, request);
    let charges = json!([{"key": "receipt:1", "type": "receipt", "until": 900}]);
    let answer = json!({"decision": true, "context": {"record": {"now": 100}, "obligations": [
        {"id": "consume", "type": "consume", "ext": {"charges": charges}}]}});
    let (mut store, mut log) = (json!({"receipt:1": null}), Vec::new());
    let mut enforce = |store: &mut Value, log: &mut Vec<String>| {
        let mut results = Vec::new();
        loop {
            let step = ask(
                "ambit_enforce",
                &json!({"answer": answer.to_string(),
                "knows": ["consume"], "journal": true, "epochs": false, "results": results}),
            );
            results.push(match step["do"].as_str().unwrap() {
                "log" => {
                    log.push(step["event"].as_str().unwrap().to_owned());
                    json!({"done": true})
                }
                "discharge" => {
                    let said = ask(
                        "ambit_consume",
                        &json!({"ext": step["ext"], "now": step["now"], "forgotten": 50,
                        "budgets": store}),
                    );
                    match said["set"].as_array() {
                        Some(set) => {
                            for one in set {
                                let key = one["key"].as_str().unwrap();
                                store[key] = json!({"used": one["used"], "until": one["until"]});
                            }
                            json!({"done": true})
                        }
                        None => said,
                    }
                }
                _ => return step,
            });
        }
    };
    let first = enforce(&mut store, &mut log);
    assert_eq!(first["permitted"], true, "{first}");
    assert_eq!(log, ["decided", "ended"]);
    let second = enforce(&mut store, &mut log);
    assert_eq!(second["permitted"], false, "{second}");
    assert_eq!(
        second["answer"]["context"]["reason"]["code"],
        "approval.used"
    );
    assert_eq!(second["http"]["status"], 403);
}
