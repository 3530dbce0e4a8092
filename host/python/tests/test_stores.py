"""The contract of every store. A store of your own: add it to `STORES`, and run this file."""

import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import servers

from ambit.stores import Change, Kept, MemoryStore, SqliteStore, StoreError
from ambit.stores.postgres import PostgresStore

#: How each is opened in a folder; those that outlive their process are opened anew by others.
STORES = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "ambit.db"),
    "postgres": lambda folder: PostgresStore(servers.database(folder)),
}
LACKING = pytest.mark.skipif(servers.postgres() is None, reason="no PostgreSQL (`apt-get install postgresql`)")
DURABLE = ["sqlite", pytest.param("postgres", marks=LACKING)]
WRITERS = 8


@pytest.fixture(params=["memory", *DURABLE])
def store(request, tmp_path):
    return STORES[request.param](tmp_path)


def read(store, *keys):
    found = {}

    def decide(kept):
        found.update(kept)
        return Change()

    store.transact(keys, decide)
    return found


def write(store, **values):
    store.transact([], lambda _: Change({key: Kept(value) for key, value in values.items()}))


class Used(Exception):
    pass


def once(store, key):
    """Something that may happen once: whether it was this call."""

    def decide(kept):
        if key in kept:
            raise Used
        return Change({key: Kept("1", 100)})

    try:
        store.transact([key], decide)
        return True
    except Used:
        return False


def add(store, key, most):
    def decide(kept):
        total = int(kept[key].value if key in kept else "0") + 1
        time.sleep(0)  # Let others try to come between.
        if total > most:
            raise Used
        return Change({key: Kept(str(total))})

    try:
        store.transact([key], decide)
        return True
    except Used:
        return False


def raise_to(store, key, version):
    def decide(kept):
        if key in kept and int(kept[key].value) > version:
            raise Used
        return Change({key: Kept(str(version))})

    try:
        store.transact([key], decide)
    except Used:
        pass


def test_what_is_written_is_read(store):
    store.transact(["a"], lambda kept: Change({"a": Kept("1"), "b": Kept("ß \0 2", 7)}))
    assert read(store, "a", "b", "c") == {"a": Kept("1"), "b": Kept("ß \0 2", 7)}
    write(store, a="3")
    assert read(store, "a") == {"a": Kept("3")}


def test_all_or_nothing(store):
    write(store, a="1")

    def decide(kept):
        raise Used

    with pytest.raises(Used):
        store.transact(["a"], decide)

    class Broken(dict):
        def items(self):
            yield "b", Kept("2")
            raise Used

    with pytest.raises(Used):
        store.transact(["a"], lambda _: Change(Broken(b=1)))
    assert read(store, "a", "b", "c", "d") == {"a": Kept("1")}
    write(store, a="2")
    assert read(store, "a") == {"a": Kept("2")}


def test_what_ended_is_forgotten_and_nothing_else(store):
    kept = {"never": Kept("1"), "before": Kept("1", 9), "then": Kept("1", 10), "later": Kept("1", 11)}
    store.transact([], lambda _: Change(kept))
    store.transact([], lambda _: Change(forget=10))
    assert set(read(store, *kept)) == {"never", "then", "later"}


def test_threads_never_use_twice_and_keep_the_highest(store):
    def work(number):
        won = [key for key in range(20) if once(store, f"once:{key}")]
        fits = sum(add(store, "sum", 50) for _ in range(20))
        for version in range(number, 200, WRITERS):
            raise_to(store, "version", version)
        return won, fits

    with ThreadPoolExecutor(WRITERS) as threads:
        done = list(threads.map(work, range(WRITERS)))
    assert sorted(key for won, _ in done for key in won) == list(range(20))
    assert sum(fits for _, fits in done) == 50
    assert read(store, "sum", "version") == {"sum": Kept("50"), "version": Kept("199")}


def writer(name, folder, number, results):
    store = STORES[name](folder)
    won = [key for key in range(20) if once(store, f"once:{key}")]
    fits = sum(add(store, "sum", 50) for _ in range(20))
    for version in range(number, 80, WRITERS):
        raise_to(store, "version", version)
    results.put((won, fits))


