//! `ext_authz` over gRPC, asked by a client of Envoy's own protos as Envoy asks.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};

use crate::listening::Listening;
use crate::world::World;

/// The check, and a connection to it as Envoy keeps one.
struct Envoy {
    world: World,
    check: Listening,
    runtime: tokio::runtime::Runtime,
    client: AuthorizationClient<Channel>,
}

/// What is told of a request: the headers to take away, or status, headers and problem.
#[derive(Debug)]
enum Told {
    Passes(Vec<String>),
    Denied(i32, HashMap<String, String>, Value),
}

impl Told {
    fn denial(&self) -> (i32, &str) {
        match self {
            Self::Passes(_) => (200, ""),
            Self::Denied(status, _, problem) => {
                (*status, problem["code"].as_str().unwrap_or_default())
            }
        }
    }
}

impl Envoy {
    fn new(file: &str, edit: Option<(&str, &str)>, more: &[&str]) -> Self {
        let world = World::new();
        if let Some((from, to)) = edit {
            world.edit(file, from, to);
        }
        let check = world.serve_grpc(file, more);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", check.address)).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self {
            world,
            check,
            runtime,
            client: AuthorizationClient::new(channel),
        }
    }

    fn checking() -> Self {
        Self::new("envoy.toml", None, &["--ledger", "used.sqlite"])
    }

    fn ask(&self, request: HttpRequest) -> Told {
        let question = CheckRequest {
            attributes: Some(AttributeContext {
                request: Some(Request {
                    http: Some(request),
                    ..Request::default()
                }),
                ..AttributeContext::default()
            }),
        };
        let mut client = self.client.clone();
        let answer = self.runtime.block_on(client.check(question)).unwrap();
        told(answer.into_inner())
    }

    /// A request with a sound token and a sound proof.
    fn request(&self, method: &str, path: &str) -> HttpRequest {
        let proof = self.world.proof(method, path, None);
        let headers = [
            (":method", method),
            (":path", path),
            (":authority", "notes.example"),
            ("authorization", &format!("DPoP {}", self.world.token)),
            ("dpop", &proof),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        HttpRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            host: "notes.example".to_owned(),
            headers: headers.into_iter().collect(),
            ..HttpRequest::default()
        }
    }

    /// One with a body, as Envoy hands it on whole.
    fn post(&self, body: &str, more: &str) -> HttpRequest {
        let mut request = self.request("POST", "/mail");
        request.raw_body = body.as_bytes().to_vec();
        let whole = format!(
            "content-length: {}\r\nx-envoy-auth-partial-body: false\r\n{more}",
            body.len()
        );
        for line in whole.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            request.headers.insert(name.to_owned(), value.to_owned());
        }
        request
    }
}

fn told(answer: CheckResponse) -> Told {
    let code = answer.status.unwrap().code;
    match answer.http_response.unwrap() {
        HttpResponse::OkResponse(response) => {
            assert_eq!(code, 0);
            Told::Passes(response.headers_to_remove)
        }
        HttpResponse::DeniedResponse(response) => {
            assert_eq!(code, 7);
            let headers = response.headers.into_iter().map(|option| {
                let header = option.header.unwrap();
                (header.key, header.value)
            });
            let problem = serde_json::from_str(&response.body).unwrap();
            Told::Denied(response.status.unwrap().code, headers.collect(), problem)
        }
        HttpResponse::ErrorResponse(_) => panic!("an error instead of a denial"),
    }
}

