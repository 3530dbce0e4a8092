//! A case over the defaults of its file: its own keys win.

use core::ops::Range;

use ambit_compiler::reader::{File, Reader, Value};
use toml::de::DeTable;

pub(super) struct Layers<'a, 'i> {
    pub(super) own: Reader<'a, 'i>,
    pub(super) file: File<'a>,
    defaults: Option<&'a DeTable<'i>>,
}

impl<'a, 'i> Layers<'a, 'i> {
    pub(super) fn new(
        file: File<'a>,
        table: &'a DeTable<'i>,
        defaults: Option<&'a DeTable<'i>>,
        span: Range<usize>,
    ) -> Self {
        Self {
            own: Reader::new(file, table, "`[[case]]`", span),
            file,
            defaults,
        }
    }

    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Value<'i>> {
        let default = self.defaults.and_then(|defaults| defaults.get(key));
        self.own.get(key).or(default)
    }

    /// The value of a key that must be there, here or among the defaults.
    pub(super) fn require(&mut self, key: &'static str, example: &str) -> Option<&'a Value<'i>> {
        match self.get(key) {
            Some(value) => Some(value),
            None => self.own.require(key, example),
        }
    }

    pub(super) fn text(&mut self, key: &'static str, example: &str) -> Option<String> {
        let value = self.get(key)?;
        let example = format!("{key} = \"{example}\"");
        let text = self.file.string(value, key, &example)?;
        Some(text.text.to_owned())
    }
}
