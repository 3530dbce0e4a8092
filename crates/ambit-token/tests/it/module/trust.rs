//! Files of trusted keys.

use super::*;

fn parse(value: &Value) -> Result<TrustedKeys, module::ModuleError> {
    TrustedKeys::parse(value.to_string().as_bytes())
}

/// Keys as a trust file lists them.
fn keys(seeds: &[u8]) -> Vec<Value> {
    let key = |seed: &u8| json!({"kid": format!("key-{seed}"), "jwk": jwk(*seed)});
    seeds.iter().map(key).collect()
}

#[test]
fn trust_files() {
    let trust = parse(&json!({"threshold": 2, "keys": keys(&[7, 8])})).unwrap();
    assert_eq!((trust.threshold(), trust.iter().count()), (2, 2));
    let mut described = keys(&[7]);
    described[0]["jwk"]["use"] = json!("sig");
    described[0]["jwk"]["alg"] = json!("Ed25519");
    described[0]["jwk"]["kid"] = json!("key-7");
    parse(&json!({"threshold": 1, "keys": described})).unwrap();
    for text in [
        &b""[..],
        b"{",
        b"{\"threshold\":1.0,\"keys\":[]}",
        &[b' '; 40_000],
    ] {
        assert_eq!(TrustedKeys::parse(text).unwrap_err().code, Trust);
    }
}

#[test]
fn trust_files_have_one_form() {
    let bad = [
        json!([]),
        json!({"keys": keys(&[7])}),
        json!({"threshold": 1, "keys": keys(&[7]), "extra": 1}),
        json!({"threshold": 0, "keys": keys(&[7])}),
        json!({"threshold": -1, "keys": keys(&[7])}),
        json!({"threshold": "1", "keys": keys(&[7])}),
        json!({"threshold": 2, "keys": keys(&[7])}),
        json!({"threshold": 1, "keys": []}),
        json!({"threshold": 1, "keys": keys(&[7])[0]}),
        json!({"threshold": 1, "keys": keys(&[7, 7])}),
        json!({"threshold": 1, "keys": keys(&(0..33).collect::<Vec<u8>>())}),
        json!({"threshold": 2, "keys": [
            {"kid": "a", "jwk": jwk(7)}, {"kid": "b", "jwk": jwk(7)}]}),
    ];
    for value in bad {
        assert_eq!(parse(&value).unwrap_err().code, Trust, "{value}");
    }
    let digest = ambit_token::base64url::encode(&[1; 32]);
    let guests = |guests: Value| json!({"threshold": 1, "keys": keys(&[7]), "guests": guests});
    parse(&guests(json!([digest]))).unwrap();
    let mut extra = guests(json!([digest]));
    extra["extra"] = json!(1);
    assert_eq!(parse(&extra).unwrap_err().code, Trust);
    for bad in [
        json!([]),
        json!(digest),
        json!(null),
        json!({"a": digest}),
        json!(["AA"]),
        json!([digest, 1]),
        json!(vec![digest; 33]),
    ] {
        assert_eq!(parse(&guests(bad)).unwrap_err().code, Trust);
    }
}

#[test]
fn trusted_keys_are_public_ed25519_keys() {
    let mut bad = Vec::new();
    let zeroes = ambit_token::base64url::encode(&[0; 32]);
    let members = [
        ("d", json!("AA")),
        ("kty", json!("EC")),
        ("crv", json!("X25519")),
        ("x", json!("AA")),
        ("x", json!(zeroes)),
        ("x", json!(1)),
        ("kid", json!("other")),
        ("use", json!("enc")),
    ];
    for (name, value) in members {
        let mut key = keys(&[7]);
        key[0]["jwk"][name] = value;
        bad.push(json!({"threshold": 1, "keys": key}));
    }
    for (name, value) in [
        ("kid", json!("")),
        ("kid", json!(1)),
        ("jwk", json!("x")),
        ("d", json!(1)),
    ] {
        let mut key = keys(&[7]);
        key[0][name] = value;
        bad.push(json!({"threshold": 1, "keys": key}));
    }
    for value in bad {
        assert_eq!(parse(&value).unwrap_err().code, Trust, "{value}");
    }
}
