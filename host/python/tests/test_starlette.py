"""Services in Starlette and FastAPI, with the real packages."""

import itertools
import json
from types import SimpleNamespace
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from shop import ORIGIN, call, stock
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import ambit
from ambit import _wasm
from ambit.integrations import Guard, Operation
from ambit.integrations.starlette import AmbitMiddleware, Endpoint, denied_response, permit

STOCK = Endpoint(Operation("stock", ("Contact", "{contact}"), "customer-care"))
STOCK_ALL = Endpoint(Operation("stock", ("Contact", "c-7"), "customer-care"))
PAY = Endpoint(Operation("pay", ("Invoice", "{invoice}"), "customer-care"))
ENDPOINTS = {
    "POST /stock/{contact}": STOCK,
    "POST /pay/{invoice}": PAY,
    "POST /twice/{contact}": Endpoint(STOCK.operation, query=frozenset({"note"})),
    "GET /prepare/{contact}/{to}": Endpoint(
        Operation("email", ("Contact", "{contact}"), "customer-care", "draft"), frozenset({"to"}), frozenset({"subject"})
    ),
}


class Service:
    """A service that notes what ran, behind the middleware."""

    def __init__(self, shop, **options):
        self.shop, self.ran = shop, []
        self.policy = shop.load(**options)
        app = Starlette(
            routes=[
                Route("/stock/{contact}", self.run, methods=["POST"]),
                Route("/pay/{invoice}", self.run, methods=["POST"]),
                Route("/prepare/{contact}/{to}", self.run),
                Route("/health", lambda _: PlainTextResponse("well")),
                Route("/forgotten", self.run, methods=["POST"]),
                Route("/twice/{contact}", self.run, methods=["POST"]),
                WebSocketRoute("/live", self.live),
                WebSocketRoute("/closed", self.live),
                WebSocketRoute("/stock/{contact}", self.live),
            ]
        )
        guard = Guard(self.policy, audience=ORIGIN, hold="discharge" in options)
        self.inner, self.sockets = app, []
        self.app = AmbitMiddleware(app, guard, ENDPOINTS, origin=ORIGIN, open=frozenset({"/health", "/live"}))
        self.client = TestClient(self.app, base_url="http://inside")

    async def run(self, request):
        body = await request.body()
        self.ran.append((dict(request.path_params), dict(request.query_params), body))
        return JSONResponse({"done": True})

    async def live(self, socket):
        self.sockets.append(socket.url.path)
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    def send(self, path, content, evaluation, *, method="POST", token=None, approvals=(), headers=()):
        token = token or self.shop.token()
        proof = self.shop.proof(self.policy, token, evaluation, method=method, url=ORIGIN + path.partition("?")[0])
        own = [("authorization", f"DPoP {token}"), ("dpop", proof), ("ambit-approval", ", ".join(approvals))]
        if content is not None:
            own.append(("content-type", "application/json"))
        names = {name for name, _ in headers}
        own = [one for one in own if one[0] not in names] + [one for one in headers if one[1] is not None]
        return self.client.request(method, path, content=content, headers=own)


THREE = call("stock", "execute", {"count": 3})


@pytest.fixture
def service(shop):
    return Service(shop)


def test_what_is_judged_is_what_runs(service):
    body = b'{ "count" : 3 }'
    assert service.send("/stock/c-7", body, THREE).json() == {"done": True}
    assert service.ran == [({"contact": "c-7"}, {}, body)]


def test_a_denial_is_a_problem(service):
    answer = service.send("/stock/c-7", b'{"count": 33}', call("stock", "execute", {"count": 33}))
    assert answer.status_code == 403 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "constraint.range" and answer.headers["cache-control"] == "no-store"
    without = service.send("/stock/c-7", b'{"count": 3}', THREE, headers=[("authorization", None)])
    assert without.status_code == 401 and without.headers["www-authenticate"].startswith("DPoP ")
    no_proof = service.send("/stock/c-7", b'{"count": 3}', THREE, headers=[("dpop", None)])
    assert no_proof.status_code == 401 and no_proof.json()["code"].startswith("possession.")
    assert service.ran == []


