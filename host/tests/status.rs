//! Status lists: unpacked within bounds, believed only as signed, kept as long as they say.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambit_host::status::{
    Fetch, LIST_BYTES, StatusError, StatusKey, StatusList, StatusLists, StatusSource,
};
use ambit_host::{
    Discharge, Enforcer, FileVersions, NotDischarged, Obligation, StatementVersions as _, Verdict,
};
use ambit_token::{PublicKey, base64url};
use ed25519_dalek::{Signer as _, SigningKey};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value, json};

const NOW: i64 = 1_772_000_400;
const URI: &str = "https://status.example/lists/1";

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn signed_by(key: &SigningKey, header: &Value, claims: &str) -> Vec<u8> {
    let encode = |text: &str| base64url::encode(text.as_bytes());
    let input = format!("{}.{}", encode(&header.to_string()), encode(claims));
    let signature = base64url::encode(&key.sign(input.as_bytes()).to_bytes());
    format!("{input}.{signature}").into_bytes()
}

fn header() -> Value {
    json!({"alg": "Ed25519", "kid": "status-1", "typ": "statuslist+jwt"})
}

fn claims(bytes: &[u8]) -> Value {
    json!({"sub": URI, "iat": NOW - 10, "exp": NOW + 1000, "ttl": 60, "iss": "ignored",
        "status_list": {"bits": 1, "lst": base64url::encode(&packed(bytes))}})
}

fn signed(claims: &Value) -> Vec<u8> {
    signed_by(&key(), &header(), &claims.to_string())
}

/// Gives one answer after the other, then none; counts how often it was asked.
#[derive(Clone, Default)]
struct Server {
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
    asked: Arc<Mutex<usize>>,
}

impl Server {
    fn of(answers: &[Vec<u8>]) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.iter().cloned().collect())),
            ..Self::default()
        }
    }

    fn fetch(&self) -> Fetch {
        let server = self.clone();
        Box::new(move |_, _| {
            *server.asked.lock().unwrap() += 1;
            let answer = server.answers.lock().unwrap().pop_front();
            answer.ok_or_else(|| "no route to host".to_owned())
        })
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    fn lists(&self) -> StatusLists {
        StatusLists::new(vec![source()], self.fetch()).unwrap()
    }
}

fn source() -> StatusSource {
    StatusSource {
        prefixes: vec!["https://status.example/lists/".into()],
        keys: vec![StatusKey {
            kid: "status-1".into(),
            public: PublicKey::Ed25519(key().verifying_key().to_bytes()),
        }],
    }
}

fn value(lists: &StatusLists, idx: i64, now: i64) -> Result<u8, &'static str> {
    let fact = lists.look_up(URI, idx, now);
    fact.map(|fact| fact.value).map_err(|error| error.code())
}

#[test]
fn values_of_each_width_are_read() {
    for (bits, bytes, values) in [
        (
            1,
            vec![0xb9, 0xa3],
            vec![1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1],
        ),
        (
            2,
            vec![0xc9, 0x44, 0xf9],
            vec![1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3],
        ),
        (4, vec![0x21, 0xf0], vec![1, 2, 0, 15]),
        (8, vec![0, 255, 7], vec![0, 255, 7]),
    ] {
        let list = StatusList::unpack(bits, &packed(&bytes)).unwrap();
        assert_eq!(list.len(), values.len());
        let read: Vec<u8> = (0..list.len()).map(|idx| list.get(idx).unwrap()).collect();
        assert_eq!(read, values);
        assert_eq!(list.get(list.len()), None);
        assert_eq!(list.get(usize::MAX), None);
    }
}

#[test]
fn unpacking_is_bounded() {
    let most = packed(&vec![0; LIST_BYTES]);
    assert_eq!(StatusList::unpack(1, &most).unwrap().len(), 8 * LIST_BYTES);
    // Some kilobytes that would become 80 MiB.
    let bomb = packed(&vec![0; 10 * LIST_BYTES]);
    assert!(bomb.len() < LIST_BYTES / 50);
    let refused = |bits, bytes: &[u8]| StatusList::unpack(bits, bytes).unwrap_err().code();
    assert_eq!(refused(1, &bomb), "status.list");
    assert_eq!(refused(1, &packed(&vec![0; LIST_BYTES + 1])), "status.list");
    let whole = packed(&[1, 2, 3]);
    for bits in [-1, 0, 3, 5, 6, 7, 9, 16, i64::MAX] {
        assert_eq!(refused(bits, &whole), "status.list");
    }
    for end in 0..whole.len() {
        assert_eq!(refused(1, &whole[..end]), "status.list", "cut after {end}");
    }
    assert_eq!(
        refused(1, &[&whole[..], &[0]].concat()),
        "status.list",
        "something follows"
    );
    let mut changed = whole;
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(refused(1, &changed), "status.list", "another check sum");
}

