//! Over HTTP: asked again with the validator, bounded, and never back.

use std::time::{Duration, Instant};

use crate::server::{Server, World};
use crate::site::{Page, Site};
use crate::world::{MODULE, SIGNATURE, ask, held, line, serve, version};

const AT: &str = "/p/policy.wasm";
const BESIDE: &str = "/p/policy.wasm.dsse.json";

fn lay(site: &Site, (module, signature): &(Vec<u8>, Vec<u8>), tag: &'static str) {
    site.put(BESIDE, Page::File(signature.clone(), tag));
    site.put(AT, Page::File(module.clone(), tag));
}

#[test]
fn a_policy_is_fetched_swapped_and_kept() {
    let world = held();
    let site = Site::start();
    let first = version(&world, 1);
    lay(&site, &first, "\"one\"");
    let url = site.url(AT);
    let mut server = serve(&world, &url, &[]);
    assert!(server.evaluate(&ask()).decision());
    // What is known is not sent again.
    std::thread::sleep(Duration::from_millis(2500));
    let came = site.came();
    let asked: Vec<_> = came.iter().filter(|came| came.path == AT).collect();
    assert!(asked.len() > 1, "{came:?}");
    assert!(
        asked[1].head.contains("if-none-match: \"one\"\r\n"),
        "{asked:?}"
    );
    let second = version(&world, 2);
    lay(&site, &second, "W/\"two\"");
    server.says("policy version 2 decides now");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    // The older one under its old validator, and under a new one.
    for tag in ["\"one\"", "\"three\""] {
        lay(&site, &first, tag);
        server.says("policy version 2 stays");
        server.says("module.rollback");
        assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    }
    // Another policy of the same version.
    world.edit("agents/app.toml", "\"Application\"", "\"Program\"");
    lay(&site, &version_again(&world), "\"four\"");
    server.says("module.same_version");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    // The last good one decides where nothing answers, also after the process was killed.
    server.child.kill().unwrap();
    drop(server);
    site.put(AT, Page::Gone);
    let server = serve(&world, &url, &[]);
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    server.says("policy version 2 stays");
    server.says("store.reach");
    // And the memory of versions outlives it.
    lay(&site, &first, "\"one\"");
    server.says("module.rollback");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
}

/// Without `--uid` what was kept says which policy it is, not what lies there the next day.
#[test]
fn another_policy_at_the_address_does_not_take_the_place_of_the_kept_one() {
    let world = held();
    let site = Site::start();
    let url = site.url(AT);
    lay(&site, &version(&world, 1), "\"one\"");
    let line = line(&url, &[]);
    let line: Vec<&str> = line
        .iter()
        .copied()
        .filter(|word| !["--uid", "acme/todo"].contains(word))
        .collect();
    let serve = || Server::start(&world.path(""), &line, "deciding at http://");
    let server = serve();
    assert!(server.evaluate(&ask()).decision());
    drop(server);
    world.edit("ambit.toml", "uid = \"acme/todo\"", "uid = \"acme/other\"");
    lay(&site, &version_again(&world), "\"two\"");
    let server = serve();
    server.says("module.uid");
    assert!(server.evaluate(&ask()).decision());
}

fn version_again(world: &World) -> (Vec<u8>, Vec<u8>) {
    world.build();
    crate::world::policy(world)
}

#[test]
fn without_a_good_policy_nothing_starts() {
    let world = held();
    let site = Site::start();
    let (module, signature) = version(&world, 1);
    let url = site.url(AT);
    let start = |code, words| {
        let begun = Instant::now();
        let run = world.ambit(&line(&url, &[]));
        assert!(begun.elapsed() < Duration::from_secs(90), "{run:#?}");
        run.expect(code).says(words);
    };
    start(3, "store.missing");
    site.put(AT, Page::File(module.clone(), "\"a\""));
    start(3, "module.unsigned");
    let mut altered = module.clone();
    *altered.last_mut().unwrap() ^= 1;
    site.put(BESIDE, Page::File(signature, "\"a\""));
    site.put(AT, Page::File(altered, "\"a\""));
    start(3, "module.altered");
    site.put(AT, Page::Endless);
    start(3, "store.size");
    site.put(AT, Page::Status(304, String::new()));
    start(3, "store.answer");
    site.put(AT, Page::Status(401, String::new()));
    start(3, "store.login");
    site.put(
        AT,
        Page::Status(302, "\r\nlocation: https://elsewhere.example/x".to_owned()),
    );
    start(3, "store.redirect");
    // A file that is none of this program's stands where the last good one would.
    std::fs::write(world.path("kept/policy.kept"), "{}").unwrap();
    start(3, "store.redirect");
    site.put(AT, Page::File(module, "\"a\""));
    let server = serve(&world, &url, &[]);
    assert!(server.evaluate(&ask()).decision());
}

