//! One entry of a manifest as Cedar expressions: whom it matches, and what it asks of people.

use std::collections::BTreeSet;

use ambit_core::Power;
use ambit_core::capability::{Place, well_formed};
use ambit_core::constraint::uncountable;
use ambit_core::json::{Json, Writer};
use ambit_evaluator::{Room, rooms};
use ambit_policy::{Action, Bundle};

use crate::constraint::{Bounds, Target, missing, present};
use crate::expr::{self, Expr};

/// What a request has beside what policies see. These names stand in the context of the schema that is
/// proved over, and no argument can have one: they are two words.
pub(crate) const LOCATION: &str = "facts location";
pub(crate) const RECEIPTS: &str = "receipts given";
/// Everybody who said yes; guard rails see only whom the manifest entry lets them.
pub(crate) const PEOPLE: &str = "receipts by";
/// Whose yes another policy sees, to which this one is compared.
pub(crate) const ELSEWHERE: &str = "approvals elsewhere";

/// A question about one action, in one power, on one type of resource.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) bundle: &'a Bundle<'a>,
    pub(crate) action: &'a str,
    pub(crate) power: Power,
    /// As tokens name it.
    pub(crate) datatype: &'a str,
    /// The identifiers that the type of the resource has, where it lists them.
    pub(crate) ids: Option<&'a [serde_json::Value]>,
}

/// An entry that may match a call.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its place in the manifest.
    pub(crate) index: usize,
    pub(crate) matches: Expr,
    /// Whether it matches only where receipts are given: it holds `propose`, and `execute` is asked.
    pub(crate) proposed: bool,
    /// What people must have done.
    pub(crate) demands: Expr,
    /// Whose yes the guard rails see, beside the token's subject.
    pub(crate) named: BTreeSet<String>,
    /// What of it Cedar cannot say.
    pub(crate) rough: Vec<Rough>,
}

/// Something that Cedar cannot say: it stands in the context as a truth of its own, of which bounds are
/// known. Two policies that say the same have it in common.
#[derive(Clone, Debug)]
pub(crate) struct Rough {
    /// For people: the argument and the kind of its constraint.
    pub(crate) what: String,
    /// The attribute of the context.
    pub(crate) name: String,
    /// Whether the argument is there, where it may be absent.
    pub(crate) there: Option<Expr>,
    pub(crate) bounds: Bounds,
    /// The same where it is absent.
    pub(crate) absent: Bounds,
}

impl Rough {
    fn holds(&self) -> Expr {
        expr::context(&self.name)
    }

    /// What is known of it. [`Reading::Under`]: it holds exactly where it surely does.
    pub(crate) fn known(&self, reading: Reading) -> Expr {
        let known = |bounds: &Bounds| match reading {
            Reading::Over => {
                let not = expr::not(bounds.under.clone());
                expr::choose(self.holds(), bounds.over.clone(), not)
            }
            Reading::Under => expr::eq(self.holds(), bounds.under.clone()),
        };
        match &self.there {
            None => known(&self.bounds),
            Some(there) => expr::choose(there.clone(), known(&self.bounds), known(&self.absent)),
        }
    }
}

/// How what Cedar cannot say is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// In every way that it could be.
    Over,
    /// Only what surely holds does.
    Under,
}

