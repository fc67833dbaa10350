"""What is nested so deep that it could be opened, but cannot be written again from where we stand."""

from __future__ import annotations

from typing import Any, Final

DEEP: Final = 40
"""Levels that any platform's own payloads stay far below."""


def flattened(value: Any, levels: int = DEEP) -> Any:
    """The same JSON down to so many levels; what lies deeper is left out, and said to be."""
    match value:
        case dict() if levels:
            return {key: flattened(each, levels - 1) for key, each in value.items()}
        case list() if levels:
            return [flattened(each, levels - 1) for each in value]
        case dict() | list():
            return "\u2026"
        case _:
            return value
