"""Learning again after an edit begins where the last learning ended, and ends where one from nothing would."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from intents import training
from intents.catalogue import Catalogue, check, load_catalogue
from intents.tiers import TIERS
from intents.training import KEPT, Learnt, learnt
from models import head
from models.encoder import Encoder
from models.head import Head

ASKED = ["how do I get my money back", "everything is down", "the app crashes", "put me through", "qzx", "thanks!"]


def edited(catalogue: Catalogue, number: int) -> Catalogue:
    first, *others = catalogue.intents
    text = f"edit {number}: nothing answers since this morning"
    return check([replace(first, utterances=(*first.utterances[:-1], text)), *others])


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[Head | None]:
    """From where each fit began."""
    seen: list[Head | None] = []
    once = head.fit_head

    def noted(*args: object, start: Head | None = None, **named: object) -> Head:
        seen.append(start)
        return once(*args, start=start, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "fit_head", noted)
    return seen


def furthest(one: Learnt, other: Learnt, encoder: Encoder) -> float:
    """The largest difference of a probability."""
    vectors = encoder.encode_many(ASKED)
    pairs = list(zip(ASKED, vectors, strict=True))
    return max(float(np.abs(one.probabilities(*pair) - other.probabilities(*pair)).max()) for pair in pairs)


def test_history_does_not_matter(
    encoder: Encoder, tmp_path: Path, catalogue: Catalogue, starts: list[Head | None]
) -> None:
    for number in range(4):
        warm = learnt(tmp_path / "warm", encoder, edited(catalogue, number))
    cold = learnt(tmp_path / "cold", encoder, edited(catalogue, 3))
    assert [start is not None for start in starts] == [False, True, True, True, False]
    assert warm.identity == cold.identity
    assert furthest(warm, cold, encoder) < 2e-3


def test_history_does_not_matter_for_the_whole_catalogue(encoder: Encoder, tmp_path: Path) -> None:
    catalogue = load_catalogue()
    learnt(tmp_path / "warm", encoder, catalogue)
    shutil.copytree(tmp_path / "warm", tmp_path / "cold")
    (tmp_path / "cold" / "intents" / "last").unlink()  # the vectors stay, the head begins from nothing
    warm, cold = (learnt(tmp_path / name, encoder, edited(catalogue, 1)) for name in ("warm", "cold"))
    assert furthest(warm, cold, encoder) < 2e-3


def test_the_groups_are_the_tiers(encoder: Encoder, tmp_path: Path, catalogue: Catalogue) -> None:
    found = learnt(tmp_path, encoder, catalogue).head
    assert set(found.groups) == {intent.tier for intent in catalogue.intents} <= set(TIERS)
    assert [found.groups[at] for at in found.group_of] == [catalogue.by_id[name].tier for name in found.classes]


@pytest.mark.parametrize(
    "damage",
    [
        lambda home: (home / "intents" / "last").unlink(),
        lambda home: (home / "intents" / "last").write_bytes(b"\xff\x00"),
        lambda home: (home / "intents" / "last").write_text("../elsewhere"),
        lambda home: [file.write_bytes(file.read_bytes()[:500]) for file in home.glob("intents/*/head.npz")],
        lambda home: [file.unlink() for file in home.glob("intents/*/head.npz")],
    ],
    ids=["no last", "bytes", "another folder", "half a head", "no head"],
)
def test_without_the_last_head_it_is_learnt_from_nothing(
    encoder: Encoder,
    tmp_path: Path,
    catalogue: Catalogue,
    starts: list[Head | None],
    damage: Callable[[Path], object],
) -> None:
    learnt(tmp_path, encoder, catalogue)
    damage(tmp_path)
    again = learnt(tmp_path, encoder, edited(catalogue, 1))
    assert starts == [None, None]
    cold = learnt(tmp_path / "cold", encoder, edited(catalogue, 1))
    assert furthest(again, cold, encoder) == 0


def test_damaged_counts_are_made_anew(encoder: Encoder, tmp_path: Path, catalogue: Catalogue) -> None:
    learnt(tmp_path, encoder, catalogue)
    (tmp_path / "intents" / "counts.npz").write_bytes(b"PK nonsense")
    warm = learnt(tmp_path, encoder, edited(catalogue, 1))
    assert furthest(warm, learnt(tmp_path / "cold", encoder, edited(catalogue, 1)), encoder) < 2e-3


def test_only_what_was_learnt_last_is_kept(encoder: Encoder, tmp_path: Path, catalogue: Catalogue) -> None:
    for number in range(KEPT + 2):
        newest = learnt(tmp_path, encoder, edited(catalogue, number))
    kept = [path.parent.name for path in tmp_path.glob("intents/*/head.npz")]
    assert len(kept) == KEPT
    assert newest.identity in kept
