//! The worked examples of `docs/`: every block marked `json case` is a group of conformance cases.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use ambit_core::Steps;
use ambit_core::constraint::matches;
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

/// Each network that the page lists is left out to both of its ends, and none is forgotten: the address beyond an
/// end is public or in another network of the list.
#[test]
fn the_page_lists_what_public_leaves_out() {
    let page = fs::read_to_string(workspace().join("docs/token.md")).expect("the page is there");
    let (_, rest) = page.split_once("`public` stands for").expect("the list");
    let (lists, rest) = rest.split_once("So `192").expect("the list ends");
    let (reachable, _) = rest.split_once("is public.").expect("and what is public");
    let (_, reachable) = reachable.split_once("AS112").expect("by name");
    let networks = |text: &str| -> Vec<(IpAddr, u32)> {
        let quoted = text.split('`').skip(1).step_by(2);
        let networks = quoted.filter_map(|one| one.split_once('/'));
        let read = |(at, length): (&str, &str)| Some((at.parse().ok()?, length.parse().ok()?));
        networks
            .filter_map(read)
            .filter(|one| one.1 != 3 || one.0 != IpAddr::from([0x2000, 0, 0, 0, 0, 0, 0, 0]))
            .collect()
    };
    let left_out = networks(lists);
    assert_eq!(left_out.len(), 21, "{left_out:?}");
    let is_listed = |address: IpAddr| {
        left_out.iter().any(|one| {
            let (first, last) = ends(*one);
            first.is_ipv4() == address.is_ipv4() && first <= address && address <= last
        })
    };
    for network in &left_out {
        let (first, last) = ends(*network);
        assert!(!is_public(first) && !is_public(last), "{network:?}");
        for beyond in [step(first, -1), step(last, 1)].into_iter().flatten() {
            assert_eq!(
                is_public(beyond),
                !is_listed(beyond),
                "{beyond} beside {network:?}"
            );
        }
    }
    let reachable = networks(reachable);
    assert_eq!(reachable.len(), 4, "{reachable:?}");
    for network in reachable {
        let (first, last) = ends(network);
        assert!(is_public(first) && is_public(last), "{network:?}");
    }
}

fn is_public(address: IpAddr) -> bool {
    let spec = br#"{"constraint_type":"cidr","ranges":["public"]}"#;
    let spec = Document::parse(spec, Profile::Signed).expect("JSON");
    let text = format!("\"{address}\"");
    let value = Document::parse(text.as_bytes(), Profile::Request).expect("JSON");
    matches(spec.root(), Some(value.root()), &Steps::new())
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn address((bits, family): (u128, u32)) -> Option<IpAddr> {
    match family {
        32 => Some(Ipv4Addr::from_bits(bits.try_into().ok()?).into()),
        _ => Some(Ipv6Addr::from_bits(bits).into()),
    }
}

fn step(from: IpAddr, by: i128) -> Option<IpAddr> {
    let (bits, family) = bits(from);
    address((bits.checked_add_signed(by)?, family))
}

fn ends((network, length): (IpAddr, u32)) -> (IpAddr, IpAddr) {
    let (first, family) = bits(network);
    let host = u128::MAX.checked_shr(128 - (family - length)).unwrap_or(0);
    (
        network,
        address((first | host, family)).expect("an address"),
    )
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
