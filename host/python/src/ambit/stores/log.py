"""The audit log as a file of JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .base import StoreError, Turns

try:
    import fcntl
except ImportError:  # There processes cannot take turns: each needs a file of its own.
    fcntl = None  # type: ignore[assignment]


class AuditLog:
    """Appends each decision and what became of it to a file that only its owner may read, and waits until the disk has it.

    A line has neither a token nor an argument in it. The file is opened for each line, so it may be moved away at any
    time; threads and processes take turns. A line that was cut off by a crash stays, and the next one begins anew.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = Turns()

    def write(self, event: Mapping[str, Any]) -> None:
        line = json.dumps({"time": datetime.now(UTC).isoformat()} | _told(event), ensure_ascii=False)
        try:
            with self._lock:
                self._append(line.encode() + b"\n")
        except OSError as error:
            raise StoreError(f"`{self._path}`: {error.strerror}") from error

    def _append(self, line: bytes) -> None:
        is_new = not self._path.exists()
        number = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            if fcntl is not None:
                fcntl.lockf(number, fcntl.LOCK_EX)
            size = os.lseek(number, 0, os.SEEK_END)
            if size > 0:
                os.lseek(number, size - 1, os.SEEK_SET)
                line = line if os.read(number, 1) == b"\n" else b"\n" + line
            try:
                if os.write(number, line) != len(line):
                    raise OSError(0, "the disk took a part of a line")
                os.fsync(number)
            except OSError:
                os.ftruncate(number, size)
                raise
        finally:
            os.close(number)
        if is_new:
            sync_folder(self._path.parent)


def sync_folder(folder: Path) -> None:
    """So that a new file in there is found after a power cut."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _told(event: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps only the reason's code and the record of an answer: the words for operators may quote what was asked."""
    told = dict(event)
    answer = told.pop("answer", None)
    if answer is not None:
        told["reason"] = answer["context"]["reason"]["code"]
    if answer is not None and event["event"] == "decided":
        told |= {"decision": answer["decision"], "record": answer["context"]["record"]}
    return told
