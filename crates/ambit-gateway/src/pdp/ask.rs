//! AuthZEN requests, read.

use ambit_core::Power;
use ambit_core::json::{Json, Kind, Writer};
use ambit_core::limits::{RECEIPT_BYTES, RECEIPTS};

use super::config::{Config, ENTITIES, Mapping};

/// One evaluation: its own members, and for what it lacks the defaults of a batch.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    own: Json<'a>,
    defaults: Option<Json<'a>>,
}

/// What of the defaults stands in for a member that the entity of an item lacks: identifiers only, never
/// properties.
const IDENTIFIERS: [&str; 3] = ["type", "id", "name"];

/// An evaluation in the policy's terms.
pub(super) struct Understood<'a> {
    /// The evaluation for the evaluator, as JSON.
    pub(super) evaluation: String,
    /// Whether it would be executed, and is not mapped to be as one of several.
    pub(super) alone: bool,
    pub(super) subject: (&'a str, &'a str),
    /// What the caller hands on of the agent's own call.
    pub(super) shown: Shown<'a>,
}

/// What the agent showed the caller.
#[derive(Clone, Default)]
pub(super) struct Shown<'a> {
    pub(super) token: Option<&'a str>,
    pub(super) proof: Option<&'a str>,
    pub(super) approvals: Vec<String>,
    pub(super) http: Option<(&'a str, &'a str)>,
    /// What the service says that arguments refer to.
    pub(super) content: Option<String>,
}

/// Receipts, none of which is kept before it is known that a request may have it.
fn receipts(list: Json<'_>) -> Result<Vec<String>, String> {
    if list.kind() != Kind::Array || list.len() > RECEIPTS {
        return Err(format!(
            "`context.approvals` must be a list of strings, at most {RECEIPTS}"
        ));
    }
    let text = |value: Json<'_>| {
        let text = value.as_str().filter(|text| text.len() <= RECEIPT_BYTES);
        text.map(str::to_owned)
    };
    let texts: Option<Vec<String>> = list.elements().map(text).collect();
    texts.ok_or_else(|| {
        format!("`context.approvals` must be a list of strings of at most {RECEIPT_BYTES} bytes")
    })
}

impl<'a> Asked<'a> {
    pub(super) const fn alone(own: Json<'a>) -> Self {
        Self {
            own,
            defaults: None,
        }
    }

    pub(super) const fn one_of(own: Json<'a>, defaults: Json<'a>) -> Self {
        Self {
            own,
            defaults: Some(defaults),
        }
    }

    /// The evaluation by the mapping. An error is a sentence for the caller: what is malformed.
    pub(super) fn understand(self, config: &Config) -> Result<Understood<'a>, String> {
        let text = |entity, name| {
            let value = self.member(entity, name).and_then(Json::as_str);
            value.ok_or_else(|| format!("`{entity}.{name}` must be a string"))
        };
        self.check_forms()?;
        let subject = (text("subject", "type")?, text("subject", "id")?);
        let resource = (text("resource", "type")?, text("resource", "id")?);
        let name = text("action", "name")?;
        let mapping = config.action(name);
        let mut out = Writer::with_capacity(1024);
        out.object(|out| {
            for (entity, (kind, id)) in [("subject", subject), ("resource", resource)] {
                out.name(entity).object(|out| {
                    out.name("type").string(kind);
                    out.name("id").string(id);
                });
            }
            out.name("action");
            match mapping {
                Some(mapping) => self.mapped(mapping, out),
                None => self.unmapped(name, out),
            }
            out.name("context").object(|out| self.purpose(mapping, out));
        });
        Ok(Understood {
            evaluation: out.finish(),
            alone: self.is_executed(mapping) && !mapping.is_some_and(|mapping| mapping.batch),
            subject,
            shown: self.shown()?,
        })
    }

    fn entity(self, name: &str) -> Option<Json<'a>> {
        let default = self.defaults.and_then(|defaults| defaults.get(name));
        self.own.get(name).or(default)
    }

    /// A member of an entity. An item's entity replaces the default's as a whole, but for identifiers.
    fn member(self, entity: &str, name: &str) -> Option<Json<'a>> {
        let own = self.entity(entity)?.get(name);
        let default = || self.defaults?.get(entity)?.get(name);
        own.or_else(|| default().filter(|_| IDENTIFIERS.contains(&name)))
    }

    fn check_forms(self) -> Result<(), String> {
        let object = |value: Json<'_>| value.kind() == Kind::Object;
        for entity in ENTITIES {
            match self.entity(entity) {
                None if entity == "context" => {}
                None => return Err(format!("`{entity}` is missing")),
                Some(value) if !object(value) => {
                    return Err(format!("`{entity}` must be an object"));
                }
                Some(value) => {
                    if !value.get("properties").is_none_or(object) {
                        return Err(format!("`{entity}.properties` must be an object"));
                    }
                }
            }
        }
        Ok(())
    }

    /// An argument that is not there is left out: the policy says whether it may be.
    fn mapped(self, mapping: &Mapping, out: &mut Writer) {
        out.object(|out| {
            out.name("name").string(&mapping.action);
            out.name("properties").object(|out| {
                out.name("power").string(mapping.power.name());
                out.name("args").object(|out| {
                    for (name, pointer) in &mapping.args {
                        let mut path = pointer.path.iter();
                        let first = path
                            .next()
                            .and_then(|part| self.member(pointer.entity, part));
                        let found = path.fold(first, |value, part| value?.get(part));
                        if let Some(value) = found {
                            out.name(name).json(value);
                        }
                    }
                });
            });
        });
    }

    fn unmapped(self, name: &str, out: &mut Writer) {
        out.object(|out| {
            out.name("name").string(name);
            if let Some(properties) = self.member("action", "properties") {
                out.name("properties").json(properties);
            }
        });
    }

    fn purpose(self, mapping: Option<&Mapping>, out: &mut Writer) {
        let fixed = mapping.and_then(|mapping| mapping.purpose.as_deref());
        match (fixed, self.member("context", "purpose")) {
            (Some(purpose), _) => {
                out.name("purpose").string(purpose);
            }
            (None, Some(purpose)) => {
                out.name("purpose").json(purpose);
            }
            (None, None) => {}
        }
    }

    fn is_executed(self, mapping: Option<&Mapping>) -> bool {
        match mapping {
            Some(mapping) => mapping.power == Power::Execute,
            None => {
                let properties = self.member("action", "properties");
                let power = properties.and_then(|properties| properties.get("power")?.as_str());
                power == Some(Power::Execute.name())
            }
        }
    }

    fn shown(self) -> Result<Shown<'a>, String> {
        let text = |name| match self.member("context", name) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .map(Some)
                .ok_or_else(|| format!("`context.{name}` must be a string")),
        };
        let http = match (text("method")?, text("url")?) {
            (Some(method), Some(url)) => Some((method, url)),
            (None, None) => None,
            _ => return Err("`context.method` and `context.url` go together".to_owned()),
        };
        let approvals = self.member("context", "approvals");
        let approvals = approvals.map_or(Ok(Vec::new()), receipts)?;
        // Of the item itself: what stands for all of a batch says nothing of one of them.
        let content = self.own.get("context").and_then(|it| it.get("content"));
        if content.is_some_and(|content| content.kind() != Kind::Object) {
            return Err("`context.content` must be an object".to_owned());
        }
        let content = content.map(|content| {
            let mut out = Writer::default();
            out.json(content);
            out.finish()
        });
        Ok(Shown {
            content,
            token: text("token")?,
            proof: text("proof")?,
            approvals,
            http,
        })
    }
}
