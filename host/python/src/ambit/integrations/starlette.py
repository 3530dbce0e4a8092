"""A service in Starlette or FastAPI: the arguments that are judged are the arguments that run.

The middleware reads the body once, within a bound, judges it, and hands exactly these bytes on.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..aio import to_thread
from ..answers import UNAVAILABLE, Answer, Denied
from .guard import Call, Guard, Operation, Refused, Shown, Unjudged, filled

#: Bytes of a body; a request to the core has at most four times as many.
BODY_MOST = 64 * 1024
JSON_TYPE = re.compile(r'application/json(\s*;\s*charset="?utf-8"?)?\s*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an endpoint does. Each parameter of its path names the resource, or is one of the `arguments`.

    The arguments are the members of the body, a JSON object, with these `arguments` and the `query` parameters, which
    are texts. A query parameter that is not named here is refused: nobody would judge it.
    """

    operation: Operation
    arguments: frozenset[str] = field(default=frozenset())
    query: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class _Judged:
    """What an endpoint may run by, and what it then runs."""

    guard: Guard
    answer: Answer
    runs: tuple[dict[str, str], bytes, bytes]


class AmbitMiddleware:
    """Lets only those requests pass that the policy allows. What no row of `endpoints` names is refused.

    `endpoints` has a row for each `"METHOD /path/{parameter}"`. Of two rows for one path, the one that says more of it
    counts (`/stock/all` before `/stock/{contact}`); where neither does, that is an error at the start. `open` names paths
    that need no permission. `origin` is how clients reach this service (`https://mail.example`): proofs are for it and
    the path.
    """

    def __init__(
        self, app: ASGIApp, guard: Guard, endpoints: Mapping[str, Endpoint], *, origin: str, open: frozenset[str] = frozenset()
    ) -> None:
        self._app, self._guard, self._origin, self._open = app, guard, origin.rstrip("/"), open
        rows = [_Row(name, endpoint) for name, endpoint in endpoints.items()]
        for place, row in enumerate(rows):
            if row.path in open:
                raise ValueError(f"`{row.name}`: this path is `open` as well")
            for other in rows[:place]:
                if row.disputes(other):
                    raise ValueError(f"`{other.name}` and `{row.name}`: some paths are for both, and neither says more of them")
        self._rows = sorted(rows, key=lambda row: row.ranks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or _path(scope) in self._open:
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        try:
            body = await _read(receive)
            if body is None:
                return
            scope["ambit"] = await self._allow(scope, body)
        except _Refusal as refusal:
            refused = await to_thread(self._guard.refuse, refusal.code, refusal.admin)
            return await denied_response(None, refused)(scope, receive, send)
        except Refused as refused:
            return await denied_response(None, refused)(scope, receive, send)
        await self._app(scope, _again(body, receive), send)

    async def _allow(self, scope: Scope, body: bytes) -> _Judged:
        found = ((row, match) for row in self._rows if (match := row.match(scope)) is not None)
        row, values = next(found, (None, {}))
        if row is None:
            raise _Refusal("capability.none", "no row of `endpoints` is for this method and path")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        raw = scope.get("raw_path") or _path(scope).encode()
        try:
            shown = Shown.read(headers, scope["method"], self._origin + raw.decode("ascii").partition("?")[0])
        except ValueError as error:
            raise _Refusal("request.member", str(error)) from None
        operation = row.endpoint.operation
        names = {name: value for name, value in values.items() if name in operation.names}
        texts = {name: value for name, value in values.items() if name in row.endpoint.arguments}
        texts |= _query(scope["query_string"], row.endpoint.query)
        args = _arguments(body, headers, texts, names)
        answer = await self._guard.allow(Call(operation, names, args, shown))
        return _Judged(self._guard, answer, (values, scope["query_string"], body))


class _Row:
    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self.name, self.endpoint = name, endpoint
        self._method, _, self.path = name.partition(" ")
        self._pattern, _, convertors = compile_path(self.path)
        names = [*endpoint.operation.names, *endpoint.arguments, *endpoint.query]
        if len(set(names)) != len(names):
            raise ValueError(f"`{name}`: a name must stand in one place, as the resource, in `arguments`, or in `query`")
        if set(convertors) != endpoint.operation.names | endpoint.arguments:
            raise ValueError(f"`{name}`: each parameter must name the resource, or be an argument")
        if any(type(one).__name__ not in ("StringConvertor", "PathConvertor") for one in convertors.values()):
            raise ValueError(f"`{name}`: parameters are texts, so that what is judged is what runs")
        self._parts = self.path.split("/")
        #: How much each part says: a text more than a parameter, and that more than one that takes the rest.
        self.ranks = [2 if ":path}" in part else 1 if "{" in part else 0 for part in self._parts]
        if 2 in self.ranks[:-1]:
            raise ValueError(f"`{name}`: the parameter that takes the rest of a path must be the last")

    def match(self, scope: Scope) -> dict[str, str] | None:
        found = self._pattern.match(_path(scope)) if scope["method"] == self._method else None
        return None if found is None else found.groupdict()

    def disputes(self, other: _Row) -> bool:
        """Whether both are for some path, and neither says more of every part of it."""
        pairs = list(zip(self.ranks, other.ranks))
        rest = next((place for place, pair in enumerate(pairs) if 2 in pair), None)
        same = list(zip(self._parts, other._parts))[:rest]
        apart = any(one != two for (one, two), pair in zip(same, pairs) if pair == (0, 0))
        if self._method != other._method or apart or (rest is None and len(self.ranks) != len(other.ranks)):
            return False
        compared = pairs if rest is None else pairs[: rest + 1]
        return all(one >= two for one, two in compared) == all(one <= two for one, two in compared)


class _Refusal(Exception):
    def __init__(self, code: str, admin: str) -> None:
        self.code, self.admin = code, admin


def denied_response(_: Any, denied: Exception) -> Response:
    """A denial over HTTP; also as an exception handler for `Denied`, where an endpoint asks a policy by itself."""
    assert isinstance(denied, Denied)
    http = denied.http or UNAVAILABLE
    problem = dict(http.problem)
    if isinstance(denied, Refused) and denied.held is not None:
        problem["held"] = True
    return Response(json.dumps(problem, ensure_ascii=False), http.status, dict(http.headers))


async def permit(request: Request) -> Answer:
    """The allow by which an endpoint runs, as FastAPI's `Depends(permit)`.

    It compares what was judged (the parameters of the path, the query, the body) with what the endpoint is called with:
    where the router took another route than the policy, something changed the request, or FastAPI fills in a default that
    nobody judged, it raises `Refused`. An endpoint that nothing guards fails.
    """
    judged: _Judged = request.scope["ambit"]
    path = {name: str(value) for name, value in request.path_params.items()}
    body = await request.body()
    if (path, request.scope["query_string"], body) != judged.runs:
        raise await to_thread(judged.guard.refuse, "request.unsupported", "the endpoint would run what was not judged")
    try:
        _check_defaults(request, json.loads(body) if body else {})
    except Unjudged as error:
        raise await to_thread(judged.guard.refuse, "request.unsupported", str(error)) from None
    return judged.answer


def _check_defaults(request: Request, body: dict[str, Any]) -> None:
    """FastAPI fills in the defaults of an endpoint's parameters and models. Only `None` says that nothing was given."""
    route = request.scope.get("route")
    parts = [part for part in [getattr(route, "dependant", None)] if part is not None]
    for part in parts:
        parts += part.dependencies
        for one in part.query_params:
            if one.alias not in request.query_params and one.default is not None:
                raise Unjudged(f"the endpoint fills in `{one.alias}` of the query, which was not judged")
    model = getattr(route, "body_field", None)
    if model is not None:
        added = filled(_schema(model.field_info.annotation), body).keys() - body.keys()
        if added:
            raise Unjudged(f"the endpoint fills in `{min(added)}` of the body, which was not judged")


@functools.lru_cache(maxsize=1024)
def _schema(model: Any) -> dict[str, Any]:
    # FastAPI brings it along.
    from pydantic import TypeAdapter

    return TypeAdapter(model).json_schema()


async def arguments(request: Request) -> dict[str, Any]:
    """The body as it came: call `permit` first, and it is what was judged."""
    body = await request.body()
    value: dict[str, Any] = json.loads(body) if body else {}
    return value


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root + "/") else path


