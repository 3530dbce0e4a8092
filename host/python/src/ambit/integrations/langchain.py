"""Tools of LangChain behind a policy."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from langchain_core.tools import StructuredTool, ToolException

from .guard import Guard, Operation, Refused, Show, guarded


def tool(function: Callable[..., Any], guard: Guard, operation: Operation, show: Show, **options: Any) -> StructuredTool:
    """The function as a tool. LangChain converts what the model says by the function's types; what comes of that is judged,
    and runs. A denial reaches the model as a tool message with the status `error`.

    `options` are those of `StructuredTool.from_function`.
    """
    behind = guarded(function, guard, operation, show)
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def told(*arguments: Any, **named: Any) -> Any:
            try:
                return await behind(*arguments, **named)
            except Refused as refused:
                raise ToolException(refused.words) from refused

        return StructuredTool.from_function(coroutine=told, handle_tool_error=True, **options)

    @functools.wraps(function)
    def told_here(*arguments: Any, **named: Any) -> Any:
        try:
            return behind(*arguments, **named)
        except Refused as refused:
            raise ToolException(refused.words) from refused

    return StructuredTool.from_function(func=told_here, handle_tool_error=True, **options)
