"""A policy as a user loads and asks it."""

import asyncio
import json
import os
import pickle
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import NOW

import ambit
from ambit import _wasm
from ambit.stores import Change


def load(fixture, file=None, **options):
    options = {"uid": "acme/agents", "store": ambit.MemoryStore(), "clock": lambda: NOW} | options
    return ambit.Policy.load(file or fixture.module, options.pop("trust", fixture.keys), **options)


@pytest.fixture(scope="module")
def policy(fixture):
    return load(fixture)


def code(body):
    with pytest.raises(ambit.LoadError) as error:
        body()
    return error.value.code


def test_module_and_bundle_give_the_answer_of_every_engine(fixture, policy):
    assert load(fixture, guest=policy.statement.guest_s256).statement == policy.statement
    assert policy.statement.uid == "acme/agents" and policy.statement.expires > NOW
    for one in (policy, load(fixture, fixture.bundle)):
        for _ in range(3):
            assert one.raw("evaluate", fixture.request) == fixture.answer
        assert one.statement == policy.statement
        assert json.loads(one.info())["bundle_s256"] == policy.statement.bundle_s256


def test_an_answer_is_data(fixture, policy):
    answer = policy.evaluate(fixture.request)
    assert answer.raw == fixture.answer
    assert answer.decision is json.loads(fixture.answer)["decision"]
    assert answer.record["policy"]["uid"] == "acme/agents"
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(answer)


def test_data_and_text_of_a_request_are_the_same(fixture, policy):
    expected = policy.evaluate(fixture.request).decision
    assert policy.evaluate(json.loads(fixture.request)).decision is expected
    assert policy.evaluate(fixture.request.decode()).raw == fixture.answer


@pytest.mark.parametrize(
    "value",
    [{1}, (1,), float("nan"), float("inf"), b"x", object(), {1: 2}, "\ud800", 10**5000, int],
    ids=range(10),
)
def test_what_json_cannot_say_is_denied(policy, value):
    answer = policy.evaluate({"evaluation": {"args": [value]}})
    assert (answer.decision, answer.reason.code) == (False, "request.value")
    if not isinstance(value, (str, int)):
        assert "`evaluation.args[0]`" in answer.reason.admin


def test_a_place_that_cannot_be_said_is_denied_as_well(policy):
    for request in ({"\ud800": float("nan")}, {"a": {"\udc00": float("inf")}}):
        assert policy.evaluate(request).reason.code == "request.value"
        assert policy.advise(request).reason.code == "request.value"
    assert "`request` is a `set`" in policy.evaluate({1}).reason.admin
    name = os.fsdecode(b"/x/\xff")
    assert policy.refuse("possession.used", name).reason.code == "possession.used"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_asks_and_compiles(fixture):
    policy = load(fixture, cache=False, instances=1)
    # As a thread has it that is at work during the fork, and is not in the child.
    policy.evaluate(fixture.request)
    assert policy._pool._free.acquire(timeout=20)
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(120)
            assert policy.raw("evaluate", fixture.request) == fixture.answer
            assert load(fixture, cache=False, code="module").raw("evaluate", fixture.request) == fixture.answer
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_loop_is_denied(policy):
    loop = []
    loop.append(loop)
    assert policy.evaluate({"evaluation": loop}).reason.code == "request.value"
    assert policy.evaluate("\ud800").reason.code == "request.value"


def test_a_denial_says_what_to_do(fixture, policy):
    request = json.loads(fixture.request)
    request["token"] = ""
    answer = policy.evaluate(request)
    assert not answer.decision
    denied = ambit.Denied(answer)
    assert denied.code == answer.reason.code and answer.reason.user in str(denied)
    assert pickle.loads(pickle.dumps(denied)).code == denied.code
    http = policy.http(denied, nonce="n-1")
    assert http.status == 401 and http.headers["dpop-nonce"] == "n-1"
    assert json.loads(http.body) == http.problem
    assert answer.reason.admin not in str(http.problem) or not answer.reason.admin


def test_a_refusal_of_the_hosts_own_is_a_denial(policy):
    answer = policy.refuse("possession.used", "jti 7")
    assert (answer.reason.code, answer.reason.admin) == ("possession.used", "jti 7")
    assert policy.refuse("no.code").reason.code == "engine.trap"
    assert "jti 7" not in json.dumps(policy.http(answer).problem)


def test_advice_names_what_would_help(fixture, policy):
    advice = policy.advise(fixture.request)
    assert advice.raw == policy.raw("advise", fixture.request)
    request = json.loads(fixture.request)
    request["evaluation"]["context"]["purpose"] = "nothing-of-the-kind"
    advice = policy.advise(request)
    assert not advice.decision and advice.reason.code.endswith("purpose")
    assert policy.advise(b"{").reason.code == "request.syntax"


def test_digest_and_signing_input(fixture, policy):
    digest = policy.digest(fixture.request)
    assert len(digest.binding_s256) == 43
    token = json.loads(fixture.request)["token"]
    claims = {"htm": "POST", "htu": "https://x.example/y", "jti": "1", "iat": NOW}
    signing = policy.signing_input({"typ": "dpop+jwt", "token": token, "claims": claims})
    assert signing.typ == "dpop+jwt" and signing.signing_input.count(".") == 1
    with pytest.raises(ambit.Denied) as denied:
        policy.digest(b"{}")
    assert denied.value.code == "request.member"


