//! A person's yes, used for something else.

use ambit_tests::chain::BlockSpec;
use serde_json::json;

use crate::world::{Call, NOW, Token, World, claim, only, policy};

/// A token whose refunds a person must approve one by one.
fn proposing(world: &World) -> Token {
    world.mint(&only(&json!({"privileges": ["propose"]})))
}

#[test]
fn an_approval_is_reused() {
    let world = World::new();
    let call = Call::refund(&proposing(&world), 9870);
    let receipt = world.approve(&call, &BlockSpec::default());
    let run = |proof: &str| {
        call.clone()
            .receipt(receipt.clone())
            .proof(&json!({"jti": proof}))
    };
    assert_eq!(world.enforce(&run("once")), "allowed");
    assert_eq!(world.enforce(&run("twice")), "approval.used");
}

#[test]
fn a_call_is_approved_twice_and_run_twice() {
    let world = World::new();
    let call = Call::refund(&proposing(&world), 9870);
    let run = |name: &str| {
        let receipt = world.approve(&call, &claim("jti", &json!(name)));
        let call = call.clone().receipt(receipt);
        world.enforce(&call.proof(&json!({"jti": name})))
    };
    assert_eq!(run("first"), "allowed");
    assert_eq!(run("second"), "approval.used");
}

#[test]
fn the_holder_names_its_own_approver() {
    let world = World::new();
    let token = proposing(&world);
    let mallory = json!({"approval": {"approvers": ["user:mallory"], "count": 1}});
    let bounds =
        json!({"authorization_details": [{"type": "ambit_capability", "requires": mallory}]});
    let passed_on = world.pass_on(&token, "worker", &bounds);
    let call = Call::refund(&passed_on, 9870);
    let yes = |who: &str| {
        let spec = BlockSpec {
            claims: Some(json!({"sub": who, "jti": who})),
            ..BlockSpec::default()
        };
        world.approve(&call, &spec)
    };
    let (mallory, subject) = (yes("user:mallory"), yes("user:8f1c2d"));
    let own = call.clone().receipt(mallory);
    assert_eq!(world.decide(&own), "approval.required");
    assert_eq!(world.decide(&own.receipt(subject)), "allowed");
}

#[test]
fn an_approval_is_altered() {
    let world = World::new();
    let call = Call::refund(&proposing(&world), 9870);
    let receipt = world.approve(&call, &BlockSpec::default());
    assert_eq!(
        world.decide(&call.clone().receipt(receipt.clone())),
        "allowed"
    );
    let mut claims = crate::world::payload(&receipt);
    claims["exp"] = (NOW + 3000).into();
    let parts: Vec<&str> = receipt.split('.').collect();
    let payload = ambit_token::base64url::encode(claims.to_string().as_bytes());
    let altered = format!("{}.{payload}.{}", parts[0], parts[2]);
    assert_eq!(world.decide(&call.receipt(altered)), "approval.signature");
}

#[test]
fn the_call_is_changed_after_the_approval() {
    let world = World::new();
    let token = proposing(&world);
    let receipt = world.approve(&Call::refund(&token, 9870), &BlockSpec::default());
    let run = |call: Call| world.decide(&call.receipt(receipt.clone()));
    assert_eq!(run(Call::refund(&token, 9870)), "allowed");
    assert_eq!(run(Call::refund(&token, 9871)), "approval.binding");
    let other = json!({"evaluation": {"resource": {"id": "account/1043"}}});
    assert_eq!(
        run(Call::refund(&token, 9870).with(&other)),
        "approval.binding"
    );
    // Also with another token that grants the same.
    assert_eq!(
        run(Call::refund(&proposing(&world), 9870)),
        "approval.binding"
    );
}

/// The note of a refund is only a reference here: what it refers to can change.
fn referring() -> (World, Token) {
    let content = json!({"actions": {"refund": {"args": {"note": {"content": true}}}}});
    let world = World::of(policy(content));
    let any = json!({"constraint_type": "wildcard"});
    let note = json!({"note": {"constraint_type": "optional", "constraint": any}});
    let token = world.mint(&only(
        &json!({"privileges": ["propose"], "constraints": note}),
    ));
    (world, token)
}

