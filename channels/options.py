"""What adapters ask of the options in their table, in one way."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


def unknown(given: Iterable[str], known: Collection[str]) -> list[str]:
    """A fault for each option that there is not, with the one that may be meant."""
    faults = []
    for name in sorted(set(given) - set(known)):
        near = difflib.get_close_matches(name, sorted(known), n=1)
        faults.append(f"{name} is unknown" + (f", {near[0]} may be meant" if near else ""))
    return faults
