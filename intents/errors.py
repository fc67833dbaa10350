"""Errors of this folder.

IntentsError
├── CatalogueError    the catalogue cannot be used; carries every fault, not just the first
└── LabelledError     a file of labelled messages cannot be used: which, where, what to do
"""

from __future__ import annotations

from collections.abc import Sequence


class IntentsError(Exception):
    """Root of what `intents` raises."""


class CatalogueError(IntentsError):
    """The catalogue has faults. `faults` are sentences for a person, each naming the file and the line or entry."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        listed = "\n".join(f"  - {fault}" for fault in self.faults)
        super().__init__(f"The catalogue cannot be used; put these right and try again:\n{listed}")


class LabelledError(IntentsError):
    """A file of labelled messages cannot be used. One sentence: the file, the line, what is wrong and what to do."""
