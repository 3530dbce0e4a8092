//! The scopes of an OAuth service.

mod evidence;
mod scopes;

use std::collections::BTreeSet;

use ambit_core::Power;

use super::text::{self, Unique};
use super::verbs::Deeds;
use super::vocabulary::{self, Action, Entity};
use super::{Guess, Import, ImportError, Imported, checked};
use evidence::Evidence;
use scopes::Scope;

/// Whether who holds a token of a scope can send what it was given for drafting. A service that cannot tell
/// the two apart would send: then only the check in front of it says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// It only looks.
    Looks,
    /// It drafts or changes, and what the service says of it excludes sending.
    Apart,
    /// It changes something, and none of the paths that it opens sends.
    Elsewhere,
    /// It sends, and nothing else is said of it.
    Only,
    /// It covers both.
    Both,
    /// It changes something, and nothing says that it cannot send.
    Unknown,
}

impl Sending {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Both,
        Self::Unknown,
        Self::Apart,
        Self::Only,
        Self::Looks,
    ];

    /// The word in reports for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Looks => "looks",
            Self::Apart => "drafts_only",
            Self::Elsewhere => "does_not_send",
            Self::Only => "sends_only",
            Self::Both => "cannot_tell",
            Self::Unknown => "nothing_said",
        }
    }

    /// What a report says above the scopes; `None` for those that need no word.
    #[must_use]
    pub const fn words(self) -> Option<&'static str> {
        match self {
            Self::Looks | Self::Elsewhere => None,
            Self::Apart => Some("Can tell draft from send: these change or draft, and do not send"),
            Self::Only => Some("Can tell draft from send: these only send"),
            Self::Both => Some("Cannot tell draft from send: who holds one for drafts could send"),
            Self::Unknown => Some(
                "Cannot tell draft from send: these change something, and nothing says that they cannot send",
            ),
        }
    }
}

/// A vocabulary of the scopes in a file: one action a scope. `service` is named in labels.
///
/// # Errors
///
/// `import.json` for what looks like JSON and is none, `import.secret` for a name that looks like a key, `import.oauth` for what has no scopes, or one that no
/// token could have (RFC 6749, section 3.3).
pub fn oauth(bytes: &[u8], service: &str) -> Result<Import, ImportError> {
    let service = text::seen_name(service);
    let scopes = scopes::read(bytes)?;
    let evidence = Evidence::of(&scopes);
    let mut writer = Writer::new(&service);
    let actions: Vec<Action> = scopes
        .iter()
        .map(|scope| writer.action(scope, &evidence))
        .collect();
    let head = [
        format!("{} OAuth scopes of {}, imported by `ambit import oauth`.", actions.len(), vocabulary::comment(&service)),
        "Powers, risks and effects are guesses. Until a person has looked at an action and removed `@guessed`,".to_owned(),
        "it is taken for `execute` at high risk, and `ambit build` refuses the project. Labels and @doc are the service's words.".to_owned(),
        "Scopes know no arguments: declare those that are to be bounded, in `context`.".to_owned(),
    ];
    let sendings = actions.iter().filter_map(|action| action.imported.sending);
    checked(Import {
        schema: vocabulary::text(&head, &writer.entities, &actions),
        notes: evidence.notes(scopes.iter().zip(sendings)),
        actions: actions.into_iter().map(|action| action.imported).collect(),
    })
}

/// Names and resource types, each given once.
struct Writer<'s> {
    service: &'s str,
    names: Unique,
    labels: Unique,
    things: Unique,
    types: BTreeSet<String>,
    entities: Vec<Entity>,
}

impl<'s> Writer<'s> {
    fn new(service: &'s str) -> Self {
        Self {
            service,
            names: Unique::default(),
            labels: Unique::default(),
            things: Unique::default(),
            types: BTreeSet::new(),
            entities: Vec::new(),
        }
    }

    fn action(&mut self, scope: &Scope, evidence: &Evidence<'_>) -> Action {
        let sending = evidence.sending(scope);
        let deeds = evidence.deeds(scope);
        let spoken = scope
            .title
            .clone()
            .unwrap_or_else(|| text::spoken(&scope.plain()));
        Action {
            label: self
                .labels
                .label(&text::foreign_label(self.service, &spoken)),
            doc: scope
                .description
                .as_deref()
                .and_then(|doc| text::foreign_doc(self.service, doc)),
            entity: self.entity(scope),
            origin: vec![("oauth", scope.name.clone())],
            arguments: Vec::new(),
            imported: Imported {
                origin: scope.name.clone(),
                action: self.names.name(&text::words(&scope.plain()).join("_")),
                guess: guess(scope, deeds, sending),
                looks: looks(scope, deeds, sending),
                said: Vec::new(),
                sending: Some(sending),
            },
        }
    }

    /// The resource type of the scope's family: `Mail` of `Mail.Send`.
    fn entity(&mut self, scope: &Scope) -> String {
        let family = scope.family();
        let (service, words) = (text::words(self.service), text::words(&family));
        let name = if words.starts_with(&service) {
            text::type_name(&family)
        } else {
            text::type_name(&format!("{} {family}", self.service))
        };
        if self.types.insert(name.clone()) {
            self.entities.push(Entity {
                name: name.clone(),
                datatype: None,
                label: self
                    .things
                    .label(&text::plain_label(&[self.service, &family])),
            });
        }
        name
    }
}

fn guess(scope: &Scope, deeds: Deeds, sending: Sending) -> Guess {
    let mut powers = Vec::new();
    powers.extend(deeds.reads.then_some(Power::Observe));
    powers.extend((deeds.drafts || sending == Sending::Apart).then_some(Power::Draft));
    let uncertain = matches!(sending, Sending::Both | Sending::Unknown);
    let acts = deeds.writes || deeds.deletes || deeds.sends || uncertain;
    if acts {
        powers.extend([Power::Propose, Power::Execute]);
    }
    let why = match (
        scope.paths.is_empty(),
        scope.description.is_some() || scope.title.is_some(),
    ) {
        (false, _) => "its paths, methods and words say so",
        (true, true) => "the service's words for it say so",
        (true, false) => "its name says so, and nothing else is known",
    };
    let known = deeds.reads || deeds.changes();
    let mut guess = Guess::new(
        &powers,
        if known {
            why
        } else {
            "nothing says what it is for"
        },
    );
    guess.irreversible = deeds.deletes && acts;
    guess.external = deeds.sends;
    guess
}

fn looks(scope: &Scope, deeds: Deeds, sending: Sending) -> Vec<String> {
    let mut looks = Vec::new();
    match sending {
        Sending::Both => looks.push("the service cannot tell draft from send by this scope: only the check in front of it can".to_owned()),
        Sending::Unknown => looks.push("nothing says that this scope cannot send".to_owned()),
        Sending::Looks | Sending::Apart | Sending::Only | Sending::Elsewhere => {}
    }
    let says = scope.says();
    if says.reads && !says.changes() && deeds.changes() {
        looks.push(
            "it is called a scope for reading, and opens paths that change something".to_owned(),
        );
    }
    if scope.admin {
        looks.push("an administrator must consent to it at the service".to_owned());
    }
    looks
}
