//! No secret leaves: whatever is planted in whatever a command reads appears in nothing that it writes,
//! but in the file that was asked for.

#[path = "../common/mod.rs"]
mod common;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use common::{Project, Run, ambit_in};
use rows::{ROWS, Row};

/// Options whose value is said, signed or written as it is: names. A key in their place is a name too.
const NAMES: &[&str] = &[
    "--uid",
    "--kid",
    "--iss",
    "--sub",
    "--aud",
    "--audience",
    "--location",
    "--tenant",
    "--agent",
    "--act",
    "--log-name",
    "--name",
    "--server",
    "--prefix",
    "--service",
    "--policy",
    "--choose",
    "--rp-id",
    "--origin",
    "--action",
    "--via",
];

/// Options whose value is the file that was asked for.
const OUTPUTS: &[&str] = &[
    "--output",
    "--log",
    "--seen",
    "--ledger",
    "--junit",
    "--write",
    "--shadow-report",
    "--sql",
];

const PDP: &str = "url = \"https://pdp.example\"\naudience = \"https://mail.example\"\n";

const FORWARD: &str = "front = \"nginx\"\nurl = \"https://mail.example\"\naudience = \"https://mail.example\"\npurpose = \"p\"\n[[routes]]\nmethod = \"POST\"\npath = \"/mail/{to}\"\naction = \"email\"\npower = \"draft\"\nresource = { type = \"Contact\", id = \"{to}\" }\nargs.to = \"{to}\"\n";

const MCP: &str = "server = \"mail\"\naudience = \"https://mail.example\"\ntoken = \"token.jwt\"\npurpose = \"p\"\nresource = { type = \"Contact\", id = \"c\" }\n";

const BROKER: &str = r#"issuer = "https://issuer.example"
database = "broker.sqlite"
token_key = "keys/issuer.jwk"
receipt_key = "keys/approve.jwk"
[[clients]]
client_id = "https://agents.example/1"
keys = ["keys/agent.pub.jwk"]
redirect_uris = ["https://agents.example/callback"]
audiences = ["https://mail.example"]
act = "https://agents.example/1"
agent = { uid = "assistant" }
"#;

/// A project with all that the rows read, and a secret of its own: the issuer's private key.
struct World {
    project: Project,
    key: String,
    secret: String,
    /// Every file, as it was before a run.
    before: BTreeMap<String, Vec<u8>>,
}

/// The broker's file, its database, a copy of it, and what opens key files.
fn add_copy_and_passphrase(project: &Project) {
    project.write("broker.toml", BROKER);
    let check = ROWS.iter().find(|row| row.command == "serve");
    project.ambit(&split(check.unwrap())).expect(2);
    let copy = ["backup", "broker.toml", "-o", "copy.sqlite"];
    project.ambit(&copy).expect(0);
    project.write("passphrase", "correct horse");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(project.path("passphrase"), mode).unwrap();
    }
}

/// A log with a decision, and the proof of its first line.
fn add_log(project: &Project, request: &str) {
    project.ambit(&["keygen", "-o", "keys/log.jwk"]).expect(0);
    let log = ["--log", "kept.log", "--log-key", "keys/log.jwk"];
    let native = [&log[..], &["--engine", "native"]].concat();
    project.evaluate(&native, request).expect(0);
    let prove = "audit prove kept.log --key keys/log.jwk --line 1";
    let prove: Vec<&str> = prove.split(' ').collect();
    project.write("proof.json", project.ambit(&prove).expect(0).out);
}

/// What gateways read.
fn add_gateways(project: &Project) {
    project.write("pdp.toml", PDP);
    project.write("mcp.toml", MCP);
    let servers = "authorization_servers = [\"https://issuer.example\"]";
    let shared = MCP.replace("token = \"token.jwt\"", servers);
    project.write("shared.toml", shared);
    project.write("forward.toml", FORWARD);
    project.write("proxy.toml", FORWARD.replace("nginx", "proxy"));
    project.write("ca.pem", include_str!("../forward/tls/ca.pem"));
    project.write("server.pem", include_str!("../forward/tls/server.pem"));
    project.write("server.key", include_str!("../forward/tls/server.key"));
}

