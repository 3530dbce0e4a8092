//! The kinds of docs/token.md's table: a row for each here, and a file for each in `kinds/`.

use super::declared::class::{ADDRESS, ANY, INTEGER, JSON, LIST, NUMBER, SCALAR, TEXT, TEXTUAL};
use super::declared::{Declared, Misfit};
use super::examples::Examples;
use super::kinds::{
    all, any, cidr, contains, count, each, email_domain, exact, host, like, not_one_of, one_of,
    optional, range, subpath, subset, url, wildcard,
};
use super::shape::{Member, Shape, Wider, may, needs};
use super::spec::{Asked, Spec};
use super::words::Words;
use crate::Reason;

macro_rules! kinds {
    ($($variant:ident $file:ident ($classes:expr) $members:expr, $reason:ident, $example:literal, $note:literal;)+) => {
        /// What a constraint is, by its `constraint_type`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = concat!("`", stringify!($file), "`")] $variant,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($file),)+ }
            }

            /// The kind with this name. An unknown one makes the constraint malformed.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($file) => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The members that a constraint of this kind may have beside `constraint_type`. Where none
            /// is needed, one of them is.
            #[must_use]
            pub const fn members(self) -> &'static [Member] {
                match self { $(Self::$variant => const { $members },)+ }
            }

            /// Its members, as a project's files write them.
            #[must_use]
            pub const fn example(self) -> &'static str {
                match self { $(Self::$variant => $example,)+ }
            }

            /// What the example does not say, to follow it.
            #[must_use]
            pub const fn note(self) -> &'static str {
                match self { $(Self::$variant => $note,)+ }
            }

            /// The classes of types whose values it can match.
            pub(super) const fn classes(self) -> u16 {
                match self { $(Self::$variant => $classes,)+ }
            }

            /// Why a value that does not match is refused.
            pub(super) const fn reason(self) -> Reason {
                match self { $(Self::$variant => Reason::$reason,)+ }
            }
        }

        impl Spec<'_> {
            /// Whether a value that is there matches.
            pub(super) fn holds_for(self, asked: Asked<'_>) -> bool {
                match self.kind { $(Kind::$variant => $file::holds(self, asked),)+ }
            }

            /// What in it no argument of this type can meet, given that the kind suits the type.
            pub(super) fn misfit(self, declared: Declared<'_>) -> Option<Misfit> {
                match self.kind { $(Kind::$variant => $file::misfit(self, declared),)+ }
            }

            /// Says its clause.
            pub(super) fn say(self, words: &mut Words<'_, '_>) {
                match self.kind { $(Kind::$variant => $file::say(self, words),)+ }
            }

            /// Adds values that may match.
            pub(super) fn examples(self, found: &mut Examples<'_, '_>) {
                match self.kind { $(Kind::$variant => $file::examples(self, found),)+ }
            }
        }
    };
}

const VALUES: &[Member] = &[needs("values", Shape::Values, Wider::More)];

