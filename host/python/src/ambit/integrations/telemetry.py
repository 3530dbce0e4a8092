"""A span and a counter for each decision of a `Guard`, where `opentelemetry-api` is installed.

They have the operation as the service configured it, and the code of the answer (`allowed` for a yes, `cancelled` where
the caller did not wait for it): nothing of a token, of an argument, or of anything else that came with the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..answers import Denied

if TYPE_CHECKING:
    from .guard import Operation

try:
    from opentelemetry import metrics, trace
except ImportError:
    trace = metrics = None  # type: ignore[assignment]


@contextmanager
def observed(uid: str, operation: Operation) -> Iterator[None]:
    """Goes around a decision. What is raised in there goes on, and its text is told to nobody."""
    if trace is None:
        yield
        return
    labels: dict[str, str | bool] = {"ambit.policy": uid, "ambit.action": operation.action, "ambit.power": operation.power}
    tracer = trace.get_tracer("ambit")
    with tracer.start_as_current_span("ambit.decide", record_exception=False, set_status_on_exception=False) as span:
        code = "engine.trap"
        try:
            yield
            code = "allowed"
        except Denied as denied:
            code = denied.code
            raise
        except asyncio.CancelledError:
            code = "cancelled"
            raise
        finally:
            labels |= {"ambit.allowed": code == "allowed", "ambit.code": code}
            span.set_attributes(labels)
            # The meter is asked each time, because applications set their provider when they like.
            counter = metrics.get_meter("ambit").create_counter("ambit.decisions", description="Decisions by code")
            counter.add(1, labels)
