"""The raw ABI of `pkg/abi.md` over wasmtime: bytes in, bytes out.

wasmtime's plain call path asks for a function's type each time, which costs more than a decision. So functions
are called by their C entry, and one buffer is kept for requests.
"""

import ctypes
import os
import threading
from collections.abc import Callable

import wasmtime
from wasmtime import _bindings as c

ABI = 2
#: Bytes of the request buffer that is kept; a longer request gets a longer one.
BUFFER = 64 * 1024
#: Bytes of one input: the longest policy file with what is said of it. The core's own limits lie below.
INPUT_MOST = 33 * 1024 * 1024
#: Bytes of an answer, as in every host.
ANSWER_MOST = 4 * 1024 * 1024
#: Memory and instructions of a call: four times what the core's own limits allow (`pkg/abi.md`, "Bounds are yours to
#: set"), and room for the policy's file, which stays.
MEMORY = (64 + 32 + 2) * 1024 * 1024
FUEL = 5_640_000_000
#: Memory that one call may leave behind in an instance that is used again.
KEPT_GROWTH = 4 * 1024 * 1024


class Fault(Exception):
    """The code gave no answer. `code` is the reason for the denial that takes its place."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


def trap(what: str) -> Fault:
    return Fault("engine.trap", what)


def engine() -> wasmtime.Engine:
    """It has no threads, which would not survive a fork: fuel bounds a call, not a clock, and one thread compiles."""
    config = wasmtime.Config()
    config.consume_fuel = True
    config.wasm_threads = config.wasm_memory64 = config.wasm_multi_memory = config.parallel_compilation = False
    config.cranelift_opt_level = "speed"
    return wasmtime.Engine(config)


class Instance:
    """One instance. It serves one call at a time; after a `Fault` it must not be used again."""

    def __init__(self, compiling: wasmtime.Engine, module: wasmtime.Module, memory: int) -> None:
        self._store = store = wasmtime.Store(compiling)
        store.set_limits(memory_size=memory, table_elements=10_000, instances=1, tables=1, memories=1)
        # What the C entries take, made once.
        self._context = store._context()
        self._values = (c.wasmtime_val_raw_t * 4)()
        self._stop = ctypes.POINTER(c.wasm_trap_t)()
        self._stop_at = ctypes.byref(self._stop)
        self._fill()
        try:
            exports = wasmtime.Instance(store, module, []).exports(store)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise trap(f"the code cannot be started: {error}") from None
        named = {name: exports[name] for name in exports}
        memory_export = named.get("memory")
        if not isinstance(memory_export, wasmtime.Memory):
            raise trap("the code has no memory")
        self._memory, self._memory_at = memory_export, ctypes.byref(memory_export._memory)
        functions = {name: it for name, it in named.items() if isinstance(it, wasmtime.Func)}
        # A call by the C entry checks no type, so this must hold of every function: `_values` has room for no more.
        for function in functions.values():
            kind = function.type(store)
            if len(kind.params) > 4 or len(kind.results) > 1 or any(str(one) != "i32" for one in kind.params):
                raise trap("the code has a function that this ABI does not know")
        self._functions = {name: ctypes.byref(function._func) for name, function in functions.items()}
        if self._run("ambit_abi") & 0xFFFF_FFFF != ABI:
            raise trap("the code has another ABI than this package")
        self._buffer, self._size = 0, 0
        self._first = self._memory.data_len(store)

    def load(self, file: bytes, request: bytes) -> bytes:
        """Hands a policy over. From then on its buffers belong to the core, and so does everything allocated before."""
        self._fill()
        places: list[int] = []
        for content in (file, request):
            self._size = 0
            at = self._room(max(len(content), 1))
            ctypes.memmove(self._inside(at, len(content)), content, len(content))
            places += [at, len(content)]
        answer = self._take(self._run("ambit_load", *places))
        self._buffer, self._size = 0, 0
        self._first = self._memory.data_len(self._store)
        return answer

    @property
    def has_grown(self) -> bool:
        """Whether calls have made the memory much larger than it was at first."""
        return bool(c._wasmtime_memory_data_size(self._context, self._memory_at) - self._first > KEPT_GROWTH)

    def ask(self, export: str, request: bytes | None) -> bytes:
        """One question, with a full measure of fuel. `None` is for a function without a request."""
        self._fill()
        if request is None:
            return self._take(self._run(export))
        at, size = self._room(len(request)), len(request)
        ctypes.memmove(self._inside(at, size), request, size)
        return self._take(self._run(export, at, size))

    def _fill(self) -> None:
        if c._wasmtime_context_set_fuel(self._context, FUEL):
            raise trap("this wasmtime counts no instructions")

    def _run(self, export: str, *arguments: int) -> int:
        function, values = self._functions.get(export), self._values
        if function is None:
            raise trap(f"the code does not export `{export}`")
        for place, argument in enumerate(arguments):
            values[place].i32 = argument
        error = c._wasmtime_func_call_unchecked(self._context, function, values, 4, self._stop_at)
        if self._stop:
            if wasmtime.Trap._from_ptr(self._stop).trap_code is wasmtime.TrapCode.OUT_OF_FUEL:
                raise Fault("engine.resources", "the code took more steps than a call may take")
            raise trap("the code stopped")
        if error:
            raise trap(str(wasmtime.WasmtimeError._from_ptr(error)))
        # The result stands where the first argument was.
        return int(values[0].i64) & 0xFFFF_FFFF_FFFF_FFFF

    def _room(self, size: int) -> int:
        if size > INPUT_MOST:
            raise Fault("engine.resources", "the request is too long to be read")
        if size > self._size:
            if self._size > 0:
                self._run("ambit_free", self._buffer, self._size)
            self._size = max(size, BUFFER)
            self._buffer = self._run("ambit_alloc", self._size) & 0xFFFF_FFFF
            if self._buffer == 0:
                raise Fault("engine.resources", "the request does not fit into the memory of the code")
        return self._buffer

    def _inside(self, at: int, size: int) -> int:
        """The address in this process of a place in the code's memory. Ask each time: memory may move when it grows."""
        if at + size > c._wasmtime_memory_data_size(self._context, self._memory_at):
            raise trap("the code named a place outside its memory")
        return ctypes.addressof(c._wasmtime_memory_data(self._context, self._memory_at).contents) + at

    def _take(self, packed: int) -> bytes:
        at, size = packed >> 32, packed & 0xFFFF_FFFF
        if size == 0:
            raise trap("the code gave no answer")
        if size > ANSWER_MOST:
            raise Fault("engine.resources", "the answer of the code is too long")
        answer = ctypes.string_at(self._inside(at, size), size)
        self._run("ambit_free", at, size)
        return answer


class Pool:
    """Instances for threads: a call takes one that is idle, or a new one, and waits when `most` are at work."""

    def __init__(self, make: Callable[[], Instance], most: int, *idle: Instance) -> None:
        self._make, self._most, self._process, self._idle = make, most or os.cpu_count() or 1, 0, [*idle]

    def ask(self, export: str, request: bytes | None) -> bytes:
        # A fork leaves behind the threads that hold permits.
        if self._process != os.getpid():
            self._free, self._process = threading.BoundedSemaphore(self._most), os.getpid()
        with self._free:
            # `append` and `pop` of a list are atomic. What a call leaves by an exception is thrown away.
            try:
                instance = self._idle.pop()
            except IndexError:
                instance = self._make()
            answer = instance.ask(export, request)
            if not instance.has_grown:
                self._idle.append(instance)
            return answer