// The variant, its file and name, the types that it is for, its members, the reason, an example and a
// note for authors.
#[rustfmt::skip]
kinds! {
    Exact exact (ANY) &[needs("value", Shape::Value, Wider::Never)],
        ConstraintExact, r#"value = "EUR""#, "";
    OneOf one_of (ANY) VALUES,
        ConstraintOneOf, r#"values = ["EUR", "USD"]"#, "";
    NotOneOf not_one_of (SCALAR) &[needs("excluded", Shape::Scalars, Wider::Fewer)],
        ConstraintNotOneOf, r#"excluded = ["root"]"#, ": strings, integers or truth values, all of one type";
    Range range (INTEGER | JSON | NUMBER) &[may("min", Shape::Number, Wider::Lower), may("max", Shape::Number, Wider::Higher)],
        ConstraintRange, "min = 1, max = 20000", ", `min` not above `max`; for an argument with a fraction `min = \"-90\", max = \"48.25\"`";
    Like like (TEXTUAL) &[needs("pattern", Shape::Text(like::is_pattern), Wider::Never)],
        ConstraintLike, r#"pattern = "Re: *""#, r#"; a star that stands for itself is `\*`, in a TOML string `"\\*"`"#;
    EmailDomain email_domain (TEXTUAL) &[needs("values", Shape::Texts(email_domain::is_domain), Wider::More)],
        ConstraintEmailDomain, r#"values = ["customer.example"]"#, ": domains alone, without `@`";
    Host host (TEXTUAL) &[
            needs("hosts", Shape::Texts(host::is_pattern), Wider::More),
            may("except", Shape::Texts(host::is_pattern), Wider::Fewer),
        ],
        ConstraintHost, r#"hosts = ["*.example.com"]"#, ": names or addresses without a port; `*.` for one label or more; `except` lists those that are left out";
    Url url (TEXTUAL) &[
            needs("schemes", Shape::Texts(url::is_scheme), Wider::More),
            needs("hosts", Shape::Texts(url::is_listed_host), Wider::More),
            may("path_prefix", Shape::Text(url::is_prefix), Wider::Never),
            may("except", Shape::Texts(url::is_listed_host), Wider::Fewer),
        ],
        ConstraintUrl, r#"schemes = ["https"], hosts = ["*.api.example"], path_prefix = "/v1""#, ": a port only if it is not the scheme's own, as `host:port`; `*.` for one label or more; `except` lists hosts that are left out";
    Subpath subpath (TEXTUAL) &[needs("root", Shape::Text(subpath::is_root), Wider::Never)],
        ConstraintSubpath, r#"root = "/srv/reports""#, ": absolute, as POSIX has it, without `.`, `..`, `//` or a slash at its end";
    Cidr cidr (TEXT | JSON | ADDRESS) &[
            needs("ranges", Shape::Texts(cidr::is_listed), Wider::More),
            may("except", Shape::Texts(cidr::is_range), Wider::Fewer),
        ],
        ConstraintCidr, r#"ranges = ["10.0.0.0/8"]"#, ", without host bits, or `\"public\"` for any public address; `except` lists ranges that are left out";
    Each each (LIST | JSON) &[needs("constraint", Shape::Constraint, Wider::Within)],
        ConstraintEach, r#"constraint = { constraint_type = "email_domain", values = ["customer.example"] }"#, "";
    Subset subset (LIST | JSON) VALUES,
        ConstraintSubset, r#"values = ["a", "b"]"#, "";
    Contains contains (LIST | JSON) &[needs("values", Shape::Values, Wider::Fewer)],
        ConstraintContains, r#"values = ["a"]"#, "";
    Count count (LIST | JSON) &[may("min", Shape::End(0), Wider::Lower), may("max", Shape::End(0), Wider::Higher)],
        ConstraintCount, "max = 3", ": not below 0, `min` not above `max`";
    All all (ANY) &[needs("constraints", Shape::Constraints, Wider::Fewer)],
        ConstraintAll, r#"constraints = [{ constraint_type = "like", pattern = "Re: *" }]"#, "";
    Any any (ANY) &[needs("constraints", Shape::Constraints, Wider::More)],
        ConstraintAny, r#"constraints = [{ constraint_type = "exact", value = "a" }]"#, "";
    Optional optional (ANY) &[needs("constraint", Shape::Constraint, Wider::Within)],
        ConstraintOptional, r#"constraint = { constraint_type = "wildcard" }"#, "";
    Wildcard wildcard (ANY) &[],
        ConstraintWildcard, "", "";
}

impl Kind {
    /// Whether an absent argument matches. Every other kind needs the argument.
    #[must_use]
    pub fn takes_absent(self) -> bool {
        self == Self::Optional
    }

    /// Whether it says something by other constraints, which stand inside it.
    #[must_use]
    pub fn has_constraints(self) -> bool {
        let mut members = self.members().iter();
        members.any(|member| matches!(member.shape, Shape::Constraint | Shape::Constraints))
    }
}
