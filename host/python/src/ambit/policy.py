"""A signed policy in force: loads it, asks it."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from . import _code, _wasm
from ._core import SHA256
from ._plain import Request, Unsayable, encode
from .answers import UNAVAILABLE, Advice, Answer, CallDigest, Consent, ConsentError, Denied, Http, LoadError, SigningInput
from .answers import Statement, known
from .enforce import Enforcer, Handlers, Steps, attempt
from .stores import Change, Journal, Kept, Store

logger = logging.getLogger("ambit")

Question: TypeAlias = Literal["evaluate", "advise", "describe", "digest", "signing_input"]
PathLike: TypeAlias = str | os.PathLike[str]

#: Bytes of a policy file that are read at all; the core's own limits lie below.
FILE_MOST = 32 * 1024 * 1024


class Policy:
    """A policy whose signature, version and content were verified. `Policy.load` makes one; threads may share it."""

    @classmethod
    def load(
        cls, file: PathLike, trust: PathLike | bytes, *, uid: str, store: Store,
        log: Journal | None = None, discharge: Handlers | None = None,
        signature: PathLike | None = None, cache: PathLike | bool = True, guest: str | None = None,
        code: Literal["core", "module"] = "core", instances: int = 0, clock: Callable[[], float] = time.time,
    ) -> Policy:
        """Verifies a policy: `policy.wasm`, or `policy.bundle` alone. Raises `LoadError`.

        `trust` is the file `keys.json`, or its content. `uid` names the policy that is expected, and `store` keeps the
        highest version of it, so that no older one is accepted again, and what calls use up. `log` writes down each
        decision that is enforced, and what became of it. `discharge` has a function for each further kind of
        obligation: it does it and returns `None`, or raises `NotDischarged`. `signature` is a detached one, by default
        the file that lies beside: `policy.wasm.dsse.json`. `cache` is the folder for compiled code; `False`: none.
        `guest` demands the evaluator that a module was built with, by its SHA-256 (base64url). `code` says which
        code decides: the core of this package, or the module's own, which takes a second to compile. `instances`
        bounds the calls that run at the same time, by default the number of processors.
        """
        said = {"trust": trust if isinstance(trust, bytes) else _read(Path(trust)), "signature": _signature(file, signature)}
        # What is not UTF-8 is neither of the two, and the core refuses it as such.
        request: dict[str, Any] = {name: text.decode(errors="replace") for name, text in said.items() if text is not None}
        request |= {"uid": uid, "guest": guest, "now": int(clock())}
        content = _read(Path(file))
        try:
            statement, first, again = _accept(core(folder_of(cache)), content, request, store)
            enforcing = pool = _wasm.Pool(again, instances, first)
            if code == "module":
                pool = _wasm.Pool(_own_code(first, content, folder_of(cache)), instances)
        except _wasm.Fault as fault:
            raise LoadError(fault.code, str(fault)) from None
        logger.info("policy %s, version %d, is in force", statement.uid, statement.version)
        return cls(pool, statement, Enforcer(enforcing, uid, store, log, discharge or {}))

    def __init__(self, pool: _wasm.Pool, statement: Statement, enforcer: Enforcer) -> None:
        self._pool, self.statement, self._enforcer = pool, statement, enforcer
        # The answer for when the core can no longer answer.
        self._stopped = pool.ask("ambit_refuse", b'{"code":"engine.trap","admin":"the evaluator stopped"}')

    def evaluate(self, request: Request) -> Answer:
        """Decides. Never raises: what goes wrong is a denial. Nothing is obeyed yet: `enforce` does that."""
        answer = self._answer(self._ask("evaluate", request))
        if not answer.decision:
            logger.info("denied: %s", answer.reason.code)
        return answer

    def enforce(self, request: Request | Answer, nonce: str | None = None) -> Answer:
        """Decides, and does all that the answer obliges to. Act only when this returns; a no is raised as `Denied`.

        What was answered before is not decided again: `enforce(refuse(…))` writes a refusal of your own down. `nonce` is
        the one that the next proof must carry, for the `http` of a denial.
        """
        steps = self.steps(request, nonce)
        work = next(steps)
        while isinstance(work, tuple):
            work = steps.send(attempt(*work))
        if isinstance(work, Denied):
            raise work
        return work

    def steps(self, request: Request | Answer, nonce: str | None) -> Steps:
        """The steps of `enforce`, for callers that call the functions for obligations in their own way."""
        try:
            answer = request if isinstance(request, Answer) else self.evaluate(request)
            yield from self._enforcer.steps(answer.raw, nonce)
        except _wasm.Fault as fault:
            logger.error("%s: %s", fault.code, fault)
            yield Denied(self._answer(self._refusal(fault.code, str(fault))), UNAVAILABLE)

    def advise(self, request: Request) -> Advice:
        """Says what would help after a denial of this request."""
        return Advice.read(self._ask("advise", request))

    def describe(self, request: Request) -> Consent:
        """Puts a grant into words. Raises `ConsentError` where it has none: what has no text cannot be approved."""
        said = self._said("describe", request)
        if "error" in said:
            raise ConsentError(**said["error"])
        return known(Consent, said)

    def digest(self, request: Request) -> CallDigest:
        """The digest of a call, and what a person is shown of it. Raises `Denied`."""
        return known(CallDigest, self._said("digest", request))

    def signing_input(self, request: Request) -> SigningInput:
        """What is to be signed for a proof, a further block or a receipt. Raises `Denied`."""
        return known(SigningInput, self._said("signing_input", request))

    def http(self, denial: Denied | Answer, nonce: str | None = None) -> Http:
        """What HTTP says for a denial; `nonce` is the one that the next proof must carry."""
        answer = denial.answer if isinstance(denial, Denied) else denial
        asked = {"answer": json.loads(answer.raw)} | ({} if nonce is None else {"nonce": nonce})
        return Http(**json.loads(self._pool.ask("ambit_http", encode(asked))))

    def refuse(self, code: str, admin: str = "") -> Answer:
        """A denial of the service's own, in the same form as any other."""
        return self._answer(self._refusal(code, admin))

    def raw(self, question: Question, request: bytes) -> bytes:
        """The answer in exactly the bytes of every other engine. Never raises: what goes wrong is a denial."""
        try:
            return self._pool.ask(f"ambit_{question}", request)
        except _wasm.Fault as fault:
            logger.error("%s: %s", fault.code, fault)
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
        """The answer to a question that is not about a decision. Raises `Denied` where it was denied."""
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
            return self._pool.ask("ambit_refuse", encode({"code": code, "admin": admin.encode(errors="replace").decode()}))
        except _wasm.Fault:
            return self._stopped


