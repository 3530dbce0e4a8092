"""Sends signed lists of revocation epochs along with requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from ..policy import Policy
from ..stores.base import Turns

logger = logging.getLogger("ambit")


class Epochs:
    """The newest list of each issuer, for `Guard(…, known=epochs.known)` or a request's `statements`.

    A list that is older than one that was seen is refused, also after a restart: the policy's store keeps the versions.
    Where none can be fetched the former one is sent on, until it ends and the policy denies by it.
    """

    def __init__(self, policy: Policy, *fetches: Callable[[], str], clock: Callable[[], float] = time.time) -> None:
        """Each of `fetches` gives the text of an issuer's list, or raises."""
        self._enforcer, self._fetches, self._clock = policy._enforcer, fetches, clock
        self._lock, self._lists = Turns(), dict[str, tuple[str, int]]()

    def known(self) -> dict[str, Any]:
        return {"statements": [text for text, _ in self._lists.values()]}

    def refresh(self) -> int | None:
        """Fetches the lists, and returns the second before which the next are needed; `None` where there is no list.

        Call it at the start, and then regularly from a thread or task of yours. What cannot be used is logged.
        """
        for fetch in self._fetches:
            try:
                text = fetch()
            except Exception as error:
                logger.error("no revocation epochs: %s", type(error).__name__)
            else:
                self.take(text)
        return min((end for _, end in self._lists.values()), default=None)

    def take(self, text: str) -> bool:
        """Takes a list, fetched or pushed; whether it goes with the requests from now on."""
        with self._lock:
            kept = self._enforcer._keep([])["kept"]
            said = self._enforcer._ask("ambit_epochs", {"list": text, "now": int(self._clock()), "kept": kept})
            if "keep" in said:
                # Before anything else, so that no older list follows; another process may have kept a newer one.
                before = self._enforcer._keep([said["keep"]])["kept"]
                if before.get(said["keep"]["iss"], 0) > said["keep"]["version"]:
                    said = {"code": "revocation.rollback"}
            if "code" in said:
                logger.error("revocation epochs are not used: %s", said["code"])
                return False
            self._lists = {**self._lists, said["keep"]["iss"]: (text, said["exp"])}
            return True
