"""The real classifier, learnt once for all tests of this folder."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from intents.catalogue import Catalogue, check, load_catalogue
from intents.classifier import Classifier
from models.encoder import Encoder


@pytest.fixture(scope="session")
def classifier(encoder: Encoder) -> Classifier:
    home = Path(os.environ.get("WARMLINE_TEST_HOME") or Path(__file__).parents[2] / "var" / "test-home")
    return Classifier.load_or_train(home, encoder)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Some of each intent of ours: quick to learn."""
    return check([replace(one, utterances=one.utterances[:6]) for one in load_catalogue().intents])
