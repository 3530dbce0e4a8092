//! What is not loaded, each with its own code, and what is remembered of what is.

mod support;

use std::fs;

use ambit_evaluator::ABI;
use ambit_host::{
    Evaluator as _, FileVersions, LoadError, LoadOptions, MemoryVersions, NativeEngine,
    PolicyBundle, PolicyModule, VersionStore, bundle_path, detached_path,
};
use support::{NOW, UID, guest, signed, signed_as, trust};

fn code(result: Result<PolicyModule, LoadError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "loaded")
}

fn load(file: &[u8], detached: Option<&[u8]>, seen: &dyn VersionStore) -> &'static str {
    load_at(file, detached, seen, UID, NOW)
}

fn load_at(
    file: &[u8],
    detached: Option<&[u8]>,
    seen: &dyn VersionStore,
    uid: &str,
    now: i64,
) -> &'static str {
    let options = LoadOptions {
        uid: Some(uid),
        now,
        seen,
    };
    code(PolicyModule::load(file, detached, &trust(), &options))
}

#[test]
fn every_fault_has_its_own_code() {
    let (file, signature) = signed(&guest(""), 1);
    let signature = Some(signature.as_slice());
    let fresh = MemoryVersions::new;
    assert_eq!(load(&file, signature, &fresh()), "loaded");
    assert_eq!(load(&file, None, &fresh()), "module.unsigned");
    let cut = file.get(..file.len() - 1).unwrap();
    assert_eq!(load(cut, signature, &fresh()), "module.truncated");
    let mut altered = file.clone();
    let last = altered.last_mut().unwrap();
    *last ^= 1;
    assert_eq!(load(&altered, signature, &fresh()), "module.altered");
    assert_eq!(
        load_at(&file, signature, &fresh(), "acme/other", NOW),
        "module.uid"
    );
    assert_eq!(
        load_at(&file, signature, &fresh(), UID, NOW + 1000),
        "module.expired"
    );
    assert_eq!(load(b"not wasm", signature, &fresh()), "module.format");
}

#[test]
fn a_version_is_remembered_only_when_the_module_is_verified() {
    let (first, first_signature) = signed(&guest(""), 1);
    let (second, second_signature) = signed(&guest(""), 2);
    let (other, other_signature) = signed(&guest("(func (result i32) (i32.const 7))"), 2);
    let seen = MemoryVersions::new();
    assert_eq!(
        load(&second, Some(&first_signature), &seen),
        "module.altered"
    );
    assert_eq!(
        load_at(&second, Some(&second_signature), &seen, "acme/other", NOW),
        "module.uid"
    );
    assert_eq!(load(&first, Some(&first_signature), &seen), "loaded");
    assert_eq!(load(&second, Some(&second_signature), &seen), "loaded");
    assert_eq!(load(&second, Some(&second_signature), &seen), "loaded");
    assert_eq!(
        load(&first, Some(&first_signature), &seen),
        "module.rollback"
    );
    assert_eq!(
        load(&other, Some(&other_signature), &seen),
        "module.same_version"
    );
}

#[test]
fn a_version_that_has_ended_is_remembered_too() {
    let (first, first_signature) = signed(&guest(""), 1);
    let (second, second_signature) = signed(&guest(""), 2);
    let seen = MemoryVersions::new();
    assert_eq!(
        load_at(&second, Some(&second_signature), &seen, UID, NOW + 1000),
        "module.expired"
    );
    assert_eq!(
        load(&first, Some(&first_signature), &seen),
        "module.rollback"
    );
}

