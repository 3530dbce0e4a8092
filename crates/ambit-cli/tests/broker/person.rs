//! A person with a browser and a passkey.

use ambit_compiler::keys::{self, SecretKey};
use ambit_token::base64url;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::world::{ISSUER, Line, Server, Told, World, form};

/// A browser of a person's own.
pub(crate) struct Person {
    pub(crate) server: Line,
    pub(crate) cookie: Option<String>,
    pub(crate) passkey: SecretKey,
    pub(crate) id: String,
    pub(crate) language: &'static str,
}

impl Person {
    /// Somebody whose passkey was made by a one-time link.
    pub(crate) fn enrolled(world: &World, server: &Server, sub: &str) -> Self {
        let person = Self::new(server, sub);
        let link = invitation(world, sub);
        let told = person.enrols(&link);
        assert_eq!(told.status, 200, "{told:?}");
        person
    }

    /// Somebody whom the broker does not know.
    pub(crate) fn new(server: &Server, name: &str) -> Self {
        Self {
            server: server.line.clone(),
            cookie: None,
            passkey: keys::generate(Some("passkey")).unwrap(),
            id: base64url::encode(format!("credential-of-{name}").as_bytes()),
            language: "en",
        }
    }

    /// The same passkey at another broker's process.
    pub(crate) fn at(self, server: &Server) -> Self {
        Self {
            server: server.line.clone(),
            ..self
        }
    }

    pub(crate) fn enrols(&self, link: &str) -> Told {
        let page = self.server.get(link);
        assert_eq!(page.status, 200, "{page:?}");
        let challenge = attribute(&page, "data-challenge");
        let client_data = client_data("webauthn.create", &challenge, ISSUER);
        let fields = [
            ("link", page.field("link")),
            ("client_data", base64url::encode(client_data.as_bytes())),
            (
                "authenticator_data",
                base64url::encode(&self.registration()),
            ),
        ];
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        self.post("/enrol", &fields)
    }

    /// What an authenticator says of a new Ed25519 credential.
    pub(crate) fn registration(&self) -> Vec<u8> {
        let id = base64url::decode(self.id.as_bytes()).unwrap();
        let mut data = Sha256::digest(b"broker.example").to_vec();
        data.push(0b0100_0101);
        data.extend([0; 4]);
        data.extend([7; 16]);
        data.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
        data.extend(id);
        data.extend([0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20]);
        data.extend(self.passkey.ed25519().unwrap());
        data
    }

    pub(crate) fn get(&mut self, path: &str) -> Told {
        let cookie = self.cookie.clone().unwrap_or_default();
        let headers = [
            ("cookie", cookie.as_str()),
            ("accept-language", self.language),
        ];
        let told = self
            .server
            .send("GET", path, &headers[usize::from(cookie.is_empty())..], "");
        self.keep(&told);
        told
    }

    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Told {
        let cookie = self.cookie.clone().unwrap_or_default();
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", ISSUER),
            ("accept-language", self.language),
        ];
        if !cookie.is_empty() {
            headers.push(("cookie", &cookie));
        }
        self.server.send("POST", path, &headers, &form(fields))
    }

    pub(crate) fn keep(&mut self, told: &Told) {
        if let Some(cookie) = told.header("set-cookie") {
            assert!(cookie.starts_with("__Host-ambit="), "{cookie}");
            for word in ["; Path=/;", "; Secure;", "; HttpOnly;", "; SameSite=Lax;"] {
                assert!(cookie.contains(word), "{cookie}");
            }
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
    }

    /// Follows a link of an agent, logs in where the broker asks, and reads.
    #[track_caller]
    pub(crate) fn reads(&mut self, address: &str) -> Told {
        let page = self.opens(address);
        if !page.text.contains("data-passkey") {
            return page;
        }
        let told = self.logs_in(&page);
        assert_eq!(told.status, 303, "{told:?}");
        self.get(told.header("location").unwrap())
    }

    /// Follows a link of an agent to its first page.
    #[track_caller]
    pub(crate) fn opens(&mut self, address: &str) -> Told {
        let told = self.get(address);
        assert_eq!(told.status, 303, "{told:?}");
        self.get(told.header("location").unwrap())
    }

    /// Answers the challenge of a login page.
    pub(crate) fn logs_in(&mut self, page: &Told) -> Told {
        let fields = self.login(page, ISSUER);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let told = self.post("/login", &fields);
        self.keep(&told);
        told
    }

    /// The form of a login, as the page of this origin makes it.
    pub(crate) fn login(&self, page: &Told, origin: &str) -> Vec<(&'static str, String)> {
        let client = client_data("webauthn.get", &attribute(page, "data-challenge"), origin);
        let mut data = Sha256::digest(b"broker.example").to_vec();
        data.push(0b0000_0101);
        data.extend([0; 4]);
        let mut message = data.clone();
        message.extend(Sha256::digest(client.as_bytes()));
        let waits = page.text.contains("name=\"r\"");
        let request = waits.then(|| ("r", page.field("r")));
        let answer = [
            ("csrf", page.field("csrf")),
            ("credential", self.id.clone()),
            ("authenticator_data", base64url::encode(&data)),
            ("client_data", base64url::encode(client.as_bytes())),
            ("signature", base64url::encode(&self.passkey.sign(&message))),
        ];
        request.into_iter().chain(answer).collect()
    }

    /// The page of the person's agents, after a login where the broker asks.
    #[track_caller]
    pub(crate) fn agents(&mut self) -> Told {
        let page = self.get("/agents");
        if !page.text.contains("data-passkey") {
            return page;
        }
        let told = self.logs_in(&page);
        assert_eq!(told.status, 303, "{told:?}");
        self.get(told.header("location").unwrap())
    }

    /// Presses the button that stops this agent.
    pub(crate) fn stops(&self, page: &Told, client: &str) -> Told {
        let csrf = page.field("csrf");
        self.post("/agents", &[("csrf", csrf.as_str()), ("client", client)])
    }

    /// Presses a button of the consent page.
    pub(crate) fn answers(&self, page: &Told, answer: &str, choose: &[&str]) -> Told {
        let (r, csrf, text) = (page.field("r"), page.field("csrf"), page.field("text"));
        let mut fields = vec![
            ("r", r.as_str()),
            ("csrf", &csrf),
            ("text", &text),
            ("answer", answer),
        ];
        fields.extend(choose.iter().map(|one| ("choose", *one)));
        self.post("/consent", &fields)
    }
}

/// A one-time link for this person, as a path.
pub(crate) fn invitation(world: &World, sub: &str) -> String {
    let now = world.now.to_string();
    let run = world.ambit(&[
        "serve",
        "broker.toml",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--now",
        &now,
        "--invite",
        sub,
    ]);
    let link = run.expect(0).out;
    link.trim().strip_prefix(ISSUER).unwrap().to_owned()
}

fn client_data(kind: &str, challenge: &str, origin: &str) -> String {
    json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false})
        .to_string()
}

pub(crate) fn attribute(page: &Told, name: &str) -> String {
    let mark = format!("{name}=\"");
    let rest = page
        .text
        .split(&mark)
        .nth(1)
        .unwrap_or_else(|| panic!("no {name}: {page:?}"));
    rest.split('"').next().unwrap().to_owned()
}