def test_a_grant_without_a_text_cannot_be_approved(policy):
    with pytest.raises(ambit.ConsentError) as error:
        policy.describe({"authorization_details": 7})
    assert error.value.code == "describe.request" and error.value.at


def test_what_is_not_signed_is_not_loaded(fixture, tmp_path):
    altered = tmp_path / "policy.wasm"
    content = bytearray(fixture.module.read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    assert code(lambda: load(fixture, altered)) == "module.unsigned"
    shutil.copy(fixture.folder / "policy.wasm.dsse.json", tmp_path)
    assert code(lambda: load(fixture, altered)) == "module.altered"
    other = b'{"threshold":1,"keys":[{"kid":"k","jwk":{"kty":"OKP","crv":"Ed25519",' \
        b'"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}'
    assert code(lambda: load(fixture, trust=other)) == "module.threshold"
    assert code(lambda: load(fixture, trust=b"\xff")) == "module.trust"
    assert code(lambda: load(fixture, trust=b'"' * 40_000_000)) == "engine.resources"
    assert code(lambda: load(fixture, uid="acme/others")) == "module.uid"
    assert code(lambda: load(fixture, tmp_path / "none.wasm")) == "module.read"
    (tmp_path / "empty.wasm").write_bytes(b"")
    assert code(lambda: load(fixture, tmp_path / "empty.wasm")) == "module.truncated"
    assert code(lambda: load(fixture, uid=None)) == "module.options"
    assert code(lambda: load(fixture, guest="A" * 43)) == "module.guest"


def test_the_highest_version_is_kept_for_good(fixture, tmp_path):
    def open_store():
        return ambit.SqliteStore(tmp_path / "ambit.db")

    load(fixture, store=open_store())
    load(fixture, store=open_store())
    # As if a later version had been in force.
    seen = {}

    def later(kept):
        (key,) = kept
        seen.update(json.loads(kept[key].value))
        value = json.dumps(seen | {"version": seen["version"] + 1})
        return Change({key: type(kept[key])(value)})

    open_store().transact(["policy:acme/agents"], later)
    assert code(lambda: load(fixture, store=open_store())) == "module.rollback"


def test_a_policy_that_has_ended_is_remembered_and_not_loaded(fixture, policy):
    store = ambit.MemoryStore()
    late = policy.statement.expires + 60
    assert code(lambda: load(fixture, store=store, clock=lambda: late)) == "module.expired"
    kept = {}
    store.transact(["policy:acme/agents"], lambda found: kept.update(found) or Change())
    assert json.loads(kept["policy:acme/agents"].value)["version"] == policy.statement.version


def test_another_core_is_not_compiled(fixture, monkeypatch):
    monkeypatch.setattr("ambit.policy.SHA256", "0" * 64)
    ambit.policy.core.cache_clear()
    assert code(lambda: load(fixture)) == "module.altered"


def test_the_modules_own_code_gives_the_same_bytes(fixture, policy, monkeypatch):
    own = load(fixture, code="module")
    assert own.statement == policy.statement
    for question in ("evaluate", "advise", "digest"):
        assert own.raw(question, fixture.request) == policy.raw(question, fixture.request)
    assert own.info() == policy.info()
    assert own._pool._idle[0]._functions.keys() < policy._pool._idle[0]._functions.keys()
    assert code(lambda: load(fixture, fixture.bundle, code="module")) == "module.options"
    # Code that says that it holds another policy is not used.
    ask = _wasm.Instance.ask
    other = own.info().replace(b'"version":', b'"version":1')
    monkeypatch.setattr(_wasm.Instance, "ask", lambda self, name, r: other if name == "ambit_info" else ask(self, name, r))
    assert code(lambda: load(fixture, code="module")) == "module.mismatch"


def test_after_a_fault_the_next_call_runs_in_a_new_instance(fixture, caplog, monkeypatch):
    policy = load(fixture, instances=1)
    monkeypatch.setattr(_wasm, "FUEL", 1000)
    answer = policy.evaluate(fixture.request)
    # Not even a refusal can be made any more: the one that was made before is given.
    assert answer.reason.code == "engine.trap"
    assert "engine.resources" in caplog.text
    monkeypatch.undo()
    assert policy.raw("evaluate", fixture.request) == fixture.answer
    assert policy.evaluate(bytes(_wasm.INPUT_MOST + 1)).reason.code == "engine.resources"
    assert policy.raw("evaluate", fixture.request) == fixture.answer


def test_threads_and_tasks_share_a_policy(fixture, policy):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: policy.raw("evaluate", fixture.request), range(200)))
    assert set(answers) == {fixture.answer}

    async def ask():
        other = await ambit.AsyncPolicy.load(
            fixture.bundle, fixture.keys, uid="acme/agents", store=ambit.MemoryStore(), clock=lambda: NOW
        )
        return await asyncio.gather(*(other.evaluate(fixture.request) for _ in range(20)))

    assert {answer.raw for answer in asyncio.run(ask())} == {fixture.answer}


def test_nothing_of_a_request_is_logged(fixture, policy, caplog):
    caplog.set_level("DEBUG")
    request = json.loads(fixture.request)
    request["evaluation"]["context"]["purpose"] = "secret-purpose"
    policy.evaluate(request)
    assert "denied" in caplog.text
    assert "secret-purpose" not in caplog.text and request["token"][:20] not in caplog.text
