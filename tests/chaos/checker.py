"""The outside checker: from evidence to faults, a sentence each. It knows the promises, not the program.

Every check is a pure function over `Evidence`; `tests/chaos/test_checker.py` shows each of them a fault it must see.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.chaos.evidence import Evidence, Row

ENDS = {"answered", "handed_off", "appended", "filed", "noted", "ignored", "superseded", "quarantined"}
HANDED = ("opened", "reopened", "escalated")
"""Events with which people get a conversation; the machine's are each told to the customer."""
UNCLEAR_FOR = 50.0
"""Seconds; a minute, less what a send may take."""
COUNTED = {  # act of an agent -> the kind of event that each of them leaves, exactly one
    "reply": "replied", "note": "noted", "resolve": "resolved", "return": "returned", "release": "released",
    "snooze": "snoozed",
}  # fmt: skip


def check(evidence: Evidence) -> list[str]:
    """Every broken promise."""
    return [f"{name}: {fault}" for name, look in CHECKS.items() for fault in look(evidence)]


def kept(at: Evidence) -> Iterator[str]:
    """0 lost, 0 doubled: one row for each thing that a customer did, with its words."""
    rows: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for row in at.messages:
        if row["direction"] == "in":
            place = at.conversations[row["conversation_id"]]["place"] if at.channel(row) == "loopback" else "web"
            rows[place, row["external_id"], row["revision"]].append(row)
    wanted = {("web", said.id, 0): said.text for said in at.memory.said}
    for line in at.noted("customer"):
        event = line["event"]
        wanted[event["place"], event["id"], event["revision"]] = event["text"]
    for key, text in wanted.items():
        found = rows.pop(key, [])
        if len(found) != 1:
            yield f"{key} has {len(found)} rows"
        elif found[0]["body"] != text:
            yield f"{key} says {found[0]['body']!r} and not {text!r}"
    yield from (f"{key} is a row that nobody wrote" for key in rows)
    poison = len({line["update"] for line in at.noted("poison")})
    if len(at.quarantine) != poison:
        yield f"{poison} payloads were gibberish, {len(at.quarantine)} are in quarantine"


def acknowledged(at: Evidence) -> Iterator[str]:
    """The platform was told of every update that it gave us."""
    done: set[int] = set()
    for line in at.ledger:
        if line["what"] == "confirmed":
            done.update(range(1, line["after"] + 1))
        elif line["what"] == "acknowledged":
            done.add(line["update"])
    yield from (
        f"update {line['update']} was never acknowledged"
        for line in at.ledger
        if line["what"] in ("customer", "redelivered", "poison") and line["update"] not in done
    )


def ended(at: Evidence) -> Iterator[str]:
    """Exactly one end for each inbound revision; numbers without gaps."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for row in at.messages:
        numbers[row["conversation_id"]].append(row["seq"])
        if (row["direction"] == "in") != (row["end"] in ENDS):
            yield f"message {row['id']} ({row['direction']}, {row['body']!r}) has the end {row['end']}"
    for id_, found in numbers.items():
        following = at.conversations[id_]["next_seq"]
        if sorted(found) != list(range(1, following)):
            yield f"conversation {id_} has the numbers {sorted(found)}, and {following} next"


def decided(at: Evidence) -> Iterator[str]:
    """One decision, one answer: each line of the machine's stands beside the verdict or the event of its moment."""
    verdicts = Counter(_moment(row, by_id(at)[row["message_id"]]["conversation_id"]) for row in at.verdicts)
    openings = Counter(
        _moment(row, at.cases[row["case_id"]]["conversation_id"], "at")
        for row in at.events
        if row["kind"] in HANDED and row["actor"] == "bot"
    )
    answers: Counter[tuple[int, datetime]] = Counter()
    acknowledgements: Counter[tuple[int, datetime]] = Counter()
    questions: Counter[tuple[int, str]] = Counter()
    for row in at.messages:
        if row["direction"] == "out" and row["author"] == "bot":
            answers[_moment(row, row["conversation_id"])] += 1
            if question := (row["meta"] or {}).get("question"):
                questions[row["conversation_id"], question] += 1
        elif row["kind"] == "acknowledgement":
            acknowledgements[_moment(row, row["conversation_id"])] += 1
    for moment, count in answers.items():
        if count > 1 or moment not in verdicts or moment in acknowledgements:
            yield f"conversation {moment[0]} has {count} answers for {verdicts[moment]} decisions at {moment[1]}"
    if acknowledgements != openings:
        lonely = (acknowledgements - openings, openings - acknowledgements)
        yield f"acknowledgements without a case, and the reverse: {lonely}"
    yield from (f"{question!r} was answered {count} times" for (_, question), count in questions.items() if count > 1)
    ends = Counter((row["conversation_id"], row["end"]) for row in at.messages if row["direction"] == "in")
    spoken = Counter(row["conversation_id"] for row in at.messages if row["author"] == "bot")
    for conversation, count in spoken.items():
        if count > ends[conversation, "answered"] + ends[conversation, "filed"]:
            yield f"conversation {conversation} has {count} lines of the machine's for fewer messages"


