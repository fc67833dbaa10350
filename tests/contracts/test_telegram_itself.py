"""What only Telegram has: offsets, a second poller, albums, groups that move, a door with a secret, files, presses."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from channels.contract import (
    Attachment,
    Button,
    PermanentFailure,
    Reports,
    TemporaryFailure,
    UnknownOutcome,
    Unsupported,
)
from channels.telegram.channel import TelegramChannel, make
from channels.telegram.polling import Mark
from channels.telegram.sending import Pace
from tests.contracts.fake_host import FakeHost
from tests.contracts.harness import reported, settled
from tests.contracts.test_telegram_channel import BOT, SECRET, TelegramHarness, WebhookHarness
from tests.house import until
from tests.platforms.loopback_push import TLS
from tests.platforms.telegram import BOTTOMLESS, TelegramPlatform

GROUP = -4001
SUPER = -1001234567890
LEASE = "telegram:main:updates"


@pytest.fixture
async def harness() -> AsyncIterator[TelegramHarness]:
    async with TelegramHarness.open() as harness:
        yield harness


@pytest.fixture
async def pushed() -> AsyncIterator[TelegramHarness]:
    async with WebhookHarness.open() as harness:
        yield harness


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


def plain(harness: TelegramHarness, **more: Any) -> TelegramChannel:
    return make({**harness.settings(), **more})


async def offsets_of(harness: TelegramHarness) -> list[int]:
    return [int(offset) for offset in harness.platform.bot(BOT).offsets if offset is not None]


class TestReading:
    async def test_no_offset_is_given_for_what_is_not_committed(self, harness: TelegramHarness, host: FakeHost) -> None:
        host.fail(2)
        async with harness.running(host):
            await harness.write("one")
            update = harness.platform.bot(BOT).log[0]["update_id"]
            await host.until(lambda: host.attempts >= 2)
            assert all(offset <= update for offset in await offsets_of(harness))
            await host.received(1)
            await settled(harness)
        assert all(offset >= 0 for offset in await offsets_of(harness))
        assert Mark.parse(host.cursors[LEASE]).number == update

    async def test_a_second_poller_makes_us_step_down_and_come_back(
        self, harness: TelegramHarness, host: FakeHost, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with harness.running(host) as channel, httpx.AsyncClient(trust_env=False, verify=TLS) as other:
            await harness.write("one")
            await host.received(1)
            await settled(harness)
            url = f"{harness.platform.url}/bot{harness.platform.bot(BOT).token}/getUpdates"
            await other.post(url, data={"timeout": 0})

            async def said() -> bool:
                return "Another program reads this bot's updates" in caplog.text

            await until(said)
            await reported(harness, channel, "yes")
            await harness.write("two")
            await host.received(2)
        assert harness.platform.bot(BOT).token not in caplog.text

    async def test_only_one_of_two_processes_polls_and_the_other_follows(
        self, harness: TelegramHarness, host: FakeHost
    ) -> None:
        first = harness.make()
        await first.start(host)
        await harness.write("one")
        await host.received(1)
        async with harness.running(host) as second:
            assert isinstance(first, Reports)
            assert isinstance(second, Reports)
            await harness.write("two")
            await host.received(2)
            await settled(harness)
            assert host.leases[LEASE] == 1
            await reported(harness, second, "standby")
            assert (first.report().connected, second.report().lease) == ("yes", LEASE)
            await first.stop()
            await harness.write("three")
            await host.received(3)
            assert second.report().connected == "yes"
            assert host.leases[LEASE] == 2
        assert host.outcomes() == ["new", "new", "new"]

    async def test_whoever_loses_the_lease_begins_again(self, harness: TelegramHarness, host: FakeHost) -> None:
        async with harness.running(host):
            await harness.write("one")
            await host.received(1)
            host.take_away(LEASE)
            await harness.write("two")
            await host.received(2)
        assert host.texts() == ["one", "two"]

    async def test_one_broken_update_among_a_hundred(self, harness: TelegramHarness, host: FakeHost) -> None:
        for number in range(99):
            await harness.write(str(number))
            if number == 50:
                await harness.poison()
        await harness.control.call("update", update={"message_reaction": {"poison": 1}})
        async with harness.running(host) as channel:
            await host.received(99)
            await settled(harness)
            inner: TelegramChannel = channel.inner  # type: ignore[attr-defined]
            assert inner.ignored == {"update message_reaction": 1}
        assert host.texts() == [str(number) for number in range(99)]
        assert len(host.quarantine) == 1

    async def test_an_update_that_no_parser_takes_holds_back_nobody(
        self, harness: TelegramHarness, host: FakeHost
    ) -> None:
        await harness.write("before")
        await harness.control.call("update", update={"message": {"poison": BOTTOMLESS}})
        await harness.write("after")
        async with harness.running(host):
            await host.received(2)
            await settled(harness)
        assert host.texts() == ["before", "after"]
        assert len(host.quarantine) == 1

    async def test_a_day_away_is_said(
        self, harness: TelegramHarness, host: FakeHost, caplog: pytest.LogCaptureFixture
    ) -> None:
        long_ago = time.time() - 30 * 3600
        host.cursors[LEASE] = f"{870_000} {long_ago:.0f} {long_ago:.0f}"
        async with harness.running(host):
            await harness.write("one")
            await host.received(1)
        assert "keeps updates for 24 hours" in caplog.text

    async def test_an_album_is_kept_in_one_go(self, harness: TelegramHarness, host: FakeHost) -> None:
        deliveries: list[int] = []
        deliver = host.deliver

        async def counted(messages: Any, **more: Any) -> Any:
            deliveries.append(len(messages))
            return await deliver(messages, **more)

        host.deliver = counted  # type: ignore[method-assign]
        async with harness.running(host):
            await harness.write("before")
            await host.received(1)
            for number in range(3):
                await harness.control.write(
                    "", contact={"first_name": str(number), "phone_number": "1"}, media_group_id="55"
                )
            await host.received(4)
        assert deliveries == [1, 3]


class TestOtherServers:
    """A Bot API server of one's own may know less."""

    @pytest.mark.parametrize("mode", ["polling", "webhook"])
    async def test_one_that_knows_little_is_enough(
        self, pushed: TelegramHarness, host: FakeHost, monkeypatch: pytest.MonkeyPatch, mode: str
    ) -> None:
        async def me(self: object, *_: object) -> Any:
            return {"id": BOT, "username": "warm7bot"}

        async def took(self: object, bot: Any, call: Any, _: object) -> Any:
            return {"message_id": bot.accept(call, {"text": call["text"]})["message_id"]}

        monkeypatch.delattr(TelegramPlatform, "_getWebhookInfo")
        monkeypatch.setattr(TelegramPlatform, "_getMe", me)
        monkeypatch.setattr(TelegramPlatform, "_sendMessage", took)
        pushed.mode = mode
        async with pushed.running(host) as channel:
            await pushed.write("one")
            await host.received(1)
            await settled(pushed)
            assert (await channel.send(pushed.outbound("two"))).external_id

    async def test_its_address_may_be_given_as_the_library_wants_it(
        self, harness: TelegramHarness, host: FakeHost
    ) -> None:
        async with harness.running(host, plain(harness, api_url=f"{harness.platform.url}/bot")):
            await harness.write("one")
            await host.received(1)


