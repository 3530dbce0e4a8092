//! Envoy's `ext_authz` over gRPC: the same check by the same file, and bodies as the bytes that they are.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse, DeniedHttpResponse,
    HeaderAppendAction, HeaderValue as Named, HeaderValueOption, HttpResponse, HttpStatus,
    OkHttpResponse,
};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use envoy_types::pb::google::rpc;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::codegen::Service as _;

use super::front::CHECK;
use super::{Forward, Refusal};
use crate::connections::{self, Bounds};
use crate::http::{self, Heard, Reply, Room};
use crate::passing::is_shown;
use crate::tls::Tls;

/// Bytes of a question: a body, a head, and what Envoy says besides.
const QUESTION: usize = 512 * 1024;
/// Connections at one time: Envoy opens one a worker thread.
const CONNECTIONS: usize = 256;
/// Questions at one time: those that are decided, and a few that are told that there is no room.
const QUESTIONS: usize = 160;
const STREAMS: u32 = 160;
/// From the first byte of a question to its answer.
const QUESTION_TIME: Duration = Duration::from_secs(25);
/// A peer that is gone is noticed.
const PING: Duration = Duration::from_secs(20);
/// What Envoy sets where it hands on a body.
const PARTIAL: &str = "x-envoy-auth-partial-body";
/// `google.rpc.Code`.
const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;

/// What Envoy asks.
#[derive(Clone)]
struct Checks {
    forward: Arc<Forward>,
    requests: Arc<Room>,
}

#[tonic::async_trait]
impl Authorization for Checks {
    async fn check(
        &self,
        question: tonic::Request<CheckRequest>,
    ) -> Result<tonic::Response<CheckResponse>, tonic::Status> {
        let asked = question.into_inner().attributes;
        let asked = asked.and_then(|asked| asked.request?.http);
        let asked = asked.unwrap_or_default();
        let response = match heard(asked) {
            Err((refusal, id)) => denied(self.forward.refuses_as(&refusal, &id)),
            Ok(heard) => {
                let removed = self.forward.removed(&heard.headers);
                let forward = Arc::clone(&self.forward);
                let reply = http::whole(forward, &self.requests, heard).await;
                match reply.passes() {
                    true => allowed(removed),
                    false => denied(reply),
                }
            }
        };
        Ok(tonic::Response::new(response))
    }
}

