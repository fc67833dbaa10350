"""Labelled points where a process can be made to die, to prove that nothing is lost there.

`WARMLINE_CRASH_AT="router.before-commit:3"` kills this process with SIGKILL the third time that it comes by that
point. Unset, as it is outside tests, a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE: Final = "WARMLINE_CRASH_AT"


def _armed() -> tuple[str, int]:
    value = os.environ.get(VARIABLE, "")
    point, _, count = value.rpartition(":")
    if not value:
        return "", 0
    if not point or not count.isdigit() or int(count) < 1:
        raise ValueError(f"{VARIABLE}={value!r} is not POINT:COUNT, for example router.before-commit:3")
    return point, int(count)


_point, _left = _armed()


def reach(point: str) -> None:
    """Die here if the environment says so."""
    global _left
    if not _point or point != _point:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