class TestMark:
    def test_reads_what_it_writes_and_anything_else_as_nothing(self) -> None:
        mark = Mark(number=5, came=10, asked=20)
        assert Mark.parse(str(mark)) == mark
        assert Mark.parse(str(Mark())) == Mark()
        for value in (None, "", "x y z", "5", "1 2 3 4"):
            assert Mark.parse(value) == Mark()

    def test_names_no_offset_where_numbers_may_have_begun_anew(self) -> None:
        mark = Mark(number=5, came=1000.0, asked=1000.0)
        assert mark.offset(1000.0 + 3600) == 6
        assert mark.offset(1000.0 + 7 * 86_400) is None
        assert mark.offset(0.0) is None  # the clock was set back: nobody knows
        assert Mark().offset(5.0) is None


class TestModes:
    async def test_our_webhook_is_removed_when_we_poll(self, pushed: TelegramHarness, host: FakeHost) -> None:
        async with pushed.running(host):
            await pushed.write("pushed")
            await host.received(1)
        await pushed.write("in between")
        pushed.mode = "polling"
        async with pushed.running(host):
            await host.received(2)
        assert host.texts() == ["pushed", "in between"]
        assert harness_calls(pushed).count("deleteWebhook") == 1

    async def test_and_set_when_we_no_longer_do(self, pushed: TelegramHarness, host: FakeHost) -> None:
        pushed.mode = "polling"
        async with pushed.running(host):
            await pushed.write("polled")
            await host.received(1)
        await pushed.write("in between")
        pushed.mode = "webhook"
        async with pushed.running(host):
            await host.received(2)
            webhook = (await pushed.control.state())["webhook"]
        assert webhook["secret_token"] == SECRET
        assert webhook["allowed_updates"] == ["message", "edited_message", "callback_query", "my_chat_member"]

    async def test_somebody_elses_webhook_is_left_and_told(
        self, harness: TelegramHarness, host: FakeHost, caplog: pytest.LogCaptureFixture
    ) -> None:
        await harness.control.call("webhook", url="https://user:pw@other.example/secret-path")
        (told,) = await plain(harness).check()
        assert "https://other.example" in told
        async with harness.running(host):

            async def said() -> bool:
                return "Telegram pushes this bot's updates to https://other.example" in caplog.text

            await until(said)
            await harness.control.call("webhook", url="")
            await harness.write("free again")
            await host.received(1)
        assert "secret-path" not in caplog.text + told

    async def test_a_webhook_that_was_taken_off_is_set_again(self, pushed: TelegramHarness, host: FakeHost) -> None:
        async with pushed.running(host):
            await pushed.write("one")
            await host.received(1)
            await pushed.control.call("webhook", url="")

            async def again() -> bool:
                return bool((await pushed.control.state())["webhook"]["url"])

            await until(again)


