"""The loopback platform itself: it must be as unforgiving as it claims, or it proves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.house import until
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl, read_ledger
from tests.platforms.loopback_push import TLS
from tests.platforms.standalone import process

AUTH = {"authorization": "Bearer secret-main"}
SEND = {"key": "k1", "place": "p1", "text": "hello", "author": "Bo", "buttons": [], "attachments": []}


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


@pytest.fixture
async def platform(ledger: Path) -> AsyncIterator[LoopbackPlatform]:
    async with LoopbackPlatform(ledger=ledger) as platform:
        yield platform


@pytest.fixture
async def control(platform: LoopbackPlatform) -> AsyncIterator[LoopbackControl]:
    async with LoopbackControl(platform.url) as control:
        yield control


@pytest.fixture
async def client(platform: LoopbackPlatform) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(platform.url) as client:
        yield client


def client_of(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers=AUTH, timeout=20, verify=TLS, trust_env=False)


async def poll(client: httpx.AsyncClient, after: int, wait: float = 0) -> list[dict[str, Any]]:
    answer = await client.get("/updates", params={"after": after, "wait": wait})
    updates: list[dict[str, Any]] = answer.raise_for_status().json()["updates"]
    return updates


def lines(ledger: Path, what: str) -> list[dict[str, Any]]:
    return [line for line in read_ledger(ledger) if line["what"] == what]


async def test_a_reader_that_confirms_first_loses(
    control: LoopbackControl, client: httpx.AsyncClient, ledger: Path
) -> None:
    """As with getUpdates: what `after` covers is forgotten, whether it was kept or not."""
    await control.write("one")
    await control.write("two")
    assert [update["update"] for update in await poll(client, 0)] == [1, 2]
    assert [update["update"] for update in await poll(client, 0)] == [1, 2]
    assert [update["update"] for update in await poll(client, 1)] == [2]
    assert [update["update"] for update in await poll(client, 0)] == [2]
    assert [(line["account"], line["after"]) for line in lines(ledger, "confirmed")] == [("main", 1)]
    assert [u["update"] for u in (await control.state())["unacknowledged"]] == [2]


async def test_a_long_poll_wakes_at_once(control: LoopbackControl, client: httpx.AsyncClient) -> None:
    waiting = asyncio.create_task(poll(client, 0, wait=30))
    await asyncio.sleep(0.05)
    await control.write("wake up")
    assert len(await asyncio.wait_for(waiting, 20)) == 1


async def test_a_second_poller_ends_the_first(client: httpx.AsyncClient) -> None:
    first = asyncio.create_task(client.get("/updates", params={"after": 0, "wait": 30}))
    await asyncio.sleep(0.05)
    await client.get("/updates", params={"after": 0, "wait": 0})
    assert (await asyncio.wait_for(first, 20)).status_code == 409


async def test_the_same_key_posts_again_or_not(
    control: LoopbackControl, client: httpx.AsyncClient, ledger: Path
) -> None:
    twice = [(await client.post("/send", json=SEND)).json()["id"] for _ in range(2)]
    await control.knobs(idempotent=True)
    third = (await client.post("/send", json=SEND)).json()["id"]
    assert len(set(twice)) == 2
    assert third == twice[0]
    assert [line["copy"] for line in lines(ledger, "accepted")] == [1, 2]
    assert len(lines(ledger, "repeated")) == 1
    assert (await client.get("/sent", params={"key": "k1"})).json() == {"ids": twice}


async def test_keys_are_forgotten_after_their_window(control: LoopbackControl, client: httpx.AsyncClient) -> None:
    await control.knobs(idempotent=True, window=0.05)
    await client.post("/send", json=SEND)
    await asyncio.sleep(0.1)
    await client.post("/send", json=SEND)
    assert len((await control.state())["sends"]) == 2


@pytest.mark.parametrize(
    ("fault", "ends", "copies"),
    [
        ("cut_before", httpx.ReadError, 0),
        ("cut_after", httpx.ReadError, 1),
        ("close_before", httpx.RemoteProtocolError, 0),
        ("close_after", httpx.RemoteProtocolError, 1),
        ("black_hole_before", httpx.ReadTimeout, 0),
        ("black_hole_after", httpx.ReadTimeout, 1),
        ("busy", 429, 0),
        ("error", 500, 0),
        ("error_after", 500, 1),
        ("unavailable", 503, 0),
        ("blocked", 403, 0),
        ("rubbish_after", 200, 1),
        ("slow", 200, 1),
        ("ok", 200, 1),
    ],
)
async def test_each_fault_is_what_it_says(
    control: LoopbackControl, client: httpx.AsyncClient, fault: str, ends: Any, copies: int
) -> None:
    await control.faults("send", {"fault": fault, "seconds": 0.1})
    if isinstance(ends, int):
        assert (await client.post("/send", json=SEND)).status_code == ends
    else:
        with pytest.raises(ends):
            await client.post("/send", json=SEND, timeout=0.5 if ends is httpx.ReadTimeout else 20)
    assert len((await control.state())["sends"]) == copies
    assert (await client.post("/send", json=SEND)).status_code == 200


async def test_a_client_that_gives_up_does_not_stop_the_send(
    control: LoopbackControl, client: httpx.AsyncClient
) -> None:
    """The slow platform commits after our timeout: a look-up that is made too early would say no."""
    await control.faults("send", {"fault": "slow", "seconds": 3})
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/send", json=SEND, timeout=0.1)
    assert (await client.get("/sent", params={"key": "k1"})).json() == {"ids": []}

    async def arrived() -> bool:
        return bool((await client.get("/sent", params={"key": "k1"})).json() == {"ids": ["m1"]})

    await until(arrived)


async def test_weather_is_random_and_repeatable(control: LoopbackControl, client: httpx.AsyncClient) -> None:
    await control.knobs(weather={"error_before": 0.3, "error_after": 0.3})
    statuses = [(await client.post("/send", json=SEND)).status_code for _ in range(40)]
    assert 10 < statuses.count(500) < 38
    assert 40 - statuses.count(500) < len((await control.state())["sends"]) < 40


@pytest.mark.parametrize(
    ("change", "status"),
    [({"text": " "}, 400), ({"text": "\U0001f600" * 2049}, 400), ({"key": ""}, 400), ({"place": "blocked"}, 403)],
)
async def test_a_bad_send_is_refused_and_noted(
    control: LoopbackControl, client: httpx.AsyncClient, ledger: Path, change: dict[str, str], status: int
) -> None:
    await control.block("blocked")
    assert (await client.post("/send", json={**SEND, **change})).status_code == status
    assert [line["status"] for line in lines(ledger, "refused")] == [status]
    assert lines(ledger, "accepted") == []


async def test_no_token_no_entry(client: httpx.AsyncClient) -> None:
    for token in ("", "Bearer wrong", "Basic secret-main"):
        assert (await client.get("/me", headers={"authorization": token})).status_code == 401


async def test_a_wrong_control_call_says_so(control: LoopbackControl) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("knobs", {"sped": 1}),
        ("faults", {"send": ["colour"]}),
        ("edits", {"place": "p", "id": "x"}),
        ("weather", {}),
    ]
    for what, data in wrong:
        with pytest.raises(ValueError, match="400"):
            await control.call(what, data)


async def test_accounts_are_kept_apart(platform: LoopbackPlatform, client: httpx.AsyncClient) -> None:
    async with LoopbackControl(platform.url, account="other") as other:
        await other.write("not yours")
        assert await poll(client, 0) == []
        assert (await other.state())["updates"] == 1


async def test_its_own_process_keeps_the_ledger(ledger: Path) -> None:
    """A client is killed in the middle; what the platform took stands in the file."""
    killed = (
        "import httpx, os, signal, sys\n"
        "httpx.post(sys.argv[1] + '/send', json={'key': 'k1', 'place': 'p', 'text': 'last words'},"
        " headers={'authorization': 'Bearer secret-main'})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    async with process("loopback", ledger) as url, LoopbackControl(url) as control:
        await control.write("hello \ud83d\0", author="ada")
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", killed, url, env={"PATH": os.environ["PATH"]}
        )
        assert await child.wait() == -signal.SIGKILL
        assert [line["what"] for line in read_ledger(ledger)] == ["customer", "accepted"]
        (written,) = lines(ledger, "customer")
        assert written["event"]["text"] == "hello \ud83d\0"
    async with process("loopback", ledger):
        assert len(read_ledger(ledger)) == 2
