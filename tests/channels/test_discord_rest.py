"""Discord's answers and the contract's errors: what is known is said, nothing else; one request, one try."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from channels.contract import ChannelError, PermanentFailure, TemporaryFailure, UnknownOutcome
from channels.discord.rest import Rest
from channels.discord.settings import DiscordSettings
from tests.platforms.plain_http import Cut, PlainServer, Reply, Request


class Door:
    """Gives the answer that a test has laid ready, and counts who knocks."""

    def __init__(self) -> None:
        self.answer: Reply | Cut = Reply.of({})
        self.knocks: list[Request] = []
        self.server = PlainServer(self._handle)

    async def _handle(self, request: Request) -> Reply:
        self.knocks.append(request)
        if isinstance(self.answer, Cut):
            raise self.answer
        return self.answer

    def says(self, status: int, body: object = None, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = Reply(status=status, body=raw, headers={name.replace("_", "-"): v for name, v in headers.items()})


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door()
    await door.server.open()
    yield door
    await door.server.shut()


@pytest.fixture
async def rest(door: Door) -> AsyncIterator[Rest]:
    rest = Rest(DiscordSettings.parse({"token": "hunter2", "api_url": door.server.url, "timeout": 5}))
    rest.open()
    yield rest
    await rest.close()


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (429, {"message": "slow", "retry_after": 1.5, "global": False}, TemporaryFailure, "no more messages"),
        (429, b"<html>1015</html>", TemporaryFailure, "no more messages"),
        (401, {"message": "401: Unauthorized", "code": 0}, TemporaryFailure, "token"),
        (403, {"message": "x", "code": 50007}, PermanentFailure, "no direct messages"),
        (403, {"message": "x", "code": 50013}, PermanentFailure, "Send Messages"),
        (403, {"message": "x", "code": 50001}, PermanentFailure, "no access"),
        (403, b"<html>denied</html>", TemporaryFailure, "before Discord"),
        (404, {"message": "x", "code": 10003}, PermanentFailure, "does not exist"),
        (404, {"message": "x", "code": 10008}, PermanentFailure, "does not exist"),
        (400, {"message": "Invalid Form Body", "code": 50035}, PermanentFailure, "refused"),
        (400, {"message": "something new", "code": 999999}, PermanentFailure, "something new"),
        (400, {"message": "slow mode", "code": 20016, "retry_after": 9}, TemporaryFailure, "slow mode"),
        (413, b"too large", PermanentFailure, "413"),
        (302, b"", PermanentFailure, "api_url"),
        (408, b"", UnknownOutcome, "failed"),
        (500, {"message": "oops", "code": 0}, UnknownOutcome, "failed"),
        (502, b"<html>", UnknownOutcome, "failed"),
        (503, [1], UnknownOutcome, "failed"),
        (200, b"<html>It works!", UnknownOutcome, "makes no sense"),
        (200, b"[" * 100_000, UnknownOutcome, "makes no sense"),
    ],
)
async def test_each_answer_has_its_error(
    door: Door, rest: Rest, status: int, body: object, error: type[ChannelError], words: str
) -> None:
    door.says(status, body)
    with pytest.raises(ChannelError, match=words) as caught:
        await rest.post("/channels/1/messages", {"content": "x"})
    assert type(caught.value) is error
    assert "hunter2" not in str(caught.value)
    assert len(door.knocks) == 1


async def test_what_is_cut_off_is_unknown_and_what_never_left_is_not(door: Door, rest: Rest) -> None:
    door.answer = Cut(reset=True)
    with pytest.raises(UnknownOutcome):
        await rest.post("/channels/1/messages", {"content": "x"})
    assert len(door.knocks) == 1
    await door.server.shut()
    with pytest.raises(TemporaryFailure):
        await rest.post("/channels/1/messages", {"content": "x"})


async def test_a_channel_that_is_full_is_left_alone_and_others_are_not(door: Door, rest: Rest) -> None:
    door.says(429, {"retry_after": 30.0})
    with pytest.raises(TemporaryFailure):
        await rest.post("/channels/1/messages", {})
    with pytest.raises(TemporaryFailure) as caught:
        await rest.post("/channels/1/messages", {})
    assert caught.value.retry_after is not None
    assert 25 < caught.value.retry_after <= 30
    door.says(200, {"id": "1"})
    assert await rest.post("/channels/2/messages", {}) == {"id": "1"}
    assert len(door.knocks) == 2


async def test_a_global_limit_stops_everything(door: Door, rest: Rest) -> None:
    door.says(429, {"retry_after": 30.0, "global": True})
    for channel in ("1", "2"):
        with pytest.raises(TemporaryFailure):
            await rest.post(f"/channels/{channel}/messages", {})
    assert len(door.knocks) == 1


async def test_the_last_of_a_limit_is_known_from_the_headers(door: Door, rest: Rest) -> None:
    door.says(200, {"id": "1"}, X_RateLimit_Remaining="0", X_RateLimit_Reset_After="30")
    await rest.post("/channels/1/messages", {})
    with pytest.raises(TemporaryFailure):
        await rest.post("/channels/1/messages", {})
    assert len(door.knocks) == 1


async def test_a_token_stands_only_where_it_is_needed(door: Door, rest: Rest) -> None:
    door.says(204, b"")
    assert await rest.post("/interactions/1/t/callback", {"type": 6}, token=False) is None
    await rest.get("/users/@me", limit=1)
    assert [request.headers.get("authorization") for request in door.knocks] == [None, "Bot hunter2"]
