"""`Policy` for `asyncio`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ._plain import Request
from .answers import Advice, Answer, CallDigest, Consent, Denied, SigningInput
from .enforce import attempt
from .policy import PathLike, Policy

P = ParamSpec("P")
T = TypeVar("T")


async def to_thread(body: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    # Imported here, because that takes longer than loading a policy.
    import asyncio

    return await asyncio.to_thread(body, *arguments, **options)


class AsyncPolicy:
    """`Policy` for `asyncio`. A call runs in a thread: it may wait for others, and an expensive one takes seconds."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._running: set[Any] = set()

    @classmethod
    async def load(cls, file: PathLike, trust: PathLike | bytes, **options: Any) -> AsyncPolicy:
        """As `Policy.load`."""
        return cls(await to_thread(Policy.load, file, trust, **options))

    async def evaluate(self, request: Request) -> Answer:
        return await to_thread(self.policy.evaluate, request)

    async def enforce(self, request: Request | Answer, nonce: str | None = None) -> Answer:
        """As `Policy.enforce`; functions that discharge may be asynchronous.

        When the caller is cancelled, what was begun is finished all the same, and the log says so.
        """
        import asyncio

        task = asyncio.ensure_future(self._obey(request, nonce))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        outcome = await asyncio.shield(task)
        if isinstance(outcome, Denied):
            raise outcome
        return outcome

    async def _obey(self, request: Request | Answer, nonce: str | None) -> Answer | Denied:
        steps = self.policy.steps(request, nonce)
        work = await to_thread(next, steps)
        while isinstance(work, tuple):
            try:
                came = await to_thread(attempt, *work)
                came = await came if inspect.isawaitable(came) else came
            except BaseException as error:
                came = error
            work = await to_thread(steps.send, came)
        return work

    async def advise(self, request: Request) -> Advice:
        return await to_thread(self.policy.advise, request)

    async def describe(self, request: Request) -> Consent:
        return await to_thread(self.policy.describe, request)

    async def digest(self, request: Request) -> CallDigest:
        return await to_thread(self.policy.digest, request)

    async def signing_input(self, request: Request) -> SigningInput:
        return await to_thread(self.policy.signing_input, request)
