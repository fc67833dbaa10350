"""The customers' side of the web: the same id gives the same answer, and a token opens its own conversation only."""

from __future__ import annotations

import asyncio
import json
import string
import time
import uuid
from pathlib import Path
from statistics import median

import pytest

from tests.databases import DIALECTS
from tests.house import Desk, database_for, desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_same_again_is_the_same(at: Desk) -> None:
    ana = at.customer()
    first = await ana.write("florp")
    token = ana.token
    later = await ana.write("and another")
    for id_, text, answer in ((ana.sent[0], "florp", first), (ana.sent[1], "and another", later)):
        for conversation in (None, token):
            again = await at.http.post(
                "/api/web/messages", json={"conversation": conversation, "id": id_, "text": text}
            )
            assert (again.status_code, again.text) == (202, answer.text)
    shouted = {"conversation": token, "id": ana.sent[0].upper(), "text": "florp"}
    assert (await at.http.post("/api/web/messages", json=shouted)).text == first.text
    assert [line["text"] for line in await ana.read() if line["from"] == "customer"] == ["florp", "and another"]


async def test_an_id_means_one_text_in_one_conversation(at: Desk) -> None:
    ana, eve = at.customer(), at.customer()
    await ana.write("my secret is 42")
    await eve.write("thanks")
    for conversation in (ana.token, None, eve.token):
        body = {"conversation": conversation, "id": ana.sent[0], "text": "another text"}
        refused = await at.http.post("/api/web/messages", json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "id_used")
        assert "secret" not in refused.text
        assert str(ana.token) not in refused.text
    body = {"conversation": eve.token, "id": ana.sent[0], "text": "my secret is 42"}
    refused = await at.http.post("/api/web/messages", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "id_used")
    assert str(ana.token) not in refused.text
    assert len([line for line in await eve.read() if line["from"] == "customer"]) == 1
    assert len([line for line in await ana.read() if line["from"] == "customer"]) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.asyncio(loop_scope="function")
async def test_the_same_again_after_a_restart(tmp_path: Path, dialect: str) -> None:
    settings = await database_for(dialect)
    id_ = str(uuid.uuid4())
    async with desk(tmp_path, **settings) as at:
        ana = at.customer()
        first = await ana.write("florp", id=id_)
        await ana.hears("acknowledgement")
        token = ana.token
    async with desk(tmp_path, **settings) as at:
        for conversation in (None, token):
            again = await at.http.post(
                "/api/web/messages", json={"conversation": conversation, "id": id_, "text": "florp"}
            )
            assert again.text == first.text
        ben = at.customer()
        ben.token = token
        assert [line["kind"] for line in await ben.read()] == ["text", "acknowledgement"]
        assert (await ben.write("one more")).json()["conversation"] == token


async def test_no_other_token_opens_it(at: Desk) -> None:
    """Every other spelling, every changed character, another desk's: 404, and the same words for all of them."""
    ana = at.customer()
    await ana.write("my secret is 42")
    token = str(ana.token)
    alphabet = string.ascii_letters + string.digits + "-_"
    wrong = [token[:place] + alphabet[alphabet.index(token[place]) ^ 1] + token[place + 1 :] for place in range(43)]
    wrong += [token[:-1], token[1:], token + "A", token + "=", token + "==", token[::-1], token.swapcase(), "A" * 43]
    answers = set()
    for guess in wrong:
        for response in (
            await at.http.get(f"/api/web/conversations/{guess}/messages"),
            await at.http.get(f"/api/web/conversations/{guess}/events"),
            await at.http.post(
                "/api/web/messages", json={"conversation": guess, "id": str(uuid.uuid4()), "text": "hi"}
            ),
        ):
            assert response.status_code == 404, guess
            assert "secret" not in response.text
            answers.add(response.text)
    assert len(answers) == 1
    rows = await at.sql("SELECT place FROM conversation WHERE id = :id", id=await at.conversation(ana))
    assert len(rows[0][0]) == 32
    assert token not in json.dumps(str(await at.sql("SELECT * FROM conversation")))  # a stolen table opens nothing


async def test_a_wrong_token_takes_as_long_whatever_is_wrong(at: Desk) -> None:
    """The first character wrong or the last: the comparison looks at all of it. A coarse check, for gross leaks."""
    ana = at.customer()
    await ana.write("thanks")
    token = str(ana.token)
    tokens = {"first": "A" * 43, "last": token[:-4] + ("AAAA" if token[-4:-1] != "AAA" else "BBBB")}
    took: dict[str, list[float]] = {name: [] for name in tokens}
    for _ in range(40):
        for name, guess in tokens.items():
            began = time.perf_counter()
            await at.http.get(f"/api/web/conversations/{guess}/messages")
            took[name].append(time.perf_counter() - began)
    first, last = median(took["first"]), median(took["last"])
    assert 0.4 < first / last < 2.5


async def test_after(at: Desk) -> None:
    ana = at.customer()
    for text in ("thanks", "ok", "great"):
        await ana.write(text)
    lines = await ana.read()
    assert [line["seq"] for line in lines] == [1, 2, 3]
    for after in range(5):
        assert [line["seq"] for line in await ana.read(after)] == [seq for seq in (1, 2, 3) if seq > after]
    assert await ana.read(999_999_999) == []
    assert set(lines[0]) == {"seq", "id", "from", "author", "text", "kind", "buttons", "at"}


async def test_a_long_conversation_comes_in_pages(at: Desk) -> None:
    ana = at.customer()
    await ana.write("thanks")
    await asyncio.gather(*(ana.write("ok") for _ in range(205)))
    seen: list[int] = []
    while lines := await ana.read(seen[-1] if seen else 0):
        assert len(lines) <= 200
        seen += [line["seq"] for line in lines]
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= 206


async def test_what_a_customer_never_sees(at: Desk) -> None:
    ana, lea = at.customer(), await at.agent("Lea")
    await ana.write("your whole site is down", name="Ana", email="ana@example.com")
    await ana.hears("acknowledgement")
    conversation = await at.conversation(ana)
    number = (await lea.get("cases", q="Ana"))["cases"][0]["number"]
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/note", {"text": "inside-word"})
    await at.sql(
        "INSERT INTO message (conversation_id, seq, direction, author, author_name, kind, body, revision, created_at,"
        " status, attempts, next_try_at) SELECT id, next_seq, 'out', 'bot', '', 'text', 'queued-word', 0, 1,"
        " 'cancelled', 0, 1 FROM conversation WHERE id = :id",
        id=conversation,
    )
    await at.sql("UPDATE conversation SET next_seq = next_seq + 1 WHERE id = :id", id=conversation)
    text = json.dumps(await ana.read())
    for inside in ("inside-word", "queued-word", "lea@desk.example", "ana@example.com", "outage", "verdict"):
        assert inside not in text
