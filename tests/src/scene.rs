//! Scenes: short stories told by a signed module. `cargo xtask demo` shows them, a test plays them.
//!
//! A scene is the file `scene.json` in a project; `tests/README.md` describes its members.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ambit_compiler::keys::{SecretKey, generate};
use ambit_compiler::mint::{self, AttenuateOptions, RootOptions};
use ambit_core::capability::Place;
use ambit_core::describe::{PlainVocabulary, entry_at};
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_host::{
    Evaluator as _, Instances, LoadOptions, MemoryVersions, PolicyModule, Runtime, Trust,
    WasmEngine,
};
use ambit_policy::Bundle;
use ambit_token::base64url;
use serde_json::{Value, json};

use crate::data::merge;
use crate::expect::Expect;
use crate::{consent, project, suites};

/// A scene as its file tells it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The project's name.
    pub project: String,
    /// What it is about, in one line.
    pub title: String,
    /// What it is about, in a few.
    pub story: String,
    order: i64,
    now: i64,
    issuer: String,
    audience: String,
    steps: Vec<Value>,
}

/// What happens in a scene, in words.
#[derive(Clone, Debug)]
pub enum Event {
    /// The module is loaded.
    Policy {
        /// What it is and how it got here.
        facts: Vec<String>,
    },
    /// What an agent may ever be granted.
    Manifest {
        /// The agent class.
        agent: String,
        /// What holds for all of it.
        facts: Vec<String>,
        /// Its capabilities.
        lines: Vec<String>,
    },
    /// A token was minted or narrowed.
    Token {
        /// Why.
        say: String,
        /// What it is and who holds it.
        facts: Vec<String>,
        /// What its newest block says.
        lines: Vec<String>,
    },
    /// A request and its answer.
    Answer {
        /// Why.
        say: String,
        /// Whose token.
        holder: String,
        /// What is asked, and with which details.
        asked: Vec<String>,
        /// The answer.
        answer: Value,
        /// What would help.
        advice: Value,
        /// How it differs from what the scene expects.
        fault: Option<String>,
    },
}

/// The scenes of all projects, in their order.
///
/// # Errors
///
/// The file, and what in it is not understood.
pub fn read_all() -> Result<Vec<Scene>, String> {
    let mut scenes = Vec::new();
    for folder in ["projects", "policies"].map(|folder| suites().join(folder)) {
        let list =
            fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in list.filter_map(Result::ok) {
            let file = entry.path().join("scene.json");
            if file.is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let scene = Scene::read(&file, name);
                scenes.push(scene.map_err(|error| format!("{}: {error}", file.display()))?);
            }
        }
    }
    scenes.sort_by_key(|scene| scene.order);
    Ok(scenes)
}

impl Scene {
    fn read(file: &Path, project: String) -> Result<Self, String> {
        let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
        let value: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok(Self {
            project,
            title: text_of(&value, "title")?,
            story: text_of(&value, "story")?,
            order: value["order"].as_i64().unwrap_or(i64::MAX),
            now: value["now"]
                .as_i64()
                .ok_or("`now` wants seconds since 1970")?,
            issuer: text_of(&value, "issuer")?,
            audience: text_of(&value, "audience")?,
            steps: value["steps"]
                .as_array()
                .ok_or("`steps` wants a list")?
                .clone(),
        })
    }

    /// Plays the scene on a module made with `guest` and fresh keys, in wasmtime, and shows what
    /// happens. Gives the number of answers that were as expected and of those that were not.
    ///
    /// # Errors
    ///
    /// What could not be built, minted or understood.
    pub fn play(
        &self,
        guest: &[u8],
        show: &mut dyn FnMut(Event),
    ) -> Result<(usize, usize), String> {
        let mut stage = Stage::set(self, guest, show)?;
        let (mut passed, mut failed) = (0, 0);
        for step in &self.steps {
            let event = stage
                .play(step)
                .map_err(|error| format!("{}: {}: {error}", self.project, step["say"]))?;
            match &event {
                Event::Answer { fault: None, .. } => passed += 1,
                Event::Answer { .. } => failed += 1,
                _ => {}
            }
            show(event);
        }
        Ok((passed, failed))
    }
}

