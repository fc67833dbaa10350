"""A trial on messages of our own, and on public ones where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from intents.errors import LabelledError
from intents.labelled import Labelled, Row, read_labelled
from intents.trial import run
from models.encoder import Encoder
from models.vectors import VectorCache
from tests.intents.datasets import needed

KNOWN = {
    "weather": ["will it rain today", "is it sunny outside", "how cold is it tomorrow", "do I need an umbrella"],
    "music": ["play some jazz", "next song please", "turn the music louder", "play my running playlist"],
    "food": ["order a pizza", "find a sushi place", "book a table for two", "what is for dinner"],
}
TEST = {"weather": ["is rain coming tomorrow"], "music": ["play a song"], "food": ["I want to order sushi"]}


def labelled(messages: dict[str, list[str]]) -> Labelled:
    rows = [Row(text=text, label=label, file="f") for label, texts in messages.items() for text in texts]
    return Labelled(rows=tuple(rows))


def quiet(doing: str, done: int = 0, of: int | None = None) -> None:
    pass


def test_a_fresh_head_is_trained_and_measured(encoder: Encoder, tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "vectors.sqlite", encoder)
    test = {**TEST, "travel": ["book a flight"], "oos": ["my printer has no ink", "define ontology"]}
    train = {**KNOWN, "oos": ["what is the capital of peru"]}
    found = run(labelled(train), labelled(test), cache, encoder_identity=encoder.identity, show=quiet, oos_label="oos")
    assert found.scores.accuracy == 0.75
    assert found.absent == {"travel": 1}
    assert found.encoded == 12 + 4 + 2 + 3  # and what the three labels say
    assert found.out_of_scope is not None
    assert (found.out_of_scope.messages, found.out_of_scope.train_left_out) == (2, 1)
    assert found.out_of_scope.auroc >= 0.75
    again = run(labelled(KNOWN), labelled(KNOWN), cache, encoder_identity=encoder.identity, show=quiet)
    assert (again.encoded, again.repeated, again.out_of_scope) == (0, 12, None)


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ({"a": ["x"]}, {"a": ["x"]}, "only 'a'"),
        ({"oos": ["x"]}, {"a": ["x"]}, "nothing but 'oos'"),
        ({"a": ["x"], "b": ["y"]}, {"oos": ["x"]}, "nothing but 'oos'"),
        ({"a": ["x"], "b": ["y"]}, {"a": ["x"]}, "no row is labelled 'oos'"),
    ],
)
def test_what_cannot_be_measured_is_said(
    encoder: Encoder, tmp_path: Path, train: dict[str, list[str]], test: dict[str, list[str]], said: str
) -> None:
    cache = VectorCache(tmp_path / "vectors.sqlite", encoder)
    with pytest.raises(LabelledError, match=said):
        run(labelled(train), labelled(test), cache, encoder_identity="e", show=quiet, oos_label="oos")


def test_five_examples_of_each_of_thirty_public_intents(encoder: Encoder, tmp_path: Path) -> None:
    """A small piece of CLINC150, so that it takes seconds; its valid part, because the test part is for reporting."""
    folder = needed("clinc150")
    train = read_labelled([str(folder / "fs_train_5.seq.in")])
    names = set(sorted(set(train.labels))[:30])
    valid = read_labelled([f"{folder / 'data_full.json'}:val+oos_val"])
    seen = {label: 0 for label in (*names, "oos")}

    def few(row: Row) -> bool:
        seen[row.label] = seen.get(row.label, 99) + 1
        return seen[row.label] <= (60 if row.label == "oos" else 4)

    found = run(
        train.where(lambda row: row.label in names),
        valid.where(few),
        VectorCache(tmp_path / "vectors.sqlite", encoder),
        encoder_identity=encoder.identity,
        show=quiet,
        oos_label="oos",
    )
    assert len(found.rows) == 120
    assert found.scores.accuracy >= 0.85
    assert found.out_of_scope is not None
    assert found.out_of_scope.auroc >= 0.90