#[test]
fn an_allow_takes_the_token_away_and_a_denial_tells_all() {
    let envoy = Envoy::checking();
    let request = envoy.request("GET", "/notes/7");
    let Told::Passes(removed) = envoy.ask(request.clone()) else {
        panic!("it is allowed");
    };
    for name in ["authorization", "dpop", "ambit-approval"] {
        assert!(removed.contains(&name.to_owned()), "{removed:?}");
    }
    // The same proof, none, no token.
    let Told::Denied(status, headers, problem) = envoy.ask(request) else {
        panic!("a proof counts once");
    };
    assert_eq!((status, &problem["code"]), (401, &json!("possession.used")));
    assert!(
        headers["www-authenticate"].starts_with("DPoP "),
        "{headers:?}"
    );
    assert_eq!(headers["content-type"], "application/problem+json");
    let mut bare = envoy.request("GET", "/notes/7");
    bare.headers.remove("dpop");
    assert_eq!(envoy.ask(bare).denial(), (401, "possession.missing"));
    let mut bare = envoy.request("GET", "/notes/7");
    bare.headers.remove("authorization");
    assert_eq!(envoy.ask(bare).denial(), (401, "token.missing"));
    // Two tokens, joined as Envoy joins them, and each by itself.
    let mut twice = envoy.request("GET", "/notes/7");
    let both = format!("{},Bearer e30", twice.headers["authorization"]);
    twice.headers.insert("authorization".to_owned(), both);
    assert_eq!(envoy.ask(twice).denial().0, 401);
    let mut twice = envoy.request("GET", "/notes/7");
    let raw = |(name, value): (&String, &String)| HeaderValue {
        key: name.clone(),
        raw_value: value.clone().into_bytes(),
        ..HeaderValue::default()
    };
    let mut all: Vec<HeaderValue> = twice.headers.iter().map(raw).collect();
    twice.headers.clear();
    twice.header_map = Some(HeaderMap {
        headers: all.clone(),
    });
    assert_eq!(envoy.ask(twice.clone()).denial(), (200, ""));
    let token = all
        .iter()
        .find(|header| header.key == "authorization")
        .cloned();
    all.extend(token);
    twice.header_map = Some(HeaderMap { headers: all });
    assert_eq!(envoy.ask(twice).denial(), (400, "forward.header"));
}

#[test]
fn what_has_two_readings_or_none_is_refused() {
    let envoy = Envoy::checking();
    for (method, path, wanted) in [
        ("GET", "/notes/%61", (400, "forward.path")),
        ("GET", "/notes/../notes/7", (400, "forward.path")),
        ("GET", "//notes/7", (400, "forward.path")),
        ("GET", "notes/7", (400, "forward.path")),
        ("GET", "*", (400, "forward.path")),
        ("GET", "", (400, "forward.path")),
        ("GET", "/notes/7#x", (400, "forward.path")),
        ("GET", "/check/notes/7", (403, "forward.unmapped")),
        ("GET", "/notes/7?x=1", (403, "forward.unmapped")),
        ("PUT", "/notes/7", (403, "forward.unmapped")),
        ("get", "/notes/7", (403, "forward.unmapped")),
    ] {
        let told = envoy.ask(envoy.request(method, path));
        assert_eq!(told.denial(), wanted, "{method} {path}");
    }
    let mut other = envoy.request("GET", "/notes/7");
    other.host = "admin.example".to_owned();
    assert_eq!(envoy.ask(other).denial(), (403, "forward.host"));
    let mut other = envoy.request("GET", "/notes/7");
    other
        .headers
        .insert("x_http_method_override".to_owned(), "DELETE".to_owned());
    assert_eq!(envoy.ask(other).denial(), (400, "forward.header"));
    // Nothing of a request at all.
    assert_eq!(envoy.ask(HttpRequest::default()).denial().0, 400);
}

#[test]
fn a_body_is_checked_whole_or_not_at_all() {
    let envoy = Envoy::checking();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/bodies.json");
    let all: Vec<(String, String, u16, String)> =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    for (body, headers, status, code) in &all {
        let told = envoy.ask(envoy.post(body, headers));
        assert_eq!(
            told.denial(),
            (i32::from(*status), code.as_str()),
            "{headers} {body}"
        );
    }
}