/// Everything that the steps of a scene act upon.
struct Stage<'s> {
    scene: &'s Scene,
    bundle: Vec<u8>,
    engine: WasmEngine,
    issuer: SecretKey,
    /// Signs what people agree to.
    approver: SecretKey,
    holders: BTreeMap<String, SecretKey>,
    /// Chains by name, each with its holder.
    tokens: BTreeMap<String, (String, String)>,
}

impl<'s> Stage<'s> {
    /// Compiles, signs, verifies and loads, then says who may ever do what.
    fn set(scene: &'s Scene, guest: &[u8], show: &mut dyn FnMut(Event)) -> Result<Self, String> {
        let issuer = fresh("broker-1")?;
        let table = json!({
            "iss": scene.issuer, "kid": issuer.kid(), "alg": "Ed25519", "signs": "cap+jwt", "x": issuer.x(),
        });
        let approver = fresh("approve-1")?;
        let asks = json!({
            "iss": consent::ISS, "kid": approver.kid(), "alg": "Ed25519",
            "signs": "approval-receipt+jwt", "x": approver.x(),
        });
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let bundle = project::compile(&scene.project, &[table, asks], folder.path())?;
        let signer = fresh("policy-team")?;
        let file = project::signed_module(guest, &bundle, &signer)?;
        let trust =
            Trust::parse(project::trust(&signer).as_bytes()).map_err(|error| error.to_string())?;
        let seen = MemoryVersions::new();
        let options = LoadOptions {
            uid: None,
            now: scene.now,
            seen: &seen,
        };
        let module =
            PolicyModule::load(&file, None, &trust, &options).map_err(|error| error.to_string())?;
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let engine = WasmEngine::new(&runtime, &module, Instances::Fresh)
            .map_err(|error| error.to_string())?;
        let stage = Self {
            scene,
            bundle,
            engine,
            issuer,
            approver,
            holders: BTreeMap::new(),
            tokens: BTreeMap::new(),
        };
        show(Event::Policy {
            facts: stage.policy(&module, file.len())?,
        });
        for manifest in stage.manifests()? {
            show(manifest);
        }
        Ok(stage)
    }

