//! A policy as an artefact of a registry (OCI image 1.1, distribution 1.1): module and signature are layers of one
//! manifest, so that registries without referrers have them together.

use ambit_core::limits::MODULE_BYTES;
use ambit_token::module::ENVELOPE_BYTES;
use serde_json::{Value, json};
use ureq::http::Method;

use super::agent::{Ask, Deadline, refused};
use super::{Fetched, Marks, Remote, digest};
use crate::address::Reference;
use crate::digest_of;
use crate::error::StoreError;

/// Bytes of a manifest: three descriptors, and whatever annotations somebody writes.
const MANIFEST_BYTES: usize = 64 * 1024;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const ARTEFACT: &str = "application/vnd.ambit.policy.v1";
const MODULE: &str = "application/wasm";
const BUNDLE: &str = "application/vnd.ambit.bundle.v1";
const SIGNATURE: &str = "application/vnd.dsse.envelope.v1+json";
/// The configuration of artefacts that have none (OCI image 1.1, "Guidance for an Empty Descriptor").
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const NOTHING: &[u8] = b"{}";

/// What a manifest says of some bytes.
struct Descriptor {
    digest: String,
    size: usize,
}

impl Remote {
    pub(super) fn pull(
        &self,
        name: &str,
        reference: &Reference,
        known: Option<&Marks>,
    ) -> Result<Option<Fetched>, StoreError> {
        let known = match known {
            Some(Marks::Manifest(digest)) => Some(digest.as_str()),
            _ => None,
        };
        if let (Reference::Digest(wanted), Some(known)) = (reference, known)
            && wanted == known
        {
            return Ok(None);
        }
        let deadline = Deadline::new();
        let (manifest, digest) = self.manifest(name, reference, deadline)?;
        if known == Some(&*digest) {
            return Ok(None);
        }
        let (module, signature) = layers(&manifest)?;
        let module = self.blob(name, &module, deadline)?;
        let signature = signature.map(|found| self.blob(name, &found, deadline));
        Ok(Some(Fetched {
            module,
            signature: signature.transpose()?,
            marks: Marks::Manifest(digest),
        }))
    }

    fn manifest(
        &self,
        name: &str,
        reference: &Reference,
        deadline: Deadline,
    ) -> Result<(Vec<u8>, String), StoreError> {
        let wanted = match reference {
            Reference::Tag(tag) => tag,
            Reference::Digest(digest) => digest,
        };
        let url = self.v2(name, &format!("manifests/{wanted}"));
        let ask = Ask::get(&url).with("accept", MANIFEST);
        let answer = self.ask_registry(ask, MANIFEST_BYTES, deadline)?;
        if answer.status != 200 {
            return Err(refused(&url, answer.status));
        }
        let came = digest_of(&answer.body);
        let said = match answer.header("docker-content-digest") {
            // Of digests in other algorithms nothing is known.
            Some(said) => digest(said),
            None => None,
        };
        let is_wanted = match reference {
            Reference::Digest(wanted) => *wanted == came,
            Reference::Tag(_) => true,
        };
        if !is_wanted || said.is_some_and(|said| said != came) {
            return Err(swapped(&url));
        }
        Ok((answer.body, came))
    }

    fn blob(
        &self,
        name: &str,
        wanted: &Descriptor,
        deadline: Deadline,
    ) -> Result<Vec<u8>, StoreError> {
        let url = self.v2(name, &format!("blobs/{}", wanted.digest));
        let answer = self.ask_registry(Ask::get(&url), wanted.size, deadline)?;
        if answer.status != 200 {
            return Err(refused(&url, answer.status));
        }
        match digest_of(&answer.body) == wanted.digest {
            true => Ok(answer.body),
            false => Err(swapped(&url)),
        }
    }

    pub(super) fn push_to(
        &self,
        name: &str,
        reference: &Reference,
        module: &[u8],
        signature: Option<&[u8]>,
    ) -> Result<String, StoreError> {
        let manifest = manifest_of(module, signature);
        let digest = digest_of(&manifest);
        let place = match reference {
            Reference::Tag(tag) => tag,
            Reference::Digest(wanted) if *wanted == digest => wanted,
            Reference::Digest(_) => {
                let message =
                    format!("the artefact has the digest `{digest}`: name that, or a tag");
                return Err(StoreError::new("store.digest", message));
            }
        };
        let deadline = Deadline::new();
        for bytes in [Some(NOTHING), Some(module), signature]
            .into_iter()
            .flatten()
        {
            self.upload(name, bytes, deadline)?;
        }
        let url = self.v2(name, &format!("manifests/{place}"));
        let ask = Ask::of(Method::PUT, &url)
            .with("content-type", MANIFEST)
            .body(&manifest);
        let answer = self.ask_registry(ask, MANIFEST_BYTES, deadline)?;
        match answer.status {
            201 => Ok(self.address.at_digest(&digest)),
            status => Err(refused(&url, status)),
        }
    }

