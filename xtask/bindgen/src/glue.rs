//! One change to the glue: how a text gets into the memory of the evaluator.

use std::error::Error;
use std::fs;
use std::path::Path;

/// The glue copies a text sign by sign until it meets one that is not ASCII: of a request of 2.8 KB that takes a
/// seventh of a whole decision. The browser's own encoder needs a twentieth of that.
const SIGN_BY_SIGN: &str = "    for (; offset < len; offset++) {
        const code = arg.charCodeAt(offset);
        if (code > 0x7F) break;
        mem[ptr + offset] = code;
    }
    if (offset !== len) {
        if (offset !== 0) {
            arg = arg.slice(offset);
        }
";
const AT_ONCE: &str =
    "    const { read, written } = cachedTextEncoder.encodeInto(arg, mem.subarray(ptr, ptr + len));
    offset = written;
    if (read !== arg.length) {
        arg = arg.slice(read);
";

/// Makes the change in a file of glue.
///
/// # Errors
///
/// Another version of `wasm-bindgen` may write other glue.
pub fn encode_at_once(glue: &Path) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(glue)?;
    if text.matches(SIGN_BY_SIGN).count() != 1 {
        return Err(format!("{} does not copy texts as it did", glue.display()).into());
    }
    fs::write(glue, text.replace(SIGN_BY_SIGN, AT_ONCE))?;
    Ok(())
}
