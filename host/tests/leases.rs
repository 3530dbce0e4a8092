//! The sum of leases and direct spending never exceeds the budget.

mod ledgers;

use ambit_host::Signer;
use ambit_host::ledger::{Charge, EdgeLedger, LeaseIssuer, Ledger, Lender, MemoryLedger, lend};
use ed25519_dalek::{Signer as _, SigningKey};
use ledgers::{NOW, both, code, spend};
use proptest::prelude::*;

struct Key(SigningKey);

impl Signer for Key {
    fn name(&self) -> &str {
        "lender-1"
    }

    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        Ok(self.0.sign(message).to_bytes())
    }
}

fn key() -> Key {
    Key(SigningKey::from_bytes(&[9; 32]))
}

fn issuer() -> LeaseIssuer {
    LeaseIssuer {
        name: "lender-1".into(),
        public: key().public(),
    }
}

fn lent(lender: &dyn Lender, id: &str, charge: &Charge<'_>) -> Result<String, &'static str> {
    lend(lender, &key(), (id, "edge-1"), charge, (NOW, NOW + 600))
        .map(|(_, text)| text)
        .map_err(|error| error.code())
}

#[test]
fn a_lease_is_of_one_kind() {
    both(|lender, _| {
        let lease = lent(lender, "loan-1", &spend("b", 40, 100)).unwrap();
        let edge = EdgeLedger::new(MemoryLedger::new(), &["proof"]);
        edge.take(issuer().verify(&lease, "edge-1", NOW).unwrap())
            .unwrap();
        let uses = Charge {
            kind: "use_limit",
            ..spend("b", 1, 100)
        };
        assert_eq!(code(edge.consume(&[uses], NOW)), "ledger.lease");
        assert_eq!(code(edge.consume(&[spend("b", 1, 100)], NOW)), "ok");
    });
}

#[test]
fn an_edge_spends_its_lease_and_returns_the_rest_once() {
    both(|lender, _| {
        let lease = lent(lender, "loan-1", &spend("b", 40, 100)).unwrap();
        assert_eq!(lender.used("b").unwrap(), 40);
        assert_eq!(
            code(lender.consume(&[spend("b", 61, 100)], NOW)),
            "ledger.exceeded"
        );
        assert_eq!(
            lent(lender, "loan-1", &spend("b", 1, 100)),
            Err("ledger.lease")
        );
        assert_eq!(
            lent(lender, "loan-2", &spend("b", 61, 100)),
            Err("ledger.exceeded")
        );

        let edge = EdgeLedger::new(MemoryLedger::new(), &["proof"]);
        edge.take(issuer().verify(&lease, "edge-1", NOW).unwrap())
            .unwrap();
        assert_eq!(code(edge.consume(&[spend("b", 30, 100)], NOW)), "ok");
        assert_eq!(
            code(edge.consume(&[spend("b", 11, 100)], NOW)),
            "ledger.exceeded"
        );
        assert_eq!(edge.used("b").unwrap(), 30);
        // Other budgets, receipts and the time after the lease's end are not the edge's.
        assert_eq!(
            code(edge.consume(&[spend("other", 1, 100)], NOW)),
            "ledger.lease"
        );
        assert_eq!(
            code(edge.consume(&[spend("b", 1, 100)], NOW + 600)),
            "ledger.lease"
        );
        let receipt = Charge::once("iss:jti", "receipt", NOW + 60);
        assert_eq!(code(edge.consume(&[receipt], NOW)), "ledger.lease");
        let proof = Charge::once("thumb:jti", "proof", NOW + 60);
        assert_eq!(code(edge.consume(&[proof, spend("b", 1, 100)], NOW)), "ok");
        assert_eq!(code(edge.consume(&[proof], NOW)), "ledger.repeated");

        let (lease, spent) = edge.give_back("b").unwrap().unwrap();
        assert_eq!(spent, 31);
        assert_eq!(
            code(edge.consume(&[spend("b", 1, 100)], NOW)),
            "ledger.lease"
        );
        // Taken again, it has no room left.
        edge.take(lease.clone()).unwrap();
        assert_eq!(
            code(edge.consume(&[spend("b", 1, 100)], NOW)),
            "ledger.exceeded"
        );

        assert_eq!(code(lender.close_loan(lease.id(), 41)), "ledger.lease");
        assert_eq!(code(lender.close_loan(lease.id(), -1)), "ledger.lease");
        assert_eq!(lender.close_loan(lease.id(), spent).unwrap(), 9);
        assert_eq!(code(lender.close_loan(lease.id(), spent)), "ledger.lease");
        assert_eq!(code(lender.close_loan("loan-7", 0)), "ledger.lease");
        assert_eq!(lender.used("b").unwrap(), 31);
    });
}

#[test]
fn a_lease_is_believed_only_as_it_was_signed() {
    let lender = MemoryLedger::new();
    let lease = lent(&lender, "loan-1", &spend("b", 40, 100)).unwrap();
    let read = |text: &str, edge: &str, now| code(issuer().verify(text, edge, now));
    assert_eq!(read(&lease, "edge-1", NOW), "ok");
    assert_eq!(read(&lease, "edge-2", NOW), "ledger.lease");
    assert_eq!(read(&lease, "edge-1", NOW + 600), "ledger.lease");
    assert_eq!(read(&lease, "edge-1", NOW - 31), "ledger.lease");
    let stranger = LeaseIssuer {
        public: Key(SigningKey::from_bytes(&[8; 32])).public(),
        ..issuer()
    };
    assert_eq!(code(stranger.verify(&lease, "edge-1", NOW)), "ledger.lease");
    let renamed = LeaseIssuer {
        name: "lender-2".into(),
        ..issuer()
    };
    assert_eq!(code(renamed.verify(&lease, "edge-1", NOW)), "ledger.lease");
    for at in 0..lease.len() {
        let mut changed = lease.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(read(&changed, "edge-1", NOW), "ledger.lease", "at {at}");
    }
    assert_eq!(read(&"a".repeat(9000), "edge-1", NOW), "ledger.lease");
    assert_eq!(read("", "edge-1", NOW), "ledger.lease");
    let never = lend(
        &lender,
        &key(),
        ("loan-2", "edge-1"),
        &spend("b", 1, 100),
        (NOW, NOW),
    );
    assert_eq!(code(never), "ledger.lease");
    assert_eq!(lender.used("b").unwrap(), 40);
}

#[derive(Clone, Debug)]
enum Step {
    Direct(i64),
    Lend(i64),
    /// Which edge spends how much.
    Edge(usize, i64),
    Return(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1_i64..60).prop_map(Step::Direct),
        (1_i64..60).prop_map(Step::Lend),
        (0_usize..6, 1_i64..40).prop_map(|(edge, amount)| Step::Edge(edge, amount)),
        (0_usize..6).prop_map(Step::Return),
    ];
    prop::collection::vec(step, 1..60)
}

