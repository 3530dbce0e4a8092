//! Every command as it is used, with the files that it reads.

/// A command as it is used, and the files that it reads. `-` is standard input.
pub(crate) struct Row {
    pub(crate) command: &'static str,
    pub(crate) arguments: &'static str,
    pub(crate) reads: &'static [&'static str],
}

const fn row(
    command: &'static str,
    arguments: &'static str,
    reads: &'static [&'static str],
) -> Row {
    Row {
        command,
        arguments,
        reads,
    }
}

pub(crate) const ROWS: &[Row] = &[
    row("init", "fresh", &[]),
    row("init", "fresh --bare", &[]),
    row(
        "import mcp",
        "tools.json --server files --prefix f.",
        &["tools.json"],
    ),
    row(
        "import mcp",
        "--upstream http://127.0.0.1:1/mcp --server files",
        &[],
    ),
    row(
        "import mcp",
        "--upstream https://localhost:1/mcp --upstream-ca ca.pem --server files",
        &["ca.pem"],
    ),
    row("import oauth", "scopes.txt --service mail", &["scopes.txt"]),
    row("import oauth", "- --format json -o out.cedarschema", &["-"]),
    row("keygen", "-o new.jwk --trust keys.json", &["keys.json"]),
    row(
        "keygen",
        "-o new.jwk --toml --iss https://a.example --kid a --signs receipts",
        &[],
    ),
    row(
        "check",
        ". --format json",
        &[
            "ambit.toml",
            "schema.cedarschema",
            "policies/base.cedar",
            "agents/assistant.toml",
            "entities.json",
            "policies/links.toml",
            "tests/assistant.toml",
        ],
    ),
    row("fmt", ".", &["policies/base.cedar"]),
    row("completions", "bash", &[]),
    row(
        "build",
        ". --sql out.sql",
        &["ambit.toml", "schema.cedarschema"],
    ),
    row(
        "build",
        ". -o out.wasm",
        &[
            "ambit.toml",
            "schema.cedarschema",
            "policies/base.cedar",
            "agents/assistant.toml",
            "entities.json",
            "policies/links.toml",
        ],
    ),
    row(
        "test",
        ". tests/secret.toml --junit out.xml",
        &["tests/secret.toml", "tests/secret.json", "ambit.toml"],
    ),
    row(
        "test",
        "tests/secret.toml --format json",
        &["tests/secret.toml", "tests/secret.json"],
    ),
    row(
        "prove",
        ". --filter none-is-called-so",
        &["tests/secret.toml", "ambit.toml"],
    ),
    row("diff", ". .", &["ambit.toml"]),
    row(
        "build",
        ". -o out.wasm --key keys/module.jwk",
        &["keys/module.jwk"],
    ),
    row("init", "fresh --broker", &[]),
    row(
        "keygen",
        "-o new.pem --key-passphrase-file passphrase",
        &["passphrase"],
    ),
    row(
        "build",
        ". -o out.wasm --key keys/module.jwk --key-passphrase-file passphrase",
        &["passphrase"],
    ),
    row(
        "sign",
        "policy.wasm --key keys/module.jwk -o out.wasm --key-passphrase-file passphrase",
        &["passphrase"],
    ),
    row(
        "mint",
        "--module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk --claims grant.json --yes --key-passphrase-file passphrase",
        &["passphrase"],
    ),
    row(
        "sign",
        "policy.wasm --key keys/module.jwk --tests results.json -o out.wasm",
        &["results.json"],
    ),
    row(
        "sign",
        "policy.wasm --key keys/module.jwk -o out.wasm",
        &["policy.wasm", "keys/module.jwk"],
    ),
    row(
        "verify",
        "policy.wasm --trust keys.json --seen seen.json --signature policy.dsse.json",
        &["policy.wasm", "keys.json", "seen.json", "policy.dsse.json"],
    ),
    row(
        "inspect",
        "token.jwt --module policy.wasm",
        &["token.jwt", "policy.wasm"],
    ),
    row("inspect", "policy.wasm", &["policy.wasm"]),
    row(
        "list",
        "--token token.jwt --module policy.wasm",
        &["token.jwt", "policy.wasm"],
    ),
    row("list", "--agent assistant .", &["agents/assistant.toml"]),
    row(
        "evaluate",
        "--module policy.wasm --trust keys.json --token token.jwt --audience https://mail.example --engine native --signature policy.dsse.json --seen seen.json",
        &["policy.dsse.json", "seen.json"],
    ),
    row(
        "describe",
        "draft.json --module policy.wasm --trust keys.json",
        &["keys.json"],
    ),
    row(
        "mint",
        "--module policy.wasm --trust keys.json --key keys/issuer.jwk --claims grant.json --holder keys/agent.pub.jwk --yes",
        &["keys.json"],
    ),
    row(
        "describe",
        "draft.json --module policy.wasm --granted granted.json --choose life_600 --output fresh.json",
        &["draft.json", "policy.wasm", "granted.json"],
    ),
    row(
        "describe",
        "draft.json --project .",
        &["draft.json", "ambit.toml"],
    ),
    row(
        "mint",
        "--module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk --claims grant.json --yes",
        &[
            "policy.wasm",
            "keys/issuer.jwk",
            "keys/agent.pub.jwk",
            "grant.json",
        ],
    ),
    row(
        "mint",
        "--project . --key keys/issuer.jwk --holder keys/agent.pub.jwk --claims - --draft",
        &["ambit.toml", "keys/issuer.jwk", "-"],
    ),
    row(
        "mint",
        "--module policy.wasm --key keys/issuer.jwk --claims draft.json --receipt receipt.jwt --granted granted.json --yes",
        &["draft.json", "receipt.jwt", "granted.json"],
    ),
    row(
        "attenuate",
        "--token token.jwt --key keys/agent.jwk --holder keys/agent.pub.jwk --claims narrower.json --module policy.wasm --yes",
        &[
            "token.jwt",
            "keys/agent.jwk",
            "keys/agent.pub.jwk",
            "narrower.json",
            "policy.wasm",
        ],
    ),
    row(
        "evaluate",
        "--module policy.wasm --trust keys.json --token token.jwt --audience https://mail.example --engine native --log out.log --log-key keys/log.jwk",
        &["policy.wasm", "keys.json", "token.jwt", "keys/log.jwk", "-"],
    ),
    row(
        "evaluate",
        "--module policy.wasm --trust keys.json --token token.jwt --audience https://mail.example --engine native --batch batch.jsonl",
        &["batch.jsonl"],
    ),
    // An address that no machine has: nothing is served here.
    row(
        "pdp",
        "pdp.toml --module policy.wasm --trust keys.json --ledger used.sqlite --shadow policy.wasm --log out.log --log-key keys/log.jwk --holder-key keys/log.jwk --statements epochs.jwt --proposals keys --listen 203.0.113.1:1",
        &[
            "pdp.toml",
            "policy.wasm",
            "keys.json",
            "keys/log.jwk",
            "epochs.jwt",
        ],
    ),
    row(
        "pdp",
        "pdp.toml --module policy.wasm --trust keys.json --ledger used.sqlite --signature policy.dsse.json --seen seen.json --listen 203.0.113.1:1",
        &["policy.dsse.json", "seen.json"],
    ),
    row(
        "serve",
        "broker.toml --module policy.wasm --trust keys.json --log out.log --log-key keys/log.jwk --check",
        &[
            "broker.toml",
            "policy.wasm",
            "keys.json",
            "keys/log.jwk",
            "keys/approve.jwk",
        ],
    ),
    row(
        "serve",
        "broker.toml --module policy.wasm --trust keys.json --signature policy.dsse.json --seen seen.json --check",
        &["policy.dsse.json", "seen.json"],
    ),
    row(
        "revoke",
        "broker.toml --module policy.wasm --trust keys.json --agent assistant",
        &[
            "broker.toml",
            "policy.wasm",
            "keys.json",
            "keys/approve.jwk",
        ],
    ),
    row(
        "revoke",
        "broker.toml --module policy.wasm --trust keys.json --signature policy.dsse.json --seen seen.json --agent assistant --yes --why x",
        &["policy.dsse.json", "seen.json"],
    ),
    row("backup", "broker.toml -o out.sqlite", &["broker.toml"]),
    row(
        "restore",
        "broker.toml copy.sqlite",
        &["broker.toml", "copy.sqlite"],
    ),
    row("restore", "broker.toml copy.sqlite --check", &[]),
    row("records", "broker.toml --json", &["broker.toml"]),
    row("records", "broker.toml --csv --last 1d", &["broker.toml"]),
    row("records", "broker.toml --review", &["broker.toml"]),
    row(
        "records",
        "broker.toml --report --module policy.wasm --trust keys.json",
        &["broker.toml", "policy.wasm", "keys.json"],
    ),
    row(
        "approve",
        "answer.json --module policy.wasm --trust keys.json --key keys/approve.jwk --sub user:ann --yes --approvals approvals",
        &[
            "answer.json",
            "policy.wasm",
            "keys.json",
            "keys/approve.jwk",
        ],
    ),
    row(
        "approve",
        "draft.json --module policy.wasm --key keys/approve.jwk --sub user:ann --yes",
        &["draft.json"],
    ),
    row(
        "approve",
        "answer.json --project . --key keys/ann.jwk --yes",
        &["ambit.toml", "keys/ann.jwk"],
    ),
    row(
        "approve",
        "answer.json --module enrolling.wasm --key phone.jwk --enrolment enrolment.jwt --request asked.json --yes",
        &["enrolment.jwt", "asked.json", "phone.jwk"],
    ),
    row(
        "enrol",
        "--module enrolling.wasm --key keys/enrol.jwk --iss https://enrol.example --sub user:ann --device phone.pub.jwk",
        &["enrolling.wasm", "keys/enrol.jwk", "phone.pub.jwk"],
    ),
    row(
        "enrol",
        "--module enrolling.wasm --key keys/ann.jwk --iss https://approve.example --sub user:ann --countersign enrolment.jwt",
        &["enrolment.jwt"],
    ),
    // A server that is not there: nothing is served here either.
    row(
        "gateway mcp",
        "mcp.toml --module policy.wasm --trust keys.json --ledger used.sqlite --shadow policy.wasm --log out.log --log-key keys/log.jwk --holder-key keys/log.jwk --statements epochs.jwt --proposals keys --approvals keys -- ./server",
        &[
            "mcp.toml",
            "policy.wasm",
            "keys.json",
            "keys/log.jwk",
            "epochs.jwt",
            "token.jwt",
        ],
    ),
    row(
        "gateway mcp",
        "mcp.toml --module policy.wasm --trust keys.json --ledger used.sqlite --signature policy.dsse.json --seen seen.json --holder-key keys/log.jwk -- ./server",
        &["policy.dsse.json", "seen.json"],
    ),
    row(
        "gateway mcp",
        "shared.toml --module policy.wasm --trust keys.json --ledger used.sqlite --listen 203.0.113.1:1 --upstream http://127.0.0.1:1/mcp",
        &["shared.toml"],
    ),
    row(
        "gateway forward",
        "forward.toml --module policy.wasm --trust keys.json --ledger used.sqlite --shadow policy.wasm --log out.log --log-key keys/log.jwk --statements epochs.jwt --proposals keys --listen 203.0.113.1:1",
        &[
            "forward.toml",
            "policy.wasm",
            "keys.json",
            "keys/log.jwk",
            "epochs.jwt",
        ],
    ),
    row(
        "gateway forward",
        "forward.toml --module policy.wasm --trust keys.json --ledger used.sqlite --signature policy.dsse.json --seen seen.json --listen 203.0.113.1:1",
        &["policy.dsse.json", "seen.json"],
    ),
    row(
        "gateway proxy",
        "proxy.toml --upstream http://127.0.0.1:1 --module policy.wasm --trust keys.json --ledger used.sqlite --shadow policy.wasm --log out.log --log-key keys/log.jwk --statements epochs.jwt --listen 203.0.113.1:1",
        &[
            "proxy.toml",
            "policy.wasm",
            "keys.json",
            "keys/log.jwk",
            "epochs.jwt",
        ],
    ),
    row(
        "gateway proxy",
        "proxy.toml --upstream http://127.0.0.1:1 --module policy.wasm --trust keys.json --ledger used.sqlite --signature policy.dsse.json --seen seen.json --listen 203.0.113.1:1",
        &["policy.dsse.json", "seen.json"],
    ),
    row(
        "gateway proxy",
        "proxy.toml --upstream https://localhost:1 --upstream-ca ca.pem --tls-cert server.pem --tls-key server.key --module policy.wasm --trust keys.json --ledger used.sqlite --listen 203.0.113.1:1",
        &["ca.pem", "server.pem", "server.key"],
    ),
    row(
        "gateway mcp",
        "shared.toml --module policy.wasm --trust keys.json --ledger used.sqlite --listen 203.0.113.1:1 --upstream https://localhost:1/mcp --upstream-ca ca.pem --tls-cert server.pem --tls-key server.key",
        &["ca.pem", "server.pem", "server.key"],
    ),
    row("shadow", "shadow.json", &["shadow.json"]),
    // Nobody listens there.
    row(
        "push",
        "policy.wasm oci://127.0.0.1:1/a:1 --trust keys.json --signature policy.dsse.json --seen seen.json --login login.txt",
        &[
            "policy.wasm",
            "keys.json",
            "policy.dsse.json",
            "seen.json",
            "login.txt",
        ],
    ),
    row(
        "pull",
        "http://127.0.0.1:1/policy.wasm -o out.wasm --trust keys.json --signature policy.wasm.dsse.json --seen seen.json --login login.txt",
        &[
            "keys.json",
            "policy.wasm.dsse.json",
            "seen.json",
            "login.txt",
        ],
    ),
    row(
        "pdp",
        "pdp.toml --listen 203.0.113.1:1 --ledger used.sqlite --module http://127.0.0.1:1/policy.wasm --keep kept --trust keys.json --login login.txt",
        &["login.txt"],
    ),
    row(
        "gateway forward",
        "forward.toml --listen 203.0.113.1:1 --ledger used.sqlite --module http://127.0.0.1:1/policy.wasm --keep kept --trust keys.json --login login.txt",
        &["login.txt"],
    ),
    row(
        "gateway proxy",
        "proxy.toml --upstream http://127.0.0.1:1 --listen 203.0.113.1:1 --ledger used.sqlite --module http://127.0.0.1:1/policy.wasm --keep kept --trust keys.json --login login.txt",
        &["login.txt"],
    ),
    row(
        "gateway mcp",
        "shared.toml --listen 203.0.113.1:1 --upstream http://127.0.0.1:1/mcp --ledger used.sqlite --module http://127.0.0.1:1/policy.wasm --keep kept --trust keys.json --login login.txt",
        &["login.txt"],
    ),
    row(
        "serve",
        "broker.toml --check --module http://127.0.0.1:1/policy.wasm --keep kept --trust keys.json --login login.txt",
        &["login.txt"],
    ),
    row(
        "revoke",
        "broker.toml --agent assistant --module http://127.0.0.1:1/policy.wasm --keep kept --trust keys.json --login login.txt",
        &["login.txt"],
    ),
    row("explain", "token.format", &[]),
    row(
        "audit verify",
        "kept.log --key keys/log.jwk --checkpoint kept.log.checkpoints",
        &["kept.log", "keys/log.jwk", "kept.log.checkpoints"],
    ),
    row(
        "audit verify",
        "--proof proof.json --key keys/log.jwk",
        &["proof.json"],
    ),
    row("audit show", "kept.log", &["kept.log"]),
    row(
        "audit prove",
        "kept.log --key keys/log.jwk --line 1",
        &["kept.log", "keys/log.jwk"],
    ),
];
