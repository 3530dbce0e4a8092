//! The worked examples of `docs/`: every block marked `json case` is a group of conformance cases.

use std::fs;
use std::path::Path;

use ambit_core::json::{Document, Profile, Writer, canonical};
use ambit_host::{Evaluator as _, NativeEngine};
use ambit_tests::case::{Case, read_groups};
use ambit_tests::project::SignedPolicy;
use ambit_tests::statement::s256;
use ambit_tests::{suites, workspace};

/// The pages that make up the specification.
const PAGES: [&str; 2] = ["policy.md", "token.md"];
/// Begins a block of cases.
const FENCE: &str = "```json case";

#[test]
fn the_worked_examples_come_out_as_the_pages_say() {
    for page in PAGES {
        let cases = examples(&workspace().join("docs").join(page));
        assert!(!cases.is_empty(), "{page} has no worked example");
        for case in cases {
            check(&case).unwrap_or_else(|why| panic!("{}: {why}", case.name));
        }
    }
}

fn examples(page: &Path) -> Vec<Case> {
    let name = page.file_stem().unwrap_or_default().to_string_lossy();
    let text =
        fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let blocks = text.split(FENCE).skip(1).map(|rest| {
        let (block, _) = rest.split_once("```").expect("a block ends");
        serde_json::from_str(block).unwrap_or_else(|error| panic!("{name}: {error}: {block}"))
    });
    let templates = suites().join("conformance/templates");
    blocks
        .flat_map(|group| {
            read_groups(group, &name, &templates).unwrap_or_else(|why| panic!("{why}"))
        })
        .collect()
}

#[test]
fn the_worked_digest_is_the_one_of_its_text() {
    let page = fs::read_to_string(workspace().join("docs/token.md")).expect("the page is there");
    let (_, rest) = page
        .split_once("```json digest ")
        .expect("the page has a digest");
    let (expected, rest) = rest.split_once('\n').expect("the digest ends its line");
    let (text, _) = rest.split_once("```").expect("the block ends");
    let text = text.replace('\n', "");
    let document = Document::parse(text.as_bytes(), Profile::Signed).expect("the text is JSON");
    let mut canonical_form = Writer::default();
    assert!(canonical(document.root(), &mut canonical_form));
    assert_eq!(
        canonical_form.finish(),
        text,
        "the text is in RFC 8785 form"
    );
    assert_eq!(s256(text.as_bytes()), expected);
}

fn check(case: &Case) -> Result<(), String> {
    let policy = SignedPolicy::make(&case.policy)?;
    let request = case.request(&policy.bundle_s256())?;
    let answer = NativeEngine::new(&policy.load()?).evaluate(&request);
    case.expect.check(answer.as_bytes(), &request)
}
