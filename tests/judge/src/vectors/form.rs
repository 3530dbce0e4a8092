//! Which form a vector file has, by its content.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Case as Named, jose, logs, webauthn};

/// The forms that can be run.
#[derive(Debug)]
pub(crate) enum Form<'a> {
    /// Token chains with a `trust` of their own.
    Chains(&'a str),
    /// `ambit-constraints-1`
    Constraints(&'a str),
    /// Project Wycheproof, `EDDSA` over edwards25519
    Wycheproof(&'a str),
    /// Project Wycheproof, `ECDSA` over secp256r1 in P1363 form
    Es256(&'a str),
    /// DPoP proofs for one chain
    Proofs(&'a str),
    /// ed25519-speccheck, `cases.json`
    Speccheck(&'a str),
    /// ed25519-speccheck, `cases.txt`
    SpeccheckText(&'a str),
    /// Conformance cases: `tests/README.md`
    Conformance(&'a str),
    /// One JSON value that a function of this name judges
    Value(&'static str, Judge, Value),
    /// RFC 8785, a file of `input/` beside one of `output/`
    Canonical(&'a str),
    /// JSONTestSuite; here the bytes are arbitrary, and the file's name says what is expected.
    Json(JsonExpectation),
}

/// Judges a whole file, natively.
pub(crate) type Judge = fn(&Value) -> Result<Vec<Named>, String>;

/// Forms that are known by members of the file's object. The first that has all its members is it.
const BY_MEMBERS: [(&[&str], &str, Judge); 9] = [
    (&["rp_id", "vectors"], "WebAuthn assertions", webauthn::run),
    (&["wit", "wpt"], "WIMSE tokens", jose::wimse),
    (&["jwk", "jws"], "JWS with its key", jose::signed),
    (&["leafHash", "wantErr"], "Merkle proof", logs::merkle),
    (&["size1", "size2", "wantErr"], "Merkle proof", logs::merkle),
    (&["vkey", "note"], "signed note", logs::note),
    (&["pae", "envelope"], "DSSE", logs::envelope),
    (&["large", "small"], "status lists", logs::status_lists),
    (
        &["title", "input", "signing", "output"],
        "JOSE cookbook",
        jose::cookbook,
    ),
];

/// What JSONTestSuite expects of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonExpectation {
    /// `y_`: is JSON.
    Accept,
    /// `n_`: is no JSON.
    Refuse,
    /// `i_` and `test_transform`: either, without harm.
    Either,
}

impl Form<'_> {
    /// The form's name for people.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Form::Chains(_) => "capability chains",
            Form::Constraints(_) => "constraints",
            Form::Wycheproof(_) => "Wycheproof Ed25519",
            Form::Es256(_) => "Wycheproof ES256",
            Form::Proofs(_) => "proofs of possession",
            Form::Speccheck(_) | Form::SpeccheckText(_) => "ed25519-speccheck",
            Form::Conformance(_) => "conformance cases",
            Form::Value(name, ..) => name,
            Form::Canonical(_) => "canonical JSON",
            Form::Json(_) => "JSONTestSuite",
        }
    }
}

/// Finds the form of a file. Content decides; only the files of JSONTestSuite, which are arbitrary
/// bytes, and those of RFC 8785, which are any JSON, are known by their names.
pub(crate) fn find<'a>(file: &Path, bytes: &'a [u8]) -> Result<Form<'a>, String> {
    // Some editors begin a file with a byte order mark, which is no part of the JSON in it.
    let marked = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let by_content = std::str::from_utf8(marked).map_err(|_| UNKNOWN.to_owned());
    if let (Ok(text), Some(_)) = (&by_content, logs::canonical_output(file)) {
        return Ok(Form::Canonical(text));
    }
    match by_content.and_then(of_text) {
        Ok(form) => Ok(form),
        Err(why) => json_suite(file).map(Form::Json).ok_or(why),
    }
}

const UNKNOWN: &str = "unknown form: `tests/README.md` lists those that are known";

type Object<'a> = BTreeMap<String, &'a RawValue>;

fn of_text(text: &str) -> Result<Form<'_>, String> {
    if let Ok(object) = serde_json::from_str::<Object<'_>>(text) {
        return of_object(text, &object);
    }
    if let Ok(cases) = serde_json::from_str::<Vec<Object<'_>>>(text) {
        let has = |name| cases.iter().all(|case| case.contains_key(name));
        let speccheck = has("message") && has("pub_key") && has("signature");
        if speccheck && !cases.is_empty() {
            return Ok(Form::Speccheck(text));
        }
        if !cases.is_empty() && cases.iter().all(is_conformance) {
            return Ok(Form::Conformance(text));
        }
        return Err(UNKNOWN.to_owned());
    }
    let mut lines = text.lines().map(str::trim);
    let counted = lines.next().is_some_and(|line| line.parse::<u32>().is_ok());
    if counted && lines.next().is_some_and(|line| line.starts_with("msg=")) {
        return Ok(Form::SpeccheckText(text));
    }
    Err(UNKNOWN.to_owned())
}

