"""Services in Starlette and FastAPI, with the real packages."""

import json
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from shop import ORIGIN, call, stock
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import ambit
from ambit.integrations import Guard, Operation
from ambit.integrations.starlette import AmbitMiddleware, Endpoint, denied_response, permit

STOCK = Endpoint(Operation("stock", ("Contact", "{contact}"), "customer-care"))
PAY = Endpoint(Operation("pay", ("Invoice", "{invoice}"), "customer-care"))
ENDPOINTS = {
    "POST /stock/{contact}": STOCK,
    "POST /pay/{invoice}": PAY,
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
            ]
        )
        guard = Guard(self.policy, audience=ORIGIN, hold="discharge" in options)
        self.app = AmbitMiddleware(app, guard, ENDPOINTS, origin=ORIGIN, open=frozenset({"/health"}))
        self.client = TestClient(self.app, base_url="http://inside")

    async def run(self, request):
        body = await request.body()
        self.ran.append((dict(request.path_params), dict(request.query_params), body))
        return JSONResponse({"done": True})

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
    with pytest.raises(Exception), service.client.websocket_connect("/health"):
        pass


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
    for path in ("POST /stock/{contact}/{other}", "POST /stock", "POST /stock/{contact:int}"):
        with pytest.raises(ValueError):
            AmbitMiddleware(Starlette(), guard, {path: STOCK}, origin=ORIGIN)


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


def test_an_endpoint_without_the_middleware_fails():
    app = FastAPI()

    @app.post("/stock")
    async def book(answer: Annotated[ambit.Answer, Depends(permit)]):
        raise AssertionError

    with pytest.raises(KeyError):
        TestClient(app).post("/stock")
