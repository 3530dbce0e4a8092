//! What a policy says about itself.

use alloc::string::String;

use ambit_core::json::{Json, Writer};
use ambit_policy::Bundle;
use ambit_token::base64url;

/// The version of the raw ABI and of the request and answer forms. It also rises when older code is
/// unsafe: a signed module carries the evaluator that it was built with, faults included.
pub const ABI: i32 = 2;

/// JSON with the policy's identity and what a host should show before it relies on it.
#[must_use]
pub fn info(bundle: &Bundle<'_>) -> String {
    let count = |member: &str| {
        let length = bundle.root().get(member).map_or(0, Json::len);
        i64::try_from(length).unwrap_or(i64::MAX)
    };
    let mut out = Writer::default();
    out.object(|out| {
        out.name("abi").integer(i64::from(ABI));
        out.name("uid").string(bundle.uid());
        out.name("version").integer(bundle.version());
        out.name("tokens_from_version")
            .integer(bundle.tokens_from_version());
        out.name("issued").integer(bundle.issued());
        out.name("expires").integer(bundle.expires());
        out.name("bundle_s256")
            .string(&base64url::encode(bundle.digest()));
        out.name("guard_rails").string(bundle.guard_rails());
        let policies = bundle.program().map_or(0, |program| program.policies());
        out.name("policies")
            .integer(i64::try_from(policies).unwrap_or(i64::MAX));
        out.name("possession").string(bundle.possession());
        out.name("actions").integer(count("actions"));
        out.name("manifests").integer(count("manifests"));
        out.name("keys").integer(count("keys"));
    });
    out.finish()
}