/// A group of conformance cases.
fn is_conformance(group: &Object<'_>) -> bool {
    group.contains_key("template") && group.contains_key("cases")
}

fn of_object<'a>(text: &'a str, object: &Object<'_>) -> Result<Form<'a>, String> {
    let string = |name: &str| {
        let value = object.get(name)?;
        serde_json::from_str::<String>(value.get()).ok()
    };
    if let Some(form) = string("form") {
        return match form.as_str() {
            "ambit-constraints-1" => Ok(Form::Constraints(text)),
            other => Err(format!("unknown form `{other}`")),
        };
    }
    if is_conformance(object) {
        return Ok(Form::Conformance(text));
    }
    let known = BY_MEMBERS
        .iter()
        .find(|(members, ..)| members.iter().all(|name| object.contains_key(*name)));
    if let Some((_, name, judge)) = known {
        let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        return Ok(Form::Value(name, *judge, value));
    }
    if object.contains_key("testGroups") {
        let schema = string("schema").unwrap_or_default();
        if schema.starts_with("json_web_signature") {
            let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            return Ok(Form::Value("Wycheproof JWS", jose::wycheproof, value));
        }
        return match string("algorithm").as_deref() {
            Some("EDDSA") => Ok(Form::Wycheproof(text)),
            Some("ECDSA") if string("schema").is_some_and(|schema| schema.contains("p1363")) => {
                Ok(Form::Es256(text))
            }
            Some(other) => Err(format!(
                "unknown form: Wycheproof for `{other}`, not `EDDSA`"
            )),
            None => Err("unknown form: test groups without an `algorithm`".to_owned()),
        };
    }
    if object.contains_key("trust") && object.contains_key("cases") {
        return Ok(Form::Chains(text));
    }
    if object.contains_key("chain") && object.contains_key("leaf_jkt") {
        return Ok(Form::Proofs(text));
    }
    Err(UNKNOWN.to_owned())
}

