"""A store in an SQLite file: it outlives the process, and processes of one machine share it.

A commit is on the disk before the call that it pays for happens: a write-ahead log with `synchronous = FULL` (with
`NORMAL` a power cut gives a spent budget back). `BEGIN IMMEDIATE` takes the only write lock before the first value is
read. Put the file on a local disk.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from .base import Decide, Kept, StoreError, Turns

#: How long a call waits for another process.
WAIT_SECONDS = 10
#: "ambp": whose file this is.
APPLICATION = 0x616D6270
FORMAT = 1
TABLES = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, until INTEGER) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS kept_until ON kept (until) WHERE until IS NOT NULL;
    PRAGMA application_id = {APPLICATION};
    PRAGMA user_version = {FORMAT};
    COMMIT;"""


class SqliteStore:
    """Keeps values in an SQLite file, which is created, for its owner alone, where it is missing."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = Turns()
        self._pid = 0
        self._here()

    def transact(self, keys: Sequence[str], decide: Decide) -> None:
        with self._lock:
            try:
                self._step(self._here(), keys, decide)
            except sqlite3.Error as error:
                raise StoreError(f"`{self._path}`: {error}") from error

    def close(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                self._connection.close()
            self._pid = 0

    def _step(self, connection: sqlite3.Connection, keys: Sequence[str], decide: Decide) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = {}
            for key in keys:
                row = connection.execute("SELECT value, until FROM kept WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    found[key] = Kept(*row)
            change = decide(found)
            connection.executemany(
                "INSERT INTO kept (key, value, until) VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until",
                [(key, kept.value, kept.until) for key, kept in change.write.items()],
            )
            if change.forget is not None:
                connection.execute("DELETE FROM kept WHERE until < ?", (change.forget,))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _here(self) -> sqlite3.Connection:
        """The connection of this process. That of a parent is never used, and never closed, after a fork."""
        if self._pid != os.getpid():
            self._of_parent = getattr(self, "_connection", None)
            try:
                self._connection = _open(self._path)
            except (OSError, sqlite3.Error) as error:
                raise StoreError(f"`{self._path}`: {error}") from error
            self._pid = os.getpid()
        return self._connection


def _open(path: Path) -> sqlite3.Connection:
    # Made here, because SQLite gives its log and index files the mode of this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # In this order: who makes the file at the same time writes both in one step.
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        mark = tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if mark != (APPLICATION, FORMAT) and (mark != (0, 0) or tables > 0):
            raise sqlite3.DatabaseError("the file is another program's, or a store of another version")
        # A foreign file is left as it is, so this comes after the question whose it is.
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0].lower() != "wal":
            raise sqlite3.DatabaseError("the disk of this file does not allow a write-ahead log")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(TABLES)
    except BaseException:
        connection.close()
        raise
    return connection