def harness_calls(harness: TelegramHarness) -> list[str]:
    return [name for name, _ in harness.platform.bot(BOT).calls]


class TestDoor:
    """The webhook is open to the world."""

    @staticmethod
    async def knock(pushed: TelegramHarness, body: bytes, headers: Any) -> int:
        async with httpx.AsyncClient(base_url=pushed.settings()["public_url"], verify=TLS, trust_env=False) as stranger:
            return (await stranger.post("/channels/telegram/main", content=body, headers=headers)).status_code

    async def test_only_the_secret_opens(self, pushed: TelegramHarness, host: FakeHost) -> None:
        body = json.dumps({"update_id": 1, "message": {}}).encode()
        name = "x-telegram-bot-api-secret-token"
        wrong: list[Any] = [{}, {name: ""}, {name: SECRET[:-1]}, {name: SECRET.upper()}, {name.encode(): b"\xe9\xff"}]
        async with pushed.running(host):
            await host.until(lambda: True)
            assert [await self.knock(pushed, body, headers) for headers in wrong] == [401] * 5
        assert host.attempts == 0

    async def test_no_body_makes_us_fail(self, pushed: TelegramHarness, host: FakeHost) -> None:
        headers = {"x-telegram-bot-api-secret-token": SECRET}
        async with pushed.running(host):
            await pushed.write("we are open")
            await host.received(1)
            bodies = (b"", b"[1]", b"\xff\xfe", b"{}", b"null", b"no", b"[" * 100_000, b'{"update_id": "5"}', b"NaN")
            for body in bodies:
                assert await self.knock(pushed, body, headers) == 400, body
            assert await self.knock(pushed, b"x" * 4_000_001, headers) == 413
            assert await self.knock(pushed, b'{"update_id": 5, "message": 7}', headers) == 200
            assert await self.knock(pushed, b'{"update_id": 6, "poll": {}}', headers) == 200
        assert [kept.external_id for kept in host.quarantine] == ["update-5"]
        assert host.texts() == ["we are open"]

    async def test_a_number_without_end_costs_no_words(self, pushed: TelegramHarness, host: FakeHost) -> None:
        chat, user = '{"id": 5, "type": "private"}', '{"id": 5, "is_bot": false, "first_name": "Ada"}'
        said = f'{{"message_id": 1, "date": {"9" * 6000}, "chat": {chat}, "from": {user}, "text": "still here"}}'
        async with pushed.running(host):
            await pushed.write("one")
            await host.received(1)
            body = f'{{"update_id": 900000001, "message": {said}}}'.encode()
            assert await self.knock(pushed, body, {"x-telegram-bot-api-secret-token": SECRET}) == 200
            assert host.texts() == ["one", "still here"]

    async def test_an_album_is_kept_in_one_go(self, pushed: TelegramHarness, host: FakeHost) -> None:
        async with pushed.running(host):
            for number in range(3):
                await pushed.control.write(
                    "", contact={"first_name": str(number), "phone_number": "1"}, media_group_id="55"
                )
            await host.received(3)
            await settled(pushed)
        assert host.attempts == 1


