"""The gate from end to end: chance chooses, people label, proof opens it, a breach or a correction closes it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import insert

from bot.app import Mind
from handoff.notifier import GateClosed, Notifier
from intents.classifier import Classifier
from intents.gate import STRICT_THRESHOLD, judge
from intents.promise import LADDER
from intents.verdict import Verdict
from store.tables import conversation as conversations
from store.tables import message, sample
from tests.databases import DIALECTS
from tests.fakes import FakeClassifier
from tests.house import AgentClient, Customer, Desk, database_for, desk, fake_mind, until
from tests.people import Notes

CALM = "how do I add a DNS record?"
DOUBTFUL = "HOW do I add a DNS record?"
PRAISE = "I LOVE it"


class Doubtful(FakeClassifier):
    """What is said with a word in capitals may be grave: just too likely for the strict rule."""

    def verdict(self, text: str) -> Verdict:
        found = super().verdict(text)
        if not re.search("HOW|LOVE", text):
            return found
        found = replace(found, grave=(STRICT_THRESHOLD + LADDER[1]) / 2)
        ruling = judge(found)
        return replace(found, automatable=ruling.automatable, reason=ruling.reason)


class Taught(Doubtful):
    """The same after a lesson: it sees through all capitals."""

    identity = "taught"

    def verdict(self, text: str) -> Verdict:
        found = super().verdict(text)
        if not re.search("HOW|LOVE", text):
            return found
        return replace(found, grave=0.97, automatable=False, reason="It may be grave.")


def mind(of: FakeClassifier | None = None) -> Mind:
    return replace(fake_mind(), classifier=cast(Classifier, of or Doubtful()))


@pytest.fixture(params=DIALECTS)
async def at(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk that has every first message labelled."""
    async with desk(tmp_path, mind=mind(), label_share=1.0, **await database_for(request.param)) as running:
        yield running


async def written(at: Desk, text: str) -> tuple[Customer, int]:
    """A new customer writes, and it is decided."""
    customer = at.customer()
    assert (await customer.write(text)).status_code == 202
    conversation = await at.conversation(customer)

    async def ended() -> Any:
        return not await at.sql(
            "SELECT id FROM message WHERE conversation_id = :c AND direction = 'in' AND \"end\" IS NULL", c=conversation
        )

    await until(ended)
    return customer, conversation


async def sample_of(at: Desk, conversation: int) -> Any:
    (row,) = await at.sql(
        "SELECT id, act, opens_at, threshold, rule, tier, words FROM sample WHERE conversation_id = :c", c=conversation
    )
    return row


async def proven(at: Desk, grave: int = 299) -> None:
    """So many grave messages that people have labelled, none of which the machine would have acted on."""
    _, conversation = await written(at, "it is down")
    (of,) = await at.sql("SELECT customer_id, identity_id FROM conversation WHERE id = :c", c=conversation)
    ids = list(range(1_000_000, 1_000_000 + grave - 1))
    async with at.house.database.write("test") as connection:
        now = at.house.gate._clock()
        await connection.execute(
            insert(conversations),
            [
                {"id": n, "key": f"k{n}", "customer_id": of[0], "identity_id": of[1], "channel": "web", "account": "w",
                 "place": f"p{n}", "recipient": "r", "version": 1, "created_at": now, "last_in_at": now}
                for n in ids
            ],
        )  # fmt: skip
        await connection.execute(
            insert(message),
            [
                {"id": n, "conversation_id": n, "seq": 1, "direction": "in", "author": "customer", "kind": "text",
                 "body": "it is down", "created_at": now, "end": "handed_off"}
                for n in ids
            ],
        )  # fmt: skip
        await connection.execute(
            insert(sample),
            [
                {"message_id": n, "conversation_id": n, "came_at": now, "decided_at": now, "words": [n],
                 "act": "hand_off", "threshold": STRICT_THRESHOLD, "rule": at.house.gate.rule, "tier": "outage",
                 "labelled_at": now}
                for n in ids
            ],
        )  # fmt: skip
    lea = await at.agent(f"Prover{grave}")
    await lea.done(f"labels/{(await sample_of(at, conversation))[0]}", {"tier": "outage"})


async def label(agent: AgentClient, at: Desk, conversation: int, tier: str, **more: Any) -> dict[str, Any]:
    return await agent.done(f"labels/{(await sample_of(at, conversation))[0]}", {"tier": tier, **more})


