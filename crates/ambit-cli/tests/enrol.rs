//! `ambit enrol`: what it makes is what the policy's keys may say.

mod common;

use ambit_core::json::{Document, Profile};
use ambit_token::{PublicKey, base64url};
use common::{Project, Run};
use serde_json::Value;

fn project() -> Project {
    let project = Project::fresh();
    project.add_enroller();
    project
}

fn part(jws: &str, at: usize) -> Value {
    let part = jws.trim().split(['.', '~']).nth(at).unwrap();
    serde_json::from_slice(&base64url::decode(part.as_bytes()).unwrap()).unwrap()
}

/// The `uid` of the policy of a fresh project.
const POLICY: &str = "example/assistant";

const ENROL: [&str; 11] = [
    "enrol",
    "--module",
    "enrolling.wasm",
    "--key",
    "keys/enrol.jwk",
    "--iss",
    "https://enrol.example",
    "--sub",
    "user:ann",
    "--device",
    "phone.pub.jwk",
];

fn countersign(project: &Project, key: &str, iss: &str) -> Run {
    countersign_with(project, key, iss, &["--yes"])
}

fn countersign_with(project: &Project, key: &str, iss: &str, more: &[&str]) -> Run {
    let arguments = [
        "enrol",
        "--module",
        "enrolling.wasm",
        "--key",
        key,
        "--iss",
        iss,
        "--sub",
        "user:ann",
        "--countersign",
        "enrolment.jwt",
    ];
    project.ambit(&[&arguments[..], more].concat())
}

#[test]
fn a_device_is_enrolled_and_countersigned() {
    let project = project();
    let more = ["--tier", "high", "--tier", "critical", "--life", "90d"];
    let enrolment = project.ambit(&[&ENROL[..], &more].concat()).expect(0).out;
    let header = part(&enrolment, 0);
    assert_eq!(
        (header["typ"].as_str(), header["kid"].as_str()),
        (Some("approver-key+jwt"), Some("enrol"))
    );
    let claims = part(&enrolment, 1);
    assert_eq!(claims["tiers"], serde_json::json!(["high", "critical"]));
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        90 * 86_400
    );
    assert!(claims["jwk"].get("d").is_none());
    project.write("enrolment.jwt", &enrolment);
    let run = countersign(&project, "keys/ann.jwk", "https://approve.example").expect(0);
    // Ann sees which key she calls hers, and for what.
    let phone = PublicKey::from_jwk(
        Document::parse(project.read("phone.pub.jwk").as_bytes(), Profile::Signed)
            .unwrap()
            .root(),
    );
    let both = run.out.clone();
    run.says(&phone.unwrap().thumbprint())
        .says("https://enrol.example")
        .says("\"high\", \"critical\"");
    assert!(both.starts_with(enrolment.trim()) && both.matches('~').count() == 1);
    assert_eq!(claims["policies"], serde_json::json!([POLICY]));
    let receipt = part(&both, 4);
    assert_eq!(
        (receipt["kind"].as_str(), receipt["aud"].as_str()),
        (Some("enrolment"), Some("https://enrol.example"))
    );
    countersign(&project, "keys/enrol.jwk", "https://enrol.example")
        .expect(3)
        .says("approval.unknown_key");
    project.write("enrolment.jwt", &both);
    countersign(&project, "keys/ann.jwk", "https://approve.example")
        .expect(3)
        .says("countersigned already");
}

#[test]
fn what_is_countersigned_is_shown_whole_and_asked() {
    let project = project();
    let mut more: Vec<String> = Vec::new();
    for count in 0..40 {
        more.extend(["--policy".to_owned(), format!("test/p{count}")]);
    }
    more.extend(["--policy".to_owned(), "zz/payments-production".to_owned()]);
    // What a terminal wraps by itself could look like a line of ours.
    let forged = format!("letter{}- until: 2026-01-01T00:00:00Z", " ".repeat(70));
    more.extend(["--action".to_owned(), forged]);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let enrolment = project.ambit(&[&ENROL[..], &more].concat()).expect(0).out;
    project.write("enrolment.jwt", &enrolment);
    let ann =
        |more: &[&str]| countersign_with(&project, "keys/ann.jwk", "https://approve.example", more);
    let run = ann(&[]).expect(3).says("enrol.asks");
    let (shown, _) = run.err.split_once("error").unwrap();
    assert!(
        shown
            .lines()
            .all(|line| line.starts_with("│ ") && line.chars().count() <= 80)
    );
    let text = shown.replace("\n│ … ", "");
    assert!(text.contains("\"zz/payments-production\""), "{shown}");
    assert!(!shown.contains("│ - until: 2026-01-01"), "{shown}");
    let run = ann(&["--yes", "--locale", "de"]).expect(0);
    run.says("Sie bestätigen, dass dieser Schlüssel der Ihre ist");
}

#[test]
fn only_ones_own_sound_enrolment_is_countersigned() {
    let project = project();
    let enrolment = project.ambit(&ENROL).expect(0).out;
    let (input, _) = enrolment.trim().rsplit_once('.').unwrap();
    project.write("enrolment.jwt", format!("{input}.{}", "A".repeat(86)));
    countersign(&project, "keys/ann.jwk", "https://approve.example")
        .expect(3)
        .says("enrolment.signature");
    let mut other = ENROL;
    other[8] = "user:bob";
    let other = project.ambit(&other).expect(0).out;
    project.write("enrolment.jwt", &other);
    countersign(&project, "keys/ann.jwk", "https://approve.example")
        .expect(3)
        .says("the enrolment is for `user:bob`");
}

#[test]
fn what_would_not_count_is_not_signed() {
    let project = project();
    let with = |more: &[&str]| project.ambit(&[&ENROL[..], more].concat()).expect(3);
    with(&["--life", "91d"]).says("enrolment.lifetime");
    let both = [&ENROL[..], &["--policy", "acme/test"]].concat();
    let both = part(&project.ambit(&both).expect(0).out, 1);
    assert_eq!(both["policies"], serde_json::json!(["acme/test", POLICY]));
    with(&["--tier", "any"]).says("enrolment.malformed");
    let mut wrong = ENROL;
    wrong[4] = "keys/issuer.jwk";
    project
        .ambit(&wrong)
        .expect(3)
        .says("enrolment.unknown_key");
    // Another key that calls itself as the policy's does.
    project
        .ambit(&["keygen", "-o", "keys/other.jwk", "--kid", "enrol"])
        .expect(0);
    wrong[4] = "keys/other.jwk";
    project
        .ambit(&wrong)
        .expect(3)
        .says("another key under the name");
    // Whoever countersigns agrees to the bounds that are there, and can set none.
    let mut bounded = ENROL[..3].to_vec();
    bounded.extend([
        "--key",
        "keys/ann.jwk",
        "--iss",
        "https://approve.example",
        "--sub",
        "user:ann",
    ]);
    bounded.extend(["--countersign", "enrolment.jwt", "--tier", "low"]);
    project
        .ambit(&bounded)
        .expect(3)
        .says("cannot be used with");
    let private = project.read("phone.jwk");
    let secret: Value = serde_json::from_str(&private).unwrap();
    let run = project.ambit(&ENROL).expect(0);
    assert!(!run.out.contains(secret["d"].as_str().unwrap()));
}
