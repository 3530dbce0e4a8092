"""The interface of stores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from weakref import WeakSet

from ..answers import NotDischarged


@dataclass(frozen=True, slots=True)
class Kept:
    """A value, and the second (since 1970) after which it may be forgotten; `None`: never."""

    value: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written, and the second before whose `until` everything is to be forgotten."""

    write: Mapping[str, Kept] = field(default_factory=dict)
    forget: int | None = None


class Turns:
    """A lock for threads. It is free in a forked process, which does not have the thread that held it."""

    _all: WeakSet[Turns] = WeakSet()

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @classmethod
    def _renew(cls) -> None:
        for turns in cls._all:
            turns._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Turns._renew)

#: Makes a change of what is kept. It may be called more than once, and an exception means: change nothing.
Decide: TypeAlias = Callable[[Mapping[str, Kept]], Change]


class StoreError(NotDischarged):
    """The store cannot be read or written. Whether the change was kept is not known; if so, it was kept whole."""

    def __str__(self) -> str:
        return self.admin


class Store(Protocol):
    """Keeps values for good."""

    def transact(self, keys: Sequence[str], decide: Decide) -> None:
        """Reads `keys` (those that are not there are left out), asks `decide`, and keeps what it says, in one step.

        When this returns, the change outlives the process. What `decide` raises goes through, and nothing is kept.
        """
        ...


class Journal(Protocol):
    """Where decisions are written down, and what became of them."""

    def write(self, event: Mapping[str, Any]) -> None:
        """Keeps an event for good, or raises: what cannot be written denies.

        `event` is `decided`, with the `answer`, before anything is done with it, or `ended`, with `permitted` and what
        was `discharged` (of a no with the `answer`), before the call happens; `id` is the same in both.
        """
        ...
