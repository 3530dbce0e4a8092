//! One test vector as bytes, so that a native caller and a wasm module take the same.

use alloc::vec::Vec;

/// What is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case<'a> {
    /// A token chain, and, where given, a request to match against its entries.
    Chain {
        /// JSON object: `kid` to public JWK; every key is valid for the root's own `iss`.
        trust: &'a [u8],
        /// The chain.
        chain: &'a str,
        /// Seconds since 1970, UTC.
        now: i64,
        /// JSON object: `aud action privilege location? datatype? identifier? purpose args?`.
        request: Option<&'a [u8]>,
    },
    /// A constraint against an argument.
    Constraint {
        /// JSON text.
        constraint: &'a [u8],
        /// JSON text; `None` when the argument is absent.
        value: Option<&'a [u8]>,
    },
    /// A signature.
    Ed25519 {
        /// The public key.
        public: &'a [u8],
        /// What is signed.
        message: &'a [u8],
        /// The signature.
        signature: &'a [u8],
    },
    /// An ES256 signature.
    Es256 {
        /// The public key: `x`, then `y`.
        public: &'a [u8],
        /// What is signed.
        message: &'a [u8],
        /// The signature.
        signature: &'a [u8],
    },
    /// A proof of possession for a chain.
    Proof {
        /// The proof.
        proof: &'a str,
        /// The chain.
        chain: &'a str,
        /// JSON: the JWK of the chain's holder.
        holder: &'a [u8],
        /// The HTTP method.
        method: &'a str,
        /// The URL.
        url: &'a str,
        /// Seconds since 1970, UTC.
        now: i64,
    },
    /// A text that may be JSON.
    Json {
        /// The text.
        text: &'a [u8],
    },
}

/// Stands for a field that is absent; no field is 4 GiB long.
const ABSENT: u32 = u32::MAX;

impl<'a> Case<'a> {
    /// A tag byte, then every field: its length (`u32`, little-endian), then its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match *self {
            Case::Chain {
                trust,
                chain,
                now,
                request,
            } => {
                let now = now.to_le_bytes();
                fields(
                    b'c',
                    &[Some(trust), Some(chain.as_bytes()), Some(&now), request],
                )
            }
            Case::Constraint { constraint, value } => fields(b'k', &[Some(constraint), value]),
            Case::Ed25519 {
                public,
                message,
                signature,
            } => fields(b'e', &[Some(public), Some(message), Some(signature)]),
            Case::Es256 {
                public,
                message,
                signature,
            } => fields(b's', &[Some(public), Some(message), Some(signature)]),
            Case::Proof {
                proof,
                chain,
                holder,
                method,
                url,
                now,
            } => {
                let texts = [proof, chain, method, url].map(|text| Some(text.as_bytes()));
                let now = now.to_le_bytes();
                let [proof, chain, method, url] = texts;
                fields(b'p', &[proof, chain, Some(holder), method, url, Some(&now)])
            }
            Case::Json { text } => fields(b'j', &[Some(text)]),
        }
    }

    /// The case that [`Case::encode`] wrote.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (tag, mut rest) = bytes.split_first()?;
        let mut field = || -> Option<Option<&'a [u8]>> {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length);
            if length == ABSENT {
                rest = after;
                return Some(None);
            }
            let (value, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
            rest = after;
            Some(Some(value))
        };
        let case = match tag {
            b'c' => Self::Chain {
                trust: field()??,
                chain: core::str::from_utf8(field()??).ok()?,
                now: i64::from_le_bytes(field()??.try_into().ok()?),
                request: field()?,
            },
            b'k' => Self::Constraint {
                constraint: field()??,
                value: field()?,
            },
            b'e' => Self::Ed25519 {
                public: field()??,
                message: field()??,
                signature: field()??,
            },
            b's' => Self::Es256 {
                public: field()??,
                message: field()??,
                signature: field()??,
            },
            b'p' => {
                let (proof, chain, holder) = (field()??, field()??, field()??);
                let (method, url) = (field()??, field()??);
                let text = |bytes| core::str::from_utf8(bytes).ok();
                Self::Proof {
                    proof: text(proof)?,
                    chain: text(chain)?,
                    holder,
                    method: text(method)?,
                    url: text(url)?,
                    now: i64::from_le_bytes(field()??.try_into().ok()?),
                }
            }
            b'j' => Self::Json { text: field()?? },
            _ => return None,
        };
        rest.is_empty().then_some(case)
    }
}

fn fields(tag: u8, fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = Vec::from([tag]);
    for field in fields {
        // A field that is too long is written as absent, which no decoder takes for it.
        let length = field.and_then(|field| u32::try_from(field.len()).ok());
        bytes.extend_from_slice(&length.unwrap_or(ABSENT).to_le_bytes());
        bytes.extend_from_slice(field.filter(|_| length.is_some()).unwrap_or_default());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::Case;

    #[test]
    fn what_is_encoded_is_decoded() {
        let cases = [
            Case::Chain {
                trust: b"{}",
                chain: "a.b.c",
                now: -1,
                request: None,
            },
            Case::Constraint {
                constraint: b"{}",
                value: Some(b""),
            },
            Case::Ed25519 {
                public: &[1; 32],
                message: b"",
                signature: &[2; 64],
            },
            Case::Es256 {
                public: &[3; 64],
                message: b"m",
                signature: &[4; 64],
            },
            Case::Proof {
                proof: "a.b.c",
                chain: "d.e.f",
                holder: b"{}",
                method: "POST",
                url: "https://a.example/",
                now: 7,
            },
            Case::Json { text: b"[" },
        ];
        for case in cases {
            let bytes = case.encode();
            assert_eq!(Case::decode(&bytes), Some(case));
            for end in 0..bytes.len() {
                assert_eq!(Case::decode(&bytes[..end]), None, "cut at {end}");
            }
        }
    }
}
