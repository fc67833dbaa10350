"""What comes, on its way to the database: each channel in its order, none held up by another, nothing dropped."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from channels.contract import (
    ChannelError,
    Cursor,
    Delivered,
    InboundMessage,
    LeaseLost,
    PermanentFailure,
    Undecodable,
)
from channels.discord import inbound
from channels.discord.files import Files
from channels.discord.inbound import Ignored, Scene
from channels.discord.progress import Progress, Tenancy, id_of, in_words
from channels.discord.rest import Rest
from channels.finishing import to_the_end
from channels.logbook import Logbook

log = logging.getLogger(__name__)

BATCH: Final = 50
GATE: Final = 5.0
"""Seconds that what comes now waits for what was missed, to stand behind it."""
RETRY: Final = (0.1, 0.3, 1.0, 2.0, 5.0)
BEHIND_AT_MOST: Final = 20_000
ECHOES: Final = 2000


@dataclass(slots=True, kw_only=True)
class Event:
    """One payload on its way to the database."""

    kind: str
    data: Any
    raw: bytes
    number: int
    """Our own count of what came."""
    seq: int
    id: int = 0
    """Of a new message: its snowflake."""


class Lanes:
    """Reads events and keeps what they say."""

    def __init__(self, *, scene: Scene, rest: Rest, files: Files, progress: Progress, logbook: Logbook) -> None:
        self.scene = scene
        self.room = asyncio.Event()
        """Cleared while so much waits to be kept that no more is read."""
        self.room.set()
        self.open: dict[int, Event] = {}
        """What has come and is not committed, in the order of coming."""
        self._rest = rest
        self._files = files
        self._progress = progress
        self._logbook = logbook
        self._lanes: dict[str, deque[Event]] = {}
        self._came = 0
        self._echoes: dict[str, str] = {}

    def echo_of(self, nonce: str) -> str | None:
        """The message of ours that has come back with this nonce."""
        return self._echoes.get(nonce)

    def clear(self) -> None:
        """For the next tenure: what was not kept is brought again."""
        self._lanes.clear()
        self.open.clear()
        self.room.set()

    def take(self, kind: str, data: Any, raw: bytes, seq: int, tenancy: Tenancy) -> None:
        """An event joins its channel's lane."""
        self._came += 1
        event = Event(kind=kind, data=data, raw=raw, number=self._came, seq=seq)
        event.id = id_of(data) if kind == "MESSAGE_CREATE" else 0
        self._progress.newest = max(self._progress.newest, event.id)
        self.open[event.number] = event
        lane = _lane(kind, data)
        if lane in self._lanes:
            self._lanes[lane].append(event)
        else:
            self._lanes[lane] = deque([event])
            work = self._work_off(lane, tenancy)
            try:
                tenancy.tasks.create_task(work)
            except RuntimeError:  # we are being stopped; whoever reads next fetches it
                work.close()
        if len(self.open) > BEHIND_AT_MOST:
            self.room.clear()

    async def _work_off(self, lane: str, tenancy: Tenancy) -> None:
        """One channel's events in their order, as many at once as have come."""
        if not lane.startswith("press:"):
            with suppress(TimeoutError):
                async with asyncio.timeout(GATE):
                    await self._progress.gate.wait()
        events = self._lanes[lane]
        while events:
            batch = [events[number] for number in range(min(len(events), BATCH))]
            await self._keep(batch, tenancy)
            for event in batch:
                events.popleft()
                self.open.pop(event.number, None)
            if len(self.open) <= BEHIND_AT_MOST:
                self.room.set()
        del self._lanes[lane]

    async def _keep(self, batch: Sequence[Event], tenancy: Tenancy) -> None:
        """Commit these, however often it takes. Raises `LeaseLost`."""
        presses: list[inbound.Press] = []
        items: list[InboundMessage | Undecodable] = []
        for event in batch:
            items += await self.read(event, presses)
        failures = 0
        while items:
            try:
                await self.deliver(tenancy, items, self._moved(batch, tenancy))
                break
            except LeaseLost:
                raise
            except Exception as error:
                log.warning(
                    "%s: %d messages were not kept, trying again: %s", self._progress.lease, len(items), in_words(error)
                )
                await asyncio.sleep(RETRY[min(failures, len(RETRY) - 1)])
                failures += 1
        for press in presses:
            await self._answer(press)

    async def deliver(
        self, tenancy: Tenancy, items: Sequence[InboundMessage | Undecodable], cursor: Cursor | None
    ) -> list[Delivered]:
        results = await to_the_end(tenancy.host.deliver(items, cursor=cursor))
        if cursor is not None:
            self._progress.kept(cursor)
        for item in items:
            if isinstance(item, InboundMessage):
                self._logbook.count(f"kept {item.kind}")
        return results

    def _moved(self, batch: Sequence[Event], tenancy: Tenancy) -> Cursor | None:
        newest = max((event.id for event in batch), default=0)
        channel = next((str(event.data.get("channel_id")) for event in batch if event.id), "")
        return self._progress.moved(channel, newest, tenancy)

    async def read(self, event: Event, presses: list[inbound.Press]) -> list[InboundMessage | Undecodable]:
        """What an event says; nothing if it is for nobody here. Never raises but when cancelled."""
        try:
            if event.kind == "?":
                raise ValueError("no JSON")
            await self._look_up(event)
            return [await self._files.fetched(each) for each in self._decoded(event.kind, event.data, presses)]
        except Ignored as why:
            self._logbook.count(f"ignored {why}")
            return []
        except Exception as error:
            self._logbook.count("quarantined")
            shown = {"t": event.kind, "d": event.data}
            return [inbound.kept(self.scene.account, shown, event.raw, error)]

    def decoded(self, kind: str, data: Any) -> list[InboundMessage]:
        """What a payload says. Raises `Ignored`, or anything for one that cannot be read."""
        return self._decoded(kind, data, [])

    def _decoded(self, kind: str, data: Any, presses: list[inbound.Press]) -> list[InboundMessage]:
        """Raises `Ignored`, or anything for what is not shaped as documented."""
        scene = self.scene
        match kind:
            case "MESSAGE_CREATE" | "MESSAGE_UPDATE":
                self._note_echo(data)
                said = inbound.message(data, scene, edit=kind == "MESSAGE_UPDATE")
                if not inbound.wanted(said, scene):
                    raise Ignored("said to others")
                scene.memory.put(said)
                if said.addressed and not said.author.is_bot:
                    scene.begins(said.place, said.external_id)
                return [said]
            case "INTERACTION_CREATE":
                press = inbound.press(data, scene)
                presses.append(press)
                return [press.said] if press.said is not None else []
            case _:
                return list(inbound.deletions(data, scene))

    def _note_echo(self, data: Any) -> None:
        """Our own message, come back with its nonce: proof that it arrived."""
        nonce = data.get("nonce")
        if nonce and str((data.get("author") or {}).get("id")) == self.scene.me:
            self._echoes[str(nonce)] = str(data.get("id"))
            while len(self._echoes) > ECHOES:
                del self._echoes[next(iter(self._echoes))]

    async def _look_up(self, event: Event) -> None:
        """What an event needs and does not say: the channel it is in, the whole of a message that was edited."""
        data = event.data
        if not isinstance(data, dict):
            return
        channel = str(data.get("channel_id"))
        if event.kind == "MESSAGE_UPDATE" and data.get("edited_timestamp") and "author" not in data:
            whole = await self._rest.get(f"/channels/{channel}/messages/{inbound.snowflake(data['id'])}")
            event.data = {**data, **whole, **({"guild_id": data["guild_id"]} if data.get("guild_id") else {})}
        if data.get("guild_id") and channel not in self.scene.atlas.places and channel.isdigit():
            with suppress(ChannelError):
                self.scene.atlas.learn_channel(await self._rest.get(f"/channels/{channel}"))

    async def _answer(self, press: inbound.Press) -> None:
        """Tell Discord that the press has arrived, within three seconds of it; only once it is kept."""
        if press.said is None:
            answer = {"type": 4, "data": {"content": "These buttons are for the person who asked.", "flags": 64}}
        elif press.components:
            answer = {"type": 7, "data": {"components": inbound.pressed(press.components, press.custom_id)}}
        else:
            answer = {"type": 6}  # we were not shown what to draw anew
        path = f"/interactions/{press.interaction}/{press.token}/callback"
        try:
            await self._rest.post(path, answer, token=False)
        except PermanentFailure:
            with suppress(ChannelError):  # not to be drawn anew, then; only taken note of
                await self._rest.post(path, {"type": 6}, token=False)
        except ChannelError as error:
            log.info("%s: a press was kept, but could not be acknowledged: %s", self._progress.lease, error)


def _lane(kind: str, data: Any) -> str:
    """Which events must keep their order among each other."""
    channel = str(data.get("channel_id")) if isinstance(data, dict) else "?"
    return f"press:{channel}" if kind == "INTERACTION_CREATE" else channel
