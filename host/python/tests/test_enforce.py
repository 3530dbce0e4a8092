"""Obeying an answer: the vectors of every engine, and real calls."""

import asyncio
import json
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from shop import call, stock

import ambit
from ambit.enforce import Enforcer
from ambit.stores import Kept

VECTORS = Path(os.environ["AMBIT_ROOT"]) / "tests/enforce"
THREE = call("stock", "execute", {"count": 3})
PAY, PROPOSE = (
    call("pay", power, {"amount": 98.7, "currency": "EUR"}, ("Invoice", "i-1")) for power in ("execute", "propose")
)


def vectors(name):
    return [pytest.param(case, id=case["name"]) for case in json.loads((VECTORS / name).read_text())]


@pytest.fixture(scope="module")
def policy(shop):
    return shop.load()


class Lines:
    """A log in memory."""

    def __init__(self):
        self.events = []

    def write(self, event):
        self.events.append(event)


def denied(body, *arguments):
    with pytest.raises(ambit.Denied) as error:
        body(*arguments)
    return error.value


@pytest.mark.parametrize("case", vectors("steps.json"))
def test_each_step_follows_from_those_before(policy, case):
    """This host against the vectors: what they give as the result of a step is what happens here."""
    results, steps = list(case["results"]), []
    if case["name"] == "more results than steps":
        pytest.skip("a host that counts rightly is never asked this")

    def came(step):
        steps.append(step)
        result = results.pop(0) if results else {"done": True}
        if "failed" in result:
            raise ambit.NotDischarged(result["failed"], result.get("code"))
        return result

    class Journal:
        def write(self, event):
            came(f"log {event['event']}")

    class Store:
        def transact(self, keys, decide):
            before = came("keep")["kept"]
            decide({keys[0]: Kept(json.dumps(before))})

    def handler(obligation):
        came(f"discharge {obligation.type}")

    handlers = {kind: handler for kind in case["knows"]}
    journal = Journal() if case["journal"] else None
    store = Store() if case["epochs"] else ambit.MemoryStore()
    enforcer = Enforcer(policy._pool, "x", store, journal, {})
    enforcer._handlers = handlers
    obligations = [{"id": kind, "type": kind, "ext": {}} for kind in case["obligations"]]
    epochs = [{"iss": "https://a.example", "version": 2}] if case["epochs"] else []
    context = {"reason": {"code": "allowed", "user": "", "admin": ""}, "obligations": obligations, "remedy": {}}
    context |= {"policies": [], "record": {"now": 1, "epochs": epochs}}
    work = next(walk := enforcer.steps(json.dumps({"decision": True, "context": context}).encode(), None))
    while isinstance(work, tuple):
        try:
            work = walk.send(work[0](work[1]))
        except ambit.NotDischarged as error:
            work = walk.send(error)
    steps.append("verdict true" if isinstance(work, ambit.Answer) else f"verdict {work.code}")
    assert steps == case["steps"] and not results


@pytest.mark.parametrize("case", vectors("charges.json"))
def test_charges_fit_all_or_none(policy, case):
    """The vectors through a store: it has what they say was there, and then what they say is written."""
    store = ambit.MemoryStore()
    before = {f"budget:{key}": Kept(str(one["used"]), one.get("until")) for key, one in case["budgets"].items() if one}
    store._kept = before | {"forgotten": Kept(str(case["forgotten"]))}
    enforcer = Enforcer(policy._pool, "x", store, None, {})
    obligation = ambit.Obligation("consume", "consume", {"charges": case["charges"]}, case["now"])
    says, kept = case["says"], dict(store._kept)
    if {charge["key"] for charge in case["charges"]} - set(case["budgets"]):
        pytest.skip("this host gives the core every key of its charges")
    if "failed" in says:
        with pytest.raises(ambit.NotDischarged) as error:
            enforcer._consume(obligation)
        assert error.value.admin and error.value.code == says.get("code") and store._kept == kept
    else:
        enforcer._consume(obligation)
        written = {f"budget:{one['key']}": Kept(str(one["used"]), one["until"]) for one in says["set"]}
        assert written.items() <= store._kept.items()
        assert store._kept["forgotten"].value == str(says.get("forget", case["forgotten"]))


