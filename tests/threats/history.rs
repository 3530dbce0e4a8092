//! Nothing goes back: over any sequence of statements, modules, lists, decisions and restarts, what was
//! seen once counts from then on. A naive model says what must come of each step.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use ambit_host::ledger::{Consume, SqliteLedger};
use ambit_host::proposals::{Inbox, Proposals};
use ambit_host::status::StatusLists;
use ambit_host::{
    Enforcer, Evaluator as _, FileVersions, LoadOptions, NativeEngine, PolicyModule,
    StatementVersions as _, Trust, Verdict,
};
use ambit_tests::chain::BlockSpec;
use ambit_tests::project::SignedPolicy;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{Call, LIST, NOW, Token, World, policy, source, status_list};

/// An issuer of epochs: its claim `iss`, its `kid`, its key, and from which version on its lists name
/// the token.
const ISSUERS: [(&str, &str, &str, u64); 2] = [
    ("https://revoke.acme.example", "revoke-1", "revoker", 5),
    ("https://end.acme.example", "end-1", "approver-2", 4),
];

/// What becomes of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sound,
    Stale,
    Future,
    /// With a selector that is not known here.
    Unusable,
    /// By another key: nothing that was verified.
    Forged,
}

#[derive(Clone, Debug)]
struct List {
    issuer: usize,
    version: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Step {
    /// A call with these lists; the host says what it has seen, or forgets to.
    Ask(Vec<List>, bool),
    /// The n-th call that was made is sent again, byte for byte.
    Replay(usize),
    /// A module of this version.
    Load(i64),
    /// A status list issued so many seconds ago.
    Receive(i64),
    /// Everything is dropped and opened again.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        5 => Just(Kind::Sound),
        1 => Just(Kind::Stale),
        1 => Just(Kind::Future),
        1 => Just(Kind::Unusable),
        1 => Just(Kind::Forged),
    ];
    let list = (0..2_usize, 1..7_u64, kind).prop_map(|(issuer, version, kind)| List {
        issuer,
        version,
        kind,
    });
    let step = prop_oneof![
        6 => (prop::collection::vec(list, 0..4), any::<bool>()).prop_map(|(lists, told)| Step::Ask(lists, told)),
        1 => (0..8_usize).prop_map(Step::Replay),
        1 => (41..44_i64).prop_map(Step::Load),
        1 => (0..9_i64).prop_map(Step::Receive),
        2 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..14)
}

fn versions() -> &'static [Arc<SignedPolicy>; 3] {
    static VERSIONS: OnceLock<[Arc<SignedPolicy>; 3]> = OnceLock::new();
    VERSIONS.get_or_init(|| [41, 42, 43].map(|version| policy(json!({"version": version}))))
}

/// A host and the files that outlive it.
struct Host {
    enforcer: Enforcer,
    versions: Arc<FileVersions>,
    lists: StatusLists,
}

impl Host {
    fn start(folder: &Path) -> Self {
        let versions = Arc::new(FileVersions::new(folder.join("seen.json")));
        let ledger = SqliteLedger::open(folder.join("ledger.sqlite")).unwrap();
        let offline = Box::new(|_: &str, _| Err("offline".to_owned()));
        let lists = StatusLists::new(vec![source()], offline).unwrap();
        Self {
            enforcer: Enforcer::new()
                .with("consume", Consume::new(Arc::new(ledger)))
                .with("approve", Proposals::new(Inbox::new(8)))
                .remember(versions.clone()),
            lists: lists.remember(versions.clone()),
            versions,
        }
    }

    fn load(&self, policy: &SignedPolicy) -> bool {
        let trust = Trust::parse(policy.trust().as_bytes()).unwrap();
        let options = LoadOptions {
            uid: Some("acme/agents"),
            now: NOW,
            seen: &*self.versions,
        };
        PolicyModule::read(&policy.file(), None, &trust, &options).is_ok()
    }
}

/// What must be known at each time, and nothing about how.
#[derive(Default)]
struct Model {
    heard: BTreeMap<usize, u64>,
    module: i64,
    status: i64,
    /// Calls that were allowed: each works once.
    done: BTreeSet<usize>,
}