class TestGroups:
    async def test_a_group_that_moves_goes_on_where_it_was(self, harness: TelegramHarness, host: FakeHost) -> None:
        ada = {"id": 1001, "is_bot": False, "first_name": "Ada"}
        old = {"id": GROUP, "type": "group", "title": "Pilots"}
        new = {"id": SUPER, "type": "supergroup", "title": "Pilots"}
        channel = plain(harness)
        async with harness.running(host, channel):
            await harness.control.message({"chat": old, "from": ada, "text": "before", "message_id": 17})
            await host.received(1)
            await harness.control.message({"chat": old, "from": ada, "migrate_to_chat_id": SUPER})
            await harness.control.message({"chat": new, "from": ada, "migrate_from_chat_id": GROUP})
            await harness.control.message({"chat": new, "from": ada, "text": "after", "message_id": 17})
            await host.received(2)
            await harness.control.call("move", old=GROUP, new=SUPER)
            receipt = await channel.send(harness.outbound("here", place=str(GROUP), reply_to=f"{SUPER}:17"))
        assert [(m.place, m.external_id, m.text) for m in host.messages] == [
            (str(GROUP), "17", "before"), (str(GROUP), f"{SUPER}:17", "after"),
        ]  # fmt: skip
        (sent,) = harness.platform.bot(BOT).sends
        assert (sent["chat"]["id"], sent["replied"]) == (SUPER, 17)
        assert receipt.external_id == f"{SUPER}:{sent['message_id']}"
        async with harness.running(host):  # it is remembered
            await harness.control.message({"chat": new, "from": ada, "text": "later"})
            await host.received(3)
        assert host.messages[2].place == str(GROUP)

    async def test_a_move_that_a_send_hears_of_first(self, harness: TelegramHarness, host: FakeHost) -> None:
        await harness.control.call("move", old=GROUP, new=SUPER)
        await harness.control.call("chat", chat={"id": SUPER, "type": "supergroup", "title": "Pilots"})
        channel = plain(harness)
        async with harness.running(host, channel):
            message = harness.outbound("where are you", place=str(GROUP))
            with pytest.raises(TemporaryFailure) as caught:
                await channel.send(message)
            assert caught.value.retry_after is not None
            await channel.send(message)
        assert [sent["chat"]["id"] for sent in harness.platform.bot(BOT).sends] == [SUPER]

    async def test_a_mention_opens_a_thread(self, harness: TelegramHarness, host: FakeHost) -> None:
        async def say(text: str, thread: int) -> None:
            await harness.control.write(
                text,
                chat=SUPER,
                author=1001,
                group=True,
                is_forum=True,
                message_thread_id=thread,
                is_topic_message=True,
            )

        async with harness.running(host, plain(harness, listen="threads")):
            await say("nobody asked", 5)
            await say("@warm7bot my drone fell", 6)
            await say("it was windy", 6)
            await say("still nobody", 5)
            await host.received(4)
        assert [(m.thread, m.addressed) for m in host.messages] == [
            ("5", False), ("6", True), ("6", True), ("5", False)
        ]  # fmt: skip

    async def test_a_mention_opens_a_chain_of_answers(self, harness: TelegramHarness, host: FakeHost) -> None:
        async with harness.running(host, plain(harness, listen="threads")):
            first = await harness.control.write("@warm7bot help", chat=SUPER, author=1001, group=True)
            chain = first["message"]["message_id"]
            await harness.control.write("what is it?", chat=SUPER, author=1002, group=True, message_thread_id=chain)
            await harness.control.write("something else", chat=SUPER, author=1003, group=True)
            await host.received(3)
        assert [(m.thread, m.addressed) for m in host.messages] == [(None, True), (None, True), (None, False)]

    async def test_twenty_a_minute_and_no_more(self) -> None:
        now = [0.0]
        pace = Pace(lambda: now[0])
        assert [pace.wait("-5", 1) for _ in range(20)] == [0.0] * 20
        assert pace.wait("-5", 1) == 60.0
        assert pace.wait("5", 1) == pace.wait("-6", 1) == 0.0
        now[0] = 61.0
        assert pace.wait("-5", 1) == 0.0