def test_a_call_uses_up_what_it_costs(shop):
    journal = Lines()
    policy = shop.load(log=journal)
    token = shop.token(stock(uses=2))
    first = shop.request(policy, token, THREE)
    assert policy.enforce(first).decision
    used = denied(policy.enforce, first)
    assert used.code == "possession.used"
    assert used.http.status == 401 and "invalid_dpop_proof" in used.http.headers["www-authenticate"]
    assert json.loads(used.http.body)["code"] == "possession.used"
    policy.enforce(shop.request(policy, token, THREE))
    over = denied(policy.enforce, shop.request(policy, token, THREE))
    assert over.code == "limit.uses" and over.http.status == 403
    assert pickle.loads(pickle.dumps(over)).http == over.http
    told = [(event["event"], event.get("permitted")) for event in journal.events]
    yes, no = [("decided", None), ("ended", True)], [("decided", None), ("ended", False)]
    assert told == [*yes, *no, *yes, *no]
    assert [event["id"] for event in journal.events[::2]] == [event["id"] for event in journal.events[1::2]]


def test_eight_threads_get_no_more_than_there_is(shop, tmp_path):
    stores = [ambit.SqliteStore(tmp_path / "ambit.db") for _ in range(2)]
    policies = [shop.load(store=store) for store in stores]
    token = shop.token(stock(uses=3))
    requests = [shop.request(policies[0], token, THREE) for _ in range(8)]

    def ask(number):
        try:
            return policies[number % 2].enforce(requests[number]).decision
        except ambit.Denied as error:
            return error.code

    with ThreadPoolExecutor(8) as threads:
        came = list(threads.map(ask, range(8)))
    assert came.count(True) == 3 and came.count("limit.uses") == 5


def test_a_nonce_is_told(shop, policy):
    request = shop.request(policy, shop.token(), THREE)
    request["facts"]["nonce"] = "n-1"
    wanted = denied(policy.enforce, request, "n-1")
    assert wanted.code == "possession.nonce" and wanted.http.headers["dpop-nonce"] == "n-1"


def test_what_cannot_be_logged_denies_and_costs_nothing(shop, tmp_path):
    store = ambit.MemoryStore()
    policy = shop.load(store=store, log=ambit.AuditLog(tmp_path / "none" / "audit.log"))
    kept = dict(store._kept)
    error = denied(policy.enforce, shop.request(policy, shop.token(), THREE))
    assert error.code == "obligation.failed" and error.http.status == 503
    assert "detail" not in error.http.problem and "audit.log" in error.answer.reason.admin
    assert store._kept == kept


def test_the_outcome_is_written_before_yes(shop):
    class Full(Lines):
        def write(self, event):
            super().write(event)
            if event["event"] == "ended":
                raise OSError("full")

    journal = Full()
    policy = shop.load(log=journal)
    error = denied(policy.enforce, shop.request(policy, shop.token(), THREE))
    assert error.code == "obligation.failed" and journal.events[-1]["permitted"] is True
    assert isinstance(error.__cause__, OSError)


def test_an_obligation_that_is_not_known_costs_nothing(shop):
    store = ambit.MemoryStore()
    policy = shop.load(store=store)
    kept = dict(store._kept)
    assert denied(policy.enforce, shop.request(policy, shop.token(), PROPOSE)).code == "obligation.unknown"
    assert store._kept == kept


@pytest.mark.parametrize("handler", [lambda _: 1 / 0, lambda _: True, lambda _: False, "asynchronous"])
def test_only_none_means_done(shop, caplog, handler):
    if handler == "asynchronous":
        loop_free = asyncio.Future(loop=asyncio.new_event_loop())
        handler = lambda _: loop_free  # noqa: E731
    policy = shop.load(discharge={"approve": handler})
    assert denied(policy.enforce, shop.request(policy, shop.token(), PROPOSE)).code == "obligation.failed"
    assert "division" not in caplog.text


def test_only_the_package_consumes(shop):
    with pytest.raises(ValueError, match="`consume`"):
        shop.load(discharge={"consume": lambda _: None})