const MAX: i64 = 100;

/// Plays the steps; what was really spent, and what each party believes, must agree at each.
fn play(lender: &dyn Lender, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut edges: Vec<EdgeLedger<MemoryLedger>> = Vec::new();
    let mut spent = 0;
    let (mut outstanding, mut returned) = (0, 0);
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Direct(amount) => {
                if lender.consume(&[spend("b", *amount, MAX)], NOW).is_ok() {
                    spent += amount;
                    returned += amount;
                }
            }
            Step::Lend(amount) => {
                let id = format!("loan-{number}");
                if let Ok(text) = lent(lender, &id, &spend("b", *amount, MAX)) {
                    let edge = EdgeLedger::new(MemoryLedger::new(), &[]);
                    edge.take(issuer().verify(&text, "edge-1", NOW).unwrap())
                        .unwrap();
                    edges.push(edge);
                    outstanding += amount;
                }
            }
            Step::Edge(edge, amount) => {
                let edge = edges.get(*edge);
                if edge.is_some_and(|edge| edge.consume(&[spend("b", *amount, MAX)], NOW).is_ok()) {
                    spent += amount;
                }
            }
            Step::Return(edge) => {
                let back = edges
                    .get(*edge)
                    .and_then(|edge| edge.give_back("b").unwrap());
                if let Some((lease, used)) = back {
                    let rest = lender.close_loan(lease.id(), used).unwrap();
                    prop_assert_eq!(rest, lease.amount() - used);
                    outstanding -= lease.amount();
                    returned += used;
                }
            }
        }
        prop_assert!(spent <= MAX, "{} spent", spent);
        prop_assert_eq!(lender.used("b").unwrap(), outstanding + returned);
        prop_assert!(outstanding + returned <= MAX);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn leases_and_direct_spending_stay_within_the_budget(steps in steps()) {
        play(&MemoryLedger::new(), &steps)?;
    }
}

#[test]
fn the_same_in_a_file() {
    use proptest::test_runner::{Config, TestRunner};
    let config = Config {
        cases: 8,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ledger.sqlite");
            play(
                &ambit_host::ledger::SqliteLedger::open(path).unwrap(),
                &steps,
            )
        })
        .unwrap();
}
