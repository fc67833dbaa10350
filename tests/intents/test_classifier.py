"""Verdicts: always well formed, the same alone and in company, and grave sentences found wherever they hide."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from intents.catalogue import Catalogue, load_catalogue
from intents.classifier import Classifier
from intents.gate import STRICT_THRESHOLD
from intents.sentences import MOST_PIECES
from intents.tiers import TIERS
from intents.verdict import Verdict
from models.encoder import Encoder

SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
WORDS = st.sampled_from(["how", "do", "i", "export", "down", "refund", "agent", "broken", "hi", "?", "!", ".", "\n"])
ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=500)


def check(verdict: Verdict, text: str) -> None:
    assert verdict.text == text
    assert list(verdict.tiers) == sorted(verdict.tiers, key=verdict.tiers.__getitem__, reverse=True)
    assert set(verdict.tiers) == set(TIERS)
    assert sum(verdict.tiers.values()) == pytest.approx(1)
    assert all(0 <= probability <= 1 for probability in verdict.tiers.values())
    assert 0 <= verdict.grave <= 1
    assert 0 <= verdict.confidence <= 1
    assert verdict.intent in load_catalogue().by_id
    assert load_catalogue().by_id[verdict.intent].tier == verdict.tier
    assert verdict.runner_up.intent != verdict.intent
    assert "".join(verdict.deciding_sentence.split()) in "".join(text.split())
    assert verdict.reason
    assert all(text[trip.start : trip.end] == trip.words for trip in (*verdict.wires, *verdict.signs))
    if verdict.automatable:
        assert verdict.tier in ("howto", "feedback")
        assert verdict.grave < STRICT_THRESHOLD
        assert not verdict.wires
        assert not verdict.foreign
        assert not verdict.complaint


@SLOW
@given(text=ANY_TEXT)
def test_any_text_has_a_well_formed_verdict(classifier: Classifier, text: str) -> None:
    check(classifier.verdict(text), text)


@SLOW
@given(
    words=st.lists(
        st.sampled_from(
            ["how", "do", "i", "export", "down", "refund", ".", "!", "agent", "my", "love", "broken", "hi", "?"]
        ),
        max_size=40,
    )
)
def test_any_words_have_a_well_formed_verdict(classifier: Classifier, words: list[str]) -> None:
    check(classifier.verdict(" ".join(words)), " ".join(words))


@pytest.mark.parametrize(
    "text",
    ["", " ", "\0", "\ud800", "\udc00\ud83d", "👍", "a" * 1_000_000, "é" * 5000, "?\n" * 300_000, "how " * 250_000],
)
def test_strange_texts(classifier: Classifier, text: str) -> None:
    verdict = classifier.verdict(text)
    check(verdict, text)
    assert not verdict.automatable


def test_the_same_alone_and_among_others(classifier: Classifier) -> None:
    texts = [text for text, _ in load_catalogue().examples][::6]
    texts += [f"{one} {other}" for one, other in zip(texts, reversed(texts), strict=True)][:30]
    alone = {text: classifier.verdict(text) for text in texts}
    mixed = texts * 2
    random.Random(3).shuffle(mixed)
    with ThreadPoolExecutor(8) as pool:
        among = list(pool.map(classifier.verdict, mixed))
    for verdict in among:
        assert verdict == alone[verdict.text]
        assert np.array_equal(verdict.vector, alone[verdict.text].vector)


class Counting:
    """Counts the runs of an encoder."""

    def __init__(self, encoder: Encoder) -> None:
        self.identity = encoder.identity
        self.texts: list[str] = []
        self._encoder = encoder

    def encode(self, text: str) -> NDArray[np.float32]:
        return self.encode_some([text])[0]

    def encode_some(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return self._encoder.encode_some(texts)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("How do I export my contacts?", 1),
        ("  Hi! How do I export my contacts? Thanks.  ", 1),
        ("How do I export my contacts? Nothing has worked for hours.", 3),
        ("How do I export my contacts, and can I import them again?", 3),
        ("This is one more sentence of a long story. " * 40, 1 + MOST_PIECES),
    ],
)
def test_how_often_the_encoder_runs(classifier: Classifier, encoder: Encoder, text: str, runs: int) -> None:
    counting = Counting(encoder)
    verdict = classifier.with_encoder(counting).verdict(text)
    assert len(counting.texts) == runs
    assert counting.texts[0] == text.strip()
    assert np.array_equal(verdict.vector, encoder.encode(text.strip()))


SHORT = (
    "How do I export my contacts? I would like to have them in a spreadsheet for my brother. Which menu is that in? {} "
    "And can I change the colour of the calendar?"
)
LONG = SHORT + " How do I rename a folder? Where do I set the language? What is the shortcut for search, please?"


@pytest.mark.parametrize(
    "hidden",
    [
        "By the way nobody in our office has been able to use it since nine.",
        "Since this morning all tills refuse to work.",
        "You debited my card two times last week.",
        "The whole portal seems to have gone away.",
        "Our shop shows a white page to everybody.",
        "My card shows a payment to you that I do not know.",
        "I'd rather tell a colleague of yours.",
        "The lamp on the box is red and no website opens.",
        "Ring me.",
        "Somebody else is in my profile right now.",
        "It is all down.",
    ],
)
def test_a_grave_sentence_among_how_tos_is_found(classifier: Classifier, hidden: str) -> None:
    assert not classifier.verdict(SHORT.format(hidden)).automatable
    assert not classifier.verdict(LONG.format(hidden)).automatable
    assert not classifier.verdict(f"How do I export my contacts? {hidden}").automatable
    assert not classifier.verdict(f"{hidden} How do I export my contacts?").automatable


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("your site is down", "outage"),
        ("DOWN!!!", "outage"),
        ("my internet is gone and the whole street too", "outage"),
        ("you charged me twice this month", "billing"),
        ("please could I have my money back", "billing"),
        ("the export button does nothing", "problem"),
        ("let me talk to a human", "person"),
        ("how do I change the language of the app?", "howto"),
        ("I love the new design, well done", "feedback"),
        ("my account was hacked", "unknown"),
    ],
)
def test_plain_cases(classifier: Classifier, text: str, tier: str) -> None:
    assert classifier.verdict(text).tier == tier


@pytest.mark.parametrize(
    "text",
    [
        "how do I update my billing address?",
        "how do I download an invoice",
        "How do I add a second payment method?",
        "do you ship to Norway?",
        "you folks are the best, thank you",
        "it would be great to have a dark theme",
    ],
)
def test_what_a_machine_may_do(classifier: Classifier, text: str) -> None:
    verdict = classifier.verdict(text)
    assert verdict.automatable, verdict.reason


@pytest.mark.parametrize(
    "text",
    [
        "great job losing my bag, thanks so much",
        "thanks for nothing",
        "how do I cancel this garbage?",
        "wie kündige ich meinen Vertrag?",
        "how do I get my money back?",
        "how do I reach a person?",
        "how do I sue you?",
        "how do I stop someone who is blackmailing me?",
        "Hello, how do I log in? It says service unavailable for all of us",
    ],
)
def test_what_a_machine_must_not_do(classifier: Classifier, text: str) -> None:
    assert not classifier.verdict(text).automatable


def test_asking_for_a_bot_is_not_asking_for_a_person(classifier: Classifier) -> None:
    verdict = classifier.verdict("am I talking to a real person?")
    assert verdict.small_talk == "are_you_a_bot"
    assert "person" not in verdict.wire_names


def test_neighbours_are_found_on_demand(classifier: Classifier) -> None:
    verdict = classifier.verdict("how do I download an invoice?")
    assert verdict.nearest == ()
    explained = classifier.explain(verdict)
    assert explained.nearest == classifier.nearest(verdict.text)
    assert [near.similarity for near in explained.nearest] == sorted(
        (near.similarity for near in explained.nearest), reverse=True
    )
    assert explained.nearest[0].utterance == "how do i download an invoice"
    assert explained.nearest[0].similarity > 0.95


def test_it_is_learnt_once_and_then_loaded(encoder: Encoder, tmp_path: Path, catalogue: Catalogue) -> None:
    said: list[str] = []
    first = Classifier.load_or_train(tmp_path, encoder, catalogue=catalogue, progress=said.append)
    assert said
    said.clear()
    second = Classifier.load_or_train(tmp_path, encoder, catalogue=catalogue, progress=said.append)
    assert said == []
    assert second.identity == first.identity
    text = "how do I download an invoice? the site is down"
    assert second.verdict(text) == first.verdict(text)


@pytest.mark.parametrize("name", ["head.npz", "utterances.npy"])
def test_a_damaged_artefact_is_learnt_again(encoder: Encoder, tmp_path: Path, catalogue: Catalogue, name: str) -> None:
    first = Classifier.load_or_train(tmp_path, encoder, catalogue=catalogue)
    (file,) = tmp_path.glob(f"intents/*/{name}")
    file.write_bytes(file.read_bytes()[:1000])
    again = Classifier.load_or_train(tmp_path, encoder, catalogue=catalogue)
    assert again.verdict("refund please") == first.verdict("refund please")
