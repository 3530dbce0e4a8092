"""Obeying an answer. The core says what is to be done next (`pkg/abi.md`, "Obeying an answer"); here it is done."""

import json
import logging
import os
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias

from . import _wasm
from ._plain import encode
from .answers import Answer, Denied, Http, NotDischarged, Obligation
from .stores import Change, Journal, Kept, Store

logger = logging.getLogger("ambit")

#: Does an obligation completely and returns `None`, or raises: `NotDischarged`, or whatever else.
Handler: TypeAlias = Callable[[Obligation], Any]
Handlers: TypeAlias = Mapping[str, Handler]
#: Yields what is to be discharged and by whom, is sent what that returned or raised, and yields the outcome last.
Steps: TypeAlias = Generator[tuple[Handler, Obligation] | Answer | Denied, Any, None]


class Result(dict[str, Any]):
    """What came of a step, in the core's own form."""


class Enforcer:
    """What a host does with an answer: keeps numbers, writes lines, and has the host's own functions do the rest."""

    def __init__(self, core: _wasm.Pool, uid: str, store: Store, journal: Journal | None, handlers: Handlers) -> None:
        if "consume" in handlers:
            raise ValueError("`discharge` has a function for `consume`, which only this package discharges: leave it out")
        self._core, self._store, self._journal, self._epochs = core, store, journal, f"epochs:{uid}"
        self._handlers: dict[str, Handler] = {"consume": self._consume, **handlers}

    def steps(self, answer: bytes, nonce: str | None) -> Steps:
        """Does what the core says until it gives a verdict. Of what functions raised, the last is the cause of a no.

        Where that is not an `Exception` (a cancelled task, an interrupt), it is raised again once the outcome is logged.
        """
        asked: dict[str, Any] = {"answer": answer.decode(errors="replace"), "knows": list(self._handlers), "epochs": True}
        asked |= {"journal": self._journal is not None, "results": []} | ({} if nonce is None else {"nonce": nonce})
        number, cause = os.urandom(16).hex(), None
        while (step := self._ask("ambit_enforce", asked))["do"] != "verdict":
            match step.pop("do"):
                case "keep":
                    came = attempt(self._keep, step["epochs"])
                case "log" if self._journal is not None:
                    came = attempt(self._journal.write, {"id": number} | step)
                case "discharge":
                    came = yield self._handlers[step["type"]], Obligation(**step)
                case _:
                    raise _wasm.trap("the core asks for a step that this host does not know")
            cause = came if isinstance(came, BaseException) and isinstance(cause, Exception | None) else cause
            asked["results"].append(_result(came))
        if step["permitted"] is True:
            yield Answer.read(answer)
        elif not isinstance(cause, Exception | None):
            raise cause
        else:
            denied = Denied(Answer.read(encode(step["answer"])), Http(**step["http"]))
            denied.__cause__ = cause
            yield denied

    def _keep(self, epochs: list[dict[str, Any]]) -> Result:
        result = Result()

        def decide(kept: Mapping[str, Kept]) -> Change:
            before = result["kept"] = json.loads(kept[self._epochs].value) if self._epochs in kept else {}
            after = before | {one["iss"]: max(one["version"], before.get(one["iss"], 0)) for one in epochs}
            return Change({} if after == before else {self._epochs: Kept(json.dumps(after))})

        self._store.transact([self._epochs], decide)
        return result

    def _consume(self, obligation: Obligation) -> None:
        """Checks and adds all charges in one atomic step, by the numbers that the core gives."""
        keys = [charge["key"] for charge in obligation.ext["charges"]]

        def decide(kept: Mapping[str, Kept]) -> Change:
            found = [(key, kept.get(f"budget:{key}")) for key in keys]
            budgets = {key: budget and {"used": int(budget.value), "until": budget.until} for key, budget in found}
            asked = {"ext": obligation.ext, "now": obligation.now, "budgets": budgets}
            asked["forgotten"] = int(kept["forgotten"].value) if "forgotten" in kept else 0
            said = self._ask("ambit_consume", asked)
            if "failed" in said:
                raise NotDischarged(said["failed"], said.get("code"))
            write = {f"budget:{one['key']}": Kept(str(one["used"]), one["until"]) for one in said["set"]}
            if "forget" in said:
                write["forgotten"] = Kept(str(said["forget"]))
            return Change(write, said.get("forget"))

        self._store.transact([f"budget:{key}" for key in keys] + ["forgotten"], decide)

    def _ask(self, export: str, request: dict[str, Any]) -> dict[str, Any]:
        return dict(json.loads(self._core.ask(export, encode(request))))


def attempt(body: Callable[..., Any], *arguments: Any) -> Any:
    """What `body` returned, or what it raised."""
    try:
        return body(*arguments)
    except BaseException as error:
        return error


def _result(came: Any) -> dict[str, Any]:
    if came is None or isinstance(came, Result):
        return came or {"done": True}
    code = None
    if isinstance(came, NotDischarged):
        detail, code = came.admin, came.code
    else:
        # The text of any other exception may contain anything, including what came with the call.
        detail = f"the function {'raised' if isinstance(came, BaseException) else 'returned'} `{type(came).__name__}`"
    logger.log(logging.INFO if code else logging.ERROR, "not done: %s", code or detail)
    # Half of a surrogate pair, which JSON cannot express, becomes a question mark.
    return {"failed": detail.encode(errors="replace").decode()} | ({} if code is None else {"code": code})
