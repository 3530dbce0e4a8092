//! Writes the glue between JavaScript and a wasm file, for `cargo xtask web`: `bindgen WASM NAME FOLDER`.

use std::error::Error;
use std::path::Path;

use wasm_bindgen_cli_support::Bindgen;

mod glue;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [wasm, name, folder] = arguments.as_slice() else {
        return Err("usage: bindgen WASM NAME FOLDER".into());
    };
    Bindgen::new()
        .input_path(wasm)
        .out_name(name)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .omit_default_module_path(true)
        // After a trap the next call gets a new instance.
        .reset_state_function(true)
        .generate(folder)?;
    glue::encode_at_once(&Path::new(folder).join(format!("{name}.js")))
}
