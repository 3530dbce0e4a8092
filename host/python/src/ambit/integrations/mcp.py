"""An MCP server on the SDK's low-level `Server`: each call of a tool is decided before the tool runs.

Token, proof and receipts come with the HTTP request of the call. A call that came without HTTP has none, and is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import METHOD_NOT_FOUND, CallToolResult, TextContent

from ..aio import to_thread
from .guard import Call, Guard, Operation, Refused, Shown

#: Methods that need no permission: they hold a session together, or say only what there is.
OPEN = frozenset(
    {"initialize", "ping", "server/discover", "logging/setLevel", "tools/list", "prompts/list", "resources/list"}
    | {"resources/templates/list"}
    | {"notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/roots/list_changed"}
)


class Door:
    """What both kinds of MCP servers share: which tool is what, what is shown with a call, and which methods pass."""

    def __init__(
        self, server: Any, guard: Guard, tools: Mapping[str, Operation], url: str, hide: bool, open: frozenset[str]
    ) -> None:
        self._server, self._guard, self._tools, self._url, self._hide = server, guard, dict(tools), url, hide
        self._open = OPEN | open

    @classmethod
    def protect(
        cls,
        server: Any,
        guard: Guard,
        tools: Mapping[str, Operation],
        *,
        url: str,
        hide: bool = False,
        open: frozenset[str] = frozenset(),
    ) -> Self:
        """Puts the policy before everything that a server does. Call it after every other middleware was added.

        `tools` says what each tool is to the policy; any other is refused. `url` is the server's address, for which
        proofs are made. `hide` leaves out of the list what the caller's token could never allow. `open` names further
        methods that need no permission; a method that is not known to need none is refused.
        """
        door = cls(server, guard, tools, url, hide, open)
        server.middleware.append(door)
        return door

    def is_open(self, method: str | None) -> bool:
        return method in self._open

    @property
    def is_last(self) -> bool:
        """Whether nothing stands behind the decision that could change a call."""
        return bool(self._server.middleware[-1] is self)

    async def refuse(self, code: str, admin: str) -> Refused:
        return await to_thread(self._guard.refuse, code, admin)

    async def judge(self, name: Any, arguments: Any, request: Any) -> Refused | None:
        """What refuses a call, if anything does."""
        operation = self._tools.get(name) if isinstance(name, str) else None
        if operation is None:
            return await self.refuse("capability.none", "`tools` does not say what this tool is")
        if not isinstance(arguments, dict):
            return await self.refuse("request.syntax", "the arguments of a tool must be an object")
        try:
            names, args = await to_thread(self._guard.split, operation, arguments)
            shown = self.shown(request)
            if shown is None:
                return await self.refuse("request.member", "a header came twice")
            await self._guard.allow(Call(operation, names, args, shown))
        except Refused as refused:
            return refused
        return None

    def shown(self, request: Any) -> Shown | None:
        """What came with the HTTP request; `None` where that could mean two things."""
        if request is None:
            return Shown()
        try:
            return Shown.read(request.headers.items(), "POST", self._url)
        except ValueError:
            return None

    def lists(self, name: str, request: Any) -> bool:
        """Whether this caller sees a tool in the list."""
        operation, shown = self._tools.get(name), self.shown(request)
        if operation is None or not self._hide:
            return operation is not None
        return shown is not None and self._guard.could_allow(operation, shown.token)


class AmbitMiddleware(Door):
    """Stands last before a server's handlers, so that what it judged is what runs: `protect` puts it there."""

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.request_id is None:
            return await call_next(ctx) if self.is_open(ctx.method) else None
        if ctx.method == "tools/call":
            return await self._call(ctx, call_next)
        if not self.is_open(ctx.method):
            raise MCPError(METHOD_NOT_FOUND, "this method is not open here")
        result = await call_next(ctx)
        if ctx.method == "tools/list":
            if isinstance(result, dict):
                return result | {"tools": [tool for tool in result["tools"] if self.lists(tool["name"], ctx.request)]}
            tools = [tool for tool in result.tools if self.lists(tool.name, ctx.request)]  # type: ignore[union-attr]
            return result.model_copy(update={"tools": tools})  # type: ignore[union-attr]
        return result

    async def _call(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        # A copy, so that nobody changes it between here and the call.
        params = copy.deepcopy(dict(ctx.params or {}))
        if not self.is_last:
            refused: Refused | None = await self.refuse("request.unsupported", "another middleware stands behind the policy")
        elif params.keys() - {"name", "arguments", "_meta"}:
            refused = await self.refuse("request.member", "the call has a part that nobody judges")
        else:
            arguments = params.get("arguments")
            refused = await self.judge(params.get("name"), {} if arguments is None else arguments, ctx.request)
        return await call_next(replace(ctx, params=params)) if refused is None else tool_error(refused)


protect = AmbitMiddleware.protect


def tool_error(refused: Refused) -> CallToolResult:
    """A denial as the model reads it."""
    content = [TextContent(type="text", text=refused.words)]
    return CallToolResult.model_validate({"content": content, "isError": True, "_meta": refused.meta})
