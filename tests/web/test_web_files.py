"""Files from customers: kept once, shown to the right people, never run; what is no good is said to be."""

from __future__ import annotations

import asyncio
import io
import re
import uuid
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from channels.web import files as web_files
from tests.house import Customer, Desk, desk, served, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
File = tuple[str, bytes, str]


async def sends(of: Customer, *files: File, text: str = "Here it is", id: str | None = None) -> httpx.Response:
    fields = {"id": id or str(uuid.uuid4()), "text": text, **({"conversation": of.token} if of.token else {})}
    response = await of.http.post("/api/web/messages", data=fields, files=[("file", file) for file in files])
    if response.status_code == 202:
        of.token = response.json()["conversation"]
    return response


async def shown(of: Customer) -> list[dict[str, Any]]:
    return [file for line in await of.read() for file in line.get("files", [])]


async def fetched(of: Customer, file: dict[str, Any]) -> httpx.Response:
    return await of.http.get(f"/api/web/conversations/{of.token}/files/{file['id']}")


def png(name: str = "screen.png") -> File:
    return name, PNG, "image/png"


async def test_a_picture_comes_and_is_shown_to_both(at: Desk) -> None:
    ana, lea = at.customer(), await at.agent("Lea")
    response = await sends(ana, png(), text="this is broken")
    assert (response.status_code, set(response.json())) == (202, {"conversation", "message"})
    (file,) = await shown(ana)
    assert (file["name"], file["type"], file["size"]) == ("screen.png", "image/png", len(PNG))
    theirs = await fetched(ana, file)
    agents = await at.http.get(f"/api/v1/files/{file['id']}", headers={"Authorization": f"Bearer {lea.token}"})
    for got in (theirs, agents):
        assert (got.status_code, got.content) == (200, PNG)
        assert got.headers["content-type"] == "image/png"
        assert got.headers["content-disposition"].startswith("inline;")
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"
    await ana.hears("acknowledgement")
    case = (await at.http.get(f"/api/web/conversations/{ana.token}")).json()["case"]
    seen = (await lea.case(case))["attachments"]
    assert [(row["id"], row["name"], row["size"]) for row in seen] == [(file["id"], "screen.png", len(PNG))]


async def test_the_same_again_is_kept_once(at: Desk) -> None:
    ana, id_ = at.customer(), str(uuid.uuid4())
    first = await sends(ana, png("one.png"), png("two.png"), id=id_)
    token = ana.token
    again = await sends(ana, png("one.png"), png("two.png"), id=id_)
    ana.token = None
    lost = await sends(ana, png("one.png"), png("two.png"), id=id_)
    assert first.text == again.text == lost.text
    assert ana.token == token
    assert [file["name"] for file in await shown(ana)] == ["one.png", "two.png"]
    both = await asyncio.gather(*(sends(ana, png("three.png"), id=str(uuid.UUID(int=7))) for _ in range(5)))
    assert {response.status_code for response in both} == {202}
    assert [file["name"] for file in await shown(ana)].count("three.png") == 1


async def test_a_file_needs_no_words(at: Desk) -> None:
    ana = at.customer()
    assert (await sends(ana, png(), text="")).status_code == 202
    assert "we have what you sent" in (await ana.hears("acknowledgement"))["text"]


async def test_what_is_not_kept_is_said_to_the_customer_and_to_agents(at: Desk) -> None:
    ana, lea = at.customer(), await at.agent("Jon")
    response = await sends(
        ana, ("invoice.exe", b"MZ\x90\0", "application/pdf"), ("page.png", b"<html>", "image/png"), png(), text="broken"
    )
    assert response.status_code == 202
    refused = response.json()["refused"]
    assert [(file["name"], file["reason"]) for file in refused] == [("invoice.exe", "program"), ("page.png", "active")]
    said = "Your message arrived; invoice.exe did not: it is a program. We take "
    assert refused[0]["message"].startswith(said)
    assert refused[0]["message"].endswith(" up to 10 MB.")
    files = await shown(ana)
    assert [("refused" in file, file["name"]) for file in files] == [
        (True, "invoice.exe"), (True, "page.png"), (False, "screen.png"),
    ]  # fmt: skip
    assert files[0]["refused"] == refused[0]["message"]
    assert [(await fetched(ana, file)).status_code for file in files] == [404, 404, 200]
    case = re.search(r"W-\d+", (await ana.hears("acknowledgement"))["text"])
    assert case is not None
    assert [(file["name"], file["kept"]) for file in (await lea.case(case[0]))["attachments"]] == [
        ("invoice.exe", False), ("page.png", False), ("screen.png", True),
    ]  # fmt: skip
    gone = await at.http.get(f"/api/v1/files/{files[0]['id']}", headers={"Authorization": f"Bearer {lea.token}"})
    assert gone.status_code == 404
    kept = await at.sql(
        "SELECT reference, content IS NULL FROM attachment WHERE name IN ('invoice.exe', 'page.png') ORDER BY id"
    )
    assert [(row[0], bool(row[1])) for row in kept] == [("refused:program", True), ("refused:active", True)]


