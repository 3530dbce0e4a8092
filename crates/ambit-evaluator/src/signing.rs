//! For holders and people's devices: the digest of a call, and the bytes that they sign.

use alloc::string::String;

use ambit_core::Reason;
use ambit_core::grammar::{Form, SIGNING};
use ambit_core::json::{Json, Writer};
use ambit_policy::Bundle;
use ambit_token::{ChainCache, signing};

use crate::chain::BundleKeys;
use crate::denial::Denial;
use crate::open::{read, with_case};
use crate::{answer, display};

/// The action digest of the call in a request, and what a person is shown before a yes to it:
/// `{"binding_s256", "risk_tier", "display"}`. The last two are left out where the call cannot be shown
/// whole, so that nobody can approve it: it is too long, or `facts.content` lacks what an argument refers to. A
/// proof names the digest without content. A denial for a request that steps 1 and 2 deny.
#[must_use]
pub fn call_digest(bundle: &Bundle<'_>, request: &[u8], cache: &mut ChainCache) -> String {
    let mut said = String::new();
    with_case(bundle, request, cache, &mut |case| {
        said = match case {
            Err(denial) => answer::refusal(denial.reason, &denial.admin),
            Ok(case) => {
                let mut out = Writer::with_capacity(1024);
                out.object(|out| match display::shown(case) {
                    Ok(shown) => shown.write(out),
                    Err(_) => {
                        out.name("binding_s256").string(display::call(case));
                    }
                });
                out.finish()
            }
        };
    });
    said
}

/// What is to be signed for `{"typ", "claims", "token"?, "kid"?, "enrolment"?}`: `{"typ", "alg", "signing_input",
/// "s256"}`, or a denial with the reason that the evaluator would have for such a statement.
///
/// `typ` is that of a proof (`dpop+jwt`, with the `token` that it proves), of a further block (`cap+jwt`, with
/// the `token` before it) or of a receipt (`approval-receipt+jwt`, with the `kid` of a key of this policy, or
/// the `enrolment` of the key).
#[must_use]
pub fn signing_input(bundle: &Bundle<'_>, request: &[u8]) -> String {
    let document = match read(bundle, request) {
        Ok(document) => document,
        Err(denial) => return answer::refusal(denial.reason, &denial.admin),
    };
    match unsigned(bundle, document.root()) {
        Err(denial) => answer::refusal(denial.reason, &denial.admin),
        Ok((typ, unsigned)) => {
            let mut out = Writer::with_capacity(1024);
            out.object(|out| {
                out.name("typ").string(typ);
                out.name("alg").string(unsigned.alg);
                out.name("signing_input").string(&unsigned.signing_input);
                out.name("s256").string(&unsigned.s256());
            });
            out.finish()
        }
    }
}

fn unsigned<'a>(
    bundle: &Bundle<'_>,
    asked: Json<'a>,
) -> Result<(&'a str, signing::Unsigned), Denial> {
    let checked = Form::Object(SIGNING).check(asked);
    checked.map_err(|fault| Denial::new(Reason::RequestMember, fault.within("the request")))?;
    let text = |name| asked.get_str(name).unwrap_or_default();
    let claims = asked.get("claims").unwrap_or_default();
    let typ = text("typ");
    let unsigned = match typ {
        "dpop+jwt" => signing::proof(text("token"), claims),
        "cap+jwt" => signing::block(text("token"), claims),
        _ => match asked.get_str("enrolment") {
            Some(enrolment) => signing::enrolled_receipt(enrolment, claims),
            None => signing::receipt(&BundleKeys(bundle), text("kid"), claims),
        },
    };
    match unsigned {
        Ok(unsigned) => Ok((typ, unsigned)),
        Err(error) => Err(Denial::of_statement(error)),
    }
}
