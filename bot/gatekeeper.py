"""Holds the gate's threshold in use: opened by what people labelled, closed by what breaks the promise.

SQL is the truth: the stance is one kept setting, changed under its lock in the transaction that gives the cause (a
label, a correction, an admin's word). Every process reads it when it hears of a change, and every few seconds anyway.
What is proven is proven for one rule: this classifier with these articles under these terms. Under another the strict
threshold holds until the labelled messages have been judged again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

import intents
from bot.retrieval import Library
from bot.understanding import Reading
from intents.gate import STRICT_THRESHOLD
from intents.promise import LADDER, Standing, Terms, standing
from intents.stance import Decision, Stance, corrected, decided, from_kept, looked
from intents.tiers import GRAVE
from store import samples
from store import settings as kept
from store.agents import Agent, record
from store.bus import Bus
from store.changes import Changes
from store.database import Database
from store.errors import DatabaseAway
from store.samples import Counts, Group, Sample

KEY: Final = "gate"
"""Of the kept settings: the stance."""
CHANNEL: Final = "gate"
"""On the bus: something about it has changed."""
CLOSED: Final = "gate_closed"
"""The kind of due row that tells people outside the desk."""
LOOK_EVERY: Final = 5.0
"""Seconds. News may be lost; this long at most another process acts by a threshold that has been given up."""
JUDGED_AT_ONCE: Final = 20
WORTH_SAYING: Final = 0.25
"""A promise of more than that is none."""

log = structlog.get_logger(__name__)


class Reads(Protocol):
    """What is needed of `bot.understanding.Reader`."""

    async def read(self, texts: Sequence[str]) -> list[Reading | None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The gate for people: where it stands, what is proven, how far the labelling is."""

    stance: Stance
    standing: Standing
    counts: Counts
    threshold: float
    """In use by this process."""
    complaints: int
    complaints_let_through: int
    """Of complaints that people labelled: at the threshold in use."""
    labelled: Mapping[str, int]
    """How many of each tier, of those that count."""
    pending: int
    """Labelled messages that have yet to be judged by the rule of today."""


