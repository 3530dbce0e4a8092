"""Requests as JSON text. What JSON cannot say is refused, never turned into something else."""

import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

#: A request: plain data, or its JSON text as it came, where the digits of numbers matter (`98.70`).
Request: TypeAlias = Mapping[str, Any] | str | bytes

DEPTH = 64
WRITE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class Unsayable(Exception):
    """A value that JSON cannot express, and where it is."""


def encode(request: Request) -> bytes:
    if isinstance(request, bytes):
        return request
    try:
        return (request if isinstance(request, str) else WRITE.encode(plain(request, ""))).encode()
    except UnicodeEncodeError:
        raise Unsayable("a text has half of a surrogate pair, which UTF-8 cannot say") from None
    except ValueError:
        raise Unsayable("a number has more digits than can be written") from None


def plain(value: Any, path: str, depth: int = 0) -> Any:
    """The value, in exactly the types that `json` writes unchanged; what it would convert is refused."""
    kind = type(value)
    if kind in (str, int, bool) or value is None or (kind is float and math.isfinite(value)):
        return value
    if depth >= DEPTH:
        raise Unsayable(f"`{path}` is nested too deeply")
    if kind is list:
        return [plain(item, f"{path}[{place}]", depth + 1) for place, item in enumerate(value)]
    if not isinstance(value, Mapping):
        what = value if kind is float else f"a `{kind.__name__}`"
        raise Unsayable(f"`{path or 'request'}` is {what}, which JSON cannot say")
    if any(type(name) is not str for name in value):
        raise Unsayable(f"`{path}` has a member whose name is not a text")
    return {name: plain(item, f"{path}.{name}" if path else name, depth + 1) for name, item in value.items()}
