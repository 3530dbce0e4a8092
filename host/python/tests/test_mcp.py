"""MCP servers on the low-level SDK and on `fastmcp`, over real HTTP with the SDK's client."""

import asyncio
import contextlib
import json
import socket
from types import SimpleNamespace
from typing import Annotated

import httpx2
import mcp_types as types
import pytest
import uvicorn
from fastmcp import FastMCP
from fastmcp.server.extensions import ServerExtension
from fastmcp.server.middleware import Middleware
from fastmcp.server.middleware.tool_injection import ToolInjectionMiddleware
from fastmcp.tools.base import Tool
from fastmcp.tools.tool_transform import ArgTransform
from fastmcp.utilities.versions import VersionSpec
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, Field
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
        guard = Guard(self.policy, audience=ORIGIN, hold=True)
        self.door = module.protect(self.server, guard, TOOLS, url=URL, **options)

    @contextlib.asynccontextmanager
    async def client(self):
        app = (self.server.http_app if isinstance(self.server, FastMCP) else self.server.streamable_http_app)()
        place = socket.socket()
        place.bind(("127.0.0.1", 0))
        place.listen()
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
    return play(World(shop, kind, **options), body)


def play(world, body):
    async def served():
        async with world.client() as client:
            await body(world, client)

    asyncio.run(asyncio.wait_for(served(), 60))
    return world


def text(result):
    return result.content[0].text


async def refusal(client, name, arguments, **more):
    """The code by which a call was refused, as the model is told it and as programs are."""
    result = await client.call_tool(name, arguments, **more)
    code = result.meta["dev.ambit/code"]
    assert result.is_error and f"[{code}]" in text(result) and text(result).startswith("Not allowed: ")
    return code


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
        assert text(result).count("\n- ") == 2 and "count 33, from 1 to 9" in text(result)
        token, evaluation = shop.token(), call("stock", "execute", {"count": 3})
        for count, code in [
            ("3", "request.argument_type"),
            (3.5, "request.number"),
            (True, "request.argument_type"),
            (None, "request.argument_type"),
            (4, "possession.call"),
        ]:
            world.show(token, evaluation)
            assert await refusal(client, "stock", {"count": count}) == code
        assert await refusal(client, "secret", {}) == "capability.none"
        assert await refusal(client, "pay", {"invoice": 7, "amount": 98.7, "currency": "EUR"}) == "request.member"
        # The proof was good, and was not used up by what was refused.
        assert not (await client.call_tool("stock", {"count": 3})).is_error
        world.headers = world.headers[:1]
        assert await refusal(client, "stock", {"count": 3}) == "possession.missing"
        world.headers = []
        assert await refusal(client, "stock", {"count": 3}) == "token.missing"

    assert run(shop, kind, body).ran == [("stock", {"count": 3})]


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
        assert other.meta["dev.ambit/code"] == "possession.call" and world.ran == []
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


HALF = "half \ud800 a letter"


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        (HALF, {}, "capability.none"),
        (7, {}, "capability.none"),
        ("stock", {"count": 3, "note": HALF}, "request.value"),
        ("stock", {"count": 3, HALF: 3}, "request.value"),
        ("stock", [3], "request.syntax"),
        ("pay", {"invoice": HALF, "amount": 98.7, "currency": "EUR"}, "request.value"),
    ],
)
def test_what_cannot_be_said_is_denied_in_words(shop, kind, name, arguments, code):
    refused = asyncio.run(World(shop, kind).door.judge(name, arguments, None))
    assert refused.code == code and refused.words.startswith("Not allowed: ")
    assert types.CallToolResult.model_validate({"content": [], "_meta": refused.meta}).model_dump_json()


class Params(types.RequestParams):
    model_config = {"extra": "allow"}


@pytest.mark.parametrize("method", ["subscriptions/listen", "resources/subscribe", "completion/complete", "shop/secret"])
def test_a_method_that_is_not_known_to_be_harmless_is_closed(shop, kind, method):
    """Whatever would answer it, unless the service opens it by name."""

    async def body(world, client):
        async def answer(ctx, params):
            world.ran.append(method)
            return types.EmptyResult()

        server = world.server._mcp_server if kind == "fastmcp" else world.server
        server.add_request_handler(method, Params, answer)
        asked = types.Request[Params, str](method=method, params=Params(uri="data://all"))
        if world.door.is_open(method):
            await client.session.send_request(asked, types.EmptyResult)
        else:
            with pytest.raises(MCPError, match="not open here") as error:
                await client.session.send_request(asked, types.EmptyResult)
            assert error.value.error.code == types.METHOD_NOT_FOUND

    assert run(shop, kind, body).ran == []
    if method == "shop/secret":
        assert run(shop, kind, body, open=frozenset({method})).ran == [method]


def test_resources_and_prompts_are_closed(shop, kind):
    async def body(world, client):
        for asked in (client.read_resource("data://all"), client.get_prompt("all")):
            with pytest.raises(MCPError, match="not open here"):
                await asked

    assert run(shop, kind, body).ran == []


@pytest.mark.parametrize(("method", "passes"), [("notifications/cancelled", True), ("notifications/shop", False)])
def test_a_notification_that_is_not_known_to_be_harmless_goes_nowhere(shop, kind, method, passes):
    door, ran = World(shop, kind).door, []

    async def call_next(context):
        ran.append(context.method)

    context = SimpleNamespace(method=method, request_id=None, type="notification")
    asyncio.run(door.on_notification(context, call_next) if kind == "fastmcp" else door(context, call_next))
    assert ran == [method] * passes


MORE = {
    "input_responses": {"a": {"action": "accept", "content": {"count": 9}}},
    "request_state": "x",
    "task": {"ttl": 60_000},
}


