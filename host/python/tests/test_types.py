"""The types that users of the package get."""

import os
import subprocess
import sys


def test_the_package_is_typed(tmp_path):
    user = tmp_path / "user.py"
    user.write_text(
        "import ambit\n"
        "policy = ambit.Policy.load('policy.wasm', 'keys.json', uid='acme/agents', store=ambit.MemoryStore())\n"
        "code: str = policy.evaluate({}).reason.code\n"
        "wrong: int = policy.evaluate({}).reason.code\n"
    )
    # Kept with the packages that it is about, whose types take minutes to read.
    cache = os.path.join(sys.prefix, "mypy-cache")
    run = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", cache]
    said = subprocess.run([*run, user], capture_output=True, text=True)
    assert [line.split(":")[1] for line in said.stdout.splitlines()] == ["4"], said.stdout + said.stderr
    said = subprocess.run([*run, "-p", "ambit"], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
