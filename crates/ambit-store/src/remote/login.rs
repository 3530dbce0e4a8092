//! Who asks: a login from a file, and the tokens that registries give for it.

use std::fs::{self, File};
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Remote;
use super::agent::{Answer, Ask, Deadline, refused};
use crate::error::StoreError;

/// Bytes of a login, of a token, and of the answer that has one.
const LOGIN: u64 = 8 * 1024;
const TOKEN: usize = 16 * 1024;
const ANSWER: usize = 64 * 1024;

impl Remote {
    /// The header by which the server knows who asks.
    pub(super) fn login(&self) -> Result<Option<String>, StoreError> {
        let Some(path) = &self.options.login else {
            return Ok(None);
        };
        let fault =
            |why: &str| StoreError::new("store.login", format!("{}: {why}", path.display()));
        let mut text = String::new();
        let is_file = fs::metadata(path).is_ok_and(|facts| facts.is_file());
        let file = File::open(path).ok().filter(|_| is_file);
        let read = file.and_then(|file| file.take(LOGIN).read_to_string(&mut text).ok());
        read.ok_or_else(|| fault("the login cannot be read"))?;
        let line = text.trim();
        let plain = !line.is_empty() && line.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        match (line.strip_prefix("Bearer "), line.contains(':')) {
            (Some(_), _) if plain => Ok(Some(line.to_owned())),
            (None, true) if plain => Ok(Some(format!("Basic {}", STANDARD.encode(line)))),
            _ => Err(fault(
                "a login is one line, `USER:PASSWORD` or `Bearer TOKEN`",
            )),
        }
    }

    /// Asks a registry, with the token that it gave; it says where one is to be had, and then once more.
    pub(super) fn ask_registry(
        &self,
        ask: Ask<'_>,
        most: usize,
        deadline: Deadline,
    ) -> Result<Answer, StoreError> {
        let kept = || {
            let token = self.token.lock();
            token
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .clone()
        };
        let mut first = ask.clone();
        first.login = match kept() {
            Some(token) => Some(token),
            None => self.login()?,
        };
        let answer = self.asker.ask(first, most, deadline)?;
        let challenge = answer
            .header("www-authenticate")
            // Where the registry led to is asked without its login, and asks for none.
            .filter(|_| answer.status == 401 && answer.own);
        let Some(challenge) = challenge.and_then(|text| text.strip_prefix("Bearer ")) else {
            return Ok(answer);
        };
        let token = self.registry_token(challenge, deadline)?;
        *self
            .token
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(token.clone());
        let again = Ask {
            login: Some(token),
            ..ask
        };
        self.asker.ask(again, most, deadline)
    }

    /// A token from where the registry says (Docker registry v2 authentication). The login goes there only if that is
    /// the registry itself, or a host that was named for it.
    fn registry_token(&self, challenge: &str, deadline: Deadline) -> Result<String, StoreError> {
        let realm = parameter(challenge, "realm");
        let realm = realm
            .filter(|realm| !realm.contains(['?', '#']))
            .ok_or_else(|| {
                let message = format!(
                    "`{}` does not say where its tokens are given",
                    self.asker.origin()
                );
                StoreError::new("store.login", message)
            })?;
        self.asker.may_lead(&realm)?;
        let mut url = format!("{realm}?client_id=ambit");
        for name in ["service", "scope"] {
            if let Some(value) = parameter(challenge, name) {
                url.push_str(&format!("&{name}={}", encode(&value)));
            }
        }
        // Nothing leads on from here: whoever named the host named this one.
        let login = self.login()?;
        let mut ask = Ask::get(url);
        if let Some(login) = login {
            ask = ask.with("authorization", login);
        }
        let answer = self.asker.ask_here(&ask, ANSWER, deadline)?;
        if answer.status != 200 {
            return Err(refused(&ask.url, answer.status));
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = body["token"]
            .as_str()
            .or_else(|| body["access_token"].as_str());
        let plain = |token: &&str| {
            !token.is_empty()
                && token.len() <= TOKEN
                && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let token = token
            .filter(plain)
            .ok_or_else(|| StoreError::new("store.login", format!("`{realm}` gave no token")))?;
        Ok(format!("Bearer {token}"))
    }
}

/// A parameter of a challenge, between quotes.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let mut rest = challenge;
    loop {
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if key
            .trim_start_matches([',', ' '])
            .eq_ignore_ascii_case(name)
        {
            return Some(value.to_owned());
        }
        rest = after;
    }
}

fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_taken_apart() {
        let text = "realm=\"https://r.example/token\",service=\"r, e=\",scope=\"repository:a/b:pull,push\"";
        assert_eq!(
            parameter(text, "scope").as_deref(),
            Some("repository:a/b:pull,push")
        );
        assert_eq!(parameter(text, "service").as_deref(), Some("r, e="));
        assert_eq!(parameter(text, "error"), None);
        assert_eq!(encode("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
