"""Asks a policy about one call, whatever it came through."""

from __future__ import annotations

import base64
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
from ..answers import UNAVAILABLE, Answer, Denied
from ..policy import Policy
from .telemetry import observed

#: The header that brings receipts of people's yes, several with commas between them or in several headers.
APPROVAL = "ambit-approval"


@dataclass(frozen=True, slots=True)
class Operation:
    """What a call is to the policy.

    `{name}` in the resource's id stands for a text that comes with the call. An id has at most one: of two, `a/b` and
    `c` would be the same resource as `a` and `b/c`.
    """

    action: str
    resource: tuple[str, str]
    purpose: str
    power: str = "execute"

    def __post_init__(self) -> None:
        names = [(name, spec, how) for _, name, spec, how in Formatter().parse(self.resource[1]) if name is not None]
        if len(names) > 1 or any(not name.isidentifier() or spec or how for name, spec, how in names):
            raise ValueError(f"`{self.resource[1]}`: the id of a resource is made with one plain `{{name}}` at most")
        try:
            encode({"operation": [self.action, *self.resource, self.purpose, self.power]})
        except Unsayable as error:
            raise ValueError(f"this operation cannot be put into a request: {error}") from None

    @property
    def names(self) -> set[str]:
        """The name that the resource's id is made with, if any: it is judged there, and is not an argument."""
        return {name for _, name, _, _ in Formatter().parse(self.resource[1]) if name is not None}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the caller has shown: token, proof of possession, receipts; and to which method and URL."""

    token: str | None = None
    proof: str | None = None
    approvals: tuple[str, ...] = ()
    method: str | None = None
    url: str | None = None

    @classmethod
    def read(cls, headers: Iterable[tuple[str, str]], method: str, url: str) -> Shown:
        """Reads the headers of a request. Raises `ValueError` where one came twice, which two readers could take differently."""
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
        # The text of the arguments goes in between, unchanged.
        return b'{"action":%b,"args":%b}},%b' % (head[:-2], self.args, encode(rest)[1:])


class Refused(Denied):
    """A call that must not happen, in words for the caller.

    `held` is the text that people were shown, where the call was put before them: the caller then repeats exactly this
    call, with a fresh proof and the receipts. `ways` say what would be allowed instead; there are none where the caller
    may not know why it was refused.
    """

    def __init__(self, denied: Denied, held: str | None = None, ways: tuple[str, ...] = ()) -> None:
        Exception.__init__(self, denied, held, ways)
        self.answer, self.http, self.held, self.ways = denied.answer, denied.http, held, ways
        self.__cause__ = denied.__cause__ if isinstance(denied, Refused) else denied

    @property
    def told(self) -> Mapping[str, Any]:
        """What the caller may know: the problem, without anything that is for operators."""
        return self.http.problem if self.http else {}

    @property
    def words(self) -> str:
        """For the model: what is wrong, and what would help."""
        if "code" not in self.told:
            return "Not done: the check itself failed, which only the operator can mend."
        if self.held is not None:
            return (
                f"Not done yet: a person must agree to exactly this call. They were asked:\n\n{self.held}\n\n"
                "Once they have agreed, repeat exactly this call, with the same arguments, a fresh proof and their "
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
        """`audience` is the service that tokens must be made for. `hold`: what lacks only a person's yes is put before
        people, by the function for `approve` that the policy was loaded with. `nonce` gives the one that a proof must carry. `known`
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
        asked = self._ask(call, nonce)
        try:
            return await self._asynchronous.enforce(asked, nonce)
        except Denied as denied:
            refused = Refused(denied)
        if self._may_hold(call, refused):
            try:
                held = _shown(await self._asynchronous.enforce(self._ask(call.proposed, nonce)))
                refused = Refused(refused, held)
            except Denied as denied:
                refused = _unheld(refused, denied)
        raise await to_thread(self._with_ways, refused, asked)

    def _allow_here(self, call: Call) -> Answer:
        nonce = self._nonce() if self._nonce else None
        asked = self._ask(call, nonce)
        try:
            return self.policy.enforce(asked, nonce)
        except Denied as denied:
            refused = Refused(denied)
        if self._may_hold(call, refused):
            try:
                refused = Refused(refused, _shown(self.policy.enforce(self._ask(call.proposed, nonce))))
            except Denied as denied:
                refused = _unheld(refused, denied)
        raise self._with_ways(refused, asked)

    def refuse(self, code: str, admin: str) -> Refused:
        """A refusal of the host's own, logged like any other. It blocks, since it waits for the disk."""
        try:
            self.policy.enforce(self.policy.refuse(code, admin))
        except Denied as denied:
            return Refused(denied)
        raise AssertionError("a refusal allows nothing")

    def split(self, operation: Operation, arguments: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
        """What names the resource, and the text of the other arguments. Raises `Refused` for what JSON cannot say."""
        names = {name: arguments[name] for name in operation.names if type(arguments.get(name)) is str}
        if set(names) != operation.names:
            raise self.refuse("request.member", "the argument that names the resource is missing, or is not a text")
        try:
            encode(names)
            return names, encode({name: value for name, value in arguments.items() if name not in names})
        except Unsayable as error:
            raise self.refuse("request.value", str(error)) from None

    def _ask(self, call: Call, nonce: str | None) -> bytes | Answer:
        """The request, or the refusal of what JSON cannot say."""
        shown = call.shown
        facts = {"method": shown.method, "url": shown.url, "nonce": nonce}
        asked = {"token": shown.token, "proof": shown.proof, "approvals": list(shown.approvals)}
        asked = {name: value for name, value in asked.items() if value}
        known = dict(self._known() if self._known else {})
        own = self._place | {name: value for name, value in facts.items() if value is not None}
        asked |= known | {"facts": dict(known.get("facts", {})) | own | {"now": int(self._clock())}}
        try:
            return b'{"evaluation":%b,%b' % (call.evaluation, encode(asked)[1:])
        except Unsayable as error:
            return self.policy.refuse("request.value", str(error))

    def _may_hold(self, call: Call, denied: Denied) -> bool:
        """Whether a person's yes is what is lacking. Where one is there and does not fit, nobody is asked again."""
        unfit = denied.code.startswith("approval.") and denied.code != "approval.required"
        wanted = any(step.get("step_up") == "approval" for step in denied.remedies)
        return self._hold and call.operation.power == "execute" and wanted and not unfit

    def _with_ways(self, refused: Refused, asked: bytes | Answer) -> Refused:
        """What would be allowed instead is worked out only for a caller who may know why this was refused."""
        if "code" not in refused.told or refused.held is not None or isinstance(asked, Answer):
            return refused
        return Refused(refused, ways=tuple(way.text for way in self.policy.advise(asked).alternatives))

    def could_allow(self, operation: Operation, token: str | None) -> bool:
        """Whether a token could ever allow it, for lists of tools. It verifies nothing, and allows nothing."""
        try:
            claims = json.loads(base64.urlsafe_b64decode((token or "").split(".")[1] + "=="))
            entries = [entry for entry in claims["authorization_details"] if operation.action in entry["actions"]]
            powers = {operation.power} | ({"propose"} if operation.power == "execute" else set())
            return any(powers & set(entry["privileges"]) for entry in entries)
        except (IndexError, KeyError, TypeError, ValueError):
            return False


def _shown(answer: Answer) -> str | None:
    """The text that people were shown; `None` where the answer does not have anybody asked."""
    shown = [one["ext"]["display"]["text"] for one in answer.obligations if one["type"] == "approve"]
    return shown[0] if shown else None


def _unheld(refused: Refused, why: Denied) -> Refused:
    """A call that could not be put before people: where that may pass, the caller is told to come back."""
    return Refused(why) if why.http is not None and why.http.status == UNAVAILABLE.status else refused


class Holder:
    """An agent's own token and key, where the agent runs in this process: makes a fresh proof for each call."""

    def __init__(self, policy: Policy, token: str, sign: Callable[[bytes], bytes], *, audience: str) -> None:
        """`sign` signs bytes with the key that the token is bound to."""
        self._policy, self._token, self._sign, self._audience = policy, token, sign, audience
        #: Receipts of people's yes, by the `binding_s256` of the call that they are for. None is sent with another call.
        self.approvals: dict[str, tuple[str, ...]] = {}

    def show(self, evaluation: bytes) -> Shown:
        try:
            facts = encode({"token": self._token, "facts": {"now": int(time.time()), "audience": self._audience}})
            digest = self._policy.digest(b'{"evaluation":%b,%b' % (evaluation, facts[1:])).binding_s256
        except (Denied, Unsayable):
            # No call of this policy: the guard denies it with the same reason, and logs that.
            return Shown(self._token, None, (), "POST", self._audience)
        claims = {"jti": uuid.uuid4().hex, "htm": "POST", "htu": self._audience, "iat": int(time.time())}
        asked = {"typ": "dpop+jwt", "token": self._token, "claims": claims | {"ambit_call": digest}}
        text = self._policy.signing_input(asked).signing_input
        signature = base64.urlsafe_b64encode(self._sign(text.encode())).rstrip(b"=").decode()
        return Shown(self._token, f"{text}.{signature}", self.approvals.get(digest, ()), "POST", self._audience)


Show = Callable[[bytes], Shown | Awaitable[Shown]]


def guarded(function: Callable[..., Any], guard: Guard, operation: Operation, show: Show) -> Callable[..., Any]:
    """The function behind a guard: what it is called with, defaults included, is what is judged.

    `None` where that is the default says that nothing was given. `show` gives what is shown for an evaluation, such as
    `Holder.show`. Frameworks that convert arguments have done so before.
    """
    signature = inspect.signature(function)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    if kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY}:
        raise ValueError(f"`{function.__name__}` takes arguments that the policy has no name for")

    def judged(*arguments: Any, **named: Any) -> tuple[dict[str, Any], Call]:
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        try:
            # A copy, so that nobody changes them between here and the call.
            values = copy.deepcopy(dict(bound.arguments))
        except Exception as error:
            raise guard.refuse("request.value", f"an argument cannot be copied: `{type(error).__name__}`") from error
        defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
        given = {name: value for name, value in values.items() if value is not None or defaults[name] is not None}
        return values, Call(operation, *guard.split(operation, given))

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
            raise TypeError("`show` is asynchronous, and the tool is not")
        guard.allow_here(replace(call, shown=shown))
        return function(**values)

    return here


