//! What the gateway asks a server by itself: for its tools, and for whatever else it must know.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use ambit_core::json::{Json, Kind, Writer};

use super::check::Caller;
use super::message;
use super::session::{INTERNAL, Session, State, lock};
use super::tools::{PAGES, Tools};

/// How long the server may take to list its tools.
const LISTING: Duration = Duration::from_secs(30);
/// How often it may say meanwhile that they are others.
const LISTINGS: usize = 4;

impl Session {
    /// The tools that the token could ever allow, as the server describes them now.
    pub(super) fn list(&self, id: &str, params: Json<'_>, caller: Caller<'_>) -> String {
        let listed = self.learn(params).and_then(|()| {
            let token = self.token(caller)?;
            let loaded = self.gateway.point.policy.current();
            self.gateway
                .vocabulary
                .offers(loaded.policy.bundle(), &token)
        });
        let offers = match listed {
            Ok(offers) => offers,
            Err(why) => {
                self.say(&format!("the tools cannot be listed: {why}"));
                return message::error(
                    id,
                    INTERNAL,
                    "the gateway cannot list the tools; its own output says why",
                );
            }
        };
        let state = lock(&self.state);
        let config = &self.gateway.config;
        let written = self.gateway.point.policy.with_bundle(|bundle| {
            Ok(message::result(id, |out| {
                if let Some(tools) = &state.tools {
                    let mut hidden = |why: &str| self.say(&format!("hidden: {why}"));
                    tools.write(config, bundle, &offers, &mut hidden, out);
                }
            }))
        });
        written.unwrap_or_else(|_| message::error(id, INTERNAL, "the policy cannot be read"))
    }

    /// Asks the server for its tools, anew where they became others while it told them.
    pub(super) fn learn(&self, params: Json<'_>) -> Result<(), String> {
        for _ in 0..LISTINGS {
            let before = lock(&self.state).changes;
            let tools = self.listed(params)?;
            let mut state = lock(&self.state);
            if state.changes == before {
                state.tools = Some(tools);
                state.told = Some(Instant::now());
                return Ok(());
            }
        }
        Err("the server's tools change while it lists them".to_owned())
    }

    /// All pages.
    fn listed(&self, params: Json<'_>) -> Result<Tools, String> {
        let mut tools = Tools::default();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let answer = self.ask(params.get("_meta"), cursor.as_deref())?;
            let document = message::parse(&answer)?;
            let result = document.root().get("result");
            let result = result.ok_or("the server answers `tools/list` with an error")?;
            if message::wants_more(result) {
                return Err("the server asks for input by way of its tools".to_owned());
            }
            cursor = tools.page(result, &*self.gateway.vocabulary)?;
            if cursor.is_none() {
                return Ok(tools);
            }
        }
        Err(format!(
            "the server's list of tools has more than {PAGES} pages"
        ))
    }

    /// One page, by a request of the gateway's own.
    fn ask(&self, meta: Option<Json<'_>>, cursor: Option<&str>) -> Result<Vec<u8>, String> {
        self.ask_server("tools/list", LISTING, |out| {
            if let Some(meta) = meta.filter(|meta| meta.kind() == Kind::Object) {
                out.name("_meta");
                // A progress token is that of another request.
                self.meta(meta, &["progressToken"], out);
            }
            if let Some(cursor) = cursor {
                out.name("cursor").string(cursor);
            }
        })
    }

    /// A request of the gateway's own, and the server's answer. From the client's thread only: the server's hears it.
    pub(super) fn ask_server(
        &self,
        method: &str,
        patience: Duration,
        params: impl FnOnce(&mut Writer),
    ) -> Result<Vec<u8>, String> {
        let mut state = lock(&self.state);
        state.count += 1;
        let id = format!("{}-{}", self.own, state.count);
        let mut out = Writer::default();
        out.object(|out| {
            out.name("jsonrpc").string("2.0");
            out.name("id").string(&id);
            out.name("method").string(method);
            out.name("params").object(params);
        });
        state.asked = Some((id, None));
        drop(state);
        self.send(&self.server, out.finish().as_bytes());
        let waits = |state: &mut State| {
            let is_answered = state
                .asked
                .as_ref()
                .is_some_and(|(_, answer)| answer.is_some());
            !is_answered && !state.gone
        };
        let (mut state, _) = self
            .heard
            .wait_timeout_while(lock(&self.state), patience, waits)
            .unwrap_or_else(PoisonError::into_inner);
        let answer = state.asked.take().and_then(|(_, answer)| answer);
        answer.ok_or_else(|| format!("the server does not answer `{method}`"))
    }
}
