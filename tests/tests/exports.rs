//! What a policy module exports for hosts and holders beside the decision: the same bytes as the
//! functions of the crates.

use ambit_tests::project::guest;
use wasmtime::{Engine, Instance, Memory, Module, Store};

/// The guest without a bundle: none of these needs one.
struct Raw {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Raw {
    fn start() -> Self {
        let guest = guest().unwrap_or_else(|why| panic!("{why}"));
        let engine = Engine::default();
        let module = Module::new(&engine, guest).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        Self {
            store,
            instance,
            memory,
        }
    }

    fn ask(&mut self, export: &str, request: &[u8]) -> String {
        let length = u32::try_from(request.len()).unwrap();
        let alloc = self
            .instance
            .get_typed_func::<u32, u32>(&mut self.store, "ambit_alloc");
        let at = alloc.unwrap().call(&mut self.store, length).unwrap();
        self.memory
            .write(&mut self.store, at as usize, request)
            .unwrap();
        let ask = self
            .instance
            .get_typed_func::<(u32, u32), u64>(&mut self.store, export);
        let packed = ask.unwrap().call(&mut self.store, (at, length)).unwrap();
        let (place, size) = ((packed >> 32) as usize, (packed & 0xffff_ffff) as usize);
        let bytes = self.memory.data(&self.store)[place..place + size].to_vec();
        let free = self
            .instance
            .get_typed_func::<(u32, u32), ()>(&mut self.store, "ambit_free");
        let free = free.unwrap();
        free.call(&mut self.store, (place as u32, size as u32))
            .unwrap();
        free.call(&mut self.store, (at, length)).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

#[test]
fn refusals_and_their_responses_are_the_same_bytes() {
    let mut raw = Raw::start();
    for code in [
        "possession.used",
        "obligation.failed",
        "engine.trap",
        "no.code",
    ] {
        let request = format!(r#"{{"code":"{code}","admin":"the disk is full"}}"#);
        let answer = raw.ask("ambit_refuse", request.as_bytes());
        assert_eq!(answer, ambit_evaluator::refuse_by(request.as_bytes()));
        let request = format!(r#"{{"answer":{answer},"nonce":"n-1"}}"#);
        let response = raw.ask("ambit_http", request.as_bytes());
        assert_eq!(response, ambit_core::http::response(&answer, Some("n-1")));
        assert!(!response.contains("disk"), "{response}");
    }
    for export in ["ambit_refuse", "ambit_http"] {
        for broken in [&b""[..], b"{", b"[]", b"\xff", br#"{"answer":1,"code":1}"#] {
            assert!(raw.ask(export, broken).starts_with('{'), "{export}");
        }
    }
}
