"""A reading says at which thresholds the machine would act alone; that is what every other threshold then does."""

from __future__ import annotations

import pytest

from bot.retrieval import Library
from bot.understanding import Classifies, Reader
from intents.classifier import Classifier
from intents.gate import STRICT_THRESHOLD
from intents.promise import LADDER
from intents.verdict import Nearest, Verdict
from tests.bot.retrieval_set import load_parts
from tests.fakes import FakeClassifier, FakeEncoder


class Remembering:
    """The same classifier, which reads each text once."""

    def __init__(self, classifier: Classifier) -> None:
        self.identity = classifier.identity
        self._classifier = classifier
        self._known: dict[str, Verdict] = {}

    def verdict(self, text: str) -> Verdict:
        if text not in self._known:
            self._known[text] = self._classifier.verdict(text)
        return self._known[text]

    def nearest(self, text: str) -> tuple[Nearest, ...]:
        return self._classifier.nearest(text)


def reader(classifier: Classifies, library: Library, threshold: float = STRICT_THRESHOLD) -> Reader:
    return Reader(classifier=classifier, library=lambda: library, threads=1, threshold=lambda: threshold)


@pytest.fixture(scope="module")
def parts(desk: tuple[Library, Classifier]) -> tuple[Library, Remembering]:
    library, classifier = desk
    return library, Remembering(classifier)


async def test_it_opens_at_the_first_threshold_at_which_the_machine_acts(parts: tuple[Library, Remembering]) -> None:
    """Real words, real articles: who acts at one threshold acts at every looser one, lifted by an article or not."""
    library, classifier = parts
    known = load_parts("paraphrases_by_voice")["tuning"]
    texts = [*list(known.answerable)[:50], *known.grave[:30], "hello", "thanks", "I love it"]
    acts: dict[str, list[bool]] = {text: [] for text in texts}
    opens_at: dict[str, set[float | None]] = {text: set() for text in texts}
    for threshold in LADDER:
        at = reader(classifier, library, threshold)
        for text, reading in zip(texts, await at.read(texts), strict=True):
            assert reading is not None
            assert reading.threshold == threshold
            acts[text].append(reading.verdict.automatable)
            opens_at[text].add(reading.opens_at)
        at.close()
    found = set()
    for text in texts:
        (first,) = opens_at[text]  # it does not depend on the threshold in use
        found.add(first)
        if first != 0.0:
            assert acts[text] == [first is not None and threshold >= first for threshold in LADDER], text
    assert {0.0, LADDER[0], None} <= found
    assert len(found) > 3, "none opens at a looser threshold; this test sees nothing"


async def test_small_talk_asks_no_gate() -> None:
    library = Library.build([], FakeEncoder())
    at = reader(FakeClassifier(), library)
    found = await at.read(["hello", "thanks", "are you a bot?", "it is down", "hello, it is down"])
    assert [reading and reading.opens_at for reading in found] == [0.0, 0.0, 0.0, None, None]
    at.close()


async def test_what_was_let_through_does_not_hold_once_the_gate_has_closed() -> None:
    library, threshold = Library.build([], FakeEncoder()), [LADDER[-1]]
    at = Reader(classifier=FakeClassifier(), library=lambda: library, threads=1, threshold=lambda: threshold[0])
    through, held = await at.read(["I love it", "it is down"])
    assert through is not None
    assert held is not None
    assert at.holds(through)
    threshold[0] = STRICT_THRESHOLD
    assert not at.holds(through)
    assert at.holds(held)
    (again,) = await at.read(["I love it"])
    assert again is not None
    assert again.threshold == STRICT_THRESHOLD
    at.close()
