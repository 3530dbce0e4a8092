"""A signed policy in force: loads it, asks it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from . import _code, _wasm
from ._core import SHA256
from ._plain import Request, Unsayable, encode
from .answers import Advice, Alternative, Answer, CallDigest, Consent, ConsentError, Denied, Http, LoadError, Reason
from .answers import SigningInput, Statement
from .stores import Change, Kept, Store

log = logging.getLogger("ambit")

Question: TypeAlias = Literal["evaluate", "advise", "describe", "digest", "signing_input"]
PathLike: TypeAlias = str | os.PathLike[str]
T = TypeVar("T")

#: Bytes of a policy file that are read at all; the core's own limits lie below.
FILE_MOST = 32 * 1024 * 1024


class Policy:
    """A policy whose signature, version and content were verified. `Policy.load` makes one; threads may share it."""

    @classmethod
    def load(
        cls,
        file: PathLike,
        trust: PathLike | bytes,
        *,
        uid: str,
        store: Store,
        signature: PathLike | None = None,
        cache: PathLike | bool = True,
        guest: str | None = None,
        code: Literal["core", "module"] = "core",
        instances: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> Policy:
        """Verifies a policy: `policy.wasm`, or `policy.bundle` alone. Raises `LoadError`.

        `trust` is the file `keys.json`, or its content. `uid` names the policy that is expected, and `store` keeps the
        highest version of it, so that no older one is accepted again. `signature` is a detached one, by default
        the file that lies beside: `policy.wasm.dsse.json`. `cache` is the folder for compiled code; `False`: none.
        `guest` demands the evaluator that a module was built with, by its SHA-256 (base64url). `code` says which
        code decides: the core of this package, or the module's own, which takes a second to compile. `instances`
        bounds the calls that run at the same time, by default the number of processors.
        """
        source = _Source(
            _read(Path(file)),
            _signature(Path(file), signature),
            trust if isinstance(trust, bytes) else _read(Path(trust)),
            uid,
            guest,
            int(clock()),
            _core(cache),
        )
        statement, first, again = source.accept(store)
        if code == "module":
            again = _own_code(first, source.file, _folder(cache))
            first = again()
        pool = _wasm.Pool(again, instances or os.cpu_count() or 1)
        pool.add(first)
        policy = cls(pool, statement)
        log.info("policy %s, version %d, is in force", statement.uid, statement.version)
        return policy

    def __init__(self, pool: _wasm.Pool, statement: Statement) -> None:
        self._pool = pool
        self.statement = statement
        # Said when nothing in there can say anything any more.
        self._stopped = pool.ask("ambit_refuse", b'{"code":"engine.trap","admin":"the evaluator stopped"}')

    def evaluate(self, request: Request) -> Answer:
        """Decides. Never raises: what goes wrong is a denial. Nothing is obeyed yet: `enforce` does that."""
        answer = self._answer(self._ask("evaluate", request))
        if not answer.decision:
            log.info("denied: %s", answer.reason.code)
        return answer

    def advise(self, request: Request) -> Advice:
        """Says what would help after a denial of this request."""
        raw = self._ask("advise", request)
        advice = json.loads(raw)
        if "alternatives" not in advice:
            denial = self._answer(raw)
            return Advice(denial.decision, denial.reason, (), raw)
        steps = [Alternative(one["judged"], one["text"], tuple(one["steps"])) for one in advice["alternatives"]]
        return Advice(advice["decision"], Reason(**advice["reason"]), tuple(steps), raw)

    def describe(self, request: Request) -> Consent:
        """Puts a grant into words. Raises `ConsentError` where it has none: what has no text cannot be approved."""
        said = self._said("describe", request)
        if "error" in said:
            raise ConsentError(**said["error"])
        return _known(Consent, said)

    def digest(self, request: Request) -> CallDigest:
        """The digest of a call, and what a person is shown of it. Raises `Denied`."""
        return _known(CallDigest, self._said("digest", request))

    def signing_input(self, request: Request) -> SigningInput:
        """What is to be signed for a proof, a further block or a receipt. Raises `Denied`."""
        return _known(SigningInput, self._said("signing_input", request))

    def http(self, denial: Denied | Answer, nonce: str | None = None) -> Http:
        """What HTTP says for a denial; `nonce` is the one that the next proof must carry."""
        answer = denial.answer if isinstance(denial, Denied) else denial
        asked = {"answer": json.loads(answer.raw)} | ({} if nonce is None else {"nonce": nonce})
        said = json.loads(self._pool.ask("ambit_http", encode(asked)))
        return Http(said["status"], said["headers"], said["problem"])

    def refuse(self, code: str, admin: str = "") -> Answer:
        """A denial for what only a host can see, in the form of any other."""
        return self._answer(self._refusal(code, admin))

    def raw(self, question: Question, request: bytes) -> bytes:
        """The answer in exactly the bytes of every other engine. Never raises: what goes wrong is a denial."""
        try:
            return self._pool.ask(f"ambit_{question}", request)
        except _wasm.Fault as fault:
            log.error("%s: %s", fault.code, fault)
            return self._refusal(fault.code, str(fault))

    def info(self) -> bytes:
        """Which policy this is, in the bytes of every other engine."""
        return self._pool.ask("ambit_info", None)

    def _ask(self, question: Question, request: Request) -> bytes:
        try:
            return self.raw(question, encode(request))
        except Unsayable as error:
            return self._refusal("request.value", str(error))

    def _said(self, question: Question, request: Request) -> dict[str, Any]:
        """What a question gives whose answer is no decision, unless it was denied."""
        raw = self._ask(question, request)
        said: dict[str, Any] = json.loads(raw)
        if "decision" in said:
            raise Denied(self._answer(raw))
        return said | {"raw": raw}

    def _answer(self, raw: bytes) -> Answer:
        try:
            return Answer.read(raw)
        except ValueError as error:
            return Answer.read(self._refusal("engine.trap", str(error)))

    def _refusal(self, code: str, admin: str) -> bytes:
        try:
            return self._pool.ask("ambit_refuse", encode({"code": code, "admin": admin}))
        except _wasm.Fault:
            return self._stopped


@dataclass(frozen=True, slots=True)
class _Source:
    """What a policy is loaded from: once to accept it, and again for each further instance."""

    file: bytes
    signature: bytes | None
    trust: bytes
    uid: str
    guest: str | None
    now: int
    start: Callable[[], _wasm.Instance]

    def accept(self, store: Store) -> tuple[Statement, _wasm.Instance, Callable[[], _wasm.Instance]]:
        """Loads against what the store keeps, and keeps what was verified, in one step."""
        key = f"policy:{self.uid}"
        loaded: list[tuple[dict[str, Any], _wasm.Instance]] = []

        def decide(kept: Mapping[str, Kept]) -> Change:
            instance = self.start()
            said = self._load(instance, json.loads(kept[key].value) if key in kept else None)
            loaded[:] = [(said, instance)]
            # One that has ended was verified all the same, and is to be remembered.
            return Change({key: Kept(json.dumps(said["seen"]))} if "seen" in said else {})

        store.transact([key], decide)
        ((said, instance),) = loaded
        if "code" in said:
            raise LoadError(said["code"], said["admin"])
        seen = said.pop("seen")
        return _known(Statement, said, signers=tuple(said["signers"])), instance, lambda: self._again(seen)

    def _again(self, seen: Any) -> _wasm.Instance:
        instance = self.start()
        if "code" in self._load(instance, seen):
            raise _wasm.trap("the policy cannot be loaded again")
        return instance

    def _load(self, instance: _wasm.Instance, seen: Any) -> dict[str, Any]:
        texts = {"trust": self.trust, "signature": self.signature}
        # What is no UTF-8 is neither of the two, and is refused as such.
        request: dict[str, Any] = {name: text.decode(errors="replace") for name, text in texts.items() if text is not None}
        request |= {"uid": self.uid, "guest": self.guest, "now": self.now, "seen": seen}
        said: dict[str, Any] = json.loads(instance.load(self.file, encode(request)))
        return said


_lock = threading.Lock()
_cores: dict[Path | None, Callable[[], _wasm.Instance]] = {}


def _folder(cache: PathLike | bool) -> Path | None:
    if isinstance(cache, bool):
        return _code.default_folder() if cache else None
    return Path(cache)


def _own_code(core: _wasm.Instance, file: bytes, folder: Path | None) -> Callable[[], _wasm.Instance]:
    """What starts instances of a module that the core has verified, once it says that the code holds that policy."""
    if not file.startswith(b"\0asm"):
        raise LoadError("module.options", "a bundle has no code of its own")
    engine = _wasm.engine()
    module = _code.compiled(engine, file, hashlib.sha256(file).hexdigest(), folder)
    try:
        info = _wasm.Instance(engine, module, _wasm.MEMORY).ask("ambit_info", None)
        said = json.loads(core.ask("ambit_check_info", info))
    except _wasm.Fault as fault:
        raise LoadError(fault.code, str(fault)) from None
    if "code" in said:
        raise LoadError(said["code"], said["admin"])
    return lambda: _wasm.Instance(engine, module, _wasm.MEMORY)


def _core(cache: PathLike | bool) -> Callable[[], _wasm.Instance]:
    """What starts instances of the core of this package, whose digest is compared before it is compiled."""
    folder = _folder(cache)
    with _lock:
        if folder not in _cores:
            wasm = Path(__file__).with_name("core.wasm").read_bytes()
            if hashlib.sha256(wasm).hexdigest() != SHA256:
                raise LoadError("module.altered", "`core.wasm` is not the file that this package was built with")
            engine = _wasm.engine()
            module = _code.compiled(engine, wasm, SHA256, folder)
            _cores[folder] = lambda: _wasm.Instance(engine, module, _wasm.MEMORY)
        return _cores[folder]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MOST + 1)
    except OSError as error:
        raise LoadError("module.read", f"`{path}`: {error.strerror}") from error
    if len(content) > FILE_MOST:
        raise LoadError("module.size", f"`{path}` is longer than any policy")
    return content


def _signature(file: Path, named: PathLike | None) -> bytes | None:
    """`policy.wasm` and `policy.bundle` have one signature, which lies beside."""
    if named is not None:
        return _read(Path(named))
    module = file.with_suffix(".wasm") if file.suffix == ".bundle" else file
    beside = module.with_name(f"{module.name}.dsse.json")
    return _read(beside) if beside.exists() else None


def _known(kind: type[T], said: Mapping[str, Any], **more: Any) -> T:
    values = {one.name: said[one.name] for one in fields(kind) if one.name in said}  # type: ignore[arg-type]
    return kind(**(values | more))
