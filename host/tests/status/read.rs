//! A list is unpacked within bounds, and believed only as it was signed.

use ambit_host::status::{LIST_BYTES, StatusList, StatusLists};
use ambit_token::{PublicKey, base64url};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use crate::world::{NOW, Server, claims, header, key, packed, signed, signed_by, source, value};

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