impl<'a> Call<'a> {
    fn vocabulary(&self) -> Option<Action<'a>> {
        self.bundle.action(self.action)
    }

    /// What the bundle says of the arguments.
    fn arguments(&self) -> impl Iterator<Item = (&'a str, Json<'a>)> + use<'a> {
        let actions = self.bundle.root().get("actions");
        let action = actions.and_then(|actions| actions.get(self.action));
        let arguments = action.and_then(|action| action.get("args"));
        arguments.into_iter().flat_map(Json::members)
    }

    /// The entries of a manifest that can match, in their order.
    pub(crate) fn entries(&self, agent: &str) -> Vec<Entry> {
        let manifest = self.bundle.manifest(agent);
        let entries = manifest.into_iter().flat_map(|one| one.capabilities());
        let entries = entries.enumerate();
        entries
            .filter_map(|(index, entry)| self.entry(index, entry))
            .collect()
    }

    fn entry(&self, index: usize, json: Json<'a>) -> Option<Entry> {
        let lists = |name: &str, text: &str| {
            json.get(name).is_none_or(|list| {
                let mut list = list.elements();
                list.any(|one| one.as_str() == Some(text))
            })
        };
        let holds = lists("privileges", self.power.name());
        let proposed =
            !holds && self.power == Power::Execute && lists("privileges", Power::Propose.name());
        let scope = well_formed(json, Place::Manifest)
            && lists("actions", self.action)
            && lists("datatypes", self.datatype)
            && (holds || proposed);
        if !scope {
            return None;
        }
        let mut rough = Vec::new();
        let matches = expr::all([
            self.resource_and_purpose(json),
            self.constraints(json, &mut rough),
            self.rooms(json),
            hours(json, &mut rough),
        ]);
        let demands = self.demands(json, proposed, &mut rough);
        (expr::constant(&matches) != Some(false)).then(|| Entry {
            index,
            matches,
            proposed,
            demands,
            named: named(json),
            rough,
        })
    }

    fn resource_and_purpose(&self, json: Json<'_>) -> Expr {
        let text = |name: &str| json.get(name).and_then(Json::as_str);
        let kind = self.bundle.resource_type(self.datatype).unwrap_or_default();
        let identifier = text("identifier").map(|id| match self.ids {
            // Cedar has no word for an entity that its type does not list.
            Some(ids) if !ids.iter().any(|known| known == id) => expr::truth(false),
            _ => expr::eq(expr::var("resource"), expr::entity(kind, id)),
        });
        let purpose =
            text("purpose").map(|purpose| expr::eq(expr::context("purpose"), expr::text(purpose)));
        let locations = json.get("locations").map(|list| {
            let texts = list.elements().filter_map(Json::as_str).map(expr::text);
            expr::all([
                expr::has(expr::var("context"), LOCATION),
                expr::contains(expr::set(texts.collect()), expr::context(LOCATION)),
            ])
        });
        expr::all([identifier, purpose, locations].into_iter().flatten())
    }

    /// Every argument is named by a constraint, and each constraint holds.
    fn constraints(&self, json: Json<'_>, rough: &mut Vec<Rough>) -> Expr {
        let constraints = json.get("constraints");
        let star = constraints.is_some_and(|all| all.get("*").is_some());
        let mut parts = Vec::new();
        for (name, argument) in self.arguments() {
            let target = Target::argument(name, argument);
            let spec = constraints.and_then(|all| all.get(name));
            let (bounds, absent) = match spec {
                Some(spec) => (present(spec, &target), missing(spec, &target)),
                None => (Bounds::constant(star), Bounds::constant(true)),
            };
            let required = argument.get("required").and_then(Json::as_bool) != Some(false);
            if target.is_unseen() {
                parts.push(unseen(
                    spec,
                    name,
                    argument,
                    [bounds, absent],
                    required,
                    rough,
                ));
                continue;
            }
            let has = || expr::has(expr::var("context"), name);
            let exact = bounds.is_exact() && (required || absent.is_exact());
            parts.push(match (spec.filter(|_| !exact), required) {
                (Some(spec), _) => {
                    let kind = spec.get("constraint_type").and_then(Json::as_str);
                    let found = Rough {
                        what: format!("`{name}` ({})", kind.unwrap_or_default()),
                        name: format!(
                            "bound on {name}: {} of {}",
                            written(spec),
                            written(argument)
                        ),
                        there: (!required).then(has),
                        bounds,
                        absent,
                    };
                    rough.push(found.clone());
                    found.holds()
                }
                (None, true) => bounds.over,
                (None, false) => {
                    let absent = expr::constant(&absent.over) == Some(true);
                    expr::where_has(expr::var("context"), name, bounds.over, absent)
                }
            });
        }
        let named = constraints.into_iter().flat_map(Json::members);
        for (name, spec) in named.filter(|(name, _)| *name != "*") {
            if !self.arguments().any(|(argument, _)| argument == name) {
                // Bounds on arguments that the action does not have: only an absent one can meet them.
                let kind = spec.get("constraint_type").and_then(Json::as_str);
                parts.push(expr::truth(kind == Some("optional")));
            }
        }
        expr::all(parts)
    }

    /// What no budget can ever hold is not granted, whatever is left of it.
    fn rooms(&self, json: Json<'_>) -> Expr {
        let Some(action) = self.vocabulary() else {
            return expr::truth(false);
        };
        let mut limits = json.get("limits").into_iter().flat_map(Json::elements);
        if limits.any(|limit| uncountable(limit, &action).is_some()) {
            return expr::truth(false);
        }
        let parts = rooms(json, self.power).map(|(name, room)| {
            let argument = self.arguments().find(|(argument, _)| *argument == name);
            let Some((_, argument)) = argument else {
                return expr::truth(false);
            };
            let value = expr::context(name);
            let held = match room {
                Room::Amount(most) => expr::all([
                    expr::binary("<=", expr::long(1), value.clone()),
                    expr::binary("<=", value, expr::long(most)),
                ]),
                Room::Currency(currency) => Target::argument(name, argument).is(currency),
            };
            let required = argument.get("required").and_then(Json::as_bool) != Some(false);
            let there = match required {
                true => expr::truth(true),
                false => expr::has(expr::var("context"), name),
            };
            expr::all([there, held])
        });
        expr::all(parts.collect::<Vec<_>>())
    }

    /// Logins and approvals (docs/token.md, "Who may say yes").
    fn demands(&self, json: Json<'_>, proposed: bool, rough: &mut Vec<Rough>) -> Expr {
        let requires = json.get("requires");
        let member = |name: &str| requires.and_then(|requires| requires.get(name));
        let mut parts = Vec::new();
        let login = || expr::context("login");
        if let Some(acr) = member("acr") {
            let one = acr.as_str().map(expr::text).into_iter();
            let many = acr.elements().filter_map(Json::as_str).map(expr::text);
            parts.push(expr::has(login(), "acr"));
            let values = expr::set(one.chain(many).collect());
            parts.push(expr::contains(values, expr::attr(login(), "acr")));
        }
        if let Some(seconds) = member("max_age").and_then(Json::as_int) {
            let oldest = vec![
                expr::context("now"),
                expr::duration(seconds.saturating_mul(-1000)),
            ];
            let time = expr::attr(login(), "auth_time");
            parts.push(expr::has(login(), "auth_time"));
            parts.push(expr::binary("<=", expr::call("offset", oldest), time));
        }
        if let Some(approval) = member("approval").filter(|_| self.power != Power::Propose) {
            parts.push(approved(approval, rough));
        }
        let consent = json.get("consent").filter(|consent| {
            self.power == Power::Execute
                && !consent.is_null()
                && !matches!(consent.as_str(), Some("none" | "once"))
        });
        parts.extend(consent.map(|consent| approved(consent, rough)));
        if proposed && named(json).is_empty() {
            parts.push(approved(Json::null(), rough));
        }
        expr::all(parts)
    }
}

