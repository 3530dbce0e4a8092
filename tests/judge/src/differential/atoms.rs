//! Conditions made of one operator, aimed so that true, false and nearly true are all common.

use super::calc;
use super::data::Val;
use super::expr::Expr;
use super::generate::{Generator, has_no_literal};
use super::near;
use super::paths::Path;
use super::schema::Ty;
use super::values;
use super::world::TAGS;
use crate::subject::Uid;

type Make = fn(&mut Generator<'_>, usize) -> Option<Expr>;

const KINDS: [(u32, Make); 13] = [
    (14, calc::comparison),
    (14, equality),
    (12, order),
    (6, decimal_order),
    (14, within),
    (7, type_test),
    (9, like),
    (7, attribute_test),
    (5, tag_test),
    (14, sets),
    (9, addresses),
    (3, boolean),
    (2, action_test),
];

/// A condition whose root is no connective.
pub(crate) fn atom(generator: &mut Generator<'_>, depth: usize) -> Expr {
    for _ in 0..4 {
        let kind = generator.dice.weighted(&KINDS);
        // Checks for an operand that is thrown away are not needed.
        let before = generator.guards.len();
        if let Some(atom) = kind(generator, depth) {
            return atom;
        }
        generator.guards.truncate(before);
    }
    Expr::bool(generator.dice.chance(60))
}

fn is_comparable(ty: &Ty) -> bool {
    !matches!(ty, Ty::Record(_) | Ty::Action)
}

fn equality(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    let records = generator.dice.chance(15);
    let ty = match generator.path(|ty| is_comparable(ty) || records) {
        Some(path) if generator.dice.chance(80) => path.ty,
        _ => generator.witness.world.any_type(generator.dice),
    };
    let (left, right) = generator.pair(&ty, depth);
    let operator = if generator.dice.chance(65) {
        "=="
    } else {
        "!="
    };
    Some(Expr::binary(operator, left, right))
}

fn order(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    let ty = generator.dice.weighted(&[(5, 0), (3, 1), (2, 2)]);
    let ty = [Ty::Long, Ty::Ext("datetime"), Ty::Ext("duration")][ty].clone();
    let (left, right) = generator.pair(&ty, depth + 1);
    let operator = generator.dice.of(&["<", "<=", ">", ">="]);
    Some(Expr::binary(operator, left, right))
}

fn decimal_order(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    const METHODS: [&str; 4] = [
        "lessThan",
        "lessThanOrEqual",
        "greaterThan",
        "greaterThanOrEqual",
    ];
    let (left, right) = generator.pair(&Ty::Ext("decimal"), depth);
    Some(Expr::Call(generator.dice.of(&METHODS), vec![left, right]))
}

fn entity_path(generator: &mut Generator<'_>) -> Option<(Path, usize)> {
    let path = generator.path(|ty| matches!(ty, Ty::Entity(_)))?;
    match path.ty {
        Ty::Entity(index) => Some((path, index)),
        _ => None,
    }
}

/// An entity that `path` may be in: one that it is in, or one of a type that fits.
fn ancestor(generator: &mut Generator<'_>, path: &Path, ty: usize) -> Uid {
    let world = generator.witness.world;
    if let Some(Val::Entity(uid, _)) = &path.value {
        let mut above = generator.witness.store.ancestors(uid);
        above.push(uid.clone());
        if generator.dice.chance(65)
            && let Some(uid) = generator.dice.pick(&above)
        {
            return uid.clone();
        }
    }
    let parents = &world.model.types[ty].parents;
    let parent = generator.dice.pick(parents).copied().unwrap_or(ty);
    let parent = if generator.dice.chance(20) {
        ty
    } else {
        parent
    };
    world.uid(generator.dice, parent)
}

fn within(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    if generator.dice.chance(10) {
        return action_test(generator, depth);
    }
    let (path, ty) = entity_path(generator)?;
    let right = container(generator, &path, ty, depth);
    let left = if depth > 0 && generator.dice.chance(10) {
        generator.of(&Ty::Entity(ty), depth)
    } else {
        generator.read(path)
    };
    Some(Expr::binary("in", left, right))
}

/// An entity, or a set of some, that `path` may be in.
fn container(generator: &mut Generator<'_>, path: &Path, ty: usize, depth: usize) -> Expr {
    let first = ancestor(generator, path, ty);
    let kind = generator.dice.below(10);
    if kind < 5 {
        return Expr::Lit(Val::entity(first));
    }
    let target = generator
        .witness
        .world
        .model
        .types
        .iter()
        .position(|other| other.name == first.ty);
    let target = target.unwrap_or(ty);
    if kind < 7 {
        // Something that the request carries.
        let wanted = [Ty::Entity(target), Ty::Set(Ty::Entity(target).into())];
        if let Some(path) = generator.path(|ty| wanted.contains(ty)) {
            return generator.read(path);
        }
    }
    // Strict validation wants one type in a set.
    let mut items = vec![Expr::Lit(Val::entity(first))];
    for _ in 0..generator.dice.below(3) {
        items.push(generator.of(&Ty::Entity(target), depth.saturating_sub(1)));
    }
    generator.dice.shuffle(&mut items);
    Expr::Set(items)
}

fn action_test(generator: &mut Generator<'_>, _depth: usize) -> Option<Expr> {
    let world = generator.witness.world;
    let own = generator.witness.environment.action;
    let mut near = world.model.groups_of(own);
    near.push(own);
    let index = if generator.dice.chance(75) {
        generator.dice.of(&near)
    } else {
        generator.dice.below(world.model.actions.len())
    };
    let uid = &world.model.actions[index].uid;
    // Strict validation compares actions of one namespace only.
    let comparable = uid.ty == world.model.actions[own].uid.ty || !world.typed;
    let literal = Expr::Lit(Val::entity(uid.clone()));
    let action = Expr::Var("action");
    Some(match generator.dice.below(5) {
        0 if comparable => Expr::binary("==", action, literal),
        1 => Expr::Is(Box::new(action), uid.ty.clone(), None),
        2 => {
            let drawn = world.action(generator.dice);
            let other = if drawn.ty == uid.ty || !world.typed {
                Expr::Lit(Val::entity(drawn))
            } else {
                literal.clone()
            };
            Expr::binary("in", action, Expr::Set(vec![other, literal]))
        }
        _ => Expr::binary("in", action, literal),
    })
}

fn type_test(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    let (path, ty) = entity_path(generator)?;
    let world = generator.witness.world;
    let named = if generator.dice.chance(70) {
        ty
    } else {
        generator.dice.below(world.model.types.len())
    };
    let name = world.model.name(named).to_owned();
    let group = generator
        .dice
        .chance(60)
        .then(|| container(generator, &path, ty, depth));
    let left = generator.read(path);
    Some(Expr::Is(Box::new(left), name, group.map(Box::new)))
}

fn like(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    let path = generator.path(|ty| *ty == Ty::Str);
    let (text, left) = match path {
        Some(path) if generator.dice.chance(85) => {
            let text = match &path.value {
                Some(Val::Str(text)) => text.clone(),
                _ => String::new(),
            };
            (text, generator.read(path))
        }
        _ => {
            let value = generator.witness.world.scalar(generator.dice, &Ty::Str);
            let Val::Str(text) = value else { return None };
            (text.clone(), Expr::Lit(Val::Str(text)))
        }
    };
    let left = if generator.dice.chance(generator.wildness) {
        generator.of(&Ty::Str, depth)
    } else {
        left
    };
    let pattern = near::pattern(generator.dice, &text);
    Some(Expr::Like(Box::new(left), pattern))
}

/// `has`, of what may be there and of what is never there.
fn attribute_test(generator: &mut Generator<'_>, _depth: usize) -> Option<Expr> {
    let path = generator.path(|ty| matches!(ty, Ty::Entity(_) | Ty::Record(_)))?;
    let world = generator.witness.world;
    let mut names = Vec::new();
    let mut ty = path.ty.clone();
    for _ in 0..generator.dice.weighted(&[(5, 1), (4, 2), (2, 3)]) {
        let attrs = match &ty {
            Ty::Record(attrs) => attrs.as_slice(),
            Ty::Entity(index) => world.model.types[*index].attrs.as_slice(),
            _ => break,
        };
        let Some(attr) = generator.dice.pick(attrs) else {
            break;
        };
        names.push(attr.name.clone());
        ty = attr.ty.clone();
    }
    if names.is_empty() || generator.dice.chance(5) {
        names.push("nothing".to_owned());
    }
    Some(generator.read(path).has(&names))
}

fn tag_test(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    let types = &generator.witness.world.model.types;
    let tagged =
        generator.path(|ty| matches!(ty, Ty::Entity(index) if types[*index].tags.is_some()))?;
    let entity = generator.read(tagged);
    let key = match generator.path(|ty| *ty == Ty::Str) {
        Some(path) if generator.dice.chance(30) => generator.read(path),
        _ => Expr::Lit(Val::Str(generator.dice.of(&TAGS).to_owned())),
    };
    let key = if generator.dice.chance(generator.wildness) {
        generator.of(&Ty::Str, depth)
    } else {
        key
    };
    Some(Expr::binary("hasTag", entity, key))
}

fn sets(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    let path = generator.path(|ty| matches!(ty, Ty::Set(_)));
    let (set, element, value) = match path {
        Some(path) if generator.dice.chance(80) => {
            let Ty::Set(element) = path.ty.clone() else {
                return None;
            };
            let value = path.value.clone();
            (generator.read(path), (*element).clone(), value)
        }
        _ => {
            let element = generator.witness.world.any_type(generator.dice);
            let value = generator
                .witness
                .world
                .scalar(generator.dice, &Ty::Set(element.clone().into()));
            (generator.spell(value.clone()), element, Some(value))
        }
    };
    let items = match value {
        Some(Val::Set(items)) => items,
        _ => vec![],
    };
    Some(match generator.dice.below(10) {
        0 | 1 => Expr::unary("isEmpty", set),
        2..5 => {
            let item = generator.dice.pick(&items).cloned();
            let right = match item.filter(|item| !has_no_literal(item)) {
                Some(item) if generator.dice.chance(60) => {
                    let item = near::near(generator.witness.world, generator.dice, &element, &item);
                    if has_no_literal(&item) {
                        generator.literal(&element)
                    } else {
                        generator.spell(item)
                    }
                }
                _ => generator.of(&element, depth),
            };
            Expr::binary("contains", set, right)
        }
        kind => {
            let operator = if kind < 8 {
                "containsAll"
            } else {
                "containsAny"
            };
            let other = other_set(generator, &items, &element, depth);
            Expr::binary(operator, set, other)
        }
    })
}

/// Some of the items, with or without another one; or a set of the request.
fn other_set(generator: &mut Generator<'_>, items: &[Val], element: &Ty, depth: usize) -> Expr {
    let ty = Ty::Set(element.clone().into());
    if generator.dice.chance(25) {
        return generator.of(&ty, depth);
    }
    let mut some = generator.dice.some(items, 3);
    some.retain(|item| !has_no_literal(item));
    let mut some: Vec<Expr> = some
        .into_iter()
        .map(|item| {
            let item = near::respelled(generator.dice, &item);
            generator.spell(item)
        })
        .collect();
    if some.is_empty() || generator.dice.chance(35) {
        some.push(generator.of(element, depth));
    }
    generator.dice.shuffle(&mut some);
    Expr::Set(some)
}

fn addresses(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    const TESTS: [&str; 4] = ["isIpv4", "isIpv6", "isLoopback", "isMulticast"];
    let ip = Ty::Ext("ip");
    if generator.dice.chance(40) {
        let address = if generator.dice.chance(50) {
            generator.of(&ip, depth)
        } else {
            {
                let text = values::edge_address(generator.dice);
                generator.spell(Val::ext("ip", text))
            }
        };
        return Some(Expr::Call(generator.dice.of(&TESTS), vec![address]));
    }
    let known = generator.path(|ty| *ty == ip);
    let (address, range) = match known {
        Some(path) => {
            let range = match &path.value {
                Some(Val::Ext(_, text, _)) if generator.dice.chance(60) => {
                    let range = near::range_around(generator.dice, text);
                    generator.spell(Val::ext("ip", &range))
                }
                _ => generator.of(&ip, depth),
            };
            (generator.read(path), range)
        }
        None => generator.pair(&ip, depth),
    };
    Some(Expr::Call("isInRange", vec![address, range]))
}

fn boolean(generator: &mut Generator<'_>, _depth: usize) -> Option<Expr> {
    let path = generator.path(|ty| *ty == Ty::Bool)?;
    Some(generator.read(path))
}
