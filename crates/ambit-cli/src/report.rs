//! What a command found, for people, for programs and for the annotations of a CI run.

use std::path::{Path, PathBuf};

use ambit_compiler::{Diagnostics, Place, Project, Severity, conceal};
use clap::ValueEnum;
use serde_json::{Map, Value as Json, json};

use crate::failure::{Exit, Failure};
use crate::{files, say};

/// The form of what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Human,
    /// One JSON object on standard output
    Json,
    /// Annotations of GitHub Actions on standard output
    Github,
}

/// One thing to show at its place.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    severity: Severity,
    code: String,
    message: String,
    help: String,
    /// As it is reached from the folder in which the command runs.
    file: Option<String>,
    place: Option<Place>,
}

impl Finding {
    pub(crate) fn new(
        severity: Severity,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            code: code.into(),
            message: conceal(&message.into()),
            help: String::new(),
            file: None,
            place: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = conceal(&help.into());
        self
    }

    /// `file` as it is reached from the folder in which the command runs: [`Report::path`].
    pub(crate) fn at(mut self, file: String, place: Option<Place>) -> Self {
        self.file = Some(conceal(&file));
        self.place = place;
        self
    }

    fn json(&self) -> Json {
        let mut json = json!({
            "severity": self.severity(),
            "code": self.code,
            "message": self.message,
            "help": self.help,
            "file": self.file,
        });
        if let Some(place) = self.place {
            json["line"] = place.line.into();
            json["column"] = place.column.into();
            json["end_line"] = place.end_line.into();
            json["end_column"] = place.end_column.into();
        }
        json
    }

    const fn severity(&self) -> &'static str {
        match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }

    /// `::error file=…,line=…,col=…,title=…::…`
    fn annotation(&self) -> String {
        let mut properties = Vec::new();
        if let Some(file) = &self.file {
            properties.push(format!("file={}", property(file)));
        }
        if let Some(place) = self.place {
            properties.push(format!("line={},col={}", place.line, place.column));
            properties.push(format!("endLine={}", place.end_line));
            // Columns are those of one line.
            if place.end_line == place.line {
                properties.push(format!("endColumn={}", place.end_column));
            }
        }
        properties.push(format!("title={}", property(&self.code)));
        let help = match self.help.as_str() {
            "" => String::new(),
            help => format!("\nhelp: {help}"),
        };
        format!(
            "::{} {}::{}\n",
            self.severity(),
            properties.join(","),
            data(&format!("{}{help}", self.message))
        )
    }
}

/// What may stand after the second `::` of an annotation.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// What may stand in a property of an annotation.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// What a command found. As JSON it is one object:
///
/// ```json
/// {
///   "command": "check", "exit": 0,
///   "diagnostics": [{
///     "severity": "error", "code": "…", "message": "…", "help": "…", "file": "shop/ambit.toml",
///     "line": 1, "column": 1, "end_line": 1, "end_column": 9
///   }]
/// }
/// ```
///
/// with the command's own members between the two lines. `file` may be null, places may be missing.
#[derive(Debug)]
pub(crate) struct Report {
    format: Format,
    members: Map<String, Json>,
    findings: Vec<Finding>,
    /// The project's folder.
    base: PathBuf,
}

/// Does the work of a command, and shows what it found in the form that was asked for.
///
/// `work` tells people by itself, where the report [is for them](Report::is_human); diagnostics are shown
/// in every form.
pub(crate) fn run(
    command: &'static str,
    format: Format,
    work: impl FnOnce(&mut Report) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let mut report = Report {
        format,
        members: Map::from_iter([("command".to_owned(), Json::from(command))]),
        findings: Vec::new(),
        base: PathBuf::new(),
    };
    let ended = work(&mut report);
    report.finish(ended)
}

impl Report {
    /// Whether it is for people: then the command shows its own page.
    pub(crate) fn is_human(&self) -> bool {
        self.format == Format::Human
    }

    /// A member of the JSON object that is the command's own.
    pub(crate) fn member(&mut self, name: &str, value: impl Into<Json>) {
        self.members.insert(name.to_owned(), value.into());
    }

    /// Something for programs and CI. People are told by the command itself.
    pub(crate) fn finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// A file of the project as it is reached from here.
    pub(crate) fn path(&self, file: &str) -> String {
        let path = self.base.join(file);
        let path = path.strip_prefix(".").unwrap_or(&path);
        path.display().to_string().replace('\\', "/")
    }

    /// Faults or warnings in the files of a project, shown in every form.
    pub(crate) fn diagnostics(&mut self, diagnostics: &Diagnostics) {
        if diagnostics.is_empty() {
            return;
        }
        if self.is_human() {
            say::raw(&diagnostics.render(true));
        }
        for one in diagnostics.list() {
            let finding = Finding::new(one.severity, one.code, one.message.as_str())
                .help(one.help.as_str())
                .at(self.path(&one.file), diagnostics.place(one));
            self.finding(finding);
        }
    }

    /// The folder of a project, whose files are shown as they are reached from here.
    pub(crate) fn folder(&mut self, dir: &Path) -> Result<(), Failure> {
        dir.clone_into(&mut self.base);
        files::folder(dir)
    }

    /// Reads a project; its faults and warnings are shown.
    pub(crate) fn project(&mut self, dir: &Path) -> Result<Project, Failure> {
        self.folder(dir)?;
        match Project::load(dir) {
            Ok(project) => {
                self.diagnostics(project.warnings());
                Ok(project)
            }
            Err(faults) => {
                self.diagnostics(&faults);
                Err(Failure::told(Exit::Unusable))
            }
        }
    }

    fn finish(mut self, ended: Result<Exit, Failure>) -> Result<Exit, Failure> {
        if self.is_human() {
            return ended;
        }
        let exit = match ended {
            Ok(exit) => exit,
            Err(failure) => {
                if !failure.is_told() {
                    self.finding(of_failure(&failure));
                }
                failure.exit()
            }
        };
        match self.format {
            Format::Github => {
                let lines = self.findings.iter().map(Finding::annotation);
                say::data(lines.collect::<String>())?;
            }
            _ => {
                let diagnostics = self.findings.iter().map(Finding::json);
                let diagnostics = Json::from_iter(diagnostics);
                // Beside the command's name, at the front.
                self.members
                    .shift_insert(1, "exit".to_owned(), (exit as u8).into());
                self.members.insert("diagnostics".to_owned(), diagnostics);
                say::data(format!("{}\n", Json::Object(self.members)))?;
            }
        }
        Ok(exit)
    }
}

fn of_failure(failure: &Failure) -> Finding {
    let (code, message, file, help) = failure.parts();
    let finding = Finding::new(Severity::Error, code, message).help(help);
    match file {
        Some(file) => finding.at(file.to_owned(), None),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_escaped_as_github_asks() {
        let place = Place {
            line: 3,
            column: 7,
            end_line: 3,
            end_column: 9,
        };
        let finding = Finding::new(Severity::Error, "a.b", "50 % of\nit: a, b")
            .help("write `c`")
            .at("a:b,c/%.toml".to_owned(), Some(place));
        assert_eq!(
            finding.annotation(),
            "::error file=a%3Ab%2Cc/%25.toml,line=3,col=7,endLine=3,endColumn=9,title=a.b::\
             50 %25 of%0Ait: a, b%0Ahelp: write `c`\n"
        );
    }
}
