"""May this AI agent do this, to this, for this purpose, now, and if not, what would it take?

`Policy.load` verifies a signed policy; `enforce` decides and obeys the answer; `evaluate` answers only, with the same
bytes as every other engine.
"""

from ._plain import Request
from .aio import AsyncPolicy
from .answers import (
    Advice,
    Alternative,
    Answer,
    CallDigest,
    Consent,
    ConsentError,
    Denied,
    Http,
    LoadError,
    NotDischarged,
    Obligation,
    Reason,
    SigningInput,
    Statement,
)
from .policy import Policy
from .stores import AuditLog, Journal, MemoryStore, SignedLog, SqliteStore, Store, StoreError

__all__ = [
    "Advice",
    "Alternative",
    "Answer",
    "AsyncPolicy",
    "AuditLog",
    "CallDigest",
    "Consent",
    "ConsentError",
    "Denied",
    "Http",
    "Journal",
    "LoadError",
    "MemoryStore",
    "NotDischarged",
    "Obligation",
    "Policy",
    "Reason",
    "Request",
    "SignedLog",
    "SigningInput",
    "SqliteStore",
    "Statement",
    "Store",
    "StoreError",
]