def cased(at: Evidence) -> Iterator[str]:
    """At most one unresolved case of a conversation; whoever waits has a deadline; no case twice for one message."""
    unresolved = Counter(row["conversation_id"] for row in at.cases.values() if row["status"] != "resolved")
    yield from (f"conversation {id_} has {count} unresolved cases" for id_, count in unresolved.items() if count > 1)
    for row in at.cases.values():
        if row["status"] == "waiting" and row["deadline"] is None:
            yield f"case {row['id']} waits without a deadline"
        if row["unanswered_since"] is not None and row["deadline"] is None and row["status"] != "resolved":
            yield f"case {row['id']} holds an unanswered message without a deadline"
    stepped_in = {row["case_id"] for row in at.events if row["kind"] == "opened" and row["actor"] == "agent"}
    opened = Counter(
        (row["conversation_id"], row["opened_seq"]) for row in at.cases.values() if row["id"] not in stepped_in
    )
    yield from (f"{count} cases were opened by message {key}" for key, count in opened.items() if count > 1)
    handed = {row["conversation_id"] for row in at.messages if row["end"] in ("handed_off", "filed")}
    with_case = {row["conversation_id"] for row in at.cases.values()}
    yield from (f"conversation {id_} was handed off without a case" for id_ in handed - with_case)
    waiting = {row["subject"] for row in at.dues if row["consumed_at"] is None and row["kind"] == "breach"}
    for row in at.cases.values():
        late = row["breached_at"] is not None
        if row["status"] == "waiting" and not late and row["id"] not in waiting:
            yield f"case {row['id']} waits, and nothing will say when its time is over"


def promised(at: Evidence) -> Iterator[str]:
    """A promise is a row before it is a sentence."""
    rows = {(row["case_id"], row["by"]): row for row in at.promises}
    for row in at.messages:
        by = (row["meta"] or {}).get("by") if row["kind"] == "acknowledgement" else None
        if by is None:
            continue
        known = rows.get((int(row["meta"]["case"].removeprefix("W-")) - 1000, datetime.fromisoformat(by)))
        if known is None or known["made_at"] > row["created_at"]:
            yield f"message {row['id']} names {by}, and no promise stands behind it"
    told = Counter(row["conversation_id"] for row in at.messages if row["body"].startswith("We said "))
    events = Counter(
        at.cases[row["case_id"]]["conversation_id"] for row in at.events if row["kind"] == "promise_at_risk"
    )
    if told != events:
        yield f"promises at risk, told and noted: {told} {events}"
    for row in at.promises:
        if row["state"] == "open" and at.cases[row["case_id"]]["status"] == "resolved":
            yield f"promise {row['id']} is open though its case is resolved"


