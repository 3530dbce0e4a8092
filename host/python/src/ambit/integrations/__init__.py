"""Where agents live: services, MCP servers, frameworks. Each module needs the extra of its name (`ambit-host[fastmcp]`).

All of them judge exactly what runs, by a `Guard`, and say no in the form of the place.
"""

from .guard import Call, Guard, Holder, Operation, Refused, Shown, guarded

__all__ = ["Call", "Guard", "Holder", "Operation", "Refused", "Shown", "guarded"]
