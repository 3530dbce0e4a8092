//! What faults are planted into, and who looks for them.

use std::path::Path;

/// Sources, and the programs that must find what is planted there.
#[derive(Debug)]
pub(super) struct Group {
    pub name: &'static str,
    /// Folders and files, from the root.
    pub sources: &'static [&'static str],
    /// From the quickest to the slowest.
    pub hunters: &'static [Hunter],
}

/// A program that looks for a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hunter {
    /// The Cedar judge: a short look.
    Glance,
    /// The same, as long as was asked for.
    Judge,
    /// The unit tests of a package.
    Unit(&'static str),
    /// A test target of a package.
    Test(&'static str, &'static str),
}

use Hunter::{Glance, Judge, Test, Unit};

const CONFORMANCE: Hunter = Test("ambit-tests", "conformance");
const HOST_RULES: Hunter = Test("ambit-tests", "host_rules");
const THREATS: Hunter = Test("ambit-tests", "threats");

pub(super) const GROUPS: [Group; 6] = [
    Group {
        name: "cedar",
        sources: &["crates/ambit-policy/src/cedar"],
        hunters: &[
            Glance,
            Unit("ambit-policy"),
            Test("ambit-tests", "cedar_input"),
            Test("ambit-tests", "cedar_entities"),
            Test("ambit-tests", "cedar_steps"),
            Test("ambit-policy", "cedar_forged"),
            Test("ambit-tests", "program_bytes"),
            Judge,
        ],
    },
    Group {
        name: "core",
        sources: &["crates/ambit-core/src"],
        hunters: &[
            Unit("ambit-core"),
            Test("ambit-core", "constraints"),
            Test("ambit-core", "capability"),
            Test("ambit-core", "characters"),
            CONFORMANCE,
            Test("ambit-tests", "consent"),
            Test("ambit-core", "laws"),
            Test("ambit-core", "peers"),
            Test("ambit-core", "consent"),
        ],
    },
    Group {
        name: "token",
        sources: &["crates/ambit-token/src"],
        hunters: &[
            Test("ambit-compiler", "artefacts"),
            CONFORMANCE,
            THREATS,
            Unit("ambit-token"),
            Test("ambit-token", "it"),
        ],
    },
    Group {
        name: "evaluator",
        sources: &["crates/ambit-evaluator/src", "crates/ambit-advice/src"],
        hunters: &[
            Unit("ambit-evaluator"),
            CONFORMANCE,
            Test("ambit-tests", "consent"),
            THREATS,
            Test("ambit-tests", "shown"),
            HOST_RULES,
            Test("ambit-compiler", "artefacts"),
            Test("ambit-tests", "alternatives"),
        ],
    },
    Group {
        name: "compiler",
        sources: &[
            "crates/ambit-compiler/src/project",
            "crates/ambit-compiler/src/schema",
            "crates/ambit-compiler/src/mint",
            "crates/ambit-compiler/src/cedar/safety.rs",
        ],
        hunters: &[
            Unit("ambit-compiler"),
            Test("ambit-compiler", "project"),
            Test("ambit-compiler", "artefacts"),
            Test("ambit-compiler", "parsed_or_refused"),
            CONFORMANCE,
        ],
    },
    Group {
        name: "host",
        sources: &[
            "crates/ambit-enforce/src/audit",
            "crates/ambit-enforce/src/enforce.rs",
            "crates/ambit-enforce/src/heard.rs",
            "crates/ambit-enforce/src/ledger",
            "crates/ambit-enforce/src/status",
            "crates/ambit-enforce/src/wire/epochs.rs",
            "crates/ambit-enforce/src/wire/log.rs",
            "crates/ambit-enforce/src/wire/status.rs",
            "host/src/audit",
            "host/src/enforce.rs",
            "host/src/ledger",
            "host/src/status.rs",
        ],
        hunters: &[
            Test("ambit-enforce", "vectors"),
            Unit("ambit-host"),
            Test("ambit-host", "enforce"),
            Test("ambit-host", "leases"),
            Test("ambit-host", "ledger"),
            Test("ambit-host", "status"),
            Test("ambit-host", "audit"),
            HOST_RULES,
        ],
    },
];

impl Group {
    /// Whether a file, from the root, belongs to it.
    pub(super) fn has(&self, file: &Path) -> bool {
        self.sources.iter().any(|source| file.starts_with(source))
    }
}

impl Hunter {
    /// How it is called in reports.
    pub(super) fn name(self) -> String {
        match self {
            Self::Glance | Self::Judge => "the judge".to_owned(),
            Self::Unit(package) => format!("unit tests of {package}"),
            Self::Test(_, target) => format!("`{target}`"),
        }
    }
}
