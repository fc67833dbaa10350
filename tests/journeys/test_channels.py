"""How channels stand, test messages, dead letters and quarantine: through the whole desk, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from store.valkey import EmbeddedValkey
from tests.databases import DIALECTS
from tests.house import AgentClient, Desk, database_for, desk, until
from tests.platforms.loopback import LoopbackPlatform
from tests.platforms.loopback_control import LoopbackControl
from tests.web.test_health import numbers

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "This is a test of our desk."
ADAPTER = "tests.platforms.loopback_channel:make"


@dataclass
class Town:
    at: Desk
    control: LoopbackControl
    platform: LoopbackPlatform
    mia: AgentClient
    """An admin."""

    async def standing(self, channel: str = "loopback") -> dict[str, Any]:
        (found,) = [each for each in (await self.mia.get("channels"))["channels"] if each["channel"] == channel]
        return dict(found)

    async def becomes(self, state: str, **more: Any) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            found = await self.standing()
            same = found["state"] == state and all(found[name] == value for name, value in more.items())
            return found if same else None

        return dict(await until(look))

    async def test(self, place: str = "p9", **more: Any) -> dict[str, Any]:
        asked = {"channel": "loopback", "account": "main", "place": place, "text": TEXT}
        return await self.mia.done("channels/test", asked, **more)

    def sent_to(self, place: str) -> list[str]:
        return [send["text"] for send in self.platform.account("main").sends if send["place"] == place]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DIALECTS)
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    home = tmp_path_factory.mktemp("home")
    async with LoopbackPlatform() as platform, LoopbackControl(platform.url) as control:
        table = {"use": ADAPTER, "url": platform.url, "token": "secret-main", "timeout": 1.0, "retry_base": 0.02,
                 "retry_cap": 0.1, "poll_wait": 2}  # fmt: skip
        more = await database_for(request.param)
        async with desk(home, channels={"loop": table}, **more) as at:
            yield Town(at, control, platform, await at.agent("Mia", "admin"))


async def test_a_link_that_is_cut_is_told_and_so_is_its_return(town: Town) -> None:
    up = await town.becomes("yes")
    assert (up["called"], up["troubles"], up["words"]) == ("@main", [], "Connected")
    assert len(up["processes"]) == 1
    await town.control.outage(on=True)
    down = await town.becomes("no")
    assert "look whether the platform runs" in down["troubles"][0]
    assert down["since"] > up["since"]
    seen = await numbers(town.at)
    assert seen["warmline_channel_connected", "main", "loopback"] == 0
    assert seen["warmline_channel_connected", "web", "web"] == 1
    ready = await town.at.http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["channels"] == {"loopback:main": "no", "web:web": "yes"}
    await town.control.outage(on=False)
    again = await town.becomes("yes")
    assert again["troubles"] == []
    assert "secret-main" not in repr((up, down, again))


async def test_when_something_last_came_and_left(town: Town) -> None:
    before = await town.standing()
    await town.control.write("your whole site is down", place="p1")

    async def both() -> dict[str, Any] | None:
        found = await town.standing()
        moved = found["last_in"] != before["last_in"] and found["last_out"] not in (None, before["last_out"])
        return found if moved else None

    after = await until(both)
    came, left = (datetime.fromisoformat(after[name]) for name in ("last_in", "last_out"))
    assert came <= left

    async def counted() -> bool:
        return bool((await town.standing())["sent_last_minute"] >= 1)

    await until(counted)
    ana = town.at.customer()
    await ana.write("your whole site is down")
    await ana.hears("acknowledgement")

    async def web_left() -> bool:
        return (await town.standing("web"))["last_out"] is not None

    await until(web_left)


class TestATestMessage:
    async def test_it_arrives_and_makes_no_conversation(self, town: Town) -> None:
        await town.becomes("yes")
        before = await town.at.sql("SELECT count(*) FROM conversation")
        told = await town.test("p-new")
        assert told["status"] == "sent"
        assert told["said"]
        assert town.sent_to("p-new") == [TEXT]
        assert await town.at.sql("SELECT count(*) FROM conversation") == before
        assert (await town.standing())["test"]["status"] == "sent"
        (line,) = await town.at.sql("SELECT data FROM audit WHERE action = 'test message' ORDER BY id DESC LIMIT 1")
        assert "p-new" in str(line[0])

    async def test_the_same_request_again_sends_nothing(self, town: Town) -> None:
        first = await town.test("p-key", key="one")
        assert await town.test("p-key", key="one") == first
        assert town.sent_to("p-key") == [TEXT]

    async def test_a_refusal_is_told_in_the_platforms_words(self, town: Town) -> None:
        await town.control.block("p-blocked")
        told = await town.test("p-blocked")
        assert told["status"] == "refused"
        assert "does not take messages from us" in told["said"]
        assert town.sent_to("p-blocked") == []

    async def test_what_nobody_can_tell_is_called_unclear_and_is_not_repeated(self, town: Town) -> None:
        await town.control.faults("send", "cut_after")
        told = await town.test("p-cut")
        assert told["status"] == "unclear"
        assert town.sent_to("p-cut") == [TEXT]

    async def test_only_an_admin_may_and_not_without_end(self, town: Town) -> None:
        asked = {"channel": "loopback", "account": "main", "place": "p-many", "text": TEXT}
        lea = await town.at.agent("Lea", "supervisor")
        assert (await lea.post("channels/test", asked)).status_code == 403
        assert (await town.mia.post("channels/test", {**asked, "channel": "pigeon"})).status_code == 404
        assert (await town.mia.post("channels/test", {**asked, "place": "a\nb"})).status_code == 422
        zoe = await town.at.agent("Zoe", "admin")
        answers = [(await zoe.post("channels/test", asked)).status_code for _ in range(8)]
        assert answers == [200] * 6 + [409] * 2
        assert len(town.sent_to("p-many")) == 6

    async def test_the_web_has_no_place_to_send_to(self, town: Town) -> None:
        zoe = await town.at.agent("Yan", "admin")
        told = await zoe.done("channels/test", {"channel": "web", "account": "web", "place": "x", "text": TEXT})
        assert told["status"] == "refused"
        assert "Open the chat" in told["said"]


async def poisoned(town: Town, count: int) -> list[int]:
    """Payloads that nobody can read; their ids in quarantine."""
    before = {each["id"] for each in (await town.mia.get("quarantine"))["items"]}
    for number in range(count):
        await town.control.poison({"poison": number})

    async def there() -> list[int] | None:
        new = [each["id"] for each in (await town.mia.get("quarantine"))["items"] if each["id"] not in before]
        return new if len(new) == count else None

    found: list[int] = await until(there)
    return found


class TestWhatCouldNotBeRead:
    async def test_page_by_page(self, town: Town) -> None:
        new = await poisoned(town, 5)
        seen: list[int] = []
        cursor = ""
        while True:
            page = await town.mia.get("quarantine", limit=2, cursor=cursor)
            assert len(page["items"]) <= 2
            seen += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            cursor = page["next"]
        assert set(new) <= set(seen)
        assert seen == sorted(set(seen), reverse=True)
        broken = await town.at.http.get("/api/v1/quarantine?cursor=x", headers=town.mia._headers())
        assert broken.status_code == 400
        assert (await town.standing())["quarantined"] == len(seen)

    async def test_try_again_set_aside_and_bring_back(self, town: Town) -> None:
        (id_,) = await poisoned(town, 1)
        (item,) = [each for each in (await town.mia.get("quarantine"))["items"] if each["id"] == id_]
        one = await town.mia.get(f"quarantine/{item['id']}")
        assert "poison" in one["raw"]
        told = await town.mia.done(f"quarantine/{item['id']}/retry")
        assert not told["released"]
        assert "still cannot be read" in told["why"]
        await town.mia.done(f"quarantine/{item['id']}/set-aside")
        assert item["id"] not in [each["id"] for each in (await town.mia.get("quarantine"))["items"]]
        assert (await town.mia.post(f"quarantine/{item['id']}/retry")).status_code == 404
        await town.mia.done(f"quarantine/{item['id']}/bring-back")
        assert item["id"] in [each["id"] for each in (await town.mia.get("quarantine"))["items"]]
        lea = await town.at.agent("Lea", "agent")
        assert (await lea.post(f"quarantine/{item['id']}/set-aside")).status_code == 403


async def test_a_pause_that_the_platform_asks_for_is_shown(town: Town) -> None:
    await town.control.faults("send", {"fault": "busy", "seconds": 30})
    told = await (await town.at.agent("Pia", "admin")).done(
        "channels/test", {"channel": "loopback", "account": "main", "place": "p-busy", "text": TEXT}
    )
    assert told["status"] == "refused"

    async def paused() -> dict[str, Any] | None:
        found = await town.standing()
        return found if found["paused_until"] is not None else None

    found = await until(paused)
    assert found["state"] == "yes"


async def test_a_process_that_died_is_not_running_and_says_since_when(town: Town) -> None:
    house = town.at.house
    await town.becomes("yes")
    watch = house.watch
    await town.at.sql("INSERT INTO channel_state (channel, account, process, connected, told, at) VALUES"
                      " ('pigeon', 'main', 'gone-1-aaaa', 'yes', '{}', 1000000)")  # fmt: skip
    (dead,) = [each for each in (await town.mia.get("channels"))["channels"] if each["channel"] == "pigeon"]
    assert (dead["state"], dead["words"]) == ("stopped", "Not running")
    assert dead["since"].startswith("1970")
    assert ("pigeon", "main") not in watch.accounts


async def test_two_desks_are_one_answer_until_one_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with EmbeddedValkey(tmp_path_factory.mktemp("bus")) as redis:
        more = {**await database_for("postgresql"), "redis_url": redis}
        async with desk(tmp_path_factory.mktemp("one"), **more) as at:
            mia = await at.agent("Mia", "admin")

            async def processes(count: int) -> bool:
                (found,) = (await mia.get("channels"))["channels"]
                return found["state"] == "yes" and len(found["processes"]) == count

            async with desk(tmp_path_factory.mktemp("two"), **more):
                await until(lambda: processes(2))
            await until(lambda: processes(1))
