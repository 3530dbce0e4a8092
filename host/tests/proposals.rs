//! A proposal reaches people as it was rendered, once, and only when everything else was done.

use std::sync::Arc;

use ambit_host::ledger::{Consume, MemoryLedger};
use ambit_host::proposals::{Approvers, Desk, Inbox, Proposal, Proposals};
use ambit_host::{Enforcer, Verdict};
use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const NOW: i64 = 1_772_000_400;

fn ext(call: &str) -> Value {
    let text = format!("renewal-bot asks to pay a refund.\nCall: {call}");
    json!({
        "binding_s256": call,
        "risk_tier": "critical",
        "display": {
            "text_s256": base64url::encode(&Sha256::digest(&text)),
            "text": text, "locale": "en", "renderer": "ambit-2",
        },
        "approvals": [{"approvers": ["user:lead-1", "user:lead-2"], "count": 2}],
    })
}

fn answer(ext: &Value, proof: &str) -> String {
    let charge = json!({"key": proof, "type": "proof", "amount": 1, "max": 1, "until": NOW + 90});
    json!({"decision": true, "context": {
        "obligations": [
            {"id": "approve", "type": "approve", "ext": ext},
            {"id": "consume", "type": "consume", "ext": {"charges": [charge]}},
        ],
        "record": {"now": NOW},
    }})
    .to_string()
}

fn enforcer(desk: impl Desk + 'static) -> Enforcer {
    Enforcer::new()
        .with("approve", Proposals::new(desk))
        .with("consume", Consume::new(Arc::new(MemoryLedger::new())))
}

fn outcome(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Permitted { .. } => "permitted".to_owned(),
        Verdict::Refused { answer, .. } => {
            let answer: Value = serde_json::from_str(answer).unwrap();
            let code = &answer["context"]["reason"]["code"];
            code.as_str().unwrap().to_owned()
        }
    }
}

#[test]
fn a_proposal_reaches_the_inbox_word_for_word() {
    let inbox = Arc::new(Inbox::new(8));
    let verdict = enforcer(Arc::clone(&inbox)).enforce(&answer(&ext("call-1"), "p-1"));
    let discharged = vec!["consume".to_owned(), "approve".to_owned()];
    assert_eq!(verdict, Verdict::Permitted { discharged });
    let Proposal {
        text, approvals, ..
    } = inbox.take().unwrap();
    assert_eq!(text, "renewal-bot asks to pay a refund.\nCall: call-1");
    let approvers = vec!["user:lead-1".to_owned(), "user:lead-2".to_owned()];
    assert_eq!(
        approvals,
        [Approvers {
            approvers,
            count: 2
        }]
    );
    assert!(inbox.is_empty());
}

#[test]
fn nobody_is_asked_about_a_call_that_was_refused() {
    let inbox = Arc::new(Inbox::new(8));
    let enforcer = enforcer(Arc::clone(&inbox));
    assert!(
        enforcer
            .enforce(&answer(&ext("call-1"), "p-1"))
            .is_permitted()
    );
    let replayed = enforcer.enforce(&answer(&ext("call-2"), "p-1"));
    assert_eq!(outcome(&replayed), "possession.used");
    assert_eq!(inbox.len(), 1);
}

#[test]
fn the_same_call_is_kept_once_and_a_full_inbox_refuses() {
    let inbox = Arc::new(Inbox::new(1));
    let enforcer = enforcer(Arc::clone(&inbox));
    let ask = |call, proof| outcome(&enforcer.enforce(&answer(&ext(call), proof)));
    assert_eq!(ask("call-1", "p-1"), "permitted");
    assert_eq!(ask("call-1", "p-2"), "permitted");
    assert_eq!(inbox.len(), 1);
    assert_eq!(ask("call-2", "p-3"), "obligation.failed");
    assert!(inbox.take().is_some());
    assert_eq!(ask("call-2", "p-4"), "permitted");
}

#[test]
fn a_host_without_a_desk_refuses_proposals() {
    let ledger = Arc::new(MemoryLedger::new());
    let enforcer = Enforcer::new().with("consume", Consume::new(ledger));
    let verdict = enforcer.enforce(&answer(&ext("call-1"), "p-1"));
    assert_eq!(outcome(&verdict), "obligation.unknown");
}

#[test]
fn a_proposal_that_is_not_understood_is_refused() {
    let changes: [(&str, Value); 9] = [
        ("/display/text", json!("something else")),
        ("/display/renderer", json!("")),
        ("/display/locale", Value::Null),
        ("/binding_s256", json!(7)),
        ("/risk_tier", Value::Null),
        ("/approvals", json!([])),
        ("/approvals", json!({"0": 1})),
        ("/approvals/0/count", json!(0)),
        ("/approvals/0/approvers", json!([1])),
    ];
    let inbox = Arc::new(Inbox::new(8));
    let enforcer = enforcer(Arc::clone(&inbox));
    for (number, (at, value)) in changes.into_iter().enumerate() {
        let mut ext = ext("call-1");
        *ext.pointer_mut(at).unwrap() = value;
        let verdict = enforcer.enforce(&answer(&ext, &number.to_string()));
        assert_eq!(outcome(&verdict), "obligation.failed", "{at}");
    }
    let mut more = ext("call-1");
    more["deadline"] = 60.into();
    let verdict = enforcer.enforce(&answer(&more, "p-1"));
    assert_eq!(outcome(&verdict), "obligation.failed");
    assert!(inbox.is_empty());
}
