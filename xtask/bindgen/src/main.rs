//! Writes the glue between JavaScript and a module, for `cargo xtask web`: `bindgen WASM FOLDER`.

use std::error::Error;
use std::path::PathBuf;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(wasm), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bindgen WASM FOLDER".into());
    };
    Bindgen::new()
        .input_path(wasm)
        .out_name("ambit_web")
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .omit_default_module_path(true)
        // After a trap the next call gets a new instance.
        .reset_state_function(true)
        .generate(folder)?;
    Ok(())
}
