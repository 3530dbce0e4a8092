//! A compiled program read back: its policies as Cedar expressions, its schema in Cedar's JSON form, its
//! own entities. The layout is that of `ambit_policy::cedar`; the bytes were verified before.

use ambit_policy::cedar::code::{NONE, OP_BITS, Op, WILDCARD};
use ambit_policy::cedar::{
    ACTION_WORDS, ENTITY_TYPE_WORDS, ENTITY_WORDS, Function, POLICY_WORDS, TYPES_HEAD, TypeTag,
};
use serde_json::{Map, Value, json};

use crate::expr::{self, Expr};

/// What stands where in a program: eleven sections behind this many bytes.
const HEADER: usize = 16 + 4 * SECTIONS;
const SECTIONS: usize = 11;

/// A policy of a program.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) forbids: bool,
    /// Everything that must hold, its scope included.
    pub(crate) condition: Expr,
}

/// An entity of the policy itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnEntity {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) attributes: Map<String, Expr>,
    pub(crate) tags: Map<String, Expr>,
    /// All of its ancestors that the program names.
    pub(crate) parents: Vec<(String, String)>,
}

/// A program read back.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) rules: Vec<Rule>,
    /// A schema in Cedar's JSON form.
    pub(crate) schema: Value,
    pub(crate) entities: Vec<OwnEntity>,
}

impl Image {
    /// Reads a program; `None` where it is not laid out as it should be.
    pub(crate) fn read(program: &[u8]) -> Option<Self> {
        let reader = Reader::open(program)?;
        let entities = reader.own_entities()?;
        let schema = reader.schema(&entities)?;
        let ours = |entity: &OwnEntity| !is_action(&entity.kind);
        Some(Self {
            rules: reader.rules()?,
            schema,
            entities: entities.into_iter().filter(ours).collect(),
        })
    }
}

fn is_action(kind: &str) -> bool {
    kind == "Action" || kind.ends_with("::Action")
}

#[cfg(test)]
mod tests;

struct Reader<'a> {
    strings: Vec<u32>,
    uids: Vec<u32>,
    code: Vec<u32>,
    policies: Vec<u32>,
    types: Vec<u32>,
    entities: Vec<u32>,
    lists: Vec<u32>,
    text: &'a [u8],
}

fn at(word: u32) -> Option<usize> {
    usize::try_from(word).ok()
}

impl<'a> Reader<'a> {
    fn open(program: &'a [u8]) -> Option<Self> {
        let words = |bytes: &[u8]| -> Vec<u32> {
            let (words, _) = bytes.as_chunks::<4>();
            words.iter().map(|word| u32::from_le_bytes(*word)).collect()
        };
        let head = words(program.get(..HEADER)?);
        let mut rest = program.get(HEADER..)?;
        let mut sections: [&[u8]; SECTIONS] = [&[]; SECTIONS];
        for (section, length) in sections.iter_mut().zip(head.get(4..)?) {
            (*section, rest) = rest.split_at_checked(at(*length)?)?;
        }
        let [
            strings,
            uids,
            code,
            policies,
            _,
            _,
            _,
            types,
            entities,
            lists,
            text,
        ] = sections;
        Some(Self {
            strings: words(strings),
            uids: words(uids),
            code: words(code),
            policies: words(policies),
            types: words(types),
            entities: words(entities),
            lists: words(lists),
            text,
        })
    }

