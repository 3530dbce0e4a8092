//! What is asked: claims, what was granted before, and in which language.

use alloc::format;

use ambit_core::describe::Locale;
use ambit_core::json::{Json, Kind};
use ambit_core::limits::CAPABILITIES;

use super::NoText;

/// Members of a request that are no claims.
pub(super) const OURS: [&str; 6] = [
    "claims",
    "granted",
    "locale",
    "now",
    "utc_offset",
    "choices",
];
/// Claims that the frame shows. Others may be there: the grant digest covers them all.
const FLAT: [&str; 8] = [
    "authorization_details",
    "sub",
    "aud",
    "tenant",
    "act",
    "agent",
    "exp",
    "del_max_depth",
];
/// Minutes between any clock and UTC: a day.
const FARTHEST: i64 = 1440;
/// The last second of the year 9999.
const LAST_TIME: i64 = 253_402_300_799;

/// A request, read.
pub(super) struct Question<'a> {
    /// The claims of a root, whole or in part.
    pub(super) claims: Json<'a>,
    /// Whether they are whole, so that they have a grant digest.
    pub(super) whole: bool,
    pub(super) entries: Json<'a>,
    pub(super) granted: Option<Json<'a>>,
    pub(super) locale: Locale,
    /// When and where it is read, where the host says it.
    pub(super) clock: Clock,
}

/// When a text is read, and how far clocks are there from UTC: `now` in seconds since 1970,
/// `utc_offset` in minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) now: Option<i64>,
    pub(crate) utc_offset: Option<i64>,
}

impl Clock {
    /// # Errors
    ///
    /// [`NoText`] for what no calendar shows.
    pub(crate) fn new(now: Option<i64>, utc_offset: Option<i64>) -> Result<Self, NoText> {
        let late = now.is_some_and(|now| !(0..=LAST_TIME).contains(&now));
        let far = utc_offset.is_some_and(|offset| !(-FARTHEST..=FARTHEST).contains(&offset));
        match (late, far) {
            (true, _) => Err(NoText::request("now", "wanted seconds since 1970")),
            (_, true) => Err(NoText::request(
                "utc_offset",
                "wanted minutes, at most a day",
            )),
            _ => Ok(Self { now, utc_offset }),
        }
    }

    fn read(request: Json<'_>) -> Result<Self, NoText> {
        let member = |name| integer(request.get(name), name);
        Self::new(member("now")?, member("utc_offset")?)
    }
}

impl<'a> Question<'a> {
    pub(super) fn read(request: Json<'a>) -> Result<Self, NoText> {
        let claims = request.get("claims");
        let mut names = request.members().map(|(name, _)| name);
        let unknown =
            names.find(|name| !OURS.contains(name) && (claims.is_some() || !FLAT.contains(name)));
        if request.kind() != Kind::Object || unknown.is_some() {
            let detail = "wanted an object of `claims` or `authorization_details`, and `granted` and \
                          `locale` where there are any";
            return Err(NoText::request(unknown.unwrap_or_default(), detail));
        }
        let locale = request.get("locale");
        let locale = locale.map(|locale| locale.as_str().unwrap_or_default());
        let mut question = Self::of_claims(
            claims.unwrap_or(request),
            request.get("granted"),
            locale,
            Clock::read(request)?,
        )?;
        question.whole = claims.is_some();
        Ok(question)
    }

    pub(super) fn of_claims(
        claims: Json<'a>,
        granted: Option<Json<'a>>,
        locale: Option<&str>,
        clock: Clock,
    ) -> Result<Self, NoText> {
        let locale = locale.map_or(Some(Locale::En), Locale::from_tag);
        let locale = locale.ok_or_else(|| NoText {
            code: "describe.locale",
            at: "locale".into(),
            detail: "there are no sentences in this language: ask for `en` or `de`".into(),
        })?;
        let list = |value: Option<Json<'a>>, least: usize| {
            value.filter(|value| {
                value.kind() == Kind::Array && (least..=CAPABILITIES).contains(&value.len())
            })
        };
        let wanted = |at: &str, least: usize| {
            let detail = format!("wanted an array of {least} to {CAPABILITIES} capabilities");
            NoText::request(at, &detail)
        };
        let at = "authorization_details";
        let entries = list(claims.get(at), 1).ok_or_else(|| wanted(at, 1))?;
        if granted.is_some() && list(granted, 0).is_none() {
            return Err(wanted("granted", 0));
        }
        Ok(Self {
            claims,
            whole: true,
            entries,
            granted,
            locale,
            clock,
        })
    }

    /// The same question about other claims.
    pub(super) fn with<'b>(&self, claims: Json<'b>) -> Result<Question<'b>, NoText>
    where
        'a: 'b,
    {
        let tag = Some(self.locale.tag());
        let mut other = Question::of_claims(claims, self.granted, tag, self.clock)?;
        other.whole = self.whole;
        Ok(other)
    }

    /// A claim that is a text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, NoText> {
        string(self.claims.get(name), name)
    }

    /// A member of a claim that is a text.
    pub(super) fn text_in(&self, name: &str, member: &str) -> Result<Option<&'a str>, NoText> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(object) if object.kind() == Kind::Object => string(object.get(member), name),
            Some(_) => Err(NoText::request(name, "wanted an object, as in a token")),
        }
    }

    /// `exp`, as far as a calendar can show it.
    pub(super) fn end(&self) -> Result<Option<i64>, NoText> {
        let end = self.integer("exp")?;
        match end {
            Some(end) if !(0..=LAST_TIME).contains(&end) => {
                Err(NoText::request("exp", "wanted seconds since 1970"))
            }
            end => Ok(end),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, NoText> {
        integer(self.claims.get(name), name)
    }
}

fn integer(value: Option<Json<'_>>, at: &str) -> Result<Option<i64>, NoText> {
    match value.map(Json::as_int) {
        None => Ok(None),
        Some(Some(value)) => Ok(Some(value)),
        Some(None) => Err(NoText::request(at, "wanted a whole number")),
    }
}

fn string<'a>(value: Option<Json<'a>>, at: &str) -> Result<Option<&'a str>, NoText> {
    match value.map(Json::as_str) {
        None => Ok(None),
        Some(Some(text)) => Ok(Some(text)),
        Some(None) => Err(NoText::request(at, "wanted a text")),
    }
}
