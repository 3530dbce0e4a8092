//! What enforcement points decided, posted to the broker: each record counts once, and nothing else comes with it.

use std::process::Command;
use std::time::Duration;

use ambit_compiler::keys::{self, SecretKey};
use serde_json::{Value, json};

use crate::agent::{Agent, jws, next, patched};
use crate::person::Person;
use crate::world::{ISSUER, Server, Told, World, drafts};

pub(crate) const POINT: &str = "https://mail.example/point";

/// A world with an enforcement point.
pub(crate) fn reporting() -> World {
    let world = World::new();
    let public = world
        .ambit(&["keygen", "-o", "keys/point.jwk"])
        .expect(0)
        .out;
    world.write("keys/point.pub.jwk", public);
    let config = world.read("broker.toml");
    let point = format!(
        "[[points]]\nclient_id = \"{POINT}\"\nkeys = [\"keys/point.pub.jwk\"]\naudiences = [\"https://mail.example\"]\n"
    );
    world.write("broker.toml", format!("{config}\n{point}"));
    world
}

/// An enforcement point that posts what it decided.
pub(crate) struct Point {
    key: SecretKey,
    now: i64,
}

impl Point {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            key: keys::load(&world.path("keys/point.jwk")).unwrap(),
            now: world.now,
        }
    }

    fn assertion(&self, patch: &Value) -> String {
        let claims = json!({"iss": POINT, "sub": POINT, "aud": ISSUER, "jti": next("assertion"),
            "iat": self.now, "exp": self.now + 60});
        let header = json!({"alg": self.key.alg(), "typ": "client-authentication+jwt"});
        jws(&header, &patched(claims, patch), &self.key)
    }

    fn body(&self, records: &Value) -> Value {
        json!({"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(&json!({})), "records": records})
    }

    pub(crate) fn posts(&self, server: &Server, records: &Value) -> Told {
        sends(server, &self.body(records))
    }
}

fn sends(server: &Server, body: &Value) -> Told {
    let headers = [("content-type", "application/json")];
    server.send("POST", "/records", &headers, &body.to_string())
}

/// A record of a call to draft e-mail, with these changes.
pub(crate) fn record(now: i64, patch: &Value) -> Value {
    let record = json!({
        "action": "email", "actor": {"iss": null, "sub": "https://agents.example/assistant/1"},
        "agent": {"uid": "assistant"}, "args_s256": "args", "audience": "https://mail.example", "cedar": null,
        "charges": [], "epochs": [{"iss": ISSUER, "version": 1}], "input_s256": "input", "now": now,
        "policy": {"s256": "policy", "uid": "p", "version": 1}, "power": "draft",
        "proof": {"jkt": "jkt", "jti": "jti"}, "purpose": "customer-care", "reason": "allowed", "receipts": [],
        "resource": {"id": "c-7", "type": "Contact"}, "subject": "user:ann", "tenant": null, "tokens": ["t-1"],
        "v": "ambit-record-1", "verdict": "allow",
    });
    let mut all = record;
    for (name, value) in patch.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

pub(crate) fn bare(id: &str, record: &Value) -> Value {
    json!({"id": id, "record": record})
}

#[track_caller]
fn counted(told: &Told, counts: [i64; 3]) {
    assert_eq!(told.status, 200, "{told:?}");
    let [accepted, again, passed_over] = counts;
    assert_eq!(
        told.json(),
        json!({"accepted": accepted, "again": again, "passed_over": passed_over})
    );
}

fn kept(world: &World) -> Vec<(String, String, String)> {
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    let mut sql = database
        .prepare("SELECT id, verdict, reason FROM record ORDER BY number")
        .unwrap();
    let rows = sql.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The lines `records` of the broker's log.
fn written(world: &World) -> Vec<Value> {
    let log = world.read("audit.log");
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["data"]["status_code"] == "records")
        .map(|line| line["data"]["unmapped"].clone())
        .collect()
}

/// The audit log of a service at which an agent drafted mail to a customer, and to somebody else.
fn logged(world: &World, server: &Server) -> Vec<Value> {
    const AT: &str = "https://mail.example/send";
    let mut ann = Person::enrolled(world, server, "user:ann");
    let agent = Agent::new(world, server);
    let asked = json!({"authorization_details": json!([drafts()]).to_string()});
    let token = agent.token(&mut ann, &asked);
    for to in ["x@customer.example", "x@elsewhere.example"] {
        let call = crate::agent::drafting(to);
        let proof = agent.proving("POST", AT, &token, None, &json!({}));
        let request = json!({"evaluation": call, "token": token, "proof": proof, "statements": agent.epochs(),
            "facts": {"now": world.now, "audience": "https://mail.example", "method": "POST", "url": AT}});
        let command = "evaluate --module policy.wasm --trust keys.json --log point.log --log-key keys/log.jwk --log-name mail/audit";
        let command: Vec<&str> = command.split(' ').collect();
        world.ambit_with(&command, request.to_string().as_bytes());
    }
    let log = world.read("point.log");
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn lines_of_an_audit_log_are_posted_as_they_stand_there() {
    let world = reporting();
    let server = world.serve();
    let lines = logged(&world, &server);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let point = Point::new(&world);
    counted(&point.posts(&server, &json!(lines)), [2, 0, 0]);
    // Sent again, in another batch, by another process: it counts once, and is written down once.
    drop(server);
    let server = world.serve();
    counted(&point.posts(&server, &json!([lines[1]])), [0, 1, 0]);
    let mut other = lines[0].clone();
    other["id"] = json!("3");
    counted(
        &point.posts(&server, &json!([lines[1], other, other])),
        [1, 2, 0],
    );
    let kept = kept(&world);
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert_eq!((kept[0].1.as_str(), kept[1].1.as_str()), ("allow", "deny"));
    assert_eq!(kept[1].2, "manifest.constraint");
    let written = written(&world);
    assert_eq!(written.len(), 2);
    let first = &written[0]["records"][1];
    assert_eq!(written[0]["client"], POINT);
    assert_eq!(
        (&first["source"], &first["id"]),
        (&json!("mail/audit"), &json!("2"))
    );
    assert_eq!(first["record"], lines[1]["data"]["unmapped"]["record"]);
    let verify = ["audit", "verify", "audit.log", "--key", "keys/log.jwk"];
    drop(server);
    world.ambit(&verify).expect(0);
    // One whose record was changed on its way is refused.
    let server = world.serve();
    other["id"] = json!("4");
    other["data"]["unmapped"]["record"]["subject"] = json!("user:eve");
    let told = point.posts(&server, &json!([lines[0], other]));
    told.refused("invalid_request", "broker.record");
    assert_eq!(told.json()["ambit_remedy"], json!({"index": 1}));
}

#[test]
fn an_allow_that_came_to_nothing_is_a_denial() {
    let world = reporting();
    let server = world.serve();
    let point = Point::new(&world);
    let event = |id: &str, kind: &str, data: &Value| {
        json!({"specversion": "1.0", "id": id, "source": "mail/audit", "type": format!("dev.ambit.{kind}.v1"),
            "data": data})
    };
    let record = record(world.now, &json!({}));
    let digest = crate::agent::s256(&record.to_string());
    let decision = event(
        "1",
        "decision",
        &json!({"unmapped": {"record": record, "record_s256": digest}}),
    );
    let end = |id: &str, of: &str, code: &str| {
        event(
            id,
            "discharge",
            &json!({"status_code": code, "unmapped": {"decision": of}}),
        )
    };
    let mended = event("3", "mended", &json!({}));
    let batch = json!([
        decision,
        end("2", "1", "limit.spend"),
        mended,
        end("4", "9", "allowed")
    ]);
    counted(&point.posts(&server, &batch), [2, 0, 2]);
    counted(&point.posts(&server, &batch), [0, 2, 2]);
    let kept = kept(&world);
    assert_eq!(
        kept,
        [("1".to_owned(), "deny".to_owned(), "limit.spend".to_owned())]
    );
    let told = point.posts(&server, &json!([end("2", "1", "allowed")]));
    told.refused("invalid_request", "broker.record_other");
}

#[test]
fn only_a_point_of_the_file_posts_with_a_fresh_assertion() {
    let world = reporting();
    let server = world.serve();
    let point = Point::new(&world);
    let records = json!([bare("1", &record(world.now, &json!({})))]);
    // A client's key, a key that nobody knows, another server's assertion, an old one.
    let agent = Agent::new(&world, &server);
    for assertion in [
        agent.assertion(&json!({})),
        agent.assertion(&json!({"iss": POINT, "sub": POINT})),
        point.assertion(
            &json!({"sub": "https://elsewhere.example", "iss": "https://elsewhere.example"}),
        ),
        Point {
            key: agent.stranger(),
            ..Point::new(&world)
        }
        .assertion(&json!({})),
    ] {
        let body = patched(
            point.body(&records),
            &json!({"client_assertion": assertion}),
        );
        sends(&server, &body).refused("invalid_client", "broker.client");
    }
    let elsewhere = point.assertion(&json!({"aud": "https://elsewhere.example"}));
    let body = patched(
        point.body(&records),
        &json!({"client_assertion": elsewhere}),
    );
    sends(&server, &body).refused("invalid_client", "broker.client_audience");
    let stale = point.assertion(&json!({"exp": world.now - 60}));
    let body = patched(point.body(&records), &json!({"client_assertion": stale}));
    sends(&server, &body).refused("invalid_client", "broker.client_expired");
    assert_eq!(kept(&world), []);
    // One counts once.
    let body = point.body(&records);
    counted(&sends(&server, &body), [1, 0, 0]);
    sends(&server, &body).refused("invalid_client", "broker.client_used");
    // A point asks for nothing, and tells of its own service alone.
    let of_other = record(world.now, &json!({"audience": "https://bank.example"}));
    point
        .posts(&server, &json!([bare("2", &of_other)]))
        .refused("invalid_request", "broker.record");
    let config = world.read("broker.toml");
    drop(server);
    world.write(
        "broker.toml",
        config.replace("keys/point.pub.jwk", "keys/client.pub.jwk"),
    );
    assert!(world.check(&[]).expect(3).err.contains("broker.config"));
}

/// What is no record, with another name than `1`.
fn no_records(now: i64) -> Vec<Value> {
    let token = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJhIn0.AAAA";
    let mut lacking = record(now, &json!({}));
    lacking.as_object_mut().unwrap().remove("purpose");
    let long = "x".repeat(5000);
    vec![
        json!(null),
        json!("text"),
        json!({}),
        json!({"id": "2"}),
        json!({"id": "", "record": record(now, &json!({}))}),
        json!({"id": 2, "record": record(now, &json!({}))}),
        json!({"id": "2", "record": record(now, &json!({})), "token": token}),
        json!({"id": "2", "specversion": "1.0", "source": "a", "type": "dev.ambit.broker.v1", "data": {}}),
        bare("2", &lacking),
        bare(
            "2",
            &record(now, &json!({"args": {"to": "x@customer.example"}})),
        ),
        bare("2", &record(now, &json!({"token": token}))),
        bare(
            "2",
            &record(now, &json!({"agent": {"uid": "assistant", "secret": "s"}})),
        ),
        bare("2", &record(now, &json!({"tokens": [token]}))),
        bare(
            "2",
            &record(now, &json!({"purpose": format!("see {token}")})),
        ),
        bare("2", &record(now, &json!({"purpose": {"a": 1}}))),
        bare("2", &record(now, &json!({"purpose": long}))),
        bare("2", &record(now, &json!({"charges": vec!["c"; 300]}))),
        bare("2", &record(now, &json!({"verdict": "deny"}))),
        bare("2", &record(now, &json!({"reason": "<b>"}))),
        bare("2", &record(now, &json!({"v": "ambit-record-2"}))),
        bare("2", &record(now + 3600, &json!({}))),
    ]
}

#[test]
fn what_is_no_record_is_refused_by_its_index_and_nothing_is_kept() {
    let world = reporting();
    let server = world.serve();
    let point = Point::new(&world);
    let good = bare("1", &record(world.now, &json!({})));
    for wrong in no_records(world.now) {
        let told = point.posts(&server, &json!([good, wrong, good]));
        told.refused("invalid_request", "broker.record");
        let told = told.json();
        assert_eq!(told["ambit_remedy"], json!({"index": 1}), "{told}");
        assert!(
            told["error_description"]
                .as_str()
                .unwrap()
                .contains("record 1 "),
            "{told}"
        );
        assert!(!told.to_string().contains("eyJhb"), "{told}");
    }
    // Another content under a name that was sent before.
    counted(&point.posts(&server, &json!([good])), [1, 0, 0]);
    let other = bare("1", &record(world.now, &json!({"subject": "user:eve"})));
    let fresh = bare("2", &record(world.now, &json!({})));
    let told = point.posts(&server, &json!([fresh, other]));
    told.refused("invalid_request", "broker.record_other");
    assert_eq!(told.json()["ambit_remedy"], json!({"index": 1}));
    assert_eq!(kept(&world).len(), 1);
    // What is too old to be kept is passed over, however often it comes.
    let old = bare("3", &record(world.now - 91 * 86_400, &json!({})));
    counted(&point.posts(&server, &json!([old, fresh])), [1, 0, 1]);
}

#[test]
fn a_batch_is_bounded_and_a_body_is_what_it_says() {
    let world = reporting();
    let server = world.serve();
    let point = Point::new(&world);
    let many: Vec<Value> = (0..501).map(|_| json!({})).collect();
    point
        .posts(&server, &json!(many))
        .refused("invalid_request", "broker.records");
    let long: Vec<Value> = (0..400)
        .map(|n| {
            bare(
                &n.to_string(),
                &record(world.now, &json!({"purpose": "p".repeat(600)})),
            )
        })
        .collect();
    assert_eq!(point.posts(&server, &json!(long)).status, 413);
    // As large as it may be: the log has room for it.
    let most: Vec<Value> = (0..200)
        .map(|n| {
            bare(
                &n.to_string(),
                &record(world.now, &json!({"purpose": "\u{e9}".repeat(180)})),
            )
        })
        .collect();
    counted(&point.posts(&server, &json!(most)), [200, 0, 0]);
    counted(&point.posts(&server, &json!([])), [0, 0, 0]);
    for body in [
        json!([]),
        patched(point.body(&json!([])), &json!({"records": null})),
        patched(point.body(&json!([])), &json!({"records": {}})),
        patched(point.body(&json!([])), &json!({"token": "t"})),
    ] {
        sends(&server, &body).refused("invalid_request", "broker.request");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    server
        .send("POST", "/records", &form, "records=[]")
        .refused("invalid_request", "broker.request");
    let headers = [("content-type", "application/json")];
    for body in [
        "",
        "{",
        "{\"records\":[1.5]}",
        "{\"records\":[],\"records\":[]}",
    ] {
        server
            .send("POST", "/records", &headers, body)
            .refused("invalid_request", "broker.request");
    }
    assert_eq!(server.get("/records").status, 405);
}

#[test]
fn a_kill_keeps_or_loses_a_batch_and_sent_again_it_counts_once() {
    let world = reporting();
    let point = Point::new(&world);
    let (mut all, mut lost) = (0, 0);
    for round in 0..8_u64 {
        let server = world.serve();
        let batch: Vec<Value> = (0..40)
            .map(|n| bare(&format!("{round}-{n}"), &record(world.now, &json!({}))))
            .collect();
        let batch = json!(batch);
        let body = point.body(&batch);
        let pid = server.running.child.id().to_string();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(round * 3));
            let killed = Command::new("kill").args(["-9", &pid]).status();
            assert!(killed.is_ok_and(|status| status.success()));
        });
        // Where the broker was killed before it was reached, nobody was told anything.
        let told = std::thread::scope(|scope| scope.spawn(|| sends(&server, &body)).join());
        killer.join().unwrap();
        server.kill();
        let count = kept(&world).len() - all;
        assert!([0, 40].contains(&count), "{count} of a batch were kept");
        assert!(
            count == 40 || !told.is_ok_and(|told| told.status == 200),
            "who was told has it on the disk"
        );
        assert!(
            count == 0 || written(&world).len() > all / 40,
            "what is kept is written down"
        );
        lost += usize::from(count == 0);
        let server = world.serve();
        let told = point.posts(&server, &batch);
        counted(&told, if count == 0 { [40, 0, 0] } else { [0, 40, 0] });
        all += 40;
        assert_eq!(kept(&world).len(), all);
    }
    println!("{lost} of 8 batches were lost as a whole, and sent again");
}

fn records(world: &World, more: &str) -> crate::common::Run {
    let now = world.now.to_string();
    let mut arguments = vec!["records", "broker.toml", "--now", now.as_str()];
    arguments.extend(more.split(' '));
    world.ambit(&arguments)
}

/// What an assistant did in a month: it drafts mail, and asks in vain for other things.
fn a_month(world: &World, server: &Server) {
    let denied = |reason: &str, action: &str, power: &str, on: &str| {
        let patch = json!({"reason": reason, "verdict": "deny", "action": action, "power": power,
            "resource": {"id": "=r-1,\"x\"", "type": on}});
        record(world.now - 86_400, &patch)
    };
    let pays = denied("limit.spend", "pay", "execute", "Invoice");
    let nothing = record(
        world.now,
        &json!({"reason": "request.syntax", "verdict": "deny", "action": null, "agent": null, "power": null,
            "purpose": null, "resource": {"id": null, "type": null}}),
    );
    let old = record(world.now - 40 * 86_400, &json!({"power": "execute"}));
    let batch = [
        record(world.now - 20 * 86_400, &json!({})),
        record(world.now - 10, &json!({})),
        denied("policy.forbid", "email", "draft", "Contact"),
        pays.clone(),
        pays,
        nothing,
        old,
    ];
    let batch: Vec<Value> = batch
        .iter()
        .enumerate()
        .map(|(n, record)| bare(&n.to_string(), record))
        .collect();
    counted(&Point::new(world).posts(server, &json!(batch)), [7, 0, 0]);
}

#[test]
fn records_are_exported_while_the_broker_runs() {
    let world = reporting();
    let server = world.serve();
    assert_eq!(records(&world, "--json").expect(0).out.trim(), "[\n]");
    a_month(&world, &server);
    let exported = records(&world, "--json").expect(0).out;
    let all: Vec<Value> = serde_json::from_str(&exported).unwrap();
    assert_eq!((all.len(), exported.lines().count()), (7, 9));
    assert_eq!(all[1]["record"], record(world.now - 10, &json!({})));
    assert_eq!(
        all[1]["record_s256"],
        crate::agent::s256(&all[1]["record"].to_string())
    );
    assert_eq!(
        (&all[3]["point"], &all[3]["verdict"]),
        (&json!(POINT), &json!("deny"))
    );
    let lately: Vec<Value> =
        serde_json::from_str(&records(&world, "--json --last 1h").expect(0).out).unwrap();
    assert_eq!(lately.len(), 2);
    let csv = records(&world, "--csv").expect(0).out;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 8, "{csv}");
    assert_eq!(lines[0].split(',').count(), 23, "{csv}");
    assert_eq!(lines[1].split(',').count(), 23, "{csv}");
    // What a spreadsheet would run is a text.
    assert!(
        lines[4].contains(",Invoice,\"'=r-1,\"\"x\"\"\",customer-care,"),
        "{csv}"
    );
    drop(server);
    for wrong in [
        "--json --csv",
        "--json --module policy.wasm --trust keys.json",
        "--report --module policy.wasm",
    ] {
        records(&world, wrong).expect(3);
    }
    let bare = world.ambit(&["records", "broker.toml"]).expect(3);
    assert!(bare.err.contains("--report"), "{}", bare.err);
}

