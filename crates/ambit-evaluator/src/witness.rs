//! Which values of an argument meet the bounds of several entries at once, if any do.
//!
//! Values of which there are few are tried: those that a bound names, the ends of ranges, none at
//! all, and for bounds that many values meet one or two. What was found is for sure; where nothing is and
//! every bound leaves many values open, one that meets all is assumed.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::Ask;
use ambit_core::constraint;
use ambit_core::json::{Json, Writer};
use ambit_policy::conforms;

use crate::Case;
use crate::authority::{Layer, Selected, Source};

/// One entry, with what was collected for it.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'p> {
    pub(crate) selected: Selected<'p>,
    /// Its budgets as constraints, by argument (see [`budget`](crate::budget)).
    pub(crate) budgets: Json<'p>,
    /// Values of arguments that its bounds may match (see [`pool`]).
    values: Json<'p>,
}

/// All entries with their budgets, in the layers' order.
pub(crate) fn entries<'p>(
    layers: &[Layer<'p>],
    budgets: Json<'p>,
    pool: Json<'p>,
) -> Vec<Vec<Entry<'p>>> {
    let mut budgets = budgets.elements();
    let mut pool = pool.elements();
    let mut entries = Vec::with_capacity(layers.len());
    for layer in layers {
        let (mut budgets, mut pool) = (next(&mut budgets).elements(), next(&mut pool).elements());
        let of = |selected| Entry {
            selected,
            budgets: next(&mut budgets),
            values: next(&mut pool),
        };
        entries.push(layer.all().map(of).collect());
    }
    entries
}

/// `null` behind the last, which has no members.
fn next<'p>(list: &mut impl Iterator<Item = Json<'p>>) -> Json<'p> {
    list.next().unwrap_or(Json::null())
}

/// Values for these arguments out of the bounds of all entries, as JSON: for each layer, for each entry,
/// an object from the argument's name to `{"complete": …, "values": […]}`. Each value stands in an
/// array, which is empty for an absent argument.
pub(crate) fn pool(
    case: &Case<'_>,
    ask: &Ask<'_>,
    layers: &[Vec<Entry<'_>>],
    arguments: &[&str],
    reserve: u32,
) -> String {
    let mut out = Writer::default();
    out.array(|out| {
        for layer in layers {
            out.array(|out| {
                for entry in layer {
                    out.object(|out| {
                        for name in arguments {
                            let bound = Bound::of(entry, name);
                            if bound.has_values() {
                                let asked = ask.args.get(name);
                                bound.write_values(case, asked, reserve, out.name(name));
                            }
                        }
                    });
                }
            });
        }
    });
    out.finish()
}

/// The values of this argument that meet every entry of `way`, those first that stand first; and
/// whether no others need to be tried.
pub(crate) fn fitting<'p>(
    case: &Case<'_>,
    ask: &Ask<'_>,
    way: &[&Entry<'p>],
    argument: &str,
) -> (Vec<Option<Json<'p>>>, bool) {
    let mut complete = false;
    let mut fitting = Vec::new();
    for entry in way {
        let fits = |value: &Option<Json<'_>>| fits(case, ask, way, argument, *value);
        fitting.extend(entry.values(argument).filter(fits));
        complete |= entry.says_all(argument);
    }
    (fitting, complete)
}

impl<'p> Entry<'p> {
    /// Everything that it says of the argument; `None` where the argument must be left out.
    pub(crate) fn bounds(
        &self,
        argument: &str,
    ) -> impl Iterator<Item = Option<Json<'p>>> + use<'p> {
        let bound = Bound::of(self, argument);
        let says = |spec: &Json<'_>| {
            spec.get("constraint_type").and_then(Json::as_str) != Some("wildcard")
        };
        let cover = match bound.cover {
            Cover::Free => None,
            Cover::Absent => Some(None),
            Cover::Spec(spec) => Some(spec).filter(says).map(Some),
        };
        cover.into_iter().chain(bound.budgets().map(Some))
    }

    pub(crate) fn values(
        &self,
        argument: &str,
    ) -> impl Iterator<Item = Option<Json<'p>>> + use<'p> {
        let found = self.values.get(argument);
        let values = found.and_then(|found| found.get("values"));
        let values = values.into_iter().flat_map(Json::elements);
        let left_out = self.leaves_out(argument).then_some(None);
        let values = values.map(|value| value.elements().next());
        left_out.into_iter().chain(values)
    }

    fn leaves_out(&self, argument: &str) -> bool {
        matches!(Bound::of(self, argument).cover, Cover::Absent)
    }

    fn says_all(&self, argument: &str) -> bool {
        let found = self.values.get(argument);
        let complete = found.and_then(|found| found.get("complete"));
        self.leaves_out(argument) || complete.and_then(Json::as_bool) == Some(true)
    }
}

