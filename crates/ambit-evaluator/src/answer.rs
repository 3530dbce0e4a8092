//! The answer: members in fixed order, one form for allow and deny.

use alloc::string::String;

use ambit_core::Reason;
use ambit_core::json::Writer;

use crate::authority::Grant;
use crate::case::Case;
use crate::denial::Denial;
use crate::obligations;
use crate::record;
use crate::seen::{ALLOWED, Seen};

/// The answer of a step that denies.
pub(crate) fn deny(seen: &Seen<'_>, denial: &Denial) -> String {
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
        |out| policies(seen, out),
        |out| record::write(seen, out, denial.reason.code(), &[]),
    );
    out.finish()
}

/// The answer after all steps.
pub(crate) fn allow(seen: &Seen<'_>, case: &Case<'_>, grant: &Grant<'_>) -> String {
    let charges = obligations::charges(case, grant, seen.found);
    let mut out = Writer::with_capacity(1536);
    write(
        &mut out,
        ALLOWED,
        ("Allowed.", ""),
        |out| obligations::write(case, grant, seen.found, &charges, out),
        |out| {
            out.object(|_| ());
        },
        |out| policies(seen, out),
        |out| record::write(seen, out, ALLOWED, &charges),
    );
    out.finish()
}

/// What the policies said, once they were asked.
fn policies(seen: &Seen<'_>, out: &mut Writer) {
    if let Some(ruling) = seen.found.and_then(|found| found.ruling.as_ref()) {
        ruling.write(out);
    }
}

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
