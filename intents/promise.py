"""What can be promised of the gate from messages that people labelled: pure arithmetic, no I/O.

The promise: of the messages that are truly grave (outage, billing, problem, person) the machine acts alone on at most a
share `alpha`. What it is measured on are grave messages of a random sample, whatever the machine made of them: `n` of
them, `k` of which it would have acted on alone at a threshold (the breaches).

One look at a sample that was fixed beforehand is the Clopper-Pearson bound (Clopper and Pearson, Biometrika 26, 1934).
We look after every label and choose the loosest of several thresholds, and both would make such a bound a lie:

- **Looking again.** A threshold counts as proven by a test martingale: the likelihood of what was labelled under
  smaller shares, mixed, over its likelihood under `alpha` (Robbins, Ann. Math. Stat. 41, 1970; Ville 1939).
  If the true share is `alpha` or more, the chance that this ever reaches 1 / (1 - confidence) is at most
  1 - confidence, however often and whenever one looks. Where it is reached, Clopper-Pearson is under `alpha` as well.
  Nearly all weight lies on the share 0, so the first proof still needs what one look needs: 0 of 299 for 1 % at 95 %.
- **Choosing.** The thresholds are a fixed ladder, tested from the strictest to the loosest, up to the first that is not
  proven (fixed-sequence testing, as in Angelopoulos et al., "Learn then Test", 2021). A looser one acts on whatever a
  stricter one acts on, so the first false rung decides, and its error is that of one test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from intents.gate import STRICT_THRESHOLD

_LOOSER: Final = (0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.70)
LADDER: Final[tuple[float, ...]] = (STRICT_THRESHOLD, *(rung for rung in _LOOSER if rung > STRICT_THRESHOLD))
"""The thresholds that may come into use, strictest first. Fixed, not fitted: the strict rule is the first."""
_MIXTURE: Final = ((0.0, 0.98), (1 / 8, 0.014), (1 / 2, 0.006))
"""(share as a part of alpha, weight). With 0 alone one breach would end all hope; the others let more labels outweigh
it. More weight on them would help desks with a breach and cost all others: with 0.5 on 0 it would take 325 without a
breach and 679 with one, instead of 299 and 1060."""
MOST_NEEDED: Final = 1_000_000
"""Labels; a desk that needs more than that will not have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is to be promised: a share of at most `alpha`, and how sure that must be. Both in (0, 1)."""

    alpha: float = 0.01
    confidence: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One threshold of the ladder, held against the labels."""

    threshold: float
    breaches: int
    """Grave messages on which the machine would have acted alone."""
    bound: float
    """Clopper-Pearson upper bound on their share, 0 to 1, as of one look: what a reader may compare with a table."""
    proven: bool
    """Also under looking after every label, and with all stricter rungs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the promise stands with the labels there are."""

    terms: Terms
    grave: int
    """Labelled grave messages: n."""
    rungs: tuple[Rung, ...]
    promised: float
    """The smallest share that can be promised of the strict rule now, however often one has looked; 1.0: nothing."""
    more: int | None
    """Grave messages still to label until `alpha` can be promised of the strict rule, if it acts on none of them;
    0: it can; None: out of reach."""
    more_to_open: int | None
    """The same of the next rung: until the gate can open (further)."""

    @property
    def broken(self) -> bool:
        """Even the strict rule acts on more than `alpha`: the Clopper-Pearson lower bound says so, as of one look."""
        return lower_bound(self.rungs[0].breaches, self.grave, self.terms.confidence) > self.terms.alpha

    @property
    def open_to(self) -> float | None:
        """The loosest proven threshold; None: not even the strict rule is proven yet."""
        return max((rung.threshold for rung in self.rungs if rung.proven), default=None)

    def rung(self, threshold: float) -> Rung:
        """The rung of a threshold of the ladder, or the next stricter one (the first, if there is none)."""
        return next((rung for rung in reversed(self.rungs) if rung.threshold <= threshold), self.rungs[0])


