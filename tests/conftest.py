"""What tests of several folders share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import log
from models.encoder import Encoder, load_encoder

log.set_up("warning", readable=False, settled=False)


@pytest.fixture(scope="session")
def encoder() -> Iterator[Encoder]:
    """The standard encoder, int8. Kept between runs in WARMLINE_TEST_HOME, so that it is downloaded once."""
    home = Path(os.environ.get("WARMLINE_TEST_HOME") or Path(__file__).parent.parent / "var" / "test-home")
    opened = load_encoder(home)
    yield opened
    opened.close()
