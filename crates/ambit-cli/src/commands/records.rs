//! `ambit records`

use std::path::PathBuf;

use ambit_broker::{Archive, Config, Denied, Kept, Lessons, Override, Unused};
use ambit_compiler::conceal;
use ambit_gateway::Policy;
use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::fetching::FetchingArgs;
use crate::module::Trusting;
use crate::say::{self, foreign};
use crate::serving::unusable;
use crate::time;

/// Export what enforcement points decided, report what it teaches, or list what was allowed by break-glass
///
/// Reads the broker's database, in which the records are that enforcement points posted (`docs/broker.md`, section 9).
/// The broker may run meanwhile.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES, group = ArgGroup::new("how").required(true))]
pub(crate) struct Records {
    /// The broker's file
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// Write the records as a JSON array, one a line
    #[arg(long, group = "how")]
    json: bool,
    /// Write the records as CSV, with a line of names
    #[arg(long, group = "how")]
    csv: bool,
    /// Report denials by reason and capability, what is always denied, and what is never used
    #[arg(long, group = "how")]
    report: bool,
    /// List what people allowed by break-glass, what nobody has reviewed first
    #[arg(long, group = "how")]
    review: bool,
    /// How far back; by default 30 days for a report, and all that is kept (90 days) for an export
    #[arg(long, value_name = "TIME", value_parser = time::parse_life)]
    last: Option<i64>,
    /// The policy module, or its bundle, for a report of what its manifests hold and no call used
    #[arg(long, value_name = "FILE", requires = "trust", conflicts_with_all = ["json", "csv", "review"])]
    module: Option<PathBuf>,
    /// The public keys whose signatures count (`keys.json`)
    #[arg(long, value_name = "FILE", requires = "module")]
    trust: Option<PathBuf>,
    /// What time it is (2026-02-25T09:00:00Z, or seconds since 1970), instead of now
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    now: Option<i64>,
}

const NOTES: &str = "\
What is proposed is proposed and not done: read it with somebody who knows what the agent is for. A capability that is \
needed once a year is not used in 30 days.

Exit codes: 0 written, 3 the command line or a file it names is unusable.

Examples:
  ambit records broker.toml --csv > records.csv
  ambit records broker.toml --json --last 1d
  ambit records broker.toml --report --module policy.wasm --trust keys.json
  ambit records broker.toml --review";

/// Seconds of a report.
const MONTH: i64 = 30 * 86_400;

impl Records {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let now = self.now.unwrap_or_else(time::now);
        let config = Config::read(&self.config).map_err(|fault| unusable(&fault))?;
        let archive = Archive::open(config).map_err(|fault| unusable(&fault))?;
        let since = now - self.last.unwrap_or(if self.report { MONTH } else { now });
        if self.review {
            let overrides = archive.overrides().map_err(|fault| unusable(&fault))?;
            let all: String = overrides.iter().map(reviewed).collect();
            say::data(if all.is_empty() {
                "nothing was allowed by break-glass\n".to_owned()
            } else {
                all
            })?;
        } else if self.report {
            let lessons = self.lessons(&archive, since, now)?;
            say::data(told(&lessons, since, self.module.is_some()))?;
        } else if self.csv {
            export(&archive, since, (HEAD, "", ""), csv)?;
        } else {
            export(&archive, since, ("[", ",", "\n]\n"), json)?;
        }
        Ok(Exit::Done)
    }

    fn lessons(&self, archive: &Archive, since: i64, now: i64) -> Result<Lessons, Failure> {
        let (Some(module), Some(trust)) = (&self.module, &self.trust) else {
            return archive
                .lessons(None, since)
                .map_err(|fault| unusable(&fault));
        };
        let trusting = Trusting::by(trust.clone(), now);
        let source = trusting.source(module, &FetchingArgs::default(), None)?;
        let policy = Policy::open(source, now).map_err(|fault| unusable(&fault))?;
        policy
            .with_bundle(|bundle| archive.lessons(Some(bundle), since))
            .map_err(|fault| unusable(&fault))
    }
}

/// Writes all of them, as they are read.
fn export(
    archive: &Archive,
    since: i64,
    (head, between, end): (&str, &str, &str),
    line: fn(&Kept) -> String,
) -> Result<(), Failure> {
    say::data(head)?;
    let mut first = true;
    archive.each(since, |kept| {
        let between = if first { "" } else { between };
        first = false;
        // As it is kept: nothing that looks like a token was taken.
        say::data(format!("{between}\n{}", line(kept))).map_err(Ended::Output)
    })?;
    say::data(if end.is_empty() { "\n" } else { end })
}

/// Why an export ended before its end.
enum Ended {
    Output(Failure),
    Read(ambit_gateway::Fault),
}

impl From<ambit_gateway::Fault> for Ended {
    fn from(fault: ambit_gateway::Fault) -> Self {
        Self::Read(fault)
    }
}

impl From<Ended> for Failure {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Output(failure) => failure,
            Ended::Read(fault) => unusable(&fault),
        }
    }
}

fn json(kept: &Kept) -> String {
    let record: Value = serde_json::from_str(&kept.record).unwrap_or_default();
    json!({"point": kept.point, "source": kept.source, "id": kept.id, "time": time::show(kept.at),
        "received": time::show(kept.received), "verdict": kept.verdict, "reason": kept.reason,
        "record_s256": kept.s256, "record": record})
    .to_string()
}

