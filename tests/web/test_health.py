"""What an operator looks at: health, readiness, numbers, and the page that describes the API."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from contextlib import AsyncExitStack
from html.parser import HTMLParser
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from bot.articles import load_articles
from bot.library import DEMO
from store.valkey import EmbeddedValkey
from tests.house import Desk, desk, until


async def numbers(at: Desk) -> dict[tuple[str, ...], float]:
    """Every sample: (name, label values…) -> value."""
    text = (await at.http.get("/metrics")).text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_numbers(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        before = await numbers(at)
        lea = await at.agent()
        for text in ("your whole site is down", "the editor is broken", "thanks"):
            ana = at.customer()
            await ana.write(text)
            await ana.write(text, id=ana.sent[0])
            await lea.decided(await at.conversation(ana))
        await lea.done("cases/next")
        after = await numbers(at)

        def grown(*name: str) -> float:
            return after.get(name, 0) - before.get(name, 0)

        assert grown("warmline_messages_kept_total", "web", "new") == 3
        assert grown("warmline_messages_kept_total", "web", "duplicate") == 3
        assert grown("warmline_messages_ended_total", "web", "handed_off") == 2
        assert grown("warmline_messages_ended_total", "web", "noted") == 1
        assert grown("warmline_decisions_total", "hand_off", "outage") == 1
        assert grown("warmline_decision_seconds_count") == 3
        assert after["warmline_cases", "first", "open"] == 1
        assert after["warmline_cases", "second", "waiting"] == 1
        assert after["warmline_messages_undecided",] == 0
        assert grown("warmline_http_requests_total", "2xx") > 6
        text = (await at.http.get("/metrics")).text
        assert "florp" not in text
        assert str(ana.token) not in text


async def test_without_a_bus_everything_is_kept_and_decided(tmp_path: Path) -> None:
    """Redis gone: not ready, and it says which part; nothing is lost, nothing waits for it."""
    async with AsyncExitStack() as bus:
        url = await bus.enter_async_context(EmbeddedValkey(tmp_path))
        async with desk(tmp_path / "home", redis_url=url, web_rate_limit=1000) as at:
            await until(lambda: _ready_is(at, True))
            await bus.aclose()
            await until(lambda: _ready_is(at, False))
            ready = await at.http.get("/readyz")
            assert (ready.status_code, ready.json()["ready"], ready.json()["parts"]["bus"]) == (503, False, False)
            assert (await at.http.get("/healthz")).status_code == 200
            lea = await at.agent()
            ana = at.customer()
            assert (await ana.write("your whole site is down")).status_code == 202
            await ana.hears("acknowledgement")
            assert (await lea.done("cases/next"))["assignee"] == "Lea"


async def test_a_bus_that_dies_and_comes_back(tmp_path: Path) -> None:
    """The embedded server killed, again and again, while customers write."""
    async with desk(tmp_path) as at:
        lea = await at.agent()
        killed = 0

        async def kill() -> None:
            nonlocal killed
            for _ in range(4):
                for pid in _children(tmp_path):
                    _kill(pid)
                    killed += 1
                await asyncio.sleep(0.1)

        async def write(number: int) -> None:
            ana = at.customer()
            for text in ("your whole site is down", "still down", "thanks"):
                assert (await ana.write(f"{text} {number}")).status_code == 202
                await asyncio.sleep(0.05)
            await ana.hears("acknowledgement")
            await lea.decided(await at.conversation(ana))

        await asyncio.gather(kill(), *map(write, range(20)))
        assert killed >= 2

        await until(lambda: _ready_is(at, True), within=20)


async def _ready_is(at: Desk, ready: bool) -> bool:
    return (await at.http.get("/readyz")).status_code == (200 if ready else 503)


def _children(home: Path) -> list[int]:
    """Processes that serve this home's socket."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home).encode() in words and b"valkey" in words:
            found.append(int(entry.name))
    return found


def _kill(pid: int) -> None:
    import os
    import signal

    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("path", ["/api/web/messages", "/api/v1/cases"])
