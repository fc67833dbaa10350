"""Which first messages people label: chance with a secret, the same for the same message in every process and replay.

A customer who could tell which messages are looked at could choose them; without the desk's secret nobody can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

_PERSON: Final = b"warmline sample"
_WHOLE: Final = 2**64


def chance(secret: bytes, share: float) -> Callable[[str], bool]:
    """Chooses that share, 0 to 1, of messages by their `dedupe`. Whoever is chosen with a share is with all greater."""
    key = hashlib.blake2b(secret, digest_size=32).digest()
    under = round(share * _WHOLE)

    def chosen(dedupe: str) -> bool:
        drawn = hashlib.blake2b(dedupe.encode(), digest_size=8, key=key, person=_PERSON).digest()
        return int.from_bytes(drawn, "big") < under

    return chosen
