"""A policy and everybody around it: an issuer, an agent with its key, and Ann, who approves.

The project is that of `ambit init`, where each request proves possession and Ann's key is known, with one action more.
"""

import base64
import hashlib
import itertools
import json
import os
import subprocess
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import ambit

ORIGIN = "https://mail.example"
UID = "example/assistant"
ISS = "https://issuer.example"

STOCK = """
@label("book items in, execute: book items in")
@powers("execute")
action stock appliesTo {
  principal: [Ambit::Agent],
  resource: [Contact],
  context: { @label("count") count: Long, @label("note") note?: String, @label("items") items?: Set<String> }
};
"""
MANIFEST = """
[[capabilities]]
actions = ["stock"]
privileges = ["execute"]
datatypes = ["Contact"]
purpose = "customer-care"
consent = "none"
constraints.count = { constraint_type = "range", min = 1, max = 50 }
constraints.items = { constraint_type = "optional", constraint = { constraint_type = "wildcard" } }
constraints.note = { constraint_type = "optional", constraint = { constraint_type = "wildcard" } }
"""

_number = itertools.count(1)


def b64(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Key:
    def __init__(self, file=None):
        if file is None:
            self.private = Ed25519PrivateKey.generate()
        else:
            d = json.loads(file.read_text())["d"]
            self.private = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(d + "=="))
        self.x = b64(self.private.public_key().public_bytes_raw())
        self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": self.x}

    def sign(self, text):
        return f"{text}.{b64(self.private.sign(text.encode()))}"


class Shop:
    def __init__(self, folder):
        self.folder, cli = folder / "shop", os.environ["AMBIT_COMMAND"]
        self.ann, self.epochs = Key(), Key()
        subprocess.run([cli, "init", self.folder], check=True, capture_output=True)
        self._change("ambit.toml", lambda text: text.replace('possession = "off"', "") + self._keys())
        self._change("schema.cedarschema", lambda text: text + STOCK)
        self._change("agents/assistant.toml", lambda text: text + MANIFEST)
        for words in (["build", ".", "-o", "policy.wasm"], ["sign", "policy.wasm", "--key", "keys/module.jwk"]):
            subprocess.run([cli, *words], cwd=self.folder, check=True, capture_output=True)
        self.issuer, self.agent = Key(self.folder / "keys/issuer.jwk"), Key(self.folder / "keys/agent.jwk")
        self.statement = self.load().statement

    def _change(self, name, change):
        file = self.folder / name
        file.write_text(change(file.read_text()))

    def _keys(self):
        return (
            f'\n[[keys]]\niss = "{ISS}"\nkid = "ann-1"\nalg = "Ed25519"\nsigns = "approval-receipt+jwt"\n'
            f'sub = "user:ann"\nx = "{self.ann.x}"\n'
            f'\n[[keys]]\niss = "{ISS}"\nkid = "epochs-1"\nalg = "Ed25519"\nsigns = "revocation-epochs+jwt"\n'
            f'x = "{self.epochs.x}"\n'
        )

    def load(self, **options):
        options = {"uid": UID, "store": ambit.MemoryStore()} | options
        return ambit.Policy.load(self.folder / "policy.bundle", self.folder / "keys.json", **options)

    def token(self, *capabilities, **claims):
        now = int(time.time())
        policy = {"uid": UID, "version": self.statement.version, "s256": self.statement.bundle_s256}
        claims = {
            "iss": ISS, "sub": "user:ann", "aud": [ORIGIN], "iat": now, "exp": now + 600,
            "jti": f"token-{next(_number)}", "del_depth": 0, "del_max_depth": 1, "policy": policy,
            "act": {"sub": "https://agents.example/assistant/1", "iss": ISS, "sub_profile": "ai_agent"},
            "agent": {"uid": "assistant", "instance_uid": "run-1"}, "cnf": {"jwk": self.agent.jwk},
            "authorization_details": capabilities or [draft(), stock(), pay()],
        } | claims  # fmt: skip
        head = {"alg": "Ed25519", "typ": "cap+jwt", "kid": "issuer-1"}
        return self.issuer.sign(f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}")

    def proof(self, policy, token, evaluation, *, method="POST", url=ORIGIN + "/", **claims):
        """A proof of possession for this call, as the agent signs it."""
        facts = {"now": int(time.time()), "audience": ORIGIN}
        digest = policy.digest({"evaluation": evaluation, "token": token, "facts": facts}).binding_s256
        claims = {"jti": f"proof-{next(_number)}", "htm": method, "htu": url, "iat": facts["now"]} | claims
        asked = {"typ": "dpop+jwt", "token": token, "claims": claims | {"ambit_call": digest}}
        return self.agent.sign(policy.signing_input(asked).signing_input)

    def receipt(self, policy, step, decision="approved"):
        """Ann's yes to what a denial or a proposal says."""
        now = int(time.time())
        display = {name: step["display"][name] for name in ("text_s256", "locale", "renderer")}
        assert hashlib.sha256(step["display"]["text"].encode()).digest() == base64.urlsafe_b64decode(display["text_s256"] + "=")
        claims = {
            "iss": ISS, "aud": ORIGIN, "jti": f"receipt-{next(_number)}", "iat": now, "exp": now + 300, "sub": "user:ann",
            "decision": decision, "kind": "action", "risk_tier": step["risk_tier"],
            "binding_s256": step["binding_s256"], "display": display,
        }  # fmt: skip
        asked = {"typ": "approval-receipt+jwt", "kid": "ann-1", "claims": claims}
        return self.ann.sign(policy.signing_input(asked).signing_input)

    def request(self, policy, token, evaluation, *, approvals=(), proof=None, **options):
        """A whole request, with a fresh proof."""
        url, method = options.get("url", ORIGIN + "/"), options.get("method", "POST")
        return {
            "evaluation": evaluation,
            "token": token,
            "proof": proof or self.proof(policy, token, evaluation, **options),
            "approvals": list(approvals),
            "facts": {"now": int(time.time()), "audience": ORIGIN, "method": method, "url": url},
        }


def call(action, power, args, resource=("Contact", "c-7"), purpose="customer-care"):
    return {
        "action": {"name": action, "properties": {"power": power, "args": args}},
        "resource": dict(zip(("type", "id"), resource)),
        "context": {"purpose": purpose},
    }


def capability(action, powers, datatype, constraints, **more):
    entry = {"type": "ambit_capability", "actions": [action], "privileges": powers, "datatypes": [datatype]}
    return entry | {"purpose": "customer-care", "constraints": constraints} | more


ANY = {"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}}


def draft():
    to = {"constraint_type": "email_domain", "values": ["customer.example"]}
    return capability("email", ["draft"], "Contact", {"to": to, "subject": ANY})


def stock(uses=3):
    count = {"constraint_type": "range", "min": 1, "max": 9}
    return capability(
        "stock", ["execute"], "Contact", {"count": count, "note": ANY, "items": ANY}, limits=[{"type": "use_limit", "max": uses}]
    )


def pay():
    amount = {"constraint_type": "range", "min": 1, "max": 20000}
    currency = {"constraint_type": "exact", "value": "EUR"}
    return capability("pay", ["propose", "execute"], "Invoice", {"amount": amount, "currency": currency})
