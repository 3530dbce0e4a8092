//! Assertions, and changed ones.

use ambit_core::json::{Document, Profile};
use ambit_token::{Assertion, PublicKey, RelyingParty};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};

const PARTY: &str = r#"{"rp_id":"example.org","origin":"https://example.org"}"#;

/// At the relying party that this JSON object states.
fn verifies(assertion: &Assertion, key: &PublicKey, party: &str, challenge: &[u8]) -> bool {
    let party = Document::parse(party.as_bytes(), Profile::Signed).unwrap();
    let party = RelyingParty::of(party.root());
    party.is_some_and(|party| assertion.verify(key, &party, challenge))
}

/// No changed bit and no other place or challenge is accepted.
fn changed(sound: &Assertion, key: &PublicKey, challenge: &[u8]) {
    assert!(!verifies(sound, key, PARTY, b"another challenge"));
    // An enrolled credential may name several origins.
    let several =
        r#"{"rp_id":"example.org","origins":["https://example.net","https://example.org"]}"#;
    assert!(verifies(sound, key, several, challenge));
    for other in [
        r#"{"rp_id":"example.com","origin":"https://example.org"}"#,
        r#"{"rp_id":"example.org","origin":"https://example.com"}"#,
        r#"{"rp_id":"example.org","origins":["https://example.com","https://example.org:8443"]}"#,
        r#"{"rp_id":"example.org","origins":[]}"#,
        r#"{"rp_id":"example.org"}"#,
        r#"{"origin":"https://example.org"}"#,
    ] {
        assert!(!verifies(sound, key, other, challenge), "{other}");
    }
    let parts: [fn(&mut Assertion) -> &mut Vec<u8>; 3] = [
        |one| &mut one.authenticator_data,
        |one| &mut one.client_data_json,
        |one| &mut one.signature,
    ];
    for part in parts {
        for at in 0..part(&mut sound.clone()).len() {
            let mut other = sound.clone();
            part(&mut other)[at] ^= 1;
            assert!(!verifies(&other, key, PARTY, challenge), "byte {at}");
        }
        let mut shorter = sound.clone();
        part(&mut shorter).pop();
        assert!(!verifies(&shorter, key, PARTY, challenge));
    }
}

#[test]
fn ed25519_assertions() {
    let secret = SigningKey::from_bytes(&[7; 32]);
    let key = PublicKey::Ed25519(secret.verifying_key().to_bytes());
    let challenge = ambit_token::base64url::encode(b"challenge");
    let made = |flags: u8, more: &str| {
        let client = format!(
            r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"https://example.org"{more}}}"#
        );
        let mut data = Sha256::digest("example.org").to_vec();
        data.extend([flags, 0, 0, 0, 9]);
        let message = [data.as_slice(), Sha256::digest(&client).as_slice()].concat();
        Assertion {
            authenticator_data: data,
            client_data_json: client.into_bytes(),
            signature: secret.sign(&message).to_bytes().to_vec(),
        }
    };
    let holds = |assertion: &Assertion| verifies(assertion, &key, PARTY, b"challenge");
    assert!(holds(&made(0x05, "")));
    assert!(holds(&made(
        0x1d,
        r#","crossOrigin":false,"extraData":"x""#
    )));
    changed(&made(0x05, ""), &key, b"challenge");
    for flags in [0x00, 0x01, 0x04, 0x07, 0x15, 0x25, 0x45, 0x85] {
        assert!(!holds(&made(flags, "")), "{flags:#x}");
    }
    for more in [
        r#","crossOrigin":true"#,
        r#","crossOrigin":null"#,
        r#","topOrigin":"https://example.org""#,
        r#","type":"webauthn.get""#,
    ] {
        assert!(!holds(&made(0x05, more)), "{more}");
    }
}

#[test]
fn only_the_three_members_are_an_assertion() {
    let good = r#"{"authenticatorData":"AA","clientDataJSON":"AA","signature":"AA"}"#;
    assert!(Assertion::parse(good.as_bytes()).is_some());
    for bad in [
        "",
        "[]",
        r#"{"authenticatorData":"AA","clientDataJSON":"AA"}"#,
        r#"{"authenticatorData":"AA","clientDataJSON":"AA","signature":"AA","userHandle":"AA"}"#,
        r#"{"authenticatorData":"AA","clientDataJSON":"AA","signature":"AA="}"#,
        r#"{"authenticatorData":"AA","clientDataJSON":"AA","signature":"AA","signature":"AA"}"#,
        r#"{"authenticatorData":"AA","clientDataJSON":"AA","signature":1}"#,
    ] {
        assert!(Assertion::parse(bad.as_bytes()).is_none(), "{bad}");
    }
}
