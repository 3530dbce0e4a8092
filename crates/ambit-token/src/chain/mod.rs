//! The capability chain: 1 to 5 JWS compact blocks joined by `~`.
//!
//! [`UnverifiedToken::verify`] is docs/token.md's "Verification", steps 1 to 5: the blocks one
//! after the other, in each block the steps one after the other, the first fault is the reason.
//! Step 6 (audience and entries) needs a request and is the evaluator's.

mod cache;
mod claims;
mod derive;
mod header;
mod links;
mod verified;
mod verify;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use ambit_core::limits::{Limits, TOKEN_BLOCKS, TOKEN_BYTES};
use ambit_core::{Reason, grammar, place, rsplit_once, split, split_once};

pub use cache::{ChainCache, KnownChain};
pub use verified::{Block, VerifiedToken};

use crate::base64::{self, URL};
use crate::error::TokenError;

/// A chain as it came: taken apart, nothing verified, nothing to be read.
#[derive(Debug)]
pub struct UnverifiedToken<'c> {
    chain: &'c str,
    blocks: Vec<Result<Parts<'c>, Box<Fault>>>,
    /// The decoded payloads of all blocks, one after the other.
    payloads: Vec<u8>,
}

/// The three parts of a block.
#[derive(Clone, Debug)]
struct Parts<'c> {
    signing_input: &'c [u8],
    header: &'c [u8],
    signature: &'c [u8],
    /// Where the decoded payload stands in [`UnverifiedToken::payloads`].
    payload: Range<usize>,
}

impl<'c> UnverifiedToken<'c> {
    /// Takes a chain apart. Faults of single blocks are kept and reported by [`Self::verify`] when
    /// it is their turn.
    ///
    /// # Errors
    ///
    /// [`Reason::TokenSize`] when the chain is longer, in bytes or blocks, than `limits` allow.
    pub fn parse(chain: &'c str, limits: &Limits) -> Result<Self, TokenError> {
        let too_large = |detail| Err(TokenError::new(Reason::TokenSize, 0, detail));
        if chain.len() > limits.token_bytes.min(TOKEN_BYTES) {
            return too_large("the chain has too many bytes");
        }
        let most = limits.token_blocks.min(TOKEN_BLOCKS);
        let mut blocks = Vec::with_capacity(most);
        let mut payloads = Vec::with_capacity(chain.len());
        for block in split(chain, b'~') {
            if blocks.len() >= most {
                return too_large("the chain has too many blocks");
            }
            blocks.push(Parts::split(block, &mut payloads));
        }
        Ok(Self {
            chain,
            blocks,
            payloads,
        })
    }
}

impl<'c> Parts<'c> {
    fn split(block: &'c str, payloads: &mut Vec<u8>) -> Result<Self, Box<Fault>> {
        let format = || Fault::new(Reason::TokenFormat, "a block has exactly three parts");
        // From both ends: the payload, by far the longest part, is then read only once.
        let (signing_input, signature) = rsplit_once(block, b'.').ok_or_else(format)?;
        let (header, payload) = split_once(signing_input, ".").ok_or_else(format)?;
        let payload = match decode_behind(payload.as_bytes(), payloads) {
            None if place(payload.as_bytes(), b'.').is_some() => return Err(format()),
            decoded => decoded.ok_or_else(Fault::base64)?,
        };
        Ok(Self {
            signing_input: signing_input.as_bytes(),
            header: header.as_bytes(),
            signature: signature.as_bytes(),
            payload,
        })
    }
}

/// Appends what `text` stands for to `buffer`. A point is no character of base64url.
fn decode_behind(text: &[u8], buffer: &mut Vec<u8>) -> Option<Range<usize>> {
    let start = buffer.len();
    let end = start.checked_add(base64::decoded_len(text.len())?)?;
    buffer.resize(end, 0);
    base64::decode_into(text, buffer.get_mut(start..)?, &URL).then_some(start..end)
}

/// What is wrong with a block.
#[derive(Clone, Debug)]
struct Fault {
    reason: Reason,
    detail: Detail,
}

#[derive(Clone, Debug)]
enum Detail {
    Is(&'static str),
    /// About the claim with this name.
    Claim(&'static str, &'static str),
    /// How the claim with this name differs from its form.
    Form(&'static str, Box<grammar::Fault>),
}

impl Fault {
    fn of(reason: Reason, detail: Detail) -> Box<Self> {
        Box::new(Self { reason, detail })
    }

    fn new(reason: Reason, detail: &'static str) -> Box<Self> {
        Self::of(reason, Detail::Is(detail))
    }

    fn claim(reason: Reason, name: &'static str, what: &'static str) -> Box<Self> {
        Self::of(reason, Detail::Claim(name, what))
    }

    fn form(reason: Reason, name: &'static str, fault: Box<grammar::Fault>) -> Box<Self> {
        Self::of(reason, Detail::Form(name, fault))
    }

    fn base64() -> Box<Self> {
        Self::new(Reason::TokenBase64, "a part is not canonical base64url")
    }

    fn in_block(&self, block: usize) -> TokenError {
        let detail = match &self.detail {
            Detail::Is(detail) => (*detail).into(),
            Detail::Claim(name, what) => alloc::format!("`{name}` {what}"),
            Detail::Form(name, fault) => fault.clone().within(name),
        };
        TokenError::new(self.reason, block, detail)
    }
}
