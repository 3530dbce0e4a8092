//! Cases read from data files.
//!
//! A template, a group and a case are layers of the same form: each says what it changes of what
//! lies below it. `tests/README.md` describes the members.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::chain::{BlockSpec, Chain};
use crate::data::{expand, fill, merge};
use crate::expect::Expect;
use crate::statement::{Asked, s256};

/// One request and what is expected of its answer.
#[derive(Clone, Debug)]
pub struct Case {
    /// File, group and name, for people.
    pub name: String,
    /// The policy that it is asked of.
    pub policy: PolicySpec,
    /// What is expected.
    pub expect: Expect,
    layers: Layers,
}

/// A project and what is added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySpec {
    /// The folder's name in `tests/projects`.
    pub project: String,
    /// Issuer keys: members of `[[keys]]`, with `key` naming the fixed key instead of `x`.
    pub keys: Vec<Value>,
    /// A merge patch over the compiled bundle's document: what the compiler itself would refuse.
    pub bundle: Option<Value>,
}

impl PolicySpec {
    /// The same for the same policy, different for different ones.
    #[must_use]
    pub fn id(&self) -> String {
        json!([self.project, self.keys, self.bundle]).to_string()
    }
}

/// Everything that the layers have said so far.
#[derive(Clone, Debug, Default)]
struct Layers {
    policy: PolicySpec,
    token: Value,
    root: BlockSpec,
    derived: Vec<BlockSpec>,
    chain: Option<String>,
    request: Value,
    edit: Vec<(String, String)>,
    raw: Option<Value>,
    proof: Option<BlockSpec>,
    receipts: Vec<BlockSpec>,
    /// Each with its countersignature.
    enrolments: Vec<(BlockSpec, Option<BlockSpec>)>,
    epochs: Vec<BlockSpec>,
    call_args: Option<Value>,
    shown: Option<String>,
}

impl Case {
    /// The bytes of the request, for a policy with this digest (base64url).
    ///
    /// # Errors
    ///
    /// What in the data file is not understood.
    pub fn request(&self, bundle_s256: &str) -> Result<Vec<u8>, String> {
        let layers = &self.layers;
        let names = [("bundle_s256", bundle_s256)];
        let chain = Chain::build(&layers.token, &layers.root, &layers.derived, &names)?;
        let (root, holder) = (chain.root(), chain.holder().to_owned());
        let chain = chain.text(layers.chain.as_deref());
        let token = [("token", chain.as_str()), ("bundle_s256", bundle_s256)];
        let mut request = expand(&layers.request, &token)?;
        let statements = layers.statements(&Asked {
            root: &root,
            chain: &chain,
            holder: &holder,
            request: &request,
            call_args: layers.call_args.as_ref(),
        })?;
        merge(&mut request, &statements);
        let mut request = request.to_string();
        for (from, to) in &layers.edit {
            if !request.contains(from.as_str()) {
                return Err(format!("the request does not contain `{from}`"));
            }
            request = request.replacen(from.as_str(), &fill(to, &token), 1);
        }
        match &layers.raw {
            None => Ok(request.into_bytes()),
            Some(raw) => raw_bytes(&expand(raw, &token)?, &request),
        }
    }

    /// The capabilities of the root, in the form that `describe` takes.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub fn capabilities(&self) -> Result<Vec<u8>, String> {
        let entries = self
            .layers
            .token
            .get("authorization_details")
            .unwrap_or(&Value::Null);
        let request = json!({"authorization_details": expand(entries, &[])?});
        Ok(request.to_string().into_bytes())
    }
}

/// A text, or `{"hex": "…"}` for what is none; `{request}` stands for the request it replaces.
fn raw_bytes(raw: &Value, request: &str) -> Result<Vec<u8>, String> {
    if let Some(text) = raw.as_str() {
        return Ok(fill(text, &[("request", request)]).into_bytes());
    }
    let hex = raw
        .get("hex")
        .and_then(Value::as_str)
        .ok_or("`raw` wants a text or {\"hex\": …}")?;
    let byte = |pair: &[u8]| {
        std::str::from_utf8(pair)
            .ok()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    let bytes = hex
        .as_bytes()
        .chunks(2)
        .map(byte)
        .collect::<Option<Vec<u8>>>();
    bytes.ok_or_else(|| format!("`{hex}` is not hexadecimal"))
}

/// Reads every `*.json` in `folder`, in the order of the names. Templates are in `templates/`.
///
/// # Errors
///
/// The file and what in it is not understood.
pub fn read_all(folder: &Path) -> Result<Vec<Case>, String> {
    let list = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = list.filter_map(|file| Some(file.ok()?.path())).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "json")
    });
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let named = |error| format!("{}: {error}", file.display());
        cases.extend(read_file(&file, &folder.join("templates")).map_err(named)?);
    }
    Ok(cases)
}