#[test]
fn a_list_is_kept_as_long_as_it_says() {
    let mut second = claims(&[0b0000_0100]);
    second["iat"] = json!(NOW + 55);
    let server = Server::of(&[signed(&claims(&[0])), signed(&second)]);
    let lists = server.lists();
    assert_eq!(value(&lists, 2, NOW), Ok(0));
    assert_eq!(value(&lists, 3, NOW + 59), Ok(0));
    assert_eq!(server.asked(), 1);
    assert_eq!(
        value(&lists, 2, NOW + 60),
        Ok(1),
        "the second list revokes 2"
    );
    assert_eq!(value(&lists, 3, NOW + 60), Ok(0));
    assert_eq!(server.asked(), 2);
    let fact = lists.look_up(URI, 2, NOW + 60).unwrap();
    let expected = format!(r#"{{"uri":"{URI}","idx":2,"value":1,"iat":{}}}"#, NOW + 55);
    assert_eq!(fact.to_json(), expected);
    assert_eq!(value(&lists, 8, NOW + 60), Err("status.index"));
    assert_eq!(value(&lists, -1, NOW + 60), Err("status.index"));
    // Not fetched any more: the fact stays what it was, until the list ends. What was revoked stays so.
    assert_eq!(value(&lists, 3, NOW + 200), Ok(0));
    assert_eq!(value(&lists, 3, NOW + 205), Ok(0));
    assert_eq!(server.asked(), 3, "not tried again at once");
    assert_eq!(value(&lists, 3, NOW + 1000), Err("status.fetch"));
    assert_eq!(value(&lists, 3, NOW + 1001), Err("status.token"));
    assert_eq!(value(&lists, 2, NOW + 100_000), Ok(1));
}

#[test]
fn an_older_list_does_not_undo_a_newer_one() {
    let mut older = claims(&[0]);
    older["iat"] = json!(NOW - 500);
    let lists = Server::of(&[signed(&claims(&[1])), signed(&older)]).lists();
    assert_eq!(value(&lists, 0, NOW), Ok(1));
    assert_eq!(value(&lists, 0, NOW + 60), Ok(1));
}

#[test]
fn of_two_lists_of_one_second_neither_clears_whom_the_other_revokes() {
    let (first, more) = (claims(&[0b0010, 0]), claims(&[0b0110, 0]));
    let mut wider = claims(&[0b0010_0000, 0, 0, 0]);
    wider["status_list"]["bits"] = json!(4);
    let refused = [
        claims(&[0, 0]),
        claims(&[0b0100, 0]),
        claims(&[0b0010]),
        wider,
    ];
    for other in refused {
        let lists = Server::of(&[signed(&first)]).lists();
        assert_eq!(value(&lists, 1, NOW), Ok(1));
        let other = lists.receive(URI, &signed(&other), NOW);
        assert_eq!(other, Err(StatusError::Rollback));
        assert_eq!(value(&lists, 1, NOW), Ok(1));
    }
    let lists = Server::of(&[signed(&first)]).lists();
    assert_eq!(
        (value(&lists, 1, NOW), value(&lists, 2, NOW)),
        (Ok(1), Ok(0))
    );
    assert_eq!(lists.receive(URI, &signed(&first), NOW), Ok(()));
    assert_eq!(lists.receive(URI, &signed(&more), NOW), Ok(()));
    assert_eq!(
        (value(&lists, 1, NOW), value(&lists, 2, NOW)),
        (Ok(1), Ok(1))
    );
    // A later one may.
    let mut later = claims(&[0]);
    later["iat"] = json!(NOW - 9);
    assert_eq!(lists.receive(URI, &signed(&later), NOW), Ok(()));
    assert_eq!(value(&lists, 1, NOW), Ok(0));
}

#[test]
fn a_clock_that_goes_back_makes_no_list_last_longer() {
    let server = Server::of(&[signed(&claims(&[0])), signed(&claims(&[1]))]);
    let lists = Arc::new(server.lists());
    assert_eq!(value(&lists, 0, NOW), Ok(0));
    let then = NOW - 5000;
    let token = json!({"status": {"status_list": {"idx": 0, "uri": URI}}});
    let token = format!("e30.{}.AA", base64url::encode(token.to_string().as_bytes()));
    assert_eq!(lists.fact(&token, then), Ok(None), "it is due");
    let answer = format!(
        r#"{{"decision":true,"context":{{"obligations":[{{"id":"status","type":"status","ext":{{"uri":"{URI}","idx":0,"max_age":300}}}}],"record":{{"now":{then}}}}}}}"#
    );
    let enforcer = Enforcer::new().with("status", SharedLists(Arc::clone(&lists)));
    let Verdict::Refused { answer, .. } = enforcer.enforce(&answer) else {
        panic!("a list from the future has no age");
    };
    assert!(answer.contains("status.stale"), "{answer}");
    assert_eq!(server.asked(), 2, "it was fetched again");
}

struct SharedLists(Arc<StatusLists>);

impl Discharge for SharedLists {
    fn discharge(&self, obligation: &Obligation<'_>) -> Result<(), NotDischarged> {
        self.0.discharge(obligation)
    }
}

#[test]
fn a_list_that_arrives_by_itself_counts_at_once() {
    let server = Server::of(&[signed(&claims(&[0]))]);
    let lists = server.lists();
    assert_eq!(value(&lists, 0, NOW), Ok(0));
    let mut newer = claims(&[1]);
    newer["iat"] = json!(NOW + 1);
    assert_eq!(lists.receive(URI, &signed(&newer), NOW + 1), Ok(()));
    assert_eq!(value(&lists, 0, NOW + 1), Ok(1));
    let older = lists.receive(URI, &signed(&claims(&[0])), NOW + 2);
    assert_eq!(older, Err(StatusError::Rollback));
    let elsewhere = lists.receive("https://evil.example/", &signed(&newer), NOW + 2);
    assert_eq!(elsewhere, Err(StatusError::Address));
    let forged = signed_by(
        &SigningKey::from_bytes(&[4; 32]),
        &header(),
        &newer.to_string(),
    );
    assert!(lists.receive(URI, &forged, NOW + 2).is_err());
    assert_eq!(value(&lists, 0, NOW + 2), Ok(1));
    assert_eq!(server.asked(), 1);
}

#[test]
fn only_configured_addresses_are_fetched() {
    let server = Server::of(&[]);
    let lists = server.lists();
    for uri in [
        "https://status.example/list/1",
        "https://status.example.evil.example/lists/1",
        "http://status.example/lists/1",
        "HTTPS://status.example/lists/1",
        "https://status.example/lists/../admin",
        "https://status.example/lists/%2e%2e/admin",
        "https://status.example/lists/..\\admin",
        "https://status.example/lists/1#x",
        "https://status.example/lists/a@b",
        "",
    ] {
        assert_eq!(
            lists.look_up(uri, 0, NOW),
            Err(StatusError::Address),
            "{uri}"
        );
    }
    assert_eq!(server.asked(), 0);
    for prefix in [
        "https://status.example",
        "https://status.example/lists",
        "http://status.example/",
        "https:///",
        "https://user@status.example/",
        "https://status.example/../",
    ] {
        let source = StatusSource {
            prefixes: vec![prefix.into()],
            ..source()
        };
        let made = StatusLists::new(vec![source], Server::default().fetch());
        assert_eq!(made.unwrap_err().code(), "status.prefix", "{prefix}");
    }
}

#[test]
fn a_list_is_believed_only_as_it_was_signed() {
    let sound = signed(&claims(&[0]));
    for (at, token) in not_believed(&claims(&[0])).iter().enumerate() {
        let lists = Server::of(std::slice::from_ref(token)).lists();
        let refused = value(&lists, 0, NOW).unwrap_err();
        assert!(
            matches!(refused, "status.token" | "status.list"),
            "case {at}: {refused}"
        );
    }
    let ends = [&sound[..], b"\r\n"].concat();
    assert_eq!(value(&Server::of(&[ends]).lists(), 0, NOW), Ok(0));
    assert_eq!(value(&Server::of(&[sound]).lists(), 0, NOW), Ok(0));
}

/// Tokens that differ from a sound one in one thing each.
fn not_believed(sound: &Value) -> Vec<Vec<u8>> {
    let with = |name: &str, value: Value| {
        let mut claims = sound.clone();
        claims[name] = value;
        signed(&claims)
    };
    let without = |name: &str| {
        let mut claims = sound.clone();
        claims.as_object_mut().unwrap().remove(name);
        signed(&claims)
    };
    let headed = |name: &str, value: Value| {
        let mut header = header();
        header[name] = value;
        signed_by(&key(), &header, &sound.to_string())
    };
    let text = String::from_utf8(signed(sound)).unwrap();
    vec![
        signed_by(
            &SigningKey::from_bytes(&[4; 32]),
            &header(),
            &sound.to_string(),
        ),
        headed("typ", json!("cap+jwt")),
        headed("alg", json!("none")),
        headed("alg", json!("ES256")),
        headed("kid", json!("status-2")),
        headed("crit", json!([])),
        with("sub", json!("https://status.example/lists/2")),
        with("iat", json!(NOW + 31)),
        with("exp", json!(NOW)),
        with("exp", json!("soon")),
        with("ttl", json!(-1)),
        with("status_list", json!({"bits": 3, "lst": "eNoDAAAAAAE"})),
        with("status_list", json!({"bits": 1})),
        with("status_list", json!({"bits": 1, "lst": "not base64!"})),
        without("sub"),
        without("iat"),
        without("status_list"),
        signed_by(
            &key(),
            &header(),
            &sound.to_string().replacen('{', r#"{"iat":1,"#, 1),
        ),
        text.replacen('.', "..", 1).into_bytes(),
        format!("{text}A").into_bytes(),
        text.as_bytes()[..text.len() - 4].to_vec(),
        b"{}".to_vec(),
        Vec::new(),
        vec![0xff; 100],
    ]
}

#[test]
fn what_cannot_be_fetched_is_not_tried_again_at_once() {
    let server = Server::of(&[]);
    let lists = server.lists();
    for later in 0..10 {
        assert_eq!(value(&lists, 0, NOW + later), Err("status.fetch"));
    }
    assert_eq!(server.asked(), 1);
    // Neither does a clock that went back make it last.
    assert_eq!(value(&lists, 0, NOW - 1000), Err("status.fetch"));
    assert_eq!(server.asked(), 2);
    assert_eq!(value(&lists, 0, NOW + 10), Err("status.fetch"));
    assert_eq!(server.asked(), 3);
    // One that arrives by itself ends it.
    assert_eq!(lists.receive(URI, &signed(&claims(&[0])), NOW + 11), Ok(()));
    assert_eq!(value(&lists, 0, NOW + 11), Ok(0));
    // However many addresses fail, what is remembered of them is bounded, and the newest is kept.
    for number in 2..600 {
        let uri = format!("https://status.example/lists/{number}");
        assert!(lists.look_up(&uri, 0, NOW + 11).is_err());
        assert!(lists.look_up(&uri, 0, NOW + 11).is_err());
    }
    assert_eq!(server.asked(), 3 + 598);
}

#[test]
fn those_who_ask_at_the_same_time_share_one_fetch() {
    for answers in [vec![signed(&claims(&[0]))], Vec::new()] {
        let found = !answers.is_empty();
        let server = Server::of(&answers);
        let fetch = server.fetch();
        let slow: Fetch = Box::new(move |uri, most| {
            std::thread::sleep(Duration::from_millis(200));
            fetch(uri, most)
        });
        let lists = StatusLists::new(vec![source()], slow).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(value(&lists, 0, NOW).is_ok(), found));
            }
        });
        assert_eq!(server.asked(), 1);
    }
}

