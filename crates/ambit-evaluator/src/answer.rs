//! The answer: members in fixed order, one form for allow and deny.

use alloc::string::String;

use ambit_core::Reason;
use ambit_core::json::Writer;
use ambit_policy::Bundle;
use ambit_token::VerifiedToken;

use crate::authority::Grant;
use crate::denial::Denial;
use crate::obligations;
use crate::record;
use crate::request::Request;
use crate::{Case, Found};

/// What has been established when the answer is written. Nothing of an unverified token is here.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) bundle: &'a Bundle<'a>,
    /// The request as it came.
    pub(crate) input: &'a [u8],
    pub(crate) request: Option<&'a Request<'a>>,
    /// The arguments in RFC 8785 form.
    pub(crate) arguments: Option<&'a str>,
    pub(crate) token: Option<&'a VerifiedToken<'a>>,
    pub(crate) found: Option<&'a Found>,
}

impl<'a> Seen<'a> {
    pub(crate) const fn new(bundle: &'a Bundle<'a>, input: &'a [u8]) -> Self {
        Self {
            bundle,
            input,
            request: None,
            arguments: None,
            token: None,
            found: None,
        }
    }

    pub(crate) fn deny(&self, denial: &Denial) -> String {
        let mut out = Writer::with_capacity(1536);
        write(
            &mut out,
            denial.reason.code(),
            (&denial.user(), &denial.admin),
            |out| {
                out.array(|_| ());
            },
            |out| match &denial.remedy {
                Some(remedy) => remedy.write(out),
                None => {
                    out.object(|_| ());
                }
            },
            |out| self.policies(out),
            |out| record::write(self, out, denial.reason.code(), &[]),
        );
        out.finish()
    }

    /// What the policies said, once they were asked.
    fn policies(&self, out: &mut Writer) {
        if let Some(ruling) = self.found.and_then(|found| found.ruling.as_ref()) {
            ruling.write(out);
        }
    }

    pub(crate) fn allow(&self, case: &Case<'_>, grant: &Grant<'_>) -> String {
        let charges = obligations::charges(case, grant, self.found);
        let mut out = Writer::with_capacity(1536);
        write(
            &mut out,
            ALLOWED,
            ("Allowed.", ""),
            |out| obligations::write(case, grant, &charges, out),
            |out| {
                out.object(|_| ());
            },
            |out| self.policies(out),
            |out| record::write(self, out, ALLOWED, &charges),
        );
        out.finish()
    }
}

/// The code of an answer that allows.
pub(crate) const ALLOWED: &str = "allowed";

/// A denial from outside the evaluator: the same form, with nothing established.
pub(crate) fn refusal(reason: Reason, admin: &str) -> String {
    let mut out = Writer::default();
    write(
        &mut out,
        reason.code(),
        (reason.sentence(), admin),
        |out| {
            out.array(|_| ());
        },
        |out| {
            out.object(|_| ());
        },
        |_| (),
        |out| {
            out.object(|_| ());
        },
    );
    out.finish()
}

fn write(
    out: &mut Writer,
    code: &str,
    (user, admin): (&str, &str),
    obligations: impl FnOnce(&mut Writer),
    remedy: impl FnOnce(&mut Writer),
    policies: impl FnOnce(&mut Writer),
    record: impl FnOnce(&mut Writer),
) {
    out.object(|out| {
        out.name("decision").boolean(code == ALLOWED);
        out.name("context").object(|out| {
            out.name("reason").object(|out| {
                out.name("code").string(code);
                out.name("user").string(user);
                out.name("admin").string(admin);
            });
            obligations(out.name("obligations"));
            remedy(out.name("remedy"));
            out.name("policies").array(policies);
            record(out.name("record"));
        });
    });
}