fn read_file(file: &Path, templates: &Path) -> Result<Vec<Case>, String> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    read_groups(read_json(file)?, &stem, templates)
}

/// Reads one group of cases, or a list of groups. `stem` begins their names.
///
/// # Errors
///
/// The group or case and what in it is not understood.
pub fn read_groups(groups: Value, stem: &str, templates: &Path) -> Result<Vec<Case>, String> {
    let groups = match groups {
        Value::Array(groups) => groups,
        group => vec![group],
    };
    let mut cases = Vec::new();
    for group in &groups {
        let about = text(group, "about").ok_or("a group lacks `about`")?;
        let named = |error| format!("{about}: {error}");
        let mut layers = Layers::default();
        let template = text(group, "template")
            .ok_or("`template` is missing")
            .map_err(|error| named(error.into()))?;
        layers.apply_template(templates, template).map_err(named)?;
        layers
            .apply(group, &["about", "template", "cases"])
            .map_err(named)?;
        let list = group
            .get("cases")
            .and_then(Value::as_array)
            .filter(|list| !list.is_empty())
            .ok_or_else(|| named("`cases` holds no case".into()))?;
        for case in list {
            let name = text(case, "name").ok_or_else(|| named("a case lacks `name`".into()))?;
            let name = format!("{stem}: {about}: {name}");
            cases.push(
                read_case(case, layers.clone(), &name)
                    .map_err(|error| format!("{name}: {error}"))?,
            );
        }
    }
    Ok(cases)
}

fn read_case(case: &Value, mut layers: Layers, name: &str) -> Result<Case, String> {
    layers.apply(case, &["name", "expect"])?;
    Ok(Case {
        name: name.to_owned(),
        policy: layers.policy.clone(),
        expect: Expect::read(case.get("expect").ok_or("`expect` is missing")?)?,
        layers,
    })
}

impl Layers {
    fn apply_template(&mut self, folder: &Path, name: &str) -> Result<(), String> {
        let template = read_json(&folder.join(format!("{name}.json")))?;
        if let Some(base) = text(&template, "base") {
            self.apply_template(folder, base)?;
        }
        self.apply(&template, &["about", "base"])
    }

    fn apply(&mut self, layer: &Value, others: &[&str]) -> Result<(), String> {
        for (name, value) in layer.as_object().ok_or("wanted an object")? {
            match name.as_str() {
                "project" => {
                    self.policy.project =
                        value.as_str().ok_or("`project` wants a name")?.to_owned();
                }
                "keys" => self.policy.keys = value.as_array().ok_or("`keys` wants a list")?.clone(),
                "bundle" => self.policy.bundle = Some(value.clone()),
                "token" => merge(&mut self.token, value),
                "capability" => merge(first_capability(&mut self.token)?, value),
                "root" => self.root = block(value)?,
                "derived" => self.derived = blocks(value)?,
                "chain" => {
                    self.chain = Some(value.as_str().ok_or("`chain` wants a text")?.to_owned());
                }
                "proof" => self.proof = Some(block(value)?),
                "receipts" => self.receipts = blocks(value)?,
                "enrolments" => self.enrolments = enrolments(value)?,
                "epochs" => self.epochs = blocks(value)?,
                "call_args" => self.call_args = Some(expand(value, &[])?),
                "shown" => {
                    self.shown = Some(value.as_str().ok_or("`shown` wants a text")?.to_owned());
                }
                "ask" => self.ask(value)?,
                "facts" => merge(&mut self.request, &json!({"facts": value})),
                "request" => merge(&mut self.request, value),
                "edit" => self.edit = edits(value)?,
                "raw" => self.raw = Some(value.clone()),
                _ if others.contains(&name.as_str()) => {}
                _ => return Err(format!("unknown member `{name}`")),
            }
        }
        Ok(())
    }

