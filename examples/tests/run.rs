//! Every example is run: Node where it is there; the command line by `ambit-cli`'s own tests.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ambit_examples::{Outcome, Shop, refund};

#[path = "../budget.rs"]
mod budget;
#[path = "../axum.rs"]
mod guarded;
#[path = "../native.rs"]
mod native;
#[path = "../signed_module.rs"]
mod signed_module;
#[path = "../sub_agent.rs"]
mod sub_agent;

#[test]
fn a_signed_module() -> Outcome<()> {
    signed_module::main()
}

#[test]
fn the_native_engine() -> Outcome<()> {
    native::main()
}

#[test]
fn a_budget() -> Outcome<()> {
    budget::main()
}

#[test]
fn a_service_in_axum() -> Outcome<()> {
    guarded::main()
}

#[test]
fn a_sub_agent() -> Outcome<()> {
    sub_agent::main()
}

/// The policy of the shop.
const UID: &str = "shop/agents";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The package, and a program that runs it. Without either a line says that the example was left out.
fn can_run(program: &str) -> bool {
    let built = here().join("../target/npm/node.js").is_file();
    let there = |name: &str| Command::new(name).arg("--version").output().is_ok();
    if built && there("node") && there(program) {
        return true;
    }
    println!("SKIPPED: no `{program}`, or no package (`cargo xtask web`)");
    false
}

#[test]
fn node() -> Outcome<()> {
    if !can_run("node") {
        return Ok(());
    }
    let shop = Shop::open()?;
    let request = shop.file("request.json");
    std::fs::write(&request, refund(&shop.token()?, "1.50"))?;
    let output = Command::new("node")
        .arg(here().join("node.mjs"))
        .args([shop.file("policy.wasm"), shop.file("keys.json"), request])
        .arg(UID)
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "true allowed\ndone first: consume\n", "{errors}");
    Ok(())
}

#[test]
fn python() -> Outcome<()> {
    let python = here().join("../target/python/venv/bin/python");
    if !python.is_file() {
        println!("SKIPPED: no Python package (`cargo xtask package python --build`)");
        return Ok(());
    }
    let shop = Shop::open()?;
    let request = shop.file("request.json");
    std::fs::write(&request, refund(&shop.token()?, "1.50"))?;
    let output = Command::new(python)
        .arg(here().join("python.py"))
        .args([shop.file("policy.wasm"), shop.file("keys.json"), request])
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "True allowed\nto do first: consume\n", "{errors}");
    Ok(())
}

/// The page's server, which ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        assert!(ended.is_ok(), "the page's server does not end");
    }
}

#[test]
fn a_browser() -> Outcome<()> {
    if !can_run("chromium") {
        return Ok(());
    }
    let shop = Shop::open()?;
    let request = shop.file("request.json");
    let files = [
        shop.file("policy.wasm"),
        shop.file("keys.json"),
        request.clone(),
    ];
    let mut server = Command::new("node")
        .arg(here().join("browser.mjs"))
        .args(files)
        .arg(UID)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = server.stdout.take().ok_or("the server's output")?;
    let _server = Server(server);
    let mut url = String::new();
    BufReader::new(out).read_line(&mut url)?;

    let token = shop.token()?;
    for (amount, answer, obligations, advice) in [
        ("1.50", "true allowed", "consume", "nothing"),
        (
            "20.01",
            "false manifest.constraint",
            "nothing",
            "for example 2.00",
        ),
    ] {
        std::fs::write(&request, refund(&token, amount))?;
        let page = page(url.trim())?;
        let shown = |id: &str| {
            let (_, rest) = page.split_once(&format!("<output id=\"{id}\">"))?;
            rest.split_once('<').map(|(text, _)| text)
        };
        assert_eq!(shown("answer"), Some(answer), "{page}");
        assert_eq!(shown("obligations"), Some(obligations), "{page}");
        let helps = shown("advice").is_some_and(|text| text.contains(advice));
        assert!(helps, "{page}");
    }
    Ok(())
}

/// What a page has become once its scripts have run.
fn page(url: &str) -> Outcome<String> {
    let profile = tempfile::tempdir()?;
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=60000", "--dump-dom", url])
        .output()?;
    Ok(String::from_utf8(output.stdout)?)
}
