//! What `cargo xtask web` does to wasm files besides building and optimising them.
//!
//! - `bindgen glue WASM NAME FOLDER` writes the glue between JavaScript and a wasm file.
//! - `bindgen split LINKED WHOLE FIRST FURTHER=EXPORT,EXPORT...` makes several files of one.
//! - `bindgen arrange FROM TO` numbers locals and orders functions so that a file compresses better.

mod functions;
mod glue;
mod hints;
mod locals;
mod needs;
mod order;
mod split;
mod stops;

use std::error::Error;
use std::fs;
use std::path::Path;

use walrus::Module;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["glue", wasm, name, folder] => bind(wasm, name, folder),
        ["split", linked, whole, first, further @ ..] => {
            let further = further.iter().map(|file| file.split_once('='));
            let further: Vec<_> = further.collect::<Option<_>>().ok_or("a further file needs `=` and its exports")?;
            let exports = further.iter().map(|(_, exports)| exports.split(',').map(String::from).collect());
            let exports: Vec<Vec<String>> = exports.collect();
            let parts = split::split(&fs::read(linked)?, &fs::read(whole)?, &exports)?;
            let files = std::iter::once(*first).chain(further.iter().map(|(file, _)| *file));
            for (file, part) in files.zip(parts) {
                fs::write(file, part)?;
            }
            Ok(())
        }
        ["arrange", from, to] => {
            let numbered = locals::number(&fs::read(from)?)?;
            Ok(fs::write(to, order::order(&numbered)?)?)
        }
        _ => Err("usage: bindgen glue WASM NAME FOLDER, bindgen split LINKED WHOLE FIRST FURTHER=EXPORT,EXPORT..., or bindgen arrange FROM TO".into()),
    }
}

fn bind(wasm: &str, name: &str, folder: &str) -> Result<(), Box<dyn Error>> {
    let bytes = fs::read(wasm)?;
    let mut module = Module::from_buffer(&bytes)?;
    stops::Stops::find(&bytes)?.trap(&mut module)?;
    // What the linker says of its own file is not true of what is made from it.
    let stale = module.customs.iter();
    let stale = stale.filter(|(_, section)| {
        let name = section.name();
        name == "linking" || name.starts_with("reloc.")
    });
    for id in stale.map(|(id, _)| id).collect::<Vec<_>>() {
        module.customs.delete(id);
    }
    hints::forget_alignment(&mut module);
    Bindgen::new()
        .input_module(name, module)
        .out_name(name)
        .web(true)?
        .typescript(false)
        .remove_name_section(false)
        .remove_producers_section(true)
        .omit_default_module_path(true)
        // After a trap the next call gets a new instance.
        .reset_state_function(true)
        .generate(folder)?;
    glue::encode_at_once(&Path::new(folder).join(format!("{name}.js")))
}