class Gatekeeper:
    """One for each process. `threshold` is what the reader asks."""

    def __init__(
        self,
        *,
        database: Database,
        bus: Bus,
        terms: Terms,
        rule: Callable[[], str],
        learnt: Callable[[str], bool],
        changed: Callable[[], Awaitable[None]],
        notify: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        rule: names what judges now; see `rule_of`.
        learnt: whether a text is an utterance that the classifier was taught.
        changed: called after the stance has changed.
        notify: whether people outside the desk can be told.
        """
        self._database = database
        self._bus = bus
        self._terms = terms
        self._rule = rule
        self._learnt = learnt
        self._changed = changed
        self._notify = notify
        self._clock = clock
        self._stance = Stance()
        self._judged_by = ""
        self._news = asyncio.Event()
        self._reader: Reads | None = None

    @property
    def threshold(self) -> float:
        """In use now."""
        return self._stance.in_use(self._rule())

    @property
    def rule(self) -> str:
        """What judges now."""
        return self._rule()

    @property
    def stance(self) -> Stance:
        """As this process last read it."""
        return self._stance

    # --- following ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Read the stance; before the first message is decided."""
        await self._refresh()

    async def run(self, reader: Reads) -> None:
        """Judge what has to be judged again, and follow what other processes change, until cancelled."""
        self._reader = reader
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            while True:
                try:
                    await self._refresh()
                    if self._judged_by != self._rule():
                        await self._judge_again(reader)
                except DatabaseAway as error:
                    log.warning("the gate waits for the database", error=str(error))
                except Exception:
                    log.exception("the gate cannot be looked at; it stays as it was")
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._news.wait()

    async def _listen(self) -> None:
        async with self._bus.subscribe(CHANNEL) as news:
            async for _ in news:
                self._news.set()

    async def _refresh(self) -> None:
        async with self._database.read() as connection:
            stance = from_kept(await kept.read(connection, KEY))
        if stance != self._stance:
            self._stance = stance
            await self._changed()

    async def tell(self) -> None:
        """After a commit that may have changed the stance: read it here, and let the other processes read it."""
        before = self._stance
        await self._refresh()
        if self._stance != before:
            await self._bus.publish(CHANNEL, {})

    async def _judge_again(self, reader: Reads) -> None:
        """All labelled messages by the rule of today, off the event loop and in bites; then a look at them."""
        rule, after = self._rule(), 0
        while True:
            async with self._database.read() as connection:
                found = await samples.judged_otherwise(connection, rule, after=after, limit=JUDGED_AT_ONCE)
            if not found:
                break
            judged = await self._judge(found, reader)
            if self._rule() != rule:
                return  # the articles have changed meanwhile: from the start, soon
            async with self._database.write("gate.judge") as connection:
                await samples.judged(connection, judged, rule)
            after = found[-1].id
        await self.look()
        self._judged_by = rule

    async def _judge(self, found: Sequence[Sample], reader: Reads) -> dict[int, float | None]:
        async with self._database.read() as connection:
            texts = [await samples.texts(connection, sample.words) for sample in found]
        judged: dict[int, float | None] = {}
        for sample, rows in zip(found, texts, strict=True):
            text = "\n".join(body for body, _ in rows)
            try:
                (reading,) = await reader.read([text])
            except Exception:
                log.exception("a labelled message cannot be read; a person would get it", sample=sample.id)
                reading = None
            at = reading.opens_at if reading is not None else None
            if sample.opens_at is not None and self._learnt(text):
                # Taught with its own test it proves nothing any more: it stays the breach that it was.
                at = sample.opens_at if at is None else min(at, sample.opens_at)
            judged[sample.id] = at
        return judged

    # --- what changes it ---------------------------------------------------------------------------

    async def look(self) -> None:
        """Hold the labels against the promise now."""
        async with self._database.write("gate.look") as connection:
            await self._looked(connection)
        await self.tell()

    async def label(self, agent: Agent, sample_id: int, *, tier: str, complaint: bool | None) -> bool:
        """A person's word on what a message is; False: it waits for nobody's. The gate has looked when this returns."""
        async with self._database.read() as connection:
            sample = await samples.read(connection, sample_id)
        if sample is None or sample.tier is not None:
            return False
        rule = self._rule()
        judged: dict[int, float | None] = {}
        if sample.rule != rule and self._reader is not None:
            judged = await self._judge([sample], self._reader)
        async with self._database.write("gate.label") as connection:
            now = self._clock()
            await kept.hold(connection, KEY, Stance().kept(), now)
            if not await samples.label(
                connection, sample_id, tier=tier, complaint=complaint, agent_id=agent.id, now=now
            ):
                return False
            await samples.judged(connection, judged, rule)
            await self._looked(connection)
        await self.tell()
        return True

    async def unlabel(self, agent: Agent, sample_id: int) -> None:
        """Take a label back; it is on record."""
        async with self._database.write("gate.unlabel") as connection:
            now = self._clock()
            await kept.hold(connection, KEY, Stance().kept(), now)
            before = await samples.read(connection, sample_id, hold=True)
            if before is None or before.tier is None:
                return
            await samples.unlabel(connection, sample_id)
            await record(
                connection, action="label taken back", subject=f"sample {sample_id}", now=now, agent_id=agent.id,
                data={"tier": before.tier, "complaint": before.complaint, "by": before.labelled_by},
            )  # fmt: skip
            await self._looked(connection)
        await self.tell()

    async def corrected(self, connection: AsyncConnection, conversation: int, case: str, tier: str) -> None:
        """A person says what a case really is, in that transaction. `tell` after it."""
        now = self._clock()
        before = from_kept(await kept.read(connection, KEY))
        if tier not in GRAVE or before.state != "open" or before.open_from is None:
            return
        if not await samples.acted_on_alone(connection, conversation, since=before.open_from):
            return
        held = from_kept(await kept.hold(connection, KEY, Stance().kept(), now))
        await self._write(connection, held, corrected(held, case, tier, now), now)

    async def decide(self, agent: Agent, decision: Decision, why: str) -> None:
        """An admin's word, on record."""
        async with self._database.write("gate.decide") as connection:
            now = self._clock()
            held = from_kept(await kept.hold(connection, KEY, Stance().kept(), now))
            after = decided(held, decision, by=agent.name, why=why or held.why, now=now)
            await kept.write(connection, KEY, after.kept(), now)
            await record(
                connection, action=f"gate: {decision}", subject="gate", now=now, agent_id=agent.id,
                data={"why": why, "before": held.kept(), "after": after.kept()},
            )  # fmt: skip
            await self._looked(connection)
        await self.tell()

    async def _looked(self, connection: AsyncConnection) -> None:
        now, rule = self._clock(), self._rule()
        held = from_kept(await kept.hold(connection, KEY, Stance().kept(), now))
        groups = await samples.groups(connection, since=held.counts_from)
        if any(group.rule != rule for group in groups if group.tier in GRAVE):
            return  # they are being judged again; until then nothing is proven for this rule, and nothing broken
        await self._write(connection, held, looked(held, standing(_opens_at(groups), self._terms), rule, now), now)

    async def _write(self, connection: AsyncConnection, before: Stance, after: Stance, now: datetime) -> None:
        if after == before:
            return
        await kept.write(connection, KEY, after.kept(), now)
        await record(
            connection, action=f"gate: {after.state}", subject="gate", now=now, agent_id=None,
            data={"before": before.kept(), "after": after.kept()},
        )  # fmt: skip
        if after.state == "closed":
            log.error("the gate has closed to the strict rule", why=after.why)
            if self._notify:
                changes = Changes()
                changes.due(CLOSED, 0, now, now=now, data={"why": after.why})
                await changes.write(connection)

    # --- for people --------------------------------------------------------------------------------

    async def report(self) -> Report:
        """All that there is to know, read now."""
        async with self._database.read() as connection:
            stance = from_kept(await kept.read(connection, KEY))
            groups = await samples.groups(connection, since=stance.counts_from)
            counts = await samples.counts(connection)
        return report_of(stance, groups, counts, terms=self._terms, rule=self._rule())


def report_of(stance: Stance, groups: Sequence[Group], counts: Counts, *, terms: Terms, rule: str | None) -> Report:
    """The report on what stands in the tables. rule: of who asks; None: whichever has judged the labels last."""
    if rule is None:
        rule = stance.rule or next((group.rule for group in groups if group.rule is not None), "")
    threshold = stance.in_use(rule)
    complaints = [group for group in groups if group.complaint]
    return Report(
        stance=stance,
        standing=standing(_opens_at(groups), terms),
        counts=counts,
        threshold=threshold,
        complaints=sum(group.count for group in complaints),
        complaints_let_through=sum(
            group.count for group in complaints if group.opens_at is not None and group.opens_at <= threshold
        ),
        labelled={
            tier: sum(group.count for group in groups if group.tier == tier)
            for tier in dict.fromkeys(group.tier for group in groups)
        },
        pending=sum(group.count for group in groups if group.rule != rule),
    )


def _opens_at(groups: Collection[Group]) -> list[float | None]:
    return [group.opens_at for group in groups if group.tier in GRAVE for _ in range(group.count)]


_READING: Final = ("retrieval.py", "likeness.py", "strangers.py", "words.py", "understanding.py")
"""Of this folder: what has a say in whether the machine acts, beside all of `intents`."""


def rule_of(classifier: str, terms: Terms, library: Callable[[], Library]) -> Callable[[], str]:
    """Names what judges now: it changes with the classifier, the articles, the terms, and the code that reads."""
    code = hashlib.sha256(f"{classifier}\0{terms}\0{LADDER}\0{STRICT_THRESHOLD}".encode())
    here = Path(__file__).parent
    for path in [*sorted(Path(str(intents.__file__)).parent.glob("*.py")), *(here / name for name in _READING)]:
        code.update(path.read_bytes())
    known: tuple[Library, str] | None = None

    def rule() -> str:
        nonlocal known
        now = library()
        if known is None or known[0] is not now:
            whole = code.copy()
            for article in now.articles:
                whole.update(f"{article.slug}\0{article.digest}\0".encode())
            known = now, whole.hexdigest()[:20]
        return known[1]

    return rule


def shown(report: Report) -> dict[str, Any]:
    """As JSON."""
    stance, found = report.stance, report.standing
    return {
        "state": stance.state,
        "threshold": report.threshold,
        "strict": STRICT_THRESHOLD,
        "since": stance.since,
        "why": stance.why,
        "by": stance.by,
        "unseen": stance.unseen,
        "counts_from": stance.counts_from,
        "alpha": found.terms.alpha,
        "confidence": found.terms.confidence,
        "grave": found.grave,
        "promised": round(found.promised, 5),
        "more": found.more,
        "more_to_open": found.more_to_open,
        "ladder": [
            {
                "threshold": rung.threshold,
                "breaches": rung.breaches,
                "bound": round(rung.bound, 5),
                "proven": rung.proven,
            }
            for rung in found.rungs
        ],
        "labelled": report.counts.labelled,
        "to_label": report.counts.to_label,
        "skipped": report.counts.skipped,
        "complaints": report.complaints,
        "complaints_let_through": report.complaints_let_through,
        "judging_again": report.pending,
    }


def state_of(report: Report) -> str:
    """One sentence: how the gate stands."""
    strict = f"{STRICT_THRESHOLD:.2f}"
    return {
        "strict": f"The gate keeps to the strict rule (threshold {strict}).",
        "open": f"The gate is open to {report.stance.threshold:.2f}; the strict rule is {strict}.",
        "closed": f"The gate has closed to the strict rule (threshold {strict}).",
        "held": f"The gate is held at the strict rule (threshold {strict}) by {report.stance.by}.",
    }[report.stance.state]


def percent(share: float, *, digits: int = 3) -> str:
    """A share, 0 to 1, for people; the sign stays beside its number."""
    return f"{100 * share:.{digits}g}\N{NO-BREAK SPACE}%"


def missing(report: Report) -> str:
    """One sentence: what labels buy."""
    found = report.standing
    share = percent(found.terms.alpha)
    if found.broken:
        strict = found.rungs[0]
        return (
            f"Even the strict rule acts on too many: on {strict.breaches} of {found.grave} grave messages that people"
            f" labelled; {share} is out of reach. Look at these messages, and teach the classifier."
        )
    grave = f"{found.grave} grave {'message' if found.grave == 1 else 'messages'} labelled"
    if found.more is None:
        return f"{grave}; so many of them the machine would have acted on that {share} is out of reach."
    worth_saying = found.promised < WORTH_SAYING
    best = f" Until then {percent(found.promised, digits=2)} is the best promise." if worth_saying else ""
    if found.more:
        return f"{grave}, {found.more} more until {share} can be promised.{best}"
    if found.more_to_open:
        return f"{grave}: {share} is promised; {found.more_to_open} more until the gate can open further."
    return f"{grave}: {share} is promised."
