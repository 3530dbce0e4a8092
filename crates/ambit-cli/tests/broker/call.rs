//! A buyer whose larger payments need a person's yes, and the calls that it makes and hands in.

use ambit_host::{Evaluator as _, LoadOptions, MemoryVersions, NativeEngine, PolicyModule, Trust};
use serde_json::{Value, json};

use crate::agent::{Agent, jws, patched, s256};
use crate::person::Person;
use crate::world::{ISSUER, Server, Told, World, pays};

pub(crate) const SERVICE: &str = "https://mail.example";
const AT: &str = "https://mail.example/pay";

/// A world whose agent pays up to 500.00 on its own, and up to 1,000.00 with a yes to each.
pub(crate) fn buying() -> World {
    let world = World::new();
    let manifest = world.read("agents/assistant.toml");
    let (rest, pay) = manifest.rsplit_once("[[capabilities]]").unwrap();
    let own = pay.replace("\"observe\", \"propose\", \"execute\"", "\"execute\"");
    let own = own.replace("\"each\"", "\"once\"");
    let asking = pay.replace("\"observe\", \"propose\", \"execute\"", "\"propose\"");
    let asking = asking.replace("50000", "100000");
    world.write(
        "agents/assistant.toml",
        format!("{rest}[[capabilities]]{own}\n[[capabilities]]{asking}"),
    );
    let line = "execute: pay invoices\")\n";
    let german = format!("{line}@label_de(\"Rechnung zahlen, execute: Rechnungen zahlen\")\n");
    world.edit("schema.cedarschema", line, &german);
    world.build();
    world
}

/// The token of such an agent.
pub(crate) fn bought(agent: &Agent<'_>, person: &mut Person) -> String {
    let mut own = pays(50000);
    own["privileges"] = json!(["execute"]);
    let mut asking = pays(100_000);
    asking["privileges"] = json!(["propose"]);
    let asked = json!({"authorization_details": json!([own, asking]).to_string()});
    agent.token(person, &asked)
}

/// Strict JSON of a payment; money keeps its digits.
pub(crate) fn paying(amount: &str, invoice: &str) -> String {
    format!(
        "{{\"action\": {{\"name\": \"pay\", \"properties\": {{\"power\": \"execute\", \"args\": {{\"amount\": {amount}, \"currency\": \"EUR\"}}}}}}, \
         \"resource\": {{\"type\": \"Invoice\", \"id\": \"{invoice}\"}}, \"context\": {{\"purpose\": \"customer-care\"}}}}"
    )
}

fn engine(world: &World) -> NativeEngine {
    let trust = Trust::parse(world.read("keys.json").as_bytes()).unwrap();
    let (module, signature) = (
        world.path("policy.wasm"),
        world.path("policy.wasm.dsse.json"),
    );
    let seen = MemoryVersions::default();
    let options = LoadOptions {
        uid: None,
        now: world.now,
        seen: &seen,
    };
    let module = PolicyModule::read(&module, Some(&signature), &trust, &options).unwrap();
    NativeEngine::new(&*module)
}

impl Agent<'_> {
    /// The digest of a call with this token.
    pub(crate) fn digest(&self, token: &str, call: &str) -> String {
        let facts = json!({"now": self.now, "audience": SERVICE});
        let token = json!(token);
        let request = format!("{{\"evaluation\": {call}, \"token\": {token}, \"facts\": {facts}}}");
        let said = engine(self.world).call_digest(request.as_bytes());
        let said: Value = serde_json::from_str(&said).unwrap();
        said["binding_s256"].as_str().unwrap_or("none").to_owned()
    }

    /// What a service says to the call, with these receipts.
    pub(crate) fn made(&self, token: &str, call: &str, receipts: &[&str]) -> String {
        let proof = self.proving("POST", AT, token, Some(call), &json!({}));
        let facts = json!({"now": self.now, "audience": SERVICE, "method": "POST", "url": AT});
        let (token, proof) = (json!(token), json!(proof));
        let (receipts, statements) = (json!(receipts), json!(self.epochs()));
        let request = format!(
            "{{\"evaluation\": {call}, \"token\": {token}, \"proof\": {proof}, \"approvals\": {receipts}, \
             \"statements\": {statements}, \"facts\": {facts}}}"
        );
        let answer = engine(self.world).evaluate(request.as_bytes());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["context"]["reason"]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn proving(
        &self,
        method: &str,
        url: &str,
        token: &str,
        call: Option<&str>,
        patch: &Value,
    ) -> String {
        let mut claims = json!({"htm": method, "htu": url, "ath": s256(token), "iat": self.now});
        claims["jti"] = json!(crate::agent::next("use"));
        if let Some(call) = call {
            claims["ambit_call"] = json!(self.digest(token, call));
        }
        let header = json!({"alg": "Ed25519", "typ": "dpop+jwt", "jwk": self.holder.public_jwk()});
        jws(&header, &patched(claims, patch), &self.holder)
    }

    /// A proof for the broker, with its nonce.
    pub(crate) fn at_broker(
        &self,
        method: &str,
        path: &str,
        token: &str,
        call: Option<&str>,
        patch: &Value,
    ) -> String {
        let url = format!("{ISSUER}{path}");
        let mut all = json!({"nonce": self.nonce()});
        for (name, value) in patch.as_object().unwrap() {
            all[name] = value.clone();
        }
        self.proving(method, &url, token, call, &all)
    }

    /// Hands a call in.
    pub(crate) fn hands_in(&self, token: &str, call: &str) -> Told {
        let proof = self.at_broker("POST", "/access-requests", token, Some(call), &json!({}));
        sends(self.server, token, &proof, "POST", "/access-requests", call)
    }

    /// The task of a call that waits.
    #[track_caller]
    pub(crate) fn waits(&self, token: &str, call: &str) -> String {
        let told = self.hands_in(token, call);
        assert_eq!(told.status, 202, "{told:?}");
        let told = told.json();
        assert_eq!(told["task"]["status"], "pending", "{told}");
        told["task"]["id"].as_str().unwrap().to_owned()
    }

    /// Looks what became of it.
    pub(crate) fn polls(&self, token: &str, task: &str) -> Told {
        let proof = self.at_broker("GET", "/access-requests", token, None, &json!({}));
        let path = format!("/access-requests?task={task}");
        sends(self.server, token, &proof, "GET", &path, "")
    }

    pub(crate) fn withdraws(&self, token: &str, task: &str) -> Told {
        let proof = self.at_broker("POST", "/access-requests/cancel", token, None, &json!({}));
        let path = format!("/access-requests/cancel?task={task}");
        sends(self.server, token, &proof, "POST", &path, "")
    }
}

pub(crate) fn sends(
    server: &Server,
    token: &str,
    proof: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Told {
    let token = format!("DPoP {token}");
    let headers = [
        ("authorization", token.as_str()),
        ("dpop", proof),
        ("content-type", "application/json"),
    ];
    server.send(method, path, &headers, body)
}

impl Person {
    /// The page of a call that waits.
    pub(crate) fn reads_call(&mut self, task: &str) -> Told {
        self.agents();
        self.get(&format!("/agents/request?task={task}"))
    }

    /// Presses a button of that page.
    pub(crate) fn says(&self, page: &Told, answer: &str, reason: &str) -> Told {
        let (csrf, task, text) = (page.field("csrf"), page.field("task"), page.field("text"));
        self.post(
            "/agents/request",
            &[
                ("csrf", csrf.as_str()),
                ("task", &task),
                ("text", &text),
                ("answer", answer),
                ("reason", reason),
            ],
        )
    }
}