#[test]
fn a_report_says_what_is_denied_and_what_to_take_away() {
    let world = reporting();
    let server = world.serve();
    let policy = "--report --module policy.wasm --trust keys.json";
    let empty = records(&world, policy).expect(0).out;
    assert!(
        empty.contains("assistant: no record of this agent came, so nothing is proposed"),
        "{empty}"
    );
    assert!(!empty.contains("take it out"), "{empty}");
    a_month(&world, &server);
    let report = records(&world, policy).expect(0).out;
    assert!(
        report.starts_with("6 decisions of 1 enforcement points since "),
        "{report}"
    );
    for line in [
        "       2  limit.spend                   assistant: pay (execute) on Invoice",
        "       1  policy.forbid                 assistant: email (draft) on Contact",
        "       1  request.syntax                what was asked was not established",
        "       2  assistant: pay (execute) on Invoice",
        "      assistant, entry 2 of [[capabilities]]: email (propose, execute) for customer-care",
        "      assistant, entry 3 of [[capabilities]]: pay (observe, propose, execute) for customer-care",
    ] {
        assert!(
            report.lines().any(|known| known == line),
            "{line}\n{report}"
        );
    }
    assert_eq!(
        report
            .matches("no call was allowed by it: take it out")
            .count(),
        2,
        "{report}"
    );
    assert!(report.contains("the first of them is of "), "{report}");
    assert!(!report.contains("entry 1 "), "{report}");
    // What was executed may have been proposed; the rest of that entry is too much.
    let executed =
        json!({"power": "execute", "receipts": [{"iss": ISSUER, "jti": "r", "sub": "user:ann"}]});
    let executed = bare("executed", &record(world.now, &executed));
    let observed =
        json!({"power": "observe", "action": "pay", "resource": {"id": "i", "type": "Invoice"}});
    let observed = bare("observed", &record(world.now, &observed));
    let point = Point::new(&world);
    counted(
        &point.posts(&server, &json!([executed, observed])),
        [2, 0, 0],
    );
    let report = records(&world, policy).expect(0).out;
    assert!(!report.contains("entry 2 "), "{report}");
    let proposed =
        "1 calls, none of which needs all of it: take propose, execute out of `privileges`";
    assert!(report.contains(proposed), "{report}");
    let without = records(&world, "--report --last 90d").expect(0).out;
    assert!(without.starts_with("9 decisions"), "{without}");
    assert!(without.contains("name --module and --trust"), "{without}");
}
