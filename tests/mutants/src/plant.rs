//! The sources with every change in them, each behind a switch: compiled once, run with one on.

use std::fs;
use std::ops::Range;
use std::path::Path;

use super::sites::{Form, Site, sites};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    /// The file, from the folder of the sources.
    pub file: String,
    pub line: usize,
    pub function: String,
    /// What stands there, and what instead.
    pub change: String,
}

/// The switch. Its number comes from the environment, once.
const SWITCH: &str = r#"
extern crate std;
fn mutant(number: u32) -> bool {
    use core::sync::atomic::{AtomicU32, Ordering};
    static ON: AtomicU32 = AtomicU32::new(u32::MAX);
    let mut on = ON.load(Ordering::Relaxed);
    if on == u32::MAX {
        let said = std::env::var("AMBIT_MUTANT").ok();
        on = said.and_then(|text| text.parse().ok()).unwrap_or(0);
        ON.store(on, Ordering::Relaxed);
    }
    on == number
}
"#;

/// Puts the module in `folder` into one text, with all mutants in it. Mutants count from 1.
pub(super) fn plant(folder: &Path) -> Result<(String, Vec<Mutant>), String> {
    let mut planter = Planter {
        root: folder,
        mutants: Vec::new(),
    };
    let module = planter.module(folder, "mod.rs")?;
    // What is included can have no documentation of its own.
    let head = module.lines().take_while(|line| line.starts_with("//!"));
    let head: usize = head.map(|line| line.len() + 1).sum();
    Ok((format!("{SWITCH}{}", &module[head..]), planter.mutants))
}

struct Planter<'p> {
    root: &'p Path,
    mutants: Vec<Mutant>,
}

impl Planter<'_> {
    /// The text of a file, the modules that it names put inside.
    fn module(&mut self, folder: &Path, file: &str) -> Result<String, String> {
        let path = folder.join(file);
        let source = fs::read_to_string(&path);
        let source = source.map_err(|error| format!("{}: {error}", path.display()))?;
        let shown = path.strip_prefix(self.root).unwrap_or(&path);
        let found = sites(&source).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut file = File {
            name: shown.display().to_string(),
            source: &source,
            sites: found,
            mutants: &mut self.mutants,
        };
        let text = file.planted();
        let mut out = String::new();
        for line in text.lines() {
            let name = line.trim().strip_suffix(';').and_then(|declared| {
                let name = declared.strip_prefix("pub ").unwrap_or(declared);
                name.strip_prefix("mod ")
            });
            match name {
                Some(name) => {
                    let inner = if folder.join(format!("{name}.rs")).exists() {
                        self.module(folder, &format!("{name}.rs"))?
                    } else {
                        self.module(&folder.join(name), "mod.rs")?
                    };
                    out += &format!("{} {{\n{inner}\n}}\n", line.trim_end_matches(';'));
                }
                None => {
                    out += line;
                    out.push('\n');
                }
            }
        }
        // The switch reads the environment, which no constant function can.
        Ok(out.replace("const fn", "fn"))
    }
}

struct File<'f> {
    name: String,
    source: &'f str,
    sites: Vec<Site>,
    mutants: &'f mut Vec<Mutant>,
}

impl File<'_> {
    fn planted(&mut self) -> String {
        let mut sites = std::mem::take(&mut self.sites);
        // Outer before inner; of two at one place, the one that was found first is outside.
        sites.sort_by_key(|site| (site.range.start, usize::MAX - site.range.end));
        self.render(0..self.source.len(), &sites)
    }

    fn render(&mut self, range: Range<usize>, sites: &[Site]) -> String {
        let mut out = String::new();
        let mut at = range.start;
        let mut rest = sites;
        while let Some((site, later)) = rest.split_first() {
            let inside = later
                .iter()
                .take_while(|inner| inner.range.end <= site.range.end);
            let inside = inside.count();
            let (inner, after) = later.split_at(if site.range.is_empty() { 0 } else { inside });
            out += &self.source[at..site.range.start];
            let original = self.render(site.range.clone(), inner);
            out += &self.switched(site, &original);
            at = site.range.end;
            rest = after;
        }
        out + &self.source[at..range.end]
    }

    fn switched(&mut self, site: &Site, original: &str) -> String {
        let mut out = String::new();
        let mut branches = String::new();
        for change in &site.changes {
            let number = self.add(site, change);
            let on = format!("crate::cedar::mutant({number})");
            match site.form {
                Form::Expression => branches += &format!("if {on} {{ {change}\n}} else "),
                Form::Statement => branches += &format!("if !{on} "),
                Form::Body => out += &format!(" if {on} {{ return {change}; }} "),
                Form::Arm => out += &format!(" if !{on}"),
            }
        }
        match site.form {
            Form::Expression => format!("({branches}{{ {original}\n}})"),
            Form::Statement => format!("{branches}{{ {original}\n}}"),
            Form::Body | Form::Arm => out + original,
        }
    }

    fn add(&mut self, site: &Site, change: &str) -> usize {
        let short = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let original = short(&self.source[site.range.clone()]);
        let change = match site.form {
            Form::Expression => format!("{original} => {}", short(change)),
            Form::Statement => format!("without {original}"),
            Form::Body => format!("gives {change}"),
            Form::Arm => {
                let before = &self.source[..site.range.start];
                let arm = before.rsplit('\n').next().unwrap_or_default();
                format!("without arm {}", short(arm))
            }
        };
        self.mutants.push(Mutant {
            file: self.name.clone(),
            line: site.line,
            function: site.function.clone(),
            change,
        });
        self.mutants.len()
    }
}
