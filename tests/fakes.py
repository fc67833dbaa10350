"""Stand-ins for the costly parts, so that a test of the journey does not pay for an encoder."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from intents.catalogue import Intent
from intents.gate import judge
from intents.small_talk import small_talk
from intents.tiers import TIERS, Tier
from intents.verdict import Nearest, RunnerUp, Verdict
from intents.wires import trips

_WORDS: dict[Tier, str] = {
    "outage": r"\b(down|outage|offline)\b",
    "billing": r"\b(charged|refund|invoice is wrong)\b",
    "person": r"\b(human|person|agent)\b",
    "problem": r"\b(broken|error|fails)\b",
    "howto": r"\bhow (do|can) i\b",
    "feedback": r"\b(love|great|you could|terrible)\b",
}
_GERMAN = r"\b(ich|nicht|und|mein)\b"
_COMPLAINT = r"\b(terrible|worst)\b"


class FakeEncoder:
    """A bag of hashed words: equal texts are equal, texts with common words are close."""

    dimension = 384
    identity = "fake"

    def encode(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(self.dimension, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            vector[int(hashlib.sha256(word.encode("utf-8", "replace")).hexdigest(), 16) % self.dimension] += 1.0
        length = float(np.linalg.norm(vector))
        return vector / length if length else vector

    def encode_some(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_many(texts)

    def encode_many(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self.encode(text) for text in texts]) if texts else np.zeros((0, 384), dtype=np.float32)


def _deciding(text: str, tier: str) -> str:
    sentences = re.split(r"(?<=[.!?])\s+", text)
    return next((part for part in sentences if re.search(_WORDS.get(tier, "$^"), part.lower())), text)


class FakeClassifier:
    """Knows tiers by a word each. `poison` raises and `sleepy` takes `nap` seconds, or until `wakes` is set."""

    identity = "fake"
    catalogue = SimpleNamespace(
        examples=(),
        by_id={
            id_: Intent(id=id_, name=name, tier=tier)
            for id_, name, tier in (
                ("down", "Down", "outage"), ("twice", "Charged twice", "billing"), ("alias", "Make an alias", "howto"),
            )
        },
    )  # fmt: skip

    def __init__(self, *, nap: float = 3.0) -> None:
        self._encoder = FakeEncoder()
        self._nap = nap
        self.wakes = threading.Event()

    def verdict(self, text: str) -> Verdict:
        if "poison" in text:
            raise RuntimeError("this text makes the machine fail")
        if "sleepy" in text:
            self.wakes.wait(self._nap)
        foreign = re.search(_GERMAN, text.lower()) is not None
        tier: Tier = next((tier for tier, words in _WORDS.items() if re.search(words, text.lower())), "unknown")
        tiers = {name: (0.97 if name == tier else 0.005) for name in TIERS}
        bare = Verdict(
            text=text,
            tier=tier,
            intent={"feedback": "praise"}.get(tier, tier),
            confidence=0.97,
            tiers=tiers,
            runner_up=RunnerUp("none", "unknown", 0.005),
            deciding_sentence=_deciding(text, tier),
            grave=0.97 if tier in ("outage", "billing", "problem", "person") else 0.005,
            wires=tuple(trip for trip in trips(text) if trip.hard),
            signs=(),
            language="de" if foreign else "en",
            foreign=foreign,
            complaint=re.search(_COMPLAINT, text.lower()) is not None,
            small_talk=small_talk(text),
            sentences=1,
            answerable=True,
            automatable=False,
            reason="",
            vector=self._encoder.encode(text),
        )
        ruling = judge(bare)
        return replace(bare, automatable=ruling.automatable, reason=ruling.reason)

    def nearest(self, text: str) -> tuple[Nearest, ...]:
        return (Nearest(utterance="it is down", intent="outage", similarity=0.5),)
