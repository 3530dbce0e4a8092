//! Test files with faults: each of `faults/NAME.toml`, read for `projects/shop`, gives the report `NAME.txt`
//! that lies beside it. `AMBIT_BLESS=1` writes the reports anew.

mod common;

use std::fs;

use ambit_compiler::Sink;
use ambit_compiler::reader::File;
use ambit_workbench::cases::{self, Claim, Suite};

#[test]
fn faults_are_reported_where_they_stand() {
    let dir = common::folder("projects/shop");
    let (_, bench) = common::bench(&dir);
    let mut files: Vec<_> = fs::read_dir(common::folder("faults"))
        .unwrap()
        .map(|one| one.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "toml"));
    files.sort();
    assert!(files.len() >= 10);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let name = format!("tests/{}", file.file_name().unwrap().to_str().unwrap());
        let sink = Sink::default();
        sink.source(&name, &text);
        let mut suite = Suite::default();
        let place = File {
            name: &name,
            sink: &sink,
        };
        cases::read_text(place, &text, &dir, &bench.bundle(), &mut suite);
        common::compare(&file.with_extension("txt"), &sink.finish().render(false));
    }
}

#[test]
fn what_is_left_out_is_filled_in_from_the_policy() {
    let dir = common::folder("projects/shop");
    let (_, bench) = common::bench(&dir);
    let text = r#"
        [defaults]
        agent = "support-bot"
        subject = "user:carl"
        [[case]]
        name = "a refund"
        action = "refund"
        resource = "Order::a::b"
        args = { amount = 98.70, currency = "EUR" }
        expect = "allow"
        [[case]]
        name = "an order"
        subject = "user:ann"
        action = "look"
        resource = 'Order::"17"'
        expect = "allow"
        [[property]]
        name = "all of them"
        always = "context.power == \"execute\""
    "#;
    let suite = common::suite(text, &dir, &bench);
    let [refund, look] = suite.cases.as_slice() else {
        panic!("{:?}", suite.cases)
    };
    assert_eq!(refund.scope.power.name(), "execute");
    assert_eq!(look.scope.power.name(), "observe");
    assert_eq!(refund.scope.purpose, "support");
    assert_eq!(refund.scope.resource.id, "a::b");
    assert_eq!(look.scope.resource.id, "17");
    assert_eq!(
        (refund.subject.as_str(), look.subject.as_str()),
        ("user:carl", "user:ann")
    );
    // A minute after the policy was issued.
    assert_eq!(refund.now, 1_772_323_260);
    // Money keeps its text: as a number of a machine it would be another.
    assert_eq!(refund.args["amount"].to_string(), "98.70");
    let [property] = suite.properties.as_slice() else {
        panic!("{:?}", suite.properties)
    };
    assert_eq!(property.agents, ["audit-bot", "support-bot"]);
    assert_eq!(property.actions.len(), 4);
    let Claim::Always(expression) = &property.claim else {
        panic!("{:?}", property.claim)
    };
    assert_eq!(expression.text, "context.power == \"execute\"");
    // The file has escapes where the expression has none, so no place in one is a place in the other.
    assert_eq!(expression.start, None);
}
