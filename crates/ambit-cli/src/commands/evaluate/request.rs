//! What the enforcement point adds to a request: the token and the facts.
//!
//! The members are put in front of the request's own text, and the evaluator judges the whole. So
//! a request that names a token or facts itself then has them twice, and is refused: nothing that
//! came in can stand in place of what the command line says, or the other way round.

use std::borrow::Cow;

use ambit_core::json::{Document, Profile, Writer};
use clap::Args;

use crate::failure::Failure;
use crate::files::Input;
use crate::tokens;

#[derive(Debug, Args)]
pub(super) struct Supply {
    /// Add this token to requests that have none (`-` needs --batch FILE)
    #[arg(long, value_name = "FILE", value_parser = Input::parse, help_heading = "Added to requests")]
    token: Option<Input>,
    /// Add facts to requests that have none: this audience, `now` from --now or the clock, and how far the
    /// policy's time zones are from UTC then
    #[arg(long, value_name = "URL", help_heading = "Added to requests")]
    audience: Option<String>,
    /// The fact `location`: where the resource is
    #[arg(
        long,
        value_name = "URL",
        requires = "audience",
        help_heading = "Added to requests"
    )]
    location: Option<String>,
    /// The fact `tenant`: to whom the resource belongs
    #[arg(
        long,
        value_name = "NAME",
        requires = "audience",
        help_heading = "Added to requests"
    )]
    tenant: Option<String>,
    /// The fact `locale`: in which language a call is put before people (`en` where it is absent)
    #[arg(
        long,
        value_name = "LANGUAGE",
        value_parser = ["en", "de"],
        requires = "audience",
        help_heading = "Added to requests"
    )]
    locale: Option<String>,
}

impl Supply {
    pub(super) const fn reads_stdin(&self) -> bool {
        matches!(self.token, Some(Input::Stdin))
    }

    /// Reads what is named. `now` is also the time at which the module was checked, `lowest` the fact
    /// `min_versions`, and `offsets` the fact `utc_offsets`.
    pub(super) fn read(
        &self,
        now: i64,
        lowest: Option<&str>,
        offsets: Option<&str>,
    ) -> Result<Supplied, Failure> {
        let token = self.token.as_ref().map(tokens::read).transpose()?;
        let mut out = Writer::default();
        out.object(|out| {
            if let Some(token) = &token {
                out.name("token").string(token);
            }
            if let Some(audience) = &self.audience {
                out.name("facts").object(|out| {
                    out.name("now").integer(now);
                    out.name("audience").string(audience);
                    for (name, value) in [
                        ("location", &self.location),
                        ("tenant", &self.tenant),
                        ("locale", &self.locale),
                    ] {
                        if let Some(value) = value {
                            out.name(name).string(value);
                        }
                    }
                    if let Some(lowest) = lowest {
                        out.name("min_versions").raw(lowest);
                    }
                    if let Some(offsets) = offsets {
                        out.name("utc_offsets").raw(offsets);
                    }
                });
            }
        });
        let object = out.finish();
        Ok(Supplied {
            members: object[1..object.len() - 1].to_owned(),
        })
    }
}

/// Members, as JSON, that are put in front of a request's own.
#[derive(Debug)]
pub(super) struct Supplied {
    members: String,
}

impl Supplied {
    /// The request with the members. What is no JSON object stays as it is, and is denied for it:
    /// the places in the answer are then those of the text that came in.
    pub(super) fn complete<'r>(&self, request: &'r [u8]) -> Cow<'r, [u8]> {
        let open = request.iter().position(|byte| !is_space(*byte));
        let Some(open) = open.filter(|at| request[*at] == b'{' && !self.members.is_empty()) else {
            return Cow::Borrowed(request);
        };
        if Document::parse(request, Profile::Request).is_err() {
            return Cow::Borrowed(request);
        }
        let (head, rest) = request.split_at(open + 1);
        let empty = rest.iter().find(|byte| !is_space(**byte)) == Some(&b'}');
        let comma: &[u8] = if empty { b"" } else { b"," };
        Cow::Owned([head, self.members.as_bytes(), comma, rest].concat())
    }
}

/// RFC 8259 section 2.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(members: &str, request: &str) -> String {
        let supplied = Supplied {
            members: members.to_owned(),
        };
        String::from_utf8(supplied.complete(request.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn members_are_put_in_front() {
        assert_eq!(
            complete(r#""token":"t""#, r#" {"evaluation":{}}"#),
            r#" {"token":"t","evaluation":{}}"#
        );
        assert_eq!(complete(r#""token":"t""#, "{ }"), r#"{"token":"t" }"#);
    }

    #[test]
    fn what_is_no_object_stays_as_it_is() {
        for request in ["", "[]", "nonsense", "\"{\"", "{bad", r#"{"a":1,"a":2}"#] {
            assert_eq!(complete(r#""token":"t""#, request), request);
        }
        assert_eq!(complete("", r#"{"a":1}"#), r#"{"a":1}"#);
    }
}
