"""MCP servers on the low-level SDK and on `fastmcp`, over real HTTP with the SDK's client."""

import asyncio
import contextlib
import json
import socket

import httpx2
import mcp_types as types
import pytest
import uvicorn
from fastmcp import FastMCP
from fastmcp.server.middleware import Middleware
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from shop import ORIGIN, call, draft, pay, stock

from ambit.integrations import Guard, Operation
from ambit.integrations import fastmcp as ambit_fastmcp
from ambit.integrations import mcp as ambit_mcp

URL = ORIGIN + "/mcp"
TOOLS = {
    "stock": Operation("stock", ("Contact", "c-7"), "customer-care"),
    "pay": Operation("pay", ("Invoice", "{invoice}"), "customer-care"),
    "prepare": Operation("email", ("Contact", "c-7"), "customer-care", "draft"),
}
SCHEMA = {"type": "object", "properties": {}}


def low_level(ran):
    async def call_tool(ctx, params):
        ran.append((params.name, params.arguments))
        return types.CallToolResult(content=[types.TextContent(type="text", text="done")])

    async def list_tools(ctx, params):
        return types.ListToolsResult(tools=[types.Tool(name=name, input_schema=SCHEMA) for name in [*TOOLS, "secret"]])

    async def read(ctx, params):
        ran.append("resource")
        return types.ReadResourceResult(contents=[])

    return Server("shop", on_call_tool=call_tool, on_list_tools=list_tools, on_read_resource=read)


def fast(ran):
    server = FastMCP("shop", strict_input_validation=True)

    @server.tool
    def stock(count: int, note: str | None = None) -> str:
        ran.append(("stock", {"count": count} | ({} if note is None else {"note": note})))
        return "done"

    @server.tool
    def pay(amount: float, currency: str, invoice: str) -> str:
        ran.append(("pay", {"amount": amount, "currency": currency, "invoice": invoice}))
        return "done"

    @server.tool
    def prepare(to: str) -> str:
        ran.append(("prepare", {"to": to}))
        return "done"

    @server.tool
    def secret() -> str:
        ran.append(("secret", {}))
        return "done"

    @server.resource("data://all")
    def everything() -> str:
        ran.append("resource")
        return "all"

    return server


class World:
    """A server with a client whose headers each test sets."""

    def __init__(self, shop, kind, **options):
        self.shop, self.ran, self.headers, self.shown = shop, [], [], []
        self.policy = shop.load(discharge={"approve": self.shown.append})
        self.server = {"low-level": low_level, "fastmcp": fast}[kind](self.ran)
        module = {"low-level": ambit_mcp, "fastmcp": ambit_fastmcp}[kind]
        module.protect(self.server, Guard(self.policy, audience=ORIGIN, hold=True), TOOLS, url=URL, **options)

    @contextlib.asynccontextmanager
    async def client(self):
        app = (self.server.http_app if isinstance(self.server, FastMCP) else self.server.streamable_http_app)()
        place = socket.socket()
        place.bind(("127.0.0.1", 0))
        running = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        serving = asyncio.create_task(running.serve(sockets=[place]))

        async def shows(request):
            for name, value in self.headers:
                request.headers[name] = value

        async with httpx2.AsyncClient(event_hooks={"request": [shows]}) as http:
            url = f"http://127.0.0.1:{place.getsockname()[1]}/mcp"
            async with Client(streamable_http_client(url, http_client=http)) as client:
                yield client
        running.should_exit = True
        await serving

    def show(self, token, evaluation, approvals=()):
        proof = self.shop.proof(self.policy, token, evaluation, url=URL)
        self.headers = [("authorization", f"DPoP {token}"), ("dpop", proof), ("ambit-approval", ",".join(approvals))]


@pytest.fixture(params=["low-level", "fastmcp"])
def kind(request):
    return request.param


def run(shop, kind, body, **options):
    world = World(shop, kind, **options)

    async def play():
        async with world.client() as client:
            await body(world, client)

    asyncio.run(asyncio.wait_for(play(), 60))
    return world


def text(result):
    return result.content[0].text


def test_what_is_judged_is_what_runs(shop, kind):
    async def body(world, client):
        token = shop.token(stock(uses=2))
        world.show(token, call("stock", "execute", {"count": 3}))
        result = await client.call_tool("stock", {"count": 3})
        assert not result.is_error and text(result) == "done"
        again = await client.call_tool("stock", {"count": 3})
        assert again.is_error and again.meta["dev.ambit/code"] == "possession.used"
        world.show(token, call("stock", "execute", {"count": 3}))
        assert not (await client.call_tool("stock", {"count": 3})).is_error
        world.show(token, call("stock", "execute", {"count": 3}))
        over = await client.call_tool("stock", {"count": 3})
        assert over.meta["dev.ambit/code"] == "limit.uses" and "[limit.uses]" in text(over)

    assert run(shop, kind, body).ran == [("stock", {"count": 3})] * 2


