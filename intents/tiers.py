"""The seven tiers, in the order in which they outrank each other."""

from __future__ import annotations

from typing import Final, Literal, get_args

Tier = Literal["outage", "billing", "problem", "person", "howto", "feedback", "unknown"]

TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
GRAVE: Final[tuple[Tier, ...]] = ("outage", "billing", "problem", "person")
"""What a machine must never answer: the gate is measured on these."""
AUTOMATABLE: Final[frozenset[Tier]] = frozenset({"howto", "feedback"})
