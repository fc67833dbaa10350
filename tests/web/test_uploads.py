"""Files of agents over HTTP: who may add them, how large they may be, and who can fetch them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.house import AgentClient, Customer, Desk
from tests.house import desk as running

pytestmark = pytest.mark.asyncio(loop_scope="module")
PDF = b"%PDF-1.7 facts"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> Any:
    async with running(tmp_path_factory.mktemp("home")) as at:
        yield at


async def case(at: Desk, who: AgentClient) -> tuple[Customer, str]:
    """A case in somebody's hands."""
    ana = at.customer()
    await ana.write("the whole site is down", name="Ana Ruiz")
    found = re.search(r"W-\d+", (await ana.hears("acknowledgement"))["text"])
    assert found is not None
    await who.done(f"cases/{found[0]}/claim")
    return ana, found[0]


async def add(who: AgentClient, number: str, name: str = "facts.pdf", content: bytes = PDF, **more: Any) -> Any:
    return await who.http.post(
        f"/api/v1/cases/{number}/files", params={"name": name, **more}, content=content, headers=who._headers()
    )


async def test_a_file_reaches_the_customer_and_nobody_before(house: Desk) -> None:
    lea, tom = await house.agent("Lea"), await house.agent("Tom")
    ana, number = await case(house, lea)
    hostile = "a\u202egpj\"><script>'.pdf"
    put = (await add(lea, number, hostile)).json()
    assert put["name"] == "agpj\"><script>'.pdf"
    address = f"/api/v1/cases/{number}/files/{put['id']}"
    looked = await house.http.get(address, headers=lea._headers())
    assert (looked.content, looked.headers["content-disposition"].split(";")[0]) == (PDF, "attachment")
    assert "sandbox" in looked.headers["content-security-policy"]
    assert (await house.http.get(address, headers=tom._headers())).status_code == 404
    assert (await house.http.get(address)).status_code == 401
    for wrong in (put["id"], put["id"] + 1):
        assert (await house.http.get(f"/api/web/conversations/{ana.token}/files/{wrong}")).status_code == 404
    await lea.done(f"cases/{number}/reply", {"text": "Here.", "files": [put["id"]]})
    told = next(line for line in await ana.read() if line.get("files"))
    assert (told["text"], told["from"]) == ("Here.", "agent")
    (file,) = told["files"]
    assert file["name"] == put["name"]
    fetched = await house.http.get(f"/api/web/conversations/{ana.token}/files/{file['id']}")
    assert (fetched.content, fetched.headers["content-disposition"].split(";")[0]) == (PDF, "attachment")
    stranger = house.customer()
    await stranger.write("hello")
    assert (await house.http.get(f"/api/web/conversations/{stranger.token}/files/{file['id']}")).status_code == 404, (
        "another's"
    )
    assert (await house.http.get(address, headers=lea._headers())).status_code == 404, "it has left this table"
    (row,) = [row for row in (await lea.case(number))["attachments"] if row["name"] == put["name"]]
    assert row["kept"]


async def test_a_note_and_its_file_stay_inside(house: Desk) -> None:
    lea, kim = await house.agent("Lea"), await house.agent("Kim", "colleague")
    ana, number = await case(house, lea)
    assert (await add(kim, number)).status_code == 403
    put = (await add(kim, number, "inside.pdf", **{"for": "note"})).json()
    await kim.done(f"cases/{number}/note", {"text": "see inside", "files": [put["id"]]})
    (row,) = (await lea.case(number))["attachments"]
    assert row["name"] == "inside.pdf"
    assert (await house.http.get(f"/api/v1/files/{row['id']}", headers=lea._headers())).content == PDF
    assert (await house.http.get(f"/api/web/conversations/{ana.token}/files/{row['id']}")).status_code == 404
    assert not any(line.get("files") for line in await ana.read())
    assert "inside" not in (await house.http.get(f"/api/web/conversations/{ana.token}/messages")).text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("invoice.exe", PDF, "invoice.exe is a program; it was not kept."),
        ("logo.svg", b"<svg/>", "could run"),
        ("page.html", b"words", "could run"),
        ("none.pdf", b"", "none.pdf is empty"),
        ("large.pdf", PDF + bytes(10_000_000), "large.pdf is over 10 MB"),
        ("huge.pdf", bytes(26_000_000), "huge.pdf is over 10 MB"),
        ("x" * 5000 + ".exe", PDF, "is a program"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value)[:20],
)
async def test_what_is_not_kept_is_said_in_words(house: Desk, name: str, content: bytes, words: str) -> None:
    lea = await house.agent("Lea")
    _, number = await case(house, lea)
    refused = await add(lea, number, name, content)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "file_refused")
    assert words in refused.json()["error"]["message"]
    assert (await lea.get(f"cases/{number}/files"))["files"] == []


async def test_a_body_that_does_not_say_how_long_it_is_is_counted(house: Desk) -> None:
    lea = await house.agent("Lea")
    _, number = await case(house, lea)
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        for _ in range(40):
            sent += 1
            yield bytes(1_000_000)

    refused = await house.http.post(
        f"/api/v1/cases/{number}/files", params={"name": "a.pdf"}, content=endless(), headers=lea._headers()
    )
    assert refused.status_code == 422
    assert sent < 40


async def test_removed_before_it_is_sent(house: Desk) -> None:
    lea, tom = await house.agent("Lea"), await house.agent("Tom")
    _, number = await case(house, lea)
    put = (await add(lea, number, "long" * 2000 + ".pdf")).json()
    assert put["name"].endswith("….pdf")
    address = f"/api/v1/cases/{number}/files/{put['id']}"
    await house.http.delete(address, headers=tom._headers())
    assert len((await lea.get(f"cases/{number}/files"))["files"]) == 1
    for _ in range(2):
        assert (await house.http.delete(address, headers=lea._headers())).status_code == 200
    assert (await lea.get(f"cases/{number}/files"))["files"] == []
    assert (await add(lea, "W-99999")).status_code == 404


async def test_the_same_request_again_keeps_one_file(house: Desk) -> None:
    lea = await house.agent("Lea")
    _, number = await case(house, lea)

    async def once(content: bytes = PDF) -> httpx.Response:
        headers = {**lea._headers(), "Idempotency-Key": f"k-{number}"}
        return await house.http.post(
            f"/api/v1/cases/{number}/files", params={"name": "a.pdf"}, content=content, headers=headers
        )

    answers = await asyncio.gather(*(once() for _ in range(5)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert len((await lea.get(f"cases/{number}/files"))["files"]) == 1
    assert (await once(PDF + b"other")).json()["error"]["code"] == "key_reused"


async def test_another_website_adds_nothing(tmp_path: Path, house: Desk) -> None:
    lea = await house.agent("Lea")
    _, number = await case(house, lea)
    foreign = {"Origin": "https://evil.example", "Cookie": "warmline_session=x"}
    refused = await house.http.post(f"/api/v1/cases/{number}/files?name=a.pdf", content=PDF, headers=foreign)
    assert refused.status_code == 401
