//! Capabilities in the words of the vocabulary.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Powers;
use ambit_core::constraint::Unit;
use ambit_core::describe::{Vocabulary, entry};
use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_core::limits::CAPABILITIES;
use ambit_policy::Bundle;

use crate::Case;
use crate::text::joined;

/// A bundle as the source of words.
struct Words<'b>(&'b Bundle<'b>);

impl Vocabulary for Words<'_> {
    fn action_label(&self, action: &str) -> Option<&str> {
        self.0.action(action)?.label()
    }

    fn resource_label(&self, resource: &str) -> Option<&str> {
        self.0.resource_label(resource)
    }

    fn argument(&self, action: &str, argument: &str) -> Option<(Option<&str>, Unit<'_>)> {
        let label = self.0.action(action)?.argument(argument)?.label();
        Some((label, unit(self.0, action, argument)))
    }

    fn powers(&self, action: &str) -> Option<Powers> {
        Some(self.0.action(action)?.powers())
    }
}

/// In which unit people read an argument.
fn unit<'b>(bundle: &'b Bundle<'b>, action: &str, argument: &str) -> Unit<'b> {
    let Some(argument) = bundle
        .action(action)
        .and_then(|action| action.argument(argument))
    else {
        return Unit::None;
    };
    match (argument.money(), argument.unit()) {
        (Some(decimals), _) => Unit::Money { decimals },
        (None, Some(name)) => Unit::Named(name),
        (None, None) => Unit::None,
    }
}

impl<'a> Case<'a> {
    /// In which unit people read an argument of the action that is asked.
    pub(crate) fn unit(&self, argument: &str) -> Unit<'a> {
        unit(self.bundle, self.request.action, argument)
    }
}

/// Says in words what capabilities allow. `request` is `{"authorization_details": [...]}` in the
/// form of a token; the answer is `{"text": ..., "lines": [...]}`, one line a capability, or
/// `{"error": {"code", "admin"}}`.
#[must_use]
pub fn describe(bundle: &Bundle<'_>, request: &[u8]) -> String {
    let mut out = Writer::default();
    match lines(bundle, request) {
        Ok(lines) => out.object(|out| {
            out.name("text")
                .string(&joined(&mut lines.iter().map(String::as_str), "\n"));
            out.name("lines").array(|out| {
                for line in &lines {
                    out.string(line);
                }
            });
        }),
        Err(admin) => out.object(|out| {
            out.name("error").object(|out| {
                out.name("code").string("describe.request");
                out.name("admin").string(&admin);
            });
        }),
    };
    out.finish()
}

fn lines(bundle: &Bundle<'_>, request: &[u8]) -> Result<Vec<String>, String> {
    if request.len() > bundle.limits().request_bytes {
        return Err(alloc::format!(
            "larger than {} bytes",
            bundle.limits().request_bytes
        ));
    }
    let document =
        Document::parse(request, Profile::Signed).map_err(|error| alloc::format!("{error}"))?;
    let entries = document
        .root()
        .get("authorization_details")
        .filter(|entries| {
            entries.kind() == Kind::Array && !entries.is_empty() && entries.len() <= CAPABILITIES
        });
    let entries =
        entries.ok_or("`authorization_details`: wanted an array of 1 to 64 capabilities")?;
    let words = Words(bundle);
    Ok(entries
        .elements()
        .map(|capability: Json<'_>| entry(capability, &words))
        .collect())
}