/// What of a record stands in CSV, in this order, behind what is kept beside it.
const COLUMNS: [&str; 15] = [
    "/agent/uid",
    "/actor/sub",
    "/subject",
    "/tenant",
    "/action",
    "/power",
    "/resource/type",
    "/resource/id",
    "/purpose",
    "/audience",
    "/args_s256",
    "/policy/uid",
    "/policy/version",
    "/tokens",
    "/receipts",
];
const HEAD: &str = "time,received,point,source,id,verdict,reason,agent,actor,subject,tenant,action,power,resource_type,resource_id,\
purpose,audience,args_s256,policy,policy_version,tokens,receipts,record_s256";

fn csv(kept: &Kept) -> String {
    let record: Value = serde_json::from_str(&kept.record).unwrap_or_default();
    let column = |path: &&str| match record.pointer(path) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) if all.is_empty() => String::new(),
        Some(other) => other.to_string(),
    };
    let (at, received) = (time::show(kept.at), time::show(kept.received));
    let before = [
        &at,
        &received,
        &kept.point,
        &kept.source,
        &kept.id,
        &kept.verdict,
        &kept.reason,
    ];
    let cells = before
        .into_iter()
        .cloned()
        .chain(COLUMNS.iter().map(column));
    let cells = cells.chain([kept.s256.clone()]).map(|text| cell(&text));
    cells.collect::<Vec<_>>().join(",")
}

/// A cell (RFC 4180). What a spreadsheet would take for a formula is a text: agents choose names of resources.
fn cell(text: &str) -> String {
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    };
    if text.contains(['"', ',', '\n', '\r', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// An override, and whether somebody has looked at it.
fn reviewed(one: &Override) -> String {
    let name = |text: &str| foreign(text, 500);
    let state = match &one.reviewed {
        Some((who, at)) => format!("reviewed by {}, {}", name(who), time::show(*at)),
        None => "not reviewed".to_owned(),
    };
    let told = format!(
        "{}  {state}\n      by {}, for {} and the agent {}\n      {}\n      because: {}\n",
        time::show(one.at),
        name(&one.by),
        name(&one.sub),
        name(&one.client),
        name(&one.what),
        name(&one.reason)
    );
    conceal(&told)
}

/// The report, for people.
fn told(lessons: &Lessons, since: i64, by_policy: bool) -> String {
    let mut text = format!(
        "{} decisions of {} enforcement points since {}\n",
        lessons.decisions,
        lessons.points,
        time::show(since)
    );
    let mut line = |told: String| {
        text.push_str(&conceal(&told));
        text.push('\n');
    };
    if let Some(oldest) = lessons.oldest.filter(|oldest| *oldest > since + 86_400) {
        line(format!(
            "the first of them is of {}: nothing is known of the time before",
            time::show(oldest)
        ));
    }
    line("\nDenied, by reason and capability".to_owned());
    for one in &lessons.denials {
        line(format!(
            "{:>8}  {:<28}  {}",
            one.count,
            one.reason,
            capability(one)
        ));
    }
    if lessons.denials.is_empty() {
        line("      nothing".to_owned());
    }
    line("\nAsked, and never allowed: the agent asks for what it may not do, or may not do what it needs".to_owned());
    for one in &lessons.never_allowed {
        line(format!("{:>8}  {}", one.count, capability(one)));
    }
    if lessons.never_allowed.is_empty() {
        line("      nothing".to_owned());
    }
    if !by_policy {
        line("\nWhat was never used: name --module and --trust".to_owned());
        return text;
    }
    line("\nHeld by a manifest, and never used".to_owned());
    for one in &lessons.unused {
        line(proposal(one));
    }
    if lessons.unused.is_empty() {
        line("      nothing".to_owned());
    }
    for agent in &lessons.silent {
        let agent = foreign(agent, 100);
        line(format!(
            "      {agent}: no record of this agent came, so nothing is proposed"
        ));
    }
    text
}

fn capability(one: &Denied) -> String {
    if one.action.is_empty() {
        return "what was asked was not established".to_owned();
    }
    let name = |text: &str| match text {
        "" => "?".to_owned(),
        text => foreign(text, 100),
    };
    format!(
        "{}: {} ({}) on {}",
        name(&one.agent),
        name(&one.action),
        name(&one.power),
        name(&one.on)
    )
}

/// Which entry to take out, or what of it.
fn proposal(one: &Unused) -> String {
    let list = |all: &[String]| foreign(&all.join(", "), 300);
    let head = format!(
        "      {}, entry {} of [[capabilities]]: {} ({}) for {}\n",
        foreign(&one.agent, 100),
        one.entry,
        list(&one.actions),
        list(&one.privileges),
        foreign(&one.purpose, 100)
    );
    if one.calls == 0 {
        return format!("{head}                no call was allowed by it: take it out");
    }
    let less = |name: &str, idle: &[String]| {
        (!idle.is_empty()).then(|| format!("take {} out of `{name}`", list(idle)))
    };
    let less = [
        less("actions", &one.idle_actions),
        less("privileges", &one.idle_privileges),
    ];
    let less: Vec<String> = less.into_iter().flatten().collect();
    format!(
        "{head}                {} calls, none of which needs all of it: {}",
        one.calls,
        less.join(", and ")
    )
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_a_text_and_no_formula() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@x", "\"'@x\""),
            ("two\nlines", "\"two\nlines\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
