//! A bundle as the source of words.

use alloc::vec::Vec;

use ambit_core::constraint::{Arguments as _, Declared, Unit, lists_values};
use ambit_core::describe::{Effect, Fault, Form, Locale, Term, Tier, Vocabulary};
use ambit_core::json::Json;
use ambit_core::{Power, Powers};
use ambit_policy::{Action, Bundle};

/// The vocabulary of a bundle.
pub(crate) struct Words<'b>(pub(crate) &'b Bundle<'b>);

impl Words<'_> {
    /// Whether what is told of an entry is what is enforced.
    ///
    /// # Errors
    ///
    /// [`Fault`] for a bound that the vocabulary contradicts, since the entry then never matches; and for
    /// values with money inside, whose digits after the point have no place in a sentence.
    pub(super) fn enforced(&self, entry: Json<'_>) -> Result<(), Fault> {
        if let Some(found) = self.0.contradiction(entry) {
            return Err(Fault {
                code: "describe.contradiction",
                member: found.member,
                detail: found.detail,
            });
        }
        let actions = entry.get_elements("actions");
        let actions = actions.filter_map(|name| self.0.action(name.as_str()?));
        for action in actions {
            let specs = entry.get_members("constraints");
            for (name, _) in specs.filter(|(_, spec)| lists_values(*spec)) {
                let declared = action.declared(name);
                if declared.is_some_and(Declared::hides_money) {
                    return Err(Fault {
                        code: "describe.no_text",
                        member: alloc::format!("constraints.{name}"),
                        detail:
                            "values with money inside have no words: bound how many there are, or \
                                 leave it to the policies"
                                .into(),
                    });
                }
            }
        }
        Ok(())
    }
}

impl Vocabulary for Words<'_> {
    fn label(&self, term: Term<'_>, form: Form, locale: Locale) -> Option<&str> {
        let language = locale.tag();
        match term {
            Term::Action(action) => self.0.action(action)?.form_in(form, language),
            Term::Resource(resource) => self.0.resource_label_in(resource, form, language),
            Term::Argument { action, argument } => {
                let argument = self.0.action(action)?.argument(argument)?;
                argument.label_in(language)
            }
        }
    }

    fn namesake(&self, term: Term<'_>, form: Form, locale: Locale) -> Option<&str> {
        let label = self.label(term, form, locale)?;
        let language = locale.tag();
        // The first letter is a capital where a sentence begins with it.
        let same = |one: Option<&str>| one.is_some_and(|one| one.eq_ignore_ascii_case(label));
        let other = |(name, one): (&'_ str, Option<&str>)| same(one) && name != term.name();
        match term {
            Term::Action(_) => {
                let mut actions = self.0.actions();
                // In any power: one may stand beside the other.
                let said = |action: Action<'_>| {
                    let mut forms = Form::OF_ACTIONS.iter().chain(&[Form::Name]);
                    forms.any(|form| same(action.form_in(*form, language)))
                };
                let found = actions.find(|(name, one)| *name != term.name() && said(*one));
                found.map(|(name, _)| name)
            }
            Term::Resource(_) => {
                let mut resources = self.0.resource_labels(language);
                let found = resources.find(|(name, one)| other((name, Some(one))));
                found.map(|(name, _)| name)
            }
            Term::Argument { action, .. } => {
                let mut arguments = self.0.action(action)?.arguments();
                let found = arguments.find(|(name, one)| other((name, one.label_in(language))));
                found.map(|(name, _)| name)
            }
        }
    }

    fn notable(&self, action: &str) -> Vec<&str> {
        let arguments = self.0.action(action).map(Action::arguments);
        let notable = arguments
            .into_iter()
            .flatten()
            .filter(|(_, one)| one.target() || one.decimals().is_some());
        notable.map(|(name, _)| name).collect()
    }

    fn sums(&self, action: &str) -> Vec<&str> {
        let arguments = self.0.action(action).map(Action::arguments);
        let sums = arguments
            .into_iter()
            .flatten()
            .filter(|(_, one)| one.decimals().is_some() || one.declared().hides_money());
        sums.map(|(name, _)| name).collect()
    }

    fn unit(&self, action: &str, argument: &str) -> Option<Unit<'_>> {
        self.0.action(action)?.argument(argument)?;
        Some(self.0.unit(action, argument))
    }

    fn powers(&self, action: &str) -> Option<Powers> {
        Some(self.0.action(action)?.powers())
    }

    fn risk(&self, action: &str, power: Power) -> Tier {
        let action = self.0.action(action);
        action.map_or(Tier::Critical, |action| Tier::from_name(action.risk(power)))
    }

    fn has(&self, action: &str, effect: Effect) -> bool {
        let action = self.0.action(action);
        action.is_some_and(|action| action.effect(effect.name()))
    }
}
