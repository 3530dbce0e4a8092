//! What several suites need: the example's bundle, a template like the guest's, keys of RFC 8032.

use std::fs;
use std::path::Path;

use ambit_compiler::keys::{self, SecretKey};
use ambit_compiler::{Project, build, module};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// When the example's policy was issued.
pub(crate) const ISSUED: i64 = 1_771_977_600;

/// RFC 8032 section 7.1: the secret and public key of tests 1 to 3.
const KEYS: [(&str, &str); 3] = [
    (
        "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    ),
    (
        "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs",
        "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
    ),
    (
        "xaqN9D-fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc",
        "_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU",
    ),
];

/// A key from RFC 8032. The first one is the example's `broker-1`.
pub(crate) fn key(at: usize, kid: &str) -> SecretKey {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.jwk");
    let (d, x) = KEYS[at];
    let jwk = format!(
        "{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"{kid}\",\"x\":\"{x}\",\"d\":\"{d}\"}}"
    );
    fs::write(&path, jwk).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    keys::load(&path).unwrap()
}

/// The bundle of `good/acme`.
pub(crate) fn bundle() -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/acme");
    build::bundle(&Project::load(&dir).unwrap(), ISSUED).unwrap()
}

/// The same with a line added behind one of `ambit.toml`, and another agent, `courier`.
pub(crate) fn bundle_with(behind: &str, line: &str) -> Vec<u8> {
    bundle_edited(&[("ambit.toml", behind, &format!("{behind}\n{line}"))])
}

/// The same with texts of its files replaced, each given as file, text and what comes in its place; and
/// another agent, `courier`.
pub(crate) fn bundle_edited(edits: &[(&str, &str, &str)]) -> Vec<u8> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/acme");
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("agents")).unwrap();
    for name in [
        "ambit.toml",
        "schema.cedarschema",
        "agents/renewal-bot.toml",
    ] {
        let mut text = fs::read_to_string(from.join(name)).unwrap();
        for (_, from, to) in edits.iter().filter(|(file, ..)| *file == name) {
            assert!(text.contains(from), "{text}");
            text = text.replace(from, to);
        }
        fs::write(dir.path().join(name), text).unwrap();
    }
    let manifest = fs::read_to_string(dir.path().join("agents/renewal-bot.toml")).unwrap();
    let courier = manifest.replacen("renewal-bot", "courier", 1);
    fs::write(dir.path().join("agents/courier.toml"), courier).unwrap();
    build::bundle(&Project::load(dir.path()).unwrap(), ISSUED).unwrap()
}

/// Where the magic of [`template`] stands.
pub(crate) const MAGIC_AT: i32 = 1024;

/// How a template differs from a right one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twist {
    None,
    Import,
    NoMemory,
    TwoSlots,
    NoSlot,
    UsedSlot,
    /// An optimiser has cut the zeroes behind the magic off.
    ShortSlot,
    Maximum,
}

/// A module with one memory and one slot, as the guest has them.
pub(crate) fn template(twist: Twist) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    module.section(&types);
    if twist == Twist::Import {
        let mut imports = ImportSection::new();
        imports.import("env", "now", wasm_encoder::EntityType::Function(0));
        module.section(&imports);
    }
    let mut functions = FunctionSection::new();
    functions.function(0);
    module.section(&functions);
    if twist != Twist::NoMemory {
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 2,
            maximum: (twist == Twist::Maximum).then_some(2),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        module.section(&memories);
    }
    let mut exports = ExportSection::new();
    let function = u32::from(twist == Twist::Import);
    exports.export("ambit_abi", ExportKind::Func, function);
    module.section(&exports);
    let data = data(twist);
    module.section(&DataCountSection { count: data.len() });
    let mut code = CodeSection::new();
    let mut body = Function::new([]);
    body.instructions().i32_const(1).end();
    code.function(&body);
    module.section(&code);
    module.section(&data);
    module.finish()
}

fn data(twist: Twist) -> DataSection {
    let mut data = DataSection::new();
    if twist == Twist::NoMemory {
        return data;
    }
    let mut slot = b"..AMBIT-BUNDLE-SLT".to_vec();
    slot.extend([0; 40]);
    match twist {
        Twist::NoSlot => slot[3] = b'X',
        Twist::UsedSlot => slot[20] = 1,
        Twist::ShortSlot => slot.truncate(18),
        _ => slot.extend(b".."),
    }
    let at = |place: i32| ConstExpr::i32_const(place - 2);
    data.active(0, &at(MAGIC_AT), slot.iter().copied());
    if twist == Twist::TwoSlots {
        data.active(0, &at(4096), slot.iter().copied());
    }
    data
}

/// The example as a module.
pub(crate) fn policy_wasm() -> Vec<u8> {
    module::assemble(&template(Twist::None), &bundle()).unwrap()
}
