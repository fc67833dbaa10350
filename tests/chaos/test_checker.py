"""The checker sees what it is for: each fault, planted into sound evidence, is found by the check that is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.chaos.checker import check
from tests.chaos.crowd import Asked, Memory, Said
from tests.chaos.evidence import Evidence, Row

T = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def row(id_: int, conversation: int, seq: int, **more: Any) -> Row:
    blank = {
        "direction": "out", "author": "agent", "kind": "text", "body": "", "external_id": None, "revision": 0,
        "end": None, "status": None, "meta": None, "error": None, "sending_since": None, "created_at": T,
        "parts": None, "parts_done": 0,
    }  # fmt: skip
    return {"id": id_, "conversation_id": conversation, "seq": seq, **blank, **more}


def accepted(key: str, text: str, copy: int = 1) -> Row:
    return {"what": "accepted", "key": key, "text": text, "place": "p1", "copy": copy}


def sound() -> Evidence:
    """A question answered, an outage handed over and replied to, a web message with its reply, a note."""
    event = {"place": "p1", "id": "c1", "revision": 0, "text": "it is down"}
    ledger = [
        {"what": "customer", "update": 1, "event": {**event, "id": "c0", "text": "how?"}},
        {"what": "customer", "update": 2, "event": event},
        {"what": "confirmed", "after": 2},
        accepted("m5", "so"),
        accepted("m2", "a person comes"),
        accepted("m3", "we are on it"),
    ]
    seen: list[Row] = [
        {"seq": 1, "id": "u1", "from": "customer", "text": "hi"},
        {"seq": 2, "id": "s2", "from": "agent", "text": "hello"},
    ]
    memory = Memory(
        said=[Said(id="u1", text="hi", token="t", button=None)],
        asked=[
            Asked(agent=1, act="next", case=None, key="a", status=200, answer={"number": "W-1001"}),
            Asked(agent=1, act="reply", case="W-1001", key="b", text="we are on it", status=200),
            Asked(agent=1, act="note", case="W-1001", key="c", text="SECRET-NOTE", status=200),
            Asked(agent=1, act="reply", case="W-1002", key="d", text="hello", status=200),
        ],
        seen={"t": {shown["seq"]: shown for shown in seen}},
    )
    case: Row = {
        "id": 1, "conversation_id": 1, "status": "open", "deadline": None, "unanswered_since": None, "opened_seq": 3,
        "breached_at": None,
    }  # fmt: skip
    sent = {"status": "sent"}
    return Evidence(
        ledger=ledger, memory=memory, lookup=True, reconciles=True, stopped=T + 60 * SECOND,
        messages=[
            row(7, 1, 1, direction="in", author="customer", body="how?", external_id="c0", end="answered"),
            row(5, 1, 2, author="bot", kind="answer", body="so", created_at=T - 9 * SECOND,
                meta={"question": "how?"}, **sent),
            row(1, 1, 3, direction="in", author="customer", body="it is down", external_id="c1", end="handed_off"),
            row(2, 1, 4, author="system", kind="acknowledgement", body="a person comes",
                meta={"case": "W-1001", "by": (T + 300 * SECOND).isoformat()}, **sent),
            row(3, 1, 5, body="we are on it", created_at=T + 2 * SECOND, **sent),
            row(4, 1, 6, direction="note", kind="note", body="SECRET-NOTE"),
            row(8, 2, 1, direction="in", author="customer", body="hi", external_id="u1", end="handed_off"),
            row(9, 2, 2, body="hello", **sent),
        ],
        conversations={
            1: {"id": 1, "channel": "loopback", "place": "p1", "next_seq": 7},
            2: {"id": 2, "channel": "web", "place": "w", "next_seq": 3},
        },
        cases={1: case, 2: {**case, "id": 2, "conversation_id": 2, "status": "waiting", "deadline": T}},
        events=[
            {"id": 1, "case_id": 1, "kind": "opened", "actor": "bot", "agent_id": None, "at": T},
            {"id": 2, "case_id": 1, "kind": "claimed", "actor": "agent", "agent_id": 1, "at": T + SECOND},
            {"id": 3, "case_id": 1, "kind": "replied", "actor": "agent", "agent_id": 1, "at": T + SECOND},
            {"id": 4, "case_id": 1, "kind": "noted", "actor": "agent", "agent_id": 1, "at": T + SECOND},
            {"id": 5, "case_id": 2, "kind": "replied", "actor": "agent", "agent_id": 1, "at": T + SECOND},
        ],
        promises=[{"id": 1, "case_id": 1, "by": T + 300 * SECOND, "made_at": T, "state": "kept"}],
        dues=[{"id": 1, "kind": "breach", "subject": 2, "consumed_at": None, "error": None}],
        verdicts=[{"id": 1, "message_id": 7, "created_at": T - 9 * SECOND}],
    )  # fmt: skip


def test_sound_evidence_has_no_fault() -> None:
    assert check(sound()) == []


def change(at: Evidence, id_: int, **values: Any) -> None:
    next(row for row in at.messages if row["id"] == id_).update(values)


def lose(at: Evidence, id_: int) -> None:
    at.messages = [row for row in at.messages if row["id"] != id_]


def tell(at: Evidence, *lines: Row) -> None:
    at.ledger = [*at.ledger, *lines]


def in_parts(at: Evidence, *keys: str, **more: Any) -> None:
    """The reply leaves in two parts; what the platform took after the answer, in this order."""
    change(at, 3, **{"parts": 2, "parts_done": 2, **more})
    words = {"m2": "a person comes", "m3-1": "we are", "m3-2": "on it"}
    copies: Counter[str] = Counter()
    at.ledger = list(at.ledger[:4])
    for key in keys:
        copies[key] += 1
        tell(at, accepted(key, words[key], copies[key]))


def cut_in(at: Evidence, *, waited: float) -> None:
    """The acknowledgement leaves in two parts, and the reply between them."""
    change(at, 2, parts=2, parts_done=2)
    lines = [accepted("m2-1", "a person"), accepted("m3", "we are on it"), accepted("m2-2", "comes")]
    at.ledger = [*at.ledger[:4], *({**line, "at": number * waited} for number, line in enumerate(lines))]


def test_what_was_unclear_for_a_minute_may_be_overtaken() -> None:
    at = sound()
    cut_in(at, waited=60.0)
    assert check(at) == []


def test_sound_parts_have_no_fault() -> None:
    at = sound()
    in_parts(at, "m2", "m3-1", "m3-2")
    assert check(at) == []


FAULTS: dict[str, list[Callable[[Evidence], Any]]] = {
    "kept": [
        lambda at: lose(at, 1),
        lambda at: at.messages.append({**at.messages[2], "id": 20, "seq": 7}),
        lambda at: change(at, 1, body="it is up"),
        lambda at: lose(at, 8),
        lambda at: tell(at, {"what": "poison", "update": 2}),
    ],
    "acknowledged": [lambda at: tell(at, {"what": "redelivered", "update": 3})],
    "ended": [lambda at: change(at, 1, end=None), lambda at: change(at, 3, end="answered"), lambda at: lose(at, 4)],
    "decided": [
        lambda at: at.messages.append({**row(20, 1, 7, author="bot", body="so", created_at=T - 9 * SECOND)}),
        lambda at: at.verdicts.clear(),
        lambda at: at.events.append({**at.events[0], "id": 9, "at": T + 9 * SECOND}),
        lambda at: at.messages.append(row(20, 1, 7, author="bot", created_at=T - SECOND, meta={"question": "how?"})),
    ],
    "cased": [
        lambda at: at.cases.update({3: {**at.cases[1], "id": 3, "opened_seq": 9}}),
        lambda at: at.cases[2].update(deadline=None),
        lambda at: at.cases.update({3: {**at.cases[1], "id": 3, "status": "resolved"}}),
        lambda at: at.dues.clear(),
    ],
    "promised": [
        lambda at: at.promises.clear(),
        lambda at: at.promises[0].update(made_at=T + SECOND),
        lambda at: at.promises[0].update(by=T + 301 * SECOND),
    ],
    "delivered": [
        lambda at: tell(at, accepted("m3", "we are on it", copy=2)),
        lambda at: tell(at, accepted("m99", "who says this?")),
        lambda at: tell(at, accepted("m9", "hello")),
        lambda at: change(at, 3, status="failed"),
        lambda at: setattr(at, "ledger", at.ledger[:-1]),
        lambda at: in_parts(at, "m2", "m3-1"),
        lambda at: in_parts(at, "m2", "m3-2", "m3-1"),
        lambda at: in_parts(at, "m2", "m3-1", "m3-2", "m3-2"),
        lambda at: in_parts(at, "m2", "m3-1", "m3-2", status="cancelled", parts_done=1),
    ],
    "together": [lambda at: cut_in(at, waited=0.0), lambda at: cut_in(at, waited=49.0)],
    "settled": [
        lambda at: change(at, 3, status="sending"),
        lambda at: change(at, 3, status="queued"),
        lambda at: change(at, 3, status="cancelled"),
        lambda at: at.dues.append({"id": 2, "kind": "notify", "subject": 1, "consumed_at": T, "error": "tired"}),
    ],
    "replied": [
        lambda at: setattr(at, "ledger", at.ledger[:-1]),
        lambda at: at.memory.seen["t"].pop(2),
        lambda at: at.memory.seen["t"].update({3: {"seq": 3, "id": "s3", "from": "agent", "text": "hello"}}),
        lambda at: setattr(at.memory.asked[1], "status", 409),
    ],
    "hidden": [
        lambda at: tell(at, accepted("m4", "SECRET-NOTE")),
        lambda at: at.memory.seen["t"].update({3: {"seq": 3, "id": "s3", "from": "agent", "text": "SECRET-NOTE"}}),
    ],
    "silent": [
        lambda at: setattr(at, "ledger", [*at.ledger[:3], *at.ledger[4:], at.ledger[3]]),
        lambda at: change(at, 5, created_at=T + 3 * SECOND),
        lambda at: change(at, 5, sending_since=T + 3 * SECOND),
    ],
    "once": [
        lambda at: at.messages.append(row(20, 1, 7, body="we are on it")),
        lambda at: at.events.append({**at.events[2], "id": 9}),
        lambda at: at.events.append({**at.events[1], "id": 9}),
        lambda at: at.memory.asked[1].differing.append((409, {})),
    ],
    "told": [
        lambda at: at.memory.contradictions.append("two things"),
        lambda at: at.memory.said.append(Said(id="u1", text="hi", token="another", button=None)),
        lambda at: at.memory.errors.update(["500 GET messages"]),
        lambda at: at.memory.seen["t"].pop(1),
    ],
}


@pytest.mark.parametrize(("name", "plant"), [(name, plant) for name, plants in FAULTS.items() for plant in plants])
def test_a_planted_fault_is_found(name: str, plant: Callable[[Evidence], Any]) -> None:
    evidence = sound()
    plant(evidence)
    assert name in {fault.partition(":")[0] for fault in check(evidence)}