class TestFiles:
    async def test_nothing_is_fetched_from_elsewhere(
        self, harness: TelegramHarness, host: FakeHost, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with harness.running(host):
            for path in ("/etc/passwd", "../../secret", "http://169.254.169.254/x", "documents/not-there"):
                await harness.control.write("", document={"file_id": path, "file_name": "a.txt", "file_size": 9})
            got = await host.received(4)
        assert [file.content for message in got for file in message.attachments] == [None] * 4
        assert harness.platform.bot(BOT).token not in caplog.text + str(got)

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [("a.exe", b"MZ\x90", "program"), ("a.html", b"<script>", "active"), ("a.txt", b"", "empty"),
         ("big.txt", b"x" * 200_001, "large")],
    )  # fmt: skip
    @pytest.mark.parametrize("size", [True, False], ids=["size told", "size not told"])
    async def test_what_is_not_kept_says_why(
        self, harness: TelegramHarness, host: FakeHost, name: str, content: bytes, told: str, size: bool
    ) -> None:
        await harness.control.call("file", path="documents/1", content=base64.b64encode(content).decode())
        document = {"file_id": "documents/1", "file_name": name, **({"file_size": len(content)} if size else {})}
        async with harness.running(host, plain(harness, file_max_mb=0.2)):
            await harness.control.write("", document=document, caption="see")
            (got,) = await host.received(1)
        (file,) = got.attachments
        assert (got.text, file.content, file.reference) == ("see", None, f"refused:{told}")

    async def test_a_file_that_comes_at_the_second_try(self, harness: TelegramHarness, host: FakeHost) -> None:
        await harness.control.call("file", path="voice/1", content=base64.b64encode(b"OggS...").decode())
        await harness.control.faults("download", "cut", "error")
        async with harness.running(host):
            await harness.control.write("", voice={"file_id": "voice/1", "file_size": 7})
            (got,) = await host.received(1)
        (file,) = got.attachments
        assert (file.content, file.media_type, file.name) == (b"OggS...", "audio/ogg", "voice message.ogg")

    async def test_whatever_a_server_says_of_a_file_holds_back_no_words(
        self, harness: TelegramHarness, host: FakeHost
    ) -> None:
        await harness.control.call("file", path="documents/1", content=base64.b64encode(b"inside").decode())
        answers = [{"file_path": "documents/1"}, {}, [], True, {"file_path": 7}, {"file_path": "\ud800"},
                   {"file_path": "x" * 70_000}, {"file_path": "documents/1", "file_size": "many"}]  # fmt: skip
        async with harness.running(host):
            for number, answer in enumerate(answers):
                await harness.control.call("told", id=f"f{number}", answer=answer)
                await harness.control.write("", document={"file_id": f"f{number}", "file_name": "a.txt"}, caption="see")
            await harness.control.write("", document={"file_id": "\ud800"}, caption="see")
            got = await host.received(len(answers) + 1)
        contents = [message.attachments[0].content for message in got]
        assert contents == [b"inside", *[None] * 6, b"inside", None]
        assert host.texts() == ["see"] * len(got)

    async def test_a_server_beside_us_hands_out_only_its_folder(
        self, harness: TelegramHarness, host: FakeHost, tmp_path: Path
    ) -> None:
        (tmp_path / "ours").mkdir()
        (tmp_path / "ours/a.txt").write_bytes(b"inside")
        (tmp_path / "b.txt").write_bytes(b"outside")
        (tmp_path / "ours/c.txt").symlink_to(tmp_path / "b.txt")
        paths = [str(tmp_path / name) for name in ("ours/a.txt", "b.txt", "ours/c.txt", "ours/none.txt")]
        local = {"local_mode": True, "local_files": str(tmp_path / "ours")}
        async with harness.running(host, plain(harness, **local)):
            for path in paths:
                await harness.control.write("", document={"file_id": path, "file_name": "a.txt"})
            got = await host.received(4)
        assert [message.attachments[0].content for message in got] == [b"inside", None, None, None]


