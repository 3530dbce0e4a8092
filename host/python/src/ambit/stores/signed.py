"""The audit log that `ambit audit` reads: each line is linked to the one before, and checkpoints over them are signed.

What a line says and what is to be signed, the core says (`pkg/abi.md`, "The audit log"); here lines are appended, synced
and signed.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._plain import encode
from .base import StoreError, Turns
from .log import sync_folder

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from .._wasm import Pool

#: Bytes of the file of notes, from its end, that have the last checkpoint.
NOTES_READ = 128 * 1024
#: Bytes of a log that are read at a time; a line is shorter.
PART = 2 * 1024 * 1024
#: How long a process waits for the one that writes the log.
WAIT_SECONDS = 5
BROKEN = "audit.broken: the log cannot be written any further; open it again"


class SignedLog:
    """Writes down each decision and what became of it, so that a change of any line is found.

    The lines are in the file at `path`, the signed checkpoints in `….checkpoints` beside it. One process at a time writes
    a log: open it after a fork, not before. A log that was changed is not written on; a line that a crash tore is
    replaced, and the log says so. Threads take turns.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        origin: str,
        *,
        public: bytes,
        sign: Callable[[bytes], bytes],
        cache: str | os.PathLike[str] | bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`origin` is the log's name (`mail.example/audit`). `public` are the 32 bytes of an Ed25519 key, and `sign` gives
        its signature over bytes: the key itself may be elsewhere. `cache` is as in `Policy.load`.

        The whole file is read. Raises `StoreError` where the log was changed, or another process writes it.
        """
        self._path, self._sign, self._clock = Path(path), sign, clock
        self._named = {"origin": origin, "public": _b64(public)}
        self._core, self._lock, self._process = _core(cache), Turns(), os.getpid()
        self._state: Any = None
        self._entries: dict[str, Any] = {}
        self._is_broken = True
        self._files: list[int] = []
        try:
            self._open()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise StoreError(f"`{self._path}`: {error.strerror}") from error
            raise

    def write(self, event: Mapping[str, Any]) -> None:
        """As `Journal.write` says."""
        number, begins = event["id"], event["event"] == "decided"
        step = {"do": "log"} | {name: value for name, value in event.items() if name != "id"}
        with self._lock:
            if self._is_broken or self._process != os.getpid():
                raise StoreError(BROKEN)
            asked = {"state": self._state, "now": int(self._clock()), "step": step}
            said = self._ask("append", asked if begins else asked | {"entry": self._entries.pop(number, None)})
            if "line" in said:
                try:
                    self._append(said)
                except OSError as error:
                    raise StoreError(f"`{self._path}`: {error.strerror}") from error
                self._state = said["state"]
            if "failed" in said:
                raise StoreError(said["failed"])
            # Nothing more is written of a no.
            if begins and event["answer"]["decision"] is True:
                self._entries[number] = said["entry"]

    def close(self) -> None:
        """Lets another process write the log."""
        with self._lock:
            self._is_broken = True
            while self._files:
                os.close(self._files.pop())

    def _open(self) -> None:
        self._take_turn(self._file(".lock"))
        self._nothing_is_ahead()
        self._lines, self._notes = self._file(""), self._file(".checkpoints")
        sync_folder(self._path.parent)
        end = os.fstat(self._notes).st_size
        asked: dict[str, Any] = {"notes": _b64(os.pread(self._notes, NOTES_READ, max(0, end - NOTES_READ)))}
        length, at, to, last = os.fstat(self._lines).st_size, 0, 0, False
        while not last:
            to = min(to + PART, length)
            last = to == length
            asked |= {"state": self._state, "now": int(self._clock()), "last": last}
            said = self._ask("read", asked | {"lines": _b64(os.pread(self._lines, to - at, at))})
            if "failed" in said:
                raise StoreError(f"`{self._path}`: {said['failed']}")
            if said.get("torn_notes"):
                os.ftruncate(self._notes, end - said["torn_notes"])
            asked.pop("notes", None)
            self._state, at = said["state"], at + said["taken"]
        if "mend" in said:
            self._append(said["mend"], mends=True)
        self._is_broken = False

    def _take_turn(self, file: int) -> None:
        if fcntl is None:
            raise StoreError("who else writes a log cannot be told on this system")
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StoreError(f"`{self._path}`: audit.locked: another process writes this log") from None
                time.sleep(0.02)

    def _nothing_is_ahead(self) -> None:
        """Lines that a Rust host has not brought into the log are not read here."""
        ahead = f"{self._path}.ahead"
        try:
            size = os.stat(ahead).st_size
        except FileNotFoundError:
            return
        if size > 0:
            why = f"audit.ahead: `{ahead}` may have lines that the log lacks"
            raise StoreError(f"{why}; open the log once with the Rust host that wrote it (as `ambit pdp … --log`)")

    def _append(self, line: Mapping[str, Any], *, mends: bool = False) -> None:
        """Writes a line where it belongs, and a note over it. A line that cannot be written whole is taken back."""
        self._is_broken = True
        if not mends and os.fstat(self._lines).st_size != line["at"]:
            # Somebody else wrote, lock or not: what stands there is not ours to write over.
            raise StoreError(BROKEN)
        try:
            _write(self._lines, line["line"].encode(), line["at"])
        except OSError:
            os.ftruncate(self._lines, line["at"])
            self._is_broken = False
            raise
        os.fsync(self._lines)
        said = self._ask("note", {"text": line["sign"], "signature": _b64(self._sign(line["sign"].encode()))})
        if "failed" in said:
            raise StoreError(said["failed"])
        _write(self._notes, said["note"].encode(), os.fstat(self._notes).st_size)
        os.fsync(self._notes)
        self._is_broken = False

    def _ask(self, do: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        return dict(json.loads(self._core.ask("ambit_log", encode({"do": do} | self._named | dict(asked)))))

    def _file(self, ending: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._files.append(os.open(f"{self._path}{ending}", flags, 0o600))
        return self._files[-1]


def _core(cache: str | os.PathLike[str] | bool) -> Pool:
    # Here, because a policy is loaded with stores.
    from .. import _wasm, policy

    return _wasm.Pool(policy.core(policy.folder_of(cache)), 1)


def _write(file: int, content: bytes, at: int) -> None:
    if os.pwrite(file, content, at) != len(content):
        raise OSError(0, "the disk took a part of a line")


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
