"""Reads bursts: the classifier's verdict and the articles that fit, off the event loop, in the policy's terms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from bot.policy import SECTIONS_AT_MOST, Understanding
from bot.retrieval import Hit, Library
from intents.verdict import Nearest, Verdict

SHARE: Final = 4
"""Texts that a thread takes at once: few enough to keep all threads busy, more than one to keep the loop idle."""
REMEMBERED: Final = 1024
"""Readings kept while a chat waits for quiet, so that waiting does not mean understanding twice."""
_WIRE_TIER: Final = {"down": "outage", "money": "billing", "person": "person", "legal": "person"}
_NAMED_FROM: Final = 0.3
"""A tier with this probability in the whole text is listed on the case."""


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
    model: str
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
                for hit in self.hits
            ],
        }  # fmt: skip


class Reader:
    """Understands texts on a pool of threads. The library is replaced as a whole when articles change."""

    def __init__(self, *, classifier: Classifies, library: Callable[[], Library], threads: int) -> None:
        self._classifier = classifier
        self._library = library
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._known: dict[str, tuple[Library, Reading]] = {}

    async def read(self, texts: Sequence[str]) -> list[Reading | None]:
        """A reading for each text; None for one without words. Each stands alone: neighbours change nothing."""
        library = self._library()
        found: dict[str, Reading] = {}
        for text in texts:
            known = self._known.get(text)
            if known is not None and known[0] is library:
                found[text] = known[1]
        missing = [text for text in dict.fromkeys(texts) if text.strip() and text not in found]
        loop = asyncio.get_running_loop()
        shares = [missing[start : start + SHARE] for start in range(0, len(missing), SHARE)]
        for share in await asyncio.gather(
            *(loop.run_in_executor(self._pool, self._read_all, share, library) for share in shares)
        ):
            found |= share
            for text, reading in share.items():
                if reading.verdict.automatable:  # only these may have to wait for quiet
                    self._remember(text, library, reading)
        return [found.get(text) for text in texts]

    def _remember(self, text: str, library: Library, reading: Reading) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[text] = (library, reading)

    def _read_all(self, texts: Sequence[str], library: Library) -> dict[str, Reading]:
        return {text: self._read(text, library) for text in texts}

    def _read(self, text: str, library: Library) -> Reading:
        verdict = self._classifier.verdict(text)
        understanding = understand(verdict)
        questions = 1
        hits: tuple[Hit, ...] = ()
        if verdict.automatable and verdict.tier == "howto":
            questions, hits = _look_up(text, verdict, library)
        elif verdict.tier in ("problem", "howto") and understanding.grave is None:
            best = library.best(text, verdict.vector)
            hits = (best,) if best is not None else ()
        return Reading(
            verdict=verdict,
            understanding=understanding,
            questions=questions,
            hits=hits,
            model=self._classifier.identity[:80],
            evidence=_evidence(verdict),
        )

    async def nearest(self, text: str) -> list[dict[str, Any]]:
        """The utterances of the catalogue closest to a text, closest first."""
        found = await asyncio.get_running_loop().run_in_executor(self._pool, self._classifier.nearest, text)
        return [
            {"utterance": near.utterance, "intent": near.intent, "similarity": round(float(near.similarity), 3)}
            for near in found
        ]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


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
        person="person" in named,
        grave=grave,
        complaint=verdict.complaint,
        foreign=verdict.foreign,
        language=verdict.language,
        small_talk=verdict.small_talk,
        others=tuple(others),
    )


def _look_up(text: str, verdict: Verdict, library: Library) -> tuple[int, tuple[Hit, ...]]:
    """How many questions the text asks, and the best section for each that has one."""
    asked = [part.strip() + "?" for part in text.replace("\n", " ").split("?")[:-1] if part.strip()]
    if len(asked) <= 1:
        best = library.best(text, verdict.vector)
        return 1, (best,) if best is not None else ()
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
