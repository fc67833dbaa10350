"""The loopback adapter through every case, reading in both ways, and what only it has."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, get_args

import httpx
import pytest

from channels.contract import Button, Channel, PermanentFailure, Rereads, UnknownOutcome
from channels.registry import RegistryError, load
from tests.contracts.channel_cases import ChannelCases
from tests.contracts.fake_host import FakeHost
from tests.contracts.harness import Ability, Arrived, Harness, settled
from tests.contracts.outbound_cases import OutboundCases
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_channel import LoopbackChannel, Watermark
from tests.platforms.loopback_control import LoopbackControl
from tests.platforms.loopback_push import TLS

PATH = "tests.platforms.loopback_channel:make"
TIMEOUT = 1.0
SLOW = 0.1


class LoopbackHarness(Harness):
    channel = "loopback"
    account = "main"
    can: ClassVar[frozenset[Ability]] = frozenset(get_args(Ability)) - {"reorder"}
    mode = "poll"
    idempotent = False

    def __init__(self, platform: LoopbackPlatform, control: LoopbackControl) -> None:
        super().__init__()
        self.platform = platform
        self.control = control
        self.token = self._given = "secret-main"
        self._updates: dict[str, int] = {}
        self._places: dict[str, str] = {}
        self._made: list[LoopbackChannel] = []

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[LoopbackHarness]:
        async with LoopbackPlatform() as platform, LoopbackControl(platform.url) as control:
            await control.knobs(push_backoff=0.02, idempotent=cls.idempotent)
            yield cls(platform, control)

    def settings(self) -> dict[str, Any]:
        public = {"public_url": f"http://127.0.0.1:{self.public_port}", "secret": "s3cret"}
        return {
            "url": self.platform.url,
            "token": self._given,
            "account": self.account,
            "mode": self.mode,
            "idempotent": self.idempotent,
            "timeout": TIMEOUT,
            "poll_wait": 5,
            "retry_base": 0.02,
            "retry_cap": 0.1,
            "heal_after": 0.1,
            **(public if self.mode == "push" else {}),
        }

    def make(self) -> Channel:
        channel = load(PATH, self.settings())
        assert isinstance(channel, LoopbackChannel)
        self._made.append(channel)
        return channel

    async def write(
        self,
        text: str,
        *,
        place: str = "p1",
        author: str = "ada",
        name: str = "Ada",
        thread: str | None = None,
        files: Sequence[tuple[str, bytes]] = (),
        bot: bool = False,
        addressed: bool = True,
        public: bool = False,
    ) -> str:
        more = {"thread": thread, "bot": bot, "addressed": addressed, "public": public}
        made = await self.control.write(text, place=place, author=author, name=name, files=files, **more)
        self._updates[made["id"]] = made["update"]
        self._places[made["id"]] = place
        return str(made["id"])

    async def edit(self, message: str, text: str) -> None:
        await self.control.edit(message, text, place=self._places[message])

    async def delete(self, message: str) -> None:
        await self.control.delete(message, place=self._places[message])

    async def press(self, button: Button, message: str) -> None:
        await self.control.press(button.id, message)

    async def arrived(self) -> list[Arrived]:
        return [
            Arrived(
                id=sent["id"],
                place=sent["place"],
                thread=sent["thread"],
                text=sent["text"],
                author=sent["author"],
                buttons=tuple(button["id"] for button in sent["buttons"]),
                files=tuple(file["name"] for file in sent["attachments"]),
            )
            for sent in (await self.control.state())["sends"]
        ]

    async def fault(self, name: str) -> None:
        match name:
            case "unreachable":
                await self.platform.server.shut()
            case "blocked":
                await self.control.block("p1")
            case "bad_token":
                self._set_token("hunter2")
            case "over":
                if not self.platform.server.is_open:
                    await self.platform.server.open()
                await self.control.block("p1", blocked=False)
                self._set_token(self.token)
            case _:
                await self.control.faults("send", {"fault": name, "seconds": SLOW})

    def _set_token(self, token: str) -> None:
        self._given = token
        for channel in self._made:
            if channel._client is not None:
                channel._client.headers["authorization"] = f"Bearer {token}"

    async def redeliver(self, message: str) -> None:
        await self.control.redeliver(self._updates[message])

    async def reorder(self) -> None:
        await self.control.knobs(reorder_edits=True)

    async def poison(self) -> None:
        await self.control.poison({"kind": "message", "author": None})

    async def echo(self) -> None:
        await self.control.knobs(echo=True)

    async def away(self) -> None:
        await self.control.outage(on=True)

    async def back(self) -> None:
        await self.control.outage(on=False)

    async def forget(self) -> None:
        await self.control.forget()

    async def history(self, *, on: bool) -> None:
        await self.control.faults("history", *([] if on else ["unavailable"] * 1000))

    async def lookup_off(self) -> None:
        await self.control.knobs(lookup=False)

    async def unacknowledged(self) -> set[str]:
        return {_name(update) for update in (await self.control.state())["unacknowledged"]}


class PushHarness(LoopbackHarness):
    mode = "push"
    can: ClassVar[frozenset[Ability]] = frozenset(get_args(Ability))


class IdempotentHarness(LoopbackHarness):
    idempotent = True


def stranger_to(harness: LoopbackHarness) -> httpx.AsyncClient:
    """Somebody who has found our webhook."""
    return httpx.AsyncClient(base_url=harness.settings()["public_url"], verify=TLS, trust_env=False)


def _name(update: dict[str, Any]) -> str:
    event = update["event"]
    return str(event["id"]) if isinstance(event, dict) and "id" in event else f"update {update['update']}"


class TestPoll(ChannelCases):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with LoopbackHarness.open() as harness:
            yield harness


class TestPush(ChannelCases):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with PushHarness.open() as harness:
            yield harness


class TestIdempotent(OutboundCases):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with IdempotentHarness.open() as harness:
            yield harness


class InPartsHarness(LoopbackHarness):
    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "in_parts": True}


class TestInParts(OutboundCases):
    """The house sends the parts of a longer text."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with InPartsHarness.open() as harness:
            yield harness


