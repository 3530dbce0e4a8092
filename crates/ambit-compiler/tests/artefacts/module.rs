//! Assembling a module from a template and a bundle, and signing it.

use crate::common::{ISSUED, MAGIC_AT, Twist, bundle, key, policy_wasm, template};
use ambit_compiler::module::assemble;
use ambit_compiler::sign::{self, SignOptions, Signed};
use ambit_token::module::{Expect, ModuleErrorCode, TrustedKeys, VerifiedModule, verify};
use wasmparser::{DataKind, Operator, Parser, Payload, Validator};

/// The initial memory of a module, with its data written into it.
fn memory(module: &[u8]) -> Vec<u8> {
    let mut memory = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::MemorySection(section) => {
                let kind = section.into_iter().next().unwrap().unwrap();
                memory.resize(usize::try_from(kind.initial).unwrap() * 65_536, 0);
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data.unwrap();
                    let DataKind::Active { offset_expr, .. } = data.kind else {
                        panic!("a passive segment");
                    };
                    let Operator::I32Const { value } =
                        offset_expr.get_operators_reader().read().unwrap()
                    else {
                        panic!("an offset that is no constant");
                    };
                    let at = usize::try_from(value).unwrap();
                    memory[at..at + data.data.len()].copy_from_slice(data.data);
                }
            }
            _ => {}
        }
    }
    memory
}

fn word(bytes: &[u8]) -> usize {
    usize::try_from(u32::from_le_bytes(bytes.try_into().unwrap())).unwrap()
}

#[test]
fn the_slot_leads_to_the_bundle() {
    let bundle = bundle();
    for twist in [Twist::None, Twist::ShortSlot, Twist::Maximum] {
        let module = assemble(&template(twist), &bundle).unwrap();
        assert_eq!(module, assemble(&template(twist), &bundle).unwrap());
        Validator::new().validate_all(&module).unwrap();
        let memory = memory(&module);
        let slot = &memory[usize::try_from(MAGIC_AT).unwrap()..][..56];
        assert_eq!(&slot[..16], b"AMBIT-BUNDLE-SLT");
        let (at, length) = (word(&slot[16..20]), word(&slot[20..24]));
        assert_eq!(at, 2 * 65_536);
        assert_eq!(&memory[at..at + length], bundle);
        assert_eq!(
            slot[24..56],
            *ambit_policy::Bundle::verify(&bundle).unwrap().digest()
        );
        let layout = ambit_token::module::layout(&module).unwrap();
        assert_eq!(
            (layout.bundle, layout.bundles),
            (Some(bundle.as_slice()), 1)
        );
    }
}

#[test]
fn what_is_no_template_is_refused() {
    let refused = |template: &[u8]| assemble(template, &bundle()).unwrap_err().code;
    for twist in [
        Twist::Import,
        Twist::NoMemory,
        Twist::TwoSlots,
        Twist::NoSlot,
        Twist::UsedSlot,
    ] {
        assert_eq!(refused(&template(twist)), "module.template");
    }
    assert_eq!(refused(b"\0asm"), "module.template");
    assert_eq!(refused(&policy_wasm()), "module.template");
    let empty = assemble(&template(Twist::None), b"").unwrap_err();
    assert_eq!(empty.code, "module.bundle_size");
}

fn trust(threshold: usize) -> TrustedKeys {
    let keys = [key(1, "release-1"), key(2, "release-2")];
    let keys = keys.map(|key| (key.kid().to_owned(), key.ed25519().unwrap()));
    TrustedKeys::new(threshold, keys.to_vec()).unwrap()
}

fn check<'a>(
    file: &'a [u8],
    detached: Option<&[u8]>,
    threshold: usize,
) -> Result<VerifiedModule<'a>, ModuleErrorCode> {
    let expect = Expect {
        uid: Some("acme/agents"),
        now: ISSUED + 60,
        abi: sign::ABI,
    };
    verify(
        file,
        detached,
        &trust(threshold),
        &expect,
        sign::bundle_claims,
    )
    .map_err(|error| error.code)
}

#[test]
fn a_carried_signature_verifies() {
    let options = SignOptions {
        carried: true,
        tests_s256: Some([7; 32]),
    };
    // `approve-1` of the example is the second key, so it is given as another release key here.
    let keys = [key(2, "release-2")];
    let Signed::Carried { module } = sign::module(&policy_wasm(), &keys, options).unwrap() else {
        panic!("not carried");
    };
    Validator::new().validate_all(&module).unwrap();
    let verified = check(&module, None, 1).unwrap();
    assert_eq!(verified.bundle, bundle());
    assert_eq!(verified.statement.version, 42);
    assert_eq!(verified.statement.tests_s256, Some([7; 32]));
    assert_eq!(
        check(&module, None, 2).unwrap_err(),
        ModuleErrorCode::Threshold
    );
    let again = sign::module(&module, &keys, options).unwrap_err();
    assert_eq!(again.code, "sign.already_signed");
}

#[test]
fn a_detached_signature_verifies() {
    let file = policy_wasm();
    let keys = [key(2, "release-2")];
    let signed = sign::module(&file, &keys, SignOptions::default()).unwrap();
    let Signed::Detached { envelope } = signed else {
        panic!("not detached");
    };
    assert_eq!(
        check(&file, Some(&envelope), 1).unwrap().signers,
        ["release-2"]
    );
    let mut altered = file;
    let last = altered.len() - 1;
    altered[last] ^= 1;
    assert_eq!(
        check(&altered, Some(&envelope), 1).unwrap_err(),
        ModuleErrorCode::Altered
    );
}

#[test]
fn several_keys_sign_at_once() {
    let fresh = ambit_compiler::keys::generate(Some("release-3")).unwrap();
    let keys = [key(2, "release-2"), fresh];
    assert!(sign::module(&policy_wasm(), &keys, SignOptions::default()).is_ok());
    let same = [key(2, "release-2"), key(2, "release-2")];
    for keys in [&same[..], &[]] {
        let error = sign::module(&policy_wasm(), keys, SignOptions::default()).unwrap_err();
        assert_eq!(error.code, "sign.keys");
    }
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let sign = |file: &[u8], at| {
        let error = sign::module(file, &[key(at, "release")], SignOptions::default());
        error.unwrap_err().code
    };
    assert_eq!(sign(b"not a module", 2), "sign.file");
    assert_eq!(sign(&template(Twist::None), 2), "sign.file");
    // An issuer's key of the policy itself.
    assert_eq!(sign(&policy_wasm(), 0), "sign.key_role");
}
