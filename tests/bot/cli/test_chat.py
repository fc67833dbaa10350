"""A customer in the terminal: against a real desk, and against one that breaks in every way."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from bot.cli import chat
from bot.cli.chat import Talk
from bot.cli.terminal import Refused
from bot.web.shell import Shell
from tests.bot.cli.conftest import ROOT, Invoke
from tests.house import desk, until

DOWN = "http://127.0.0.1:9"
"""Nobody listens there: the port of the `discard` service."""


@asynccontextmanager
async def served(app: Shell) -> AsyncIterator[str]:
    """The application on a real port; the address."""
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


async def program(*words: str, given: bytes | None = None) -> tuple[int, str, str]:
    """Exit code, output and errors of `warmline chat` with a pipe as its terminal."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "chat", *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, told = await process.communicate(given)
    assert process.returncode is not None
    return process.returncode, out.decode(), told.decode()


async def test_a_piped_conversation_with_a_real_desk(home: Path) -> None:
    async with desk(home) as at, served(at.house.app) as url:
        lines = "your site is down\n\n  \nüberall\n" + "x" * 11_000
        code, out, told = await program(
            "--url", url, "--name", "Ana", "--email", "ana@example.com", given=lines.encode()
        )
        assert code == 0, told
        assert out.startswith("You: your site is down\n")
        assert "W-1001" in out
        assert "You: überall" in out, "it goes on after an empty line"
        assert "10000 are taken" in told, "what the desk refuses, it says"
        lea = await at.agent()
        (case,) = (await lea.get("cases"))["cases"]
        assert case["customer"] == "Ana"

        code, out, told = await program("--url", url, given=b"hello\n1\n")
        assert code == 0, told
        assert "  [1] Talk to a person" in out
        assert "You: Talk to a person\n" in out
        assert "W-1002" in out


async def test_no_desk_is_a_sentence_with_what_to_do(home: Path) -> None:
    code, out, told = await program("--url", DOWN, given=b"hello\n")
    assert (code, out) == (1, "")
    assert "No desk answers on" in told
    assert "warmline run" in told


def test_something_else_is_no_desk(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    async def other(http: httpx.AsyncClient, base: str) -> None:
        async with talker(lambda _: httpx.Response(200, text="<html>")) as (http, _):
            await greet(http, base)

    greet = chat._greet
    monkeypatch.setattr(chat, "_greet", other)
    result = invoke("chat", "--url", "http://127.0.0.1:8000")
    assert result.exit_code == 1
    assert "is no Warmline desk" in result.stderr
    assert invoke("chat", "--url", "desk.example").exit_code == 2


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--email", "nonsense", "is not an address like ana@example.com"),
        ("--email", "a@b", "is not an address like ana@example.com"),
        ("--email", "x" * 320 + "@b.example", "has over 320 characters"),
        ("--name", "x" * 201, "has over 200 characters"),
        ("--name", "Ana\x1b[2J", "cannot be shown"),
    ],
)
def test_who_one_cannot_be_is_wrong_usage(invoke: Invoke, option: str, value: str, told: str) -> None:
    """Before anything is sent, also where nothing is to be sent."""
    result = invoke("chat", "--url", DOWN, option, value, given="")
    assert result.exit_code == 2
    assert option in result.stderr
    assert told in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:81"), ("::", "http://[::1]:81"), ("10.0.0.1", "http://10.0.0.1:81")],  # noqa: S104 - compared
)
def test_it_finds_the_desk_of_these_settings(home: Path, monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    monkeypatch.setenv("WARMLINE_HOST", host)
    monkeypatch.setenv("WARMLINE_PORT", "81")
    assert chat._here() == url
    monkeypatch.setenv("WARMLINE_PORT", "0")
    with pytest.raises(Refused, match="--url"):
        chat._here()


# --- what breaks ---------------------------------------------------------------------------------


@asynccontextmanager
async def talker(
    answer: Callable[[httpx.Request], httpx.Response], **more: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Talk]]:
    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as http:
        yield http, Talk(http, **more)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "LONGEST_PAUSE", 0.01)


