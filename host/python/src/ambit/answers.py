"""What a policy answers, as plain data. `raw` are the bytes, the same from every engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

Data = Mapping[str, Any]
T = TypeVar("T")


def known(kind: type[T], said: Data, **more: Any) -> T:
    """Makes a type of the members that it knows; a newer core may say more."""
    values = {one.name: said[one.name] for one in fields(kind) if one.name in said}  # type: ignore[arg-type]
    return kind(**(values | more))


class LoadError(Exception):
    """A policy was not loaded. `code` is stable (`module.signature`, `module.expired` …); the text is for operators."""

    def __init__(self, code: str, admin: str) -> None:
        super().__init__(code, admin)
        self.code, self.admin = code, admin

    def __str__(self) -> str:
        return f"{self.admin} ({self.code})"


class ConsentError(Exception):
    """A grant has no text, so nobody can consent to it. `at` names what to change."""

    def __init__(self, code: str, at: str, admin: str) -> None:
        super().__init__(code, at, admin)
        self.code, self.at, self.admin = code, at, admin

    def __str__(self) -> str:
        return f"{self.admin} ({self.code}, at `{self.at}`)"


class Denied(Exception):
    """The call must not happen. Its text is the sentence for people; `remedies` are the steps that would help.

    `http` is there where it comes from `enforce`: status, challenge and the problem's body.
    """

    def __init__(self, answer: Answer, http: Http | None = None) -> None:
        super().__init__(answer, http)
        self.answer, self.http = answer, http

    def __str__(self) -> str:
        return f"{self.answer.reason.user} ({self.code})"

    @property
    def code(self) -> str:
        return self.answer.reason.code

    @property
    def remedies(self) -> tuple[Data, ...]:
        return tuple(self.answer.remedy.get("steps", ()))


class NotDischarged(Exception):
    """An obligation was not done, so the call must not happen. `code` is the reason, where it is one of the list."""

    def __init__(self, admin: str, code: str | None = None) -> None:
        super().__init__(admin, code)
        self.admin, self.code = admin, code


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something that must be done before an allowed call happens. `now` is the time of the decision."""

    id: str
    type: str
    ext: Data
    now: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What the signers say of a policy: which it is, from when and until when (seconds since 1970)."""

    uid: str
    version: int
    issued: int
    expires: int
    file_s256: str
    guest_s256: str
    bundle_s256: str
    signers: tuple[str, ...]
    tests_s256: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a stable `code`, a sentence for the `user`, details for operators only (`admin`)."""

    code: str
    user: str
    admin: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision. Only `decision` with every one of the `obligations` discharged allows anything."""

    decision: bool
    reason: Reason
    obligations: tuple[Data, ...]
    remedy: Data
    policies: tuple[Any, ...]
    record: Data
    raw: bytes = field(repr=False)

    @classmethod
    def read(cls, raw: bytes) -> Answer:
        """Raises `ValueError` where this is not an answer."""
        try:
            answer = json.loads(raw)
            decision, context = answer["decision"], answer["context"]
            if not isinstance(decision, bool):
                raise TypeError("the decision is not a boolean")
            return cls(
                decision,
                Reason(**context["reason"]),
                tuple(context["obligations"]),
                context["remedy"],
                tuple(context["policies"]),
                context["record"],
                raw,
            )
        except (KeyError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"this is not an answer: {error}") from None

    def __bool__(self) -> bool:
        raise TypeError("an answer is neither true nor false: `enforce` obeys it, and `decision` is what was decided")


@dataclass(frozen=True, slots=True)
class Alternative:
    """One thing that would be allowed. Doing all `steps` is enough; `judged` says whether every later step was asked."""

    judged: bool
    text: str
    steps: tuple[Data, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """What would help after a denial, the nearest first."""

    decision: bool
    reason: Reason
    alternatives: tuple[Alternative, ...]
    raw: bytes = field(repr=False)

    @classmethod
    def read(cls, raw: bytes) -> Advice:
        """Raises `ValueError` where this is neither advice nor an answer, which counts as advice without alternatives."""
        advice = json.loads(raw)
        if "alternatives" not in advice:
            denial = Answer.read(raw)
            return cls(denial.decision, denial.reason, (), raw)
        ways = (Alternative(one["judged"], one["text"], tuple(one["steps"])) for one in advice["alternatives"])
        return cls(advice["decision"], Reason(**advice["reason"]), tuple(ways), raw)


@dataclass(frozen=True, slots=True)
class Consent:
    """What a grant allows, for people. Show exactly `text`: its hash is what a receipt proves."""

    text: str
    locale: str
    renderer: str
    risk_tier: str
    text_s256: str
    page: tuple[Data, ...]
    raw: bytes = field(repr=False)
    binding_s256: str | None = None


@dataclass(frozen=True, slots=True)
class CallDigest:
    """The digest of a call, and what a person is shown of it where it is short enough to be shown."""

    binding_s256: str
    raw: bytes = field(repr=False)
    risk_tier: str | None = None
    display: Data | None = None


@dataclass(frozen=True, slots=True)
class SigningInput:
    """What is to be signed: the ASCII bytes of `signing_input`, with `alg`."""

    typ: str
    alg: str
    signing_input: str
    s256: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Http:
    """What HTTP says for a denial: send every header, and `body`."""

    status: int
    headers: Mapping[str, str]
    problem: Data

    @property
    def body(self) -> bytes:
        return json.dumps(self.problem, ensure_ascii=False).encode()


#: What HTTP says where the core itself cannot be asked.
UNAVAILABLE = Http(
    503,
    {"content-type": "application/problem+json", "cache-control": "no-store"},
    {"type": "about:blank", "title": "Service Unavailable", "status": 503},
)
