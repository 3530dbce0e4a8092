//! Who asks for what, on what, why and where, completed by what the policy knows.

use core::ops::Range;

use ambit_compiler::suggest;
use ambit_core::Power;
use ambit_core::json::Json as Node;

use crate::cases::Context;
use crate::cases::layers::Layers;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The agent class.
    pub agent: String,
    /// The action.
    pub action: String,
    /// How far it is to go.
    pub power: Power,
    /// On what.
    pub resource: Resource,
    /// Why.
    pub purpose: String,
    /// The service that is asked.
    pub audience: String,
    /// Where the resource is.
    pub location: String,
}

/// The thing that a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its type, as tokens name it.
    pub datatype: String,
    /// Its identifier.
    pub id: String,
}

/// The service that is asked where neither a case nor a manifest names one.
const AUDIENCE: &str = "https://service.example";

pub(super) fn read(
    context: &Context<'_, '_>,
    layers: &mut Layers<'_, '_>,
    place: &Range<usize>,
) -> Option<Scope> {
    let agent = agent(context, layers, place);
    let action = action(context, layers);
    let power = action
        .as_deref()
        .and_then(|action| power(context, layers, action));
    let resource = resource(context, layers);
    let both = agent.as_deref().zip(action.as_deref());
    let purpose = both.and_then(|both| purpose(context, layers, both, place));
    let service = both.and_then(|both| service(context, both));
    let audience = layers.text("audience", "https://crm.example");
    let audience = audience.or(service).unwrap_or_else(|| AUDIENCE.to_owned());
    let location = layers.text("location", "https://crm.example");
    Some(Scope {
        agent: agent?,
        action: action?,
        power: power?,
        resource: resource?,
        purpose: purpose?,
        location: location.unwrap_or_else(|| audience.clone()),
        audience,
    })
}

fn agent(
    context: &Context<'_, '_>,
    layers: &mut Layers<'_, '_>,
    place: &Range<usize>,
) -> Option<String> {
    let known = context.names("manifests");
    let file = context.file;
    let Some(value) = layers.get("agent") else {
        if let [only] = known.as_slice() {
            return Some((*only).to_owned());
        }
        if !layers.own.has_misspelt("agent") {
            file.error(
                "project.missing_key",
                place.clone(),
                "the case does not say which agent asks, and there are several manifests",
                format!(
                    "add `agent`, here or under `[defaults]`: {}",
                    suggest::one_of(known)
                ),
            );
        }
        return None;
    };
    let text = file.string(value, "agent", "agent = \"support-bot\"")?;
    if known.contains(&text.text) {
        return Some(text.text.to_owned());
    }
    file.error(
        "project.unknown_agent",
        text.span,
        format!("there is no manifest for the agent `{}`", text.text),
        suggest::help(text.text, known),
    );
    None
}

fn action(context: &Context<'_, '_>, layers: &mut Layers<'_, '_>) -> Option<String> {
    let value = layers.require("action", "action = \"refund\"")?;
    let text = context
        .file
        .string(value, "action", "action = \"refund\"")?;
    if context.bundle.action(text.text).is_some() {
        return Some(text.text.to_owned());
    }
    context.file.error(
        "project.unknown_action",
        text.span,
        format!("the schema declares no action `{}`", text.text),
        suggest::help(text.text, context.names("actions")),
    );
    None
}

/// `execute`, if the action can go so far; else the highest that it has.
fn power(context: &Context<'_, '_>, layers: &mut Layers<'_, '_>, action: &str) -> Option<Power> {
    let powers = context.bundle.action(action)?.powers();
    let Some(value) = layers.get("power") else {
        return powers.iter().last();
    };
    let names: Vec<&'static str> = Power::ALL.iter().map(|power| power.name()).collect();
    let word = context.file.word(value, "power", &names)?;
    let power = Power::from_name(word)?;
    if powers.contains(power) {
        return Some(power);
    }
    context.file.error(
        "project.unknown_power",
        value.span(),
        format!("`{action}` has no power `{word}`"),
        format!("write {}", suggest::one_of(powers.iter().map(Power::name))),
    );
    None
}

