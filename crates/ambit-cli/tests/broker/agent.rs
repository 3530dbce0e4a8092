//! A client: an agent that asks the broker for a token.

use std::sync::atomic::{AtomicU32, Ordering};

use ambit_compiler::keys::{self, SecretKey};
use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::person::Person;
use crate::world::{BACK, CLIENT, ISSUER, Server, Told, World, form};

pub(crate) const VERIFIER: &str = "a-verifier-of-a-good-length-that-nobody-else-knows";

pub(crate) struct Agent<'w> {
    pub(crate) world: &'w World,
    pub(crate) server: &'w Server,
    pub(crate) id: String,
    pub(crate) key: SecretKey,
    /// The key that will hold the token.
    pub(crate) holder: SecretKey,
    pub(crate) now: i64,
}

/// Changes to a form or to claims: `null` takes a member out.
pub(crate) fn patched(mut value: Value, patch: &Value) -> Value {
    for (name, new) in patch.as_object().unwrap() {
        match new {
            Value::Null => drop(value.as_object_mut().unwrap().remove(name)),
            new => value[name] = new.clone(),
        }
    }
    value
}

pub(crate) fn jws(header: &Value, claims: &Value, key: &SecretKey) -> String {
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(header), encode(claims));
    format!("{input}.{}", base64url::encode(&key.sign(input.as_bytes())))
}

pub(crate) fn s256(text: &str) -> String {
    base64url::encode(&Sha256::digest(text.as_bytes()))
}

impl<'w> Agent<'w> {
    pub(crate) fn new(world: &'w World, server: &'w Server) -> Self {
        let key = |name: &str| keys::load(&world.path(&format!("keys/{name}.jwk"))).unwrap();
        Self {
            world,
            server,
            id: CLIENT.to_owned(),
            key: key("client"),
            holder: key("holder"),
            now: world.now,
        }
    }

    /// The other client of the broker, with its key.
    pub(crate) fn other(world: &'w World, server: &'w Server) -> Self {
        Self {
            id: "https://agents.example/other".to_owned(),
            key: keys::load(&world.path("keys/other.jwk")).unwrap(),
            ..Self::new(world, server)
        }
    }

    pub(crate) fn stranger(&self) -> SecretKey {
        keys::load(&self.world.path("keys/stranger.jwk")).unwrap()
    }

    /// At another time.
    pub(crate) fn at(self, now: i64) -> Self {
        Self { now, ..self }
    }

    pub(crate) fn assertion(&self, patch: &Value) -> String {
        let claims = json!({
            "iss": self.id, "sub": self.id, "aud": ISSUER, "jti": next("assertion"),
            "iat": self.now, "exp": self.now + 60,
        });
        let header = json!({"alg": self.key.alg(), "typ": "client-authentication+jwt"});
        jws(&header, &patched(claims, patch), &self.key)
    }

    /// The nonce that the broker gives now.
    pub(crate) fn nonce(&self) -> String {
        let proof = self.proof("/par", None, &self.holder, &json!({}));
        let told = self.post("/par", &self.asking(&json!({})), Some(&proof));
        told.refused("use_dpop_nonce", "possession.nonce");
        told.header("dpop-nonce").expect("a nonce").to_owned()
    }

