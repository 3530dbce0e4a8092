//! What `cargo xtask web` does to wasm files besides building and optimising them.
//!
//! - `bindgen glue WASM NAME FOLDER` writes the glue between JavaScript and a wasm file.
//! - `bindgen split LINKED WHOLE FIRST SECOND EXPORT...` makes two files of one.

mod glue;
mod hints;
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
        ["split", linked, whole, first, second, exports @ ..] => {
            let exports: Vec<String> = exports.iter().map(ToString::to_string).collect();
            let parts = split::split(&fs::read(linked)?, &fs::read(whole)?, &exports)?;
            fs::write(first, &parts[0])?;
            fs::write(second, &parts[1])?;
            Ok(())
        }
        _ => Err("usage: bindgen glue WASM NAME FOLDER, or bindgen split LINKED WHOLE FIRST SECOND EXPORT...".into()),
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