def test_a_proof_is_for_one_call_at_one_place(service):
    token = service.shop.token()
    proof = service.shop.proof(service.policy, token, THREE, url=ORIGIN + "/stock/c-7")
    same = [("dpop", proof)]
    assert service.send("/stock/c-7", b'{"count":4}', THREE, token=token, headers=same).status_code == 401
    assert service.send("/stock/c-8", b'{"count":3}', THREE, token=token, headers=same).status_code == 401
    assert service.send("/stock/c-7", b'{"count":3}', THREE, token=token, headers=same).status_code == 200
    assert service.send("/stock/c-7", b'{"count":3}', THREE, token=token, headers=same).json()["code"] == "possession.used"
    assert len(service.ran) == 1


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/stock/c-7", b'{"count":3,"count":4}', [], 400),
        ("/stock/c-7", b'{"count":"3"}', [], 400),
        ("/stock/c-7", b'{"count":NaN}', [], 400),
        ("/stock/c-7", b"[3]", [], 400),
        ("/stock/c-7", b'{"count":3}},"facts":{"now":0}', [], 400),
        ("/stock/c-7", b"[" * 60_000, [], 400),
        ("/stock/c-7", b'\xef\xbb\xbf{"count":3}', [], 400),
        ("/stock/c-7", '{"count":3}'.encode("utf-16"), [], 400),
        ("/stock/c-7", b'{"count":3,"strange":1}', [], 400),
        ("/stock/c-7", b'{"count":3,"note":"' + b"x" * 70_000 + b'"}', [], 413),
        ("/stock/c-7", b"count=3", [("content-type", "application/x-www-form-urlencoded")], 400),
        ("/stock/c-7", b'{"count":3}', [("content-type", "application/json; charset=utf-16")], 400),
        ("/stock/c-7", b'{"count":3}', [("content-encoding", "gzip")], 400),
        ("/stock/c-7", b'{"count":3}', [("content-type", "application/json"), ("content-type", "text/plain")], 400),
        ("/stock/c-7?count=4", b'{"count":3}', [], 400),
        ("/stock/c-7", b'{"count":3}', [("authorization", "DPoP a"), ("authorization", "DPoP b")], 400),
        ("/forgotten", b'{"count":3}', [], 403),
        ("/stock/c-7/", b'{"count":3}', [], 403),
        ("/health/", b"", [], 403),
    ],
)
def test_what_could_mean_two_things_does_not_run(service, path, body, headers, status):
    assert service.send(path, body, THREE, headers=headers).status_code == status
    assert service.ran == []


def test_path_and_query_are_arguments(service):
    evaluation = call("email", "draft", {"to": "ann@customer.example", "subject": "a&b"})
    path = "/prepare/c-7/ann@customer.example?subject=a%26b"
    assert service.send(path, None, evaluation, method="GET").status_code == 200
    assert service.ran == [({"contact": "c-7", "to": "ann@customer.example"}, {"subject": "a&b"}, b"")]
    for more in ("&subject=c", "&strange=1"):
        assert service.send(path + more, None, evaluation, method="GET").status_code == 400
    other = call("email", "draft", {"to": "eve@evil.example", "subject": "x"})
    answer = service.send("/prepare/c-7/eve@evil.example?subject=x", None, other, method="GET")
    assert answer.json()["code"] == "manifest.constraint" and len(service.ran) == 1


def test_what_is_open_needs_nothing_and_the_rest_everything(service):
    assert service.client.get("/health").text == "well"
    assert service.client.get("/stock/c-7").status_code == 403 and service.ran == []


def test_a_websocket_opens_only_where_nothing_is_judged(service):
    """What comes over it would be judged by nobody."""
    with service.client.websocket_connect("/live") as socket:
        socket.send_text("ping")
        assert socket.receive_text() == "ping"
    for path in ("/closed", "/stock/c-7"):
        with pytest.raises(WebSocketDisconnect) as closed, service.client.websocket_connect(path):
            pass
        assert closed.value.code == 1008
    assert service.sockets == ["/live"]
    # Without the middleware it would have opened.
    with TestClient(service.inner).websocket_connect("/closed") as socket:
        socket.send_text("ping")
        assert socket.receive_text() == "ping"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/stock/c-7?contact=c-7", b'{"count":3}'),
        ("/stock/c-7?contact=c-8", b'{"count":3}'),
        ("/stock/c-7", b'{"count":3,"contact":"c-8"}'),
        ("/twice/c-7?note=a", b'{"count":3,"note":"b"}'),
    ],
)
def test_one_name_stands_in_one_place(service, path, body):
    """Of two, an endpoint could take the one that nobody judged."""
    answer = service.send(path, body, THREE)
    assert answer.json()["code"] == "request.member" and service.ran == []


