//! Runs one test vector through the pure crates.
//!
//! The same function is called natively and inside a wasm module (`wasm32v1-none`, so there is no
//! `std` to lean on); `cargo xtask vectors` compares the two answers byte for byte. What is expected
//! stays outside: this crate only says what the code under test answers.
// Natively the `cdylib` half of this crate needs a panic handler, which only `std` has.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod abi;
mod case;
pub mod cedar;
mod chain;

use alloc::string::{String, ToString as _};

use ambit_core::Steps;
use ambit_core::constraint;
use ambit_core::json::{Document, Profile, Writer};

pub use case::Case;

/// Runs an encoded [`Case`] and returns the answer as JSON text.
#[must_use]
pub fn run(encoded: &[u8]) -> String {
    let Some(case) = Case::decode(encoded) else {
        return r#"{"fault":"this is no encoded case"}"#.to_string();
    };
    let mut out = Writer::default();
    match case {
        Case::Chain {
            trust,
            chain,
            now,
            request,
        } => chain::run(trust, chain, now, request, &mut out),
        Case::Constraint { constraint, value } => match_constraint(constraint, value, &mut out),
        Case::Ed25519 {
            public,
            message,
            signature,
        } => verify(public, message, signature, &mut out),
        Case::Es256 {
            public,
            message,
            signature,
        } => {
            let valid = <&[u8; 64]>::try_from(public)
                .is_ok_and(|public| ambit_token::es256::verify(public, message, signature));
            out.object(|out| {
                out.name("valid").boolean(valid);
            });
        }
        Case::Proof {
            proof,
            chain,
            holder,
            method,
            url,
            now,
        } => chain::prove(proof, holder, (chain, method, url, now), &mut out),
        Case::Json { text } => read(text, &mut out),
    }
    out.finish()
}

/// `{"match": bool}`. A constraint stands in signed data and a value in a request; a text that
/// cannot stand there never matches.
fn match_constraint(constraint: &[u8], value: Option<&[u8]>, out: &mut Writer) {
    let spec = Document::parse(constraint, Profile::Signed);
    let value = value.map(|text| Document::parse(text, Profile::Request));
    let matches = match (&spec, &value) {
        (Ok(spec), None) => constraint::matches(spec.root(), None, &Steps::new()),
        (Ok(spec), Some(Ok(value))) => {
            constraint::matches(spec.root(), Some(value.root()), &Steps::new())
        }
        _ => false,
    };
    out.object(|out| {
        out.name("match").boolean(matches);
    });
}

/// `{"valid": bool}`
fn verify(public: &[u8], message: &[u8], signature: &[u8], out: &mut Writer) {
    let valid = <&[u8; 32]>::try_from(public)
        .is_ok_and(|public| ambit_token::ed25519::verify_strict(public, message, signature));
    out.object(|out| {
        out.name("valid").boolean(valid);
    });
}

/// `{"request": "ok" or the broken rule, "signed": the same}`
fn read(text: &[u8], out: &mut Writer) {
    out.object(|out| {
        for (name, profile) in [("request", Profile::Request), ("signed", Profile::Signed)] {
            let outcome = Document::parse(text, profile);
            out.name(name)
                .string(outcome.map_or_else(|error| error.kind.name(), |_| "ok"));
        }
    });
}
