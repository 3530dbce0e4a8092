//! What the gateway is told about the server behind it: a small file, checked when it is loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ambit_core::Power;
use ambit_core::json::{Json, Writer};
use ambit_policy::{Action, Bundle};
use serde::Deserialize;

use super::client::PASSES;
use super::content::ContentRow;
use super::http::Site;
use super::inputs;
use super::message;
use super::modern;
use crate::fault::Fault;
use crate::files;
use crate::point::Place;
use crate::policy::Policy;

/// Actions by which a token is looked at before a call.
const PROBES: usize = 64;

/// The file, checked as far as it can be without a policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub(super) server: String,
    audience: String,
    location: Option<String>,
    tenant: Option<String>,
    /// The token that the gateway holds; `None` where agents show their own.
    pub(super) token: Option<PathBuf>,
    /// The address of the page on which people are asked, with `{}` for the digest of the call.
    #[serde(rename = "approval_page")]
    pub(super) page: Option<String>,
    /// Who makes tokens for it, where agents show their own.
    #[serde(default)]
    pub(super) authorization_servers: Vec<String>,
    purpose: String,
    resource: Resource,
    #[serde(default)]
    tools: Vec<ToolRow>,
    #[serde(default)]
    methods: Vec<MethodRow>,
    /// How what arguments refer to is read.
    #[serde(default)]
    pub(super) contents: Vec<ContentRow>,
}

/// Whose token calls are decided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The gateway holds it.
    Gateway,
    /// Each agent shows its own, over HTTP.
    Agent,
}

/// What calls are about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resource {
    pub(super) r#type: String,
    pub(super) id: String,
}

/// A tool, or some of its calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolRow {
    tool: String,
    /// Arguments that a call must have with exactly these values.
    #[serde(default)]
    when: BTreeMap<String, toml::Value>,
    action: String,
    power: String,
    purpose: Option<String>,
    resource: Option<Resource>,
}

/// A request other than `tools/call`, of either side.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodRow {
    method: String,
    action: String,
    power: String,
    purpose: Option<String>,
    resource: Option<Resource>,
    /// Arguments of the action, and which parameter each is.
    #[serde(default)]
    args: BTreeMap<String, String>,
}

/// What a call is in the policy's terms.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) action: String,
    pub(super) power: Power,
    pub(super) purpose: String,
    pub(super) resource: Resource,
}