#[test]
fn a_fetch_that_panics_holds_nobody_up() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let fetch: Fetch = Box::new(move |_, _| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let first = *count == 1;
        drop(count);
        assert!(!first, "the first one");
        Ok(signed(&claims(&[0])))
    });
    let lists = StatusLists::new(vec![source()], fetch).unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| value(&lists, 0, NOW));
        assert!(first.join().is_err());
    });
    assert_eq!(value(&lists, 0, NOW), Ok(0));
}

#[test]
fn a_list_does_not_go_back_when_the_process_ends_or_the_list_was_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let versions = || Arc::new(FileVersions::new(folder.path().join("seen.json")));
    let hosts = |answers: &[Vec<u8>]| Server::of(answers).lists().remember(versions());
    let issued = |iat: i64, exp: i64| {
        let mut claims = claims(&[0]);
        (claims["iat"], claims["exp"]) = (json!(iat), json!(exp));
        signed(&claims)
    };
    assert_eq!(value(&hosts(&[issued(NOW - 20, NOW + 900)]), 0, NOW), Ok(0));
    let older = issued(NOW - 21, NOW + 900);
    assert_eq!(value(&hosts(&[older]), 0, NOW), Err("status.rollback"));
    // One that has expired counts for nothing, and no older one counts after it.
    let expired = issued(NOW - 10, NOW);
    assert_eq!(value(&hosts(&[expired]), 0, NOW), Err("status.token"));
    let before = issued(NOW - 20, NOW + 900);
    assert_eq!(value(&hosts(&[before]), 0, NOW), Err("status.rollback"));
    // Not among the facts for the evaluator, which knows epochs only.
    assert_eq!(versions().min_versions().unwrap(), "{}");

    // More lists than are kept: the first is dropped.
    let of = |number: usize, iat: i64| {
        let mut claims = claims(&[0]);
        claims["sub"] = json!(format!("https://status.example/lists/{number}"));
        claims["iat"] = json!(iat);
        signed(&claims)
    };
    let answers: Vec<Vec<u8>> = (1..=70).map(|number| of(number, NOW - 10)).collect();
    let mut answers = VecDeque::from(answers);
    answers.push_back(of(1, NOW - 11));
    let lists = Server::of(answers.make_contiguous()).lists();
    for number in 1..=70_i64 {
        let uri = format!("https://status.example/lists/{number}");
        let kept = lists.look_up(&uri, 0, NOW + number / 10);
        assert!(kept.is_ok(), "{number}");
    }
    assert_eq!(value(&lists, 0, NOW + 8), Err("status.rollback"));
}