impl Model {
    /// Whether a call by these lists must be allowed.
    fn expects(&self, lists: &[List]) -> bool {
        let clears = |list: &List| {
            let floor = self.heard.get(&list.issuer).copied().unwrap_or_default();
            list.kind == Kind::Sound
                && list.version >= floor
                && list.version < ISSUERS[list.issuer].3
        };
        let all_heard = |issuer: &usize| lists.iter().any(|list| list.issuer == *issuer);
        lists.iter().all(clears) && self.heard.keys().all(all_heard)
    }

    fn hear(&mut self, lists: &[List]) {
        for list in lists.iter().filter(|list| list.kind != Kind::Forged) {
            let seen = self.heard.entry(list.issuer).or_default();
            *seen = list.version.max(*seen);
        }
    }
}

fn spec(list: &List) -> BlockSpec {
    let (iss, kid, key, revokes) = ISSUERS[list.issuer];
    let (iat, exp) = match list.kind {
        Kind::Stale => (NOW - 600, NOW - 1),
        Kind::Future => (NOW + 100, NOW + 200),
        _ => (NOW - 60, NOW + 240),
    };
    let mut entries = vec![];
    if list.version >= revokes {
        entries.push(json!({"selector": {"agent.uid": "renewal-bot"}, "all": true}));
    }
    if list.kind == Kind::Unusable {
        entries.push(json!({"selector": {"colour": "red"}, "all": true}));
    }
    let signer = match list.kind {
        Kind::Forged => "broker-1",
        _ => key,
    };
    BlockSpec {
        header: Some(json!({"kid": kid})),
        claims: Some(
            json!({"iss": iss, "iat": iat, "exp": exp, "version": list.version, "entries": entries}),
        ),
        signer: Some(signer.to_owned()),
        ..BlockSpec::default()
    }
}

struct Run {
    folder: tempfile::TempDir,
    host: Option<Host>,
    engine: NativeEngine,
    token: Token,
    model: Model,
    sent: Vec<String>,
}

impl Run {
    fn new(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            host: Some(Host::start(folder.path())),
            folder,
            engine: NativeEngine::new(world.policy.load().unwrap()),
            token: world.mint(&json!({})),
            model: Model::default(),
            sent: Vec::new(),
        }
    }

    fn host(&self) -> &Host {
        self.host.as_ref().unwrap()
    }

    fn enforce(&self, request: &str) -> bool {
        let answer = self.engine.evaluate(request.as_bytes());
        matches!(
            self.host().enforcer.enforce(&answer),
            Verdict::Permitted { .. }
        )
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Ask(lists, told) => self.ask(lists, *told),
            Step::Replay(number) => {
                if let Some(request) = self.sent.get(*number) {
                    let again = self.enforce(request);
                    assert!(!again || !self.model.done.contains(number), "{step:?}");
                }
            }
            Step::Load(version) => {
                let policy = &versions()[usize::try_from(version - 41).unwrap()];
                assert_eq!(
                    self.host().load(policy),
                    *version >= self.model.module,
                    "{step:?}"
                );
                self.model.module = self.model.module.max(*version);
            }
            Step::Receive(ago) => {
                let list = status_list(&[0, 0], NOW - ago, NOW + 600);
                let taken = self.host().lists.receive(LIST, &list, NOW).is_ok();
                assert_eq!(taken, NOW - ago >= self.model.status, "{step:?}");
                self.model.status = self.model.status.max(NOW - ago);
            }
            Step::Restart => {
                self.host = None;
                self.host = Some(Host::start(self.folder.path()));
            }
        }
    }

    fn ask(&mut self, lists: &[List], told: bool) {
        let mut call = Call::refund(&self.token, 1);
        call.epochs = lists.iter().map(spec).collect();
        if told {
            let lowest: Value =
                serde_json::from_str(&self.host().versions.min_versions().unwrap()).unwrap();
            call = call.with(&json!({"facts": {"min_versions": lowest}}));
        }
        let request = call.text();
        let allowed = self.enforce(&request);
        assert_eq!(allowed, self.model.expects(lists), "{lists:?} {told}");
        self.model.hear(lists);
        if allowed {
            self.model.done.insert(self.sent.len());
        }
        self.sent.push(request);
    }
}

#[test]
fn nothing_that_was_seen_goes_back() {
    let (iss, kid, key, _) = ISSUERS[1];
    let world = World::of(crate::world::policy_with(
        json!({}),
        &[(key, kid, iss, "Ed25519", "revocation-epochs+jwt")],
    ));
    let config = ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in steps())| {
        let mut run = Run::new(&world);
        for step in &steps {
            run.step(step);
        }
    });
}