Start: TypeAlias = Callable[[], _wasm.Instance]


def _accept(start: Start, file: bytes, request: dict[str, Any], store: Store) -> tuple[Statement, _wasm.Instance, Start]:
    """Compares a policy with what the store keeps and keeps what was verified, in one step; says how to load it again."""
    key = f"policy:{request['uid']}"

    def load(seen: Any) -> tuple[dict[str, Any], _wasm.Instance]:
        instance = start()
        return json.loads(instance.load(file, encode(request | {"seen": seen}))), instance

    loaded: list[tuple[dict[str, Any], _wasm.Instance]] = []

    def decide(kept: Mapping[str, Kept]) -> Change:
        loaded[:] = [load(json.loads(kept[key].value) if key in kept else None)]
        seen = loaded[0][0].get("seen")
        # A policy that has ended was verified all the same, and is remembered.
        return Change({} if seen is None else {key: Kept(json.dumps(seen))})

    def again() -> _wasm.Instance:
        more, instance = load(said["seen"])
        if "code" in more:
            raise _wasm.trap("the policy cannot be loaded again")
        return instance

    store.transact([key], decide)
    ((said, instance),) = loaded
    if "code" in said:
        raise LoadError(said["code"], said["admin"])
    return known(Statement, said, signers=tuple(said["signers"])), instance, again


def _own_code(core: _wasm.Instance, file: bytes, folder: Path | None) -> Start:
    """How to start instances of a module, once the core has verified that its code holds the policy that was loaded."""
    if not file.startswith(b"\0asm"):
        raise LoadError("module.options", "a bundle has no code of its own")
    start = _starter(file, hashlib.sha256(file).hexdigest(), folder)
    said = json.loads(core.ask("ambit_check_info", start().ask("ambit_info", None)))
    if "code" in said:
        raise LoadError(said["code"], said["admin"])
    return start


def folder_of(cache: PathLike | bool) -> Path | None:
    return (_code.default_folder() if cache else None) if isinstance(cache, bool) else Path(cache)


@functools.cache
def core(folder: Path | None) -> Start:
    """How to start instances of this package's core, whose digest is compared before it is compiled."""
    wasm = Path(__file__).with_name("core.wasm").read_bytes()
    if hashlib.sha256(wasm).hexdigest() != SHA256:
        raise LoadError("module.altered", "`core.wasm` is not the file that this package was built with")
    return _starter(wasm, SHA256, folder)


def _starter(wasm: bytes, digest: str, folder: Path | None) -> Start:
    engine = _wasm.engine()
    module = _code.compiled(engine, wasm, digest, folder)
    return lambda: _wasm.Instance(engine, module, _wasm.MEMORY)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MOST + 1)
    except OSError as error:
        raise LoadError("module.read", f"`{path}`: {error.strerror}") from error
    if len(content) > FILE_MOST:
        raise LoadError("module.size", f"`{path}` is longer than a policy may be")
    return content


def _signature(policy: PathLike, named: PathLike | None) -> bytes | None:
    """`policy.wasm` and `policy.bundle` share one signature, in a file beside them."""
    if named is not None:
        return _read(Path(named))
    file = Path(policy)
    module = file.with_suffix(".wasm") if file.suffix == ".bundle" else file
    beside = module.with_name(f"{module.name}.dsse.json")
    return _read(beside) if beside.exists() else None
