//! Vectors made by others, from the folder that `AMBIT_EXTERNAL` names.

use std::fs;
use std::path::{Path, PathBuf};

use ambit_core::json::{Document, Profile, Writer, canonical};
use ambit_host::audit::NoteKey;
use ambit_host::audit::merkle::{Hash, verify_consistency, verify_inclusion};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The folder of a set of vectors; `None`, with a word, where there is none.
fn vectors(name: &str) -> Option<PathBuf> {
    let Some(external) = std::env::var_os("AMBIT_EXTERNAL") else {
        println!("skipped: {name} (AMBIT_EXTERNAL is not set)");
        return None;
    };
    Some(Path::new(&external).join("vectors").join(name))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A hash of the vectors; `None` for one that is too long or too short, or no base64. Some cases
/// about sizes have words (`don't care 1`) where roots stand: filled up, so that the size decides.
fn hash(value: &Value) -> Option<Hash> {
    let mut bytes = STANDARD.decode(value.as_str()?).ok()?;
    if bytes.starts_with(b"don't care") {
        bytes.resize(32, 0);
    }
    bytes.try_into().ok()
}

fn proof(case: &Value) -> Option<Vec<Hash>> {
    match &case["proof"] {
        Value::Null => Some(Vec::new()),
        proof => proof.as_array()?.iter().map(hash).collect(),
    }
}

fn inclusion(case: &Value) -> Option<bool> {
    let (index, size) = (case["leafIdx"].as_u64()?, case["treeSize"].as_u64()?);
    let (leaf, root) = (hash(&case["leafHash"])?, hash(&case["root"])?);
    Some(verify_inclusion(&leaf, index, size, &proof(case)?, &root))
}

fn consistency(case: &Value) -> Option<bool> {
    let (size1, size2) = (case["size1"].as_u64()?, case["size2"].as_u64()?);
    let (root1, root2) = (hash(&case["root1"])?, hash(&case["root2"])?);
    Some(verify_consistency(
        (size1, &root1),
        (size2, &root2),
        &proof(case)?,
    ))
}

fn merkle(kind: &str, least: usize, verify: impl Fn(&Value) -> Option<bool>) {
    let Some(folder) = vectors("merkle-rfc6962") else {
        return;
    };
    let files = files(&folder.join(kind));
    assert!(files.len() >= least, "{} files", files.len());
    let mut sound = 0;
    for file in &files {
        let case = json(file);
        let wanted = !case["wantErr"].as_bool().unwrap();
        // A hash of a wrong length is refused when it is read.
        assert_eq!(verify(&case).unwrap_or(false), wanted, "{}", file.display());
        sound += usize::from(wanted);
    }
    assert!(sound > 0, "no case of {kind} is sound");
}

#[test]
fn inclusion_proofs_of_transparency_dev() {
    merkle("inclusion", 90, inclusion);
}

#[test]
fn consistency_proofs_of_transparency_dev() {
    merkle("consistency", 90, consistency);
}

#[test]
fn the_signed_note_of_c2sp() {
    let Some(folder) = vectors("c2sp-signed-note") else {
        return;
    };
    let case = json(&folder.join("vectors.json"));
    let key = NoteKey::parse(case["vkey"].as_str().unwrap()).unwrap();
    assert_eq!(key.to_text(), case["vkey"]);
    assert_eq!(
        key.open(case["note"].as_str().unwrap()).unwrap(),
        case["text"]
    );
}

/// Four of the six hold integers only. `values` has fractions and exponents, `structures` the number
/// `56.0`: signed and digested data of ours may hold neither, so they must be refused, not written in
/// some other way. With its number as an integer, `structures` comes out too.
#[test]
fn canonical_json_of_rfc_8785() {
    let Some(folder) = vectors("jcs-rfc8785") else {
        return;
    };
    let inputs = files(&folder.join("input"));
    assert_eq!(inputs.len(), 6);
    for input in inputs {
        let name = input.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&input).unwrap();
        let wanted = fs::read_to_string(folder.join("output").join(input.file_name().unwrap()));
        let wanted = wanted.unwrap().trim_end_matches('\n').to_owned();
        match name {
            "values" => assert_eq!(canonical_text(&text), None),
            "structures" => {
                assert_eq!(canonical_text(&text), None);
                let integers = text.replace("56.0", "56");
                assert_eq!(canonical_text(&integers), Some(wanted));
            }
            _ => assert_eq!(canonical_text(&text), Some(wanted), "{name}"),
        }
    }
}

fn canonical_text(text: &str) -> Option<String> {
    let document = Document::parse(text.as_bytes(), Profile::Request).unwrap();
    let mut out = Writer::default();
    canonical(document.root(), &mut out).then(|| out.finish())
}
