//! `ambit_status`: what a status list says of a token, and when the list is to be fetched.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_token::PublicKey;

use crate::has_only;
use crate::status::{
    Asked, Kept, StatusError, StatusFact, StatusKey, StatusSource, TOKEN_BYTES, VerifiedList,
    check, is_put_off, of, retry_at, verify,
};

/// For `{"sources", "kept", "now", "ext", "fetched"?}` what a `status` obligation comes to: `{"fetch", "most"}`, or
/// `{"result", "fact"?, "keep"?}`. For `{"sources", "kept", "now", "place"}` the fact that is known before a
/// decision: `{"fact"?}`.
#[must_use]
pub fn status(request: &[u8]) -> String {
    let parsed = Document::parse(request, Profile::Request);
    let root = parsed.as_ref().map_or(Json::null(), Document::root);
    let said = match Asking::read(root) {
        Some(asking) => asking.answer(),
        None => Said::failed("the host asks for a status in a form that is not known"),
    };
    said.write()
}

struct Asking<'a> {
    sources: Vec<StatusSource>,
    state: State<'a>,
    now: i64,
    asks: Asks<'a>,
}

enum Asks<'a> {
    /// An obligation's, and what came of fetching its list.
    Obligation(Asked<'a>, Option<Fetched<'a>>),
    /// What is known of a place without fetching.
    Place(&'a str, i64),
}

enum Fetched<'a> {
    List(&'a str),
    Failed(&'a str),
}

/// What the host keeps of one list, in the words of `keep`.
#[derive(Clone, Copy, Default)]
struct State<'a> {
    /// The latest time at which one was issued.
    iat: Option<i64>,
    /// The one that counts.
    list: Option<&'a str>,
    /// When one is fetched again.
    next: i64,
    /// Why none could be fetched.
    failed: Option<&'a str>,
}

impl<'a> Asking<'a> {
    fn read(root: Json<'a>) -> Option<Self> {
        if !has_only(root, &["sources", "kept", "now", "ext", "place", "fetched"]) {
            return None;
        }
        let now = root.get("now")?.as_int()?;
        let fetched = match root.get("fetched") {
            None => None,
            Some(fetched) => Some(read_fetched(fetched)?),
        };
        let asks = match (root.get("ext"), root.get("place"), fetched) {
            (Some(ext), None, fetched) => Asks::Obligation(Asked::read(ext, Some(now))?, fetched),
            (None, Some(place), None) if has_only(place, &["uri", "idx"]) => {
                Asks::Place(place.get("uri")?.as_str()?, place.get("idx")?.as_int()?)
            }
            _ => return None,
        };
        let sources = root
            .get("sources")
            .filter(|list| list.kind() == Kind::Array)?;
        Some(Self {
            sources: sources.elements().map(read_source).collect::<Option<_>>()?,
            state: State::read(root.get("kept")?)?,
            now,
            asks,
        })
    }

    fn answer(&self) -> Said {
        let uri = match &self.asks {
            Asks::Obligation(asked, _) => asked.uri,
            Asks::Place(uri, _) => uri,
        };
        let source = check(&self.sources).and_then(|()| of(&self.sources, uri));
        let keys = match source {
            Ok(source) => &source.keys,
            Err(error) => return Said::error(&error),
        };
        // One that is not believed any more, because its key was taken away, is fetched again.
        let kept = self
            .state
            .list
            .map(|text| verify(text.as_bytes(), uri, keys, self.now));
        let kept = kept.and_then(Result::ok);
        let kept = kept.map(|list| Kept::again(list, self.state.next));
        match &self.asks {
            Asks::Place(_, idx) => match kept.map(|kept| kept.known(uri, *idx, self.now)) {
                None => Said::default(),
                Some(Ok(fact)) => Said {
                    fact,
                    ..Said::default()
                },
                Some(Err(error)) => Said::error(&error),
            },
            Asks::Obligation(asked, None) => self.by_kept(asked, kept.as_ref()),
            Asks::Obligation(asked, Some(Fetched::Failed(why))) => {
                self.not_fetched(asked, kept, StatusError::Fetch((*why).to_owned()))
            }
            Asks::Obligation(asked, Some(Fetched::List(text))) => {
                match verify(text.as_bytes(), uri, keys, self.now) {
                    Ok(list) => self.fetched(asked, kept, text, list),
                    Err(error) => self.not_fetched(asked, kept, error),
                }
            }
        }
    }

    /// What is kept answers, unless it is to be fetched again.
    fn by_kept(&self, asked: &Asked<'_>, kept: Option<&Kept>) -> Said {
        let (due, failed) = match kept {
            Some(kept) => (kept.is_due(self.now), None),
            None => match self.state.failed {
                Some(why) if is_put_off(self.state.next, self.now) => (false, Some(why)),
                _ => (true, None),
            },
        };
        if due {
            return Said {
                fetch: Some(asked.uri.to_owned()),
                ..Said::default()
            };
        }
        match kept {
            Some(kept) => judged(asked, kept.look_up(asked.uri, asked.idx, self.now, Ok(()))),
            None => Said::failed(failed.unwrap_or_default()),
        }
    }

