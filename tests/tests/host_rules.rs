//! The rules of the host core that read the policy, natively. `host_core.rs` asks `ambit-core.wasm` the same.

#[path = "host_core/epochs.rs"]
mod epochs;

use ambit_enforce::wire;
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::project::SignedPolicy;
use serde_json::Value;

#[test]
fn epochs_are_kept_as_their_issuer_signed_them() {
    let spec = PolicySpec {
        project: "acme".to_owned(),
        keys: epochs::keys(),
        bundle: None,
    };
    let policy = SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"));
    let bundle = Bundle::verify(policy.bundle()).unwrap();
    epochs::epochs_are_kept_as_their_issuer_signed_them(&mut |_, request: &Value| {
        let said = wire::epochs(&bundle, request.to_string().as_bytes());
        serde_json::from_str(&said).unwrap()
    });
}
