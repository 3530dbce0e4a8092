"""Tools of the OpenAI Agents SDK behind a policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents import FunctionTool, function_tool

from .guard import Guard, Operation, Refused, Show, guarded


def tool(function: Callable[..., Any], guard: Guard, operation: Operation, show: Show, **options: Any) -> FunctionTool:
    """The function as a tool. The SDK converts what the model says by the function's types; what comes of that is judged,
    and runs. A denial reaches the model as the tool's output, in words; what else a function raises ends the run.

    `options` are those of `function_tool`.
    """

    def told(_: Any, error: Exception) -> str:
        if isinstance(error, Refused):
            return error.words
        raise error

    return function_tool(guarded(function, guard, operation, show), failure_error_function=told, **options)
