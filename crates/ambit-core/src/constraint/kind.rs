//! The kinds of docs/token.md's table: their names, their members, the types of arguments that they bound,
//! their reasons.

use super::declared::class::{ADDRESS, ANY, INTEGER, JSON, LIST, SCALAR, TEXT, TEXTUAL};
use crate::Reason;

macro_rules! kinds {
    ($($variant:ident $name:literal [$($member:literal),*] ($classes:expr) $reason:ident;)+) => {
        /// What a constraint is, by its `constraint_type`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind {
            $($variant,)+
        }

        impl Kind {
            /// All of them.
            pub(super) const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The classes of types whose values it can match.
            pub(super) const fn classes(self) -> u16 {
                match self { $(Self::$variant => $classes,)+ }
            }

            /// The kind with this name. An unknown one makes the constraint malformed.
            pub(super) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The members that a constraint of this kind may have beside `constraint_type`.
            pub(super) const fn members(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($member),*],)+ }
            }

            /// Why a value that does not match is refused.
            pub(super) const fn reason(self) -> Reason {
                match self { $(Self::$variant => Reason::$reason,)+ }
            }
        }
    };
}

kinds! {
    Exact "exact" ["value"] (ANY) ConstraintExact;
    OneOf "one_of" ["values"] (ANY) ConstraintOneOf;
    NotOneOf "not_one_of" ["excluded"] (SCALAR) ConstraintNotOneOf;
    Range "range" ["min", "max"] (INTEGER | JSON) ConstraintRange;
    Like "like" ["pattern"] (TEXTUAL) ConstraintLike;
    EmailDomain "email_domain" ["values"] (TEXTUAL) ConstraintEmailDomain;
    Url "url" ["schemes", "hosts", "path_prefix"] (TEXTUAL) ConstraintUrl;
    Subpath "subpath" ["root"] (TEXTUAL) ConstraintSubpath;
    Cidr "cidr" ["ranges"] (TEXT | JSON | ADDRESS) ConstraintCidr;
    Each "each" ["constraint"] (LIST | JSON) ConstraintEach;
    Subset "subset" ["values"] (LIST | JSON) ConstraintSubset;
    Contains "contains" ["values"] (LIST | JSON) ConstraintContains;
    Count "count" ["min", "max"] (LIST | JSON) ConstraintCount;
    All "all" ["constraints"] (ANY) ConstraintAll;
    Any "any" ["constraints"] (ANY) ConstraintAny;
    Optional "optional" ["constraint"] (ANY) ConstraintOptional;
    Wildcard "wildcard" [] (ANY) ConstraintWildcard;
}
