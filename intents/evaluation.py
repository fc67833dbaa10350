"""How well messages with a known tier are understood, and how many of each kind a machine would have acted on alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from intents.gate import STRICT_THRESHOLD, judge
from intents.tiers import GRAVE, TIERS, Tier
from intents.verdict import Verdict

COMPLAINT: Final = "complaint"
"""The group of feedback that must not be automated."""
THRESHOLDS: Final = tuple(
    sorted(
        {STRICT_THRESHOLD, *(round(at / 200, 3) for at in range(1, 41)), *(round(at / 20, 2) for at in range(5, 21))}
    )
)
"""Of the gate, at which the risk-coverage curve is measured: every half per cent to 20 %, then every five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A message whose tier a person named, and what we made of it."""

    tier: Tier
    group: str
    """What it is counted under: its tier, or finer (a complaint is feedback that must not be automated)."""
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What `measure` found."""

    messages: int
    macro_f1: float
    """Mean F1 of the tiers that occur, 0 to 1."""
    f1: Mapping[Tier, float]
    groups: Mapping[str, int]
    automatable: Mapping[str, int]
    """Of each group, how many a machine would have acted on alone."""
    acted_on: tuple[Judged, ...] = field(repr=False)

    def share(self, group: str) -> float:
        """Of a group, the share that would be acted on; 0.0 for an absent one."""
        return self.automatable.get(group, 0) / self.groups[group] if self.groups.get(group) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold:
    """How many messages a machine would have acted on alone if the gate had had this threshold."""

    threshold: float
    acted_on: int
    howto: int
    grave: int
    """Outage, billing, problem or person: each is a mistake that matters."""


def group_of(tier: Tier, note: str) -> str:
    """What a labelled message is counted under: feedback whose note says that it is a complaint, on its own."""
    return COMPLAINT if tier == "feedback" and COMPLAINT in note.casefold() else tier


def curve(judged: Sequence[Judged], thresholds: Sequence[float] = THRESHOLDS) -> tuple[AtThreshold, ...]:
    """The risk-coverage curve of the gate: what it would have let through at each threshold, ascending."""
    # The gate only opens with its threshold, so what the widest holds back need not be asked about again.
    left = [one for one in judged if _acts(one.verdict, max(thresholds))]
    found = []
    for threshold in sorted(thresholds, reverse=True):
        left = [one for one in left if _acts(one.verdict, threshold)]
        found.append(
            AtThreshold(
                threshold=threshold,
                acted_on=len(left),
                howto=sum(one.tier == "howto" for one in left),
                grave=sum(one.tier in GRAVE for one in left),
            )
        )
    return tuple(reversed(found))


def measure(judged: Sequence[Judged], *, threshold: float | None = None) -> Figures:
    """Figures over judged messages; with a threshold, as if the gate had had that one."""
    acted_on = tuple(one for one in judged if _acts(one.verdict, threshold))
    acted = Counter(one.group for one in acted_on)
    groups = Counter(one.group for one in judged)
    f1 = {tier: _f1(judged, tier) for tier in TIERS if any(one.tier == tier for one in judged)}
    return Figures(
        messages=len(judged),
        macro_f1=sum(f1.values()) / len(f1) if f1 else 0.0,
        f1=f1,
        groups=dict(sorted(groups.items())),
        automatable={group: acted[group] for group in sorted(groups)},
        acted_on=acted_on,
    )


def _acts(verdict: Verdict, threshold: float | None) -> bool:
    return verdict.automatable if threshold is None else judge(verdict, threshold=threshold).automatable


def _f1(judged: Sequence[Judged], tier: Tier) -> float:
    hits = sum(one.tier == tier == one.verdict.tier for one in judged)
    named = sum(one.tier == tier for one in judged) + sum(one.verdict.tier == tier for one in judged)
    return 2 * hits / named if named else 0.0