    /// Uploads bytes in one piece, unless the registry has them.
    fn upload(&self, name: &str, bytes: &[u8], deadline: Deadline) -> Result<(), StoreError> {
        let digest = digest_of(bytes);
        let url = self.v2(name, &format!("blobs/{digest}"));
        let there = self.ask_registry(Ask::of(Method::HEAD, url), 0, deadline)?;
        if there.status == 200 {
            return Ok(());
        }
        let url = self.v2(name, "blobs/uploads/");
        let begun = self.ask_registry(Ask::of(Method::POST, &url), MANIFEST_BYTES, deadline)?;
        let place = begun.header("location").filter(|_| begun.status == 202);
        let place = place.ok_or_else(|| refused(&url, begun.status))?;
        let place = self.asker.resolve(&url, place)?;
        let mark = if place.contains('?') { '&' } else { '?' };
        let place = format!("{place}{mark}digest={digest}");
        let ask = Ask::of(Method::PUT, &place)
            .with("content-type", "application/octet-stream")
            .body(bytes);
        match self.ask_registry(ask, MANIFEST_BYTES, deadline)?.status {
            201 => Ok(()),
            status => Err(refused(&url, status)),
        }
    }

    fn v2(&self, name: &str, rest: &str) -> String {
        format!("{}/v2/{name}/{rest}", self.asker.origin())
    }
}

/// The same policy has the same manifest, and so the same digest, wherever and whenever it is pushed.
fn manifest_of(module: &[u8], signature: Option<&[u8]>) -> Vec<u8> {
    let layer = |kind: &str, bytes: &[u8], title: &str| {
        json!({"mediaType": kind, "digest": digest_of(bytes), "size": bytes.len(),
            "annotations": {"org.opencontainers.image.title": title}})
    };
    let mut layers = vec![match module.starts_with(b"\0asm") {
        true => layer(MODULE, module, "policy.wasm"),
        false => layer(BUNDLE, module, "policy.bundle"),
    }];
    layers.extend(signature.map(|bytes| layer(SIGNATURE, bytes, "policy.wasm.dsse.json")));
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTEFACT,
        "config": {"mediaType": EMPTY, "digest": digest_of(NOTHING), "size": NOTHING.len()},
        "layers": layers,
    });
    manifest.to_string().into_bytes()
}

/// Module and signature of a manifest.
fn layers(manifest: &[u8]) -> Result<(Descriptor, Option<Descriptor>), StoreError> {
    let wrong = |why: &str| StoreError::new("store.manifest", format!("this is no policy: {why}"));
    let manifest: Value =
        serde_json::from_slice(manifest).map_err(|_| wrong("the manifest is not JSON"))?;
    if manifest["artifactType"] != ARTEFACT {
        return Err(wrong(&format!("`artifactType` is not `{ARTEFACT}`")));
    }
    let layers = manifest["layers"].as_array().map(Vec::as_slice);
    let (mut module, mut signature) = (None, None);
    for layer in layers.unwrap_or_default() {
        let (place, most) = match layer["mediaType"].as_str() {
            Some(MODULE | BUNDLE) => (&mut module, MODULE_BYTES),
            Some(SIGNATURE) => (&mut signature, ENVELOPE_BYTES),
            _ => return Err(wrong("a layer is neither a module nor a signature")),
        };
        let found =
            Descriptor::read(layer).ok_or_else(|| wrong("a layer has no digest or size"))?;
        if found.size > most {
            let message = format!("a layer is larger than {most} bytes");
            return Err(StoreError::new("store.size", message));
        }
        if place.replace(found).is_some() {
            return Err(wrong("it has two modules or two signatures"));
        }
    }
    let module = module.ok_or_else(|| wrong("it has no module"))?;
    Ok((module, signature))
}

impl Descriptor {
    fn read(layer: &Value) -> Option<Self> {
        Some(Self {
            digest: digest(layer["digest"].as_str()?)?,
            size: usize::try_from(layer["size"].as_u64()?).ok()?,
        })
    }
}

fn swapped(url: &str) -> StoreError {
    let message = format!("what `{url}` answered has another digest");
    StoreError::new("store.digest", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_is_in_it() {
        let manifest = manifest_of(b"\0asm1", Some(b"{}"));
        assert_eq!(manifest, manifest_of(b"\0asm1", Some(b"{}")));
        let (module, signature) = layers(&manifest).unwrap();
        assert_eq!((module.digest, module.size), (digest_of(b"\0asm1"), 5));
        assert_eq!(signature.unwrap().digest, digest_of(b"{}"));
        assert!(layers(&manifest_of(b"bundle", None)).unwrap().1.is_none());
    }

    #[test]
    fn whatever_else_it_is_it_is_no_policy() {
        let good: Value = serde_json::from_slice(&manifest_of(b"\0asm1", Some(b"{}"))).unwrap();
        let with = |path: &str, value: Value| {
            let mut manifest = good.clone();
            *manifest.pointer_mut(path).unwrap() = value;
            layers(manifest.to_string().as_bytes())
                .map(drop)
                .unwrap_err()
                .code()
        };
        let twice = json!([good["layers"][0], good["layers"][0]]);
        for (path, value, code) in [
            ("/artifactType", json!("application/x"), "store.manifest"),
            ("/layers", json!([]), "store.manifest"),
            ("/layers", json!({}), "store.manifest"),
            ("/layers", twice, "store.manifest"),
            ("/layers/0/mediaType", json!("text/plain"), "store.manifest"),
            (
                "/layers/0/digest",
                json!("sha256:../../x"),
                "store.manifest",
            ),
            ("/layers/0/digest", json!("md5:00"), "store.manifest"),
            ("/layers/0/size", json!(-1), "store.manifest"),
            ("/layers/0/size", json!(1_u64 << 40), "store.size"),
            ("/layers/1/size", json!(1 << 20), "store.size"),
        ] {
            assert_eq!(with(path, value.clone()), code, "{path} {value}");
        }
        assert_eq!(
            layers(b"<html>").map(drop).unwrap_err().code(),
            "store.manifest"
        );
    }
}
