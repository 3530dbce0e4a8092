//! A call as it would be: with other arguments, with people's yes, after another login.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::json::{Document, Profile};
use ambit_core::limits::JUDGEMENT_STEPS;
use ambit_policy::cedar::texts;

use crate::case::{Case, SignIn};
use crate::denial::Denial;
use crate::remedy::{Displays, Login};
use crate::requires::Needs;
use crate::{authority, rails, requires};

/// What is assumed to be done before the call is asked again.
#[derive(Clone, Debug, Default)]
pub struct Assumed {
    /// The arguments in RFC 8785 form, money in minor units; those that were asked where `None`.
    pub arguments: Option<String>,
    /// Whether people approve: then entries that hold `propose` apply as well.
    pub approved: bool,
    /// Who has said yes to exactly this call: of each person, the names that count.
    pub people: Vec<Vec<String>>,
    /// A login that meets this, by the first of the strengths where several do.
    pub login: Option<Login>,
    /// When it is asked, seconds since 1970; now where `None`.
    pub now: Option<i64>,
    /// Another token, which grants whatever is asked and requires nothing.
    pub other_token: bool,
}

impl Case<'_> {
    /// Steps 6 to 8 of the call as it would be, judged by the same code as any call. The steps before
    /// depend on nothing that can be assumed but the time, whose ends of token and policy are seen here;
    /// a proof of possession is made anew for each call.
    ///
    /// # Errors
    ///
    /// The denial of the first step that fails.
    pub fn judge_with(&self, assumed: &Assumed) -> Result<(), Denial> {
        let text = assumed.arguments.as_deref().unwrap_or(self.arguments_text);
        // They are read, brought into the form of the policies and hashed once more.
        let read = text.len().saturating_mul(4);
        if !self.steps.take(read.saturating_add(JUDGEMENT_STEPS)) {
            return Err(Denial::new(Reason::RequestSteps, ""));
        }
        let malformed = |_| Denial::new(Reason::RequestMember, "`args` cannot be read");
        let document = Document::parse(text.as_bytes(), Profile::Request).map_err(malformed)?;
        let action = self.request.known_action(self.bundle)?;
        let texts = texts(action, document.root(), self.steps);
        let mut request = self.request.clone();
        request.facts.now = assumed.now.unwrap_or(request.facts.now);
        let now = request.facts.now;
        // Of what was judged before, these end by themselves; what hosts say they say anew.
        if !assumed.other_token && now >= self.token.ends() {
            return Err(Denial::new(Reason::TokenExpired, ""));
        }
        if now >= self.bundle.expires() {
            return Err(Denial::new(Reason::PolicyExpired, ""));
        }
        let login = assumed.login.as_ref();
        let login = login.map_or_else(|| self.login.clone(), |login| self.login.after(login, now));
        let case = Case {
            request: &request,
            arguments: document.root(),
            arguments_text: text,
            texts: &texts,
            login: &login,
            displays: &Displays::default(),
            ..*self
        };
        let grant = authority::check(&case, assumed.approved, !assumed.other_token)?;
        let needs = Needs::of(&case, &grant.selected, case.request.power);
        let heard = needs.heard(&case, &assumed.people);
        requires::check(&case, needs, &assumed.people, None, false)?;
        rails::check(&case, &heard, &mut None)
    }
}

impl<'a> SignIn<'a> {
    fn after(&self, login: &'a Login, now: i64) -> Self {
        let mut after = self.clone();
        // Without an age the issuer may answer from an older session.
        if login.max_age.is_some() {
            after.auth_time = Some(now);
        }
        if let Some(acr) = login.acr_values.first() {
            after.acr = Some(acr);
        }
        after
            .amr
            .extend(login.amr_values.iter().map(String::as_str));
        after
    }
}
