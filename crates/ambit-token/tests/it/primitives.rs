//! Base64url, Ed25519, thumbprints, DSSE.

use ambit_core::json::{Document, Profile};
use ambit_token::dsse::{Envelope, Signature};
use ambit_token::{PublicKey, base64url, ed25519, jwk, thumbprint};
use ed25519_dalek::Signer as _;

use crate::making::{BROKER, key, public};

#[test]
fn base64url_is_one_to_one() {
    for length in 0..70_u8 {
        let bytes: Vec<u8> = (0..length)
            .map(|at| at.wrapping_mul(0x9d) ^ length)
            .collect();
        let text = base64url::encode(&bytes);
        assert_eq!(base64url::decode(text.as_bytes()), Some(bytes));
    }
    // Of all texts of two and three characters exactly those decode that encoding makes.
    let mut count = 0;
    for first in 0..=255_u8 {
        for second in 0..=255_u8 {
            if let Some(bytes) = base64url::decode(&[first, second]) {
                assert_eq!(base64url::encode(&bytes).as_bytes(), [first, second]);
                count += 1;
            }
        }
    }
    assert_eq!(count, 256);
    for text in [
        "A", "AAAAA", "AB", "AAB", "AA==", "AA=", "A+", "A/", " AA", "AA\n", "A\0", "Aé",
    ] {
        assert_eq!(base64url::decode(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(base64url::decode_array::<3>(b"AAAA"), Some([0; 3]));
    assert_eq!(base64url::decode_array::<2>(b"AAAA"), None);
    assert_eq!(base64url::decode_array::<4>(b"AAAA"), None);
}

#[test]
fn ed25519_takes_whole_signatures_only() {
    let signature = key(BROKER).sign(b"message").to_bytes();
    assert!(ed25519::verify_strict(
        &public(BROKER),
        b"message",
        &signature
    ));
    assert!(!ed25519::verify_strict(
        &public(BROKER),
        b"massage",
        &signature
    ));
    assert!(!ed25519::verify_strict(
        &public(BROKER),
        b"message",
        &signature[..63]
    ));
    assert!(!ed25519::verify_strict(
        &public(BROKER),
        b"message",
        &[&signature[..], &[0]].concat()
    ));
    assert!(!ed25519::verify_strict(&public(BROKER), b"message", b""));
    assert!(ed25519::usable(&public(BROKER)));
    assert!(!ed25519::usable(&[0; 32]));
}

/// RFC 8037 appendix A.3.
#[test]
fn thumbprints() {
    let x = base64url::decode_array(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    assert_eq!(
        thumbprint(&x),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
    assert_eq!(
        base64url::encode(&jwk::thumbprint_bytes(&x)),
        thumbprint(&x)
    );
    let text = format!(
        r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#,
        base64url::encode(&x)
    );
    let key = |text: &str| {
        let document = Document::parse(text.as_bytes(), Profile::Signed).unwrap();
        PublicKey::from_jwk(document.root())
    };
    assert_eq!(key(&text), Some(PublicKey::Ed25519(x)));
    assert_eq!(key(&text.replace("OKP", "okp")), None);
    let with = |member: &str| key(&text.replace('}', &format!(",{member}}}")));
    // RFC 7517 section 4: what says nothing secret may stand there; WebCrypto exports it.
    for public in [
        r#""use":"sig""#,
        r#""key_ops":["verify"]"#,
        r#""ext":true"#,
        r#""alg":"Ed25519""#,
        r#""kid":"k""#,
        r#""x5t#S256":"kPrK""#,
        r#""made_by":{"a":1}"#,
    ] {
        assert_eq!(with(public), key(&text), "{public}");
    }
    for other in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "y"] {
        assert_eq!(with(&format!(r#""{other}":"AAAA""#)), None, "{other}");
        assert_eq!(with(&format!(r#""{other}":null"#)), None, "{other}");
    }
    for wrong in [
        r#""use":"enc""#,
        r#""key_ops":"verify""#,
        r#""ext":"yes""#,
        r#""alg":"ES256""#,
        r#""kid":7"#,
    ] {
        assert_eq!(with(wrong), None, "{wrong}");
    }
}

#[test]
fn envelopes() {
    let envelope = Envelope {
        payload_type: "t".into(),
        payload: vec![0xfb, 0xef, 0xff, 1],
        signatures: vec![Signature {
            keyid: "k".into(),
            sig: vec![0xff; 2],
        }],
    };
    let text = envelope.write();
    let exact =
        r#"{"payload":"++//AQ==","payloadType":"t","signatures":[{"keyid":"k","sig":"//8="}]}"#;
    assert_eq!(text, exact);
    assert_eq!(
        Envelope::parse_exact(text.as_bytes()).as_ref(),
        Some(&envelope)
    );
    // DSSE allows both alphabets, any order, and members of later versions.
    let other = [
        text.replace("++//AQ==", "--__AQ=="),
        text.replace("++//AQ==", "--__AQ"),
        text.replace(r#""sig""#, r#""more": 1.5, "sig""#),
        format!(" {text}"),
    ];
    for text in other {
        assert_eq!(
            Envelope::parse(text.as_bytes()).as_ref(),
            Some(&envelope),
            "{text}"
        );
        assert_eq!(Envelope::parse_exact(text.as_bytes()), None, "{text}");
    }
    let bad = [
        text.replace("++//AQ==", "++//AQ"),
        text.replace("++//AQ==", "++__AQ=="),
        text.replace("++//AQ==", "++//AR=="),
        text.replace("payload\"", "load\""),
        text.replace("\"sig\"", "\"signature\""),
        text.replace("\"k\"", "1"),
        text.replace("[{", "{\"a\":{").replace("}]", "}}"),
        text.replace("\"t\"", "\"t\",\"payloadType\":\"t\""),
    ];
    for text in bad {
        assert_eq!(Envelope::parse(text.as_bytes()), None, "{text}");
    }
}