impl World {
    fn new() -> Self {
        let project = Project::granted();
        let request = project.read("request.json");
        add_log(&project, &request);
        let asked = common::pay("propose", "98.70");
        let answer = project.evaluate(&[], &asked).expect(0).out;
        project.write("answer.json", answer);
        project.write("asked.json", asked);
        fs::create_dir_all(project.path("approvals")).unwrap();
        project.write("draft.json", project.mint(&["--draft"]));
        project.write("granted.json", "[]");
        project.write("receipt.jwt", "e30.e30.AA");
        project.write("seen.json", "{}");
        project.write("epochs.jwt", "e30.e30.AA");
        add_gateways(&project);
        add_copy_and_passphrase(&project);
        project.write("tools.json", TOOLS);
        project.write("scopes.txt", "mail.send # Send mail\n");
        let signature = project.read("policy.wasm.dsse.json");
        project.write("policy.dsse.json", signature);
        let counts = "{\"v\": \"ambit-shadow-1\", \"uid\": \"a\", \"version\": 1, \"shadow\": 2, \"calls\": 1, \"different\": 0, \"unasked\": 0, \"differences\": []}";
        project.write("shadow.json", counts);
        project.write("login.txt", "ann:password");
        project.add_enroller();
        let enrol = ROWS.iter().find(|row| row.command == "enrol");
        let enrolment = project.ambit(&split(enrol.unwrap())).expect(0).out;
        project.write("enrolment.jwt", enrolment);
        project.write("entities.json", "[]");
        fs::create_dir_all(project.path("tests")).unwrap();
        project.write("tests/secret.toml", TESTS);
        project.write("tests/secret.json", "[]");
        project.write("results.json", "{}");
        project.write("policies/links.toml", LINKS);
        let line: String = request.split_whitespace().collect();
        project.write("batch.jsonl", line);
        let key = project.read("keys/issuer.jwk");
        let members: serde_json::Value = serde_json::from_str(&key).unwrap();
        let secret = members["d"].as_str().unwrap().to_owned();
        let names = files(&project.path(".")).into_iter();
        let before = names.map(|name| (name.clone(), project.bytes(&name)));
        Self {
            before: before.collect(),
            project,
            key,
            secret,
        }
    }

    /// Whether eight characters in a row of the secret, in base64url or in hexadecimal, stand there.
    fn leaks(&self, text: &[u8]) -> bool {
        let bytes = ambit_token::base64url::decode(self.secret.as_bytes()).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let secrets = [self.secret.as_bytes(), hex.as_bytes()];
        let pieces: HashSet<&[u8]> = secrets
            .iter()
            .flat_map(|secret| secret.windows(8))
            .collect();
        text.windows(8).any(|window| pieces.contains(window))
    }

    /// Nothing of the secret stands in what the command said and wrote; what it wrote is taken away.
    #[track_caller]
    fn check(&self, run: &Run, planted: &str, about: &str) {
        assert!(!self.leaks(run.err.as_bytes()), "{about}: {run:#?}");
        assert!(!self.leaks(run.out.as_bytes()), "{about}: {run:#?}");
        // A token repeats its claims in base64url.
        for part in run.out.split(['.', '~', '\n']) {
            let decoded = ambit_token::base64url::decode(part.as_bytes()).unwrap_or_default();
            assert!(!self.leaks(&decoded), "{about}: {run:#?}");
        }
        for name in files(&self.project.path(".")) {
            let now = self.project.bytes(&name);
            match self.before.get(&name) {
                Some(before) if *before == now => continue,
                _ if name == planted => continue,
                Some(before) => self.put(&name, before),
                None => fs::remove_file(self.project.path(&name)).unwrap(),
            }
            assert!(!self.leaks(&now), "{about}: {name}");
        }
        let _ = fs::remove_dir_all(self.project.path("fresh"));
    }

