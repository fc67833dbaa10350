"""The audit log is read along an index, whatever is asked of it: a page costs the same after a year as after a day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit as log
from store.audit import NOBODY, Place, Wanted
from store.database import Database, open_database
from store.migrate import migrate
from store.tables import agent, audit, case
from tests.databases import DIALECTS, new_postgresql
from tests.rows import NOW

ROWS = 20_000
MIDDLE: Place = (NOW + timedelta(seconds=ROWS // 2), ROWS // 2)
ASKED: dict[str, Wanted] = {
    "everything": Wanted(),
    "of somebody": Wanted(agent=2),
    "of nobody": Wanted(agent=NOBODY),
    "of a kind": Wanted(action="act 7"),
    "of somebody, of a kind": Wanted(agent=2, action="act 7"),
    "about a case": Wanted(subject="W-77"),
    "of a while": Wanted(since=NOW + timedelta(seconds=100), until=NOW + timedelta(seconds=9000)),
    "of somebody in a while": Wanted(agent=3, since=NOW + timedelta(seconds=100), until=NOW + timedelta(seconds=9000)),
}


@pytest.fixture(scope="module", params=DIALECTS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return asyncio.run(_fill(request.param, tmp_path_factory.mktemp("audit")))


@pytest.fixture
async def years(filled: str) -> AsyncIterator[Database]:
    database = open_database(filled)
    yield database
    await database.close()


async def _fill(dialect: str, path: Path) -> str:
    url = f"sqlite:///{path}/audit.db" if dialect == "sqlite" else await new_postgresql("warmline_audit")
    database = open_database(url)
    await migrate(database)
    async with database.write("test") as connection:
        await connection.execute(
            insert(agent),
            [{"email": f"a{n}@x", "name": f"A{n}", "role": "agent", "created_at": NOW} for n in range(5)],
        )
        await connection.execute(
            insert(audit),
            [
                {"at": NOW + timedelta(seconds=n), "agent_id": n % 6 or None, "action": f"act {n % 11}",
                 "subject": f"W-{n % 500}"}
                for n in range(ROWS)
            ],
        )  # fmt: skip
        if dialect == "postgresql":
            await connection.exec_driver_sql("ANALYZE")
    await database.close()
    return url


async def plans(database: Database, query: Callable[[AsyncConnection], Awaitable[Any]]) -> list[str]:
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.startswith(("SELECT", "WITH")):
            seen.append((statement, parameters))

    explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    async with database.read() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", note)
        await query(connection)
        event.remove(connection.sync_connection, "before_cursor_execute", note)
        found = [await connection.exec_driver_sql(f"{explain} {sql}", values) for sql, values in seen]
        return ["\n".join(str(row[-1]) for row in plan) for plan in found]


def faults(plan: str) -> list[str]:
    """Steps that sort, or read the log without an index. The few lines of one subject PostgreSQL may well sort."""
    few = "Bitmap Index Scan on ix_audit_subject" in plan
    return [
        step
        for step in plan.splitlines()
        if ("Sort" in step and not few)
        or "TEMP B-TREE" in step
        or "Seq Scan on audit" in step
        or ("SCAN audit" in step and "INDEX ix_audit" not in step)
    ]


@pytest.mark.parametrize("after", [None, MIDDLE], ids=["the newest", "further on"])
@pytest.mark.parametrize("name", ASKED)
async def test_every_page_walks_an_index_in_its_order(years: Database, name: str, after: Place | None) -> None:
    (plan,) = await plans(years, lambda connection: log.page(connection, ASKED[name], after=after))
    assert faults(plan) == [], plan
    assert "ix_audit" in plan


async def test_kinds_are_found_without_reading_all_lines(years: Database) -> None:
    (plan,) = await plans(years, log.actions)
    assert faults(plan) == [], plan
    async with years.read() as connection:
        assert await log.actions(connection) == sorted(f"act {n}" for n in range(11))


async def test_a_page_is_what_a_plain_look_finds(years: Database) -> None:
    async with years.read() as connection:
        for wanted in ASKED.values():
            first = await log.page(connection, wanted, limit=30)
            assert [line.id for line in first] == sorted((line.id for line in first), reverse=True)
            rest = await log.page(connection, wanted, after=(first[9].at, first[9].id), limit=20)
            assert rest == first[10:]


async def test_whether_a_team_has_had_cases_is_asked_of_an_index(years: Database) -> None:
    asked = select(case.c.id).where(case.c.team_id == 1, case.c.team_id.is_not(None)).limit(1)
    (plan,) = await plans(years, lambda connection: connection.execute(asked))
    # PostgreSQL looks at the table itself while that is empty.
    assert "ix_case_" in plan or years.dialect == "postgresql", plan


def test_the_judge_of_plans_knows_a_slow_one() -> None:
    assert faults("SCAN audit\nUSE TEMP B-TREE FOR ORDER BY")
    assert faults("->  Seq Scan on audit")
    assert not faults("SEARCH audit USING INDEX ix_audit_at (at<?)")
