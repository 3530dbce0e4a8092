"""Agents in LangChain and in the OpenAI Agents SDK, with scripted models; and what telemetry tells of it."""

import asyncio
import json
import threading

import pytest
from agents import Agent, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.models.interface import Model
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from shop import ORIGIN, stock

import ambit
from ambit import _wasm
from ambit.answers import UNAVAILABLE
from ambit.integrations import Call, Guard, Holder, Operation, Refused, Shown, guarded
from ambit.integrations import langchain as ambit_langchain
from ambit.integrations import openai_agents as ambit_agents

STOCK = Operation("stock", ("Contact", "c-7"), "customer-care")
PAY = Operation("pay", ("Invoice", "{invoice}"), "customer-care")


class World:
    def __init__(self, shop, *capabilities, **options):
        self.ran, self.shown = [], []
        self.policy = shop.load(**{"discharge": {"approve": self.shown.append}} | options)
        self.guard = Guard(self.policy, audience=ORIGIN, hold=True)
        self.token = shop.token(*capabilities)
        self.holder = Holder(self.policy, self.token, shop.agent.private.sign, audience=ORIGIN)

    def stock(self, count: int, note: str = "none") -> str:
        """Books items in."""
        self.ran.append((count, note))
        return "booked"

    async def pay(self, invoice: str, amount: float, currency: str) -> str:
        """Pays an invoice."""
        self.ran.append((invoice, amount, currency))
        return "paid"


def test_what_a_function_gets_is_what_was_judged(shop):
    world = World(shop)
    function = guarded(world.stock, world.guard, STOCK, world.holder.show)
    assert function(3) == "booked" and function(count=4, note="n") == "booked"
    assert world.ran == [(3, "none"), (4, "n")]
    with pytest.raises(Refused) as refused:
        function(33)
    assert refused.value.code == "constraint.range" and refused.value.ways
    for value in (object(), (3,), float("nan"), "3"):
        with pytest.raises(Refused) as refused:
            function(value)
        assert refused.value.code.startswith("request.")
    with pytest.raises(ValueError, match="no name"):
        guarded(lambda *all: None, world.guard, STOCK, world.holder.show)
    assert len(world.ran) == 2


def test_a_list_that_changes_meanwhile_is_not_run(shop):
    world = World(shop)
    items = ["pen"]

    async def book(count, items):
        world.ran.append(list(items))

    async def show(evaluation):
        items.append("safe")
        return world.holder.show(evaluation)

    asyncio.run(guarded(book, world.guard, STOCK, show)(3, items))
    assert world.ran == [["pen"]] and items == ["pen", "safe"]


def test_none_as_the_default_says_that_nothing_was_given(shop):
    world, seen = World(shop), []

    def book(count: int, note: str | None = None, items: list[str] | None = None) -> None:
        world.ran.append((count, note, items))

    def show(evaluation):
        seen.append(json.loads(evaluation)["action"]["properties"]["args"])
        return world.holder.show(evaluation)

    function = guarded(book, world.guard, STOCK, show)
    function(3)
    function(3, None, ["pen"])
    assert seen == [{"count": 3}, {"count": 3, "items": ["pen"]}]
    assert world.ran == [(3, None, None), (3, None, ["pen"])]
    with pytest.raises(Refused) as refused:
        function(None)
    assert refused.value.code == "request.argument_type"


HALF = "half \ud800 a letter"


def test_what_cannot_be_said_is_denied_in_words(shop):
    """Halves of surrogate pairs wherever a text comes with a call, and a value that cannot even be copied."""
    world = World(shop)
    stock = guarded(world.stock, world.guard, STOCK, world.holder.show)
    pay = guarded(world.pay, world.guard, PAY, world.holder.show)
    broken = Holder(world.policy, HALF, shop.agent.private.sign, audience=ORIGIN)
    calls = [
        lambda: stock(3, HALF),
        lambda: stock(3, {HALF: 1}),
        lambda: stock(threading.Lock()),
        lambda: asyncio.run(pay(HALF, 98.7, "EUR")),
        lambda: guarded(world.stock, world.guard, STOCK, broken.show)(3),
        lambda: guarded(world.stock, world.guard, STOCK, lambda _: Shown(world.token, None, (HALF,)))(3),
        lambda: world.guard.allow_here(Call(PAY, {"invoice": HALF}, b"{}")),
        lambda: asyncio.run(world.guard.allow(Call(PAY, {"invoice": HALF}, b"{}"))),
    ]
    for call in calls:
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "request.value" and refused.value.words.startswith("Not allowed: ")
    assert world.ran == []
    for made in [(HALF, ("Contact", "c-7"), "p"), ("stock", (HALF, "c-7"), "p"), ("stock", ("Contact", HALF), "p")]:
        with pytest.raises(ValueError, match="cannot be put into a request"):
            Operation(*made)