class TestSplitSends:
    """A text in several parts, where a later part fails."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[LoopbackHarness]:
        async with LoopbackHarness.open() as harness:
            yield harness

    async def test_half_a_message_is_an_unknown_outcome(self, harness: LoopbackHarness) -> None:
        message = harness.outbound("word " * 2000)
        async with harness.running(FakeHost()) as channel:
            await harness.control.faults("send", "ok", "busy")
            with pytest.raises(UnknownOutcome, match="1 of 3 parts"):
                await channel.send(message)
            assert isinstance(channel, LoopbackChannel)
            with pytest.raises(UnknownOutcome, match="1 of 3 parts"):
                await channel.reconcile(message)

    async def test_all_parts_are_found_again(self, harness: LoopbackHarness) -> None:
        message = harness.outbound("word " * 2000)
        async with harness.running(FakeHost()) as channel:
            assert isinstance(channel, LoopbackChannel)
            assert await channel.send(message) == await channel.reconcile(message)


class TestPushDoor:
    """The webhook is open to the world."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[LoopbackHarness]:
        async with PushHarness.open() as harness:
            yield harness

    async def test_only_the_secret_opens(self, harness: LoopbackHarness) -> None:
        host = FakeHost()
        async with harness.running(host), stranger_to(harness) as stranger:
            for headers in ({}, {"x-loopback-secret": "wrong"}, {b"x-loopback-secret": b"s3cr\xe9t\xff"}):
                answer = await stranger.post("/channels/loopback/main", content=b"{}", headers=headers)
                assert answer.status_code == 401
        assert host.attempts == 0

    @pytest.mark.parametrize(
        "body", [b"", b"[1]", b"\xff\xfe", b'{"event": {}}', b"[" * 100_000, b"null", b"not json", b'{"event": NaN}']
    )
    async def test_any_body_is_kept(self, harness: LoopbackHarness, body: bytes) -> None:
        host = FakeHost()
        async with harness.running(host), stranger_to(harness) as platform:
            for _ in range(2):
                answer = await platform.post(
                    "/channels/loopback/main", content=body, headers={"x-loopback-secret": "s3cret"}
                )
                assert answer.status_code == 204
        assert [kept.raw for kept in host.quarantine] == [body]
        assert host.outcomes() == ["quarantined", "duplicate"]

    async def test_a_body_without_end_is_cut_off(self, harness: LoopbackHarness) -> None:
        host = FakeHost()
        async with harness.running(host), stranger_to(harness) as platform:
            answer = await platform.post(
                "/channels/loopback/main", content=b"x" * 4_000_001, headers={"x-loopback-secret": "s3cret"}
            )
        assert answer.status_code == 413
        assert host.attempts == 0

    async def test_what_was_quarantined_can_be_read_after_a_repair(self, harness: LoopbackHarness) -> None:
        host = FakeHost()
        async with harness.running(host) as channel:
            message = await harness.write("well shaped after all")
            await host.received(1)
            assert isinstance(channel, Rereads)
            raw = json.dumps({"event": harness.platform.account("main").log[0].event}).encode()
            (got,) = channel.reread("update-1", raw)
        assert got == host.messages[0]
        assert got.external_id == message

    async def test_pushed_twice_after_a_yes_is_one_message(self, harness: LoopbackHarness) -> None:
        host = FakeHost()
        await harness.control.knobs(double_rate=1.0)
        async with harness.running(host):
            for number in range(5):
                await harness.write(str(number))
            await host.until(lambda: len(host.deliveries) == 10)
            await settled(harness)
        assert sorted(host.texts()) == list("01234")

    async def test_a_push_that_was_given_up_is_fetched(self, harness: LoopbackHarness) -> None:
        host = FakeHost()
        await harness.control.knobs(push_attempts=2)
        async with harness.running(host):
            await harness.write("one")
            await host.received(1)
            host.fail(2)
            await harness.write("given up")
            await harness.write("three")
            await host.received(3)
        assert sorted(host.texts()) == ["given up", "one", "three"]