class TestPresses:
    async def test_a_press_is_kept_then_answered_and_shown(self, harness: TelegramHarness, host: FakeHost) -> None:
        channel = plain(harness)
        await harness.control.call("chat", chat={"id": 1001, "type": "private"})
        buttons = (Button(id="helped:yes", label="Yes"), Button(id="helped:no", label="No"))
        async with harness.running(host, channel):
            receipt = await channel.send(harness.outbound("Did this help?", place="1001", buttons=buttons))
            host.open.clear()
            await harness.control.press("helped:no", message=int(receipt.external_id))
            await host.until(lambda: host.attempts)
            assert "answerCallbackQuery" not in harness_calls(harness)
            host.open.set()
            (got,) = await host.received(1)

            async def shown() -> Any:
                (sent,) = (await harness.control.state())["sends"]
                row = sent["reply_markup"]["inline_keyboard"][0]
                return [button["text"] for button in row] == ["✓ No"]

            await until(shown)
        assert (got.kind, got.button, got.text) == ("button", "helped:no", "No")
        assert harness_calls(harness).count("answerCallbackQuery") == 1

    async def test_in_a_group_nobody_takes_the_buttons_from_whom_they_are_for(
        self, harness: TelegramHarness, host: FakeHost
    ) -> None:
        channel = plain(harness)
        await harness.control.call("chat", chat={"id": SUPER, "type": "supergroup"})
        async with harness.running(host, channel):
            no = Button(id="helped:no", label="No")
            receipt = await channel.send(harness.outbound("Did this help?", place=str(SUPER), buttons=(no,)))
            for _ in range(2):
                await harness.control.press("helped:no", chat=SUPER, author=1002, message=int(receipt.external_id))
            await host.received(2)

            async def answered() -> bool:
                return harness_calls(harness).count("answerCallbackQuery") == 2

            await until(answered)
        assert "editMessageReplyMarkup" not in harness_calls(harness)

    async def test_more_than_fits_behind_a_button_is_refused(self, harness: TelegramHarness, host: FakeHost) -> None:
        async with harness.running(host) as channel:
            with pytest.raises(Unsupported, match="64 bytes"):
                await channel.send(harness.outbound("?", buttons=(Button(id="x" * 65, label="X"),)))


FILE = Attachment(name="manual.txt", media_type="text/plain", content=b"read me", size=7)