def test_the_id_of_a_resource_is_made_with_one_name():
    assert Operation("pay", ("Invoice", "i/{invoice}"), "p").names == {"invoice"}
    assert Operation("pay", ("Invoice", "{{i}}"), "p").names == set()
    for identifier in ("{a}/{b}", "{a}{a}", "{a!r}", "{a:>9}", "{a.b}", "{a[0]}", "{}", "{0}", "{"):
        with pytest.raises(ValueError):
            Operation("pay", ("Invoice", identifier), "p")


class Full:
    """A log on a disk that is full."""

    def write(self, event):
        raise OSError("full")


class Away(ambit.MemoryStore):
    """A store that goes away once the policy was loaded."""

    def transact(self, keys, decide):
        if not all(key.startswith("policy:") for key in keys):
            raise ambit.StoreError("the store is not there")
        super().transact(keys, decide)


def test_ways_are_for_those_who_may_know_why(shop):
    """Where only the operator may know, it is not even worked out what would be allowed instead."""
    world = World(shop, log=Full())
    world.policy.advise = lambda _: pytest.fail("nobody asked")
    with pytest.raises(Refused) as refused:
        guarded(world.stock, world.guard, STOCK, world.holder.show)(33)
    assert refused.value.code == "obligation.failed" and refused.value.ways == () and refused.value.meta == {}
    assert refused.value.words.startswith("Not done: ")


@pytest.mark.parametrize("lacking", ["store", "log", "core"])
def test_without_store_log_or_core_the_caller_is_to_come_back(shop, monkeypatch, lacking):
    world = World(shop, **{"store": {"store": Away()}, "log": {"log": Full()}}.get(lacking, {}))
    show = world.holder.show
    if lacking == "core":

        def stopped(export, content):
            raise _wasm.trap("broken")

        monkeypatch.setattr(world.policy._pool, "ask", stopped)
        show = lambda _: Shown(world.token)  # noqa: E731
    with pytest.raises(Refused) as here:
        guarded(world.stock, world.guard, STOCK, show)(3)
    with pytest.raises(Refused) as there:
        asyncio.run(guarded(world.pay, world.guard, PAY, show)("i-1", 98.7, "EUR"))
    for refused in (here.value, there.value):
        assert refused.http.status == 503 and refused.http.headers["cache-control"] == "no-store"
        assert refused.told == UNAVAILABLE.problem
    assert world.ran == [] and world.shown == []


def test_a_held_call_runs_once_with_the_receipt(shop):
    world = World(shop)
    pay = guarded(world.pay, world.guard, PAY, world.holder.show)

    async def play():
        with pytest.raises(Refused) as refused:
            await pay("i-1", 98.7, "EUR")
        assert refused.value.held and "98.70" in refused.value.words and "98.70" in refused.value.held
        asked = world.shown[0].ext
        world.holder.approvals[asked["binding_s256"]] = (shop.receipt(world.policy, asked),)
        with pytest.raises(Refused) as refused:
            await pay("i-1", 98.8, "EUR")
        # Not `approval.binding`: the receipt is not shown with another call.
        assert refused.value.code == "approval.required" and world.shown.pop().ext["binding_s256"] != asked["binding_s256"]
        assert await pay("i-1", 98.7, "EUR") == "paid"
        with pytest.raises(Refused) as refused:
            await pay("i-1", 98.7, "EUR")
        assert refused.value.code == "approval.used"

    asyncio.run(play())
    assert world.ran == [("i-1", 98.7, "EUR")] and len(world.shown) == 1


