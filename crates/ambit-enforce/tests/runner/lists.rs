//! The vectors of `ambit_status`: signed lists are made here as a case describes them.

use ambit_token::base64url;
use ed25519_dalek::{Signer as _, SigningKey};
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde_json::{Value, json};

use super::Ask;

const URI: &str = "https://status.example/lists/1";

fn jwk(seed: u8) -> Value {
    let public = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(public.as_bytes())})
}

/// Members of `change` in place of those of `base`; `null` takes one out.
pub(super) fn merged(mut base: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(base.as_object_mut().unwrap().remove(name)),
            value => base[name] = value.clone(),
        }
    }
    base
}

fn signed(list: &Value) -> String {
    let bytes = match list["zeros"].as_u64() {
        Some(zeros) => vec![0; usize::try_from(zeros).unwrap()],
        None => match list.get("bytes") {
            Some(bytes) => serde_json::from_value(bytes.clone()).unwrap(),
            None => vec![0],
        },
    };
    let mut packed = compress_to_vec_zlib(&bytes, 6);
    let cut = usize::try_from(list["cut"].as_u64().unwrap_or_default()).unwrap();
    packed.truncate(packed.len() - cut);
    let tail: Vec<u8> = serde_json::from_value(list["tail"].clone()).unwrap_or_default();
    packed.extend(tail);
    let bits = list.get("bits").cloned().unwrap_or_else(|| json!(1));
    let values = merged(
        json!({"lst": base64url::encode(&packed)}),
        &json!({"bits": bits}),
    );
    let header = json!({"alg": "Ed25519", "kid": "status-1", "typ": "statuslist+jwt"});
    let claims = json!({"sub": URI, "iat": 990, "exp": 2000, "ttl": 60, "status_list": values});
    let part = |base, change| base64url::encode(merged(base, change).to_string().as_bytes());
    let input = format!(
        "{}.{}",
        part(header, &list["header"]),
        part(claims, &list["claims"])
    );
    let seed = u8::try_from(list["seed"].as_u64().unwrap_or(3)).unwrap();
    let signature = SigningKey::from_bytes(&[seed; 32]).sign(input.as_bytes());
    format!("{input}.{}", base64url::encode(&signature.to_bytes()))
}

/// The words are for people; what they begin with is a code, where they have one.
fn code_of(words: &mut Value) {
    let text = words.as_str().unwrap();
    assert!(!text.is_empty());
    let code = text.split_once(": ").map(|(code, _)| code);
    *words = match code.filter(|code| code.starts_with("status.")) {
        Some(code) => json!(code),
        None => json!(true),
    };
}

pub(crate) fn a_status_is_what_a_believed_list_says(ask: Ask<'_>) {
    let file = include_str!("../../../../tests/enforce/status.json");
    let cases: Vec<Value> = serde_json::from_str(file).unwrap();
    assert!(!cases.is_empty());
    let sources = json!([
        {"prefixes": ["https://status.example/lists/"], "keys": [{"kid": "status-1", "jwk": jwk(3)}]},
        {"prefixes": ["https://other.example/"], "keys": [{"kid": "other-1", "jwk": jwk(4)}]}]);
    for case in cases {
        let mut kept = case["kept"].clone();
        if let Some(list) = kept.get_mut("list") {
            *list = json!(signed(list));
        }
        let fetched = case
            .get("fetched")
            .map(|fetched| match fetched.get("failed") {
                Some(_) => fetched.clone(),
                None => json!({"list": signed(fetched)}),
            });
        let sources = case.get("sources").unwrap_or(&sources);
        let mut request = json!({"sources": sources, "kept": kept, "now": 1000});
        if let Some(fetched) = &fetched {
            request["fetched"] = fetched.clone();
        }
        match case.get("place") {
            Some(place) => request["place"] = merged(json!({"uri": URI}), place),
            None => {
                let ext = json!({"uri": URI, "idx": 0, "max_age": 300});
                request["ext"] = merged(ext, &case["ext"]);
            }
        }
        let mut said = ask("ambit_status", &request);
        for words in ["/result/failed", "/keep/failed"] {
            said.pointer_mut(words).into_iter().for_each(code_of);
        }
        if let Some(list) = said.pointer_mut("/keep/list") {
            let is_kept = Some(&*list) == kept.get("list");
            let is_fetched = Some(&*list) == fetched.as_ref().and_then(|one| one.get("list"));
            *list = json!(if is_kept {
                "kept"
            } else if is_fetched {
                "fetched"
            } else {
                "other"
            });
        }
        if let Some(fact) = said.get_mut("fact") {
            assert_eq!(
                fact.as_object_mut().unwrap().remove("uri"),
                Some(json!(URI))
            );
        }
        if let Some(fetch) = said.get_mut("fetch") {
            assert_eq!(*fetch, URI);
            *fetch = json!(true);
            let most = said.as_object_mut().unwrap().remove("most");
            assert_eq!(most, Some(json!(12 * 1024 * 1024)));
        }
        assert_eq!(said, case["says"], "{}", case["name"]);
    }
}
