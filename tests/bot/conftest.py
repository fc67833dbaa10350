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
KNOWLEDGE_VECTORS = HOME / "knowledge-vectors.sqlite"
"""Some 2,500 vectors: seconds of work that need not be done in every run."""


@pytest.fixture(scope="package")
def shipped(request: pytest.FixtureRequest) -> tuple[Library, Encoder]:
    """The articles, and what reads them."""
    try:
        encoder: Encoder = request.getfixturevalue("encoder")
    except ModelError as error:
        pytest.skip(f"the encoder cannot be had here: {error}")
    cache = VectorCache(KNOWLEDGE_VECTORS, encoder)
    return Library.build(load_articles(ROOT / "bot" / "knowledge"), encoder, cache=cache), encoder


@pytest.fixture(scope="package")
def kept(shipped: tuple[Library, Encoder]) -> VectorCache:
    """The articles' vectors, from one run of the tests to the next."""
    return VectorCache(KNOWLEDGE_VECTORS, shipped[1])


@pytest.fixture(scope="package")
def desk(shipped: tuple[Library, Encoder]) -> tuple[Library, Classifier]:
    library, encoder = shipped
    return library, Classifier.load_or_train(HOME, encoder)
