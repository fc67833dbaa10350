"""Every test of memory runs on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.database import Database
from tests.databases import DIALECTS, empty_database


@pytest.fixture(params=DIALECTS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated, empty database."""
    async with empty_database(request.param, tmp_path) as opened:
        yield opened