/// Whether the argument may have this value: by its type, and by every entry of `way`.
pub(crate) fn fits(
    case: &Case<'_>,
    ask: &Ask<'_>,
    way: &[&Entry<'_>],
    argument: &str,
    value: Option<Json<'_>>,
) -> bool {
    let action = case.bundle.action(ask.action);
    let Some(declared) = action.and_then(|action| action.argument(argument)) else {
        return false;
    };
    let typed = match value {
        Some(value) => conforms(value, declared),
        None => !declared.required(),
    };
    let mut bounds = way.iter().map(|entry| Bound::of(entry, argument));
    case.steps.take(way.len()) && typed && bounds.all(|bound| bound.holds(value, case))
}

/// Whether some value of this argument meets every entry of `way`, and does not meet `other`.
pub(crate) fn exists(
    case: &Case<'_>,
    ask: &Ask<'_>,
    way: &[&Entry<'_>],
    argument: &str,
    other: Option<&Entry<'_>>,
) -> bool {
    let (mut values, complete) = fitting(case, ask, way, argument);
    if let Some(other) = other {
        let fits = |value: &Option<Json<'_>>| fits(case, ask, way, argument, *value);
        values.extend(other.values(argument).filter(fits));
    }
    let other = other.map(|other| Bound::of(other, argument));
    let avoids = |value: &Option<Json<'_>>| {
        let other = other.as_ref();
        other.is_none_or(|other| !other.holds(*value, case))
    };
    if complete || !values.is_empty() {
        return values.iter().any(avoids);
    }
    // None was found: of many values there may be one that another bound does not hold.
    match other.map(|other| (other.cover, other.budgets)) {
        None | Some((Cover::Absent, _) | (_, Some(_))) => true,
        Some((Cover::Free, None)) => false,
        Some((Cover::Spec(other), None)) => {
            let text = |spec: Json<'_>| constraint::describe(spec, case.unit(argument));
            let same = |spec: Json<'_>| case.steps.take(spec.weight()) && text(spec) == text(other);
            let mut bounds = way.iter().map(|entry| Bound::of(entry, argument).cover);
            !bounds.any(|cover| matches!(cover, Cover::Spec(spec) if same(spec)))
        }
    }
}

/// What one entry says of the argument.
#[derive(Clone, Copy)]
struct Bound<'p> {
    cover: Cover<'p>,
    /// A list of constraints.
    budgets: Option<Json<'p>>,
}

#[derive(Clone, Copy)]
enum Cover<'p> {
    Free,
    /// It does not cover it.
    Absent,
    Spec(Json<'p>),
}

impl<'p> Bound<'p> {
    fn of(entry: &Entry<'p>, argument: &str) -> Self {
        let constraints = entry.selected.entry.get("constraints");
        let named = |name| constraints.and_then(|constraints| constraints.get(name));
        let cover = match (named(argument), named("*"), entry.selected.source) {
            (Some(spec), _, _) => Cover::Spec(spec),
            (None, None, Source::Manifest | Source::Block(0)) => Cover::Absent,
            _ => Cover::Free,
        };
        Self {
            cover,
            budgets: entry.budgets.get(argument),
        }
    }

    fn budgets(self) -> impl Iterator<Item = Json<'p>> {
        self.budgets.into_iter().flat_map(Json::elements)
    }

    fn holds(self, value: Option<Json<'_>>, case: &Case<'_>) -> bool {
        let meets = |spec| constraint::matches(spec, value, case.steps);
        let covered = match self.cover {
            Cover::Free => true,
            Cover::Absent => value.is_none(),
            Cover::Spec(spec) => meets(spec),
        };
        covered && self.budgets().all(meets)
    }

    const fn has_values(self) -> bool {
        self.budgets.is_some() || matches!(self.cover, Cover::Spec(_))
    }

    fn write_values(
        self,
        case: &Case<'_>,
        asked: Option<Json<'_>>,
        reserve: u32,
        out: &mut Writer,
    ) {
        let of = |spec| constraint::candidates(spec, asked, case.steps, reserve);
        let mut found = match self.cover {
            Cover::Free | Cover::Absent => constraint::Candidates::default(),
            Cover::Spec(spec) => of(spec),
        };
        for budget in self.budgets().map(of) {
            found.values.extend(budget.values);
            found.complete |= budget.complete;
        }
        out.object(|out| {
            out.name("complete").boolean(found.complete);
            out.name("values").array(|out| {
                for value in &found.values {
                    out.array(|out| {
                        if let Some(value) = value {
                            out.raw(value);
                        }
                    });
                }
            });
        });
    }
}