def test_a_denial_is_an_error_of_the_tool_with_words_and_ways(shop, kind):
    async def body(world, client):
        world.show(shop.token(), call("stock", "execute", {"count": 33}))
        result = await client.call_tool("stock", {"count": 33})
        assert result.is_error and result.meta["dev.ambit/code"] == "constraint.range"
        assert "dev.ambit/remedy" in result.meta
        assert text(result).startswith("Not allowed: ") and "What would be allowed instead" in text(result)
        world.show(shop.token(), call("stock", "execute", {"count": 3}))
        for count in ("3", 3.5, True, None, 4):
            assert (await client.call_tool("stock", {"count": count})).is_error
        unknown = await client.call_tool("secret", {})
        assert unknown.is_error and unknown.meta["dev.ambit/code"] == "capability.none"
        world.headers = []
        nobody = await client.call_tool("stock", {"count": 3})
        assert nobody.is_error and nobody.meta["dev.ambit/code"].startswith("token.")

    assert run(shop, kind, body).ran == []


def test_a_call_that_is_held_runs_once_with_the_yes(shop, kind):
    arguments = {"amount": 98.7, "currency": "EUR", "invoice": "i-1"}
    evaluation = call("pay", "execute", {"amount": 98.7, "currency": "EUR"}, ("Invoice", "i-1"))

    async def body(world, client):
        token = shop.token()
        world.show(token, evaluation)
        held = await client.call_tool("pay", arguments)
        assert held.is_error and held.meta["dev.ambit/held"] is True
        assert "98.70" in text(held) and "repeat exactly this call" in text(held)
        receipt = shop.receipt(world.policy, world.shown[0].ext)
        old = [one for one in world.headers if one[0] != "ambit-approval"] + [("ambit-approval", receipt)]
        world.headers = old
        assert (await client.call_tool("pay", arguments)).meta["dev.ambit/code"] == "possession.used"
        world.show(token, evaluation, [receipt])
        other = await client.call_tool("pay", arguments | {"amount": 98.8})
        assert other.is_error and world.ran == []
        world.show(token, evaluation, [receipt])
        assert not (await client.call_tool("pay", arguments)).is_error
        world.show(token, evaluation, [receipt])
        assert (await client.call_tool("pay", arguments)).meta["dev.ambit/code"] == "approval.used"

    world = run(shop, kind, body)
    assert world.ran == [("pay", arguments)] and len(world.shown) == 1


@pytest.mark.parametrize(("hide", "listed"), [(True, ["stock"]), (False, ["stock", "pay", "prepare"])])
def test_the_list_has_what_could_be_allowed(shop, kind, hide, listed):
    async def body(world, client):
        world.headers = [("authorization", f"DPoP {shop.token(stock())}")]
        assert [tool.name for tool in (await client.list_tools()).tools] == listed

    run(shop, kind, body, hide=hide)


def test_what_is_not_open_is_refused(shop, kind):
    async def body(world, client):
        with pytest.raises(MCPError):
            await client.read_resource("data://all")

    assert run(shop, kind, body).ran == []


def test_proposals_and_drafts_are_known_to_the_list(shop):
    guard = Guard(shop.load(), audience=ORIGIN)
    token = shop.token(draft(), pay() | {"privileges": ["propose"]})
    assert guard.could_allow(TOOLS["prepare"], token) and guard.could_allow(TOOLS["pay"], token)
    assert not guard.could_allow(TOOLS["stock"], token)
    for broken in (None, "", "a", "a.b.c", "a.e30.c", "a." + "eyJhIjpbXX0" + ".c"):
        assert not guard.could_allow(TOOLS["stock"], broken)


def test_fastmcp_without_strict_validation_is_refused(shop):
    guard = Guard(shop.load(), audience=ORIGIN)
    with pytest.raises(ValueError, match="strict_input_validation=True"):
        ambit_fastmcp.protect(FastMCP("shop"), guard, TOOLS, url=URL)


@pytest.mark.parametrize("change", ["lax", "behind"])
def test_what_changes_arguments_behind_the_decision_refuses_all_calls(shop, change):
    """Two ways in which a tool would run other arguments than those judged, both taken after the start."""

    class Changing(Middleware):
        async def on_call_tool(self, context, call_next):
            context.message.arguments["count"] = 9
            return await call_next(context)

    async def body(world, client):
        if change == "lax":
            world.server.strict_input_validation = False
        else:
            world.server.add_middleware(Changing())
        world.show(shop.token(), call("stock", "execute", {"count": 3}))
        assert (await client.call_tool("stock", {"count": 3})).meta["dev.ambit/code"] == "request.member"

    assert run(shop, "fastmcp", body).ran == []


def test_the_meta_says_nothing_for_operators(shop, kind):
    async def body(world, client):
        world.show(shop.token(), call("stock", "execute", {"count": 33}))
        result = await client.call_tool("stock", {"count": 33})
        admin = world.policy.evaluate(shop.request(world.policy, shop.token(), call("stock", "execute", {"count": 33})))
        assert admin.reason.admin and admin.reason.admin not in json.dumps(result.model_dump(mode="json"))

    run(shop, kind, body)