@pytest.mark.parametrize(("kind", "more"), [("low-level", name) for name in MORE] + [("fastmcp", "input_responses")])
def test_a_call_with_more_than_a_name_and_arguments_is_refused(shop, kind, more):
    """What a client answers to a tool that asked for input, the state that it hands back, a task: nobody judges them."""

    async def body(world, client):
        world.show(shop.token(), call("stock", "execute", {"count": 3}))
        params = types.CallToolRequestParams(name="stock", arguments={"count": 3}, **{more: MORE[more]})
        result = await client.session.send_request(types.CallToolRequest(params=params), types.CallToolResult)
        assert result.is_error and result.meta["dev.ambit/code"] == "request.member"

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
    injected = FastMCP("shop", strict_input_validation=True)
    injected.add_middleware(ToolInjectionMiddleware([]))
    with pytest.raises(ValueError, match="ToolInjectionMiddleware"):
        ambit_fastmcp.protect(injected, guard, TOOLS, url=URL)


def test_a_version_that_nobody_named_is_refused(shop):
    """Two functions with one name: which of them runs, `tools` does not say."""

    async def body(world, client):
        world.server.local_provider.remove_tool("stock")

        @world.server.tool(name="stock", version="2")
        def second(count: int) -> str:
            world.ran.append(("second", count))
            return "done"

        @world.server.tool(name="stock", version="1")
        def first(count: int) -> str:
            world.ran.append(("first", count))
            return "done"

        token = shop.token()
        world.show(token, call("stock", "execute", {"count": 3}))
        for version in ("1", "2"):
            meta = {"fastmcp": {"version": version}}
            assert await refusal(client, "stock", {"count": 3}, meta=meta) == "request.unsupported"

    world = run(shop, "fastmcp", body)
    assert world.ran == []
    refused = asyncio.run(world.server.call_tool("stock", {"count": 3}, version=VersionSpec(lt="2")))
    assert refused.meta["dev.ambit/code"] == "request.unsupported" and world.ran == []


def test_defaults_are_judged_as_a_part_of_the_call(shop):
    async def body(world, client):
        @world.server.tool(name="stock")
        def stock(count: int = 3, note: str = "the default", items: list[str] | None = None) -> str:
            world.ran.append((count, note, items))
            return "done"

        token, whole = shop.token(), {"count": 3, "note": "the default"}
        world.show(token, call("stock", "execute", whole))
        assert not (await client.call_tool("stock", {})).is_error
        world.show(token, call("stock", "execute", whole))
        assert not (await client.call_tool("stock", {"count": 3, "items": None})).is_error
        world.show(token, call("stock", "execute", {"count": 3}))
        assert await refusal(client, "stock", {"count": 3}) == "possession.call"

        @world.server.tool(name="stock")
        def too_many(count: int = 33) -> str:
            world.ran.append(count)
            return "done"

        world.show(token, call("stock", "execute", {"count": 33}))
        assert await refusal(client, "stock", {}) == "constraint.range"

    assert run(shop, "fastmcp", body).ran == [(3, "the default", None)] * 2


class Within(BaseModel):
    text: str
    loud: bool = True


def made(count: int, note: Annotated[str, Field(default_factory=lambda: "made")]) -> str:
    """A default that is made when the tool runs."""
    return "ran"


def within(count: int, note: Within | None = None) -> str:
    """A default within an argument."""
    return "ran"


def transformed(count: int) -> str:
    return "ran"


def mounted(count: int) -> str:
    return "ran"


def behind(count: int) -> str:
    return "ran"


class Interceptor(ServerExtension):
    identifier = "example.shop/changes"

    async def intercept_tool_call(self, params, context, call_next):
        return await call_next()


@pytest.mark.parametrize("function", [made, within, transformed, mounted, behind])
def test_what_cannot_be_judged_as_it_runs_is_refused(shop, function):
    world = World(shop, "fastmcp")
    server, tool = world.server, Tool.from_function(function, name="stock")
    server.local_provider.remove_tool("stock")
    if function is behind:
        server.add_extension(Interceptor())
    if function is mounted:
        # It is lax: it would make 3 of "3".
        inner = FastMCP("inner")
        inner.add_tool(tool)
        server.mount(inner)
    elif function is transformed:
        server.add_tool(Tool.from_tool(tool, transform_args={"count": ArgTransform(default=9)}))
    else:
        server.add_tool(tool)

    async def body(world, client):
        assert "stock" in [one.name for one in (await client.list_tools()).tools]
        world.show(shop.token(), call("stock", "execute", {"count": 3}))
        assert await refusal(client, "stock", {"count": 3}) == "request.unsupported"
        if function is made:
            world.show(shop.token(), call("stock", "execute", {"count": 3, "note": "x"}))
            assert text(await client.call_tool("stock", {"count": 3, "note": "x"})) == "ran"

    play(world, body)


def test_a_protected_server_may_be_mounted(shop):
    async def body(world, client):
        outer = FastMCP("outer")
        outer.mount(world.server, "inner")
        refused = await outer.call_tool("inner_stock", {"count": 3})
        assert refused.meta["dev.ambit/code"] == "token.missing"

    assert run(shop, "fastmcp", body).ran == []


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
        assert await refusal(client, "stock", {"count": 3}) == "request.unsupported"

    assert run(shop, "fastmcp", body).ran == []


def test_the_meta_says_nothing_for_operators(shop, kind):
    async def body(world, client):
        world.show(shop.token(), call("stock", "execute", {"count": 33}))
        result = await client.call_tool("stock", {"count": 33})
        admin = world.policy.evaluate(shop.request(world.policy, shop.token(), call("stock", "execute", {"count": 33})))
        assert admin.reason.admin and admin.reason.admin not in json.dumps(result.model_dump(mode="json"))

    run(shop, kind, body)
