//! Requests through nginx: without a check, with one that always says yes, and with the gateway.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::world::{Running, World, heard};
use super::{print, print_one};

const CONNECTIONS: usize = 8;
/// Of each connection in a round.
const REQUESTS: usize = 400;
const ROUNDS: usize = 9;
const PATH: &str = "/notes/7";

type Failed = Box<dyn Error + Send + Sync>;

pub(super) fn run(world: &World) -> Result<(), Box<dyn Error>> {
    let nginx = Command::new("nginx")
        .arg("-v")
        .stderr(Stdio::null())
        .status();
    if nginx.is_err() {
        eprintln!("nginx is not installed: forward authentication is left out");
        return Ok(());
    }
    let mut gateway = world.gateway(&["forward", "forward.toml"], &["--listen", "127.0.0.1:0"]);
    let mut gateway = Running::start(gateway.stdout(Stdio::null()).stderr(Stdio::piped()))?;
    let said = gateway.0.stderr.take().ok_or("no output")?;
    let check = heard(said, "checking at http://")?;
    let ports = Ports::new(check)?;
    let _nginx = ports.nginx(world)?;
    let mut jti = 0;
    let mut rates = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        for (address, rates) in [&ports.open, &ports.asked, &ports.guarded]
            .into_iter()
            .zip(&mut rates)
        {
            let rate = load(world, address, &mut jti)?;
            // The first round warms up.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let ratio = |of: usize| {
        let mut ratios: Vec<f64> = rates[2]
            .iter()
            .zip(&rates[of])
            .map(|(one, other)| one / other)
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    };
    let (unchecked, constant) = (ratio(0), ratio(1));
    let [open, asked, guarded] = &mut rates;
    let engine = "gateway forward";
    print(engine, "through nginx, no check", "1/s", open);
    print(
        engine,
        "through nginx, a check that always says yes",
        "1/s",
        asked,
    );
    print(
        engine,
        "through nginx, checked, Ed25519 proof",
        "1/s",
        guarded,
    );
    print_one(engine, "checked to no check", "ratio", unchecked);
    print_one(engine, "checked to a constant check", "ratio", constant);
    Ok(())
}

struct Ports {
    check: String,
    service: String,
    constant: String,
    open: String,
    asked: String,
    guarded: String,
}

impl Ports {
    fn new(check: String) -> std::io::Result<Self> {
        Ok(Self {
            check,
            service: free()?,
            constant: free()?,
            open: free()?,
            asked: free()?,
            guarded: free()?,
        })
    }

    /// Starts nginx, and waits until it answers.
    fn nginx(&self, world: &World) -> Result<Running, Box<dyn Error>> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway/nginx.conf");
        let mut text = std::fs::read_to_string(file)?;
        let folder = world.path("");
        for (place, value) in [
            (
                "folder",
                folder
                    .to_str()
                    .ok_or("a path that is no text")?
                    .trim_end_matches('/'),
            ),
            ("check", &self.check),
            ("service", &self.service),
            ("constant", &self.constant),
            ("open", &self.open),
            ("asked", &self.asked),
            ("guarded", &self.guarded),
        ] {
            text = text.replace(&format!("{{{{{place}}}}}"), value);
        }
        // Its workers may read the folder of whoever started it.
        world.write("nginx.conf", &text)?;
        let conf = world.path("nginx.conf");
        let nginx = Running::start(
            Command::new("nginx")
                .arg("-c")
                .arg(conf)
                .stderr(Stdio::null()),
        )?;
        let begun = Instant::now();
        while TcpStream::connect(&self.guarded).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err(std::fs::read_to_string(world.path("nginx.log"))?.into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }
}

/// Requests a second that this address answers, proofs made beforehand.
fn load(world: &World, address: &str, jti: &mut usize) -> Result<f64, Box<dyn Error>> {
    let mut requests = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut texts = Vec::new();
        for _ in 0..REQUESTS {
            *jti += 1;
            let shown = world.shown(PATH, *jti)?;
            texts.push(format!(
                "GET {PATH} HTTP/1.1\r\nhost: notes.example\r\n{shown}\r\n"
            ));
        }
        requests.push((TcpStream::connect(address)?, texts));
    }
    let begun = Instant::now();
    let clients = requests
        .into_iter()
        .map(|(stream, texts)| thread::spawn(move || ask(stream, &texts)));
    let clients: Vec<_> = clients.collect();
    for client in clients {
        match client.join() {
            Ok(done) => done.map_err(|error| error.to_string())?,
            Err(_) => return Err("a client stopped".into()),
        }
    }
    Ok((CONNECTIONS * REQUESTS) as f64 / begun.elapsed().as_secs_f64())
}

fn ask(mut stream: TcpStream, requests: &[String]) -> Result<(), Failed> {
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    for request in requests {
        stream.write_all(request.as_bytes())?;
        let (mut length, mut head) = (0, String::new());
        loop {
            let mut line = String::new();
            answers.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((_, value)) = line.to_lowercase().split_once("content-length:") {
                length = value.trim().parse()?;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        answers.read_exact(&mut body)?;
        if !head.starts_with("HTTP/1.1 200") || body != b"a note" {
            return Err(format!("{head}\n{}", String::from_utf8_lossy(&body)).into());
        }
    }
    Ok(())
}

fn free() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}
