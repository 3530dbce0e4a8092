"""The README's examples, as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(os.environ["AMBIT_ROOT"]) / "host/python/README.md"


def test_every_example_runs_as_it_stands(tmp_path):
    """One after the other, in the project that the first one makes, with exactly what they are said to print."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", README.read_text(), re.M | re.S)
    (shell,) = [text for kind, text in blocks if kind == "sh"]
    assert {kind for kind, _ in blocks} == {"sh", "python", "text"}
    install, *steps = shell.splitlines()
    assert install.startswith("cargo xtask package python --build && pip install ")
    program = tmp_path / "example.py"
    program.write_text("\n".join(text for kind, text in blocks if kind == "python"))
    path = f"{Path(os.environ['AMBIT_COMMAND']).parent}{os.pathsep}{os.environ['PATH']}"
    script = "\n".join(["set -e", *steps, f"'{sys.executable}' '{program}'"])
    said = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith("".join(text for kind, text in blocks if kind == "text")), said.stdout
    assert len((tmp_path / "shop/audit.log").read_text().splitlines()) == 3
    assert len((tmp_path / "shop/audit.jsonl").read_text().splitlines()) == 3
