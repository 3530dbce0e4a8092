//! Bytes as a chain. A text that begins with `s` is not a chain but its blocks, one a line, header
//! and claims with a tab between them: they are signed here, so that what stands behind the
//! signatures is reached too.
#![no_main]

use ambit_core::limits::Limits;
use ambit_token::{Bounds, ChainCache, IssuerKey, Keys, TokenError, UnverifiedToken, base64url};
use ed25519_dalek::{Signer as _, SigningKey};

/// A moment at which the seeds hold (seconds since 1970).
const NOW: i64 = 1_772_000_400;

struct Broker([u8; 32]);

impl Keys for Broker {
    fn by_kid<'k>(&'k self, kid: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool) {
        if kid == "broker-1" {
            visit(IssuerKey {
                iss: None,
                kid: "broker-1",
                eddsa_name: false,
                public: ambit_token::PublicKey::Ed25519(self.0),
                signs: "cap+jwt",
                webauthn: None,
                only: Bounds::default(),
            });
        }
    }
}

/// The keys of `tests/src/keys.rs`, in the order in which they hold a chain.
fn key(block: u8) -> SigningKey {
    SigningKey::from_bytes(&[block.saturating_add(1); 32])
}

fn signed(blocks: &str) -> Option<String> {
    let mut chain = String::new();
    for (number, line) in (0_u8..6).zip(blocks.lines()) {
        let (header, claims) = line.split_once('\t')?;
        let [header, claims] = [header, claims].map(|part| base64url::encode(part.as_bytes()));
        let input = format!("{header}.{claims}");
        let signature = base64url::encode(&key(number).sign(input.as_bytes()).to_bytes());
        chain.push_str(if number == 0 { "" } else { "~" });
        chain.push_str(&format!("{input}.{signature}"));
    }
    Some(chain)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let chain = match text.strip_prefix('s') {
        Some(blocks) => signed(blocks),
        None => Some(text.to_owned()),
    };
    let Some(chain) = chain else { return };
    let limits = Limits::default();
    if UnverifiedToken::parse(&chain, &limits).is_err() {
        return;
    }
    let broker = Broker(key(0).verifying_key().to_bytes());
    let mut cache = ChainCache::new();
    cache.for_bundle(&[7; 32]);
    let first = depth(&chain, &broker, Some(&mut cache));
    let second = depth(&chain, &broker, Some(&mut cache));
    assert_eq!(first, second, "the cache changes the answer");
    assert_eq!(
        first,
        depth(&chain, &broker, None),
        "the cache changes the answer"
    );
});

fn depth(
    chain: &str,
    broker: &Broker,
    cache: Option<&mut ChainCache>,
) -> Result<usize, TokenError> {
    let limits = Limits::default();
    if let Some(cache) = cache.as_deref()
        && let Some(known) = cache.find(chain, broker)
    {
        let verified = cache.verified(&known, chain, NOW, &limits);
        return verified.map(|token| token.depth());
    }
    let token = UnverifiedToken::parse(chain, &limits)?;
    let verified = token.verify(broker, NOW, &limits, cache);
    verified.map(|token| token.depth())
}