    fn bundle(&self) -> Result<Bundle<'_>, String> {
        Bundle::verify(&self.bundle).map_err(|error| error.to_string())
    }

    fn policy(&self, module: &PolicyModule, size: usize) -> Result<Vec<String>, String> {
        let bundle = self.bundle()?;
        let signers = module.signers().join(", ");
        let guard_rails = match bundle.guard_rails() {
            "none" => "none, capabilities decide alone",
            other => other,
        };
        let possession = match bundle.possession() {
            "off" => "off, whoever has the token can use it",
            other => other,
        };
        Ok(vec![
            format!(
                "{} version {}, from {}",
                module.uid(),
                module.version(),
                project::place(&self.scene.project)
            ),
            format!(
                "policy.wasm: {} KiB, signed by {signers}, verified, running in wasmtime",
                size.div_ceil(1024)
            ),
            format!("guard rails: {guard_rails}; proof of possession: {possession}"),
        ])
    }

    fn manifests(&self) -> Result<Vec<Event>, String> {
        let bundle = self.bundle()?;
        let agents = bundle
            .root()
            .get("manifests")
            .into_iter()
            .flat_map(Json::members)
            .map(|(agent, _)| agent);
        let event = |agent: &str| {
            let manifest = bundle.manifest(agent).ok_or("the manifest is not there")?;
            let mut facts = Vec::new();
            for list in ["models", "environments", "versions"] {
                let names: Vec<&str> = manifest
                    .list(list)
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                    .collect();
                if !names.is_empty() {
                    facts.push(format!("{list}: {}", names.join(", ")));
                }
            }
            facts.extend(
                manifest
                    .max_life_seconds()
                    .map(|life| format!("a token lives at most {}", minutes(life))),
            );
            facts.push(match manifest.max_depth() {
                0 => "no token is passed on".to_owned(),
                times => format!("a token is passed on at most {times} times"),
            });
            let mut entries = Writer::default();
            entries.array(|out| {
                for entry in manifest.capabilities() {
                    out.json(entry);
                }
            });
            let lines = self.words(entries.as_str())?;
            Ok(Event::Manifest {
                agent: agent.to_owned(),
                facts,
                lines,
            })
        };
        agents.map(event).collect()
    }

    /// Capabilities in the words of the module itself.
    fn words(&self, entries: &str) -> Result<Vec<String>, String> {
        let answer = self
            .engine
            .describe(format!("{{\"authorization_details\":{entries}}}").as_bytes());
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        let page = answer["page"]
            .as_array()
            .ok_or_else(|| answer.to_string())?;
        let (mut lines, mut group) = (Vec::<String>::new(), "");
        for part in page {
            let text = part["text"].as_str().unwrap_or_default();
            match (part["part"].as_str(), lines.last_mut()) {
                (Some("group"), _) if part["name"] == "cannot" => break,
                (Some("group"), _) => group = text,
                (Some("item"), _) => lines.push(format!("{group}: {text}")),
                (Some("mark" | "line"), Some(line)) => *line += &format!("; {text}"),
                _ => {}
            }
        }
        Ok(lines)
    }

    fn play(&mut self, step: &Value) -> Result<Event, String> {
        if step.get("mint").is_some() {
            self.mint(step)
        } else if step.get("attenuate").is_some() {
            self.attenuate(step)
        } else {
            self.ask(step)
        }
    }

    fn mint(&mut self, step: &Value) -> Result<Event, String> {
        let holder = self.holder(step)?;
        let bundle = self.bundle()?;
        let options = RootOptions {
            now: self.scene.now,
            life: step["life"].as_i64(),
            holder: Some(self.holders[&holder].public()),
            kid: None,
            bind_policy: true,
            receipts: &[],
            granted: None,
        };
        let draft = mint::root(&step["claims"].to_string(), &self.issuer, &bundle, &options);
        let draft = draft.map_err(|error| error.to_string())?;
        if let [first, ..] = draft.exceeds() {
            return Err(first.clone());
        }
        let agreed = draft.missing_consent().is_some();
        let chain = if agreed {
            self.agreed(&draft.claims(), &bundle, &options)
        } else {
            draft.sign().map_err(|error| error.to_string())
        };
        let chain = chain?;
        let subject = text_of(&step["claims"], "sub")?;
        let life = step["life"].as_i64().map(minutes).unwrap_or_default();
        let mut facts = vec![format!(
            "for {subject}, signed by {}, held by the key of `{holder}`, {life}",
            self.scene.issuer
        )];
        if agreed {
            facts.push(format!(
                "{subject} was shown what it allows and agreed, by a receipt for exactly this token"
            ));
        }
        facts.push(size(&chain));
        let lines = self.words(&step["claims"]["authorization_details"].to_string())?;
        self.tokens.insert(text_of(step, "mint")?, (chain, holder));
        Ok(Event::Token {
            say: text_of(step, "say")?,
            facts,
            lines,
        })
    }

    /// The token of a draft to which its subject agrees.
    fn agreed(
        &self,
        claims: &str,
        bundle: &Bundle<'_>,
        options: &RootOptions<'_>,
    ) -> Result<String, String> {
        let read = serde_json::from_str(claims).map_err(|error| error.to_string())?;
        let sign = |input: &[u8]| base64url::encode(&self.approver.sign(input));
        let receipt = consent::receipt(
            bundle,
            &read,
            self.scene.now,
            &json!({}),
            self.approver.kid(),
            sign,
        )?;
        let receipts = [receipt];
        let options = RootOptions {
            holder: None,
            receipts: &receipts,
            ..*options
        };
        mint::root(claims, &self.issuer, bundle, &options)
            .and_then(|draft| draft.sign_once(|_| Ok(())))
            .map_err(|error| error.to_string())
    }

    fn attenuate(&mut self, step: &Value) -> Result<Event, String> {
        let next = self.holder(step)?;
        let (parent, holder) = self.token(step, "attenuate")?.clone();
        let bundle = self.bundle()?;
        let options = AttenuateOptions {
            now: self.scene.now,
            life: step["life"].as_i64(),
            holder: Some(self.holders[&next].public()),
            bundle: Some(&bundle),
        };
        let key = &self.holders[&holder];
        let draft = mint::attenuate(&parent, key, &step["claims"].to_string(), &options);
        let chain = draft
            .and_then(|draft| draft.sign())
            .map_err(|error| error.to_string())?;
        let facts = vec![
            format!(
                "block {} of the chain, signed by `{holder}`, held by the key of `{next}`",
                chain.matches('~').count()
            ),
            size(&chain),
        ];
        let entries = step["claims"]["authorization_details"].to_string();
        let lines = further(&entries)?;
        self.tokens.insert(text_of(step, "as")?, (chain, next));
        Ok(Event::Token {
            say: text_of(step, "say")?,
            facts,
            lines,
        })
    }

    fn ask(&self, step: &Value) -> Result<Event, String> {
        let (chain, holder) = self.token(step, "ask")?;
        let mut request = json!({
            "evaluation": {
                "action": {"name": step["action"], "properties": {"power": step["power"], "args": step["args"]}},
                "resource": step["resource"],
                "context": {"purpose": step["purpose"]},
            },
            "token": chain,
            "facts": {"now": self.scene.now, "audience": self.scene.audience, "location": self.scene.audience},
        });
        let extra = step.get("request");
        if let Some(patch) = extra {
            merge(&mut request, patch);
        }
        let request = request.to_string();
        let answer = self.engine.evaluate(request.as_bytes());
        let expect = Expect::read(&step["expect"])?;
        let advice = self.engine.advise(request.as_bytes());
        let checked = expect
            .check(answer.as_bytes(), request.as_bytes())
            .and_then(|()| expect.check_advice(advice.as_bytes(), answer.as_bytes()));
        let read = |text: &str| serde_json::from_str(text).map_err(|error| error.to_string());
        Ok(Event::Answer {
            say: text_of(step, "say")?,
            holder: holder.clone(),
            asked: self.asked(step, extra)?,
            answer: read(&answer)?,
            advice: read(&advice)?,
            fault: checked.err(),
        })
    }

    /// What is asked, and with which details.
    fn asked(&self, step: &Value, extra: Option<&Value>) -> Result<Vec<String>, String> {
        let action = text_of(step, "action")?;
        let bundle = self.bundle()?;
        let label = bundle
            .action(&action)
            .and_then(ambit_policy::Action::label)
            .unwrap_or(&action);
        let resource = &step["resource"];
        let mut asked = vec![format!(
            "{} \"{label}\" on {} {}, for {}",
            text_of(step, "power")?,
            text_of(resource, "type")?,
            text_of(resource, "id")?,
            text_of(step, "purpose")?
        )];
        let args = step["args"].as_object().ok_or("`args` wants an object")?;
        let args: Vec<String> = args
            .iter()
            .map(|(name, value)| format!("{name}: {}", spaced(value)))
            .collect();
        if !args.is_empty() {
            asked.push(args.join("; "));
        }
        asked.extend(extra.map(|extra| format!("and in the request, besides: {extra}")));
        Ok(asked)
    }

    fn token(&self, step: &Value, member: &str) -> Result<&(String, String), String> {
        let name = text_of(step, member)?;
        self.tokens
            .get(&name)
            .ok_or_else(|| format!("no token is called `{name}` yet"))
    }

    /// The name of the holder, who gets a fresh key when met for the first time.
    fn holder(&mut self, step: &Value) -> Result<String, String> {
        let name = text_of(step, "holder")?;
        if !self.holders.contains_key(&name) {
            self.holders.insert(name.clone(), fresh(&name)?);
        }
        Ok(name)
    }
}

fn fresh(kid: &str) -> Result<SecretKey, String> {
    generate(Some(kid)).map_err(|error| error.to_string())
}

fn text_of(value: &Value, member: &str) -> Result<String, String> {
    let text = value.get(member).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| format!("`{member}` wants a text"))
}

/// JSON of one line, with a space after each comma.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(spaced).collect::<Vec<_>>().join(", ")
        ),
        _ => value.to_string(),
    }
}

fn minutes(seconds: i64) -> String {
    match seconds {
        3600.. if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        60.. if seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

fn size(chain: &str) -> String {
    let start: String = chain.chars().take(40).collect();
    format!("{} bytes: {start}…", chain.len())
}

/// What a further block says. It is no grant, since it may leave out what stands before it, so it is told
/// as it is and not as a consent text.
fn further(entries: &str) -> Result<Vec<String>, String> {
    let entries = Document::parse(entries.as_bytes(), Profile::Request);
    let entries = entries.map_err(|error| error.to_string())?;
    let tell = |entry| entry_at(entry, Place::Derived, &PlainVocabulary);
    Ok(entries.root().elements().map(tell).collect())
}
