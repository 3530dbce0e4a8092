//! The constants of a policy's condition: what a remedy tries instead of what was asked.

use ambit_compiler::cedar::{Options, compile};
use ambit_core::Steps;
use ambit_policy::cedar::{Literal, Program};
use cedar_policy::PolicySet;

fn literals(policy: &str, steps: &Steps) -> Vec<String> {
    let policies: PolicySet = policy.parse().unwrap();
    let options = Options {
        schema: None,
        validated: false,
    };
    let bytes = compile(&policies, options).unwrap();
    let program = Program::open(&bytes).unwrap();
    let found = program.policy(0).unwrap().literals(steps);
    let text = |literal| match literal {
        Literal::Long(value) => value.to_string(),
        Literal::Text(text) => format!("'{text}'"),
    };
    found.map(text).collect()
}

#[test]
fn integers_texts_and_identifiers_are_found_at_any_depth() {
    let policy = r#"
        forbid (principal, action, resource)
        when {
          context.amount > 100 && (context has note && context.note.level == -7 || context.to == "a@b") &&
          context.approvals.containsAny([User::"lead", User::"boss"]) &&
          (if context.to like "x*" then context.fee.lessThan(decimal("1.5")) else [1, 2].contains(context.n))
        };"#;
    let found = literals(policy, &Steps::new());
    let integers: Vec<&String> = found.iter().filter(|one| !one.starts_with('\'')).collect();
    assert_eq!(integers, ["100", "-7", "1", "2"], "{found:?}");
    for text in ["'a@b'", "'lead'", "'boss'"] {
        assert!(found.iter().any(|one| one == text), "{text}: {found:?}");
    }
}

#[test]
fn each_node_is_paid_for() {
    let policy = "forbid (principal, action, resource) when { context.amount > 100 };";
    let steps = Steps::new();
    let before = steps.left();
    assert_eq!(literals(policy, &steps), ["100"]);
    // Six nodes: the conjunction, `not`, `<=`, the attribute, the context, the constant.
    assert_eq!(before - steps.left(), 6);
    assert!(!steps.take(usize::MAX));
    assert!(literals(policy, &steps).is_empty());
}
