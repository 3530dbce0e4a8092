//! What an allowed call may see of a database: for hosts that let the database enforce it, too.

use alloc::string::String;

use ambit_core::json::Writer;
use ambit_policy::Bundle;
use ambit_token::ChainCache;

use crate::authority::Grant;
use crate::case::Case;
use crate::denial::Denial;
use crate::judge::judge;
use crate::open::with_case;
use crate::seen::Found;

/// Who asks what, for whom and why, and the bounds of every entry that the allow rests on, as JSON:
/// `{"v": "ambit-rows-1", "policy", "tenant", "subject", "agent", "action", "power", "resource": {"type", "id"},
/// "purpose", "bounds": [constraints, …], "until"}`. `until` is taken over as it is.
///
/// # Errors
///
/// The denial, if the call is not allowed.
pub fn rows(
    bundle: &Bundle<'_>,
    request: &[u8],
    cache: &mut ChainCache,
    until: i64,
) -> Result<String, Denial> {
    let mut said = Err(Denial::exhausted());
    with_case(bundle, request, cache, &mut |case| {
        let first = |denial: &Denial| Denial::new(denial.reason, denial.admin.clone());
        said = case.map_err(first).and_then(|case| {
            let grant = judge(case, &mut Found::default())?;
            match case.steps.exhausted() {
                true => Err(Denial::exhausted()),
                false => Ok(write(case, &grant, until)),
            }
        });
    });
    said
}

fn write(case: &Case<'_>, grant: &Grant<'_>, until: i64) -> String {
    let (asked, token) = (case.asked(), case.token);
    let mut out = Writer::with_capacity(1024);
    out.object(|out| {
        out.name("v").string("ambit-rows-1");
        out.name("policy").string(case.bundle.uid());
        out.name("tenant");
        match token.root().get_str("tenant") {
            Some(tenant) => out.string(tenant),
            None => out.null(),
        };
        out.name("subject").string(token.sub());
        out.name("agent").string(token.agent_uid());
        out.name("action").string(asked.action);
        out.name("power").string(asked.power.name());
        out.name("resource").object(|out| {
            out.name("type").string(asked.resource_type);
            out.name("id").string(asked.resource_id);
        });
        out.name("purpose").string(asked.purpose);
        out.name("bounds").array(|out| {
            for selected in &grant.selected {
                let bounds = selected.entry.get("constraints");
                match bounds {
                    Some(bounds) => out.json(bounds),
                    None => out.object(|_| {}),
                };
            }
        });
        out.name("until").integer(until);
    });
    out.finish()
}
