"""What the tests start from: `cargo xtask package python` makes the fixture and names it."""

import os
from pathlib import Path

import pytest
from shop import Shop

#: When everything of the fixture holds.
NOW = 1_772_000_400


class Fixture:
    """A signed policy, a request, and the answer of the native engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module, self.bundle, self.keys = folder / "policy.wasm", folder / "policy.bundle", folder / "keys.json"
        self.request, self.answer = (folder / "request.json").read_bytes(), (folder / "answer.json").read_bytes()


@pytest.fixture(scope="session")
def fixture():
    return Fixture(Path(os.environ["AMBIT_FIXTURE"]))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Compiled code of this run only."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    return Shop(tmp_path_factory.mktemp("shop"))
