"""The signed log: what Python wrote, `ambit audit` verifies, and what was changed afterwards is found."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from shop import Key, call

import ambit
from ambit.stores import signed

NAME = "mail.example/audit"
THREE, TOO_MANY = (call("stock", "execute", {"count": count, "note": "secret-note"}) for count in (3, 33))


class Log:
    """A log, opened as often as a test likes, and what `ambit audit verify` says of it."""

    def __init__(self, folder):
        self.path, self.key = folder / "audit.jsonl", Key()
        (folder / "log.jwk").write_text(json.dumps(self.key.jwk))

    def open(self, **options):
        public, sign = self.key.private.public_key().public_bytes_raw(), self.key.private.sign
        return ambit.SignedLog(self.path, NAME, **{"public": public, "sign": sign} | options)

    def verify(self, at_least):
        words = ["audit", "verify", self.path, "--key", self.path.with_name("log.jwk"), "--name", NAME]
        return subprocess.run([os.environ["AMBIT_COMMAND"], *words, "--at-least", str(at_least)], capture_output=True).returncode

    @property
    def lines(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path)


def ask(policy, shop, evaluation):
    request = shop.request(policy, shop.token(), evaluation)
    try:
        return policy.enforce(request).reason.code, request
    except ambit.Denied as denied:
        return denied.code, request


def test_what_python_wrote_is_verified(shop, log):
    journal = log.open()
    policy = shop.load(log=journal)
    _, request = ask(policy, shop, THREE)
    ask(policy, shop, TOO_MANY)
    with pytest.raises(ambit.Denied):
        policy.enforce(policy.refuse("request.size", "secret-note"))
    # One of a yes is remembered until it has ended, of a no nothing.
    assert log.verify(4) == 0 and journal._entries == {}
    text = log.path.read_text()
    assert len(log.lines) == 4 and "constraint.range" in text and "request.size" in text
    assert "secret-note" not in text and request["token"][-20:] not in text and request["proof"][-20:] not in text
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in log.path.parent.glob("audit*"))
    journal.close()
    with ThreadPoolExecutor(4) as threads:
        policy = shop.load(log=log.open())
        came = [code for code, _ in threads.map(lambda _: ask(policy, shop, TOO_MANY), range(8))]
    assert came == ["constraint.range"] * 8 and log.verify(12) == 0


def test_what_was_changed_is_found_and_not_written_on(shop, log):
    journal = log.open()
    ask(shop.load(log=journal), shop, THREE)
    journal.close()
    text = log.path.read_text()
    log.path.write_text(text.replace('"stock"', '"Stock"', 1))
    assert log.verify(2) == 2
    with pytest.raises(ambit.StoreError, match="audit.changed"):
        log.open()
    log.path.write_text(text)
    assert log.verify(2) == 0 and log.verify(3) != 0
    # Of a refused opening nothing stays locked.
    log.open().close()


def test_a_log_with_lines_ahead_is_left_to_the_rust_host(log):
    log.open().close()
    ahead = log.path.with_name("audit.jsonl.ahead")
    ahead.write_bytes(b"ambtgrp1")
    before = log.path.read_bytes()
    with pytest.raises(ambit.StoreError, match="audit.ahead.*ambit pdp"):
        log.open()
    assert log.path.read_bytes() == before and ahead.read_bytes() == b"ambtgrp1"
    # As the Rust host leaves it, which the refused opening has not locked out.
    ahead.write_bytes(b"")
    log.open().close()


def test_a_torn_line_is_replaced_and_told(shop, log):
    journal = log.open()
    ask(shop.load(log=journal), shop, THREE)
    journal.close()
    with log.path.open("a") as file:
        file.write('{"half":')
    with log.path.with_name("audit.jsonl.checkpoints").open("a") as file:
        file.write("torn")
    journal = log.open()
    ask(shop.load(log=journal), shop, TOO_MANY)
    assert len(log.lines) == 4 and log.verify(4) == 0


def test_a_long_log_is_read_in_parts(shop, log, monkeypatch):
    journal = log.open()
    policy = shop.load(log=journal)
    for _ in range(8):
        ask(policy, shop, TOO_MANY)
    journal.close()
    monkeypatch.setattr(signed, "PART", 700)
    journal = log.open()
    ask(shop.load(log=journal), shop, TOO_MANY)
    assert log.verify(9) == 0


def test_a_line_that_the_disk_did_not_take_is_taken_back(shop, log, monkeypatch):
    policy, write = shop.load(log=log.open()), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, content, at: write(file, content[:5], at))
    assert ask(policy, shop, THREE)[0] == "obligation.failed" and log.path.read_bytes() == b""
    monkeypatch.undo()
    assert ask(policy, shop, THREE)[0] == "allowed" and log.verify(2) == 0


@pytest.mark.parametrize("what", ["sign", "other", "fork", "closed"])
def test_a_log_whose_end_is_not_known_is_not_written_on(shop, log, what):
    key = [log.key.private]
    journal = log.open(sign=lambda text: key[0].sign(text))
    policy = shop.load(log=journal)
    ask(policy, shop, TOO_MANY)
    if what == "sign":
        key[0] = None
        assert ask(policy, shop, THREE)[0] == "obligation.failed"
        key[0] = log.key.private
        assert journal._is_broken
    if what == "other":
        log.path.write_text(log.path.read_text() + "{}\n")
    if what == "closed":
        journal.close()
    if what == "fork":
        journal._process = -1
    before = log.path.read_bytes()
    assert ask(policy, shop, THREE)[0] == "obligation.failed" and log.path.read_bytes() == before
    journal.close()
    if what != "other":
        assert ask(shop.load(log=log.open()), shop, THREE)[0] == "allowed"
        # After a line without a checkpoint the next one vouches for it, and that is told.
        assert log.verify(3) == (5 if what == "sign" else 0)


def test_one_process_writes(log, monkeypatch):
    journal = log.open()
    program = (
        "import sys, ambit\nfrom ambit.stores import signed\nsigned.WAIT_SECONDS = 0.1\n"
        "try:\n    ambit.SignedLog(sys.argv[1], 'mail.example/audit', public=bytes(32), sign=lambda _: b'')\n"
        "except ambit.StoreError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program, log.path], capture_output=True, text=True)
    assert "audit.locked" in said.stdout, said.stderr
    journal.close()
    log.open().close()
