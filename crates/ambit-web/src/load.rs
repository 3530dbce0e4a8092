//! Verifying a module, or its bundle alone.

use ambit_core::limits::MODULE_BYTES;
use ambit_evaluator::{ABI, bundle_claims};
use ambit_policy::is_bundle;
use ambit_token::base64url;
use ambit_token::module::{self, ENVELOPE_BYTES, Expect, ModuleError, TrustedKeys};
use js_sys::Uint8Array;
use serde::Serialize;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::js;

/// What is kept of a verified module.
pub(crate) struct Loaded {
    pub(crate) bundle: Vec<u8>,
    pub(crate) bundle_digest: [u8; 32],
    pub(crate) seen: Seen,
}

/// What a host keeps of a module and gives back as `seen` the next time.
#[derive(Serialize)]
pub(crate) struct Seen {
    version: u64,
    /// What the statement says of file, guest and bundle (SHA-256, base64url).
    digest: String,
}

impl Seen {
    pub(crate) fn to_js(&self) -> JsValue {
        serde_wasm_bindgen::to_value(self).unwrap_or(JsValue::NULL)
    }
}

/// The fourth argument of `PolicyModule.load`: `{uid?, now, seen?: {version, digest}}`.
struct Options {
    uid: Option<String>,
    now: i64,
    seen: Option<(u64, [u8; 32])>,
}

impl Options {
    /// Read by hand: a derived reader would bring 25 KB, most of it to print floats in messages.
    fn read(value: &JsValue) -> Result<Self, JsValue> {
        js::known_members(value, &["uid", "now", "seen"])?;
        let uid = js::member(value, "uid");
        let now = js::integer(&js::member(value, "now"));
        let seen = js::member(value, "seen");
        Ok(Self {
            uid: match uid.is_undefined() {
                true => None,
                false => Some(js::text(&uid).ok_or_else(|| js::unusable("`uid` is not a text"))?),
            },
            now: now.ok_or_else(|| js::unusable("`now` is not a number of seconds"))?,
            seen: match seen.is_undefined() || seen.is_null() {
                true => None,
                false => Some(read_seen(&seen)?),
            },
        })
    }
}

pub(crate) fn load(
    file: &JsValue,
    detached: &JsValue,
    trust: &JsValue,
    options: &JsValue,
) -> Result<Loaded, JsValue> {
    let file = bytes(file, MODULE_BYTES, "module")?;
    let detached = if detached.is_null() || detached.is_undefined() {
        None
    } else {
        Some(bytes(detached, ENVELOPE_BYTES, "signature")?)
    };
    let options = Options::read(options)?;
    let trust = trusted_keys(trust)?;
    verify(&file, detached.as_deref(), &trust, &options)
}

/// Whether it has ended is asked last: what was verified is to be remembered all the same, or an older
/// one, which was to last longer, could come after it. So its error says what was seen.
fn verify(
    file: &[u8],
    detached: Option<&[u8]>,
    trust: &TrustedKeys,
    options: &Options,
) -> Result<Loaded, JsValue> {
    let expect = Expect {
        uid: options.uid.as_deref(),
        now: i64::MIN,
        abi: ABI.unsigned_abs(),
    };
    let refused = |error| refused(&error);
    let verified = if is_bundle(file) {
        module::verify_bundle(file, detached, trust, &expect, bundle_claims)
    } else {
        module::verify(file, detached, trust, &expect, bundle_claims)
    };
    let verified = verified.map_err(refused)?;
    let statement = &verified.statement;
    let content = statement.content_s256();
    module::check_seen(options.seen, statement.version, &content).map_err(refused)?;
    let seen = Seen {
        version: statement.version,
        digest: base64url::encode(&content),
    };
    if let Err(ended) = module::check_end(statement, options.now) {
        let error = refused(ended);
        js::set(&error, "seen", &seen.to_js());
        return Err(error);
    }
    Ok(Loaded {
        bundle: verified.bundle.to_vec(),
        bundle_digest: verified.bundle_digest,
        seen,
    })
}

/// Copies bytes in; their size is looked at before.
fn bytes(value: &JsValue, limit: usize, what: &str) -> Result<Vec<u8>, JsValue> {
    let Some(array) = value.dyn_ref::<Uint8Array>() else {
        return Err(js::error(
            "module.options",
            &format!("the {what} is not a `Uint8Array`"),
        ));
    };
    if usize::try_from(array.length()).is_ok_and(|length| length <= limit) {
        Ok(array.to_vec())
    } else {
        Err(js::error(
            "module.size",
            &format!("the {what} is too large"),
        ))
    }
}

/// The text of `keys.json`.
fn trusted_keys(trust: &JsValue) -> Result<TrustedKeys, JsValue> {
    let text = js::text(trust).unwrap_or_default();
    TrustedKeys::parse(text.as_bytes()).map_err(|error| refused(&error))
}

/// What the host kept of the last module that it accepted.
fn read_seen(seen: &JsValue) -> Result<(u64, [u8; 32]), JsValue> {
    js::known_members(seen, &["version", "digest"])?;
    let version = js::integer(&js::member(seen, "version"));
    let digest = js::text(&js::member(seen, "digest"))
        .and_then(|digest| base64url::decode(digest.as_bytes()))
        .and_then(|digest| digest.try_into().ok());
    version
        .and_then(|version| u64::try_from(version).ok())
        .zip(digest)
        .ok_or_else(|| js::unusable("`seen` is not `{version, digest}`"))
}

fn refused(error: &ModuleError) -> JsValue {
    js::error(error.code(), &error.detail)
}