async def test_a_message_is_sent_with_one_id_until_it_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        match len(bodies):
            case 1:
                raise httpx.ConnectError("refused", request=request)
            case 2:
                return httpx.Response(503, json={"error": {"message": "Starting."}}, headers={"Retry-After": "0"})
            case 3:
                return httpx.Response(429, json={"error": {"message": "Too many."}}, headers={"Retry-After": "soon"})
            case 4:
                raise httpx.ReadTimeout("lost", request=request)
        return httpx.Response(202, json={"conversation": "token", "message": "m"})

    async with talker(answer) as (_, talk):
        assert await talk.send("hello")
    assert len({body["id"] for body in bodies}) == 1
    assert [body["text"] for body in bodies] == ["hello"] * 5
    told = capsys.readouterr().err
    assert "Is it running?" in told
    assert "Starting." in told
    assert "Your message is kept" in told


async def test_nobody_waits_for_ever_behind_a_pipe() -> None:
    async with talker(lambda _: httpx.Response(500), give_up=0.05) as (_, talk):
        with pytest.raises(Refused, match="not delivered: hello"):
            await talk.send("hello")


async def test_a_conversation_that_is_gone_begins_anew() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        token = json.loads(request.content)["conversation"]
        seen.append(token)
        if token == "old":
            return httpx.Response(404, json={"error": {"message": "It is gone."}})
        return httpx.Response(202, json={"conversation": "old" if len(seen) == 1 else "new", "message": "m"})

    async with talker(answer) as (_, talk):
        assert await talk.send("one")
        assert await talk.send("two")
    assert seen == [None, "old", None]


async def test_the_stream_goes_on_where_it_broke_and_shows_nothing_twice() -> None:
    shown: list[str] = []
    asked: list[str] = []

    def event(seq: int, **more: Any) -> str:
        message = {"seq": seq, "from": "bot", "author": "Bo", "text": f"text {seq}", "kind": "text", "buttons": []}
        return f"id: {seq}\ndata: {json.dumps({**message, **more})}\n\n"

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, json={"conversation": "token", "message": "m"})
        asked.append(request.headers["Last-Event-ID"])
        match len(asked):
            case 1:
                own = event(1, **{"from": "customer"})
                return httpx.Response(200, text=f"retry: 2000\n\n{own}{event(2)}: still here\n\ndata: {{half")
            case 2:
                return httpx.Response(502)
            case 3:
                raise httpx.ReadError("cut", request=request)
        hostile = event(3, text="a\x1b[2J\nb", buttons=[{"id": "yes", "label": "Yes\x07"}])
        return httpx.Response(200, text=event(2) + hostile)

    async with talker(answer, show=shown.append) as (_, talk):
        await talk.send("hello")
        listening = asyncio.create_task(talk.listen())
        await talk.await_buttons(5)
        await until(lambda: asyncio.sleep(0, len(asked) > 5))
        listening.cancel()
        assert asked[:4] == ["0", "2", "2", "2"]
        assert asked[4] == "3"
        assert shown == ["Bo: text 2", "Bo: a\ufffd[2J\n  b", "  [1] Yes\ufffd"]
        assert talk.meaning("2") == ("2", None)
        assert talk.meaning("1") == ("Yes\x07", "yes")
        assert talk.meaning("1") == ("1", None), "a choice is taken once"


async def test_a_yes_is_not_answered_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chat, "AFTERGLOW", 0.05)
    buttons = [{"id": "helped:yes", "label": "Yes"}, {"id": "helped:no", "label": "No"}]
    message = {"seq": 2, "from": "bot", "author": "Bo", "text": "Press Add.", "kind": "answer", "buttons": buttons}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, json={"conversation": "token", "message": "m"})
        return httpx.Response(200, text=f"id: 2\ndata: {json.dumps(message)}\n\n")

    async with talker(answer, show=lambda _: None) as (_, talk):
        await talk.send("how do I add an alias?")
        listening = asyncio.create_task(talk.listen())
        await talk.await_buttons(5)
        assert await talk.send(*talk.meaning("1"))
        async with asyncio.timeout(20):
            await talk.linger(60)
        assert capsys.readouterr().err == ""
        await talk.send("thank you")
        await talk.linger(0.2)
        assert "thanks and the like get no answer" in capsys.readouterr().err
        listening.cancel()