def delivered(at: Evidence) -> Iterator[str]:
    """What we say leaves once, each part of it. Twice only where the platform cannot tell, and then the row has been
    `unknown`."""
    known = by_id(at)
    copies: dict[int, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for line in at.noted("accepted"):
        copies[_row_of(line)][line["key"]].append(line)
    repaired = {row["subject"] for row in at.audit if row["action"] == "send again"}
    for id_, parts in copies.items():
        row = known.get(id_)
        first = next(iter(parts.values()))[0]
        if row is None or row["direction"] != "out":
            yield f"the platform has {first['key']} ({first['text']!r}), which is no message of ours"
            continue
        place = at.conversations[row["conversation_id"]]["place"]
        if {line["place"] for lines in parts.values() for line in lines} != {place}:
            yield f"message {id_} reached {first['place']} as {first['text']!r}"
        yield from _wholly(row, parts)
        for key, lines in parts.items():
            if len(lines) > 1 and (at.reconciles or f"message {id_}" not in repaired):
                yield f"message {id_} ({row['author']}, {row['status']}) was posted {len(lines)} times as {key}"
        half = bool(row["parts"]) and row["parts_done"] == len(parts)
        if row["status"] != "sent" and not (row["status"] == "cancelled" and (half or not at.lookup)):
            yield f"message {id_} is {row['status']}, and the platform has it"
    for row in at.messages:
        if row["status"] == "sent" and at.channel(row) == "loopback" and row["id"] not in copies:
            yield f"message {row['id']} is said to be sent, and the platform never saw it"


def _wholly(row: Row, parts: dict[str, list[Row]]) -> Iterator[str]:
    """The parts make up the words, from the first on, and all of them if it is said to be sent."""
    numbers = [_part_of(lines[0]) for lines in parts.values()]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"message {row['id']} came in the parts {numbers}, in this order"
    said = "".join("".join(lines[0]["text"].split()) for lines in parts.values())
    meant = "".join(row["body"].split())
    if said != meant and not (row["status"] != "sent" and meant.startswith(said)):
        yield f"message {row['id']} ({row['status']}) reached the customer as {said!r} and not {meant!r}"


def together(at: Evidence) -> Iterator[str]:
    """Nothing that was said later comes between the parts of one text, unless one of them was unclear for a minute."""
    if not at.reconciles:
        return
    known, last = by_id(at), dict[int, Row]()
    missing: Counter[int] = Counter()
    for line in at.noted("accepted"):
        row = known.get(_row_of(line))
        if row is None or line["copy"] > 1:
            continue
        before = last.get(row["conversation_id"])
        cut = known[_row_of(before)] if before is not None else row
        if before is not None and row["seq"] > cut["seq"] and missing[cut["id"]] > 0 and cut["status"] == "sent":
            waited = line.get("at", 0.0) - before.get("at", 0.0)
            if waited < UNCLEAR_FOR:
                yield f"message {row['id']} came between the parts of {cut['id']}, {waited:.1f} s after the last"
        missing[row["id"]] = missing.get(row["id"], row["parts"] or 1) - 1
        last[row["conversation_id"]] = line


def settled(at: Evidence) -> Iterator[str]:
    """At rest nothing is on its way, and nothing is left over."""
    for row in at.messages:
        if row["status"] == "queued" and row["created_at"] > at.stopped - timedelta(seconds=5):
            continue  # the clock goes on to speak; this row leaves with the next start
        if row["direction"] == "out" and row["status"] not in ("sent", "cancelled"):
            yield f"message {row['id']} ({row['author']} {row['kind']}) stays {row['status']}: {row['error']}"
        if row["direction"] == "out" and row["author"] == "agent" and row["status"] == "cancelled":
            yield f"a person's message {row['id']} was cancelled"
    yield from (f"due row {row['id']} ({row['kind']}) was given up: {row['error']}" for row in at.dues
                if row["error"] and row["consumed_at"])  # fmt: skip


def replied(at: Evidence) -> Iterator[str]:
    """Every reply that an agent was told is kept has reached its customer."""
    ledger = _landed(at)
    read = [shown for seen in at.memory.seen.values() for shown in seen.values()]
    web = Counter(shown["text"] for shown in read if shown["from"] == "agent")
    for asked in at.memory.asked:
        if asked.act == "reply" and asked.text is not None:
            reached = ledger[asked.text] + web[asked.text]
            if asked.status == 200 and reached == 0:
                yield f"{asked.text!r} was accepted and never reached the customer"
            if asked.status == 200 and reached > 1 and (at.reconciles or web[asked.text]):
                yield f"{asked.text!r} reached the customer {reached} times"
            if asked.status != 200 and reached:
                yield f"{asked.text!r} was refused with {asked.status} and reached the customer"


def _landed(at: Evidence) -> Counter[str]:
    """How often each text has reached its customer on the platform, wholly."""
    copies: dict[int, Counter[int]] = defaultdict(Counter)
    texts: dict[int, str] = {}
    known = by_id(at)
    for line in at.noted("accepted"):
        id_ = _row_of(line)
        copies[id_][_part_of(line)] += 1
        row = known.get(id_)
        texts[id_] = row["body"] if row is not None and row["parts"] else line["text"]
    found: Counter[str] = Counter()
    for id_, parts in copies.items():
        of = (known[id_]["parts"] if id_ in known else None) or 1
        found[texts[id_]] += min(parts[number] for number in range(1, of + 1))
    return found


def hidden(at: Evidence) -> Iterator[str]:
    """A note never reaches a customer."""
    for line in at.ledger:
        if line["what"] in ("accepted", "repeated", "refused", "echo") and "SECRET-NOTE" in str(line):
            yield f"the platform was sent a note: {line}"
    for seen in at.memory.seen.values():
        yield from (f"a customer read a note: {shown}" for shown in seen.values() if "SECRET-NOTE" in str(shown))


def silent(at: Evidence) -> Iterator[str]:
    """No bot text starts after a takeover, none lands after a human's."""
    known = by_id(at)
    people: dict[int, int] = {}
    for line in at.noted("accepted"):
        row = known.get(_row_of(line))
        if row is None:
            continue  # `delivered` tells it
        conversation = row["conversation_id"]
        if row["author"] == "agent":
            people[conversation] = max(row["seq"], people.get(conversation, 0))
        elif row["author"] == "bot" and row["seq"] < people.get(conversation, 0):
            yield f"the machine's {row['body']!r} ({row['id']}) landed after a person's reply"
    owned = _human_times(at)
    slack = timedelta(seconds=at.tolerance)
    for row in at.messages:
        if row["author"] != "bot" or row["direction"] != "out":
            continue
        moments = [("written", row["created_at"])]
        if row["status"] == "sent" and row["sending_since"] is not None:
            moments.append(("sent", row["sending_since"]))
        for what, moment in moments:
            if any(begin + slack < moment < end - slack for begin, end in owned[row["conversation_id"]]):
                yield f"message {row['id']} of the machine's was {what} at {moment} while a person had the conversation"


def once(at: Evidence) -> Iterator[str]:
    """A request of an agent has one effect, however often it was sent."""
    replies = Counter(row["body"] for row in at.messages if row["direction"] != "in" and row["author"] == "agent")
    wanted: Counter[tuple[str, int, int]] = Counter()
    claims = 0
    for asked in at.memory.asked:
        done = asked.status == 200
        yield from (f"{asked.act} {asked.key} answered {asked.answer}, and then {other}" for other in asked.differing)
        if asked.text is not None and replies[asked.text] != int(done):
            yield f"{asked.act} {asked.text!r} ({asked.status}, {asked.tries} tries) is {replies[asked.text]} rows"
        if done and asked.act in COUNTED and asked.case is not None:
            wanted[COUNTED[asked.act], int(asked.case.removeprefix("W-")) - 1000, asked.agent] += 1
        claims += done and asked.act in ("next", "claim", "assign", "takeover")
    found = Counter(
        (row["kind"], row["case_id"], row["agent_id"])
        for row in at.events
        if row["actor"] == "agent" and row["kind"] in COUNTED.values()
    )
    if found != wanted:
        yield f"events of agents: too many {dict(found - wanted)}, too few {dict(wanted - found)}"
    taken = sum(row["kind"] == "claimed" for row in at.events)
    if taken > claims:
        yield f"{taken} claims have come of {claims} requests"


def told(at: Evidence) -> Iterator[str]:
    """Nobody is told two things; no request fails without a reason."""
    yield from at.memory.contradictions
    tokens: dict[str, str] = {}
    for said in at.memory.said:
        if tokens.setdefault(said.id, said.token) != said.token:
            yield f"web message {said.id} has two conversations"
    yield from (f"{count} times {what}" for what, count in at.memory.errors.items())
    mine: dict[str, set[str]] = defaultdict(set)
    for said in at.memory.said:
        mine[said.token].add(said.id)
    for token, ids in mine.items():
        shown = {message["id"] for message in at.memory.seen.get(token, {}).values() if message["from"] == "customer"}
        if shown != ids:
            yield f"a web customer wrote {len(ids)} messages and reads {len(shown)} of them"


CHECKS: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "kept": kept,
    "acknowledged": acknowledged,
    "ended": ended,
    "decided": decided,
    "cased": cased,
    "promised": promised,
    "delivered": delivered,
    "together": together,
    "settled": settled,
    "replied": replied,
    "hidden": hidden,
    "silent": silent,
    "once": once,
    "told": told,
}


