"""An MCP server on `fastmcp`: each call of a tool is decided before the tool runs, as it runs.

`fastmcp` changes calls behind its middleware: it converts arguments (`"3"` to 3) unless `strict_input_validation=True`,
fills in defaults, picks a version, hands calls on to mounted servers. Defaults are judged as a part of the call. What
cannot be judged as it runs is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import mcp_types
from fastmcp.server.dependencies import get_http_request
from fastmcp.server.extensions import ServerExtension
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.middleware.tool_injection import ToolInjectionMiddleware
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.tools.function_tool import FunctionTool
from mcp.shared.exceptions import MCPError

from .guard import Guard, Operation, Refused, Unjudged, filled
from .mcp import Door

STRICT = "`strict_input_validation=True` is needed: else tools run other arguments than those that were judged"
INJECTED = "tools of a `ToolInjectionMiddleware` run before the policy is asked: add them to the server instead"


class AmbitMiddleware(Door, Middleware):
    """Stands last before the tools: `protect` puts it there."""

    def __init__(
        self, server: Any, guard: Guard, tools: Mapping[str, Operation], url: str, hide: bool, open: frozenset[str]
    ) -> None:
        super().__init__(server, guard, tools, url, hide, open)
        if (objection := self._objection()) is not None:
            raise ValueError(objection)

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        if context.method != "tools/call" and not self.is_open(context.method):
            raise MCPError(mcp_types.METHOD_NOT_FOUND, "this method is not open here")
        return await call_next(context)

    async def on_notification(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        return await call_next(context) if self.is_open(context.method) else None

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        # A copy, so that nobody changes it between here and the call.
        message = copy.deepcopy(context.message)
        if message.model_dump(exclude_none=True).keys() - {"name", "arguments", "meta", "_meta"}:
            refused: Refused | None = await self.refuse("request.member", "the call has a part that nobody judges")
        else:
            try:
                if message.name in self._tools:
                    message.arguments = await self._as_it_runs(message)
                refused = await self.judge(message.name, message.arguments or {}, _request())
            except Unjudged as error:
                refused = await self.refuse("request.unsupported", str(error))
        if refused is None:
            return await call_next(context.copy(message=message))
        return ToolResult(content=refused.words, meta=refused.meta, is_error=True)

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        return [tool for tool in await call_next(context) if self.lists(tool.name, _request())]

    async def _as_it_runs(self, message: mcp_types.CallToolRequestParams) -> dict[str, Any]:
        """The arguments that the tool's function will get."""
        if (objection := self._objection()) is not None:
            raise Unjudged(objection)
        if not self.is_last:
            raise Unjudged("another middleware stands behind the policy")
        # Private, and there is no other way to know: these stand between all middleware and the tool.
        if any(type(one).intercept_tool_call is not ServerExtension.intercept_tool_call for one in self._extensions):
            raise Unjudged("an extension stands between the policy and the tool")
        said = message.model_dump(by_alias=True).get("_meta") or {}
        if said.get("fastmcp"):
            raise Unjudged("the call asks for a version of the tool, and `tools` does not say what that one is")
        tool = await self._server.get_tool(message.name)
        if type(tool) is not FunctionTool:
            raise Unjudged("the tool is mounted, transformed or remote, or is not there: what it runs is not known here")
        return filled(tool.parameters, message.arguments or {})

    @property
    def _extensions(self) -> list[ServerExtension]:
        return list(self._server._extensions.values())

    def _objection(self) -> str | None:
        if any(isinstance(one, ToolInjectionMiddleware) for one in self._server.middleware):
            return INJECTED
        return None if self._server.strict_input_validation else STRICT


protect = AmbitMiddleware.protect


def _request() -> Any:
    try:
        return get_http_request()
    except RuntimeError:
        return None
