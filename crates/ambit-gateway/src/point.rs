//! Where every decision is made and obeyed.

use std::sync::Arc;

use ambit_core::Reason;
use ambit_core::http::Told;
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_host::ask::Request;
use ambit_host::audit::Clock;
use ambit_host::{Enforcer, Evaluator as _, Signer, Standing, Verdict, refuse};

use crate::enrolments::Enrolments;
use crate::holder::{self, Proving};
use crate::policy::{Loaded, Policy, Versions};
use crate::shadow::Shadow;
use crate::statements::Statements;

/// What only the host knows of the service that it stands in front of.
#[derive(Clone, Debug)]
pub struct Place {
    /// For whom tokens must be made.
    pub audience: String,
    /// Where the resource is.
    pub location: Option<String>,
    /// To whom it belongs.
    pub tenant: Option<String>,
}

/// Says something to the operator.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// One call, as a gateway understood it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// An AuthZEN evaluation, as JSON.
    pub evaluation: &'a str,
    /// The capability token.
    pub token: Option<&'a str>,
    /// Who shows that it is theirs.
    pub possession: Possession<'a>,
    /// Receipts of people's yes.
    pub approvals: &'a [String],
    /// Method and URL of the call that is asked about, where it is known.
    pub http: Option<(&'a str, &'a str)>,
    /// What arguments marked `@content` refer to, as JSON: `facts.content`.
    pub content: Option<&'a str>,
}

/// Who shows possession of a token.
#[derive(Clone, Copy, Debug)]
pub enum Possession<'a> {
    /// The caller, by this proof, or by none.
    Theirs(Option<&'a str>),
    /// The gateway: the token is bound to its key.
    Ours,
}

/// What came of a call.
#[derive(Clone, Debug)]
#[must_use]
pub struct Outcome {
    /// Whether to act: every obligation was discharged.
    pub permitted: bool,
    /// The answer: an allow with the obligations that were discharged, or a denial.
    pub answer: String,
}

/// Asks the policy, and discharges what an allow obliges to.
pub struct Point {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Revocation epochs.
    pub statements: Arc<Statements>,
    /// People's keys that are known without being in the policy.
    pub enrolments: Arc<Enrolments>,
    /// What discharges obligations and writes decisions down.
    pub enforcer: Enforcer,
    /// Versions that were seen before: of the policy, and of revocation epochs.
    pub versions: Arc<dyn Versions>,
    /// The gateway's own key, where it holds tokens. Ed25519.
    pub holder: Option<Arc<dyn Signer>>,
    /// What it stands in front of.
    pub place: Place,
    /// What time it is.
    pub clock: Clock,
    /// A second policy that is asked beside this one.
    pub shadow: Option<Shadow>,
}

impl Point {
    /// Decides a call and discharges its obligations, in this order. Blocks: it writes to disks.
    pub fn decide(&self, call: &Call<'_>) -> Outcome {
        let now = (self.clock)();
        let answer = self.evaluate(call);
        if let Some(shadow) = &self.shadow {
            shadow.ask(call, (now, self.policy.version()), &answer);
        }
        match self.enforcer.enforce(&answer) {
            Verdict::Permitted { .. } => Outcome {
                permitted: true,
                answer,
            },
            Verdict::Refused { answer, .. } => Outcome {
                permitted: false,
                answer,
            },
        }
    }

    /// The answer to a call, which nobody obeys: nothing is written down or used up.
    #[must_use]
    pub fn evaluate(&self, call: &Call<'_>) -> String {
        let policy = self.policy.current();
        match self.request(&policy, call) {
            Ok(request) => policy.engine.evaluate(request.as_bytes()),
            Err(admin) => refuse(Reason::ObligationFailed, &admin),
        }
    }

    /// Who shows this token, if it counts here at all; nothing is allowed by it. The call has no arguments.
    ///
    /// # Errors
    ///
    /// Why it does not count. Nothing is written down yet.
    pub(crate) fn standing(&self, call: &Call<'_>) -> Result<Standing, (Reason, String)> {
        let policy = self.policy.current();
        match self.request(&policy, call) {
            Ok(request) => policy.engine.standing(request.as_bytes()),
            Err(admin) => Err((Reason::ObligationFailed, admin)),
        }
    }

    /// A denial before the policy is asked, which is written down like any other.
    pub fn refuse(&self, reason: Reason, admin: &str) -> Outcome {
        let mut answer = refuse(reason, admin);
        if let Verdict::Refused { answer: said, .. } = self.enforcer.enforce(&answer) {
            answer = said;
        }
        Outcome {
            permitted: false,
            answer,
        }
    }

    /// What would help after a denial of this call: the evaluator's `alternatives`, as JSON.
    #[must_use]
    pub fn advise(&self, call: &Call<'_>) -> String {
        let policy = self.policy.current();
        match self.request(&policy, call) {
            Ok(request) => policy.engine.advise(request.as_bytes()),
            Err(_) => "{}".to_owned(),
        }
    }

