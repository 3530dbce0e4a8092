"""Discharges the obligation `status` with signed lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from .. import _wasm, policy
from .._plain import encode
from ..answers import NotDischarged, Obligation
from ..stores import Change, Kept, Store
from ..stores.base import Turns

#: Gives what is at a URL, of at most so many bytes; follows no redirects; raises where it is not to be had.
Fetch: TypeAlias = Callable[[str, int], str]

#: Who asks for one list at the same time shares the fetch; two lists seldom wait for each other.
TURNS = 64
#: How often what others kept in the meantime is looked at.
TRIES = 8


class StatusLists:
    """Goes into `discharge={"status": StatusLists(…)}`. The store keeps each list, so that no older one counts later."""

    def __init__(
        self, sources: Sequence[Mapping[str, Any]], fetch: Fetch, *, store: Store, cache: policy.PathLike | bool = True
    ) -> None:
        """`sources` say whose lists count: `{"prefixes": […], "keys": [{"kid": …, "jwk": {…}}]}` are those at addresses
        that begin so, if one of the keys signed them. `fetch` runs while the call waits: give it a timeout. `cache` is as in
        `Policy.load`.
        """
        self._sources, self._fetch, self._store = [dict(source) for source in sources], fetch, store
        self._core = _wasm.Pool(policy.core(policy.folder_of(cache)), 0)
        self._turns = [Turns() for _ in range(TURNS)]

    def __call__(self, obligation: Obligation) -> None:
        uri = str(obligation.ext["uri"])
        key = f"status:{uri}"
        asked: dict[str, Any] = {"sources": self._sources, "ext": obligation.ext, "now": obligation.now}
        with self._turns[hash(uri) % TURNS]:
            for _ in range(TRIES):
                before = self._keep(key, None, None)
                said = self._ask(asked, before)
                if "keep" in said and self._keep(key, before, json.dumps(said["keep"])) != before:
                    # Somebody else kept another one in the meantime.
                    continue
                if "failed" in said["result"]:
                    raise NotDischarged(said["result"]["failed"], said["result"].get("code"))
                return
        raise NotDischarged("what is kept of the status list changes all the time")

    def _ask(self, asked: dict[str, Any], before: str | None) -> dict[str, Any]:
        """Asks the core, and fetches what it wants. What was fetched is shown again where the core is asked once more."""
        asked["kept"] = None if before is None else json.loads(before)
        said = self._core_says(asked)
        if "fetch" in said:
            asked["fetched"] = self._fetched(said["fetch"], said["most"])
            said = self._core_says(asked)
        if "result" not in said:
            raise NotDischarged("the core asks again for a list that it was given")
        return said

    def _core_says(self, asked: dict[str, Any]) -> dict[str, Any]:
        return dict(json.loads(self._core.ask("ambit_status", encode(asked))))

    def _fetched(self, uri: str, most: int) -> dict[str, str]:
        try:
            text = self._fetch(uri, most)
            if len(text.encode()) > most:
                raise ValueError("the list is too long")
        except Exception as error:
            return {"failed": f"{type(error).__name__}: {error}".encode(errors="replace").decode()}
        return {"list": text}

    def _keep(self, key: str, before: str | None, now: str | None) -> str | None:
        """What is kept; with `now`, which is kept instead unless that is no longer `before`."""
        found: list[str | None] = []

        def decide(kept: Mapping[str, Kept]) -> Change:
            found[:] = [kept[key].value if key in kept else None]
            return Change({} if now is None or found[0] != before else {key: Kept(now)})

        self._store.transact([key], decide)
        return found[0]
