//! Every sentence and fragment that is said, in every language, side by side.
//!
//! The frame of a consent text comes from here and from nowhere else: a bundle brings words, never
//! sentences, so that no vocabulary can turn "may not" into "may". `{0}` is a hole.

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
    Own "On its own" "Selbstständig";
    Person "Prepares, a person decides" "Bereitet vor, ein Mensch entscheidet";
    Cannot "Cannot" "Ausgeschlossen";
    Narrows "As granted before" "Wie schon erteilt";
    Of "{0} ({1})" "{0} ({1})";
    Before "whatever was granted before" "alles, was schon erteilt war";
    LookAt "look at: {0}" "ansehen: {0}";
    Prepare "prepare to {0}" "vorbereiten: {0}";
    AnyOne "any {0}" "{0} (beliebig)";
    AnyOf "all {0}" "alle {0}";
    AnyThing "any kind of thing" "Dinge jeder Art";
    AnySuch "any" "beliebige";
    Which "{0} {1}" "{0} {1}";
    Id "id {0}" "Kennung {0}";
    At "at {0}" "auf {0}";
    For "purpose: {0}" "Zweck: {0}";
    Malformed "nothing: this capability is malformed and is never used." "nichts: diese Erlaubnis ist fehlerhaft und wird nie benutzt.";
    // What it does.
    Irreversible "cannot be undone" "endgültig";
    External "reaches people outside" "erreicht Außenstehende";
    Financial "moves money" "bewegt Geld";
    // Bounds on details.
    Bound "{0}: {1}" "{0}: {1}";
    UpTo "up to " "bis ";
    Free "{0}: any" "{0}: beliebig";
    BelowZero "{0}, also below zero" "{0}, auch unter null";
    OrAbsent "{0}, if any" "{0}, falls angegeben";
    PerCall "{0} each" "{0} je Vorgang";
    AnyCurrency "{0} in any currency" "{0} in beliebiger Währung";
    Altogether "{0} altogether" "insgesamt {0}";
    Counted "{0} altogether, counted by {1} in {2}" "insgesamt {0}, gezählt nach {1} in {2}";
    Others "any other details" "beliebige weitere Angaben";
    // Of two items of one capability.
    AsFor "otherwise as for: {0}" "sonst wie bei: {0}";
    CountedWith "counted together with: {0}" "gemeinsam gezählt mit: {0}";
    AsForBoth "otherwise as for: {0}, counted together" "sonst wie bei: {0}, gemeinsam gezählt";
    // At most how often.
    Times "at most {0} times" "höchstens {0}-mal";
    Once "only once" "nur einmal";
    Rate "at most {0} times per {1} (UTC)" "höchstens {0}-mal je {1} (UTC)";
    RateOnce "only once per {0} (UTC)" "nur einmal je {0} (UTC)";
    // When.
    Hours "{0}, {1} to {2}, time in {3}" "{0}, {1} bis {2}, Ortszeit {3}";
    Overnight "{0}, {1} to {2} the next day, time in {3}" "{0}, {1} bis {2} am Folgetag, Ortszeit {3}";
    Daily "every day" "jeden Tag";
    Days "{0} to {1}" "{0} bis {1}";
    Monday "Monday" "Montag";
    Tuesday "Tuesday" "Dienstag";
    Wednesday "Wednesday" "Mittwoch";
    Thursday "Thursday" "Donnerstag";
    Friday "Friday" "Freitag";
    Saturday "Saturday" "Samstag";
    Sunday "Sunday" "Sonntag";
    // What asks again.
    AskCall "each only after an approval" "jeder Vorgang erst nach Genehmigung";
    AskSubject "its user must approve each" "der Auftraggeber muss jedem Vorgang zustimmen";
    AskApprovers "{0} of {1} must approve each" "{0} von {1} müssen jedem Vorgang zustimmen";
    AskOne "{0} must approve each" "{0} muss jedem Vorgang zustimmen";
    AskSome "some only after an approval" "manches erst nach einer Genehmigung";
    AskLogin "login at level {0}" "Anmeldung der Stufe {0}";
    AskFresh "login at most {0} old" "Anmeldung höchstens {0} alt";
    AskBoth "login at level {0}, at most {1} old" "Anmeldung der Stufe {0}, höchstens {1} alt";
    // Lists.
    Comma ", " ", ";
    And " and " " und ";
    Or " or " " oder ";
    // Clauses on one detail. They fit behind "must be".
    Exactly "exactly " "genau ";
    OneOf "one of " "eines von ";
    OtherText "a text other than " "ein anderer Text als ";
    OtherNumber "a number other than " "eine andere Zahl als ";
    OtherBool "true or false, other than " "ein anderer Wahrheitswert als ";
    Whole "a whole number " "eine ganze Zahl ";
    From "from " "von ";
    To " to " " bis ";
    AtLeast "at least " "mindestens ";
    AtMost "at most " "höchstens ";
    Like "a text like " "ein Text wie ";
    Stars " (* is any text)" " (* steht für beliebigen Text)";
    Address "an address at " "eine Adresse bei ";
    Anyone "anyone at " "Adressen bei ";
    Addresses "addresses at " "lauter Adressen bei ";
    Host "a machine named " "ein Rechner namens ";
    Web "a web address at " "eine Web-Adresse bei ";
    Under " under " " unter ";
    Path "a path in " "ein Pfad in ";
    Network "a network address in " "eine Netzadresse aus ";
    Public "the public Internet" "dem öffentlichen Internet";
    Except " except " " außer ";
    Each "a list in which each element is " "eine Liste, in der jedes Element dies ist: ";
    EachOne "each " "jeweils ";
    Subset "a list of nothing but " "eine Liste aus nichts als ";
    Only "only " "nur ";
    Contains "a list with " "eine Liste mit ";
    Count "a list of " "eine Liste der Länge ";
    Element " element" " Element";
    Elements " elements" " Elemente";
    Optional "left out or " "weggelassen oder ";
    Anything "anything" "beliebig";
    BadBound "nothing (this bound is malformed)" "nichts (diese Grenze ist fehlerhaft)";
    More " and {0} more" " und {0} weitere";
    // The page around capabilities.
    Title "Let {0} {1}{2}?" "Darf {0}{2} {1}?";
    SomeAgent "an agent" "ein Agent";
    Spend "spend up to {0}" "bis zu {0} ausgeben";
    MoveMoney "move money" "Geld bewegen";
    By " by {0}" " bis {0}";
    Within " for {0}" " für {0}";
    ActsFor "for {0}" "für {0}";
    Tenant "with the data of {0}" "mit den Daten von {0}";
    Until "until {0}" "bis {0}";
    // One, and behind the blank how more than one ends.
    Day "day s" "Tag e";
    Hour "hour s" "Stunde n";
    Minute "minute s" "Minute n";
    Second "second s" "Sekunde n";
    Level "level s" "Ebene n";
    // What a person may choose instead of what is asked.
    NoExecute "Carry out nothing on its own" "Nichts selbst ausführen";
    LifeOnly "Only for {0}" "Nur für {0}";
    NoDelegation "Pass nothing on to other agents" "Nichts an andere Agenten weitergeben";
    PassesOn "Passes on" "Gibt weiter";
    PassOn "to agents, {0}" "an Agenten, {0}";
    AndMore " and more" " und mehr";
    Unlisted "anything else" "alles andere";
    Stop "End it at any time: {0}" "Jederzeit beenden: {0}";
    StopBy "Your organisation can end it at any time." "Ihre Organisation kann es jederzeit beenden.";
    Rules "Your organisation's rules may refuse more, or ask again." "Regeln Ihrer Organisation können mehr ablehnen oder noch einmal nachfragen.";
    Details "Details" "Einzelheiten";
    TierLow "Low risk" "Geringes Risiko";
    TierMedium "Medium risk" "Mittleres Risiko";
    TierHigh "High risk" "Hohes Risiko";
    TierCritical "Critical risk" "Kritisches Risiko";
    // The page about one call.
    NoElements "an empty list" "eine leere Liste";
    NoMembers "an empty record" "ein leerer Datensatz";
    Content "Content:" "Inhalt:";
    Sha256 "SHA-256:" "SHA-256:";
    WindowsLines " (lines end with CR LF)" " (Zeilen enden mit CR LF)";
    // The difference to what was granted before.
    IsNew "new" "neu";
    IsSame "as before" "wie bisher";
    IsWider "wider than before" "weiter als bisher";
    IsNarrower "narrower than before" "enger als bisher";
    IsChanged "changed" "geändert";
    Was "before: {0}" "bisher: {0}";
    Ended "Not granted again" "Nicht wieder erteilt";
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
