//! The sources with every change in them, each behind a switch: compiled once, run with one on.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::constant;
use super::groups::Group;
use super::sites::{Form, Site, sites};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    /// The name of its group.
    pub group: &'static str,
    /// From the root.
    pub file: String,
    pub line: usize,
    pub function: String,
    /// What stands there, and what instead.
    pub change: String,
    /// Written by hand, in `tests/faults.toml`.
    pub by_hand: bool,
}

/// `tests/faults.toml`: faults that somebody thought of.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    #[serde(default)]
    fault: Vec<Fault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    name: String,
    file: String,
    /// An expression that stands in the file once.
    from: String,
    to: String,
}

/// The switch. Its number comes from the environment, once.
const SWITCH: &str = r#"
extern crate std as planted_std;
/// Whether this fault is on.
#[doc(hidden)]
pub(crate) fn planted(number: u32) -> bool {
    use core::sync::atomic::{AtomicU32, Ordering};
    static ON: AtomicU32 = AtomicU32::new(u32::MAX);
    let mut on = ON.load(Ordering::Relaxed);
    if on == u32::MAX {
        let said = planted_std::env::var("AMBIT_MUTANT").ok();
        on = said.and_then(|text| text.parse().ok()).unwrap_or(0);
        ON.store(on, Ordering::Relaxed);
    }
    on == number
}
"#;

/// All faults of some groups. They count from 1.
#[derive(Debug)]
pub(super) struct Planting {
    pub mutants: Vec<Mutant>,
    sources: Vec<Source>,
    /// Functions that constants call, which cannot ask for a switch.
    constant: BTreeSet<String>,
    /// Changes that do not compile.
    left_out: BTreeSet<usize>,
}

#[derive(Debug)]
struct Source {
    file: PathBuf,
    text: String,
    /// Each with the number of its first change.
    sites: Vec<(usize, Site)>,
}

impl Planting {
    /// Finds what can be changed in the files of these groups.
    pub(super) fn read(
        root: &Path,
        files: &[PathBuf],
        groups: &[&'static Group],
    ) -> Result<Self, String> {
        let mut planting = Self {
            mutants: Vec::new(),
            sources: Vec::new(),
            constant: constant::functions(root, files, |file| {
                groups.iter().any(|group| group.has(file))
            })?,
            left_out: BTreeSet::new(),
        };
        let text = fs::read_to_string(root.join("tests/faults.toml"));
        let text = text.map_err(|error| format!("tests/faults.toml: {error}"))?;
        let by_hand: ByHand = toml::from_str(&text).map_err(|error| error.to_string())?;
        for file in files.iter().filter(|file| is_source(file)) {
            let Some(group) = groups.iter().find(|group| group.has(file)) else {
                continue;
            };
            let text = fs::read_to_string(root.join(file));
            let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
            let faults = by_hand
                .fault
                .iter()
                .filter(|one| Path::new(&one.file) == file);
            planting.add(group.name, file, &text, faults)?;
        }
        Ok(planting)
    }

    fn add<'f>(
        &mut self,
        group: &'static str,
        file: &Path,
        text: &str,
        faults: impl Iterator<Item = &'f Fault>,
    ) -> Result<(), String> {
        let shown = file.display().to_string();
        let mut found = sites(text, &self.constant).map_err(|error| format!("{shown}: {error}"))?;
        for fault in faults {
            found.push(fault.site(text)?);
        }
        // Outer before inner; of two at one place, the one that was found first is outside.
        found.sort_by_key(|site| (site.range.start, usize::MAX - site.range.end));
        let mut sites = Vec::with_capacity(found.len());
        for site in found {
            let first = self.mutants.len() + 1;
            let mutants = site.changes.iter().map(|change| Mutant {
                group,
                file: shown.clone(),
                line: site.line,
                function: site.function.clone(),
                change: described(text, &site, change),
                by_hand: site.by_hand,
            });
            self.mutants.extend(mutants);
            sites.push((first, site));
        }
        self.sources.push(Source {
            file: file.to_path_buf(),
            text: text.to_owned(),
            sites,
        });
        Ok(())
    }

    /// Whether this one compiles.
    pub(super) fn is_in(&self, number: usize) -> bool {
        !self.left_out.contains(&number)
    }

