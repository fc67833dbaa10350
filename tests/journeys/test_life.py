"""The lines of the table of who does what, each lived through the whole program, on both databases."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from handoff import texts
from tests.house import AgentClient, Customer, Desk, desk, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALIAS = "How do I create an email alias?"
COPY = "How do I download a full copy of my site?"
AWAY = "How do I set up an out of office message?"
OUT = "How do I log out everywhere?"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lea(at: Desk) -> AgentClient:
    return await at.agent("Lea")


async def ends(at: Desk, lea: AgentClient, of: Customer) -> list[str]:
    return [row["end"] for row in await lea.decided(await at.conversation(of))]


async def case_of(at: Desk, lea: AgentClient, of: Customer) -> dict[str, Any]:
    """The newest case of this customer, with its context."""
    rows = await at.sql('SELECT max(id) FROM "case" WHERE conversation_id = :id', id=await at.conversation(of))
    assert rows[0][0] is not None, "there is no case"
    return await lea.case(f"W-{rows[0][0] + 1000}")


async def cases_of(at: Desk, of: Customer) -> int:
    return int(
        (await at.sql('SELECT count(*) FROM "case" WHERE conversation_id = :id', id=await at.conversation(of)))[0][0]
    )


async def answered(at: Desk, lea: AgentClient, question: str = ALIAS) -> Customer:
    """A customer whose question the machine has just answered."""
    ana = at.customer()
    await ana.write(question)
    assert (await ana.hears("answer"))["from"] == "bot"
    return ana


async def handed(at: Desk, lea: AgentClient, text: str = "your whole site is down") -> tuple[Customer, dict[str, Any]]:
    ana = at.customer()
    await ana.write(text)
    await ana.hears("acknowledgement")
    return ana, await case_of(at, lea, ana)


# --- the machine answers, and stops ------------------------------------------------------------


async def test_an_answer_names_its_source_and_asks(at: Desk, lea: AgentClient) -> None:
    ana = await answered(at, lea)
    said = await ana.hears("answer")
    assert 'From "' in said["text"]
    assert "Did this help?" in said["text"]
    assert [button["id"] for button in said["buttons"]] == ["helped:yes", "helped:no", "person"]
    assert await ends(at, lea, ana) == ["answered"]
    assert await cases_of(at, ana) == 0


@pytest.mark.parametrize(("text", "button"), [("No", "helped:no"), ("No", None), ("that didn't help", None)])
async def test_no_brings_a_person_who_sees_what_was_tried(
    at: Desk, lea: AgentClient, text: str, button: str | None
) -> None:
    ana = await answered(at, lea)
    await ana.write(text, **({"button": button} if button else {}))
    told = await ana.hears("acknowledgement")
    assert told["text"].startswith("Sorry, that missed.")
    case = await case_of(at, lea, ana)
    assert (case["tier"], case["status"]) == ("howto", "waiting")
    assert case["deadline"] is not None
    assert [tried["question"] for tried in case["tried"]] == [ALIAS]
    assert [tried["rejected"] for tried in case["tried"]] == [True]
    assert case["tried"][0]["sections"][0][0] == "aliases"
    await ana.write("it has to be sales@ and info@")
    assert await ends(at, lea, ana) == ["answered", "handed_off", "appended"]
    assert await cases_of(at, ana) == 1


async def test_another_matter_after_an_answer_does_not_say_that_it_was_no_help(at: Desk, lea: AgentClient) -> None:
    ana = await answered(at, lea)
    await ana.write("you charged me twice")
    await ana.hears("acknowledgement")
    case = await case_of(at, lea, ana)
    assert case["tier"] == "billing"
    assert [tried["rejected"] for tried in case["tried"]] == [False]


async def test_the_same_question_again_says_that_the_answer_was_no_help(at: Desk, lea: AgentClient) -> None:
    ana = await answered(at, lea)
    await ana.write(ALIAS)
    await ana.hears("acknowledgement")
    assert [tried["rejected"] for tried in (await case_of(at, lea, ana))["tried"]] == [True]


async def test_yes_needs_nothing(at: Desk, lea: AgentClient) -> None:
    ana = await answered(at, lea)
    await ana.write("Yes", button="helped:yes")
    await ana.write("thank you")
    assert await ends(at, lea, ana) == ["answered", "noted", "noted"]
    assert len(await ana.read()) == 4


async def test_the_button_for_a_person(at: Desk, lea: AgentClient) -> None:
    ana = await answered(at, lea)
    await ana.write("Talk to a person", button="person")
    await ana.hears("acknowledgement")
    case = await case_of(at, lea, ana)
    assert (case["tier"], case["urgent"], len(case["tried"])) == ("person", True, 1)


async def test_the_same_question_again(at: Desk, lea: AgentClient) -> None:
    ana = await answered(at, lea)
    await ana.write(ALIAS.upper())
    await ana.hears("acknowledgement")
    assert await ends(at, lea, ana) == ["answered", "handed_off"]
    assert "same again" in (await case_of(at, lea, ana))["reason"]


async def test_three_answers_in_an_hour_are_enough(at: Desk, lea: AgentClient) -> None:
    ana = await answered(at, lea)
    for question in (COPY, AWAY, OUT):
        await ana.write(question)
        await lea.decided(await at.conversation(ana))
    assert await ends(at, lea, ana) == ["answered", "answered", "answered", "handed_off"]
    case = await case_of(at, lea, ana)
    assert "three answers" in case["reason"]
    assert [tried["question"] for tried in case["tried"]] == [ALIAS, COPY, AWAY]


async def test_thanks_and_greetings(at: Desk, lea: AgentClient) -> None:
    ana = at.customer()
    for text, end in (("hello", "answered"), ("thanks!", "noted"), ("\U0001f44d", "noted"), ("hi there", "handed_off")):
        await ana.write(text)
        assert (await ends(at, lea, ana))[-1] == end, text
    assert [message["kind"] for message in await ana.read()] == [
        "text",
        "text",
        "text",
        "text",
        "text",
        "acknowledgement",
    ]


async def test_are_you_a_bot(at: Desk, lea: AgentClient) -> None:
    ana = at.customer()
    await ana.write("are you a bot?")
    await lea.decided(await at.conversation(ana))
    said = (await ana.read())[-1]
    assert said["text"].startswith("Yes, I am")
    assert [button["id"] for button in said["buttons"]] == ["person"]
    assert await ends(at, lea, ana) == ["answered"]


async def test_a_burst_of_lines_is_one_matter(tmp_path: Path) -> None:
    async with desk(tmp_path, quiet_seconds=4.0, quiet_at_most=12.0) as at:
        lea = await at.agent()
        ana, ben = at.customer(), at.customer()
        await ben.write(ALIAS)
        for line in ("hello", ALIAS, "thanks"):
            await ana.write(line)
            await asyncio.sleep(0.1)
        await ben.write("thanks in advance")
        await ana.hears("answer")
        assert await ends(at, lea, ana) == ["answered"] * 3
        assert [message["kind"] for message in await ana.read()] == ["text", "text", "text", "answer"]
        said = [message for message in await ben.read() if message["from"] == "bot"]
        assert len(said) <= 1


async def test_nobody_waits_for_quiet_with_money(tmp_path: Path) -> None:
    async with desk(tmp_path, quiet_seconds=60.0, quiet_at_most=120.0) as at:
        lea, cleo = await at.agent(), at.customer()
        await cleo.write("How do I create an email alias?")
        await cleo.write("and you charged me twice")
        await cleo.hears("acknowledgement")
        case = await case_of(at, lea, cleo)
        assert case["tier"] == "billing"


async def test_a_question_in_two_lines_is_one_question(tmp_path: Path) -> None:
    """Of its first line alone nothing could be answered; a person would get half a sentence."""
    async with desk(tmp_path, quiet_seconds=4.0, quiet_at_most=12.0) as at:
        lea = await at.agent()
        ana, ben = at.customer(), at.customer()
        await ana.write("How do I")
        await ben.write("How do I frobnicate the wug")
        await asyncio.sleep(0.3)
        await ana.write("create an email alias?")
        await ana.hears("answer")
        assert await ends(at, lea, ana) == ["answered"] * 2
        await ben.hears("acknowledgement")  # nothing more came: a person gets it as it stands
        assert await ends(at, lea, ben) == ["handed_off"]


# --- people ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tier", "opening", "minutes"),
    [
        ("your whole site is down", "outage", "This looks serious", 5),
        ("you charged me twice", "billing", "Money matters.", 15),
        ("let me talk to a human", "person", "Of course.", 15),
        ("the editor is broken", "problem", "Thank you for telling us.", 240),
        ("florp the wug", "unknown", "Thank you for writing.", 60),
        ("this is terrible, the worst host", "feedback", "You are right to tell us.", 60),
        ("my account was hacked, how do i reset it?", "howto", "This is about safety", 5),
        ("ich brauche Hilfe und zwar schnell", "unknown", "Ein Mensch liest das", 60),
        ("How do I create an email alias? Ich und mein Hund", "unknown", "Ein Mensch liest das", 60),
        ("How do I create an email alias? You charged me twice!", "billing", "Money matters.", 15),
    ],
)
async def test_who_gets_a_person_and_by_when(
    at: Desk, lea: AgentClient, text: str, tier: str, opening: str, minutes: int
) -> None:
    ana, case = await handed(at, lea, text)
    assert (case["tier"], case["status"], case["assignee"]) == (tier, "waiting", None)
    told = await ana.hears("acknowledgement")
    assert told["text"].startswith(opening)
    assert case["number"] in told["text"]
    first = case["transcript"][0]
    waits = await at.sql(
        'SELECT deadline - unanswered_since, urgent FROM "case" WHERE id = :id', id=int(case["number"][2:]) - 1000
    )
    assert waits[0][0] == minutes * 60_000_000
    assert bool(waits[0][1]) == (minutes in (5, 15))
    assert first["end"] == "handed_off"
    assert not any(message["from"] == "bot" for message in await ana.read())


async def test_a_promise_is_named_only_with_an_agent_on_duty(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        ana = at.customer()
        await ana.write("your whole site is down")
        assert " by " not in (await ana.hears("acknowledgement"))["text"]
        lea = await at.agent()
        assert (await case_of(at, lea, ana))["promises"] == []
        await asyncio.sleep(1.05)  # who is on duty is asked once a second
        ben = at.customer()
        await ben.write("your whole site is down")
        told = await ben.hears("acknowledgement")
        case = await case_of(at, lea, ben)
        assert [(row["state"], row["basis"]) for row in case["promises"]] == [("open", "agents on duty")]
        assert f"{case['promises'][0]['by'][11:16]} UTC" in told["text"]
        await lea.done(f"cases/{case['number']}/claim")
        await lea.done(f"cases/{case['number']}/reply", {"text": "looking"})
        assert [row["state"] for row in (await lea.case(case["number"]))["promises"]] == ["kept"]


async def test_a_promise_about_to_break_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path, sla_outage=0.1) as at:
        lea, sue = await at.agent(), await at.agent("Sue", "supervisor")
        await lea.get("me")
        ana = at.customer()
        await ana.write("your whole site is down")
        told = await ana.hears("notice")
        assert told["text"].startswith("We said ")
        said, *new = re.findall(r"\d\d:\d\d", told["text"])
        if new:  # a minute has just begun
            assert new != [said]
        else:  # a new time would read like the old one
            assert "You keep your place in line." in told["text"]
        assert "knows." not in told["text"]  # nobody is called here: there is no notifier
        case = await case_of(at, sue, ana)
        first, *later = [row["state"] for row in case["promises"]]
        assert first == "replaced"
        assert len(later) >= len(new), "a time that is told is a promise"
        assert case["flags"]["at_risk"] >= 1


async def test_a_question_after_the_case_is_the_case(at: Desk, lea: AgentClient) -> None:
    ana, case = await handed(at, lea)
    await ana.write(ALIAS)
    await ana.write("it works now")
    assert await ends(at, lea, ana) == ["handed_off", "appended", "appended"]
    assert (await lea.case(case["number"]))["flags"].get("works_now") is True
    assert (await lea.case(case["number"]))["status"] == "waiting"


async def test_the_queue_shows_the_sentence_that_decided(at: Desk, lea: AgentClient) -> None:
    long = "Hello, I have been with you for many years and tell everybody. " * 4
    _, case = await handed(at, lea, f"{long}You charged me twice.")
    (row,) = [row for row in (await lea.get("cases"))["cases"] if row["number"] == case["number"]]
    assert row["preview"] == "You charged me twice."
    _, case = await handed(at, lea, "florp the wug")
    assert case["preview"] == "florp the wug"


async def test_a_graver_matter_raises_an_open_case(at: Desk, lea: AgentClient) -> None:
    ana, case = await handed(at, lea, "the editor is broken")
    assert case["urgent"] is False
    await ana.write("now everything is down")
    await lea.decided(await at.conversation(ana))
    raised = await lea.case(case["number"])
    assert (raised["tier"], raised["urgent"]) == ("outage", True)
    assert raised["deadline"] < case["deadline"]


async def test_thanks_to_a_person_start_no_clock(at: Desk, lea: AgentClient) -> None:
    ana, case = await handed(at, lea, "the editor is broken")
    number = case["number"]
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/reply", {"text": "It is mended now."})
    await ana.write("thank you so much!")
    rows = await lea.decided(await at.conversation(ana))
    assert rows[-1]["end"] == "appended"
    after = await lea.case(number)
    assert (after["status"], after["deadline"]) == ("pending", None)
    assert "customer_wrote" in [event["kind"] for event in after["events"]]
    await lea.done(f"cases/{number}/reply", {"text": "Shall I move the other site too?"})
    await ana.write("ok")  # the same words are an answer to a question
    await lea.decided(await at.conversation(ana))
    after = await lea.case(number)
    assert after["status"] == "open"
    assert after["deadline"] is not None


async def test_thanks_after_a_resolved_case_is_noted_and_more_reopens_it(at: Desk, lea: AgentClient) -> None:
    ana, case = await handed(at, lea)
    number = case["number"]
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/reply", {"text": "It is up again."})
    await lea.done(f"cases/{number}/resolve", {"outcome": "solved"})
    survey = await ana.hears("survey")
    assert [button["id"] for button in survey["buttons"]] == ["survey:good", "survey:fair", "survey:poor"]
    await ana.write("Good", button="survey:good")
    await ana.write("thanks!")
    assert (await ends(at, lea, ana))[1:] == ["noted", "noted"]
    after = await lea.case(number)
    assert (after["status"], after["satisfaction"], after["reopened"]) == ("resolved", "good", 0)
    await ana.write("the editor fails again")
    assert (await ends(at, lea, ana))[-1] == "handed_off"
    again = await lea.case(number)
    assert (again["status"], again["assignee"], again["reopened"], again["urgent"]) == ("waiting", None, 1, True)
    assert again["deadline"] is not None
    assert (await ana.hears("acknowledgement"))["text"].startswith("Open again, and more urgent.")
    assert await cases_of(at, ana) == 1


async def test_after_72_hours_it_is_a_new_case_that_links_the_old(at: Desk, lea: AgentClient) -> None:
    ana, case = await handed(at, lea)
    await lea.done(f"cases/{case['number']}/resolve")
    await at.sql(
        'UPDATE "case" SET resolved_at = resolved_at - 72 * 3600000000 - 1 WHERE id = :id',
        id=int(case["number"][2:]) - 1000,
    )
    await ana.write("your site is down again")
    await lea.decided(await at.conversation(ana))
    new = await case_of(at, lea, ana)
    assert (new["previous"], new["status"], new["reopened"]) == (case["number"], "waiting", 0)
    assert [row["number"] for row in new["other_cases"]] == [case["number"]]


async def test_the_machine_acts_only_on_what_is_written_after_the_return(at: Desk, lea: AgentClient) -> None:
    ana, case = await handed(at, lea, "florp the wug")
    number = case["number"]
    await lea.done(f"cases/{number}/claim")
    await ana.write(COPY)
    await lea.decided(await at.conversation(ana))
    await lea.done(f"cases/{number}/return")
    assert not any(message["from"] == "bot" for message in await ana.read())
    await ana.write(ALIAS)
    assert "alias" in (await ana.hears("answer"))["text"]
    assert await ends(at, lea, ana) == ["handed_off", "appended", "answered"]
    state = (await lea.case(number))["conversation"]
    assert state["owner"] == "bot"


async def test_what_was_unread_at_the_return_stays_with_people(at: Desk, lea: AgentClient) -> None:
    """A message that arrives in the moment of the return is ended by it, not answered by the machine."""
    for _ in range(4):
        ana, case = await handed(at, lea, "florp the wug")
        await lea.done(f"cases/{case['number']}/claim")
        await asyncio.gather(ana.write(ALIAS), lea.post(f"cases/{case['number']}/return"))
        rows = await lea.decided(await at.conversation(ana))
        said = [message for message in await ana.read() if message["from"] == "bot"]
        assert (rows[1]["end"] == "answered") == bool(said)


async def test_sleep_and_wake(at: Desk, lea: AgentClient) -> None:
    ana, case = await handed(at, lea)
    number = case["number"]
    await lea.done(f"cases/{number}/claim")
    await lea.done(f"cases/{number}/reply", {"text": "We look again tomorrow."})
    assert (await lea.done(f"cases/{number}/snooze", {"until": "2099-01-01T00:00:00+02:00"}))["status"] == "snoozed"
    await ana.write("any news?")
    await lea.decided(await at.conversation(ana))
    woken = await lea.case(number)
    assert (woken["status"], woken["assignee"], woken["snoozed_until"]) == ("open", "Lea", None)
    await lea.done(f"cases/{number}/reply", {"text": "Not yet."})
    await lea.done(f"cases/{number}/snooze", {"until": "2099-01-01T00:00:00Z"})
    await at.sql('UPDATE "case" SET snoozed_until = 1 WHERE id = :id', id=int(number[2:]) - 1000)
    await at.sql("UPDATE due SET at = 1 WHERE kind = 'snooze_over' AND subject = :id", id=int(number[2:]) - 1000)

    async def awake() -> Any:
        found = await lea.case(number)
        return found if found["status"] == "open" else None

    assert (await until(awake))["deadline"] is not None


async def test_feedback_is_filed_and_then_an_outage_is_the_same_case(at: Desk, lea: AgentClient) -> None:
    ana = at.customer()
    await ana.write("I love the new editor, great work")
    await lea.decided(await at.conversation(ana))
    filed = await case_of(at, lea, ana)
    assert (filed["tier"], filed["status"], filed["urgent"]) == ("feedback", "waiting", False)
    assert filed["conversation"]["owner"] == "bot"
    assert (await ana.read())[-1]["text"] == texts.PRAISE
    await ana.write(ALIAS)
    await ana.hears("answer")
    await ana.write("and now your whole site is down")
    told = await ana.hears("acknowledgement")
    assert told["text"].startswith("This looks serious")
    assert filed["number"] in told["text"]
    raised = await lea.case(filed["number"])
    assert await cases_of(at, ana) == 1
    assert (raised["tier"], raised["urgent"], raised["status"]) == ("outage", True, "waiting")
    assert raised["conversation"]["owner"] == "human"
    assert raised["reopened"] == 0
    assert [tried["question"] for tried in raised["tried"]] == [ALIAS]
    assert await ends(at, lea, ana) == ["filed", "answered", "handed_off"]


async def test_stepping_in(at: Desk, lea: AgentClient) -> None:
    ana = await answered(at, lea)
    conversation = await at.conversation(ana)
    taken = await lea.done(f"conversations/{conversation}/takeover")
    assert taken["assignee"] == "Lea"
    case = await lea.case(taken["number"])
    assert (case["tier"], case["status"], case["conversation"]["owner"]) == ("person", "open", "human")
    assert case["deadline"] is not None
    assert [tried["question"] for tried in case["tried"]] == [ALIAS]
    assert "Lea here" in (await ana.hears("notice"))["text"]
    assert await lea.done(f"conversations/{conversation}/takeover") == taken
    await ana.write(COPY)
    assert await ends(at, lea, ana) == ["answered", "appended"]


async def test_notes_stay_inside(at: Desk, lea: AgentClient) -> None:
    ana, case = await handed(at, lea)
    max_ = await at.agent("Max", "colleague")
    await max_.done(f"cases/{case['number']}/note", {"text": "the customer is a <b>friend</b>"})
    await lea.done(f"cases/{case['number']}/claim")
    await lea.done(f"cases/{case['number']}/reply", {"text": "Hello."})
    assert "friend" not in str(await ana.read())
    assert "friend" in str((await lea.case(case["number"]))["transcript"])


async def test_giving_a_case_back_keeps_a_deadline(at: Desk, lea: AgentClient) -> None:
    """Every waiting case has one, however it came to wait."""
    sue = await at.agent("Sue", "supervisor")
    for path, sent in (("release", None), ("assign", {"to": None})):
        _, case = await handed(at, lea)
        number = case["number"]
        await sue.done(f"cases/{number}/claim")
        await sue.done(f"cases/{number}/reply", {"text": "One moment."})
        await sue.done(f"cases/{number}/{path}", sent)
        given = await lea.case(number)
        assert (given["status"], given["assignee"]) == ("waiting", None)
        assert given["deadline"] is not None, path


async def test_a_correction_moves_the_case(at: Desk, lea: AgentClient) -> None:
    _, case = await handed(at, lea, "florp the wug")
    await lea.done(f"cases/{case['number']}/correct", {"tier": "outage", "intent": "down"})
    moved = await lea.case(case["number"])
    assert (moved["tier"], moved["urgent"]) == ("outage", True)
    assert moved["deadline"] < case["deadline"]
