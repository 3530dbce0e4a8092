"""A store in PostgreSQL, which processes of several machines share (`pip install ambit-host[postgres]`).

Steps follow each other under one lock, so the isolation level of the database does not matter. A commit is on the disk
of the server before the call that it pays for happens: `synchronous_commit` is at least `on`, and a server with `fsync`
off is refused. A process that hangs loses the lock after ten seconds.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, TypeAlias

import psycopg

from .base import Change, Decide, Kept, StoreError, Turns

#: How long a call waits for another process, and for the server.
WAIT_SECONDS = 10
#: "ambp": the lock of all steps.
LOCK = 0x616D6270
FORMAT = "ambit 1"
TABLES = f"""
    CREATE TABLE IF NOT EXISTS ambit_kept (key BYTEA PRIMARY KEY, value BYTEA NOT NULL, until BIGINT);
    CREATE INDEX IF NOT EXISTS ambit_kept_until ON ambit_kept (until) WHERE until IS NOT NULL;
    COMMENT ON TABLE ambit_kept IS '{FORMAT}';"""

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]


class PostgresStore:
    """Keeps values in a table that it makes in this database: `postgresql://USER@HOST/DATABASE`.

    On another machine the connection must be encrypted (`?sslmode=verify-full`). The password may come from
    `PGPASSWORD` or a password file, as PostgreSQL's own programs take it.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._lock = Turns()
        self._pid = 0
        self._connection: Connection | None = None
        self.transact([], lambda _: Change())

    def transact(self, keys: Sequence[str], decide: Decide) -> None:
        with self._lock:
            try:
                self._step(self._here(), keys, decide)
            except psycopg.Error as error:
                # What broke is not used again.
                self._connection = None
                raise StoreError(f"PostgreSQL: {error}") from error

    def close(self) -> None:
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _step(self, connection: Connection, keys: Sequence[str], decide: Decide) -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            try:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                found = {}
                for key in keys:
                    cursor.execute("SELECT value, until FROM ambit_kept WHERE key = %s", (key.encode(),))
                    if (row := cursor.fetchone()) is not None:
                        found[key] = Kept(bytes(row[0]).decode(), row[1])
                change = decide(found)
                for key, kept in change.write.items():
                    cursor.execute(
                        "INSERT INTO ambit_kept (key, value, until) VALUES (%s, %s, %s)"
                        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until",
                        (key.encode(), kept.value.encode(), kept.until),
                    )
                if change.forget is not None:
                    cursor.execute("DELETE FROM ambit_kept WHERE until < %s", (change.forget,))
                cursor.execute("COMMIT")
            except BaseException:
                if not connection.broken:
                    cursor.execute("ROLLBACK")
                raise

    def _here(self) -> Connection:
        """The connection of this process. That of a parent is never used, and never closed, after a fork."""
        if self._pid != os.getpid():
            self._of_parent, self._connection, self._pid = self._connection, None, os.getpid()
        if self._connection is None or self._connection.closed:
            self._connection = _open(self._conninfo)
        return self._connection


def _open(conninfo: str) -> Connection:
    connection = psycopg.connect(conninfo, autocommit=True, connect_timeout=WAIT_SECONDS, application_name="ambit")
    try:
        if not (connection.pgconn.ssl_in_use or _is_near(connection)):
            raise StoreError("PostgreSQL: on another machine the connection must be encrypted: `?sslmode=verify-full`")
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute("SELECT set_config(%s, %s, false)", (name, f"{WAIT_SECONDS}s"))
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')"
        )
        if connection.execute("SHOW fsync").fetchone() != ("on",):
            raise StoreError("PostgreSQL: the server has `fsync` off: a crash would give spent budgets back")
        # Of processes that make the table at one time, one does.
        asked = "SELECT obj_description(to_regclass('ambit_kept'))"
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            if connection.execute("SELECT to_regclass('ambit_kept') IS NULL").fetchone() == (True,):
                connection.execute(TABLES)
        if connection.execute(asked).fetchone() != (FORMAT,):
            raise StoreError("PostgreSQL: `ambit_kept` is another program's, or a store of another version")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_near(connection: Connection) -> bool:
    """Whether it is a socket, or an address of this machine alone."""
    host = connection.info.hostaddr or connection.info.host
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