async def test_a_file_that_cannot_be_fetched_does_not_hold_back_the_words() -> None:
    host = FakeHost()
    async with LoopbackHarness.open() as harness, harness.running(host):
        await harness.control.faults("files", "error")
        await harness.write("see the log", files=[("log.txt", b"boom")])
        (got,) = await host.received(1)
    (file,) = got.attachments
    assert (file.content, file.size, bool(file.reference)) == (None, 4, True)


class TestWatermark:
    def test_counts_only_what_has_no_gap(self) -> None:
        mark = Watermark(3)
        assert mark.after([4, 5]) == 5
        assert mark.after([5]) == 3
        mark.commit([5, 6])
        assert (mark.low, mark.gap) == (3, True)
        assert mark.after([4]) == 6
        mark.commit([4, 2])
        assert (mark.low, mark.gap) == (6, False)

    def test_skips_what_is_lost(self) -> None:
        mark = Watermark(0)
        mark.commit([3, 5])
        mark.skip_to(2)
        assert (mark.low, mark.gap) == (3, True)


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "complaint"),
        [
            ({}, "url is missing; token is missing"),
            ({"url": "u", "token": "t", "mode": "pull"}, "mode is neither poll nor push"),
            ({"url": "u", "token": "t", "mode": "push"}, "public_url is missing; secret is missing"),
            ({"url": "u", "token": "t", "tokne": "hunter2"}, "tokne is unknown"),
        ],
    )
    def test_each_wrong_setting_is_named_and_no_value_told(self, settings: dict[str, str], complaint: str) -> None:
        with pytest.raises(RegistryError) as caught:
            load(PATH, settings)
        assert complaint in caught.value.what
        assert "hunter2" not in str(caught.value)

    async def test_check_names_what_to_mend(self) -> None:
        async with LoopbackHarness.open() as harness:
            wrong_token = load(PATH, {**harness.settings(), "token": "hunter2"})
            other_account = load(PATH, {**harness.settings(), "account": "other"})
            assert isinstance(wrong_token, LoopbackChannel)
            assert isinstance(other_account, LoopbackChannel)
            (about_token,) = await wrong_token.check()
            (about_account,) = await other_account.check()
        assert "set token" in about_token
        assert "hunter2" not in about_token
        assert "set account" in about_account

    async def test_a_refusal_tells_the_agent_why(self) -> None:
        async with LoopbackHarness.open() as harness, harness.running(FakeHost()) as channel:
            await harness.control.block("p1")
            with pytest.raises(PermanentFailure, match="reach them another way"):
                await channel.send(harness.outbound("hello"))
