//! In a registry: Debian's `docker-registry`, which has no referrers, and one that lies.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::server::World;
use crate::site::{Page, Site};
use crate::world::{MODULE, SIGNATURE, ask, held, serve, version};

/// A running registry, which ends with this.
struct Registry {
    child: Child,
    address: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    /// `None`: it is not installed.
    fn start(world: &World, more: &str) -> Option<Self> {
        let folder = world.path("registry");
        let config = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n{more}",
            folder.display()
        );
        world.write("registry.yml", &config);
        let started = Command::new("docker-registry")
            .args(["serve", "registry.yml"])
            .current_dir(world.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            assert!(
                std::env::var_os("CI").is_none(),
                "`docker-registry` is needed in CI"
            );
            eprintln!("skipped: there is no `docker-registry`");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it listens").unwrap();
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(|sign: char| !sign.is_ascii_digit() && !".:".contains(sign));
                break rest[..end.unwrap_or(rest.len())].to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, address })
    }

    fn at(&self, rest: &str) -> String {
        format!("oci://{}/acme/todo{rest}", self.address)
    }
}

fn push(world: &World, address: &str) -> String {
    let line = ["push", MODULE, address, "--trust", "keys.json"];
    let run = world.ambit(&line).expect(0);
    run.out.trim().to_owned()
}

fn pull(world: &World, address: &str, more: &[&str]) -> crate::common::Run {
    let line = ["pull", address, "-o", "got.wasm", "--trust", "keys.json"];
    world.ambit(&[&line[..], more].concat())
}

#[test]
fn a_policy_is_pushed_pulled_and_followed() {
    let world = held();
    let Some(registry) = Registry::start(&world, "") else {
        return;
    };
    let first = version(&world, 1);
    let fixed = push(&world, &registry.at(":live"));
    assert!(fixed.starts_with(&registry.at("@sha256:")), "{fixed}");
    // The same policy is the same artefact.
    assert_eq!(push(&world, &registry.at(":v1")), fixed);
    pull(&world, &fixed, &[]).expect(0);
    let got = |name: &str| fs::read(world.path(name)).unwrap();
    assert_eq!((got("got.wasm"), got("got.wasm.dsse.json")), first);
    let live = registry.at(":live");
    let server = serve(&world, &live, &[]);
    assert!(server.evaluate(&ask()).decision());
    version(&world, 2);
    push(&world, &live);
    server.says("policy version 2 decides now");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    // The tag goes back to the older artefact.
    fs::write(world.path(MODULE), &first.0).unwrap();
    fs::write(world.path(SIGNATURE), &first.1).unwrap();
    push(&world, &live);
    server.says("module.rollback");
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    drop(server);
    drop(registry);
    let server = serve(&world, &live, &[]);
    assert_eq!(server.evaluate(&ask()).denied(), "manifest.capability");
    server.says("store.reach");
}

#[test]
fn by_digest_it_is_fetched_once() {
    let world = held();
    let Some(registry) = Registry::start(&world, "") else {
        return;
    };
    version(&world, 1);
    let fixed = push(&world, &registry.at(":v1"));
    drop(serve(&world, &fixed, &[]));
    drop(registry);
    let server = serve(&world, &fixed, &[]);
    assert!(server.evaluate(&ask()).decision());
    assert!(
        !server.said.text().contains("stays"),
        "{}",
        server.said.text()
    );
}

#[test]
fn a_login_is_asked_for() {
    let world = held();
    // bcrypt of `pass`.
    world.write(
        "htpasswd",
        "ann:$2b$05$abcdefghijklmnopqrstuuZFBUbfXoM8LFiPx8LYlO/sXZB/Cwk3K\n",
    );
    let auth = format!(
        "auth:\n  htpasswd:\n    realm: policies\n    path: {}\n",
        world.path("htpasswd").display()
    );
    let Some(registry) = Registry::start(&world, &auth) else {
        return;
    };
    version(&world, 1);
    let at = registry.at(":v1");
    let line = ["push", MODULE, &at, "--trust", "keys.json"];
    world.ambit(&line).expect(3).says("store.login");
    world.write("login.txt", "ann:wrong");
    let login = ["--login", "login.txt"];
    world
        .ambit(&[&line[..], &login].concat())
        .expect(3)
        .says("store.login");
    world.write("login.txt", "ann:pass\n");
    world.ambit(&[&line[..], &login].concat()).expect(0);
    pull(&world, &at, &[]).expect(3).says("store.login");
    pull(&world, &at, &login).expect(0);
}

#[test]
fn what_nobody_signed_is_not_pushed() {
    let world = held();
    version(&world, 1);
    fs::remove_file(world.path(SIGNATURE)).unwrap();
    let line = [
        "push",
        MODULE,
        "oci://127.0.0.1:1/a:1",
        "--trust",
        "keys.json",
    ];
    world.ambit(&line).expect(2).says("module.unsigned");
    let line = [
        "push",
        MODULE,
        "https://a.example/p.wasm",
        "--trust",
        "keys.json",
    ];
    world.ambit(&line).expect(2).says("module.unsigned");
}

/// A registry of a test's own: what it has is what is laid there.
struct Liar {
    site: Site,
    manifest: String,
}