/// What JSONTestSuite's names say: `test_parsing/{y,n,i}_*.json` and `test_transform/*.json`.
fn json_suite(file: &Path) -> Option<JsonExpectation> {
    if file.extension().is_none_or(|extension| extension != "json") {
        return None;
    }
    let file = file.canonicalize().ok()?;
    if file.parent()?.ends_with("test_transform") {
        return Some(JsonExpectation::Either);
    }
    match file.file_name()?.to_string_lossy().split_once('_')?.0 {
        "y" => Some(JsonExpectation::Accept),
        "n" => Some(JsonExpectation::Refuse),
        "i" => Some(JsonExpectation::Either),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Form, find};

    #[test]
    fn content_decides() {
        let cases = [
            (r#"{"trust": {}, "cases": []}"#, "capability chains"),
            (
                r#"{"form": "ambit-constraints-1", "groups": []}"#,
                "constraints",
            ),
            (
                r#"{"algorithm": "EDDSA", "testGroups": []}"#,
                "Wycheproof Ed25519",
            ),
            (
                r#"[{"message": "", "pub_key": "", "signature": ""}]"#,
                "ed25519-speccheck",
            ),
            (
                r#"{"algorithm": "ECDSA", "schema": "ecdsa_p1363_verify_schema_v1.json", "testGroups": []}"#,
                "Wycheproof ES256",
            ),
            (
                r#"{"chain": "", "leaf_jkt": "", "cases": []}"#,
                "proofs of possession",
            ),
            ("1\nmsg=\npbk=\nsig=\n", "ed25519-speccheck"),
            (
                "\u{feff}{\"trust\": {}, \"cases\": []}",
                "capability chains",
            ),
            (
                r#"{"template": "renewal", "cases": []}"#,
                "conformance cases",
            ),
            (
                r#"[{"template": "renewal", "cases": []}]"#,
                "conformance cases",
            ),
            (r#"{"rp_id": "", "vectors": []}"#, "WebAuthn assertions"),
            (r#"{"wit": "", "wpt": ""}"#, "WIMSE tokens"),
            (r#"{"jwk": {}, "jws": ""}"#, "JWS with its key"),
            (r#"{"leafHash": "", "wantErr": true}"#, "Merkle proof"),
            (
                r#"{"size1": 1, "size2": 2, "wantErr": true}"#,
                "Merkle proof",
            ),
            (r#"{"vkey": "", "note": ""}"#, "signed note"),
            (r#"{"pae": "", "envelope": {}}"#, "DSSE"),
            (r#"{"large": [], "small": []}"#, "status lists"),
            (
                r#"{"title": "", "input": {}, "signing": {}, "output": {}}"#,
                "JOSE cookbook",
            ),
            (
                r#"{"schema": "json_web_signature_schema_v1.json", "testGroups": []}"#,
                "Wycheproof JWS",
            ),
        ];
        for (text, name) in cases {
            let form = find(Path::new("n_misnamed.json"), text.as_bytes());
            assert_eq!(form.map(|form| form.name()), Ok(name), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        let texts = [
            "",
            "[]",
            "{}",
            "3",
            r#"{"form": "ambit-constraints-2"}"#,
            r#"{"algorithm": "ECDSA", "testGroups": []}"#,
            r#"{"testGroups": []}"#,
            r#"[{"message": ""}]"#,
            r#"[{"template": "renewal", "cases": []}, {}]"#,
            r#"{"cases": []}"#,
            r#"{"leafHash": ""}"#,
            r#"{"schema": "json_web_key_schema_v1.json", "testGroups": []}"#,
        ];
        for text in texts {
            assert!(
                find(Path::new("cases.json"), text.as_bytes()).is_err(),
                "{text}"
            );
        }
        assert!(find(Path::new("cases.json"), b"\xff").is_err());
    }

    #[test]
    fn arbitrary_bytes_are_known_by_name() {
        // The name counts only for a file that is there.
        let folder = tempfile::tempdir().expect("a folder");
        for (name, known) in [("n_x.json", true), ("n_x.txt", false), ("x.json", false)] {
            let file = folder.path().join(name);
            std::fs::write(&file, b"\xff").expect("a file");
            let form = find(&file, b"\xff");
            assert_eq!(matches!(form, Ok(Form::Json(_))), known, "{name}");
        }
    }

    #[test]
    fn a_canonical_form_is_known_by_the_file_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["input", "output"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let input = folder.path().join("input/x.json");
        assert!(find(&input, b"[]").is_err());
        std::fs::write(folder.path().join("output/x.json"), "[]").expect("a file");
        assert!(matches!(find(&input, b"[]"), Ok(Form::Canonical("[]"))));
    }
}
