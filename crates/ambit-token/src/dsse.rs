//! DSSE envelopes (Dead Simple Signing Envelope, v1.0.2): a payload, its type, signatures over both.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Document, Json, Kind, Profile, Writer};

use crate::base64::{self, URL};

/// The bytes that are signed: DSSE's pre-authentication encoding.
///
/// ```
/// let pae = ambit_token::dsse::pae("http://example.com/HelloWorld", b"hello world");
/// assert_eq!(pae, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
/// ```
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (type_length, length) = (payload_type.len(), payload.len());
    let mut out = format!("DSSEv1 {type_length} {payload_type} {length} ").into_bytes();
    out.extend_from_slice(payload);
    out
}

/// An envelope, decoded; its signatures are not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// The signatures over [`pae`] of both.
    pub signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// A hint which key made it; empty: none.
    pub keyid: String,
    /// The signature.
    pub sig: Vec<u8>,
}

impl Envelope {
    /// Reads an envelope as DSSE says: either alphabet of base64, members that are not known
    /// ignored, `keyid` optional. `None` when a part is missing or malformed.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let document = Document::parse(text, Profile::Request).ok()?;
        let envelope = document.root();
        let signatures = envelope.get("signatures")?;
        if signatures.kind() != Kind::Array {
            return None;
        }
        let mut read = Vec::new();
        for signature in signatures.elements() {
            read.push(Signature::read(signature)?);
        }
        Some(Self {
            payload_type: envelope.get("payloadType")?.as_str()?.into(),
            payload: bytes(envelope.get("payload")?)?,
            signatures: read,
        })
    }

    /// Reads an envelope that is spelled exactly as [`Self::write`] spells it.
    ///
    /// A carried signature does not cover its own section, so any other spelling would let
    /// somebody alter bytes of a signed file unnoticed.
    #[must_use]
    pub fn parse_exact(text: &[u8]) -> Option<Self> {
        Self::parse(text).filter(|envelope| envelope.write().as_bytes() == text)
    }

    /// The envelope as JSON, in the order of DSSE's own example and with standard base64.
    #[must_use]
    pub fn write(&self) -> String {
        let mut out = Writer::default();
        out.object(|out| {
            let payload = base64::encode_standard(&self.payload);
            out.name("payload").string(&payload);
            out.name("payloadType").string(&self.payload_type);
            out.name("signatures").array(|out| {
                for signature in &self.signatures {
                    signature.write(out);
                }
            });
        });
        out.finish()
    }
}

impl Signature {
    fn read(value: Json<'_>) -> Option<Self> {
        let keyid = match value.get("keyid") {
            Some(keyid) => keyid.as_str()?,
            None => "",
        };
        Some(Self {
            keyid: keyid.into(),
            sig: bytes(value.get("sig")?)?,
        })
    }

    fn write(&self, out: &mut Writer) {
        out.object(|out| {
            if !self.keyid.is_empty() {
                out.name("keyid").string(&self.keyid);
            }
            let sig = base64::encode_standard(&self.sig);
            out.name("sig").string(&sig);
        });
    }
}

/// Base64 with padding, or of the URL alphabet without.
fn bytes(value: Json<'_>) -> Option<Vec<u8>> {
    let text = value.as_str()?.as_bytes();
    base64::decode_standard(text)
        .or_else(|| base64::decode_padded(text, &URL))
        .or_else(|| base64::decode(text, &URL))
}