/// The signature is right, and the evaluator that the module carries has faults that are known.
#[test]
fn a_module_built_by_an_unsafe_version_is_not_loaded() {
    let mut older = support::bundle(1);
    assert_eq!(older[8..12], 2_u32.to_le_bytes());
    for (format, abi, expected) in [
        (2, ABI, "loaded"),
        (2, ABI - 1, "module.outdated"),
        (2, 0, "module.outdated"),
        (1, ABI, "module.outdated"),
        (0, ABI, "module.outdated"),
        (2, ABI + 1, "module.abi"),
        (3, ABI, "module.bundle"),
    ] {
        older[8] = format;
        let (file, signature) = signed_as(&guest(""), 1, &older, abi);
        let options = LoadOptions {
            uid: Some(UID),
            now: NOW,
            seen: &MemoryVersions::new(),
        };
        let loaded = PolicyModule::load(&file, Some(&signature), &trust(), &options);
        if let (Err(error), "module.outdated") = (&loaded, expected) {
            let words = error.to_string();
            assert!(words.contains("unsafe; build and sign it again"), "{words}");
        }
        assert_eq!(code(loaded), expected, "format {format}, ABI {abi}");
    }
}

/// Every rule for a module holds for its bundle alone, and both are one version.
#[test]
fn a_bundle_alone_is_measured_as_its_module_is() {
    let text = guest("");
    let (first, first_signature) = signed(&text, 1);
    let (second, second_signature) = signed(&text, 2);
    let alone = |version, signature: Option<&[u8]>, seen: &dyn VersionStore, now| {
        let bundle = support::bundle(version);
        let options = LoadOptions {
            uid: Some(UID),
            now,
            seen,
        };
        let loaded = PolicyBundle::load(&bundle, signature, &trust(), &options);
        loaded.map_or_else(|error| error.code(), |_| "loaded")
    };
    let (one, two) = (Some(&first_signature[..]), Some(&second_signature[..]));
    let seen = MemoryVersions::new();
    assert_eq!(alone(1, one, &seen, NOW), "loaded");
    assert_eq!(load(&first, one, &seen), "loaded");
    assert_eq!(alone(1, two, &seen, NOW), "module.altered");
    assert_eq!(alone(1, None, &seen, NOW), "module.unsigned");
    assert_eq!(alone(2, two, &seen, NOW + 1000), "module.expired");
    assert_eq!(alone(1, one, &seen, NOW), "module.rollback");
    assert_eq!(load(&first, one, &seen), "module.rollback");
    assert_eq!(load(&second, two, &seen), "loaded");
    // The same bundle in another file is another content of the same version.
    let (_, other) = signed(&guest("(func (result i32) (i32.const 7))"), 2);
    assert_eq!(alone(2, Some(&other), &seen, NOW), "module.same_version");
}

#[test]
fn a_bundle_lies_beside_its_module_and_shares_its_signature() {
    let module = std::path::Path::new("shop/policy.wasm");
    let bundle = bundle_path(module);
    assert_eq!(bundle, std::path::Path::new("shop/policy.bundle"));
    assert_eq!(detached_path(&bundle), detached_path(module));
}

#[test]
fn files_are_bounded_before_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.wasm");
    let (file, signature) = signed(&guest(""), 1);
    fs::write(&path, file).unwrap();
    fs::write(detached_path(&path), signature).unwrap();
    let store = FileVersions::new(folder.path().join("seen.json"));
    let options = LoadOptions {
        uid: Some(UID),
        now: NOW,
        seen: &store,
    };
    let read = || PolicyModule::read(&path, Some(&detached_path(&path)), &trust(), &options);
    let module = read().unwrap();
    assert_eq!((module.uid(), module.version()), (UID, 1));
    assert_eq!(module.signers(), ["release-1"]);
    assert!(NativeEngine::new(&module).info().contains(UID));

    // A sparse file of a terabyte: reading it would not end.
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    assert_eq!(code(read()), "module.size");
    assert_eq!(
        code(PolicyModule::read(folder.path(), None, &trust(), &options)),
        "module.read"
    );
    let missing = folder.path().join("missing.wasm");
    assert_eq!(
        code(PolicyModule::read(&missing, None, &trust(), &options)),
        "module.read"
    );
}

#[test]
fn the_native_engine_answers_whatever_it_is_asked() {
    let module = support::module("").unwrap();
    let engine = NativeEngine::new(&module);
    for request in [b"".as_slice(), b"{}", b"\xff", b"[[[["] {
        let answer = engine.evaluate(request);
        assert!(
            answer.starts_with(r#"{"decision":false,"context":{"#),
            "{answer}"
        );
    }
}
