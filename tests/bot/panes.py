"""A team's chat in memory, and the desk's worker for it on a bare database: what tests of the window share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import select

from bot.live import Live
from bot.window.attendant import Attendant
from bot.window.keeping import keep
from channels.contract import (
    PermanentFailure,
    TemporaryFailure,
    UnknownOutcome,
    WindowEvent,
    WindowPerson,
    WindowPost,
    WindowRoom,
)
from store import window as rows
from store.agents import Agent
from store.bus import Bus
from store.tables import message
from store.window import Pane
from tests.people import Office

PANE = Pane(channel="chat", account="main", place="ROOM")


class NoBus:
    """Hints go nowhere; everything is allowed."""

    async def allow(self, key: str, *, limit: int, per: float) -> float:
        return 0.0

    async def publish(self, channel: str, payload: Mapping[str, Any]) -> None:
        return None


@dataclass
class FakeWindow:
    """Implements `Window`. What was posted survives a worker's death."""

    place: str = PANE.place
    urgent_only: bool = False
    per_second: float = 10_000.0
    closed: bool = True
    posts: dict[str, WindowPost] = field(default_factory=dict)
    """What stands there now, by name, in order."""
    keys: list[str] = field(default_factory=list)
    """Of everything that was ever posted."""
    changes: int = 0
    whispers: list[tuple[str, WindowPost]] = field(default_factory=list)
    people: dict[str, WindowPerson] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Of the next posts: cut_before | cut_after | busy | broken."""
    away: bool = False
    asked_room: int = 0

    async def post(self, post: WindowPost) -> str:
        fault = self.faults.pop(0) if self.faults else ""
        match fault:
            case "cut_before":
                raise UnknownOutcome("cut")
            case "busy":
                raise TemporaryFailure("busy", retry_after=0.01)
            case "broken":
                raise PermanentFailure("broken")
        name = f"p{len(self.keys) + 1}"
        self.posts[name] = post
        self.keys.append(post.key)
        if fault == "cut_after":
            raise UnknownOutcome("cut")
        return name

    async def change(self, name: str, post: WindowPost) -> None:
        self.changes += 1
        self.posts[name] = post

    async def find(self, post: WindowPost) -> str | None:
        return next((name for name, stands in self.posts.items() if stands.key == post.key), None)

    async def whisper(self, person: str, post: WindowPost) -> None:
        self.whispers.append((person, post))

    async def room(self) -> WindowRoom:
        self.asked_room += 1
        if self.away:
            raise UnknownOutcome("away")
        return WindowRoom(closed=self.closed)

    async def person(self, person: str) -> WindowPerson:
        if self.away:
            raise TemporaryFailure("away")
        return self.people.get(person, WindowPerson())


@dataclass
class Team:
    """A desk with a window, and people who write in it."""

    office: Office
    window: FakeWindow = field(default_factory=FakeWindow)
    count: int = 0
    worker: Attendant | None = None

    def hire(self) -> Attendant:
        """A new worker, as after a restart."""
        nobody: Any = None
        self.worker = Attendant(
            pane=PANE, window=self.window, database=self.office.database, desk=self.office.desk,
            live=cast(Live, nobody), bus=cast(Bus, NoBus()), alone=_alone, base="https://desk.example",
            voice=self.office.rules.voice, clock=lambda: self.office.now,
        )  # fmt: skip
        return self.worker

    async def reborn(self) -> None:
        """The last worker has died; what it left is looked at."""
        await self.hire().begin()
        await self.settle(4)

    async def step(self) -> None:
        """The worker does all there is to do now."""
        worker = self.worker or self.hire()
        await worker.step(gap=True)

    async def settle(self, seconds: float = 0.0) -> None:
        """Let that much time pass, and whatever follows from it."""
        self.office.now += timedelta(seconds=seconds)
        for _ in range(3):
            await self.step()

    async def agent(self, name: str = "Lea", role: str = "agent", *, named: bool = True) -> Agent:
        agent = await self.office.agent(name, role)
        if named:
            async with self.office.database.write("test") as connection:
                await rows.name(
                    connection, agent.id, channel=PANE.channel, account=PANE.account, external_id=f"U{name}",
                    how="code", now=self.office.now,
                )  # fmt: skip
        return agent

    async def does(self, kind: str, person: str = "ULea", *, id: str | None = None, **more: Any) -> WindowEvent:
        """Somebody does something there."""
        self.count += 1
        name = id or f"e{self.count}"
        event = WindowEvent(
            channel=PANE.channel, account=PANE.account, place=PANE.place, external_id=name, kind=kind,  # type: ignore[arg-type]
            person=person, **{"post": f"t{self.count}", **more},
        )  # fmt: skip
        await self.keep(event)
        return event

    async def keep(self, *events: WindowEvent) -> None:
        await keep(self.office.database, cast(Bus, NoBus()), events, self.office.now)

    # --- what is seen ---

    def card(self, number: str) -> str:
        """The name of a case's card."""
        return next(name for name, post in self.window.posts.items() if f"{number} ·" in text(post))

    def thread(self, number: str) -> list[str]:
        card = self.card(number)
        return [text(post) for post in self.window.posts.values() if post.thread == card]

    def all_words(self) -> str:
        every = [*self.window.posts.values(), *(post for _, post in self.window.whispers)]
        return "\n".join(text(post) for post in every)

    def whispered(self, person: str = "ULea") -> str:
        """The last thing that was said to them alone."""
        return text([post for to, post in self.window.whispers if to == person][-1])

    def asked(self) -> int:
        """The number of the last thing that somebody was asked to confirm."""
        found = [button.id for _, post in self.window.whispers for button in post.buttons]
        return int([id_ for id_ in found if id_.startswith("send:")][-1].partition(":")[2])

    async def said(self, direction: str) -> list[str]:
        """Bodies of notes, or of what people said to customers."""
        query = select(message.c.body).where(message.c.direction == direction, message.c.author == "agent")
        async with self.office.database.read() as connection:
            return list((await connection.execute(query.order_by(message.c.id))).scalars())

    async def held(self, number: str, words: str = "Here is how.") -> int:
        """Somebody's words, chosen and confirmed; they wait for a second thought."""
        await self.does("chosen", thread=self.card(number), text=words, author="ULea")
        await self.settle()
        await self.does("pressed", button=f"send:{self.asked()}")
        await self.settle()
        return self.asked()


def text(post: WindowPost) -> str:
    return post.text.plain()


@asynccontextmanager
async def _alone(name: str) -> Any:
    yield None