def test_a_function_says_why(shop):
    def closed(obligation):
        raise ambit.NotDischarged("half \ud800 a letter", "limit.spend")

    policy = shop.load(discharge={"approve": closed})
    error = denied(policy.enforce, shop.request(policy, shop.token(), PROPOSE))
    assert error.code == "limit.spend" and isinstance(error.__cause__, ambit.NotDischarged)


def test_a_proposal_is_shown_and_then_runs_once(shop):
    shown = []
    policy = shop.load(discharge={"approve": shown.append})
    token = shop.token()
    wanted = denied(policy.enforce, shop.request(policy, token, PAY))
    assert wanted.code == "approval.required" and wanted.remedies[0]["step_up"] == "approval"
    policy.enforce(shop.request(policy, token, PROPOSE))
    assert "98.70" in shown[0].ext["display"]["text"]
    receipt = shop.receipt(policy, shown[0].ext)
    policy.enforce(shop.request(policy, token, PAY, approvals=[receipt]))
    again = denied(policy.enforce, shop.request(policy, token, PAY, approvals=[receipt]))
    assert again.code == "approval.used"


def test_the_log_has_decisions_and_nothing_secret(shop, tmp_path):
    path = tmp_path / "audit.log"
    policy = shop.load(log=ambit.AuditLog(path))
    request = shop.request(policy, shop.token(), call("stock", "execute", {"count": 3, "note": "secret-note"}))
    policy.enforce(request)
    denied(policy.enforce, shop.request(policy, shop.token(), call("stock", "execute", {"count": 33, "note": "secret-note"})))
    denied(policy.enforce, policy.refuse("request.size", "secret-note"))
    text = path.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == ["decided", "ended", "decided", "decided"]
    assert [line.get("reason") for line in lines] == ["allowed", None, "constraint.range", "request.size"]
    assert lines[0]["record"]["action"] == "stock" and lines[1]["discharged"] == ["consume"]
    assert "secret-note" not in text and request["token"][-20:] not in text and request["proof"][-20:] not in text
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_goes_on_after_a_torn_line(shop, tmp_path, monkeypatch):
    path = tmp_path / "audit.log"
    path.write_text('{"half":')
    journal = ambit.AuditLog(path)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: journal.write({"event": "ended", "id": number}), range(40)))
    torn, *lines = path.read_text().splitlines()
    assert torn == '{"half":' and sorted(json.loads(line)["id"] for line in lines) == list(range(40))
    before = path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda number, line: write(number, line[:5]))
    with pytest.raises(ambit.StoreError):
        journal.write({"event": "ended", "id": 0})
    monkeypatch.undo()
    assert path.read_bytes() == before


def test_epochs_never_go_back(policy):
    store = ambit.MemoryStore()
    enforcer = Enforcer(policy._pool, "x", store, None, {})

    def obey(*epochs):
        context = {"reason": {"code": "allowed", "user": "", "admin": ""}, "obligations": [], "remedy": {}, "policies": []}
        context["record"] = {"now": 1, "epochs": [{"iss": iss, "version": version} for iss, version in epochs]}
        return next(enforcer.steps(json.dumps({"decision": True, "context": context}).encode(), None))

    assert isinstance(obey(("a", 2)), ambit.Answer)
    assert isinstance(obey(("a", 3), ("b", 1)), ambit.Answer)
    assert obey(("a", 2), ("b", 1)).code == "obligation.failed"
    assert "missing" in obey(("a", 3)).answer.reason.admin
    assert json.loads(store._kept["epochs:x"].value) == {"a": 3, "b": 1}


def test_where_the_core_breaks_nothing_is_allowed(shop, policy, monkeypatch):
    request = shop.request(policy, shop.token(), THREE)
    ask = policy._pool.ask
    from ambit import _wasm

    def broken(export, content):
        if export == "ambit_enforce":
            raise _wasm.trap("broken")
        return ask(export, content)

    monkeypatch.setattr(policy._pool, "ask", broken)
    error = denied(policy.enforce, request)
    assert error.code == "engine.trap" and error.http.status == 503 and "code" not in error.http.problem


