"""An MCP server on `fastmcp`: each call of a tool is decided before the tool runs.

Only with `strict_input_validation=True`: else `fastmcp` makes 3 of `"3"` behind the decision, and the tool runs what
nobody judged.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import mcp_types
from fastmcp import FastMCP
from fastmcp.server.dependencies import get_http_request
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import Tool, ToolResult
from mcp.shared.exceptions import MCPError

from ..aio import to_thread
from .guard import Guard, Operation, Refused
from .mcp import Door, Show

OBJECTION = "`strict_input_validation=True` is needed: else tools run other arguments than those that were judged"


class AmbitMiddleware(Door, Middleware):
    """Stands last before the tools: `protect` puts it there."""

    _server: FastMCP[Any]

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        if context.method != "tools/call" and not self.may_pass(context.method):
            raise MCPError(mcp_types.METHOD_NOT_FOUND, "this method is not open here")
        return await call_next(context)

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        # Nobody changes it between here and the call.
        message = copy.deepcopy(context.message)
        if not self._server.strict_input_validation or self._server.middleware[-1] is not self:
            refused: Refused | None = await to_thread(
                self._guard.refuse, "request.member", f"{OBJECTION}, and the last middleware must be this one"
            )
        elif message.model_dump(exclude_none=True).keys() - {"name", "arguments", "meta", "_meta"}:
            refused = await to_thread(self._guard.refuse, "request.member", "a part of the call that nobody judges")
        else:
            refused = await self.judge(message.name, message.arguments or {}, _request())
        if refused is None:
            return await call_next(context.copy(message=message))
        return ToolResult(content=refused.words, meta=refused.meta, is_error=True)

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        return [tool for tool in await call_next(context) if self.lists(tool.name, _request())]


def protect(
    server: FastMCP[Any],
    guard: Guard,
    tools: Mapping[str, Operation],
    *,
    url: str,
    show: Show | None = None,
    hide: bool = False,
    open: frozenset[str] = frozenset(),
) -> None:
    """Puts the policy before all that a server does. Call it after every other middleware was added."""
    if not server.strict_input_validation:
        raise ValueError(OBJECTION)
    middleware = AmbitMiddleware(guard, tools, url, show, hide, open)
    middleware._server = server
    server.add_middleware(middleware)


def _request() -> Any:
    try:
        return get_http_request()
    except RuntimeError:
        return None