# --- chosen at intake ------------------------------------------------------------------------------


async def test_a_first_message_is_chosen_with_what_is_needed_to_judge_it_again(at: Desk) -> None:
    customer, conversation = await written(at, DOUBTFUL)
    row = await sample_of(at, conversation)
    assert (row.act, row.opens_at, row.threshold) == ("hand_off", LADDER[1], STRICT_THRESHOLD)
    assert row.rule == at.house.gate.rule
    await customer.write("and another thing")
    await until(lambda: at.sql("SELECT 1 FROM message WHERE conversation_id = :c AND seq > 2", c=conversation))
    assert len(await at.sql("SELECT id FROM sample")) == 1
    assert (await sample_of(at, conversation)).act == "hand_off"


@pytest.mark.parametrize(
    ("text", "act", "opens_at"),
    [(CALM, "answer", LADDER[0]), ("it is down", "hand_off", None), ("hello", "greet", 0.0)],
)
async def test_whatever_the_verdict(at: Desk, text: str, act: str, opens_at: float | None) -> None:
    _, conversation = await written(at, text)
    row = await sample_of(at, conversation)
    assert (row.act, row.opens_at) == (act, opens_at)


async def test_the_same_message_again_is_no_second_sample(at: Desk) -> None:
    customer = at.customer()
    first = await customer.write("it is down", id="0d0f0b0e-3c5e-4b5e-9d58-6a1f0c1e2d3f")
    customer.token = None
    again = await customer.write("it is down", id="0d0f0b0e-3c5e-4b5e-9d58-6a1f0c1e2d3f")
    assert first.json() == again.json()
    assert len(await at.sql("SELECT id FROM sample")) == 1


async def test_no_share_no_samples(tmp_path: Path) -> None:
    async with desk(tmp_path, label_share=0.0) as at:
        await written(at, "it is down")
        assert await at.sql("SELECT id FROM sample") == []


# --- labelled --------------------------------------------------------------------------------------


async def test_labelling_is_blind_and_masked(at: Desk) -> None:
    await written(at, "I was charged twice on 4111 1111 1111 1111")
    lea = await at.agent()
    found = await lea.get("labels/next")
    (message,) = found["message"]["messages"]
    assert "4111" not in message["text"]
    assert "charged twice" in message["text"]
    assert set(found["message"]) == {"id", "channel", "messages"}


async def test_a_label_counts_and_can_be_taken_back(at: Desk) -> None:
    _, conversation = await written(at, "it is down")
    lea = await at.agent()
    done = await label(lea, at, conversation, "outage")
    assert done["message"] is None
    assert (done["gate"]["grave"], done["gate"]["more"], done["gate"]["labelled"]) == (1, 298, 1)
    id_ = (await sample_of(at, conversation))[0]
    assert (await lea.post(f"labels/{id_}", {"tier": "outage"})).status_code == 200  # sent twice
    mia = await at.agent("Mia")
    refused = await mia.post(f"labels/{id_}", {"tier": "billing"})
    assert refused.status_code == 409
    assert "Lea has labelled this" in refused.json()["error"]["message"]
    assert (await mia.post(f"labels/{id_}/undo")).status_code == 403
    back = await lea.done(f"labels/{id_}/undo")
    assert back["message"]["id"] == id_
    assert back["gate"]["grave"] == 0
    assert await at.sql("SELECT id FROM audit WHERE action = 'label taken back'")


async def test_feedback_is_told_apart(at: Desk) -> None:
    _, conversation = await written(at, PRAISE)
    lea = await at.agent()
    id_ = (await sample_of(at, conversation))[0]
    assert (await lea.post(f"labels/{id_}", {"tier": "feedback"})).status_code == 422
    assert (await lea.post(f"labels/{id_}", {"tier": "outage", "complaint": True})).status_code == 422
    done = await lea.done(f"labels/{id_}", {"tier": "feedback", "complaint": True})
    assert (done["gate"]["grave"], done["gate"]["complaints"], done["gate"]["complaints_let_through"]) == (0, 1, 0)


async def test_a_skipped_one_comes_after_the_others(at: Desk) -> None:
    await written(at, "it is down")
    await written(at, "this is broken")
    lea = await at.agent()
    first = (await lea.get("labels/next"))["message"]["id"]
    second = (await lea.done(f"labels/{first}/skip"))["message"]["id"]
    assert second != first
    await lea.done(f"labels/{second}", {"tier": "problem"})
    assert (await lea.get("labels/next"))["message"]["id"] == first
    assert (await lea.get("gate"))["skipped"] == 1


