"""The real classifier, learnt once for all tests of this folder."""

import os
from pathlib import Path

import pytest

from intents.classifier import Classifier
from models.encoder import Encoder


@pytest.fixture(scope="session")
def classifier(encoder: Encoder) -> Classifier:
    home = Path(os.environ.get("WARMLINE_TEST_HOME") or Path(__file__).parents[2] / "var" / "test-home")
    return Classifier.load_or_train(home, encoder)