    /// The files with everything planted in them.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&Path, String)> {
        self.sources
            .iter()
            .map(|source| (source.file.as_path(), self.planted(source)))
    }

    fn planted(&self, source: &Source) -> String {
        let sites: Vec<&(usize, Site)> = source.sites.iter().collect();
        let text = self.render(&source.text, 0..source.text.len(), &sites);
        self.without_const(text)
    }

    /// The switch reads the environment, which no constant function can.
    pub(super) fn without_const(&self, text: String) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("const fn ") {
            let name = after
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            out += before;
            out += if self.constant.contains(name.unwrap_or_default()) {
                "const fn "
            } else {
                "fn "
            };
            rest = after;
        }
        out + rest
    }

    fn render(&self, text: &str, range: Range<usize>, sites: &[&(usize, Site)]) -> String {
        let mut out = String::new();
        let mut at = range.start;
        let mut rest = sites;
        while let Some((site, later)) = rest.split_first() {
            let (first, site) = site;
            let inside = later
                .iter()
                .take_while(|(_, inner)| inner.range.end <= site.range.end);
            let inside = inside.count();
            let (inner, after) = later.split_at(if site.range.is_empty() { 0 } else { inside });
            out += &text[at..site.range.start];
            let original = self.render(text, site.range.clone(), inner);
            out += &self.switched(*first, site, original);
            at = site.range.end;
            rest = after;
        }
        out + &text[at..range.end]
    }

    fn switched(&self, first: usize, site: &Site, original: String) -> String {
        let mut branches = String::new();
        for (number, change) in (first..).zip(&site.changes) {
            if self.left_out.contains(&number) {
                continue;
            }
            let on = format!("crate::planted({number})");
            let branch = match site.form {
                Form::Expression => format!("if {on} {{ {change}\n}} else "),
                Form::Statement => format!("if !{on} "),
                Form::Body => format!(" if {on} {{ return {change}; }} "),
                Form::Arm => format!(" if !{on}"),
            };
            branches += &format!("/*<{number}*/{branch}/*>{number}*/");
        }
        if branches.is_empty() {
            return original;
        }
        let whole = match site.form {
            Form::Expression => format!("({branches}{{ {original}\n}})"),
            Form::Statement => format!("{branches}{{ {original}\n}}"),
            Form::Body | Form::Arm => branches + &original,
        };
        format!("/*[{first}*/{whole}/*]{first}*/")
    }

    /// Leaves out whatever an error is about: the change that it points into, or all changes of the
    /// site around it, or all of the functions that it points into.
    pub(super) fn leave_out(&mut self, file: &Path, error: &Range<usize>) -> bool {
        let Some(source) = self.sources.iter().find(|source| source.file == file) else {
            return false;
        };
        let text = self.planted(source);
        let between = |open: String, close: String| {
            let range = text.find(&open)?..text.find(&close)? + close.len();
            (range.start <= error.start && error.end <= range.end).then(|| range.len())
        };
        let all = source.sites.iter();
        let numbers = all
            .clone()
            .flat_map(|(first, site)| *first..*first + site.changes.len());
        let change = numbers
            .filter_map(|number| {
                Some((
                    between(format!("/*<{number}*/"), format!("/*>{number}*/"))?,
                    number,
                ))
            })
            .min();
        if let Some((_, number)) = change {
            return self.left_out.insert(number);
        }
        let site = all
            .clone()
            .filter_map(|(first, site)| {
                let length = between(format!("/*[{first}*/"), format!("/*]{first}*/"))?;
                Some((length, *first, site.changes.len()))
            })
            .min();
        if let Some((_, first, count)) = site {
            self.left_out.extend(first..first + count);
            return true;
        }
        // An arm that is passed by may leave a match without an end.
        let lines = text[..error.start.min(text.len())].matches("fn ").count();
        let near = all.filter(|(first, _)| {
            let at = text.find(&format!("/*[{first}*/"));
            at.is_some_and(|at| text[..at].matches("fn ").count() == lines)
        });
        let near: Vec<usize> = near
            .flat_map(|(first, site)| *first..*first + site.changes.len())
            .collect();
        let before = self.left_out.len();
        self.left_out.extend(near);
        self.left_out.len() > before
    }

    /// Keeps a function constant, because the compiler says that a constant calls it.
    pub(super) fn keep_constant(&mut self, name: &str) -> bool {
        for source in &self.sources {
            for (first, site) in &source.sites {
                if site.function == name {
                    self.left_out.extend(*first..*first + site.changes.len());
                }
            }
        }
        self.constant.insert(name.to_owned())
    }

    /// The library files that need the switch.
    pub(super) fn libraries(&self) -> BTreeSet<PathBuf> {
        let library = |source: &Source| {
            let mut folders = source.file.ancestors();
            let folder = folders.find(|folder| folder.ends_with("src"))?;
            Some(folder.join("lib.rs"))
        };
        self.sources.iter().filter_map(library).collect()
    }

    /// A library file with the switch.
    pub(super) fn with_switch(text: &str) -> String {
        format!("{text}{SWITCH}")
    }
}

impl Fault {
    fn site(&self, text: &str) -> Result<Site, String> {
        let Self { name, from, .. } = self;
        let mut places = text.match_indices(from.as_str());
        let (Some((at, _)), None) = (places.next(), places.next()) else {
            return Err(format!(
                "fault `{name}`: `{from}` does not stand there once"
            ));
        };
        Ok(Site {
            range: at..at + from.len(),
            form: Form::Expression,
            function: name.clone(),
            line: text[..at].matches('\n').count() + 1,
            changes: vec![self.to.clone()],
            by_hand: true,
        })
    }
}

fn is_source(file: &Path) -> bool {
    let is_tests = file.file_stem().is_some_and(|stem| stem == "tests");
    file.extension().is_some_and(|extension| extension == "rs") && !is_tests
}

fn described(text: &str, site: &Site, change: &str) -> String {
    let short = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let original = short(&text[site.range.clone()]);
    match site.form {
        Form::Expression => format!("{original} => {}", short(change)),
        Form::Statement => format!("without {original}"),
        Form::Body => format!("gives {change}"),
        Form::Arm => {
            let before = &text[..site.range.start];
            let arm = before.rsplit('\n').next().unwrap_or_default();
            format!("without arm {}", short(arm))
        }
    }
}