/// `Order::17`, `Order::"17"`, or with the type's name in tokens.
fn resource(context: &Context<'_, '_>, layers: &mut Layers<'_, '_>) -> Option<Resource> {
    const EXAMPLE: &str = "resource = 'Order::\"17\"'";
    let value = layers.require("resource", EXAMPLE)?;
    let file = context.file;
    let text = file.string(value, "resource", EXAMPLE)?;
    let resources = context.bundle.root().get("resources").into_iter();
    let resources: Vec<(&str, Node<'_>)> = resources.flat_map(Node::members).collect();
    // The longest type that fits: an identifier may hold `::` as well.
    let splits = text.text.rmatch_indices("::");
    let mut last = None;
    for (at, _) in splits {
        let (kind, id) = (text.text.get(..at)?, text.text.get(at + 2..)?);
        last = Some(kind);
        let cedar = |one: &Node<'_>| one.get("cedar").and_then(Node::as_str) == Some(kind);
        let found = resources
            .iter()
            .find(|(name, one)| *name == kind || cedar(one));
        if let Some((name, _)) = found {
            let id = id
                .strip_prefix('"')
                .and_then(|id| id.strip_suffix('"'))
                .unwrap_or(id);
            return Some(Resource {
                datatype: (*name).to_owned(),
                id: id.to_owned(),
            });
        }
    }
    let names = resources.iter();
    let names = names.filter_map(|(_, one)| one.get("cedar").and_then(Node::as_str));
    let (message, help) = match last {
        None => (
            format!("`{}` does not say of which type the resource is", text.text),
            format!("write the type, two colons and the identifier: `{EXAMPLE}`"),
        ),
        Some(kind) => (
            format!("no action applies to a resource type `{kind}`"),
            suggest::help(kind, names.collect::<Vec<_>>()),
        ),
    };
    file.error("project.unknown_datatype", text.span, message, help);
    None
}

/// What the manifest's entries for an action say.
fn entries<'b>(context: &Context<'b, '_>, (agent, action): (&str, &str)) -> Vec<Node<'b>> {
    let manifest = context.bundle.manifest(agent);
    let capabilities = manifest.into_iter().flat_map(|one| one.capabilities());
    let names = |entry: &Node<'_>| {
        let mut actions = entry.get("actions").into_iter().flat_map(Node::elements);
        actions.any(|one| one.as_str() == Some(action))
    };
    capabilities.filter(names).collect()
}

/// The one purpose for which the manifest allows the action.
fn purpose(
    context: &Context<'_, '_>,
    layers: &mut Layers<'_, '_>,
    scope: (&str, &str),
    place: &Range<usize>,
) -> Option<String> {
    if layers.get("purpose").is_some() {
        return layers.text("purpose", "support");
    }
    let purpose_of = |entry: Node<'_>| Some(entry.get("purpose")?.as_str()?.to_owned());
    let mut purposes: Vec<String> = entries(context, scope)
        .into_iter()
        .filter_map(purpose_of)
        .collect();
    purposes.sort();
    purposes.dedup();
    match purposes.as_slice() {
        [only] => Some(only.clone()),
        // Nothing is granted for the action, whatever the purpose.
        [] => Some("none".to_owned()),
        several => {
            if !layers.own.has_misspelt("purpose") {
                context.file.error(
                    "project.missing_key",
                    place.clone(),
                    format!(
                        "the manifest of `{}` allows `{}` for several purposes",
                        scope.0, scope.1
                    ),
                    format!(
                        "add `purpose`: {}",
                        suggest::one_of(several.iter().map(String::as_str))
                    ),
                );
            }
            None
        }
    }
}

/// The first location that the manifest names for the action.
fn service(context: &Context<'_, '_>, scope: (&str, &str)) -> Option<String> {
    let entries = entries(context, scope).into_iter();
    let locations = entries.filter_map(|entry| entry.get("locations"));
    let first = locations.flat_map(Node::elements).next();
    first.and_then(Node::as_str).map(str::to_owned)
}
