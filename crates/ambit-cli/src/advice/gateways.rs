//! Why a gateway refuses, where it is not the decision that does.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "approval.waiting",
        "the same call already waits for a person",
        "wait for the answer, then repeat exactly that call",
    ),
    (
        "mcp.busy",
        "other requests are under way that may change what this call refers to",
        "repeat the call when they have been answered",
    ),
    (
        "mcp.config",
        "the gateway's file says something that cannot be right",
        "look at the place that is named; `docs/gateway.md` has every member",
    ),
    (
        "mcp.content",
        "what the call refers to cannot be read and shown whole, so nobody can approve it",
        "let the tool of `[[contents]]` answer with texts below 64 KiB; `docs/gateway.md` says what is shown",
    ),
    (
        "mcp.form",
        "the request has not the form of MCP's streamable HTTP: method, path, `Accept`, `Content-Type` or version",
        "send it as the detail says; `docs/gateway.md`, section 6, has the versions",
    ),
    (
        "mcp.full",
        "there are too many sessions at one time, or too many requests of one",
        "try again later, and end sessions that are not needed (DELETE)",
    ),
    (
        "mcp.host",
        "the request names another host than that of `audience`",
        "call the endpoint by its own name, or by one of this machine",
    ),
    (
        "mcp.open",
        "a gateway that holds a token was to listen where others than this machine reach it",
        "listen at 127.0.0.1, or let each agent show a token of its own (without --holder-key)",
    ),
    (
        "mcp.origin",
        "a page of another origin called the endpoint",
        "call it from a program; only pages of the endpoint's own origin may",
    ),
    (
        "mcp.server",
        "the server behind the gateway cannot be started or reached, or does not say which revisions of MCP it speaks",
        "look at the command after `--`, or at --upstream; the gateway's own output says why",
    ),
    (
        "mcp.session",
        "the session is lacking, has ended, or is another holder's",
        "begin a new one with `initialize`, and show the token of the same holder in all its requests",
    ),
    (
        "mcp.unknown",
        "the server behind the gateway has no such tool",
        "list the tools again, and call one of them",
    ),
    (
        "mcp.unmapped",
        "nothing says what this tool or method is in the policy, or the tool has changed since somebody looked at it",
        "run `ambit import mcp`, look at what it says, and build the policy anew",
    ),
    (
        "mcp.untaken",
        "a client did not read its answers, so that more of them waited than is kept, and its session has ended",
        "read answers and streams while requests are under way, then begin a new session",
    ),
    (
        "forward.argument",
        "a value of the path, the query or the body cannot be the argument that the mapping makes of it",
        "send a value of the type that the message names",
    ),
    (
        "forward.body",
        "the body is not one that the mapping checks: none was expected, it is too long, or it is no JSON of the form",
        "send the body that the route needs, with `Content-Length` and one media type",
    ),
    (
        "forward.config",
        "the gateway's file says something that cannot be right",
        "look at the place that is named; `docs/forward.md` has every member",
    ),
    (
        "forward.front",
        "the server in front does not say what it was asked, so nothing can be checked",
        "set it up as in `docs/forward.md`, header by header",
    ),
    (
        "forward.header",
        "a header could make another request of this one, or is there twice",
        "send the request without it",
    ),
    (
        "forward.host",
        "the request names another host than the service's",
        "call the service by the name in `origin`",
    ),
    (
        "forward.path",
        "servers could read the path differently: escapes, dot segments, doubled slashes, or a path that is nearly another",
        "send the path in its plain form, as the mapping has it",
    ),
    (
        "forward.query",
        "servers could read the query differently: a parameter twice, an odd escape, or too many",
        "send each parameter once, in its plain form",
    ),
    (
        "forward.unmapped",
        "nothing says what this request is in the policy",
        "add a route for it to the mapping, or call one that is there",
    ),
    (
        "pdp.config",
        "the decision point's file says something that cannot be right",
        "look at the place that is named; `docs/pdp.md` has every member",
    ),
    (
        "proxy.upstream",
        "what stands behind the proxy is not given as the address of one service",
        "write `--upstream http://HOST:PORT` or `https://HOST:PORT`, without a path; --upstream-ca goes with https alone",
    ),
    (
        "tls.config",
        "TLS cannot be spoken: the host has no name that a certificate has, or this machine trusts no authority",
        "name the host as its certificate does; install the authorities of the system, or name them (--upstream-ca)",
    ),
    (
        "tls.file",
        "a file has no certificate or key in it, or they do not belong together",
        "name PEM files: --tls-cert with the service's certificate first, --tls-key with its key, --upstream-ca with authorities",
    ),
];