#[test]
fn a_part_of_a_body_or_its_text_is_no_body() {
    let envoy = Envoy::checking();
    let (body, json) = (
        r#"{"message": {"to": "ann@notes.example"}}"#,
        "content-type: application/json",
    );
    let changed = |change: &dyn Fn(&mut HttpRequest)| {
        let mut request = envoy.post(body, json);
        change(&mut request);
        envoy.ask(request)
    };
    assert_eq!(changed(&|_| {}).denial(), (200, ""));
    // A part: as Envoy says it, by the length, or where nobody says that it is whole.
    let name = "x-envoy-auth-partial-body";
    for part in [
        changed(&|request| drop(request.headers.insert(name.to_owned(), "true".to_owned()))),
        changed(&|request| drop(request.headers.remove(name))),
        changed(&|request| {
            let length = "9999".to_owned();
            request.headers.insert("content-length".to_owned(), length);
        }),
    ] {
        assert_eq!(part.denial(), (413, "forward.body"));
    }
    // As text, which is not what Envoy forwards.
    let text = changed(&|request| {
        request.raw_body.clear();
        request.body = body.to_owned();
    });
    assert_eq!(text.denial(), (500, ""));
    envoy.check.said.says("set `pack_as_bytes: true`");
    // A body that was announced and not handed on, and one where none may be.
    assert_eq!(
        changed(&|request| request.raw_body.clear()).denial(),
        (400, "forward.body")
    );
    let long = format!("{{\"message\": {{}}{}}}", " ".repeat(300 * 1024));
    assert_eq!(envoy.ask(envoy.post(&long, json)).denial().0, 413);
    let mut get = envoy.request("GET", "/notes/7");
    get.headers
        .insert("content-length".to_owned(), "1".to_owned());
    assert_eq!(envoy.ask(get).denial(), (400, "forward.body"));
}

#[test]
fn many_questions_at_one_time_are_answered_or_told_to_come_again() {
    let envoy = Envoy::checking();
    let ledger = rusqlite::Connection::open(envoy.world.path("used.sqlite")).unwrap();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let questions: Vec<HttpRequest> = (0..150).map(|_| envoy.request("GET", "/notes/7")).collect();
    let answers = envoy.runtime.block_on(async {
        let asking: Vec<_> = questions
            .into_iter()
            .map(|request| {
                let mut client = envoy.client.clone();
                let question = CheckRequest {
                    attributes: Some(AttributeContext {
                        request: Some(Request {
                            http: Some(request),
                            ..Request::default()
                        }),
                        ..AttributeContext::default()
                    }),
                };
                tokio::spawn(async move { client.check(question).await })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        ledger.execute_batch("COMMIT").unwrap();
        let mut answers = Vec::new();
        for one in asking {
            answers.push(told(one.await.unwrap().unwrap().into_inner()));
        }
        answers
    });
    let busy = answers.iter().filter(|told| told.denial().0 == 503).count();
    assert!(busy > 0, "nothing is shed");
    for told in &answers {
        match told {
            Told::Passes(_) => {}
            Told::Denied(status, headers, _) => {
                assert_eq!((*status, headers["retry-after"].as_str()), (503, "1"));
            }
        }
    }
}

#[test]
fn where_the_service_checks_as_well_the_token_stays() {
    let edit = (
        "purpose = \"daily-work\"\n",
        "purpose = \"daily-work\"\nservice_checks = true\n",
    );
    let envoy = Envoy::new("envoy.toml", Some(edit), &[]);
    let request = envoy.request("GET", "/notes/7");
    for _ in 0..2 {
        let Told::Passes(removed) = envoy.ask(request.clone()) else {
            panic!("the service alone uses it up");
        };
        assert!(removed.is_empty(), "{removed:?}");
    }
}

#[test]
fn only_envoy_asks_over_grpc() {
    let world = World::new();
    let base = [
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--ledger",
        "used.sqlite",
    ];
    let arguments = [
        &[
            "gateway",
            "forward",
            "forward.toml",
            "--grpc",
            "127.0.0.1:0",
        ],
        &base[..],
    ]
    .concat();
    let told = world.ambit(&arguments).expect(3).err;
    assert!(
        told.contains("forward.config") && told.contains("write `front = \"envoy\"`"),
        "{told}"
    );
}
