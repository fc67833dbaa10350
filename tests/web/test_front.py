"""The front page and the chat's script: small, whole, safe, and of use without either JavaScript or the demo."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.articles import load_articles
from bot.library import rows_of
from bot.web.assets import STATIC
from store import articles
from tests.house import Desk, desk

KB = 1024


def packed(content: bytes) -> int:
    return len(gzip.compress(content, 9))


def test_the_chat_is_small() -> None:
    """What a website pays: the loader always, the panel when the chat is opened."""
    sizes = {path.name: packed(path.read_bytes()) for path in (STATIC / "chat").iterdir()}
    assert sizes.pop("loader.js") <= 3 * KB
    assert sum(sizes.values()) <= 25 * KB, sizes


def test_the_chat_puts_no_words_in_as_markup() -> None:
    """And needs nothing that a strict policy of a website forbids."""
    for path in (STATIC / "chat").glob("*.js"):
        source = path.read_text()
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
        ):
            assert way not in source, f"{path.name}: {way}"
        assert 'setAttribute("style"' not in source


@pytest.fixture
async def at(tmp_path: Path):  # type: ignore[no-untyped-def]
    async with desk(tmp_path, smtp_url=SecretStr("smtp://127.0.0.1:9"), mail_from="help@harbour.example") as running:
        yield running


async def test_the_shop_front(at: Desk) -> None:
    response = await at.http.get("/", headers={"Accept-Encoding": "gzip"})
    assert response.status_code == 200
    page = response.text
    assert "Harbour Hosting" in page
    assert 'href="/desk"' in page
    for plan in ("Dinghy", "Sloop", "Schooner"):
        assert plan in page
    links = set(re.findall(r'href="(/help/[^"]+)"', page))
    assert len(links) >= 8
    for link in links:
        assert (await at.http.get(link)).status_code == 200
    styles = re.findall(r'href="(/static/[^"]+\.css)"', page)
    sizes = [packed((await at.http.get(style)).content) for style in styles]
    assert packed(page.encode()) <= 15 * KB
    assert sum(sizes) <= 12 * KB
    assert "help@harbour.example" in page.partition("<noscript>")[2], "how to reach us without the chat"
    policy = response.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<[^>]+\sstyle=|<[^>]+\son\w+=|<style|<script(?![^>]*\ssrc=)", page)


async def test_what_is_said_of_the_service_stands_there(at: Desk) -> None:
    lea = await at.agent("Lea", role="admin")
    body = {"state": "trouble", "text": "Mail is <slow>. We are on it."}
    headers = {"Authorization": f"Bearer {lea.token}"}
    assert (await at.http.put("/api/v1/status", json=body, headers=headers)).status_code == 200
    at.house.house._status_asked = -1e9  # it is looked up every five seconds
    assert "Mail is &lt;slow&gt;. We are on it." in (await at.http.get("/")).text
    assert (await at.http.get("/api/web/about")).json()["status"] == body


async def test_with_articles_of_ones_own(at: Desk, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "tea.md").write_text("# How we brew tea & coffee\n\n## With water\n\nPour it slowly.\n")
    async with at.house.database.write("test") as connection:
        await articles.put(connection, rows_of(load_articles(own), "own"), datetime.now(UTC))
    await at.house.shelf.refresh()
    page = (await at.http.get("/")).text
    assert "How we brew tea &amp; coffee" in page
    assert "data-open" in page
    assert "Dinghy" not in page


async def test_the_script_for_websites(at: Desk) -> None:
    response = await at.http.get("/widget.js")
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.headers["access-control-allow-origin"] == "*"
    panel = re.search(r'PANEL = "(/static/[0-9a-f]{16}/chat/panel\.js)"', response.text)
    assert panel is not None
    module = await at.http.get(panel[1])
    assert module.headers["cache-control"].endswith("immutable")
    for name in re.findall(r'from "\./([\w.]+)"', module.text):
        assert (await at.http.get(panel[1].replace("panel.js", name))).status_code == 200
    tag = response.headers["etag"]
    for known in (tag, f'"x", W/{tag}'):
        again = await at.http.get("/widget.js", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert (await at.http.get("/widget.js", headers={"If-None-Match": '"x"'})).status_code == 200


async def test_help_pages_carry_the_chat(at: Desk) -> None:
    for path in ("/help", "/help/mailboxes", "/help/nothing"):
        response = await at.http.get(path)
        assert '<script async src="/widget.js"></script>' in response.text
        assert "script-src 'self'" in response.headers["content-security-policy"]
    assert "widget.js" not in (await at.http.get("/api/docs")).text
