//! The wasm test module with a compiled policy set in it, in wasmtime.

use std::error::Error;
use std::path::Path;

use wasmtime::{Engine, Instance, Memory, Module, Store, TypedFunc};

/// An instance that keeps one program.
pub(crate) struct Guest {
    store: Store<()>,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    authorize: TypedFunc<(u32, u32), u64>,
    free: TypedFunc<(u32, u32), ()>,
}

impl Guest {
    pub(crate) fn load(file: &Path, program: &[u8]) -> Result<Self, Box<dyn Error>> {
        let engine = Engine::default();
        let module = Module::from_file(&engine, file)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let memory = instance.get_memory(&mut store, "memory");
        let load = instance.get_typed_func::<(u32, u32), u32>(&mut store, "cedar_load")?;
        let mut guest = Self {
            memory: memory.ok_or("the module exports no memory")?,
            alloc: instance.get_typed_func(&mut store, "vectors_alloc")?,
            authorize: instance.get_typed_func(&mut store, "cedar_authorize")?,
            free: instance.get_typed_func(&mut store, "vectors_free")?,
            store,
        };
        let place = guest.write(program)?;
        if load.call(&mut guest.store, place)? != 1 {
            return Err("the guest refuses the program".into());
        }
        Ok(guest)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(u32, u32), Box<dyn Error>> {
        let length = u32::try_from(bytes.len())?;
        let room = self.alloc.call(&mut self.store, length)?;
        self.memory
            .write(&mut self.store, usize::try_from(room)?, bytes)?;
        Ok((room, length))
    }

    /// The answer as JSON.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        let place = self.write(request)?;
        let packed = self.authorize.call(&mut self.store, place)?;
        let (pointer, length) = (packed >> 32, packed & u64::from(u32::MAX));
        let mut answer = vec![0; usize::try_from(length)?];
        self.memory
            .read(&self.store, usize::try_from(pointer)?, &mut answer)?;
        let parts = (u32::try_from(pointer)?, u32::try_from(length)?);
        self.free.call(&mut self.store, parts)?;
        Ok(answer)
    }
}
