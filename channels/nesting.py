"""JSON that is nested so deep that it could be opened, but cannot be written again by whoever stands deeper."""

from __future__ import annotations

import json
from typing import Any, Final

DEEP: Final = 40
"""Levels that any platform's own payloads stay far below."""


def written(value: Any) -> bytes:
    """What came as JSON, as JSON. What is nested without end is left out of it, and said to be."""
    try:
        return json.dumps(value).encode("ascii")
    except RecursionError:
        return json.dumps(_flattened(value, DEEP)).encode("ascii")


def _flattened(value: Any, levels: int) -> Any:
    match value:
        case dict() if levels:
            return {key: _flattened(each, levels - 1) for key, each in value.items()}
        case list() if levels:
            return [_flattened(each, levels - 1) for each in value]
        case dict() | list():
            return "\u2026"
        case _:
            return value
