"""The Python package: verifies a policy's signature, and decides with the core in the package.

    cargo xtask package python --build
    target/python/venv/bin/python examples/python.py policy.wasm keys.json request.json

In a project of yours: `pip install ambit_host-0.1.0-py3-none-any.whl`.
"""

import json
import sys
from pathlib import Path

import ambit

module, keys, file = sys.argv[1:]
# As text, so that the digits of a number stay as the agent wrote them.
request = Path(file).read_text()
now = json.loads(request)["facts"]["now"]

# The store keeps the highest version, so that no older policy is accepted again: a file, in a service.
store = ambit.MemoryStore()
policy = ambit.Policy.load(module, keys, uid="shop/agents", store=store, clock=lambda: now)
answer = policy.evaluate(request)
print(answer.decision, answer.reason.code)

# Act only on `True`, and only after every obligation was discharged.
for obligation in answer.obligations:
    print("to do first:", obligation["type"])