    fn string(&self, number: u32) -> Option<String> {
        let row = at(number)?.checked_mul(2)?;
        let start = at(*self.strings.get(row)?)?;
        let length = at(*self.strings.get(row + 1)?)?;
        let bytes = self.text.get(start..start.checked_add(length)?)?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    fn uid(&self, number: u32) -> Option<(String, String)> {
        let row = at(number)?.checked_mul(2)?;
        let kind = self.string(*self.uids.get(row)?)?;
        Some((kind, self.string(*self.uids.get(row + 1)?)?))
    }

    fn list(&self, place: u32) -> Option<&[u32]> {
        let place = at(place)?;
        let count = at(*self.lists.get(place)?)?;
        self.lists
            .get(place + 1..place.checked_add(1)?.checked_add(count)?)
    }

    fn names(&self, place: u32) -> Option<Vec<String>> {
        self.list(place)?
            .iter()
            .map(|name| self.string(*name))
            .collect()
    }

    fn rules(&self) -> Option<Vec<Rule>> {
        let rows = self.policies.chunks_exact(POLICY_WORDS);
        rows.map(|row| {
            Some(Rule {
                forbids: *row.first()? != 0,
                condition: self.expression(at(*row.get(1)?)?)?,
                id: self.string(*row.get(2)?)?,
            })
        })
        .collect()
    }

    fn own_entities(&self) -> Option<Vec<OwnEntity>> {
        let rows = self.entities.chunks_exact(ENTITY_WORDS);
        rows.map(|row| {
            let &[uid, attributes, tags, parents] = row else {
                return None;
            };
            let (kind, id) = self.uid(uid)?;
            let parents = self.list(parents)?.iter().map(|uid| self.uid(*uid));
            Some(OwnEntity {
                kind,
                id,
                attributes: self.literals(attributes)?,
                tags: self.literals(tags)?,
                parents: parents.collect::<Option<_>>()?,
            })
        })
        .collect()
    }

    /// The members of a record of literals.
    fn literals(&self, place: u32) -> Option<Map<String, Expr>> {
        if place == NONE {
            return Some(Map::new());
        }
        let record = self.expression(at(place)?)?;
        record.get("Record")?.as_object().cloned()
    }

    /// The node at a place, as an expression.
    fn expression(&self, place: usize) -> Option<Expr> {
        Node::read(self, place)?.expression()
    }
}

/// A node of code with its operands, and the places of its children.
struct Node<'r> {
    reader: &'r Reader<'r>,
    op: Op,
    operands: &'r [u32],
    children: Vec<usize>,
}

impl<'r> Node<'r> {
    fn read(reader: &'r Reader<'r>, place: usize) -> Option<Self> {
        let header = *reader.code.get(place)?;
        let op = Op::from_code(header & ((1 << OP_BITS) - 1))?;
        let end = place.checked_add(at(header >> OP_BITS)?)?;
        let words = reader.code.get(place + 1..end)?;
        let count = match op {
            Op::Long | Op::Decimal | Op::Datetime | Op::Duration => 2,
            Op::Str | Op::Entity | Op::GetAttr | Op::Is | Op::Call => 1,
            Op::Ip => 6,
            Op::Has | Op::Like | Op::Record => at(*words.first()?)?.checked_add(1)?,
            _ => 0,
        };
        let (operands, _) = words.split_at_checked(count)?;
        let mut children = Vec::new();
        let mut next = place + 1 + count;
        while next < end {
            children.push(next);
            let child = at(*reader.code.get(next)? >> OP_BITS)?;
            next = next.checked_add(child.max(1))?;
        }
        Some(Self {
            reader,
            op,
            operands,
            children,
        })
    }

    fn operand(&self) -> Option<u32> {
        self.operands.first().copied()
    }

    fn name(&self) -> Option<String> {
        self.reader.string(self.operand()?)
    }

    fn names(&self) -> Option<Vec<String>> {
        let names = self.operands.get(1..)?.iter();
        names.map(|name| self.reader.string(*name)).collect()
    }

    fn child(&self, number: usize) -> Option<Expr> {
        self.reader.expression(*self.children.get(number)?)
    }

    fn all(&self) -> Option<Vec<Expr>> {
        let children = self.children.iter();
        children
            .map(|place| self.reader.expression(*place))
            .collect()
    }

    fn two(&self, operator: &str) -> Option<Expr> {
        Some(expr::binary(operator, self.child(0)?, self.child(1)?))
    }

    /// An operation of many, from the left, as Cedar has it: two at a time.
    fn chain(&self, operator: &str, unit: bool) -> Option<Expr> {
        let all = self.all()?;
        let joined = all
            .into_iter()
            .reduce(|left, right| expr::binary(operator, left, right));
        Some(joined.unwrap_or_else(|| expr::truth(unit)))
    }

