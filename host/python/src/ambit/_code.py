"""Keeps compiled code on disk, which saves every process about a second when it starts.

wasmtime loads machine code without a check of its own, so a file counts only when this user's process made it. Its
folder is nobody else's, its name has the digest of the wasm, and it is sealed under a random key that lies in the
folder. It is read once, and what was checked is what is run. Whatever is wrong with a file, the code is compiled anew.
"""

import contextlib
import hashlib
import hmac
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import wasmtime

log = logging.getLogger("ambit")

ENDING = ".ambit-code"
SEAL = 32
#: Files that are kept; the oldest go first. One has some 3 MB.
FILES = 16
FILE_MOST = 64 * 1024 * 1024


def default_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ambit" / "python"


def compiled(engine: wasmtime.Engine, wasm: bytes, digest: str, folder: Path | None) -> wasmtime.Module:
    """The compiled code of a wasm file whose SHA-256 has been compared."""
    try:
        place = None if folder is None else Kept(folder, digest)
    except OSError as error:
        log.info("compiled code is not kept: %s", error)
        place = None
    module = place.load(engine) if place else None
    if module is None:
        module = wasmtime.Module(engine, wasm)
        if place:
            place.store(module)
    return module


class Kept:
    """One file of compiled code, and the folder that it lies in."""

    def __init__(self, folder: Path, digest: str) -> None:
        if not hasattr(os, "geteuid"):
            raise OSError("who may write to a folder cannot be told on this system")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(folder.lstat(), stat.S_IFDIR, 0o022, folder)
        self._folder = folder
        # Code says itself which wasmtime it is for; each installation has files of its own.
        installed = hashlib.sha256(str(wasmtime.__file__).encode()).hexdigest()
        self._name = f"{digest}-{installed[:16]}{ENDING}"
        self._key = self._read_key()

    def load(self, engine: wasmtime.Engine) -> wasmtime.Module | None:
        with contextlib.suppress(OSError, wasmtime.WasmtimeError):
            content = _read(self._folder / self._name, 0o022, FILE_MOST)
            seal, code = content[:SEAL], content[SEAL:]
            if hmac.compare_digest(seal, self._seal(code)):
                return wasmtime.Module.deserialize(engine, code)
        return None

    def store(self, module: wasmtime.Module) -> None:
        try:
            code = bytes(module.serialize())
            self._replace(self._folder / self._name, self._seal(code) + code)
            kept = sorted(self._folder.glob(f"*{ENDING}"), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in kept[FILES:]:
                file.unlink(missing_ok=True)
        except (OSError, wasmtime.WasmtimeError) as error:
            log.info("compiled code is not kept: %s", error)

    def _seal(self, code: bytes) -> bytes:
        named = self._name.encode() + b"\0" + code
        return hashlib.blake2b(named, key=self._key, digest_size=SEAL, person=b"ambit-code-py-1").digest()

    def _read_key(self) -> bytes:
        path = self._folder / "key"
        if not path.exists():
            # Of two processes that make one, the first stays.
            self._replace(path, os.urandom(32), os.link)
        key = _read(path, 0o077, 64)
        if len(key) != 32:
            raise OSError(f"`{path}` is not a key")
        return key

    def _replace(self, path: Path, content: bytes, put: Callable[[Path, Path], None] = os.replace) -> None:
        """Writes a new file beside the old one and renames it: code that is in use is never overwritten."""
        beside = self._folder / f".ambit-new-{os.urandom(8).hex()}"
        try:
            with open(beside, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                put(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def _check(facts: os.stat_result, kind: int, forbidden: int, path: Path) -> None:
    if stat.S_IFMT(facts.st_mode) != kind:
        raise OSError(f"`{path}` is neither a folder nor a plain file, as it must be")
    if facts.st_uid != os.geteuid() or facts.st_mode & forbidden:
        raise OSError(f"other users have rights to `{path}`")


def _read(path: Path, forbidden: int, most: int) -> bytes:
    """Reads a plain file that is this user's. It follows no link, and does not wait for a pipe."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(number, "rb") as file:
        _check(os.fstat(number), stat.S_IFREG, forbidden, path)
        return file.read(most)
