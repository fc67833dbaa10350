"""Discord through the whole program: the real SDK, the real desk, a loopback Discord; only the mind is pretended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.databases import DIALECTS
from tests.house import AgentClient, Desk, database_for, desk, until
from tests.platforms.discord import DiscordPlatform
from tests.platforms.discord_eye import seen
from tests.platforms.discord_world import GENERAL
from tests.web.test_health import numbers

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALIAS = "How do I create an email alias?"
ME = "900000000000000001"


@dataclass
class Town:
    at: Desk
    platform: DiscordPlatform
    lea: AgentClient

    async def writes(self, who: int, text: str, **more: Any) -> str:
        """A direct message; each customer has a channel of the same last digits."""
        self.platform.world.channel(f"50000000000000{who:04}", kind=1)
        data = {
            "place": f"50000000000000{who:04}",
            "author": f"30000000000000{who:04}",
            "name": f"C{who}",
            "text": text,
        }
        return str((await self.platform.control("messages", data | more))["id"])

    async def hears(self, place: int | str, count: int) -> list[str]:
        """What is seen in a channel, once it is so much."""
        id_ = place if isinstance(place, str) else f"50000000000000{place:04}"

        async def look() -> list[str] | None:
            found = [seen(sent["content"]) for sent in self.platform.world.sends if sent["channel_id"] == id_]
            return found if len(found) >= count else None

        found: list[str] = await until(look)
        return found

    async def case_of(self, who: int) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            rows = await self.at.sql(
                'SELECT k.id, k.status, k.tier FROM "case" k JOIN conversation c ON c.id = k.conversation_id'
                " WHERE c.place = :place",
                place=f"50000000000000{who:04}",
            )
            return dict(rows[-1]._mapping) if rows else None

        found: dict[str, Any] = await until(look)
        return found | {"number": f"W-{found['id'] + 1000}"}

    async def status_of(self, who: int, status: str) -> None:
        async def look() -> bool:
            return bool((await self.case_of(who))["status"] == status)

        await until(look)

    def last(self, place: str) -> dict[str, Any]:
        found: dict[str, Any] = [sent for sent in self.platform.world.sends if sent["channel_id"] == place][-1]
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DIALECTS)
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with DiscordPlatform() as platform:
        channel = platform.settings(retry_base=0.05, identify_every=0.05)
        settings = {"channels": {"discord": channel}, **await database_for(request.param)}
        async with desk(tmp_path_factory.mktemp("home"), **settings) as at:
            yield Town(at, platform, await at.agent())


async def test_answered_then_no_then_a_person_resolved_and_reopened(town: Town) -> None:
    await town.writes(1, ALIAS)
    (answer,) = await town.hears(1, 1)
    assert "Did this help?" in answer
    components = town.last("500000000000000001")["components"]
    assert [each["label"] for each in components[0]["components"]]
    await town.writes(1, "no")
    assert len(await town.hears(1, 2)) == 2
    case = await town.case_of(1)
    assert case["status"] == "waiting"

    await town.lea.done(f"cases/{case['number']}/claim")
    assert "Lea here" in (await town.hears(1, 3))[-1]
    seq = (await town.lea.case(case["number"]))["conversation"]["last_seq"]
    await town.lea.done(f"cases/{case['number']}/reply", {"text": "Look at *this*, @everyone", "after_seq": seq})
    assert (await town.hears(1, 4))[-1] == "Look at *this*, @everyone"
    assert "@everyone" not in town.last("500000000000000001")["content"]

    await town.lea.done(f"cases/{case['number']}/resolve", {"outcome": "solved"})
    await town.hears(1, 5)
    await town.writes(1, "it is broken again")
    await town.status_of(1, "waiting")


async def test_a_press_counts_like_a_no(town: Town) -> None:
    await town.writes(2, ALIAS)
    await town.hears(2, 1)
    sent = town.last("500000000000000002")
    custom_id = next(
        each["custom_id"] for each in sent["components"][0]["components"] if each["custom_id"].endswith("helped:no")
    )
    press = {"place": sent["channel_id"], "message": sent["id"], "custom_id": custom_id, "author": "300000000000000002"}
    pressed = (await town.platform.control("presses", press))["id"]
    assert "Sorry, that missed." in (await town.hears(2, 2))[1]
    assert town.platform.world.presses[pressed]["answer"]["type"] == 7
    assert (await town.case_of(2))["status"] == "waiting"


async def test_in_a_server_nothing_of_a_case_is_said_and_others_are_left_alone(town: Town) -> None:
    warmline = town.platform.world.user(ME, "Warmline", bot=True)
    await town.writes(3, "everything is down, said to somebody else", place=GENERAL)
    await town.writes(3, f"<@{ME}> {ALIAS}", place=GENERAL, mentions=[warmline])
    (answer,) = await town.hears(GENERAL, 1)
    assert "Did this help?" in answer
    rows = await town.at.sql("SELECT count(*) FROM conversation WHERE place = :place", place=GENERAL)
    assert rows[0][0] == 1


async def test_an_edit_may_escalate_and_a_deletion_closes_nothing(town: Town) -> None:
    message = await town.writes(4, ALIAS)
    await town.hears(4, 1)
    place = "500000000000000004"
    await town.platform.control("edits", {"place": place, "id": message, "text": "you charged me twice"})
    assert (await town.case_of(4))["tier"] == "billing"
    await town.platform.control("deletions", {"place": place, "id": message})

    async def ended() -> bool:
        rows = await town.at.sql(
            'SELECT m.kind, m."end" FROM message m JOIN conversation c ON c.id = m.conversation_id'
            " WHERE c.place = :place AND m.direction = 'in' ORDER BY m.seq",
            place=place,
        )
        return [(row[0], row[1]) for row in rows] == [
            ("text", "answered"), ("edit", "handed_off"), ("deletion", "appended")
        ]  # fmt: skip

    await until(ended)


async def test_what_cannot_be_read_is_seen_by_agents(town: Town) -> None:
    await town.platform.control("dispatch", {"t": "MESSAGE_CREATE", "d": {"id": "77", "channel_id": "5", "author": 7}})

    async def kept() -> Any:
        return [item for item in (await town.lea.get("quarantine"))["items"] if item["channel"] == "discord"]

    assert await until(kept)


async def test_a_revoked_token_loses_no_reply(town: Town) -> None:
    await town.writes(6, "your whole site is down")
    await town.hears(6, 1)
    number = (await town.case_of(6))["number"]
    await town.lea.done(f"cases/{number}/claim")
    await town.hears(6, 2)
    town.platform.world.revoked.add(ME)
    seq = (await town.lea.case(number))["conversation"]["last_seq"]
    await town.lea.done(f"cases/{number}/reply", {"text": "We are on it.", "after_seq": seq})

    async def waits() -> Any:
        return await town.at.sql(
            "SELECT 1 FROM message WHERE body = 'We are on it.' AND status = 'queued' AND error LIKE '%set a new one%'"
        )

    await until(waits)
    town.platform.world.revoked.clear()
    assert (await town.hears(6, 3))[-1] == "We are on it."


async def test_what_nobody_knows_is_ignored_and_counted_for_all_to_see(town: Town) -> None:
    await town.platform.control("dispatch", {"t": "AN_EVENT_OF_TOMORROW", "d": {"id": "1"}})

    async def counted() -> bool:
        seen = await numbers(town.at)
        return seen.get(("warmline_channel_payloads", "main", "discord", "ignored AN_EVENT_OF_TOMORROW")) == 1

    await until(counted, within=60)
