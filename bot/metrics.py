"""Numbers for whoever watches the desk. Counters grow where something happens; gauges are read when they are asked for.

Labels are from closed lists, never a customer's: a stranger cannot make this page grow.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from bot.gatekeeper import Gatekeeper
from bot.standings import Standing, all_standings
from store import cases
from store.database import Database
from store.errors import DatabaseAway

KEPT: Final = Counter("warmline_messages_kept", "Messages that channels delivered.", ["channel", "outcome"])
ENDS: Final = Counter("warmline_messages_ended", "Messages that were given their end.", ["channel", "end"])
DECISIONS: Final = Counter("warmline_decisions", "Decisions by what they did and about which tier.", ["act", "tier"])
SECONDS_TO_DECISION: Final = Histogram(
    "warmline_decision_seconds",
    "Seconds from the commit of a message to its end.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
CASES: Final = Gauge("warmline_cases", "Unresolved cases.", ["queue_class", "status"])
LATE: Final = Gauge("warmline_cases_late", "Unresolved cases whose deadline has passed.")
UNDECIDED: Final = Gauge("warmline_messages_undecided", "Messages that have no end yet.")
OUTBOX: Final = Gauge("warmline_outbox", "Messages on their way out, or stuck.", ["status"])
GATE_THRESHOLD: Final = Gauge("warmline_gate_threshold", "The gate's threshold in use.")
GATE_CLOSED: Final = Gauge("warmline_gate_closed", "1: the gate has closed because a promise was broken.")
GATE_GRAVE: Final = Gauge("warmline_gate_grave_labelled", "Labelled grave messages that count.")
GATE_BREACHES: Final = Gauge(
    "warmline_gate_breaches", "Of these, how many the machine would act on alone at the threshold in use."
)
GATE_PROMISED: Final = Gauge(
    "warmline_gate_promised_share", "The smallest share that can be promised of the strict rule."
)
GATE_TO_LABEL: Final = Gauge("warmline_gate_to_label", "Messages that wait for a person's label.")

LINKS: Final = Gauge(
    "warmline_channel_connected", "1: connected; 0.5: in part; 0: not, or not running.", ["channel", "account"]
)
LAST_IN: Final = Gauge(
    "warmline_channel_last_in_seconds", "When something last came in, since 1970.", ["channel", "account"]
)
LAST_OUT: Final = Gauge(
    "warmline_channel_last_out_seconds", "When something last left, since 1970.", ["channel", "account"]
)
SEEN: Final = Gauge(
    "warmline_channel_payloads",
    "What came by since the processes started, by kind: above all what was ignored.",
    ["channel", "account", "kind"],
)
QUARANTINE: Final = Gauge("warmline_quarantine", "What came in and could not be read.", ["channel", "account"])
_CONNECTED: Final = {"yes": 1.0, "untold": 1.0, "partly": 0.5}


def kept(outcomes: Iterable[tuple[str, str]]) -> None:
    """Count deliveries after their commit, each a channel and what became of it."""
    for channel, outcome in outcomes:
        KEPT.labels(channel, outcome).inc()


def decided(*, channel: str, act: str, tier: str, ends: Iterable[tuple[str, float]]) -> None:
    """Count one decision after its commit; `ends`: each message's end and its age in seconds."""
    DECISIONS.labels(act, tier).inc()
    for end, seconds in ends:
        ENDS.labels(channel, end).inc()
        SECONDS_TO_DECISION.observe(max(0.0, seconds))


async def measure(database: Database, gate: Gatekeeper, accounts: Iterable[tuple[str, str]]) -> None:
    """Read the gauges; `accounts`: the channels of this process.

    Of a database that is away the last numbers stand; /readyz tells that it is.
    """
    try:
        async with database.read() as connection:
            found = await cases.stats(connection, datetime.now(UTC))
            classes = await cases.by_class(connection)
            links = await all_standings(connection, datetime.now(UTC), here=accounts)
        report = await gate.report()
    except DatabaseAway:
        return
    CASES.clear()
    for (urgent, status), count in classes.items():
        CASES.labels("first" if urgent else "second", status).set(count)
    _of_channels(links)
    OUTBOX.clear()
    for status, count in found["outbox"].items():
        OUTBOX.labels(status).set(count)
    LATE.set(found["late"])
    UNDECIDED.set(found["undecided"])
    GATE_THRESHOLD.set(report.threshold)
    GATE_CLOSED.set(report.stance.state == "closed")
    GATE_GRAVE.set(report.standing.grave)
    GATE_BREACHES.set(report.standing.rung(report.threshold).breaches)
    GATE_PROMISED.set(report.standing.promised)
    GATE_TO_LABEL.set(report.counts.to_label)


def _of_channels(links: Iterable[Standing]) -> None:
    for gauge in (LINKS, LAST_IN, LAST_OUT, QUARANTINE, SEEN):
        gauge.clear()
    for link in links:
        account = (link.channel, link.account)
        LINKS.labels(*account).set(_CONNECTED.get(link.state, 0.0))
        QUARANTINE.labels(*account).set(link.quarantined)
        for kind, count in link.seen.items():
            SEEN.labels(*account, kind).set(count)
        for gauge, at in ((LAST_IN, link.last_in), (LAST_OUT, link.last_out)):
            if at is not None:
                gauge.labels(*account).set(at.timestamp())
