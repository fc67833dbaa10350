"""Somebody writes, the right one answers: the main job, through the whole program."""

from __future__ import annotations

from pathlib import Path

from tests.house import Desk, desk, until


async def _case(at: Desk, agent, **filters):
    async def look():
        return (await agent.get("cases", **filters))["cases"]

    return (await until(look))[0]


async def test_an_outage_goes_to_a_person_with_a_number(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        ana = at.customer()
        assert (await ana.write("your whole site is down!!", name="Ana")).status_code == 202
        told = await ana.hears("acknowledgement")
        assert "W-1001" in told["text"]
        assert told["from"] == "system"
        lea = await at.agent()
        case = await _case(at, lea)
        assert (case["number"], case["tier"], case["status"], case["customer"]) == (
            "W-1001",
            "outage",
            "waiting",
            "Ana",
        )

        assert (await lea.post("cases/W-1001/claim")).json()["assignee"] == "Lea"
        assert "Lea here" in (await ana.hears("notice"))["text"]
        seq = (await lea.get("cases/W-1001"))["conversation"]["last_seq"]
        answered = await lea.post("cases/W-1001/reply", {"text": "We are on it.", "after_seq": seq})
        assert answered.status_code == 200
        said = (await ana.read())[-1]
        assert (said["from"], said["author"], said["text"]) == ("agent", "Lea", "We are on it.")

        await ana.write("thank you, what happened?")
        messages = await _ends(lea, case["conversation"])
        assert messages[-1]["end"] == "appended"
        assert (await lea.post("cases/W-1001/resolve", {"outcome": "solved"})).status_code == 200
        assert (await ana.hears("survey"))["buttons"][0]["id"] == "survey:good"


async def test_a_question_is_answered_from_the_knowledge_base(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        ben = at.customer()
        await ben.write("How do I add a DNS record?")
        heard = await until(lambda: _spoken(ben))
        assert heard["kind"] in ("answer", "acknowledgement")


async def _spoken(customer):
    found = [message for message in await customer.read() if message["from"] != "customer"]
    return found[-1] if found else None


async def _ends(agent, conversation):
    async def look():
        rows = (await agent.get(f"conversations/{conversation}/messages"))["messages"]
        theirs = [row for row in rows if row["direction"] == "in"]
        return theirs if all(row["end"] for row in theirs) else None

    return await until(look)
