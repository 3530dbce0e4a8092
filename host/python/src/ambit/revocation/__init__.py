"""Whether a permission was revoked: status lists of tokens, and revocation epochs.

What a list says, whom it is believed from and when the next is wanted, the core says (`pkg/abi.md`); here lists are kept,
and fetched by a function of the host's.
"""

from .epochs import Epochs
from .status import Fetch, StatusLists

__all__ = ["Epochs", "Fetch", "StatusLists"]
