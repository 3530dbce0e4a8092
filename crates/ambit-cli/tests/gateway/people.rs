//! What people have to do with calls: their answers by `ambit approve`, keys of their own, their hours.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use ambit_token::base64url;
use serde_json::{Value, json};

use crate::common::Run;
use crate::world::{Client, World, entry, under};

const ENROLLER: &str = "https://enrol.example";
const PATH: &str = "/notes/old";

/// A world in which erasing wants Ann's yes.
fn granted() -> World {
    let world = World::new();
    grant(&world);
    world
}

fn grant(world: &World) {
    let mut erase = under("/notes");
    erase["requires"] = json!({"approval": true});
    world.grant(&[entry("erase", &["propose", "execute"], &erase)]);
}

#[track_caller]
fn erase(client: &mut Client) -> Option<String> {
    client.call("erase", &json!({"path": PATH})).1
}

/// Ann's answer to the one call that was put before her.
fn answered(world: &World, key: &[&str]) -> Run {
    let digest = world.proposed()["binding_s256"]
        .as_str()
        .unwrap()
        .to_owned();
    let proposal = format!("proposals/{digest}.json");
    let approve = [
        "approve",
        &proposal,
        "--module",
        "policy.wasm",
        "--approvals",
        "approvals",
        "--yes",
    ];
    world.ambit(&[&approve[..], key].concat())
}

fn waiting(world: &World) -> usize {
    fs::read_dir(world.path("proposals")).unwrap().count()
}

#[test]
fn a_yes_at_the_terminal_lets_the_call_run_once() {
    let world = granted();
    let mut client = world.serve();
    assert_eq!(erase(&mut client).as_deref(), Some("approval.waiting"));
    let ann = ["--key", "keys/approver.jwk", "--sub", "user:ann"];
    let run = answered(&world, &ann).expect(0);
    assert!(run.err.contains(PATH), "{run:#?}");
    assert_eq!(waiting(&world), 0);
    assert_eq!(erase(&mut client), None);
    assert_eq!(erase(&mut client).as_deref(), Some("approval.used"));
    assert_eq!(world.calls().len(), 1);
}

#[test]
fn a_no_at_the_terminal_is_heard() {
    let world = granted();
    let mut client = world.serve();
    assert_eq!(erase(&mut client).as_deref(), Some("approval.waiting"));
    let no = ["--key", "keys/approver.jwk", "--sub", "user:ann", "--deny"];
    answered(&world, &no).expect(0);
    assert_eq!(erase(&mut client).as_deref(), Some("approval.denied"));
    assert!(world.calls().is_empty());
}

/// The yes alone would not let the call run, and nobody is asked for it in vain.
#[test]
fn a_login_that_is_lacking_too_comes_first() {
    let world = World::new();
    let mut bound = under("/notes");
    bound["requires"] = json!({"approval": true, "acr": "urn:acme:loa:2"});
    // Preparing the call wants neither.
    world.grant(&[
        entry("erase", &["propose"], &under("/notes")),
        entry("erase", &["execute"], &bound),
    ]);
    let mut client = world.serve();
    assert_eq!(erase(&mut client).as_deref(), Some("login.required"));
    assert_eq!(waiting(&world), 0);
}

/// A key of the policy that signs such statements for [`ENROLLER`].
fn add_key(world: &World, name: &str, signs: &str) {
    let path = format!("keys/{name}.jwk");
    let key = [
        "keygen", "-o", &path, "--kid", name, "--toml", "--iss", ENROLLER,
    ];
    let table = world.ambit(&key).expect(0).out;
    let table = table.replace("\"cap+jwt\"", &format!("\"{signs}\""));
    world.write(
        "ambit.toml",
        &format!("{}\n{table}", world.read("ambit.toml")),
    );
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs()
}

/// Current epochs of [`ENROLLER`] that revoke nothing.
fn write_epochs(world: &World) {
    let now = now();
    let claims =
        json!({"iss": ENROLLER, "iat": now, "exp": now + 600, "version": 1, "entries": []});
    let header = json!({"alg": "Ed25519", "typ": "revocation-epochs+jwt", "kid": "epochs"});
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(&header), encode(&claims));
    let key = ambit_compiler::keys::load(&world.path("keys/epochs.jwk")).unwrap();
    let signature = base64url::encode(&key.sign(input.as_bytes()));
    world.write("epochs.jwt", &format!("{input}.{signature}"));
}