def test_the_row_that_says_more_counts(shop):
    """Whatever the order in which the rows stand."""
    rows = {
        "POST /stock/{contact}": STOCK,
        "POST /stock/all": Endpoint(Operation("stock", ("Contact", "everybody"), "customer-care")),
        "POST /{contact:path}": STOCK,
        "GET /stock/all": STOCK_ALL,
    }
    for order in itertools.permutations(rows):
        middleware = AmbitMiddleware(Starlette(), Guard(shop.load(), audience=ORIGIN), {one: rows[one] for one in order}, origin=ORIGIN)
        found = [
            next(row.name for row in middleware._rows if row.match({"type": "http", "method": "POST", "path": path}) is not None)
            for path in ("/stock/all", "/stock/c-7", "/else/c-7")
        ]
        assert found == ["POST /stock/all", "POST /stock/{contact}", "POST /{contact:path}"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("/{contact}/all", "/stock/{contact}"),
        ("/stock/{contact}", "/stock/{other}"),
        ("/stock/{contact:path}", "/stock/{other:path}"),
        ("/stock/a-{contact}", "/stock/{contact}"),
    ],
)
def test_rows_of_which_neither_says_more_are_found_at_the_start(shop, one, two):
    guard = Guard(shop.load(), audience=ORIGIN)
    rows = {f"POST {path}": Endpoint(Operation("stock", ("Contact", "{" + path.split("{")[1].split("}")[0].split(":")[0] + "}"), "p")) for path in (one, two)}
    for order in (rows, dict(reversed(rows.items()))):
        with pytest.raises(ValueError, match="neither says more"):
            AmbitMiddleware(Starlette(), guard, order, origin=ORIGIN)
    # Another method is another row.
    (first, endpoint), (_, other) = rows.items()
    AmbitMiddleware(Starlette(), guard, {first: endpoint, f"PUT {two}": other}, origin=ORIGIN)


def test_an_open_path_is_no_row(shop):
    with pytest.raises(ValueError, match="`open` as well"):
        AmbitMiddleware(
            Starlette(), Guard(shop.load(), audience=ORIGIN), {"GET /health": STOCK_ALL}, origin=ORIGIN, open=frozenset({"/health"})
        )


class Change:
    """Changes a request between the policy and the endpoint."""

    def __init__(self, app, what):
        self.app, self.what = app, what

    async def __call__(self, scope, receive, send):
        async def other():
            return {"type": "http.request", "body": b'{"count":9}'}

        scope = dict(scope)
        if self.what == "query":
            scope["query_string"] = b"contact=c-8"
        if self.what == "path":
            scope["path"] = "/stock/c-8"
        await self.app(scope, other if self.what == "body" else receive, send)


@pytest.mark.parametrize("what", ["nothing", "query", "path", "body", "route", "number"])
def test_permit_compares_what_was_judged_with_what_runs(shop, what):
    service, ran = Service(shop), []

    async def book(request):
        answer = await permit(request)
        ran.append((request.path_params, await request.body(), answer.record["action"]))
        return JSONResponse({"done": True})

    # The router takes the first route that fits, the policy the row that says most.
    path = {"route": "/{anything:path}", "number": "/stock/{contact:int}"}.get(what, "/stock/{contact}")
    app = Starlette(routes=[Route(path, book, methods=["POST"])], exception_handlers={ambit.Denied: denied_response})
    guard = Guard(service.policy, audience=ORIGIN)
    endpoints = {"POST /stock/all": STOCK_ALL} if what == "route" else {"POST /stock/{contact}": STOCK}
    service.client = TestClient(AmbitMiddleware(Change(app, what), guard, endpoints, origin=ORIGIN))
    sent = {"route": "/stock/all", "number": "/stock/007"}.get(what, "/stock/c-7")
    evaluation = call("stock", "execute", {"count": 3}, ("Contact", "007" if what == "number" else "c-7"))
    answer = service.send(sent, b'{"count":3}', evaluation)
    if what == "nothing":
        assert answer.status_code == 200 and ran == [({"contact": "c-7"}, b'{"count":3}', "stock")]
    else:
        assert answer.json()["code"] == "request.unsupported" and ran == []


