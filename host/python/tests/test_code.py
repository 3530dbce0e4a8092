"""Compiled code that is kept: what was written by another, or changed, is never loaded."""

import os

import pytest
import wasmtime

from ambit import _code, _wasm

WASM = wasmtime.wat2wasm('(module (func (export "one") (result i32) i32.const 1))')


@pytest.fixture
def compilations(monkeypatch):
    """How often something was compiled."""
    made = []
    module = wasmtime.Module

    class Counted(module):
        def __init__(self, engine, wasm):
            made.append(1)
            super().__init__(engine, wasm)

    monkeypatch.setattr(wasmtime, "Module", Counted)
    return made


@pytest.fixture
def get(tmp_path, compilations):
    engine = _wasm.engine()
    folder = tmp_path / "code"

    def get(digest="d"):
        """Whether the code came from the folder."""
        before = len(compilations)
        module = _code.compiled(engine, WASM, digest, folder)
        store = wasmtime.Store(engine)
        store.set_fuel(1000)
        assert wasmtime.Instance(store, module, []).exports(store)["one"](store) == 1
        return len(compilations) == before

    get.folder = folder
    get.file = lambda: next(folder.glob("d-*"))
    return get


def test_code_is_compiled_once(get):
    assert [get(), get(), get()] == [False, True, True]
    assert not get("another")
    assert get.folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in get.folder.iterdir()} == {0o600}


def test_a_changed_byte_is_a_miss(get):
    get()
    good = get.file().read_bytes()
    for place in (0, 31, 32, len(good) // 2, len(good) - 1):
        bad = bytearray(good)
        bad[place] ^= 1
        get.file().write_bytes(bad)
        assert not get(), place
        assert get()
    for bad in (b"", good[:20], good[:-1], good + b"\0"):
        get.file().write_bytes(bad)
        assert not get()


def test_code_of_another_module_or_key_is_a_miss(get):
    get()
    get("other")
    os.replace(get.file(), next(get.folder.glob("other-*")))
    assert not get("other")
    (get.folder / "key").unlink()
    assert not get()
    assert get()


def test_files_that_others_may_write_are_not_read(get):
    get()
    get.file().chmod(0o620)
    assert not get()
    link = get.file()
    os.replace(link, get.folder / "elsewhere")
    link.symlink_to(get.folder / "elsewhere")
    assert not get()
    get.file().unlink()
    os.mkfifo(link)
    assert not get()


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_may_write_to_is_not_used(get, mode):
    get()
    get.folder.chmod(mode)
    assert [get(), get()] == [False, False]


def test_a_key_that_others_may_read_is_not_used(get):
    get()
    (get.folder / "key").chmod(0o640)
    assert [get(), get()] == [False, False]


def test_a_key_of_another_length_is_not_used(get):
    get()
    (get.folder / "key").write_bytes(b"short")
    assert [get(), get()] == [False, False]


def test_a_link_to_a_folder_is_not_used(get, tmp_path):
    (tmp_path / "theirs").mkdir(mode=0o700)
    get.folder.symlink_to(tmp_path / "theirs")
    assert [get(), get()] == [False, False]
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_folder_that_cannot_be_made_costs_time_only(get, tmp_path):
    get.folder.write_text("a file")
    assert [get(), get()] == [False, False]


def test_a_file_in_use_is_not_written_over(get):
    """Whoever has it open reads what was there."""
    get()
    with get.file().open("rb") as file:
        before = file.read()
        get.file().chmod(0o666)
        assert not get()
        file.seek(0)
        assert file.read() == before
        assert os.fstat(file.fileno()).st_ino != get.file().stat().st_ino


def test_the_oldest_files_go(get):
    for number in range(_code.FILES + 3):
        get(f"n{number}")
        os.utime(next(get.folder.glob(f"n{number}-*")), (number, number))
    get("last")
    names = {file.name.split("-")[0] for file in get.folder.glob(f"*{_code.ENDING}")}
    assert len(names) == _code.FILES and "last" in names and "n0" not in names
