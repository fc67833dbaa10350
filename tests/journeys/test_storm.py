"""Many customers at once, each sending everything two or three times: nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import random
import uuid
from pathlib import Path

import httpx
import pytest

from tests.databases import DIALECTS
from tests.house import Desk, database_for, desk, until

TEXTS = (
    "your whole site is down",
    "How do I create an email alias?",
    "you charged me twice",
    "I love it, great work",
    "thanks",
    "hello",
    "the editor is broken",
    "florp the wug",
    "How do I download a full copy of my site?",
    "\U0001f44d",
)


class Writer:
    """A customer whose line is so bad that every message is sent again before its answer has come."""

    def __init__(self, at: Desk, rng: random.Random) -> None:
        self._http = at.http
        self._rng = rng
        self.token: str | None = None
        self.sent: list[tuple[str, str]] = []

    async def write_all(self) -> None:
        texts = [f"{text} {number}" if text[-1].isalpha() else text for number, text in enumerate(TEXTS)]
        self._rng.shuffle(texts)
        await self._write(texts[0])
        await asyncio.gather(*map(self._write, texts[1:]))

    async def _write(self, text: str) -> None:
        id_ = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        tokens = [self.token] * self._rng.choice((2, 3))
        answers = await asyncio.gather(*(self._post(id_, text, token) for token in tokens))
        late = await self._post(id_, text, None)  # and once more by one who has forgotten the conversation
        assert {answer.status_code for answer in (*answers, late)} == {202}, [answer.text for answer in answers]
        assert len({answer.text for answer in (*answers, late)}) == 1
        self.token = late.json()["conversation"]
        assert late.json()["message"] == id_
        self.sent.append((id_, text))

    async def _post(self, id_: str, text: str, token: str | None) -> httpx.Response:
        body = {"conversation": token, "id": id_, "text": text}
        return await self._http.post("/api/web/messages", json=body)

    async def transcript(self) -> list[dict[str, object]]:
        response = await self._http.get(f"/api/web/conversations/{self.token}/messages")
        return list(response.json()["messages"])


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("customers", [15, pytest.param(200, marks=pytest.mark.chaos)])
async def test_customers_at_once(tmp_path: Path, dialect: str, customers: int) -> None:
    rng = random.Random(2)
    async with desk(tmp_path, **await database_for(dialect)) as at:
        writers = [Writer(at, random.Random(rng.random())) for _ in range(customers)]
        await asyncio.gather(*(writer.write_all() for writer in writers))
        assert len({writer.token for writer in writers}) == customers

        async def all_ended() -> bool:
            return (await at.sql("SELECT count(*) FROM message WHERE direction = 'in' AND \"end\" IS NULL"))[0][0] == 0

        await until(all_ended, within=60)
        rows = await at.sql('SELECT "end", count(*) FROM message WHERE direction = \'in\' GROUP BY "end"')
        assert sum(row[1] for row in rows) == customers * len(TEXTS)
        assert {row[0] for row in rows} <= {"answered", "handed_off", "appended", "filed", "noted"}
        assert (await at.sql("SELECT count(*) FROM conversation"))[0][0] == customers
        assert (await at.sql("SELECT count(*) FROM customer"))[0][0] == customers
        cases = await at.sql('SELECT conversation_id, count(*) FROM "case" GROUP BY conversation_id')
        assert len(cases) == customers  # everybody reports an outage
        assert all(row[1] == 1 for row in cases)
        urgent = await at.sql('SELECT count(*) FROM "case" WHERE urgent AND deadline IS NOT NULL')
        assert urgent[0][0] == customers
        for writer in writers:
            lines = await writer.transcript()
            assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
            theirs = [(line["id"], line["text"]) for line in lines if line["from"] == "customer"]
            assert sorted(theirs) == sorted(writer.sent)
            assert len([line for line in lines if line["kind"] == "acknowledgement"]) <= 2  # opened, and raised
        doubled = await at.sql("SELECT dedupe FROM message WHERE direction = 'in' GROUP BY dedupe HAVING count(*) > 1")
        assert not doubled
