"""PostgreSQL chooses by its statistics: what it then reads is bounded by what is open, never by the years behind us."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from store import cases
from store.cases import Filter
from store.database import Database, open_database
from store.migrate import migrate
from tests.databases import new_postgresql
from tests.rows import NOW
from tests.store.test_explain import BIG, LISTS, LOOKED_UP, ORDERED, PAGES, WRITES, Query

ROWS = 20_000
OPEN = ROWS // 5
T = round(NOW.timestamp()) * 1_000_000
TIERS = "(ARRAY['outage', 'billing', 'problem', 'howto', 'person', 'unknown'])[n / 5 % 6 + 1]"
STATUSES = "(ARRAY['waiting', 'open', 'pending', 'snoozed'])[n / 5 % 4 + 1]"
FILL = (
    "agent (email, name, role, created_at) SELECT 'a' || n, 'A' || n, 'agent', {T} FROM generate_series(1, 5) n",
    "customer (name, key, email, created_at) SELECT 'Name ' || n, 'name ' || n, 'c' || n || '@x', {T} FROM n",
    "identity (customer_id, channel, account, external_id, key, home_id, proven, created_at)"
    " SELECT n, 'web', 'd', 'e' || n, 'k' || n, n, 'c' || n || '@x', {T} FROM n",
    "conversation (key, customer_id, identity_id, channel, account, place, recipient, created_at, last_in_at, next_seq)"
    " SELECT 'k' || n, n, n, 'web', 'd', 'p' || n, 'r', {T}, {T} + n, 4 FROM n",
    'message (conversation_id, seq, direction, author, kind, body, created_at, "end", dedupe, origin, words) SELECT'
    " n, 1, 'in', 'customer', 'text', 'b', {T}, CASE WHEN n % 500 > 0 THEN 'answered' END, 'd' || n, 'o' || n,"
    " to_tsvector('simple', 'b') FROM n",
    "message (conversation_id, seq, direction, author, kind, body, created_at, status, next_try_at, sent_at) SELECT"
    " n, 2, 'out', 'agent', 'text', 'b', {T}, CASE WHEN n % 500 > 0 THEN 'sent' ELSE"
    " (ARRAY['queued', 'sending', 'unknown', 'failed'])[n / 500 % 4 + 1] END, {T}, {T} FROM n",
    '"case" (conversation_id, customer_id, channel, tier, sla, urgent, status, assignee_id, deadline, sort_at, reason,'
    " customer_name, customer_key, opened_at, opened_seq, first_answer_at, answered_in_time)"
    " SELECT n, n, 'web', {TIERS}, {TIERS}, n / 5 % 6 IN (0, 1, 4),"
    " CASE WHEN n % 5 > 0 THEN 'resolved' ELSE {STATUSES} END, nullif(n / 5 % 6, 0), {T}, {T} + n * 1000000, 'r',"
    " 'Name ' || n, 'name ' || n, {T}, 1, {T} - 86400000000 * (n % 365), true FROM n",
    "due (kind, subject, at, created_at, consumed_at) SELECT"
    " 'breach', n, {T} + n * 1000000, {T}, CASE WHEN n % 50 > 0 THEN {T} + n END FROM n",
    "promise (case_id, conversation_id, kind, by, basis, state, made_at) SELECT"
    " n, n, 'first_answer', {T}, 'b', CASE WHEN n % 5 > 0 THEN 'kept' ELSE 'open' END, {T} FROM n",
    "idempotency (agent_id, key, digest, response, created_at) SELECT n % 5 + 1, 'k' || n, 'd', '{{}}', {T} + n FROM n",
    "case_event (case_id, kind, actor, at) SELECT n, 'opened', 'bot', {T} FROM n",
    "verdict (message_id, tier, intent, confidence, automatable, model, created_at) SELECT"
    " n, 'howto', 'i', 0.5, true, 'm', {T} FROM n",
    "sample (message_id, conversation_id, came_at, decided_at, words, rule, tier, opens_at) SELECT"
    " n, n, {T} + n, {T}, '[1]', 'r1', CASE WHEN n % 100 > 0 THEN 'outage' END, 0.2 FROM n WHERE n % 20 = 0",
    "link (identity_id, other_id, how, at, undone_at) SELECT n, n + 1, 'code', {T}, CASE WHEN n % 3 > 0 THEN {T} END"
    " FROM n WHERE n < 20000",
    "link_code (hash, identity_id, conversation_id, seq, made_at, expires_at) SELECT 'h' || n, n, n, 2, {T} + n, {T}"
    " FROM n",
    "block (identity_id, by_id, at, why, undone_at) SELECT n, 1, {T}, 'w', CASE WHEN n % 50 > 0 THEN {T} END FROM n",
    "mention (case_id, message_id, agent_id, by_id, at, seen_at)"
    " SELECT n, n, n % 5 + 1, 1, {T}, CASE WHEN n % 50 > 0 THEN {T} END FROM n",
    "link_try (identity_id, at) SELECT n, {T} + n FROM n",
    "quarantine (channel, account, external_id, dedupe, reason, raw, created_at, released_at, set_aside_at, asked_at)"
    " SELECT 'web', 'd', 'e' || n, 'd' || n, 'r', 'x', {T}, CASE WHEN n % 3 > 0 THEN {T} END,"
    " CASE WHEN n % 5 > 0 THEN {T} END, CASE WHEN n % 500 = 1 THEN {T} END FROM n",
    "probe (channel, account, place, body, status, created_at) SELECT 'web', 'd' || n % 5, 'p', 'b',"
    " CASE WHEN n % 500 > 0 THEN 'sent' ELSE 'queued' END, {T} + n FROM n",
    "upload (agent_id, case_id, mode, name, media_type, size, content, created_at) SELECT n % 5 + 1, n, 'reply', 'a',"
    " 'x', 1, 'x', {T} + n FROM n",
    "label (message_id, tier, source, created_at) SELECT n, 'outage', 'correction', {T} FROM n",
    "customer_note (customer_id, name, key, email, agent_id, at) SELECT"
    " n, 'N', 'n' || n, 'n' || n || '@x', n % 5 + 1, {T} FROM n WHERE n % 3 = 0",
    "hold (case_id, agent_id, text, after_seq, state, made_at, leaves_at, ended_at) SELECT n, n % 5 + 1, '', 2,"
    " CASE WHEN n % 500 > 0 THEN 'left' ELSE 'held' END, {T}, {T}, CASE WHEN n % 500 > 0 THEN {T} + n END FROM n",
    "draft (agent_id, case_id, mode, text, version, updated_at) SELECT n % 5 + 1, n, 'note', 't', 1, {T} + n FROM n",
    "offer (case_id, agent_id, at, until, state) SELECT n, n % 5 + 1, {T}, {T}, CASE WHEN n <= 3 THEN 'offered' ELSE"
    " 'passed' END FROM n",
    "case_tag (case_id, tag, agent_id, at, from_id) SELECT n, tag, 1, {T}, CASE WHEN n % 9 = 0 THEN n - 1 END"
    " FROM n, unnest(ARRAY['t' || n % 20, 'every']) tag",
    "attachment (message_id, name, media_type, size, created_at) SELECT n, 'a', 'x', 1, {T} FROM n",
)


@pytest.fixture(scope="module")
def filled() -> str:
    """The address of a desk that has run for years, of which a fifth is open."""
    return asyncio.run(_fill())


async def _fill() -> str:
    address = await new_postgresql("warmline_plans")
    database = open_database(address)
    await migrate(database)
    numbers = f"WITH n AS (SELECT n::bigint FROM generate_series(1, {ROWS}) n) "
    async with database.write("test") as connection:
        for rows in FILL:
            await connection.exec_driver_sql(f"{numbers}INSERT INTO {rows.format(T=T, TIERS=TIERS, STATUSES=STATUSES)}")
        await connection.exec_driver_sql("ANALYZE")
    await database.close()
    return address


@pytest.fixture
async def desk_of_years(filled: str) -> AsyncIterator[Database]:
    database = open_database(filled)
    yield database
    await database.close()


class _Undo(Exception):
    pass


async def _rolled_back(database: Database, query: Query) -> Any:
    found: Any = None
    try:
        async with database.write("test") as connection:
            found = await query(connection)
            raise _Undo
    except _Undo:
        return found


async def plans(database: Database, query: Query) -> list[str]:
    """What was done for each statement of `query`."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        seen.append((statement, parameters[0] if many else parameters))

    async def noted(connection: AsyncConnection) -> None:
        event.listen(connection.sync_connection, "before_cursor_execute", note)
        await query(connection)
        event.remove(connection.sync_connection, "before_cursor_execute", note)

    async def explained(connection: AsyncConnection) -> list[str]:
        found = []
        for statement, parameters in seen:
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
                rows = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE) {statement}", parameters)
                found.append("\n".join(row[0] for row in rows))
        return found

    await _rolled_back(database, noted)
    explanations: list[str] = await _rolled_back(database, explained)
    assert explanations, "nothing was asked"
    return explanations


