//! The kinds of TOKEN.md's table: their names, their members, their reasons.

use crate::Reason;

macro_rules! kinds {
    ($($variant:ident $name:literal [$($member:literal),*] $reason:ident;)+) => {
        /// What a constraint is, by its `constraint_type`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind {
            $($variant,)+
        }

        impl Kind {
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
    Exact "exact" ["value"] ConstraintExact;
    OneOf "one_of" ["values"] ConstraintOneOf;
    NotOneOf "not_one_of" ["excluded"] ConstraintNotOneOf;
    Range "range" ["min", "max"] ConstraintRange;
    Like "like" ["pattern"] ConstraintLike;
    EmailDomain "email_domain" ["values"] ConstraintEmailDomain;
    Url "url" ["schemes", "hosts", "path_prefix"] ConstraintUrl;
    Subpath "subpath" ["root"] ConstraintSubpath;
    Cidr "cidr" ["ranges"] ConstraintCidr;
    Each "each" ["constraint"] ConstraintEach;
    Subset "subset" ["values"] ConstraintSubset;
    Contains "contains" ["values"] ConstraintContains;
    Count "count" ["min", "max"] ConstraintCount;
    All "all" ["constraints"] ConstraintAll;
    Any "any" ["constraints"] ConstraintAny;
    Optional "optional" ["constraint"] ConstraintOptional;
    Wildcard "wildcard" [] ConstraintWildcard;
}
