//! A second policy beside the first: counted and shown, and nothing else.

use std::fs;

use serde_json::Value;

use crate::server::World;
use crate::site::{Page, Site};
use crate::world::{ask, held, version};

/// Lays the version that the project has now beside the first.
fn next(world: &World, number: u64) -> (Vec<u8>, Vec<u8>) {
    let first = crate::world::policy(world);
    let next = version(world, number);
    fs::create_dir_all(world.path("next")).unwrap();
    lay(world, "next/policy.wasm", &next);
    lay(world, "policy.wasm", &first);
    next
}

fn lay(world: &World, name: &str, (module, signature): &(Vec<u8>, Vec<u8>)) {
    fs::write(world.path(&format!("{name}.dsse.json")), signature).unwrap();
    fs::write(world.path(name), module).unwrap();
}

fn counted(world: &World, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..100 {
        let text = fs::read_to_string(world.path("shadow.json")).unwrap_or_default();
        let report: Value = serde_json::from_str(&text).unwrap_or_default();
        if wanted(&report) {
            return report;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("it is not counted: {}", world.read("shadow.json"));
}

const BESIDE: [&str; 4] = [
    "--shadow",
    "next/policy.wasm",
    "--shadow-report",
    "shadow.json",
];

#[test]
fn differences_are_counted_and_shown_and_change_nothing() {
    let world = held();
    next(&world, 2);
    let server = world.serve(&BESIDE);
    server.says("shadow: version 2 is asked beside version 1");
    for _ in 0..3 {
        assert!(server.evaluate(&ask()).decision());
    }
    server.says("shadow: version 1 says of `read_todos`: allowed; version 2 would say: manifest.capability (1 times)");
    let report = counted(&world, |report| report["calls"] == 3);
    assert_eq!(report["different"], 3);
    assert_eq!(report["differences"][0]["count"], 3);
    // Nothing of it is in the log, and nothing was charged or remembered by it.
    let log = world.read("audit.log");
    assert!(!log.contains("manifest.capability"), "{log}");
    assert!(!world.read("seen.json").contains("\"version\": 2"));
    let shown = world.ambit(&["shadow", "shadow.json"]).expect(2).out;
    assert!(shown.contains("3, 3 of them different"), "{shown}");
    assert!(shown.contains("manifest.capability"), "{shown}");
    let metrics = ["shadow", "shadow.json", "--format", "prometheus"];
    let metrics = world.ambit(&metrics).expect(2).out;
    assert!(
        metrics
            .contains(",action=\"read_todos\",is=\"allowed\",would=\"manifest.capability\"} 3\n"),
        "{metrics}"
    );
    // The first policy goes on and becomes the second: both say the same.
    let second = (
        fs::read(world.path("next/policy.wasm")).unwrap(),
        fs::read(world.path("next/policy.wasm.dsse.json")).unwrap(),
    );
    lay(&world, "policy.wasm", &second);
    server.says("policy version 2 decides now");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    let report = counted(&world, |report| {
        report["version"] == 2 && report["calls"] == 1
    });
    assert_eq!(report["different"], 0);
    world.ambit(&["shadow", "shadow.json"]).expect(0);
}

#[test]
fn a_second_policy_at_an_address_is_followed() {
    let world = held();
    let site = Site::start();
    let put = |(module, signature): &(Vec<u8>, Vec<u8>), tag| {
        site.put("/policy.wasm.dsse.json", Page::File(signature.clone(), tag));
        site.put("/policy.wasm", Page::File(module.clone(), tag));
    };
    let first = crate::world::policy(&world);
    put(&first, "\"one\"");
    let second = next(&world, 2);
    let url = site.url("/policy.wasm");
    let server = world.serve(&["--shadow", &url, "--keep", "kept", "--every", "1s"]);
    assert!(server.evaluate(&ask()).decision());
    put(&second, "\"two\"");
    server.says("shadow: policy version 2 is asked now");
    assert!(server.evaluate(&ask()).decision());
    server.says("version 2 would say: manifest.capability");
}

#[test]
fn a_second_policy_that_nobody_signed_does_not_start() {
    let world = held();
    next(&world, 2);
    fs::remove_file(world.path("next/policy.wasm.dsse.json")).unwrap();
    let line = [&World::SERVE[..], &BESIDE].concat();
    world.ambit(&line).expect(3).says("module.unsigned");
    world.write("shadow.json", "{\"v\": \"ambit-shadow-1\"}");
    world
        .ambit(&["shadow", "shadow.json"])
        .expect(3)
        .says("shadow.report");
}

/// What only looks on keeps nobody from working.
#[test]
fn a_second_policy_that_cannot_be_had_is_told_and_holds_up_nothing() {
    let world = held();
    version(&world, 1);
    let nobody = "http://127.0.0.1:1/policy.wasm";
    let server = world.serve(&["--shadow", nobody, "--keep", "kept"]);
    server.says("shadow: no second policy is asked");
    assert!(server.evaluate(&ask()).decision());
}
