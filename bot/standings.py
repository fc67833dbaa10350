"""How each of our accounts on platforms stands, over all processes: for the desk's page, the command line, metrics.

Every process tells of its own links (`bot.watch`); here that becomes one answer an account:

    any process is connected, none has a trouble         yes
    one is connected, another is not, or lacks something partly
    none is connected                                    no
    nobody has told anything for `SILENT_AFTER`          stopped
    the adapter does not say (no `Reports`)              untold
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from store import outbox, probes, quarantine, standings
from store.probes import Probe
from store.standings import Account, StateRow

BEAT: Final = 15.0
"""Seconds between two signs of life of a process."""
SILENT_AFTER: Final = timedelta(seconds=3 * BEAT)
COUNTED_AT_MOST: Final = 5000
"""Of what is on its way, is stuck or could not be read; more is said to be more."""
FOLLOWS_WITHIN: Final = timedelta(seconds=15)
"""So long nobody reads, at most, when who held the lease has died."""

State = Literal["yes", "partly", "no", "stopped", "untold"]
WORDS: Final[Mapping[State, str]] = {
    "yes": "Connected",
    "partly": "Connected in part",
    "no": "Not connected",
    "stopped": "Not running",
    "untold": "Does not say",
}
DOWN: Final = frozenset({"no", "stopped", "partly"})
ORPHANED: Final = (
    "Every process waits for another that reads this account. If that lasts, a desk that was stopped hard has left "
    "its lease: it runs out by itself."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One account. Times are aware; counts are of now."""

    channel: str
    account: str
    state: State
    since: datetime | None = None
    """Since when that is so."""
    troubles: Sequence[str] = ()
    called: str = ""
    """Who we are there."""
    pull: bool = False
    """Customers come for their words; there is no link that could break."""
    reader: str | None = None
    """The process that holds the lease; None: it needs none, or nobody does."""
    processes: Sequence[str] = ()
    """That run and have this account."""
    last_in: datetime | None = None
    last_out: datetime | None = None
    paused_until: datetime | None = None
    """The platform asks for a pause of the whole account."""
    places_paused: int = 0
    limit: float | None = None
    """Messages a second in all, to which we keep."""
    limit_in_place: float | None = None
    sent_lately: int = 0
    """Sends in the last minute."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Of the outbox: held, queued, sending, unknown, parked, failed."""
    quarantined: int = 0
    seen: Mapping[str, int] = field(default_factory=dict)
    """What came by since the processes started, by kind: above all what was ignored."""
    test: Probe | None = None
    """The last test message."""

    @property
    def words(self) -> str:
        return "Open" if self.pull and self.state == "yes" else WORDS[self.state]

    @property
    def waiting(self) -> int:
        return sum(self.counts.get(status, 0) for status in ("held", "queued", "sending"))

    def shown(self) -> dict[str, Any]:
        """As JSON tells it."""
        test = self.test
        return {
            "channel": self.channel, "account": self.account, "state": self.state, "words": self.words,
            "since": self.since, "troubles": list(self.troubles), "called": self.called,
            "reader": self.reader, "processes": list(self.processes), "last_in": self.last_in,
            "last_out": self.last_out, "paused_until": self.paused_until, "places_paused": self.places_paused,
            "limit": self.limit, "limit_in_place": self.limit_in_place, "sent_last_minute": self.sent_lately,
            "waiting": self.waiting, "unknown": self.counts.get("unknown", 0), "parked": self.counts.get("parked", 0),
            "failed": self.counts.get("failed", 0), "quarantined": self.quarantined, "seen": dict(self.seen),
            "test": None if test is None else {"id": test.id, "status": test.status, "said": test.said,
                                               "place": test.place, "at": test.created_at},
        }  # fmt: skip


