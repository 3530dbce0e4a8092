"""The raw ABI, on the code of a policy module (`code`), and on small modules that break it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import wasmtime

from ambit import _wasm


@pytest.fixture(scope="module")
def engine():
    return _wasm.engine()


@pytest.fixture(scope="module")
def code(engine, fixture):
    return wasmtime.Module(engine, fixture.module.read_bytes())


MEMORY = 80 * 1024 * 1024


@pytest.fixture
def instance(engine, code):
    return _wasm.Instance(engine, code, MEMORY)


def test_an_answer_has_the_bytes_of_every_engine(instance, fixture):
    for _ in range(3):
        assert instance.ask("ambit_evaluate", fixture.request) == fixture.answer
    assert instance.ask("ambit_info", None).startswith(b'{')


def test_one_buffer_serves_short_and_long_requests(instance, fixture):
    long = b'{"evaluation":"' + b"x" * 200_000 + b'"}'
    expected = instance.ask("ambit_evaluate", long)
    for request in (fixture.request, b"", b"{}", long, fixture.request):
        answer = instance.ask("ambit_evaluate", request)
        if request == long:
            assert answer == expected
        if request == fixture.request:
            assert answer == fixture.answer
    # Places for buffers are few: none is lost.
    for _ in range(100):
        instance.ask("ambit_evaluate", b"{}")


def test_a_request_without_end_is_no_answer(instance):
    with pytest.raises(_wasm.Fault, match="too long") as fault:
        instance.ask("ambit_evaluate", bytes(_wasm.INPUT_MOST + 1))
    assert fault.value.code == "engine.resources"


def test_memory_is_bounded(engine, code):
    small = _wasm.Instance(engine, code, 3 * 1024 * 1024)
    with pytest.raises(_wasm.Fault, match="does not fit"):
        small.ask("ambit_evaluate", bytes(4 * 1024 * 1024))


def module(engine, body, abi=2, memory='(memory (export "memory") 1)'):
    return wasmtime.Module(engine, f"""(module {memory}
        (func (export "ambit_abi") (result i32) i32.const {abi})
        (func (export "ambit_alloc") (param i32) (result i32) i32.const 1024)
        (func (export "ambit_free") (param i32 i32))
        (func (export "ambit_evaluate") (param i32 i32) (result i64) {body}))""")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("unreachable", "engine.trap", "stopped"),
        ("(loop (br 0)) i64.const 0", "engine.resources", "more steps"),
        ("i64.const 0", "engine.trap", "no answer"),
        # At 65,535, two bytes; at 2^32 - 1; a length of 4 GB.
        ("i64.const 0xffff00000002", "engine.trap", "outside"),
        ("i64.const 0xffffffff00000001", "engine.trap", "outside"),
        ("i64.const 0x00000000ffffffff", "engine.resources", "too long"),
    ],
)
def test_code_that_breaks_the_abi_gives_a_fault(engine, body, code, words, monkeypatch):
    monkeypatch.setattr(_wasm, "FUEL", 10_000_000)
    instance = _wasm.Instance(engine, module(engine, body), MEMORY)
    with pytest.raises(_wasm.Fault, match=words) as fault:
        instance.ask("ambit_evaluate", b"{}")
    assert fault.value.code == code


def test_an_address_above_two_gigabytes_is_not_negative(engine):
    answer = "(i32.store8 (i32.const 0x80000010) (i32.const 65)) i64.const 0x8000001000000001"
    high = module(engine, answer, memory='(memory (export "memory") 32769)')
    assert _wasm.Instance(engine, high, 3 << 30).ask("ambit_evaluate", b"{}") == b"A"


def test_other_code_is_not_started(engine):
    with pytest.raises(_wasm.Fault, match="another ABI"):
        _wasm.Instance(engine, module(engine, "i64.const 0", abi=1), MEMORY)
    with pytest.raises(_wasm.Fault, match="no memory"):
        _wasm.Instance(engine, module(engine, "i64.const 0", memory="(memory 1)"), MEMORY)
    with pytest.raises(_wasm.Fault, match="started"):
        importing = wasmtime.Module(engine, '(module (import "env" "x" (func)) (memory (export "memory") 1))')
        _wasm.Instance(engine, importing, MEMORY)
    for wrong in ("(param i32 i32 i32 i32 i32)", "(param i64)", "(result i32 i32) i32.const 1 i32.const 2"):
        with pytest.raises(_wasm.Fault, match="does not know"):
            memory = f'(memory (export "memory") 1) (func (export "more") {wrong})'
            _wasm.Instance(engine, module(engine, "i64.const 0", memory=memory), MEMORY)
    with pytest.raises(_wasm.Fault, match="does not export"):
        _wasm.Instance(engine, module(engine, "i64.const 0"), MEMORY).ask("ambit_advise", b"")


def test_an_instance_that_stopped_is_thrown_away(engine, code, fixture):
    made = []

    def make():
        made.append(_wasm.Instance(engine, code, MEMORY))
        return made[-1]

    pool = _wasm.Pool(make, 2)
    assert pool.ask("ambit_evaluate", fixture.request) == fixture.answer
    assert pool.ask("ambit_evaluate", fixture.request) == fixture.answer
    assert len(made) == 1
    with pytest.raises(_wasm.Fault):
        pool.ask("ambit_nothing", b"")
    assert pool.ask("ambit_evaluate", fixture.request) == fixture.answer
    assert len(made) == 2
    # So is one whose memory a call made large.
    pool.ask("ambit_evaluate", bytes(_wasm.KEPT_GROWTH + 64 * 1024))
    assert pool.ask("ambit_evaluate", fixture.request) == fixture.answer
    assert len(made) == 3


def test_threads_share_a_pool(engine, code, fixture):
    made = []

    def make():
        made.append(1)
        return _wasm.Instance(engine, code, MEMORY)

    pool = _wasm.Pool(make, 3)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: pool.ask("ambit_evaluate", fixture.request), range(400)))
    assert set(answers) == {fixture.answer}
    assert 1 <= len(made) <= 3