impl Forward {
    /// The headers that the service behind must not get.
    fn removed(&self, headers: &HeaderMap) -> Vec<String> {
        if self.config.service_checks() {
            return Vec::new();
        }
        let mut names = ["authorization", "dpop", "ambit-approval"]
            .map(str::to_owned)
            .to_vec();
        for name in headers.keys().map(HeaderName::as_str) {
            if is_shown(name) && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

/// The request that Envoy asks about, or why it is none, with its id.
fn heard(asked: HttpRequest) -> Result<Heard, (Refusal, String)> {
    let id = http::plain(&asked.id);
    match read(asked, id.clone()) {
        Ok(heard) => Ok(heard),
        Err(refusal) => Err((refusal, id)),
    }
}

fn read(asked: HttpRequest, id: String) -> Result<Heard, Refusal> {
    let front = |words: &str| Refusal::of_front(words.to_owned());
    if !asked.body.is_empty() {
        return Err(front(
            "Envoy hands on bodies as text, which is not what it forwards: set `pack_as_bytes: true`",
        ));
    }
    if !asked.path.starts_with('/') {
        let words = "the path does not begin with `/`, which servers read differently";
        return Err(Refusal::new(400, "forward.path", words));
    }
    let mut headers = headers(&asked)?;
    let host = HeaderValue::from_str(&asked.host);
    headers.insert(
        HOST,
        host.map_err(|_| front("the host is not plain characters"))?,
    );
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let has_body = length(&headers, &asked.raw_body)?;
    Ok(Heard {
        method: asked.method,
        path: format!("{CHECK}{path}"),
        is_absolute: false,
        query: query.to_owned(),
        id,
        headers,
        has_body,
        until: Instant::now() + http::BEGIN_TIME,
        body: Bytes::from(asked.raw_body),
    })
}

/// All headers of the request: each by itself where Envoy sends them so (`encode_raw_headers`), else those of one name
/// joined, of which a token or a proof is none.
fn headers(asked: &HttpRequest) -> Result<HeaderMap, Refusal> {
    let one = |named: &'_ Named| -> (String, Vec<u8>) {
        let value = match named.raw_value.is_empty() {
            true => named.value.clone().into_bytes(),
            false => named.raw_value.clone(),
        };
        (named.key.clone(), value)
    };
    let joined = |(name, value): (&String, &String)| (name.clone(), value.clone().into_bytes());
    let all: Vec<(String, Vec<u8>)> = match &asked.header_map {
        Some(map) => map.headers.iter().map(one).collect(),
        None => asked.headers.iter().map(joined).collect(),
    };
    let mut headers = HeaderMap::with_capacity(all.len());
    for (name, value) in all.into_iter().filter(|(name, _)| !name.starts_with(':')) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(&value);
        match (name, value) {
            (Ok(name), Ok(value)) => drop(headers.append(name, value)),
            _ => return Err(Refusal::new(400, "forward.header", "a header is none")),
        }
    }
    Ok(headers)
}

/// Whether the request has a body, all of which is here if any is.
fn length(headers: &HeaderMap, body: &[u8]) -> Result<bool, Refusal> {
    let told = headers.get_all(CONTENT_LENGTH).iter();
    let told: Vec<Option<usize>> = told
        .map(|value| value.to_str().ok()?.parse().ok())
        .collect();
    if body.is_empty() {
        let is_announced = told.iter().any(|told| *told != Some(0));
        return Ok(is_announced || headers.contains_key(TRANSFER_ENCODING));
    }
    let partial = headers.get_all(PARTIAL).iter().collect::<Vec<_>>();
    let is_whole = partial.iter().all(|value| *value == "false")
        && !partial.is_empty()
        && told.iter().all(|told| *told == Some(body.len()));
    match is_whole {
        true => Ok(true),
        false => Err(Refusal::new(
            413,
            "forward.body",
            "only a part of the body could be checked: send a shorter one",
        )),
    }
}

fn allowed(headers_to_remove: Vec<String>) -> CheckResponse {
    CheckResponse {
        status: Some(status(OK)),
        http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
            headers_to_remove,
            ..OkHttpResponse::default()
        })),
        ..CheckResponse::default()
    }
}

fn denied(reply: Reply) -> CheckResponse {
    let headers = reply.headers().map(|(name, value)| HeaderValueOption {
        header: Some(Named {
            key: name.to_owned(),
            value: value.to_owned(),
            ..Named::default()
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    });
    CheckResponse {
        status: Some(status(PERMISSION_DENIED)),
        http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
            status: Some(HttpStatus {
                code: i32::from(reply.status()),
            }),
            headers: headers.collect(),
            body: reply.body().to_owned(),
        })),
        ..CheckResponse::default()
    }
}

fn status(code: i32) -> rpc::Status {
    rpc::Status {
        code,
        ..rpc::Status::default()
    }
}

/// Serves until `end`, and then lets what has begun come to its end.
pub(crate) async fn serve(
    listener: (TcpListener, Option<Arc<Tls>>),
    forward: Arc<Forward>,
    end: impl Future<Output = ()>,
) {
    let checks = Checks {
        forward,
        requests: Arc::new(Room::new()),
    };
    let server = AuthorizationServer::new(checks).max_decoding_message_size(QUESTION);
    let questions = Arc::new(Semaphore::new(QUESTIONS));
    // A peer that is there answers each ping.
    let bounds = Bounds {
        most: CONNECTIONS,
        silence: Some(PING * 3),
    };
    connections::serve(listener, bounds, end, drop, move |stream| {
        let (server, questions) = (server.clone(), Arc::clone(&questions));
        let handle = service_fn(move |request: Request<Incoming>| {
            let (mut server, questions) = (server.clone(), Arc::clone(&questions));
            async move {
                let Ok(_place) = questions.try_acquire() else {
                    return Ok(tonic::Status::unavailable("too many questions").into_http());
                };
                match timeout(QUESTION_TIME, server.call(request)).await {
                    Ok(answer) => answer,
                    Err(_) => Ok(tonic::Status::deadline_exceeded("too slow").into_http()),
                }
            }
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(Some(PING))
            .keep_alive_timeout(PING);
        builder.serve_connection(stream, handle)
    })
    .await;
}
