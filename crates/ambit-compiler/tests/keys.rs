//! Key files: made private, read only when private, never overwritten, never printed.

use std::fs;

use ambit_compiler::keys;

#[test]
fn a_key_survives_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broker.jwk");
    let key = keys::generate(Some("broker-1")).unwrap();
    key.save(&path).unwrap();
    let again = keys::load(&path).unwrap();
    assert_eq!((again.kid(), again.x()), ("broker-1", key.x()));
    assert_eq!(key.save(&path).unwrap_err().code, "key.exists");
    assert!(!key.public_jwk().to_string().contains("\"d\""));
}

#[test]
fn a_p256_key_survives_its_file_and_signs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broker.jwk");
    let key = keys::generate_for(keys::Algorithm::Es256, None).unwrap();
    assert_eq!((key.alg(), key.kid()), ("ES256", key.thumbprint().as_str()));
    key.save(&path).unwrap();
    let again = keys::load(&path).unwrap();
    assert_eq!(again.public(), key.public());
    assert!(key.public().verify(b"message", &again.sign(b"message")));
    assert!(!key.public().verify(b"another", &again.sign(b"message")));
    assert_eq!(key.ed25519(), None);
    let shown = format!("{key:?} {}", key.public_jwk());
    assert!(
        shown.contains("****") && !shown.contains("\"d\""),
        "{shown}"
    );
    // Halves that do not belong together.
    let text = fs::read_to_string(&path).unwrap();
    let other = keys::generate_for(keys::Algorithm::Es256, None).unwrap();
    fs::write(&path, text.replace(&key.x(), &other.x())).unwrap();
    assert_eq!(keys::load(&path).unwrap_err().code, "key.format");
}

#[test]
fn a_key_is_not_printed() {
    let key = keys::generate(None).unwrap();
    assert_eq!(key.kid(), key.thumbprint());
    let shown = format!("{key:?}");
    assert!(
        shown.contains("****") && !shown.contains("SigningKey"),
        "{shown}"
    );
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broker.jwk");
    keys::generate(None).unwrap().save(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for open in [0o640, 0o604, 0o610] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        assert_eq!(keys::load(&path).unwrap_err().code, "key.mode");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_private_key_is_refused_without_repeating_it() {
    use std::os::unix::fs::PermissionsExt as _;
    const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const OTHER: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";
    let jwk = |crv: &str, x: &str, d: &str| {
        format!("{{\"kty\":\"OKP\",\"crv\":\"{crv}\",\"x\":\"{x}\",\"d\":\"{d}\"}}")
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.jwk");
    let load = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        keys::load(&path)
    };
    // RFC 8037, appendix A.1
    let good = load(&jwk("Ed25519", X, D)).unwrap();
    assert_eq!(good.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    for text in [
        jwk("Ed25519", OTHER, D),
        jwk("X25519", X, D),
        jwk("Ed25519", X, &D[1..]),
        jwk("Ed25519", X, ""),
        format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{X}\"}}"),
        String::from("[]"),
    ] {
        let error = load(&text).unwrap_err();
        assert_eq!(error.code, "key.format");
        assert!(!error.message.contains(&D[1..]));
    }
}