async def _read(receive: Receive) -> bytes | None:
    """The whole body; `None` where nobody waits for the answer any more."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > BODY_MOST:
            raise _Refusal("request.size", "the body is too long")
        if not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _query(query: bytes, known: frozenset[str]) -> dict[str, str]:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    values = dict(pairs)
    if len(values) != len(pairs) or values.keys() - known:
        raise _Refusal("request.member", "the query has a parameter twice, or one that nobody judges")
    return values


def _arguments(body: bytes, headers: list[tuple[str, str]], texts: Mapping[str, str], names: Mapping[str, str]) -> bytes:
    """The text of all arguments: that of the body as it came, and what stands in path and query."""
    if not body:
        return json.dumps(texts).encode()
    kinds = [value for name, value in headers if name in ("content-type", "content-encoding")]
    if len(kinds) != 1 or not JSON_TYPE.fullmatch(kinds[0]):
        raise _Refusal("request.syntax", "the body must be JSON in UTF-8, and not compressed")
    try:
        value = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_constant)
    except (RecursionError, ValueError) as error:
        raise _Refusal("request.syntax", f"the body is not JSON with one meaning: {type(error).__name__}") from None
    if not isinstance(value, dict) or value.keys() & (texts.keys() | names.keys()):
        raise _Refusal("request.member", "the body must be an object, and not say again what path and query say")
    if not texts:
        return body
    inside = body.strip()[1:-1].strip()
    return b"{%b%b%b}" % (json.dumps(texts).encode()[1:-1], b"," if inside else b"", inside)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member comes twice")
    return value


def _constant(text: str) -> Any:
    raise ValueError(f"`{text}` is no JSON")
