"""Reads bursts: the classifier's verdict and the articles that fit, off the event loop, in the policy's terms."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

import structlog

from bot.policy import SECTIONS_AT_MOST, Understanding
from bot.retrieval import GOOD, Hit, Library
from intents.familiar import reconsider
from intents.gate import STRICT_THRESHOLD, judge
from intents.promise import LADDER
from intents.verdict import Nearest, Verdict

SHARE: Final = 4
"""Texts that a thread takes at once when many wait: fewer would keep the loop busy with passing them on."""
READ_AT_MOST: Final = 10.0
"""Seconds of a thread for one piece of work. The longest texts need a third of one."""
REMEMBERED: Final = 1024
"""Readings kept while a chat waits for quiet, so that waiting does not mean understanding twice."""
_WIRE_TIER: Final = {"down": "outage", "money": "billing", "person": "person", "legal": "person"}
LOOK_AT: Final = 3
"""Sections that the person who takes over is shown beside what the machine would have answered with."""
WORTH_A_LOOK: Final = 0.2
"""From this score on. It is far below what the machine may answer with: a person sees at once what does not fit."""
_HURT: Final = frozenset({"self-harm", "self-harm abroad"})
"""What security wires call it. "It is killing me" trips them too, and is a manner of speaking."""
_NAMED_FROM: Final = 0.3
"""A tier with this probability in the whole text is listed on the case."""

_NEVER_ASKED: Final = frozenset({"greeting", "thanks", "are_you_a_bot"})
"""Small talk to which the policy gives its end without the gate."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Classifies(Protocol):
    """The part of `intents.classifier.Classifier` that is used here."""

    @property
    def identity(self) -> str: ...

    def verdict(self, text: str) -> Verdict: ...

    def nearest(self, text: str) -> tuple[Nearest, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was made of one burst."""

    verdict: Verdict
    understanding: Understanding
    questions: int
    hits: tuple[Hit, ...]
    """The best section for each question that has one; for a problem, a likely workaround."""
    near: tuple[Hit, ...] = ()
    """What came near an answer, best first, for a person to look at."""
    model: str
    threshold: float = STRICT_THRESHOLD
    """The gate's, by which `verdict` was ruled."""
    rule: str | None = None
    """Names what judged; see `bot.gatekeeper.rule_of`."""
    opens_at: float | None = None
    """The least threshold of the ladder at which the machine acts on it alone; None: at none; 0.0: it asks no gate."""
    evidence: dict[str, Any] = field(default_factory=dict)

    def row(self, message_id: int, now: datetime) -> dict[str, Any]:
        """For the table of verdicts."""
        return {
            "message_id": message_id,
            "tier": self.verdict.tier,
            "intent": self.verdict.intent,
            "confidence": float(self.verdict.confidence),
            "automatable": self.verdict.automatable,
            "evidence": self.evidence,
            "model": self.model,
            "created_at": now,
        }

    def context(self) -> dict[str, Any]:
        """For the case: why a person has it."""
        return {
            **self.evidence,
            "tier": self.verdict.tier,
            "intent": self.verdict.intent,
            "confidence": round(float(self.verdict.confidence), 4),
            "articles": [
                {"slug": hit.article.slug, "title": hit.article.title, "section": hit.section.heading,
                 "anchor": hit.section.anchor, "score": round(float(hit.score), 3)}
                for hit in {(hit.article.slug, hit.section.anchor): hit for hit in (*self.hits, *self.near)}.values()
            ],
        }  # fmt: skip


class _Job(Generic[T]):
    """Pieces of work for one thread, and since when it has been at the one that it is at."""

    def __init__(self, pieces: Sequence[Callable[[], T]]) -> None:
        self._pieces = pieces
        self._since: float | None = None

    def run(self, at_work: set[_Job[Any]]) -> list[T]:
        at_work.add(self)
        done: list[T] = []
        try:
            for piece in self._pieces:
                self._since = time.monotonic()
                done.append(piece())
        except Exception:
            raise
        except BaseException as error:  # a panic in a library of another language; let out, it would end the desk
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        finally:
            self._since = None
            at_work.discard(self)
        return done

    def left(self) -> float:
        """Seconds that its piece still has; all of them where none has begun."""
        since = self._since
        return READ_AT_MOST if since is None else since + READ_AT_MOST - time.monotonic()


class Reader:
    """Understands texts on a pool of threads. The library is replaced as a whole when articles change."""

    def __init__(
        self,
        *,
        classifier: Classifies,
        library: Callable[[], Library],
        threads: int,
        threshold: Callable[[], float] = lambda: STRICT_THRESHOLD,
        rule: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`threshold` is the gate's, `rule` names what judges; both are asked once for texts that are read together."""
        self._classifier = classifier
        self._library = library
        self._threshold = threshold
        self._rule = rule
        self._threads = threads
        self._pool = self._new_pool()
        self._at_work: set[_Job[Any]] = set()
        self._known: dict[str, Reading] = {}
        self._known_by: tuple[Library, float] | None = None

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="reader", initializer=_stand_back)

    def shares(self, items: Sequence[T]) -> list[Sequence[T]]:
        """What to read together: one each while threads are free for it, a few each when many wait."""
        size = min(SHARE, max(1, len(items) // self._threads))
        return [items[start : start + size] for start in range(0, len(items), size)]

    async def read(self, texts: Sequence[str]) -> list[Reading | None]:
        """A reading for each text; None for one without words. Each stands alone: neighbours change nothing.

        One thread reads them, in order. Raises what the classifier raises, and `TimeoutError` if it does not come back.
        """
        library, threshold, rule = self._library(), self._threshold(), self._rule()
        if (library, threshold) != self._known_by:
            self._known, self._known_by = {}, (library, threshold)
        found = {text: self._known[text] for text in texts if text in self._known}
        missing = [text for text in dict.fromkeys(texts) if text.strip() and text not in found]
        if missing:
            readings = await self._in_a_thread(
                _Job([partial(self._read, text, library, threshold, rule) for text in missing])
            )
            found |= zip(missing, readings, strict=True)
        for text in missing:
            if found[text].verdict.automatable:  # only these may have to wait for quiet
                self._remember(text, (library, threshold), found[text])
        return [found.get(text) for text in texts]

    async def _in_a_thread(self, job: _Job[T]) -> list[T]:
        while True:
            pool, at_work = self._pool, self._at_work
            future = asyncio.get_running_loop().run_in_executor(pool, job.run, at_work)
            while not future.done():
                await asyncio.wait({future}, timeout=max(job.left(), 0.01))
                if future.done():
                    break
                # Also one that nobody waits for any more may be in our way.
                if any(other.left() <= 0 for other in list(at_work)):
                    self._leave(pool)
                if job.left() <= 0:
                    raise TimeoutError(f"nothing came back within {READ_AT_MOST:.0f} s")
            if not future.cancelled() or pool is self._pool:
                return future.result()

    def _leave(self, pool: ThreadPoolExecutor) -> None:
        """A thread that does not come back is left alone with its text; who waits behind it gets another."""
        if pool is self._pool:
            self._pool, self._at_work = self._new_pool(), set()
            pool.shutdown(wait=False, cancel_futures=True)

    def holds(self, reading: Reading) -> bool:
        """Whether the gate has not closed since: what it let through then it would let through now."""
        return reading.threshold <= self._threshold() or not reading.verdict.automatable

    def _remember(self, text: str, by: tuple[Library, float], reading: Reading) -> None:
        if by != self._known_by:
            return
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[text] = reading

    def _read(self, text: str, library: Library, threshold: float, rule: str | None) -> Reading:
        raw = self._classifier.verdict(text)
        verdict = raw if threshold == STRICT_THRESHOLD else _ruled(raw, threshold)
        understanding = understand(verdict)
        questions = 1
        hits: tuple[Hit, ...] = ()
        near: tuple[Hit, ...] = ()
        good = False
        if verdict.tier in ("problem", "howto", "unknown") and understanding.grave is None:
            found = library.search(text, verdict.vector, limit=LOOK_AT)
            near = tuple(hit for hit in found if hit.score >= WORTH_A_LOOK)
            good = bool(near) and near[0].score >= GOOD
            if good:
                verdict = reconsider(verdict, library.familiar, threshold=threshold)
                understanding = understand(verdict)
            hits = near[:1] if good and verdict.tier != "unknown" else ()
        if verdict.automatable and verdict.tier == "howto":
            asked = _questions(text)
            if len(asked) > 1:
                questions, hits = _look_up(asked, library)
        return Reading(
            verdict=verdict,
            understanding=understanding,
            questions=questions,
            hits=hits,
            near=near,
            model=self._classifier.identity[:80],
            threshold=threshold,
            rule=rule,
            opens_at=_opens_at(raw, library if good else None),
            evidence=_evidence(verdict),
        )

    async def nearest(self, text: str) -> list[dict[str, Any]]:
        """The utterances of the catalogue closest to a text, closest first; none if the machine fails on it."""
        try:
            (found,) = await self._in_a_thread(_Job([partial(self._classifier.nearest, text)]))
        except Exception:
            log.exception("the nearest utterances cannot be looked up")
            return []
        return [
            {"utterance": near.utterance, "intent": near.intent, "similarity": round(float(near.similarity), 3)}
            for near in found
        ]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _stand_back() -> None:
    """Let the loop and the database go before this thread's computing: they need little and are waited for."""
    with suppress(AttributeError, OSError):  # Linux alone has a priority for each thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + 10)


def _ruled(verdict: Verdict, threshold: float) -> Verdict:
    """The same verdict, ruled by another threshold."""
    ruling = judge(verdict, threshold=threshold)
    return replace(verdict, automatable=ruling.automatable, reason=ruling.reason)


def _opens_at(verdict: Verdict, library: Library | None) -> float | None:
    """The least threshold at which a machine acts on it alone, whether or not there is an article; None: at none.

    library: those articles whose word for it counts; None: they have nothing good enough.
    """
    said = understand(verdict)
    if verdict.small_talk in _NEVER_ASKED and said.grave is None and not said.security:
        return 0.0

    def acts(threshold: float) -> bool:
        if judge(verdict, threshold=threshold).automatable:
            return True
        held_back = replace(verdict, automatable=False)
        return library is not None and reconsider(held_back, library.familiar, threshold=threshold).automatable

    at = bisect_left(LADDER, True, key=acts)  # who acts at one threshold acts at every looser one
    return LADDER[at] if at < len(LADDER) else None


def understand(verdict: Verdict) -> Understanding:
    """A verdict in the policy's terms."""
    wired = [_WIRE_TIER[trip.wire] for trip in verdict.wires if trip.wire in _WIRE_TIER]
    named = {*wired, verdict.tier}
    grave = next((tier for tier in ("outage", "billing", "person") if tier in named), None)
    others = [
        tier
        for tier, probability in verdict.tiers.items()
        if tier not in (verdict.tier, "unknown") and (probability >= _NAMED_FROM or tier in wired)
    ]
    return Understanding(
        tier=verdict.tier,
        intent=verdict.intent,
        automatable=verdict.automatable,
        reason=verdict.reason,
        security=verdict.security,
        hurt=any(trip.evidence in _HURT and not trip.words.lower().endswith(" me") for trip in verdict.wires),
        person="person" in named,
        grave=grave,
        complaint=verdict.complaint,
        foreign=verdict.foreign,
        language=verdict.language,
        small_talk=verdict.small_talk,
        others=tuple(others),
    )


def _questions(text: str) -> list[str]:
    return [part.strip() + "?" for part in text.replace("\n", " ").split("?")[:-1] if part.strip()]


def _look_up(asked: Sequence[str], library: Library) -> tuple[int, tuple[Hit, ...]]:
    """How many different things are asked, and the best section for each that has one."""
    found = [library.best(question) for question in asked[: SECTIONS_AT_MOST + 1]]
    hits: dict[tuple[str, str], Hit] = {}
    missing = 0
    for hit in found:
        if hit is None:
            missing += 1
        else:
            hits[hit.article.slug, hit.section.anchor] = hit
    if len(asked) > len(found):
        missing += 1
    return len(hits) + missing, tuple(hits.values())


def _evidence(verdict: Verdict) -> dict[str, Any]:
    """Why, as JSON: runner-up, the deciding sentence, what tripped. (The nearest utterances are looked up when a
    person asks: they cost more than all of this, and most cases are read once.)"""
    return {
        "tiers": {tier: round(float(probability), 4) for tier, probability in verdict.tiers.items()},
        "runner_up": {
            "intent": verdict.runner_up.intent,
            "tier": verdict.runner_up.tier,
            "probability": round(float(verdict.runner_up.probability), 4),
        },
        "deciding_sentence": verdict.deciding_sentence[:500],
        "grave": round(float(verdict.grave), 4),
        "wires": [
            {
                "wire": trip.wire,
                "evidence": trip.evidence,
                "words": trip.words[:100],
                "start": trip.start,
                "end": trip.end,
            }
            for trip in (*verdict.wires, *verdict.signs)
        ],
        "language": verdict.language,
        "complaint": verdict.complaint,
        "why": verdict.reason,
    }
