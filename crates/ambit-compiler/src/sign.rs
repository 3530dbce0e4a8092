//! Signs a module: a DSSE envelope around an in-toto statement about the file and its bundle.

pub use ambit_evaluator::bundle_claims;
use ambit_policy::Bundle;
use ambit_token::dsse::{self, Envelope, Signature};
use ambit_token::module::{
    Expect, PAYLOAD_TYPE, SIGNATURE_SECTION, Statement, TrustedKeys, append_section, layout, verify,
};

use crate::encoding::sha256;
use crate::error::CompileError;
use crate::keys::SecretKey;

/// The raw ABI that the guest speaks.
pub const ABI: u32 = ambit_evaluator::ABI.unsigned_abs();

/// How a module is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignOptions {
    /// Whether the file carries its envelope as its last section; else the envelope is a file of
    /// its own.
    pub carried: bool,
    /// SHA-256 of the results of the policy's tests, if they were run.
    pub tests_s256: Option<[u8; 32]>,
}

/// A signed module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The file with its envelope as the last section.
    Carried {
        /// The bytes of `policy.wasm`.
        module: Vec<u8>,
    },
    /// The envelope beside the file, which is as it was.
    Detached {
        /// The bytes of `policy.wasm.dsse.json`.
        envelope: Vec<u8>,
    },
}

/// Signs a module with all of `keys`, and verifies the result as a host would before giving it out.
///
/// # Errors
///
/// `sign.already_signed` when the file carries a signature; `sign.file` when it is no module with
/// one sound bundle; `sign.keys` when there are no keys or two with one name; `sign.key_role` when a
/// key may also sign tokens; `sign.verify` when a host would refuse the result.
pub fn module(
    file: &[u8],
    keys: &[SecretKey],
    options: SignOptions,
) -> Result<Signed, CompileError> {
    check_names(keys)?;
    let statement = statement(file, keys, options.tests_s256)?;
    let payload = statement.write().into_bytes();
    let message = dsse::pae(PAYLOAD_TYPE, &payload);
    let signature = |key: &SecretKey| Signature {
        keyid: key.kid().to_owned(),
        sig: key.sign(&message).to_vec(),
    };
    let envelope = Envelope {
        payload_type: PAYLOAD_TYPE.to_owned(),
        payload,
        signatures: keys.iter().map(signature).collect(),
    };
    let envelope = envelope.write().into_bytes();
    if options.carried {
        let mut module = file.to_vec();
        append_section(&mut module, SIGNATURE_SECTION, &envelope);
        check(&module, None, keys, &statement)?;
        Ok(Signed::Carried { module })
    } else {
        check(file, Some(&envelope), keys, &statement)?;
        Ok(Signed::Detached { envelope })
    }
}

/// A signer counts once, and is found by its name.
fn check_names(keys: &[SecretKey]) -> Result<(), CompileError> {
    for (at, key) in keys.iter().enumerate() {
        if key.ed25519().is_none() {
            let message = format!(
                "the key `{}` is a P-256 key; modules are signed with Ed25519",
                key.kid()
            );
            return Err(CompileError::new("sign.keys", message));
        }
        let before = keys.iter().take(at);
        if before
            .clone()
            .any(|other| other.public() == key.public() || other.kid() == key.kid())
        {
            let message = format!(
                "the key `{}` is given twice, or two keys have this name",
                key.kid()
            );
            return Err(CompileError::new("sign.keys", message));
        }
    }
    Ok(())
}

fn statement(
    file: &[u8],
    keys: &[SecretKey],
    tests_s256: Option<[u8; 32]>,
) -> Result<Statement, CompileError> {
    let unusable = |detail: &str| CompileError::new("sign.file", detail);
    let layout = layout(file).map_err(|error| unusable(&error.detail))?;
    if layout.signature.is_some() {
        let message = "the module carries a signature already; sign the file that `ambit build` wrote, with all keys at once";
        return Err(CompileError::new("sign.already_signed", message));
    }
    let bundle = layout
        .sole_bundle()
        .map_err(|error| unusable(&error.detail))?;
    let claims = bundle_claims(bundle).map_err(|error| unusable(&error.detail))?;
    let guest_s256 = layout
        .guest_s256()
        .map_err(|error| unusable(&error.detail))?;
    check_roles(bundle, keys)?;
    Ok(Statement {
        uid: claims.uid,
        version: claims.version,
        issued: claims.issued,
        expires: claims.expires,
        abi: ABI,
        file_s256: sha256(file),
        guest_s256,
        bundle_s256: sha256(bundle),
        tests_s256,
    })
}

/// A key that signs modules must not be able to sign tokens too.
fn check_roles(bundle: &[u8], keys: &[SecretKey]) -> Result<(), CompileError> {
    let bundle = Bundle::verify(bundle)
        .map_err(|error| CompileError::new("sign.file", error.to_string()))?;
    let listed = bundle.root().get("keys");
    for known in listed
        .into_iter()
        .flat_map(ambit_core::json::Json::elements)
    {
        let x = known.get("x").and_then(ambit_core::json::Json::as_str);
        if let Some(key) = keys.iter().find(|key| x == Some(key.x().as_str())) {
            let message = format!(
                "the key `{}` is listed in the policy as an issuer's; modules are signed with a key of their own",
                key.kid()
            );
            return Err(CompileError::new("sign.key_role", message));
        }
    }
    Ok(())
}

/// Verifies what was made with all keys needed.
fn check(
    file: &[u8],
    detached: Option<&[u8]>,
    keys: &[SecretKey],
    statement: &Statement,
) -> Result<(), CompileError> {
    let trusted = keys
        .iter()
        .filter_map(|key| Some((key.kid().to_owned(), key.ed25519()?)));
    let trusted = TrustedKeys::new(keys.len(), trusted.collect())
        .map_err(|error| CompileError::new("sign.keys", error.into_detail()))?;
    let expect = Expect {
        uid: Some(&statement.uid),
        now: statement.issued,
        abi: ABI,
    };
    verify(file, detached, &trusted, &expect, bundle_claims)
        .map(drop)
        .map_err(|error| CompileError::new("sign.verify", error.into_detail()))
}