@pytest.mark.parametrize("lacking", ["store", "core"])
def test_where_store_or_core_are_not_there_it_is_503(shop, monkeypatch, lacking):
    class Away(ambit.MemoryStore):
        def transact(self, keys, decide):
            if lacking == "store" and not keys[0].startswith("policy:"):
                raise ambit.StoreError("the store is not there")
            super().transact(keys, decide)

    service = Service(shop, store=Away())
    # What the client signs is made by another policy.
    signing, ask = shop.load(), service.policy._pool.ask
    headers = [("dpop", shop.proof(signing, token := shop.token(), THREE, url=ORIGIN + "/stock/c-7"))]

    def stopped(export, content):
        raise _wasm.trap("broken")

    monkeypatch.setattr(service.policy._pool, "ask", stopped if lacking == "core" else ask)
    service.shop = SimpleNamespace(proof=lambda *_, **__: "")
    for path, body in [("/stock/c-7", b'{"count":3}')] + [("/stock/c-7", b"[")] * (lacking == "core"):
        answer = service.send(path, body, THREE, token=token, headers=headers)
        assert answer.status_code == 503 and answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {"type": "about:blank", "title": "Service Unavailable", "status": 503}
    assert service.ran == []


def test_a_denial_without_http_is_told_as_well(shop):
    """Such as that of `digest`, which no request to this service was denied with."""
    with pytest.raises(ambit.Denied) as denied:
        shop.load().digest({"evaluation": {}})
    assert denied.value.http is None and denied_response(None, denied.value).status_code == 503


def test_a_body_comes_in_pieces(service):
    def pieces():
        yield b'{"cou'
        yield b'nt":3}'

    assert service.send("/stock/c-7", pieces(), THREE).status_code == 200
    assert service.ran[0][2] == b'{"count":3}'


def test_a_call_that_is_held_runs_once_with_the_yes(shop):
    shown = []
    service = Service(shop, discharge={"approve": shown.append})
    body, evaluation = b'{"amount": 98.70, "currency": "EUR"}', call("pay", "execute", {"amount": 98.7, "currency": "EUR"}, ("Invoice", "i-1"))
    token = shop.token()
    held = service.send("/pay/i-1", body, evaluation, token=token)
    assert held.status_code == 403 and held.json()["held"] is True and held.json()["code"] == "approval.required"
    assert "98.70" in shown[0].ext["display"]["text"] and service.ran == []
    receipt = shop.receipt(service.policy, shown[0].ext)
    yes = service.send("/pay/i-1", body, evaluation, token=token, approvals=[receipt])
    assert yes.status_code == 200 and service.ran[0][2] == body
    again = service.send("/pay/i-1", body, evaluation, token=token, approvals=[receipt])
    assert again.json()["code"] == "approval.used" and len(service.ran) == 1 and len(shown) == 1


def test_parameters_that_nobody_judges_are_found_at_the_start(shop):
    guard = Guard(shop.load(), audience=ORIGIN)
    for path in ("POST /stock/{contact}/{other}", "POST /stock", "POST /stock/{contact:int}", "POST /{contact:path}/all"):
        with pytest.raises(ValueError):
            AmbitMiddleware(Starlette(), guard, {path: STOCK}, origin=ORIGIN)
    for twice in (Endpoint(STOCK.operation, frozenset({"contact"})), Endpoint(STOCK.operation, query=frozenset({"contact"}))):
        with pytest.raises(ValueError, match="in one place"):
            AmbitMiddleware(Starlette(), guard, {"POST /stock/{contact}": twice}, origin=ORIGIN)


class Stock(BaseModel):
    count: int
    note: str | None = None