    /// The signed members that go with a request.
    fn statements(&self, asked: &Asked<'_>) -> Result<Value, String> {
        let mut members = json!({});
        if let Some(proof) = &self.proof {
            members["proof"] = asked.proof(proof)?.into();
        }
        if !self.receipts.is_empty() {
            let call = asked.binding();
            let details = asked.details();
            let shown = fill(
                self.shown.as_deref().unwrap_or_default(),
                &[("call", &call), ("details", &details)],
            );
            let shown = s256(shown.as_bytes());
            let receipts = self.receipts.iter().map(|one| asked.receipt(one, &shown));
            members["approvals"] = receipts.collect::<Result<Vec<_>, _>>()?.into();
        }
        if !self.enrolments.is_empty() {
            let enrolments = self.enrolments.iter();
            let enrolments =
                enrolments.map(|(one, consent)| asked.enrolment(one, consent.as_ref()));
            members["enrolments"] = enrolments.collect::<Result<Vec<_>, _>>()?.into();
        }
        if !self.epochs.is_empty() {
            let lists = self.epochs.iter().map(|list| asked.epochs(list));
            members["statements"] = lists.collect::<Result<Vec<_>, _>>()?.into();
        }
        Ok(members)
    }

    /// The usual parts of an evaluation by short names. `args` replaces all arguments.
    fn ask(&mut self, ask: &Value) -> Result<(), String> {
        for (name, value) in ask.as_object().ok_or("`ask` wants an object")? {
            let patch = match name.as_str() {
                "action" => json!({"action": {"name": value}}),
                "power" => json!({"action": {"properties": {"power": value}}}),
                "args" => {
                    let remove = json!({"evaluation": {"action": {"properties": {"args": null}}}});
                    merge(&mut self.request, &remove);
                    let properties = &mut self.request["evaluation"]["action"]["properties"];
                    properties["args"] = value.clone();
                    continue;
                }
                "resource" => json!({"resource": value}),
                "purpose" => json!({"context": {"purpose": value}}),
                _ => return Err(format!("`ask` does not know `{name}`")),
            };
            merge(&mut self.request, &json!({"evaluation": patch}));
        }
        Ok(())
    }
}

fn first_capability(token: &mut Value) -> Result<&mut Value, String> {
    token
        .get_mut("authorization_details")
        .and_then(|entries| entries.get_mut(0))
        .ok_or_else(|| "the token has no capability to change".to_owned())
}

fn block(value: &Value) -> Result<BlockSpec, String> {
    let mut block = BlockSpec::default();
    for (name, value) in value.as_object().ok_or("a block wants an object")? {
        let word = || value.as_str().map(str::to_owned);
        match name.as_str() {
            "claims" => block.claims = Some(value.clone()),
            "header" => block.header = Some(value.clone()),
            "signer" => block.signer = word(),
            "holder" => block.holder = word(),
            "edit" => block.edit = edits(value)?,
            "webauthn" => block.webauthn = Some(value.clone()),
            _ => return Err(format!("a block does not know `{name}`")),
        }
    }
    Ok(block)
}

fn blocks(value: &Value) -> Result<Vec<BlockSpec>, String> {
    let blocks = value.as_array().ok_or("wanted a list of blocks")?;
    blocks.iter().map(block).collect()
}

/// Blocks with a further member `consent`, a block.
fn enrolments(value: &Value) -> Result<Vec<(BlockSpec, Option<BlockSpec>)>, String> {
    let list = value.as_array().ok_or("wanted a list of enrolments")?;
    let read = |one: &Value| {
        let mut one = one.clone();
        let members = one.as_object_mut().ok_or("an enrolment wants an object")?;
        let consent = members.remove("consent");
        Ok((block(&one)?, consent.as_ref().map(block).transpose()?))
    };
    list.iter().map(read).collect()
}

fn edits(value: &Value) -> Result<Vec<(String, String)>, String> {
    let wrong = || "`edit` wants a list of [from, to]".to_owned();
    let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
        Some([Value::String(from), Value::String(to)]) => Ok((from.clone(), to.clone())),
        _ => Err(wrong()),
    };
    value
        .as_array()
        .ok_or_else(wrong)?
        .iter()
        .map(pair)
        .collect()
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

fn read_json(file: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}