/// A bound on an argument of which policies know nothing, not even whether it is there.
fn unseen(
    spec: Option<Json<'_>>,
    name: &str,
    argument: Json<'_>,
    [bounds, absent]: [Bounds; 2],
    required: bool,
    rough: &mut Vec<Rough>,
) -> Expr {
    let bounds = match required {
        true => bounds,
        false => Bounds {
            over: expr::any([bounds.over, absent.over]),
            under: expr::all([bounds.under, absent.under]),
        },
    };
    let Some(spec) = spec.filter(|_| !bounds.is_exact()) else {
        return bounds.over;
    };
    let kind = spec.get("constraint_type").and_then(Json::as_str);
    let found = Rough {
        what: format!("`{name}` ({})", kind.unwrap_or_default()),
        name: format!(
            "bound on {name}: {} of {}",
            written(spec),
            written(argument)
        ),
        there: None,
        bounds,
        absent: Bounds::constant(false),
    };
    rough.push(found.clone());
    found.holds()
}

fn user(id: &str) -> Expr {
    expr::entity("Ambit::User", id)
}

/// The token's subject, as policies see it.
pub(crate) fn subject() -> Expr {
    expr::attr(expr::var("principal"), "user")
}

/// Whether it is within the hours. Policies see the time, but no time zone: any time may be one of theirs.
fn hours(json: Json<'_>, rough: &mut Vec<Rough>) -> Expr {
    let Some(hours) = json.get("hours") else {
        return expr::truth(true);
    };
    let found = Rough {
        what: "`hours`".to_owned(),
        name: format!("within hours {}", written(hours)),
        there: None,
        bounds: Bounds {
            over: expr::truth(true),
            under: expr::truth(false),
        },
        absent: Bounds::constant(false),
    };
    rough.push(found.clone());
    found.holds()
}