async def test_colleagues_do_not_label_and_agents_do_not_decide(at: Desk) -> None:
    _, conversation = await written(at, "it is down")
    id_ = (await sample_of(at, conversation))[0]
    kim = await at.agent("Kim", "colleague")
    assert (await kim.post(f"labels/{id_}", {"tier": "outage"})).status_code == 403
    lea = await at.agent()
    assert (await lea.post("gate", {"decision": "hold", "why": "a launch"})).status_code == 403
    assert (await lea.post(f"labels/{10**12}", {"tier": "outage"})).status_code == 404


# --- opened, closed, opened again --------------------------------------------------------------------


async def test_on_day_one_the_strict_rule_holds(at: Desk) -> None:
    customer, _ = await written(at, DOUBTFUL)
    assert (await customer.hears("acknowledgement"))["from"] == "system"
    lea = await at.agent()
    found = await lea.get("gate")
    assert (found["state"], found["threshold"], found["more"]) == ("strict", STRICT_THRESHOLD, 299)


async def test_proof_opens_the_gate_and_the_machine_answers_what_it_did_not_before(at: Desk) -> None:
    await proven(at)
    lea = await at.agent()
    found = await lea.get("gate")
    assert (found["state"], found["threshold"], found["grave"]) == ("open", LADDER[-1], 299)
    customer, _ = await written(at, DOUBTFUL)
    assert await customer.hears("answer")
    # Hard wires hold at any threshold.
    wired, conversation = await written(at, f"{DOUBTFUL} I want to talk to a human")
    assert (await wired.hears("acknowledgement"))["from"] == "system"
    assert (await sample_of(at, conversation)).opens_at is None


async def test_a_label_that_breaks_the_promise_closes_it_at_once(at: Desk) -> None:
    await proven(at)
    _, conversation = await written(at, DOUBTFUL)
    assert (await sample_of(at, conversation)).act == "answer"
    lea = await at.agent()
    done = await label(lea, at, conversation, "problem")
    assert (done["gate"]["state"], done["gate"]["threshold"]) == ("closed", STRICT_THRESHOLD)
    assert done["gate"]["unseen"] is True
    assert "300 grave messages" in done["gate"]["why"]
    assert done["gate"]["grave"] == 0  # only what comes from now on counts
    customer, _ = await written(at, DOUBTFUL)
    assert await customer.hears("acknowledgement")
    assert await at.sql("SELECT id FROM audit WHERE action = 'gate: closed'")


async def test_a_correction_of_what_the_machine_answered_closes_it_at_once(at: Desk) -> None:
    await proven(at)
    await written(at, PRAISE)
    lea = await at.agent()
    (case,) = (await lea.get("cases", tier="feedback"))["cases"]
    await lea.done(f"cases/{case['number']}/correct", {"tier": "billing"})
    found = await lea.get("gate")
    assert found["state"] == "closed"
    assert found["why"] == f"In {case['number']} the machine acted alone on what a person calls a matter of money."
    assert at.house.gate.threshold == STRICT_THRESHOLD


async def test_other_corrections_leave_it_open(at: Desk) -> None:
    await proven(at)
    lea = await at.agent()
    await written(at, PRAISE)
    (case,) = (await lea.get("cases", tier="feedback"))["cases"]
    await lea.done(f"cases/{case['number']}/correct", {"tier": "howto"})  # not grave
    customer, _ = await written(at, "this is broken")
    told = await customer.hears("acknowledgement")
    number = told["text"].partition("W-")[2][:4]
    await lea.done(f"cases/W-{number}/correct", {"tier": "outage"})  # a person had it all the time
    assert (await lea.get("gate"))["state"] == "open"