async def all_standings(connection: AsyncConnection, now: datetime, *, here: Iterable[Account] = ()) -> list[Standing]:
    """Of every account that a process has or had within days, and of those `here`; worst first, then by name."""
    rows = await standings.read(connection)
    accounts = sorted({(row.channel, row.account) for row in rows} | set(here))
    leases = {str(row.told.get("lease")) for row in rows if row.told.get("lease")}
    holders = await standings.holders(connection, leases, now) if leases else {}
    last_in = await standings.last_in(connection, accounts)
    last_out = await standings.last_out(connection, accounts)
    counts = await outbox.by_account(connection, at_most=COUNTED_AT_MOST)
    set_aside = await quarantine.by_account(connection, at_most=COUNTED_AT_MOST)
    tests = await probes.latest(connection, accounts)
    found = [
        stands(
            account, [row for row in rows if (row.channel, row.account) == account], now, holders=holders,
            last_in=last_in.get(account), last_out=last_out.get(account), counts=counts.get(account, {}),
            quarantined=set_aside.get(account, 0), test=tests.get(account),
        )
        for account in accounts
    ]  # fmt: skip
    order = ("no", "stopped", "partly", "untold", "yes")
    return sorted(found, key=lambda each: (order.index(each.state), each.channel, each.account))


async def links_down(connection: AsyncConnection, now: datetime, *, here: Iterable[Account]) -> int:
    """Of the accounts `here`, how many are not connected or not in every part; one small query."""
    rows = await standings.read(connection)
    mine = [[row for row in rows if (row.channel, row.account) == account] for account in here]
    return sum(stands((some[0].channel, some[0].account), some, now).state in DOWN for some in mine if some)


def stands(
    account: Account, rows: Sequence[StateRow], now: datetime, *, holders: Mapping[str, str] | None = None, **more: Any
) -> Standing:
    """One answer from what all processes say. `more`: what does not depend on them."""
    alive = [row for row in rows if row.stopped_at is None and now - row.at <= SILENT_AFTER]
    channel, name = account
    if not alive:
        last = max(rows, key=lambda row: row.at, default=None)
        since = None if last is None else last.stopped_at or last.at
        called = "" if last is None else str(last.told.get("called", ""))
        return Standing(channel=channel, account=name, state="stopped", since=since, called=called, **more)
    acting = [row for row in alive if row.connected != "standby"]
    state, since = _state(acting, alive)
    troubles = dict.fromkeys(str(words) for row in acting for words in row.told.get("troubles", ()))
    if not acting and since is not None and now - since > FOLLOWS_WITHIN:
        troubles = dict.fromkeys([ORPHANED])
    newest = max(alive, key=lambda row: row.at).told
    pauses = [
        datetime.fromisoformat(row.told["paused_until"]) for row in alive if row.told.get("paused_until") is not None
    ]
    paused = max(pauses, default=None)
    return Standing(
        channel=channel,
        account=name,
        state=state,
        since=since,
        troubles=tuple(troubles),
        called=next((str(row.told["called"]) for row in alive if row.told.get("called")), ""),
        pull=bool(newest.get("pull")),
        reader=_reader(alive, holders or {}),
        processes=tuple(sorted(shown_process(row.process) for row in alive)),
        paused_until=paused if paused is not None and paused > now else None,
        places_paused=max(int(row.told.get("places_paused", 0)) for row in alive),
        limit=newest.get("limit"),
        limit_in_place=newest.get("limit_in_place"),
        sent_lately=sum(int(row.told.get("sent_lately", 0)) for row in alive),
        seen=_added(row.told.get("counts", {}) for row in alive),
        **more,
    )


def _state(acting: Sequence[StateRow], alive: Sequence[StateRow]) -> tuple[State, datetime | None]:
    """The state, and since when."""
    said = {row.connected for row in acting}
    if not acting:
        return "no", min((row.since for row in alive if row.since is not None), default=None)
    if said <= {"untold"}:
        return "untold", None
    state: State = "yes" if said <= {"yes", "untold"} else "no" if said <= {"no", "untold"} else "partly"
    moments = [row.since for row in acting if row.since is not None and (row.connected == state or state == "partly")]
    if state == "no":
        return state, max(moments, default=None)  # until then one was connected
    return state, min(moments, default=None)


def _reader(alive: Iterable[StateRow], holders: Mapping[str, str]) -> str | None:
    """Who holds the lease: a holder is called like its process, and a little more."""
    lease = next((str(row.told["lease"]) for row in alive if row.told.get("lease")), "")
    holder = holders.get(lease)
    return None if holder is None else shown_process(holder.rpartition("-")[0])


def shown_process(process: str) -> str:
    """Machine and number; what tells two desks of one process apart is left out."""
    return process.rpartition("-")[0] or process


def _added(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for counts in many:
        for kind, count in counts.items():
            found[kind] = found.get(kind, 0) + int(count)
    return found
