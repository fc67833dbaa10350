"""`make chaos`: five storms, some minutes, more than fifty kills. Nothing may be lost, doubled or said too late."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

from tests.chaos.crowd import Agent
from tests.chaos.storm import Kill, Outcome, Run, Storm, rage
from tests.databases import new_postgresql
from tests.house import until
from tests.platforms.loopback_control import read_ledger

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

WEATHER = {"cut_before": 0.03, "cut_after": 0.04, "error_after": 0.03, "busy_before": 0.03, "slow_before": 0.05}
AROUND_A_SEND = (
    *(Kill(point="courier.after-send", count=count) for count in (1, 3, 6, 4)),
    *(Kill(point="courier.before-send", count=count) for count in (2, 5)),
    Kill(point="courier.settle.before-commit", count=4),
    Kill(point="courier.settle.after-commit", count=2),
    Kill(point="courier.claim.after-commit", count=5),
    Kill(point="courier.unclear.after-commit", count=2),
    Kill(point="intake.before-commit", count=4),
    Kill(point="intake.after-commit", count=5),
    Kill(point="router.before-commit", count=3),
    Kill(point="router.after-commit", count=4),
    Kill(point="reply.after-commit", count=2),
    Kill(point="next.after-commit", count=1),
    Kill(),
    Kill(),
)


def holds(name: str, outcome: Outcome) -> None:
    sys.stdout.write(f"\n{name}\n{outcome.summary()}\n")
    assert outcome.faults == []


async def test_every_point_there_is(tmp_path: Path) -> None:
    """One machine: SQLite and its own Valkey. The points are found by a time without kills; each is died at."""
    storm = Storm(
        seed=2, calm=20.0, every_point=1, kills=[Kill()] * 6, flush_every=3.0, kill_valkey=True, slow=0.2,
        knobs={"weather": WEATHER},
    )  # fmt: skip
    outcome = await rage(storm, tmp_path)
    holds("every point", outcome)
    assert sum(outcome.kills.values()) >= 50
    assert outcome.flushes >= 20
    assert outcome.valkey_kills == 1
    assert {"intake.after-commit", "router.before-commit", "courier.after-send"} <= set(outcome.kills)
    died_at_most = len(outcome.kills) - 1  # one of them is "at random"
    assert died_at_most >= 0.9 * len(outcome.reached)


async def test_a_platform_that_pushes_and_drops_doubles(tmp_path: Path) -> None:
    """It cannot be asked what arrived, but a second send with the same key does nothing. Edits come first."""
    knobs = {"double_rate": 0.2, "reorder_edits": True, "push_parallel": 3, "weather": WEATHER}
    storm = Storm(seed=3, mode="push", idempotent=True, lookup=False, knobs=knobs, kills=AROUND_A_SEND)
    holds("push, idempotent", await rage(storm, tmp_path))


async def test_a_platform_that_cannot_tell(tmp_path: Path) -> None:
    """Neither asked nor idempotent: what is unclear waits for a person, and only such a message may come twice."""
    storm = Storm(seed=4, lookup=False, knobs={"weather": WEATHER}, kills=AROUND_A_SEND)
    holds("neither", await rage(storm, tmp_path))


async def test_long_texts_in_parts(tmp_path: Path) -> None:
    """Each part is a send of its own: killed around it, and between two of them."""
    between = [
        Kill(point=f"courier.part.{when}-commit", count=count) for when in ("before", "after") for count in (2, 9)
    ]
    weather = {name: probability / 3 for name, probability in WEATHER.items()}  # for some three parts of each text
    storm = Storm(seed=7, in_parts=160, knobs={"weather": weather}, kills=[*AROUND_A_SEND, *between])
    holds("in parts", await rage(storm, tmp_path))


async def test_two_desks_on_one_postgresql(tmp_path: Path) -> None:
    """Either is killed while the other goes on; the database ends all its sessions again and again."""
    url = await new_postgresql("warmline_chaos")
    storm = Storm(seed=5, database=url, desks=2, cut_every=5.0, knobs={"weather": WEATHER}, kills=AROUND_A_SEND)
    outcome = await rage(storm, tmp_path)
    holds("two desks on PostgreSQL", outcome)
    assert outcome.cuts >= 3


async def test_a_person_waits_for_an_answer_that_a_dead_desk_had_under_way(tmp_path: Path) -> None:
    """The platform thinks for seven seconds about the machine's answer; the desk dies, and a person is fast."""
    async with contextlib.AsyncExitStack() as stack:
        run = await Run.open(Storm(seed=6), tmp_path, stack)
        (desk,) = run.victims
        await desk.start()
        await run.control.faults("send", {"fault": "slow_before", "seconds": 7})
        await run.control.write("How do I create a subdomain?")
        await until(lambda: asyncio.to_thread(lambda: desk.reached()["courier.before-send"]))
        await asyncio.sleep(0.2)  # the request is on its way
        await desk.kill("while the platform thinks")
        await desk.start()
        agent = Agent(run.crowd, *run.crowd.tokens[0])
        case = await agent.ask("takeover", None, path="/api/v1/conversations/1/takeover")
        assert (await agent.ask("reply", case.answer["number"], {"text": "I am here."})).status == 200
        await run.quieten()
    sent = [line["text"] for line in read_ledger(run.ledger) if line["what"] == "accepted"]
    assert len(sent) == 3
    assert "subdomain" in sent[0]
    assert sent[-1] == "I am here."