impl Liar {
    fn with(world: &World) -> Option<Self> {
        let registry = Registry::start(world, "")?;
        let fixed = push(world, &registry.at(":v1"));
        let digest = fixed.split_once('@').unwrap().1.to_owned();
        let site = Site::start();
        // What the honest one has on its disk.
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blob = |hex: &str| {
            let place = format!(
                "registry/docker/registry/v2/blobs/sha256/{}/{hex}/data",
                &hex[..2]
            );
            fs::read(world.path(&place)).unwrap()
        };
        let manifest = String::from_utf8(blob(hex)).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        for layer in parsed["layers"].as_array().unwrap() {
            let digest = layer["digest"].as_str().unwrap();
            let bytes = blob(digest.strip_prefix("sha256:").unwrap());
            site.put(
                &format!("/v2/acme/todo/blobs/{digest}"),
                Page::File(bytes, "\"x\""),
            );
        }
        let liar = Self { site, manifest };
        liar.lay(&digest, &liar.manifest);
        liar.lay("v1", &liar.manifest);
        Some(liar)
    }

    fn lay(&self, reference: &str, manifest: &str) {
        let at = format!("/v2/acme/todo/manifests/{reference}");
        self.site
            .put(&at, Page::File(manifest.as_bytes().to_vec(), "\"x\""));
    }

    fn at(&self, rest: &str) -> String {
        format!("oci://{}/acme/todo{rest}", self.site.address)
    }

    fn layer(&self, number: usize) -> String {
        let parsed: serde_json::Value = serde_json::from_str(&self.manifest).unwrap();
        let digest = parsed["layers"][number]["digest"].as_str().unwrap();
        format!("/v2/acme/todo/blobs/{digest}")
    }
}

#[test]
fn a_registry_that_swaps_what_was_asked_for_is_not_believed() {
    let world = held();
    version(&world, 1);
    let Some(liar) = Liar::with(&world) else {
        return;
    };
    pull(&world, &liar.at(":v1"), &[]).expect(0);
    // Another manifest under a digest.
    let digest = format!("sha256:{}", "0".repeat(64));
    liar.lay(&digest, &liar.manifest);
    pull(&world, &liar.at(&format!("@{digest}")), &[])
        .expect(2)
        .says("store.digest");
    // Other bytes under a layer's digest, more than it says, and without an end.
    let place = liar.layer(0);
    let mut module = fs::read(world.path(MODULE)).unwrap();
    module[100] ^= 1;
    liar.site.put(&place, Page::File(module.clone(), "\"x\""));
    pull(&world, &liar.at(":v1"), &[])
        .expect(2)
        .says("store.digest");
    module.push(0);
    liar.site.put(&place, Page::File(module, "\"x\""));
    pull(&world, &liar.at(":v1"), &[])
        .expect(2)
        .says("store.size");
    liar.site.put(&place, Page::Endless);
    pull(&world, &liar.at(":v1"), &[])
        .expect(2)
        .says("store.size");
    // A manifest that is none, and one without an end.
    liar.lay("v1", "{\"schemaVersion\": 2}");
    pull(&world, &liar.at(":v1"), &[])
        .expect(2)
        .says("store.manifest");
    liar.site.put("/v2/acme/todo/manifests/v1", Page::Endless);
    pull(&world, &liar.at(":v1"), &[])
        .expect(2)
        .says("store.size");
}

#[test]
fn a_registry_cannot_send_a_login_or_the_asker_elsewhere() {
    let world = held();
    version(&world, 1);
    let Some(liar) = Liar::with(&world) else {
        return;
    };
    let inner = Site::start();
    world.write("login.txt", "ann:s3cret-password");
    let login = ["--login", "login.txt"];
    let manifest = "/v2/acme/todo/manifests/v1";
    for realm in [
        inner.url("/token"),
        "https://elsewhere.example/token".to_owned(),
    ] {
        let lines = format!("\r\nwww-authenticate: Bearer realm=\"{realm}\",service=\"s\"");
        liar.site.put(manifest, Page::Status(401, lines));
        pull(&world, &liar.at(":v1"), &login)
            .expect(2)
            .says("store.redirect");
    }
    // At its own address it may give tokens, and it is asked once more with one.
    let realm = liar.site.url("/token");
    let lines = format!(
        "\r\nwww-authenticate: Bearer realm=\"{realm}\",service=\"s\",scope=\"repository:acme/todo:pull\""
    );
    liar.site.put(manifest, Page::Status(401, lines));
    liar.site.put(
        "/token",
        Page::File(b"{\"token\": \"t0ken\"}".to_vec(), "\"x\""),
    );
    pull(&world, &liar.at(":v1"), &login)
        .expect(3)
        .says("store.login");
    let came = liar.site.came();
    assert!(
        came.iter()
            .any(|came| came.path.contains("&scope=repository%3Aacme%2Ftodo%3Apull")),
        "{came:?}"
    );
    assert!(
        came.last()
            .unwrap()
            .head
            .contains("authorization: Bearer t0ken\r\n"),
        "{came:?}"
    );
    // A layer lies elsewhere.
    liar.lay("v1", &liar.manifest);
    let away = format!("\r\nlocation: {}", inner.url("/blob"));
    liar.site.put(&liar.layer(0), Page::Status(307, away));
    pull(&world, &liar.at(":v1"), &login)
        .expect(2)
        .says("store.redirect");
    assert!(inner.came().is_empty());
}