fn enrol(world: &World, more: &[&str]) -> String {
    let enrol = [
        "enrol",
        "--module",
        "policy.wasm",
        "--key",
        "keys/enrol.jwk",
        "--iss",
        ENROLLER,
        "--sub",
        "user:ann",
        "--device",
        "phone.pub.jwk",
    ];
    world.ambit(&[&enrol[..], more].concat()).expect(0).out
}

#[test]
fn a_key_that_was_enrolled_while_the_gateway_runs_says_yes() {
    let world = World::new();
    add_key(&world, "enrol", "approver-key+jwt");
    add_key(&world, "epochs", "revocation-epochs+jwt");
    world.build();
    grant(&world);
    write_epochs(&world);
    let phone = world.ambit(&["keygen", "-o", "phone.jwk"]).expect(0).out;
    world.write("phone.pub.jwk", &phone);
    world.write("enrolment.jwt", &enrol(&world, &[]));
    fs::create_dir(world.path("enrolments")).unwrap();
    // Of another person, which no receipt here needs and which would not reach as far as this call.
    world.ambit(&["keygen", "-o", "other.jwk"]).expect(0);
    let narrow = ["--device", "other.jwk", "--action", "mail"];
    let other = [
        "enrol",
        "--module",
        "policy.wasm",
        "--key",
        "keys/enrol.jwk",
        "--iss",
        ENROLLER,
        "--sub",
        "user:bob",
    ];
    let other = world.ambit(&[&other[..], &narrow].concat()).expect(0).out;
    world.write("enrolments/bob.jwt", &other);
    let options = ["--enrolments", "enrolments", "--statements", "epochs.jwt"];
    let mut client = world.serve_by_options(&options);
    assert_eq!(erase(&mut client).as_deref(), Some("approval.waiting"));
    let ann = ["--key", "phone.jwk", "--enrolment", "enrolment.jwt"];
    answered(&world, &ann).expect(0);
    assert_eq!(erase(&mut client).as_deref(), Some("approval.unknown_key"));
    // An earlier one that does not reach here is passed over for the last one.
    let minute = (now() - 60).to_string();
    let earlier = enrol(&world, &["--action", "mail", "--now", &minute]);
    world.write("enrolments/ann-1.jwt", &earlier);
    world.write("enrolments/ann-3.jwt", &earlier);
    world.write("enrolments/broken.jwt", "no enrolment");
    world.write("enrolments/ann-2.jwt", &enrol(&world, &[]));
    client.says("an enrolment is passed over");
    assert_eq!(erase(&mut client), None);
    assert_eq!(world.calls().len(), 1);
}

/// A gateway whose policy reads notes only by the clocks of this zone, at any hour.
fn reading_in(zone: &str) -> (World, Client) {
    let world = World::new();
    let days = "[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]";
    let hours = format!("{{ days = {days}, from = \"00:00\", to = \"24:00\", zone = \"{zone}\" }}");
    let purpose = "purpose = \"notes\"";
    let manifest = world.read("agents/notes.toml");
    let manifest = manifest.replace(purpose, &format!("{purpose}\nhours = {hours}"));
    world.write("agents/notes.toml", &manifest);
    world.build();
    world.grant(&[entry("read_file", &["observe"], &under("/notes"))]);
    let client = world.serve();
    (world, client)
}

#[test]
fn hours_are_those_of_the_zone_that_the_policy_names() {
    let (world, mut client) = reading_in("Europe/Berlin");
    assert_eq!(client.call("read_file", &json!({"path": PATH})).1, None);
    assert_eq!(world.calls().len(), 1);
}

#[test]
fn a_zone_that_is_not_known_is_told_and_its_hours_never_come() {
    let (world, mut client) = reading_in("Europe/Berln");
    client.says("the time zone `Europe/Berln` is not known here");
    let call = json!({"name": "read_file", "arguments": {"path": PATH}});
    let answer = client.ask("tools/call", &call);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    client.says("facts.missing");
    assert!(world.calls().is_empty());
}