async def test_an_admin_reopens_and_holds_and_it_is_on_record(at: Desk) -> None:
    await proven(at)
    lea = await at.agent()
    await written(at, PRAISE)
    (case,) = (await lea.get("cases", tier="feedback"))["cases"]
    await lea.done(f"cases/{case['number']}/correct", {"tier": "outage"})
    ada = await at.agent("Ada", "admin")
    assert (await ada.post("gate", {"decision": "reopen", "why": " "})).status_code == 422
    seen = await ada.done("gate", {"decision": "seen"})
    assert (seen["state"], seen["unseen"]) == ("closed", False)
    again = await ada.done("gate", {"decision": "reopen", "why": "It was a test of ours."})
    assert (again["state"], again["grave"]) == ("open", 299)
    held = await ada.done("gate", {"decision": "hold", "why": "A launch this week."})
    assert (held["state"], held["threshold"], held["by"]) == ("held", STRICT_THRESHOLD, "Ada")
    actions = [row[0] for row in await at.sql("SELECT action FROM audit WHERE subject = 'gate' ORDER BY id")]
    assert actions == ["gate: open", "gate: closed", "gate: seen", "gate: reopen", "gate: open", "gate: hold"]


async def test_people_outside_the_desk_are_told(tmp_path: Path) -> None:
    async with desk(tmp_path, mind=mind(), label_share=1.0, webhook_url="http://127.0.0.1:9/x") as at:
        notes = Notes()
        at.house.clock._notifier = cast(Notifier, notes)
        await proven(at)
        _, conversation = await written(at, DOUBTFUL)
        await label(await at.agent(), at, conversation, "problem")

        async def called() -> Any:
            return [call.payload() for call in notes.calls if isinstance(call, GateClosed)]

        (news,) = await until(called)
        assert news["event"] == "gate_closed"
        assert news["link"].endswith("/desk/gate")
        assert DOUBTFUL not in str(news)


# --- kept, and judged again ------------------------------------------------------------------------


async def test_the_stance_outlives_a_restart(tmp_path: Path) -> None:
    async with desk(tmp_path, mind=mind(), label_share=1.0) as at:
        await proven(at)
    async with desk(tmp_path, mind=mind(), label_share=1.0) as at:
        assert at.house.gate.threshold == LADDER[-1]
        customer, _ = await written(at, DOUBTFUL)
        assert await customer.hears("answer")


async def test_another_classifier_judges_the_labelled_messages_again_before_the_gate_opens(tmp_path: Path) -> None:
    async with desk(tmp_path, mind=mind(), label_share=1.0) as at:
        await proven(at)
        _, conversation = await written(at, DOUBTFUL)
        await label(await at.agent(), at, conversation, "problem")
        ada = await at.agent("Ada", "admin")
        reopened = await ada.done("gate", {"decision": "reopen", "why": "It has been taught since."})
        assert (reopened["state"], reopened["grave"]) == ("strict", 300)  # still a breach
    async with desk(tmp_path, mind=mind(Taught()), label_share=1.0) as at:

        async def opened() -> bool:
            return at.house.gate.threshold > STRICT_THRESHOLD

        await until(opened, within=20)
        assert (await sample_of(at, conversation)).opens_at is None  # it sees through it now


async def test_what_it_was_taught_proves_nothing(tmp_path: Path) -> None:
    """The very message of a breach in the catalogue: the classifier knows it by heart, and it stays a breach."""
    async with desk(tmp_path, mind=mind(), label_share=1.0) as at:
        _, conversation = await written(at, DOUBTFUL)
        await label(await at.agent(), at, conversation, "problem")
    taught = Taught()
    taught.catalogue = type(FakeClassifier.catalogue)(examples=((DOUBTFUL, "problem"),), by_id={})
    async with desk(tmp_path, mind=mind(taught), label_share=1.0) as at:

        async def judged() -> bool:
            return bool((await sample_of(at, conversation)).rule == at.house.gate.rule)

        await until(judged, within=20)
        assert (await sample_of(at, conversation)).opens_at == LADDER[1]


async def test_two_processes_close_together(tmp_path: Path) -> None:
    address = await database_for("postgresql")
    async with (
        desk(tmp_path / "a", mind=mind(), label_share=1.0, **address) as first,
        desk(tmp_path / "b", mind=mind(), label_share=1.0, **address) as second,
    ):
        await proven(first)
        second.house.gate._news.set()

        async def both(threshold: float) -> bool:
            return first.house.gate.threshold == second.house.gate.threshold == threshold

        await until(lambda: both(LADDER[-1]), within=20)
        _, conversation = await written(first, DOUBTFUL)
        await label(await first.agent(), first, conversation, "problem")
        await until(lambda: both(STRICT_THRESHOLD), within=20)  # by the sweep: their buses are two