    /// The host is to keep the version even where the list does not count: an older one must not come after it.
    fn fetched(
        &self,
        asked: &Asked<'_>,
        kept: Option<Kept>,
        text: &str,
        list: VerifiedList,
    ) -> Said {
        let iat = i64::try_from(list.version()).unwrap_or(i64::MAX);
        if self.state.iat.is_some_and(|seen| iat < seen) {
            return self.not_fetched(asked, kept, StatusError::Rollback);
        }
        match Kept::replace(kept.as_ref(), list, self.now, None) {
            Err(error) => {
                let mut said = self.not_fetched(asked, kept, error);
                if let Some(keep) = &mut said.keep {
                    keep.iat = Some(iat);
                }
                said
            }
            Ok(newer) => {
                let mut said = judged(asked, newer.look_up(asked.uri, asked.idx, self.now, Ok(())));
                said.keep = Some(Keep {
                    iat: Some(iat),
                    list: Some(text.to_owned()),
                    next: newer.next(),
                    failed: None,
                });
                said
            }
        }
    }

    fn not_fetched(&self, asked: &Asked<'_>, kept: Option<Kept>, error: StatusError) -> Said {
        let why = format!("{}: {error}", error.code());
        let mut said = match &kept {
            Some(kept) => judged(
                asked,
                kept.look_up(asked.uri, asked.idx, self.now, Err(error)),
            ),
            None => Said::failed(&why),
        };
        said.keep = Some(Keep {
            iat: self.state.iat,
            list: self
                .state
                .list
                .filter(|_| kept.is_some())
                .map(ToOwned::to_owned),
            next: retry_at(self.now),
            failed: kept.is_none().then_some(why),
        });
        said
    }
}

fn judged(asked: &Asked<'_>, found: Result<StatusFact, StatusError>) -> Said {
    let fact = match found {
        Ok(fact) => fact,
        Err(error) => return Said::error(&error),
    };
    let failed = asked.judge(&fact).err();
    Said {
        done: failed.is_none(),
        failed: failed.map(|(reason, detail)| (Some(reason), detail)),
        fact: Some(fact),
        ..Said::default()
    }
}

impl<'a> State<'a> {
    fn read(kept: Json<'a>) -> Option<Self> {
        if kept.is_null() {
            return Some(Self::default());
        }
        if !has_only(kept, &["iat", "list", "next", "failed"]) {
            return None;
        }
        let text = |name| match kept.get(name) {
            None => Some(None),
            Some(text) => text.as_str().map(Some),
        };
        Some(Self {
            iat: match kept.get("iat") {
                None => None,
                Some(iat) => Some(iat.as_int()?),
            },
            list: text("list")?,
            next: kept.get("next")?.as_int()?,
            failed: text("failed")?,
        })
    }
}

fn read_fetched(fetched: Json<'_>) -> Option<Fetched<'_>> {
    let text = |name| {
        let text = fetched.get_str(name);
        text.filter(|_| has_only(fetched, &[name]))
    };
    text("list")
        .map(Fetched::List)
        .or_else(|| text("failed").map(Fetched::Failed))
}

/// `{"prefixes", "keys": [{"kid", "jwk"}]}`.
fn read_source(source: Json<'_>) -> Option<StatusSource> {
    let list = |name| source.get(name).filter(|list| list.kind() == Kind::Array);
    if !has_only(source, &["prefixes", "keys"]) {
        return None;
    }
    let prefixes = list("prefixes")?.elements();
    let prefixes = prefixes.map(|prefix| prefix.as_str().map(ToOwned::to_owned));
    let keys = list("keys")?.elements().map(|key| {
        let public = PublicKey::from_jwk(key.get("jwk")?)?;
        let usable = has_only(key, &["kid", "jwk"]) && public.is_usable();
        usable.then_some(StatusKey {
            kid: key.get("kid")?.as_str()?.to_owned(),
            public,
        })
    });
    Some(StatusSource {
        prefixes: prefixes.collect::<Option<_>>()?,
        keys: keys.collect::<Option<_>>()?,
    })
}

/// What the host is told.
#[derive(Default)]
struct Said {
    fetch: Option<String>,
    done: bool,
    failed: Option<(Option<Reason>, String)>,
    fact: Option<StatusFact>,
    keep: Option<Keep>,
}

struct Keep {
    iat: Option<i64>,
    list: Option<String>,
    next: i64,
    failed: Option<String>,
}

impl Said {
    fn failed(detail: &str) -> Self {
        Self {
            failed: Some((None, detail.to_owned())),
            ..Self::default()
        }
    }

    fn error(error: &StatusError) -> Self {
        Self::failed(&format!("{}: {error}", error.code()))
    }

    fn write(&self) -> String {
        let mut out = Writer::default();
        out.object(|out| {
            if let Some(uri) = &self.fetch {
                out.name("fetch").string(uri);
                out.name("most")
                    .integer(i64::try_from(TOKEN_BYTES).unwrap_or(i64::MAX));
            }
            if self.done {
                out.name("result").raw(r#"{"done":true}"#);
            }
            if let Some((reason, detail)) = &self.failed {
                out.name("result").object(|out| {
                    out.name("failed").string(detail);
                    if let Some(reason) = reason {
                        out.name("code").string(reason.code());
                    }
                });
            }
            if let Some(fact) = &self.fact {
                out.name("fact").raw(&fact.to_json());
            }
            if let Some(keep) = &self.keep {
                out.name("keep").object(|out| keep.write(out));
            }
        });
        out.finish()
    }
}

impl Keep {
    fn write(&self, out: &mut Writer) {
        if let Some(iat) = self.iat {
            out.name("iat").integer(iat);
        }
        if let Some(list) = &self.list {
            out.name("list").string(list);
        }
        out.name("next").integer(self.next);
        if let Some(failed) = &self.failed {
            out.name("failed").string(failed);
        }
    }
}