def faults(plan: str) -> list[str]:
    """Whole tables read, and more rows touched than are open."""
    bad = []
    for step in plan.splitlines():
        scanned = re.search(r'Seq Scan on "?(\w+)"?', step)
        touched = re.search(r"(?:Rows Removed by Filter: |actual time=\S+ rows=)(\d+)", step)
        if (scanned and scanned[1] in BIG) or (touched and int(touched[1]) > 1.2 * OPEN):
            bad.append(step)
    return bad


SEARCHES = {
    f"{words}, {status}": Filter(words=words, status=status)
    for words in ("Name 1234", "c12@x", "W-1012", "nobody")
    for status in (None, "waiting", "resolved")
}
QUERIES: dict[str, Query] = {
    **{
        f"{name}, {page}": lambda c, name=name, page=page: cases.list_cases(c, LISTS[name], after=PAGES[page])
        for name in LISTS
        for page in PAGES
    },
    **{name: lambda c, wanted=wanted: cases.list_cases(c, wanted) for name, wanted in SEARCHES.items()},
    **ORDERED,
    **LOOKED_UP,
    **WRITES,
}
OF_HISTORY = ("what was kept lately", "places", "labels", "how far the labelling is", "judged by another rule")
"""Asked every five minutes, of 28 days; once at the start of an adapter; of all labels, at each new one or rule."""


