"""Servers that stores are tried with: Debian's, with a folder of their own, at a socket in there."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def _run(*words, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stdout}")
    return done.stdout.strip()


def postgres():
    """The address of a server (`postgresql://…`, without a database), started once; `None` without its programs."""
    if "AMBIT_TEST_POSTGRES" in os.environ:
        return os.environ["AMBIT_TEST_POSTGRES"]
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        if "CI" in os.environ:
            raise RuntimeError("CI needs PostgreSQL: `apt-get install postgresql`")
        return None
    # `initdb` refuses root, and so does the server.
    own = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(_run(*own, "mktemp", "-d", "/tmp/ambit-pg.XXXXXX", cwd="/"))
    data, bin = folder / "data", programs[-1].parent
    flags = ["-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D", data]
    _run(*own, bin / "initdb", *flags, cwd="/")
    options = f"-c listen_addresses= -c max_connections=100 -k {folder}"
    # A server that stays would keep a pipe open.
    with tempfile.TemporaryFile() as words:
        start = [*own, bin / "pg_ctl", "-w", "-t", "120", "-o", options, "-l", folder / "log", "-D", data, "start"]
        subprocess.run(start, stdout=words, stderr=words, cwd="/", check=True)
    owner = os.getpid()

    @atexit.register
    def stop():
        if os.getpid() == owner:
            subprocess.run([*own, bin / "pg_ctl", "-m", "immediate", "-D", data, "stop"], capture_output=True, cwd="/")
            shutil.rmtree(folder, ignore_errors=True)

    os.environ["AMBIT_TEST_POSTGRES"] = f"postgresql://postgres@{str(folder).replace('/', '%2F')}"
    return os.environ["AMBIT_TEST_POSTGRES"]


def database(folder):
    """A database of this folder's own."""
    import psycopg

    server, name = postgres(), "d" + os.fspath(folder).encode().hex()[-60:]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        try:
            admin.execute(f"CREATE DATABASE {name}")
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            pass
    return f"{server}/{name}"


if __name__ == "__main__":
    print(postgres(), file=sys.stderr)