    /// Writes as `ambit keygen` does, so that a key is read as one.
    fn put(&self, name: &str, text: &[u8]) {
        self.project.write(name, text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::Permissions::from_mode(0o600);
            fs::set_permissions(self.project.path(name), mode).unwrap();
        }
    }

    /// What a command is given on standard input.
    fn input(&self, row: &Row) -> &[u8] {
        let mints = row.command == "mint";
        &self.before[if mints { "grant.json" } else { "request.json" }]
    }
}

const TOOLS: &str = r#"[{"name": "read", "description": "Reads", "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}}}]"#;
const LINKS: &str = "[[links]]\ntemplate = \"t\"\nid = \"t-1\"\n";

/// A case that fails, so that all of it is shown.
const TESTS: &str = r#"
[[case]]
name = "a payment"
action = "pay"
resource = "Invoice::i-1"
args = { amount = 5, currency = "EUR" }
entities = "tests/secret.json"
expect = "request.size"
"#;

/// Does this with every row, each thread in a world of its own.
fn for_each_row(act: impl Fn(&World, &Row) + Sync) {
    let rows = Mutex::new(ROWS.iter());
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let world = World::new();
                loop {
                    // Not in the condition of the loop: the lock would be held while the row runs.
                    let next = rows.lock().unwrap().next();
                    let Some(row) = next else { break };
                    act(&world, row);
                }
            });
        }
    });
}

/// Texts with the secret in them: under right and wrong names, in every quoting and encoding, cut off,
/// and alone.
fn plants(name: &str, text: &str, key: &str, secret: &str) -> Vec<Vec<u8>> {
    let mut planted = wholes(key, secret);
    let ending = name.rsplit('.').next();
    if matches!(ending, Some("toml" | "cedar" | "cedarschema")) {
        for line in lines(secret) {
            planted.push(format!("{text}\n{line}\n").into_bytes());
            planted.push(format!("{line}\n{text}\n").into_bytes());
        }
    } else {
        let brackets: Vec<usize> = text.match_indices('{').map(|(at, _)| at).collect();
        for at in brackets.first().into_iter().chain(brackets.last()) {
            for member in members(key, secret) {
                let changed = format!("{}{{{member}{}", &text[..*at], &text[at + 1..]);
                planted.push(changed.into_bytes());
            }
        }
    }
    planted
}

/// A key in the place of the whole file.
fn wholes(key: &str, secret: &str) -> Vec<Vec<u8>> {
    let bytes = ambit_token::base64url::decode(secret.as_bytes()).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = secret.replace('-', "+").replace('_', "/");
    let wide = key.encode_utf16();
    let mut planted: Vec<Vec<u8>> = [
        key.to_owned(),
        key[..key.len() - 4].to_owned(),
        key.replace("\"d\"", "\"D\""),
        key.replace("\"d\"", "\"private\""),
        key.replace("\"kty\":", "\"kty\""),
        key.replace('"', "\\\""),
        key.replace('"', "'"),
        format!("\u{feff}{}", key.replace('\n', "\r\n")),
        secret.to_owned(),
        format!("{secret}\r\n"),
        hex,
        format!("-----BEGIN PRIVATE KEY-----\n{base64}=\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\r\n{secret}"),
        format!("{{\"cnf\":{{\"jwk\":{key}}}}}"),
    ]
    .map(String::into_bytes)
    .into();
    planted.push(
        [0xff, 0xfe]
            .into_iter()
            .chain(wide.flat_map(u16::to_le_bytes))
            .collect(),
    );
    planted
}