    fn long(&self) -> Option<i64> {
        let &[low, high] = self.operands else {
            return None;
        };
        let [a, b, c, d] = low.to_le_bytes();
        let [e, f, g, h] = high.to_le_bytes();
        Some(i64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }

    fn expression(&self) -> Option<Expr> {
        Some(match self.op {
            Op::False => expr::truth(false),
            Op::True => expr::truth(true),
            Op::Long => expr::long(self.long()?),
            Op::Str => expr::text(&self.name()?),
            Op::Entity => {
                let (kind, id) = self.reader.uid(self.operand()?)?;
                expr::entity(&kind, &id)
            }
            Op::Principal => expr::var("principal"),
            Op::Action => expr::var("action"),
            Op::Resource => expr::var("resource"),
            Op::Context => expr::var("context"),
            Op::And => self.chain("&&", true)?,
            Op::Or => self.chain("||", false)?,
            Op::Not => expr::unary("!", self.child(0)?),
            Op::Neg => expr::unary("neg", self.child(0)?),
            Op::IsEmpty => expr::unary("isEmpty", self.child(0)?),
            Op::If => expr::choose(self.child(0)?, self.child(1)?, self.child(2)?),
            Op::Eq => self.two("==")?,
            Op::Less => self.two("<")?,
            Op::LessEq => self.two("<=")?,
            Op::Add => self.two("+")?,
            Op::Sub => self.two("-")?,
            Op::Mul => self.two("*")?,
            Op::In => self.two("in")?,
            Op::Contains => self.two("contains")?,
            Op::ContainsAll => self.two("containsAll")?,
            Op::ContainsAny => self.two("containsAny")?,
            Op::GetTag => self.two("getTag")?,
            Op::HasTag => self.two("hasTag")?,
            Op::GetAttr => expr::attr(self.child(0)?, &self.name()?),
            Op::Has => self.has()?,
            Op::Like => self.like()?,
            Op::Is => expr::is(self.child(0)?, &self.name()?),
            Op::Set => expr::set(self.all()?),
            Op::Record => expr::record(self.names()?.into_iter().zip(self.all()?).collect()),
            Op::Call => {
                let function = Function::from_code(self.operand()?)?;
                expr::call(function.name(), self.all()?)
            }
            Op::Decimal => expr::call("decimal", vec![expr::text(&decimal(self.long()?))]),
            Op::Datetime => expr::datetime(self.long()?),
            Op::Duration => expr::duration(self.long()?),
            Op::Ip => expr::call("ip", vec![expr::text(&self.address()?)]),
        })
    }

    /// A path is looked into step by step, as Cedar does.
    fn has(&self) -> Option<Expr> {
        let mut left = self.child(0)?;
        let mut steps = Vec::new();
        for name in self.names()? {
            steps.push(expr::has(left.clone(), &name));
            left = expr::attr(left, &name);
        }
        Some(expr::all(steps))
    }

    fn like(&self) -> Option<Expr> {
        let pieces = self.operands.get(1..)?.iter().map(|piece| match *piece {
            WILDCARD => Some(None),
            text => self.reader.string(text).map(Some),
        });
        let pieces: Vec<Option<String>> = pieces.collect::<Option<_>>()?;
        let pieces = pieces.iter().map(Option::as_deref);
        Some(expr::like(self.child(0)?, pieces))
    }

    fn address(&self) -> Option<String> {
        let &[family, prefix, a, b, c, d] = self.operands else {
            return None;
        };
        let bits = [a, b, c, d]
            .into_iter()
            .fold(0_u128, |bits, word| bits << 32 | u128::from(word));
        Some(match family {
            4 => format!("{}/{prefix}", core::net::Ipv4Addr::from_bits(d)),
            _ => {
                // Cedar reads no IPv4 address inside an IPv6 one.
                let groups = core::net::Ipv6Addr::from_bits(bits).segments();
                let groups = groups.map(|group| format!("{group:x}"));
                format!("{}/{prefix}", groups.join(":"))
            }
        })
    }
}

/// Ten-thousandths as Cedar writes them.
fn decimal(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let value = value.unsigned_abs();
    format!("{sign}{}.{:04}", value / 10_000, value % 10_000)
}

impl Reader<'_> {
    /// The schema in Cedar's JSON form.
    fn schema(&self, own: &[OwnEntity]) -> Option<Value> {
        let mut schema = Map::new();
        let (kinds, actions) = (at(*self.types.first()?)?, at(*self.types.get(1)?)?);
        let mut row = TYPES_HEAD;
        for _ in 0..kinds {
            let cells = self.types.get(row..row + ENTITY_TYPE_WORDS)?;
            let (name, json) = self.entity_type(cells)?;
            put(&mut schema, "entityTypes", &name, json);
            row += ENTITY_TYPE_WORDS;
        }
        for _ in 0..actions {
            let cells = self.types.get(row..row + ACTION_WORDS)?;
            let (kind, id) = self.uid(*cells.first()?)?;
            let namespace = kind.strip_suffix("Action")?.trim_end_matches("::");
            let entity = own.iter().find(|one| one.kind == kind && one.id == id);
            let parents = entity.map(|entity| &entity.parents);
            let json = self.action(cells, parents.map_or(&[], Vec::as_slice))?;
            members(&mut schema, namespace, "actions").insert(id, json);
            row += ACTION_WORDS;
        }
        Some(Value::Object(schema))
    }

