"""A store that ends with its process: for tests, and where the budgets of a process are its own."""

from __future__ import annotations

from collections.abc import Sequence

from .base import Decide, Kept, Turns


class MemoryStore:
    """Keeps values in this process only. What was used before a restart can be used again."""

    def __init__(self) -> None:
        self._lock = Turns()
        self._kept: dict[str, Kept] = {}

    def transact(self, keys: Sequence[str], decide: Decide) -> None:
        with self._lock:
            change = decide({key: self._kept[key] for key in keys if key in self._kept})
            written = dict(change.write.items())
            self._kept.update(written)
            if change.forget is not None:
                before = change.forget
                ended = [key for key, kept in self._kept.items() if kept.until is not None and kept.until < before]
                for key in ended:
                    del self._kept[key]