/// The most groups of approvers that are told apart.
const GROUPS: usize = 256;

/// So many of the people named have said yes; everything but a list means the subject.
fn approved(approval: Json<'_>, rough: &mut Vec<Rough>) -> Expr {
    let Some(approvers) = approval.get("approvers") else {
        return expr::contains(expr::context("approvals"), subject());
    };
    let approvers: Vec<&str> = approvers.elements().filter_map(Json::as_str).collect();
    let count = approval.get("count").and_then(Json::as_int).unwrap_or(1);
    let count = usize::try_from(count).unwrap_or(0);
    let mut groups: Vec<Vec<&str>> = vec![Vec::new()];
    for (at, person) in approvers.iter().enumerate() {
        let left = approvers.len() - at;
        let with: Vec<Vec<&str>> = groups
            .iter()
            .filter(|group| group.len() < count)
            .map(|group| group.iter().copied().chain([*person]).collect())
            .collect();
        groups.retain(|group| group.len() + left > count || group.len() == count);
        groups.extend(with);
        // Several people may say yes in one role.
        if groups.len() > GROUPS || person.starts_with("role:") {
            // One of them at least, which is true of every group.
            let people = approvers.iter().map(|person| user(person));
            let people = expr::set(people.collect());
            let some = expr::binary("containsAny", expr::context("approvals"), people);
            let found = Rough {
                what: "the number of approvers".to_owned(),
                name: format!("approved by {}", written(approval)),
                there: None,
                bounds: Bounds {
                    over: some,
                    under: expr::truth(false),
                },
                absent: Bounds::constant(false),
            };
            rough.push(found.clone());
            return found.holds();
        }
    }
    groups.retain(|group| group.len() == count);
    expr::any(groups.into_iter().map(|group| {
        let people = expr::set(group.into_iter().map(user).collect());
        expr::contains_all(expr::context("approvals"), people)
    }))
}

fn written(json: Json<'_>) -> String {
    let mut out = Writer::default();
    out.json(json);
    out.finish()
}

/// The people whom an entry's `requires` or `consent` names.
fn named(json: Json<'_>) -> BTreeSet<String> {
    let requires = json.get("requires").and_then(|one| one.get("approval"));
    let demands = [requires, json.get("consent")].into_iter().flatten();
    let people = demands.filter_map(|demand| demand.get("approvers"));
    let people = people.flat_map(Json::elements).filter_map(Json::as_str);
    people.map(str::to_owned).collect()
}
