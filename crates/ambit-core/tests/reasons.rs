//! `docs/reasons.md` is written from the list of reasons. `AMBIT_BLESS=1` writes it anew.

use std::fs;
use std::path::Path;

use ambit_core::Reason;

const HEAD: &str = "\
# Reasons

Every code that an answer can carry, with what it is over HTTP (`decision.md`, section 3) and the sentence
for people. A code never changes its meaning. `ambit explain CODE` says what to do. This page is written by a
test from `crates/ambit-core/src/reason.rs`.

| code | HTTP | sentence |
|---|---|---|
";

#[test]
fn the_page_lists_every_reason() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reasons.md");
    let rows = Reason::ALL.iter().map(|reason| {
        let (code, http, user) = (reason.code(), reason.told(), reason.sentence());
        format!("| `{code}` | {http:?} | {user} |\n")
    });
    let page = HEAD.to_owned() + &rows.collect::<String>();
    if std::env::var_os("AMBIT_BLESS").is_some() {
        fs::write(&path, &page).expect("the page can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/reasons.md is old: run with AMBIT_BLESS=1"
    );
}