class Unjudged(Exception):
    """Why a call cannot be judged as it runs."""


def filled(schema: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, with the defaults that a JSON schema says would be filled in.

    `None` as the default says that nothing was given.
    """
    properties, values = schema.get("properties", {}), dict(given)
    for name, one in properties.items():
        default = one.get("default", Unjudged)
        if values.get(name) is None and default is None:
            values.pop(name, None)
        elif name not in values and default is not Unjudged:
            values[name] = copy.deepcopy(default)
        elif name not in values and name not in schema.get("required", ()):
            raise Unjudged(f"what runs fills in `{name}` with a value that is not known before: give it in the call")
    if _fills([*properties.values(), *(value for key, value in schema.items() if key != "properties")]):
        raise Unjudged("what runs fills in a part of an argument: let its types have no defaults within")
    return values


def _fills(part: Any) -> bool:
    """Whether something within an argument has a default."""
    if isinstance(part, list):
        return any(_fills(one) for one in part)
    if not isinstance(part, dict):
        return False
    inside = part.get("properties")
    named = inside.items() if isinstance(inside, dict) else ()
    optional = [one for name, one in named if name not in part.get("required", ())]
    return any(not isinstance(one, dict) or one.get("default", Unjudged) is not None for one in optional) or any(
        _fills(one) for one in part.values()
    )
