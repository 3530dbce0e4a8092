//! The code of a module: of which guest, with which bundle.

use super::*;

/// Signed by a trusted key, and yet two policies in one file: one for hosts that run the code, one
/// for hosts that read the section.
#[test]
fn code_that_holds_another_bundle_is_refused() {
    let other = b"AMBITBDL acme/agents 43";
    let longer = [BUNDLE, b"!"].concat();
    let parts = [
        Parts {
            embedded: other,
            ..Parts::default()
        },
        Parts {
            embedded: other,
            slot: slot(65_536, other),
            ..Parts::default()
        },
        Parts {
            embedded: &longer,
            ..Parts::default()
        },
        Parts {
            slot: slot(65_536, other),
            ..Parts::default()
        },
        Parts {
            slot: slot(65_537, BUNDLE),
            ..Parts::default()
        },
        Parts {
            at: 65_537,
            slot: slot(65_537, BUNDLE),
            ..Parts::default()
        },
        Parts {
            slot: slot(65_536, BUNDLE)[..39].to_vec(),
            ..Parts::default()
        },
    ];
    for (at, parts) in parts.iter().enumerate() {
        let file = assembled(parts);
        let error = verify(&carrying(&file, &envelope(&file, &[7])), None).unwrap_err();
        assert_eq!(error.code, Mismatch, "case {at}");
    }
}

/// The statement names a guest; the code is of another, or the bundle was put into it otherwise than
/// the compiler does, over something that the guest relies on.
#[test]
fn code_of_another_guest_than_stated_is_refused() {
    let zeroes = ambit_token::base64url::encode(&[0; 32]);
    let stated = resigned(|s| s["predicate"]["guest_s256"] = json!(zeroes));
    refused(&stated, Mismatch);
    let slot_elsewhere = Parts {
        slot_at: 100,
        ..Parts::default()
    };
    let more_memory = Parts {
        pages: 3,
        at: 131_072,
        slot: slot(131_072, BUNDLE),
        ..Parts::default()
    };
    for parts in [
        slot_elsewhere,
        more_memory,
        Parts {
            pages: 0,
            ..Parts::default()
        },
    ] {
        let file = assembled(&parts);
        refused(&carrying(&file, &envelope(&file, &[7])), Mismatch);
    }
    let mut other = unsigned();
    let ours = other.windows(4).position(|bytes| bytes == b"ours").unwrap();
    other[ours..ours + 4].copy_from_slice(b"mine");
    refused(&carrying(&other, &envelope(&other, &[7])), Mismatch);
    // A section that the guest does not have, and a second mark.
    for more in [&b"\x06\x01\0"[..], b"\x01\x01\0"] {
        let file = [&unsigned()[..8], more, &unsigned()[8..]].concat();
        refused(&carrying(&file, &envelope(&file, &[7])), Mismatch);
    }
}

#[test]
fn every_byte_of_the_code_belongs_to_the_guest_or_to_the_bundle() {
    let file = unsigned();
    for at in 8..file.len() {
        let mut other = file.clone();
        other[at] ^= 1;
        if let Ok(layout) = module::layout(&other) {
            let found = layout.guest_s256();
            assert_ne!(found.ok(), Some(sha256(&guest())), "byte {at}");
        }
    }
    let found = module::layout(&file).unwrap().guest_s256();
    assert_eq!(found.unwrap(), sha256(&guest()));
}

#[test]
fn a_guest_can_be_demanded() {
    let (file, guest) = (signed(), sha256(&guest()));
    let detached = envelope(&unsigned(), &[7]).write();
    let codes = |guests: &[[u8; 32]]| {
        let trust = trusting(1, &[7]).demanding(guests.to_vec()).unwrap();
        let bundle =
            module::verify_bundle(BUNDLE, Some(detached.as_bytes()), &trust, &EXPECT, claims);
        let module = module::verify(&file, None, &trust, &EXPECT, claims);
        [module, bundle].map(|result| result.err().map(|error| error.code))
    };
    assert_eq!(codes(&[guest]), [None, None]);
    assert_eq!(codes(&[[0; 32], guest]), [None, None]);
    assert_eq!(codes(&[[0; 32]]), [Some(Guest), Some(Guest)]);
    for guests in [vec![], vec![guest; 33]] {
        let error = trusting(1, &[7]).demanding(guests).unwrap_err();
        assert_eq!(error.code, Trust);
    }
}