async def test_nothing_but_what_is_not_kept_is_no_message(at: Desk) -> None:
    ana = at.customer()
    response = await sends(ana, ("run.bat", b"echo", "text/plain"), text="  ")
    assert (response.status_code, response.json()["error"]["code"]) == (422, "file_refused")
    assert response.json()["error"]["message"].startswith("run.bat did not arrive: it is a program. We take ")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\Windows\\x.png", "x.png"),
        (".htaccess.png", "htaccess.png"),
        ("\u200b.htaccess.png", "htaccess.png"),
        ("a\u202egpj.png", "agpj.png"),
        ("x" * 3000 + ".png", "x" * 200),
        ("CON", "CON"),
        ("ｆｕｌｌ.png", "full.png"),  # noqa: RUF001
        ("größe 1.png", "größe 1.png"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("a%2Fb.png", "a%2Fb.png"),
    ],
)
async def test_a_name_is_only_shown(at: Desk, name: str, kept: str) -> None:
    ana = at.customer()
    assert (await sends(ana, png(name))).status_code == 202
    (file,) = await shown(ana)
    # How httpx writes a quote or a percent sign into the header is its affair; what matters is what is left of it.
    assert file["name"] in (kept, kept.replace("%2F", "%252F"))
    headers = (await fetched(ana, file)).headers["content-disposition"]
    assert re.fullmatch(r"inline; filename=\"[^\"\\\r\n]*\"; filename\*=UTF-8''[\w.%~-]*", headers)


async def test_everything_but_pictures_is_saved_not_shown(at: Desk) -> None:
    ana = at.customer()
    await sends(ana, ("a.txt", b"hello", "text/html"), ("a.pdf", b"%PDF-1.7", "text/html"), ("a.eml", b"A: b", "x/y"))
    for file in await shown(ana):
        got = await fetched(ana, file)
        assert got.headers["content-disposition"].startswith("attachment;")
        assert "html" not in got.headers["content-type"]


async def test_a_zip_bomb_stays_shut(at: Desk) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 50_000_000)
    ana = at.customer()
    assert (await sends(ana, ("bomb.zip", packed.getvalue(), "application/zip"))).status_code == 202
    (file,) = await shown(ana)
    assert (file["type"], file["size"]) == ("application/zip", len(packed.getvalue()))


async def test_with_another_token_there_is_no_such_file(at: Desk) -> None:
    ana, eve = at.customer(), at.customer()
    await sends(ana, png())
    await sends(eve, png())
    (file,) = await shown(ana)
    assert (await fetched(eve, file)).status_code == 404
    for wrong in ("0", "999999999", "-1", "1%20or%201=1", "9" * 30, "x"):
        assert (await fetched(ana, {"id": wrong})).status_code in (404, 422)
    assert (await at.http.get(f"/api/v1/files/{file['id']}")).status_code == 401


