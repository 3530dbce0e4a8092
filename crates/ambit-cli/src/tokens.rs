//! Tokens as they come: read for people, not verified.

use ambit_core::json::{Document, Profile};
use ambit_core::limits::{TOKEN_BLOCKS, TOKEN_BYTES};
use ambit_token::base64url;

use crate::failure::Failure;
use crate::files::Input;

/// Bytes read of a file that should hold a token: a token and some white space.
const TOKEN_FILE: usize = TOKEN_BYTES + 1024;

/// Reads a token from a file or standard input, without the white space around it.
pub(crate) fn read(input: &Input) -> Result<String, Failure> {
    let bytes = input.read(TOKEN_FILE)?;
    text(&bytes)
        .map(str::to_owned)
        .map_err(|failure| failure.at_place(input.name()))
}

/// The text of a token: one line of ASCII.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Failure> {
    let text = std::str::from_utf8(bytes)
        .map(str::trim)
        .unwrap_or_default();
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    if text.is_empty() || !plain {
        return Err(not_a_token());
    }
    Ok(text)
}

fn not_a_token() -> Failure {
    Failure::unusable("token.format", "neither a policy module nor a token")
        .help("a token is one line of 1 to 5 blocks (`header.claims.signature`), joined by `~`")
}

/// One block, decoded and nothing more.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) header: Vec<u8>,
    pub(crate) claims: Vec<u8>,
}

/// The blocks of a chain.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) blocks: Vec<Block>,
}

impl Chain {
    pub(crate) fn decode(chain: &str) -> Result<Self, Failure> {
        let blocks: Option<Vec<Block>> =
            chain.split('~').take(TOKEN_BLOCKS + 1).map(block).collect();
        let blocks = blocks.filter(|blocks| blocks.len() <= TOKEN_BLOCKS);
        blocks.map(|blocks| Self { blocks }).ok_or_else(not_a_token)
    }
}

fn block(text: &str) -> Option<Block> {
    let mut parts = text.split('.');
    let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let header = base64url::decode(header.as_bytes())?;
    let claims = base64url::decode(claims.as_bytes())?;
    Some(Block { header, claims })
}

impl Block {
    /// Header and claims as strict JSON.
    pub(crate) fn documents(&self) -> Result<(Document<'_>, Document<'_>), Failure> {
        let parse = |bytes, what: &str| {
            Document::parse(bytes, Profile::Signed).map_err(|error| {
                Failure::unusable(
                    "token.json",
                    format!("the {what} of a block is not strict JSON: {error}"),
                )
            })
        };
        Ok((
            parse(&self.header, "header")?,
            parse(&self.claims, "claims")?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_apart() {
        let chain = Chain::decode("e30.eyJhIjoxfQ.AA").unwrap();
        assert_eq!(chain.blocks.len(), 1);
        assert_eq!(chain.blocks[0].claims, br#"{"a":1}"#);
        let (_, claims) = chain.blocks[0].documents().unwrap();
        assert_eq!(claims.root().len(), 1);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for token in [
            "",
            "e30",
            "e30.e30",
            "e30.e30.e30.e30",
            "e30.e3 0.AA",
            "a.b.c~",
            "e30=.e30.AA",
        ] {
            let chain = text(token.as_bytes()).and_then(Chain::decode);
            assert!(chain.is_err(), "{token}");
        }
    }
}
