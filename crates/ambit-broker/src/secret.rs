//! Random names, and what only this process can make.

use ambit_token::base64url;
use sha2::{Digest as _, Sha256};

use crate::refusal::Refusal;

/// 256 bits that nobody guesses, as text.
pub(crate) fn fresh() -> Result<String, Refusal> {
    Ok(base64url::encode(&bytes()?))
}

pub(crate) fn bytes() -> Result<[u8; 32], Refusal> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| Refusal::own("broker.random", error.to_string()))?;
    Ok(random)
}

/// What of a secret is kept: whoever reads the database cannot use it.
pub(crate) fn digest(secret: &str) -> String {
    base64url::encode(&Sha256::digest(secret.as_bytes()))
}

/// The key of this process, with which it makes what it must know again and need not keep. A new process
/// has another one: codes that were not used, nonces and forms that were not sent are none then.
#[derive(Clone)]
pub(crate) struct Own([u8; 32]);

impl Own {
    pub(crate) fn new() -> Result<Self, Refusal> {
        Ok(Self(bytes()?))
    }

    /// A text for this use and these words; no two lists of words give one text.
    pub(crate) fn make(&self, what: &str, words: &[&str]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for word in [what].iter().chain(words) {
            hasher.update(&(word.len() as u64).to_be_bytes());
            hasher.update(word.as_bytes());
        }
        base64url::encode(hasher.finalize().as_bytes())
    }

    /// Whether it is the text of these words, in a time that says nothing of it.
    pub(crate) fn made(&self, text: &str, what: &str, words: &[&str]) -> bool {
        blake3::hash(self.make(what, words).as_bytes()) == blake3::hash(text.as_bytes())
    }
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own(****)")
    }
}