#[test]
fn an_answer_without_an_end_holds_up_nothing() {
    let world = held();
    let site = Site::start();
    let first = version(&world, 1);
    lay(&site, &first, "\"one\"");
    let server = serve(&world, &site.url(AT), &[]);
    site.put(AT, Page::Slow);
    std::thread::sleep(Duration::from_millis(1500));
    // Meanwhile calls are decided, and other files are followed.
    let begun = Instant::now();
    assert!(server.evaluate(&ask()).decision());
    assert!(begun.elapsed() < Duration::from_secs(5));
    let keys = world.read("keys.json");
    world.write("keys.json", "{}");
    server.says("module.trust");
    world.write("keys.json", &keys);
    assert!(server.evaluate(&ask()).decision());
    server
        .said
        .says_within("store.reach", Duration::from_secs(90));
    lay(&site, &version(&world, 2), "\"two\"");
    server.says("policy version 2 decides now");
}

#[test]
fn a_redirect_leads_nowhere_it_was_not_allowed_to() {
    let world = held();
    let (site, inner) = (Site::start(), Site::start());
    let policy = version(&world, 1);
    lay(&site, &policy, "\"one\"");
    lay(&inner, &policy, "\"one\"");
    let pull = |url: &str, more: &[&str]| {
        let line = ["pull", url, "-o", "got.wasm", "--trust", "keys.json"];
        world.ambit(&[&line[..], more].concat())
    };
    // On the same server it may.
    site.put(
        "/latest.wasm",
        Page::Status(302, format!("\r\nlocation: {AT}")),
    );
    site.put(
        "/latest.wasm.dsse.json",
        Page::Status(307, format!("\r\nlocation: {}", site.url(BESIDE))),
    );
    pull(&site.url("/latest.wasm"), &[]).expect(0);
    assert_eq!(std::fs::read(world.path("got.wasm")).unwrap(), policy.0);
    // Elsewhere it may not: another port of this machine, the cloud's metadata, other forms of an address.
    let elsewhere = [
        inner.url(AT),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("//{}{AT}", inner.address),
        format!("http://{}@{}{AT}", site.address, inner.address),
        "file:///etc/passwd".to_owned(),
        format!("HTTP://{}{AT}", inner.address),
    ];
    for to in &elsewhere {
        site.put(
            "/away.wasm",
            Page::Status(302, format!("\r\nlocation: {to}")),
        );
        pull(&site.url("/away.wasm"), &["--via", "elsewhere.example"])
            .expect(2)
            .says("store.redirect");
    }
    assert!(inner.came().is_empty());
    // In a circle neither.
    site.put(
        "/round.wasm",
        Page::Status(301, "\r\nlocation: /round.wasm".to_owned()),
    );
    pull(&site.url("/round.wasm"), &[])
        .expect(2)
        .says("store.redirect");
}

#[test]
fn who_asks_is_told_to_nobody_else() {
    let world = held();
    let site = Site::start();
    lay(&site, &version(&world, 1), "\"one\"");
    world.write("login.txt", "ann:s3cret-password\n");
    let pull = |url: &str, more: &[&str]| {
        let line = [
            "pull",
            url,
            "-o",
            "got.wasm",
            "--trust",
            "keys.json",
            "--login",
            "login.txt",
        ];
        world.ambit(&[&line[..], more].concat())
    };
    pull(&site.url(AT), &[]).expect(0);
    let came = site.came();
    assert!(
        came[0]
            .head
            .contains("authorization: Basic YW5uOnMzY3JldC1wYXNzd29yZA==\r\n"),
        "{came:?}"
    );
    pull("http://policies.example/p.wasm", &[])
        .expect(3)
        .says("store.plain");
    pull("http://policies.example/p.wasm", &["--plain-http"])
        .expect(3)
        .says("store.plain");
    let run = pull("https://ann:s3cret-password@policies.example/p.wasm", &[]).expect(3);
    assert!(
        run.err.contains("store.address") && !run.err.contains("s3cret"),
        "{run:#?}"
    );
    world.write("login.txt", "s3cret-password");
    let run = pull(&site.url(AT), &[]).expect(3);
    assert!(
        run.err.contains("store.login") && !run.err.contains("s3cret"),
        "{run:#?}"
    );
}

#[test]
fn a_pull_writes_only_what_was_verified() {
    let world = held();
    let site = Site::start();
    let (first, second) = (version(&world, 1), version(&world, 2));
    let url = site.url(AT);
    let pull = || {
        let line = [
            "pull",
            &url,
            "-o",
            "got/policy.wasm",
            "--trust",
            "keys.json",
            "--seen",
            "seen.json",
        ];
        world.ambit(&line)
    };
    std::fs::create_dir(world.path("got")).unwrap();
    lay(&site, &second, "\"two\"");
    pull().expect(0);
    let got = |name: &str| std::fs::read(world.path(&format!("got/{name}"))).unwrap();
    assert_eq!((got(MODULE), got(SIGNATURE)), second);
    lay(&site, &first, "\"one\"");
    pull().expect(2).says("module.rollback");
    lay(&site, &(first.0, second.1.clone()), "\"mixed\"");
    pull().expect(2).says("module.altered");
    site.take(BESIDE);
    pull().expect(3).says("sign.both");
    assert_eq!((got(MODULE), got(SIGNATURE)), second);
}
