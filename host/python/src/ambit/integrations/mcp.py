"""An MCP server on the SDK's low-level `Server`: each call of a tool is decided before the tool runs.

Token, proof and receipts come with the HTTP request of the call, or from `show` for other transports.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import METHOD_NOT_FOUND, CallToolResult, TextContent

from ..aio import to_thread
from .guard import Call, Guard, Operation, Refused, Shown

#: What needs no permission: it does nothing, or says only what there is.
OPEN = frozenset(
    {"initialize", "ping", "server/discover", "logging/setLevel", "tools/list", "prompts/list", "resources/list"}
    | {"resources/templates/list", "subscriptions/listen"}
)
Show = Callable[[Any], Shown]


class Door:
    """What both kinds of MCP servers share: which tool is what, and what is shown with a call."""

    def __init__(
        self, guard: Guard, tools: Mapping[str, Operation], url: str, show: Show | None, hide: bool, open: frozenset[str]
    ) -> None:
        """`tools` says what each tool is to the policy; any other is refused. `url` is the server's address, for which
        proofs are made. `hide` leaves out of the list what the token could never allow. `open` names further methods
        that need no permission; all that are not known to need none are refused.
        """
        self._guard, self._tools, self._url, self._show, self._hide = guard, tools, url, show, hide
        self._open = OPEN | open

    def may_pass(self, method: str | None) -> bool:
        return method in self._open

    async def judge(self, name: Any, arguments: Any, request: Any) -> Refused | None:
        """What refuses a call, if anything does."""
        try:
            operation = self._tools.get(name) if isinstance(name, str) else None
            if operation is None or not isinstance(arguments, dict):
                return await to_thread(self._guard.refuse, "capability.none", "nobody has said what this tool is")
            names, args = await to_thread(self._guard.split, operation, arguments)
            shown = self.shown(request)
            if shown is None:
                return await to_thread(self._guard.refuse, "request.member", "a header came twice")
            await self._guard.allow(Call(operation, names, args, shown))
        except Refused as refused:
            return refused
        return None

    def shown(self, request: Any) -> Shown | None:
        if self._show is not None:
            return self._show(request)
        if request is None:
            return Shown()
        try:
            return Shown.read(request.headers.items(), "POST", self._url)
        except ValueError:
            return None

    def lists(self, name: str, request: Any) -> bool:
        """Whether a tool is in the list for this caller."""
        operation, shown = self._tools.get(name), self.shown(request)
        if operation is None or not self._hide:
            return operation is not None
        return shown is not None and self._guard.could_allow(operation, shown.token)


class AmbitMiddleware(Door):
    """Stands last before a server's handlers, so that what it judged is what runs: `protect` puts it there."""

    _server: Server[Any]

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.request_id is None:
            return await call_next(ctx)
        if ctx.method == "tools/call":
            return await self._call(ctx, call_next)
        if not self.may_pass(ctx.method):
            raise MCPError(METHOD_NOT_FOUND, "this method is not open here")
        result = await call_next(ctx)
        if ctx.method == "tools/list":
            if isinstance(result, dict):
                return result | {"tools": [tool for tool in result["tools"] if self.lists(tool["name"], ctx.request)]}
            tools = [tool for tool in result.tools if self.lists(tool.name, ctx.request)]  # type: ignore[union-attr]
            return result.model_copy(update={"tools": tools})  # type: ignore[union-attr]
        return result

    async def _call(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        # Nobody changes it between here and the call.
        params = copy.deepcopy(dict(ctx.params or {}))
        if self._server.middleware[-1] is not self or params.keys() - {"name", "arguments", "_meta"}:
            refused: Refused | None = await to_thread(
                self._guard.refuse, "request.member", "a part of the call that nobody judges, or another middleware is last"
            )
        else:
            refused = await self.judge(params.get("name"), params.get("arguments") or {}, ctx.request)
        return await call_next(replace(ctx, params=params)) if refused is None else tool_error(refused)


def protect(
    server: Server[Any],
    guard: Guard,
    tools: Mapping[str, Operation],
    *,
    url: str,
    show: Show | None = None,
    hide: bool = False,
    open: frozenset[str] = frozenset(),
) -> None:
    """Puts the policy before all that a server does. Call it after every other middleware was added."""
    middleware = AmbitMiddleware(guard, tools, url, show, hide, open)
    middleware._server = server
    server.middleware.append(middleware)


def tool_error(refused: Refused) -> CallToolResult:
    """A denial as the model reads it."""
    content = [TextContent(type="text", text=refused.words)]
    return CallToolResult.model_validate({"content": content, "isError": True, "_meta": refused.meta})
