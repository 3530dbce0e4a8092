//! Where the declarations, attributes and annotations of a schema stand in its text.
//!
//! Cedar's JSON form has the annotations but not their places; this reads the places.

use core::ops::Range;
use std::collections::BTreeMap;

use super::token::{Kind, Token, tokens};

/// What is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Entity,
    Action,
    Type,
}

/// One annotation: `@name` or `@name("value")`.
#[derive(Clone, Debug)]
pub(super) struct Annotation {
    pub(super) name: String,
    pub(super) name_span: Range<usize>,
    pub(super) value: String,
    /// The value with its quotes, or the name where there is no value.
    pub(super) value_span: Range<usize>,
}

/// A declaration or attribute: where its name stands, and its annotations.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) span: Range<usize>,
    pub(super) annotations: Vec<Annotation>,
}

impl Item {
    pub(super) fn annotation(&self, name: &str) -> Option<&Annotation> {
        self.annotations.iter().find(|one| one.name == name)
    }
}

/// A declaration's place in the schema: kind, namespace, name.
pub(super) type Key = (What, String, String);

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Declarations, each with its attributes by path: `["name"]` in an entity,
    /// `["context", "to"]` in an action.
    pub(super) declarations: BTreeMap<Key, Item>,
    pub(super) attributes: BTreeMap<(Key, Vec<String>), Item>,
    /// Attributes declared twice in one record: Cedar keeps one of them without a word.
    pub(super) twice: Vec<(String, Range<usize>)>,
    pub(super) namespaces: Vec<(String, Range<usize>)>,
    /// Annotations of namespaces.
    pub(super) outside: Vec<Annotation>,
}

impl Source {
    pub(super) fn read(text: &str) -> Self {
        let tokens = tokens(text);
        let mut scanner = Scanner {
            tokens: &tokens,
            at: 0,
            found: Self::default(),
        };
        scanner.declarations("");
        scanner.found
    }

    /// The common types, each with its place and the names in its declaration.
    pub(super) fn type_links(&self, text: &str) -> BTreeMap<String, (Range<usize>, Vec<String>)> {
        let words = tokens(text);
        let mut found = BTreeMap::new();
        for ((what, _, name), item) in &self.declarations {
            if *what != What::Type {
                continue;
            }
            let start = words.partition_point(|word| word.span.start < item.span.end);
            let body = words.iter().skip(start).take_while(|word| !word.is(";"));
            let names = body.filter(|word| word.kind == Kind::Name);
            let entry = found.entry(name.clone());
            let (_, named): &mut (Range<usize>, Vec<String>) =
                entry.or_insert_with(|| (item.span.clone(), Vec::new()));
            named.extend(names.map(|word| word.text.clone()));
        }
        found
    }

    /// The place of a declaration, or the start of the file.
    pub(super) fn declared(&self, key: &Key) -> Range<usize> {
        self.declarations
            .get(key)
            .map_or(0..0, |item| item.span.clone())
    }
}

struct Scanner<'a> {
    tokens: &'a [Token],
    at: usize,
    found: Source,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&'a Token> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(sign));
        if found {
            self.at += 1;
        }
        found
    }

    fn declarations(&mut self, namespace: &str) {
        let mut annotations = Vec::new();
        while let Some(token) = self.next() {
            match (&token.kind, token.text.as_str()) {
                (Kind::Sign, "@") => annotations.extend(self.annotation()),
                (Kind::Sign, "}") if !namespace.is_empty() => return,
                (Kind::Name, "namespace") => {
                    let (name, span) = self.path();
                    self.accept("{");
                    self.found.namespaces.push((name.clone(), span));
                    self.found.outside.append(&mut annotations);
                    self.declarations(&name);
                }
                (Kind::Name, word) => {
                    let what = match word {
                        "action" => What::Action,
                        "type" => What::Type,
                        _ => What::Entity,
                    };
                    self.declaration(what, namespace, core::mem::take(&mut annotations));
                }
                _ => {}
            }
        }
    }

    fn path(&mut self) -> (String, Range<usize>) {
        let start = self.peek().map_or(0, |token| token.span.start);
        let (mut name, mut end) = (String::new(), start);
        while let Some(token) = self.peek() {
            if token.kind == Kind::Name || token.is("::") {
                name.push_str(&token.text);
                end = token.span.end;
                self.at += 1;
            } else {
                break;
            }
        }
        (name, start..end)
    }

    fn annotation(&mut self) -> Option<Annotation> {
        let name = self.next()?;
        let mut annotation = Annotation {
            name: name.text.clone(),
            name_span: name.span.clone(),
            value: String::new(),
            value_span: name.span.clone(),
        };
        if self.accept("(") {
            if let Some(value) = self.next().filter(|token| token.kind == Kind::Text) {
                annotation.value.clone_from(&value.text);
                annotation.value_span = value.span.clone();
            }
            self.accept(")");
        }
        Some(annotation)
    }

    /// `NAME, NAME … ;` with whatever records stand in it.
    fn declaration(&mut self, what: What, namespace: &str, annotations: Vec<Annotation>) {
        let mut keys: Vec<Key> = Vec::new();
        while let Some(name) = self.next() {
            let key = (what, namespace.to_owned(), name.text.clone());
            let item = Item {
                span: name.span.clone(),
                annotations: annotations.clone(),
            };
            self.found.declarations.insert(key.clone(), item);
            keys.push(key);
            if !self.accept(",") {
                break;
            }
        }
        while let Some(token) = self.next() {
            if token.is("{") {
                self.record(&keys, &mut Vec::new());
            } else if token.is(";") {
                return;
            }
        }
    }

    /// The attributes of a record up to its `}`, records inside it included.
    fn record(&mut self, keys: &[Key], path: &mut Vec<String>) {
        let mut annotations = Vec::new();
        let mut named: Vec<String> = Vec::new();
        while let Some(token) = self.next() {
            if token.is("@") {
                annotations.extend(self.annotation());
            } else if token.is("}") {
                return;
            } else if token.is("{") {
                path.extend(named.last().cloned());
                self.record(keys, path);
                path.pop();
            } else if token.kind != Kind::Sign && self.starts_attribute() {
                if named.contains(&token.text) {
                    let twice = (token.text.clone(), token.span.clone());
                    self.found.twice.push(twice);
                }
                named.push(token.text.clone());
                let mut path = path.clone();
                path.push(token.text.clone());
                let item = Item {
                    span: token.span.clone(),
                    annotations: core::mem::take(&mut annotations),
                };
                for key in keys {
                    let place = (key.clone(), path.clone());
                    self.found.attributes.insert(place, item.clone());
                }
            }
        }
    }

    /// Whether `:` or `?:` follows, and steps over it.
    fn starts_attribute(&mut self) -> bool {
        let before = self.at;
        self.accept("?");
        let found = self.accept(":");
        if !found {
            self.at = before;
        }
        found
    }
}
