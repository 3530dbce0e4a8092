//! What of a request passes beside what is judged, of either side: capabilities, and `_meta`.

use ambit_core::json::{Json, Kind, Writer};

use super::client::Next;
use super::message;
use super::session::Session;

/// Members of `_meta` that pass, beside those of the specification's own name.
const META: [&str; 4] = ["progressToken", "traceparent", "tracestate", "baggage"];

/// What a client can do for a server, and is told of where it is mapped.
const OF_CLIENT: [&str; 3] = ["roots", "sampling", "elicitation"];

impl Session {
    /// A client introduces itself: what it would do for the server is not told where it is not mapped.
    pub(super) fn introduced(&self, root: Json<'_>) -> String {
        let mut out = Writer::with_capacity(1024);
        message::rewrite(root, &mut out, &mut |name, params, out| {
            if name != "params" || params.kind() != Kind::Object {
                return false;
            }
            out.name(name);
            message::rewrite(params, out, &mut |name, capabilities, out| {
                match name {
                    "capabilities" => {
                        out.name(name);
                        self.only(capabilities, &OF_CLIENT, &[], out);
                    }
                    "_meta" => {
                        out.name(name);
                        self.meta(capabilities, &[], out);
                    }
                    _ => return false,
                }
                true
            });
            true
        });
        out.finish()
    }

    /// A request as it passes: as it came, but for what `_meta` has that nobody judges.
    pub(super) fn passes(&self, root: Json<'_>) -> Next {
        let meta = root.get("params").and_then(|params| params.get("_meta"));
        let Some(meta) = meta else {
            return Next::Pass;
        };
        let mut left = Writer::default();
        self.meta(meta, &[], &mut left);
        let left = left.finish();
        if left == message::text(meta) {
            return Next::Pass;
        }
        let mut out = Writer::with_capacity(1024);
        message::rewrite(root, &mut out, &mut |name, params, out| {
            if name != "params" {
                return false;
            }
            out.name(name);
            message::rewrite(params, out, &mut |name, _, out| {
                if name != "_meta" {
                    return false;
                }
                out.name(name).raw(&left);
                true
            });
            true
        });
        Next::Changed(out.finish())
    }

    /// What of `_meta` passes: what the specification gives a meaning, and of the client's capabilities those that
    /// pass.
    pub(super) fn meta(&self, meta: Json<'_>, without: &[&str], out: &mut Writer) {
        message::rewrite(meta, out, &mut |name, value, out| {
            if name == "io.modelcontextprotocol/clientCapabilities" {
                out.name(name);
                self.only(value, &OF_CLIENT, &[], out);
                return true;
            }
            let is_known = META.contains(&name) || name.starts_with("io.modelcontextprotocol/");
            !is_known || without.contains(&name) || (name == "progressToken" && !is_token(value))
        });
    }

    /// Of capabilities those that pass, and those of which something is mapped.
    pub(super) fn only(&self, all: Json<'_>, mapped: &[&str], pass: &[&str], out: &mut Writer) {
        message::rewrite(all, out, &mut |name, _, _| {
            let is_mapped = mapped.contains(&name) && self.gateway.config.has_methods(name);
            !is_mapped && !pass.contains(&name)
        });
    }
}

/// Whether a value is a progress token as the specification has it, so that nothing else travels under its name.
fn is_token(value: Json<'_>) -> bool {
    matches!(value.kind(), Kind::String | Kind::Number)
}