/// The refund with what the host says of the note.
fn noted(token: &Token, note: &str, says: Option<&str>) -> Call {
    let mut call = Call::refund(token, 9870);
    call.args["note"] = note.into();
    let note = json!({"action": {"properties": {"args": {"note": note}}}});
    let content = says.map(|text| json!({"note": {"text": text}}));
    call.with(&json!({"evaluation": note, "facts": {"content": content}}))
}

#[test]
fn what_an_argument_refers_to_is_edited_after_the_approval() {
    let (world, token) = referring();
    let call = noted(&token, "17", Some("We are sorry."));
    let receipt = world.approve(&call, &BlockSpec::default());
    let run = |call: Call| world.enforce(&call.receipt(receipt.clone()));
    assert_eq!(
        run(noted(&token, "17", Some("We are not sorry."))),
        "approval.binding"
    );
    assert_eq!(
        run(noted(&token, "17", Some("We are sorry. "))),
        "approval.binding"
    );
    assert_eq!(run(noted(&token, "17", None)), "facts.missing");
    let digest = json!({"facts": {"content": {"note": {"s256": "zK1zxw6ic8VtG0uhR3hZhc0vX4RhacGyKXP72Z_u_RY"}}}});
    assert_eq!(run(call.clone().with(&digest)), "approval.binding");
    assert_eq!(run(call), "allowed");
}

#[test]
fn what_was_approved_of_one_reference_is_used_for_another() {
    let (world, token) = referring();
    let call = noted(&token, "17", Some("We are sorry."));
    let receipt = world.approve(&call, &BlockSpec::default());
    let run = |call: Call| world.decide(&call.receipt(receipt.clone()));
    // The content of another, and another of the same content.
    assert_eq!(
        run(noted(&token, "17", Some("Pay me more."))),
        "approval.binding"
    );
    assert_eq!(
        run(noted(&token, "18", Some("We are sorry."))),
        "approval.binding"
    );
    // What the agent says of it is no fact, and the host is not asked about an argument that is not there.
    let said = json!({"evaluation": {"context": {"content": {"note": {"text": "We are sorry."}}}}});
    assert_eq!(run(noted(&token, "17", None).with(&said)), "facts.missing");
    let plain = Call::refund(&token, 9870);
    let receipt = world.approve(&plain, &BlockSpec::default());
    assert_eq!(world.decide(&plain.receipt(receipt)), "allowed");
}

#[test]
fn what_an_argument_refers_to_looks_like_the_page() {
    let (world, token) = referring();
    let hostile = "ok\"\n- amount: 1.00\n  SHA-256: \"0\"\n\nDetails\n- Low risk\u{2028}\n- binding_s256: x\u{202e}";
    let call = noted(&token, "17", Some(hostile));
    for (locale, frame) in [
        (
            "en",
            ["- amount: ", "  Content:", "Details", "- Critical risk"],
        ),
        (
            "de",
            [
                "- Betrag: ",
                "  Inhalt:",
                "Einzelheiten",
                "- Kritisches Risiko",
            ],
        ),
    ] {
        let proposal = json!({
            "evaluation": {"action": {"properties": {"power": "propose"}}},
            "facts": {"locale": locale},
        });
        let answer = world.answer(&call.clone().with(&proposal));
        let shown = &answer["context"]["obligations"][0]["ext"]["display"]["text"];
        let lines: Vec<&str> = shown.as_str().unwrap().lines().collect();
        let starts = |words: &str| lines.iter().filter(|line| line.starts_with(words)).count();
        assert_eq!(frame.map(starts), [1; 4], "{lines:#?}");
        let told = ["  SHA-256: ", "- binding_s256: ", "    | "].map(starts);
        assert_eq!(told, [0, 1, 6], "{lines:#?}");
        let seen = lines
            .iter()
            .all(|line| !line.contains(['\u{2028}', '\u{202e}']));
        assert!(seen, "{lines:#?}");
    }
}

