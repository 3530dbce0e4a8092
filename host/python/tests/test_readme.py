"""The README's example, as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(os.environ["AMBIT_ROOT"]) / "host/python/README.md"


def test_the_example_runs_as_it_stands(tmp_path):
    shell, python, shown = re.findall(r"^```(?:sh|python|text)\n(.*?)^```", README.read_text(), re.M | re.S)[:3]
    install, *steps = shell.splitlines()
    assert install.startswith("cargo xtask package python --build && pip install ")
    program = tmp_path / "example.py"
    program.write_text(python)
    path = f"{Path(os.environ['AMBIT_COMMAND']).parent}{os.pathsep}{os.environ['PATH']}"
    script = "\n".join(["set -e", *steps, f"'{sys.executable}' '{program}'"])
    said = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith(shown), said.stdout
    assert len((tmp_path / "shop/audit.log").read_text().splitlines()) == 3