/// As people put it into TOML and Cedar.
fn lines(secret: &str) -> Vec<String> {
    let half = &secret[..secret.len() / 2];
    vec![
        format!("[[keys]]\nd = \"{secret}\""),
        format!("d = '{secret}"),
        format!("d = \"\"\"\n{secret}\"\"\""),
        format!("d = [\"{secret}\"]"),
        format!("kid = \"a\" d = \"{secret}\""),
        format!("jwk = {{ kty = \"OKP\", d = \"{secret}\" }}"),
        format!("private = \"{half}\""),
        format!("[[keys]]\nother = \"{secret}\""),
        format!("[[keys]]\nx = \"{secret}{secret}\""),
        format!("@reason(\"{secret}\" permit;"),
        format!("permit (principal == \"{secret}\", action, resource);"),
        format!(
            "pem = '''\n-----BEGIN PRIVATE KEY-----\n{half}\n{secret}\n-----END PRIVATE KEY-----\n'''"
        ),
        format!("d = {half}"),
    ]
}

/// As members of JSON.
fn members(key: &str, secret: &str) -> Vec<String> {
    let half = &secret[..secret.len() / 2];
    vec![
        format!("\"d\":\"{secret}\","),
        format!("\"d\":\"{half}\","),
        format!("\"d\":\"{secret}"),
        format!("\"privat\":\"{secret}\","),
        format!("\"oth\":[{{\"d\":\"{secret}\"}}],"),
        format!("\"cnf\":{{\"jwk\":{key}}},"),
        format!("\"cnf\":{{\"jwk\":{}}},", key.replace("\"d\"", "\"D\"")),
    ]
}

/// The files of a folder, by their paths in it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let inner = files(&entry.path());
            found.extend(inner.into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            found.push(name);
        }
    }
    found
}

fn split(row: &Row) -> Vec<&'static str> {
    let words = row.command.split(' ').chain(row.arguments.split(' '));
    words.collect()
}

#[test]
fn what_is_planted_in_a_file_is_not_said() {
    for_each_row(|world, row| {
        let arguments = split(row);
        for name in row.reads.iter().copied() {
            let before = match name {
                "-" => world.input(row),
                name => &world.before[name],
            };
            let text = String::from_utf8(before.to_owned()).unwrap_or_default();
            for planted in plants(name, &text, &world.key, &world.secret) {
                let run = if name == "-" {
                    world.project.ambit_with(&arguments, &planted)
                } else {
                    world.put(name, &planted);
                    world.project.ambit_with(&arguments, world.input(row))
                };
                let planted = String::from_utf8_lossy(&planted);
                let about = format!("{} with {name}:\n{planted}", row.command);
                world.check(&run, name, &about);
            }
            if name != "-" {
                world.put(name, before);
            }
        }
    });
}

/// The options of a command that take a value, out of its help.
fn options(project: &Project, command: &str) -> Vec<String> {
    let mut words: Vec<&str> = command.split(' ').collect();
    words.push("--help");
    let help = project.ambit(&words).expect(0).out;
    let lines = help.lines().map(str::trim_start);
    let lines = lines.filter_map(|line| line[line.find("--")?..].split_once(" <"));
    let names = lines.map(|(name, _)| name.to_owned());
    names.filter(|name| !name.contains(' ')).collect()
}

#[test]
fn what_is_given_in_the_place_of_an_argument_is_not_said() {
    let seen = Mutex::new(0);
    for_each_row(|world, row| {
        let base = split(row);
        let verbs = row.command.split(' ').count();
        let try_with = |arguments: &[&str]| {
            let run = ambit_in(&world.project.path("."), arguments, b"{}");
            world.check(&run, "", &arguments.join(" "));
            *seen.lock().unwrap() += 1;
        };
        let options = options(&world.project, row.command);
        for value in [world.secret.as_str(), world.key.trim()] {
            for option in &options {
                let option = option.as_str();
                if !NAMES.contains(&option) && !OUTPUTS.contains(&option) {
                    try_with(&[&without(&base, option)[..], &[option, value]].concat());
                }
            }
            try_with(&[value]);
            // A folder of this name was asked for.
            if row.command != "init" {
                try_with(&[&base[..verbs], &[value]].concat());
            }
        }
    });
    let seen = seen.into_inner().unwrap();
    assert!(seen > 200, "{seen}");
}

