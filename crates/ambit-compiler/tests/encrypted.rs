//! Key files that a passphrase opens. Those of `pkcs8/` were written by OpenSSL 3.0: `openssl pkcs8 -topk8`.

use std::fs;
use std::path::{Path, PathBuf};

use ambit_compiler::keys::{self, Algorithm, Passphrase, SecretKey};

const PASSPHRASE: &str = "correct horse";
const ED25519: &str = "mL1lUROHoeYkeA2weQ2xWVYsOEkbWZWm4Pi1QflggY0";
const P256: &str = "zvoz9m__zrNsIDjkMWNeAasyD8OlZZYGZzyipfMhvdE";

/// A file for its owner alone.
fn put(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    path
}

fn passphrase(text: &str) -> Passphrase {
    let folder = tempfile::tempdir().unwrap();
    Passphrase::read(&put(folder.path(), "passphrase", text)).unwrap()
}

fn given(name: &str) -> String {
    fs::read_to_string(format!("tests/pkcs8/{name}.pem")).unwrap()
}

fn opened(text: &str, word: &str) -> Result<SecretKey, &'static str> {
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "key.pem", text);
    let key = keys::load_with(&path, Some(&passphrase(word)));
    key.map_err(|error| {
        assert!(!error.message.contains(word), "{error}");
        error.code
    })
}

#[test]
fn what_openssl_wrote_is_opened() {
    for (name, alg, x) in [
        ("ed25519-pbkdf2", "Ed25519", ED25519),
        ("ed25519-scrypt", "Ed25519", ED25519),
        ("p256-pbkdf2", "ES256", P256),
        ("p256-scrypt", "ES256", P256),
    ] {
        let key = opened(&given(name), PASSPHRASE).unwrap();
        assert_eq!((key.alg(), key.x().as_str()), (alg, x), "{name}");
        assert_eq!(key.kid(), key.thumbprint());
        assert!(key.public().verify(b"m", &key.sign(b"m")));
        // As editors on Windows leave it.
        let other = given(name).replace('\n', "\r\n");
        assert_eq!(opened(&other, PASSPHRASE).unwrap().x(), x);
        for wrong in ["correct horse ", "Correct horse", "wrong"] {
            assert_eq!(
                opened(&given(name), wrong).unwrap_err(),
                "key.passphrase",
                "{name}"
            );
        }
    }
}

#[test]
fn what_is_weak_or_of_another_kind_is_refused_by_name() {
    for (name, code) in [
        ("weak", "key.parameters"),
        ("scrypt-weak", "key.parameters"),
        ("sha1", "key.algorithm"),
        ("des3", "key.algorithm"),
        ("pbes1", "key.algorithm"),
        ("rsa", "key.algorithm"),
        ("p384", "key.algorithm"),
    ] {
        assert_eq!(
            opened(&given(name), PASSPHRASE).unwrap_err(),
            code,
            "{name}"
        );
    }
    let plain = given("weak").replace("ENCRYPTED ", "");
    assert_eq!(opened(&plain, PASSPHRASE).unwrap_err(), "key.format");
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "key.pem", given("p256-pbkdf2"));
    assert_eq!(keys::load(&path).unwrap_err().code, "key.locked");
}

#[test]
fn a_key_survives_its_encrypted_file() {
    let folder = tempfile::tempdir().unwrap();
    for algorithm in [Algorithm::Ed25519, Algorithm::Es256] {
        let key = keys::generate_for(algorithm, None).unwrap();
        let path = folder.path().join(format!("{}.pem", key.alg()));
        let word = passphrase("pass phrase\nand what is on the second line");
        key.save_encrypted(&path, &word).unwrap();
        assert_eq!(
            key.save_encrypted(&path, &word).unwrap_err().code,
            "key.exists"
        );
        let again = keys::load_with(&path, Some(&passphrase("pass phrase\r\n"))).unwrap();
        assert_eq!(again.public(), key.public());
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"),
            "{text}"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let error = keys::load_with(&path, Some(&word)).unwrap_err();
            assert_eq!(error.code, "key.mode");
        }
    }
}

#[test]
fn a_passphrase_is_one_line_of_a_private_file() {
    let folder = tempfile::tempdir().unwrap();
    let read =
        |text: &str| Passphrase::read(&put(folder.path(), "p", text)).map_err(|error| error.code);
    assert_eq!(format!("{:?}", read("secret").unwrap()), "Passphrase(****)");
    for text in ["", "\n", "\r\nsecret", &"x".repeat(1025)] {
        assert_eq!(read(text).unwrap_err(), "key.passphrase", "{text}");
    }
    let missing = Passphrase::from_env("AMBIT_NO_SUCH_VARIABLE").unwrap_err();
    assert_eq!(missing.code, "key.passphrase");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = put(folder.path(), "open", "secret");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Passphrase::read(&path).unwrap_err().code, "key.mode");
    }
}

/// Whatever is changed, it is refused with a code, or it is the same key; nothing panics or takes long.
#[test]
fn damaged_files_are_refused() {
    let text = given("ed25519-pbkdf2");
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let standard = body.replace('+', "-").replace('/', "_");
    let file = ambit_token::base64url::decode(standard.trim_end_matches('=').as_bytes()).unwrap();
    let pem = |bytes: &[u8]| {
        let text = ambit_token::base64url::encode(bytes)
            .replace('-', "+")
            .replace('_', "/");
        let text = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| core::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{}\n-----END ENCRYPTED PRIVATE KEY-----\n",
            lines.join("\n")
        )
    };
    assert_eq!(opened(&pem(&file), PASSPHRASE).unwrap().x(), ED25519);
    // The head, byte by byte; of what is sealed, some.
    let sealed = file.len() - 64;
    for at in (0..sealed).chain([sealed, file.len() - 20, file.len() - 1]) {
        for change in [0x01, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] ^= change;
            match opened(&pem(&damaged), PASSPHRASE) {
                Ok(key) => assert_eq!(key.x(), ED25519, "{at} {change}"),
                Err(code) => assert!(
                    [
                        "key.format",
                        "key.algorithm",
                        "key.parameters",
                        "key.passphrase"
                    ]
                    .contains(&code),
                    "{code}"
                ),
            }
        }
    }
    for end in 0..file.len() {
        assert!(opened(&pem(&file[..end]), PASSPHRASE).is_err());
    }
}
