//! What the fuzz targets start from, made from real policies each time: nothing binary is kept in
//! the repository.

use std::fs;
use std::path::Path;

use ambit_compiler::cedar::{Options, compile};
use ambit_tests::case::{Case, read_all};
use ambit_tests::project::SignedPolicy;
use ambit_tests::suites;
use cedar_policy::{PolicySet, Schema};

/// Policies and schema of the typed program; the untyped one is made of the same policies.
const POLICIES: &str = include_str!("../../fuzz/seeds/policies.cedar");
const SCHEMA: &str = include_str!("../../fuzz/seeds/schema.cedarschema");
/// Requests in Cedar's form, one a line.
const REQUESTS: &str = include_str!("../../fuzz/seeds/requests.jsonl");
/// Cases of the conformance suite whose requests are seeds; the rest is found by mutation.
const CASES: usize = 60;

/// Writes `fixed/` and a folder of seeds for each target below `folder`.
pub(crate) fn write(folder: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(folder);
    let seeds = Seeds(folder);
    seeds.programs()?;
    seeds.decisions()
}

/// The folder that everything lies in.
struct Seeds<'s>(&'s Path);

impl Seeds<'_> {
    fn put(&self, target: &str, name: &str, bytes: &[u8]) -> Result<(), String> {
        let folder = self.0.join(target);
        let written =
            fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(name), bytes));
        written.map_err(|error| format!("`{}`: {error}", folder.display()))
    }

    /// Compiled Cedar: for `program` alone and with each request behind it.
    fn programs(&self) -> Result<(), String> {
        let policies: PolicySet = POLICIES.parse().map_err(|error| format!("{error}"))?;
        let (schema, _) =
            Schema::from_cedarschema_str(SCHEMA).map_err(|error| error.to_string())?;
        let one: PolicySet = "permit(principal, action, resource);"
            .parse()
            .map_err(|error| format!("{error}"))?;
        let programs = [
            ("typed", &policies, Some(&schema)),
            ("untyped", &policies, None),
            ("small", &one, None),
        ];
        for (name, policies, schema) in programs {
            let program = compile(
                policies,
                Options {
                    schema,
                    validated: false,
                },
            )
            .map_err(|error| error.to_string())?;
            self.put("fixed", &format!("{name}.program"), &program)?;
            for target in ["program", "program_unverified"] {
                self.put(target, name, &program)?;
                for (number, request) in REQUESTS.lines().enumerate() {
                    let both = [&program, request.as_bytes()].concat();
                    self.put(target, &format!("{name}-{number}"), &both)?;
                }
            }
        }
        for (number, request) in REQUESTS.lines().enumerate() {
            let request = request.as_bytes();
            self.put("fixed", &format!("{number}.cedar"), request)?;
            self.put("request", &format!("cedar-{number}"), request)?;
            self.put("json", &format!("cedar-{number}"), request)?;
        }
        Ok(())
    }

    /// Bundle, module, requests and tokens of the conformance suite.
    fn decisions(&self) -> Result<(), String> {
        let cases = read_all(&suites().join("conformance"))?;
        let first = cases.first().ok_or("the conformance suite is empty")?;
        let guarded = cases.iter().find(|case| case.policy.project == "guarded");
        let guarded = SignedPolicy::make(&guarded.ok_or("no case has guard rails")?.policy)?;
        self.put("fixed", "guarded.bundle", guarded.bundle())?;
        self.put("bundle", "guarded", guarded.bundle())?;
        let policy = SignedPolicy::make(&first.policy)?;
        self.put("fixed", "acme.bundle", policy.bundle())?;
        self.put("fixed", "keys.trust", policy.trust().as_bytes())?;
        self.put(
            "fixed",
            "first.request",
            &first.request(&policy.bundle_s256())?,
        )?;
        self.put("bundle", "acme", policy.bundle())?;
        let module = fs::read(policy.file()).map_err(|error| error.to_string())?;
        self.put("module", "carried", &module)?;
        let (_, envelope) = policy.detached()?;
        self.put("module", "envelope", &envelope)?;
        let spread = cases.iter().step_by((cases.len() / CASES).max(1));
        for (number, case) in spread.enumerate() {
            self.request(number, case, &policy)?;
        }
        Ok(())
    }

    fn request(&self, number: usize, case: &Case, policy: &SignedPolicy) -> Result<(), String> {
        let request = case.request(&policy.bundle_s256())?;
        let name = format!("case-{number}");
        self.put("request", &name, &request)?;
        self.put("json", &name, &request)?;
        let Ok(request) = serde_json::from_slice::<serde_json::Value>(&request) else {
            return Ok(());
        };
        let Some(token) = request.get("token").and_then(serde_json::Value::as_str) else {
            return Ok(());
        };
        self.put("token", &name, token.as_bytes())?;
        match unsigned(token) {
            Some(blocks) => self.put("token", &format!("{name}-signed"), blocks.as_bytes()),
            None => Ok(()),
        }
    }
}

/// The blocks of a chain in the form that the target signs itself.
fn unsigned(token: &str) -> Option<String> {
    let mut text = "s".to_owned();
    for block in token.split('~') {
        let mut parts = block.split('.').map(|part| {
            let bytes = ambit_token::base64url::decode(part.as_bytes())?;
            String::from_utf8(bytes).ok()
        });
        text.push_str(&format!("{}\t{}\n", parts.next()??, parts.next()??));
    }
    Some(text)
}