#[test]
fn a_list_that_cannot_be_remembered_revokes_and_clears_nobody() {
    let server = Server::of(&[signed(&claims(&[2]))]);
    let lists = server.lists();
    let lists = lists.remember(Arc::new(FileVersions::new("/nowhere/at/all")));
    assert_eq!(value(&lists, 0, NOW), Err("status.store"));
    assert_eq!(value(&lists, 1, NOW), Ok(1));
}

#[test]
fn the_fact_for_a_token() {
    let server = Server::of(&[signed(&claims(&[2]))]);
    let lists = server.lists();
    let token = |claims: &Value| {
        format!(
            "e30.{}.AA~x.y.z",
            base64url::encode(claims.to_string().as_bytes())
        )
    };
    let at = |idx: i64, now| {
        let reference = json!({"status": {"status_list": {"idx": idx, "uri": URI}}});
        let fact = lists.fact(&token(&reference), now).unwrap();
        fact.map(|fact| fact.value)
    };
    // Nobody has verified these tokens, so nothing is fetched for them.
    assert_eq!((at(0, NOW), at(1, NOW)), (None, None));
    assert_eq!(server.asked(), 0);
    assert_eq!(value(&lists, 0, NOW), Ok(0));
    assert_eq!((at(0, NOW), at(1, NOW)), (Some(0), Some(1)));
    // Due, it clears nobody any more; what it revoked stays revoked.
    assert_eq!((at(0, NOW + 60), at(1, NOW + 60)), (None, Some(1)));
    assert_eq!(server.asked(), 1);
    assert_eq!(lists.fact(&token(&json!({"jti": "x"})), NOW), Ok(None));
    for broken in [
        token(&json!({"status": {}})),
        token(&json!({"status": {"status_list": {"idx": 1}}})),
        "x".to_owned(),
        "x.!.y".to_owned(),
        "a".repeat(20_000),
    ] {
        assert_eq!(lists.fact(&broken, NOW), Err(StatusError::Reference));
    }
}

