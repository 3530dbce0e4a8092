//! Every sentence and fragment that is said, in every language, side by side.
//!
//! The frame of a consent text comes from here and from nowhere else: a bundle brings words, never
//! sentences, so that no vocabulary can turn "may not" into "may". `{name}` is a hole.

/// A language of consent texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

impl Locale {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::De];

    /// The language tag (BCP 47), as receipts name it in `display.locale`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The language with this tag. Exact: what is bound by a hash has one spelling.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.tag() == tag)
    }
}

impl Phrase {
    /// The words in a language.
    #[must_use]
    pub const fn text(self, locale: Locale) -> &'static str {
        let [en, de] = self.0;
        match locale {
            Locale::En => en,
            Locale::De => de,
        }
    }
}

macro_rules! phrases {
    ($($name:ident $en:literal $de:literal;)+) => {
        /// A sentence or a fragment of one. No `enum`: a file that never says one does not have it either.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Phrase(&'static [&'static str; 2]);

        #[expect(non_upper_case_globals, reason = "a list that reads like the variants of an `enum`")]
        impl Phrase {
            $(
                #[doc = concat!("`", $en, "`")]
                pub const $name: Self = Self(&[$en, $de]);
            )+

            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

phrases! {
    // What may be done.
    May "The agent may {powers} {actions}{on}{id}{at}{purpose}." "Der Agent darf {actions}{on}{id}{at}{purpose} {powers}.";
    On " on {things}" " zu {things}";
    Id " with the id {id}" " mit der Kennung {id}";
    At " at {places}" " auf {places}";
    For ", for the purpose {purpose}" " zum Zweck {purpose}";
    MayNot "It may not: {powers}." "Nicht erlaubt: {powers}.";
    Observe "look at" "ansehen";
    Draft "prepare" "vorbereiten";
    Propose "propose" "vorschlagen";
    Execute "carry out" "ausführen";
    AsBefore "use, as far as granted before," "benutzen, soweit schon erteilt";
    Before "whatever was granted before" "alles, was schon erteilt war";
    Malformed "nothing: this capability is malformed and is never used." "nichts: diese Erlaubnis ist fehlerhaft und wird nie benutzt.";
    // What it does.
    Effect "{action} {effects}." "{action} {effects}.";
    Irreversible "cannot be undone" "kann nicht rückgängig gemacht werden";
    External "reaches people outside" "erreicht Außenstehende";
    Financial "moves money" "bewegt Geld";
    // Bounds on details.
    Must "{argument} must be {clause}." "{argument}: {clause}.";
    Free "{argument} may be anything." "{argument}: beliebig.";
    FreeOrAbsent "{argument} may be anything, or left out." "{argument}: beliebig, oder weggelassen.";
    Of "{argument} (of {actions})" "{argument} (von {actions})";
    NoDetails "No details may be given." "Einzelheiten dürfen nicht angegeben werden.";
    NoOthers "No other details may be given." "Weitere Einzelheiten dürfen nicht angegeben werden.";
    AnyOthers "Every other detail may be anything." "Jede weitere Einzelheit ist beliebig.";
    AnyDetails "Every detail may be anything." "Jede Einzelheit ist beliebig.";
    // At most how much.
    Spend "At most {amount} {currency} in total, counted by {argument} in {unit}." "Insgesamt höchstens {amount} {currency}, gezählt nach {argument} in {unit}.";
    Times "At most {count} times in all." "Insgesamt höchstens {count}-mal.";
    Once "At most once." "Höchstens einmal.";
    // What asks again.
    AskCall "It is carried out only after a person approved exactly that call." "Ausgeführt wird erst, wenn ein Mensch genau diesen Vorgang genehmigt hat.";
    AskSubject "The person it acts for must approve each time." "Die Person, für die er handelt, muss jedes Mal zustimmen.";
    AskApprovers "{count} of {approvers} must approve each time." "{count} von {approvers} müssen jedes Mal zustimmen.";
    AskLogin "It needs a login at level {levels}." "Nötig ist eine Anmeldung der Stufe {levels}.";
    AskFresh "The login may be at most {seconds} seconds old." "Die Anmeldung darf höchstens {seconds} Sekunden alt sein.";
    ConsentNone "No person is asked." "Niemand wird gefragt.";
    ConsentOnce "A person is asked once." "Ein Mensch wird einmal gefragt.";
    ConsentEach "Before each one is carried out, the person it acts for must approve." "Vor jeder Ausführung muss die Person zustimmen, für die er handelt.";
    ConsentApprovers "Before each one is carried out, {count} of {approvers} must approve." "Vor jeder Ausführung müssen {count} von {approvers} zustimmen.";
    // Lists.
    Comma ", " ", ";
    And " and " " und ";
    Or " or " " oder ";
    // Clauses on one detail. They fit behind "must be".
    Exactly "exactly " "genau ";
    OneOf "one of " "eines von ";
    OtherText "a text other than " "ein anderer Text als ";
    OtherNumber "a whole number other than " "eine andere ganze Zahl als ";
    OtherBool "true or false, other than " "ein anderer Wahrheitswert als ";
    From "from " "von ";
    To " to " " bis ";
    AtLeast "at least " "mindestens ";
    AtMost "at most " "höchstens ";
    Like "a text like " "ein Text wie ";
    Stars " (* is any text)" " (* steht für beliebigen Text)";
    Address "an address at " "eine Adresse bei ";
    Web "a web address at " "eine Web-Adresse bei ";
    Under " under " " unter ";
    Path "a path in " "ein Pfad in ";
    Network "a network address in " "eine Netzadresse in ";
    Each "a list in which each element is " "eine Liste, in der jedes Element dies ist: ";
    Subset "a list of nothing but " "eine Liste aus nichts als ";
    Contains "a list with " "eine Liste mit ";
    Count "a list of " "eine Liste der Länge ";
    Element " element" "";
    Elements " elements" "";
    Optional "left out or " "weggelassen oder ";
    Anything "anything" "beliebig";
    BadBound "nothing (this bound is malformed)" "nichts (diese Grenze ist fehlerhaft)";
    More " and {count} more" " und {count} weitere";
    // The frame around capabilities.
    Agent "Agent: {agent}" "Agent: {agent}";
    RunsAs "Running as: {actor}" "Läuft als: {actor}";
    ActsFor "Acts for: {subject}" "Handelt für: {subject}";
    Tenant "With the data of: {tenant}" "Mit den Daten von: {tenant}";
    Where "Only at: {places}" "Nur auf: {places}";
    Until "Until: {time}" "Bis: {time}";
    PassOn "The agent may pass this on to other agents, at most {count} deep, and only narrower." "Der Agent darf dies an andere Agenten weitergeben, höchstens {count} tief und nur enger.";
    TierLow "Low risk" "Geringes Risiko";
    TierMedium "Medium risk" "Mittleres Risiko";
    TierHigh "High risk" "Hohes Risiko";
    TierCritical "Critical risk" "Kritisches Risiko";
    // The difference to what was granted before.
    IsNew "New." "Neu.";
    IsSame "As before." "Wie bisher.";
    IsWider "Wider than before." "Weiter als bisher.";
    IsNarrower "Narrower than before." "Enger als bisher.";
    IsChanged "Changed." "Geändert.";
    Was "Before: " "Bisher: ";
    Ends "No longer granted" "Nicht mehr erteilt";
    Details "Details" "Weitere Angaben";
    // What is left out.
    NotGranted "Not granted: {actions}." "Nicht erteilt: {actions}.";
    NotGrantedMore "Not granted: {actions} and {count} more." "Nicht erteilt: {actions} und {count} weitere.";
    Rules "Rules of the organisation may refuse any of this, or ask again." "Regeln der Organisation können all dies ablehnen oder noch einmal nachfragen.";
}

#[cfg(test)]
mod tests {
    use super::{Locale, Phrase};
    use alloc::vec::Vec;

    /// The names of the holes, sorted.
    fn holes(text: &str) -> Vec<&str> {
        let mut holes: Vec<&str> = text
            .split('{')
            .skip(1)
            .filter_map(|part| Some(part.split_once('}')?.0))
            .collect();
        holes.sort_unstable();
        holes
    }

    #[test]
    fn every_language_has_the_same_holes() {
        for phrase in Phrase::ALL {
            let english = holes(phrase.text(Locale::En));
            assert_eq!(english, holes(phrase.text(Locale::De)), "{phrase:?}");
        }
    }

    #[test]
    fn no_two_sentences_with_the_same_holes_read_alike() {
        for locale in Locale::ALL {
            for (at, one) in Phrase::ALL.iter().enumerate() {
                for other in &Phrase::ALL[at + 1..] {
                    let plural = [*one, *other] == [Phrase::Element, Phrase::Elements];
                    assert!(
                        plural || one.text(locale) != other.text(locale),
                        "{one:?} {other:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn tags_are_exact() {
        assert_eq!(Locale::from_tag("de"), Some(Locale::De));
        assert_eq!(Locale::from_tag("DE"), None);
        assert_eq!(Locale::from_tag("fr"), None);
    }
}
