//! TLS of the proxy: to the service behind, and towards clients.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

use crate::listening::{Answer, Listening, exchange};
use crate::world::{POLICY, World};

/// A certificate of `localhost` and `notes.example`, its key, and its authority.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/forward/tls")
        .join(name)
}

/// A service that speaks TLS alone, and answers each request with `served`.
fn service() -> u16 {
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(file("server.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(file("server.key")).unwrap(),
        );
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind(("localhost", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut asked = Vec::new();
            let mut byte = [0];
            while !asked.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                asked.push(byte[0]);
            }
            // Whoever does not believe the certificate asks nothing.
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nserved",
            );
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    port
}

fn start(world: &World, upstream: &str, more: &[&str], mark: &str) -> Listening {
    let text = world.read("forward.toml");
    world.write(
        "proxy.toml",
        &text.replace("front = \"nginx\"", "front = \"proxy\""),
    );
    let listen = [
        "gateway",
        "proxy",
        "proxy.toml",
        "--upstream",
        upstream,
        "--listen=127.0.0.1:0",
    ];
    let ledger = ["--ledger", "used.sqlite"];
    let arguments = [&listen[..], &POLICY, &ledger, more].concat();
    Listening::start(&world.path(""), &arguments, mark)
}

fn request(world: &World) -> String {
    let shown = world.shown("GET", "/notes/7", None);
    format!("GET /notes/7 HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{shown}\r\n")
}

#[test]
fn a_service_behind_tls_is_asked_once_its_certificate_was_checked() {
    let world = World::new();
    let port = service();
    let authority = file("ca.pem");
    let authority = ["--upstream-ca", authority.to_str().unwrap()];
    let asks = |upstream: &str, more: &[&str]| -> (Answer, Listening) {
        let proxy = start(&world, upstream, more, "passing on at http://");
        (exchange(&proxy.address, request(&world).as_bytes()), proxy)
    };
    let (told, _proxy) = asks(&format!("https://localhost:{port}"), &authority);
    assert_eq!(
        (told.status, told.body.as_str()),
        (200, "served"),
        "{}",
        told.head
    );
    // Another name than that of the certificate.
    let (told, proxy) = asks(&format!("https://127.0.0.1:{port}"), &authority);
    assert_eq!(told.status, 502, "{}", told.body);
    proxy.said.says("not valid for name");
    // Of an authority that this machine does not trust.
    let (told, proxy) = asks(&format!("https://localhost:{port}"), &[]);
    assert_eq!(told.status, 502, "{}", told.body);
    proxy.said.says("TLS: ");
    // What speaks no TLS.
    let plain = TcpListener::bind(("localhost", 0)).unwrap();
    let address = format!("https://localhost:{}", plain.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            let _ = stream
                .unwrap()
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (told, _proxy) = asks(&address, &authority);
    assert_eq!(told.status, 502, "{}", told.body);
}

/// What a client that trusts the authority is answered, over TLS by this name.
fn over_tls(address: &str, name: &'static str, text: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("ca.pem")).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(connection, stream);
    stream.write_all(text.as_bytes())?;
    let mut told = String::new();
    stream.read_to_string(&mut told)?;
    Ok(told)
}

#[test]
fn clients_are_shown_a_certificate_that_follows_its_files() {
    let world = World::new();
    for name in ["server.pem", "server.key"] {
        std::fs::copy(file(name), world.path(name)).unwrap();
    }
    let upstream = format!("https://localhost:{}", service());
    let authority = file("ca.pem");
    let more = [
        "--upstream-ca",
        authority.to_str().unwrap(),
        "--tls-cert=server.pem",
        "--tls-key=server.key",
    ];
    let proxy = start(&world, &upstream, &more, "passing on at https://");
    let asks = || over_tls(&proxy.address, "notes.example", &request(&world));
    let told = asks().unwrap();
    assert!(
        told.starts_with("HTTP/1.1 200 OK") && told.ends_with("served"),
        "{told}"
    );
    assert!(over_tls(&proxy.address, "other.example", "").is_err());
    // Whoever says nothing, or no TLS, holds nobody up.
    let silent: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(&proxy.address).unwrap())
        .collect();
    let asked = Instant::now();
    assert_eq!(
        exchange(&proxy.address, request(&world).as_bytes()).status,
        0
    );
    assert!(asks().is_ok());
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
    drop(silent);
    // A key that does not belong to it: told, and the one before stays.
    let other = world.read("server.key");
    world.write(
        "server.key",
        "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n",
    );
    proxy.said.says("the certificate stays as it was");
    assert!(asks().is_ok());
    world.write("server.key", &other);
    assert!(asks().is_ok());
}

/// Options, in which CERT and KEY are files, and what is said of them.
const WRONG: [(&str, &str); 6] = [
    ("https://localhost:1 --upstream-ca empty.pem", "tls.file"),
    ("https://localhost:1 --upstream-ca none.pem", "file.read"),
    ("http://localhost:1 --upstream-ca CERT", "proxy.upstream"),
    (
        "http://localhost:1 --tls-cert CERT --tls-key CERT",
        "no private key",
    ),
    (
        "http://localhost:1 --tls-cert KEY --tls-key KEY",
        "no certificate",
    ),
    ("http://localhost:1 --tls-cert CERT", "--tls-key"),
];

#[test]
fn files_that_are_no_certificates_are_refused_at_the_start() {
    let world = World::new();
    world.write("empty.pem", "");
    for (place, name) in [("CERT", "server.pem"), ("KEY", "server.key")] {
        std::fs::copy(file(name), world.path(place)).unwrap();
    }
    let text = world.read("forward.toml");
    world.write(
        "proxy.toml",
        &text.replace("front = \"nginx\"", "front = \"proxy\""),
    );
    let common = "gateway proxy proxy.toml --listen=127.0.0.1:0 --ledger used.sqlite --upstream";
    for (options, said) in WRONG {
        let words = common.split(' ').chain(options.split(' '));
        let run = world
            .ambit(&words.chain(POLICY).collect::<Vec<_>>())
            .expect(3);
        assert!(run.err.contains(said), "{options}: {}", run.err);
    }
}
