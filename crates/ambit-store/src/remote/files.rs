//! A module behind an address, and its signature beside it.

use ambit_core::limits::MODULE_BYTES;
use ambit_token::module::ENVELOPE_BYTES;

use super::agent::{Ask, Deadline, refused};
use super::{Fetched, Marks, Remote, etag};
use crate::error::StoreError;

/// An answer to a question with a validator.
enum Came {
    /// It is what is known.
    Same,
    /// It is not there.
    Missing,
    New(Vec<u8>, Option<String>),
}

impl Remote {
    pub(super) fn fetch_files(
        &self,
        url: &str,
        known: Option<&Marks>,
    ) -> Result<Option<Fetched>, StoreError> {
        let deadline = Deadline::new();
        let (of_module, of_signature) = match known {
            Some(Marks::Etags(module, signature)) => (module.as_deref(), signature.as_deref()),
            _ => (None, None),
        };
        let beside = signature_of(url);
        let module = self.file(url, of_module, MODULE_BYTES, deadline)?;
        // A new module comes with a whole signature, and the other way round.
        let known = of_signature.filter(|_| matches!(module, Came::Same));
        let signature = self.file(&beside, known, ENVELOPE_BYTES, deadline)?;
        let module = match (module, &signature) {
            (Came::Same, Came::Same) => return Ok(None),
            // It carries its signature, as before.
            (Came::Same, Came::Missing) if of_signature.is_none() => return Ok(None),
            (Came::Same, _) => self.file(url, None, MODULE_BYTES, deadline)?,
            (module, _) => module,
        };
        let Came::New(module, module_tag) = module else {
            return Err(refused(url, 404));
        };
        let (signature, tag) = match signature {
            Came::New(bytes, tag) => (Some(bytes), tag),
            _ => (None, None),
        };
        Ok(Some(Fetched {
            module,
            signature,
            marks: Marks::Etags(module_tag, tag),
        }))
    }

    fn file(
        &self,
        url: &str,
        known: Option<&str>,
        most: usize,
        deadline: Deadline,
    ) -> Result<Came, StoreError> {
        let mut ask = Ask::get(url).with("accept", "*/*");
        ask.login = self.login()?;
        if let Some(known) = known {
            ask = ask.with("if-none-match", known);
        }
        let answer = self.asker.ask(ask, most, deadline)?;
        match answer.status {
            200 => {
                let tag = answer.header("etag").and_then(etag);
                Ok(Came::New(answer.body, tag))
            }
            304 if known.is_some() => Ok(Came::Same),
            404 | 410 => Ok(Came::Missing),
            status => Err(refused(url, status)),
        }
    }
}

/// Where the signature of a module lies: that of `policy.wasm`, and of its bundle `policy.bundle`, is
/// `policy.wasm.dsse.json`.
fn signature_of(url: &str) -> String {
    let module = match url.strip_suffix(".bundle") {
        Some(stem) => format!("{stem}.wasm"),
        None => url.to_owned(),
    };
    format!("{module}.dsse.json")
}