def test_asynchronous_functions_are_waited_for(shop):
    shown = []

    async def show(obligation):
        await asyncio.sleep(0.01)
        shown.append(threading.current_thread())

    class Callable:
        async def __call__(self, obligation):
            raise ambit.NotDischarged("closed", "limit.spend")

    async def run():
        policy = shop.load(discharge={"approve": show})
        token = shop.token()
        requests = [shop.request(policy, token, PROPOSE) for _ in range(8)]
        answers = await asyncio.gather(*(ambit.AsyncPolicy(policy).enforce(request) for request in requests))
        assert all(answer.decision for answer in answers)
        closed = ambit.AsyncPolicy(shop.load(discharge={"approve": Callable()}))
        with pytest.raises(ambit.Denied) as error:
            await closed.enforce(shop.request(policy, token, PROPOSE))
        assert error.value.code == "limit.spend"

    asyncio.run(run())
    assert shown == [threading.main_thread()] * 8


def test_what_was_begun_is_brought_to_its_end(shop):
    journal, started = Lines(), threading.Event()

    async def slow(obligation):
        started.set()
        await asyncio.sleep(0.05)

    async def run():
        policy = shop.load(log=journal, discharge={"approve": slow})
        task = asyncio.create_task(ambit.AsyncPolicy(policy).enforce(shop.request(policy, shop.token(), PROPOSE)))
        while not started.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        until = time.monotonic() + 5
        while len(journal.events) < 2 and time.monotonic() < until:
            await asyncio.sleep(0.01)

    asyncio.run(run())
    assert [event["event"] for event in journal.events] == ["decided", "ended"]
    assert journal.events[1]["permitted"] is True


def test_a_loop_that_ends_has_the_outcome_logged(shop):
    """The function goes on in its thread, but nobody will hear of it: that is a no."""
    journal, started = Lines(), threading.Event()

    def slow(obligation):
        started.set()
        time.sleep(0.2)

    async def run():
        policy = shop.load(log=journal, discharge={"approve": slow})
        task = asyncio.create_task(ambit.AsyncPolicy(policy).enforce(shop.request(policy, shop.token(), PROPOSE)))
        while not started.is_set():
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(run())
    assert [(event["event"], event.get("permitted")) for event in journal.events] == [("decided", None), ("ended", False)]


def cancelled(obligation):
    raise asyncio.CancelledError


async def cancelled_later(obligation):
    await asyncio.sleep(0.001)
    raise asyncio.CancelledError


def interrupted(obligation):
    raise KeyboardInterrupt


@pytest.mark.parametrize("log_fails", [False, True])
@pytest.mark.parametrize(
    ("handler", "end", "waits"),
    [
        (cancelled, asyncio.CancelledError, False),
        (cancelled, asyncio.CancelledError, True),
        (cancelled_later, asyncio.CancelledError, True),
        (interrupted, KeyboardInterrupt, False),
    ],
)
def test_an_end_within_a_function_is_logged_and_goes_on(shop, handler, end, waits, log_fails):
    """What was used up stays so, the outcome is a no, and it is not taken for an error."""

    class Journal(Lines):
        def write(self, event):
            super().write(event)
            if log_fails and event["event"] == "ended":
                raise OSError("full")

    journal, store = Journal(), ambit.MemoryStore()
    policy = shop.load(log=journal, store=store, discharge={"approve": handler})
    request, before = shop.request(policy, shop.token(), PROPOSE), dict(store._kept)
    with pytest.raises(end):
        asyncio.run(ambit.AsyncPolicy(policy).enforce(request)) if waits else policy.enforce(request)
    assert [(event["event"], event.get("permitted")) for event in journal.events][:2] == [("decided", None), ("ended", False)]
    assert journal.events[1]["discharged"] == ["consume"]
    assert journal.events[1]["answer"]["context"]["reason"]["code"] == "obligation.failed"
    again = "obligation.failed" if log_fails else "possession.used"
    assert store._kept != before and denied(policy.enforce, request).code == again


def test_the_modules_own_code_is_obeyed_by_the_core(shop, tmp_path):
    policy = ambit.Policy.load(
        shop.folder / "policy.wasm", shop.folder / "keys.json", uid="example/assistant", store=ambit.MemoryStore(), code="module"
    )
    token = shop.token(stock(uses=1))
    policy.enforce(shop.request(policy, token, THREE))
    assert denied(policy.enforce, shop.request(policy, token, THREE)).code == "limit.uses"
