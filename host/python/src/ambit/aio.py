"""The same for `asyncio`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ._plain import Request
from .answers import Advice, Answer, CallDigest, Consent, SigningInput
from .policy import PathLike, Policy

P = ParamSpec("P")
T = TypeVar("T")


async def to_thread(body: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    # Here, because it takes longer to import than a policy to load.
    import asyncio

    return await asyncio.to_thread(body, *arguments, **options)


class AsyncPolicy:
    """The same for `asyncio`. A call runs in a thread: it may wait for others, and a dear one takes seconds."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @classmethod
    async def load(cls, file: PathLike, trust: PathLike | bytes, **options: Any) -> AsyncPolicy:
        """As `Policy.load`."""
        return cls(await to_thread(Policy.load, file, trust, **options))

    async def evaluate(self, request: Request) -> Answer:
        return await to_thread(self.policy.evaluate, request)

    async def advise(self, request: Request) -> Advice:
        return await to_thread(self.policy.advise, request)

    async def describe(self, request: Request) -> Consent:
        return await to_thread(self.policy.describe, request)

    async def digest(self, request: Request) -> CallDigest:
        return await to_thread(self.policy.digest, request)

    async def signing_input(self, request: Request) -> SigningInput:
        return await to_thread(self.policy.signing_input, request)
