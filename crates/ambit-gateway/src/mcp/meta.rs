//! What of a request passes beside what is judged, of either side: capabilities, and `_meta`.

use ambit_core::json::{Json, Kind, Writer};

use super::check::{Caller, Refusal};
use super::client::Next;
use super::inputs::{self, Brought};
use super::message;
use super::modern;
use super::session::Session;

/// Members of `_meta` that pass, beside those of the specification's own name.
const META: [&str; 4] = ["progressToken", "traceparent", "tracestate", "baggage"];

/// What a client can do for a server, and is told of where it is mapped.
const OF_CLIENT: [&str; 3] = ["roots", "sampling", "elicitation"];

/// What `subscriptions/listen` asks for, the addresses in it, and how many of them there may be.
const WANTED: &str = "notifications";
const ADDRESSES: &str = "resourceSubscriptions";
const MOST_ADDRESSES: usize = 64;
/// The request that an address stands for, as the older revisions have it.
const SUBSCRIBE: &str = "resources/subscribe";

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

    /// A request as it passes: as it came, but for what `_meta` has that nobody judges, and input that nobody of the
    /// server's asked for.
    pub(super) fn passes(&self, root: Json<'_>, brought: &Brought) -> Next {
        let params = root.get("params").unwrap_or(Json::null());
        let mut left = Writer::with_capacity(1024);
        self.passing(params, brought, &mut left);
        let left = left.finish();
        if params.is_null() || left == message::text(params) {
            return Next::Pass;
        }
        Next::Changed(with_params(root, &left))
    }

    fn passing(&self, params: Json<'_>, brought: &Brought, out: &mut Writer) {
        message::rewrite(params, out, &mut |name, value, out| match name {
            "_meta" => {
                out.name(name);
                self.meta(value, &[], out);
                true
            }
            inputs::RESPONSES if !brought.by_gateway => {
                out.name(name);
                message::rewrite(value, out, &mut |name, _, _| !brought.names.contains(name));
                true
            }
            name => inputs::is_input(name) && brought.by_gateway,
        });
    }

    /// A client listens for changes: only for those that are let through here.
    pub(super) fn listens(&self, root: Json<'_>, caller: Caller<'_>) -> Result<String, Refusal> {
        let params = root.get("params").unwrap_or(Json::null());
        let refuse = |words: &str| Err(Refusal::plain("request.member", words));
        if params
            .members()
            .any(|(name, _)| !["_meta", WANTED].contains(&name))
        {
            return refuse("it may have `notifications` and `_meta` alone");
        }
        let wanted = params.get(WANTED).filter(|it| it.kind() == Kind::Object);
        let Some(wanted) = wanted else {
            return refuse("`notifications` must be an object");
        };
        // Each address is decided; where agents show tokens, one request is one decision.
        let config = &self.gateway.config;
        let by_address = config.maps(SUBSCRIBE) && config.token.is_some();
        let addresses = wanted.get(ADDRESSES).filter(|_| by_address);
        if addresses.is_some_and(|all| all.len() > MOST_ADDRESSES) {
            return refuse("`resourceSubscriptions` has too many addresses");
        }
        for address in addresses.into_iter().flat_map(Json::elements) {
            let asked = format!("{{\"uri\":{}}}", message::text(address));
            let asked = message::parse(asked.as_bytes()).map_err(|_| Refusal::failed())?;
            self.other(SUBSCRIBE, asked.root(), caller)?;
        }
        let mut left = Writer::with_capacity(256);
        message::rewrite(params, &mut left, &mut |name, value, out| {
            out.name(name);
            match name {
                "_meta" => self.meta(value, &[], out),
                _ => message::rewrite(value, out, &mut |kind, _, _| match kind {
                    "toolsListChanged" => false,
                    "promptsListChanged" => !config.has_methods("prompts"),
                    "resourcesListChanged" => !config.has_methods("resources"),
                    ADDRESSES => !by_address,
                    _ => true,
                }),
            }
            true
        });
        Ok(with_params(root, &left.finish()))
    }

    /// What of `_meta` passes: what the specification gives a meaning, and of the client's capabilities those that
    /// pass.
    pub(super) fn meta(&self, meta: Json<'_>, without: &[&str], out: &mut Writer) {
        message::rewrite(meta, out, &mut |name, value, out| {
            if name == modern::CAPABILITIES {
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
            let kind = if name == "completions" {
                "completion"
            } else {
                name
            };
            let is_mapped = mapped.contains(&name) && self.gateway.config.has_methods(kind);
            !is_mapped && !pass.contains(&name)
        });
    }
}

/// A request with other parameters.
fn with_params(root: Json<'_>, params: &str) -> String {
    let mut out = Writer::with_capacity(1024);
    message::rewrite(root, &mut out, &mut |name, _, out| {
        if name == "params" {
            out.name(name).raw(params);
        }
        name == "params"
    });
    out.finish()
}

/// Whether a value is a progress token as the specification has it, so that nothing else travels under its name.
fn is_token(value: Json<'_>) -> bool {
    matches!(value.kind(), Kind::String | Kind::Number)
}
