//! The functions of a file, as they are written.

use std::error::Error;

use wasmparser::{FunctionBody, Parser, Payload, TypeRef, ValType};

#[derive(Default)]
pub(crate) struct Functions<'a> {
    /// How many are imported. They have the first numbers.
    pub(crate) imported: usize,
    pub(crate) bodies: Vec<FunctionBody<'a>>,
    /// The types of the parameters of each that has a body.
    pub(crate) parameters: Vec<Vec<ValType>>,
}

impl<'a> Functions<'a> {
    pub(crate) fn read(wasm: &'a [u8]) -> Result<Self, Box<dyn Error>> {
        let mut functions = Self::default();
        let mut types = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        types.push(ty?.params().to_vec());
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let is_function = matches!(import?.ty, TypeRef::Func(_));
                        functions.imported += usize::from(is_function);
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        let ty = types.get(ty? as usize);
                        let parameters = ty.ok_or("a function has no type")?;
                        functions.parameters.push(parameters.clone());
                    }
                }
                Payload::CodeSectionEntry(body) => functions.bodies.push(body),
                _ => (),
            }
        }
        Ok(functions)
    }
}