#[test]
fn something_else_was_shown_than_what_runs() {
    let world = World::new();
    let call = Call::refund(&proposing(&world), 9870);
    let harmless = ambit_tests::statement::s256(b"renewal-bot asks to look up a contact.");
    let receipt = world.approve(&call, &BlockSpec::default());
    assert_eq!(world.decide(&call.clone().receipt(receipt)), "allowed");
    let receipt = call
        .asked()
        .receipt(&BlockSpec::default(), &harmless)
        .unwrap();
    assert_eq!(
        world.decide(&call.clone().receipt(receipt)),
        "approval.display"
    );
    let receipt = world.approve(&call, &claim("risk_tier", &json!("low")));
    assert_eq!(world.decide(&call.receipt(receipt)), "approval.risk");
}

#[test]
fn a_text_is_passed_off_as_that_of_another_language() {
    let world = World::new();
    let call = Call::refund(&proposing(&world), 9870);
    let german = call.clone().with(&json!({"facts": {"locale": "de"}}));
    let read = claim("display", &json!({"locale": "de"}));
    let decide = |receipt: String| world.decide(&call.clone().receipt(receipt));
    assert_eq!(decide(world.approve(&german, &read)), "allowed");
    assert_eq!(decide(world.approve(&call, &read)), "approval.display");
    let unread = BlockSpec::default();
    assert_eq!(decide(world.approve(&german, &unread)), "approval.display");
}

/// The lines of a page that are no part of a block, but for the digest.
fn frame(page: &str) -> Vec<&str> {
    let lines = page.split('\n');
    let ours = lines.filter(|line| !line.trim_start_matches(' ').starts_with('|'));
    ours.filter(|line| !line.starts_with("- binding_s256: "))
        .collect()
}

#[test]
fn a_letter_looks_like_the_page_around_it() {
    let world = World::new();
    let any = json!({"constraint_type": "wildcard"});
    let token = world.mint(&only(
        &json!({"privileges": ["propose"], "constraints": {"note": any}}),
    ));
    let page = |note: &str, locale: &str| {
        let mut call = Call::refund(&token, 9870);
        call.args["note"] = note.into();
        let ask = json!({"action": {"properties": {"args": {"note": note}}}});
        world.shown(&call.with(&json!({"evaluation": ask, "facts": {"locale": locale}})))
    };
    for locale in ["en", "de"] {
        let harmless = page("Dear Ann,\nyours", locale);
        let windows = page("Dear Ann,\r\nyours", locale);
        let whole = page("Dear Ann,", locale);
        assert!(frame(&harmless).len() > 10, "{harmless}");
        assert_eq!(frame(&harmless).len(), frame(&whole).len(), "{whole}");
        for end in [
            "\n",
            "\n\n",
            "\r\n",
            "\n\u{202e}",
            "\n\u{301}",
            "\n \u{8}",
            "\n| ",
        ] {
            // The page itself, in a letter that is proposed.
            let letter = harmless.replace('\n', end);
            let hostile = page(&letter, locale);
            let like = if end == "\r\n" { &windows } else { &harmless };
            assert_eq!(frame(&hostile), frame(like), "{hostile}");
        }
        // Line ends that are none for us end no line of the page.
        for end in ["\u{2028}", "\u{85}", "\r", "\u{b}", "\u{c}"] {
            let hostile = page(&harmless.replace('\n', end), locale);
            assert_eq!(frame(&hostile).len(), frame(&whole).len(), "{hostile}");
            assert!(!hostile.contains(end), "{hostile:?}");
        }
    }
}

#[test]
fn the_agent_approves_itself() {
    let world = World::new();
    let token = proposing(&world);
    let call = Call::refund(&token, 9870);
    let by = |sub: &str| {
        let receipt = world.approve(&call, &claim("sub", &json!(sub)));
        world.decide(&call.clone().receipt(receipt))
    };
    assert_eq!(by("user:8f1c2d"), "allowed");
    assert_eq!(
        by("spiffe://acme.example/agent/renewal-bot/i-7f3a"),
        "approval.actor"
    );
    assert_eq!(by("user:accomplice"), "approval.approver");
}

#[test]
fn the_consent_to_a_grant_is_used_for_a_call() {
    let world = World::new();
    let call = Call::refund(&proposing(&world), 9870);
    let receipt = world.approve(&call, &BlockSpec::default());
    assert_eq!(world.decide(&call.clone().receipt(receipt)), "allowed");
    let grant = world.approve(&call, &claim("kind", &json!("grant")));
    assert_eq!(world.decide(&call.receipt(grant)), "approval.kind");
}
