"""The Python package behind the line protocol (tests/conformance/README.md): one JSON command a line in, one line out."""

import base64
import importlib.metadata
import json
import platform
import sys

import ambit
import ambit._wasm
import ambit.policy

policies = {}
bare = ambit._wasm.Pool(ambit.policy.core(None), 1)


def load(policy, module, trust, now, uid):
    # Every policy for itself: what was kept of versions is not asked here.
    options = {"uid": uid, "store": ambit.MemoryStore(), "clock": lambda: now}
    policies[policy] = ambit.Policy.load(module, trust.encode(), **options)
    return "ok"


def about():
    return f"Python {platform.python_version()}, wasmtime {importlib.metadata.version('wasmtime')}"


def ask(op, policy=None, input=""):
    asked = policies.get(policy)
    if asked is None:
        # A rule that needs no policy: the core by itself.
        output = bare.ask(f"ambit_{op}", base64.b64decode(input))
        return base64.b64encode(output).decode()
    output = asked.info() if op == "info" else asked.raw(op, base64.b64decode(input))
    return base64.b64encode(output).decode()


for line in sys.stdin:
    command = json.loads(line)
    try:
        op = command.pop("op")
        match op:
            case "load":
                answer = load(**command)
            case "about":
                answer = about()
            case _:
                answer = ask(op, **command)
    except Exception as error:
        answer = f"error: {getattr(error, 'code', 'none')} {error!r}"
    print(answer, flush=True)