@pytest.mark.parametrize("name", [name for name in QUERIES if name not in OF_HISTORY])
async def test_what_is_read_is_bounded_by_what_is_open(desk_of_years: Database, name: str) -> None:
    found = await plans(desk_of_years, QUERIES[name])
    assert [bad for plan in found for bad in faults(plan)] == []


@pytest.mark.parametrize("status", ["waiting", "open", "pending", "snoozed", "resolved"])
@pytest.mark.parametrize("page", PAGES)
async def test_a_page_of_one_status_is_not_sorted(desk_of_years: Database, status: str, page: str) -> None:
    (plan,) = await plans(desk_of_years, QUERIES[f"{status}, {page}"])
    assert "Sort" not in plan


async def test_what_was_kept_lately_is_read_from_its_index(desk_of_years: Database) -> None:
    (plan,) = await plans(desk_of_years, LOOKED_UP["what was kept lately"])
    assert "ix_case_answered" in plan
    assert "Seq Scan" not in plan


def test_the_judge_of_plans_knows_a_slow_one() -> None:
    assert faults('->  Seq Scan on "case" other  (cost=0.1..2 rows=3) (actual time=0.1..0.2 rows=3.00 loops=1)')
    assert faults("Rows Removed by Filter: 94999")
    assert faults("->  Index Scan using pk_case (actual time=0.012..10.514 rows=82700.00 loops=1)")
    assert not faults("->  Index Scan using pk_case (actual time=0.012..10.514 rows=50.00 loops=1)")