/// The arguments without this option and its value.
fn without<'a>(arguments: &[&'a str], option: &str) -> Vec<&'a str> {
    let mut kept = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if *word == option {
            words.next();
        } else {
            kept.push(*word);
        }
    }
    kept
}

/// Every option that names a file that is read stands in a row, so that something is planted in it.
#[test]
fn every_file_that_is_read_is_planted() {
    let project = Project::fresh();
    for command in ROWS.iter().map(|row| row.command).collect::<BTreeSet<_>>() {
        let rows = ROWS.iter().filter(|row| row.command == command);
        let rows: Vec<&Row> = rows.collect();
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = project.ambit(&words).expect(0).out;
        for line in help
            .lines()
            .filter(|line| line.ends_with("<FILE>") || line.ends_with("<KEY>"))
        {
            let Some(option) = line.split_whitespace().find(|word| word.starts_with("--")) else {
                continue;
            };
            let read = |row: &&Row| {
                let mut words = row.arguments.split(' ').skip_while(|word| *word != option);
                words.nth(1).is_some_and(|file| row.reads.contains(&file))
            };
            let written = OUTPUTS.contains(&option) && option != "--seen";
            assert!(written || rows.iter().any(read), "{command} {option}");
        }
    }
}

/// A new command needs a row.
#[test]
fn every_command_has_a_row() {
    let project = Project::fresh();
    let commands = |words: &[&str]| -> Vec<String> {
        let help = project.ambit(&[words, &["--help"]].concat()).expect(0).out;
        let list = help.split_once("Commands:\n").map_or("", |(_, list)| list);
        let list = list.lines().take_while(|line| !line.is_empty());
        let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("    "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        names.map(str::to_owned).collect()
    };
    let mut all = BTreeSet::new();
    for command in commands(&[]) {
        let inner = commands(&[&command]);
        let inner = inner.iter().filter(|inner| *inner != "help");
        let before = all.len();
        all.extend(inner.map(|inner| format!("{command} {inner}")));
        if all.len() == before {
            all.insert(command);
        }
    }
    let rows: BTreeSet<String> = ROWS.iter().map(|row| row.command.to_owned()).collect();
    assert_eq!(rows, all);
}

/// A private key as the holder's is refused in words, in claims that are signed and in drafts.
#[test]
fn a_private_holder_key_in_claims_is_refused() {
    let project = Project::signed();
    let key = project.read("keys/agent.jwk");
    let claims = project.read("grant.json");
    let private = claims.replacen('{', &format!("{{\"cnf\":{{\"jwk\":{key}}},"), 1);
    for last in ["--yes", "--draft"] {
        let mint = [
            "mint",
            "--module",
            "policy.wasm",
            "--key",
            "keys/issuer.jwk",
        ];
        let run = project.ambit_with(
            &[&mint[..], &["--claims", "-", last]].concat(),
            private.as_bytes(),
        );
        assert_eq!(run.out, "");
        run.expect(3)
            .says("mint.private_key")
            .says("replace the private key");
    }
}

/// A key is there whole or not at all, for its owner alone, and never behind somebody's link.
#[cfg(unix)]
#[test]
fn a_key_is_written_beside_its_place() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let project = Project::fresh();
    symlink("elsewhere.jwk", project.path("link.jwk")).unwrap();
    project
        .ambit(&["keygen", "-o", "link.jwk"])
        .expect(3)
        .says("key.exists");
    assert!(!project.path("elsewhere.jwk").exists());
    let names = project.names();
    assert!(
        !names.iter().any(|name| name.starts_with(".ambit-")),
        "{names:?}"
    );
    project.ambit(&["keygen", "-o", "new.jwk"]).expect(0);
    let mode = fs::metadata(project.path("new.jwk"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
