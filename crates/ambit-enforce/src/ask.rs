//! Asking: the request that an evaluator reads, made of its parts.
//!
//! Parts are texts and stay as they came: nothing passes through a model of them, which would drop what it does not
//! know and round what it cannot hold.

use alloc::string::String;

use ambit_core::json::Writer;

/// What is asked, of which [`Self::to_text`] makes an `AuthZEN` evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation<'a> {
    /// The action's name in the vocabulary.
    pub action: &'a str,
    /// How far: the name of a power.
    pub power: &'a str,
    /// The arguments, a JSON object.
    pub args: &'a str,
    /// Type and id of what is acted upon.
    pub resource: (&'a str, &'a str),
    /// Why.
    pub purpose: &'a str,
    /// Type and id of whom it is for, where it is said.
    pub subject: Option<(&'a str, &'a str)>,
}

impl Evaluation<'_> {
    /// The evaluation as JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = Writer::with_capacity(512);
        out.object(|out| {
            out.name("action").object(|out| {
                out.name("name").string(self.action);
                out.name("properties").object(|out| {
                    out.name("power").string(self.power);
                    out.name("args").raw(self.args);
                });
            });
            entity(out, "resource", self.resource);
            out.name("context").object(|out| {
                out.name("purpose").string(self.purpose);
            });
            if let Some(subject) = self.subject {
                entity(out, "subject", subject);
            }
        });
        out.finish()
    }
}

fn entity(out: &mut Writer, name: &str, (kind, id): (&str, &str)) {
    out.name(name).object(|out| {
        out.name("type").string(kind);
        out.name("id").string(id);
    });
}

/// The parts of a request. The lists may be empty.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a, T> {
    /// An `AuthZEN` evaluation, as JSON.
    pub evaluation: &'a str,
    /// The capability token.
    pub token: Option<&'a str>,
    /// The proof that it is the caller's.
    pub proof: Option<&'a str>,
    /// Receipts of people's yes.
    pub approvals: &'a [T],
    /// Enrolments of the keys that signed them.
    pub enrolments: &'a [T],
    /// Signed statements of issuers: revocation epochs.
    pub statements: &'a [T],
    /// What the host knows of entities, as JSON.
    pub entities: Option<&'a str>,
    /// What only the host knows, as JSON.
    pub facts: &'a str,
}

impl<T: AsRef<str>> Request<'_, T> {
    /// The request as JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = Writer::with_capacity(4096);
        out.object(|out| {
            out.name("evaluation").raw(self.evaluation);
            for (name, text) in [("token", self.token), ("proof", self.proof)] {
                if let Some(text) = text {
                    out.name(name).string(text);
                }
            }
            let lists = [
                ("approvals", self.approvals),
                ("enrolments", self.enrolments),
                ("statements", self.statements),
            ];
            for (name, texts) in lists.into_iter().filter(|(_, texts)| !texts.is_empty()) {
                out.name(name).array(|out| {
                    for text in texts {
                        out.string(text.as_ref());
                    }
                });
            }
            if let Some(entities) = self.entities {
                out.name("entities").raw(entities);
            }
            out.name("facts").raw(self.facts);
        });
        out.finish()
    }
}