class TestSending:
    async def test_words_and_files_go_together_where_they_can(self, harness: TelegramHarness, host: FakeHost) -> None:
        button = Button(id="b", label="B")
        async with harness.running(host) as channel:
            await channel.send(harness.outbound("one", attachments=(FILE,), buttons=(button,)))
            await channel.send(harness.outbound("two", attachments=(FILE, FILE)))
            await channel.send(harness.outbound("three", attachments=(FILE, FILE), buttons=(button,)))
            await channel.send(harness.outbound("x" * 1025, attachments=(FILE,)))
        sends = [name for name in harness_calls(harness) if name.startswith("send")]
        assert sends == [
            "sendDocument",
            "sendMediaGroup",
            "sendMessage",
            "sendMediaGroup",
            "sendMessage",
            "sendDocument",
        ]
        captions = [sent.get("caption", sent.get("text", ""))[:5] for sent in harness.platform.bot(BOT).sends]
        assert captions == ["one", "", "two", "three", "", "", "xxxxx", ""]

    async def test_half_of_it_is_an_unknown_outcome(self, harness: TelegramHarness, host: FakeHost) -> None:
        async with harness.running(host) as channel:
            await harness.control.faults("send", "ok", "busy")
            with pytest.raises(UnknownOutcome, match="1 of 2 parts"):
                await channel.send(harness.outbound("x" * 1025, attachments=(FILE,)))

    @pytest.mark.parametrize(
        ("place", "told"), [("1", "reach the customer another way"), ("not a number", "no Telegram chat")]
    )
    async def test_a_refusal_tells_the_agent_why(
        self, harness: TelegramHarness, host: FakeHost, place: str, told: str
    ) -> None:
        channel = plain(harness)
        async with harness.running(host, channel):
            with pytest.raises(PermanentFailure, match=told):
                await channel.send(harness.outbound("hello", place=place))

    async def test_nothing_to_say_is_not_said(self, harness: TelegramHarness, host: FakeHost) -> None:
        async with harness.running(host) as channel:
            with pytest.raises(PermanentFailure, match="nothing in this message"):
                await channel.send(harness.outbound(" \n "))
            with pytest.raises(PermanentFailure, match="attach it again"):
                await channel.send(harness.outbound("x", attachments=(replace(FILE, content=None),)))

    async def test_previews_are_off_and_no_markup_is_named(self, harness: TelegramHarness, host: FakeHost) -> None:
        async with harness.running(host) as channel:
            await channel.send(harness.outbound("see https://a.example", reply_to="12"))
        (call,) = [call for name, call in harness.platform.bot(BOT).calls if name == "sendMessage"]
        assert call["link_preview_options"] == {"is_disabled": True}
        assert call["reply_parameters"] == {"message_id": 12, "allow_sending_without_reply": True}
        assert "parse_mode" not in call

    async def test_typing_is_shown_in_the_topic(self, harness: TelegramHarness, host: FakeHost) -> None:
        channel = plain(harness)
        await harness.control.call("chat", chat={"id": SUPER, "type": "supergroup", "is_forum": True})
        async with harness.running(host, channel):
            address = harness.outbound("", place=str(SUPER)).address
            await channel.typing(replace(address, thread="55"))
        (call,) = [call for name, call in harness.platform.bot(BOT).calls if name == "sendChatAction"]
        assert (call["chat_id"], call["action"], call["message_thread_id"]) == (SUPER, "typing", 55)

    async def test_the_token_is_told_to_nobody(
        self, harness: TelegramHarness, host: FakeHost, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        told = ""
        async with harness.running(host) as channel:
            for fault in ("cut_before", "rubbish_after", "unavailable", "error_before", "bad_token"):
                await harness.fault(fault)
                try:
                    await channel.send(harness.outbound("x"))
                except Exception as error:
                    told += f"{error} {error!r}"
            await harness.fault("unreachable")
            with pytest.raises(TemporaryFailure) as caught:
                await channel.send(harness.outbound("x"))
        told += f"{caught.value} {caplog.text}"
        assert "secret-7" not in told


class TestChecks:
    async def test_privacy_mode_is_found_with_the_place_to_mend_it(self, harness: TelegramHarness) -> None:
        await harness.control.call("bot", reads_all=False)
        assert await plain(harness).check() == []
        for asked in ({"listen": "all"}, {"places": {"-5": "threads"}}):
            (told,) = await plain(harness, **asked).check()
            assert "Group Privacy > Turn off" in told

    async def test_a_token_that_is_not_taken(self, harness: TelegramHarness) -> None:
        await harness.control.call("tokens", valid=False)
        (told,) = await plain(harness).check()
        assert "set token" in told
        assert "secret-7" not in told

    async def test_much_that_waits(self, harness: TelegramHarness) -> None:
        for number in range(100):
            await harness.write(str(number))
        (told,) = await plain(harness).check()
        assert "100 updates wait" in told
