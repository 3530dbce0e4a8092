//! The kinds of constraints, with their members and an example of each.

/// What a member of a constraint holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Value,
    Values,
    Integer,
    Text,
    Texts,
    Constraint,
    Constraints,
}

/// The members of a kind, each with what it holds.
type Members = &'static [(&'static str, Shape)];

/// A kind of constraint.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) required: Members,
    pub(super) optional: Members,
    /// How its members look.
    example: &'static str,
    /// What members and types do not say.
    note: &'static str,
}

impl Kind {
    /// "write …", for every fault in a constraint of this kind.
    pub(super) fn help(&self) -> String {
        let comma = if self.example.is_empty() { "" } else { ", " };
        let (name, example, note) = (self.name, self.example, self.note);
        format!("write for example `{{ constraint_type = \"{name}\"{comma}{example} }}`{note}")
    }

    /// Whether it needs one of its optional members.
    pub(super) const fn needs_an_end(&self) -> bool {
        self.required.is_empty() && !self.optional.is_empty()
    }
}

const fn kind(
    name: &'static str,
    required: Members,
    optional: Members,
    example: &'static str,
    note: &'static str,
) -> Kind {
    Kind {
        name,
        required,
        optional,
        example,
        note,
    }
}

const ENDS: Members = &[("min", Shape::Integer), ("max", Shape::Integer)];
const VALUES: Members = &[("values", Shape::Values)];
const URL: Members = &[("schemes", Shape::Texts), ("hosts", Shape::Texts)];

/// The kinds of docs/token.md. `ambit_core::constraint::well_formed` has the last word on each; this
/// says what is wrong and where.
#[rustfmt::skip]
pub(super) const KINDS: &[Kind] = &[
    kind("exact", &[("value", Shape::Value)], &[], r#"value = "EUR""#, ""),
    kind("one_of", VALUES, &[], r#"values = ["EUR", "USD"]"#, ""),
    kind("not_one_of", &[("excluded", Shape::Values)], &[], r#"excluded = ["root"]"#, ": strings, integers or truth values, all of one type"),
    kind("range", &[], ENDS, "min = 1, max = 20000", ", `min` not above `max`"),
    kind("like", &[("pattern", Shape::Text)], &[], r#"pattern = "Re: *""#, r#"; a star that stands for itself is `\*`, in a TOML string `"\\*"`"#),
    kind("email_domain", &[("values", Shape::Texts)], &[], r#"values = ["customer.example"]"#, ": domains alone, without `@`"),
    kind("url", URL, &[("path_prefix", Shape::Text)], r#"schemes = ["https"], hosts = ["api.example"], path_prefix = "/v1""#, ": a port only if it is not the scheme's own, as `host:port`"),
    kind("subpath", &[("root", Shape::Text)], &[], r#"root = "/srv/reports""#, ": absolute, without `.`, `..`, `//` or a slash at its end"),
    kind("cidr", &[("ranges", Shape::Texts)], &[], r#"ranges = ["10.0.0.0/8"]"#, ", without host bits"),
    kind("each", &[("constraint", Shape::Constraint)], &[], r#"constraint = { constraint_type = "email_domain", values = ["customer.example"] }"#, ""),
    kind("subset", VALUES, &[], r#"values = ["a", "b"]"#, ""),
    kind("contains", VALUES, &[], r#"values = ["a"]"#, ""),
    kind("count", &[], ENDS, "max = 3", ": not below 0, `min` not above `max`"),
    kind("all", &[("constraints", Shape::Constraints)], &[], r#"constraints = [{ constraint_type = "like", pattern = "Re: *" }]"#, ""),
    kind("any", &[("constraints", Shape::Constraints)], &[], r#"constraints = [{ constraint_type = "exact", value = "a" }]"#, ""),
    kind("optional", &[("constraint", Shape::Constraint)], &[], r#"constraint = { constraint_type = "wildcard" }"#, ""),
    kind("wildcard", &[], &[], "", ""),
];