async def test_limits(at: Desk) -> None:
    ana = at.customer()
    six = await sends(ana, *(png(f"{number}.png") for number in range(6)))
    assert (six.status_code, six.json()["error"]["code"]) == (413, "too_many_files")
    large = await sends(ana, ("large.png", PNG + bytes(10_000_001), "image/png"), png(), text="see")
    assert [file["reason"] for file in large.json()["refused"]] == ["large"]
    assert "it is over 10 MB" in large.json()["refused"][0]["message"]
    together = await sends(ana, *((f"{n}.png", PNG + bytes(9_000_000), "image/png") for n in range(3)))
    assert (together.status_code, together.json()["error"]["code"]) == (413, "too_large")
    assert "25 MB" in together.json()["error"]["message"]
    assert (await sends(ana, ("x.txt", b"", "text/plain"), text="see")).json()["refused"][0]["reason"] == "empty"
    assert (await sends(ana, png(), text="x" * 10_001)).status_code == 413
    assert len(await shown(ana)) == 3


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=a", b"nothing of the kind"),
        ("multipart/form-data; boundary=a", b"--a\r\n\r\nx\r\n--a--\r\n"),
        ("multipart/form-data; boundary=a; charset=utf-7", b"--a\r\nContent-Disposition: form-data\r\n\r\nx\r\n--a--"),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="id"\r\n\r\n\xff\r\n--a--\r\n',
        ),
        ("multipart/form-data; boundary=" + "b" * 5000, b"--b"),
        (
            "multipart/form-data; boundary=a",
            b"".join(b'--a\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n for n in range(50))
            + b"--a--",
        ),
    ],
)
async def test_no_form(at: Desk, content_type: str, body: bytes) -> None:
    response = await at.http.post("/api/web/messages", content=body, headers={"Content-Type": content_type})
    assert response.status_code in (400, 413, 422)
    assert response.json()["error"]["message"]


async def test_only_this_address_takes_much(at: Desk) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=a"}
    for path in ("/api/v1/cases/W-1001/reply", "/desk/sign-in"):
        response = await at.http.post(path, content=b"x" * 1_500_000, headers=headers)
        assert response.status_code >= 400
        assert response.status_code != 500
    as_json = await at.http.post("/api/web/messages", content=b"x" * 1_500_000)
    assert as_json.status_code == 413


# --- over a real port ------------------------------------------------------------------------------


@pytest.fixture
async def open_desk(tmp_path: Path) -> AsyncIterator[tuple[Desk, str]]:
    async with desk(tmp_path) as at, served(at.house) as url:
        yield at, url


HEAD = b"POST /api/web/messages HTTP/1.1\r\nHost: desk.test\r\nContent-Type: multipart/form-data; boundary=a\r\n"
PART = b'--a\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'


async def said(url: str, *parts: bytes) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(30):
            return await reader.read(2000)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@pytest.mark.asyncio(loop_scope="function")
async def test_too_much_is_refused_before_and_while_it_comes(open_desk: tuple[Desk, str]) -> None:
    at, url = open_desk
    early = await said(url, HEAD + b"Content-Length: 27000000\r\n\r\n")
    assert early[9:12] == b"413", "before anything of it came"
    assert b"25 MB" in early
    megabyte = b"%x\r\n%b\r\n" % (1_000_000, bytes(1_000_000))
    late = await said(
        url, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n" % (len(PART), PART), *[megabyte] * 26
    )
    assert late[9:12] == b"413"
    assert (await at.sql("SELECT count(*) FROM message"))[0][0] == 0


@pytest.mark.asyncio(loop_scope="function")
async def test_who_hangs_up_half_way_leaves_nothing_behind(open_desk: tuple[Desk, str]) -> None:
    at, url = open_desk
    host, port = url.removeprefix("http://").split(":")
    for _ in range(web_files.AT_ONCE + 5):  # more than are taken at once: each must give its place back
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(HEAD + b"Content-Length: 5000000\r\n\r\n" + PART + bytes(200_000))
        await writer.drain()
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    async with httpx.AsyncClient(base_url=url) as http:
        ana = Customer(http)

        async def taken() -> bool:
            return (await sends(ana, png())).status_code == 202

        await until(taken)
    assert (await at.sql("SELECT count(*) FROM attachment"))[0][0] == 1


@pytest.mark.asyncio(loop_scope="function")
async def test_a_desk_without_files(tmp_path: Path) -> None:
    async with desk(tmp_path, web_file_max_mb=0) as at:
        ana = at.customer()
        response = await sends(ana, png())
        assert (response.status_code, response.json()["error"]["code"]) == (415, "no_files")
        assert (await at.http.get("/api/web/about")).json()["files"] is None
        assert (await ana.write("hello")).status_code == 202


@pytest.mark.asyncio(loop_scope="function")
async def test_a_smaller_limit(tmp_path: Path) -> None:
    async with desk(tmp_path, web_file_max_mb=1) as at:
        files = (await at.http.get("/api/web/about")).json()["files"]
        assert (files["most"], files["each"], files["together"]) == (5, 1_000_000, 25_000_000)
        assert ".pdf" in files["accept"]
        response = await sends(at.customer(), ("a.png", PNG + bytes(1_000_001), "image/png"), text="see")
        assert response.json()["refused"][0]["message"].endswith("it is over 1 MB. Send a smaller one, or a link.")
