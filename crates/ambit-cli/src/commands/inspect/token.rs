//! A token, for people.

use ambit_core::json::{Json, Writer};
use ambit_policy::Bundle;

use super::View;
use crate::claims;
use crate::failure::Failure;
use crate::say::{Page, WARN, foreign};
use crate::tokens::Chain;
use crate::{time, words};

/// Everything that a token says.
pub(super) fn show(
    chain: &Chain,
    bundle: Option<&Bundle<'_>>,
    json: bool,
) -> Result<View, Failure> {
    if json {
        return as_json(chain, bundle).map(View::Json);
    }
    let mut page = Page::new();
    page.line(format!(
        "{WARN}not verified{WARN:#}: signatures, keys, times and links are not checked here"
    ));
    for (depth, block) in chain.blocks.iter().enumerate() {
        let (header, content) = block.documents()?;
        page.heading(&if depth == 0 {
            "Token".to_owned()
        } else {
            format!("Passed on ({depth})")
        });
        if let Some(kid) = header.root().get("kid").and_then(Json::as_str) {
            page.field("signed with", foreign(kid, 200));
        }
        claims::describe(&mut page, content.root(), bundle, time::now());
    }
    if chain.blocks.len() > 1 {
        page.heading(
            "A request needs every block: what one of them does not grant, the token does not.",
        );
    }
    Ok(View::Page(page))
}

fn as_json(chain: &Chain, bundle: Option<&Bundle<'_>>) -> Result<String, Failure> {
    let mut blocks = Writer::default();
    for block in &chain.blocks {
        let (header, content) = block.documents()?;
        blocks.object(|out| {
            out.name("header").json(header.root());
            out.name("claims").json(content.root());
            out.name("capabilities").array(|out| {
                for capability in claims::capabilities(content.root()) {
                    out.string(&words::capability(bundle, capability));
                }
            });
        });
    }
    let blocks = blocks.finish();
    Ok(format!(
        "{{\"kind\":\"token\",\"verified\":false,\"blocks\":[{blocks}]}}\n"
    ))
}
