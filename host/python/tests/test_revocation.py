"""Status lists and revocation epochs: signed lists, fetched by a function of the host's."""

import json
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from shop import ISS, Key, b64, call

import ambit
from ambit.revocation import Epochs, StatusLists

URI = "https://status.example/lists/1"
SIGNER = Key()


def status_list(iat, *values, signer=SIGNER):
    claims = {"sub": URI, "iat": iat, "exp": iat + 1000, "ttl": 60}
    claims["status_list"] = {"bits": 1, "lst": b64(zlib.compress(bytes(values)))}
    head = {"alg": "Ed25519", "kid": "status-1", "typ": "statuslist+jwt"}
    return signer.sign(f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}")


class Web:
    def __init__(self, text):
        self.text, self.asked = text, []

    def fetch(self, uri, most):
        self.asked.append(uri)
        time.sleep(0.01)
        if isinstance(self.text, Exception):
            raise self.text
        return self.text


def lists(web, store):
    sources = [{"prefixes": ["https://status.example/lists/"], "keys": [{"kid": "status-1", "jwk": SIGNER.jwk}]}]
    return StatusLists(sources, web.fetch, store=store)


def ask(check, now, uri=URI):
    """`ok`, or the code of the failure, or what its words begin with."""
    try:
        check(ambit.Obligation("status", "status", {"uri": uri, "idx": 0, "max_age": 300}, now))
    except ambit.NotDischarged as why:
        return why.code or why.admin.split(": ")[0]
    return "ok"


def test_a_list_says_whether_a_token_was_revoked():
    web, store = Web(status_list(990, 0)), ambit.MemoryStore()
    check = lists(web, store)
    assert [ask(check, 1000), ask(check, 1001)] == ["ok", "ok"] and web.asked == [URI]
    web.text = status_list(1100, 1)
    assert ask(check, 1200) == "status.revoked" and len(web.asked) == 2
    # After a restart no older one counts.
    web.text = status_list(1000, 0)
    assert ask(lists(web, store), 1300) == "status.revoked"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (OSError("no route \ud800"), "status.fetch"),
        ("a" * (13 << 20), "status.fetch"),
        ("half \ud800 a letter", "status.fetch"),
        (status_list(990, 0, signer=Key()), "status.token"),
        ("no list", "status.token"),
    ],
)
def test_what_cannot_be_fetched_or_believed_denies(text, code):
    assert ask(lists(Web(text), ambit.MemoryStore()), 1000) == code


def test_nothing_is_fetched_from_where_nobody_said():
    web = Web(status_list(990, 0))
    assert ask(lists(web, ambit.MemoryStore()), 1000, "https://evil.example/1") == "status.address" and web.asked == []


def test_those_who_ask_at_the_same_time_share_a_fetch():
    web = Web(status_list(990, 0))
    check = lists(web, ambit.MemoryStore())
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: ask(check, 1000), range(8))) == ["ok"] * 8
    assert web.asked == [URI]


def test_what_is_not_kept_clears_nobody_and_what_others_kept_counts():
    class Store(ambit.MemoryStore):
        full, other = True, None

        def transact(self, keys, decide):
            def full(kept):
                change = decide(kept)
                if change.write and self.full:
                    raise ambit.StoreError("the disk is full")
                if change.write and self.other:
                    self._kept[keys[0]], self.other = self.other, None
                    return decide({key: self._kept[key] for key in keys})
                return change

            super().transact(keys, full)

    store, revoked = Store(), ambit.MemoryStore()
    assert ask(lists(Web(status_list(995, 1)), revoked), 1000) == "status.revoked"
    check = lists(Web(status_list(990, 0)), store)
    assert ask(check, 1000) == "the disk is full" and store._kept == {}
    store.full, store.other = False, revoked._kept[f"status:{URI}"]
    assert ask(check, 1000) == "status.revoked" and json.loads(store._kept[f"status:{URI}"].value)["iat"] == 995


def epochs_list(shop, version, *, entries=(), signer=None, life=600):
    now = int(time.time())
    claims = {"iss": ISS, "iat": now, "exp": now + life, "version": version, "entries": list(entries)}
    head = {"alg": "Ed25519", "typ": "revocation-epochs+jwt", "kid": "epochs-1"}
    return (signer or shop.epochs).sign(f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}")


def test_epochs_go_with_requests_and_never_back(shop, caplog):
    store = ambit.MemoryStore()
    policy = shop.load(store=store)
    web = [epochs_list(shop, 2)]
    epochs = Epochs(policy, lambda: web[-1])
    assert epochs.known() == {"statements": []} and epochs.refresh() == pytest.approx(time.time() + 600, abs=60)
    assert epochs.known() == {"statements": web}
    for worse in (epochs_list(shop, 1), epochs_list(shop, 3, signer=Key()), "no list"):
        assert not epochs.take(worse) and epochs.known() == {"statements": web}
    assert "revocation.rollback" in caplog.text and "revocation.signature" in caplog.text
    # After a restart as well.
    assert not Epochs(shop.load(store=store)).take(epochs_list(shop, 1))
    epochs._fetches = (lambda: 1 / 0,)
    assert epochs.refresh() is not None and epochs.known() == {"statements": web} and "ZeroDivisionError" in caplog.text
    assert Epochs(policy).refresh() is None


def test_a_token_before_its_epoch_is_revoked(shop):
    policy, token = shop.load(), shop.token()
    epochs = Epochs(policy)
    request = shop.request(policy, token, call("stock", "execute", {"count": 3}))
    assert epochs.take(epochs_list(shop, 1))
    assert policy.evaluate(request | epochs.known()).decision
    entry = {"selector": {"sub": "user:ann"}, "before": int(time.time()) + 5}
    assert epochs.take(epochs_list(shop, 2, entries=[entry]))
    assert policy.evaluate(request | epochs.known()).reason.code == "revocation.revoked"
