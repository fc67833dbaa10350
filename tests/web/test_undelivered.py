"""What did not arrive and what was given up, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(("messages", "given_up"), [(5, 3), (2, 5), (4, 0), (0, 2)])
@pytest.mark.parametrize("limit", [1, 2, 200])
async def test_pages(at: Desk, messages: int, given_up: int, limit: int) -> None:
    lea, ana = await at.agent("Lea"), at.customer()
    await ana.write("thanks")
    await at.sql("UPDATE message SET status = 'sent' WHERE status = 'failed'")
    await at.sql("DELETE FROM due WHERE error IS NOT NULL")
    for number in range(messages):
        await at.sql(
            "INSERT INTO message (conversation_id, seq, direction, author, author_name, kind, body, revision,"
            " created_at, status, attempts, next_try_at) VALUES"
            " (:id, :seq, 'out', 'bot', '', 'text', 'hello', 0, 1, 'failed', 0, 1)",
            id=await at.conversation(ana),
            seq=1000 + number,
        )
    for number in range(given_up):
        await at.sql(
            "INSERT INTO due (kind, subject, at, attempts, created_at, consumed_at, error)"
            " VALUES ('notify', :subject, 1, 9, 1, 1, 'no')",
            subject=number,
        )
    seen: dict[str, list[int]] = {"messages": [], "dues": []}
    cursor, pages = "", 0
    while True:
        page: dict[str, Any] = await lea.get("undelivered", limit=limit, cursor=cursor)
        for part, ids in seen.items():
            assert len(page[part]) <= limit
            ids += [row["id"] for row in page[part]]
        pages += 1
        if page["next"] is None:
            break
        cursor = page["next"]
    assert (len(seen["messages"]), len(seen["dues"])) == (messages, given_up)
    assert all(ids == sorted(set(ids), reverse=True) for ids in seen.values())
    assert pages == max(1, -(-max(messages, given_up) // limit))