    pub(crate) fn proof(
        &self,
        path: &str,
        nonce: Option<&str>,
        key: &SecretKey,
        patch: &Value,
    ) -> String {
        let mut claims = json!({
            "jti": next("proof"), "htm": "POST", "htu": format!("{ISSUER}{path}"), "iat": self.now,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let header = json!({"alg": key.alg(), "typ": "dpop+jwt", "jwk": key.public_jwk()});
        jws(&header, &patched(claims, patch), key)
    }

    /// The parameters of a request to draft e-mail.
    pub(crate) fn asking(&self, patch: &Value) -> Value {
        let form = json!({
            "client_id": self.id, "response_type": "code", "redirect_uri": BACK, "state": "s-1",
            "code_challenge": s256(VERIFIER), "code_challenge_method": "S256",
            "authorization_details": json!([crate::world::drafts()]).to_string(),
        });
        patched(form, patch)
    }

    /// Posts a form with an assertion of ours, unless the form has one.
    pub(crate) fn post(&self, path: &str, fields: &Value, proof: Option<&str>) -> Told {
        let mut fields = fields.clone();
        if fields.get("client_assertion").is_none() {
            fields["client_assertion"] = json!(self.assertion(&json!({})));
        }
        if fields.get("client_assertion_type").is_none() {
            fields["client_assertion_type"] =
                json!("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        }
        let fields: Vec<(&str, &str)> = fields
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(proof.map(|proof| ("dpop", proof)));
        self.server.send("POST", path, &headers, &form(&fields))
    }

    /// Pushes a request with these changes.
    pub(crate) fn push(&self, patch: &Value) -> Told {
        let proof = self.proof("/par", Some(&self.nonce()), &self.holder, &json!({}));
        self.post("/par", &self.asking(patch), Some(&proof))
    }

    /// The address to which a person's browser is sent.
    #[track_caller]
    pub(crate) fn ask(&self, patch: &Value) -> String {
        let told = self.push(patch);
        assert_eq!(told.status, 201, "{told:?}");
        self.address(told.json()["request_uri"].as_str().unwrap())
    }

    pub(crate) fn address(&self, request_uri: &str) -> String {
        format!(
            "/authorize?{}",
            form(&[("client_id", &self.id), ("request_uri", request_uri)])
        )
    }

    /// The code that a person's yes to such a request leads to.
    #[track_caller]
    pub(crate) fn code(&self, person: &mut Person, patch: &Value) -> String {
        let address = self.ask(patch);
        let shown = person.reads(&address);
        let told = person.answers(&shown, "allow", &[]);
        parameter(
            told.header("location")
                .unwrap_or_else(|| panic!("{told:?}")),
            "code",
        )
        .unwrap()
    }

    /// Exchanges a code, with changes to the form.
    pub(crate) fn exchange(&self, code: &str, patch: &Value) -> Told {
        let proof = self.proof("/token", Some(&self.nonce()), &self.holder, &json!({}));
        self.exchange_with(code, patch, Some(&proof))
    }

    pub(crate) fn exchange_with(&self, code: &str, patch: &Value, proof: Option<&str>) -> Told {
        let form = json!({
            "grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER,
        });
        self.post("/token", &patched(form, patch), proof)
    }

    /// The token for a request to which a person says yes.
    #[track_caller]
    pub(crate) fn token(&self, person: &mut Person, patch: &Value) -> String {
        let code = self.code(person, patch);
        let told = self.exchange(&code, &json!({}));
        assert_eq!(told.status, 200, "{told:?}");
        told.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// What the evaluator says to a call with this token, with a proof by the holder.
    pub(crate) fn judged(&self, token: &str, evaluation: &Value, statements: &[String]) -> String {
        let url = "https://mail.example/send";
        let claims = json!({"jti": next("use"), "htm": "POST", "htu": url, "iat": self.now, "ath": s256(token)});
        let header = json!({"alg": "Ed25519", "typ": "dpop+jwt", "jwk": self.holder.public_jwk()});
        let request = json!({
            "evaluation": evaluation, "token": token, "proof": jws(&header, &claims, &self.holder),
            "statements": statements,
            "facts": {"now": self.now, "audience": "https://mail.example", "method": "POST", "url": url},
        });
        let run = self.world.ambit_with(
            &[
                "evaluate",
                "--module",
                "policy.wasm",
                "--trust",
                "keys.json",
            ],
            request.to_string().as_bytes(),
        );
        let answer: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:?}"));
        answer["context"]["reason"]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The revocation epochs that enforcement points fetch.
    pub(crate) fn epochs(&self) -> Vec<String> {
        vec![self.server.get("/epochs").text]
    }
}

/// An identifier that no other statement of this test has.
pub(crate) fn next(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A parameter of an address, as it stands there.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

/// A call to draft e-mail.
pub(crate) fn drafting(to: &str) -> Value {
    json!({
        "action": {"name": "email", "properties": {"power": "draft", "args": {"to": to}}},
        "resource": {"type": "Contact", "id": "c-7"}, "context": {"purpose": "customer-care"},
    })
}
