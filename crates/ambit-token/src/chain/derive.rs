//! What a holder signs to pass a chain on.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Profile};
use ambit_core::limits::{Limits, TOKEN_BLOCKS};

use super::claims::{CNF, Claims, IAT};
use super::header::TYP;
use super::verified::Block;
use super::verify::json_fault;
use super::{Fault, UnverifiedToken, links};
use crate::error::TokenError;
use crate::key::PublicKey;
use crate::signing::{Header, Unsigned, with};
use crate::{base64url, jwk};

impl UnverifiedToken<'_> {
    /// The holder's key of the last block. Nothing is verified: it is for the holder, who was given the
    /// chain.
    pub(crate) fn last_holder(&self) -> Result<PublicKey, TokenError> {
        let blocks = self.unverified()?;
        let last = blocks.last().map(|block| *block.holder());
        last.ok_or_else(|| TokenError::new(Reason::TokenFormat, 0, "the chain has no blocks"))
    }

    /// A further block with these claims, to be signed by the key of the last one. `iss`, `par_hash`,
    /// `del_depth` and `del_max_depth` are filled in where they are absent.
    ///
    /// The chain's own signatures are not verified. What docs/token.md, step 5 asks of the new block is, at
    /// its own `iat`.
    pub(crate) fn derive(&self, claims: Json<'_>) -> Result<Unsigned, TokenError> {
        let blocks = self.unverified()?;
        let depth = blocks.len();
        let in_block = |fault: Box<Fault>| fault.in_block(depth);
        let Some(parent) = blocks.last().filter(|_| depth < TOKEN_BLOCKS) else {
            let detail = "the chain has as many blocks as there may be";
            return Err(in_block(Fault::new(Reason::ChainDepth, detail)));
        };
        let text = with(claims, &mut |out| {
            let absent = |name| claims.get(name).is_none();
            if absent("iss") {
                let thumbprint = parent.holder().thumbprint();
                out.name("iss")
                    .string(&format!("{}{thumbprint}", jwk::THUMBPRINT_URN));
            }
            if absent("par_hash") {
                let digest = base64url::encode(&parent.signing_input_s256());
                out.name("par_hash").string(&digest);
            }
            if absent("del_depth") {
                out.name("del_depth")
                    .integer(i64::try_from(depth).unwrap_or(i64::MAX));
            }
            if absent("del_max_depth") {
                out.name("del_max_depth").integer(parent.del_max_depth());
            }
        });
        let document = Document::parse(text.as_bytes(), Profile::Signed)
            .map_err(|error| in_block(json_fault(&error)))?;
        let block = Claims::check(document, false).map_err(in_block)?;
        holder(&block).map_err(in_block)?;
        let now = block.integer(IAT).unwrap_or(i64::MAX);
        links::check_times(&block, false, now, &Limits::default()).map_err(in_block)?;
        links::check_derived(&block, &blocks, parent).map_err(in_block)?;
        let header = Header {
            alg: parent.holder().alg(),
            typ: TYP,
            kid: None,
            jwk: None,
        };
        Ok(header.over(block.root()))
    }

    /// The blocks as they claim to be.
    fn unverified(&self) -> Result<Vec<Block<'_>>, TokenError> {
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for (at, parts) in self.blocks.iter().enumerate() {
            let parts = parts.as_ref().map_err(|fault| fault.in_block(at))?;
            let bytes = self.payloads.get(parts.payload.clone()).unwrap_or_default();
            let read = || {
                let document = Document::parse(bytes, Profile::Signed);
                let document = document.map_err(|error| json_fault(&error))?;
                let claims = Claims::check(document, at == 0)?;
                let holder = holder(&claims)?;
                Ok(Block::new(claims, parts.signing_input, holder))
            };
            blocks.push(read().map_err(|fault: Box<Fault>| fault.in_block(at))?);
        }
        Ok(blocks)
    }
}

fn holder(claims: &Claims<'_>) -> Result<PublicKey, Box<Fault>> {
    let key = claims.get(CNF).and_then(|cnf| cnf.get("jwk"));
    key.and_then(PublicKey::from_jwk)
        .filter(PublicKey::is_usable)
        .ok_or_else(|| Fault::new(Reason::TokenCnf, "the holder's key is not usable"))
}
