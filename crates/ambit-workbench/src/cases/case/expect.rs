//! The answer that a case expects.

use core::fmt;

use ambit_compiler::suggest;
use ambit_core::Reason;

use crate::cases::Context;
use crate::cases::layers::Layers;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Allowed, obligations or not.
    Allow,
    /// Denied by the policy, whatever the reason. A request that cannot be judged (`request.…`,
    /// `facts.…`, `token.…`) is no such denial: it has a fault of its own, which hides what the policy says.
    Deny,
    /// Denied for this reason.
    Reason(Reason),
    /// Denied, and this would help.
    StepUp(StepUp),
}

/// What a person can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepUp {
    /// Somebody says yes to the call.
    Approval,
    /// The person logs in.
    Login,
    /// The person logs in with several factors.
    Mfa,
}

impl StepUp {
    const ALL: [Self; 3] = [Self::Approval, Self::Login, Self::Mfa];

    const fn code(self) -> &'static str {
        match self {
            Self::Approval => "step_up.approval",
            Self::Login => "step_up.login",
            Self::Mfa => "step_up.mfa",
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Reason(reason) => reason.code(),
            Self::StepUp(step_up) => step_up.code(),
        })
    }
}

impl Expect {
    /// Whether this is the code that is expected.
    #[must_use]
    pub fn is_code(&self, code: &str) -> bool {
        matches!(self, Self::Reason(reason) if reason.code() == code)
    }

    fn parse(word: &str) -> Option<Self> {
        let step_up = || StepUp::ALL.into_iter().find(|one| one.code() == word);
        match word {
            "allow" => Some(Self::Allow),
            "deny" => Some(Self::Deny),
            _ => Reason::from_code(word)
                .map(Self::Reason)
                .or_else(|| step_up().map(Self::StepUp)),
        }
    }
}

pub(super) fn read(layers: &mut Layers<'_, '_>) -> Option<Expect> {
    const EXAMPLE: &str = "expect = \"allow\"";
    let value = layers.own.require("expect", EXAMPLE)?;
    let word = layers.file.string(value, "expect", EXAMPLE)?;
    let expect = Expect::parse(word.text);
    if expect.is_none() {
        let codes = Reason::ALL.iter().map(|reason| reason.code());
        let codes = codes.chain(StepUp::ALL.into_iter().map(StepUp::code));
        let likely = suggest::closest(word.text, codes.chain(["allow", "deny"]));
        let help = likely.map_or_else(
            || {
                "write `allow`, `deny`, a step-up (`step_up.approval`, `step_up.login`, `step_up.mfa`) or a code of \
                 docs/reasons.md, such as `policy.forbid`"
                    .to_owned()
            },
            |likely| format!("did you mean `{likely}`?"),
        );
        let message = format!("`{}` is no answer", word.text);
        layers.file.error("test.expect", word.span, message, help);
    }
    expect
}

/// `policies`: names that the project has.
pub(super) fn policies(
    context: &Context<'_, '_>,
    layers: &mut Layers<'_, '_>,
) -> Option<Vec<String>> {
    let given = layers
        .own
        .optional_strings("policies", "policies = [\"large\"]")?;
    let program = context.bundle.program();
    let known = (0..).map_while(|number| program.and_then(|one| one.policy(number)));
    let known: Vec<&str> = known.map(|policy| policy.id()).collect();
    for text in &given {
        if !known.contains(&text.text) {
            context.file.error(
                "test.policy",
                text.span.clone(),
                format!("no policy has the `@id` `{}`", text.text),
                suggest::help(text.text, known.iter().copied()),
            );
        }
    }
    Some(given.iter().map(|text| text.text.to_owned()).collect())
}
