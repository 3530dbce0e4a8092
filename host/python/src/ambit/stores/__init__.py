"""What a host keeps between calls: budgets, what happened once, the highest version of each policy.

A store decides nothing. It reads what is kept under some keys, hands it to the core, and writes what the core says,
all in one step: nobody else writes those keys in between, and either everything is written or nothing.
`tests/test_stores.py` says it as tests, for stores of your own as well.
"""

from .base import Change, Decide, Journal, Kept, Store, StoreError
from .log import AuditLog
from .memory import MemoryStore
from .signed import SignedLog
from .sqlite import SqliteStore

__all__ = [
    "AuditLog",
    "Change",
    "Decide",
    "Journal",
    "Kept",
    "MemoryStore",
    "SignedLog",
    "SqliteStore",
    "Store",
    "StoreError",
]
