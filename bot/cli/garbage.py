"""When Python looks for garbage: hardly ever while a command loads, as usual once it works.

What a start has used and let go is then given back to the system: on the first day, which trains, 50 MB.

Almost all that is made while loading is kept: of 250,000 objects a thousand are garbage. By default Python looks
through them four hundred times for those, which was a fifth of the start.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
from typing import Final

AS_USUAL: Final = gc.get_threshold()
WHILE_LOADING: Final = 500_000
"""New objects between two looks: a bound for a command that never says that it works."""


def loading() -> None:
    """Hardly look for a while."""
    gc.set_threshold(WHILE_LOADING)


def working() -> None:
    """Look as usual, but never again among what there is now: that would stop all threads for a fifth of a second each
    time."""
    gc.freeze()
    gc.set_threshold(*AS_USUAL)
    with contextlib.suppress(OSError, AttributeError):  # another C library than GNU's
        ctypes.CDLL(None).malloc_trim(0)