    /// The action digest of this call: what a receipt of a person's yes to it is bound to.
    #[must_use]
    pub fn digest(&self, call: &Call<'_>) -> Option<String> {
        let policy = self.policy.current();
        let request = self.write(&policy, call, None, (self.clock)(), "{}");
        let said = policy.engine.call_digest(request.as_bytes());
        let document = Document::parse(said.as_bytes(), Profile::Request).ok()?;
        let digest = document.root().get("binding_s256").and_then(Json::as_str);
        digest.map(str::to_owned)
    }

    /// Loads the policy and the revocations anew where their files have changed, and says so. Whether the
    /// policy is another one.
    pub fn refresh(&self, say: &Say) -> bool {
        let loaded = self.policy.refresh((self.clock)());
        match &loaded {
            None => {}
            Some(Ok(version)) => {
                say(&format!("policy version {version} decides now"));
                self.tell_zones(say);
            }
            Some(Err(fault)) => {
                say(&format!(
                    "policy version {} stays: {fault}",
                    self.policy.version()
                ));
            }
        }
        for fault in self.policy.take_passed_over() {
            say(&format!(
                "a file of the policy's folder is passed over: {fault}"
            ));
        }
        if let Some(Err(fault)) = self.statements.refresh() {
            say(&format!(
                "the revocations that were read before stay: {fault}"
            ));
        }
        if let Some(fault) = self.enrolments.refresh((self.clock)()) {
            say(&format!("an enrolment is passed over: {fault}"));
        }
        matches!(loaded, Some(Ok(_)))
    }

    /// Says which time zones of the policy are not known here.
    pub fn tell_zones(&self, say: &Say) {
        for zone in self.policy.unknown_zones() {
            say(&format!(
                "the time zone `{zone}` is not known here: what the policy allows in its hours is denied"
            ));
        }
    }

    /// The request that the evaluator is asked, with a proof of ours where the token is.
    fn request(&self, policy: &Loaded, call: &Call<'_>) -> Result<String, String> {
        let now = (self.clock)();
        let lowest = self.versions.min_versions();
        let lowest = lowest.map_err(|error| format!("{}: {error}", error.code()))?;
        let write = |proof: Option<&str>| self.write(policy, call, proof, now, &lowest);
        if let Possession::Theirs(proof) = call.possession {
            return Ok(write(proof));
        }
        let (Some(signer), Some(token), Some((method, url))) =
            (&self.holder, call.token, call.http)
        else {
            return Ok(write(None));
        };
        let proving = Proving {
            token,
            method,
            url,
            now,
        };
        // A proof names the digest without what arguments refer to.
        let call = Call {
            content: None,
            ..*call
        };
        let bare = self.write(policy, &call, None, now, &lowest);
        let proof = holder::prove(&policy.engine, &**signer, &proving, &bare)?;
        Ok(write(proof.as_deref()))
    }

    fn write(
        &self,
        policy: &Loaded,
        call: &Call<'_>,
        proof: Option<&str>,
        now: i64,
        lowest: &str,
    ) -> String {
        let mut facts = Writer::with_capacity(512);
        facts.object(|out| {
            out.name("now").integer(now);
            out.name("audience").string(&self.place.audience);
            let known = [
                ("location", self.place.location.as_deref()),
                ("tenant", self.place.tenant.as_deref()),
                ("method", call.http.map(|(method, _)| method)),
                ("url", call.http.map(|(_, url)| url)),
            ];
            for (name, value) in known {
                if let Some(value) = value {
                    out.name(name).string(value);
                }
            }
            if let Some(content) = call.content {
                out.name("content").raw(content);
            }
            if let Some(offsets) = policy.zones.offsets(now) {
                out.name("utc_offsets").raw(&offsets);
            }
            out.name("min_versions").raw(lowest);
        });
        let request = Request {
            evaluation: call.evaluation,
            token: call.token,
            proof,
            approvals: call.approvals,
            enrolments: &self
                .enrolments
                .needed_by(call.approvals, policy.policy.uid(), now),
            statements: &self.statements.kept(),
            entities: None,
            facts: facts.as_str(),
        };
        request.to_text()
    }
}

impl std::fmt::Debug for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Point")
            .field("policy", &self.policy)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Outcome {
    /// What only the operator is told: which part failed. `None` where the policy has spoken.
    pub(crate) fn failed(&self) -> Option<String> {
        if self.permitted {
            return None;
        }
        let (code, admin) = self.admin();
        let reason = Reason::from_code(&code);
        let is_quiet = reason.is_none_or(|reason| Told::is_quiet(reason.told()));
        is_quiet.then(|| format!("{code}: {admin}"))
    }

    /// The code and the words of the answer for the operator: `obligation.failed`, and which part.
    #[must_use]
    pub fn admin(&self) -> (String, String) {
        let read = |name: &str| {
            let document = Document::parse(self.answer.as_bytes(), Profile::Request).ok()?;
            let reason = document.root().get("context")?.get("reason")?;
            reason.get(name).and_then(Json::as_str).map(str::to_owned)
        };
        (
            read("code").unwrap_or_default(),
            read("admin").unwrap_or_default(),
        )
    }
}
