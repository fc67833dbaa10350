"""One desk for a whole file of tests, on each database: what they do there must not depend on each other."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.databases import DIALECTS
from tests.house import Desk, database_for, desk


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DIALECTS)
async def at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A desk on SQLite, then one on PostgreSQL."""
    async with desk(tmp_path_factory.mktemp("home"), **await database_for(request.param)) as running:
        yield running
