//! What the codes mean and what to do about them: the texts behind `ambit explain`.
//!
//! The sentence for people stands with the code in `ambit-core`; here stands what an operator or
//! a developer needs beyond it.

mod authority;
mod broker;
mod enrolments;
mod gateways;
mod hosts;
mod modules;
mod requests;
mod statements;
mod stores;
mod tokens;

use ambit_core::Reason;

/// A code, explained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advice {
    pub(crate) code: &'static str,
    /// The sentence for people.
    pub(crate) sentence: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
    /// What to do.
    pub(crate) action: &'static str,
}

/// Code, meaning, what to do.
type Row = (&'static str, &'static str, &'static str);

/// The advice for a code; `None` for one that does not exist.
pub(crate) fn find(code: &str) -> Option<Advice> {
    all().find(|advice| advice.code == code)
}

/// All codes, those of denials first.
pub(crate) fn all() -> impl Iterator<Item = Advice> {
    denials()
        .chain(modules())
        .chain(hosts())
        .chain(broker())
        .chain(gateways())
        .chain(stores())
}

/// The codes that an answer can carry, in the order in which the evaluator checks.
pub(crate) fn denials() -> impl Iterator<Item = Advice> {
    let allowed = Advice {
        code: "allowed",
        sentence: "Allowed.",
        meaning: "every block of the token, the agent's manifest and the policy allow this",
        action: "discharge every obligation of the answer, then act with exactly the arguments that were asked",
    };
    let denials = Reason::ALL.iter().map(|reason| {
        let row = rows().find(|(code, _, _)| *code == reason.code());
        let (meaning, action) = row.map_or(("", ""), |(_, meaning, action)| (meaning, action));
        Advice {
            code: reason.code(),
            sentence: reason.sentence(),
            meaning,
            action,
        }
    });
    std::iter::once(allowed).chain(denials)
}

/// The codes with which a policy module is refused before anything is evaluated.
pub(crate) fn modules() -> impl Iterator<Item = Advice> {
    modules::ROWS.iter().map(|&(code, meaning, action)| Advice {
        code,
        sentence: "The policy module is refused.",
        meaning,
        action,
    })
}

/// The codes with which a host's audit log or ledger refuses.
pub(crate) fn hosts() -> impl Iterator<Item = Advice> {
    hosts::ROWS.iter().map(|&(code, meaning, action)| Advice {
        code,
        sentence: "The service cannot write this down or count it.",
        meaning,
        action,
    })
}

/// The codes with which the broker refuses.
pub(crate) fn broker() -> impl Iterator<Item = Advice> {
    broker::ROWS.iter().map(|&(code, meaning, action)| Advice {
        code,
        sentence: "The broker does not grant this.",
        meaning,
        action,
    })
}

/// The codes with which a gateway refuses, where it is not the decision that does.
pub(crate) fn gateways() -> impl Iterator<Item = Advice> {
    gateways::ROWS
        .iter()
        .map(|&(code, meaning, action)| Advice {
            code,
            sentence: "The gateway does not pass this on.",
            meaning,
            action,
        })
}

/// The codes with which a policy is not fetched, pushed or kept.
pub(crate) fn stores() -> impl Iterator<Item = Advice> {
    stores::ROWS.iter().map(|&(code, meaning, action)| Advice {
        code,
        sentence: "The policy does not come from there.",
        meaning,
        action,
    })
}

/// Codes that resemble one that does not exist: a few letters away, or else with the same area or
/// the same last part. The nearest stand first.
pub(crate) fn similar(code: &str) -> Vec<&'static str> {
    /// Letters that may differ in a slip of the fingers.
    const SLIP: usize = 3;
    /// Codes that a person reads through.
    const SHOWN: usize = 6;
    let distance = |known: &str| strsim::damerau_levenshtein(code, known);
    let mut codes: Vec<&str> = all().map(|advice| advice.code).collect();
    codes.sort_by_key(|known| distance(known));
    if codes
        .first()
        .is_some_and(|nearest| distance(nearest) <= SLIP)
    {
        codes.retain(|known| distance(known) <= SLIP);
    } else {
        let area = code.split_once('.').map_or(code, |(area, _)| area);
        codes.retain(|known| known.split('.').any(|part| part == area));
    }
    codes.truncate(SHOWN);
    codes
}

fn rows() -> impl Iterator<Item = Row> {
    let tables = [
        requests::ROWS,
        tokens::ROWS,
        authority::ROWS,
        statements::ROWS,
        enrolments::ROWS,
    ];
    tables.into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_advice() {
        let missing: Vec<&str> = Reason::ALL
            .iter()
            .map(|reason| reason.code())
            .filter(|code| !rows().any(|(known, _, _)| known == *code))
            .collect();
        assert!(missing.is_empty(), "without advice: {missing:?}");
    }

    #[test]
    fn every_advice_has_its_reason_and_only_one() {
        for (code, meaning, action) in rows() {
            assert!(
                Reason::ALL.iter().any(|reason| reason.code() == code),
                "no reason `{code}`"
            );
            assert_eq!(
                rows().filter(|(other, _, _)| *other == code).count(),
                1,
                "`{code}` twice"
            );
            assert!(
                !meaning.is_empty() && !action.is_empty(),
                "`{code}` says nothing"
            );
        }
    }

    /// Codes stand in the gateways' sources as texts.
    #[test]
    fn every_code_of_the_gateways_is_explained() {
        let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../ambit-gateway/src");
        let mut folders = vec![std::path::PathBuf::from(sources)];
        let mut codes = std::collections::BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let is_code = |part: &&str| {
                    let area = part.split_once('.').filter(|(_, rest)| {
                        !rest.is_empty()
                            && rest
                                .bytes()
                                .all(|one| one == b'_' || one.is_ascii_lowercase())
                    });
                    area.is_some_and(|(area, _)| {
                        ["approval", "forward", "mcp", "pdp", "proxy", "tls"].contains(&area)
                    })
                };
                codes.extend(text.split('"').filter(is_code).map(str::to_owned));
            }
        }
        // A host's name.
        codes.remove("pdp.example");
        let missing: Vec<&String> = codes.iter().filter(|code| find(code).is_none()).collect();
        assert!(
            codes.len() > 12 && missing.is_empty(),
            "{missing:?} of {codes:?}"
        );
    }

    #[test]
    fn a_wrong_code_leads_to_near_ones() {
        assert!(similar("token.expird").contains(&"token.expired"));
        assert!(similar("expired").contains(&"policy.expired"));
        assert!(similar("nonsense").is_empty());
    }
}
