"""One call before a policy, whatever it came through."""

from __future__ import annotations

import base64
import contextlib
import copy
import functools
import inspect
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from string import Formatter
from typing import Any

from .._plain import Unsayable, encode
from ..aio import AsyncPolicy, to_thread
from ..answers import Answer, Denied
from ..policy import Policy
from .telemetry import observed

#: The header that brings receipts of people's yes, several with commas between them or in several headers.
APPROVAL = "ambit-approval"


@dataclass(frozen=True, slots=True)
class Operation:
    """What a call is to the policy. `{name}` in the resource's id stands for a text that comes with the call."""

    action: str
    resource: tuple[str, str]
    purpose: str
    power: str = "execute"

    @property
    def names(self) -> set[str]:
        """Names that the resource's id is made of: they are judged there, and are no arguments."""
        return {name for _, name, _, _ in Formatter().parse(self.resource[1]) if name is not None}


@dataclass(frozen=True, slots=True)
class Shown:
    """What whoever calls has shown: token, proof of possession, receipts; and to which method and URL."""

    token: str | None = None
    proof: str | None = None
    approvals: tuple[str, ...] = ()
    method: str | None = None
    url: str | None = None

    @classmethod
    def read(cls, headers: Iterable[tuple[str, str]], method: str, url: str) -> Shown:
        """From HTTP. What came twice could mean two things to two readers: `ValueError`."""
        found: dict[str, list[str]] = {"authorization": [], "dpop": [], APPROVAL: []}
        for name, value in headers:
            if name.lower() in found:
                found[name.lower()].append(value)
        if len(found["authorization"]) > 1 or len(found["dpop"]) > 1:
            raise ValueError("the header `authorization` or `dpop` came twice")
        scheme, _, token = "".join(found["authorization"]).partition(" ")
        receipts = [one.strip() for value in found[APPROVAL] for one in value.split(",") if one.strip()]
        shown = token.strip() if scheme.lower() in ("dpop", "bearer") else None
        return cls(shown, "".join(found["dpop"]) or None, tuple(receipts), method, url)


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `args` is the text of an object that was parsed before: it is judged as it came."""

    operation: Operation
    names: Mapping[str, str]
    args: bytes
    shown: Shown = Shown()

    @property
    def proposed(self) -> Call:
        """The same, to be put before people."""
        return replace(self, operation=replace(self.operation, power="propose"), shown=replace(self.shown, approvals=()))

    @property
    def evaluation(self) -> bytes:
        """The AuthZEN evaluation."""
        operation = self.operation
        head = encode({"name": operation.action, "properties": {"power": operation.power}})
        kind, identifier = operation.resource
        rest = {
            "resource": {"type": kind, "id": identifier.format_map(self.names)},
            "context": {"purpose": operation.purpose},
        }
        # Where `head` and what is behind it end, the text of the arguments goes in between.
        return b'{"action":%b,"args":%b}},%b' % (head[:-2], self.args, encode(rest)[1:])


class Refused(Denied):
    """A call that must not happen, in words for whoever called.

    `held` is what people were asked, where it was put before them: whoever called repeats exactly this call with a fresh
    proof and the receipts.
    """

    def __init__(self, denied: Denied, held: str | None = None, ways: tuple[str, ...] = ()) -> None:
        Exception.__init__(self, denied, held, ways)
        self.answer, self.http, self.held, self.ways = denied.answer, denied.http, held, ways

    @property
    def told(self) -> Mapping[str, Any]:
        """What the other side may know: the problem, without anything that is for operators."""
        return self.http.problem if self.http else {}

    @property
    def words(self) -> str:
        """For the model: what is wrong, and what would help."""
        if "code" not in self.told:
            return "Not done: the check itself failed, which only the operator can mend."
        if self.held is not None:
            return (
                f"Not done yet: a person must agree to exactly this call. They were asked:\n\n{self.held}\n\n"
                "When they have agreed, repeat exactly this call, with the same arguments, a fresh proof and their "
                f"receipts. It then runs once. [{self.code}]"
            )
        ways = "".join(f"\n- {way}" for way in self.ways)
        help_ = f"\nWhat would be allowed instead, each enough by itself:{ways}" if ways else ""
        return f"Not allowed: {self.told['detail']} [{self.code}]{help_}"

    @property
    def meta(self) -> dict[str, Any]:
        """The same for programs."""
        told = {f"dev.ambit/{name}": self.told[name] for name in ("code", "remedy") if name in self.told}
        return told | ({} if self.held is None else {"dev.ambit/held": True})


class Guard:
    """Stands before calls: decides each by the policy, and obeys the answer."""

    def __init__(
        self,
        policy: Policy,
        *,
        audience: str,
        location: str | None = None,
        tenant: str | None = None,
        hold: bool = False,
        nonce: Callable[[], str] | None = None,
        known: Callable[[], Mapping[str, Any]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`audience` is for whom tokens must be made. `hold`: what lacks only a person's yes is put before people, by
        the function for `approve` that the policy was loaded with. `nonce` gives the one that a proof must carry. `known`
        says what else only the host knows: `statements`, `entities`, further `facts`.
        """
        self.policy, self._hold, self._known, self._clock, self._nonce = policy, hold, known, clock, nonce
        self._asynchronous = AsyncPolicy(policy)
        place = {"audience": audience, "location": location, "tenant": tenant}
        self._place = {name: value for name, value in place.items() if value is not None}

    async def allow(self, call: Call) -> Answer:
        """Returns when the call may happen, once. Raises `Refused`."""
        with observed(self.policy.statement.uid, call.operation):
            return await self._allow(call)

    def allow_here(self, call: Call) -> Answer:
        """The same without `asyncio`."""
        with observed(self.policy.statement.uid, call.operation):
            return self._allow_here(call)

    async def _allow(self, call: Call) -> Answer:
        nonce = self._nonce() if self._nonce else None
        try:
            return await self._asynchronous.enforce(self._ask(call, nonce), nonce)
        except Denied as denied:
            held = None
            if self._may_hold(call, denied):
                with contextlib.suppress(Denied):
                    held = _asked(await self._asynchronous.enforce(self._ask(call.proposed, nonce)))
            raise Refused(denied, held, await to_thread(self._ways, call, nonce)) from denied

    def _allow_here(self, call: Call) -> Answer:
        nonce = self._nonce() if self._nonce else None
        try:
            return self.policy.enforce(self._ask(call, nonce), nonce)
        except Denied as denied:
            held = None
            if self._may_hold(call, denied):
                with contextlib.suppress(Denied):
                    held = _asked(self.policy.enforce(self._ask(call.proposed, nonce)))
            raise Refused(denied, held, self._ways(call, nonce)) from denied

    def refuse(self, code: str, admin: str) -> Refused:
        """A refusal of the host's own, written down like any other. Blocks: it writes to disks."""
        try:
            self.policy.enforce(self.policy.refuse(code, admin))
        except Denied as denied:
            return Refused(denied)
        raise AssertionError("a refusal allows nothing")

    def split(self, operation: Operation, arguments: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
        """What names the resource, and the text of the other arguments. Raises `Refused` for what JSON cannot say."""
        names = {name: arguments[name] for name in operation.names if type(arguments.get(name)) is str}
        if set(names) != operation.names:
            raise self.refuse("request.member", "an argument that names the resource is missing, or is no text")
        try:
            return names, encode({name: value for name, value in arguments.items() if name not in names})
        except Unsayable as error:
            raise self.refuse("request.value", str(error)) from None

    def _ask(self, call: Call, nonce: str | None) -> bytes:
        shown = call.shown
        facts = {"method": shown.method, "url": shown.url, "nonce": nonce}
        asked = {"token": shown.token, "proof": shown.proof, "approvals": list(shown.approvals)}
        asked = {name: value for name, value in asked.items() if value}
        known = dict(self._known() if self._known else {})
        own = self._place | {name: value for name, value in facts.items() if value is not None}
        asked |= known | {"facts": dict(known.get("facts", {})) | own | {"now": int(self._clock())}}
        return b'{"evaluation":%b,%b' % (call.evaluation, encode(asked)[1:])

    def _may_hold(self, call: Call, denied: Denied) -> bool:
        """Where a person's yes is what is lacking. Where one is there and does not fit, nobody is asked again."""
        unfit = denied.code.startswith("approval.") and denied.code != "approval.required"
        wanted = any(step.get("step_up") == "approval" for step in denied.remedies)
        return self._hold and call.operation.power == "execute" and wanted and not unfit

    def _ways(self, call: Call, nonce: str | None) -> tuple[str, ...]:
        return tuple(way.text for way in self.policy.advise(self._ask(call, nonce)).alternatives)

    def could_allow(self, operation: Operation, token: str | None) -> bool:
        """Whether a token could ever allow it, for lists of tools: nothing is verified, and nothing is allowed by it."""
        try:
            claims = json.loads(base64.urlsafe_b64decode((token or "").split(".")[1] + "=="))
            entries = [entry for entry in claims["authorization_details"] if operation.action in entry["actions"]]
            powers = {operation.power} | ({"propose"} if operation.power == "execute" else set())
            return any(powers & set(entry["privileges"]) for entry in entries)
        except (IndexError, KeyError, TypeError, ValueError):
            return False


def _asked(answer: Answer) -> str | None:
    """What people were asked; `None` where the answer does not have anybody asked."""
    asked = [one["ext"]["display"]["text"] for one in answer.obligations if one["type"] == "approve"]
    return asked[0] if asked else None


class Holder:
    """An agent's own token and key, where the agent runs in this process: makes a fresh proof for each call."""

    def __init__(self, policy: Policy, token: str, sign: Callable[[bytes], bytes], *, audience: str) -> None:
        """`sign` signs bytes with the key that the token is bound to."""
        self._policy, self._token, self._sign, self._audience = policy, token, sign, audience
        #: Receipts of people's yes for the calls to come.
        self.approvals: tuple[str, ...] = ()

    def show(self, evaluation: bytes) -> Shown:
        facts = encode({"token": self._token, "facts": {"now": int(time.time()), "audience": self._audience}})
        try:
            digest = self._policy.digest(b'{"evaluation":%b,%b' % (evaluation, facts[1:])).binding_s256
        except Denied:
            # No call of this policy: the guard denies it with the same reason, and writes that down.
            return Shown(self._token, None, self.approvals, "POST", self._audience)
        claims = {"jti": uuid.uuid4().hex, "htm": "POST", "htu": self._audience, "iat": int(time.time())}
        asked = {"typ": "dpop+jwt", "token": self._token, "claims": claims | {"ambit_call": digest}}
        text = self._policy.signing_input(asked).signing_input
        signature = base64.urlsafe_b64encode(self._sign(text.encode())).rstrip(b"=").decode()
        return Shown(self._token, f"{text}.{signature}", self.approvals, "POST", self._audience)


Show = Callable[[bytes], Shown | Awaitable[Shown]]


def guarded(function: Callable[..., Any], guard: Guard, operation: Operation, show: Show) -> Callable[..., Any]:
    """The function behind a guard: what it is called with, defaults included, is what is judged.

    `show` gives what is shown for an evaluation, such as `Holder.show`. Frameworks that convert arguments do so before.
    """
    signature = inspect.signature(function)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    if kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY}:
        raise ValueError(f"`{function.__name__}` takes arguments that have no name")

    def judged(*arguments: Any, **named: Any) -> tuple[dict[str, Any], Call]:
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        # Nobody changes them between here and the call.
        values = copy.deepcopy(dict(bound.arguments))
        return values, Call(operation, *guard.split(operation, values))

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*arguments: Any, **named: Any) -> Any:
            values, call = await to_thread(judged, *arguments, **named)
            shown = show(call.evaluation)
            await guard.allow(replace(call, shown=await shown if inspect.isawaitable(shown) else shown))
            return await function(**values)

        return asynchronous

    @functools.wraps(function)
    def here(*arguments: Any, **named: Any) -> Any:
        values, call = judged(*arguments, **named)
        shown = show(call.evaluation)
        if inspect.isawaitable(shown):
            raise TypeError("what shows the token is asynchronous, and the tool is not")
        guard.allow_here(replace(call, shown=shown))
        return function(**values)

    return here