async def test_a_database_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """503 with Retry-After and our shape, so that clients send it again; never a bare 500."""
    async with desk(tmp_path) as at:
        lea = await at.agent()
        ana = at.customer()
        await ana.write("thanks")

        class Lost:
            def connect(self) -> None:
                raise OperationalError("SELECT", {}, Exception("disk I/O error"))

            begin = connect

            async def dispose(self) -> None:
                return None

        with monkeypatch.context() as patched:
            patched.setattr(at.house.database, "_reader", Lost())
            patched.setattr(at.house.database, "_writer", Lost())
            patched.setattr(at.house.database, "_threads", None)  # which have a connection of their own
            if path.endswith("messages"):
                response = await at.customer().write("florp")
            else:
                response = await at.http.get(path, headers=lea._headers())
            metrics = await at.http.get("/metrics")
        assert (response.status_code, response.headers["retry-after"]) == (503, "2")
        assert response.json()["error"]["code"] == "database_away"
        assert "disk" not in response.text
        assert metrics.status_code == 200
        assert (await at.customer().write("florp")).status_code == 202


async def test_a_fault_of_ours_is_said_in_our_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path) as at:
        lea = await at.agent()

        async def fail(*_: object) -> None:
            raise RuntimeError("inside-word")

        monkeypatch.setattr(at.house.desk, "claim", fail)
        response = await lea.post("cases/W-1001/claim")
        assert (response.status_code, response.json()["error"]["code"]) == (500, "failed")
        assert "inside-word" not in response.text


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name != "style"
            if name in ("href", "src"):
                self.addresses.append(str(value))
            if name == "id":
                self.anchors.add(str(value))


async def test_the_api_is_described_without_anything_from_elsewhere(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        response = await at.http.get("/api/docs")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/html")
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        page = Page()
        page.feed(response.text)
        assert not page.tags & {"script", "img", "link", "iframe", "object", "embed", "form"}
        assert all(address.startswith("#") or address == "/api/openapi.json" for address in page.addresses)
        assert {address[1:] for address in page.addresses if address.startswith("#")} <= page.anchors
        document = (await at.http.get("/api/openapi.json")).json()
        assert document["openapi"].startswith("3.")
        text = re.sub(r"<[^>]+>", "", response.text)
        for path, methods in document["paths"].items():
            assert path in text
            for operation in methods.values():
                assert {"401", "422"} <= set(operation["responses"])
                assert operation["security"]
        for method in ("claim", "reply", "note", "release", "return", "resolve", "reopen", "assign", "snooze"):
            assert f"/api/v1/cases/{{number}}/{method}" in document["paths"]


async def test_help_pages(tmp_path: Path) -> None:
    """The contents lead to every article, each page leads back; one style sheet, in the page, allowed by its hash.

    The only script is the chat's, from here.
    """
    async with desk(tmp_path, company="Harbour & Sons") as at:
        contents = await at.http.get("/help")
        page = Page()
        page.feed(contents.text)
        links = [address for address in page.addresses if address not in ("/help", "/widget.js")]
        assert len(links) == len(load_articles(DEMO))
        assert "/help/aliases" in links
        assert "Harbour &amp; Sons help" in contents.text
        for path, status in (("/help", 200), *((link, 200) for link in links), ("/help/nothing", 404)):
            response = await at.http.get(path)
            assert response.status_code == status
            assert response.headers["content-type"].startswith("text/html")
            policy = response.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; ")
            assert "unsafe" not in policy
            style = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256("".join(style).encode()).digest()).decode()
            assert f"style-src 'sha256-{digest}'" in policy
            shown = Page()
            shown.feed(response.text)
            assert re.findall(r"<script[^>]*>", response.text) == ['<script async src="/widget.js">']
            assert not shown.tags & {"img", "link", "iframe", "object", "embed", "form"}
            assert "/help" in shown.addresses
        article = (await at.http.get("/help/aliases")).text
        assert "alias" in article
        assert "prefers-color-scheme: dark" in article
        assert ":focus-visible" in article


async def test_an_article_that_is_published_elsewhere_is_listed_with_its_own_address(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        text = "---\nurl: https://help.example.com/locks?a=1&b=2\n---\n# Locks & keys\n\nTurn it.\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        await at.sql(
            "INSERT INTO article (slug, title, markdown, digest, source, updated_at)"
            " VALUES ('locks', 'Locks & keys', :text, :digest, 'own', 1)",
            text=text,
            digest=digest,
        )
        await at.house.shelf.refresh()
        contents = (await at.http.get("/help")).text
        assert '<a href="https://help.example.com/locks?a=1&amp;b=2"><strong>Locks &amp; keys</strong>' in contents
