//! Compiled code that is kept on the disk, so that a module is compiled once on a machine and not once in
//! every process.
//!
//! Machine code is run without a check of its own, so a file counts only when this machine's user made it:
//! its folder is nobody else's, and the file is sealed (keyed BLAKE3, under a random key that lies in the
//! folder) for exactly this module and this engine. It is read once, and what was checked is what is run.
//! Whatever is wrong with a file, the module is compiled anew: a cache never makes a module fail.

mod folder;
mod machine;

use std::fmt;
use std::hash::{Hash as _, Hasher};
use std::io;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, Module};

use folder::Folder;

/// Bytes of a seal.
const SEAL: usize = 32;
/// What a seal is for: this form of a file, written by this version of the host.
const LABEL: &str = concat!("ambit-code-1 ", env!("CARGO_PKG_VERSION"));

/// A folder with compiled code.
///
/// It holds at most 64 files of at most 256 MiB together; the oldest go first. Processes may share it.
/// Nothing in it is worth keeping: deleting it costs one compilation a module.
pub struct CodeCache {
    folder: Folder,
    key: [u8; 32],
}

impl CodeCache {
    /// Opens a folder, and makes it (mode 0700) and its key where they are missing.
    ///
    /// # Errors
    ///
    /// When the folder or its key cannot be made or read, is a link, belongs to somebody else, or may be
    /// written to by others; and on systems where that cannot be found out. A host then does without:
    /// it only starts more slowly.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = Folder::open(folder.into())?;
        let key = folder.key()?;
        Ok(Self { folder, key })
    }

    /// The code of a module, if it is there and as it was written.
    pub(crate) fn load(&self, engine: &Engine, module: &[u8; 32]) -> Option<Module> {
        let name = Name::of(engine, module);
        let file = self.folder.read(&name.file())?;
        let (seal, code) = file.split_first_chunk::<SEAL>()?;
        // Compared in constant time.
        let sealed = self.seal(&name, code) == *seal;
        sealed.then(|| machine::from_sealed(engine, code))?
    }

    /// Keeps the code of a module. A disk that is full or cannot be written to only costs time.
    pub(crate) fn store(&self, engine: &Engine, module: &[u8; 32], compiled: &Module) {
        let name = Name::of(engine, module);
        if let Ok(code) = compiled.serialize() {
            let seal = self.seal(&name, &code);
            self.folder.write(&name.file(), &[seal.as_bytes(), &code]);
        }
    }

    /// Over whose code it is, for which engine, and all of it. The parts before the code have fixed lengths.
    fn seal(&self, name: &Name, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in [LABEL.as_bytes(), &name.module, &name.engine, code] {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

impl fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeCache")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Which code: of the module with this digest, for an engine of this version, target and settings.
struct Name {
    module: [u8; 32],
    engine: [u8; 32],
}

impl Name {
    fn of(engine: &Engine, module: &[u8; 32]) -> Self {
        let mut digest = Digest(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut digest);
        Self {
            module: *module,
            engine: digest.0.finalize().into(),
        }
    }

    fn file(&self) -> String {
        let hex = |bytes: &[u8]| -> String {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            digits.collect()
        };
        let engine = self.engine.first_chunk::<8>();
        format!("{}-{}", hex(&self.module), hex(engine.unwrap_or(&[0; 8])))
    }
}

/// Takes what is hashed as bytes, for a digest that is long enough to be relied on.
struct Digest(Sha256);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest
            .first_chunk()
            .map_or(0, |first| u64::from_le_bytes(*first))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use wasmtime::{Config, OptLevel};

    use super::*;

    /// Sealed for one engine, and shown to another as its own.
    #[test]
    fn code_for_another_engine_is_not_run() {
        let place = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(place.path().join("code")).unwrap();
        let engine = |level| Engine::new(Config::new().cranelift_opt_level(level)).unwrap();
        let (one, other) = (engine(OptLevel::Speed), engine(OptLevel::None));
        let module = [1; 32];
        let compiled = Module::new(&one, b"\0asm\x01\0\0\0").unwrap();
        cache.store(&one, &module, &compiled);
        assert!(cache.load(&one, &module).is_some());
        assert!(cache.load(&other, &module).is_none());
        let file = |engine| {
            let name = Name::of(engine, &module).file();
            place.path().join("code").join(format!("{name}.ambit-code"))
        };
        std::fs::rename(file(&one), file(&other)).unwrap();
        assert!(cache.load(&other, &module).is_none());
        assert_eq!(
            Name::of(&one, &module).file(),
            Name::of(&engine(OptLevel::Speed), &module).file()
        );
    }
}