impl Config {
    /// Reads it and checks it against the policy. Paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// [`Fault`], which names the first thing that is wrong.
    pub fn read(path: &Path, policy: &Policy, holder: Holder) -> Result<Self, Fault> {
        let text = files::text(path)?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()).at(path))?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        config.token = config.token.map(|token| folder.join(token));
        config
            .check_holder(holder)
            .map_err(|fault| fault.at(path))?;
        if let Some(token) = &config.token {
            files::text(token)?;
        }
        if config.page.as_deref().is_some_and(|page| !is_page(page)) {
            let why = "`approval_page` must be an address with one `{}` for the digest of the call: `https://approve.example/calls/{}`";
            return Err(wrong(why).at(path));
        }
        config.check(policy).map_err(|fault| fault.at(path))?;
        Ok(config)
    }

    /// What the gateway stands in front of.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            audience: self.audience.clone(),
            location: self.location.clone(),
            tenant: self.tenant.clone(),
        }
    }

    fn check_holder(&self, holder: Holder) -> Result<(), Fault> {
        match (holder, &self.token) {
            (Holder::Gateway, None) => {
                return Err(wrong("`token` is lacking: the gateway holds it"));
            }
            (Holder::Gateway, Some(_)) if !self.authorization_servers.is_empty() => {
                let why = "`authorization_servers` is for agents that show tokens of their own";
                return Err(wrong(why));
            }
            (Holder::Gateway, Some(_)) => return Ok(()),
            (Holder::Agent, Some(_)) => {
                let why = "`token` has no place with --listen: each agent shows its own";
                return Err(wrong(why));
            }
            (Holder::Agent, None) => {}
        }
        Site::of(&self.audience)?;
        let is_url = |url: &&String| {
            let rest = url.strip_prefix("https://");
            let rest = rest.or_else(|| url.strip_prefix("http://"));
            rest.is_none_or(|rest| rest.is_empty() || !rest.bytes().all(|c| c.is_ascii_graphic()))
        };
        if self.authorization_servers.is_empty() {
            let why = "`authorization_servers` is lacking: agents are told there who makes tokens";
            return Err(wrong(why));
        }
        if let Some(url) = self.authorization_servers.iter().find(is_url) {
            return Err(wrong(format!(
                "`{url}` of `authorization_servers` is no address"
            )));
        }
        // Of what a server asks, no agent shows a token.
        let asks = ["sampling/", "elicitation/", "roots/"];
        let of_server = |row: &&MethodRow| asks.iter().any(|kind| row.method.starts_with(kind));
        match self.methods.iter().find(of_server) {
            Some(row) => Err(wrong(format!(
                "`{}` cannot be mapped with --listen: a server asks for it, and shows no token",
                row.method
            ))),
            None => Ok(()),
        }
    }

    /// Where agents reach it.
    pub(super) fn site(&self) -> Result<Site, Fault> {
        Site::of(&self.audience)
    }

    /// Whether a request is decided, and not only passed or refused.
    pub(super) fn decides(&self, method: &str) -> bool {
        method == "tools/call" || self.maps(method)
    }

    /// What the policy knows of this server, by which a token can be looked at before a call.
    pub(super) fn known(&self, bundle: &Bundle<'_>) -> Vec<Target> {
        let place = format!("{}/", written(&self.server));
        let of_server = |(_, action): &(&str, Action<'_>)| {
            let mut tools = action.tools();
            tools.any(|(name, _)| name.starts_with(&place))
        };
        let actions = bundle.actions().filter(of_server);
        let tools = actions.filter_map(|(name, action)| {
            let mut powers = action.powers().iter();
            let power = powers.find(|power| *power != Power::Propose)?;
            let row = self.tools.iter().find(|row| row.action == name);
            let resource = row.and_then(|row| row.resource.clone());
            self.target(name, power.name(), &None, &resource).ok()
        });
        let methods = self.methods.iter();
        let methods = methods.filter_map(|row| {
            self.target(&row.action, &row.power, &row.purpose, &row.resource)
                .ok()
        });
        tools.chain(methods).take(PROBES).collect()
    }

    /// Whether the policy knows what the file speaks of.
    pub(super) fn check(&self, policy: &Policy) -> Result<(), Fault> {
        policy.with_bundle(|bundle| {
            let rows = self
                .tools
                .iter()
                .map(|row| (&row.tool, &row.action, &row.power, &row.resource));
            let methods = self
                .methods
                .iter()
                .map(|row| (&row.method, &row.action, &row.power, &row.resource));
            for (name, action, power, resource) in rows.chain(methods) {
                known(bundle, action, power).map_err(|what| wrong(format!("`{name}`: {what}")))?;
                let resource = resource.as_ref().unwrap_or(&self.resource);
                if bundle.resource_type(&resource.r#type).is_none() {
                    let kind = &resource.r#type;
                    return Err(wrong(format!(
                        "the policy has no kind of resource `{kind}`"
                    )));
                }
            }
            for row in &self.tools {
                if let Some(name) = row.unmet() {
                    return Err(wrong(format!(
                        "`when.{name}` of `{}` must be a string, an integer, `true` or `false`",
                        row.tool
                    )));
                }
                let is_tool = |action: Action<'_>| self.pins(action, &row.tool).next().is_some();
                if !bundle.action(&row.action).is_some_and(is_tool) {
                    let place = format!("{}/{}", written(&self.server), written(&row.tool));
                    return Err(wrong(format!(
                        "`{}` is not `@mcp(\"{place}\")`",
                        row.action
                    )));
                }
            }
            for row in &self.methods {
                if is_own(&row.method) {
                    return Err(wrong(format!("`{}` cannot be mapped", row.method)));
                }
                let action = bundle.action(&row.action);
                let declared = |name: &String| action.is_some_and(|it| it.argument(name).is_some());
                if let Some(name) = row.args.keys().find(|name| !declared(name)) {
                    return Err(wrong(format!("`{}` has no argument `{name}`", row.action)));
                }
            }
            self.check_contents(bundle).map_err(wrong)
        })
    }

    fn check_contents(&self, bundle: &Bundle<'_>) -> Result<(), String> {
        for (at, row) in self.contents.iter().enumerate() {
            row.check(self, bundle)?;
            let mut before = self.contents.iter().take(at);
            if before.any(|other| other.place() == row.place()) {
                let (action, argument) = row.place();
                return Err(format!(
                    "the content of `{argument}` of `{action}` is read in two ways"
                ));
            }
        }
        Ok(())
    }

    /// Whether some action that only looks is this tool.
    pub(super) fn observes(&self, bundle: &Bundle<'_>, tool: &str) -> bool {
        bundle.actions().any(|(_, action)| {
            action.powers().contains(Power::Observe) && self.pins(action, tool).next().is_some()
        })
    }

    /// The pins of a tool that an action is, as they stand in the vocabulary.
    fn pins<'b>(&self, action: Action<'b>, tool: &str) -> impl Iterator<Item = Option<&'b str>> {
        let place = format!("{}/{}", written(&self.server), written(tool));
        let of_tool = move |(name, pin): (&'b str, Option<&'b str>)| (name == place).then_some(pin);
        action.tools().filter_map(of_tool)
    }

    /// The actions that a tool is, and whether each says of it what it says of itself. A tool that no
    /// action names, or that was described anew, is nobody's.
    pub(super) fn actions<'b>(
        &self,
        bundle: &'b Bundle<'_>,
        tool: &str,
        pin: &str,
    ) -> Result<Vec<(&'b str, Action<'b>)>, String> {
        let (mut named, mut looked) = (false, false);
        let mut actions = Vec::new();
        for (name, action) in bundle.actions() {
            for pinned in self.pins(action, tool) {
                named = true;
                looked |= pinned.is_some();
                if pinned == Some(pin) {
                    actions.push((name, action));
                }
            }
        }
        match (actions.is_empty(), named) {
            (false, _) => Ok(actions),
            (true, true) if !looked => Err(format!(
                "nobody has looked at how the tool `{tool}` is described: its action has no `@mcp_s256`"
            )),
            (true, true) => Err(format!(
                "the tool `{tool}` is described otherwise than when somebody looked at it (`@mcp_s256`)"
            )),
            (true, false) => Err(format!("no action of the policy is the tool `{tool}`")),
        }
    }

    /// What a call of a tool is.
    pub(super) fn tool(
        &self,
        actions: &[(&str, Action<'_>)],
        tool: &str,
        arguments: Json<'_>,
    ) -> Result<Target, String> {
        let unmapped = || format!("nothing says what this call of `{tool}` is in the policy");
        let rows = || self.tools.iter().filter(|row| row.tool == tool);
        if rows().next().is_some() {
            let row = rows()
                .find(|row| row.covers(arguments))
                .ok_or_else(unmapped)?;
            let is_named = actions.iter().any(|(name, _)| *name == row.action);
            return match is_named {
                true => self.target(&row.action, &row.power, &row.purpose, &row.resource),
                false => Err(unmapped()),
            };
        }
        // Without a row: the one action, in the one power in which it does something.
        let [(name, action)] = actions else {
            return Err(unmapped());
        };
        let mut powers = action
            .powers()
            .iter()
            .filter(|power| *power != Power::Propose);
        match (powers.next(), powers.next()) {
            (Some(power), None) => self.target(name, power.name(), &None, &None),
            _ => Err(unmapped()),
        }
    }

    /// What another request is, with its arguments as JSON.
    pub(super) fn method(
        &self,
        method: &str,
        params: Json<'_>,
    ) -> Result<(Target, String), String> {
        let row = self.methods.iter().find(|row| row.method == method);
        let row = row.ok_or_else(|| format!("`{method}` is not let through here"))?;
        // What is not mapped is not judged, and so it does not pass.
        // Input passes where it was asked for, which was looked at before.
        let known = |name: &str| {
            let is_input = inputs::is_input(name) && inputs::may_ask(method);
            name == "_meta" || is_input || row.args.values().any(|known| known == name)
        };
        if let Some((name, _)) = params.members().find(|(name, _)| !known(name)) {
            return Err(format!("`{name}` of `{method}` is not let through here"));
        }
        let mut out = Writer::default();
        out.object(|out| {
            for (name, parameter) in &row.args {
                if let Some(value) = params.get(parameter) {
                    out.name(name).json(value);
                }
            }
        });
        let target = self.target(&row.action, &row.power, &row.purpose, &row.resource)?;
        Ok((target, out.finish()))
    }

    /// Whether this request is mapped.
    pub(super) fn maps(&self, method: &str) -> bool {
        self.methods.iter().any(|row| row.method == method)
    }

    /// Whether something of this kind is let through at all: `resources`, `prompts`, `sampling`.
    pub(super) fn has_methods(&self, kind: &str) -> bool {
        let of_kind = |row: &MethodRow| row.method.split('/').next() == Some(kind);
        self.methods.iter().any(of_kind)
    }

    fn target(
        &self,
        action: &str,
        power: &str,
        purpose: &Option<String>,
        resource: &Option<Resource>,
    ) -> Result<Target, String> {
        Ok(Target {
            action: action.to_owned(),
            power: Power::from_name(power).ok_or("unknown power")?,
            purpose: purpose.clone().unwrap_or_else(|| self.purpose.clone()),
            resource: resource.clone().unwrap_or_else(|| self.resource.clone()),
        })
    }
}

impl ToolRow {
    /// A value with which no call is compared.
    fn unmet(&self) -> Option<&str> {
        let is_met = |value: &toml::Value| value.is_str() || value.is_integer() || value.is_bool();
        let unmet = self.when.iter().find(|(_, value)| !is_met(value));
        unmet.map(|(name, _)| name.as_str())
    }

    fn covers(&self, arguments: Json<'_>) -> bool {
        self.when.iter().all(|(name, wanted)| {
            let wanted = match wanted {
                toml::Value::String(text) => {
                    let mut out = Writer::default();
                    out.string(text);
                    out.finish()
                }
                other => other.to_string(),
            };
            arguments
                .get(name)
                .is_some_and(|value| message::text(value) == wanted)
        })
    }
}

fn is_page(page: &str) -> bool {
    let is_web = page.starts_with("https://") || page.starts_with("http://");
    is_web && page.matches("{}").count() == 1 && page.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What the gateway answers or checks by itself.
fn is_own(method: &str) -> bool {
    ["initialize", modern::DISCOVER, modern::LISTEN].contains(&method)
        || PASSES.contains(&method)
        || method.starts_with("tools/")
        || method.starts_with("notifications/")
}

/// As names stand in `@mcp`, which is a list.
fn written(name: &str) -> String {
    let name = name.replace('%', "%25");
    name.replace(' ', "%20").replace(',', "%2C")
}

fn known(bundle: &Bundle<'_>, action: &str, power: &str) -> Result<(), String> {
    let declared = bundle
        .action(action)
        .ok_or_else(|| format!("the policy has no action `{action}`"))?;
    if power == Power::Propose.name() {
        return Err(
            "a call is proposed by itself where a person must agree: write `execute`".to_owned(),
        );
    }
    let has = Power::from_name(power).is_some_and(|power| declared.powers().contains(power));
    has.then_some(())
        .ok_or_else(|| format!("`{action}` has no power `{power}`"))
}

pub(super) fn wrong(message: impl Into<String>) -> Fault {
    Fault::new("mcp.config", message)
}