def upper_bound(breaches: int, n: int, confidence: float) -> float:
    """Clopper-Pearson: the largest share, 0 to 1, under which so few breaches among n are not too unlikely. One-sided.

    upper_bound(0, 299, 0.95) is just under 0.01. Raises `ValueError` where 0 <= breaches <= n does not hold.
    """
    _checked(breaches, n)
    if breaches == n:
        return 1.0
    return _bisected(lambda share: _at_most(breaches, n, share) <= 1 - confidence)


def lower_bound(breaches: int, n: int, confidence: float) -> float:
    """Clopper-Pearson: the smallest share, 0 to 1, under which so many breaches are not too unlikely. One-sided."""
    _checked(breaches, n)
    if breaches == 0:
        return 0.0
    return _bisected(lambda share: 1 - _at_most(breaches - 1, n, share) > 1 - confidence)


def evidence(breaches: int, n: int, alpha: float) -> float:
    """Natural logarithm of the martingale: how much better smaller shares than alpha explain the labels. 0.0 at n = 0.

    It grows with n and falls with breaches; it does not depend on their order, so labels may be taken back.
    """
    _checked(breaches, n)
    terms = [
        math.log(weight)
        + (breaches * math.log(part) if breaches else 0.0)
        + (n - breaches) * (math.log1p(-part * alpha) - math.log1p(-alpha))
        for part, weight in _MIXTURE
        if part > 0 or breaches == 0
    ]
    top = max(terms)
    return top + math.log(math.fsum(math.exp(term - top) for term in terms))


def is_proven(breaches: int, n: int, terms: Terms) -> bool:
    """Whether `alpha` is promised, however often one has looked."""
    return evidence(breaches, n, terms.alpha) >= -math.log(1 - terms.confidence)


def promised(breaches: int, n: int, confidence: float) -> float:
    """The smallest share, 0 to 1, that can be promised now, however often one has looked; 1.0: nothing can."""
    return _bisected(lambda share: is_proven(breaches, n, Terms(alpha=share, confidence=confidence)))


def more(breaches: int, n: int, terms: Terms) -> int | None:
    """How many more grave messages must be labelled, with no breach, until `alpha` is promised; None: too many."""
    if is_proven(breaches, n, terms):
        return 0
    if not is_proven(breaches, n + MOST_NEEDED, terms):
        return None
    short, enough = 0, MOST_NEEDED
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (short, middle) if is_proven(breaches, n + middle, terms) else (middle, enough)
    return enough


def standing(opens_at: Iterable[float | None], terms: Terms, *, ladder: tuple[float, ...] = LADDER) -> Standing:
    """How the promise stands.

    opens_at: for each labelled grave message the least threshold at which the machine acts on it alone; None: at none.
    """
    found = list(opens_at)
    n = len(found)
    rungs: list[Rung] = []
    climbing = True
    for threshold in ladder:
        breaches = sum(at is not None and at <= threshold for at in found)
        climbing = climbing and is_proven(breaches, n, terms)
        bound = upper_bound(breaches, n, terms.confidence) if n else 1.0
        rungs.append(Rung(threshold=threshold, breaches=breaches, bound=bound, proven=climbing))
    missing = next((rung for rung in rungs[1:] if not rung.proven), None)
    return Standing(
        terms=terms,
        grave=n,
        rungs=tuple(rungs),
        promised=promised(rungs[0].breaches, n, terms.confidence),
        more=more(rungs[0].breaches, n, terms),
        more_to_open=0 if missing is None else more(missing.breaches, n, terms),
    )


def _checked(breaches: int, n: int) -> None:
    if not 0 <= breaches <= n:
        raise ValueError(f"{breaches} breaches among {n} messages")


def _at_most(breaches: int, n: int, share: float) -> float:
    """P(X <= breaches) for X binomial in n and share, summed by logarithms. 0 < share < 1, breaches < n."""
    log_share, log_rest = math.log(share), math.log1p(-share)
    log_all = math.lgamma(n + 1)
    return math.fsum(
        math.exp(log_all - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log_share + (n - i) * log_rest)
        for i in range(breaches + 1)
    )


def _bisected(holds: Callable[[float], bool]) -> float:
    """The least share from which on `holds`, from above, to 1e-9; 1.0 where it never does."""
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