#[test]
fn a_status_obligation_is_discharged_by_the_list() {
    let code = |list: Vec<u8>, ext: &str| {
        let enforcer = Enforcer::new().with("status", Server::of(&[list]).lists());
        let answer = format!(
            r#"{{"decision":true,"context":{{"obligations":[{{"id":"status","type":"status","ext":{ext}}}],"record":{{"now":{NOW}}}}}}}"#
        );
        match enforcer.enforce(&answer) {
            Verdict::Permitted { .. } => "permitted".to_owned(),
            Verdict::Refused { answer, .. } => {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                answer["context"]["reason"]["code"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            }
        }
    };
    let ext = |idx, max_age| format!(r#"{{"uri":"{URI}","idx":{idx},"max_age":{max_age}}}"#);
    let list = || signed(&claims(&[2]));
    assert_eq!(code(list(), &ext(0, 300)), "permitted");
    assert_eq!(code(list(), &ext(1, 300)), "status.revoked");
    assert_eq!(code(list(), &ext(0, 9)), "status.stale");
    assert_eq!(code(list(), &ext(9, 300)), "obligation.failed");
    assert_eq!(code(b"x".to_vec(), &ext(0, 300)), "obligation.failed");
    assert_eq!(code(list(), "{}"), "obligation.failed");
    let more = ext(0, 300).replace("}", r#","how":"else"}"#);
    assert_eq!(code(list(), &more), "obligation.failed");
}

#[test]
fn a_list_by_a_p256_key_is_believed_only_as_es256() {
    let secret = p256::ecdsa::SigningKey::from_slice(&[0x21; 32]).unwrap();
    let point = secret.verifying_key().to_sec1_point(false);
    let public = PublicKey::P256(point.as_bytes()[1..].try_into().unwrap());
    let es256 = |alg: &str| {
        let mut header = header();
        header["alg"] = alg.into();
        let encode = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims(&[2])));
        let signature: p256::ecdsa::Signature = secret.sign(input.as_bytes());
        format!("{input}.{}", base64url::encode(&signature.to_bytes())).into_bytes()
    };
    let look_up = |list: Vec<u8>| {
        let mut source = source();
        source.keys[0].public = public;
        let lists = StatusLists::new(vec![source], Server::of(&[list]).fetch()).unwrap();
        value(&lists, 1, NOW)
    };
    assert_eq!(look_up(es256("ES256")), Ok(1));
    assert_eq!(look_up(es256("Ed25519")), Err("status.token"));
    assert_eq!(look_up(signed(&claims(&[2]))), Err("status.token"));
    let mut altered = es256("ES256");
    let last = altered.len() - 10;
    altered[last] ^= 1;
    assert_eq!(look_up(altered), Err("status.token"));
}

/// The lists of the standard's appendix. Its example token is signed with ES256, by a key that is not
/// given with it, so only its content is read here.
#[test]
fn lists_of_the_standard() {
    let Some(external) = std::env::var_os("AMBIT_EXTERNAL") else {
        println!("skipped: token-status-list (AMBIT_EXTERNAL is not set)");
        return;
    };
    let file = Path::new(&external).join("vectors/token-status-list/vectors.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let list = |bits: &Value, lst: &Value| {
        let packed = base64url::decode(lst.as_str().unwrap().as_bytes()).unwrap();
        StatusList::unpack(bits.as_i64().unwrap(), &packed).unwrap()
    };
    let large = vectors["large"].as_array().unwrap();
    assert_eq!(large.len(), 4);
    for case in large {
        let list = list(&case["json"]["bits"], &case["json"]["lst"]);
        assert_eq!(list.len() as u64, case["entries"].as_u64().unwrap());
        let nonzero = case["nonzero"].as_object().unwrap();
        for (idx, value) in nonzero {
            assert_eq!(
                list.get(idx.parse().unwrap()).map(u64::from),
                value.as_u64(),
                "{idx}"
            );
        }
        // One of the values that are named is a zero.
        let named = nonzero.values().filter(|value| **value != 0).count();
        let found = (0..list.len())
            .filter(|idx| list.get(*idx) != Some(0))
            .count();
        assert_eq!(found, named);
    }
    for case in vectors["small"].as_array().unwrap() {
        let list = list(&case["bits"], &case["lst"]);
        let each = 8 / case["bits"].as_u64().unwrap() as usize;
        let bytes: Vec<u8> = (0..list.len() / each)
            .map(|at| {
                (0..each).rev().fold(0, |byte: u8, part| {
                    (u32::from(byte) << (8 / each)) as u8 | list.get(at * each + part).unwrap()
                })
            })
            .collect();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, case["bytes_hex"]);
    }
}
