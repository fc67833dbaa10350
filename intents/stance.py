"""The gate's stance: which threshold is in use, since when and why. A value, and what may change it; no I/O.

    strict --proof--> open --a breach breaks the proof, or a correction--> closed --proof from newer messages--> open
       ^                |                                                     |
       +--labels taken back, or the rule has changed--+      an admin decides: strict again, or held

`open` holds for the rule (classifier, articles, terms) that it was proven for; `closed` and `held` act as `strict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from intents.gate import STRICT_THRESHOLD
from intents.promise import Standing

State = Literal["strict", "open", "closed", "held"]
Decision = Literal["reopen", "hold", "seen"]
NAMES: Final[Mapping[str, str]] = {
    "outage": "an outage",
    "billing": "a matter of money",
    "problem": "a problem",
    "person": "a call for a person",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """Where the gate stands."""

    state: State = "strict"
    threshold: float = STRICT_THRESHOLD
    """In use by desks with this rule; all others use the strict one."""
    rule: str | None = None
    """What it was proven for; None: nothing is proven."""
    breaches: int = 0
    """At this threshold, when it opened."""
    since: datetime | None = None
    open_from: datetime | None = None
    """What the machine has acted on from then on may have needed the open gate; None: it has not been open."""
    counts_from: datetime | None = None
    """Only messages that came after this count; None: all do."""
    why: str = "The strict rule of day one."
    by: str | None = None
    """The admin who decided it; None: it came of itself."""
    unseen: bool = False
    """It has closed, and no admin has said that they know."""

    def in_use(self, rule: str) -> float:
        """The threshold for a desk with this rule."""
        return self.threshold if self.state == "open" and self.rule == rule else STRICT_THRESHOLD

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        found = asdict(self)
        return {**found, **{name: found[name] and found[name].isoformat() for name in _MOMENTS}}


_MOMENTS: Final = ("since", "open_from", "counts_from")


def from_kept(value: Mapping[str, Any] | None) -> Stance:
    """The stance as it was kept; that of day one if none was, or if it names what this version does not know."""
    if value is None:
        return Stance()
    known = {name: value[name] for name in Stance.__dataclass_fields__ if name in value}
    for name in _MOMENTS:
        known[name] = datetime.fromisoformat(known[name]) if known.get(name) else None
    return Stance(**known)


def looked(stance: Stance, standing: Standing, rule: str, now: datetime) -> Stance:
    """The stance after a look at the labels; the same object where nothing changes."""
    if stance.state == "held":
        return stance
    reached = standing.open_to or STRICT_THRESHOLD
    opens = reached > STRICT_THRESHOLD
    if stance.state != "open":
        return _opened(stance, standing, rule, now) if opens else stance
    if stance.rule != rule:
        if opens:
            return _opened(stance, standing, rule, now)
        why = "What the machine has learnt, its articles or the promise have changed; nothing is proven of that yet."
        return _strict(stance, why, now)
    if reached >= stance.threshold:
        return _opened(stance, standing, rule, now) if reached > stance.threshold else stance
    rung = standing.rung(stance.threshold)
    if rung.breaches > stance.breaches:
        why = (
            f"Of {standing.grave} grave messages that people labelled the machine would have acted alone on"
            f" {rung.breaches}: {standing.terms.alpha:.1%} at most can no longer be promised."
        )
        return _closed(stance, why, now)
    return _opened(stance, standing, rule, now) if opens else _strict(stance, "Labels were taken back.", now)


def corrected(stance: Stance, case: str, tier: str, now: datetime) -> Stance:
    """A person says that what the machine acted on alone was grave. An open gate closes; else nothing changes."""
    if stance.state != "open":
        return stance
    why = f"In {case} the machine acted alone on what a person calls {NAMES.get(tier, tier)}."
    return _closed(stance, why, now)


def decided(stance: Stance, decision: Decision, *, by: str, why: str, now: datetime) -> Stance:
    """An admin's word. `reopen`: all labels count again, and the gate opens as far as they prove; `hold`: the strict
    rule until somebody reopens; `seen`: the closing is known."""
    if decision == "seen":
        return replace(stance, unseen=False)
    if decision == "hold":
        return Stance(state="held", since=now, counts_from=stance.counts_from, why=why, by=by)
    return Stance(since=now, why=why, by=by)


def _opened(stance: Stance, standing: Standing, rule: str, now: datetime) -> Stance:
    threshold = standing.open_to or STRICT_THRESHOLD
    breaches = standing.rung(threshold).breaches
    why = (
        f"Of {standing.grave} grave messages that people labelled the machine would have acted alone on {breaches}:"
        f" under {standing.terms.alpha:.1%}, {standing.terms.confidence:.0%} sure."
    )
    return replace(
        stance,
        state="open",
        threshold=threshold,
        rule=rule,
        breaches=breaches,
        since=now,
        open_from=stance.open_from or now,
        why=why,
        by=None,
        unseen=False,
    )


def _strict(stance: Stance, why: str, now: datetime) -> Stance:
    return Stance(since=now, open_from=stance.open_from, counts_from=stance.counts_from, why=why)


def _closed(stance: Stance, why: str, now: datetime) -> Stance:
    return Stance(state="closed", since=now, counts_from=now, why=why, unseen=True)