def test_langchain(shop):
    world = World(shop)
    tools = {
        "stock": ambit_langchain.tool(world.stock, world.guard, STOCK, world.holder.show),
        "pay": ambit_langchain.tool(world.pay, world.guard, PAY, world.holder.show),
    }
    assert tools["stock"].args["count"]["type"] == "integer" and tools["stock"].description == "Books items in."
    calls = [
        ("stock", {"count": "3"}),  # LangChain makes 3 of it, before it is judged.
        ("stock", {"count": 33}),
        ("pay", {"invoice": "i-1", "amount": 98.7, "currency": "USD"}),
    ]
    script = [AIMessage("", tool_calls=[{"name": name, "args": args, "id": name}]) for name, args in calls]
    model = FakeMessagesListChatModel(responses=[*script, AIMessage("done")])
    messages = [HumanMessage("go")]

    async def play():
        while (said := await model.ainvoke(messages)).tool_calls:
            messages.append(said)
            for call in said.tool_calls:
                messages.append(await tools[call["name"]].ainvoke(call | {"type": "tool_call"}))

    asyncio.run(play())
    answers = [message for message in messages if message.type == "tool"]
    assert [answer.status for answer in answers] == ["success", "error", "error"]
    assert answers[0].content == "booked" and "[constraint.range]" in answers[1].content
    assert "What would be allowed instead" in answers[1].content
    assert world.ran == [(3, "none")]
    here = tools["stock"].invoke({"name": "stock", "args": {"count": 33}, "id": "1", "type": "tool_call"})
    assert here.status == "error" and len(world.ran) == 1


class Script(Model):
    """Says what it was given, and notes what it was told."""

    def __init__(self, *calls):
        self._calls, self.told = list(calls), []

    async def get_response(self, system_instructions, input, *rest, **options):
        self.told = input
        if not self._calls:
            text = ResponseOutputText(text="done", type="output_text", annotations=[])
            output = ResponseOutputMessage(id="m", role="assistant", status="completed", type="message", content=[text])
        else:
            name, arguments = self._calls.pop(0)
            number = f"c{len(self._calls)}"
            output = ResponseFunctionToolCall(
                call_id=number, id=number, name=name, arguments=json.dumps(arguments), type="function_call"
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    async def stream_response(self, *arguments, **options):
        raise NotImplementedError
        yield


def test_openai_agents(shop):
    set_tracing_disabled(True)
    world = World(shop)
    model = Script(
        ("stock", {"count": 3, "note": "n"}),
        ("stock", {"count": 33, "note": "n"}),
        ("pay", {"invoice": "i-1", "amount": 98.7, "currency": "EUR"}),
    )
    tools = [
        ambit_agents.tool(world.stock, world.guard, STOCK, world.holder.show),
        ambit_agents.tool(world.pay, world.guard, PAY, world.holder.show),
    ]
    result = asyncio.run(Runner.run(Agent(name="a", model=model, tools=tools), "go"))
    assert result.final_output == "done"
    said = [one["output"] for one in model.told if one.get("type") == "function_call_output"]
    assert said[0] == "booked" and "[constraint.range]" in said[1] and "98.70" in said[2]
    assert world.ran == [(3, "n")]


@pytest.fixture(scope="module")
def telemetry():
    """A process has one provider of each kind."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader]))
    return spans, reader


@pytest.fixture
def spans(telemetry):
    telemetry[0].clear()
    return telemetry[0]


def test_telemetry_has_codes_and_nothing_of_the_call(shop, telemetry, spans):
    reader = telemetry[1]
    world = World(shop, stock(uses=1))
    function = guarded(world.stock, world.guard, STOCK, world.holder.show)
    function(3, "secret-note")
    with pytest.raises(Refused):
        function(3, "secret-note")
    told = [dict(span.attributes) for span in spans.get_finished_spans() if span.name == "ambit.decide"]
    assert [one["ambit.code"] for one in told] == ["allowed", "limit.uses"]
    assert told[0]["ambit.allowed"] is True and told[0]["ambit.action"] == "stock"
    everything = reader.get_metrics_data().to_json() + "".join(span.to_json() for span in spans.get_finished_spans())
    assert "ambit.decisions" in everything and "limit.uses" in everything
    assert "secret-note" not in everything and world.token[-20:] not in everything and "c-7" not in everything


def test_a_call_that_nobody_waits_for_is_told_as_cancelled(shop, spans):
    began = []

    async def ask(obligation):
        began.append(obligation)
        await asyncio.sleep(0.05)

    world = World(shop, discharge={"approve": ask})

    async def play():
        function = guarded(world.pay, world.guard, PAY, world.holder.show)
        task = asyncio.create_task(function("i-1", 98.7, "EUR"))
        while not began:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(play())
    (told,) = [span.attributes for span in spans.get_finished_spans()]
    assert told["ambit.code"] == "cancelled" and told["ambit.allowed"] is False and world.ran == []