    fn entity_type(&self, cells: &[u32]) -> Option<(String, Value)> {
        let &[name, attributes, tags, ancestors, choices] = cells else {
            return None;
        };
        let name = self.string(name)?;
        if choices != NONE {
            return Some((name, json!({"enum": self.names(choices)?})));
        }
        let mut json = json!({
            "shape": self.type_at(attributes)?,
            "memberOfTypes": self.names(ancestors)?,
        });
        if tags != NONE {
            json["tags"] = self.type_at(tags)?;
        }
        Some((name, json))
    }

    fn action(&self, cells: &[u32], parents: &[(String, String)]) -> Option<Value> {
        let &[_, context, principals, resources] = cells else {
            return None;
        };
        let parents = parents
            .iter()
            .map(|(kind, id)| json!({"type": kind, "id": id}));
        let (principals, resources) = (self.names(principals)?, self.names(resources)?);
        let mut json = json!({"memberOf": parents.collect::<Vec<_>>()});
        if !principals.is_empty() && !resources.is_empty() {
            json["appliesTo"] = json!({
                "principalTypes": principals,
                "resourceTypes": resources,
                "context": self.type_at(context)?,
            });
        }
        Some(json)
    }

    fn type_at(&self, place: u32) -> Option<Value> {
        let place = at(place)?;
        let operand = || self.types.get(place + 1).copied();
        let extension = |name: &str| json!({"type": "Extension", "name": name});
        Some(match TypeTag::from_code(*self.types.get(place)?)? {
            TypeTag::Bool => json!({"type": "Boolean"}),
            TypeTag::Long => json!({"type": "Long"}),
            TypeTag::Str => json!({"type": "String"}),
            TypeTag::Entity => json!({"type": "Entity", "name": self.string(operand()?)?}),
            TypeTag::Set => json!({"type": "Set", "element": self.type_at(operand()?)?}),
            TypeTag::Decimal => extension("decimal"),
            TypeTag::Ip => extension("ipaddr"),
            TypeTag::Datetime => extension("datetime"),
            TypeTag::Duration => extension("duration"),
            TypeTag::Record => {
                let count = at(*self.types.get(place + 2)?)?;
                let rows = self.types.get(place + 3..)?.chunks_exact(3).take(count);
                let attributes = rows.map(|row| {
                    let &[name, required, kind] = row else {
                        return None;
                    };
                    let mut json = self.type_at(kind)?;
                    json["required"] = json!(required == 1);
                    Some((self.string(name)?, json))
                });
                let attributes: Map<String, Value> = attributes.collect::<Option<_>>()?;
                json!({"type": "Record", "attributes": attributes})
            }
        })
    }
}

/// The declarations of one kind in a namespace.
fn members<'s>(
    schema: &'s mut Map<String, Value>,
    namespace: &str,
    kind: &str,
) -> &'s mut Map<String, Value> {
    let whole = schema
        .entry(namespace)
        .or_insert_with(|| json!({"entityTypes": {}, "actions": {}}));
    whole[kind]
        .as_object_mut()
        .expect("an object was put there")
}

fn put(schema: &mut Map<String, Value>, kind: &str, name: &str, json: Value) {
    let (namespace, base) = name.rsplit_once("::").unwrap_or(("", name));
    members(schema, namespace, kind).insert(base.to_owned(), json);
}