def overtaken(at: Evidence) -> int:
    """How many messages landed before an earlier one of their conversation: no fault, but good to know."""
    known, highest, seen, count = by_id(at), dict[int, int](), set[int](), 0
    for line in at.noted("accepted"):
        row = known.get(_row_of(line))
        if row is not None and row["id"] not in seen:
            seen.add(row["id"])
            count += row["seq"] < highest.get(row["conversation_id"], 0)
            highest[row["conversation_id"]] = max(row["seq"], highest.get(row["conversation_id"], 0))
    return count


def doubled(at: Evidence) -> int:
    return sum(line["copy"] > 1 for line in at.noted("accepted"))


def by_id(at: Evidence) -> dict[int, Row]:
    return {row["id"]: row for row in at.messages}


def _row_of(line: Row) -> int:
    found = re.fullmatch(r"m(\d+)([.-]\d+)?", line["key"])
    return int(found[1]) if found else 0


def _part_of(line: Row) -> int:
    """Which part of its text, from 1 on."""
    found = re.fullmatch(r"m\d+(?:\.(\d+)|-(\d+))?", line["key"])
    if found is None or not (found[1] or found[2]):
        return 1
    return int(found[2]) if found[2] else int(found[1]) + 1  # an adapter that cuts by itself counts from 0


def _moment(row: Row, conversation: int, column: str = "created_at") -> tuple[int, Any]:
    return conversation, row[column]


def _human_times(at: Evidence) -> dict[int, list[tuple[datetime, datetime]]]:
    """When people had each conversation for sure, from the events of its cases."""
    begins: dict[int, datetime] = {}
    found: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    last = max((row["at"] for row in at.events), default=at.stopped)
    for row in sorted(at.events, key=lambda row: (row["at"], row["id"])):
        conversation = at.cases[row["case_id"]]["conversation_id"]
        if row["kind"] in (*HANDED, "claimed"):
            # The machine notes when it decided; it may have waited for the database before that came true.
            begins.setdefault(conversation, row["at"] + timedelta(seconds=row["actor"] == "bot"))
        elif row["kind"] in ("resolved", "returned") and conversation in begins:
            found[conversation].append((begins.pop(conversation), row["at"]))
    for conversation, begin in begins.items():
        found[conversation].append((begin, last + timedelta(days=1)))
    return found