@pytest.mark.parametrize("name", DURABLE)
def test_eight_processes_never_use_twice_and_keep_the_highest(name, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    writers = [spawn.Process(target=writer, args=(name, tmp_path, number, results)) for number in range(WRITERS)]
    for one in writers:
        one.start()
    done = [results.get(timeout=60) for _ in writers]
    for one in writers:
        one.join()
        assert one.exitcode == 0
    assert sorted(key for won, _ in done for key in won) == list(range(20))
    assert sum(fits for _, fits in done) == 50
    assert read(STORES[name](tmp_path), "sum", "version") == {"sum": Kept("50"), "version": Kept("79")}


@pytest.mark.parametrize("name", DURABLE)
def test_what_was_said_survives_kill(name, tmp_path):
    """Two values a step, told when the step is done: after `kill -9` all that was told is there, and no half step."""
    program = (
        "import itertools, pathlib, sys, test_stores as t\n"
        f"store = t.STORES[{name!r}](pathlib.Path(sys.argv[1]))\n"
        "for n in itertools.count():\n"
        "    store.transact([], lambda _: t.Change({f'a{n}': t.Kept(str(n)), f'b{n}': t.Kept(str(n))}))\n"
        "    print(n, flush=True)\n"
    )
    here = os.path.dirname(__file__)
    child = subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=here, stdout=subprocess.PIPE, text=True)
    told = [int(child.stdout.readline()) for _ in range(25)]
    child.send_signal(signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().split()]
    child.wait()
    store = STORES[name](tmp_path)
    last = told[-1]
    keys = [f"{letter}{number}" for number in range(last + 2) for letter in "ab"]
    found = read(store, *keys)
    assert set(keys[: 2 * (last + 1)]) <= set(found)
    assert (f"a{last + 1}" in found) == (f"b{last + 1}" in found)


def test_a_step_that_the_database_refuses_leaves_nothing(tmp_path):
    store = SqliteStore(tmp_path / "ambit.db")
    with pytest.raises(StoreError):
        store.transact([], lambda _: Change({"a": Kept("1"), "b": Kept(object())}))
    assert read(store, "a") == {}
    write(store, a="1")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_turn_that_a_thread_holds_does_not_outlive_a_fork(tmp_path):
    for store in (MemoryStore(), SqliteStore(tmp_path / "ambit.db")):
        held, done = threading.Event(), threading.Event()

        def hold(_, held=held, done=done):
            held.set()
            done.wait(20)
            return Change({})

        holder = threading.Thread(target=store.transact, args=(["a"], hold))
        holder.start()
        held.wait(20)
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(10)
                with store._lock:
                    os._exit(0)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        done.set()
        holder.join()
        assert status == 0


def forked(store):
    """A process that was forked writes by a connection of its own."""
    write(store, a="1")
    of_parent = store._connection
    child = os.fork()
    if child == 0:
        try:
            write(store, b="2")
            os._exit(int(store._connection is of_parent))
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    write(store, c="3")
    assert set(read(store, "a", "b", "c")) == {"a", "b", "c"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_uses_a_connection_of_its_own(tmp_path):
    forked(SqliteStore(tmp_path / "ambit.db"))


def test_the_file_is_its_owners_alone(tmp_path):
    store = SqliteStore(tmp_path / "ambit.db")
    write(store, a="1")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600} and len(modes) == 3


def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's"):
        SqliteStore(path)
    assert path.read_bytes() == before
    (tmp_path / "text").write_text("no database, but long enough to be looked at " * 10)
    with pytest.raises(StoreError):
        SqliteStore(tmp_path / "text")


def test_a_store_that_is_locked_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("ambit.stores.sqlite.WAIT_SECONDS", 0.05)
    store = SqliteStore(tmp_path / "ambit.db")
    other = sqlite3.connect(tmp_path / "ambit.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        write(store, a="1")
    other.execute("ROLLBACK")
    write(store, a="1")
    assert read(store, "a") == {"a": Kept("1")}


@LACKING
def test_a_connection_that_breaks_is_made_anew(tmp_path):
    place = servers.database(tmp_path)
    store = PostgresStore(place)
    write(store, a="1")
    with psycopg.connect(place, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'ambit' AND datname = current_database()"
        )
    with pytest.raises(StoreError):
        write(store, a="2")
    write(store, b="3")
    assert read(store, "a", "b") == {"a": Kept("1"), "b": Kept("3")}


@LACKING
def test_a_database_of_another_isolation_and_durability_counts_the_same(tmp_path):
    place = servers.database(tmp_path)
    with psycopg.connect(place, autocommit=True) as other:
        for setting in ("default_transaction_isolation = serializable", "synchronous_commit = off"):
            other.execute(f"ALTER DATABASE {other.info.dbname} SET {setting}")
    stores = [PostgresStore(place) for _ in range(WRITERS)]
    assert stores[0]._connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    with ThreadPoolExecutor(WRITERS) as threads:
        fits = list(threads.map(lambda store: sum(add(store, "sum", 50) for _ in range(20)), stores))
    assert sum(fits) == 50


@LACKING
def test_what_is_no_store_in_postgres_is_refused(tmp_path):
    place = servers.database(tmp_path)
    with psycopg.connect(place, autocommit=True) as other:
        other.execute("CREATE TABLE ambit_kept (theirs text)")
    with pytest.raises(StoreError, match="another program's"):
        PostgresStore(place)
    with pytest.raises(StoreError):
        PostgresStore("postgresql://postgres@127.0.0.1:1/none")


@LACKING
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_uses_a_connection_of_its_own_to_postgres(tmp_path):
    forked(PostgresStore(servers.database(tmp_path)))