def test_fastapi(shop):
    policy, ran = shop.load(), []
    app = FastAPI()

    @app.post("/stock/{contact}")
    async def book(contact: str, body: Stock, answer: Annotated[ambit.Answer, Depends(permit)]):
        ran.append((contact, body.count, answer.record["action"]))
        return {"done": True}

    @app.post("/inner")
    async def inner(request: Request):
        policy.enforce(policy.refuse("capability.none"))

    app.add_exception_handler(ambit.Denied, denied_response)
    endpoints = {"POST /stock/{contact}": STOCK}
    app.add_middleware(
        AmbitMiddleware, guard=Guard(policy, audience=ORIGIN), endpoints=endpoints, origin=ORIGIN, open=frozenset({"/inner"})
    )
    client = TestClient(app)

    def send(count, token):
        evaluation = call("stock", "execute", {"count": 3})
        proof = shop.proof(policy, token, evaluation, url=ORIGIN + "/stock/c-7")
        headers = {"authorization": f"DPoP {token}", "dpop": proof}
        return client.post("/stock/c-7", json={"count": count}, headers=headers)

    token = shop.token(stock(uses=1))
    assert send("3", token).json()["code"].startswith("request.")  # FastAPI would have made 3 of it.
    assert send(3, token).json() == {"done": True}
    assert send(3, token).json()["code"] == "limit.uses"
    assert ran == [("c-7", 3, "stock")]
    assert client.post("/inner").json()["code"] == "capability.none"
    assert json.loads(client.post("/openapi.json").content)["code"] == "capability.none"


class Filled(BaseModel):
    count: int = 3
    note: str | None = None


class Within(BaseModel):
    loud: bool = True


class Nested(BaseModel):
    count: int
    items: Within | None = None


def by_query(contact: str, answer: Annotated[ambit.Answer, Depends(permit)], note: str = "the default"):
    return {"done": True}


def by_dependency(contact: str, answer: Annotated[ambit.Answer, Depends(permit)], more: Annotated[None, Depends(lambda note="x": None)]):
    return {"done": True}


def by_body(contact: str, body: Filled, answer: Annotated[ambit.Answer, Depends(permit)]):
    return {"done": True}


def by_part(contact: str, body: Nested, answer: Annotated[ambit.Answer, Depends(permit)]):
    return {"done": True}


@pytest.mark.parametrize(
    ("book", "path", "body", "code"),
    [
        (by_query, "/stock/c-7", {"count": 3}, "request.unsupported"),
        (by_query, "/stock/c-7?note=a", {"count": 3}, None),
        (by_dependency, "/stock/c-7", {"count": 3}, "request.unsupported"),
        (by_body, "/stock/c-7?note=a", {}, "request.argument_missing"),
        (by_body, "/stock/c-7?count=3", {}, "request.argument_type"),
        (by_body, "/stock/c-7", {"count": 3}, None),
        (by_part, "/stock/c-7", {"count": 3}, "request.unsupported"),
    ],
)
def test_defaults_that_fastapi_fills_in_are_not_run(shop, book, path, body, code):
    service, app = Service(shop), FastAPI()
    app.post("/stock/{contact}")(book)
    app.add_exception_handler(ambit.Denied, denied_response)
    endpoints = {"POST /stock/{contact}": Endpoint(STOCK.operation, query=frozenset({"note", "count"}))}
    service.client = TestClient(AmbitMiddleware(app, Guard(service.policy, audience=ORIGIN), endpoints, origin=ORIGIN))
    asked = body | ({"note": "a"} if "note" in path else {})
    answer = service.send(path, json.dumps(body).encode(), call("stock", "execute", asked if "count" in asked else {"count": 3}))
    assert answer.json().get("code") == code and answer.json().get("done") is (None if code else True)


def test_an_optional_argument_with_a_default_is_not_run(shop):
    """What the policy does not need, and the model fills in."""

    class Noted(BaseModel):
        count: int
        note: str = "the default"

    service, app = Service(shop), FastAPI()

    @app.post("/stock/{contact}")
    def book(contact: str, body: Noted, answer: Annotated[ambit.Answer, Depends(permit)]):
        service.ran.append(body.note)

    app.add_exception_handler(ambit.Denied, denied_response)
    endpoints = {"POST /stock/{contact}": STOCK}
    service.client = TestClient(AmbitMiddleware(app, Guard(service.policy, audience=ORIGIN), endpoints, origin=ORIGIN))
    assert service.send("/stock/c-7", b'{"count":3}', THREE).json()["code"] == "request.unsupported" and service.ran == []
    whole = call("stock", "execute", {"count": 3, "note": "mine"})
    assert service.send("/stock/c-7", b'{"count":3,"note":"mine"}', whole).status_code == 200 and service.ran == ["mine"]


def test_an_endpoint_without_the_middleware_fails():
    app = FastAPI()

    @app.post("/stock")
    async def book(answer: Annotated[ambit.Answer, Depends(permit)]):
        raise AssertionError

    with pytest.raises(KeyError):
        TestClient(app).post("/stock")
