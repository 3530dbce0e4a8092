//! Every operation of a program, compiled, read back and compiled again: the bytes are the same.

use ambit_compiler::cedar::{Options, compile};
use ambit_policy::cedar::code::{OP_BITS, Op};
use cedar_policy::PolicySet;
use serde_json::json;

use super::{Image, Reader};
use crate::{expr, policy};

const CONDITIONS: &[&str] = &[
    "true",
    "false",
    "context.a == -5 && context.b < 3 && context.c <= 9223372036854775807",
    "context.a + 1 > 2 || context.a - 1 >= 2 || context.a * 3 != -context.b",
    "principal in [Group::\"a\", Group::\"b\"] && resource is Order && !(action == Action::\"x\")",
    "if context.a then resource.name like \"a*\\*b**\" else principal[\"odd name\"] == \"\\\"\\u{1f600}\"",
    "context.s.contains(1) && context.s.containsAll([1, 2]) && context.s.containsAny([\"x\"]) && context.s.isEmpty()",
    "resource.hasTag(\"t\") && resource.getTag(\"t\") == context.r",
    "context has a && context has \"b c\" && {a: 1, \"b c\": [true]} == context.r",
    "decimal(\"1.5\").lessThan(context.d) && context.d.greaterThanOrEqual(decimal(\"-0.0001\"))",
    "ip(\"10.0.0.0/8\").isInRange(ip(\"0.0.0.0/0\")) && ip(\"2001:db8::1\").isIpv6() && context.i.isLoopback()",
    "context.t.offset(duration(\"-1h\")) < datetime(\"2026-03-02T09:00:00.250Z\")",
    "context.t.durationSince(datetime(\"1969-12-31\")) == duration(\"1d2h3m4s5ms\")",
    "context.t.toDate() == context.t && context.t.toTime().toMilliseconds() == 1",
    "(context.a || context.b) && (context.c && (context.d || context.e))",
];

fn program(condition: &str) -> Vec<u8> {
    let source = format!("permit (principal, action, resource) when {{ {condition} }};");
    let set: PolicySet = source.parse().expect("a sound policy");
    compile(&set, Options::default()).expect("it compiles")
}

#[test]
fn what_is_compiled_is_read_back() {
    let mut seen = Vec::new();
    for condition in CONDITIONS {
        let bytes = program(condition);
        let image = Image::read(&bytes).expect("it is read back");
        let [rule] = image.rules.as_slice() else {
            panic!("one policy")
        };
        let again = policy::set(&json!({"policy0": expr::policy("permit", &rule.condition)}));
        let again = compile(&again.expect("a sound policy"), Options::default());
        assert!(
            again.expect("it compiles") == bytes,
            "{condition}\n{}",
            rule.condition
        );
        let reader = Reader::open(&bytes).expect("a program");
        operations(&reader, 0, reader.code.len(), &mut seen);
    }
    let missing: Vec<&Op> = Op::ALL.iter().filter(|op| !seen.contains(op)).collect();
    assert!(missing.is_empty(), "no condition has {missing:?}");
}

/// The operations of all expressions between two places.
fn operations(reader: &Reader<'_>, from: usize, to: usize, seen: &mut Vec<Op>) {
    let mut place = from;
    while place < to {
        let node = super::Node::read(reader, place).expect("a sound node");
        let end = place + usize::try_from(reader.code[place] >> OP_BITS).expect("a length");
        seen.push(node.op);
        if let Some(first) = node.children.first() {
            operations(reader, *first, end, seen);
        }
        place = end;
    }
}
