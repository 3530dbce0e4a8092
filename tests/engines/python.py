"""The Python package behind the line protocol of node.mjs: one JSON command a line in, one line out."""

import base64
import json
import sys

import ambit

policies = {}


def load(policy, module, trust, now, uid):
    # Every policy for itself: what was kept of versions is not asked here.
    options = {"uid": uid, "store": ambit.MemoryStore(), "clock": lambda: now}
    policies[policy] = ambit.Policy.load(module, trust.encode(), **options)
    return "ok"


def ask(op, policy, input=""):
    asked = policies[policy]
    output = asked.info() if op == "info" else asked.raw(op, base64.b64decode(input))
    return base64.b64encode(output).decode()


for line in sys.stdin:
    command = json.loads(line)
    try:
        op = command.pop("op")
        answer = load(**command) if op == "load" else ask(op, **command)
    except Exception as error:
        answer = f"error: {type(error).__name__}: {error}"
    print(answer, flush=True)
