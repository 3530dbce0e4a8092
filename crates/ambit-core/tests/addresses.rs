//! Our reader and writer of network addresses beside those of `core::net`.

use std::net::{Ipv4Addr, Ipv6Addr};

use ambit_core::address::{parse_v4, parse_v6, v4_text, v6_text};
use proptest::prelude::*;

fn compare(text: &str) {
    let v4 = text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits);
    assert_eq!(parse_v4(text), v4, "{text:?}");
    let v6 = text.parse::<Ipv6Addr>().ok().map(Ipv6Addr::to_bits);
    assert_eq!(parse_v6(text), v6, "{text:?}");
}

#[test]
fn every_short_text_is_read_alike() {
    // All texts of up to seven of these: every place of `::`, of an empty group and of a point.
    let mut texts = vec![String::new()];
    for _ in 0..7 {
        texts = texts
            .iter()
            .flat_map(|text| ["0", "1f", ":", ".", "::"].map(|more| format!("{text}{more}")))
            .collect();
        for text in &texts {
            compare(text);
        }
    }
    for text in [
        "256.1.1.1",
        "1.2.3.4",
        "01.2.3.4",
        "1.2.3.+4",
        "00.0.0.0",
        "+1::",
        "12345::",
        "::%1",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:1.2.3.4",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1.2.3.4::",
        "::1.2.3.4:1",
        ":::",
        "é::",
    ] {
        compare(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn addresses_are_written_and_read_alike(mut groups in any::<[u16; 8]>(), zero in any::<u8>()) {
        for (at, group) in groups.iter_mut().enumerate() {
            if zero >> at & 1 == 1 {
                *group = 0;
            }
        }
        let address = Ipv6Addr::from(groups);
        let text = v6_text(address.to_bits());
        prop_assert_eq!(parse_v6(&text), Some(address.to_bits()));
        let theirs = address.to_string();
        prop_assert!(text == theirs || theirs.contains('.'), "{} {}", text, theirs);
        compare(&theirs);
        let v4 = Ipv4Addr::new(groups[0] as u8, groups[1] as u8, 0, groups[2] as u8);
        prop_assert_eq!(v4_text(v4.to_bits()), v4.to_string());
        compare(&v4.to_string());
    }

    #[test]
    fn mutated_texts_are_read_alike(groups in any::<[u16; 8]>(), at in 0_usize..40, new in "[0-9a-fA-F:.%/+x ]{0,3}", cut in 0_usize..3) {
        let mut text: Vec<char> = Ipv6Addr::from(groups).to_string().chars().collect();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, new.chars());
        compare(&text.into_iter().collect::<String>());
    }
}
