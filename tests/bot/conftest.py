"""What tests of answers share: the articles and the classifier that are shipped."""

import os
from pathlib import Path

import pytest

from bot.articles import load_articles
from bot.retrieval import Library
from intents.classifier import Classifier
from models.encoder import Encoder
from models.errors import ModelError
from models.vectors import VectorCache

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("WARMLINE_TEST_HOME") or ROOT / "var" / "test-home")


@pytest.fixture(scope="package")
def desk(request: pytest.FixtureRequest) -> tuple[Library, Classifier]:
    try:
        encoder: Encoder = request.getfixturevalue("encoder")
    except ModelError as error:
        pytest.skip(f"the encoder cannot be had here: {error}")
    cache = VectorCache(HOME / "knowledge-vectors.sqlite", encoder)
    library = Library.build(load_articles(ROOT / "bot" / "knowledge"), encoder, cache=cache)
    return library, Classifier.load_or_train(HOME, encoder)
